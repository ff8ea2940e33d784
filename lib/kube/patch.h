/*
 * Patches of an object before it is created: the three kinds that `kubectl patch` has.
 */
#pragma once

#include "util/err.h"

struct cJSON;

/*
 * Apply @patch (JSON or YAML text) to @object.  @type: "json" (RFC 6902),
 * "merge" (RFC 7386) or "strategic" (lists of containers, volumes, mounts, environment variables
 * and ports are merged by their keys; "$patch: delete" and "$patch: replace" are understood).
 */
int kube_patch_apply(struct cJSON *object, const char *patch, const char *type, struct err *err)
	__attribute__((warn_unused_result));
