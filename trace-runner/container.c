#include "container.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

bool container_is_wanted(const struct options *o)
{
	return o->container_id || o->pod || o->pod_uid || o->selector;
}

/* A container looked for by the names of its pod. */
struct search {
	const struct options *options;
	const char *pod_uid; // instead of the options' pod, or NULL
	const char *not_id;  // the container that has ended, or NULL
	char id[CGROUP_CONTAINER_ID_MAX];
	size_t pod_containers; // named ones of the pod that matches
};

static bool is_pod(const struct search *s, const struct kube_identity *identity)
{
	const struct options *o = s->options;
	const char *slash = o->pod ? strchr(o->pod, '/') : NULL;
	const char *name = slash ? slash + 1 : o->pod;

	if (s->pod_uid)
		return identity->pod_uid && strcmp(identity->pod_uid, s->pod_uid) == 0;
	if (o->pod_uid && (!identity->pod_uid || strcmp(identity->pod_uid, o->pod_uid) != 0))
		return false;
	if (name && (!identity->pod || strcmp(identity->pod, name) != 0))
		return false;
	return !slash ||
	       (identity->namespace_name &&
		strncmp(identity->namespace_name, o->pod, (size_t)(slash - o->pod)) == 0 &&
		identity->namespace_name[slash - o->pod] == '\0');
}

static void try_cgroup(void *ctx, uint64_t id, const struct kube_identity *identity)
{
	struct search *s = ctx;

	(void)id;
	if (!is_pod(s, identity))
		return;
	if (!identity->container_id || !identity->container_id[0] || !identity->container ||
	    !identity->container[0])
		return;
	s->pod_containers++;
	if (s->not_id && strcmp(identity->container_id, s->not_id) == 0)
		return;
	if (s->options->container && strcmp(identity->container, s->options->container) != 0)
		return;
	if (s->id[0] == '\0')
		snprintf(s->id, sizeof(s->id), "%s", identity->container_id);
}

static int search_cgroups(struct search *s, struct err *err)
{
	struct cgroups *cgroups = NULL;
	int r = cgroups_new(&cgroups, s->options->host_root ? s->options->host_root : "", err);

	if (r < 0)
		return r;
	(void)cgroups_scan(cgroups);
	cgroups_each(cgroups, try_cgroup, s);
	cgroups_free(cgroups);
	return 0;
}

static int find_by_pod(struct container *out, const struct options *o, struct err *err)
{
	struct search search = { .options = o };
	int r = search_cgroups(&search, err);

	if (r < 0)
		return r;
	if (search.id[0] == '\0' && search.pod_containers > 0)
		return err_set(err, -ESRCH, "the pod has no running container '%s' on this node",
			       o->container);
	if (search.id[0] == '\0')
		return err_set(err, -ESRCH, "no running pod '%s' on this node",
			       o->pod ? o->pod : o->pod_uid);
	memcpy(out->id, search.id, sizeof(out->id));
	return 0;
}

static void set_id(struct container *out, const char *id)
{
	const char *scheme = strstr(id, "://");

	snprintf(out->id, sizeof(out->id), "%s", scheme ? scheme + strlen("://") : id);
}

/* The processes of the container, or NULL's: those of the node. */
static int find_processes(struct container *out, const struct options *o, struct err *err)
{
	struct proc_pids within = { 0 }, selected = { 0 };
	int r = 0;

	if (out->id[0]) {
		r = proc_pids_by_container(&within, out->id, err);
		if (r < 0)
			return r;
		out->root_pid = out->pid = within.data[0];
	}
	if (o->selector) {
		r = proc_pids_by_selector(&selected, o->selector, out->id[0] ? &within : NULL, err);
		if (r == 0)
			out->pid = selected.data[0];
		proc_pids_finish(&selected);
	}
	proc_pids_finish(&within);
	return r;
}

/* What is known of the container through its first process. */
static int describe(struct container *c, const struct options *o, struct err *err)
{
	struct cgroup_identity identity;
	char path[PATH_MAX];
	int r;

	if (cgroup_is_v2(c->root_pid))
		c->cgroup_id = cgroup_id_of_pid(c->root_pid);
	if (o->pod_uid)
		snprintf(c->pod_uid, sizeof(c->pod_uid), "%s", o->pod_uid);
	else if (cgroup_path_of_pid(c->root_pid, path, sizeof(path)) == 0 &&
		 cgroup_parse_path(path, &identity))
		memcpy(c->pod_uid, identity.pod_uid, sizeof(c->pod_uid));
	c->root_fd = sys_pidfd_open(c->root_pid);
	r = proc_namespace(&c->mount_namespace, c->root_pid, "mnt", err);
	if (r == 0)
		r = proc_namespace(&c->pid_namespace, c->root_pid, "pid", err);
	return r;
}

int container_find(struct container *out, const struct options *o, struct err *err)
{
	struct container c = { .root_fd = -1 };
	int r = 0;

	if (o->container_id)
		set_id(&c, o->container_id);
	else if (o->pod || o->pod_uid)
		r = find_by_pod(&c, o, err);
	if (r == 0)
		r = find_processes(&c, o, err);
	if (r == 0 && c.root_pid)
		r = describe(&c, o, err);
	if (r < 0) {
		container_finish(&c);
		return r;
	}
	*out = c;
	return 0;
}

void container_finish(struct container *c)
{
	if (c->root_fd >= 0)
		close(c->root_fd);
	c->root_fd = -1;
}

/* A pod that exists has at least its sandbox; cgroups may stay when it is gone. */
static bool pod_has_processes(const char *pod_uid)
{
	struct proc_pids all = { 0 };
	bool has_any = false;

	if (proc_pids_all(&all, NULL) < 0)
		return true;
	for (size_t i = 0; i < all.len && !has_any; i++) {
		struct cgroup_identity identity;
		char path[PATH_MAX];

		has_any = cgroup_path_of_pid(all.data[i], path, sizeof(path)) == 0 &&
			  cgroup_parse_path(path, &identity) &&
			  strcmp(identity.pod_uid, pod_uid) == 0;
	}
	proc_pids_finish(&all);
	return has_any;
}

/* The container that the kubelet has started in the place of @c. */
static enum container_state find_successor(struct container *c, const struct options *o)
{
	struct search search = { .options = o, .pod_uid = c->pod_uid, .not_id = c->id };
	struct container next = { .root_fd = -1 };
	struct err err;

	if (!pod_has_processes(c->pod_uid))
		return CONTAINER_GONE;
	if (search_cgroups(&search, &err) < 0)
		return CONTAINER_WAITS;
	/* Without its name, any other container could be meant. */
	if (search.id[0] == '\0' || !o->container)
		return CONTAINER_WAITS;
	memcpy(next.id, search.id, sizeof(next.id));
	if (find_processes(&next, o, &err) < 0 || describe(&next, o, &err) < 0) {
		container_finish(&next); // not yet there, or gone again
		return CONTAINER_WAITS;
	}
	container_finish(c);
	*c = next;
	return CONTAINER_RESTARTED;
}

enum container_state container_follow(struct container *c, const struct options *o)
{
	struct pollfd root = { .fd = c->root_fd, .events = POLLIN };

	if (c->root_fd < 0 || poll(&root, 1, 0) == 0)
		return CONTAINER_RUNS;
	if (c->pod_uid[0] == '\0')
		return CONTAINER_GONE;
	return find_successor(c, o);
}

void container_fill_filter(const struct container *c, uint64_t runtime[RUNTIME_COUNT])
{
	runtime[RUNTIME_FILTER_CGROUP] = c->cgroup_id;
	if (c->cgroup_id == 0)
		runtime[RUNTIME_FILTER_MNTNS] = c->mount_namespace.ino;
}
