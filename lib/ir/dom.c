/*
 * Immediate dominators: Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm".
 */
#include "ir/ir.h"

#include <assert.h>
#include <stddef.h>

static struct ir_block *intersect(struct ir_block *a, struct ir_block *b)
{
	while (a != b) {
		while (a->rpo > b->rpo)
			a = a->idom;
		while (b->rpo > a->rpo)
			b = b->idom;
	}
	return a;
}

/* Preorder numbers without recursion: a child comes after its elder siblings' subtrees. */
static void number_tree(struct ir_func *f)
{
	for (uint32_t i = 0; i < f->rpo_count; i++)
		f->rpo_blocks[i]->dom_size = 1;
	for (uint32_t i = f->rpo_count; i-- > 1;) {
		assert(f->rpo_blocks[i]->idom); // all but the entry have one
		f->rpo_blocks[i]->idom->dom_size += f->rpo_blocks[i]->dom_size;
	}
	for (uint32_t i = 0; i < f->rpo_count; i++) {
		struct ir_block *b = f->rpo_blocks[i];

		b->mark = b->dom_first = 0;
		b->dom_depth = 0;
		if (b->idom) {
			b->dom_first = b->idom->dom_first + 1 + b->idom->mark;
			b->idom->mark += b->dom_size;
			b->dom_depth = b->idom->dom_depth + 1;
		}
	}
}

void dom_compute(struct ir_func *f)
{
	bool is_changed = true;

	ir_foreach_block (f, b)
		b->idom = NULL;
	f->entry->idom = f->entry;
	while (is_changed) {
		is_changed = false;
		for (uint32_t i = 1; i < f->rpo_count; i++) {
			struct ir_block *b = f->rpo_blocks[i];
			struct ir_block *idom = NULL;

			vec_foreach (&b->preds, pred)
				if ((*pred)->idom)
					idom = idom ? intersect(idom, *pred) : *pred;
			if (b->idom != idom) {
				b->idom = idom;
				is_changed = true;
			}
		}
	}
	f->entry->idom = NULL;
	number_tree(f);
}

bool dom_dominates(const struct ir_block *a, const struct ir_block *b)
{
	return b->dom_first - a->dom_first < a->dom_size;
}

struct ir_block *dom_common(struct ir_block *a, struct ir_block *b)
{
	while (a != b) {
		if (a->dom_depth >= b->dom_depth)
			a = a->idom;
		else
			b = b->idom;
	}
	return a;
}
