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
