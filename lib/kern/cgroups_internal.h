/* What cgroups.c (paths) and kubenames.c (names) share. */
#pragma once

#include <time.h>

#include "kern/cgroup.h"
#include "util/arena.h"
#include "util/strmap.h"
#include "util/vec.h"

#define CGROUPS_RETRY_MS 1000 // how long a failed search is not repeated
#define CGROUPS_NAMES_MS 200  // the same of a search for names: cheaper, and awaited

struct cgroup_path {
	uint64_t id;
	const char *path;   // NULL: a free slot
	uint32_t walk;      // number of the last walk that has seen it
	bool is_identified; // identity below was looked up, and its names were found
	bool is_pod;        // the path is of a pod or container
	uint64_t retry_at;  // milliseconds
	struct kube_identity identity;
};

/* Open-addressing hash table by id. */
struct cgroup_table {
	struct cgroup_path *slots;
	size_t size; // power of two, or 0
	size_t len;
};

struct hierarchy {
	const char *name;    // "unified", or the v1 mount's last path element
	const char *mount;   // as this process reaches it
	const char *seen_as; // the mount point in its own mount namespace
	bool is_v2;
	uint64_t root_id;
	struct cgroup_table known;
	uint32_t walks;
	uint64_t missing_id; // last id that was not found, and until when not to search again
	uint64_t missing_until;
};

struct cgroups {
	struct arena arena;
	const char *host_root;
	const char *path_prefix;              // before mount points
	const char *mount_prefix;             // that mount points must have
	vec_of(struct hierarchy) hierarchies; // v2 first, then v1 by name
	struct strmap strings;
	struct strmap pods;       // uid -> struct pod_names *
	struct strmap containers; // container id -> name
	uint64_t logs_read_at;    // milliseconds
};

static inline uint64_t cgroups_now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* NULL on a node without one. */
struct hierarchy *cgroups_v2(struct cgroups *c);
/* Note all cgroups of a hierarchy; the number of new ones. */
size_t cgroups_walk(struct cgroups *c, struct hierarchy *h);
/* The entry of a v2 id, NULL if it is not known any more. */
struct cgroup_path *cgroups_slot(struct cgroups *c, uint64_t id);
/* The same without looking for it. */
struct cgroup_path *cgroups_known(const struct hierarchy *h, uint64_t id);
