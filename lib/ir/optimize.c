/*
 * The passes, in order.
 */
#include "ir/ir.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

typedef void (*pass_fn)(struct ir_func *f);

static void run(struct ir_func *f, const char *name, pass_fn pass)
{
	pass(f);
#ifndef NDEBUG
	const char *error = ir_verify(f);

	if (error) {
		fprintf(stderr, "after %s: %s\n", name, error);
		abort();
	}
#else
	(void)name;
#endif
}

#define RUN(f, pass) run((f), #pass, (pass))

void ir_optimize(struct ir_func *f)
{
	RUN(f, opt_copy);
	RUN(f, opt_fold);
	RUN(f, opt_cfg);
	RUN(f, opt_cse);
	RUN(f, opt_load);
	RUN(f, opt_fold);
	RUN(f, opt_cfg);
	RUN(f, opt_copy);
	RUN(f, opt_dce);
	RUN(f, opt_sink);
}

static void mark_called(struct ir_program *p, const struct ir_func *f, bool *is_called)
{
	if (is_called[f->index])
		return;
	is_called[f->index] = true;
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn)
			if (insn->op == OP_FUNC)
				mark_called(p, p->funcs.data[insn->imm], is_called);
}

void ir_drop_uncalled(struct ir_program *p)
{
	bool *is_called = arena_array(p->arena, bool, p->funcs.len);
	uint32_t *index = arena_array(p->arena, uint32_t, p->funcs.len);
	uint32_t count = 0;

	mark_called(p, p->funcs.data[0], is_called);
	for (uint32_t i = 0; i < p->funcs.len; i++) {
		index[i] = count;
		if (is_called[i])
			p->funcs.data[count++] = p->funcs.data[i];
	}
	p->funcs.len = count;
	vec_foreach (&p->funcs, it) {
		(*it)->index = index[(*it)->index];
		ir_foreach_block (*it, b)
			ir_foreach_insn (b, insn)
				if (insn->op == OP_FUNC)
					insn->imm = index[insn->imm];
	}
}
