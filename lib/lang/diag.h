/*
 * Diagnostics: what is wrong with the user's script, in bpftrace's format
 *
 *     stdin:1:9-14: ERROR: unknown field
 *     begin { $x.y }
 *             ~~~~~
 *     HINT: did you mean 'z'?
 *
 * Columns are 1-based; a span "9-14" covers columns 9 up to, not including, 14; a span of several
 * lines prints as "2-3".  Diagnostics are collected, and printed by the program.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "lang/source.h"
#include "util/vec.h"

enum diag_kind { DIAG_ERROR, DIAG_WARNING };

/* Another place that explains the same mistake; printed after it, with the same kind. */
struct diag_note {
	struct span span;
	const char *message;
	struct diag_note *next;
};

struct diag {
	enum diag_kind kind;
	struct span span;
	const char *message;
	const char *hint; // or NULL; several are separated by form feeds
	struct diag_note *notes;
};

struct diags {
	struct arena *arena;
	vec_of(struct diag) list;
	size_t error_count;
	bool is_repeated; // the latest diagnostic was dropped, and so are its hints and notes
};

void diag_init(struct diags *d, struct arena *a);
/*
 * Return the diagnostic's index + 1, or 0 when the same was said before of the same place (a body
 * is checked once for each context that it runs in).
 */
size_t diag_error(struct diags *d, struct span span, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
size_t diag_warning(struct diags *d, struct span span, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Attach a hint, or another place, to the latest diagnostic. */
void diag_hint(struct diags *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void diag_note(struct diags *d, struct span span, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static inline bool diag_ok(const struct diags *d)
{
	return d->error_count == 0;
}
/* Print one in the format above.  @colour: ANSI colours around the kind. */
void diag_print(FILE *out, const struct diag *diag, bool colour);
/* All errors, then (if @warnings) all warnings, in the order in which they were found. */
void diags_print(FILE *out, const struct diags *d, bool warnings, bool colour);
