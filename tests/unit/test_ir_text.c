/*
 * The text form of the IR: ir_parse(ir_print(f)) is identity; what is wrong is refused with a
 * reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ir/ir.h"
#include "ir_random.h"

static char *print(const struct ir_program *p)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ir_print_program(out, p);
	fclose(out);
	return text;
}

/* Print, parse, print: the same text. */
static void check_round_trip(struct arena *a, const struct ir_program *p)
{
	char *text = print(p), *again;
	const char *error;
	struct ir_program *parsed = ir_parse(a, text, &error);

	assert_null(error);
	again = print(parsed);
	assert_string_equal(text, again);
	free(text);
	free(again);
}

static void every_operation(void **state)
{
	static const char text[] = "program all\n"
				   "\n"
				   "func main {\n"
				   "\tslot s0 size 16 align 8 \"key\" scratch whole\n"
				   "\tslot s1 size 4 align 4 at frame -4\n"
				   "\tslot s2 size 200 align 8 scratch at scratch 64\n"
				   "b0:\n"
				   "\t%0 = ctx\n"
				   "\t%1 = const -5\n"
				   "\t%2 = const 9223372036854775807\n"
				   "\t%3 = add %1, %2\n"
				   "\t%4 = neg %3\n"
				   "\t%5 = zext.2 %4\n"
				   "\t%6 = sext.4 %4\n"
				   "\t%7 = bswap.8 %4\n"
				   "\t%8 = cmp.sle %5, %6\n"
				   "\t%9 = select %8, %5, %6\n"
				   "\t%10 = slot s0 + 8\n"
				   "\t%11 = map m3\n"
				   "\t%12 = mapvalue m1 + 64\n"
				   "\t%13 = func 1\n"
				   "\t%14 = kernelvar 77\n"
				   "\t%15 = load.u8 [%0]\n"
				   "\t%16 = load.s2.v [%0 - 8]\n"
				   "\tstore.4 [%10 + 4], %5\n"
				   "\tatomicadd.8 [%12], %5\n"
				   "\tzero [%10], 8\n"
				   "\tmemcpy [%10], [%12 + 16], 8\n"
				   "\t%21 = call map_lookup_elem(%11, %10)\n"
				   "\t%22 = call #9999(%11)\n"
				   "\t%23 = kfunc 1234(%0, %1)\n"
				   "\ttailcall(%0, %11, %1)\n"
				   "\tbranch.set %5, %6, b1, b2\n"
				   "b1 cold:\n"
				   "\tjump b2\n"
				   "b2 from b0, b1:\n"
				   "\t%27 = phi [b0: %5], [b1: %6]\n"
				   "\treturn %27\n"
				   "}\n"
				   "\n"
				   "func callback params 2 {\n"
				   "b0:\n"
				   "\t%0 = param 1\n"
				   "\treturn %0\n"
				   "}\n";
	struct arena a;
	const char *error;
	struct ir_program *p;
	char *printed;

	(void)state;
	arena_init(&a);
	p = ir_parse(&a, text, &error);
	assert_null(error);
	printed = print(p);
	assert_string_equal(printed, text);
	free(printed);
	arena_finish(&a);
}

static void random_programs(void **state)
{
	uint8_t data[400];
	uint32_t n = 1;

	(void)state;
	for (uint32_t i = 0; i < 50; i++) {
		struct arena a;

		for (size_t j = 0; j < sizeof(data); j++) {
			n = n * 1664525 + 1013904223;
			data[j] = (uint8_t)(n >> 24);
		}
		arena_init(&a);
		check_round_trip(&a, ir_random(&a, data, sizeof(data)));
		arena_finish(&a);
	}
}

/* The message has to name what is wrong. */
static void check_refused(const char *text, const char *reason)
{
	struct arena a;
	const char *error;

	arena_init(&a);
	assert_null(ir_parse(&a, text, &error));
	assert_non_null(error);
	if (!strstr(error, reason))
		fail_msg("'%s' does not say '%s'", error, reason);
	arena_finish(&a);
}

static void wrong_text(void **state)
{
	(void)state;
	check_refused("", "no function");
	check_refused("func main {\nb0:\n\t%0 = frobnicate\n", "no such operation");
	check_refused("func main {\nb0:\n\t%0 = const 1\n\treturn %1\n}\n", "%1 is not defined");
	check_refused("func main {\nb0:\n\t%0 = const 1\n\t%0 = const 2\n", "defined twice");
	check_refused("func main {\nb0:\n\tjump b7\n}\n", "no such block");
	check_refused("func main {\n\t%0 = const 1\n}\n", "outside of a block");
	check_refused("func main {\nb0:\n\t%0 = call no_such_helper()\n", "no such helper");
	check_refused("func main {\nb0:\n\t%0 = const 99999999999999999999\n", "out of range");
}

static void wrong_programs(void **state)
{
	(void)state;
	check_refused("func main {\nb0:\n\t%0 = const 1\n}\n", "terminator");
	check_refused("func main {\nb0:\n\t%0 = const 1\n\tjump b1\n"
		      "b1:\n\t%1 = load.u3 [%0]\n\treturn %1\n}\n",
		      "bad width");
	check_refused("func main {\nb0:\n\t%0 = slot s0\n\treturn %0\n}\n", "no such slot");
	check_refused("func main {\nb0:\n\t%0 = const 1\n\tbranch.eq %0, %0, b1, b2\n"
		      "b1:\n\t%1 = const 2\n\tjump b2\n"
		      "b2:\n\treturn %1\n}\n",
		      "does not dominate");
	check_refused("func main {\nb0:\n\t%0 = param 0\n\treturn %0\n}\n", "no such parameter");
	check_refused("func main {\nb0:\n\t%0 = const 0\n\tjump b0\n}\n", "entry block");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation),
		cmocka_unit_test(random_programs),
		cmocka_unit_test(wrong_text),
		cmocka_unit_test(wrong_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
