/*
 * Cleanup of local resources at the end of their scope, and file descriptor helpers.
 *
 *     _cleanup_close_ int fd = open(...);
 *     _cleanup_free_ char *s = strdup(...);
 *     return take_fd(&fd);                  // hand it over: the scope no longer closes it
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

#define _cleanup_close_  __attribute__((cleanup(cleanup_close)))
#define _cleanup_free_   __attribute__((cleanup(cleanup_free)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose)))

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define take_ptr(p)                                                                                \
	({                                                                                         \
		typeof(p) taken_ = (p);                                                            \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

/* Write all of @data, restarting after signals; 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t len) __attribute__((warn_unused_result));
