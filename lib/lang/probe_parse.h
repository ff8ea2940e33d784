/*
 * Attach point specifications: their grammar, and what can be said of them without asking the
 * machine.  Globs, paths and symbols are left to probe_expand().
 */
#pragma once

#include "lang/diag.h"
#include "lang/lang.h"
#include "lang/probe.h"

typedef vec_of(struct attach_point) attach_point_list;

/* -1 if there is no such kind.  Short and older names are allowed, and other cases. */
int probe_kind_find(const char *name);

/*
 * Parse @spec->raw; append what it means to @out: one attach point, or several when the kind is a
 * glob.  Positional parameters are those of @o.  Returns false, after a diagnostic, if it is wrong.
 */
bool probe_parse_spec(attach_point_list *out, struct arena *a, const struct attach_point *spec,
		      const struct sema_options *o, struct diags *diags);
/* The name that `probe` gives, of a complete attach point. */
const char *probe_full_name(struct arena *a, const struct attach_point *ap);
