/*
 * Finding the binary that an attach point names.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "util/arena.h"
#include "util/err.h"

struct paths_scope {
	pid_t pid;          // -p: relative to this process's root and $PATH if its root is another
	const pid_t *roots; // absolute paths are inside the root of each of these processes
	size_t root_count;
};

/*
 * Full paths of the files that @name means, in @a:
 *   /bin/bash         itself (in the scope's root)
 *   bash, ./a.out     relative to here, then searched in $PATH
 *   libc, libc.so.6   a library, through ld.so.cache and the standard folders
 *   /usr/lib/lib*.so  globs, sorted
 *   *                 with -p: what the process has mapped
 * Only ELF files count, and each once: containers of one image share theirs.  -ENOENT: there is
 * none.
 */
int paths_resolve(struct arena *a, const struct paths_scope *scope, const char *name,
		  const char ***paths, size_t *count, struct err *err)
	__attribute__((warn_unused_result));

/* The path by which this process reaches @path of process @pid (0: @path itself). */
const char *paths_in_root(struct arena *a, pid_t pid, const char *path);
