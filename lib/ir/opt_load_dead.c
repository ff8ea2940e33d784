/*
 * Dead stores, for opt_load(): from the end of each block backwards, the bytes of slots that will
 * be overwritten before anybody reads them; at a return, all of them.
 */
#include <string.h>

#include "ir/helpers.h"
#include "ir/memory.h"

#define MAX_TRACKED 4096 // bytes of a slot that is looked at

struct dead {
	struct memory *m;
	struct arena scratch;
	uint8_t **bytes;     // by slot: 1 = not read any more; NULL: nothing known
	uint32_t *last_read; // by slot: number of the last instruction that reads it; 0: none does
	bool is_all_dead;    // what is not in `bytes` is dead, at a return
	vec_of(uint32_t) touched; // slots with `bytes` of this block
};

/* --- what is read, and where last
 * -------------------------------------------------------------------- */

static void note_read(struct dead *d, const struct place *p, uint32_t number)
{
	if (p->kind == OBJECT_SLOT)
		d->last_read[p->index] = number;
}

static bool may_read(enum helper_access access)
{
	return access == ACCESS_READ || access == ACCESS_WRITE_SOME;
}

static enum helper_access access_of(const struct ir_insn *call, uint32_t i, uint64_t *size)
{
	*size = 0;
	return call->op == OP_CALL ? helper_access(call, i, size) : ACCESS_WRITE_SOME;
}

/*
 * A helper that writes part of the memory (W) reads none; a callback (x) or what we don't know may.
 */
static bool call_reads(const struct ir_insn *call, uint32_t i)
{
	const char *args = call->op == OP_CALL ? helper_args(call) : NULL;
	uint64_t size;

	if (args && i < strlen(args) && args[i] == 'W')
		return false;
	return may_read(access_of(call, i, &size));
}

/* Instructions are numbered in reverse postorder, from 1. */
static void find_reads(struct dead *d)
{
	uint32_t number = 0;

	for (uint32_t r = 0; r < d->m->f->rpo_count; r++)
		ir_foreach_insn (d->m->f->rpo_blocks[r], insn) {
			struct place p = { .kind = OBJECT_UNKNOWN };

			insn->mark = ++number;
			if (insn->op == OP_LOAD || insn->op == OP_ATOMIC_ADD)
				p = memory_target(d->m, insn);
			else if (insn->op == OP_MEMCPY)
				p = memory_source(d->m, insn);
			note_read(d, &p, number);
			if (!ir_clobbers(insn))
				continue;
			for (uint32_t i = 0; i < insn->arg_count; i++) {
				p = memory_place(d->m, insn->args[i], 0, 0);
				if (call_reads(insn, i))
					note_read(d, &p, number);
			}
		}
}

/* --- bytes ---------------------------------------------------------------------------------- */

static uint32_t slot_size(const struct dead *d, uint32_t slot)
{
	return d->m->f->slots.data[slot].size;
}

/* The bytes of a slot; NULL if it is not tracked. */
static uint8_t *bytes_of(struct dead *d, uint32_t slot)
{
	uint32_t size = slot_size(d, slot);

	if (size > MAX_TRACKED)
		return NULL;
	if (!d->bytes[slot]) {
		d->bytes[slot] = arena_alloc(&d->scratch, size);
		memset(d->bytes[slot], d->is_all_dead, size);
		vec_push(&d->scratch, &d->touched, slot);
	}
	return d->bytes[slot];
}

/* The part of the slot that @p is about; false if that is not known. */
static bool range_of(const struct dead *d, const struct place *p, uint32_t *from, uint32_t *to)
{
	uint32_t size = slot_size(d, p->index);
	int64_t end = p->size ? p->off + (int64_t)p->size : (int64_t)size;

	if (p->off < 0 || end > (int64_t)size || p->off > end)
		return false;
	*from = (uint32_t)p->off;
	*to = (uint32_t)end;
	return true;
}

static void set_bytes(struct dead *d, const struct place *p, bool is_dead)
{
	uint32_t from, to;
	uint8_t *bytes;

	if (p->kind != OBJECT_SLOT || !(bytes = bytes_of(d, p->index)))
		return;
	if (!range_of(d, p, &from, &to)) {
		if (is_dead)
			return;
		from = 0;
		to = slot_size(d, p->index);
	}
	memset(bytes + from, is_dead, to - from);
}

/* What @insn writes to @p will not be read. */
static bool is_dead(struct dead *d, const struct ir_insn *insn, const struct place *p)
{
	uint32_t from, to;
	uint8_t *bytes;

	if (p->kind != OBJECT_SLOT)
		return false;
	/* Outside of loops, ways only lead to higher numbers. */
	if (d->last_read[p->index] == 0 ||
	    (d->last_read[p->index] < insn->mark && insn->block->loop_depth == 0))
		return true;
	bytes = bytes_of(d, p->index);
	if (!bytes || !range_of(d, p, &from, &to))
		return false;
	for (; from < to; from++)
		if (!bytes[from])
			return false;
	return true;
}

/* --- instructions --------------------------------------------------------------------------- */

static void insert_zero(struct dead *d, struct ir_insn *at, uint32_t from, uint32_t to)
{
	struct ir_insn *zero = ir_insn_new(d->m->f, OP_ZERO, 1);
	struct place whole = memory_target(d->m, at);

	zero->args[0] = at->args[0];
	zero->imm = at->imm + ((int64_t)from - whole.off);
	zero->size = to - from;
	zero->span = at->span;
	ir_insert_before(at, zero);
}

/* Within a word: its live bytes, or none. */
static void trim_word(const uint8_t *bytes, uint32_t *low, uint32_t *high)
{
	while (*low < *high && bytes[*low])
		(*low)++;
	while (*high > *low && bytes[*high - 1])
		(*high)--;
}

/* One store when it is aligned: 1, 2, 4 or 8 bytes within @from to @to. */
static void widen_to_store(uint32_t from, uint32_t to, uint32_t *low, uint32_t *high)
{
	for (uint32_t width = 1; width <= 8; width *= 2) {
		uint32_t start = *low & ~(width - 1);

		if (start + width >= *high && start >= from && start + width <= to) {
			*low = start;
			*high = start + width;
			return;
		}
	}
}

/*
 * Clear only the bytes that will not be overwritten.  A run of them is widened to whole words while
 * that makes it no more stores: their other bytes are dead.
 */
static void trim_zero(struct dead *d, struct ir_insn *zero, const struct place *p)
{
	uint8_t *bytes = bytes_of(d, p->index);
	uint32_t from, to, run = UINT32_MAX, end = 0;

	if (!bytes || !range_of(d, p, &from, &to) || !memchr(bytes + from, 1, to - from))
		return;
	for (uint32_t at = from & ~7u; at < to; at += 8) {
		uint32_t low = at < from ? from : at, high = at + 8 > to ? to : at + 8;

		trim_word(bytes, &low, &high);
		if (low == high)
			continue;
		widen_to_store(from, to, &low, &high);
		if (run != UINT32_MAX && low == end) {
			end = high;
			continue;
		}
		if (run != UINT32_MAX)
			insert_zero(d, zero, run, end);
		run = low;
		end = high;
	}
	if (run != UINT32_MAX)
		insert_zero(d, zero, run, end);
	ir_remove(zero);
}

/* A call whose only effect is to write what nobody reads. */
static bool is_dead_call(struct dead *d, const struct ir_insn *call)
{
	if (!helper_is_harmless(call) || call->use_count)
		return false;
	for (uint32_t i = 0; i < call->arg_count; i++) {
		uint64_t size;
		enum helper_access access = helper_access(call, i, &size);
		struct place p = memory_place(d->m, call->args[i], 0, size);

		if (access == ACCESS_WRITE_ALL || access == ACCESS_WRITE_SOME)
			if (!is_dead(d, call, &p))
				return false;
	}
	return true;
}

static void drop_uses(const struct ir_insn *insn)
{
	for (uint32_t i = 0; i < insn->arg_count; i++)
		insn->args[i]->use_count--;
}

static void visit_call(struct dead *d, struct ir_insn *call)
{
	if (is_dead_call(d, call)) {
		drop_uses(call);
		ir_remove(call);
		return;
	}
	for (uint32_t i = 0; i < call->arg_count; i++) {
		uint64_t size;
		enum helper_access access = access_of(call, i, &size);
		struct place p = memory_place(d->m, call->args[i], 0, size);

		if (access == ACCESS_WRITE_ALL && size)
			set_bytes(d, &p, true);
	}
	for (uint32_t i = 0; i < call->arg_count; i++) {
		uint64_t size;
		struct place p;

		(void)access_of(call, i, &size);
		p = memory_place(d->m, call->args[i], 0, size);
		if (call_reads(call, i))
			set_bytes(d, &p, false);
	}
}

static void visit(struct dead *d, struct ir_insn *insn)
{
	struct place p = { .kind = OBJECT_UNKNOWN };

	switch (insn->op) {
	case OP_STORE:
	case OP_ZERO:
	case OP_MEMCPY:
		p = memory_target(d->m, insn);
		if (is_dead(d, insn, &p)) {
			drop_uses(insn);
			ir_remove(insn);
			break;
		}
		if (insn->op == OP_ZERO && p.kind == OBJECT_SLOT) {
			trim_zero(d, insn, &p);
			set_bytes(d, &p, true);
			break;
		}
		set_bytes(d, &p, true);
		if (insn->op != OP_MEMCPY)
			break;
		p = memory_source(d->m, insn);
		set_bytes(d, &p, false);
		break;
	case OP_LOAD:
	case OP_ATOMIC_ADD:
		p = memory_target(d->m, insn);
		set_bytes(d, &p, false);
		break;
	case OP_CALL:
	case OP_KFUNC:
	case OP_TAIL_CALL: visit_call(d, insn); break;
	default: break;
	}
}

static void visit_block(struct dead *d, struct ir_block *b)
{
	d->is_all_dead = b->last->op == OP_RETURN;
	for (struct ir_insn *insn = b->last, *prev; insn; insn = prev) {
		prev = insn->prev;
		visit(d, insn);
	}
	vec_foreach (&d->touched, slot)
		d->bytes[*slot] = NULL;
	d->touched.len = 0;
}

void load_remove_dead_stores(struct memory *m)
{
	struct dead d = { .m = m };

	if (m->f->slots.len == 0)
		return;
	arena_init(&d.scratch);
	d.bytes = arena_array(&d.scratch, uint8_t *, m->f->slots.len);
	d.last_read = arena_array(&d.scratch, uint32_t, m->f->slots.len);
	find_reads(&d);
	ir_count_uses(m->f);
	ir_foreach_block (m->f, b)
		visit_block(&d, b);
	arena_finish(&d.scratch);
}
