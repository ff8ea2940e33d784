/*
 * Control flow graph: reachability, reverse postorder, loop nesting.
 *
 * The depth-first walk keeps its own stack: a script can have thousands of blocks in a row.  Loops
 * are found as natural loops of back edges (to a block that is still on the stack); the graph of a
 * script is reducible, so that each has one header.
 */
#include "ir/ir.h"

#include <stdlib.h>

enum { UNSEEN, ON_STACK, DONE };

struct frame {
	struct ir_block *block;
	uint32_t next_succ;
};

struct back_edge {
	struct ir_block *from, *header;
};

struct walk {
	struct arena *arena;
	vec_of(struct frame) stack;
	vec_of(struct ir_block *) postorder;
	vec_of(struct back_edge) back_edges;
};

static void enter(struct walk *w, struct ir_block *b)
{
	struct frame frame = { .block = b };

	b->mark = ON_STACK;
	vec_push(w->arena, &w->stack, frame);
}

static void walk_graph(struct walk *w, struct ir_func *f)
{
	enter(w, f->entry);
	while (w->stack.len) {
		struct frame *top = &vec_last(&w->stack);
		struct ir_block *b = top->block;
		struct ir_block *to = NULL;

		/* The second successor first: the first one then follows its block directly. */
		if (top->next_succ < 2)
			to = b->succs[1 - top->next_succ++];
		else {
			b->mark = DONE;
			vec_push(w->arena, &w->postorder, b);
			w->stack.len--;
			continue;
		}
		if (!to)
			continue;
		if (to->mark == UNSEEN) {
			enter(w, to);
		} else if (to->mark == ON_STACK) {
			struct back_edge edge = { .from = b, .header = to };

			vec_push(w->arena, &w->back_edges, edge);
		}
	}
}

static void remove_unreachable(struct ir_func *f)
{
	struct ir_block *next;

	for (struct ir_block *b = f->entry; b; b = b->next) {
		if (b->mark != UNSEEN)
			continue;
		while (b->succs[0])
			ir_remove_edge(b, b->succs[0]);
	}
	for (struct ir_block *b = f->entry; b; b = next) {
		next = b->next;
		if (b->mark == UNSEEN)
			ir_block_unlink(b);
	}
}

/*
 * Add 1 to the depth of every block of the loop of @edge.  Two back edges to one header are one
 * loop: a block is counted once a header, by its mark.
 */
static void mark_loop(struct walk *w, const struct back_edge *edge)
{
	struct ir_block *header = edge->header;
	uint32_t mark = header->rpo + 1;
	vec_of(struct ir_block *) todo = { 0 };

	if (header->mark != mark) {
		header->mark = mark;
		header->loop_depth++;
	}
	vec_push(w->arena, &todo, edge->from);
	while (todo.len) {
		struct ir_block *b = todo.data[--todo.len];

		if (b->mark == mark)
			continue;
		b->mark = mark;
		b->loop_depth++;
		vec_foreach (&b->preds, pred)
			vec_push(w->arena, &todo, *pred);
	}
}

static int compare_headers(const void *a, const void *b)
{
	const struct back_edge *x = a, *y = b;

	return (x->header->rpo > y->header->rpo) - (x->header->rpo < y->header->rpo);
}

void cfg_compute(struct ir_func *f)
{
	struct arena scratch;
	struct walk w = { .arena = &scratch };
	uint32_t rpo = 0;

	arena_init(&scratch);
	ir_foreach_block (f, b) {
		b->mark = UNSEEN;
		b->loop_depth = 0;
	}
	walk_graph(&w, f);
	remove_unreachable(f);
	for (size_t i = w.postorder.len; i-- > 0;) {
		w.postorder.data[i]->rpo = rpo++;
		w.postorder.data[i]->mark = 0;
	}
	f->rpo_count = rpo;
	if (rpo > f->rpo_cap) {
		f->rpo_cap = 2 * rpo;
		f->rpo_blocks = arena_array(f->arena, struct ir_block *, f->rpo_cap);
	}
	for (size_t i = 0; i < w.postorder.len; i++)
		f->rpo_blocks[w.postorder.data[i]->rpo] = w.postorder.data[i];
	/* All back edges of one header must be neighbours. */
	if (w.back_edges.len)
		qsort(w.back_edges.data, w.back_edges.len, sizeof(*w.back_edges.data),
		      compare_headers);
	vec_foreach (&w.back_edges, edge)
		mark_loop(&w, edge);
	arena_finish(&scratch);
}
