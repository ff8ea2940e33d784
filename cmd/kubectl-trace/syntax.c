#include "syntax.h"

#include <stdio.h>

#include "lang/lang.h"

bool check_syntax(const char *name, const char *text, size_t len, struct buf *files)
{
	return lang_check_syntax(name, text, len, files, stderr);
}
