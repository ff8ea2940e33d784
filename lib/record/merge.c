/*
 * Maps of several nodes made one.
 */
#include <errno.h>
#include <string.h>

#include "record/agg.h"
#include "record/snapshot.h"
#include "util/strmap.h"
#include "util/vec.h"

/* Both are ascending; so is the result.  Histograms and time series. */
void agg_merge_buckets(struct record_entry *into, const struct record_entry *from,
		       const struct shape *shape, struct arena *a)
{
	size_t max = (size_t)into->bucket_count + from->bucket_count, i = 0, j = 0;
	struct record_bucket *merged = arena_array(a, struct record_bucket, max);
	uint32_t count = 0;

	while (i < into->bucket_count && j < from->bucket_count) {
		const struct record_bucket *x = &into->buckets[i], *y = &from->buckets[j];

		merged[count] = x->index <= y->index ? *x : *y;
		if (x->index == y->index && shape->agg == AGG_TSERIES)
			agg_combine_intervals(&merged[count], y, shape);
		else if (x->index == y->index)
			merged[count].value += y->value;
		i += x->index <= y->index;
		j += y->index <= x->index;
		count++;
	}
	while (i < into->bucket_count)
		merged[count++] = into->buckets[i++];
	while (j < from->bucket_count)
		merged[count++] = from->buckets[j++];
	into->buckets = merged;
	into->bucket_count = count;
	into->number.total += from->number.total;
}

static bool is_same_map(const struct record_table *a, const struct record_table *b)
{
	if (strcmp(a->name, b->name) != 0 || a->is_keyed != b->is_keyed || !a->value != !b->value)
		return false;
	return !a->value || (a->value->kind == b->value->kind && a->value->agg == b->value->agg &&
			     a->value->is_signed == b->value->is_signed &&
			     memcmp(a->value->args, b->value->args, sizeof(a->value->args)) == 0);
}

/* Entries are found by the text of their keys; all nodes write a key in the same way. */
static void put_index(struct record_table *t, size_t i)
{
	const struct record_entry *e = &t->entries[i];

	if (e->key)
		strmap_put_n(t->index, e->key, e->key_size, (void *)(uintptr_t)(i + 1));
}

static bool find_entry(const struct record_table *t, const struct record_entry *e, size_t *at)
{
	uintptr_t number;

	if (e->key)
		number = (uintptr_t)strmap_get_n(t->index, e->key, e->key_size);
	else
		number = t->count ? 1 : 0;
	*at = number - 1;
	return number > 0;
}

static void add_entry(struct record_table *t, const struct record_entry *e)
{
	if (t->count == t->cap)
		t->entries = vec_grow(t->arena, t->entries, t->count, &t->cap, sizeof(*t->entries));
	t->entries[t->count++] = *e;
	put_index(t, t->count - 1);
}

static void build_index(struct record_table *t)
{
	t->index = arena_new(t->arena, struct strmap);
	strmap_init(t->index, t->arena);
	for (size_t i = 0; i < t->count; i++)
		put_index(t, i);
}

int table_merge(struct record_table *into, const struct record_table *from, struct err *err)
{
	const struct agg_ops *ops = agg_of(into->value);

	if (!into->is_serialised || !from->is_serialised || !is_same_map(into, from))
		return err_set(err, -EINVAL, "map %s is not the same on all nodes", from->name);
	if (!into->index)
		build_index(into);
	for (size_t i = 0; i < from->count; i++) {
		const struct record_entry *e = &from->entries[i];
		size_t at;

		if (!find_entry(into, e, &at)) {
			add_entry(into, e);
		} else if (ops) {
			ops->merge(&into->entries[at], e, into->value, into->arena);
		} else {
			into->entries[at].data = e->data;
			into->entries[at].data_size = e->data_size;
		}
	}
	if (from->last_epoch > into->last_epoch)
		into->last_epoch = from->last_epoch;
	return 0;
}
