#include "lang/builtin.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lang/builtin_check.h"

#define builtin_check_NULL NULL

const struct builtin_info builtin_infos[BI_COUNT] = {
#define VAR(n, r, p, f, d)                                                                         \
	[BI_##n] = {                                                                               \
		.name = #n, .kind = BUILTIN_VAR, .result = r, .probes = p, .flags = f, .doc = d    \
	},
#define FUNC(n, lo, hi, a, c, r, p, f, d)                                                          \
	[BI_##n] = { .name = #n,                                                                   \
		     .kind = BUILTIN_FUNC,                                                         \
		     .min_args = lo,                                                               \
		     .max_args = hi,                                                               \
		     .args = a,                                                                    \
		     .check = builtin_check_##c,                                                   \
		     .result = r,                                                                  \
		     .probes = p,                                                                  \
		     .flags = f,                                                                   \
		     .doc = d },
#define AGG(n, lo, hi, a, c, st, d)                                                                \
	[BI_##n] = { .name = #n,                                                                   \
		     .kind = BUILTIN_AGG,                                                          \
		     .min_args = lo,                                                               \
		     .max_args = hi,                                                               \
		     .args = a,                                                                    \
		     .check = builtin_check_##c,                                                   \
		     .result = RES_CHECK,                                                          \
		     .probes = IN_ANY,                                                             \
		     .storage = st,                                                                \
		     .doc = d },
#include "lang/builtins.def"
};

/* The number in "arg12", or -1. */
static long numbered(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);
	char *end;
	long n;

	if (strncmp(name, prefix, len) != 0 || name[len] < '0' || name[len] > '9')
		return -1;
	n = strtol(name + len, &end, 10);
	return *end || n > 999 ? -1 : n;
}

enum builtin builtin_find(const char *name, uint32_t *number)
{
	long n;

	*number = 0;
	n = numbered(name, "arg");
	if (n >= 0) {
		*number = (uint32_t)n;
		return BI_arg;
	}
	n = numbered(name, "sarg");
	if (n >= 0) {
		*number = (uint32_t)n;
		return BI_sarg;
	}
	for (uint32_t i = BI_NONE + 1; i < BI_COUNT; i++) {
		if (i != BI_arg && i != BI_sarg && strcmp(builtin_infos[i].name, name) == 0)
			return i;
	}
	return BI_NONE;
}
