/*
 * Kubernetes names of cgroups, from the folders in which the kubelet keeps logs.
 *
 *   /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log        names without '_' (DNS labels)
 *   /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log     links, one a container
 *
 * A static pod's UID in its folder is the hash that is also in its cgroup's name.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "kern/cgroups_internal.h"
#include "util/buf.h"
#include "util/str.h"

#define PODS_DIR       "/var/log/pods"
#define CONTAINERS_DIR "/var/log/containers"
#define LOG_SUFFIX     ".log"

struct pod_names {
	const char *namespace_name;
	const char *pod;
	const char *folder;
};

static DIR *open_dir(const struct cgroups *c, const char *path)
{
	struct buf full;
	DIR *dir;

	buf_init(&full, 8192);
	buf_printf(&full, "%s%s", c->host_root, path);
	dir = opendir(buf_cstr(&full));
	buf_finish(&full);
	return dir;
}

static void read_pod_folder(struct cgroups *c, const char *name)
{
	const char *first = strchr(name, '_'), *last = strrchr(name, '_');
	struct pod_names *p;

	if (!first || first == last || strmap_has(&c->pods, last + 1))
		return;
	p = arena_new(&c->arena, struct pod_names);
	p->namespace_name = arena_strndup(&c->arena, name, (size_t)(first - name));
	p->pod = arena_strndup(&c->arena, first + 1, (size_t)(last - first - 1));
	p->folder = arena_strdup(&c->arena, name);
	(void)strmap_put(&c->pods, last + 1, p);
}

static void read_container_link(struct cgroups *c, const char *name)
{
	const char *last = strrchr(name, '_'), *dash = strrchr(name, '-');
	size_t id_len;

	if (!last || !dash || dash < last || !str_ends_with(dash, LOG_SUFFIX))
		return;
	id_len = strlen(dash + 1) - strlen(LOG_SUFFIX);
	(void)strmap_put_n(&c->containers, dash + 1, id_len,
			   arena_strndup(&c->arena, last + 1, (size_t)(dash - last - 1)));
}

/* A few times a second at most: a search for names that are not there must not cost much. */
static void read_logs(struct cgroups *c)
{
	struct dirent *entry;
	uint64_t now = cgroups_now_ms();
	DIR *dir;

	if (c->logs_read_at && now - c->logs_read_at < CGROUPS_NAMES_MS)
		return;
	c->logs_read_at = now;
	dir = open_dir(c, PODS_DIR);
	while (dir && (entry = readdir(dir)))
		read_pod_folder(c, entry->d_name);
	if (dir)
		(void)closedir(dir);
	dir = open_dir(c, CONTAINERS_DIR);
	while (dir && (entry = readdir(dir)))
		read_container_link(c, entry->d_name);
	if (dir)
		(void)closedir(dir);
}

/*
 * On a node without those links the container's name is known if the pod has only one.  (With them,
 * an id without a link is the pod's sandbox, which has no name.)
 */
static const char *only_container(struct cgroups *c, const struct pod_names *p)
{
	char path[512];
	const char *name = NULL;
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), PODS_DIR "/%s", p->folder);
	dir = open_dir(c, path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (name) {
			name = "";
			break;
		}
		name = arena_strdup(&c->arena, entry->d_name);
	}
	if (dir)
		(void)closedir(dir);
	return name ? name : "";
}

static void identify(struct cgroups *c, struct cgroup_path *slot)
{
	struct cgroup_identity id;
	const struct pod_names *pod;
	const char *container;

	if (!cgroup_parse_path(slot->path, &id) || !*id.pod_uid) {
		slot->is_identified = true;
		return;
	}
	slot->is_pod = true;
	if (!strmap_has(&c->pods, id.pod_uid) ||
	    (*id.container_id && !strmap_has(&c->containers, id.container_id)))
		read_logs(c);
	pod = strmap_get(&c->pods, id.pod_uid);
	container = *id.container_id ? strmap_get(&c->containers, id.container_id) : "";
	slot->is_identified = pod && container;
	if (pod && !container && !c->containers.len)
		container = only_container(c, pod);
	slot->identity = (struct kube_identity){
		.namespace_name = pod ? pod->namespace_name : "",
		.pod = pod ? pod->pod : "",
		.pod_uid = strmap_intern(&c->strings, id.pod_uid, strlen(id.pod_uid)),
		.container = container ? container : "",
		.container_id =
			strmap_intern(&c->strings, id.container_id, strlen(id.container_id)),
	};
	slot->retry_at = cgroups_now_ms() + CGROUPS_NAMES_MS;
}

static bool identify_slot(struct cgroups *c, struct cgroup_path *slot)
{
	/* The kubelet makes the log folder a little after the cgroup. */
	if (!slot->is_identified && (!slot->retry_at || slot->retry_at <= cgroups_now_ms()))
		identify(c, slot);
	return slot->is_pod;
}

bool cgroups_identify(struct cgroups *c, uint64_t id, struct kube_identity *out)
{
	struct cgroup_path *slot = cgroups_slot(c, id);

	if (!slot || !identify_slot(c, slot))
		return false;
	*out = slot->identity;
	return true;
}

size_t cgroups_scan(struct cgroups *c)
{
	struct hierarchy *h = cgroups_v2(c);
	size_t added = h ? cgroups_walk(c, h) : 0;

	for (size_t i = 0; h && i < h->known.size; i++) {
		if (h->known.slots[i].path)
			(void)identify_slot(c, &h->known.slots[i]);
	}
	return added;
}

bool cgroups_exists(struct cgroups *c, uint64_t id)
{
	struct hierarchy *h = cgroups_v2(c);
	const struct cgroup_path *slot = h ? cgroups_known(h, id) : NULL;

	return slot && slot->walk == h->walks;
}

void cgroups_each(struct cgroups *c, cgroups_each_fn fn, void *ctx)
{
	struct hierarchy *h = cgroups_v2(c);

	for (size_t i = 0; h && i < h->known.size; i++) {
		struct cgroup_path *slot = &h->known.slots[i];

		if (slot->path && identify_slot(c, slot))
			fn(ctx, slot->id, &slot->identity);
	}
}
