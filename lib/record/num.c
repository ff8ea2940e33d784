#include "record/num.h"

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";

size_t num_format_u64(char *out, uint64_t v)
{
	char tmp[NUM_MAX];
	char *p = tmp + NUM_MAX;
	size_t len;

	while (v >= 100) {
		p -= 2;
		memcpy(p, digit_pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10) {
		p -= 2;
		memcpy(p, digit_pairs + 2 * v, 2);
	} else {
		*--p = (char)('0' + v);
	}
	len = (size_t)(tmp + NUM_MAX - p);
	memcpy(out, p, len);
	return len;
}

size_t num_format_s64(char *out, int64_t v)
{
	if (v >= 0)
		return num_format_u64(out, (uint64_t)v);
	out[0] = '-';
	return 1 + num_format_u64(out + 1, -(uint64_t)v);
}

/* In a base of 2^@shift. */
static size_t format_bits(char *out, uint64_t v, unsigned int shift)
{
	size_t len = 1;

	for (uint64_t rest = v >> shift; rest; rest >>= shift)
		len++;
	for (size_t i = len; i-- > 0; v >>= shift)
		out[i] = "0123456789abcdef"[v & ((1u << shift) - 1)];
	return len;
}

size_t num_format_hex(char *out, uint64_t v)
{
	return format_bits(out, v, 4);
}

size_t num_format_octal(char *out, uint64_t v)
{
	return format_bits(out, v, 3);
}

void num_put_u64(struct buf *out, uint64_t v)
{
	char text[NUM_MAX];

	buf_append(out, text, num_format_u64(text, v));
}

void num_put_s64(struct buf *out, int64_t v)
{
	char text[NUM_MAX];

	buf_append(out, text, num_format_s64(text, v));
}

void num_put_hex(struct buf *out, uint64_t v)
{
	char text[NUM_MAX];

	buf_append(out, text, num_format_hex(text, v));
}
