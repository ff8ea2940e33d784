/* Semantic analysis: types of expressions, messages, conversions, captures, what maps become. */
#include "lang_util.h"

#include "../golden/fake_target.h"
#include "lang/builtin.h"

static const char *const params[] = { "7", "word", "-3", "--count=12", "--flag" };

struct checked {
	struct front front;
	struct arena arena;
	struct target target;
	struct features features;
};

static void check(struct checked *c, const char *script)
{
	memset(c, 0, sizeof(*c));
	arena_init(&c->arena);
	fake_target_init(&c->target, &c->arena);
	c->features = fake_features();
	c->front.options.target = &c->target;
	c->front.options.features = &c->features;
	front_run(&c->front, script, FRONT_SEMA);
}

static void finish(struct checked *c)
{
	front_finish(&c->front);
	arena_finish(&c->arena);
}

/* The type of $r at the end of the script. */
struct type_case {
	const char *script;
	const char *type;
};

static struct ast *last_assigned(struct ast *body, const char *name)
{
	struct ast *found = NULL;

	for (size_t i = 0; i < body->block.stmts.len; i++) {
		struct ast *s = body->block.stmts.data[i];

		if (s->kind == AST_ASSIGN && s->assign.lhs && s->assign.lhs->kind == AST_VAR &&
		    strcmp(s->assign.lhs->var.name, name) == 0)
			found = s->assign.lhs;
	}
	return found;
}

static void check_type(const struct type_case *t)
{
	struct checked c;
	struct ast *lhs;

	check(&c, t->script);
	if (!c.front.ok)
		fail_msg("%s\n%s", t->script, front_errors(&c.front));
	lhs = last_assigned(c.front.program->probes.data[0]->body, "r");
	assert_non_null(lhs);
	if (strcmp(type_name(&c.arena, lhs->type), t->type) != 0)
		fail_msg("%s\n%s, not %s", t->script, type_name(&c.arena, lhs->type), t->type);
	finish(&c);
}

static void types_are_those_of_bpftrace(void **state)
{
	static const struct type_case cases[] = {
		{ "begin { $r = 1 }", "int8" },
		{ "begin { $r = 300 }", "int16" },
		{ "begin { $r = 5000000000 }", "int64" },
		{ "begin { $r = 0xffffffffffffffff }", "uint64" },
		{ "begin { $r = -129 }", "int16" },
		{ "begin { $r = 1; $r = 70000 }", "int32" },
		{ "begin { $r = (uint8)1; $r = (uint16)1 }", "uint16" },
		{ "begin { $r = (uint32)1; $r = (int32)1 }", "int64" },
		{ "begin { $r = (uint8)1; $r = (int32)1 }", "int32" },
		{ "begin { $r = (uint32)1; $r = 1 }", "uint32" },
		{ "begin { $a = 1; $r = $a + 1 }", "int64" },
		{ "begin { $a = (uint8)1; $r = $a + 1 }", "uint64" },
		{ "begin { $a = (uint8)1; $r = $a - 1 }", "int64" },
		{ "begin { $a = (uint8)1; $r = ~$a }", "uint64" },
		{ "begin { $a = 1; $r = $a == 2 }", "bool" },
		{ "begin { $a = 1; $r = !$a }", "bool" },
		{ "begin { $r = \"ab\"; $r = \"abcd\" }", "string[5]" },
		{ "begin { $r = (1, \"a\"); $r = (300, \"abc\") }", "(int16,string[4])" },
		{ "begin { $r = (a=1, b=true) }", "record { .a = int8, .b = bool }" },
		{ "begin { $a = (1, \"x\"); $r = $a.1 }", "string[2]" },
		{ "begin { $a = (1, \"x\"); $r = $a[0] }", "int8" },
		{ "begin { $r = pid }", "uint32" },
		{ "begin { $r = cpu }", "uint64" },
		{ "begin { $r = comm }", "string[16]" },
		{ "begin { $r = kstack }", "kstack_bpftrace_127" },
		{ "begin { $r = ustack(perf, 3) }", "ustack_perf_3" },
		{ "begin { $r = ntop(1) }", "inet[24]" },
		{ "begin { $r = pton(\"::1\") }", "uint8[16]" },
		{ "begin { $r = buf(\"abc\", 3) }", "buffer[7]" },
		{ "kprobe:vfs_read { $r = str(arg0) }", "string[1024]" },
		{ "kprobe:vfs_read { $r = str(arg0, 10) }", "string[11]" },
		{ "begin { $r = str(\"abc\") }", "string[4]" },
		{ "begin { $r = (int32*)0 }", "int32 *" },
		{ "begin { $a = (int32*)8; $r = *$a }", "int32" },
		{ "begin { $a = (int32*)8; $r = $a + 1 }", "int32 *" },
		{ "begin { $a = (int32**)8; $r = $a[0] }", "int32 *" },
		{ "begin { $r = (uint8[4])1 }", "uint8[4]" },
		{ "begin { $r = (int8[])\"abc\" }", "int8[4]" },
		{ "begin { $a = 1; $r = &$a }", "int8 *" },
		{ "begin { $r = curtask }", "struct task_struct *" },
		{ "begin { $r = curtask.real_parent.pid }", "int32" },
		{ "begin { $r = curtask->comm }", "string[16]" },
		{ "begin { @c = count(); $r = @c }", "uint64" },
		{ "begin { @s = sum(-1); $r = @s + 1 }", "int64" },
		{ "begin { $r = @unset }", "int8" },
		{ "begin { @n++; $r = @n }", "int64" },
		{ "begin { $r = 1 ? pid : 300 }", "uint32" },
		{ "begin { $r = { let $x = \"ab\"; $x } }", "string[3]" },
		{ "begin { $r = sizeof(pid) }", "int8" },
		{ "begin { $r = $1 }", "int8" },
		{ "begin { let $r : uint64; $r = 1 }", "uint64" },
		{ "begin { let $r : string[8]; $r = \"a\" }", "string[8]" },
		{ "begin { $a = 1; if comptime (sizeof($a) == 1) { $a = 2 } $r = $a }", "int8" },
		{ "begin { @a = 1; $r = @a } end { @a = (uint32)1 }", "uint32" },
		{ "begin { $r = pod }", "kube_name_t" },
		{ "tracepoint:sched:sched_switch { $r = args.prev_comm }", "string[16]" },
		{ "tracepoint:sched:sched_switch { $r = args->next_pid }", "int32" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_type(&cases[i]);
}

static void check_message(const char *script, const char *expected)
{
	struct checked c;
	char *line;

	check(&c, script);
	line = (char *)front_errors(&c.front);
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, expected) != 0)
		fail_msg("%s\n%s\nnot\n%s", script, line, expected);
	finish(&c);
}

static void names_must_be_known(void **state)
{
	(void)state;
	check_message("begin { print(pidd) }", "stdin:1:15-19: ERROR: Unknown identifier: 'pidd'");
	check_message("begin { prinf(1) }", "stdin:1:9-17: ERROR: Unknown function: 'prinf'");
	check_message("begin { print($x) }",
		      "stdin:1:15-17: ERROR: Undefined or undeclared variable: $x");
	check_message("begin { print(@x) }", "stdin:1:15-17: ERROR: Undefined map: @x");
	check_message(
		"begin { let $x = 1; { let $x = 2 } }",
		"stdin:1:23-29: ERROR: Variable $x was already declared. Variable shadowing is "
		"not allowed.");
	check_message("begin { $p = (struct nothing *)0 }",
		      "stdin:1:15-31: ERROR: Cannot resolve unknown type \"struct nothing\"");
	check_message(
		"begin { print(curtask.pidd) }",
		"stdin:1:15-27: ERROR: Struct/union of type 'struct task_struct' does not contain "
		"a field named 'pidd'");
	check_message("tracepoint:sched:sched_switch { print(args.foo) }",
		      "stdin:1:39-47: ERROR: Struct/union of type 'struct "
		      "tracepoint:sched:sched_switch_args' does not contain a field named 'foo'");
}

static void types_must_agree(void **state)
{
	(void)state;
	check_message("begin { $a = 1; $a = \"x\" }",
		      "stdin:1:17-25: ERROR: Type mismatch for $a: trying to assign value of type "
		      "'string[2]' when variable already has a type 'int8'");
	check_message("begin { @a = 1; @a = \"x\" }",
		      "stdin:1:17-25: ERROR: Type mismatch for @a: trying to assign value of type "
		      "'string[2]' when map already has a type 'int8'");
	check_message(
		"begin { @a[1] = 1; @a[\"x\"] = 1 }",
		"stdin:1:20-27: ERROR: Argument mismatch for @a: trying to access with arguments: "
		"'string[2]' when map expects arguments: 'int8'");
	check_message(
		"begin { @a = 1; @a[1] = 2 }",
		"stdin:1:17-22: ERROR: @a used as a map with an explicit key (non-scalar map), "
		"previously used without an explicit key (scalar map)");
	check_message(
		"begin { if (comm == 1) { } }",
		"stdin:1:13-22: ERROR: Type mismatch for '==': comparing string[16] with int8");
	check_message(
		"begin { let $x : uint8 = 300 }",
		"stdin:1:9-29: ERROR: Type mismatch for $x: trying to assign value of type 'int16' "
		"when variable already has a type 'uint8'");
	check_message("begin { if (comm) { } }", "stdin:1:9-22: ERROR: Invalid condition: string");
	check_message("begin { $a = -comm }",
		      "stdin:1:14-20: ERROR: The - operator can not be used on expressions of type "
		      "'string[16]'");
	check_message("begin { $a = (uint64)comm }",
		      "stdin:1:14-22: ERROR: Cannot cast from \"string[16]\" to \"uint64\"");
	check_message(
		"begin { return comm }",
		"stdin:1:9-21: ERROR: Probe return values can only be integers. Found string[16]");
	check_message(
		"begin { if (namespace == 1) { } }",
		"stdin:1:13-27: ERROR: Type mismatch for '==': comparing kube_name_t with int8");
}

static void aggregations_stay_in_their_maps(void **state)
{
	(void)state;
	check_message("begin { $a = count() }",
		      "stdin:1:14-21: ERROR: count() must be assigned directly to a map");
	check_message(
		"begin { @a = count(); @b = @a }",
		"stdin:1:23-31: ERROR: Map value 'count_t' cannot be assigned from one map to "
		"another. The function that returns this type must be called directly e.g. `@b = "
		"count();`.");
	check_message("begin { @a = count(); @a = sum(1) }",
		      "stdin:1:28-34: ERROR: Type mismatch for @a: trying to assign value of type "
		      "'sum_t' when map already has a type 'count_t'");
	check_message("begin { @a = lhist(1, 0, 10, 0) }",
		      "stdin:1:14-32: ERROR: lhist() step must be >= 1 (0 provided)");
	check_message("begin { @a = hist(1); @a = hist(1, 2) }",
		      "stdin:1:28-38: ERROR: Different bits in a single hist unsupported");
	check_message("begin { @a[1] = hist(1); for ($kv : @a) { } }",
		      "stdin:1:37-39: ERROR: Loop expression does not support type: hist_t");
}

static void calls_are_checked_by_the_table(void **state)
{
	(void)state;
	check_message("begin { ksym() }",
		      "stdin:1:9-15: ERROR: ksym() requires one argument (0 provided)");
	check_message("begin { printf() }",
		      "stdin:1:9-17: ERROR: printf() requires at least one argument (0 provided)");
	check_message("begin { exit(1, 2) }",
		      "stdin:1:9-19: ERROR: exit() takes up to one argument (2 provided)");
	check_message("begin { time(1) }",
		      "stdin:1:9-16: ERROR: time() expects a string literal (int provided)");
	check_message("begin { printf(\"%d\", comm) }",
		      "stdin:1:9-27: ERROR: unsupported format specifier for type 'string[16]': d");
	check_message(
		"begin { system(\"ls\") }",
		"stdin:1:9-21: ERROR: system() is an unsafe function being used in safe mode");
	check_message("begin { reg(\"ip\") }",
		      "stdin:1:9-18: ERROR: reg can not be used with \"begin\" probes");
	check_message(
		"kprobe:vfs_read { print(retval) }",
		"stdin:1:25-31: ERROR: The retval builtin can only be used with 'kretprobe' and "
		"'uretprobe' and 'fentry' probes");
	check_message(
		"begin { print(arg0) }",
		"stdin:1:15-19: ERROR: The arg0 builtin can only be used with 'kprobes', 'uprobes' "
		"and 'usdt' probes");
	check_message("begin { kstack(2000) }", "stdin:1:9-21: ERROR: kstack([int limit]): limit "
						"shouldn't exceed 1024, 2000 given");
	check_message("begin { fail(\"%d is %s\", 1, \"bad\") }", "stdin:1:9-35: ERROR: 1 is bad");
}

static void control_flow_is_checked(void **state)
{
	(void)state;
	check_message("begin { break }",
		      "stdin:1:9-14: ERROR: 'break' statement is not allowed in a probe");
	check_message("begin { exit(); print(1) }",
		      "stdin:1:17-25: WARNING: Unreachable statement.");
	check_message("begin { unroll(200) { } }",
		      "stdin:1:9-24: ERROR: unroll maximum value is 100");
	check_message("kprobe:vfs_read { for $i : 0..3 { print(arg0) } }",
		      "stdin:1:41-45: ERROR: 'arg0' builtin is not allowed in a for-loop");
	check_message("begin { if comptime (pid == 1) { } }",
		      "stdin:1:12-31: ERROR: Unable to resolve comptime expression");
}

static void literals_are_computed(void **state)
{
	(void)state;
	check_message("begin { print(1 / 0) }",
		      "stdin:1:15-20: ERROR: unable to fold literals due to overflow or underflow");
	check_message("begin { print(0xffffffffffffffff + 1) }",
		      "stdin:1:15-37: ERROR: unable to fold literals due to overflow or underflow");
	check_message("begin { print(-0x8000000000000001) }",
		      "stdin:1:15-34: ERROR: negative value will underflow");
	check_message("begin { if comptime (\"a\" + \"b\" != \"ab\") { fail(\"no\") } exit() }",
		      "");
	check_message("begin { if comptime ((1, \"x\") != (2 - 1, \"x\")) { fail(\"no\") } }", "");
	check_message("begin { if comptime ((a=1, b=2) != (b=2, a=1)) { fail(\"no\") } }", "");
	check_message("begin { if comptime (\"abc\"[1] != 98) { fail(\"no\") } }", "");
}

static void parameters_are_put_in(void **state)
{
	struct checked c;

	(void)state;
	memset(&c, 0, sizeof(c));
	c.front.options.params = params;
	c.front.options.param_count = 5;
	front_run(&c.front,
		  "begin { print(($#, $1, $2, $3, str($1), getopt(\"count\", 1), "
		  "getopt(\"flag\"))) }",
		  FRONT_SEMA);
	assert_string_equal(front_errors(&c.front), "");
	assert_string_equal(front_tree(&c.front),
			    "probe begin\n"
			    "  block :: void\n"
			    "    expression\n"
			    "      call print :: void\n"
			    "        tuple :: (int8,int8,string[5],int8,string[2],uint64,bool)\n"
			    "          int 3 :: int8\n"
			    "          int 7 :: int8\n"
			    "          string \"word\" :: string[5]\n"
			    "          int -3 :: int8\n"
			    "          string \"7\" :: string[2]\n"
			    "          int 12 :: uint64\n"
			    "          bool true :: bool\n");
	assert_int_equal(c.front.program->named_params.len, 2);
	front_finish(&c.front);
}

/* Lowering sees no implicit conversion. */
static void conversions_are_explicit(void **state)
{
	struct checked c;

	(void)state;
	check(&c, "begin { $a = (uint8)1; $b = (int64)$a; if ($a < $b) { @x[$a] = $b } "
		  "@x[(uint32)300] += 1; @s = \"abc\"; @s = \"a\"; }");
	assert_string_equal(front_errors(&c.front), "");
	assert_string_equal(front_tree(&c.front), "probe begin\n"
						  "  block :: void\n"
						  "    assign =\n"
						  "      variable $a :: uint8\n"
						  "      cast uint8 :: uint8\n"
						  "        int 1 :: int8\n"
						  "    assign =\n"
						  "      variable $b :: int64\n"
						  "      cast int64 :: int64\n"
						  "        variable $a :: uint8\n"
						  "    if\n"
						  "      binary < :: bool\n"
						  "        cast :: int64\n"
						  "          variable $a :: uint8\n"
						  "        variable $b :: int64\n"
						  "      block :: void\n"
						  "        assign =\n"
						  "          map access @x :: int64\n"
						  "            cast :: uint32\n"
						  "              variable $a :: uint8\n"
						  "          variable $b :: int64\n"
						  "    assign =\n"
						  "      map access @x :: int64\n"
						  "        cast uint32 :: uint32\n"
						  "          int 300 :: int16\n"
						  "      binary + :: int64\n"
						  "        map access @x :: int64\n"
						  "          cast uint32 :: uint32\n"
						  "            int 300 :: int16\n"
						  "        int 1 :: int64\n"
						  "    assign =\n"
						  "      map @s :: string[4]\n"
						  "      string \"abc\" :: string[4]\n"
						  "    assign =\n"
						  "      map @s :: string[4]\n"
						  "      cast :: string[4]\n"
						  "        string \"a\" :: string[2]\n");
	finish(&c);
}

static const struct map_decl *find_map(const struct ast_program *p, const char *name)
{
	vec_foreach (&p->maps, it) {
		if (strcmp((*it)->name, name) == 0)
			return *it;
	}
	return NULL;
}

static void maps_are_final(void **state)
{
	struct checked c;
	const struct map_decl *m;

	(void)state;
	check(&c, "let @d = lruhash(10); begin { @d[1] = 2; @s = pid; @k[comm, pid] = hist(1, 3); "
		  "for ($kv : @d) { print($kv) } print(@k); }");
	assert_true(c.front.ok);
	m = find_map(c.front.program, "d");
	assert_int_equal(m->kind, MAP_LRU_HASH);
	assert_int_equal(m->max_entries, 10);
	assert_true(m->is_iterated);
	assert_false(m->is_value_read);
	m = find_map(c.front.program, "s");
	assert_null(m->key);
	assert_string_equal(type_name(&c.arena, m->value), "uint32");
	assert_int_equal(m->max_entries, 4096);
	m = find_map(c.front.program, "k");
	assert_string_equal(type_name(&c.arena, m->key), "(string[16],uint32)");
	assert_int_equal(m->value->agg, BI_hist);
	assert_int_equal(m->value->agg_wide[0], 3);
	assert_int_equal(c.front.program->maps.data[m->id] == m, 1);
	finish(&c);
}

static void loops_capture_what_is_outside(void **state)
{
	struct checked c;
	struct ast *outer, *inner;

	(void)state;
	check(&c, "begin { $a = 1; $b = 2; for $i : 0..3 { $c = $a; for $j : 0..2 { $c += $i + $b "
		  "} } }");
	assert_true(c.front.ok);
	outer = c.front.program->probes.data[0]->body->block.stmts.data[2];
	assert_int_equal(outer->kind, AST_FOR_RANGE);
	assert_int_equal(outer->loop.captures.len, 2);
	assert_string_equal(outer->loop.captures.data[0]->name, "a");
	assert_string_equal(outer->loop.captures.data[1]->name, "b");
	inner = outer->loop.body->block.stmts.data[1];
	assert_int_equal(inner->kind, AST_FOR_RANGE);
	assert_int_equal(inner->loop.captures.len, 3);
	assert_true(outer->loop.var->is_captured);
	assert_false(inner->loop.var->is_captured);
	finish(&c);
}

static void kubernetes_names_compare_with_literals(void **state)
{
	struct checked c;

	(void)state;
	check(&c, "kprobe:vfs_read /namespace == \"shop\"/ { @[pod, container] = count(); }");
	assert_string_equal(front_errors(&c.front), "");
	assert_int_equal(c.front.program->probes.data[0]->predicate->kind, AST_BINARY);
	finish(&c);
	check_message("enum { node = 3 }; begin { if comptime (node != node) { } exit() }",
		      "stdin:1:31-54: ERROR: Unable to resolve comptime expression");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_those_of_bpftrace),
		cmocka_unit_test(names_must_be_known),
		cmocka_unit_test(types_must_agree),
		cmocka_unit_test(aggregations_stay_in_their_maps),
		cmocka_unit_test(calls_are_checked_by_the_table),
		cmocka_unit_test(control_flow_is_checked),
		cmocka_unit_test(literals_are_computed),
		cmocka_unit_test(parameters_are_put_in),
		cmocka_unit_test(conversions_are_explicit),
		cmocka_unit_test(maps_are_final),
		cmocka_unit_test(loops_capture_what_is_outside),
		cmocka_unit_test(kubernetes_names_compare_with_literals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
