/*
 * Placement of local objects.
 *
 *     r10 -> +----------------+
 *            | slots          |  packed; those that are never live together share bytes
 *            | spill slots    |  regalloc.c
 *            +----------------+  -512, less what callbacks need: their frames add up
 *
 * What is large or does not fit, and may, goes to scratch memory: a map with a part for each CPU.
 * Every program has a region of its own there, since one kind of program can interrupt another.
 *
 * A slot is live from the first to the last instruction, in reverse postorder, that uses its
 * address or one computed from it, and throughout a loop with such an instruction.  A slot whose
 * address is stored somewhere (for a callback) is live always.
 */
#include "bpf/codegen.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE  64
#define MAX_SCRATCH (1u << 24) // bytes a CPU

struct extent {
	uint32_t slot;
	uint32_t from, to; // positions, both included
	uint32_t at, size; // once placed: distance from the area's start
};

struct frame {
	struct arena scratch;
	struct ir_func *f;
	struct extent *extents; // by slot; from > to: never used
	uint32_t *first_user;   // by value id: into users
	struct ir_insn **users;
	uint32_t *seen;                // by value id: slot + 1
	uint32_t *loop_from, *loop_to; // by block id: extent of the loops around it, if any
	uint32_t end;                  // number of positions
	uint32_t mark;
	vec_of(struct ir_insn *) todo;
};

/* --- where a slot is used ------------------------------------------------------------------- */

static void index_users(struct frame *fr)
{
	struct ir_func *f = fr->f;
	uint32_t total = 0;

	fr->first_user = arena_array(&fr->scratch, uint32_t, f->insn_count + 1);
	ir_count_uses(f);
	for (uint32_t i = 0; i < f->rpo_count; i++)
		ir_foreach_insn (f->rpo_blocks[i], insn) {
			insn->mark = fr->end++;
			fr->first_user[insn->id + 1] = insn->use_count;
		}
	for (uint32_t i = 0; i < f->insn_count; i++) {
		total += fr->first_user[i + 1];
		fr->first_user[i + 1] = total;
	}
	fr->users = arena_array(&fr->scratch, struct ir_insn *, total);
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn)
			for (uint32_t i = 0; i < insn->arg_count; i++) {
				struct ir_insn *arg = insn->args[i];

				fr->users[fr->first_user[arg->id] + --arg->use_count] = insn;
			}
}

static void grow_extent(struct extent *e, uint32_t from, uint32_t to)
{
	if (from < e->from)
		e->from = from;
	if (to > e->to)
		e->to = to;
}

static void note_access(struct frame *fr, struct extent *e, const struct ir_insn *at)
{
	const struct ir_block *b = at->block;

	if (fr->loop_to[b->id])
		grow_extent(e, fr->loop_from[b->id], fr->loop_to[b->id]);
	else
		grow_extent(e, at->mark, at->mark);
}

/* @user has @address, which points into the slot, among its operands. */
static void note_user(struct frame *fr, struct extent *e, const struct ir_insn *address,
		      struct ir_insn *user)
{
	switch (user->op) {
	case OP_STORE:
	case OP_ATOMIC_ADD:
		if (user->args[1] == address)
			grow_extent(e, 0, fr->end);
		note_access(fr, e, user);
		break;
	case OP_RETURN: grow_extent(e, 0, fr->end); break;
	case OP_ADD:
	case OP_SUB:
	case OP_SELECT:
	case OP_PHI:
	case OP_COPY:
		if (fr->seen[user->id] != e->slot + 1) {
			fr->seen[user->id] = e->slot + 1;
			vec_push(&fr->scratch, &fr->todo, user);
		}
		note_access(fr, e, user);
		break;
	default: note_access(fr, e, user); break;
	}
}

static void find_accesses(struct frame *fr, struct ir_insn *slot)
{
	struct extent *e = &fr->extents[slot->slot];

	vec_push(&fr->scratch, &fr->todo, slot);
	while (fr->todo.len) {
		struct ir_insn *value = fr->todo.data[--fr->todo.len];

		for (uint32_t i = fr->first_user[value->id]; i < fr->first_user[value->id + 1]; i++)
			note_user(fr, e, value, fr->users[i]);
	}
}

/* Widen what is known of the loops around every block of the loop from @header to @tail. */
static void note_loop(struct frame *fr, struct ir_block *header, struct ir_block *tail)
{
	vec_of(struct ir_block *) body = { 0 };
	uint32_t from = header->first->mark, to = header->last->mark;

	header->mark = ++fr->mark;
	vec_push(&fr->scratch, &body, header);
	if (tail != header) {
		tail->mark = fr->mark;
		vec_push(&fr->scratch, &body, tail);
	}
	for (size_t i = 1; i < body.len; i++)
		vec_foreach (&body.data[i]->preds, pred)
			if ((*pred)->mark != fr->mark) {
				(*pred)->mark = fr->mark;
				vec_push(&fr->scratch, &body, *pred);
			}
	vec_foreach (&body, b) {
		from = (*b)->first->mark < from ? (*b)->first->mark : from;
		to = (*b)->last->mark > to ? (*b)->last->mark : to;
	}
	vec_foreach (&body, b) {
		uint32_t id = (*b)->id;

		if (!fr->loop_to[id] || from < fr->loop_from[id])
			fr->loop_from[id] = from;
		if (to > fr->loop_to[id])
			fr->loop_to[id] = to;
	}
}

static void find_extents(struct frame *fr)
{
	struct ir_func *f = fr->f;

	fr->extents = arena_array(&fr->scratch, struct extent, f->slots.len);
	fr->seen = arena_array(&fr->scratch, uint32_t, f->insn_count);
	fr->loop_from = arena_array(&fr->scratch, uint32_t, f->block_count);
	fr->loop_to = arena_array(&fr->scratch, uint32_t, f->block_count);
	index_users(fr);
	ir_foreach_block (f, b)
		b->mark = 0;
	ir_foreach_block (f, b)
		for (uint32_t i = 0; i < 2 && b->succs[i]; i++)
			if (b->succs[i]->rpo <= b->rpo)
				note_loop(fr, b->succs[i], b);
	for (uint32_t s = 0; s < f->slots.len; s++)
		fr->extents[s] = (struct extent){ .slot = s, .from = UINT32_MAX };
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn)
			if (insn->op == OP_SLOT)
				find_accesses(fr, insn);
	for (uint32_t s = 0; s < f->slots.len; s++)
		if (f->slots.data[s].is_whole && fr->extents[s].from <= fr->extents[s].to)
			grow_extent(&fr->extents[s], 0, fr->end);
}

/* --- packing -------------------------------------------------------------------------------- */

struct packing {
	struct frame *fr;
	vec_of(struct extent) placed; // of those that may still be live
	uint32_t budget;
	uint32_t top;     // bytes in use at most
	bool is_downward; // the stack: an object's end is what is aligned
};

static bool overlaps(const struct extent *a, const struct extent *b)
{
	return a->from <= b->to && b->from <= a->to;
}

/* The start of an object that is after @at. */
static uint32_t align_start(const struct packing *p, uint32_t at, uint32_t size, uint32_t align)
{
	uint32_t end;

	if (!p->is_downward)
		return (at + align - 1) & ~(align - 1);
	end = (at + size + align - 1) & ~(align - 1);
	return end - size;
}

static bool place(struct packing *p, struct extent *e)
{
	const struct ir_slot *slot = &p->fr->f->slots.data[e->slot];
	uint32_t at = align_start(p, 0, slot->size, slot->align);
	bool is_moved = true;

	while (is_moved) {
		is_moved = false;
		vec_foreach (&p->placed, other) {
			if (!overlaps(e, other) || at >= other->at + other->size ||
			    other->at >= at + slot->size)
				continue;
			at = align_start(p, other->at + other->size, slot->size, slot->align);
			is_moved = true;
		}
	}
	if (at + slot->size > p->budget)
		return false;
	e->at = at;
	e->size = slot->size;
	vec_push(&p->fr->scratch, &p->placed, *e);
	if (at + slot->size > p->top)
		p->top = at + slot->size;
	return true;
}

/* Forget what ended before @pos. */
static void expire(struct packing *p, uint32_t pos)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->placed.len; i++)
		if (p->placed.data[i].to >= pos)
			p->placed.data[kept++] = p->placed.data[i];
	p->placed.len = kept;
}

static int compare_extents(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

/* The slots in use, by where they start; those that scratch took before are left out. */
static struct extent *sorted_extents(struct frame *fr, uint32_t *count)
{
	struct extent *sorted = arena_array(&fr->scratch, struct extent, fr->f->slots.len);

	*count = 0;
	for (uint32_t s = 0; s < fr->f->slots.len; s++)
		if (fr->extents[s].from <= fr->extents[s].to && !fr->f->slots.data[s].in_scratch)
			sorted[(*count)++] = fr->extents[s];
	if (*count)
		qsort(sorted, *count, sizeof(*sorted), compare_extents);
	return sorted;
}

static void put_on_stack(struct ir_slot *slot, const struct extent *e)
{
	slot->in_scratch = false;
	slot->offset = -(int32_t)(e->at + e->size);
}

enum outcome { ALL_FIT, SOME_TO_SCRATCH, DONT_FIT };

/* Put what must be there, then all others of up to @max_slot bytes, on the stack. */
static enum outcome pack_stack(struct frame *fr, struct extent *sorted, uint32_t count,
			       uint32_t budget, uint32_t max_slot)
{
	struct packing p = { .fr = fr, .budget = budget, .is_downward = true };
	enum outcome outcome = ALL_FIT;

	for (uint32_t i = 0; i < count; i++) {
		struct ir_slot *slot = &fr->f->slots.data[sorted[i].slot];

		slot->offset = 0;
		if (slot->is_scratch_ok)
			continue;
		if (!place(&p, &sorted[i]))
			return DONT_FIT;
		put_on_stack(slot, &sorted[i]);
	}
	/* The former are compared with everything: they stay in the list. */
	for (uint32_t i = 0; i < p.placed.len; i++)
		p.placed.data[i].to = fr->end;
	for (uint32_t i = 0; i < count; i++) {
		struct ir_slot *slot = &fr->f->slots.data[sorted[i].slot];

		if (!slot->is_scratch_ok || slot->size > max_slot)
			continue;
		expire(&p, sorted[i].from);
		if (place(&p, &sorted[i]))
			put_on_stack(slot, &sorted[i]);
		else
			outcome = SOME_TO_SCRATCH;
	}
	return outcome;
}

/* Returns the size of the area, a power of two so that a CPU's part is found by shifting. */
static uint32_t pack_scratch(struct frame *fr, struct extent *sorted, uint32_t count)
{
	struct packing p = { .fr = fr, .budget = MAX_SCRATCH };
	uint32_t stride = CACHE_LINE;

	for (uint32_t i = 0; i < count; i++) {
		struct ir_slot *slot = &fr->f->slots.data[sorted[i].slot];

		if (slot->offset)
			continue;
		expire(&p, sorted[i].from);
		if (!place(&p, &sorted[i]))
			return UINT32_MAX;
		slot->in_scratch = true;
		slot->offset = (int32_t)sorted[i].at;
	}
	while (stride < p.top)
		stride *= 2;
	return p.top ? stride : 0;
}

bool frame_place(struct ir_func *f, uint32_t budget, uint32_t max_slot, uint32_t *stride)
{
	struct frame fr = { .f = f };
	enum outcome outcome = SOME_TO_SCRATCH;
	struct extent *sorted;
	uint32_t count;

	*stride = 0;
	if (f->slots.len == 0)
		return true;
	arena_init(&fr.scratch);
	find_extents(&fr);
	sorted = sorted_extents(&fr, &count);
	/* Rather a few large ones to scratch than many small ones. */
	for (; outcome == SOME_TO_SCRATCH; max_slot /= 2) {
		outcome = pack_stack(&fr, sorted, count, budget, max_slot);
		if (max_slot == 0)
			break;
	}
	if (outcome != DONT_FIT)
		*stride = pack_scratch(&fr, sorted, count);
	arena_finish(&fr.scratch);
	return outcome != DONT_FIT && *stride != UINT32_MAX;
}

uint32_t frame_stack_bytes(const struct ir_func *f)
{
	int32_t lowest = 0;

	for (size_t i = 0; i < f->slots.len; i++)
		if (!f->slots.data[i].in_scratch && f->slots.data[i].offset < lowest)
			lowest = f->slots.data[i].offset;
	return ((uint32_t)-lowest + 7) & ~7u;
}

/* --- scratch memory -------------------------------------------------------------------------- */

static bool is_in_scratch(const struct ir_func *f, const struct ir_insn *v)
{
	return v->op == OP_SLOT && f->slots.data[v->slot].in_scratch;
}

/* The block in front of all uses and of the loops they are in. */
static struct ir_block *base_block(struct ir_func *f)
{
	struct ir_block *common = NULL;

	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn)
			for (uint32_t i = 0; i < insn->arg_count; i++) {
				struct ir_block *at = insn->op == OP_PHI ? b->preds.data[i] : b;

				if (is_in_scratch(f, insn->args[i]))
					common = common ? dom_common(common, at) : at;
			}
	while (common && common->loop_depth > 0)
		common = common->idom;
	return common;
}

/* In @b, in front of the first use of scratch memory, or at its end. */
static struct ir_insn *base_position(const struct ir_func *f, struct ir_block *b)
{
	ir_foreach_insn (b, insn)
		if (insn->op != OP_PHI)
			for (uint32_t i = 0; i < insn->arg_count; i++)
				if (is_in_scratch(f, insn->args[i]))
					return insn;
	return b->last;
}

static struct ir_insn *insert(struct ir_func *f, struct ir_insn *at, enum ir_op op,
			      struct ir_insn *a, struct ir_insn *b)
{
	struct ir_insn *insn = ir_insn_new(f, op, (uint32_t)(a != NULL) + (uint32_t)(b != NULL));

	if (a)
		insn->args[0] = a;
	if (b)
		insn->args[1] = b;
	insn->span = at->span;
	ir_insert_before(at, insn);
	return insn;
}

static struct ir_insn *insert_const(struct ir_func *f, struct ir_insn *at, int64_t imm)
{
	struct ir_insn *insn = insert(f, at, OP_CONST, NULL, NULL);

	insn->imm = imm;
	return insn;
}

/* The mask tells the verifier that the CPU's number is in range. */
static struct ir_insn *insert_base(struct ir_func *f, struct ir_insn *at,
				   const struct codegen_options *o, uint32_t region,
				   uint32_t stride)
{
	struct ir_insn *area, *cpu;

	area = insert(f, at, OP_MAP_VALUE, NULL, NULL);
	area->map = o->scratch_map;
	area->imm = region;
	if (o->cpu_slots <= 1)
		return area;
	cpu = insert(f, at, OP_CALL, NULL, NULL);
	cpu->helper = BPF_FUNC_get_smp_processor_id;
	cpu = insert(f, at, OP_AND, cpu, insert_const(f, at, o->cpu_slots - 1));
	cpu = insert(f, at, OP_SHL, cpu, insert_const(f, at, __builtin_ctz(stride)));
	return insert(f, at, OP_ADD, area, cpu);
}

static void use_base(struct ir_func *f, struct ir_insn *user, uint32_t i, struct ir_insn *base)
{
	struct ir_insn *address = user->args[i];
	struct ir_insn *at = user;
	int64_t off = address->imm + f->slots.data[address->slot].offset;
	bool is_access = user->op == OP_LOAD || user->op == OP_STORE || user->op == OP_ZERO ||
			 user->op == OP_MEMCPY || user->op == OP_ATOMIC_ADD;

	if (is_access && i == 0) {
		user->imm += off;
		user->args[0] = base;
	} else if (user->op == OP_MEMCPY) {
		user->imm2 += off;
		user->args[1] = base;
	} else if (off == 0) {
		user->args[i] = base;
	} else {
		if (user->op == OP_PHI)
			at = user->block->preds.data[i]->last;
		user->args[i] = insert(f, at, OP_ADD, base, insert_const(f, at, off));
	}
}

void frame_lower_scratch(struct ir_func *f, const struct codegen_options *o, uint32_t region,
			 uint32_t stride)
{
	struct ir_block *block;
	struct ir_insn *base;

	cfg_compute(f);
	dom_compute(f);
	block = base_block(f);
	if (!block)
		return;
	base = insert_base(f, base_position(f, block), o, region, stride);
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn)
			for (uint32_t i = 0; i < insn->arg_count; i++)
				if (is_in_scratch(f, insn->args[i]))
					use_base(f, insn, i, base);
}
