#include "util/linepack.h"

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
	uint64_t number = 0;
	size_t i = 1;

	if (len == 0 || line[0] != LINEPACK_START)
		return false;
	for (; i < len && line[i] >= '0' && line[i] <= '9'; i++) {
		if (number > UINT64_MAX / 100)
			return false;
		number = number * 10 + (uint64_t)(line[i] - '0');
	}
	if (i == 1 || i == len || line[i] != ' ')
		return false;
	len -= line[len - 1] == '\n';
	*before = number;
	*text = line + i + 1;
	*text_len = read_text(line + i + 1, len - i - 1);
	return true;
}
