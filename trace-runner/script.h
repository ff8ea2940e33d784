/*
 * The script's text: from -e, a file or standard input.
 */
#pragma once

#include "lang/source.h"
#include "util/arena.h"
#include "util/err.h"

#define SCRIPT_BYTES_MAX (16u << 20)

/*
 * @script NULL: read @filename, "-" for standard input.  @name: what messages call it; NULL: by
 * its file's name.
 */
int script_read(struct source **out, struct arena *a, const char *script, const char *filename,
		const char *name, struct err *err) __attribute__((warn_unused_result));
