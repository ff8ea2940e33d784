/*
 * Tar files (POSIX.1-1988 "ustar"), written.  No times, owners or anything else that would differ
 * from one run to the next.
 */
#pragma once

#include <stddef.h>

#include "util/buf.h"

/* Append a regular file.  @name: less than 100 characters. */
void tar_add_file(struct buf *tar, const char *name, unsigned int mode, const void *data,
		  size_t len);
/* The two empty blocks at the end. */
void tar_finish(struct buf *tar);
