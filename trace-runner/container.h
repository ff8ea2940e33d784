/*
 * The container that is traced: found on this node through the cgroups of its processes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/image.h"
#include "kern/cgroup.h"
#include "kern/proc.h"
#include "options.h"
#include "util/err.h"

struct container {
	char id[CGROUP_CONTAINER_ID_MAX];
	pid_t root_pid;     // its first process: its root is where paths are looked up
	pid_t pid;          // $container_pid: the first process, or the selected one
	uint64_t cgroup_id; // v2; 0: the node tells containers apart by mount namespace
	struct proc_namespace mount_namespace;
	struct proc_namespace pid_namespace;
	char pod_uid[CGROUP_POD_UID_MAX]; // "" outside of Kubernetes
	int root_fd;                      // of root_pid: readable when it has ended; -1
};

enum container_state {
	CONTAINER_RUNS,
	CONTAINER_RESTARTED, // another one has taken its place: *c is that one
	CONTAINER_WAITS,     // it has ended, its pod is still there
	CONTAINER_GONE,
};

/* Whether the options name a container or a process to find. */
bool container_is_wanted(const struct options *o);
/* 0; -ESRCH: not on this node; -EINVAL: a bad selector. */
int container_find(struct container *out, const struct options *o, struct err *err)
	__attribute__((warn_unused_result));
void container_finish(struct container *c);

/* How it is with it now; looks further than at root_fd only when that has ended. */
enum container_state container_follow(struct container *c, const struct options *o);

/* The filter's slots of the runtime section. */
void container_fill_filter(const struct container *c, uint64_t runtime[RUNTIME_COUNT]);
