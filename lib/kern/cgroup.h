/*
 * Control groups: ids, paths, and the Kubernetes identity behind them.
 *
 * A cgroup v2 directory's id is its inode number (what bpf_get_current_cgroup_id() gives).  From
 * the path of a pod's cgroup follow the pod's UID and the container's id (all runtimes and both
 * cgroup drivers, see cgroup_parse_path()), and from /var/log/pods and /var/log/containers, which
 * the kubelet keeps, the names.
 *
 * Reference: kubernetes.io, "Logging Architecture"; kubelet's pkg/kubelet/kuberuntime/logs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

#define CGROUP_POD_UID_MAX      40 // a UUID, or the 32 digits of a static pod, and NUL
#define CGROUP_CONTAINER_ID_MAX 65 // 64 hexadecimal digits and NUL

enum cgroup_runtime { RUNTIME_UNKNOWN, RUNTIME_CONTAINERD, RUNTIME_CRIO, RUNTIME_DOCKER };

struct cgroup_identity {
	char pod_uid[CGROUP_POD_UID_MAX];           // with dashes, "" outside pods
	char container_id[CGROUP_CONTAINER_ID_MAX]; // "" for the pod's own cgroup
	enum cgroup_runtime runtime;
};

/*
 * Read a cgroup path: "/kubepods/burstable/podUID/ID" (cgroupfs driver) or
 * "/kubepods.slice/.../kubepods-burstable-podU_I_D.slice/cri-containerd-ID.scope" (systemd driver),
 * with crio-, docker- or libpod- for other runtimes; "SLICE:cri-containerd:ID" in one element; and
 * outside Kubernetes "/docker/ID".  Any prefix (nested kubelets) and any suffix below the
 * container's cgroup may be there.  False if there is neither pod nor container in it.
 */
bool cgroup_parse_path(const char *path, struct cgroup_identity *out);

/* Id of the cgroup v2 directory @path (name_to_handle_at(), as bpftrace's cgroupid()). */
int cgroup_id(uint64_t *out, const char *path, struct err *err) __attribute__((warn_unused_result));
/*
 * Id of the cgroup v2 directory of the container that @pid is in, 0 on nodes without cgroup v2.
 * *level is its depth below the root, as bpf_get_current_ancestor_cgroup_id() takes it, or 0 where
 * that isn't known (in a cgroup namespace): the id is then that of @pid's own cgroup.
 */
uint64_t cgroup_id_of_container(pid_t pid, uint32_t *level);
/* How much of @path is the container's own; the rest are cgroups that it has made itself. */
size_t cgroup_container_len(const char *path);
/* The path of @pid in the v2 hierarchy ("0::"), else in any v1 one; into @out.  0 or -errno. */
int cgroup_path_of_pid(pid_t pid, char *out, size_t size) __attribute__((warn_unused_result));
/* Whether @pid has a v2 cgroup of its own (not the root): its container is told apart by its id. */
bool cgroup_is_v2(pid_t pid);
/* Whether the kernel has the v2 hierarchy at all. */
bool cgroup_has_v2(void);

struct cgroups;

struct kube_identity {
	const char *namespace_name;
	const char *pod;
	const char *pod_uid;
	const char *container; // "" for the pod's own cgroup
	const char *container_id;
};

/*
 * @host_root: "" or, inside a container, where the node's file system is: "/host", "/proc/1/root".
 */
int cgroups_new(struct cgroups **out, const char *host_root, struct err *err)
	__attribute__((warn_unused_result));
void cgroups_free(struct cgroups *c);

/*
 * The value of bpftrace's cgroup_path(): "unified:/a/b", several hierarchies joined by commas; NULL
 * @filter: all.  "" if the id is not known any more.  The string is @c's.
 */
const char *cgroups_paths(struct cgroups *c, uint64_t id, const char *filter);

/* Path of a v2 cgroup below its mount, "/kubepods/...", also of one that was seen and is gone. */
const char *cgroups_path(struct cgroups *c, uint64_t id);

/*
 * The names behind a v2 cgroup id.  False for processes of the host.  Strings are @c's.  What was
 * seen once stays known after the pod's end.
 */
bool cgroups_identify(struct cgroups *c, uint64_t id, struct kube_identity *out);

/*
 * Note all pods' cgroups that exist now, so that they can be named after their end; call it
 * at start and then about once a second.  Returns how many cgroups are new since the last call.
 */
size_t cgroups_scan(struct cgroups *c);

/* Whether the last scan has found it. */
bool cgroups_exists(struct cgroups *c, uint64_t id);

/* Ids of all cgroups known now that @fn accepts: for in-kernel predicates on names. */
typedef void (*cgroups_each_fn)(void *ctx, uint64_t id, const struct kube_identity *identity);
void cgroups_each(struct cgroups *c, cgroups_each_fn fn, void *ctx);
