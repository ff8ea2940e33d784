/*
 * Format strings of printf and its family: parsed and checked once, by semantic analysis.
 *
 * A conversion is  % [-+ #0]* [width] [.precision] [hh|h|l|ll|j|z|t] conversion, where conversion
 * is one of  d i u o x X c s p  or ours:  r rx rh (buffers), gr (GFP flags).  "%%" is literal text.
 * Anything else after a % is literal text too, as in bpftrace.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lang/type.h"
#include "util/vec.h"

/* Literal text (conversion[0] == 0), or one conversion. */
struct format_part {
	const char *text; // literal text, with escapes and %% already resolved
	uint32_t text_len;
	const char *spec;   // as written but without length modifiers: "%-5d"
	char conversion[3]; // "d", "s", "r", "rx", "rh", "gr" …
	uint8_t int_size;   // length modifier: hh 1, h 2, none 4, l ll j z t 8; 0 for s, c, p, r…
	bool left, sign, space, alternate, zero; // the flags - + ' ' # 0
	int32_t width;                           // -1: none
	int32_t precision;                       // -1: none
	uint32_t arg; // number of the conversion: the argument is call.args[arg + 1]
};

struct format_plan {
	vec_of(struct format_part) parts; // in order; no two literal parts are adjacent
	uint32_t conversion_count;
};

/* Parse @len bytes of @text.  Every text is a valid format. */
struct format_plan *format_parse(struct arena *a, const char *text, size_t len);
/* NULL if arguments of @types fit; else the message, in bpftrace's words (in @a). */
const char *format_check(struct arena *a, const struct format_plan *plan,
			 const struct type *const *types, uint32_t count);
/* A constant argument, for formatting at compile time: fail(). */
struct format_value {
	const char *string; // NULL: number
	uint32_t string_len;
	uint64_t number;
	bool is_signed;
	bool is_bool;
};
/* What printf would print; conversions without an argument print nothing. */
const char *format_constant(struct arena *a, const struct format_plan *plan,
			    const struct format_value *values, uint32_t count);
