/*
 * What is traced: containers, found on this node through the cgroups of their processes, and the
 * processes that --process-selector chooses.
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
#include "util/vec.h"

struct container {
	const struct container_name *name;
	char id[CGROUP_CONTAINER_ID_MAX];
	pid_t root_pid;     // its first process: its root is where paths are looked up
	uint64_t cgroup_id; // v2; 0: the node tells containers apart by mount namespace
	uint32_t cgroup_level;
	struct proc_namespace mount_namespace;
	struct proc_namespace pid_namespace;
	char pod_uid[CGROUP_POD_UID_MAX]; // "" outside of Kubernetes
	int root_fd;                      // of root_pid: readable when it has ended; -1
	bool is_gone;
};

struct containers {
	vec_of(struct container) list; // empty: all processes of the node
	bool has_selector;
	struct proc_pids selected;  // by --process-selector
	int selected_fd;            // of the one process that can be it, or -1: others may come
	struct image_filter filter; // kind FILTER_NONE: probes fire for all
};

enum containers_state {
	CONTAINERS_SAME,
	CONTAINERS_CHANGED, // other ids are to be traced
	CONTAINERS_GONE,
};

/* A value for what is not yet found. */
#define CONTAINERS_NONE ((struct containers){ .selected_fd = -1 })

/* Whether the options name a container or a process to find. */
bool containers_are_wanted(const struct options *o);
/* 0; -ESRCH: not on this node (of several containers: none of them); -EINVAL: a bad selector. */
int containers_find(struct containers *out, const struct options *o, struct err *err)
	__attribute__((warn_unused_result));
void containers_finish(struct containers *c);

/* $container_pid: the first selected process, or the first one of the first container; 0: none. */
pid_t containers_pid(const struct containers *c);

/* How it is now; looks further than at root_fd only when that has ended. */
enum containers_state containers_follow(struct containers *c, const struct options *o);

typedef vec_of(uint64_t) filter_ids;
/* What the filter compares with, as of now; to be freed by the caller. */
filter_ids containers_ids(const struct containers *c);
