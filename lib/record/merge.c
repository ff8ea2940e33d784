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

static struct record_entry *find_entry(struct record_table *t, const struct record_entry *e)
{
	uintptr_t i;

	if (!e->key)
		return t->count ? &t->entries[0] : NULL;
	i = (uintptr_t)strmap_get_n(t->index, e->key, e->key_size);
	return i ? &t->entries[i - 1] : NULL;
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
		struct record_entry *found = find_entry(into, e);

		if (!found) {
			if (into->count == into->cap)
				into->entries = vec_grow(into->arena, into->entries, into->count,
							 &into->cap, sizeof(*into->entries));
			into->entries[into->count++] = *e;
			put_index(into, into->count - 1);
		} else if (ops) {
			ops->merge(found, e, into->value, into->arena);
		} else {
			found->data = e->data;
			found->data_size = e->data_size;
		}
	}
	if (from->last_epoch > into->last_epoch)
		into->last_epoch = from->last_epoch;
	return 0;
}
