#include "record/location.h"

#include <string.h>

#include "record/num.h"

static struct position position_of(const struct source *s, uint32_t offset)
{
	uint32_t low = 0, high = s->line_count;

	if (high == 0)
		return (struct position){ 0 };
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (s->line_start[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return (struct position){ .line = low + 1, .column = offset - s->line_start[low] + 1 };
}

struct position location_begin(struct span span)
{
	return span.source ? position_of(span.source, span.begin) : (struct position){ 0 };
}

void location_put(struct buf *out, struct span span)
{
	struct position begin, end;

	if (!span.source)
		return;
	begin = position_of(span.source, span.begin);
	end = position_of(span.source, span.end);
	buf_puts(out, span.source->name);
	buf_putc(out, ':');
	num_put_u64(out, begin.line);
	if (begin.line == end.line) {
		buf_putc(out, ':');
		num_put_u64(out, begin.column);
	}
	buf_putc(out, '-');
	num_put_u64(out, begin.line == end.line ? end.column : end.line);
}

static const char *line_text(const struct source *s, uint32_t line, size_t *len)
{
	const char *begin = s->text + s->line_start[line - 1];
	const char *end = memchr(begin, '\n', (size_t)(s->text + s->len - begin));

	*len = (size_t)((end ? end : s->text + s->len) - begin);
	return begin;
}

/* @len bytes of @text, tabs four wide; with @marker, that instead of each column. */
static void put_columns(struct buf *out, const char *text, size_t len, char marker)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (marker)
			c = marker;
		else if (c == '\t')
			c = ' ';
		buf_fill(out, c, text[i] == '\t' ? 4 : 1);
	}
}

void location_put_context(struct buf *out, struct span span)
{
	struct position begin, end;
	const char *text;
	size_t len, first, last;

	if (!span.source || span.source->line_count == 0)
		return;
	begin = position_of(span.source, span.begin);
	end = position_of(span.source, span.end);
	if (begin.line != end.line) {
		for (uint32_t line = begin.line; line <= end.line; line++) {
			text = line_text(span.source, line, &len);
			buf_append(out, text, len);
			buf_putc(out, '\n');
		}
		return;
	}
	text = line_text(span.source, begin.line, &len);
	put_columns(out, text, len, '\0');
	buf_putc(out, '\n');
	last = end.column - 1 < len ? end.column - 1 : len;
	first = begin.column - 1 < last ? begin.column - 1 : last;
	put_columns(out, text, first, ' ');
	put_columns(out, text + first, last - first, '~');
	buf_putc(out, '\n');
}
