/*
 * The script's maps as the runner sees them: reading their content, clear() and zero().
 *
 * Slots of the data section are read where they are mapped.  Hash maps are read in batches (Linux
 * 5.6), else key by key.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "load.h"
#include "record/map.h"
#include "util/err.h"

struct mapread {
	const struct loaded *loaded;
	unsigned int cpus; // possible ones: copies of a per-CPU value
	/* Grows to the largest map, and is used again. */
	unsigned char *keys;
	unsigned char *values;
	size_t key_bytes;
	size_t value_bytes;
};

void mapread_init(struct mapread *m, const struct loaded *l);
void mapread_finish(struct mapread *m);

/* The content of variable @var, valid until the next call. */
int mapread_get(struct mapread *m, uint32_t var, struct record_map *out, struct err *err)
	__attribute__((warn_unused_result));
/* Remove all entries; a scalar becomes unset. */
int mapread_clear(struct mapread *m, uint32_t var, struct err *err)
	__attribute__((warn_unused_result));
/* Set all values to zero; keys stay. */
int mapread_zero(struct mapread *m, uint32_t var, struct err *err)
	__attribute__((warn_unused_result));

/* CPUs that this machine may have. */
unsigned int mapread_possible_cpus(void);
