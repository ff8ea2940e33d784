/* Attach points: their grammar, what they are expanded to, and which of them share a body. */
#include "lang_util.h"

#include "../golden/fake_target.h"

/* What the target gives lives as long as all tests. */
static struct arena target_arena;
static struct target target;

static void expand(struct front *f, const char *script)
{
	f->options.target = &target;
	front_run(f, script, FRONT_EXPAND);
}

/* "PROBE PROBE | PROBE": the attach points of each body. */
static char *describe(struct front *f)
{
	char *text = strdup("");
	char *more;

	vec_foreach (&f->program->probes, probe) {
		if (*text) {
			assert_true(asprintf(&more, "%s |", text) > 0);
			free(text);
			text = more;
		}
		vec_foreach (&(*probe)->attach_points, ap) {
			assert_true(asprintf(&more, "%s%s%s", text, *text ? " " : "", (*ap)->name) >
				    0);
			free(text);
			text = more;
		}
	}
	return text;
}

static void check_probes(const char *script, const char *expected)
{
	struct front f = { 0 };
	char *text;

	expand(&f, script);
	assert_string_equal(front_errors(&f), "");
	text = describe(&f);
	assert_string_equal(text, expected);
	free(text);
	front_finish(&f);
}

static void check_spec_error(const char *spec, const char *expected)
{
	struct front f = { 0 };
	char *script;
	char *line;

	assert_true(asprintf(&script, "%s { }", spec) > 0);
	expand(&f, script);
	line = strstr(front_errors(&f), "ERROR: ");
	if (!line)
		print_error("no error: %s\n", spec);
	assert_non_null(line);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line + strlen("ERROR: "), expected);
	front_finish(&f);
	free(script);
}

static void test_kinds(void **state)
{
	(void)state;
	check_probes("BEGIN { } End { }", "begin | end");
	check_probes("begin:* { }", "begin");
	check_probes("k:vfs_read { } kr:vfs_read { }", "kprobe:vfs_read | kretprobe:vfs_read");
	check_probes("kprobe:vfs_read+0x10 { }", "kprobe:vfs_read+16");
	check_probes("kfunc:vfs_read { } fr:vfs_open { }",
		     "fentry:vmlinux:vfs_read | fexit:vmlinux:vfs_open");
	check_probes("t:sched:sched_switch { }", "tracepoint:sched:sched_switch");
	check_probes("i:s:5 { } p:hz:99 { } interval:100ms { }",
		     "interval:s:5 | profile:hz:99 | interval:us:100000");
}

static void test_counters(void **state)
{
	(void)state;
	check_probes("s:cs:7 { } hardware:cache-misses { } software:faults:* { }",
		     "software:cs:7 | hardware:cache-misses | software:faults");
	check_probes("w:0x10:8:wr { }", "watchpoint:16:8:rw");
	check_probes("self:signal:SIGUSR1 { } test:one { } bench:one { }",
		     "self:signal:SIGUSR1 | test:one | bench:one");
	check_probes("name=interval:s:1 { }", "interval:s:1");
}

static void test_quotes(void **state)
{
	(void)state;
	check_probes("uprobe:/bin/x:\"f(int, char *)\" { } u:/bin/x:0x40 { }",
		     "uprobe:/bin/x:f(int, char *) | uprobe:/bin/x:64");
}

static void test_globs(void **state)
{
	(void)state;
	check_probes("kprobe:vfs_* { }", "kprobe:vfs_open kprobe:vfs_read kprobe:vfs_write");
	check_probes("t:syscalls:sys_enter_* { }",
		     "tracepoint:syscalls:sys_enter_openat tracepoint:syscalls:sys_enter_read");
	check_probes("tracepoint:*switch { }", "tracepoint:sched:sched_switch");
	check_probes("kprobe:vfs_read, { }", "kprobe:vfs_read");
	check_probes("kprobe:vfs_read+4, kprobe:vfs_read+8 { }",
		     "kprobe:vfs_read+4 kprobe:vfs_read+8");
}

/* A body is cloned only where it would mean something else. */
static void test_sharing(void **state)
{
	(void)state;
	check_probes("kprobe:vfs_* { print(probe); }",
		     "kprobe:vfs_open | kprobe:vfs_read | kprobe:vfs_write");
	check_probes("kprobe:vfs_read, kretprobe:vfs_read { }",
		     "kprobe:vfs_read | kretprobe:vfs_read");
	check_probes("t:syscalls:sys_enter_* { print(args.__syscall_nr); }",
		     "tracepoint:syscalls:sys_enter_openat | tracepoint:syscalls:sys_enter_read");
	check_probes("t:syscalls:sys_exit_* { print(args.ret); }",
		     "tracepoint:syscalls:sys_exit_openat tracepoint:syscalls:sys_exit_read");
	check_probes("t:syscalls:sys_*_read { }",
		     "tracepoint:syscalls:sys_enter_read | tracepoint:syscalls:sys_exit_read");
	check_probes("interval:s:1, interval:s:2 { }", "interval:s:1 interval:s:2");
	check_probes("test:a, test:b { }", "test:a | test:b");
}

static void test_syscalls(void **state)
{
	struct front f = { 0 };
	const struct attach_point *ap;

	(void)state;
	expand(&f, "t:syscalls:sys_exit_openat { print(args.ret); }");
	ap = f.program->probes.data[0]->attach_points.data[0];
	assert_int_equal(ap->syscall, 257);
	assert_true(ap->is_sys_exit);
	assert_non_null(f.program->probes.data[0]->args);
	front_finish(&f);
}

static void test_parameters(void **state)
{
	static const char *const params[] = { "vfs_read", "t:sched", "x y" };
	struct front f = { 0 };
	char *text;

	(void)state;
	f.options.params = params;
	f.options.param_count = 3;
	f.options.container_pid = 42;
	expand(&f, "kprobe:$1 { } $2:sched_switch { } "
		   "u:/proc/$container_pid/exe:\"$1\" { } u:/b:$3 { } k:vfs_$9write { }");
	assert_string_equal(front_errors(&f), "");
	text = describe(&f);
	assert_string_equal(text, "kprobe:vfs_read | tracepoint:sched:sched_switch | "
				  "uprobe:/proc/42/exe:$1 | uprobe:/b:x y | kprobe:vfs_write");
	free(text);
	front_finish(&f);
	check_spec_error("kprobe:$x",
			 "invalid trailing character for positional param: x. Try "
			 "quoting this entire part if this is intentional e.g. \"$x\".");
	check_spec_error("kprobe:$0",
			 "invalid trailing character for positional param: 0. Try "
			 "quoting this entire part if this is intentional e.g. \"$0\".");
}

/* With -p, what isn't attached to one process asks for it. */
static void test_pid(void **state)
{
	struct front f = { 0 };

	(void)state;
	f.options.pid = 7;
	expand(&f, "kprobe:vfs_read /1/ { } uprobe:f { } interval:s:1 { }");
	assert_string_equal(front_errors(&f), "");
	assert_int_equal(f.program->probes.data[0]->predicate->kind, AST_BINARY);
	assert_int_equal(f.program->probes.data[0]->predicate->binary.op, OPR_LAND);
	assert_string_equal(f.program->probes.data[1]->attach_points.data[0]->path, "/proc/7/exe");
	assert_null(f.program->probes.data[1]->predicate);
	assert_null(f.program->probes.data[2]->predicate);
	front_finish(&f);
}

static void test_messages(void **state)
{
	(void)state;
	check_spec_error("beginn", "Invalid probe type: beginn");
	check_spec_error("kprobe", "kprobe probe type requires 1 or 2 arguments, found 0");
	check_spec_error("begin:f", "begin probe type requires 0 arguments, found 1");
	check_spec_error("kprobe:f+1+2", "Cannot take more than one offset");
	check_spec_error("kprobe:f+x", "Invalid offset: invalid integer: x");
	check_spec_error("kretprobe:f+1", "Offset not allowed");
	check_spec_error("kprobe:0x1000", "Probing by address requires --unsafe");
	check_spec_error("uprobe:/bin/x", "uprobe probe type requires 2 or 3 arguments, found 1");
	check_spec_error("uprobe:/bin/x*:0x1", "Cannot use wildcards with absolute address");
	check_spec_error("uprobe:/bin/x:rs:f", "unsupported language type: rs");
	check_spec_error("uprobe:/x@a.c", "Invalid uprobe arguments, expected format: "
					  "uprobe:TARGET@FILE:LINE[:COL]");
	check_spec_error("profile:hz", "Invalid rate of profile probe: invalid integer: hz");
	check_spec_error("interval:x:5", "x is not an accepted unit of time");
	check_spec_error("interval:s:0", "interval frequency should be a positive integer");
	check_spec_error("interval:5ns", "Invalid rate of interval probe. Minimum is 1000 or 1us. "
					 "Found: 5 nanoseconds");
	check_spec_error("software:foo:1", "foo is not a software probe");
	check_spec_error("watchpoint:0x1:3:w", "watchpoint length must be one of (1,2,4,8)");
	check_spec_error("watchpoint:0x1:8:ww", "watchpoint modes may not be duplicated");
	check_spec_error("watchpoint:0x1:8:r", "invalid watchpoint mode: r");
	check_spec_error("watchpoint:0x1:8:q", "watchpoint mode must be combination of (r,w,x)");
	check_spec_error("self:signal:SIGFOO", "SIGFOO is not a supported signal");
	check_spec_error("fentry:a:b:c",
			 "Only the 'bpf' variant of this probe supports 4 arguments");
	check_spec_error("iter:task*", "iter probe type does not support wildcards");
	check_spec_error("iter:task, iter:task_file", "iter probe only supports one attach point.");
	check_spec_error(":::", "No attach points for probe");
	check_spec_error("test:a { } test:a",
			 "\"a\" was used as the name for more than one TEST probe");
	check_spec_error("foo*:bar", "No probe type matched for foo*");
}

static void test_missing(void **state)
{
	(void)state;
	check_spec_error("kprobe:vfs_reed", "No matches for kprobe vfs_reed.");
	check_spec_error("tracepoint:syscalls:sys_enter_opena",
			 "No matches for tracepoint syscalls:sys_enter_opena.");
	check_spec_error("kprobe:nothing*",
			 "Probe has no valid attach points. If this is expected, set the "
			 "'missing_probes' config variable to 'warn'.");
	check_probes("config = { missing_probes = ignore } kprobe:nothing { } begin { }", "begin");
}

static void test_hint(void **state)
{
	struct front f = { 0 };

	(void)state;
	expand(&f, "kprobe:vfs_reed { }");
	assert_non_null(strstr(front_errors(&f), "HINT: did you mean 'vfs_read'?\n"));
	front_finish(&f);
}

static void test_limit(void **state)
{
	struct front f = { 0 };

	(void)state;
	expand(&f, "config = { max_bpf_progs = 2 } kprobe:vfs_* { print(probe); }");
	assert_non_null(strstr(front_errors(&f),
			       "Your program is trying to generate more than 3 BPF "
			       "programs, which exceeds the current limit of 2"));
	front_finish(&f);
	/* Only what globs find is counted. */
	expand(&f, "config = { max_bpf_progs = 1 } begin { print(1); } end { print(2); } "
		   "kprobe:vfs_read { print(probe); }");
	assert_string_equal(front_errors(&f), "");
	front_finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),      cmocka_unit_test(test_counters),
		cmocka_unit_test(test_quotes),     cmocka_unit_test(test_globs),
		cmocka_unit_test(test_sharing),    cmocka_unit_test(test_syscalls),
		cmocka_unit_test(test_parameters), cmocka_unit_test(test_pid),
		cmocka_unit_test(test_messages),   cmocka_unit_test(test_missing),
		cmocka_unit_test(test_hint),       cmocka_unit_test(test_limit),
	};

	int failed;

	arena_init(&target_arena);
	fake_target_init(&target, &target_arena);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_finish(&target_arena);
	return failed;
}
