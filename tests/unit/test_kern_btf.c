/* BTF: made by hand (also malformed), and the running kernel's where there is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kern/btf.h"
#include "kern/ktypes.h"

#define VMLINUX "/sys/kernel/btf/vmlinux"

/* A BTF file under construction. */
struct maker {
	uint32_t types[1024];
	uint32_t type_words;
	char strings[1024];
	uint32_t strings_len;
	uint32_t count;
	char file[8192];
	size_t size;
};

static uint32_t str(struct maker *m, const char *s)
{
	uint32_t at = m->strings_len;

	if (!m->strings_len)
		at = m->strings_len = 1;
	memcpy(m->strings + at, s, strlen(s) + 1);
	m->strings_len += (uint32_t)strlen(s) + 1;
	return at;
}

static void word(struct maker *m, uint32_t w)
{
	m->types[m->type_words++] = w;
}

static uint32_t type(struct maker *m, const char *name, uint32_t kind, uint32_t vlen, bool flag,
		     uint32_t size_or_type)
{
	word(m, *name ? str(m, name) : 0);
	word(m, kind << 24 | vlen | (uint32_t)flag << 31);
	word(m, size_or_type);
	return ++m->count;
}

static uint32_t make_int(struct maker *m, const char *name, uint32_t size, uint32_t encoding)
{
	uint32_t id = type(m, name, BTF_KIND_INT, 0, false, size);

	word(m, encoding << 24 | size * 8);
	return id;
}

static void member(struct maker *m, const char *name, uint32_t member_type, uint32_t offset)
{
	word(m, *name ? str(m, name) : 0);
	word(m, member_type);
	word(m, offset);
}

static void finish(struct maker *m)
{
	struct btf_header h = { .magic = BTF_MAGIC,
				.version = BTF_VERSION,
				.hdr_len = sizeof(h),
				.type_len = m->type_words * 4,
				.str_off = m->type_words * 4,
				.str_len = m->strings_len };

	memcpy(m->file, &h, sizeof(h));
	memcpy(m->file + sizeof(h), m->types, h.type_len);
	memcpy(m->file + sizeof(h) + h.type_len, m->strings, h.str_len);
	m->size = sizeof(h) + h.type_len + h.str_len;
}

/* Writes the file where ktypes can open it. */
static void save(const struct maker *m, char path[32])
{
	FILE *f;
	int fd;

	memcpy(path, "/tmp/kern-btf-XXXXXX", sizeof("/tmp/kern-btf-XXXXXX"));
	fd = mkstemp(path);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_int_equal(fwrite(m->file, 1, m->size, f), m->size);
	assert_int_equal(fclose(f), 0);
}

/* int; char; struct foo { int a; char b[4]; unsigned c:3, d:7; struct { int e; }; foo *f; int
 * g[2][3]; } */
static void make_sample(struct maker *m)
{
	uint32_t i = make_int(m, "int", 4, BTF_INT_SIGNED), c = make_int(m, "char", 1, 0), foo = 6;

	type(m, "", BTF_KIND_ARRAY, 0, false, 0);
	word(m, c);
	word(m, i);
	word(m, 4);
	make_int(m, "unsigned int", 4, 0);
	type(m, "", BTF_KIND_STRUCT, 1, false, 4);
	member(m, "e", i, 0);
	assert_int_equal(type(m, "foo", BTF_KIND_STRUCT, 7, true, 56), foo);
	member(m, "a", i, 0);
	member(m, "b", 3, 32);
	member(m, "c", 4, 64 | 3 << 24);
	member(m, "d", 4, 67 | 7 << 24);
	member(m, "", 5, 96);
	member(m, "f", 7, 128);
	member(m, "g", 9, 192);
	type(m, "", BTF_KIND_PTR, 0, false, foo);
	type(m, "", BTF_KIND_ARRAY, 0, false, 0);
	word(m, i);
	word(m, i);
	word(m, 3);
	type(m, "", BTF_KIND_ARRAY, 0, false, 0);
	word(m, 8);
	word(m, i);
	word(m, 2);
	type(m, "color", BTF_KIND_ENUM, 2, true, 4);
	word(m, str(m, "RED"));
	word(m, 0);
	word(m, str(m, "NONE"));
	word(m, (uint32_t)-1);
	type(m, "foo_t", BTF_KIND_TYPEDEF, 0, false, foo);
	finish(m);
}

static void test_find(void **state)
{
	struct maker m = { 0 };
	struct kbtf *b;
	uint32_t index;

	(void)state;
	make_sample(&m);
	assert_int_equal(kbtf_open_memory(&b, m.file, m.size, NULL, NULL), 0);
	assert_int_equal(kbtf_count(b), m.count + 1);
	assert_int_equal(kbtf_find(b, "foo", 1u << BTF_KIND_STRUCT), 6);
	assert_int_equal(kbtf_find(b, "foo", 1u << BTF_KIND_UNION), 0);
	assert_int_equal(kbtf_find(b, "fo", 1u << BTF_KIND_STRUCT), 0);
	assert_int_equal(kbtf_find(b, "", 1u << BTF_KIND_STRUCT), 0);
	assert_int_equal(kbtf_find(b, "foo", 1u << BTF_KIND_FUNC), 0);
	assert_int_equal(kbtf_strip(b, 11), 6);
	assert_int_equal(kbtf_size(b, 9), 24);
	assert_int_equal(kbtf_find_enumerator(b, "NONE", &index), 10);
	assert_int_equal(index, 1);
	assert_int_equal(kbtf_find_enumerator(b, "foo", &index), 0);
	assert_null(kbtf_type(b, 0));
	assert_null(kbtf_type(b, m.count + 1));
	kbtf_close(b);
}

static void test_types(void **state)
{
	struct arena a;
	struct maker m = { 0 };
	struct ktypes *k;
	const struct type *foo, *t;
	struct type_member found;
	int64_t value;
	char path[32];

	(void)state;
	make_sample(&m);
	save(&m, path);
	arena_init(&a);
	k = ktypes_new(&a, path);
	foo = ktypes_find(k, TAG_TYPEDEF, "foo_t");
	assert_non_null(foo);
	assert_ptr_equal(foo, ktypes_find(k, TAG_STRUCT, "foo"));
	assert_int_equal(foo->size, 56);
	ktypes_complete(k, (struct type *)foo);
	assert_int_equal(foo->count, 7);
	assert_string_equal(foo->members[1].name, "b");
	assert_string_equal(foo->members[1].type->elem->name, "char");
	assert_int_equal(foo->members[2].bit_size, 3);
	assert_int_equal(foo->members[3].offset, 8);
	assert_int_equal(foo->members[3].bit_offset, 3);
	assert_int_equal(foo->members[3].bit_size, 7);
	assert_string_equal(foo->members[4].name, "");
	assert_ptr_equal(foo->members[5].type->elem, foo);
	assert_int_equal(foo->members[5].type->as, AS_KERNEL);
	assert_int_equal(foo->members[6].type->count, 2);
	assert_int_equal(foo->members[6].type->elem->count, 3);
	ktypes_complete(k, (struct type *)foo->members[4].type);
	assert_true(type_find_member(foo, "e", &found));
	assert_int_equal(found.offset, 12);
	assert_true(ktypes_find_enumerator(k, "NONE", &value, &t));
	assert_int_equal(value, -1);
	assert_string_equal(t->name, "color");
	assert_null(ktypes_find(k, TAG_STRUCT, "bar"));
	ktypes_finish(k);
	assert_string_equal(foo->members[0].name, "a");
	arena_finish(&a);
	(void)unlink(path);
}

static void test_c_names(void **state)
{
	static const struct {
		const char *name;
		enum type_kind kind;
		uint32_t size;
		bool is_signed;
	} cases[] = { { "int", TYPE_INT, 4, true },
		      { "unsigned", TYPE_INT, 4, false },
		      { "unsigned long long", TYPE_INT, 8, false },
		      { "long unsigned int", TYPE_INT, 8, false },
		      { "short", TYPE_INT, 2, true },
		      { "unsigned char", TYPE_INT, 1, false },
		      { "const u32", TYPE_INT, 4, false },
		      { "bool", TYPE_BOOL, 1, false },
		      { "pid_t", TYPE_INT, 4, true },
		      { "const char *const *", TYPE_POINTER, 8, false },
		      { "struct nothing *", TYPE_POINTER, 8, false } };
	struct arena a;
	struct ktypes *k;
	const struct type *t;

	(void)state;
	arena_init(&a);
	k = ktypes_new(&a, "/nonexistent");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		t = ktypes_by_c_name(k, cases[i].name, AS_KERNEL);
		assert_non_null(t);
		assert_int_equal(t->kind, cases[i].kind);
		assert_int_equal(t->size, cases[i].size);
		assert_int_equal(t->is_signed, cases[i].is_signed);
	}
	t = ktypes_by_c_name(k, "char __attribute__((btf_type_tag(\"user\"))) *", AS_KERNEL);
	assert_int_equal(t->as, AS_USER);
	assert_int_equal(ktypes_by_c_name(k, "char *", AS_KERNEL)->as, AS_KERNEL);
	assert_null(ktypes_by_c_name(k, "struct nothing", AS_KERNEL));
	assert_null(ktypes_by_c_name(k, "cpumask_t", AS_KERNEL));
	assert_null(ktypes_by_c_name(k, "", AS_KERNEL));
	assert_null(ktypes_by_c_name(k, "a(b", AS_KERNEL));
	ktypes_finish(k);
	arena_finish(&a);
}

/* Use all of whatever could be opened; the sanitizers look for reads out of bounds. */
static void exercise(const void *data, size_t size)
{
	struct kbtf *b;
	struct buf out;
	uint32_t index;

	if (kbtf_open_memory(&b, data, size, NULL, NULL))
		return;
	buf_init(&out, 1 << 16);
	for (uint32_t id = 0; id <= kbtf_count(b); id++) {
		const struct btf_type *t = kbtf_type(b, id);

		(void)kbtf_strip(b, id);
		(void)kbtf_size(b, id);
		if (t)
			(void)kbtf_find(b, kbtf_name(b, t), UINT32_MAX >> 12);
		buf_clear(&out);
		kbtf_print_type(&out, b, id);
		kbtf_print_definition(&out, b, id);
	}
	(void)kbtf_find_enumerator(b, "NONE", &index);
	buf_finish(&out);
	kbtf_close(b);
}

static void test_hostile(void **state)
{
	struct maker m = { 0 };
	char copy[8192];
	unsigned seed = 1;

	(void)state;
	make_sample(&m);
	for (size_t len = 0; len < m.size; len++) {
		/* In a block of its own, so that a read past the end is noticed. */
		char *cut = malloc(len ? len : 1);

		memcpy(cut, m.file, len);
		exercise(cut, len);
		free(cut);
	}
	for (int round = 0; round < 20000; round++) {
		memcpy(copy, m.file, m.size);
		for (int n = 0; n < 1 + round % 3; n++) {
			seed = seed * 1103515245 + 12345;
			copy[(seed >> 8) % m.size] = (char)(seed >> 24);
		}
		exercise(copy, m.size);
	}
}

static void test_cycles(void **state)
{
	struct maker m = { 0 };
	struct arena a;
	struct ktypes *k;
	char path[32];

	(void)state;
	type(&m, "loop", BTF_KIND_TYPEDEF, 0, false, 1);
	type(&m, "", BTF_KIND_PTR, 0, false, 2);
	type(&m, "p", BTF_KIND_TYPEDEF, 0, false, 2);
	type(&m, "", BTF_KIND_ARRAY, 0, false, 0);
	word(&m, 4);
	word(&m, 4);
	word(&m, 1u << 31);
	type(&m, "a", BTF_KIND_TYPEDEF, 0, false, 4);
	finish(&m);
	exercise(m.file, m.size);
	save(&m, path);
	arena_init(&a);
	k = ktypes_new(&a, path);
	(void)ktypes_find(k, TAG_TYPEDEF, "loop");
	(void)ktypes_find(k, TAG_TYPEDEF, "p");
	(void)ktypes_find(k, TAG_TYPEDEF, "a");
	ktypes_finish(k);
	arena_finish(&a);
	(void)unlink(path);
}

static void test_vmlinux(void **state)
{
	struct arena a;
	struct ktypes *k;
	const struct type *task, *args;
	struct type_member m;
	struct buf out;
	struct kbtf *b;
	uint32_t obj, id;

	(void)state;
	if (access(VMLINUX, R_OK))
		skip();
	arena_init(&a);
	k = ktypes_new(&a, VMLINUX);
	task = ktypes_find(k, TAG_STRUCT, "task_struct");
	assert_non_null(task);
	ktypes_complete(k, (struct type *)task);
	assert_true(type_find_member(task, "comm", &m));
	assert_int_equal(m.type->count, 16);
	assert_true(type_find_member(task, "pid", &m));
	assert_int_equal(m.type->size, 4);
	args = ktypes_raw_tracepoint_args(k, "sched_switch");
	assert_non_null(args);
	assert_string_equal(args->members[1].type->elem->name, "task_struct");
	args = ktypes_function_args(k, "vmlinux", "vfs_read");
	assert_non_null(args);
	assert_string_equal(args->members[0].name, "file");
	assert_string_equal(args->members[args->count - 1].name, "$retval");
	assert_int_equal(args->members[3].offset, 24);
	assert_non_null(ktypes_iter_context(k, "task"));

	buf_init(&out, 1 << 20);
	b = ktypes_btf(k, NULL, &obj);
	id = kbtf_find(b, "vfs_read", 1u << BTF_KIND_FUNC);
	kbtf_print_type(
		&out, b,
		((const struct btf_param *)kbtf_tail(kbtf_type(b, kbtf_type(b, id)->type)))[0]
			.type);
	assert_string_equal(buf_cstr(&out), "struct file *");
	buf_finish(&out);
	ktypes_finish(k);
	arena_finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),    cmocka_unit_test(test_types),
		cmocka_unit_test(test_c_names), cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_cycles),  cmocka_unit_test(test_vmlinux),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
