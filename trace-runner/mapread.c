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

/* A BPF map with entries of a variable, and where they go: after what is there already. */
struct part {
	const struct image_var *var;
	int fd;
	size_t key, value; // bytes
	size_t limit;      // entries
	size_t keys_at;    // in m->keys
	size_t values_at;  // in m->values
};

#define PARTS_MAX 2

/* The maps of @v that have keys; returns how many. */
static size_t find_parts(const struct mapread *m, const struct image_var *v, struct part *parts)
{
	const int64_t maps[PARTS_MAX] = { v->map, v->short_map };
	size_t count = 0;

	for (size_t i = 0; i < PARTS_MAX; i++) {
		const struct image_map *map = &m->loaded->image->maps[maps[i] < 0 ? 0 : maps[i]];

		if (maps[i] >= 0)
			parts[count++] = (struct part){ .var = v,
							.fd = m->loaded->map_fds[maps[i]],
							.key = map->key_size,
							.value = value_size(m, v),
							.limit = map->max_entries };
	}
	return count;
}

static unsigned char *part_key(const struct mapread *m, const struct part *p, size_t i)
{
	return m->keys + p->keys_at + i * p->key;
}

static unsigned char *part_value(const struct mapread *m, const struct part *p, size_t i)
{
	return m->values + p->values_at + i * p->value;
}

static int reserve(struct mapread *m, const struct part *p, size_t entries)
{
	int r = grow(&m->keys, &m->key_bytes, p->keys_at + p->key * entries);

	return r < 0 ? r : grow(&m->values, &m->value_bytes, p->values_at + p->value * entries);
}

/* -EINVAL, before anything was read: this map has no batch operations. */
static int read_batches(struct mapread *m, const struct part *p, size_t *count)
{
	/* The position is a bucket number, or a key for maps without buckets. */
	_cleanup_free_ void *position = calloc(1, p->key < 8 ? 8 : p->key);
	uint32_t batch = BATCH_ENTRIES;
	bool is_first = true;
	int r;

	if (!position)
		return -ENOMEM;
	for (;;) {
		uint32_t n = batch;

		r = reserve(m, p, *count + batch);
		if (r < 0)
			return r;
		r = sys_map_lookup_batch(p->fd, is_first ? NULL : position, position,
					 part_key(m, p, *count), part_value(m, p, *count), &n);
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

static int read_each(struct mapread *m, const struct part *p, size_t *count)
{
	const void *last = NULL;
	int r = 0;

	/* Entries that are deleted meanwhile make the walk start again: end it at the limit. */
	while (*count < p->limit) {
		r = reserve(m, p, *count + 1);
		if (r < 0)
			return r;
		last = *count ? part_key(m, p, *count - 1) : NULL;
		r = sys_map_next_key(p->fd, last, part_key(m, p, *count));
		if (r < 0)
			break;
		r = sys_map_lookup(p->fd, part_key(m, p, *count), part_value(m, p, *count));
		if (r < 0 && r != -ENOENT)
			return r;
		*count += r == 0;
		if (r == -ENOENT)
			break; // gone, and with it the way to the next one
	}
	return r == -ENOENT ? 0 : r;
}

static int read_part(struct mapread *m, const struct part *p, size_t *count)
{
	int r = read_batches(m, p, count);

	if (r == -EINVAL || r == -EOPNOTSUPP || r == -524 /* the kernel's own ENOTSUPP */) {
		*count = 0;
		r = read_each(m, p, count);
	}
	return r;
}

/* Give the @count keys of @p the size of the variable's, with zeros. */
static int widen_keys(struct mapread *m, const struct part *p, size_t count)
{
	size_t size = p->var->key->size;
	int r = grow(&m->keys, &m->key_bytes, p->keys_at + size * count);

	if (r < 0 || p->key == size)
		return r;
	for (size_t i = count; i-- > 0;) {
		unsigned char *to = m->keys + p->keys_at + i * size;

		memmove(to, part_key(m, p, i), p->key);
		memset(to + p->key, 0, size - p->key);
	}
	return 0;
}

int mapread_get(struct mapread *m, uint32_t var, struct record_map *out, struct err *err)
{
	const struct image_var *v = var_at(m, var);
	struct record_map map = { .var = v, .cpus = m->cpus };
	struct part parts[PARTS_MAX];
	size_t n;
	int r = 0;

	if (is_slot(v)) {
		map.values = (unsigned char *)m->loaded->map_memory[v->map] + v->offset;
		map.count = 1;
		map.cpus = v->storage == STORAGE_GLOBAL_PERCPU ? m->loaded->image->cpu_slots : 1;
		*out = map;
		return 0;
	}
	n = find_parts(m, v, parts);
	for (size_t i = 0; r == 0 && i < n; i++) {
		size_t count = 0;

		parts[i].keys_at = map.count * v->key->size;
		parts[i].values_at = map.count * parts[i].value;
		r = read_part(m, &parts[i], &count);
		if (r == 0)
			r = widen_keys(m, &parts[i], count);
		map.count += count;
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
static int read_keys(struct mapread *m, const struct part *p, size_t *count)
{
	int r = 0;

	while (*count < p->limit) {
		r = grow(&m->keys, &m->key_bytes, p->key * (*count + 1));
		if (r < 0)
			return r;
		r = sys_map_next_key(p->fd, *count ? part_key(m, p, *count - 1) : NULL,
				     part_key(m, p, *count));
		if (r < 0)
			break;
		(*count)++;
	}
	return r == -ENOENT ? 0 : r;
}

/* Delete the entries of @p, or set their values to @zero. */
static int reset_entries(struct mapread *m, const struct part *p, const void *zero)
{
	size_t count = 0;
	int r = read_keys(m, p, &count);

	for (size_t i = 0; r == 0 && i < count; i++) {
		const void *key = part_key(m, p, i);

		r = zero ? sys_map_update(p->fd, key, zero, BPF_EXIST) : sys_map_delete(p->fd, key);
		if (r == -ENOENT)
			r = 0; // the script was faster
	}
	return r;
}

static int reset(struct mapread *m, const struct image_var *v, bool keeps_keys)
{
	_cleanup_free_ void *zero = NULL;
	struct part parts[PARTS_MAX];
	size_t n;
	int r = 0;

	if (is_slot(v)) {
		reset_slots(m, v, keeps_keys);
		return 0;
	}
	if (keeps_keys) {
		zero = calloc(1, value_size(m, v) + 1);
		if (!zero)
			return -ENOMEM;
	}
	n = find_parts(m, v, parts);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = reset_entries(m, &parts[i], zero);
	return r;
}

int mapread_clear(struct mapread *m, uint32_t var, struct err *err)
{
	const struct image_var *v = var_at(m, var);
	int r = reset(m, v, false);

	return r < 0 ? err_errno(err, r, "clearing the map '%s'", v->name) : 0;
}

int mapread_zero(struct mapread *m, uint32_t var, struct err *err)
{
	const struct image_var *v = var_at(m, var);
	int r = reset(m, v, true);

	return r < 0 ? err_errno(err, r, "zeroing the map '%s'", v->name) : 0;
}
