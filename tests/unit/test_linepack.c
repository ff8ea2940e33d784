#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/linepack.h"

/* What a reader makes of packed lines; *first: the number of the first one. */
static void unpack_all(struct buf *out, struct buf *packed, uint64_t *first)
{
	char *line = packed->data, *end = packed->data + packed->len;
	uint64_t expected = 0;

	while (line < end) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t len;
		uint64_t before;
		char *text;

		assert_non_null(newline);
		assert_true((size_t)(newline - line) < 16384);
		assert_true(
			linepack_read(&text, &len, &before, line, (size_t)(newline + 1 - line)));
		if (line == packed->data)
			*first = expected = before;
		assert_int_equal(before, expected);
		for (size_t i = 0; i < len; i++)
			expected += text[i] == '\n';
		buf_append(out, text, len);
		line = newline + 1;
	}
}

static void check(const char *text, size_t len)
{
	struct buf packed, out;
	uint64_t first;

	buf_init(&packed, 1 << 24);
	buf_init(&out, 1 << 24);
	linepack_write(&packed, 41, text, len);
	unpack_all(&out, &packed, &first);
	assert_int_equal(first, 41);
	assert_int_equal(out.len, len);
	if (len > 0)
		assert_memory_equal(out.data, text, len);
	buf_finish(&packed);
	buf_finish(&out);
}

static void test_round_trip(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"a",
		"a\nb\n",
		"a\nb",
		"\x1e"
		"1 a\n",
		"\v\x10\n\v",
		"\n\n\n",
		"\x10K\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check(texts[i], strlen(texts[i]));
}

static void test_random_bytes(void **state)
{
	static char text[100000];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 50; round++) {
		size_t len;

		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * 1664525 + 1013904223;
			/* Every other round of the bytes that are escaped or separate. */
			text[i] = (char)(round & 1 ? (seed >> 24) : 8 + (seed >> 28));
		}
		len = seed % sizeof(text);
		check(text, len);
	}
}

static void test_other_lines(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"a\n",
		"\x1e",
		"\x1e\n",
		"\x1e 1\n",
		"\x1e"
		"1",
		"\x1e"
		"1x y\n",
		"\x1e"
		"99999999999999999999999 a\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char line[64];
		size_t len = strlen(lines[i]);
		uint64_t before;
		char *text;

		memcpy(line, lines[i], len + 1);
		assert_false(linepack_read(&text, &len, &before, line, len));
		assert_memory_equal(line, lines[i], strlen(lines[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_other_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
