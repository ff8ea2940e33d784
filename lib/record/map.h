/*
 * Maps: reading their raw content, ordering, printing.
 *
 *     record_map (bytes as the kernel gives them) --table_read--> record_table --sink--> text, JSON
 *                                        node-local --snapshot_write--> line --snapshot_read--^
 *
 * A table has per-CPU values already reduced to one.  Order, as in bpftrace: counts, sums and
 * integers ascending by value, min and max by value as unsigned, averages by average, histograms
 * by their total, time series and all else by key.  Where bpftrace leaves the
 * order to chance (equal values, keys that are neither integers, strings nor tuples of such),
 * entries are ordered by key.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/image.h"
#include "record/resolver.h"
#include "record/sink.h"
#include "util/arena.h"

/*
 * The raw content of a map of the script.
 *
 *     storage         values: count times…                               keys: count times…
 *     HASH            the value (var->value->size bytes)                 the key
 *     PERCPU_HASH     cpus copies, each rounded up to 8 bytes            the key
 *     GLOBAL          one slot { u64 is_set; value }                     none; count is 1
 *     GLOBAL_PERCPU   cpus such slots, var->stride bytes apart           none; count is 1
 *
 * that is, what BPF_MAP_LOOKUP_BATCH returns, or a pointer into the mapped data section.
 */
struct record_map {
	const struct image_var *var;
	const void *keys;
	const void *values;
	size_t count;
	unsigned int cpus;
};

/* A reduced value. */
struct record_number {
	uint64_t total; // count, sum, min, max, integers; total of avg, stats, histograms
	uint64_t count; // avg, stats; min, max: 0 = unset
};

struct record_bucket {
	uint64_t index; // of the bucket; tseries: the interval's number
	uint64_t value;
	uint64_t meta; // tseries: see record/tseries.h
};

struct record_entry {
	const void *key; // raw or serialised, see the table's key; NULL: scalar
	uint32_t key_size;
	uint32_t bucket_count;
	const void *data; // value that is no aggregation: raw or serialised
	uint32_t data_size;
	struct record_number number;
	struct record_bucket *buckets; // histograms, tseries: ascending, without empty ones
	const unsigned char *order;    // key in an order that memcmp() sorts
	uint32_t order_size;
	uint64_t order_prefix; // its first 8 bytes as a number: most comparisons need no more
};

struct strmap;

struct record_table {
	struct arena *arena; // all memory
	const struct record_env *env;
	const char *name;          // "@x"
	const struct shape *key;   // NULL: scalar, or serialised (is_serialised)
	const struct shape *value; // NULL: serialised, and neither an aggregation nor an integer
	bool is_keyed;
	bool is_serialised; // read from a snapshot
	bool has_names;     // in the key, that several raw keys may share: those of Kubernetes
	struct record_entry *entries;
	size_t count;
	size_t cap;
	uint32_t div;         // 1 unless print(@x, top, div)
	uint64_t last_epoch;  // tseries: the latest interval of all entries
	struct strmap *index; // entry by key, for table_merge(); NULL until then
};

/*
 * Reduce the content of @map.  Keys and values of @map must outlive the table.  Entries whose keys
 * are the same name, such as those of a container before and after its restart, become one as in
 * table_merge().
 */
void table_read(struct record_table *t, struct arena *a, const struct record_env *env,
		const struct record_map *map);
/* Sort as above, and keep only the last @top entries (0: all). */
void table_sort(struct record_table *t, uint32_t top);

/* At the end of a trace: read, sort and print.  What was never set prints nothing. */
void record_map_print(struct sink *sink, const struct record_env *env,
		      const struct record_map *map);
/* print(@x, top, div): a scalar that was never set prints as zero. */
void record_map_print_top(struct sink *sink, const struct record_env *env,
			  const struct record_map *map, uint32_t top, uint32_t div);
