/*
 * YAML to JSON.  The one place that sees libyaml.
 */
#pragma once

#include <stddef.h>

#include "util/err.h"

struct cJSON;

/*
 * The first document of @text as a JSON tree.  Plain scalars become what the JSON schema of
 * YAML 1.2 says (null, true, false, numbers); everything else is a string.  Aliases are expanded.
 * Errors: -EINVAL (with line and column; also when aliases blow the document up).
 */
int yaml_to_json(struct cJSON **out, const char *text, size_t len, struct err *err)
	__attribute__((warn_unused_result));
