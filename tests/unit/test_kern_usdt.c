/* USDT argument specifications as GCC and Clang write them, and notes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <elf.h>

#include "kern/usdt.h"

enum { RDI = 112, RBP = 32, RAX = 80, RBX = 40, RSP = 152, RDX = 96, RIP = 128 };

static const struct {
	const char *spec;
	struct usdt_arg arg;
} x86[] = {
	{ "-4@%edi", { USDT_ARG_REG, 4, true, .reg = RDI, .index = -1 } },
	{ "8@%rax", { USDT_ARG_REG, 8, false, .reg = RAX, .index = -1 } },
	{ "1@%al", { USDT_ARG_REG, 1, false, .reg = RAX, .index = -1 } },
	{ "1@%ah", { USDT_ARG_REG, 1, false, .reg_shift = 8, .reg = RAX, .index = -1 } },
	{ "2@%r15w", { USDT_ARG_REG, 2, false, .reg = 0, .index = -1 } },
	{ "8@-8(%rbp)", { USDT_ARG_MEM, 8, false, .reg = RBP, .index = -1, .value = -8 } },
	{ "8@(%rsp)", { USDT_ARG_MEM, 8, false, .reg = RSP, .index = -1 } },
	{ "4@16(%rax,%rbx,8)",
	  { USDT_ARG_MEM, 4, false, .reg = RAX, .index = RBX, .scale_shift = 3, .value = 16 } },
	{ "4@(%rax,%rdx)", { USDT_ARG_MEM, 4, false, .reg = RAX, .index = RDX } },
	{ "4@0x10(%rip)", { USDT_ARG_MEM, 4, false, .reg = RIP, .index = -1, .value = 16 } },
	{ "4@$5", { USDT_ARG_CONST, 4, false, .index = -1, .value = 5 } },
	{ "-8@$-9223372036854775808",
	  { USDT_ARG_CONST, 8, true, .index = -1, .value = INT64_MIN } },
	{ "8@$18446744073709551615", { USDT_ARG_CONST, 8, false, .index = -1, .value = -1 } },
	{ "8f@%xmm0", { USDT_ARG_REG, 8, false, true, .index = -1 } },
};

static const struct {
	const char *spec;
	struct usdt_arg arg;
} arm[] = {
	{ "-4@w0", { USDT_ARG_REG, 4, true, .reg = 0, .index = -1 } },
	{ "8@x19", { USDT_ARG_REG, 8, false, .reg = 19 * 8, .index = -1 } },
	{ "8@sp", { USDT_ARG_REG, 8, false, .reg = 31 * 8, .index = -1 } },
	{ "8@xzr", { USDT_ARG_CONST, 8, false, .index = -1 } },
	{ "-4@5", { USDT_ARG_CONST, 4, true, .index = -1, .value = 5 } },
	{ "-4@-5", { USDT_ARG_CONST, 4, true, .index = -1, .value = -5 } },
	{ "8@[sp]", { USDT_ARG_MEM, 8, false, .reg = 31 * 8, .index = -1 } },
	{ "8@[sp, 60]", { USDT_ARG_MEM, 8, false, .reg = 31 * 8, .index = -1, .value = 60 } },
	{ "4@[x1, -8]", { USDT_ARG_MEM, 4, false, .reg = 8, .index = -1, .value = -8 } },
	{ "4@[x1, x2, lsl 2]",
	  { USDT_ARG_MEM, 4, false, .reg = 8, .index = 16, .scale_shift = 2 } },
};

static void check(const char *spec, const struct usdt_arg *expected, uint16_t machine)
{
	struct usdt_arg args[USDT_ARGS_MAX];

	if (usdt_parse_args(args, spec, machine) != 1)
		print_error("%s\n", spec);
	assert_int_equal(usdt_parse_args(args, spec, machine), 1);
	assert_int_equal(args[0].kind, expected->kind);
	assert_int_equal(args[0].size, expected->size);
	assert_int_equal(args[0].is_signed, expected->is_signed);
	assert_int_equal(args[0].is_float, expected->is_float);
	assert_int_equal(args[0].index, expected->index);
	assert_int_equal(args[0].value, expected->value);
	if (args[0].kind == USDT_ARG_CONST || args[0].is_float)
		return;
	assert_int_equal(args[0].reg, expected->reg);
	assert_int_equal(args[0].reg_shift, expected->reg_shift);
	assert_int_equal(args[0].scale_shift, expected->scale_shift);
}

static void test_single(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(x86) / sizeof(*x86); i++)
		check(x86[i].spec, &x86[i].arg, EM_X86_64);
	for (size_t i = 0; i < sizeof(arm) / sizeof(*arm); i++)
		check(arm[i].spec, &arm[i].arg, EM_AARCH64);
}

static void test_lists(void **state)
{
	struct usdt_arg args[USDT_ARGS_MAX];

	(void)state;
	assert_int_equal(usdt_parse_args(args, "", EM_X86_64), 0);
	assert_int_equal(usdt_parse_args(args, "-4@%edi 8@-8(%rbp) 4@$5", EM_X86_64), 3);
	assert_int_equal(args[1].kind, USDT_ARG_MEM);
	assert_int_equal(usdt_parse_args(args, "8@[x1, 8] 8@x2", EM_AARCH64), 2);
	assert_int_equal(usdt_parse_args(args,
					 "1@$1 1@$2 1@$3 1@$4 1@$5 1@$6 1@$7 1@$8 1@$9 1@$10 1@$11"
					 " 1@$12",
					 EM_X86_64),
			 12);
}

static void test_malformed(void **state)
{
	static const char *const specs[] = {
		"4",
		"4@",
		"@%eax",
		"3@%eax",
		"4@%zzz",
		"4@%",
		"4@(",
		"4@(%rax",
		"4@(%rax,",
		"4@(%rax,%)",
		"4@$",
		"4@$x",
		"4@foo",
		"x@%eax",
		"4@%eaxx",
		"4@%eax8@%rax",
		"99999999999999999999@%eax",
		"4@(%rax,%rbx,3)",
		"4@(%ah)",
		"4@(,%rax,8)",
		"8@foo+4(%rip)",
		"-@%eax",
		"--4@%eax",
		"1@$1 1@$2 1@$3 1@$4 1@$5 1@$6 1@$7 1@$8 1@$9 1@$10 1@$11 1@$12 1@$13",
	};
	struct usdt_arg args[USDT_ARGS_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
		if (usdt_parse_args(args, specs[i], EM_X86_64) >= 0)
			print_error("%s\n", specs[i]);
		assert_true(usdt_parse_args(args, specs[i], EM_X86_64) < 0);
	}
	assert_true(usdt_parse_args(args, "4@%eax", EM_386) < 0);
	assert_true(usdt_parse_args(args, "4@[x1", EM_AARCH64) < 0);
	assert_true(usdt_parse_args(args, "4@x31", EM_AARCH64) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
