/*
 * The check of a script before anything is created in the cluster.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* False after diagnostics on standard error.  @name is what they call the script. */
bool check_syntax(const char *name, const char *text, size_t len);
