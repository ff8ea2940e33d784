/*
 * Lowering: SSA form for scalar variables, made while the code is made.
 *
 * Source: Braun et al., "Simple and Efficient Construction of Static Single Assignment Form", 2013.
 * Two changes.  A phi's operands are looked up from a work list, so that a long script does not
 * need a deep stack.  And the block where a construct ends (ssa_set_dom()) knows when the
 * construct began: what was not written since then is looked up there, without any phi.  Phis that
 * turn out trivial are left to opt_copy().
 */
#include "ir/lower_impl.h"

#include <assert.h>

static uint64_t def_key(const struct ir_block *b, uint32_t number)
{
	return (uint64_t)b->id << 32 | (number + 1);
}

/* The entry of @key, or the free one where it would be. */
static struct ssa_def *find_def(const struct ssa *s, uint64_t key)
{
	uint32_t mask = s->def_cap - 1;
	uint32_t i = (uint32_t)((key ^ key >> 32) * 0x9e3779b97f4a7c15u >> 33) & mask;

	while (s->defs[i].key && s->defs[i].key != key)
		i = (i + 1) & mask;
	return &s->defs[i];
}

static void grow_defs(struct lower *lo, struct ssa *s)
{
	struct ssa old = *s;

	s->def_cap = old.def_cap ? old.def_cap * 2 : 64;
	s->defs = arena_array(lo->arena, struct ssa_def, s->def_cap);
	for (uint32_t i = 0; i < old.def_cap; i++)
		if (old.defs[i].key)
			*find_def(s, old.defs[i].key) = old.defs[i];
}

static struct ir_insn *get_def(const struct ssa *s, const struct ir_block *b, uint32_t number)
{
	return s->def_cap ? find_def(s, def_key(b, number))->value : NULL;
}

static void set_def(struct lower *lo, const struct ir_block *b, uint32_t number,
		    struct ir_insn *value)
{
	struct ssa *s = &lo->fn->ssa;
	struct ssa_def *def;

	if (s->def_count * 4 >= s->def_cap * 3)
		grow_defs(lo, s);
	def = find_def(s, def_key(b, number));
	if (!def->key) {
		def->key = def_key(b, number);
		s->def_count++;
	}
	def->value = value;
}

uint32_t ssa_var_new(struct lower *lo)
{
	struct ssa *s = &lo->fn->ssa;

	vec_push(lo->arena, &s->writes, (ssa_times){ 0 });
	return (uint32_t)s->writes.len - 1;
}

uint32_t ssa_now(const struct lower *lo)
{
	return lo->fn->ssa.now;
}

void ssa_write(struct lower *lo, uint32_t number, struct ir_insn *value)
{
	struct ssa *s = &lo->fn->ssa;

	vec_push(lo->arena, &s->writes.data[number], s->now);
	s->now++;
	set_def(lo, lo->fn->block, number, value);
}

/* Was it written at a time in [from, until)? */
static bool is_written(const struct ssa *s, uint32_t number, uint32_t from, uint32_t until)
{
	const ssa_times *times = &s->writes.data[number];
	size_t low = 0, high = times->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (times->data[middle] < from)
			low = middle + 1;
		else
			high = middle;
	}
	return low < times->len && times->data[low] < until;
}

/* A phi without operands at the beginning of @b. */
static struct ir_insn *new_phi(struct lower *lo, struct ir_block *b)
{
	struct ir_insn *phi = ir_insn_new(lo->fn->ir, OP_PHI, 0);

	phi->span = lo->span;
	if (b->first)
		ir_insert_before(b->first, phi);
	else
		ir_append(b, phi);
	return phi;
}

static struct ir_insn *undefined(struct lower *lo)
{
	struct ir_block *entry = lo->fn->ir->entry;
	struct ir_insn *zero = ir_insn_new(lo->fn->ir, OP_CONST, 0);

	if (entry->first)
		ir_insert_before(entry->first, zero);
	else
		ir_append(entry, zero);
	return zero;
}

static struct ir_insn *read_at(struct lower *lo, struct ir_block *start, uint32_t number)
{
	struct ssa *s = &lo->fn->ssa;
	struct ir_block *b = start;
	struct ir_insn *value;

	for (;;) {
		const struct ssa_block *info = &s->blocks.data[b->id];

		value = get_def(s, b, number);
		if (value)
			break;
		if (info->is_sealed && info->dom &&
		    !is_written(s, number, info->from, info->until)) {
			b = info->dom;
		} else if (info->is_sealed && b->preds.len == 1) {
			b = b->preds.data[0];
		} else if (info->is_sealed && b->preds.len == 0) {
			value = undefined(lo);
			break;
		} else {
			struct ssa_phi entry = { .number = number, .phi = new_phi(lo, b) };

			value = entry.phi;
			if (info->is_sealed)
				vec_push(lo->arena, &s->unfilled, entry);
			else
				vec_push(lo->arena, &s->blocks.data[b->id].incomplete, entry);
			set_def(lo, b, number, value);
			break;
		}
	}
	if (b != start)
		set_def(lo, start, number, value);
	return value;
}

static void fill_phi(struct lower *lo, const struct ssa_phi *entry)
{
	struct ir_insn *phi = entry->phi;
	struct ir_block *b = phi->block;

	phi->arg_count = (uint16_t)b->preds.len;
	phi->args = arena_array(lo->arena, struct ir_insn *, b->preds.len);
	for (size_t i = 0; i < b->preds.len; i++)
		phi->args[i] = read_at(lo, b->preds.data[i], entry->number);
}

static void fill_phis(struct lower *lo)
{
	struct ssa *s = &lo->fn->ssa;

	while (s->unfilled.len) {
		struct ssa_phi entry = s->unfilled.data[--s->unfilled.len];

		fill_phi(lo, &entry);
	}
}

struct ir_insn *ssa_read(struct lower *lo, uint32_t number)
{
	struct ir_insn *value = read_at(lo, lo->fn->block, number);

	fill_phis(lo);
	return value;
}

void ssa_seal(struct lower *lo, struct ir_block *b)
{
	struct ssa *s = &lo->fn->ssa;
	struct ssa_block *info = &s->blocks.data[b->id];

	assert(!info->is_sealed);
	info->is_sealed = true;
	vec_foreach (&info->incomplete, entry)
		vec_push(lo->arena, &s->unfilled, *entry);
	fill_phis(lo);
}

void ssa_set_dom(struct lower *lo, struct ir_block *b, struct ir_block *dom, uint32_t from)
{
	struct ssa_block *info = &lo->fn->ssa.blocks.data[b->id];

	info->dom = dom;
	info->from = from;
	info->until = lo->fn->ssa.now;
}
