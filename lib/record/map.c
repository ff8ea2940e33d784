#include "record/map.h"

#include <stdlib.h>
#include <string.h>

#include "record/agg.h"
#include "record/num.h"
#include "record/order.h"
#include "record/value.h"
#include "util/strmap.h"

#define ORDER_MAX (1u << 20) // bytes of one key's order

/* Where the copies of the values are. */
struct layout {
	size_t key_size;
	size_t entry_stride;
	size_t copy_stride;
	unsigned int copies;
	size_t value_offset; // after is_set
	bool has_set_flag;
};

static void find_layout(struct layout *l, const struct record_map *map)
{
	const struct image_var *var = map->var;
	size_t size = var->value->size, rounded = (size + 7) & ~(size_t)7;

	*l = (struct layout){ .key_size = var->key ? var->key->size : 0, .copies = 1 };
	switch (var->storage) {
	case STORAGE_PERCPU_HASH:
		l->copies = map->cpus;
		l->copy_stride = rounded;
		l->entry_stride = rounded * map->cpus;
		break;
	case STORAGE_GLOBAL_PERCPU:
		l->copies = map->cpus;
		l->copy_stride = var->stride;
		l->value_offset = 8;
		l->has_set_flag = true;
		break;
	case STORAGE_GLOBAL:
		l->value_offset = 8;
		l->has_set_flag = true;
		break;
	default: l->entry_stride = size;
	}
}

static bool is_set(const struct layout *l, const char *slots)
{
	if (!l->has_set_flag)
		return true;
	for (unsigned int i = 0; i < l->copies; i++) {
		if (num_load(slots + i * l->copy_stride, 8, false))
			return true;
	}
	return false;
}

static bool is_zero(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i])
			return false;
	}
	return true;
}

/* Of the copies of a value that can't be added up: the first one that is something. */
static const char *choose_copy(const struct agg_copies *copies, size_t size)
{
	for (unsigned int i = 0; i < copies->count; i++) {
		const char *p = copies->data + i * copies->stride;

		if (!is_zero(p, size))
			return p;
	}
	return copies->data;
}

static void read_entry(struct record_table *t, struct record_entry *e, const struct layout *l,
		       const char *key, const char *slots)
{
	const struct agg_ops *ops = agg_of(t->value);
	struct agg_copies copies = { .data = slots + l->value_offset,
				     .stride = l->copy_stride,
				     .count = l->copies };

	e->key = t->is_keyed ? key : NULL;
	e->key_size = (uint32_t)l->key_size;
	if (ops) {
		ops->reduce(e, t->value, &copies, t->arena);
		if (t->value->kind == SHAPE_AGG && t->value->agg == AGG_TSERIES &&
		    e->bucket_count && e->buckets[e->bucket_count - 1].index > t->last_epoch)
			t->last_epoch = e->buckets[e->bucket_count - 1].index;
		return;
	}
	e->data = choose_copy(&copies, t->value->size);
	e->data_size = t->value->size;
	if (t->value->kind == SHAPE_ENUM)
		e->number.total = value_integer(t->value, e->data);
}

/* Of several cgroups, one name. */
static bool has_names(const struct shape *shape)
{
	if (!shape)
		return false;
	for (uint32_t i = 0; shape->members && i < shape->count; i++) {
		if (has_names(shape->members[i].shape))
			return true;
	}
	return shape->kind == SHAPE_KUBE || has_names(shape->elem);
}

/* Bytes that are the same for keys that print the same, and in their order. */
static void put_order(const struct record_table *t, struct value_walker *walker, struct buf *out,
		      const struct record_entry *e)
{
	struct record_value v = { .env = t->env, .data = e->key, .size = e->key_size };
	struct writer w = { .ops = &order_writer, .out = out };

	if (!t->is_serialised)
		v.shape = t->key;
	if (t->is_serialised || t->has_names)
		value_write(walker, &w, &v);
	else if (t->key)
		order_put(out, t->key, e->key);
}

static void merge_names(struct record_table *t)
{
	const struct agg_ops *ops = agg_of(t->value);
	struct value_walker walker;
	struct strmap index;
	struct buf name;
	size_t kept = 0;

	value_walker_init(&walker, t->env);
	strmap_init(&index, t->arena);
	buf_init(&name, ORDER_MAX);
	for (size_t i = 0; i < t->count; i++) {
		struct record_entry *e = &t->entries[i], *known;

		buf_clear(&name);
		put_order(t, &walker, &name, e);
		known = strmap_get_n(&index, buf_cstr(&name), name.len);
		if (known && ops) {
			ops->merge(known, e, t->value, t->arena);
		} else if (known) {
			known->data = e->data;
		} else {
			t->entries[kept] = *e;
			strmap_put_n(&index, buf_cstr(&name), name.len, &t->entries[kept++]);
		}
	}
	t->count = kept;
	buf_finish(&name);
	value_walker_finish(&walker);
}

void table_read(struct record_table *t, struct arena *a, const struct record_env *env,
		const struct record_map *map)
{
	struct layout l;

	*t = (struct record_table){
		.arena = a,
		.env = env,
		.name = map->var->name,
		.key = map->var->key,
		.value = map->var->value,
		.is_keyed = map->var->key != NULL,
		.has_names = has_names(map->var->key),
		.div = 1,
	};
	find_layout(&l, map);
	t->entries = arena_array(a, struct record_entry, map->count);
	t->cap = map->count;
	for (size_t i = 0; i < map->count; i++) {
		const char *slots = (const char *)map->values + i * l.entry_stride;

		if (!is_set(&l, slots))
			continue;
		read_entry(t, &t->entries[t->count++], &l, (const char *)map->keys + i * l.key_size,
			   slots);
	}
	if (t->has_names)
		merge_names(t);
}

static void find_orders(struct record_table *t)
{
	struct value_walker walker;
	struct buf order;

	value_walker_init(&walker, t->env);
	buf_init(&order, ORDER_MAX);
	for (size_t i = 0; i < t->count; i++) {
		struct record_entry *e = &t->entries[i];

		buf_clear(&order);
		put_order(t, &walker, &order, e);
		e->order = arena_memdup(t->arena, buf_cstr(&order), order.len);
		e->order_size = (uint32_t)order.len;
		for (size_t j = 0; j < 8; j++)
			e->order_prefix = e->order_prefix << 8 | (j < order.len ? e->order[j] : 0);
	}
	buf_finish(&order);
	value_walker_finish(&walker);
}

static int compare_u64(uint64_t a, uint64_t b, bool is_signed)
{
	if (is_signed)
		return ((int64_t)a > (int64_t)b) - ((int64_t)a < (int64_t)b);
	return (a > b) - (a < b);
}

static int compare_keys(const struct record_entry *a, const struct record_entry *b)
{
	uint32_t size = a->order_size < b->order_size ? a->order_size : b->order_size;
	int order;

	if (a->order_prefix != b->order_prefix)
		return compare_u64(a->order_prefix, b->order_prefix, false);
	order = memcmp(a->order, b->order, size);
	return order ? order : compare_u64(a->order_size, b->order_size, false);
}

static enum agg_order table_order(const struct record_table *t)
{
	const struct agg_ops *ops = agg_of(t->value);

	if (ops)
		return ops->order;
	return t->value && t->value->kind == SHAPE_ENUM ? AGG_ORDER_TOTAL : AGG_ORDER_KEY;
}

static int compare_entries(const void *x, const void *y, void *ctx)
{
	const struct record_table *t = ctx;
	const struct record_entry *a = x, *b = y;
	bool is_signed = t->value && t->value->is_signed;
	int order = 0;

	switch (table_order(t)) {
	case AGG_ORDER_KEY: break;
	case AGG_ORDER_TOTAL:
		order = compare_u64(a->number.total, b->number.total, is_signed);
		break;
	case AGG_ORDER_UNSIGNED:
		order = compare_u64(a->number.total, b->number.total, false);
		break;
	case AGG_ORDER_AVERAGE:
		order = compare_u64(agg_average(&a->number, is_signed),
				    agg_average(&b->number, is_signed), is_signed);
		break;
	}
	return order ? order : compare_keys(a, b);
}

void table_sort(struct record_table *t, uint32_t top)
{
	t->index = NULL; // entries move
	if (t->count > 1) {
		find_orders(t);
		qsort_r(t->entries, t->count, sizeof(*t->entries), compare_entries, t);
	}
	/* All series are printed, whatever top is, as bpftrace does. */
	if (t->value && t->value->kind == SHAPE_AGG && t->value->agg == AGG_TSERIES)
		return;
	if (top && t->count > top) {
		t->entries += t->count - top;
		t->cap -= t->count - top;
		t->count = top;
	}
}

void record_map_print(struct sink *sink, const struct record_env *env, const struct record_map *map)
{
	struct record_table table;
	struct arena arena;

	arena_init(&arena);
	table_read(&table, &arena, env, map);
	table_sort(&table, 0);
	sink->ops->map(sink, &table);
	arena_finish(&arena);
}

/* Give an unset scalar the value zero. */
static void fill_unset(struct record_table *t)
{
	struct record_entry *e = arena_new(t->arena, struct record_entry);

	e->data = arena_alloc(t->arena, t->value->size);
	e->data_size = t->value->size;
	t->entries = e;
	t->count = t->cap = 1;
}

void record_map_print_top(struct sink *sink, const struct record_env *env,
			  const struct record_map *map, uint32_t top, uint32_t div)
{
	const struct agg_ops *ops = agg_of(map->var->value);
	struct record_table table;
	struct arena arena;

	arena_init(&arena);
	table_read(&table, &arena, env, map);
	table.div = div ? div : 1;
	table_sort(&table, top);
	if (!table.is_keyed && table.count == 0 && !(ops && ops->is_block))
		fill_unset(&table);
	sink->ops->map(sink, &table);
	arena_finish(&arena);
}
