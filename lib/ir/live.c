/*
 * Liveness of SSA values at block boundaries.
 *
 * From each use, walk up to the definition (Boissinot et al., "Computing Liveness Sets for SSA-Form
 * Programs", path exploration by variable).  The time is that of writing down the result: most
 * values live in one block, and those cost nothing.
 */
#include "ir/ir.h"

#include <stddef.h>

struct use {
	struct ir_insn *value;
	struct ir_block *block; // where it is used, or the predecessor a phi takes it from
	bool is_phi_use;
	uint32_t next; // use of the same value, index + 1
};

struct walk {
	struct arena scratch;
	vec_of(struct use) uses;
	uint32_t *first_use; // by value id, index + 1
	vec_of(struct ir_block *) todo;
};

static void add_use(struct walk *w, struct ir_insn *value, struct ir_block *block, bool is_phi_use)
{
	struct use use = { .value = value, .block = block, .is_phi_use = is_phi_use };

	if (!is_phi_use && value->block == block)
		return;
	use.next = w->first_use[value->id];
	vec_push(&w->scratch, &w->uses, use);
	w->first_use[value->id] = (uint32_t)w->uses.len;
}

static bool is_last(struct ir_insn *const *list, size_t len, const struct ir_insn *value)
{
	return len && list[len - 1] == value;
}

static void mark_live_in(struct walk *w, struct ir_func *f, struct ir_block *b,
			 struct ir_insn *value)
{
	if (b == value->block || is_last(b->live_in.data, b->live_in.len, value))
		return;
	vec_push(f->arena, &b->live_in, value);
	vec_push(&w->scratch, &w->todo, b);
}

static void mark_live_out(struct walk *w, struct ir_func *f, struct ir_block *b,
			  struct ir_insn *value)
{
	if (!is_last(b->live_out.data, b->live_out.len, value))
		vec_push(f->arena, &b->live_out, value);
	mark_live_in(w, f, b, value);
}

static void walk_value(struct walk *w, struct ir_func *f, struct ir_insn *value)
{
	for (uint32_t i = w->first_use[value->id]; i; i = w->uses.data[i - 1].next) {
		struct use *use = &w->uses.data[i - 1];

		if (use->is_phi_use)
			mark_live_out(w, f, use->block, value);
		else
			mark_live_in(w, f, use->block, value);
		while (w->todo.len) {
			struct ir_block *b = w->todo.data[--w->todo.len];

			vec_foreach (&b->preds, pred)
				mark_live_out(w, f, *pred, value);
		}
	}
}

void live_compute(struct ir_func *f)
{
	struct walk w = { 0 };

	arena_init(&w.scratch);
	w.first_use = arena_array(&w.scratch, uint32_t, f->insn_count);
	ir_foreach_block (f, b) {
		b->live_in.len = b->live_out.len = 0;
		ir_foreach_insn (b, insn)
			for (uint32_t i = 0; i < insn->arg_count; i++) {
				bool is_phi = insn->op == OP_PHI;

				add_use(&w, insn->args[i], is_phi ? b->preds.data[i] : b, is_phi);
			}
	}
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn)
			walk_value(&w, f, insn);
	arena_finish(&w.scratch);
}
