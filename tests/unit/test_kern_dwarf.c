/* DWARF of a program that is compiled here, in every version that the compiler knows. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kern/dwarf.h"
#include "kern/elfsyms.h"
#include "util/buf.h"

static const char program[] =
	"struct inner { int x; char name[8]; };\n"
	"union u { long l; char c; };\n"
	"enum color { RED, GREEN };\n"
	"typedef unsigned char byte;\n"
	"struct node {\n"
	"	struct node *next;\n"
	"	struct inner in;\n"
	"	unsigned a : 3, b : 7;\n"
	"	int grid[2][3];\n"
	"	union { int i; float f; };\n"
	"	union u u;\n"
	"	byte bytes[4];\n"
	"};\n"
	"int last(void);\n"
	"__attribute__((noinline)) int work(struct node *n, const char *s, enum color c, byte b,\n"
	"				   long long big, double d)\n"
	"{\n"
	"	return n->a + s[0] + c + b + (int)big + (int)d;\n"
	"}\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"	struct node n = { 0 };\n"
	"	return work(&n, argv[0], RED, 1, argc, 1.0);\n"
	"}\n";

#define WORK_LINE 18 // the only line with code between the braces of work()

struct built {
	char source[32];
	char binary[40];
};

static bool run(char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		(void)!freopen("/dev/null", "w", stderr);
		execvp(argv[0], argv);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool build(struct built *b, const char *option, const char *more)
{
	char *argv[] = { "cc",  "-x",           "c",          b->source, "-o", b->binary,
			 "-O1", (char *)option, (char *)more, NULL };
	int fd;

	memcpy(b->source, "/tmp/kern-dwarf-XXXXXX", sizeof("/tmp/kern-dwarf-XXXXXX"));
	fd = mkstemp(b->source);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, program, sizeof(program) - 1), sizeof(program) - 1);
	(void)close(fd);
	(void)snprintf(b->binary, sizeof(b->binary), "%s.out", b->source);
	return run(argv);
}

static void clean(const struct built *b)
{
	(void)unlink(b->source);
	(void)unlink(b->binary);
}

static const struct type_member *member(const struct type *t, const char *name)
{
	for (uint32_t i = 0; i < t->count; i++) {
		if (!strcmp(t->members[i].name, name))
			return &t->members[i];
	}
	print_error("no member %s\n", name);
	abort();
}

static void check_node(struct kdwarf *d, const struct type *node)
{
	const struct type *inner;

	assert_int_equal(node->kind, TYPE_STRUCT);
	assert_string_equal(node->name, "node");
	assert_int_equal(node->size, 72);
	kdwarf_complete(d, (struct type *)node);
	assert_int_equal(node->count, 8);
	assert_ptr_equal(member(node, "next")->type->elem, node);
	assert_int_equal(member(node, "in")->offset, 8);
	inner = member(node, "in")->type;
	kdwarf_complete(d, (struct type *)inner);
	assert_string_equal(member(inner, "name")->type->elem->name, "char");
	assert_int_equal(member(inner, "name")->type->count, 8);
	assert_int_equal(member(node, "a")->bit_size, 3);
	assert_int_equal(member(node, "a")->bit_offset, 0);
	assert_int_equal(member(node, "b")->offset, 20);
	assert_int_equal(member(node, "b")->bit_offset, 3);
	assert_int_equal(member(node, "b")->bit_size, 7);
	assert_int_equal(member(node, "grid")->offset, 24);
	assert_int_equal(member(node, "grid")->type->count, 2);
	assert_int_equal(member(node, "grid")->type->elem->count, 3);
	assert_int_equal(member(node, "")->offset, 48);
	assert_true(member(node, "u")->type->is_union);
	assert_int_equal(member(node, "bytes")->offset, 64);
	assert_null(member(node, "bytes")->type->elem->name); // numbers, as uint8_t would be
}

struct params {
	int count;
	char first[64];
	char second[64];
};

static void note_param(void *ctx, const char *line)
{
	struct params *p = ctx;

	if (p->count < 2)
		(void)snprintf(p->count ? p->second : p->first, sizeof(p->first), "%s", line);
	p->count++;
}

static void check_lines(struct kdwarf *d, const struct built *b)
{
	const char *base = strrchr(b->source, '/') + 1;
	const struct elfsym *work;
	struct elfsyms *t;
	struct err err = { 0 };
	uint64_t address = 0;

	assert_int_equal(elfsyms_load(&t, b->binary, "", ELFSYMS_FUNCTIONS, NULL), 0);
	work = elfsyms_by_name(t, "work");
	assert_int_equal(kdwarf_line_address(d, b->source, WORK_LINE, 0, &address, &err), 0);
	assert_true(address >= work->address && address < work->address + work->size);
	assert_int_equal(kdwarf_line_address(d, base, WORK_LINE, 0, &address, &err), 0);
	assert_true(address >= work->address && address < work->address + work->size);
	elfsyms_free(t);
	assert_int_equal(kdwarf_line_address(d, base, 4, 0, &address, &err), -ENOENT);
	assert_non_null(strstr(err.msg, ":4' to address"));
	assert_int_equal(kdwarf_line_address(d, base + 1, WORK_LINE, 0, &address, &err), -ENOENT);
	assert_int_equal(kdwarf_line_address(d, base, WORK_LINE, 9999, &address, &err), -ENOENT);
}

/* False if there is no compiler that knows the option. */
static bool check(const char *option, const char *more)
{
	const struct type *args;
	struct params params = { 0 };
	struct built b;
	struct kdwarf *d;
	struct arena a;

	if (!build(&b, option, more)) {
		clean(&b);
		return false;
	}
	arena_init(&a);
	assert_int_equal(kdwarf_open(&d, &a, b.binary, "", NULL, NULL), 0);
	args = kdwarf_function_args(d, "work");
	assert_non_null(args);
	assert_int_equal(args->count, 6);
	assert_string_equal(args->members[1].name, "s");
	assert_int_equal(args->members[1].offset, 8);
	assert_int_equal(args->members[1].type->as, AS_USER);
	assert_int_equal(args->members[2].type->size, 4);
	assert_int_equal(args->members[3].type->size, 1);
	assert_false(args->members[3].type->is_signed);
	assert_int_equal(args->members[4].type->size, 8);
	assert_int_equal(args->members[5].type->kind, TYPE_NONE);
	check_node(d, args->members[0].type->elem);
	assert_null(kdwarf_function_args(d, "nothing"));
	assert_non_null(kdwarf_find_type(d, "node"));
	assert_null(kdwarf_find_type(d, "nothing"));
	kdwarf_print_params(d, "work", note_param, &params);
	assert_int_equal(params.count, 6);
	assert_string_equal(params.first, "struct node* n");
	assert_string_equal(params.second, "const char* s");
	check_lines(d, &b);
	kdwarf_close(d);
	arena_finish(&a);
	clean(&b);
	return true;
}

static void test_versions(void **state)
{
	static const char *const options[][2] = {
		{ "-gdwarf-2", NULL },
		{ "-gdwarf-3", NULL },
		{ "-gdwarf-4", NULL },
		{ "-gdwarf-5", NULL },
		{ "-gdwarf-4", "-gstrict-dwarf" },
		{ "-gdwarf-5", "-gdwarf64" },
		{ "-gdwarf-5", "-gz=zlib" },
		{ "-g", "-flto" },
	};
	int checked = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		checked += check(options[i][0], options[i][1]);
	if (!checked)
		skip();
	print_message("%d variants of DWARF\n", checked);
}

/* NAME.debug in one of the folders of --debuginfo: "dbg" is beside the program. */
static void test_separate(void **state)
{
	static const char dir[] = "/tmp/kern-dwarf-dbg";
	char debug[96], stripped[96];
	struct err err = { 0 };
	struct built b;
	struct kdwarf *d;
	struct arena a;

	(void)state;
	if (!build(&b, "-g", "-Wl,--build-id")) {
		clean(&b);
		skip();
	}
	(void)mkdir(dir, 0700);
	(void)snprintf(debug, sizeof(debug), "%s/%s.debug", dir, strrchr(b.binary, '/') + 1);
	(void)snprintf(stripped, sizeof(stripped), "%s", b.binary);
	assert_true(run((char *[]){ "objcopy", "--only-keep-debug", stripped, debug, NULL }));
	assert_true(run((char *[]){ "objcopy", "--strip-debug", stripped, NULL }));
	arena_init(&a);
	assert_int_equal(kdwarf_open(&d, &a, b.binary, "", NULL, &err), -ENOENT);
	assert_int_equal(kdwarf_open(&d, &a, b.binary, "", "/no/such:none", &err), -ENOENT);
	assert_int_equal(kdwarf_open(&d, &a, b.binary, "", "none::kern-dwarf-dbg", &err), 0);
	assert_non_null(kdwarf_function_args(d, "work"));
	kdwarf_close(d);
	assert_int_equal(kdwarf_open(&d, &a, b.binary, "", dir, &err), 0);
	kdwarf_close(d);
	/* Of another program: the build id tells. */
	assert_true(run((char *[]){ "cp", "/bin/true", debug, NULL }));
	assert_int_equal(kdwarf_open(&d, &a, b.binary, "", dir, &err), -ENOENT);
	arena_finish(&a);
	(void)unlink(debug);
	(void)rmdir(dir);
	clean(&b);
}

static void test_without(void **state)
{
	struct err err = { 0 };
	struct kdwarf *d;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_int_equal(kdwarf_open(&d, &a, "/etc/passwd", "", NULL, &err), -ENOEXEC);
	assert_int_equal(kdwarf_open(&d, &a, "/no/such/file", "", NULL, &err), -ENOENT);
	arena_finish(&a);
}

static void exercise(const char *path)
{
	struct kdwarf *d;
	struct arena a;
	const struct type *t;
	uint64_t address;

	arena_init(&a);
	if (!kdwarf_open(&d, &a, path, "", NULL, NULL)) {
		t = kdwarf_function_args(d, "work");
		for (uint32_t i = 0; t && i < t->count; i++) {
			const struct type *elem = t->members[i].type->elem;

			if (elem)
				kdwarf_complete(d, (struct type *)elem);
		}
		(void)kdwarf_function_args(d, "nothing");
		(void)!kdwarf_line_address(d, "x.c", WORK_LINE, 0, &address, NULL);
		(void)!kdwarf_line_address(d, "", WORK_LINE, 0, &address, NULL);
		kdwarf_close(d);
	}
	arena_finish(&a);
}

/* Damage the sections only, since damaged headers are the matter of another test. */
static void test_hostile(void **state)
{
	static const char *const names[] = { ".debug_info", ".debug_abbrev", ".debug_line",
					     ".debug_str", ".debug_line_str" };
	struct kelf_section s;
	struct built b;
	struct buf file;
	struct kelf *e;
	unsigned seed = 3;

	(void)state;
	if (!build(&b, "-gdwarf-5", NULL)) {
		clean(&b);
		skip();
	}
	buf_init(&file, 1 << 20);
	assert_int_equal(buf_read_file(&file, b.binary), 0);
	assert_int_equal(kelf_open(&e, b.binary, NULL), 0);
	for (int round = 0; round < 400; round++) {
		char saved[8];
		uint64_t at[8];
		FILE *f;
		int n = 1 + round % 8;

		if (!kelf_find_section(e, names[round % 5], &s) || !s.size)
			continue;
		for (int i = 0; i < n; i++) {
			seed = seed * 1103515245 + 12345;
			at[i] = s.offset + (seed >> 8) % s.size;
			saved[i] = file.data[at[i]];
			file.data[at[i]] = (char)(seed >> 16);
		}
		f = fopen(b.binary, "w");
		assert_int_equal(fwrite(file.data, 1, file.len, f), file.len);
		(void)fclose(f);
		exercise(b.binary);
		while (n--)
			file.data[at[n]] = saved[n];
	}
	kelf_close(e);
	buf_finish(&file);
	clean(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_separate),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
