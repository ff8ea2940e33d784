/* Format strings: what is a conversion, which arguments fit, formatting at compile time. */
#include "lang_util.h"

#include "lang/format.h"

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

static struct format_plan *parse(const char *text)
{
	return format_parse(&arena, text, strlen(text));
}

/* The parts as text: literals as they are, conversions as <spec size width precision>. */
static void check_parts(const char *text, const char *expected)
{
	const struct format_plan *plan = parse(text);
	const char *got = "";

	vec_foreach (&plan->parts, p) {
		if (p->text)
			got = arena_printf(&arena, "%s%.*s", got, (int)p->text_len, p->text);
		else
			got = arena_printf(&arena, "%s<%s %u %d %d>", got, p->spec, p->int_size,
					   p->width, p->precision);
	}
	assert_string_equal(got, expected);
}

static void conversions_are_told_from_text(void **state)
{
	(void)state;
	check_parts("plain", "plain");
	check_parts("", "");
	check_parts("%d", "<%d 4 -1 -1>");
	check_parts("a %s b", "a <%s 0 -1 -1> b");
	check_parts("%hhd %hd %ld %lld %zu %jx %ti",
		    "<%d 1 -1 -1> <%d 2 -1 -1> <%d 8 -1 -1> <%d 8 -1 -1> <%u 8 -1 -1> <%x 8 -1 -1> "
		    "<%i 8 -1 -1>");
	check_parts("%-5d|%05x|%+d|% d|%#o", "<%-5d 4 5 -1>|<%05x 4 5 -1>|<%+d 4 -1 -1>|<% d 4 -1 "
					     "-1>|<%#o 4 -1 -1>");
	check_parts("%10.3s", "<%10.3s 0 10 3>");
	check_parts("%r %rx %rh %gr", "<%r 0 -1 -1> <%rx 0 -1 -1> <%rh 0 -1 -1> <%gr 0 -1 -1>");
	check_parts("100%%", "100%");
	check_parts("%y %", "%y %");
	check_parts("%.s", "%.s");
	check_parts("%*d", "<%*d 4 -1 -1>");
	check_parts("%99999999999d", "<%99999999999d 4 65535 -1>");
}

static void check_args(const char *text, const char *expected, size_t count,
		       const struct type *const *types)
{
	const char *got = format_check(&arena, parse(text), types, (uint32_t)count);

	if (expected)
		assert_string_equal(got, expected);
	else
		assert_null(got);
}

#define CHECK_ARGS(text, expected, ...)                                                            \
	do {                                                                                       \
		const struct type *const types_[] = { NULL, ##__VA_ARGS__ };                       \
		check_args(text, expected, sizeof(types_) / sizeof(types_[0]) - 1, types_ + 1);    \
	} while (0)

static void arguments_must_fit(void **state)
{
	const struct type *i = type_int(8, false);
	const struct type *str = type_string(&arena, 16);
	const struct type *buf = type_buffer(&arena, 16);

	(void)state;
	CHECK_ARGS("%d %s", NULL, i, str);
	CHECK_ARGS("%s %s", NULL, i, buf);
	CHECK_ARGS("%d %x", NULL, type_bool(), type_pointer(&arena, i, AS_USER));
	CHECK_ARGS("%r%rx%rh", NULL, buf, buf, buf);
	CHECK_ARGS("%d", "not enough arguments for format string (0 supplied, 1 expected)");
	CHECK_ARGS("", "too many arguments for format string (1 supplied, 0 expected)", i);
	CHECK_ARGS("%d", "unsupported format specifier for type 'string[16]': d", str);
	CHECK_ARGS("%r", "unsupported format specifier for type 'uint64': r", i);
	CHECK_ARGS("%f", "unsupported format specifier: f", i);
	CHECK_ARGS("%s", "unable to print none type for specifier: s", type_void());
}

static void constants_are_formatted(void **state)
{
	const struct format_value values[] = {
		{ .number = (uint64_t)-5, .is_signed = true },
		{ .string = "abc", .string_len = 3 },
		{ .number = 255 },
		{ .number = 1, .is_bool = true },
	};

	(void)state;
	assert_string_equal(format_constant(&arena, parse("%d [%5s] %#x %s"), values, 4),
			    "-5 [  abc] 0xff true");
	assert_string_equal(format_constant(&arena, parse("%hhd|%-5s|"), values, 2), "-5|abc  |");
	assert_string_equal(format_constant(&arena, parse("%s %s"), values, 1), "-5 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversions_are_told_from_text),
		cmocka_unit_test(arguments_must_fit),
		cmocka_unit_test(constants_are_formatted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
