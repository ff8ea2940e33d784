/*
 * The maps of many nodes as one answer.
 *
 * A runner with --stream writes its maps, at the end, as snapshots (record/snapshot.h), a line
 * each. They are taken out of its output, added up map by map, and printed when all have come.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "record/map.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/vec.h"

struct maps {
	struct arena arena;
	size_t used;                          // bytes of snapshots that went into the arena
	vec_of(struct record_table *) tables; // in order of appearance, the order of the script
};

void maps_init(struct maps *m);
void maps_finish(struct maps *m);
/*
 * Is this line a snapshot?  Then it is added; *err says if it doesn't fit to the others (-EINVAL),
 * and must be 0 before.
 */
bool maps_take(struct maps *m, const char *line, size_t len, struct err *err);
/* All maps, as a runner prints them.  @format: "text" or "json". */
void maps_print(struct maps *m, const char *format, struct buf *out);
