#include "bpf/ival.h"

#include <assert.h>

/* --- operands ------------------------------------------------------------------------------ */

enum role { ROLE_USE, ROLE_LATE, ROLE_DEF };

typedef void (*operand_fn)(void *ctx, struct mir_operand *operand, enum role role,
			   bool must_be_reg);

static void visit_moves(struct mir_insn *insn, operand_fn fn, void *ctx)
{
	for (uint32_t i = 0; i < insn->move_count; i++) {
		fn(ctx, &insn->moves[i].dst, ROLE_DEF, false);
		fn(ctx, &insn->moves[i].src, ROLE_USE, false);
	}
}

/* All operands of @insn, results first. */
static void visit_operands(struct mir_insn *insn, operand_fn fn, void *ctx)
{
	bool is_late = false;

	switch (insn->op) {
	case M_ENTRY:
	case M_CALL:
	case M_COPIES: visit_moves(insn, fn, ctx); break;
	case M_RESULT: fn(ctx, &insn->dst, ROLE_DEF, false); break;
	case M_MOVE:
		fn(ctx, &insn->dst, ROLE_DEF, true);
		fn(ctx, &insn->a, ROLE_USE, false);
		break;
	case M_RETURN: fn(ctx, &insn->a, ROLE_USE, false); break;
	case M_SELECT:
		fn(ctx, &insn->dst, ROLE_DEF, true);
		fn(ctx, &insn->a, ROLE_LATE, true);
		fn(ctx, &insn->b, ROLE_LATE, true);
		fn(ctx, &insn->x, ROLE_USE, false);
		fn(ctx, &insn->y, ROLE_LATE, false);
		break;
	case M_ALU:
		/* r2 = r1 - r2 would take two moves more than r3 = r1 - r2. */
		is_late = insn->code != BPF_ADD && insn->code != BPF_MUL && insn->code != BPF_AND &&
			  insn->code != BPF_OR && insn->code != BPF_XOR;
		fn(ctx, &insn->dst, ROLE_DEF, true);
		fn(ctx, &insn->a, ROLE_USE, true);
		fn(ctx, &insn->b, is_late ? ROLE_LATE : ROLE_USE, true);
		break;
	default:
		fn(ctx, &insn->dst, ROLE_DEF, true);
		fn(ctx, &insn->a, ROLE_USE, true);
		fn(ctx, &insn->b, ROLE_USE, true);
		break;
	}
}

/* --- liveness ------------------------------------------------------------------------------ */

struct place { // of a virtual register: a block that reads it before writing it, or writes it
	uint32_t block;
	uint32_t next; // index + 1
};

struct liveness {
	struct arena scratch;
	struct mir_func *m;
	vec_of(struct place) places;
	uint32_t *uses, *defs; // by vreg: index + 1 of the first place
	uint32_t *seen_in;     // by vreg: block + 1 that was last seen to write it, in this block
	uint32_t block;
	vec_of(struct mir_block *) todo;
};

static void add_place(struct liveness *l, uint32_t *list)
{
	struct place place = { .block = l->block, .next = *list };

	if (*list && l->places.data[*list - 1].block == l->block)
		return;
	vec_push(&l->scratch, &l->places, place);
	*list = (uint32_t)l->places.len;
}

static void note_use(void *ctx, struct mir_operand *operand, enum role role, bool must_be_reg)
{
	struct liveness *l = ctx;

	(void)must_be_reg;
	if (operand->kind == OPERAND_VREG && role != ROLE_DEF &&
	    l->seen_in[operand->vreg] != l->block + 1)
		add_place(l, &l->uses[operand->vreg]);
}

static void note_def(void *ctx, struct mir_operand *operand, enum role role, bool must_be_reg)
{
	struct liveness *l = ctx;

	(void)must_be_reg;
	if (operand->kind != OPERAND_VREG || role != ROLE_DEF)
		return;
	l->seen_in[operand->vreg] = l->block + 1;
	add_place(l, &l->defs[operand->vreg]);
}

static void enter_block(struct liveness *l, struct mir_block *b, uint32_t vreg)
{
	if (b->live_in.len && vec_last(&b->live_in) == vreg)
		return;
	vec_push(l->m->arena, &b->live_in, vreg);
	vec_push(&l->scratch, &l->todo, b);
}

/* From the blocks that need @vreg at their start up to those that write it. */
static void spread(struct liveness *l, uint32_t vreg)
{
	for (uint32_t i = l->defs[vreg]; i; i = l->places.data[i - 1].next)
		l->m->blocks[l->places.data[i - 1].block].mark = vreg;
	for (uint32_t i = l->uses[vreg]; i; i = l->places.data[i - 1].next)
		enter_block(l, &l->m->blocks[l->places.data[i - 1].block], vreg);
	while (l->todo.len) {
		struct mir_block *b = l->todo.data[--l->todo.len];

		vec_foreach (&b->preds, p) {
			struct mir_block *pred = *p;

			if (!pred->live_out.len || vec_last(&pred->live_out) != vreg)
				vec_push(l->m->arena, &pred->live_out, vreg);
			if (pred->mark != vreg)
				enter_block(l, pred, vreg);
		}
	}
}

static void find_live(struct mir_func *m)
{
	struct liveness l = { .m = m };

	arena_init(&l.scratch);
	l.uses = arena_array(&l.scratch, uint32_t, m->vregs.len);
	l.defs = arena_array(&l.scratch, uint32_t, m->vregs.len);
	l.seen_in = arena_array(&l.scratch, uint32_t, m->vregs.len);
	for (l.block = 0; l.block < m->block_count; l.block++) {
		struct mir_block *b = &m->blocks[l.block];

		b->mark = 0;
		for (uint32_t i = b->first; i < b->end; i++) {
			visit_operands(&m->insns.data[i], note_use, &l);
			visit_operands(&m->insns.data[i], note_def, &l);
		}
	}
	for (uint32_t vreg = 1; vreg < m->vregs.len; vreg++)
		spread(&l, vreg);
	arena_finish(&l.scratch);
}

/* --- intervals ----------------------------------------------------------------------------- */

/* Built backward, so ranges and uses come last first. */
struct building {
	vec_of(struct ival_range) ranges;
	vec_of(struct ival_use) uses;
};

struct builder {
	struct arena *arena;
	struct mir_func *m;
	struct building *of; // by vreg
	vec_of(struct ival_range) r0;
	vec_of(struct ival_range) caller_saved;
	uint32_t block_from; // position of the block's start
	uint32_t insn;
};

static void add_range(struct builder *b, uint32_t vreg, uint32_t from, uint32_t to)
{
	struct building *it = &b->of[vreg];
	struct ival_range range = { .from = from, .to = to };

	if (it->ranges.len && vec_last(&it->ranges).from <= to) {
		struct ival_range *last = &vec_last(&it->ranges);

		if (from < last->from)
			last->from = from;
		if (to > last->to)
			last->to = to;
		return;
	}
	vec_push(b->arena, &it->ranges, range);
}

static void add_def(struct builder *b, uint32_t vreg, uint32_t pos)
{
	struct building *it = &b->of[vreg];

	/* The range that was taken to start with the block starts here; or nobody reads it. */
	if (it->ranges.len && vec_last(&it->ranges).from <= pos && vec_last(&it->ranges).to > pos)
		vec_last(&it->ranges).from = pos;
	else
		add_range(b, vreg, pos, pos + 1);
}

static void build_operand(struct builder *b, struct mir_operand *operand, enum role role,
			  bool must_be_reg)
{
	uint32_t pos = 2 * b->insn + (role != ROLE_USE);
	struct ival_use use = { .pos = pos, .operand = operand, .is_def = role == ROLE_DEF };

	if (operand->kind != OPERAND_VREG)
		return;
	use.must_be_reg = must_be_reg || b->m->vregs.data[operand->vreg].remat;
	vec_push(b->arena, &b->of[operand->vreg].uses, use);
	if (role == ROLE_DEF)
		add_def(b, operand->vreg, pos);
	else
		add_range(b, operand->vreg, b->block_from, pos + 1);
}

static void build_defs(void *ctx, struct mir_operand *operand, enum role role, bool must_be_reg)
{
	if (role == ROLE_DEF)
		build_operand(ctx, operand, role, must_be_reg);
}

static void build_late(void *ctx, struct mir_operand *operand, enum role role, bool must_be_reg)
{
	if (role == ROLE_LATE)
		build_operand(ctx, operand, role, must_be_reg);
}

static void build_uses(void *ctx, struct mir_operand *operand, enum role role, bool must_be_reg)
{
	if (role == ROLE_USE)
		build_operand(ctx, operand, role, must_be_reg);
}

static void build_block(struct builder *b, const struct mir_block *block)
{
	b->block_from = 2 * block->first;
	vec_foreach (&block->live_out, vreg)
		add_range(b, *vreg, b->block_from, 2 * block->end);
	for (uint32_t i = block->end; i-- > block->first;) {
		struct mir_insn *insn = &b->m->insns.data[i];

		b->insn = i;
		if (mir_is_call(insn)) {
			bool has_result = insn[1].op == M_RESULT;
			struct ival_range clobber = { 2 * i + 1, 2 * i + 2 };

			vec_push(b->arena, &b->caller_saved, clobber);
			clobber.to += has_result;
			vec_push(b->arena, &b->r0, clobber);
		}
		visit_operands(insn, build_defs, b);
		visit_operands(insn, build_late, b);
		visit_operands(insn, build_uses, b);
	}
}

static struct ival_ranges reversed_ranges(struct arena *a, const struct ival_range *data,
					  size_t len)
{
	struct ival_ranges out = { .data = arena_array(a, struct ival_range, len) };

	while (len)
		out.data[out.count++] = data[--len];
	return out;
}

static struct ival *finish_ival(struct builder *b, uint32_t vreg)
{
	struct building *from = &b->of[vreg];
	struct ival *it = arena_new(b->arena, struct ival);
	struct ival_ranges ranges = reversed_ranges(b->arena, from->ranges.data, from->ranges.len);

	it->vreg = vreg;
	it->reg = REG_NONE;
	it->ranges = ranges.data;
	it->range_count = ranges.count;
	it->uses = arena_array(b->arena, struct ival_use, from->uses.len);
	for (size_t i = from->uses.len; i > 0; i--)
		it->uses[it->use_count++] = from->uses.data[i - 1];
	b->m->vregs.data[vreg].ival = it;
	return it;
}

struct ival_set ival_build(struct mir_func *m)
{
	struct builder b = { .arena = m->arena, .m = m };
	struct ival_set set = { 0 };

	find_live(m);
	assert(m->blocks[0].live_in.len == 0); // nothing is read that was never written
	b.of = arena_array(m->arena, struct building, m->vregs.len);
	set.block_of_insn = arena_array(m->arena, uint32_t, m->insns.len);
	for (uint32_t i = m->block_count; i-- > 0;) {
		build_block(&b, &m->blocks[i]);
		for (uint32_t j = m->blocks[i].first; j < m->blocks[i].end; j++)
			set.block_of_insn[j] = i;
	}
	set.ivals = arena_array(m->arena, struct ival *, m->vregs.len);
	for (uint32_t vreg = 1; vreg < m->vregs.len; vreg++)
		if (b.of[vreg].ranges.len)
			set.ivals[set.count++] = finish_ival(&b, vreg);
	set.r0 = reversed_ranges(m->arena, b.r0.data, b.r0.len);
	set.caller_saved = reversed_ranges(m->arena, b.caller_saved.data, b.caller_saved.len);
	return set;
}

/* --- questions and changes ------------------------------------------------------------------ */

/* The first range of @r that ends after @pos. */
static uint32_t find_range(const struct ival_ranges *r, uint32_t pos)
{
	uint32_t low = 0, high = r->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (r->data[mid].to <= pos)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint32_t ival_intersection(const struct ival *a, const struct ival_ranges *b)
{
	uint32_t j = find_range(b, ival_start(a));

	for (uint32_t i = 0; i < a->range_count && j < b->count;) {
		const struct ival_range *x = &a->ranges[i], *y = &b->data[j];

		if (x->to <= y->from)
			i++;
		else if (y->to <= x->from)
			j = find_range(b, x->from);
		else
			return x->from > y->from ? x->from : y->from;
	}
	return POS_MAX;
}

bool ival_covers(const struct ival *it, uint32_t pos)
{
	struct ival_ranges ranges = { .data = it->ranges, .count = it->range_count };
	uint32_t i = find_range(&ranges, pos);

	return i < ranges.count && ranges.data[i].from <= pos;
}

struct ival *ival_split(struct arena *a, struct ival *it, uint32_t pos)
{
	struct ival *tail = arena_new(a, struct ival);
	struct ival_ranges ranges = { .data = it->ranges, .count = it->range_count };
	uint32_t i = find_range(&ranges, pos);
	uint32_t used = 0;

	assert(pos > ival_start(it) && pos < ival_end(it));
	tail->vreg = it->vreg;
	tail->reg = REG_NONE;
	tail->range_count = it->range_count - i;
	tail->ranges = arena_memdup(a, &it->ranges[i], tail->range_count * sizeof(*it->ranges));
	it->range_count = i;
	if (tail->ranges[0].from < pos) {
		it->ranges[i].to = pos;
		it->range_count++;
		tail->ranges[0].from = pos;
	}
	while (used < it->use_count && it->uses[used].pos < pos)
		used++;
	tail->uses = it->uses + used;
	tail->use_count = it->use_count - used;
	it->use_count = used;
	tail->next = it->next;
	it->next = tail;
	return tail;
}
