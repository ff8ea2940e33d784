#include "lang/format.h"

#include <inttypes.h>
#include <string.h>

#include "util/buf.h"

#define MAX_FIELD 65535

struct reader {
	const char *text;
	size_t len;
	size_t pos;
};

static bool accept(struct reader *r, char c)
{
	if (r->pos < r->len && r->text[r->pos] == c) {
		r->pos++;
		return true;
	}
	return false;
}

/* A number or `*`, which has no argument here and means nothing, as in bpftrace. */
static int32_t read_number(struct reader *r)
{
	int32_t n = 0;

	if (accept(r, '*'))
		return -1;
	if (r->pos >= r->len || r->text[r->pos] < '0' || r->text[r->pos] > '9')
		return -1;
	while (r->pos < r->len && r->text[r->pos] >= '0' && r->text[r->pos] <= '9') {
		n = n * 10 + (r->text[r->pos++] - '0');
		if (n > MAX_FIELD)
			n = MAX_FIELD;
	}
	return n;
}

static uint8_t modifier_size(const char *modifier, size_t len)
{
	if (len == 0)
		return 4;
	if (len == 1 && modifier[0] == 'h')
		return 2;
	if (len == 2 && modifier[0] == 'h' && modifier[1] == 'h')
		return 1;
	if (modifier[0] == 'l' || modifier[0] == 'j' || modifier[0] == 'z' || modifier[0] == 't')
		return 8;
	return 4;
}

/* The conversion at r->pos; its length, or 0. */
static size_t conversion_len(const struct reader *r)
{
	char c, next;

	if (r->pos >= r->len)
		return 0;
	c = r->text[r->pos];
	next = r->pos + 1 < r->len ? r->text[r->pos + 1] : '\0';
	if (c == 'g')
		return next == 'r' ? 2 : 1;
	if (c == 'r')
		return next == 'x' || next == 'h' ? 2 : 1;
	return c && strchr("diouxXeEfFGaAcspn%", c) ? 1 : 0;
}

/* Read a conversion at the `%` at r->pos.  False, and nothing read, if it is none. */
static bool read_conversion(struct arena *a, struct reader *r, struct format_part *part)
{
	struct reader at = *r;
	size_t modifier, len;

	*part = (struct format_part){ .width = -1, .precision = -1 };
	at.pos++;
	part->left = accept(&at, '-');
	part->sign = accept(&at, '+');
	part->space = accept(&at, ' ');
	part->alternate = accept(&at, '#');
	part->zero = accept(&at, '0');
	part->width = read_number(&at);
	if (at.pos < at.len && at.text[at.pos] == '.') {
		size_t dot = at.pos++;
		size_t digits = at.pos;

		part->precision = read_number(&at);
		if (at.pos == digits)
			at.pos = dot; // "%.s" is no conversion
	}
	modifier = at.pos;
	while (at.pos < at.len && at.text[at.pos] && strchr("hlLjzt", at.text[at.pos]))
		at.pos++;
	len = conversion_len(&at);
	if (!len)
		return false;
	memcpy(part->conversion, at.text + at.pos, len);
	if (strchr("diouxX", part->conversion[0]))
		part->int_size = modifier_size(at.text + modifier, at.pos - modifier);
	part->spec = arena_printf(a, "%.*s%s", (int)(modifier - r->pos), r->text + r->pos,
				  part->conversion);
	r->pos = at.pos + len;
	return true;
}

static void flush_text(struct arena *a, struct format_plan *plan, struct buf *text)
{
	struct format_part part = { .width = -1, .precision = -1 };

	if (!text->len)
		return;
	part.text = arena_strndup(a, text->data, text->len);
	part.text_len = (uint32_t)text->len;
	vec_push(a, &plan->parts, part);
	buf_clear(text);
}

struct format_plan *format_parse(struct arena *a, const char *text, size_t len)
{
	struct format_plan *plan = arena_new(a, struct format_plan);
	struct reader r = { .text = text, .len = len };
	struct format_part part;
	struct buf literal;

	buf_init(&literal, len + 1);
	while (r.pos < r.len) {
		if (r.text[r.pos] != '%' || !read_conversion(a, &r, &part)) {
			buf_putc(&literal, r.text[r.pos++]);
			continue;
		}
		if (part.conversion[0] == '%') {
			buf_putc(&literal, '%');
			continue;
		}
		flush_text(a, plan, &literal);
		part.arg = plan->conversion_count++;
		vec_push(a, &plan->parts, part);
	}
	flush_text(a, plan, &literal);
	buf_finish(&literal);
	return plan;
}

/* What a conversion takes: i(nteger), b(uffer), a(nything), or 0: not supported. */
static char conversion_takes(const char *conversion)
{
	if (strcmp(conversion, "gr") == 0)
		return 'i';
	if (conversion[0] == 'r')
		return 'b';
	if (conversion[0] == 's')
		return 'a';
	return strchr("diuoxXcp", conversion[0]) ? 'i' : 0;
}

static bool conversion_accepts(char takes, const struct type *t)
{
	switch (takes) {
	case 'i':
		return t->kind == TYPE_INT || t->kind == TYPE_ENUM || t->kind == TYPE_BOOL ||
		       t->kind == TYPE_POINTER;
	case 'b': return t->kind == TYPE_BUFFER;
	default: return true;
	}
}

const char *format_check(struct arena *a, const struct format_plan *plan,
			 const struct type *const *types, uint32_t count)
{
	if (count != plan->conversion_count)
		return arena_printf(a, "%s arguments for format string (%u supplied, %u expected)",
				    count < plan->conversion_count ? "not enough" : "too many",
				    count, plan->conversion_count);
	vec_foreach (&plan->parts, part) {
		const struct type *t;
		char takes;

		if (part->text)
			continue;
		t = types[part->arg];
		if (t->kind == TYPE_ERROR)
			continue;
		if (t->kind == TYPE_NONE || t->kind == TYPE_VOID)
			return arena_printf(a, "unable to print none type for specifier: %s",
					    part->conversion);
		takes = conversion_takes(part->conversion);
		if (!takes)
			return arena_printf(a, "unsupported format specifier: %s",
					    part->conversion);
		if (!conversion_accepts(takes, t))
			return arena_printf(a, "unsupported format specifier for type '%s': %s",
					    type_name(a, t), part->conversion);
	}
	return NULL;
}

static uint64_t narrow(uint64_t value, uint8_t size, bool is_signed)
{
	unsigned int shift = 64 - 8 * size;

	if (is_signed)
		return (uint64_t)((int64_t)(value << shift) >> shift);
	return value << shift >> shift;
}

static const char *format_number(struct arena *a, const struct format_part *part,
				 const struct format_value *v)
{
	uint8_t size = part->int_size ? part->int_size : 8;

	switch (part->conversion[0]) {
	case 'd':
	case 'i':
		return arena_printf(a, part->sign ? "%+" PRId64 : "%" PRId64,
				    (int64_t)narrow(v->number, size, true));
	case 'u': return arena_printf(a, "%" PRIu64, narrow(v->number, size, false));
	case 'o':
		return arena_printf(a, part->alternate ? "%#" PRIo64 : "%" PRIo64,
				    narrow(v->number, size, false));
	case 'x':
		return arena_printf(a, part->alternate ? "%#" PRIx64 : "%" PRIx64,
				    narrow(v->number, size, false));
	case 'X':
		return arena_printf(a, part->alternate ? "%#" PRIX64 : "%" PRIX64,
				    narrow(v->number, size, false));
	case 'p': return arena_printf(a, "0x%" PRIx64, v->number);
	case 'c': return arena_printf(a, "%c", (char)v->number);
	default:
		if (v->is_bool)
			return v->number ? "true" : "false";
		return arena_printf(a, v->is_signed ? "%" PRId64 : "%" PRIu64, v->number);
	}
}

static void put_padded(struct buf *out, const struct format_part *part, const char *text,
		       size_t len)
{
	size_t pad = part->width > 0 && (size_t)part->width > len ? (size_t)part->width - len : 0;
	char fill = part->zero ? '0' : ' ';

	if (!part->left)
		buf_fill(out, fill, pad);
	buf_append(out, text, len);
	if (part->left)
		buf_fill(out, fill, pad);
}

const char *format_constant(struct arena *a, const struct format_plan *plan,
			    const struct format_value *values, uint32_t count)
{
	struct buf out;
	const char *text;

	buf_init(&out, 1 << 20);
	vec_foreach (&plan->parts, part) {
		if (part->text) {
			buf_append(&out, part->text, part->text_len);
		} else if (part->arg < count && values[part->arg].string) {
			put_padded(&out, part, values[part->arg].string,
				   values[part->arg].string_len);
		} else if (part->arg < count) {
			text = format_number(a, part, &values[part->arg]);
			put_padded(&out, part, text, strlen(text));
		}
	}
	text = arena_strndup(a, buf_cstr(&out), out.len);
	buf_finish(&out);
	return text;
}
