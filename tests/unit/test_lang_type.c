/* Types: names, equality, layout, members. */
#include "lang_util.h"

#include "lang/builtin.h"
#include "lang/type.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_finish(&arena);
	return 0;
}

static void check_name(const struct type *t, const char *expected)
{
	assert_string_equal(type_name(&arena, t), expected);
}

static struct type *make_struct(const char *name, uint32_t size, uint32_t count)
{
	struct type *t = arena_new(&arena, struct type);

	t->kind = TYPE_STRUCT;
	t->name = name;
	t->size = size;
	t->is_complete = true;
	t->count = count;
	t->members = arena_array(&arena, struct type_member, count);
	return t;
}

static void names_are_those_of_bpftrace(void **state)
{
	struct type agg = { .kind = TYPE_AGG, .agg = BI_min };
	const struct type *pair[] = { type_int(8, true), type_string(&arena, 16) };
	const char *const names[] = { "a", "b" };
	struct type *anonymous = make_struct(NULL, 4, 1);

	(void)state;
	check_name(type_int(1, false), "uint8");
	check_name(type_int(8, true), "int64");
	check_name(type_bool(), "bool");
	check_name(type_string(&arena, 64), "string[64]");
	check_name(type_string(&arena, 0), "string");
	check_name(type_buffer(&arena, 64), "buffer[68]");
	check_name(type_pointer(&arena, make_struct("foo", 8, 0), AS_KERNEL), "struct foo *");
	check_name(type_pointer(&arena, type_void(), AS_NONE), "void *");
	check_name(type_array(&arena, type_int(4, true), 3), "int32[3]");
	check_name(type_tuple(&arena, pair, NULL, 2), "(int64,string[16])");
	check_name(type_tuple(&arena, pair, names, 2), "record { .a = int64, .b = string[16] }");
	check_name(type_stack(&arena, TYPE_USTACK, STACK_PERF, 3), "ustack_perf_3");
	check_name(&agg, "umin_t");
	agg.is_signed = true;
	check_name(&agg, "min_t");
	agg.agg = BI_hist;
	check_name(&agg, "hist_t");
	anonymous->members[0].type = type_int(4, false);
	check_name(anonymous, "struct {uint32}");
	assert_string_equal(type_kind_name(anonymous), "c_type");
	assert_string_equal(type_kind_name(&agg), "hist_t");
}

static void equality_ignores_where_it_is(void **state)
{
	const struct type *a = type_string(&arena, 8);
	const struct type *p = type_pointer(&arena, type_int(4, true), AS_USER);

	(void)state;
	assert_true(type_equal(a, type_in(&arena, a, AS_KERNEL)));
	assert_true(type_equal(p, type_pointer(&arena, type_int(4, true), AS_KERNEL)));
	assert_false(type_equal(p, type_pointer(&arena, type_int(4, false), AS_USER)));
	assert_false(type_equal(type_int(4, true), type_int(8, true)));
	assert_false(type_equal(type_int(1, false), type_bool()));
	assert_true(type_equal(make_struct("foo", 8, 0), make_struct("foo", 8, 0)));
	assert_false(type_equal(make_struct("foo", 8, 0), make_struct("bar", 8, 0)));
	assert_false(type_equal(make_struct(NULL, 8, 0), make_struct(NULL, 8, 0)));
}

static void tuples_are_laid_out_like_structs(void **state)
{
	const struct type *types[] = { type_int(1, false), type_int(8, true),
				       type_string(&arena, 3), type_int(2, true) };
	const struct type *t = type_tuple(&arena, types, NULL, 4);

	(void)state;
	assert_int_equal(t->members[0].offset, 0);
	assert_int_equal(t->members[1].offset, 8);
	assert_int_equal(t->members[2].offset, 16);
	assert_int_equal(t->members[3].offset, 20);
	assert_int_equal(t->size, 24);
	assert_int_equal(type_align(t), 8);
	assert_int_equal(type_tuple(&arena, types, NULL, 0)->size, 0);
}

static void members_are_found_in_anonymous_ones(void **state)
{
	struct type *inner = make_struct(NULL, 8, 2);
	struct type *outer = make_struct("outer", 16, 2);
	struct type_member m;

	(void)state;
	inner->members[0] = (struct type_member){ .name = "x", .type = type_int(4, true) };
	inner->members[1] =
		(struct type_member){ .name = "y", .type = type_int(4, true), .offset = 4 };
	outer->members[0] = (struct type_member){ .name = "a", .type = type_int(8, true) };
	outer->members[1] = (struct type_member){ .name = "", .type = inner, .offset = 8 };
	assert_true(type_find_member(outer, "y", &m));
	assert_int_equal(m.offset, 12);
	assert_true(type_find_member(outer, "a", &m));
	assert_false(type_find_member(outer, "z", &m));
	assert_false(type_find_member(outer, "", &m));
	assert_false(type_find_member(type_int(4, true), "a", &m));
}

static void registers_hold_scalars(void **state)
{
	(void)state;
	assert_true(type_is_scalar(type_int(8, false)));
	assert_true(type_is_scalar(type_bool()));
	assert_true(type_is_scalar(type_fixed(TYPE_KSYM)));
	assert_true(type_is_scalar(type_stack(&arena, TYPE_KSTACK, STACK_RAW, 1)));
	assert_false(type_is_scalar(type_string(&arena, 8)));
	assert_false(type_is_scalar(type_fixed(TYPE_USYM)));
	assert_false(type_is_scalar(type_fixed(TYPE_INET)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_bpftrace),
		cmocka_unit_test(equality_ignores_where_it_is),
		cmocka_unit_test(tuples_are_laid_out_like_structs),
		cmocka_unit_test(members_are_found_in_anonymous_ones),
		cmocka_unit_test(registers_hold_scalars),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
