#include "util/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c, int base)
{
	return (c >= '0' && c <= '9') ||
	       (base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

bool str_take_u64(const char **p, int base, uint64_t *out)
{
	char *end;

	if (!is_digit(**p, base))
		return false;
	*out = strtoull(*p, &end, base);
	*p = end;
	return true;
}

bool str_take(const char **p, const char *text)
{
	if (!str_starts_with(*p, text))
		return false;
	*p += strlen(text);
	return true;
}

int parse_u64(uint64_t *out, const char *s, int base)
{
	unsigned long long value;
	char *end;

	if (!is_digit(*s, base))
		return -EINVAL;
	errno = 0;
	value = strtoull(s, &end, base);
	if (*end)
		return -EINVAL;
	if (errno == ERANGE)
		return -ERANGE;
	*out = value;
	return 0;
}

bool str_starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool str_ends_with(const char *s, const char *suffix)
{
	size_t len = strlen(s), suffix_len = strlen(suffix);

	return len >= suffix_len && !strcmp(s + len - suffix_len, suffix);
}

bool str_has_glob(const char *s)
{
	return strchr(s, '*') != NULL;
}

bool str_glob(const char *pattern, const char *s)
{
	const char *star = NULL, *resume = NULL;

	while (*s) {
		if (*pattern == '*') {
			star = pattern++;
			resume = s;
		} else if (*pattern == *s) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star + 1;
			s = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

#define NEAREST_MAX_LEN 128

/* Levenshtein distance with two rows; words longer than the limit never match. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	size_t row[NEAREST_MAX_LEN + 1];

	if (la > NEAREST_MAX_LEN || lb > NEAREST_MAX_LEN)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

void str_nearest_init(struct str_nearest *n, const char *word)
{
	size_t len = strlen(word);

	*n = (struct str_nearest){ .word = word, .best_distance = (len < 3 ? 1 : len / 3) + 1 };
}

void str_nearest_try(struct str_nearest *n, const char *candidate)
{
	size_t la = strlen(n->word), lb = strlen(candidate);
	size_t gap = la > lb ? la - lb : lb - la;
	size_t distance;

	if (gap >= n->best_distance)
		return;
	distance = edit_distance(n->word, candidate);
	if (distance < n->best_distance) {
		n->best_distance = distance;
		n->best = candidate;
	}
}
