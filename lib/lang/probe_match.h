/*
 * Concrete attach points: globs are expanded, binaries found, what isn't there is reported as the
 * configuration variable missing_probes wants it.
 */
#pragma once

#include "lang/probe_parse.h"

/* Append what @spec, an attach point of probe_parse_spec(), stands for on the target to @out. */
void probe_match(attach_point_list *out, struct arena *a, const struct attach_point *spec,
		 const struct sema_options *o, struct diags *diags);
/* Add "did you mean" to the latest diagnostic if there is something like @spec on the target. */
void probe_hint_nearest(const struct attach_point *spec, struct arena *a,
			const struct sema_options *o, struct diags *diags);
