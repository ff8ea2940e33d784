/*
 * Aggregations: how each is read, ordered, printed and merged.  A row of agg_table is all there is
 * to know about one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "record/map.h"
#include "record/shape.h"
#include "record/writer.h"
#include "util/arena.h"
#include "util/buf.h"

/* The copies of one value: @count of them, @stride bytes apart. */
struct agg_copies {
	const char *data;
	size_t stride;
	unsigned int count;
};

enum agg_order {
	AGG_ORDER_KEY,
	AGG_ORDER_TOTAL,    // by the shape's sign
	AGG_ORDER_UNSIGNED, // the total's bits as unsigned
	AGG_ORDER_AVERAGE,
};

struct agg_ops {
	const char *name;      // in snapshots
	const char *json_type; // of the message
	bool is_block;         // printed below its key, on lines of its own
	enum agg_order order;
	/* One entry of the copies that the CPUs have. */
	void (*reduce)(struct record_entry *e, const struct shape *shape,
		       const struct agg_copies *copies, struct arena *a);
	/* Not blocks: the value as numbers and words. */
	void (*write)(struct writer *w, const struct record_table *t, const struct record_entry *e);
	/* Blocks. */
	void (*put_text)(struct buf *out, const struct record_table *t,
			 const struct record_entry *e);
	void (*put_json)(struct buf *out, const struct record_table *t,
			 const struct record_entry *e);
	/* Add @from, of another node. */
	void (*merge)(struct record_entry *into, const struct record_entry *from,
		      const struct shape *shape, struct arena *a);
};

/* The row of @shape, NULL if it is no aggregation. */
const struct agg_ops *agg_of(const struct shape *shape);

/* Rows' functions. */
void agg_reduce_sum(struct record_entry *e, const struct shape *shape,
		    const struct agg_copies *copies, struct arena *a);
void agg_reduce_min_max(struct record_entry *e, const struct shape *shape,
			const struct agg_copies *copies, struct arena *a);
void agg_reduce_avg(struct record_entry *e, const struct shape *shape,
		    const struct agg_copies *copies, struct arena *a);
void agg_reduce_hist(struct record_entry *e, const struct shape *shape,
		     const struct agg_copies *copies, struct arena *a);
void agg_reduce_tseries(struct record_entry *e, const struct shape *shape,
			const struct agg_copies *copies, struct arena *a);

void agg_write_total(struct writer *w, const struct record_table *t, const struct record_entry *e);
void agg_write_avg(struct writer *w, const struct record_table *t, const struct record_entry *e);
void agg_write_stats(struct writer *w, const struct record_table *t, const struct record_entry *e);

void hist_put_text(struct buf *out, const struct record_table *t, const struct record_entry *e);
void hist_put_json(struct buf *out, const struct record_table *t, const struct record_entry *e);
void tseries_put_text(struct buf *out, const struct record_table *t, const struct record_entry *e);
void tseries_put_json(struct buf *out, const struct record_table *t, const struct record_entry *e);

void agg_merge_sum(struct record_entry *into, const struct record_entry *from,
		   const struct shape *shape, struct arena *a);
void agg_merge_min_max(struct record_entry *into, const struct record_entry *from,
		       const struct shape *shape, struct arena *a);
void agg_merge_avg(struct record_entry *into, const struct record_entry *from,
		   const struct shape *shape, struct arena *a);
void agg_merge_buckets(struct record_entry *into, const struct record_entry *from,
		       const struct shape *shape, struct arena *a);

/* Combine what two CPUs, or two nodes, have of the same interval of a time series. */
void agg_combine_intervals(struct record_bucket *into, const struct record_bucket *from,
			   const struct shape *shape);

/* total / count of avg and stats, 0 without values. */
uint64_t agg_average(const struct record_number *n, bool is_signed);
