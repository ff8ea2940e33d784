/*
 * The shape of the control flow graph: jumps to jumps, branches on what the way there already
 * decided (jump threading), blocks in a row.
 */
#include <stddef.h>

#include "ir/fold.h"

#define MAX_DOMINATORS 32 // that are looked at for a comparison

/* --- edges ---------------------------------------------------------------------------------- */

static void drop_pred(struct ir_block *b, size_t pred)
{
	for (struct ir_insn *phi = b->first; phi && phi->op == OP_PHI; phi = phi->next) {
		for (size_t i = pred; i + 1 < phi->arg_count; i++)
			phi->args[i] = phi->args[i + 1];
		phi->arg_count--;
	}
	for (size_t i = pred; i + 1 < b->preds.len; i++)
		b->preds.data[i] = b->preds.data[i + 1];
	b->preds.len--;
}

static void add_phi_operand(struct ir_func *f, struct ir_insn *phi, struct ir_insn *value)
{
	struct ir_insn **args = arena_array(f->arena, struct ir_insn *, phi->arg_count + 1u);

	for (uint32_t i = 0; i < phi->arg_count; i++)
		args[i] = phi->args[i];
	args[phi->arg_count++] = value;
	phi->args = args;
}

/* What @value, seen at the end of @via, is when coming from its predecessor number @pred. */
static struct ir_insn *value_from(struct ir_insn *value, const struct ir_block *via, size_t pred)
{
	return value->op == OP_PHI && value->block == via ? value->args[pred] : value;
}

/* Let predecessor number @pred of @via go to @to, a successor of @via, directly. */
static void redirect(struct ir_func *f, struct ir_block *via, size_t pred, struct ir_block *to)
{
	struct ir_block *from = via->preds.data[pred];
	size_t via_index = ir_pred_index(to, via);

	for (struct ir_insn *phi = to->first; phi->op == OP_PHI; phi = phi->next)
		add_phi_operand(f, phi, value_from(phi->args[via_index], via, pred));
	vec_push(f->arena, &to->preds, from);
	from->succs[from->succs[0] == via ? 0 : 1] = to;
	drop_pred(via, pred);
}

static bool is_pred(const struct ir_block *b, const struct ir_block *pred)
{
	for (size_t i = 0; i < b->preds.len; i++)
		if (b->preds.data[i] == pred)
			return true;
	return false;
}

/* --- empty blocks --------------------------------------------------------------------------- */

/* A block that only jumps on: its predecessors do so themselves. */
static bool skip_empty(struct ir_func *f, struct ir_block *b)
{
	struct ir_block *to = b->succs[0];
	bool is_changed = false;

	if (b->first->op != OP_JUMP || to == b || b == f->entry)
		return false;
	for (size_t i = b->preds.len; i-- > 0;) {
		struct ir_block *from = b->preds.data[i];

		/* Two edges between the same blocks would be hard to tell apart. */
		if (from->succs[0] == from->succs[1] || is_pred(to, from))
			continue;
		redirect(f, b, i, to);
		is_changed = true;
	}
	return is_changed;
}

/* --- threading ------------------------------------------------------------------------------ */

/*
 * Only phis and a branch on one of them and a constant, and nobody after the block uses the phis
 * but phis of its successors.
 */
static bool is_threadable(const struct ir_block *b)
{
	const struct ir_insn *branch = b->last;

	if (branch->op != OP_BRANCH || branch->args[0]->op != OP_PHI ||
	    branch->args[0]->block != b || branch->args[1]->op != OP_CONST ||
	    b->succs[0] == b->succs[1])
		return false;
	for (const struct ir_insn *insn = b->first; insn != branch; insn = insn->next)
		if (insn->op != OP_CONST && (insn->op != OP_PHI || insn->mark))
			return false;
	return true;
}

/* Mark the values that are used elsewhere than in their block or on the edges out of it. */
static void mark_escaping(struct ir_func *f)
{
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn)
			insn->mark = 0;
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn)
			for (uint32_t i = 0; i < insn->arg_count; i++) {
				const struct ir_block *at =
					insn->op == OP_PHI ? b->preds.data[i] : b;

				if (insn->args[i]->block != at)
					insn->args[i]->mark = 1;
			}
}

enum truth { UNKNOWN, IS_FALSE, IS_TRUE };

/*
 * Whether @branch is taken when its block is entered from predecessor number @pred: the phi brings
 * a constant, or a value that the predecessor has just compared with the same constant.
 */
static enum truth decide_from(const struct ir_insn *branch, size_t pred)
{
	const struct ir_insn *value = branch->args[0]->args[pred];
	const struct ir_insn *constant = branch->args[1];
	const struct ir_block *from = branch->block->preds.data[pred];
	const struct ir_insn *test = from->last;
	bool is_equal;

	if (value->op == OP_CONST)
		return fold_compare(branch->cond, (uint64_t)value->imm, (uint64_t)constant->imm)
			       ? IS_TRUE
			       : IS_FALSE;
	if (test->op != OP_BRANCH || test->args[0] != value ||
	    !fold_is(test->args[1], constant->imm) || from->succs[0] == from->succs[1])
		return UNKNOWN;
	if ((test->cond != COND_EQ && test->cond != COND_NE) ||
	    (branch->cond != COND_EQ && branch->cond != COND_NE))
		return UNKNOWN;
	is_equal = (test->cond == COND_EQ) == (from->succs[0] == branch->block);
	return is_equal == (branch->cond == COND_EQ) ? IS_TRUE : IS_FALSE;
}

static bool thread(struct ir_func *f, struct ir_block *b)
{
	const struct ir_insn *branch = b->last;
	bool is_changed = false;

	for (size_t i = b->preds.len; i-- > 0;) {
		struct ir_block *from = b->preds.data[i], *to;
		enum truth known = decide_from(branch, i);

		if (known == UNKNOWN || from->succs[0] == from->succs[1])
			continue;
		to = b->succs[known == IS_FALSE];
		if (to == b || is_pred(to, from))
			continue;
		redirect(f, b, i, to);
		is_changed = true;
	}
	return is_changed;
}

/*
 * Whether the comparison of @branch was made before, on the way to its block: by the end of a block
 * that dominates it, where only one of two successors leads here.
 */
static enum truth decide_by_dominators(const struct ir_insn *branch)
{
	const struct ir_block *b = branch->block;

	for (uint32_t steps = 0; b->idom && steps < MAX_DOMINATORS; b = b->idom, steps++) {
		const struct ir_block *d = b->idom;
		const struct ir_insn *test = d->last;
		bool is_equal;

		/* b is a successor of d with no other way in. */
		if (b->preds.len != 1 || test->op != OP_BRANCH || d->succs[0] == d->succs[1] ||
		    test->args[0] != branch->args[0] || test->args[1]->op != OP_CONST ||
		    !fold_is(branch->args[1], test->args[1]->imm))
			continue;
		if ((test->cond != COND_EQ && test->cond != COND_NE) ||
		    (branch->cond != COND_EQ && branch->cond != COND_NE))
			continue;
		is_equal = (test->cond == COND_EQ) == (d->succs[0] == b);
		return is_equal == (branch->cond == COND_EQ) ? IS_TRUE : IS_FALSE;
	}
	return UNKNOWN;
}

static bool decide_branch(struct ir_block *b)
{
	struct ir_insn *branch = b->last;
	struct ir_block *kept;
	enum truth known;

	if (branch->op != OP_BRANCH || b->succs[0] == b->succs[1])
		return false;
	known = decide_by_dominators(branch);
	if (known == UNKNOWN)
		return false;
	kept = b->succs[known == IS_FALSE];
	ir_remove_edge(b, b->succs[known == IS_TRUE]);
	b->succs[0] = kept;
	b->succs[1] = NULL;
	branch->op = OP_JUMP;
	branch->arg_count = 0;
	return true;
}

/* A constant in the block that is threaded through may be needed where it no longer dominates. */
static void hoist_constants(struct ir_func *f, struct ir_block *b)
{
	ir_foreach_insn_safe(b, insn, next) if (insn->op == OP_CONST && b != f->entry)
	{
		ir_remove(insn);
		ir_insert_before(f->entry->first, insn);
	}
}

/* --- blocks in a row ------------------------------------------------------------------------ */

/* @b's only successor has no other predecessor: append it.  Its phis have one operand. */
static bool merge_next(struct ir_block *b)
{
	struct ir_block *next = b->succs[0];

	if (!next || b->succs[1] || next == b || next->preds.len != 1 ||
	    next->is_cold != b->is_cold)
		return false;
	ir_remove(b->last);
	while (next->first->op == OP_PHI) {
		next->first->replacement = next->first->args[0];
		ir_remove(next->first);
	}
	while (next->first) {
		struct ir_insn *insn = next->first;

		ir_remove(insn);
		ir_append(b, insn);
	}
	for (uint32_t i = 0; i < 2; i++) {
		b->succs[i] = next->succs[i];
		next->succs[i] = NULL;
	}
	for (uint32_t i = 0; i < 2 && b->succs[i]; i++)
		for (size_t j = 0; j < b->succs[i]->preds.len; j++)
			if (b->succs[i]->preds.data[j] == next)
				b->succs[i]->preds.data[j] = b;
	ir_block_unlink(next);
	return true;
}

/* A jump to a block that only returns: return here. */
static void return_early(struct ir_func *f, struct ir_block *b)
{
	struct ir_block *to = b->succs[0];
	struct ir_insn *value, *ret;
	size_t pred;

	if (b->last->op != OP_JUMP || to->last->op != OP_RETURN || b->is_cold)
		return;
	for (const struct ir_insn *insn = to->first; insn != to->last; insn = insn->next)
		if (insn->op != OP_PHI && insn->op != OP_CONST)
			return;
	value = to->last->args[0];
	if (value->op == OP_CONST && value->block == to)
		hoist_constants(f, to);
	pred = ir_pred_index(to, b);
	ret = ir_insn_new(f, OP_RETURN, 1);
	ret->args[0] = value_from(value, to, pred);
	ret->span = to->last->span;
	ir_remove(b->last);
	ir_append(b, ret);
	ir_remove_edge(b, to);
}

/* The constant that a block returns and nothing else; NULL if it does more. */
static struct ir_insn *only_returns(const struct ir_block *b)
{
	const struct ir_insn *insn = b->first;

	while (insn->op == OP_CONST)
		insn = insn->next;
	if (insn->op != OP_RETURN || insn->args[0]->op != OP_CONST)
		return NULL;
	return insn->args[0];
}

/* One block for all branches that end the program with the same value. */
static void share_returns(struct ir_func *f)
{
	struct ir_block *shared = NULL;

	ir_foreach_block (f, b) {
		const struct ir_insn *value = only_returns(b);

		if (!value || b == f->entry)
			continue;
		if (!shared) {
			shared = b;
			continue;
		}
		if (!fold_is(only_returns(shared), value->imm))
			continue;
		shared->is_cold &= b->is_cold;
		for (size_t i = b->preds.len; i-- > 0;) {
			struct ir_block *from = b->preds.data[i];

			if (from->succs[0] == from->succs[1] || is_pred(shared, from))
				continue;
			vec_push(f->arena, &shared->preds, from);
			from->succs[from->succs[0] == b ? 0 : 1] = shared;
			drop_pred(b, i);
		}
	}
}

/* Both ways lead to one block and carry the same values. */
static void drop_double_edge(struct ir_block *b)
{
	struct ir_block *to = b->succs[0];
	size_t first, second;

	if (!to || to != b->succs[1])
		return;
	first = ir_pred_index(to, b);
	for (second = first + 1; to->preds.data[second] != b;)
		second++;
	for (struct ir_insn *phi = to->first; phi->op == OP_PHI; phi = phi->next)
		if (phi->args[first] != phi->args[second])
			return;
	drop_pred(to, second);
	b->succs[1] = NULL;
	b->last->op = OP_JUMP;
	b->last->arg_count = 0;
}

void opt_cfg(struct ir_func *f)
{
	bool is_changed = true;

	for (uint32_t round = 0; is_changed && round < 8; round++) {
		is_changed = false;
		cfg_compute(f);
		dom_compute(f);
		ir_foreach_block (f, b)
			is_changed |= decide_branch(b);
		cfg_compute(f);
		mark_escaping(f);
		ir_foreach_block (f, b) {
			if (b != f->entry && is_threadable(b)) {
				hoist_constants(f, b);
				is_changed |= thread(f, b);
			}
		}
		cfg_compute(f);
		ir_foreach_block (f, b)
			is_changed |= skip_empty(f, b);
		cfg_compute(f);
		ir_foreach_block (f, b)
			drop_double_edge(b);
		ir_foreach_block (f, b)
			while (merge_next(b))
				is_changed = true;
		ir_apply_replacements(f);
	}
	ir_foreach_block (f, b)
		return_early(f, b);
	share_returns(f);
	cfg_compute(f);
}
