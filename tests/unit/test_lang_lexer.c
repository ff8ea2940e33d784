/* Tokens and numbers. */
#include "lang_util.h"

#include "lang/lexer.h"

static void check_tokens(const char *text, const enum token_kind *kinds)
{
	struct arena a;
	struct lexer lex = { 0 };
	struct token t;

	arena_init(&a);
	lex.source = source_new(&a, "stdin", text, strlen(text));
	do {
		t = lex_next(&lex);
		assert_int_equal(t.kind, *kinds);
		assert_true(t.begin <= t.end && t.end <= strlen(text));
	} while (*kinds++ != TOK_END);
	arena_finish(&a);
}

#define CHECK(text, ...) check_tokens((text), (const enum token_kind[]){ __VA_ARGS__, TOK_END })

static void test_words(void **state)
{
	(void)state;
	CHECK("pid $x @y @ $1 $# $", TOK_IDENT, TOK_VAR, TOK_MAP, TOK_MAP, TOK_PARAM,
	      TOK_PARAM_COUNT, TOK_DOLLAR);
	CHECK("_a1 @_b", TOK_IDENT, TOK_MAP);
	CHECK("\xc3\xa4 \x01", TOK_UNKNOWN, TOK_UNKNOWN);
}

static void test_numbers(void **state)
{
	(void)state;
	CHECK("1 0x1f 1_000 1e6 5s 100ms 7ull 08 5abc", TOK_INT, TOK_INT, TOK_INT, TOK_INT, TOK_INT,
	      TOK_INT, TOK_INT, TOK_INT, TOK_INT);
	CHECK("0..5", TOK_INT, TOK_DOTDOT, TOK_INT);
	CHECK("$t.0.1", TOK_VAR, TOK_DOT, TOK_INT, TOK_DOT, TOK_INT);
}

static void test_operators(void **state)
{
	(void)state;
	CHECK("<<= << <= <", TOK_SHL_ASSIGN, TOK_SHL, TOK_LE, TOK_LT);
	CHECK("a->b--", TOK_IDENT, TOK_ARROW, TOK_IDENT, TOK_DEC);
	CHECK("&&&@x", TOK_LAND, TOK_AND, TOK_MAP);
}

static void test_layout(void **state)
{
	(void)state;
	CHECK("a // b\n c /* d\n e */ f", TOK_IDENT, TOK_IDENT, TOK_IDENT);
	CHECK("a /* never closed", TOK_IDENT);
	CHECK("/", TOK_SLASH);
}

static void test_strings(void **state)
{
	(void)state;
	CHECK("\"a\\\"b\" \"c", TOK_STRING, TOK_STRING);
	CHECK("\"a\nb\"", TOK_STRING, TOK_IDENT, TOK_STRING);
	CHECK("\"\\", TOK_STRING);
}

/* A NUL is an ordinary, wrong byte. */
static void test_nul(void **state)
{
	static const char text[] = "a\0b";
	struct arena a;
	struct lexer lex = { 0 };

	(void)state;
	arena_init(&a);
	lex.source = source_new(&a, "stdin", text, 3);
	assert_int_equal(lex_next(&lex).kind, TOK_IDENT);
	assert_int_equal(lex_next(&lex).kind, TOK_UNKNOWN);
	assert_int_equal(lex_next(&lex).kind, TOK_IDENT);
	assert_int_equal(lex_next(&lex).kind, TOK_END);
	arena_finish(&a);
}

static void check_attach(const char *text, const char *expected)
{
	struct arena a;
	struct lexer lex = { 0 };
	struct token t;

	arena_init(&a);
	lex.source = source_new(&a, "stdin", text, strlen(text));
	t = lex_attach_point(&lex);
	assert_int_equal(t.end - t.begin, strlen(expected));
	assert_memory_equal(text + t.begin, expected, strlen(expected));
	arena_finish(&a);
}

static void test_attach_points(void **state)
{
	(void)state;
	check_attach("  kprobe:f{", "kprobe:f");
	check_attach("kprobe:f,kprobe:g {", "kprobe:f");
	check_attach("begin/1/ {", "begin");
	check_attach("kprobe:f/1/ {", "kprobe:f");
	check_attach("uprobe:/bin/sh:f /1/ {", "uprobe:/bin/sh:f");
	check_attach("u:/a:\"f(int, char *)\" {", "u:/a:\"f(int, char *)\"");
	check_attach("u:/a:\"f\\\"{\" {", "u:/a:\"f\\\"{\"");
	check_attach("u:/a:\"open", "u:/a:\"open");
	check_attach("{", "");
	check_attach("", "");
}

static void check_number(const char *text, uint64_t expected)
{
	struct arena a;
	const char *message;
	uint64_t value;

	arena_init(&a);
	assert_true(number_parse(&value, &a, text, strlen(text), &message));
	assert_true(value == expected);
	arena_finish(&a);
}

static void check_no_number(const char *text, const char *expected)
{
	struct arena a;
	const char *message;
	uint64_t value;

	arena_init(&a);
	assert_false(number_parse(&value, &a, text, strlen(text), &message));
	assert_string_equal(message, expected);
	arena_finish(&a);
}

static void test_number_values(void **state)
{
	(void)state;
	check_number("0", 0);
	check_number("017", 15);
	check_number("0x1F", 31);
	check_number("0b101", 5);
	check_number("1_000_000", 1000000);
	check_number("3e4", 30000);
	check_number("18446744073709551615", UINT64_MAX);
	check_number("9e18", 9000000000000000000u);
	check_number("5us", 5000);
	check_number("1d", 86400000000000u);
	check_number("4294967295u", UINT32_MAX);
	check_no_number("", "invalid integer: ");
	check_no_number("x", "invalid integer: x");
	check_no_number("08", "invalid trailing bytes: 08");
	check_no_number("0x", "invalid trailing bytes: 0x");
	check_no_number("5q", "invalid trailing bytes: 5q");
	check_no_number("11e2", "coefficient part of scientific literal must be 1-9: 11e2");
	check_no_number("4294967296u", "overflow error, maximum value is 4294967295: 4294967296u");
	check_no_number("18446744073709551616", "overflow error, maximum value is "
						"18446744073709551615: 18446744073709551616");
	check_no_number("213504d",
			"overflow error, maximum value is 18446744073709551615: 213504d");
	check_no_number("2e19", "overflow error, maximum value is 18446744073709551615: 2e19");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),         cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_operators),     cmocka_unit_test(test_layout),
		cmocka_unit_test(test_strings),       cmocka_unit_test(test_nul),
		cmocka_unit_test(test_attach_points), cmocka_unit_test(test_number_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
