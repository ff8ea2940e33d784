/*
 * Critical edges, from a block with two successors to one with several predecessors, get a block of
 * their own, so that what has to happen on an edge (the copies for phis, moves of the register
 * allocator) has a place.
 */
#include "bpf/codegen.h"

static void split_edge(struct ir_func *f, struct ir_block *from, uint32_t which)
{
	struct ir_block *to = from->succs[which];
	struct ir_block *middle = ir_block_new(f);
	struct ir_insn *jump = ir_insn_new(f, OP_JUMP, 0);
	size_t pred = 0;

	/* When both edges lead to one block, each has its own entry in preds. */
	pred = ir_pred_index(to, from);
	ir_block_unlink(middle);
	ir_block_insert_after(from, middle);
	middle->loop_depth = from->loop_depth < to->loop_depth ? from->loop_depth : to->loop_depth;
	middle->is_cold = from->is_cold || to->is_cold;
	jump->span = from->last->span;
	ir_append(middle, jump);
	middle->succs[0] = to;
	vec_push(f->arena, &middle->preds, from);
	to->preds.data[pred] = middle;
	from->succs[which] = middle;
}

/* With one predecessor a phi is its operand; the predecessor may have two successors. */
static void remove_single_phis(struct ir_func *f)
{
	ir_foreach_block (f, b)
		for (struct ir_insn *phi = b->first; phi->op == OP_PHI; phi = phi->next)
			if (phi->arg_count == 1)
				phi->replacement = phi->args[0];
	ir_apply_replacements(f);
}

void phi_split_edges(struct ir_func *f)
{
	remove_single_phis(f);
	ir_foreach_block (f, b)
		for (uint32_t i = 0; i < 2; i++)
			if (b->succs[1] && b->succs[i]->preds.len > 1)
				split_edge(f, b, i);
}
