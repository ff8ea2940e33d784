#include "names.h"

#include <string.h>

#include "sys.h"

struct update {
	const struct loaded *loaded;
	struct cgroups *cgroups;
};

bool names_are_compared(const struct image *im)
{
	for (uint32_t i = 0; i < im->kube_filter_count; i++) {
		if (im->kube_filters[i].which != KUBE_NODE)
			return true;
	}
	return false;
}

static const char *name_of(const struct kube_identity *identity, enum kube_name which)
{
	switch (which) {
	case KUBE_POD: return identity->pod;
	case KUBE_NAMESPACE: return identity->namespace_name;
	case KUBE_CONTAINER: return identity->container;
	case KUBE_POD_UID: return identity->pod_uid;
	default: return NULL;
	}
}

static void update_cgroup(void *ctx, uint64_t id, const struct kube_identity *identity)
{
	const struct update *u = ctx;
	const struct image *im = u->loaded->image;
	bool exists = cgroups_exists(u->cgroups, id);
	const uint8_t one = 1;

	for (uint32_t i = 0; i < im->kube_filter_count; i++) {
		const struct image_kube_filter *f = &im->kube_filters[i];
		const char *name = name_of(identity, f->which);

		/* The set of "" has those with any name. */
		if (!name || !name[0] || (f->text[0] && strcmp(name, f->text) != 0))
			continue;
		/* A set that is full, or an entry that isn't there, changes nothing. */
		if (exists)
			(void)!sys_map_update(u->loaded->map_fds[f->map], &id, &one, BPF_ANY);
		else
			(void)!sys_map_delete(u->loaded->map_fds[f->map], &id);
	}
}

void names_update(const struct loaded *l, struct cgroups *cgroups)
{
	struct update u = { .loaded = l, .cgroups = cgroups };

	(void)cgroups_scan(cgroups);
	cgroups_each(cgroups, update_cgroup, &u);
}
