#include "mapread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kern/cpus.h"
#include "sys.h"
#include "util/fd.h"

#define BATCH_ENTRIES 1024

unsigned int mapread_possible_cpus(void)
{
	cpu_list cpus = { 0 };
	size_t count;

	cpus_read(&cpus, "possible");
	count = cpus.len;
	vec_finish(&cpus);
	return (unsigned int)count;
}

void mapread_init(struct mapread *m, const struct loaded *l)
{
	*m = (struct mapread){ .loaded = l, .cpus = mapread_possible_cpus() };
}

void mapread_finish(struct mapread *m)
{
	free(m->keys);
	free(m->values);
	*m = (struct mapread){ .loaded = NULL };
}

static const struct image_var *var_at(const struct mapread *m, uint32_t var)
{
	return &m->loaded->image->vars[var];
}

static int map_fd(const struct mapread *m, const struct image_var *v)
{
	return m->loaded->map_fds[v->map];
}

static bool is_slot(const struct image_var *v)
{
	return v->storage == STORAGE_GLOBAL || v->storage == STORAGE_GLOBAL_PERCPU;
}

/* The bytes of one entry's value, all CPUs' together. */
static size_t value_size(const struct mapread *m, const struct image_var *v)
{
	size_t size = m->loaded->image->maps[v->map].value_size;

	if (v->storage == STORAGE_PERCPU_HASH)
		return (size + 7) / 8 * 8 * m->cpus;
	return size;
}

static int grow(unsigned char **data, size_t *bytes, size_t needed)
{
	unsigned char *more;
	size_t size = *bytes ? *bytes : 4096;

	if (needed <= *bytes)
		return 0;
	while (size < needed)
		size *= 2;
	more = realloc(*data, size);
	if (!more)
		return -ENOMEM;
	*data = more;
	*bytes = size;
	return 0;
}

static int reserve(struct mapread *m, size_t key, size_t value, size_t entries)
{
	int r = grow(&m->keys, &m->key_bytes, key * entries);

	return r < 0 ? r : grow(&m->values, &m->value_bytes, value * entries);
}

/* -EINVAL, before anything was read: this map has no batch operations. */
static int read_batches(struct mapread *m, const struct image_var *v, size_t *count)
{
	size_t key = m->loaded->image->maps[v->map].key_size;
	size_t value = value_size(m, v);
	/* The position is a bucket number, or a key for maps without buckets. */
	_cleanup_free_ void *position = calloc(1, key < 8 ? 8 : key);
	uint32_t batch = BATCH_ENTRIES;
	bool is_first = true;
	int r;

	if (!position)
		return -ENOMEM;
	for (;;) {
		uint32_t n = batch;

		r = reserve(m, key, value, *count + batch);
		if (r < 0)
			return r;
		r = sys_map_lookup_batch(map_fd(m, v), is_first ? NULL : position, position,
					 m->keys + *count * key, m->values + *count * value, &n);
		if (r == -ENOSPC) {
			batch *= 2; // one bucket has more
			continue;
		}
		if (r < 0 && r != -ENOENT)
			return r;
		*count += n;
		is_first = false;
		if (r == -ENOENT)
			return 0;
	}
}

static int read_each(struct mapread *m, const struct image_var *v, size_t *count)
{
	size_t key = m->loaded->image->maps[v->map].key_size;
	size_t value = value_size(m, v);
	size_t limit = m->loaded->image->maps[v->map].max_entries;
	const void *last = NULL;
	int r = 0;

	/* Entries that are deleted meanwhile make the walk start again: end it at the limit. */
	while (*count < limit) {
		r = reserve(m, key, value, *count + 1);
		if (r < 0)
			return r;
		last = *count ? m->keys + (*count - 1) * key : NULL;
		r = sys_map_next_key(map_fd(m, v), last, m->keys + *count * key);
		if (r < 0)
			break;
		r = sys_map_lookup(map_fd(m, v), m->keys + *count * key,
				   m->values + *count * value);
		if (r < 0 && r != -ENOENT)
			return r;
		*count += r == 0;
		if (r == -ENOENT)
			break; // gone, and with it the way to the next one
	}
	return r == -ENOENT ? 0 : r;
}

int mapread_get(struct mapread *m, uint32_t var, struct record_map *out, struct err *err)
{
	const struct image_var *v = var_at(m, var);
	struct record_map map = { .var = v, .cpus = m->cpus };
	int r;

	if (is_slot(v)) {
		map.values = (unsigned char *)m->loaded->map_memory[v->map] + v->offset;
		map.count = 1;
		map.cpus = v->storage == STORAGE_GLOBAL_PERCPU ? m->loaded->image->cpu_slots : 1;
		*out = map;
		return 0;
	}
	r = read_batches(m, v, &map.count);
	if (r == -EINVAL || r == -EOPNOTSUPP || r == -524 /* the kernel's own ENOTSUPP */) {
		map.count = 0;
		r = read_each(m, v, &map.count);
	}
	if (r < 0)
		return err_errno(err, r, "reading the map '%s'", v->name);
	map.keys = m->keys;
	map.values = m->values;
	*out = map;
	return 0;
}

/* Visits the slot of each CPU (or the only one). */
static void reset_slots(struct mapread *m, const struct image_var *v, bool keeps_set)
{
	unsigned char *slot = (unsigned char *)m->loaded->map_memory[v->map] + v->offset;
	uint32_t slots = v->storage == STORAGE_GLOBAL_PERCPU ? m->loaded->image->cpu_slots : 1;

	for (uint32_t i = 0; i < slots; i++, slot += v->stride) {
		memset(slot + sizeof(uint64_t), 0, v->value->size);
		if (!keeps_set)
			memset(slot, 0, sizeof(uint64_t));
	}
}

/* The keys that are there now, into m->keys. */
static int read_keys(struct mapread *m, const struct image_var *v, size_t *count)
{
	size_t key = m->loaded->image->maps[v->map].key_size;
	size_t limit = m->loaded->image->maps[v->map].max_entries;
	int r = 0;

	while (*count < limit) {
		r = grow(&m->keys, &m->key_bytes, key * (*count + 1));
		if (r < 0)
			return r;
		r = sys_map_next_key(map_fd(m, v), *count ? m->keys + (*count - 1) * key : NULL,
				     m->keys + *count * key);
		if (r < 0)
			break;
		(*count)++;
	}
	return r == -ENOENT ? 0 : r;
}

int mapread_clear(struct mapread *m, uint32_t var, struct err *err)
{
	const struct image_var *v = var_at(m, var);
	size_t key = m->loaded->image->maps[v->map].key_size;
	size_t count = 0;
	int r;

	if (is_slot(v)) {
		reset_slots(m, v, false);
		return 0;
	}
	r = read_keys(m, v, &count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = sys_map_delete(map_fd(m, v), m->keys + i * key);
		if (r == -ENOENT)
			r = 0; // the script was faster
	}
	return r < 0 ? err_errno(err, r, "clearing the map '%s'", v->name) : 0;
}

int mapread_zero(struct mapread *m, uint32_t var, struct err *err)
{
	const struct image_var *v = var_at(m, var);
	size_t key = m->loaded->image->maps[v->map].key_size;
	_cleanup_free_ void *zero = NULL;
	size_t count = 0;
	int r;

	if (is_slot(v)) {
		reset_slots(m, v, true);
		return 0;
	}
	zero = calloc(1, value_size(m, v) + 1);
	if (!zero)
		return err_set(err, -ENOMEM, "no memory");
	r = read_keys(m, v, &count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = sys_map_update(map_fd(m, v), m->keys + i * key, zero, BPF_EXIST);
		if (r == -ENOENT)
			r = 0;
	}
	return r < 0 ? err_errno(err, r, "zeroing the map '%s'", v->name) : 0;
}
