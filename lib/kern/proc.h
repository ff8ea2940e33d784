/*
 * Processes: /proc, namespaces, the processes of a container.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

/* A namespace as bpf_get_ns_current_pid_tgid() wants it: st_dev and st_ino of /proc/PID/ns/NAME. */
struct proc_namespace {
	uint64_t dev;
	uint64_t ino;
};

/* @pid 0: this process.  @name: "pid", "mnt", "pid_for_children".  0 or -errno. */
int proc_namespace(struct proc_namespace *out, pid_t pid, const char *name, struct err *err)
	__attribute__((warn_unused_result));
/* Whether this process is in the initial pid namespace (its pids are the kernel's). */
bool proc_in_initial_pid_namespace(void);
/* Whether @pid sees another file system than this process: /proc/PID/root is needed for paths. */
bool proc_has_other_root(pid_t pid);

/* Clock ticks after boot, field 22 of /proc/PID/stat: tells reused pids apart.  0: gone. */
uint64_t proc_start_time(pid_t pid);

/* A list of pids, ascending; free with proc_pids_finish(). */
struct proc_pids {
	pid_t *data;
	size_t len;
};
void proc_pids_finish(struct proc_pids *p);
/* All processes of this pid namespace.  0 or -errno. */
int proc_pids_all(struct proc_pids *out, struct err *err) __attribute__((warn_unused_result));
/* Those that have @path (by device and inode) mapped executable. */
int proc_pids_by_file(struct proc_pids *out, const char *path, struct err *err)
	__attribute__((warn_unused_result));

/*
 * The processes of a container, by its id (a prefix of at least 12 digits will do), oldest first:
 * data[0] is the container's first process.  "runtime://ID" as in Pod status is accepted.
 * -ESRCH: no such process.
 */
int proc_pids_by_container(struct proc_pids *out, const char *container_id, struct err *err)
	__attribute__((warn_unused_result));

/*
 * --process-selector of iovisor/kubectl-trace: "pid=12", "pid=last", "exe=/bin/sh", "comm=nginx",
 * "cmdline=worker" (substring), joined by commas; all must hold.  Restricted to @within, the
 * processes of containers, unless that is NULL; N is then the pid inside of its container. -EINVAL:
 * bad selector; -ESRCH: nothing matches.
 */
int proc_pids_by_selector(struct proc_pids *out, const char *selector,
			  const struct proc_pids *within, struct err *err)
	__attribute__((warn_unused_result));

/* Files that @pid has mapped executable, each once, by their paths as the process sees them. */
typedef bool (*proc_path_fn)(void *ctx, const char *path);
int proc_mapped_files(pid_t pid, proc_path_fn fn, void *ctx) __attribute__((warn_unused_result));
