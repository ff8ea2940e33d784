/*
 * Create the Jobs and ConfigMaps of a trace, many at a time.
 *
 * The Job comes first: its ConfigMap names it as owner and so can't be left behind, whatever
 * happens to this program in between.  The kubelet needs the ConfigMap later than it is there.
 */
#pragma once

#include <stddef.h>

#include "util/err.h"

struct kube_client;
struct kube_job_spec;

/*
 * Create the objects of all @specs and wait for it.  Whatever was created for one that failed is
 * deleted again.  errs[i].code is 0 where it went well; returns the number of those that failed.
 */
size_t kube_launch(struct kube_client *client, const struct kube_job_spec *specs, size_t count,
		   struct err *errs);
