/*
 * Format plans.  What is expected was printed by bpftrace 0.27.
 */
#include "record_util.h"

#include <string.h>

#include "record/printf.h"

static const struct record_env plain_env;

struct format_case {
	const char *spec, *conversion;
	int int_size;
	const struct shape *shape;
	const void *data; // or:
	uint64_t value;
	const char *expected;
};

static void assert_format(const struct format_case *c)
{
	struct image_format_part parts[] = {
		{ .text = "[", .text_len = 1 },
		{ .spec = c->spec, .int_size = (uint8_t)c->int_size },
		{ .text = "]", .text_len = 1 },
	};
	struct image_arg arg = { .offset = 8, .shape = c->shape };
	struct image_event event = {
		.parts = parts, .part_count = 3, .args = &arg, .arg_count = 1
	};
	char record[64] = { 0 };
	struct value_walker walker;
	struct printf_plan plan;
	struct buf out;

	memcpy(parts[1].conversion, c->conversion, strlen(c->conversion) + 1);
	memcpy(record + 8, c->data ? c->data : &c->value, c->shape->size);
	buf_init(&out, OUT_MAX);
	value_walker_init(&walker, &plain_env);
	assert_int_equal(printf_plan_init(&plan, &event), 0);
	assert_int_equal(plan.size, 8 + c->shape->size);
	printf_run(&plan, &walker, &out, record, 8 + c->shape->size);
	assert_int_equal(out.data[0], '[');
	assert_int_equal(out.data[out.len - 1], ']');
	out.data[out.len - 1] = '\0';
	assert_string_equal(out.data + 1, c->expected);
	buf_clear(&out);
	printf_run(&plan, &walker, &out, record, 8 + c->shape->size - 1);
	assert_int_equal(out.len, 0);
	printf_plan_finish(&plan);
	value_walker_finish(&walker);
	buf_finish(&out);
}

static void test_integers(void **state)
{
	static const struct format_case cases[] = {
		{ "%d", "d", 4, &shape_s64, NULL, 5000000000, "705032704" },
		{ "%d", "d", 8, &shape_s64, NULL, 5000000000, "5000000000" },
		{ "%d", "d", 4, &shape_s8, NULL, 0xff, "-1" },
		{ "%u", "u", 4, &shape_s8, NULL, 0xff, "4294967295" },
		{ "%x", "x", 4, &shape_s8, NULL, 0xff, "ffffffff" },
		{ "%x", "x", 8, &shape_s8, NULL, 0xff, "ffffffffffffffff" },
		{ "%d", "d", 1, &shape_s64, NULL, 300, "44" },
		{ "%d", "d", 2, &shape_s64, NULL, 70000, "4464" },
		{ "%x", "x", 2, &shape_s64, NULL, 70000, "1170" },
		{ "%i", "i", 4, &shape_s8, NULL, 0xff, "-1" },
		{ "%u", "u", 2, &shape_s8, NULL, 0xff, "65535" },
		{ "%5d", "d", 4, &shape_s8, NULL, 0xfb, "   -5" },
		{ "%-5d", "d", 4, &shape_s8, NULL, 0xfb, "-5   " },
		{ "%05d", "d", 4, &shape_s8, NULL, 0xfb, "000-5" },
		{ "%-05d", "d", 4, &shape_s8, NULL, 0xfb, "-5000" },
		{ "%+d", "d", 4, &shape_s8, NULL, 5, "+5" },
		{ "% d", "d", 4, &shape_s8, NULL, 5, "5" },
		{ "%+u", "u", 4, &shape_u8, NULL, 5, "5" },
		{ "%*d", "d", 4, &shape_u8, NULL, 4, "4" },
		{ "%#x", "x", 4, &shape_u8, NULL, 31, "0x1f" },
		{ "%#x", "x", 8, &shape_u8, NULL, 0, "0" },
		{ "%#o", "o", 4, &shape_u8, NULL, 8, "010" },
		{ "%X", "X", 4, &shape_u32, NULL, 0xabc, "ABC" },
		{ "%06d", "d", 4, &shape_bool, NULL, 1, "000001" },
		{ "%d", "d", 4, &shape_pointer, NULL, 255, "255" },
		{ "%c", "c", 4, &shape_u8, NULL, 'A', "A" },
		{ "%5c", "c", 4, &shape_u8, NULL, 'A', "    A" },
		{ "%-3c", "c", 4, &shape_u8, NULL, 'B', "B  " },
		{ "%p", "p", 4, &shape_u8, NULL, 0, "0" },
		{ "%p", "p", 4, &shape_u64, NULL, 0x1234, "0x1234" },
		{ "%20p", "p", 4, &shape_u8, NULL, 0x55, "                0x55" },
		{ "%-20p", "p", 4, &shape_u8, NULL, 0x66, "0x66                " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_format(&cases[i]);
}

static void test_strings(void **state)
{
	static const struct shape_member members[] = { { .shape = &shape_u8, .offset = 0 },
						       { .shape = &shape_u8, .offset = 1 },
						       { .shape = &shape_s8, .offset = 2 } };
	static const struct shape two = {
		.kind = SHAPE_TUPLE, .size = 2, .count = 2, .members = members
	};
	static const struct shape three = {
		.kind = SHAPE_TUPLE, .size = 3, .count = 3, .members = members
	};
	static const struct shape_name names[] = { { "A", 1 }, { "B", 2 } };
	static const struct shape color = {
		.kind = SHAPE_ENUM, .size = 4, .count = 2, .names = names
	};
	static const struct shape string4 = { .kind = SHAPE_STRING, .size = 4 };
	static const char data[] = "\x05\0\0\0ab\n\0z\0\0";
	static const struct format_case cases[] = {
		{ "%s", "s", 0, &shape_string8, "abc\0\0\0\0", 0, "abc" },
		{ "%.3s", "s", 0, &shape_string8, "abcdef\0", 0, "abcdef" },
		{ "%10s", "s", 0, &shape_string8, "abc\0\0\0\0", 0, "       abc" },
		{ "%-10s", "s", 0, &shape_string8, "abc\0\0\0\0", 0, "abc       " },
		{ "%010s", "s", 0, &shape_string8, "abc\0\0\0\0", 0, "0000000abc" },
		{ "%5s", "s", 0, &shape_string8, "\xc3\xa9\0\0\0\0\0", 0, "   \xc3\xa9" },
		{ "%s", "s", 0, &string4, "abcd", 0, "abcd.." },
		{ "%10s", "s", 0, &two, "\1\2", 0, "         (1, 2)" },
		{ "%-4s", "s", 0, &three, "\1\2\xfd", 0, "(   1, 2, -3)" },
		{ "%+s", "s", 0, &shape_s8, NULL, 5, "+5" },
		{ "%s", "s", 0, &shape_u64, NULL, 1929863989169, "1929863989169" },
		{ "%5s", "s", 0, &shape_bool, NULL, 1, " true" },
		{ "%-6s", "s", 0, &shape_bool, NULL, 0, "false " },
		{ "%s", "s", 0, &color, NULL, 1, "A" },
		{ "%d", "d", 4, &color, NULL, 1, "1" },
		{ "%5s", "s", 0, &color, NULL, 2, "    B" },
		{ "%10s", "s", 0, &shape_pointer, NULL, 255, "      0xff" },
		{ "%r", "r", 0, &shape_buffer, data, 0, "ab\\x0a\\x00z" },
		{ "%rx", "rx", 0, &shape_buffer, data, 0, "\\x61\\x62\\x0a\\x00\\x7a" },
		{ "%rh", "rh", 0, &shape_buffer, data, 0, "61 62 0a 00 7a" },
		{ "%20r", "r", 0, &shape_buffer, data, 0, "         ab\\x0a\\x00z" },
		{ "%-14rh", "rh", 0, &shape_buffer, data, 0, "61 62 0a 00 7a" },
		{ "%12s", "s", 0, &shape_buffer, data, 0, " ab\\x0a\\x00z" },
		{ "%-12s", "s", 0, &shape_buffer, data, 0, "ab\\x0a\\x00z " },
	};

	(void)state;
	use_shapes();
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_format(&cases[i]);
}

static void test_gfp(void **state)
{
	static const struct format_case cases[] = {
		{ "%gr", "gr", 0, &shape_u64, NULL, 0, "0" },
		{ "%gr", "gr", 0, &shape_u64, NULL, 0xcc0, "GFP_KERNEL" },
		{ "%gr", "gr", 0, &shape_u64, NULL, 0xdc0, "GFP_KERNEL|__GFP_ZERO" },
		{ "%20gr", "gr", 0, &shape_u64, NULL, 0x100, "          __GFP_ZERO" },
		{ "%gr", "gr", 0, &shape_u64, NULL, 0x8000000000000cc0,
		  "GFP_KERNEL|0x8000000000000000" },
		{ "%gr", "gr", 0, &shape_u64, NULL, 0x200, "0x200" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_format(&cases[i]);
}

/* Two conversions in a row, text alone, an argument that is not there. */
static void test_plan(void **state)
{
	static const struct image_format_part parts[] = {
		{ .spec = "%d", .conversion = "d", .int_size = 4 },
		{ .spec = "%s", .conversion = "s", .arg = 1 },
		{ .spec = "%s", .conversion = "s", .arg = 7 },
		{ .text = "a%", .text_len = 2 },
		{ .text = "b\0c", .text_len = 3 },
	};
	static const struct image_arg args[] = { { .offset = 8, .shape = &shape_u8 },
						 { .offset = 9, .shape = &shape_string8 } };
	struct image_event event = {
		.parts = parts, .part_count = 5, .args = args, .arg_count = 2
	};
	struct value_walker walker;
	struct printf_plan plan;
	struct buf out;

	(void)state;
	buf_init(&out, OUT_MAX);
	value_walker_init(&walker, &plain_env);
	assert_int_equal(printf_plan_init(&plan, &event), 0);
	printf_run(&plan, &walker, &out, "\0\0\0\0\0\0\0\0\7xyz\0\0\0\0", 17);
	assert_int_equal(out.len, 9);
	assert_memory_equal(out.data, "7xyza%b\0c", 9);
	printf_plan_finish(&plan);
	value_walker_finish(&walker);
	buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_gfp),
		cmocka_unit_test(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
