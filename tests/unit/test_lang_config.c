/* Configuration variables, from scripts and the environment; the syntax check of the plugin. */
#include "lang_util.h"

static void check_setting(const char *settings, const char *expected)
{
	char *script;

	assert_true(asprintf(&script, "config = { %s } begin { }", settings) > 0);
	check_error(script, FRONT_CONFIG, expected);
	free(script);
}

static void test_values(void **state)
{
	struct front f = { 0 };

	(void)state;
	front_run(
		&f,
		"config = { max_strlen = 1_000; BPFTRACE_MAX_MAP_KEYS = 5; stack_mode = perf;\n"
		"missing_probes = \"warn\"; cpp_demangle = false; license = \"Dual MIT/GPL\";\n"
		"str_trunc_trailer = \"...\"; unstable_tseries = enable; print_maps_on_exit = 0;\n"
		"cache_user_symbols = PER_PROGRAM; unstable_typeinfo = 1 } begin { }",
		FRONT_CONFIG);
	assert_string_equal(front_errors(&f), "");
	assert_int_equal(f.config.max_strlen, 1000);
	assert_int_equal(f.config.max_map_keys, 5);
	assert_int_equal(f.config.stack_mode, STACK_PERF);
	assert_int_equal(f.config.missing_probes, MISSING_WARN);
	assert_false(f.config.cpp_demangle);
	assert_string_equal(f.config.license, "Dual MIT/GPL");
	assert_string_equal(f.config.str_trunc_trailer, "...");
	assert_int_equal(f.config.unstable_tseries, UNSTABLE_ENABLE);
	assert_int_equal(f.config.unstable_typeinfo, UNSTABLE_ENABLE);
	assert_false(f.config.print_maps_on_exit);
	assert_int_equal(f.config.cache_user_symbols, SYMBOLS_PER_PROGRAM);
	front_finish(&f);
}

static void test_messages(void **state)
{
	(void)state;
	check_setting("max_strlen = perf", "stdin:1:12-29: ERROR: max_strlen: expecting a number, "
					   "got perf");
	check_setting(
		"stack_mode = foo",
		"stdin:1:12-28: ERROR: stack_mode: Invalid value for stack_mode: valid values "
		"are bpftrace, raw, perf, and build_id.");
	check_setting("cpp_demangle = maybe",
		      "stdin:1:12-32: ERROR: cpp_demangle: Invalid bool value: valid values are "
		      "true, false, 1 or 0.");
	check_setting("vmlinux = 1",
		      "stdin:1:12-23: ERROR: vmlinux: can only be set as an environment variable");
	check_setting("max_strlem = 1",
		      "stdin:1:12-26: ERROR: max_strlem: not a known configuration option");
	check_setting("strlen = 1", "stdin:1:12-22: WARNING: strlen has been renamed, please use "
				    "max_strlen");
	check_setting("symbol_source = dwarf",
		      "stdin:1:12-33: WARNING: symbol_source is deprecated and has no effect");
}

static void test_environment(void **state)
{
	struct front f = { 0 };
	struct config config;
	struct err err = { 0 };

	(void)state;
	config_init(&config);
	assert_int_equal(config.max_strlen, 1024);
	assert_int_equal(setenv("BPFTRACE_MAX_STRLEN", "77", 1), 0);
	assert_int_equal(config_from_environment(&config, &err), 0);
	assert_int_equal(config.max_strlen, 77);
	/* It wins, but the script is checked. */
	front_run(&f, "config = { max_strlen = 5; max_probes = 6 } begin { }", FRONT_PARSE);
	assert_true(config_apply(&config, f.program, &f.diags));
	assert_int_equal(config.max_strlen, 77);
	assert_int_equal(config.max_probes, 6);
	front_finish(&f);
	assert_int_equal(setenv("BPFTRACE_MAX_STRLEN", "many", 1), 0);
	assert_true(config_from_environment(&config, &err) < 0);
	assert_string_equal(err.msg, "max_strlen: expecting a number, got many");
	assert_int_equal(unsetenv("BPFTRACE_MAX_STRLEN"), 0);
}

static void check_syntax(const char *script, bool expected, const char *message)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct buf files;

	buf_init(&files, 100);
	assert_int_equal(lang_check_syntax("a.bt", script, strlen(script), &files, out), expected);
	assert_int_equal(files.len, 0);
	buf_finish(&files);
	fclose(out);
	assert_memory_equal(text, message, strlen(message));
	free(text);
}

static void test_syntax(void **state)
{
	(void)state;
	check_syntax("kprobe:$1 { printf(\"%d\\n\", $2); } import", false,
		     "a.bt:1:35-41: ERROR: syntax: root imports must appear before");
	check_syntax("kprobe:$1 { } uprobe:/bin/sh:main { }", true, "");
	check_syntax("begin { ", false, "a.bt:1:9-9: ERROR: syntax: expected '}'");
	check_syntax("beg:x { }", false, "a.bt:1:1-6: ERROR: Invalid probe type: beg");
	/* Not every machine can watch reads: the node that is traced decides. */
	check_syntax("watchpoint:0x1000:8:r { }", true, "");
	check_syntax("config = { a = 1 } begin { }", false,
		     "a.bt:1:12-17: ERROR: a: not a known configuration option");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_syntax),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
