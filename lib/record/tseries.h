/*
 * Time series: the layout shared with the generated code.
 *
 * A shape of kind SHAPE_AGG, AGG_TSERIES has args[0] = the interval in ns, args[1] = the number of
 * intervals N, args[2] = enum tseries_agg; is_signed is that of the values.  Its value (one a CPU)
 * is N slots of 24 bytes:
 *
 *     epoch = now_ns / interval_ns          now: CLOCK_TAI, where there is none wall clock time
 *     slot  = &value[epoch % N]
 *     if (slot->epoch != epoch)  { slot->epoch = epoch; slot->value = v; slot->meta = 1 (NONE:
 * now_ns) } else TSERIES_NONE          { slot->value = v; slot->meta = now_ns } TSERIES_AVG {
 * slot->value += v; slot->meta += 1 } TSERIES_SUM           { slot->value += v } TSERIES_MIN, _MAX
 * { slot->value = min/max(slot->value, v) }
 *
 * A slot with epoch 0 was never used.  Per-CPU values need no atomics.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

enum tseries_agg { TSERIES_NONE, TSERIES_AVG, TSERIES_MAX, TSERIES_MIN, TSERIES_SUM };

struct tseries_slot {
	uint64_t value; // signed or unsigned
	uint64_t meta;  // NONE: time of the latest assignment; AVG: how many values; else unused
	uint64_t epoch;
};
static_assert(sizeof(struct tseries_slot) == 24, "shared with the generated code");

#define TSERIES_SLOT_VALUE 0
#define TSERIES_SLOT_META  8
#define TSERIES_SLOT_EPOCH 16

/* Size of one CPU's value. */
static inline uint32_t tseries_value_size(uint32_t intervals)
{
	return intervals * (uint32_t)sizeof(struct tseries_slot);
}
