#include "util/linepack.h"

#include "util/str.h"

#define SEPARATOR '\v'
#define ESCAPE    '\x10' // DLE
#define FLIP      0x40

static bool is_special(char c)
{
	return c == '\n' || c == SEPARATOR || c == ESCAPE;
}

/* Append the encoded beginning of @text that fits; returns how much of @text that is. */
static size_t write_text(struct buf *out, const char *text, size_t len, uint64_t *lines)
{
	size_t end = out->len + LINEPACK_MAX;
	size_t done = 0;

	while (done < len && out->len < end) {
		size_t most = done + (end - out->len) < len ? done + (end - out->len) : len;
		size_t run = done;

		while (run < most && !is_special(text[run]))
			run++;
		buf_append(out, text + done, run - done);
		done = run;
		if (run == most)
			continue;
		if (text[run] == '\n') {
			buf_putc(out, SEPARATOR);
			++*lines;
		} else {
			buf_putc(out, ESCAPE);
			buf_putc(out, (char)(text[run] ^ FLIP));
		}
		done++;
	}
	return done;
}

void linepack_write(struct buf *out, uint64_t before, const char *text, size_t len)
{
	do {
		size_t n;

		buf_printf(out, "%c%llu ", LINEPACK_START, (unsigned long long)before);
		n = write_text(out, text, len, &before);
		buf_putc(out, '\n');
		text += n;
		len -= n;
	} while (len > 0);
}

static size_t read_text(char *text, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == SEPARATOR)
			text[to++] = '\n';
		else if (text[i] == ESCAPE && i + 1 < len)
			text[to++] = (char)(text[++i] ^ FLIP);
		else
			text[to++] = text[i];
	}
	return to;
}

bool linepack_read(char **text, size_t *text_len, uint64_t *before, char *line, size_t len)
{
	const char *p = line + 1;
	size_t head;

	if (len == 0 || line[0] != LINEPACK_START || !str_take_u64(&p, 10, before) ||
	    *before == UINT64_MAX || !str_take(&p, " "))
		return false;
	head = (size_t)(p - line);
	len -= line[len - 1] == '\n';
	*text = line + head;
	*text_len = read_text(*text, len - head);
	return true;
}
