/*
 * Sinking: values are computed where they are used, so that they need no register until then, and
 * nothing is computed on ways that don't need it.
 *
 * Between blocks: into the closest block that dominates all uses, unless that is in a deeper loop.
 * In a block: in front of the first use, for what takes at most one register itself.
 */
#include <stddef.h>

#include "ir/helpers.h"
#include "ir/ir.h"

struct sink {
	struct arena scratch;
	struct ir_func *f;
	struct ir_block **target; // by value id: the closest block that dominates its uses so far
	uint32_t *users_left;     // by value id: users in its block that have no place yet
	vec_of(struct ir_insn *) stack;
	vec_of(struct ir_insn *) order; // of the block, before
};

static bool can_move(const struct ir_insn *insn)
{
	if (insn->op == OP_CALL)
		return helper_is_pure(insn) && insn->arg_count == 0;
	if (insn->op == OP_LOAD)
		return helper_is_stable_load(insn);
	return ir_has_result(insn) && !ir_has_side_effect(insn) && insn->op != OP_PHI &&
	       insn->op != OP_CTX && insn->op != OP_PARAM;
}

/* --- between blocks ------------------------------------------------------------------------- */

static void note_uses(struct sink *s, const struct ir_insn *user)
{
	for (uint32_t i = 0; i < user->arg_count; i++) {
		struct ir_block *at = user->op == OP_PHI ? user->block->preds.data[i] : user->block;
		struct ir_block **target = &s->target[user->args[i]->id];

		*target = *target ? dom_common(*target, at) : at;
	}
}

/* Behind the phis: the walk inside the block finds the better place. */
static void move_to(struct ir_insn *insn, struct ir_block *b)
{
	struct ir_insn *at = b->first;

	while (at->op == OP_PHI)
		at = at->next;
	ir_remove(insn);
	ir_insert_before(at, insn);
}

/* Users come before what they use, but for phis of loops: these are looked at first. */
static void sink_between_blocks(struct sink *s)
{
	ir_foreach_block (s->f, b)
		for (struct ir_insn *phi = b->first; phi->op == OP_PHI; phi = phi->next)
			note_uses(s, phi);
	for (uint32_t i = s->f->rpo_count; i-- > 0;) {
		struct ir_block *b = s->f->rpo_blocks[i];

		for (struct ir_insn *insn = b->last, *prev; insn; insn = prev) {
			struct ir_block *target = s->target[insn->id];

			prev = insn->prev;
			while (target && target != b && target->loop_depth > b->loop_depth)
				target = target->idom;
			if (target && target != b && can_move(insn))
				move_to(insn, target);
			if (insn->op != OP_PHI)
				note_uses(s, insn);
		}
	}
}

/* --- in a block ----------------------------------------------------------------------------- */

static bool is_free(const struct ir_insn *v)
{
	return v->op == OP_CONST || v->op == OP_SLOT || v->op == OP_MAP || v->op == OP_MAP_VALUE ||
	       v->op == OP_FUNC || v->op == OP_KERNEL_VAR || v->op == OP_CTX;
}

static bool can_wait(const struct ir_insn *insn)
{
	uint32_t registers = 0;

	if (!can_move(insn) || insn->op == OP_CALL)
		return false;
	for (uint32_t i = 0; i < insn->arg_count; i++)
		registers += !is_free(insn->args[i]);
	return registers <= 1;
}

/* Put @insn at the front of the new list, then what waited for it. */
static void put(struct sink *s, struct ir_block *b, struct ir_insn *insn)
{
	vec_push(&s->scratch, &s->stack, insn);
	while (s->stack.len) {
		insn = s->stack.data[--s->stack.len];
		insn->mark = 1;
		insn->block = NULL;
		if (b->first)
			ir_insert_before(b->first, insn);
		else
			ir_append(b, insn);
		for (uint32_t i = 0; i < insn->arg_count && insn->op != OP_PHI; i++) {
			struct ir_insn *arg = insn->args[i];

			if (arg->block == b && !arg->mark && can_wait(arg) &&
			    --s->users_left[arg->id] == 0)
				vec_push(&s->scratch, &s->stack, arg);
		}
	}
}

static void reorder_block(struct sink *s, struct ir_block *b)
{
	s->order.len = 0;
	ir_foreach_insn (b, i) {
		i->mark = 0;
		vec_push(&s->scratch, &s->order, i);
		for (uint32_t j = 0; j < i->arg_count && i->op != OP_PHI; j++)
			s->users_left[i->args[j]->id]++;
	}
	b->first = b->last = NULL;
	for (size_t i = s->order.len; i-- > 0;) {
		struct ir_insn *insn = s->order.data[i];

		if (!insn->mark && !(can_wait(insn) && s->users_left[insn->id]))
			put(s, b, insn);
	}
	ir_foreach_insn (b, i)
		for (uint32_t j = 0; j < i->arg_count && i->op != OP_PHI; j++)
			s->users_left[i->args[j]->id] = 0;
}

void opt_sink(struct ir_func *f)
{
	struct sink s = { .f = f };

	cfg_compute(f);
	dom_compute(f);
	arena_init(&s.scratch);
	s.target = arena_array(&s.scratch, struct ir_block *, f->insn_count);
	s.users_left = arena_array(&s.scratch, uint32_t, f->insn_count);
	sink_between_blocks(&s);
	ir_foreach_block (f, b)
		reorder_block(&s, b);
	arena_finish(&s.scratch);
}
