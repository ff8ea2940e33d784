/* The parser: trees, spans, messages, and what it does with nonsense. */
#include "lang_util.h"

#include "lang/parser.h"

/* "begin { STATEMENT }": the statement's tree. */
static void check_stmt(const char *stmt, const char *expected)
{
	struct front f = { 0 };
	char *script;
	static const char head[] = "action begin\n  block\n";

	assert_true(asprintf(&script, "begin { %s }", stmt) > 0);
	front_run(&f, script, FRONT_PARSE);
	assert_string_equal(front_errors(&f), "");
	assert_memory_equal(front_tree(&f), head, strlen(head));
	assert_string_equal(f.text + strlen(head), expected);
	front_finish(&f);
	free(script);
}

static void test_precedence(void **state)
{
	(void)state;
	check_stmt("$a = 1 + 2 * 3 == 7 && !$b;", "    assign =\n"
						  "      variable $a\n"
						  "      binary &&\n"
						  "        binary ==\n"
						  "          binary +\n"
						  "            int 1\n"
						  "            binary *\n"
						  "              int 2\n"
						  "              int 3\n"
						  "          int 7\n"
						  "        unary !\n"
						  "          variable $b\n");
	check_stmt("$a = 10 - 4 - 3;", "    assign =\n"
				       "      variable $a\n"
				       "      binary -\n"
				       "        binary -\n"
				       "          int 10\n"
				       "          int 4\n"
				       "        int 3\n");
	check_stmt("$a = 1 | 2 ^ 3 & 4 << 1;", "    assign =\n"
					       "      variable $a\n"
					       "      binary |\n"
					       "        int 1\n"
					       "        binary ^\n"
					       "          int 2\n"
					       "          binary &\n"
					       "            int 3\n"
					       "            binary <<\n"
					       "              int 4\n"
					       "              int 1\n");
	check_stmt("$a = $b ? 1 : $c ? 2 : 3;", "    assign =\n"
						"      variable $a\n"
						"      ternary\n"
						"        variable $b\n"
						"        int 1\n"
						"        ternary\n"
						"          variable $c\n"
						"          int 2\n"
						"          int 3\n");
}

static void test_postfix(void **state)
{
	(void)state;
	check_stmt("$a = *$p->x.y[1].0;", "    assign =\n"
					  "      variable $a\n"
					  "      unary *\n"
					  "        field .0\n"
					  "          index\n"
					  "            field .y\n"
					  "              field ->x\n"
					  "                variable $p\n"
					  "            int 1\n");
	check_stmt("@x[1, \"a\"]++; --$y", "    expression\n"
					   "      unary x++\n"
					   "        map access @x\n"
					   "          tuple\n"
					   "            int 1\n"
					   "            string \"a\"\n"
					   "    expression\n"
					   "      unary --x\n"
					   "        variable $y\n");
}

static void test_parentheses(void **state)
{
	(void)state;
	check_stmt("$a = (1, (2,), ());", "    assign =\n"
					  "      variable $a\n"
					  "      tuple\n"
					  "        int 1\n"
					  "        tuple\n"
					  "          int 2\n"
					  "        tuple\n");
	check_stmt("$a = (x=1, y=(2));", "    assign =\n"
					 "      variable $a\n"
					 "      record\n"
					 "        x =\n"
					 "          int 1\n"
					 "        y =\n"
					 "          int 2\n");
	check_stmt("$a = (uint8)-1; $b = (struct foo *)$a; $c = (pid) - 1; $d = (int8[2])$c;",
		   "    assign =\n"
		   "      variable $a\n"
		   "      cast uint8\n"
		   "        unary -\n"
		   "          int 1\n"
		   "    assign =\n"
		   "      variable $b\n"
		   "      cast struct foo *\n"
		   "        variable $a\n"
		   "    assign =\n"
		   "      variable $c\n"
		   "      binary -\n"
		   "        identifier pid\n"
		   "        int 1\n"
		   "    assign =\n"
		   "      variable $d\n"
		   "      cast int8[2]\n"
		   "        int 2\n"
		   "        variable $c\n");
}

static void test_statements(void **state)
{
	(void)state;
	check_stmt("if $a { f() } else if ($b) { } else { g(); }", "    if\n"
								   "      variable $a\n"
								   "      block\n"
								   "        expression\n"
								   "          call f\n"
								   "      if\n"
								   "        variable $b\n"
								   "        block\n"
								   "        block\n"
								   "          expression\n"
								   "            call g\n");
	check_stmt("for ($i : 0..$n) { continue; } for $kv : @m { break }", "    for range $i\n"
									    "      int 0\n"
									    "      variable $n\n"
									    "      block\n"
									    "        continue\n"
									    "    for $kv\n"
									    "      map @m\n"
									    "      block\n"
									    "        break\n");
	check_stmt("let $x : uint8[4]; let $y = 1; _ = f(2); while (1) { } unroll(3) { };",
		   "    let $x : uint8[4]\n"
		   "      int 4\n"
		   "    let $y\n"
		   "      int 1\n"
		   "    assign =\n"
		   "      call f\n"
		   "        int 2\n"
		   "    while\n"
		   "      int 1\n"
		   "      block\n"
		   "    unroll\n"
		   "      int 3\n"
		   "      block\n");
	check_stmt("$a = { let $b = 1; $b + 1 }; $c = if $a { 1 } else { 2 };",
		   "    assign =\n"
		   "      variable $a\n"
		   "      block\n"
		   "        let $b\n"
		   "          int 1\n"
		   "        binary +\n"
		   "          variable $b\n"
		   "          int 1\n"
		   "    assign =\n"
		   "      variable $c\n"
		   "      ternary\n"
		   "        variable $a\n"
		   "        block\n"
		   "          int 1\n"
		   "        block\n"
		   "          int 2\n");
}

static void test_strings(void **state)
{
	(void)state;
	check_stmt("f(\"a\\tb\\\\\\\"\\x41\\101\\n\")",
		   "    expression\n"
		   "      call f\n"
		   "        string \"a\\x09b\\\\\\\"AA\\n\"\n");
}

static void test_types(void **state)
{
	(void)state;
	check_stmt(
		"f(sizeof(struct a), sizeof(x), sizeof(x *), offsetof(struct a, b.c), typeof($y))",
		"    expression\n"
		"      call f\n"
		"        sizeof struct a\n"
		"        sizeof\n"
		"          identifier x\n"
		"        sizeof x *\n"
		"        offsetof struct a .b .c\n"
		"        typeof\n"
		"          variable $y\n");
}

static void test_root(void **state)
{
	(void)state;
	check_tree("#!/usr/bin/env bpftrace\n"
		   "#define A 1\n"
		   "struct s { int a; } __attribute__((packed))\n"
		   "config = { max_strlen = 64; stack_mode = perf }\n"
		   "import \"stdlib\";\n"
		   "let @m = lruhash(10);\n"
		   "macro m($a, @b, c) { c }\n"
		   "macro n { 1 }\n"
		   "kprobe:f, kprobe:g, /pid == 1/ { }\n",
		   FRONT_PARSE,
		   "config max_strlen = 64\n"
		   "config stack_mode = perf\n"
		   "import \"stdlib\"\n"
		   "map @m lruhash 10\n"
		   "macro m $a @b c\n"
		   "  block\n"
		   "    identifier c\n"
		   "macro n\n"
		   "  block\n"
		   "    int 1\n"
		   "action kprobe:f kprobe:g\n"
		   "  predicate\n"
		   "    binary ==\n"
		   "      identifier pid\n"
		   "      int 1\n"
		   "  block\n");
}

/* Columns are bpftrace's: white space behind a name belongs to what encloses it. */
static void test_spans(void **state)
{
	struct front f = { 0 };
	const struct ast *assign, *call;

	(void)state;
	front_run(&f, "begin { $x = pid + 1 ; f( 2 ) ; }", FRONT_PARSE);
	assign = f.program->actions.data[0]->body->block.stmts.data[0];
	call = f.program->actions.data[0]->body->block.stmts.data[1]->expr;
	assert_int_equal(assign->span.begin, 8);
	assert_int_equal(assign->span.end, 20);
	assert_int_equal(assign->assign.rhs->span.begin, 13);
	assert_int_equal(assign->assign.rhs->binary.left->span.end, 16);
	assert_int_equal(call->span.begin, 23);
	assert_int_equal(call->span.end, 29);
	front_finish(&f);
}

static void test_messages(void **state)
{
	(void)state;
	check_error("begin { $x = ; }", FRONT_PARSE,
		    "stdin:1:14-15: ERROR: syntax: expected expression");
	check_error("begin { f(1) $y = 2; }", FRONT_PARSE,
		    "stdin:1:14-16: ERROR: syntax: expected ';'");
	check_error("begin { @x = 5 ", FRONT_PARSE, "stdin:1:16-16: ERROR: syntax: expected ';'");
	check_error("begin { f(\"a }", FRONT_PARSE,
		    "stdin:1:15-15: ERROR: syntax: unterminated string");
	check_error("begin { f(\"\\q\") }", FRONT_PARSE,
		    "stdin:1:13-14: ERROR: syntax: invalid escape character '\\q'");
	check_error("begin { $a = 5abc; }", FRONT_PARSE,
		    "stdin:1:15-18: ERROR: syntax: invalid integer suffix 'abc'");
	check_error("begin { $a = 1_; }", FRONT_PARSE,
		    "stdin:1:15-16: ERROR: syntax: trailing underscore in integer literal");
	check_error("begin { 5++ }", FRONT_PARSE,
		    "stdin:1:10-12: ERROR: syntax: increment/decrement requires a variable or map");
	check_error("begin { f(&5) }", FRONT_PARSE,
		    "stdin:1:12-13: ERROR: syntax: address-of operator (&) can only be used on a "
		    "map or variable");
	check_error("begin { $t.0 = 1; }", FRONT_PARSE,
		    "stdin:1:9-17: ERROR: syntax: Tuples and records are immutable once created. "
		    "Consider creating a new value and assigning it instead.");
	check_error("begin { f($0) }", FRONT_PARSE,
		    "stdin:1:11-13: ERROR: syntax: param $0 is out of integer range [1, "
		    "9223372036854775807]");
	check_error("kprobe:f /pid == 1 { }", FRONT_PARSE,
		    "stdin:1:20-21: ERROR: syntax: expected '/' to close predicate");
	check_error("begin { } config = { }", FRONT_PARSE,
		    "stdin:1:11-17: ERROR: syntax: config must appear before probes and functions");
	check_error("begin { } #define A", FRONT_PARSE,
		    "stdin:1:11-20: ERROR: syntax: C definitions must appear before probes and "
		    "functions");
}

/* One mistake, one message; the next one is found too. */
static void test_recovery(void **state)
{
	(void)state;
	check_errors("begin { $x = (1 + ; f(]); $y = 2; }\nend { ) }\nkprobe:f { g(; }",
		     FRONT_PARSE,
		     "stdin:1:19-20: ERROR: syntax: expected expression\n"
		     "begin { $x = (1 + ; f(]); $y = 2; }\n"
		     "                  ~\n"
		     "stdin:1:23-24: ERROR: syntax: expected expression\n"
		     "begin { $x = (1 + ; f(]); $y = 2; }\n"
		     "                      ~\n"
		     "stdin:2:7-8: ERROR: syntax: expected expression\n"
		     "end { ) }\n"
		     "      ~\n"
		     "stdin:3:14-15: ERROR: syntax: expected expression\n"
		     "kprobe:f { g(; }\n"
		     "             ~\n");
	check_errors("begin { if (1 { f(); } g( } end { }", FRONT_PARSE,
		     "stdin:1:15-16: ERROR: syntax: expected ')'\n"
		     "begin { if (1 { f(); } g( } end { }\n"
		     "              ~\n"
		     "stdin:1:27-28: ERROR: syntax: expected expression\n"
		     "begin { if (1 { f(); } g( } end { }\n"
		     "                          ~\n");
}

/* A message about several lines shows them. */
static void test_lines(void **state)
{
	(void)state;
	check_errors("begin {\n\t$t.a =\n\t\t1;\n}", FRONT_PARSE,
		     "stdin:2-3: ERROR: syntax: Tuples and records are immutable once created. "
		     "Consider creating a new value and assigning it instead.\n"
		     "\t$t.a =\n"
		     "\t\t1;\n");
	check_errors("begin {\n\t$a = ;\n}", FRONT_PARSE,
		     "stdin:2:7-8: ERROR: syntax: expected expression\n"
		     "    $a = ;\n"
		     "         ~\n");
}

static char *repeat(const char *head, const char *text, size_t count, const char *tail)
{
	size_t len = strlen(text);
	char *out = calloc(1, strlen(head) + count * len + strlen(tail) + 1);
	char *p = stpcpy(out, head);

	assert_non_null(out);
	for (size_t i = 0; i < count; i++)
		p = mempcpy(p, text, len);
	memcpy(p, tail, strlen(tail));
	return out;
}

static void check_deep(const char *head, const char *text, size_t count, const char *tail)
{
	char *script = repeat(head, text, count, tail);
	struct front f = { 0 };

	front_run(&f, script, FRONT_MACRO);
	assert_false(f.ok);
	assert_true(f.diags.list.len <= PARSER_MAX_ERRORS + 1);
	front_finish(&f);
	free(script);
}

/* No stack is that large. */
static void test_depth(void **state)
{
	(void)state;
	check_deep("begin { $x = ", "(", 1 << 20, "");
	check_deep("begin { $x = ", "-", 1 << 20, "1 }");
	check_deep("begin { ", "{", 1 << 20, "");
	check_deep("begin { ", "if (1) {", 1 << 18, "");
	check_deep("begin { if 1 { } ", "else if 1 { } ", 1 << 16, "}");
	check_deep("begin { $x = 1", "+1", 1 << 20, " }");
	check_deep("begin { $x = 1", "?1:1", 1 << 18, " }");
	check_deep("begin { $x = 1", "?:1", 1 << 18, " }");
	check_deep("begin { $x = $y", ".a", 1 << 20, " }");
	check_deep("begin { $x = ", "@x[", 1 << 20, " }");
	check_deep("begin { $x = ", "(typeof((", 1 << 16, " }");
	check_deep("begin { $x = ", "(uint8)", 1 << 18, "1 }");
	check_deep("", "x ", 1 << 20, "");
}

/* What fits is not refused: a comparison with many values, many statements. */
static void test_long(void **state)
{
	struct front f = { 0 };
	char *script;

	(void)state;
	script = repeat("begin { $x = pid == 1", " || pid == 1", 500, "; }");
	front_run(&f, script, FRONT_MACRO);
	assert_true(f.ok);
	front_finish(&f);
	free(script);
	script = repeat("begin { ", "$x = 1; ", 100000, "}");
	front_run(&f, script, FRONT_MACRO);
	assert_true(f.ok);
	front_finish(&f);
	free(script);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_precedence),  cmocka_unit_test(test_postfix),
		cmocka_unit_test(test_parentheses), cmocka_unit_test(test_statements),
		cmocka_unit_test(test_strings),     cmocka_unit_test(test_types),
		cmocka_unit_test(test_root),        cmocka_unit_test(test_spans),
		cmocka_unit_test(test_messages),    cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_lines),       cmocka_unit_test(test_depth),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
