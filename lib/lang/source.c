#include "lang/source.h"

#include <string.h>

#include "util/vec.h"

struct source *source_new(struct arena *a, const char *name, const char *text, size_t len)
{
	struct source *s = arena_new(a, struct source);
	vec_of(uint32_t) lines = { 0 };

	s->name = arena_strdup(a, name);
	s->text = arena_strndup(a, text, len);
	s->len = len;
	/* strndup stops at a NUL; the text may have some. */
	if (memchr(text, '\0', len)) {
		char *copy = arena_alloc(a, len + 1);

		memcpy(copy, text, len);
		s->text = copy;
	}
	vec_push(a, &lines, 0);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			vec_push(a, &lines, (uint32_t)i + 1);
	}
	s->line_start = lines.data;
	s->line_count = (uint32_t)lines.len;
	return s;
}

struct position source_position(const struct source *s, uint32_t offset)
{
	uint32_t low = 0;
	uint32_t high = s->line_count;

	/* The last line that starts at or before offset. */
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (s->line_start[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return (struct position){ .line = low + 1, .column = offset - s->line_start[low] + 1 };
}

const char *source_line(const struct source *s, uint32_t line, size_t *len)
{
	const char *start;
	const char *newline;
	size_t left;

	*len = 0;
	if (line == 0 || line > s->line_count)
		return "";
	start = s->text + s->line_start[line - 1];
	left = s->len - s->line_start[line - 1];
	newline = memchr(start, '\n', left);
	*len = newline ? (size_t)(newline - start) : left;
	return start;
}

struct span span_join(struct span a, struct span b)
{
	if (!a.source)
		return b;
	if (a.source != b.source)
		return a;
	return (struct span){
		.source = a.source,
		.begin = a.begin < b.begin ? a.begin : b.begin,
		.end = a.end > b.end ? a.end : b.end,
	};
}

struct span span_visible(struct span span)
{
	while (span.source && span.source->is_builtin && span.source->expanded_from)
		span = *span.source->expanded_from;
	return span;
}
