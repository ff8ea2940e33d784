/*
 * kubectl-trace: the runner for a node's architecture, and its first stage.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../cmd/kubectl-trace/runner.h"

static char folder[] = "/tmp/test_cmd_runner.XXXXXX";

/* One that no build puts a runner for beside this test. */
#define OTHER_ARCH "riscv64"

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) && setenv("PATH", folder, 1) == 0 &&
			       unsetenv("KUBECTL_TRACE_RUNNER") == 0
		       ? 0
		       : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* Without a runner for it, the error names what is missing. */
static void other_architecture_is_missing(void **state)
{
	struct arena a;
	struct buf stage1;
	struct err err = { 0 };
	const char *path = NULL;

	(void)state;
	arena_init(&a);
	buf_init(&stage1, 1 << 20);
	assert_int_equal(runner_find(&path, &a, OTHER_ARCH, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "'trace-runner-" OTHER_ARCH "' is neither"));
	assert_int_equal(runner_read_stage1(&stage1, &a, OTHER_ARCH, &err), -ENOENT);
	buf_finish(&stage1);
	arena_finish(&a);
}

static void each_architecture_has_its_own(void **state)
{
	struct arena a;
	struct buf stage1;
	struct err err = { 0 };
	const char *path = NULL, *runner, *first;

	(void)state;
	arena_init(&a);
	buf_init(&stage1, 1 << 20);
	runner = arena_printf(&a, "%s/trace-runner-" OTHER_ARCH, folder);
	first = arena_printf(&a, "%s/trace-stage1-" OTHER_ARCH, folder);
	put_file(runner, "runner");
	put_file(first, "first stage");
	/* What is set for this machine is not for the others. */
	assert_int_equal(setenv("KUBECTL_TRACE_RUNNER", "/bin/sh", 1), 0);
	assert_int_equal(runner_find(&path, &a, OTHER_ARCH, &err), 0);
	assert_string_equal(path, runner);
	assert_int_equal(runner_find(&path, &a, runner_native_arch(), &err), 0);
	assert_string_equal(path, "/bin/sh");
	assert_int_equal(runner_read_stage1(&stage1, &a, OTHER_ARCH, &err), 0);
	assert_string_equal(buf_cstr(&stage1), "first stage");
	buf_clear(&stage1);
	assert_int_equal(runner_read_stage1(&stage1, &a, runner_native_arch(), &err), 0);
	assert_memory_equal(buf_cstr(&stage1), "\177ELF", 4);
	assert_int_equal(unlink(runner), 0);
	assert_int_equal(unlink(first), 0);
	buf_finish(&stage1);
	arena_finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_architecture_is_missing),
		cmocka_unit_test(each_architecture_has_its_own),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
