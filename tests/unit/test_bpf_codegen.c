/*
 * The back end, by what its code does when it is interpreted, and by what it looks like where that
 * matters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/codegen.h"
#include "bpf/disasm.h"
#include "bpf_interp.h"
#include "ir_eval.h"

struct compiled {
	struct arena arena;
	struct ir_program *ir;
	struct image_program image;
	uint32_t scratch_bytes;
};

static struct fake_kernel kernel;

static void compile_ir(struct compiled *c, const char *text, bool cpu_v4)
{
	const struct codegen_options o = { .cpu_v4 = cpu_v4, .scratch_map = 3, .cpu_slots = 4 };
	const char *error;

	memset(c, 0, sizeof(*c));
	arena_init(&c->arena);
	c->ir = ir_parse(&c->arena, text, &error);
	if (error)
		fail_msg("%s", error);
	error = codegen_program(&c->image, &c->arena, c->ir, &o, &c->scratch_bytes);
	if (error)
		fail_msg("%s", error);
}

static uint64_t run(const struct compiled *c)
{
	const char *error;
	uint64_t result;

	fake_kernel_init(&kernel, 1);
	result = interp_run(&c->image, &kernel, &error, NULL);
	if (error) {
		static const struct image no_maps;

		disasm_program(stderr, &no_maps, &c->image);
		fail_msg("%s", error);
	}
	return result;
}

/* What @text returns, with instructions of ISA v4 and without; both must be the same. */
static uint64_t result_of(const char *text)
{
	struct compiled old, new;
	uint64_t result;

	compile_ir(&old, text, false);
	compile_ir(&new, text, true);
	result = run(&old);
	assert_int_equal(result, run(&new));
	arena_finish(&old.arena);
	arena_finish(&new.arena);
	return result;
}

static uint64_t binary(const char *op, int64_t a, int64_t b)
{
	char text[512];

	/* Through memory, so that nothing knows the values beforehand. */
	snprintf(text, sizeof(text),
		 "func main {\n\tslot s0 size 16 align 8\nb0:\n"
		 "\t%%0 = slot s0\n\t%%1 = const %lld\n\t%%2 = const %lld\n"
		 "\tstore.8 [%%0], %%1\n\tstore.8 [%%0 + 8], %%2\n"
		 "\t%%5 = load.u8 [%%0]\n\t%%6 = load.u8 [%%0 + 8]\n"
		 "\t%%7 = %s %%5, %%6\n\treturn %%7\n}\n",
		 (long long)a, (long long)b, op);
	return result_of(text);
}

static void division(void **state)
{
	static const int64_t numbers[] = { 0, 1, -1, 2, -2, 7, -7, 100, INT64_MAX, INT64_MIN };

	(void)state;
	for (size_t i = 0; i < 10; i++)
		for (size_t j = 0; j < 10; j++) {
			int64_t a = numbers[i], b = numbers[j];
			int64_t quotient = b == 0 ? 0 : b == -1 ? (int64_t) - (uint64_t)a : a / b;
			int64_t rest = b == 0 ? a : b == -1 ? 0 : a % b;

			assert_int_equal((int64_t)binary("sdiv", a, b), quotient);
			assert_int_equal((int64_t)binary("smod", a, b), rest);
		}
	assert_int_equal(binary("udiv", -1, 2), INT64_MAX);
	assert_int_equal(binary("udiv", 5, 0), 0);
	assert_int_equal(binary("umod", 5, 0), 5);
}

static void comparisons(void **state)
{
	(void)state;
	assert_int_equal(binary("cmp.slt", -1, 1), 1);
	assert_int_equal(binary("cmp.ult", -1, 1), 0);
	assert_int_equal(binary("cmp.sge", -1, 1), 0);
	assert_int_equal(binary("cmp.ugt", -1, 1), 1);
	assert_int_equal(binary("cmp.set", 6, 2), 1);
	assert_int_equal(binary("cmp.set", 6, 9), 0);
}

/* More values live across a call than registers survive it: they are stored and loaded. */
static void spilling(void **state)
{
	char text[4096];
	int len = 0;
	uint64_t expected = 0;

	(void)state;
	len += snprintf(text, sizeof(text), "func main {\nb0:\n\t%%0 = ctx\n");
	for (int i = 1; i <= 8; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				"\t%%%d = load.u1 [%%0 + %d]\n", i, i);
	len += snprintf(text + len, sizeof(text) - (size_t)len,
			"\t%%9 = call get_current_pid_tgid()\n\t%%10 = const 0\n");
	for (int i = 1; i <= 8; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "\t%%%d = add %%%d, %%%d\n",
				10 + i, 9 + i, i);
	snprintf(text + len, sizeof(text) - (size_t)len, "\treturn %%18\n}\n");
	fake_kernel_init(&kernel, 1);
	for (int i = 1; i <= 8; i++)
		expected += kernel.ctx[i];
	assert_int_equal(result_of(text), expected);
}

/* Fibonacci: two phis that exchange their values on each way round. */
static void exchange(void **state)
{
	(void)state;
	assert_int_equal(result_of("func main {\n"
				   "b0:\n"
				   "\t%0 = const 0\n"
				   "\t%1 = const 1\n"
				   "\tjump b1\n"
				   "b1 from b0, b2:\n"
				   "\t%2 = phi [b0: %0], [b2: %3]\n"
				   "\t%3 = phi [b0: %1], [b2: %5]\n"
				   "\t%4 = phi [b0: %0], [b2: %7]\n"
				   "\t%8 = const 10\n"
				   "\tbranch.ult %4, %8, b2, b3\n"
				   "b2:\n"
				   "\t%5 = add %2, %3\n"
				   "\t%6 = const 1\n"
				   "\t%7 = add %4, %6\n"
				   "\tjump b1\n"
				   "b3:\n"
				   "\treturn %2\n"
				   "}\n"),
			 55);
	/* A swap: neither copy may come first. */
	assert_int_equal(result_of("func main {\n"
				   "b0:\n"
				   "\t%0 = const 3\n"
				   "\t%1 = const 70\n"
				   "\t%2 = const 0\n"
				   "\tjump b1\n"
				   "b1 from b0, b2:\n"
				   "\t%3 = phi [b0: %0], [b2: %4]\n"
				   "\t%4 = phi [b0: %1], [b2: %3]\n"
				   "\t%5 = phi [b0: %2], [b2: %8]\n"
				   "\t%6 = const 3\n"
				   "\tbranch.ult %5, %6, b2, b3\n"
				   "b2:\n"
				   "\t%7 = const 1\n"
				   "\t%8 = add %5, %7\n"
				   "\tjump b1\n"
				   "b3:\n"
				   "\t%9 = sub %3, %4\n"
				   "\treturn %9\n"
				   "}\n"),
			 67);
}

static void callbacks(void **state)
{
	(void)state;
	/* Sums 0 … 4 into a captured variable. */
	assert_int_equal(result_of("func main {\n"
				   "\tslot s0 size 8 align 8\n"
				   "b0:\n"
				   "\t%0 = const 0\n"
				   "\t%1 = slot s0\n"
				   "\tstore.8 [%1], %0\n"
				   "\t%2 = const 5\n"
				   "\t%3 = func 1\n"
				   "\t%4 = call loop(%2, %3, %1, %0)\n"
				   "\t%5 = load.u8 [%1]\n"
				   "\treturn %5\n"
				   "}\n"
				   "func body params 2 {\n"
				   "b0:\n"
				   "\t%0 = param 0\n"
				   "\t%1 = param 1\n"
				   "\t%2 = load.u8 [%1]\n"
				   "\t%3 = add %2, %0\n"
				   "\tstore.8 [%1], %3\n"
				   "\t%4 = const 0\n"
				   "\treturn %4\n"
				   "}\n"),
			 10);
}

/* Slots that the stack has no room for, and a clearing that is a loop. */
static void scratch(void **state)
{
	struct compiled c;

	(void)state;
	compile_ir(&c,
		   "func main {\n"
		   "\tslot s0 size 2000 align 8 scratch\n"
		   "\tslot s1 size 200 align 8 scratch\n"
		   "b0:\n"
		   "\t%0 = slot s0\n"
		   "\tzero [%0], 1999\n"
		   "\t%1 = slot s1\n"
		   "\tzero [%1], 200\n"
		   "\t%2 = const 258\n"
		   "\tstore.2 [%0 + 1990], %2\n"
		   "\tmemcpy [%1], [%0 + 1900], 99\n"
		   "\t%3 = load.u1 [%1 + 91]\n"
		   "\t%4 = load.u8 [%0 + 1024]\n"
		   "\t%5 = add %3, %4\n"
		   "\treturn %5\n"
		   "}\n",
		   false);
	assert_int_equal(c.scratch_bytes, 4 * 4096); // 2,200 bytes a CPU, as a power of two
	assert_int_equal(run(&c), 1);
	arena_finish(&c.arena);
}

/* Two arms, each with a slot of its own: they share the bytes. */
static void shared_slots(void **state)
{
	struct compiled c;

	(void)state;
	compile_ir(&c,
		   "func main {\n"
		   "\tslot s0 size 24 align 8 scratch\n"
		   "\tslot s1 size 24 align 8 scratch\n"
		   "b0:\n"
		   "\t%0 = const 0\n"
		   "\t%1 = call get_current_pid_tgid()\n"
		   "\t%2 = map m0\n"
		   "\tbranch.eq %1, %0, b1, b2\n"
		   "b1:\n"
		   "\t%3 = slot s0\n"
		   "\tzero [%3], 24\n"
		   "\t%4 = call map_update_elem(%2, %3, %3, %0)\n"
		   "\treturn %0\n"
		   "b2:\n"
		   "\t%5 = slot s1\n"
		   "\tzero [%5], 24\n"
		   "\t%6 = call map_update_elem(%2, %5, %5, %0)\n"
		   "\treturn %0\n"
		   "}\n",
		   false);
	assert_int_equal(c.ir->funcs.data[0]->slots.data[0].offset, -24);
	assert_int_equal(c.ir->funcs.data[0]->slots.data[1].offset, -24);
	(void)run(&c);
	arena_finish(&c.arena);
}

static void too_much_stack(void **state)
{
	const struct codegen_options o = { .cpu_slots = 1 };
	struct image_program image = { 0 };
	struct arena a;
	const char *error;
	uint32_t scratch_bytes = 0;
	struct ir_program *p;

	(void)state;
	arena_init(&a);
	p = ir_parse(&a,
		     "func main {\n\tslot s0 size 600 align 8\nb0:\n"
		     "\t%0 = slot s0\n\tzero [%0], 600\n\t%1 = load.u8 [%0]\n\treturn %1\n}\n",
		     &error);
	assert_non_null(p);
	assert_non_null(strstr(codegen_program(&image, &a, p, &o, &scratch_bytes), "stack"));
	arena_finish(&a);
}

/* A jump over more code than 16 bits can tell. */
static void long_jumps(void **state)
{
	struct arena a;
	struct ir_program p = { .arena = &a, .name = "long" };
	const struct codegen_options o = { .cpu_slots = 1 };
	struct image_program image = { 0 };
	struct span none = { 0 };
	uint32_t scratch_bytes = 0;
	struct ir_block *b, *end;
	struct ir_insn *sum, *ctx, *phi, *from[2];
	struct ir_func *f;
	const char *error;

	(void)state;
	arena_init(&a);
	f = ir_func_new(&p, "main");
	b = ir_block_new(f);
	end = ir_block_new(f);
	ctx = ir_insn_new(f, OP_CTX, 0);
	ir_append(b, ctx);
	sum = ir_insn_new(f, OP_LOAD, 1);
	sum->width = 8;
	sum->args[0] = ctx;
	ir_append(b, sum);
	from[0] = sum;
	for (uint32_t i = 0; i < 4000; i++) {
		struct ir_block *next = ir_block_new(f);

		ir_set_branch(b, COND_EQ, sum, ctx, end, next, none);
		b = next;
		for (uint32_t j = 0; j < 10; j++) {
			struct ir_insn *load = ir_insn_new(f, OP_LOAD, 1);
			struct ir_insn *add = ir_insn_new(f, OP_XOR, 2);

			load->width = 1;
			load->is_volatile = true;
			load->args[0] = ctx;
			load->imm = (int64_t)(i % 60);
			ir_append(b, load);
			add->args[0] = sum;
			add->args[1] = load;
			ir_append(b, add);
			sum = add;
		}
	}
	from[1] = sum;
	ir_set_jump(b, end, none);
	phi = ir_insn_new(f, OP_PHI, (uint32_t)end->preds.len);
	for (size_t i = 0; i < end->preds.len; i++)
		phi->args[i] = from[i + 1 == end->preds.len];
	ir_append(end, phi);
	sum = ir_insn_new(f, OP_RETURN, 1);
	sum->args[0] = phi;
	ir_append(end, sum);
	assert_null(ir_verify(f));
	assert_null(codegen_program(&image, &a, &p, &o, &scratch_bytes));
	assert_true(image.insn_count > 80000);
	fake_kernel_init(&kernel, 1);
	(void)interp_run(&image, &kernel, &error, NULL);
	if (error)
		fail_msg("%s", error);
	arena_finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(division),     cmocka_unit_test(comparisons),
		cmocka_unit_test(spilling),     cmocka_unit_test(exchange),
		cmocka_unit_test(callbacks),    cmocka_unit_test(scratch),
		cmocka_unit_test(shared_slots), cmocka_unit_test(too_much_stack),
		cmocka_unit_test(long_jumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
