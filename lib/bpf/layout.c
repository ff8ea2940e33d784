/*
 * Layout: blocks in an order in which the likely successor follows its block, loops are in one
 * piece, and what is rare comes where it is in nobody's way.  Emission moves the cold blocks to the
 * end; for register allocation they stay near their neighbours.
 */
#include "bpf/codegen.h"

enum { UNSEEN, SEEN };

struct frame {
	struct ir_block *block;
	uint32_t next;
};

/* What only cold blocks lead to is cold. */
static void spread_cold(struct ir_func *f)
{
	for (uint32_t i = 0; i < f->rpo_count; i++) {
		struct ir_block *b = f->rpo_blocks[i];
		bool is_cold = b->preds.len > 0;

		vec_foreach (&b->preds, pred)
			is_cold &= (*pred)->is_cold || (*pred)->rpo >= b->rpo;
		b->is_cold |= is_cold;
	}
}

/* The successor to visit first comes later in reverse postorder: rare ones, exits of loops. */
static uint32_t first_to_visit(const struct ir_block *b)
{
	const struct ir_block *yes = b->succs[0], *no = b->succs[1];

	if (!no)
		return 0;
	if (yes->is_cold != no->is_cold)
		return yes->is_cold ? 0 : 1;
	if (yes->loop_depth != no->loop_depth)
		return yes->loop_depth < no->loop_depth ? 0 : 1;
	return 1;
}

static void relink(struct ir_func *f, struct ir_block **postorder, size_t count)
{
	f->entry = f->tail = NULL;
	for (size_t i = count; i-- > 0;) {
		struct ir_block *b = postorder[i];

		b->next = NULL;
		b->prev = f->tail;
		if (f->tail)
			f->tail->next = b;
		else
			f->entry = b;
		f->tail = b;
	}
}

void layout_blocks(struct ir_func *f)
{
	struct arena scratch;
	vec_of(struct frame) stack = { 0 };
	vec_of(struct ir_block *) postorder = { 0 };
	struct frame frame = { .block = f->entry };

	arena_init(&scratch);
	spread_cold(f);
	ir_foreach_block (f, b)
		b->mark = UNSEEN;
	f->entry->mark = SEEN;
	vec_push(&scratch, &stack, frame);
	while (stack.len) {
		struct frame *top = &vec_last(&stack);
		struct ir_block *to = NULL;

		if (top->next == 2) {
			vec_push(&scratch, &postorder, top->block);
			stack.len--;
			continue;
		}
		to = top->block->succs[first_to_visit(top->block) ^ top->next++];
		if (!to || to->mark == SEEN)
			continue;
		to->mark = SEEN;
		frame.block = to;
		vec_push(&scratch, &stack, frame);
	}
	relink(f, postorder.data, postorder.len);
	arena_finish(&scratch);
}
