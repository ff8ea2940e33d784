#include "script.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/buf.h"

int script_read(struct source **out, struct arena *a, const char *script, const char *filename,
		const char *name, struct err *err)
{
	struct buf text;
	int r;

	if (!name)
		name = script || strcmp(filename, "-") == 0 ? "stdin" : filename;
	if (script) {
		*out = source_new(a, name, script, strlen(script));
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
		*out = source_new(a, name, buf_cstr(&text), text.len);
	buf_finish(&text);
	return r;
}
