/*
 * The ids that probes are confined to, in the kernel: see struct image_filter.
 */
#pragma once

#include <stdint.h>

#include "container.h"
#include "load.h"

struct filter {
	filter_ids ids; // those that the kernel has now
};

/* The ids of @c instead of those that are there; @runtime is as the programs were loaded with. */
int filter_update(struct filter *f, struct loaded *l, const uint64_t runtime[RUNTIME_COUNT],
		  const struct containers *c) __attribute__((warn_unused_result));
void filter_finish(struct filter *f);
