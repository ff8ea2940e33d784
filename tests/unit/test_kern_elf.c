/* ELF files, symbols, binaries by name, processes: this test's own, and damaged copies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kern/elfsyms.h"
#include "kern/paths.h"
#include "kern/proc.h"
#include "kern/symbolize.h"
#include "kern/usdt.h"
#include "util/buf.h"

#define SELF "/proc/self/exe"

/* Not static: so that it keeps its name whatever the optimiser does. */
int kern_test_function(int x);

__attribute__((noinline)) int kern_test_function(int x)
{
	__asm__ volatile("");
	return x + 1;
}

static void test_symbols(void **state)
{
	struct elfsyms *t;
	const struct elfsym *s, *again;
	uint64_t offset, address;

	(void)state;
	assert_int_equal(elfsyms_load(&t, SELF, "", ELFSYMS_FUNCTIONS, NULL), 0);
	s = elfsyms_by_name(t, "kern_test_function");
	assert_non_null(s);
	assert_true(s->size > 0);
	again = elfsyms_by_address(t, s->address + s->size - 1);
	assert_string_equal(again->name, "kern_test_function");
	assert_null(elfsyms_by_name(t, "kern_test_functio"));
	assert_null(elfsyms_by_name(t, ""));
	assert_null(elfsyms_by_address(t, 0));
	assert_true(kelf_address_to_offset(elfsyms_file(t), s->address, &offset));
	assert_true(kelf_offset_to_address(elfsyms_file(t), offset, &address));
	assert_int_equal(address, s->address);
	assert_false(kelf_address_to_offset(elfsyms_file(t), UINT64_MAX, &offset));
	for (size_t i = 1; i < elfsyms_count(t); i++)
		assert_true(elfsyms_at(t, i - 1)->address <= elfsyms_at(t, i)->address);
	elfsyms_free(t);
}

static const char *find_library(struct arena *a, const char *name)
{
	const char **paths;
	size_t count;

	return paths_resolve(a, NULL, name, &paths, &count, NULL) ? NULL : paths[0];
}

static void test_versions(void **state)
{
	struct elfsyms *t;
	const struct elfsym *s;
	struct arena a;
	const char *libc;

	(void)state;
	arena_init(&a);
	libc = find_library(&a, "libc");
	if (!libc) {
		arena_finish(&a);
		skip();
	}
	assert_int_equal(elfsyms_load(&t, libc, "", ELFSYMS_FUNCTIONS, NULL), 0);
	s = elfsyms_by_name(t, "pthread_create");
	if (s && s->version) {
		char *full = arena_printf(&a, "%s@%s", s->name, s->version);

		assert_ptr_equal(elfsyms_by_name(t, full), s);
		assert_null(elfsyms_by_name(t, "pthread_create@NONSENSE_1"));
	}
	elfsyms_free(t);
	arena_finish(&a);
}

static void test_paths(void **state)
{
	struct arena a;
	const char **paths;
	size_t count;
	struct err err = { 0 };

	(void)state;
	arena_init(&a);
	assert_int_equal(paths_resolve(&a, NULL, "sh", &paths, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_true(paths[0][0] == '/');
	assert_int_equal(paths_resolve(&a, NULL, SELF, &paths, &count, NULL), 0);
	assert_int_equal(paths_resolve(&a, NULL, "/bin/s*h", &paths, &count, NULL), 0);
	assert_true(paths_resolve(&a, NULL, "", &paths, &count, &err) < 0);
	assert_true(paths_resolve(&a, NULL, "no-such-program", &paths, &count, &err) < 0);
	assert_true(paths_resolve(&a, NULL, "/etc/passwd", &paths, &count, &err) < 0);
	assert_true(paths_resolve(&a, NULL, "/", &paths, &count, &err) < 0);
	assert_string_equal(paths_in_root(&a, 7, "/bin/x"), "/proc/7/root/bin/x");
	assert_string_equal(paths_in_root(&a, 7, "/proc/7/root/bin/x"), "/proc/7/root/bin/x");
	arena_finish(&a);
}

static void test_demangle(void **state)
{
	char name[] = "a::f<int (*)(char)>(b::c const&, int (*)(int)) const";
	char plain[] = "main";
	char *text;

	(void)state;
	elfsyms_strip_parameters(name);
	assert_string_equal(name, "a::f<int (*)(char)>");
	elfsyms_strip_parameters(plain);
	assert_string_equal(plain, "main");
	assert_null(elfsyms_demangle("main"));
	text = elfsyms_demangle("_ZN2ns1fEi");
	if (text) // built with a demangler
		assert_string_equal(text, "ns::f(int)");
	free(text);
}

/* A process that the test waits for by a pipe, so that it is there as long as it is needed. */
static pid_t start_child(int *hold)
{
	int fds[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		(void)close(fds[1]);
		(void)!read(fds[0], &c, 1);
		_exit(0);
	}
	(void)close(fds[0]);
	*hold = fds[1];
	return pid;
}

static void end_child(pid_t pid, int hold)
{
	(void)close(hold);
	(void)waitpid(pid, NULL, 0);
}

static void test_symbolizer(void **state)
{
	struct symbolizer *s;
	struct symbol_info info;
	uint64_t addr = (uintptr_t)kern_test_function;
	int hold;
	pid_t pid = start_child(&hold);

	(void)state;
	assert_int_equal(symbolizer_new(&s, NULL), 0);
	assert_true(symbolizer_user(s, getpid(), addr + 1, NULL, &info));
	assert_string_equal(info.name, "kern_test_function");
	assert_int_equal(info.offset, 1);
	assert_non_null(strstr(info.module, "test_kern_elf"));
	assert_false(symbolizer_user(s, getpid(), 16, NULL, &info));
	assert_false(symbolizer_user(s, 1 << 30, addr, NULL, &info));
	/* Seen alive, so known after its end. */
	symbolizer_preload(s, pid);
	end_child(pid, hold);
	assert_true(symbolizer_user(s, pid, addr, NULL, &info));
	assert_string_equal(info.name, "kern_test_function");
	symbolizer_free(s);
}

static void test_processes(void **state)
{
	struct proc_pids all, some;
	struct proc_namespace ns;
	char selector[64];
	int hold;
	pid_t pid = start_child(&hold);

	(void)state;
	assert_int_equal(proc_namespace(&ns, pid, "mnt", NULL), 0);
	assert_true(ns.ino != 0);
	assert_true(proc_namespace(&ns, pid, "nonsense", NULL) < 0);
	assert_false(proc_has_other_root(pid));
	assert_true(proc_start_time(pid) > 0);
	assert_int_equal(proc_pids_all(&all, NULL), 0);
	assert_true(all.len >= 2);
	proc_pids_finish(&all);
	(void)snprintf(selector, sizeof(selector), "comm=test_kern_elf,pid=%d", pid);
	assert_int_equal(proc_pids_by_selector(&some, selector, NULL, NULL), 0);
	assert_int_equal(some.len, 1);
	assert_int_equal(some.data[0], pid);
	proc_pids_finish(&some);
	assert_int_equal(proc_pids_by_selector(&some, "comm=test_kern_elf,pid=last", NULL, NULL),
			 0);
	proc_pids_finish(&some);
	assert_int_equal(proc_pids_by_file(&some, SELF, NULL), 0);
	assert_true(some.len >= 2);
	proc_pids_finish(&some);
	end_child(pid, hold);
	assert_int_equal(proc_start_time(pid), 0);
	assert_int_equal(proc_pids_by_selector(&some, "foo=1", NULL, NULL), -EINVAL);
	assert_int_equal(proc_pids_by_selector(&some, "", NULL, NULL), -EINVAL);
	assert_int_equal(proc_pids_by_selector(&some, "pid=x", NULL, NULL), -EINVAL);
	assert_int_equal(proc_pids_by_selector(&some, "exe=/no/such", NULL, NULL), -ESRCH);
	assert_int_equal(proc_pids_by_container(&some, "xyz", NULL), -EINVAL);
	assert_int_equal(proc_pids_by_container(&some, "0123456789abcdef", NULL), -ESRCH);
}

/* Use everything of whatever opens; the sanitizers look for reads out of bounds. */
static void exercise(const void *data, size_t size)
{
	struct usdt_sites sites = { 0 };
	struct kelf_section section;
	struct elfsyms *t;
	struct kelf *e;
	size_t len;

	if (kelf_open_memory(&e, data, size, NULL))
		return;
	(void)kelf_build_id(e, &len);
	if (!usdt_read(&sites, e, NULL))
		usdt_sites_finish(&sites);
	for (size_t i = 0; i < kelf_section_count(e); i++) {
		if (kelf_section(e, i, &section)) {
			(void)kelf_section_data(e, &section, &len);
			assert_non_null(section.name);
		}
	}
	if (elfsyms_take(&t, e, NULL, "", ELFSYMS_FUNCTIONS | ELFSYMS_OBJECTS, NULL))
		return;
	for (size_t i = 0; i < elfsyms_count(t); i++)
		(void)elfsyms_by_address(t, elfsyms_at(t, i)->address + 3);
	(void)elfsyms_by_name(t, "main@V");
	elfsyms_free(t);
}

static void test_hostile(void **state)
{
	struct buf file;
	unsigned seed = 7;
	char *copy;

	(void)state;
	buf_init(&file, 256u << 10);
	if (buf_read_file(&file, "/bin/true")) {
		buf_finish(&file);
		skip();
	}
	copy = malloc(file.len);
	for (int round = 0; round < 3000; round++) {
		size_t spread = round % 2 ? file.len : 64;

		memcpy(copy, file.data, file.len);
		for (int n = 0; n < 1 + round % 7; n++) {
			size_t at;

			seed = seed * 1103515245 + 12345;
			at = (seed >> 8) % spread;
			/* The section headers are at the end. */
			if (round % 4 == 1)
				at = file.len - 1 - at % 2048;
			copy[at] = (char)(seed >> 16);
		}
		exercise(copy, file.len);
	}
	free(copy);
	for (size_t len = 0; len < file.len; len += 1 + len / 8) {
		copy = malloc(len ? len : 1);
		memcpy(copy, file.data, len);
		exercise(copy, len);
		free(copy);
	}
	buf_finish(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbols),    cmocka_unit_test(test_versions),
		cmocka_unit_test(test_paths),      cmocka_unit_test(test_demangle),
		cmocka_unit_test(test_symbolizer), cmocka_unit_test(test_processes),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
