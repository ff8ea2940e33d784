#include "container.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "sys.h"

bool containers_are_wanted(const struct options *o)
{
	return o->containers.len > 0 || o->selector;
}

/* ---- one container --------------------------------------------------------------------------- */

/* A container looked for by the names of its pod. */
struct search {
	const struct container_name *name;
	const char *pod_uid; // instead of the name's pod, or NULL
	const char *not_id;  // the container that has ended, or NULL
	char id[CGROUP_CONTAINER_ID_MAX];
	uint64_t start;        // of its first process
	size_t pod_containers; // named ones of the pod that matches
};

static bool is_pod(const struct search *s, const struct kube_identity *identity)
{
	const struct container_name *n = s->name;
	const char *slash = n->pod ? strchr(n->pod, '/') : NULL;
	const char *name = slash ? slash + 1 : n->pod;

	if (s->pod_uid)
		return identity->pod_uid && strcmp(identity->pod_uid, s->pod_uid) == 0;
	if (n->pod_uid && (!identity->pod_uid || strcmp(identity->pod_uid, n->pod_uid) != 0))
		return false;
	if (name && (!identity->pod || strcmp(identity->pod, name) != 0))
		return false;
	return !slash ||
	       (identity->namespace_name &&
		strncmp(identity->namespace_name, n->pod, (size_t)(slash - n->pod)) == 0 &&
		identity->namespace_name[slash - n->pod] == '\0');
}

/* 0: nothing runs in it. */
static uint64_t start_time(const char *container_id)
{
	struct proc_pids pids = { 0 };
	uint64_t start = 0;

	if (proc_pids_by_container(&pids, container_id, NULL) == 0)
		start = proc_start_time(pids.data[0]);
	proc_pids_finish(&pids);
	return start;
}

/*
 * The youngest one: on a node that does not tell the names of containers the pod's sandbox, which
 * is the oldest, goes by the name of the only container.
 */
static void try_cgroup(void *ctx, uint64_t id, const struct kube_identity *identity)
{
	struct search *s = ctx;
	uint64_t start;

	(void)id;
	if (!is_pod(s, identity))
		return;
	if (!identity->container_id || !identity->container_id[0] || !identity->container ||
	    !identity->container[0])
		return;
	s->pod_containers++;
	if (s->not_id && strcmp(identity->container_id, s->not_id) == 0)
		return;
	if (s->name->container && strcmp(identity->container, s->name->container) != 0)
		return;
	start = start_time(identity->container_id);
	if (start <= s->start)
		return;
	s->start = start;
	snprintf(s->id, sizeof(s->id), "%s", identity->container_id);
}

static int search_cgroups(struct search *s, const struct options *o, struct err *err)
{
	struct cgroups *cgroups = NULL;
	int r = cgroups_new(&cgroups, o->host_root ? o->host_root : "", err);

	if (r < 0)
		return r;
	(void)cgroups_scan(cgroups);
	cgroups_each(cgroups, try_cgroup, s);
	cgroups_free(cgroups);
	return 0;
}

static int find_by_pod(struct container *out, const struct options *o, struct err *err)
{
	const struct container_name *n = out->name;
	struct search search = { .name = n };
	int r = search_cgroups(&search, o, err);

	if (r < 0)
		return r;
	if (search.id[0] == '\0' && search.pod_containers > 0)
		return err_set(err, -ESRCH, "the pod has no running container '%s' on this node",
			       n->container);
	if (search.id[0] == '\0')
		return err_set(err, -ESRCH, "no running pod '%s' on this node",
			       n->pod ? n->pod : n->pod_uid);
	memcpy(out->id, search.id, sizeof(out->id));
	return 0;
}

static void set_id(struct container *out, const char *id)
{
	const char *scheme = strstr(id, "://");

	snprintf(out->id, sizeof(out->id), "%s", scheme ? scheme + strlen("://") : id);
}

static int find_first_process(struct container *c, struct err *err)
{
	struct proc_pids pids = { 0 };
	int r = proc_pids_by_container(&pids, c->id, err);

	if (r == 0)
		c->root_pid = pids.data[0];
	proc_pids_finish(&pids);
	return r;
}

/* What is known of the container through its first process. */
static int describe(struct container *c, struct err *err)
{
	struct cgroup_identity identity;
	char path[PATH_MAX];
	int r;

	c->cgroup_id = cgroup_id_of_container(c->root_pid, &c->cgroup_level);
	if (c->name->pod_uid)
		snprintf(c->pod_uid, sizeof(c->pod_uid), "%s", c->name->pod_uid);
	else if (cgroup_path_of_pid(c->root_pid, path, sizeof(path)) == 0 &&
		 cgroup_parse_path(path, &identity))
		memcpy(c->pod_uid, identity.pod_uid, sizeof(c->pod_uid));
	c->root_fd = sys_pidfd_open(c->root_pid);
	r = proc_namespace(&c->mount_namespace, c->root_pid, "mnt", err);
	if (r == 0)
		r = proc_namespace(&c->pid_namespace, c->root_pid, "pid", err);
	return r;
}

static void finish_container(struct container *c)
{
	if (c->root_fd >= 0)
		close(c->root_fd);
	c->root_fd = -1;
}

static int find_container(struct container *out, const struct container_name *name,
			  const struct options *o, struct err *err)
{
	struct container c = { .name = name, .root_fd = -1 };
	int r = 0;

	if (name->id)
		set_id(&c, name->id);
	else if (name->pod || name->pod_uid)
		r = find_by_pod(&c, o, err);
	else
		r = err_set(err, -EINVAL, "--container needs --pod or --pod-uid");
	if (r == 0)
		r = find_first_process(&c, err);
	if (r == 0)
		r = describe(&c, err);
	if (r < 0) {
		finish_container(&c);
		return r;
	}
	*out = c;
	return 0;
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

/*
 * Looks at container @id in the place of @c; false: it isn't there.  While it is made, its first
 * process is a runtime's helper, that may not be in its cgroup yet and ends soon.
 */
static bool take_container(struct container *c, const char *id)
{
	struct container next = { .name = c->name, .root_fd = -1 };
	struct err err;

	snprintf(next.id, sizeof(next.id), "%s", id);
	if (find_first_process(&next, &err) < 0 || describe(&next, &err) < 0 ||
	    (c->cgroup_id && !next.cgroup_id)) {
		finish_container(&next);
		return false;
	}
	finish_container(c);
	*c = next;
	return true;
}

/* Takes the container that the kubelet has started in the place of @c; false: there is none yet. */
static bool find_successor(struct container *c, const struct options *o)
{
	struct search search = { .name = c->name, .pod_uid = c->pod_uid, .not_id = c->id };
	struct err err;

	/* Without its name, any other container could be meant. */
	if (!c->name->container || search_cgroups(&search, o, &err) < 0 || search.id[0] == '\0')
		return false;
	return take_container(c, search.id);
}

/* Whether its ids have changed. */
static bool follow_container(struct container *c, const struct options *o)
{
	struct pollfd root = { .fd = c->root_fd, .events = POLLIN };

	if (c->is_gone || c->root_fd < 0 || poll(&root, 1, 0) == 0)
		return false;
	if (take_container(c, c->id))
		return true; // another of its processes
	if (c->pod_uid[0] && pod_has_processes(c->pod_uid))
		return find_successor(c, o);
	c->is_gone = true;
	return true;
}

/* ---- processes ------------------------------------------------------------------------------- */

static int compare_pids(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The processes of all containers. */
static int find_processes(struct proc_pids *out, const struct containers *c)
{
	vec_of(pid_t) all = { 0 };

	vec_foreach (&c->list, container) {
		struct proc_pids pids = { 0 };

		if (proc_pids_by_container(&pids, container->id, NULL) < 0)
			continue;
		for (size_t i = 0; i < pids.len; i++)
			vec_push(NULL, &all, pids.data[i]);
		proc_pids_finish(&pids);
	}
	if (all.len)
		qsort(all.data, all.len, sizeof(*all.data), compare_pids);
	*out = (struct proc_pids){ .data = all.data, .len = all.len };
	return 0;
}

static int select_processes(struct proc_pids *out, const struct containers *c,
			    const struct options *o, struct err *err)
{
	struct proc_pids within = { 0 };
	int r = 0;

	if (c->list.len)
		r = find_processes(&within, c);
	if (r == 0)
		r = proc_pids_by_selector(out, o->selector, c->list.len ? &within : NULL, err);
	proc_pids_finish(&within);
	return r;
}

/* "pid=": no process that comes later can be meant. */
static bool is_fixed(const char *selector)
{
	return strncmp(selector, "pid=", 4) == 0 || strstr(selector, ",pid=");
}

static bool follow_selected(struct containers *c, const struct options *o)
{
	struct proc_pids now = { 0 };
	bool is_same;

	if (c->selected_fd >= 0 || select_processes(&now, c, o, NULL) < 0)
		return false;
	is_same = now.len == c->selected.len &&
		  (now.len == 0 ||
		   memcmp(now.data, c->selected.data, now.len * sizeof(*now.data)) == 0);
	proc_pids_finish(&c->selected);
	c->selected = now;
	return !is_same;
}

static bool selected_has_ended(const struct containers *c)
{
	struct pollfd selected = { .fd = c->selected_fd, .events = POLLIN };

	return c->selected_fd >= 0 && poll(&selected, 1, 0) > 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void add_level(struct image_filter *f, uint32_t level)
{
	for (uint32_t i = 0; i < f->level_count; i++) {
		if (f->levels[i] == level)
			return;
	}
	f->levels[f->level_count++] = level;
}

static void choose_filter(struct containers *c)
{
	struct image_filter *f = &c->filter;
	bool has_levels = true;

	f->is_set = c->list.len > 1;
	if (c->has_selector) {
		f->kind = FILTER_PID;
		f->is_set = c->selected_fd < 0;
		f->has_own_pids = !proc_in_initial_pid_namespace();
		return;
	}
	f->kind = c->list.len ? FILTER_CGROUP : FILTER_NONE;
	vec_foreach (&c->list, container) {
		if (container->cgroup_id == 0)
			f->kind = FILTER_MNTNS;
	}
	vec_foreach (&c->list, container) {
		has_levels =
			has_levels && container->cgroup_level && f->level_count < FILTER_LEVELS_MAX;
		if (has_levels)
			add_level(f, container->cgroup_level);
	}
	if (!has_levels)
		f->level_count = 0;
}

static int find_containers(struct containers *c, const struct options *o, struct err *err)
{
	vec_foreach (&o->containers, name) {
		struct container found;
		int r = find_container(&found, name, o, err);

		if (r == 0)
			vec_push(NULL, &c->list, found);
		else if (o->containers.len == 1 || r != -ESRCH)
			return r;
	}
	if (o->containers.len && !c->list.len)
		return -ESRCH;
	if (c->list.len < o->containers.len)
		message_warning("%zu of %zu containers are not on this node any more",
				o->containers.len - c->list.len, o->containers.len);
	return 0;
}

int containers_find(struct containers *out, const struct options *o, struct err *err)
{
	struct containers c = CONTAINERS_NONE;
	int r = find_containers(&c, o, err);

	if (r == 0 && o->selector) {
		c.has_selector = true;
		r = select_processes(&c.selected, &c, o, err);
		if (r == 0 && is_fixed(o->selector) && c.selected.len == 1)
			c.selected_fd = sys_pidfd_open(c.selected.data[0]);
	}
	if (r < 0) {
		containers_finish(&c);
		return r;
	}
	if (!o->is_whole_node)
		choose_filter(&c);
	*out = c;
	return 0;
}

void containers_finish(struct containers *c)
{
	vec_foreach (&c->list, container)
		finish_container(container);
	vec_finish(&c->list);
	proc_pids_finish(&c->selected);
	if (c->selected_fd >= 0)
		close(c->selected_fd);
	*c = CONTAINERS_NONE;
}

pid_t containers_pid(const struct containers *c)
{
	if (c->has_selector)
		return c->selected.len ? c->selected.data[0] : 0;
	return c->list.len ? c->list.data[0].root_pid : 0;
}

enum containers_state containers_follow(struct containers *c, const struct options *o)
{
	bool is_changed = false, is_gone = c->list.len > 0;

	if (c->filter.kind == FILTER_NONE)
		return CONTAINERS_SAME;
	vec_foreach (&c->list, container) {
		is_changed |= follow_container(container, o);
		is_gone &= container->is_gone;
	}
	if (is_gone || selected_has_ended(c))
		return CONTAINERS_GONE;
	if (c->has_selector)
		is_changed = follow_selected(c, o);
	return is_changed ? CONTAINERS_CHANGED : CONTAINERS_SAME;
}

filter_ids containers_ids(const struct containers *c)
{
	filter_ids ids = { 0 };

	for (size_t i = 0; c->filter.kind == FILTER_PID && i < c->selected.len; i++)
		vec_push(NULL, &ids, (uint64_t)c->selected.data[i]);
	vec_foreach (&c->list, container) {
		uint64_t id = c->filter.kind == FILTER_CGROUP  ? container->cgroup_id
			      : c->filter.kind == FILTER_MNTNS ? container->mount_namespace.ino
							       : 0;

		if (id && !container->is_gone)
			vec_push(NULL, &ids, id);
	}
	return ids;
}
