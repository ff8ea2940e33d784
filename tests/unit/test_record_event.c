/*
 * Events: what is printed at once, and what is left to do.  What is expected was printed by
 * bpftrace 0.27.
 */
#include "record_util.h"

#include <errno.h>
#include <string.h>

static const struct record_env plain_env;

static const char script[] = "begin {\n\terrorf(\"bad %d\\n\", 5);\n}\n";
static const uint32_t lines[] = { 0, 8, 32 };
static const struct source source = { .name = "stdin",
				      .text = script,
				      .len = sizeof(script) - 1,
				      .line_start = lines,
				      .line_count = 3 };
static const struct span errorf_span = { .source = &source, .begin = 9, .end = 29 };

static const struct image_format_part parts[] = {
	{ .text = "bad ", .text_len = 4 },
	{ .spec = "%d", .conversion = "d", .int_size = 8 },
	{ .text = "\n", .text_len = 1 },
};
static const struct image_arg number[] = { { .offset = 8, .shape = &shape_s64 } };
static const struct image_arg two_numbers[] = { { .offset = 8, .shape = &shape_u64 },
						{ .offset = 16, .shape = &shape_u64 } };

/* A record of one or two numbers. */
struct record_bytes {
	struct event_header header;
	uint64_t args[3];
};

static void run(struct capture *c, const struct image_event *format, uint64_t first,
		uint64_t second, struct record_todo *todo)
{
	static struct image_var vars[2] = { { .name = "@a" }, { .name = "@b" } };
	struct image_event events[] = { { .kind = EVENT_EXIT, .size = 8 }, *format };
	struct image image = { .events = events, .event_count = 2, .vars = vars, .var_count = 2 };
	struct record_bytes bytes = { .header = { .id = 1 }, .args = { first, second } };
	struct record r;

	events[1].size = 24;
	assert_int_equal(record_init(&r, &image, &plain_env, &c->sink), 0);
	for (size_t len = 0; len < 24; len++)
		assert_int_equal(record_event(&r, &bytes, len, todo), -EBADMSG);
	assert_int_equal(record_event(&r, &bytes, sizeof(bytes), todo), 0);
	bytes.header.id = 2;
	assert_int_equal(record_event(&r, &bytes, sizeof(bytes), &(struct record_todo){ 0 }),
			 -EBADMSG);
	record_finish(&r);
}

static void test_printf(void **state)
{
	struct image_event format = { .kind = EVENT_PRINTF,
				      .span = errorf_span,
				      .parts = parts,
				      .part_count = 3,
				      .args = number,
				      .arg_count = 1 };
	struct record_todo todo;
	struct capture c;

	(void)state;
	use_shapes();
	capture_init(&c, &sink_text);
	run(&c, &format, 5, 0, &todo);
	assert_int_equal(todo.kind, EVENT_KIND_COUNT);
	assert_capture(&c, "bad 5\n");
	format.level = LEVEL_ERROR;
	run(&c, &format, 5, 0, &todo);
	format.level = LEVEL_WARNING;
	c.sink.has_colour = true;
	run(&c, &format, 6, 0, &todo);
	assert_string_equal(buf_cstr(&c.err), "stdin:2:2-22: ERROR: bad 5\n"
					      "\033[33mstdin:2:2-22: WARNING: bad 6\033[0m\n");
	assert_int_equal(c.out.len, 0);
	c.sink.ops = &sink_json;
	run(&c, &format, 5, 0, &todo);
	assert_capture(&c, "{\"type\": \"warnf\", \"msg\": \"bad 5\\n\", \"filename\": \"stdin\", "
			   "\"line\": 2, \"col\": 2}\n");
	format.level = LEVEL_PLAIN;
	run(&c, &format, 5, 0, &todo);
	assert_capture(&c, "{\"type\": \"printf\", \"data\": \"bad 5\\n\"}\n");
	capture_finish(&c);
}

static void test_print(void **state)
{
	static const struct shape stats = { .kind = SHAPE_AGG, .agg = AGG_STATS, .size = 16 };
	static const struct image_arg agg_args[] = { { .offset = 8, .shape = &shape_u8 },
						     { .offset = 8, .shape = &stats } };
	struct image_event format = { .kind = EVENT_PRINT, .args = number, .arg_count = 1 };
	struct record_todo todo;
	struct capture c;

	(void)state;
	capture_init(&c, &sink_text);
	run(&c, &format, 5, 0, &todo);
	assert_capture(&c, "5\n");
	format.kind = EVENT_PRINT_MAP_KEY;
	format.args = two_numbers;
	format.arg_count = 2;
	run(&c, &format, 1, 7, &todo);
	assert_capture(&c, "7\n");
	format.args = agg_args;
	run(&c, &format, 10, 3, &todo);
	assert_capture(&c, "{ .count = 3, .average = 3, .total = 10 }\n");
	c.sink.ops = &sink_json;
	run(&c, &format, 10, 3, &todo);
	assert_capture(&c, "{\"type\": \"value\", \"data\": "
			   "{\"count\": 3, \"average\": 3, \"total\": 10}}\n");
	capture_finish(&c);
}

static void test_todo(void **state)
{
	struct image_event format = { .kind = EVENT_PRINT_MAP,
				      .args = two_numbers,
				      .arg_count = 2,
				      .var = 1,
				      .parts = parts,
				      .part_count = 3 };
	struct record_todo todo;
	struct capture c;

	(void)state;
	capture_init(&c, &sink_text);
	run(&c, &format, 3, 10, &todo);
	assert_int_equal(todo.kind, EVENT_PRINT_MAP);
	assert_int_equal(todo.var, 1);
	assert_int_equal(todo.top, 3);
	assert_int_equal(todo.div, 10);
	format.kind = EVENT_CLEAR;
	format.arg_count = 0;
	run(&c, &format, 3, 10, &todo);
	assert_int_equal(todo.kind, EVENT_CLEAR);
	assert_int_equal(todo.var, 1);
	format.kind = EVENT_EXIT;
	format.args = number;
	format.arg_count = 1;
	run(&c, &format, (uint64_t)-2, 0, &todo);
	assert_int_equal(todo.kind, EVENT_EXIT);
	assert_int_equal(todo.exit_code, -2);
	format.kind = EVENT_UNWATCH;
	run(&c, &format, 0x1000, 0, &todo);
	assert_int_equal(todo.kind, EVENT_UNWATCH);
	assert_int_equal(todo.number, 0x1000);
	format.kind = EVENT_SKBOUTPUT;
	format.text = "x.pcap";
	run(&c, &format, 77, 0x1122, &todo);
	assert_int_equal(todo.kind, EVENT_SKBOUTPUT);
	assert_int_equal(todo.number, 77);
	assert_string_equal(todo.text, "x.pcap");
	assert_int_equal(todo.data_len, 16);
	assert_int_equal(c.out.len + c.err.len, 0);
	capture_finish(&c);
}

static void test_commands(void **state)
{
	struct image_event events[] = { { .kind = EVENT_SYSTEM,
					  .parts = parts,
					  .part_count = 3,
					  .args = number,
					  .arg_count = 1,
					  .size = 16 } };
	struct image image = { .events = events, .event_count = 1 };
	struct record_bytes bytes = { .args = { 5 } };
	struct record_todo todo;
	struct capture c;
	struct record r;

	(void)state;
	capture_init(&c, &sink_text);
	assert_int_equal(record_init(&r, &image, &plain_env, &c.sink), 0);
	assert_int_equal(record_event(&r, &bytes, sizeof(bytes), &todo), 0);
	assert_int_equal(todo.kind, EVENT_SYSTEM);
	assert_string_equal(todo.text, "bad 5\n");
	assert_int_equal(todo.text_len, 6);
	record_finish(&r);
	capture_finish(&c);
}

static void test_errors(void **state)
{
	struct image_event format = { .kind = EVENT_HELPER_ERROR,
				      .span = errorf_span,
				      .args = number,
				      .arg_count = 1,
				      .text = "map_delete_elem" };
	struct record_todo todo;
	struct capture c;

	(void)state;
	capture_init(&c, &sink_text);
	run(&c, &format, (uint64_t)-ENOENT, 0, &todo);
	assert_string_equal(
		buf_cstr(&c.err),
		"stdin:2:2-22: WARNING: Can't delete map element because it does not exist.\n"
		"Additional Info - helper: map_delete_elem, retcode: -2\n"
		"    errorf(\"bad %d\\n\", 5);\n"
		"    ~~~~~~~~~~~~~~~~~~~~\n");
	buf_clear(&c.err);
	format.text = "probe_read_user_str";
	run(&c, &format, (uint64_t)-EFAULT, 0, &todo);
	assert_string_equal(buf_cstr(&c.err),
			    "stdin:2:2-22: WARNING: Bad address\n"
			    "Additional Info - helper: probe_read_user_str, retcode: -14\n"
			    "    errorf(\"bad %d\\n\", 5);\n"
			    "    ~~~~~~~~~~~~~~~~~~~~\n");
	buf_clear(&c.err);
	c.sink.ops = &sink_json;
	run(&c, &format, (uint64_t)-EFAULT, 0, &todo);
	assert_capture(&c, "{\"type\": \"helper_error\", \"msg\": \"Bad address\", "
			   "\"helper\": \"probe_read_user_str\", \"retcode\": -14, "
			   "\"filename\": \"stdin\", \"line\": 2, \"col\": 2}\n");
	format.arg_count = 0;
	format.text = "Divide or modulo by 0 detected.";
	run(&c, &format, 0, 0, &todo);
	assert_capture(&c, "{\"type\": \"runtime_error\", \"msg\": "
			   "\"Divide or modulo by 0 detected.\", "
			   "\"filename\": \"stdin\", \"line\": 2, \"col\": 2}\n");
	capture_finish(&c);
}

static void test_join(void **state)
{
	static const struct shape strings = {
		.kind = SHAPE_ARRAY, .size = 16, .count = 2, .elem = &shape_string8
	};
	static const struct image_arg args[] = { { .offset = 8, .shape = &shape_u64 },
						 { .offset = 16, .shape = &strings } };
	struct image_event events[] = {
		{ .kind = EVENT_JOIN, .args = args, .arg_count = 2, .text = "-", .size = 32 }
	};
	struct image image = { .events = events, .event_count = 1 };
	struct record_bytes bytes = { .args = { 9 } }; // more than there are
	struct record_todo todo;
	struct capture c;
	struct record r;

	(void)state;
	memcpy(&bytes.args[1], "ls\0\0\0\0\0\0-l", 10);
	capture_init(&c, &sink_text);
	assert_int_equal(record_init(&r, &image, &plain_env, &c.sink), 0);
	assert_int_equal(record_event(&r, &bytes, sizeof(bytes), &todo), 0);
	assert_capture(&c, "ls--l\n");
	c.sink.ops = &sink_json;
	bytes.args[0] = 1;
	assert_int_equal(record_event(&r, &bytes, sizeof(bytes), &todo), 0);
	assert_capture(&c, "{\"type\": \"join\", \"data\": \"ls\"}\n");
	record_finish(&r);
	capture_finish(&c);
}

static void test_messages(void **state)
{
	struct capture c;
	struct sink *s = &c.sink;

	(void)state;
	capture_init(&c, &sink_text);
	s->ops->attached_probes(s, 1);
	s->ops->attached_probes(s, 2);
	s->ops->lost_events(s, 7);
	assert_string_equal(buf_cstr(&c.err),
			    "Attached 1 probe\nAttached 2 probes\nLost 7 events\n");
	s->ops->time(s, "12:00\n", 6);
	s->ops->cat(s, "x", 1);
	s->ops->syscall(s, "y", 1);
	s->ops->end(s);
	assert_capture(&c, "12:00\nxy\n\n\n");
	s->ops = sink_find("json");
	s->ops->attached_probes(s, 2);
	s->ops->lost_events(s, 7);
	s->ops->time(s, "12:00\n", 6);
	s->ops->cat(s, "x", 1);
	s->ops->syscall(s, "y", 1);
	s->ops->end(s);
	assert_capture(&c,
		       "{\"type\": \"attached_probes\", \"count\": 2, \"data\": {\"probes\": 2}}\n"
		       "{\"type\": \"lost_events\", \"count\": 7, \"data\": {\"events\": 7}}\n"
		       "{\"type\": \"time\", \"data\": \"12:00\\n\"}\n"
		       "{\"type\": \"cat\", \"data\": \"x\"}\n"
		       "{\"type\": \"syscall\", \"data\": \"y\"}\n");
	assert_null(sink_find("xml"));
	assert_ptr_equal(sink_find("text"), &sink_text);
	capture_finish(&c);
}

static void test_tests(void **state)
{
	static const char *const names[] = { "a", "b" };
	static const bool passed[] = { true, false };
	struct record_test test = {
		.names = names, .passed = passed, .count = 2, .duration_ns = 1283, .output = ""
	};
	struct record_bench bench = {
		.names = names, .count = 2, .average_ns = 53, .iterations = 20000
	};
	struct capture c;
	struct sink *s = &c.sink;

	(void)state;
	capture_init(&c, &sink_text);
	s->ops->test_result(s, &test);
	test.index = 1;
	test.output = "x\n\ny\n";
	test.output_len = 5;
	s->ops->test_result(s, &test);
	assert_capture(&c, "\033[32m[==========]\033[0m Running 2 tests.\n"
			   "\033[32m[ RUN      ]\033[0m a\n"
			   "\033[32m[       OK ]\033[0m a (1 μs)\n"
			   "\033[32m[ RUN      ]\033[0m b\nx\ny\n"
			   "\033[31m[  FAILED  ]\033[0m b (1 μs)\n"
			   "\033[32m[==========]\033[0m 2 tests ran.\n"
			   "\033[32m[  PASSED  ]\033[0m 1 test.\n"
			   "\033[31m[  FAILED  ]\033[0m 1 test, listed below:\n"
			   "\033[31m[  FAILED  ]\033[0m b\n");
	s->ops->benchmark_result(s, &bench);
	assert_capture(&c, "Benchmark                                Time(ns)       Iterations\n"
			   "------------------------------------------------------------------\n"
			   "a                                        53             20000\n");
	s->ops = &sink_json;
	s->ops->test_result(s, &test);
	s->ops->benchmark_result(s, &bench);
	assert_capture(&c, "{\"type\": \"test_result\", \"data\": {\"b\": {\"duration\": 1283, "
			   "\"passed\": false, \"output\": \"x\\n\\ny\\n\"}}}\n"
			   "{\"type\": \"benchmark_result\", \"data\": {\"a\": {\"average\": 53, "
			   "\"iters\": 20000}}}\n");
	capture_finish(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_printf),   cmocka_unit_test(test_print),
		cmocka_unit_test(test_todo),     cmocka_unit_test(test_commands),
		cmocka_unit_test(test_errors),   cmocka_unit_test(test_join),
		cmocka_unit_test(test_messages), cmocka_unit_test(test_tests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
