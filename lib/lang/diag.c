#include "lang/diag.h"

#include <string.h>

void diag_init(struct diags *d, struct arena *a)
{
	*d = (struct diags){ .arena = a };
}

static bool is_repeated(const struct diags *d, const struct diag *diag)
{
	vec_foreach (&d->list, it) {
		if (it->kind == diag->kind && it->span.source == diag->span.source &&
		    it->span.begin == diag->span.begin && it->span.end == diag->span.end &&
		    !strcmp(it->message, diag->message))
			return true;
	}
	return false;
}

static size_t add(struct diags *d, enum diag_kind kind, struct span span, const char *fmt,
		  va_list ap)
{
	struct diag diag = {
		.kind = kind,
		.span = span_visible(span),
		.message = arena_vprintf(d->arena, fmt, ap),
	};

	d->is_repeated = is_repeated(d, &diag);
	if (d->is_repeated)
		return 0;
	if (kind == DIAG_ERROR)
		d->error_count++;
	vec_push(d->arena, &d->list, diag);
	return d->list.len;
}

size_t diag_error(struct diags *d, struct span span, const char *fmt, ...)
{
	va_list ap;
	size_t index;

	va_start(ap, fmt);
	index = add(d, DIAG_ERROR, span, fmt, ap);
	va_end(ap);
	return index;
}

size_t diag_warning(struct diags *d, struct span span, const char *fmt, ...)
{
	va_list ap;
	size_t index;

	va_start(ap, fmt);
	index = add(d, DIAG_WARNING, span, fmt, ap);
	va_end(ap);
	return index;
}

void diag_hint(struct diags *d, const char *fmt, ...)
{
	struct diag *last;
	const char *text;
	va_list ap;

	if (d->is_repeated || d->list.len == 0)
		return;
	last = &vec_last(&d->list);
	va_start(ap, fmt);
	text = arena_vprintf(d->arena, fmt, ap);
	va_end(ap);
	last->hint = last->hint ? arena_printf(d->arena, "%s\f%s", last->hint, text) : text;
}

void diag_note(struct diags *d, struct span span, const char *fmt, ...)
{
	struct diag_note *note;
	struct diag_note **tail;
	va_list ap;

	if (d->is_repeated || d->list.len == 0)
		return;
	note = arena_new(d->arena, struct diag_note);
	note->span = span_visible(span);
	va_start(ap, fmt);
	note->message = arena_vprintf(d->arena, fmt, ap);
	va_end(ap);
	for (tail = &vec_last(&d->list).notes; *tail; tail = &(*tail)->next)
		;
	*tail = note;
}

/* A tab takes four columns, in the line and in the marker under it. */
static void print_line(FILE *out, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\t')
			(void)fputs("    ", out);
		else
			(void)fputc(line[i], out);
	}
	(void)fputc('\n', out);
}

static void print_marker(FILE *out, const char *line, size_t len, uint32_t begin, uint32_t end)
{
	for (uint32_t i = 0; i < len && i + 1 < end; i++) {
		char c = i + 1 < begin ? ' ' : '~';
		int width = line[i] == '\t' ? 4 : 1;

		for (int k = 0; k < width; k++)
			(void)fputc(c, out);
	}
	(void)fputc('\n', out);
}

static void print_context(FILE *out, struct span span)
{
	struct position begin = source_position(span.source, span.begin);
	struct position end = source_position(span.source, span.end);
	const char *line;
	size_t len;

	if (begin.line != end.line) {
		for (uint32_t i = begin.line; i <= end.line; i++) {
			line = source_line(span.source, i, &len);
			(void)fwrite(line, 1, len, out);
			(void)fputc('\n', out);
		}
		return;
	}
	line = source_line(span.source, begin.line, &len);
	print_line(out, line, len);
	print_marker(out, line, len, begin.column, end.column);
}

static void print_place(FILE *out, struct span span)
{
	struct position begin = source_position(span.source, span.begin);
	struct position end = source_position(span.source, span.end);

	if (begin.line != end.line)
		(void)fprintf(out, "%s:%u-%u: ", span.source->name, begin.line, end.line);
	else
		(void)fprintf(out, "%s:%u:%u-%u: ", span.source->name, begin.line, begin.column,
			      end.column);
}

static void print_message(FILE *out, enum diag_kind kind, struct span span, const char *message,
			  bool colour)
{
	const char *on = kind == DIAG_ERROR ? "\033[31m" : "\033[33m";

	if (colour)
		(void)fputs(on, out);
	if (span.source)
		print_place(out, span);
	(void)fprintf(out, "%s: %s%s\n", kind == DIAG_ERROR ? "ERROR" : "WARNING", message,
		      colour ? "\033[0m" : "");
	if (span.source)
		print_context(out, span);
}

static void print_hints(FILE *out, const char *hints)
{
	while (hints && *hints) {
		size_t len = strcspn(hints, "\f");

		(void)fprintf(out, "HINT: %.*s\n", (int)len, hints);
		hints += len + (hints[len] == '\f');
	}
}

void diag_print(FILE *out, const struct diag *diag, bool colour)
{
	struct span span = diag->span;

	print_message(out, diag->kind, span, diag->message, colour);
	for (const struct diag_note *note = diag->notes; note; note = note->next)
		print_message(out, diag->kind, note->span, note->message, colour);
	print_hints(out, diag->hint);
	while (span.source && span.source->expanded_from) {
		span = *span.source->expanded_from;
		if (span.source && !span.source->is_builtin)
			print_message(out, diag->kind, span, "expanded from", colour);
	}
}

void diags_print(FILE *out, const struct diags *d, bool warnings, bool colour)
{
	vec_foreach (&d->list, it) {
		if (it->kind == DIAG_ERROR)
			diag_print(out, it, colour);
	}
	if (!warnings)
		return;
	vec_foreach (&d->list, it) {
		if (it->kind == DIAG_WARNING)
			diag_print(out, it, colour);
	}
}
