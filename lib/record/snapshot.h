/*
 * Snapshots: a map as one line of JSON, and merging the maps of many nodes.
 *
 * What only the node can resolve (stacks, symbols, cgroups, users, pods, times) is text already;
 * numbers are still numbers, so that a thousand nodes' maps can be added up and then printed by
 * the code that prints one.  Integers of 64 bits are written in full.  The line, by example:
 *
 *     {"v":1,"map":"@x","agg":"hist","signed":false,"args":[0],"keyed":true,
 *      "entries":[{"k":KEY,"b":[[3,17],[4,2]]}]}
 *
 * agg is absent for plain values; an entry has "k" unless the map is a scalar, and
 *
 *     "d":VALUE       plain value
 *     "n":[total, count]    count, sum, min, max, avg, stats
 *     "b":[[index, value, meta?], ...]    hist, lhist, tseries
 *
 * VALUE and KEY:  17 (signed)  {"u":17} (unsigned)  true  null  "text"  {"y":["symbol",17]}
 *                 {"x":"hex bytes"}  {"a":[...]} array  {"t":[...]} tuple  {"r":[["name",VALUE],...]}
 *
 * The parser trusts nothing: sizes, nesting (32) and indexes are checked.
 */
#pragma once

#include <stddef.h>

#include "record/map.h"
#include "util/buf.h"
#include "util/err.h"

#define SNAPSHOT_VERSION 1

/* Append the line (with its newline) of @t, which table_read() made. */
void snapshot_write(struct buf *out, const struct record_table *t);

/*
 * Read a line.  Everything is copied into @a.  -EINVAL: not a snapshot of this version (err says
 * where), -ENOMEM.
 */
int snapshot_read(struct record_table *out, struct arena *a, const char *line, size_t len,
		  struct err *err) __attribute__((warn_unused_result));

/*
 * Add @from to @into: counts, sums, buckets are added; min and max compared; avg and stats add
 * totals and counts; time series interval by interval; of plain values that differ the latest
 * merged wins, integers are added.  Both serialised.  -EINVAL: different maps (name, aggregation,
 * arguments).  Strings of @from are used on: its arena must outlive @into.
 */
int table_merge(struct record_table *into, const struct record_table *from, struct err *err)
	__attribute__((warn_unused_result));
