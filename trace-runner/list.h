/*
 * -l: probes that match a pattern, or those of a script; with -v, their arguments.
 */
#pragma once

#include "lang/config.h"
#include "lang/source.h"
#include "lang/target.h"
#include "options.h"
#include "util/arena.h"

/* The exit status.  @source NULL: by the pattern in the options. */
int list_probes(const struct options *o, struct target *target, struct arena *a,
		const struct source *source, struct config *config);
