/*
 * The analyses: control flow graph, dominators, liveness.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/ir.h"

/*
 *     b0 -> b1 <-------+
 *           | \        |
 *           |  b2 -> b3 -> b4 (back to b1 from b4)
 *           b5
 */
static const char loop_text[] = "func main {\n"
				"b0:\n"
				"\t%0 = ctx\n"
				"\t%1 = const 0\n"
				"\tjump b1\n"
				"b1 from b0, b4:\n"
				"\t%2 = phi [b0: %1], [b4: %6]\n"
				"\t%3 = const 10\n"
				"\tbranch.ult %2, %3, b2, b5\n"
				"b2:\n"
				"\t%4 = load.u8 [%0]\n"
				"\tbranch.eq %4, %2, b3, b4\n"
				"b3:\n"
				"\tjump b4\n"
				"b4:\n"
				"\t%5 = const 1\n"
				"\t%6 = add %2, %5\n"
				"\tjump b1\n"
				"b5:\n"
				"\treturn %2\n"
				"b6:\n"
				"\tjump b5\n"
				"}\n";

static struct ir_func *parse(struct arena *a, const char *text)
{
	const char *error;
	struct ir_program *p;

	arena_init(a);
	p = ir_parse(a, text, &error);
	assert_null(error);
	return p->funcs.data[0];
}

static struct ir_block *block(const struct ir_func *f, uint32_t id)
{
	ir_foreach_block (f, b)
		if (b->id == id)
			return b;
	return NULL;
}

static void graph(void **state)
{
	struct arena a;
	struct ir_func *f = parse(&a, loop_text);

	(void)state;
	cfg_compute(f);
	assert_null(block(f, 6)); // unreachable
	assert_int_equal(block(f, 5)->preds.len, 1);
	assert_int_equal(f->rpo_count, 6);
	assert_ptr_equal(f->rpo_blocks[0], f->entry);
	for (uint32_t i = 0; i < f->rpo_count; i++)
		assert_int_equal(f->rpo_blocks[i]->rpo, i);
	assert_int_equal(block(f, 0)->loop_depth, 0);
	assert_int_equal(block(f, 1)->loop_depth, 1);
	assert_int_equal(block(f, 3)->loop_depth, 1);
	assert_int_equal(block(f, 5)->loop_depth, 0);
	arena_finish(&a);
}

static void dominators(void **state)
{
	struct arena a;
	struct ir_func *f = parse(&a, loop_text);

	(void)state;
	cfg_compute(f);
	dom_compute(f);
	assert_null(block(f, 0)->idom);
	assert_ptr_equal(block(f, 4)->idom, block(f, 2));
	assert_ptr_equal(block(f, 5)->idom, block(f, 1));
	assert_true(dom_dominates(block(f, 1), block(f, 4)));
	assert_true(dom_dominates(block(f, 4), block(f, 4)));
	assert_false(dom_dominates(block(f, 3), block(f, 4)));
	assert_false(dom_dominates(block(f, 5), block(f, 2)));
	assert_ptr_equal(dom_common(block(f, 3), block(f, 5)), block(f, 1));
	arena_finish(&a);
}

static bool has(struct ir_insn *const *list, size_t len, uint32_t id)
{
	for (size_t i = 0; i < len; i++)
		if (list[i]->id == id)
			return true;
	return false;
}

static void liveness(void **state)
{
	struct arena a;
	struct ir_func *f = parse(&a, loop_text);
	const struct ir_block *b;

	(void)state;
	cfg_compute(f);
	live_compute(f);
	/* The context is needed in each round, the phi from its block to the return. */
	b = block(f, 3);
	assert_true(has(b->live_in.data, b->live_in.len, 0));
	assert_true(has(b->live_in.data, b->live_in.len, 2));
	assert_int_equal(b->live_in.len, 2);
	b = block(f, 1);
	assert_false(has(b->live_in.data, b->live_in.len, 2));
	assert_true(has(b->live_out.data, b->live_out.len, 2));
	b = block(f, 4);
	assert_true(has(b->live_out.data, b->live_out.len, 6));
	assert_false(has(b->live_out.data, b->live_out.len, 2));
	b = block(f, 5);
	assert_false(has(b->live_in.data, b->live_in.len, 0));
	arena_finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(graph),
		cmocka_unit_test(dominators),
		cmocka_unit_test(liveness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
