/*
 * The script's text: from -e, a file or standard input, with $container_pid filled in.
 */
#pragma once

#include <stdint.h>

#include "lang/source.h"
#include "util/arena.h"
#include "util/err.h"

#define SCRIPT_BYTES_MAX (16u << 20)

/* @script NULL: read @filename, "-" for standard input. */
int script_read(struct source **out, struct arena *a, const char *script, const char *filename,
		struct err *err) __attribute__((warn_unused_result));

/*
 * @source with `$container_pid` replaced by @pid, as iovisor/kubectl-trace does; @source itself if
 * it isn't in there.  The number is padded to the variable's length, so that columns stay.
 */
struct source *script_set_container_pid(struct arena *a, struct source *source, uint32_t pid);
