/*
 * Register allocation: linear scan over live intervals with holes, which are split where a register
 * is taken away from them (Wimmer and Mössenböck, "Optimized Interval Splitting in a Linear Scan
 * Register Allocator").
 *
 * Calls take r0 to r5, so what lives across one is in r6 to r9 or in memory.  A value that is ever
 * in memory is stored once, right after its definition; from then on it can lose its register
 * anywhere without code, and is loaded before its next use.
 */
#include "bpf/regalloc.h"

#include "bpf/ival.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	struct arena *arena; // lives as long as the allocation
	struct mir_func *m;
	struct ival_set set;
	vec_of(struct ival *) heap; // not yet started, by start
	vec_of(struct ival *) active;
	vec_of(struct ival *) inactive; // in a hole
	uint32_t pos;
	uint32_t used; // bit r: a register that survives calls was used
};

/* --- the heap ------------------------------------------------------------------------------ */

static bool starts_before(const struct ival *a, const struct ival *b)
{
	if (ival_start(a) != ival_start(b))
		return ival_start(a) < ival_start(b);
	return a->vreg < b->vreg;
}

static void heap_push(struct scan *s, struct ival *it)
{
	size_t i = s->heap.len;

	vec_push(s->arena, &s->heap, it);
	while (i > 0 && starts_before(it, s->heap.data[(i - 1) / 2])) {
		s->heap.data[i] = s->heap.data[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	s->heap.data[i] = it;
}

static struct ival *heap_pop(struct scan *s)
{
	struct ival *top = s->heap.data[0];
	struct ival *last = s->heap.data[--s->heap.len];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= s->heap.len)
			break;
		if (child + 1 < s->heap.len &&
		    starts_before(s->heap.data[child + 1], s->heap.data[child]))
			child++;
		if (!starts_before(s->heap.data[child], last))
			break;
		s->heap.data[i] = s->heap.data[child];
		i = child;
	}
	if (s->heap.len)
		s->heap.data[i] = last;
	return top;
}

/* --- where to split ------------------------------------------------------------------------ */

/*
 * The best position for a load in (@min, @max]: @max itself, or, when that is in a loop which does
 * not include @min, in front of the loop.
 */
static uint32_t best_split(const struct scan *s, uint32_t min, uint32_t max)
{
	uint32_t block = s->set.block_of_insn[max / 2];
	uint32_t depth = s->m->blocks[block].loop_depth;
	uint32_t best = max;

	for (uint32_t b = block; depth > 0 && 2 * s->m->blocks[b].first > min; b--) {
		if (s->m->blocks[b].loop_depth < depth) {
			depth = s->m->blocks[b].loop_depth;
			best = 2 * (s->m->blocks[b].end - 1);
			if (best > max)
				best = max;
		}
		if (b == 0)
			break;
	}
	return best > min ? best : max;
}

static struct mir_vreg *vreg_of(const struct scan *s, const struct ival *it)
{
	return &s->m->vregs.data[it->vreg];
}

/* @pos never decreases from one call for an interval to the next. */
static uint32_t next_use(struct ival *it, uint32_t pos, bool must_be_reg)
{
	while (it->use_cursor < it->use_count && it->uses[it->use_cursor].pos < pos)
		it->use_cursor++;
	for (uint32_t i = it->use_cursor; i < it->use_count; i++)
		if (it->uses[i].must_be_reg || !must_be_reg)
			return it->uses[i].pos;
	return POS_MAX;
}

/* @it is in memory from its start to the next use that needs a register, where it continues. */
static void put_in_memory(struct scan *s, struct ival *it)
{
	uint32_t start = ival_start(it);
	uint32_t use = next_use(it, start, true);
	uint32_t at;
	struct ival *tail;

	it->reg = REG_NONE;
	if (use != POS_MAX)
		use &= ~1u; // a late operand is loaded in front of the instruction
	if (use <= start) {
		heap_push(s, it); // after a hole, needed at once
		return;
	}
	vreg_of(s, it)->is_spilled = true;
	if (use == POS_MAX)
		return;
	at = it->is_hoisted ? use : best_split(s, start, use);
	assert(at > start);
	tail = ival_split(s->arena, it, at);
	tail->is_hoisted = at != use;
	heap_push(s, tail);
}

/* Take the register from @it, from the current position or the end of its hole on. */
static void evict(struct scan *s, struct ival *it)
{
	if (ival_start(it) >= s->pos) {
		put_in_memory(s, it);
		return;
	}
	put_in_memory(s, ival_split(s->arena, it, s->pos));
}

/* --- the scan ------------------------------------------------------------------------------ */

/* Whether @it is live at the current position; its cursor moves along. */
static bool is_live_now(const struct scan *s, struct ival *it)
{
	while (it->cursor < it->range_count && it->ranges[it->cursor].to <= s->pos)
		it->cursor++;
	return it->cursor < it->range_count && it->ranges[it->cursor].from <= s->pos;
}

static void advance(struct scan *s)
{
	size_t kept = 0, old_inactive = s->inactive.len;

	for (size_t i = 0; i < s->active.len; i++) {
		struct ival *it = s->active.data[i];

		if (is_live_now(s, it))
			s->active.data[kept++] = it;
		else if (it->cursor < it->range_count)
			vec_push(s->arena, &s->inactive, it);
	}
	s->active.len = kept;
	kept = 0;
	for (size_t i = 0; i < s->inactive.len; i++) {
		struct ival *it = s->inactive.data[i];

		if (i < old_inactive && is_live_now(s, it))
			vec_push(s->arena, &s->active, it);
		else if (it->cursor < it->range_count)
			s->inactive.data[kept++] = it;
	}
	s->inactive.len = kept;
}

/* The first position from @it's start on where both are live. */
static uint32_t meet(const struct ival *it, const struct ival *other)
{
	struct ival_ranges ranges = {
		.data = other->ranges + other->cursor,
		.count = other->range_count - other->cursor,
	};

	return ival_intersection(it, &ranges);
}

static void min_to(uint32_t *to, uint32_t value)
{
	if (value < *to)
		*to = value;
}

/* Calls take the registers; by register, until when it can be used. */
static void limit_by_calls(const struct scan *s, const struct ival *it, uint32_t until[BPF_REGS])
{
	uint32_t call = ival_intersection(it, &s->set.caller_saved);

	min_to(&until[0], ival_intersection(it, &s->set.r0));
	for (uint32_t r = 1; r < BPF_FIRST_SAVED; r++)
		min_to(&until[r], call);
}

static int hinted_register(const struct scan *s, const struct ival *it,
			   const uint32_t until[BPF_REGS], uint32_t want)
{
	const struct mir_vreg *v = vreg_of(s, it);
	uint32_t next = it->vreg;

	/* Where it goes: an argument register, perhaps by way of other values. */
	for (uint32_t i = 0; i < 4 && next; i++) {
		const struct mir_vreg *to = &s->m->vregs.data[next];

		if (to->hint_reg >= 0 && until[to->hint_reg] >= want)
			return to->hint_reg;
		if (i && to->ival && to->ival->reg != REG_NONE && until[to->ival->reg] >= want)
			return to->ival->reg;
		next = to->hint_to;
	}
	/* Where it comes from. */
	if (v->hint_from) {
		const struct ival *from = s->m->vregs.data[v->hint_from].ival;

		for (; from; from = from->next)
			if (from->reg != REG_NONE && until[from->reg] >= want)
				return from->reg;
	}
	return -1;
}

/*
 * The register to use of those that are free to the end; else the one that is free for longest.
 * Registers that calls take are taken first; of the others, those that were used already, since
 * the function's prologue saves each.
 */
static int best_register(const struct scan *s, const uint32_t until[BPF_REGS], uint32_t want)
{
	static const uint8_t order[BPF_REGS] = { 0, 5, 4, 3, 2, 1, 6, 7, 8, 9 };
	int best = -1;

	for (uint32_t i = 0; i < BPF_REGS; i++) {
		uint8_t r = order[i];

		if (until[r] >= want && (r < BPF_FIRST_SAVED || s->used & (1u << r)))
			return r;
	}
	for (uint32_t i = 0; i < BPF_REGS; i++) {
		uint8_t r = order[i];

		if (until[r] >= want)
			return r;
		if (best < 0 || until[r] > until[best])
			best = r;
	}
	return best;
}

static void assign(struct scan *s, struct ival *it, int reg)
{
	it->reg = (uint8_t)reg;
	s->used |= 1u << reg;
	vec_push(s->arena, &s->active, it);
}

static bool try_free_register(struct scan *s, struct ival *it)
{
	uint32_t until[BPF_REGS];
	uint32_t start = ival_start(it), end = ival_end(it);
	uint32_t at;
	int reg;

	for (uint32_t r = 0; r < BPF_REGS; r++)
		until[r] = POS_MAX;
	vec_foreach (&s->active, a)
		until[(*a)->reg] = 0;
	vec_foreach (&s->inactive, a)
		if (until[(*a)->reg] > start)
			min_to(&until[(*a)->reg], meet(it, *a));
	limit_by_calls(s, it, until);
	reg = hinted_register(s, it, until, end);
	if (reg < 0)
		reg = best_register(s, until, end);
	if (until[reg] < end) {
		/* Part of the way: worth it only if a use is in that part. */
		uint32_t limit = until[reg] & ~1u;
		int hinted = hinted_register(s, it, until, until[reg]);

		if (hinted >= 0)
			reg = hinted;
		if (limit <= start || next_use(it, start, false) >= limit)
			return false;
		at = best_split(s, start, limit);
		heap_push(s, ival_split(s->arena, it, at));
	}
	assign(s, it, reg);
	return true;
}

struct blocked {
	uint32_t use[BPF_REGS];   // when the value in the register is needed next
	uint32_t limit[BPF_REGS]; // when a call takes the register
};

static void find_blocked(const struct scan *s, struct ival *it, struct blocked *b)
{
	for (uint32_t r = 0; r < BPF_REGS; r++)
		b->use[r] = b->limit[r] = POS_MAX;
	vec_foreach (&s->active, a)
		min_to(&b->use[(*a)->reg], next_use(*a, s->pos, false));
	vec_foreach (&s->inactive, a)
		if (meet(it, *a) != POS_MAX)
			min_to(&b->use[(*a)->reg], next_use(*a, s->pos, false));
	limit_by_calls(s, it, b->limit);
	for (uint32_t r = 0; r < BPF_REGS; r++)
		min_to(&b->use[r], b->limit[r]);
}

static void evict_from(struct scan *s, const struct ival *it, uint8_t reg)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->active.len; i++) {
		if (s->active.data[i]->reg == reg)
			evict(s, s->active.data[i]);
		else
			s->active.data[kept++] = s->active.data[i];
	}
	s->active.len = kept;
	kept = 0;
	for (size_t i = 0; i < s->inactive.len; i++) {
		struct ival *other = s->inactive.data[i];

		if (other->reg == reg && meet(it, other) != POS_MAX)
			evict(s, other);
		else
			s->inactive.data[kept++] = other;
	}
	s->inactive.len = kept;
}

static void allocate_blocked(struct scan *s, struct ival *it)
{
	uint32_t start = ival_start(it);
	uint32_t first_must = next_use(it, start, true);
	struct blocked b;
	uint8_t reg = 0;

	find_blocked(s, it, &b);
	for (uint8_t r = 1; r < BPF_REGS; r++)
		if (b.use[r] > b.use[reg])
			reg = r;
	if (b.use[reg] <= start || (first_must >= b.use[reg] && first_must > (start | 1))) {
		/* All others are needed sooner. */
		assert(first_must > (start | 1));
		put_in_memory(s, it);
		return;
	}
	if (b.limit[reg] < ival_end(it)) {
		uint32_t at = best_split(s, start, b.limit[reg] & ~1u);

		assert(at > start);
		heap_push(s, ival_split(s->arena, it, at));
	}
	evict_from(s, it, reg);
	assign(s, it, reg);
}

/* --- the result ---------------------------------------------------------------------------- */

struct extent { // of a spilled virtual register
	uint32_t from, to;
	uint32_t vreg;
};

static int compare_extents(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->vreg > y->vreg) - (x->vreg < y->vreg);
}

/* Stack slots for what was spilled; those that don't live at the same time share. */
static void place_spills(struct scan *s)
{
	vec_of(struct extent) extents = { 0 };
	vec_of(uint32_t) free_at = { 0 };

	for (uint32_t v = 1; v < s->m->vregs.len; v++) {
		const struct mir_vreg *vreg = &s->m->vregs.data[v];
		const struct ival *last = vreg->ival;
		struct extent e = { .vreg = v };

		if (!vreg->is_spilled || vreg->remat)
			continue;
		e.from = ival_start(last);
		while (last->next)
			last = last->next;
		e.to = ival_end(last);
		vec_push(s->arena, &extents, e);
	}
	if (extents.len)
		qsort(extents.data, extents.len, sizeof(*extents.data), compare_extents);
	vec_foreach (&extents, e) {
		size_t slot = 0;

		while (slot < free_at.len && free_at.data[slot] > e->from)
			slot++;
		if (slot == free_at.len)
			vec_push(s->arena, &free_at, 0);
		free_at.data[slot] = e->to;
		s->m->vregs.data[e->vreg].spill_offset =
			-(s->m->frame_bytes + 8 * ((int32_t)slot + 1));
	}
	s->m->frame_bytes += 8 * (int32_t)free_at.len;
}

static struct mir_operand place_of(const struct scan *s, const struct ival *it)
{
	if (it->reg != REG_NONE)
		return (struct mir_operand){ .kind = OPERAND_REG, .reg = it->reg };
	if (vreg_of(s, it)->remat)
		return (struct mir_operand){ .kind = OPERAND_NONE };
	return (struct mir_operand){ .kind = OPERAND_MEM, .imm = vreg_of(s, it)->spill_offset };
}

static bool is_same_place(struct mir_operand a, struct mir_operand b)
{
	return a.kind == b.kind && a.reg == b.reg;
}

static void add_fix(struct scan *s, uint32_t insn, enum fix_phase phase, struct mir_operand dst,
		    struct mir_operand src, const struct mir_insn *remat)
{
	struct mir_fix fix = {
		.insn = insn,
		.phase = phase,
		.move = { .dst = dst, .src = src, .remat = src.kind ? NULL : remat },
	};

	vec_push(s->arena, &s->m->fixes, fix);
}

/* @to takes over from @from. */
static void connect(struct scan *s, uint32_t insn, enum fix_phase phase, const struct ival *from,
		    const struct ival *to)
{
	struct mir_operand src = place_of(s, from), dst = place_of(s, to);

	/* Memory is up to date since the definition. */
	if (to->reg != REG_NONE && !is_same_place(src, dst))
		add_fix(s, insn, phase, dst, src, vreg_of(s, to)->remat);
}

static bool is_block_start(const struct scan *s, uint32_t pos)
{
	return pos == 2 * s->m->blocks[s->set.block_of_insn[pos / 2]].first;
}

/* The next that happens to the value in @it's register is that an operation takes it over. */
static bool is_rewritten_next(const struct scan *s, const struct ival *it, uint32_t i)
{
	uint32_t now = it->uses[i].pos / 2, next;

	if (i + 2 >= it->use_count || it->uses[i + 1].is_def || !it->uses[i + 2].is_def)
		return false;
	next = it->uses[i + 2].pos / 2;
	return it->uses[i + 1].pos / 2 == next &&
	       s->set.block_of_insn[now] == s->set.block_of_insn[next];
}

/* Fill in the operands of one virtual register; the moves between its intervals in a block. */
static void finish_vreg(struct scan *s, const struct mir_vreg *vreg)
{
	for (const struct ival *it = vreg->ival; it; it = it->next) {
		struct mir_operand place = place_of(s, it);

		for (uint32_t i = 0; i < it->use_count; i++) {
			const struct ival_use *use = &it->uses[i];

			assert(it->reg != REG_NONE || !use->must_be_reg);
			*use->operand = place;
			if (use->is_def && it->reg != REG_NONE && vreg->spill_offset &&
			    !is_rewritten_next(s, it, i))
				add_fix(s, use->pos / 2, FIX_STORE,
					(struct mir_operand){ .kind = OPERAND_MEM,
							      .imm = vreg->spill_offset },
					place, NULL);
		}
		if (it->next && ival_start(it->next) == ival_end(it) &&
		    !is_block_start(s, ival_start(it->next)))
			connect(s, ival_start(it->next) / 2, FIX_SPLIT, it, it->next);
	}
}

static const struct ival *ival_at(const struct scan *s, uint32_t vreg, uint32_t pos)
{
	const struct ival *it = s->m->vregs.data[vreg].ival;

	while (it && !ival_covers(it, pos))
		it = it->next;
	assert(it);
	return it;
}

/* A value may be somewhere else at the end of @from than where @to expects it. */
static void connect_blocks(struct scan *s, const struct mir_block *from, const struct mir_block *to)
{
	bool at_end = !from->succs[1];
	uint32_t insn = at_end ? from->end - 1 : to->first;

	assert(at_end || to->preds.len == 1);
	vec_foreach (&to->live_in, vreg) {
		const struct ival *first = s->m->vregs.data[*vreg].ival;

		if (first->next)
			connect(s, insn, at_end ? FIX_EDGE : FIX_SPLIT,
				ival_at(s, *vreg, 2 * from->end - 1),
				ival_at(s, *vreg, 2 * to->first));
	}
}

static int compare_fixes(const void *a, const void *b)
{
	const struct mir_fix *x = a, *y = b;

	if (x->insn != y->insn)
		return x->insn < y->insn ? -1 : 1;
	if (x->phase != y->phase)
		return x->phase < y->phase ? -1 : 1;
	if (x->move.dst.kind != y->move.dst.kind)
		return x->move.dst.kind < y->move.dst.kind ? -1 : 1;
	return (x->move.dst.reg > y->move.dst.reg) - (x->move.dst.reg < y->move.dst.reg);
}

static void finish(struct scan *s)
{
	place_spills(s);
	for (uint32_t v = 1; v < s->m->vregs.len; v++)
		finish_vreg(s, &s->m->vregs.data[v]);
	for (uint32_t i = 0; i < s->m->block_count; i++)
		for (uint32_t j = 0; j < 2 && s->m->blocks[i].succs[j]; j++)
			connect_blocks(s, &s->m->blocks[i], s->m->blocks[i].succs[j]);
	if (s->m->fixes.len)
		qsort(s->m->fixes.data, s->m->fixes.len, sizeof(*s->m->fixes.data), compare_fixes);
}

uint32_t regalloc_free_registers(const struct mir_func *m, uint32_t insn)
{
	uint32_t taken = 0;

	for (uint32_t v = 1; v < m->vregs.len; v++)
		for (const struct ival *it = m->vregs.data[v].ival; it; it = it->next)
			if (it->reg != REG_NONE &&
			    (ival_covers(it, 2 * insn) || ival_covers(it, 2 * insn + 1)))
				taken |= 1u << it->reg;
	return ~taken & ((1u << BPF_REGS) - 1);
}

void regalloc_run(struct mir_func *m)
{
	struct scan s = { .arena = m->arena, .m = m };

	s.set = ival_build(m);
	for (uint32_t i = 0; i < s.set.count; i++)
		heap_push(&s, s.set.ivals[i]);
	while (s.heap.len) {
		struct ival *it = heap_pop(&s);

		s.pos = ival_start(it);
		advance(&s);
		if (!try_free_register(&s, it))
			allocate_blocked(&s, it);
	}
	finish(&s);
}
