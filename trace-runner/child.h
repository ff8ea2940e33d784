/*
 * The command of -c: forked at once, so that its pid is known to the script, and held before its
 * exec until everything is attached.
 *
 * It has the runner's environment and privileges, and gets SIGTERM when the runner ends.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/err.h"

struct child {
	pid_t pid;     // 0: there is none
	int pid_fd;    // readable when it has ended
	int go_fd;     // a byte lets it go
	int result_fd; // closed by its exec, or what went wrong
	bool is_started;
	bool is_held; // traced by ptrace(2), until child_release()
};

#define CHILD_NONE                                                                                 \
	(struct child)                                                                             \
	{                                                                                          \
		.pid_fd = -1, .go_fd = -1, .result_fd = -1                                         \
	}

/*
 * Fork for @command, words separated by spaces; the first is searched in $PATH.  @quiet: with no
 * standard input and output of its own.
 */
int child_fork(struct child *out, const char *command, bool quiet, struct err *err)
	__attribute__((warn_unused_result));
/*
 * Let it exec; returns when it has.  It does not run yet, so that its mappings can be read however
 * soon it ends; where ptrace(2) is not allowed, it does.
 */
int child_start(struct child *c, struct err *err) __attribute__((warn_unused_result));
void child_release(struct child *c);
bool child_is_alive(const struct child *c);
/* End it with SIGTERM if it still runs, and wait for it. */
void child_finish(struct child *c);
