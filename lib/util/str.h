/*
 * Strings: numbers, globs, nearest match.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"

/*
 * The whole of @s as an unsigned number: decimal, 0x hexadecimal or 0 octal when @base is 0.
 * 0, -EINVAL (not a number, or something after it) or -ERANGE.  No sign, no leading space.
 */
int parse_u64(uint64_t *out, const char *s, int base) __attribute__((warn_unused_result));

/*
 * The number at *p, and *p behind it; false, and *p as it was, if no digit is there.  No sign, no
 * leading space.  (sscanf() would bring a tenth of a static executable with it.)
 */
bool str_take_u64(const char **p, int base, uint64_t *out);
/* *p behind @text if that is what is there. */
bool str_take(const char **p, const char *text);

bool str_starts_with(const char *s, const char *prefix);
bool str_ends_with(const char *s, const char *suffix);
/* Shell-style match with `*` only (as in attach points); `?` and `[` are ordinary. */
bool str_glob(const char *pattern, const char *s);
bool str_has_glob(const char *s);

/*
 * Nearest match for "did you mean": feed candidates, keep the closest within a third of the
 * word's length (at least 1) in edit distance.  best is a pointer to a candidate or NULL.
 */
struct str_nearest {
	const char *word;
	const char *best;
	size_t best_distance;
};
void str_nearest_init(struct str_nearest *n, const char *word);
void str_nearest_try(struct str_nearest *n, const char *candidate);
