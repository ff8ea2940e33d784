/*
 * Snapshots: a map as one line of JSON, and merging the maps of many nodes.
 *
 * What only the node can resolve (stacks, symbols, cgroups, users, pods, times) is text already;
 * numbers are still numbers, so that a thousand nodes' maps can be added up and then printed by
 * the code that prints one.  Integers of 64 bits are written in full.  The line, by example:
 *
 *     {"v":1,"map":"@x","agg":"hist","signed":false,"args":[0,0,0,0],"keyed":true,
 *      "entries":[{"k":KEY,"b":[[3,17],[4,2]]}]}
 *
 * agg is absent for plain values other than integers ("int"); an entry has "k" unless the map is a
 * scalar, and one of
 *
 *     "d":VALUE                              plain value
 *     "n":[total,count]                      int, count, sum, min, max, avg, stats (struct
 * record_number) "b":[[index,value,meta],...]           hist, lhist (without meta), tseries;
 * ascending
 *
 * VALUE and KEY:  null  true  17 (signed)  {"u":17} (unsigned)  "text"  {"b":"text in hex"} (not
 * UTF-8)
 *                 {"x":"buffer in hex"}  {"y":["symbol",17]}
 *                 {"a":[VALUE,...]} array  {"t":[...]} tuple  {"r":[["name",VALUE],...]} record
 *
 * The members are in this order.  The parser trusts nothing: sizes, nesting and indexes are
 * checked.
 */
#pragma once

#include <stddef.h>

#include "record/map.h"
#include "record/writer.h"
#include "util/buf.h"
#include "util/err.h"

#define SNAPSHOT_VERSION   1
#define SNAPSHOT_DEPTH_MAX 32 // of nested values

/* Append the line (with its newline) of @t, which table_read() or snapshot_read() made. */
void snapshot_write(struct buf *out, const struct record_table *t);

/*
 * Read a line.  Everything is copied into @a.  -EINVAL: not a snapshot of this version (err says
 * where).
 */
int snapshot_read(struct record_table *out, struct arena *a, const char *line, size_t len,
		  struct err *err) __attribute__((warn_unused_result));

/* Tell @w a serialised value; 0, or -EINVAL if it is none (something may have been told). */
int snapshot_replay(struct writer *w, const char *text, size_t len);

/*
 * Add @from to @into: counts, sums, integers and buckets are added; min and max compared; avg and
 * stats add totals and counts; time series are combined interval by interval; of other values that
 * differ, the one merged last wins.  Both must be read from snapshots.  -EINVAL: different maps
 * (name, aggregation or its arguments).  @from's arena must outlive @into.
 */
int table_merge(struct record_table *into, const struct record_table *from, struct err *err)
	__attribute__((warn_unused_result));
