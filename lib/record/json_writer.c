/*
 * Values as JSON, as bpftrace writes it: numbers that a double can't hold are strings, symbols are
 * their numbers, bytes of a buffer are signed.
 *
 * Unlike bpftrace, which writes each byte of a non-ASCII character as \uffffffXX, text is passed
 * on as the UTF-8 it is, and other bytes become \u00XX, so that what is written is always JSON.
 */
#include <string.h>

#include "record/num.h"
#include "record/writer.h"

/* The length of the UTF-8 sequence at @s, 0 if there is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t len;

	if (*s >= 0xc2 && *s <= 0xdf)
		len = 2;
	else if ((*s & 0xf0) == 0xe0)
		len = 3;
	else if (*s >= 0xf0 && *s <= 0xf4)
		len = 4;
	else
		return 0;
	if (len > left)
		return 0;
	code = *s & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return len;
}

bool json_is_utf8(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t i = 0; i < len;) {
		size_t run = s[i] < 0x80 ? 1 : utf8_len(s + i, len - i);

		if (run == 0)
			return false;
		i += run;
	}
	return true;
}

static void put_escaped(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[] = "\\u0000";

	switch (c) {
	case '"': buf_append(out, "\\\"", 2); break;
	case '\\': buf_append(out, "\\\\", 2); break;
	case '\n': buf_append(out, "\\n", 2); break;
	case '\r': buf_append(out, "\\r", 2); break;
	case '\t': buf_append(out, "\\t", 2); break;
	default:
		text[4] = hex[c >> 4];
		text[5] = hex[c & 15];
		buf_append(out, text, 6);
	}
}

/*
 * Whether all of 8 bytes can be copied: none is a control character, a quote, a backslash or from
 * 80 on.  In each of the terms a byte's high bit is set if it is one (a borrow can only set that of
 * a byte above one that is).
 */
static bool is_plain8(const char *s)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t v, quote, backslash;

	memcpy(&v, s, 8);
	quote = v ^ (ones * '"');
	backslash = v ^ (ones * '\\');
	return ((v | (v - ones * 0x20) | (quote - ones) | (backslash - ones)) & (ones << 7)) == 0;
}

void json_put_string(struct buf *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t plain = 0; // what precedes @i and can be copied as it is

	buf_putc(out, '"');
	for (size_t i = 0; i < len;) {
		size_t run = 1;

		if (len - i >= 8 && is_plain8(text + i))
			run = 8;
		else if (s[i] >= 0x80)
			run = utf8_len(s + i, len - i);
		else if (s[i] < 0x20 || s[i] == '"' || s[i] == '\\')
			run = 0;
		if (run) {
			i += run;
			continue;
		}
		buf_append(out, text + plain, i - plain);
		put_escaped(out, s[i]);
		plain = ++i;
	}
	buf_append(out, text + plain, len - plain);
	buf_putc(out, '"');
}

/* Whether a double holds it: at most 53 bits from the first one set to the last. */
static bool is_exact(uint64_t magnitude)
{
	return magnitude == 0 || 63 - __builtin_clzll(magnitude) - __builtin_ctzll(magnitude) < 53;
}

void json_put_number(struct buf *out, uint64_t value, bool is_signed)
{
	char text[NUM_MAX + 2];
	size_t len = 0;
	bool is_negative = is_signed && (int64_t)value < 0;
	bool quote = !is_exact(is_negative ? -value : value);

	if (quote)
		text[len++] = '"';
	len += is_signed ? num_format_s64(text + len, (int64_t)value)
			 : num_format_u64(text + len, value);
	if (quote)
		text[len++] = '"';
	buf_append(out, text, len);
}

static void json_null(struct writer *w)
{
	buf_puts(w->out, "null");
}

static void json_boolean(struct writer *w, bool value)
{
	buf_puts(w->out, value ? "true" : "false");
}

static void json_integer(struct writer *w, uint64_t value, bool is_signed)
{
	json_put_number(w->out, value, is_signed);
}

static void json_symbol(struct writer *w, const char *text, size_t len, uint64_t value)
{
	(void)text;
	(void)len;
	json_put_number(w->out, value, false);
}

static void json_text(struct writer *w, const char *text, size_t len)
{
	json_put_string(w->out, text, len);
}

static void json_buffer(struct writer *w, const void *data, size_t len)
{
	const signed char *bytes = data;

	buf_putc(w->out, '[');
	for (size_t i = 0; i < len; i++) {
		if (i)
			buf_putc(w->out, ',');
		num_put_s64(w->out, bytes[i]);
	}
	buf_putc(w->out, ']');
}

static void json_open(struct writer *w, enum group group, size_t count)
{
	(void)count;
	buf_putc(w->out, group == GROUP_STRUCT ? '{' : '[');
}

static void json_item(struct writer *w, enum group group, size_t index, const char *name,
		      size_t name_len)
{
	if (index)
		buf_puts(w->out, group == GROUP_STRUCT ? ", " : ",");
	if (group != GROUP_STRUCT)
		return;
	json_put_string(w->out, name, name_len);
	buf_puts(w->out, ": ");
}

static void json_close(struct writer *w, enum group group, size_t count)
{
	(void)count;
	buf_putc(w->out, group == GROUP_STRUCT ? '}' : ']');
}

const struct writer_ops json_writer = {
	.null = json_null,
	.boolean = json_boolean,
	.integer = json_integer,
	.symbol = json_symbol,
	.text = json_text,
	.buffer = json_buffer,
	.open = json_open,
	.item = json_item,
	.close = json_close,
};
