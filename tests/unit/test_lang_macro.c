/* Macros of scripts, of the standard library and of the C preprocessor. */
#include "lang_util.h"

#include "lang/ast.h"

/* The tree of the first action of @script, after expansion. */
static void check_action(const char *script, const char *expected)
{
	struct front f = { 0 };
	const char *action;

	front_run(&f, script, FRONT_MACRO);
	assert_string_equal(front_errors(&f), "");
	action = strstr(front_tree(&f), "action ");
	assert_non_null(action);
	assert_string_equal(strchr(action, '\n') + 1, expected);
	front_finish(&f);
}

static void test_parameters(void **state)
{
	(void)state;
	check_action("macro m($a, @b, c) { $a += 1; @b[$a] = c; c } begin { $x = m($y, @z, 7); }",
		     "  block\n"
		     "    assign =\n"
		     "      variable $x\n"
		     "      block\n"
		     "        assign +=\n"
		     "          variable $y\n"
		     "          int 1\n"
		     "        assign =\n"
		     "          map access @z\n"
		     "            variable $y\n"
		     "          int 7\n"
		     "        int 7\n");
	check_action("macro one() { 1 } macro two { 2 } begin { f(one, one(), two); }",
		     "  block\n"
		     "    expression\n"
		     "      call f\n"
		     "        block\n"
		     "          int 1\n"
		     "        block\n"
		     "          int 1\n"
		     "        block\n"
		     "          int 2\n");
}

static void test_hygiene(void **state)
{
	(void)state;
	/* What the body makes is its own; what is passed is the caller's. */
	check_action("macro m(a) { $x = a; $x + 1 } begin { $y = m($x); }",
		     "  block\n"
		     "    assign =\n"
		     "      variable $y\n"
		     "      block\n"
		     "        assign =\n"
		     "          variable $$m_x\n"
		     "          block\n"
		     "            variable $x\n"
		     "        binary +\n"
		     "          variable $$m_x\n"
		     "          int 1\n");
	check_action("macro in($p) { let $x = 1; $p = $x; } macro out($q) { in($q); $x = 2; } "
		     "begin { out($x); }",
		     "  block\n"
		     "    block\n"
		     "      block\n"
		     "        let $$in_2_x\n"
		     "          int 1\n"
		     "        assign =\n"
		     "          variable $x\n"
		     "          variable $$in_2_x\n"
		     "      assign =\n"
		     "        variable $$out_x\n"
		     "        int 2\n");
	check_errors("macro m(@a) { @b = 1; } begin { m(@x); }", FRONT_MACRO,
		     "stdin:1:15-17: ERROR: Unhygienic access to map: @b. Maps must be passed into "
		     "the macro as arguments.\n"
		     "macro m(@a) { @b = 1; } begin { m(@x); }\n"
		     "              ~~\n"
		     "stdin:1:33-38: ERROR: expanded from\n"
		     "macro m(@a) { @b = 1; } begin { m(@x); }\n"
		     "                                ~~~~~\n");
	check_error("macro m($a) { let $a = 1; } begin { m($x); }", FRONT_MACRO,
		    "stdin:1:15-21: ERROR: Variable declaration shadows macro arg $a");
}

static void test_overloads(void **state)
{
	(void)state;
	check_action("macro m($a) { 1 } macro m(@a) { 2 } macro m(a) { 3 } macro m(a, b) { 4 } "
		     "begin { f(m($x), m(@x), m(5), m(5, 6)); }",
		     "  block\n"
		     "    expression\n"
		     "      call f\n"
		     "        block\n"
		     "          int 1\n"
		     "        block\n"
		     "          int 2\n"
		     "        block\n"
		     "          int 3\n"
		     "        block\n"
		     "          int 4\n");
	check_error("macro m(a) { 1 } macro m($a) { 2 } begin { }", FRONT_MACRO,
		    "stdin:1:18-25: ERROR: Redefinition of macro: m");
	check_error("macro m(a, a) { 1 } begin { }", FRONT_MACRO,
		    "stdin:1:12-13: ERROR: Ident for macro argument has already been used: a");
	check_errors("macro m($a) { } begin { m(1); }", FRONT_MACRO,
		     "stdin:1:25-29: ERROR: Call to m() has arguments that do not match any "
		     "definition.\n"
		     "macro m($a) { } begin { m(1); }\n"
		     "                        ~~~~\n"
		     "stdin:1:27-28: ERROR: Mismatched arg. m() expects a variable for arg $a but "
		     "got an expression.\n"
		     "macro m($a) { } begin { m(1); }\n"
		     "                          ~\n"
		     "stdin:1:9-11: ERROR: This is the argument in the closest definition.\n"
		     "macro m($a) { } begin { m(1); }\n"
		     "        ~~\n");
	check_error("macro m(a) { } begin { m(1, 2); }", FRONT_MACRO,
		    "stdin:1:24-31: ERROR: Call to m() has arguments that do not match any "
		    "definition.");
}

/* A script's macro takes the library's place, but not inside of the library. */
static void test_library(void **state)
{
	(void)state;
	check_action("macro ppid() { 1 } begin { f(ppid); }", "  block\n"
							      "    expression\n"
							      "      call f\n"
							      "        block\n"
							      "          int 1\n");
	check_action("macro is_str(x) { 1 } begin { f(pcomm(0)); }",
		     "  block\n"
		     "    expression\n"
		     "      call f\n"
		     "        block\n"
		     "          field .comm\n"
		     "            field .real_parent\n"
		     "              int 0\n");
	/* Where the arguments don't fit, the built-in stays. */
	check_action("macro strlen(a, b) { 1 } begin { f(strlen(\"x\")); }",
		     "  block\n"
		     "    expression\n"
		     "      call f\n"
		     "        call strlen\n"
		     "          string \"x\"\n");
}

static void test_types(void **state)
{
	(void)state;
	check_action("macro c(t, v) { (t*)v } begin { f(c(typeof(struct a), 1), c(b, 2)); }",
		     "  block\n"
		     "    expression\n"
		     "      call f\n"
		     "        block\n"
		     "          cast struct a *\n"
		     "            int 1\n"
		     "        block\n"
		     "          cast b *\n"
		     "            int 2\n");
	check_action("macro o(t, m) { offsetof(struct t, m) } begin { f(o(a, b.c)); }",
		     "  block\n"
		     "    expression\n"
		     "      call f\n"
		     "        block\n"
		     "          offsetof struct a .b .c\n");
	check_error(
		"macro m(x) { x + 1 } begin { f(m(typeof(uint8))); }", FRONT_MACRO,
		"stdin:1:34-47: ERROR: When used as a call argument, `typeof` builtin only valid "
		"for macro calls that are expecting a type parameter");
	check_error("macro m(t) { sizeof(struct t) } begin { f(m(typeof(struct a))); }",
		    FRONT_MACRO,
		    "stdin:1:45-61: ERROR: Invalid replacement for macro 'm' type parameter 't' "
		    "which makes up the type 'struct t'");
}

static void test_recursion(void **state)
{
	(void)state;
	check_error("macro a() { b() } macro b() { a() } begin { a(); }", FRONT_MACRO,
		    "stdin:1:31-34: ERROR: Recursive macro call detected. Call chain: a > b > a");
}

/* Each level uses its argument four times. */
static void test_growth(void **state)
{
	struct front f = { 0 };
	char *script = strdup("macro m0(x) { x + x + x + x } ");
	char *more;

	(void)state;
	for (int i = 1; i < 40; i++) {
		assert_true(asprintf(&more, "%smacro m%d(x) { m%d(m%d(x)) } ", script, i, i - 1,
				     i - 1) > 0);
		free(script);
		script = more;
	}
	assert_true(asprintf(&more, "%sbegin { $y = m39(1); }", script) > 0);
	front_run(&f, more, FRONT_MACRO);
	assert_false(f.ok);
	front_finish(&f);
	free(script);
	free(more);
}

static void test_defines(void **state)
{
	(void)state;
	check_action("#define A 1\n#define B (A + 1)\n#define ADD(x, y) ((x) + (y))\n"
		     "begin { f(B, ADD(A, $v)); }",
		     "  block\n"
		     "    expression\n"
		     "      call f\n"
		     "        binary +\n"
		     "          int 1\n"
		     "          int 1\n"
		     "        binary +\n"
		     "          int 1\n"
		     "          variable $v\n");
	check_action("#define A 1\n#undef A\n#ifdef A\n#define B 1\n#elif 0\n#define B 2\n#else\n"
		     "#define B 3\n#endif\n#if defined(B) && B == 3 || X\n#define C B\n#endif\n"
		     "begin { f(A, C); }",
		     "  block\n"
		     "    expression\n"
		     "      call f\n"
		     "        identifier A\n"
		     "        int 3\n");
	check_action("#define VERSION KERNEL_VERSION(5, 10, 300)\nbegin { f(MAJOR(VERSION)); }",
		     "  block\n"
		     "    expression\n"
		     "      call f\n"
		     "        binary >>\n"
		     "          binary +\n"
		     "            binary +\n"
		     "              binary <<\n"
		     "                int 5\n"
		     "                int 16\n"
		     "              binary <<\n"
		     "                int 10\n"
		     "                int 8\n"
		     "            ternary\n"
		     "              binary >\n"
		     "                int 300\n"
		     "                int 255\n"
		     "              int 255\n"
		     "              int 300\n"
		     "          int 20\n");
	check_error("#define A B\n#define B A\nbegin { f(A); }", FRONT_MACRO,
		    "B:1:1-2: ERROR: Macro recursion: A->B->A");
	check_error("#define A 1 +\nbegin { f(A); }", FRONT_MACRO,
		    "stdin:2:11-12: ERROR: unable to expand macro as an expression: 1 +");
	check_error("#if 1\nbegin { }", FRONT_MACRO, "stdin:1:1-6: ERROR: unterminated #if");
	check_error("#endif\nbegin { }", FRONT_MACRO, "stdin:1:1-7: ERROR: #endif without #if");
	check_error("#if 1 / 0\n#endif\nbegin { }", FRONT_MACRO,
		    "stdin:1:1-10: ERROR: division by zero in a constant expression");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameters), cmocka_unit_test(test_hygiene),
		cmocka_unit_test(test_overloads),  cmocka_unit_test(test_library),
		cmocka_unit_test(test_types),      cmocka_unit_test(test_recursion),
		cmocka_unit_test(test_growth),     cmocka_unit_test(test_defines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
