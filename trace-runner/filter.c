#include "filter.h"

#include <string.h>

#include "sys.h"

static bool has_id(const filter_ids *ids, uint64_t id)
{
	vec_foreach (ids, have)
		if (*have == id)
			return true;
	return false;
}

/* What comes first, so that nothing is missed that is in both. */
static int update_set(struct filter *f, const struct loaded *l, const filter_ids *now)
{
	int fd = l->map_fds[l->image->filter_map];
	const uint8_t one = 1;
	int r = 0;

	vec_foreach (now, id) {
		if (r == 0 && !has_id(&f->ids, *id))
			r = sys_map_update(fd, id, &one, 0);
	}
	vec_foreach (&f->ids, id) {
		if (!has_id(now, *id))
			(void)!sys_map_delete(fd, id);
	}
	return r;
}

static int update_slot(struct loaded *l, const uint64_t runtime[RUNTIME_COUNT], uint64_t id)
{
	uint64_t values[RUNTIME_COUNT];

	memcpy(values, runtime, sizeof(values));
	values[RUNTIME_FILTER] = id;
	return load_set_runtime(l, values);
}

int filter_update(struct filter *f, struct loaded *l, const uint64_t runtime[RUNTIME_COUNT],
		  const struct containers *c)
{
	filter_ids now = containers_ids(c);
	int r = 0;

	if (c->filter.is_set)
		r = update_set(f, l, &now);
	else if (now.len)
		r = update_slot(l, runtime, now.data[0]);
	filter_finish(f);
	f->ids = now;
	return r;
}

void filter_finish(struct filter *f)
{
	vec_finish(&f->ids);
}
