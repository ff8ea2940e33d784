/*
 * The check of a script before anything is created in the cluster.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

/*
 * False after diagnostics on standard error.  @name is what they call the script, whose path it is
 * if it is a file; what it imports is appended to @files (lang/files.h).
 */
bool check_syntax(const char *name, const char *text, size_t len, struct buf *files);
