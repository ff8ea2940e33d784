/*
 * Aggregations that are one or two numbers: count, sum, min, max, avg, stats; integers too.
 */
#include "record/agg.h"
#include "record/num.h"

void agg_reduce_sum(struct record_entry *e, const struct shape *shape,
		    const struct agg_copies *copies, struct arena *a)
{
	uint32_t size = shape->kind == SHAPE_INT ? shape->size : 8;
	uint64_t total = 0;

	(void)a;
	for (unsigned int i = 0; i < copies->count; i++)
		total += num_load(copies->data + i * copies->stride, size, shape->is_signed);
	if (size < 8) // as wide as the map's integers
		total = num_load(&total, size, shape->is_signed);
	e->number.total = total;
}

static bool is_less(uint64_t a, uint64_t b, bool is_signed)
{
	return is_signed ? (int64_t)a < (int64_t)b : a < b;
}

void agg_merge_min_max(struct record_entry *into, const struct record_entry *from,
		       const struct shape *shape, struct arena *a)
{
	struct record_number *n = &into->number;
	bool is_better;

	(void)a;
	if (shape->agg == AGG_MAX)
		is_better = is_less(n->total, from->number.total, shape->is_signed);
	else
		is_better = is_less(from->number.total, n->total, shape->is_signed);
	if (from->number.count && (n->count == 0 || is_better))
		*n = from->number;
}

void agg_reduce_min_max(struct record_entry *e, const struct shape *shape,
			const struct agg_copies *copies, struct arena *a)
{
	for (unsigned int i = 0; i < copies->count; i++) {
		const char *p = copies->data + i * copies->stride;
		struct record_entry one = { .number = { .total = num_load(p, 8, false),
							.count = num_load(p + 8, 8, false) != 0 } };

		agg_merge_min_max(e, &one, shape, a);
	}
}

void agg_reduce_avg(struct record_entry *e, const struct shape *shape,
		    const struct agg_copies *copies, struct arena *a)
{
	(void)shape;
	(void)a;
	for (unsigned int i = 0; i < copies->count; i++) {
		const char *p = copies->data + i * copies->stride;

		e->number.total += num_load(p, 8, false);
		e->number.count += num_load(p + 8, 8, false);
	}
}

void agg_merge_sum(struct record_entry *into, const struct record_entry *from,
		   const struct shape *shape, struct arena *a)
{
	(void)shape;
	(void)a;
	into->number.total += from->number.total;
}

void agg_merge_avg(struct record_entry *into, const struct record_entry *from,
		   const struct shape *shape, struct arena *a)
{
	(void)shape;
	(void)a;
	into->number.total += from->number.total;
	into->number.count += from->number.count;
}

static uint64_t divide(uint64_t value, uint64_t by, bool is_signed)
{
	if (by <= 1)
		return value;
	if (is_signed && (int64_t)by > 0)
		return (uint64_t)((int64_t)value / (int64_t)by);
	return value / by;
}

uint64_t agg_average(const struct record_number *n, bool is_signed)
{
	return n->count ? divide(n->total, n->count, is_signed) : 0;
}

void agg_write_total(struct writer *w, const struct record_table *t, const struct record_entry *e)
{
	bool is_signed = t->value->is_signed;

	w->ops->integer(w, divide(e->number.total, t->div, is_signed), is_signed);
}

void agg_write_avg(struct writer *w, const struct record_table *t, const struct record_entry *e)
{
	bool is_signed = t->value->is_signed;

	w->ops->integer(w, divide(agg_average(&e->number, is_signed), t->div, is_signed),
			is_signed);
}

void agg_write_stats(struct writer *w, const struct record_table *t, const struct record_entry *e)
{
	bool is_signed = t->value->is_signed;

	w->ops->open(w, GROUP_STRUCT, 3);
	w->ops->item(w, GROUP_STRUCT, 0, "count", 5);
	w->ops->integer(w, e->number.count, is_signed);
	w->ops->item(w, GROUP_STRUCT, 1, "average", 7);
	agg_write_avg(w, t, e);
	w->ops->item(w, GROUP_STRUCT, 2, "total", 5);
	w->ops->integer(w, e->number.total, is_signed);
	w->ops->close(w, GROUP_STRUCT, 3);
}
