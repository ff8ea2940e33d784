#include "record/jsonscan.h"

#include <string.h>

static void skip_space(struct jsonscan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

bool jsonscan_peek(struct jsonscan *s, char c)
{
	skip_space(s);
	return s->p < s->end && *s->p == c;
}

bool jsonscan_accept(struct jsonscan *s, char c)
{
	if (!jsonscan_peek(s, c))
		return false;
	s->p++;
	return true;
}

bool jsonscan_word(struct jsonscan *s, const char *word)
{
	size_t len = strlen(word);

	skip_space(s);
	if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
		return false;
	s->p += len;
	return true;
}

static bool scan_hex(struct jsonscan *s, uint32_t *out)
{
	*out = 0;
	if (s->end - s->p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = *s->p++;

		if (c >= '0' && c <= '9')
			*out = *out << 4 | (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			*out = *out << 4 | (uint32_t)((c | 32) - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* Any code point of 16 bits; our own writer never needs more. */
static void put_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_putc(out, (char)c);
	} else if (c < 0x800) {
		buf_putc(out, (char)(0xc0 | c >> 6));
		buf_putc(out, (char)(0x80 | (c & 63)));
	} else {
		buf_putc(out, (char)(0xe0 | c >> 12));
		buf_putc(out, (char)(0x80 | (c >> 6 & 63)));
		buf_putc(out, (char)(0x80 | (c & 63)));
	}
}

static bool scan_escape(struct jsonscan *s, struct buf *out)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *letter;
	uint32_t code;

	if (s->p == s->end)
		return false;
	if (*s->p == 'u') {
		s->p++;
		if (!scan_hex(s, &code))
			return false;
		put_utf8(out, code);
		return true;
	}
	letter = *s->p ? strchr(letters, *s->p) : NULL;
	if (!letter)
		return false;
	s->p++;
	buf_putc(out, meanings[letter - letters]);
	return true;
}

bool jsonscan_string(struct jsonscan *s, struct buf *out)
{
	buf_clear(out);
	if (!jsonscan_accept(s, '"'))
		return false;
	for (;;) {
		const char *plain = s->p;

		while (s->p < s->end && *s->p != '"' && *s->p != '\\')
			s->p++;
		buf_append(out, plain, (size_t)(s->p - plain));
		if (s->p == s->end)
			return false;
		if (*s->p++ == '"')
			return !out->is_truncated;
		if (!scan_escape(s, out))
			return false;
	}
}

static bool is_digit(const struct jsonscan *s)
{
	return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

bool jsonscan_u64(struct jsonscan *s, uint64_t *out)
{
	*out = 0;
	skip_space(s);
	if (!is_digit(s))
		return false;
	for (; is_digit(s); s->p++) {
		if (__builtin_mul_overflow(*out, 10u, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(*s->p - '0'), out))
			return false;
	}
	return s->p == s->end || (*s->p != '.' && (*s->p | 32) != 'e');
}

bool jsonscan_s64(struct jsonscan *s, int64_t *out)
{
	bool is_negative = jsonscan_accept(s, '-');
	uint64_t magnitude;

	if (!jsonscan_u64(s, &magnitude))
		return false;
	if (magnitude > (uint64_t)INT64_MAX + is_negative)
		return false;
	*out = (int64_t)(is_negative ? -magnitude : magnitude);
	return true;
}

static bool skip_string(struct jsonscan *s)
{
	while (s->p < s->end && *s->p != '"') {
		if (*s->p == '\\' && ++s->p == s->end)
			return false;
		s->p++;
	}
	return jsonscan_accept(s, '"');
}

static bool skip_members(struct jsonscan *s, char close, unsigned int depth)
{
	if (jsonscan_accept(s, close))
		return true;
	do {
		if (close == '}' &&
		    !(jsonscan_accept(s, '"') && skip_string(s) && jsonscan_accept(s, ':')))
			return false;
		if (!jsonscan_skip(s, depth))
			return false;
	} while (jsonscan_accept(s, ','));
	return jsonscan_accept(s, close);
}

bool jsonscan_skip(struct jsonscan *s, unsigned int depth)
{
	const char *begin;

	if (jsonscan_accept(s, '"'))
		return skip_string(s);
	if (depth && jsonscan_accept(s, '{'))
		return skip_members(s, '}', depth - 1);
	if (depth && jsonscan_accept(s, '['))
		return skip_members(s, ']', depth - 1);
	skip_space(s);
	begin = s->p;
	while (s->p < s->end && *s->p && strchr("+-.0123456789eEaflnrstu", *s->p))
		s->p++;
	return s->p > begin;
}
