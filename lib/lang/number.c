#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lang/lexer.h"

/* In a type of @max: value * factor.  No suffix is a 64-bit value. */
static const struct suffix {
	const char *text;
	uint64_t max;
	uint64_t factor;
} suffixes[] = {
	{ "ull", UINT64_MAX, 1 },
	{ "ul", UINT64_MAX, 1 },
	{ "ll", INT64_MAX, 1 },
	{ "ns", UINT64_MAX, 1 },
	{ "us", UINT64_MAX, 1000 },
	{ "ms", UINT64_MAX, 1000000 },
	{ "u", UINT32_MAX, 1 },
	{ "l", INT64_MAX, 1 },
	{ "s", UINT64_MAX, 1000000000 },
	{ "m", UINT64_MAX, 60000000000 },
	{ "h", UINT64_MAX, 3600000000000 },
	{ "d", UINT64_MAX, 86400000000000 },
};

static const struct suffix *find_suffix(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (strlen(suffixes[i].text) == len && !strncasecmp(suffixes[i].text, text, len))
			return &suffixes[i];
	}
	return NULL;
}

static size_t skip_digits(const char *text, size_t len, size_t i, bool hex)
{
	while (i < len && (text[i] == '_' || (hex ? isxdigit((unsigned char)text[i])
						  : isdigit((unsigned char)text[i]))))
		i++;
	return i;
}

size_t number_scan(const char *text, size_t len, size_t *suffix_len)
{
	size_t i;

	*suffix_len = 0;
	if (len >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		i = skip_digits(text, len, 2, true);
	} else {
		i = skip_digits(text, len, 0, false);
		if (i < len && (text[i] == 'e' || text[i] == 'E'))
			i = skip_digits(text, len, i + 1, false);
	}
	for (size_t n = 3; n > 0; n--) {
		if (i + n <= len && find_suffix(text + i, n)) {
			*suffix_len = n;
			break;
		}
	}
	return i + *suffix_len;
}

/* Digits without their separators. */
struct digits {
	char text[80];
	size_t len;
};

static bool copy_digits(struct digits *d, const char *text, size_t len)
{
	d->len = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '_')
			continue;
		if (d->len == sizeof(d->text) - 1)
			return false;
		d->text[d->len++] = text[i];
	}
	d->text[d->len] = '\0';
	return true;
}

static int digit_value(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	if (isxdigit((unsigned char)c))
		return tolower((unsigned char)c) - 'a' + 10;
	return 99;
}

/* Read digits of @base from *i on; false on overflow. */
static bool read_base(uint64_t *out, const struct digits *d, size_t *i, int base)
{
	uint64_t value = 0;

	while (*i < d->len && digit_value(d->text[*i]) < base) {
		if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit_value(d->text[*i]), &value))
			return false;
		(*i)++;
	}
	*out = value;
	return true;
}

static int find_base(const struct digits *d, size_t *start)
{
	*start = 0;
	if (d->len < 2 || d->text[0] != '0')
		return 10;
	switch (d->text[1]) {
	case 'x':
	case 'X': *start = 2; return 16;
	case 'b':
	case 'B': *start = 2; return 2;
	default: break;
	}
	if (isdigit((unsigned char)d->text[1])) {
		*start = 1;
		return 8;
	}
	return 10;
}

static const char *overflow(struct arena *a, uint64_t max, size_t len, const char *text)
{
	return arena_printf(a, "overflow error, maximum value is %llu: %.*s",
			    (unsigned long long)max, (int)len, text);
}

/* A coefficient of one digit, times a power of ten. */
static const char *read_exponent(uint64_t *value, const struct digits *d, size_t *i,
				 struct arena *a, const char *text, size_t len)
{
	uint64_t exponent;

	(*i)++;
	if (*value == 0 || *value >= 10)
		return arena_printf(a, "coefficient part of scientific literal must be 1-9: %.*s",
				    (int)len, text);
	if (!read_base(&exponent, d, i, 10) || exponent > 19)
		return overflow(a, UINT64_MAX, len, text);
	while (exponent--) {
		if (__builtin_mul_overflow(*value, 10u, value))
			return overflow(a, UINT64_MAX, len, text);
	}
	return NULL;
}

bool number_parse(uint64_t *out, struct arena *a, const char *text, size_t len,
		  const char **message)
{
	const struct suffix *suffix = &(const struct suffix){ "", UINT64_MAX, 1 };
	struct digits d;
	uint64_t value = 0;
	size_t i;
	int base;

	*message = NULL;
	if (!copy_digits(&d, text, len) || d.len == 0 || !isdigit((unsigned char)d.text[0])) {
		*message = arena_printf(a, "invalid integer: %.*s", (int)len, text);
		return false;
	}
	base = find_base(&d, &i);
	if (!read_base(&value, &d, &i, base))
		*message = overflow(a, UINT64_MAX, len, text);
	else if (base == 10 && i + 1 < d.len && (d.text[i] == 'e' || d.text[i] == 'E') &&
		 d.text[i + 1] >= '1' && d.text[i + 1] <= '9')
		*message = read_exponent(&value, &d, &i, a, text, len);
	if (*message)
		return false;
	if (i < d.len)
		suffix = find_suffix(d.text + i, d.len - i);
	if (!suffix || (i == 2 && (base == 2 || base == 16))) {
		*message = arena_printf(a, "invalid trailing bytes: %.*s", (int)len, text);
		return false;
	}
	if (value > suffix->max / suffix->factor) {
		*message = overflow(a, suffix->max, len, text);
		return false;
	}
	*out = value * suffix->factor;
	return true;
}
