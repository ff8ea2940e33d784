#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/buf.h"

#define CONTAINER_PID "$container_pid"

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

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

struct source *script_set_container_pid(struct arena *a, struct source *source, uint32_t pid)
{
	const size_t len = strlen(CONTAINER_PID);
	char number[32];
	char *text;
	bool is_changed = false;

	text = arena_strndup(a, source->text, source->len);
	snprintf(number, sizeof(number), "%-*u", (int)len, pid);
	for (size_t i = 0; i + len <= source->len; i++) {
		if (memcmp(text + i, CONTAINER_PID, len) != 0 || is_word(text[i + len]))
			continue;
		memcpy(text + i, number, len);
		is_changed = true;
	}
	return is_changed ? source_new(a, source->name, text, source->len) : source;
}
