/*
 * Live intervals: where each virtual register is live, as ranges of positions (mir.h), and where it
 * is read and written.  Allocation splits them; the parts of one virtual register are linked by
 * `next` in the order of their positions.
 */
#pragma once

#include "bpf/mir.h"

#define POS_MAX UINT32_MAX

struct ival_range {
	uint32_t from, to; // [from, to)
};

struct ival_use {
	uint32_t pos;     // odd for results and late operands
	bool must_be_reg; // else memory does
	bool is_def;
	struct mir_operand *operand; // to be filled in
};

struct ival {
	uint32_t vreg;
	struct ival_range *ranges; // range_count of them, ascending, not touching
	uint32_t range_count;
	uint32_t cursor;       // first range that may not be over yet
	struct ival_use *uses; // ascending
	uint32_t use_count;
	uint32_t use_cursor; // of next_use()
	uint8_t reg;         // REG_NONE: in memory
	bool is_hoisted;     // starts at a position chosen for its loop depth
	struct ival *next;
};

struct ival_ranges {
	struct ival_range *data;
	uint32_t count;
};

struct ival_set {
	struct ival **ivals; // of all virtual registers that are live anywhere
	uint32_t count;
	struct ival_ranges r0;           // when r0 is taken: results, calls
	struct ival_ranges caller_saved; // when r1 to r5 are: calls
	uint32_t *block_of_insn;
};

static inline uint32_t ival_start(const struct ival *it)
{
	return it->ranges[0].from;
}

static inline uint32_t ival_end(const struct ival *it)
{
	return it->ranges[it->range_count - 1].to;
}

/*
 * Live ranges and uses of every virtual register: backward over the blocks.  Fills in live_in and
 * live_out of the blocks.
 */
struct ival_set ival_build(struct mir_func *m);
/* The first position where both are live, or POS_MAX. */
uint32_t ival_intersection(const struct ival *a, const struct ival_ranges *b);
bool ival_covers(const struct ival *it, uint32_t pos);
/* Cut @it at @pos (start < pos < end); what is from there on is returned, and linked behind it. */
struct ival *ival_split(struct arena *a, struct ival *it, uint32_t pos);
