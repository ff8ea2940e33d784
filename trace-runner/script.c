#include "script.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/buf.h"

int script_read(struct source **out, struct arena *a, const char *script, const char *filename,
		struct err *err)
{
	struct buf text;
	int r;

	if (script) {
		*out = source_new(a, "stdin", script, strlen(script));
		return 0;
	}
	buf_init(&text, SCRIPT_BYTES_MAX);
	if (strcmp(filename, "-") == 0)
		r = buf_read_fd(&text, STDIN_FILENO);
	else
		r = buf_read_file(&text, filename);
	if (r < 0)
		r = err_errno(err, r, "failed to open file '%s'", filename);
	else
		*out = source_new(a, strcmp(filename, "-") == 0 ? "stdin" : filename,
				  buf_cstr(&text), text.len);
	buf_finish(&text);
	return r;
}
