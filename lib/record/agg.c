#include "record/agg.h"

#include <stddef.h>

static const struct agg_ops agg_table[] = {
	[AGG_COUNT] = { .name = "count",
			.json_type = "map",
			.order = AGG_ORDER_TOTAL,
			.reduce = agg_reduce_sum,
			.write = agg_write_total,
			.merge = agg_merge_sum },
	[AGG_SUM] = { .name = "sum",
		      .json_type = "map",
		      .order = AGG_ORDER_TOTAL,
		      .reduce = agg_reduce_sum,
		      .write = agg_write_total,
		      .merge = agg_merge_sum },
	[AGG_MIN] = { .name = "min",
		      .json_type = "map",
		      .order = AGG_ORDER_UNSIGNED,
		      .reduce = agg_reduce_min_max,
		      .write = agg_write_total,
		      .merge = agg_merge_min_max },
	[AGG_MAX] = { .name = "max",
		      .json_type = "map",
		      .order = AGG_ORDER_UNSIGNED,
		      .reduce = agg_reduce_min_max,
		      .write = agg_write_total,
		      .merge = agg_merge_min_max },
	[AGG_AVG] = { .name = "avg",
		      .json_type = "stats",
		      .order = AGG_ORDER_AVERAGE,
		      .reduce = agg_reduce_avg,
		      .write = agg_write_avg,
		      .merge = agg_merge_avg },
	[AGG_STATS] = { .name = "stats",
			.json_type = "stats",
			.order = AGG_ORDER_AVERAGE,
			.reduce = agg_reduce_avg,
			.write = agg_write_stats,
			.merge = agg_merge_avg },
	[AGG_HIST] = { .name = "hist",
		       .json_type = "hist",
		       .is_block = true,
		       .order = AGG_ORDER_TOTAL,
		       .reduce = agg_reduce_hist,
		       .put_text = hist_put_text,
		       .put_json = hist_put_json,
		       .merge = agg_merge_buckets },
	[AGG_LHIST] = { .name = "lhist",
			.json_type = "hist",
			.is_block = true,
			.order = AGG_ORDER_TOTAL,
			.reduce = agg_reduce_hist,
			.put_text = hist_put_text,
			.put_json = hist_put_json,
			.merge = agg_merge_buckets },
	[AGG_TSERIES] = { .name = "tseries",
			  .json_type = "tseries",
			  .is_block = true,
			  .order = AGG_ORDER_KEY,
			  .reduce = agg_reduce_tseries,
			  .put_text = tseries_put_text,
			  .put_json = tseries_put_json,
			  .merge = agg_merge_buckets },
};

/* Integers behave like sums: the copies of a per-CPU map are added up. */
static const struct agg_ops integer_ops = {
	.name = "int",
	.json_type = "map",
	.order = AGG_ORDER_TOTAL,
	.reduce = agg_reduce_sum,
	.write = agg_write_total,
	.merge = agg_merge_sum,
};

const struct agg_ops *agg_of(const struct shape *shape)
{
	if (!shape)
		return NULL;
	if (shape->kind == SHAPE_INT)
		return &integer_ops;
	if (shape->kind != SHAPE_AGG || shape->agg >= sizeof(agg_table) / sizeof(agg_table[0]))
		return NULL;
	return &agg_table[shape->agg];
}
