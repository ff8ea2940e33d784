/*
 * Sets of cgroups for comparisons with names of Kubernetes: `/namespace == "shop"/`.
 *
 * A program looks the current cgroup's id up in the set of those that have the name
 * (ir/lower_kube.c); the sets are kept up to date here, while pods come and go.
 */
#pragma once

#include <stdbool.h>

#include "bpf/image.h"
#include "kern/cgroup.h"
#include "load.h"

/* How often to call names_update(): a new pod is unknown for that long. */
#define NAMES_UPDATE_MS 100

/* Whether the script compares names that cgroups have. */
bool names_are_compared(const struct image *im);
/* Look for new and gone cgroups, and put each into the sets it belongs to, or out of them. */
void names_update(const struct loaded *l, struct cgroups *cgroups);
