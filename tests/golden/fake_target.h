/*
 * A machine that is the same everywhere, for golden and unit tests: four CPUs, a handful of
 * tracepoints, functions and kernel types.  See the tables in fake_target.c.
 */
#pragma once

#include "lang/target.h"

void fake_target_init(struct target *t, struct arena *a);
/* Every feature a new kernel has. */
struct features fake_features(void);
