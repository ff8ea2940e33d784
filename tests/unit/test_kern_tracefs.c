/* Tracepoint format files, kernel symbols, system call names, instructions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <elf.h>

#include "kern/insn.h"
#include "kern/kallsyms.h"
#include "kern/ktypes.h"
#include "kern/syscalls.h"
#include "kern/tracefs.h"

static const char format[] = "name: sample\nID: 7\nformat:\n"
			     "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
			     "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
			     "\n"
			     "\tfield:int dfd;\toffset:8;\tsize:8;\tsigned:0;\n"
			     "\tfield:const char * filename;\toffset:16;\tsize:8;\tsigned:0;\n"
			     "\tfield:char comm[16];\toffset:24;\tsize:16;\tsigned:0;\n"
			     "\tfield:__u8 saddr[4];\toffset:40;\tsize:4;\tsigned:0;\n"
			     "\tfield:__data_loc char[] name;\toffset:44;\tsize:4;\tsigned:0;\n"
			     "\tfield:__rel_loc u64[] values;\toffset:48;\tsize:4;\tsigned:0;\n"
			     "\tfield:unsigned long args[6];\toffset:56;\tsize:48;\tsigned:0;\n"
			     "\tfield:bool ok;\toffset:104;\tsize:1;\tsigned:0;\n"
			     "\tfield:some_t odd;\toffset:108;\tsize:3;\tsigned:0;\n"
			     "\tfield:void *p;\toffset:112;\tsize:8;\tsigned:0;\n"
			     "\tfield:char buf[];\toffset:120;\tsize:0;\tsigned:0;\n"
			     "\nprint fmt: \"field:int fake; offset:1; size:1;\"\n";

static const struct type *find(void *ctx, const char *c_name)
{
	return ktypes_by_c_name(ctx, c_name, AS_USER);
}

static const struct type_member *field(const struct type *t, const char *name)
{
	for (uint32_t i = 0; i < t->count; i++) {
		if (!strcmp(t->members[i].name, name))
			return &t->members[i];
	}
	print_error("no field %s\n", name);
	return NULL;
}

static bool count_field(void *ctx, const char *declaration, size_t len)
{
	int *count = ctx;

	if (++*count == 2)
		assert_true(len == strlen("const char * filename") &&
			    !strncmp(declaration, "const char * filename", len));
	return true;
}

static void test_format(void **state)
{
	const struct type_member *m;
	const struct type *t;
	struct ktypes *k;
	struct arena a;
	int count = 0;

	(void)state;
	arena_init(&a);
	k = ktypes_new(&a, "/nonexistent");
	t = tracefs_parse_format(&a, format, find, k);
	assert_non_null(t);
	assert_int_equal(t->kind, TYPE_ARGS);
	assert_int_equal(t->count, 13);
	assert_int_equal(t->size, 120);
	m = field(t, "dfd");
	assert_int_equal(m->type->size, 8);
	assert_false(m->type->is_signed);
	assert_int_equal(m->offset, 8);
	m = field(t, "filename");
	assert_int_equal(m->type->kind, TYPE_POINTER);
	assert_int_equal(m->type->as, AS_USER);
	m = field(t, "comm");
	assert_int_equal(m->type->count, 16);
	assert_string_equal(m->type->elem->name, "char");
	m = field(t, "saddr");
	assert_int_equal(m->type->count, 4);
	assert_null(m->type->elem->name);
	assert_true(field(t, "name")->is_data_loc);
	assert_true(field(t, "values")->is_rel_loc);
	assert_int_equal(field(t, "args")->type->elem->size, 8);
	assert_int_equal(field(t, "ok")->type->kind, TYPE_BOOL);
	assert_int_equal(field(t, "odd")->type->size, 3);
	assert_int_equal(field(t, "p")->type->kind, TYPE_POINTER);
	assert_int_equal(field(t, "buf")->type->count, 0);
	assert_true(field(t, "common_pid")->type->is_signed);

	tracefs_each_field(format, count_field, &count);
	assert_int_equal(count, 11);

	assert_null(tracefs_parse_format(&a, "", NULL, NULL));
	assert_null(tracefs_parse_format(&a, "\tfield:int;\toffset:0;\tsize:4;", NULL, NULL));
	assert_null(tracefs_parse_format(&a, "\tfield:int a;\tsize:4;\n", NULL, NULL));
	assert_null(tracefs_parse_format(&a, "\tfield:int a;\toffset:99999999999;\tsize:4;\n", NULL,
					 NULL));
	assert_null(tracefs_parse_format(&a, "field:]", NULL, NULL));
	ktypes_finish(k);
	arena_finish(&a);
}

static void test_kallsyms(void **state)
{
	static const char text[] = "0000000000000000 A __per_cpu_start\n"
				   "ffffffff81000000 T _stext\n"
				   "ffffffff81000000 T _text\n"
				   "ffffffff81000100 t foo\n"
				   "ffffffff81000200 T _etext\n"
				   "ffffffffc0002000 t late\t[mod_b]\n"
				   "garbage\n"
				   "\n"
				   "ffffffffc0001000 t early\t[mod_a]\n"
				   "ffffffffc0001000 t foo\t[mod_a]\n"
				   "ffffffffc0003000 t bpf_prog_1_x\t[bpf]";
	char path[] = "/tmp/kern-syms-XXXXXX";
	int fd = mkstemp(path);
	struct kallsym s;
	struct kallsyms *k;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	assert_int_equal(kallsyms_load(&k, path, NULL), 0);
	/* The last line has no end, and so may be cut. */
	assert_int_equal(kallsyms_count(k), 8);
	assert_true(kallsyms_by_address(k, 0xffffffff81000000, &s));
	assert_string_equal(s.name, "_stext");
	assert_true(kallsyms_by_address(k, 0xffffffff810001ff, &s));
	assert_string_equal(s.name, "foo");
	assert_string_equal(s.module, "vmlinux");
	assert_false(kallsyms_by_address(k, 0xffffffff81000300, &s));
	assert_false(kallsyms_by_address(k, 0xfffffffff0000000, &s));
	assert_true(kallsyms_by_address(k, 0xffffffffc0001004, &s));
	assert_string_equal(s.name, "early");
	assert_string_equal(s.module, "mod_a");
	assert_true(kallsyms_by_name(k, "foo", &s));
	assert_string_equal(s.module, "vmlinux");
	assert_false(kallsyms_by_name(k, "fo", &s));
	assert_false(kallsyms_by_name(k, "", &s));
	kallsyms_free(k);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_true(kallsyms_load(&k, path, NULL) < 0);
	(void)close(fd);
	(void)unlink(path);
	assert_true(kallsyms_load(&k, path, NULL) < 0);
}

static void test_syscalls(void **state)
{
	(void)state;
	assert_int_equal(syscalls_number("nonsense"), -1);
	assert_null(syscalls_name(-1));
	assert_null(syscalls_name(100000));
	for (int nr = 0; nr < 470; nr++) {
		const char *name = syscalls_name(nr);

		if (name)
			assert_int_equal(syscalls_number(name), nr);
	}
	assert_int_equal(syscalls_number("newfstat"), syscalls_number("fstat"));
	assert_int_equal(syscalls_number("umount"), syscalls_number("umount2"));
	assert_int_equal(syscalls_number("cachestat"), 451);
}

static void test_instructions(void **state)
{
	static const struct {
		uint8_t bytes[16];
		size_t len;
	} insns[] = {
		{ { 0x55 }, 1 },
		{ { 0x48, 0x89, 0xe5 }, 3 },
		{ { 0xe8, 1, 2, 3, 4 }, 5 },
		{ { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8 }, 10 },
		{ { 0x66, 0xb8, 1, 2 }, 4 },
		{ { 0xf6, 0xc1, 1 }, 3 },
		{ { 0xf6, 0xd9 }, 2 },
		{ { 0x66, 0xf7, 0x04, 0x25, 1, 2, 3, 4, 5, 6 }, 10 },
		{ { 0x48, 0x8d, 0x05, 1, 2, 3, 4 }, 7 },
		{ { 0xf3, 0x0f, 0x1e, 0xfa }, 4 },
		{ { 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 }, 10 },
		{ { 0xc5, 0xf9, 0xef, 0xc0 }, 4 },
		{ { 0xc4, 0xe3, 0x7d, 0x19, 0xc1, 1 }, 6 },
		{ { 0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x06 }, 6 },
		{ { 0x0f, 0x0b }, 2 },
		{ { 0x06 }, 0 },
		{ { 0x66, 0x66 }, 0 },
	};
	/* push; mov; test; je +1; ret; rep ret */
	static const uint8_t code[] = { 0x55, 0x48, 0x89, 0xe5, 0x85, 0xc0,
					0x74, 0x01, 0xc3, 0xf3, 0xc3 };
	static const uint8_t arm[] = { 0x1f, 0x20, 0x03, 0xd5, 0xc0, 0x03, 0x5f, 0xd6 };
	uint64_t at[4] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(insns) / sizeof(*insns); i++) {
		assert_int_equal(insn_length_x86_64(insns[i].bytes, 16),
				 i + 1 == sizeof(insns) / sizeof(*insns) ? 4 : insns[i].len);
		for (size_t cut = 0; cut < insns[i].len; cut++)
			assert_int_equal(insn_length_x86_64(insns[i].bytes, cut), 0);
	}
	assert_int_equal(insn_find_returns(code, sizeof(code), EM_X86_64, at, 4), 2);
	assert_int_equal(at[0], 8);
	assert_int_equal(at[1], 9);
	assert_true(insn_is_boundary(code, sizeof(code), 4, EM_X86_64));
	assert_false(insn_is_boundary(code, sizeof(code), 2, EM_X86_64));
	assert_false(insn_is_boundary(code, sizeof(code), 11, EM_X86_64));
	assert_int_equal(insn_find_returns(arm, sizeof(arm), EM_AARCH64, at, 4), 1);
	assert_int_equal(at[0], 4);
	assert_int_equal(insn_find_returns(arm, sizeof(arm), EM_386, at, 4), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_kallsyms),
		cmocka_unit_test(test_syscalls),
		cmocka_unit_test(test_instructions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
