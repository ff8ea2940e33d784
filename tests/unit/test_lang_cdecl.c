/* C declarations in scripts.  The layouts are those of the compiler that this file is built with.
 */
#include "lang_util.h"

#include "lang/cdecl.h"

/* The same text for the compiler and for us. */
#define DECLARE(...)                                                                               \
	__VA_ARGS__                                                                                \
	static const char declarations[] = #__VA_ARGS__ "\nbegin { }\n"

/* clang-format off */
DECLARE(
	struct plain { char a; short b; int c; long d; char e; };
	struct packed { char a; int b; } __attribute__((packed));
	struct old_word { char a; int packed __attribute((unused)); };
	struct aligned { char a; char b __attribute__((aligned(8))); } __attribute__((aligned(32)));
	struct arrays { char a[3]; int b[2][3]; struct plain c[sizeof(int) - 2]; char *d[4]; };
	struct nested { char a; struct { char b; long c; } d; union { char e; int f; }; char g; };
	union both { char a; int b; struct { short c; short d; } e; };
	struct pointers { void *a; int (*b)(int, char *); int (*c[3])(void); struct unknown *d;
			  struct pointers *e; char (*f)[5]; char g; };
	struct words { unsigned long a; unsigned char b; signed char c; unsigned short d; long long e;
		       unsigned f; long unsigned int g; _Bool h; short int i; };
	enum number { ONE = 1, TWO, SIX = TWO * 3, SEVEN };
	typedef struct { int a; enum number b; } pair_t;
	typedef pair_t *pair_pointer;
	struct typedefs { char a; pair_t b; pair_pointer c; char d[SIX]; };
	struct bits { unsigned int a : 3; unsigned int b : 30; char c; short d : 9; short : 0;
		      long e : 33; unsigned char f : 1; };
	struct packed_bits { unsigned int a : 7; unsigned int b : 30; char c; } __attribute__((packed));
	struct flexible { int a; char b[]; };
	struct two { int a, *b, c[2]; };
)
/* clang-format on */;

struct place {
	const char *type;
	const char *member;
	size_t offset;
	size_t size;
};

/* clang-format off */
#define S(type, member) { #type, #member, offsetof(struct type, member), \
			  sizeof(((struct type *)0)->member) }
static const struct place places[] = {
	S(plain, a), S(plain, b), S(plain, c), S(plain, d), S(plain, e),
	S(packed, a), S(packed, b), S(old_word, a), S(old_word, packed),
	S(aligned, a), S(aligned, b),
	S(arrays, a), S(arrays, b), S(arrays, c), S(arrays, d),
	S(nested, a), S(nested, d), S(nested, e), S(nested, f), S(nested, g),
	S(pointers, a), S(pointers, b), S(pointers, c), S(pointers, d), S(pointers, e),
	S(pointers, f), S(pointers, g),
	S(words, a), S(words, b), S(words, c), S(words, d), S(words, e), S(words, f), S(words, g),
	S(words, h), S(words, i),
	S(typedefs, a), S(typedefs, b), S(typedefs, c), S(typedefs, d),
	S(bits, c), S(packed_bits, c), S(two, a), S(two, b), S(two, c),
};

static const struct { const char *type; size_t size; size_t align; } sizes[] = {
#define T(type) { #type, sizeof(struct type), _Alignof(struct type) }
	T(plain), T(packed), T(old_word), T(aligned), T(arrays), T(nested), T(pointers), T(words),
	T(typedefs), T(bits), T(packed_bits), T(flexible), T(two),
};
/* clang-format on */

static void resolve(struct front *f, const char *script)
{
	front_run(f, script, FRONT_MACRO);
	if (f->ok)
		(void)c_scope_resolve(f->program, NULL, &f->diags);
}

static const struct type *find(struct front *f, enum type_tag tag, const char *name)
{
	const struct type *t = c_scope_find_type(f->program->c_scope, tag, name);

	if (!t)
		print_error("no type %s\n", name);
	assert_non_null(t);
	return t;
}

static void test_layout(void **state)
{
	struct front f = { 0 };

	(void)state;
	resolve(&f, declarations);
	assert_string_equal(front_errors(&f), "");
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct place *p = &places[i];
		struct type_member m;

		assert_true(type_find_member(find(&f, TAG_STRUCT, p->type), p->member, &m));
		if (m.offset != p->offset || m.type->size != p->size)
			print_error("%s.%s: %u %u\n", p->type, p->member, m.offset, m.type->size);
		assert_int_equal(m.offset, p->offset);
		assert_int_equal(m.type->size, p->size);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct type *t = find(&f, TAG_STRUCT, sizes[i].type);

		if (t->size != sizes[i].size)
			print_error("%s: %u\n", sizes[i].type, t->size);
		assert_int_equal(t->size, sizes[i].size);
		assert_int_equal(t->alignment, sizes[i].align);
	}
	assert_int_equal(find(&f, TAG_UNION, "both")->size, sizeof(union both));
	front_finish(&f);
}

/* A packed field may be read in a unit that goes beyond the struct. */
static uint64_t read_bits(const void *object, size_t size, const struct type_member *m)
{
	char memory[64] = "";
	uint64_t unit = 0;

	assert_true(m->offset < size && size + 8 <= sizeof(memory));
	memcpy(memory, object, size);
	memcpy(&unit, memory + m->offset, m->type->size);
	return unit >> m->bit_offset & ((1ull << m->bit_size) - 1);
}

/* Set one field to ones in an object of the compiler's; it must be seen there, and nowhere else. */
#define CHECK_BITS(tag, field, width)                                                              \
	do {                                                                                       \
		struct tag object;                                                                 \
                                                                                                   \
		memset(&object, 0, sizeof(object));                                                \
		object.field = -1;                                                                 \
		assert_true(type_find_member(find(&f, TAG_STRUCT, #tag), #field, &m));             \
		assert_int_equal(m.bit_size, width);                                               \
		assert_true(read_bits(&object, sizeof(object), &m) == (1ull << (width)) - 1);      \
		memset(&object, 0xff, sizeof(object));                                             \
		object.field = 0;                                                                  \
		assert_true(read_bits(&object, sizeof(object), &m) == 0);                          \
	} while (0)

static void test_bit_fields(void **state)
{
	struct front f = { 0 };
	struct type_member m;

	(void)state;
	resolve(&f, declarations);
	CHECK_BITS(bits, a, 3);
	CHECK_BITS(bits, b, 30);
	CHECK_BITS(bits, d, 9);
	CHECK_BITS(bits, e, 33);
	CHECK_BITS(bits, f, 1);
	CHECK_BITS(packed_bits, a, 7);
	CHECK_BITS(packed_bits, b, 30);
	front_finish(&f);
}

static void test_types(void **state)
{
	struct front f = { 0 };
	const struct type *t;
	struct type_member m;

	(void)state;
	resolve(&f, declarations);
	t = find(&f, TAG_STRUCT, "pointers");
	assert_true(type_find_member(t, "b", &m));
	assert_int_equal(m.type->kind, TYPE_POINTER);
	assert_int_equal(m.type->elem->kind, TYPE_VOID);
	assert_true(type_find_member(t, "c", &m));
	assert_int_equal(m.type->kind, TYPE_ARRAY);
	assert_int_equal(m.type->count, 3);
	assert_int_equal(m.type->elem->kind, TYPE_POINTER);
	assert_true(type_find_member(t, "e", &m));
	assert_ptr_equal(m.type->elem, t);
	assert_true(type_find_member(t, "f", &m));
	assert_int_equal(m.type->elem->kind, TYPE_ARRAY);
	assert_true(type_find_member(find(&f, TAG_STRUCT, "arrays"), "a", &m));
	assert_string_equal(m.type->elem->name, "char");
	assert_true(type_find_member(find(&f, TAG_STRUCT, "words"), "f", &m));
	assert_false(m.type->is_signed);
	t = find(&f, TAG_TYPEDEF, "pair_pointer");
	assert_int_equal(t->elem->kind, TYPE_STRUCT);
	front_finish(&f);
}

static void check_constant(struct front *f, const char *name, int64_t expected)
{
	const struct type *type = NULL;
	int64_t value = 0;

	assert_true(c_scope_find_constant(f->program->c_scope, name, &value, &type));
	assert_true(value == expected);
}

static void test_constants(void **state)
{
	struct front f = { 0 };
	const struct type *type = NULL;
	int64_t value = 0;

	(void)state;
	resolve(&f, declarations);
	check_constant(&f, "TWO", TWO);
	check_constant(&f, "SEVEN", SEVEN);
	check_constant(&f, "AF_INET6", 10);
	check_constant(&f, "O_CREAT", 0100);
	check_constant(&f, "EPERM", 1);
	check_constant(&f, "SIGKILL", 9);
	check_constant(&f, "NSEC_PER_SEC", 1000000000);
	check_constant(&f, "S_IFMT", 0170000);
	assert_true(c_scope_find_constant(f.program->c_scope, "SIX", &value, &type));
	assert_int_equal(type->kind, TYPE_ENUM);
	assert_string_equal(type->name, "number");
	assert_false(c_scope_find_constant(f.program->c_scope, "no_such_constant", &value, &type));
	front_finish(&f);
}

static void check_decl_error(const char *declaration, const char *expected)
{
	struct front f = { 0 };
	char *script;
	char *line;

	assert_true(asprintf(&script, "%s\nbegin { }", declaration) > 0);
	resolve(&f, script);
	line = (char *)front_errors(&f);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, expected);
	front_finish(&f);
	free(script);
}

static void test_errors(void **state)
{
	(void)state;
	check_decl_error("struct s { foo_t a; };",
			 "stdin:1:12-17: ERROR: unknown type name 'foo_t'");
	check_decl_error("struct s { struct t a; };",
			 "stdin:1:22-23: ERROR: field has incomplete type 'struct t'");
	check_decl_error("struct s { int a[-1]; };", "stdin:1:21-22: ERROR: array is too large");
	check_decl_error("struct s { int a[1 << 40]; };",
			 "stdin:1:26-27: ERROR: array is too large");
	check_decl_error("struct s { int a[x]; };",
			 "stdin:1:18-19: ERROR: unknown name 'x' in a constant expression");
	check_decl_error("struct s { int a int b; };", "stdin:1:18-21: ERROR: expected ';'");
	check_decl_error("enum e { 1 };",
			 "stdin:1:10-11: ERROR: expected the name of an enumerator");
	check_decl_error("#include \"no/such.h\"",
			 "stdin:1:1-21: ERROR: fatal error: 'no/such.h' file not found");
	/* The last semicolon may be missing. */
	check_decl_error("struct s { int a; int b }", "");
	check_decl_error("#include <linux/sched.h>\n#include \"net/sock.h\"", "");
}

static void test_preprocessor(void **state)
{
	struct front f = { 0 };
	struct type_member m;

	(void)state;
	resolve(&f,
		"#define N 4\n"
		"#define FIELD(type, name) type name##_field[N]\n"
		"#define MORE(...) struct more { __VA_ARGS__ }\n"
		"#define TEXT(x) #x\n"
		"struct s {\n#if N > 3\n\tFIELD(int, first);\n#else\n\tchar wrong;\n#endif\n};\n"
		"MORE(int a; int b;);\n"
		"begin { }");
	/* A line that begins with a macro isn't a declaration of the script. */
	assert_false(f.ok);
	front_finish(&f);
	resolve(&f,
		"#define N 4\n"
		"#define FIELD(type, name) type name##_field[N]\n"
		"struct s {\n#if N > 3\n\tFIELD(int, first);\n#else\n\tchar wrong;\n#endif\n};\n"
		"begin { }");
	assert_string_equal(front_errors(&f), "");
	assert_true(type_find_member(find(&f, TAG_STRUCT, "s"), "first_field", &m));
	assert_int_equal(m.type->size, 16);
	front_finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout), cmocka_unit_test(test_bit_fields),
		cmocka_unit_test(test_types),  cmocka_unit_test(test_constants),
		cmocka_unit_test(test_errors), cmocka_unit_test(test_preprocessor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
