/*
 * Maps: order, aggregations, text and JSON.  What is expected was printed by bpftrace 0.27, but
 * for ties, which it orders by chance.
 */
#include "record_util.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "record/hist.h"
#include "record/tseries.h"

static const struct record_env plain_env;

#define FULL_BAR "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"

static void assert_map(const struct record_map *map, const char *text, const char *json)
{
	struct capture c;

	capture_init(&c, &sink_text);
	record_map_print(&c.sink, &plain_env, map);
	assert_capture(&c, text);
	c.sink.ops = &sink_json;
	record_map_print(&c.sink, &plain_env, map);
	assert_capture(&c, json);
	capture_finish(&c);
}

static void assert_top(const struct record_map *map, uint32_t top, uint32_t div, const char *text,
		       const char *json)
{
	struct capture c;

	capture_init(&c, &sink_text);
	record_map_print_top(&c.sink, &plain_env, map, top, div);
	assert_capture(&c, text);
	c.sink.ops = &sink_json;
	record_map_print_top(&c.sink, &plain_env, map, top, div);
	assert_capture(&c, json);
	capture_finish(&c);
}

static struct shape agg_shape(enum shape_agg agg, uint32_t size, bool is_signed)
{
	return (struct shape){
		.kind = SHAPE_AGG, .agg = agg, .size = size, .is_signed = is_signed
	};
}

/* Two CPUs' copies. */
static void test_count(void **state)
{
	struct shape value = agg_shape(AGG_COUNT, 8, false);
	struct image_var var = {
		.name = "@c", .storage = STORAGE_PERCPU_HASH, .key = &shape_s8, .value = &value
	};
	uint64_t counts[] = { 1, 1, 1, 0 }; // of keys 2 and 1
	struct record_map map = {
		.var = &var, .keys = "\2\1", .values = counts, .count = 2, .cpus = 2
	};

	(void)state;
	use_shapes();
	assert_map(&map, "@c[1]: 1\n@c[2]: 2\n",
		   "{\"type\": \"map\", \"data\": {\"@c\": {\"1\": 1, \"2\": 2}}}\n");
	assert_top(&map, 1, 0, "@c[2]: 2\n",
		   "{\"type\": \"map\", \"data\": {\"@c\": {\"2\": 2}}}\n");
	assert_top(&map, 0, 2, "@c[1]: 0\n@c[2]: 1\n",
		   "{\"type\": \"map\", \"data\": {\"@c\": {\"1\": 0, \"2\": 1}}}\n");
}

static void test_sum(void **state)
{
	struct shape value = agg_shape(AGG_SUM, 8, true);
	struct image_var var = {
		.name = "@s", .storage = STORAGE_PERCPU_HASH, .key = &shape_string8, .value = &value
	};
	int64_t sums[] = { 3, -5 };
	struct record_map map = { .var = &var,
				  .keys = "b\0\0\0\0\0\0\0a\0\0\0\0\0\0\0",
				  .values = sums,
				  .count = 2,
				  .cpus = 1 };

	(void)state;
	assert_map(&map, "@s[a]: -5\n@s[b]: 3\n",
		   "{\"type\": \"map\", \"data\": {\"@s\": {\"a\": -5, \"b\": 3}}}\n");
	assert_top(&map, 1, 2, "@s[b]: 1\n",
		   "{\"type\": \"map\", \"data\": {\"@s\": {\"b\": 1}}}\n");
}

/* Ordered as unsigned numbers, whatever they are. */
static void test_min_max(void **state)
{
	struct shape value = agg_shape(AGG_MIN, 16, true);
	struct image_var var = {
		.name = "@m", .storage = STORAGE_PERCPU_HASH, .key = &shape_string8, .value = &value
	};
	int64_t values[] = { -5, 1, -3, 1, 0, 0, 7, 1 }; // { value, is_set } a CPU
	struct record_map map = { .var = &var,
				  .keys = "x\0\0\0\0\0\0\0y\0\0\0\0\0\0\0",
				  .values = values,
				  .count = 2,
				  .cpus = 2 };

	(void)state;
	assert_map(&map, "@m[y]: 7\n@m[x]: -5\n",
		   "{\"type\": \"map\", \"data\": {\"@m\": {\"y\": 7, \"x\": -5}}}\n");
	value.agg = AGG_MAX;
	assert_map(&map, "@m[y]: 7\n@m[x]: -3\n",
		   "{\"type\": \"map\", \"data\": {\"@m\": {\"y\": 7, \"x\": -3}}}\n");
}

static void test_avg(void **state)
{
	struct shape value = agg_shape(AGG_AVG, 16, true);
	struct image_var var = {
		.name = "@av", .storage = STORAGE_PERCPU_HASH, .key = &shape_s8, .value = &value
	};
	int64_t values[] = { -7, 1, -8, 1, -20, 1, 0, 0 }; // { total, count } a CPU
	struct record_map map = {
		.var = &var, .keys = "\1\2", .values = values, .count = 2, .cpus = 2
	};

	(void)state;
	assert_map(&map, "@av[2]: -20\n@av[1]: -7\n",
		   "{\"type\": \"stats\", \"data\": {\"@av\": {\"2\": -20, \"1\": -7}}}\n");
	assert_top(&map, 0, 2, "@av[2]: -10\n@av[1]: -3\n",
		   "{\"type\": \"stats\", \"data\": {\"@av\": {\"2\": -10, \"1\": -3}}}\n");
	map.count = 0;
	assert_map(&map, "", "{\"type\": \"stats\", \"data\": {\"@av\": {}}}\n");
}

static void test_stats(void **state)
{
	static const struct shape_member members[] = { { .shape = &shape_s8, .offset = 0 },
						       { .shape = &shape_string8, .offset = 1 } };
	static const struct shape key = {
		.kind = SHAPE_TUPLE, .size = 9, .count = 2, .members = members
	};
	struct shape value = agg_shape(AGG_STATS, 16, false);
	struct image_var var = {
		.name = "@st", .storage = STORAGE_PERCPU_HASH, .key = &key, .value = &value
	};
	int64_t values[] = { 10, 1, 7, 2 };
	struct record_map map = { .var = &var,
				  .keys = "\1q\0\0\0\0\0\0\0\0z z\0\0\0\0\0",
				  .values = values,
				  .count = 2,
				  .cpus = 1 };

	(void)state;
	assert_map(&map,
		   "@st[0, z z]: { .count = 2, .average = 3, .total = 7 }\n"
		   "@st[1, q]: { .count = 1, .average = 10, .total = 10 }\n",
		   "{\"type\": \"stats\", \"data\": {\"@st\": {"
		   "\"0,zz\": {\"count\": 2, \"average\": 3, \"total\": 7}, "
		   "\"1,q\": {\"count\": 1, \"average\": 10, \"total\": 10}}}}\n");
	assert_top(&map, 0, 2,
		   "@st[0, z z]: { .count = 2, .average = 1, .total = 7 }\n"
		   "@st[1, q]: { .count = 1, .average = 5, .total = 10 }\n",
		   "{\"type\": \"stats\", \"data\": {\"@st\": {"
		   "\"0,zz\": {\"count\": 2, \"average\": 1, \"total\": 7}, "
		   "\"1,q\": {\"count\": 1, \"average\": 5, \"total\": 10}}}}\n");
}

static void test_scalars(void **state)
{
	struct {
		uint64_t is_set;
		int64_t value;
	} slot = { 1, 5 };
	struct image_var var = { .name = "@a", .storage = STORAGE_GLOBAL, .value = &shape_s64 };
	struct record_map map = { .var = &var, .values = &slot, .count = 1, .cpus = 4 };
	struct shape avg = agg_shape(AGG_AVG, 16, true);
	uint64_t slots[2][8] = { { 0 }, { 1, 10, 4 } };

	(void)state;
	assert_map(&map, "@a: 5\n", "{\"type\": \"map\", \"data\": {\"@a\": 5}}\n");
	slot.is_set = 0;
	slot.value = 0;
	assert_map(&map, "", "");
	assert_top(&map, 0, 0, "@a: 0\n", "{\"type\": \"map\", \"data\": {\"@a\": 0}}\n");
	/* The slots of two CPUs, 64 bytes apart. */
	var = (struct image_var){
		.name = "@d", .storage = STORAGE_GLOBAL_PERCPU, .value = &avg, .stride = 64
	};
	map = (struct record_map){ .var = &var, .values = slots, .count = 1, .cpus = 2 };
	assert_map(&map, "@d: 2\n", "{\"type\": \"stats\", \"data\": {\"@d\": 2}}\n");
	memset(slots, 0, sizeof(slots));
	assert_map(&map, "", "{\"type\": \"stats\", \"data\": {\"@d\": {}}}\n");
	assert_top(&map, 0, 0, "@d: 0\n", "{\"type\": \"stats\", \"data\": {\"@d\": 0}}\n");
}

/* Strings, tuples, booleans are ordered by key; integers by value. */
static void test_plain_values(void **state)
{
	static const struct shape_member members[] = { { .shape = &shape_s8, .offset = 0 },
						       { .shape = &shape_s8, .offset = 1 } };
	static const struct shape pair = {
		.kind = SHAPE_TUPLE, .size = 2, .count = 2, .members = members
	};
	struct image_var var = {
		.name = "@str", .storage = STORAGE_HASH, .key = &shape_s8, .value = &shape_string8
	};
	struct record_map map = { .var = &var,
				  .keys = "\2\xff\x0a",
				  .values = "two\0\0\0\0\0neg\0\0\0\0\0ten\0\0\0\0\0",
				  .count = 3 };

	(void)state;
	assert_map(&map, "@str[-1]: neg\n@str[2]: two\n@str[10]: ten\n",
		   "{\"type\": \"map\", \"data\": {\"@str\": "
		   "{\"-1\": \"neg\", \"2\": \"two\", \"10\": \"ten\"}}}\n");
	var = (struct image_var){
		.name = "@t", .storage = STORAGE_HASH, .key = &shape_string8, .value = &pair
	};
	map = (struct record_map){ .var = &var,
				   .keys = "b\0\0\0\0\0\0\0a\0\0\0\0\0\0\0",
				   .values = "\1\2\1\3",
				   .count = 2 };
	assert_map(&map, "@t[a]: (1, 3)\n@t[b]: (1, 2)\n",
		   "{\"type\": \"map\", \"data\": {\"@t\": {\"a\": [1,3], \"b\": [1,2]}}}\n");
	assert_top(&map, 0, 2, "@t[a]: (0, 1)\n@t[b]: (0, 1)\n",
		   "{\"type\": \"map\", \"data\": {\"@t\": {\"a\": [0,1], \"b\": [0,1]}}}\n");
	/* Unsigned keys are ordered as signed ones. */
	var.key = &shape_u8;
	var.value = &shape_string8;
	map = (struct record_map){
		.var = &var, .keys = "\5\xc8", .values = "y\0\0\0\0\0\0\0x\0\0\0\0\0\0", .count = 2
	};
	assert_map(&map, "@t[200]: x\n@t[5]: y\n",
		   "{\"type\": \"map\", \"data\": {\"@t\": {\"200\": \"x\", \"5\": \"y\"}}}\n");
	var.value = &shape_s8;
	map.values = "\3\xfe";
	assert_map(&map, "@t[200]: -2\n@t[5]: 3\n",
		   "{\"type\": \"map\", \"data\": {\"@t\": {\"200\": -2, \"5\": 3}}}\n");
	/* Ties: by key. */
	map.values = "\3\3";
	assert_map(&map, "@t[200]: 3\n@t[5]: 3\n",
		   "{\"type\": \"map\", \"data\": {\"@t\": {\"200\": 3, \"5\": 3}}}\n");
	/* A string's own parentheses go as well. */
	var.key = &shape_string8;
	map = (struct record_map){ .var = &var, .keys = "(x y)\0\0", .values = "\2", .count = 1 };
	assert_map(&map, "@t[x y]: 2\n", "{\"type\": \"map\", \"data\": {\"@t\": {\"xy\": 2}}}\n");
}

static void test_hist(void **state)
{
	struct shape value = agg_shape(AGG_HIST, 8 * hist_bucket_count(0), false);
	struct image_var var = {
		.name = "@", .storage = STORAGE_GLOBAL_PERCPU, .value = &value, .stride = 1024
	};
	uint64_t slots[2][128] = { { 1 }, { 1 } };
	struct record_map map = { .var = &var, .values = slots, .count = 1, .cpus = 2 };

	(void)state;
	for (int64_t i = -3; i < 20; i++)
		slots[i & 1][1 + hist_bucket(i * i * i, 0)]++;
	assert_map(
		&map,
		"@:\n"
		"(..., 0)               3 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@             |\n"
		"[0]                    1 |@@@@@@@@@@@@@                                       |\n"
		"[1]                    1 |@@@@@@@@@@@@@                                       |\n"
		"[2, 4)                 0 |                                                    |\n"
		"[4, 8)                 0 |                                                    |\n"
		"[8, 16)                1 |@@@@@@@@@@@@@                                       |\n"
		"[16, 32)               1 |@@@@@@@@@@@@@                                       |\n"
		"[32, 64)               0 |                                                    |\n"
		"[64, 128)              2 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
		"[128, 256)             1 |@@@@@@@@@@@@@                                       |\n"
		"[256, 512)             1 |@@@@@@@@@@@@@                                       |\n"
		"[512, 1K)              3 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@             |\n"
		"[1K, 2K)               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
		"[2K, 4K)               3 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@             |\n"
		"[4K, 8K)               4 |" FULL_BAR "|\n\n",
		"{\"type\": \"hist\", \"data\": {\"@\": [{\"max\": -1, \"count\": 3},"
		"{\"min\": 0, \"max\": 0, \"count\": 1},{\"min\": 1, \"max\": 1, \"count\": 1},"
		"{\"min\": 2, \"max\": 3, \"count\": 0},{\"min\": 4, \"max\": 7, \"count\": 0},"
		"{\"min\": 8, \"max\": 15, \"count\": 1},{\"min\": 16, \"max\": 31, \"count\": 1},"
		"{\"min\": 32, \"max\": 63, \"count\": 0},{\"min\": 64, \"max\": 127, \"count\": "
		"2},"
		"{\"min\": 128, \"max\": 255, \"count\": 1},{\"min\": 256, \"max\": 511, "
		"\"count\": 1},"
		"{\"min\": 512, \"max\": 1023, \"count\": 3},"
		"{\"min\": 1024, \"max\": 2047, \"count\": 2},"
		"{\"min\": 2048, \"max\": 4095, \"count\": 3},"
		"{\"min\": 4096, \"max\": 8191, \"count\": 4}]}}\n");
	memset(slots, 0, sizeof(slots));
	slots[0][0] = 1;
	slots[0][1 + hist_bucket(INT64_MAX, 0)] = 1;
	assert_map(&map, "@:\n[4E, 8E)               1 |" FULL_BAR "|\n\n",
		   "{\"type\": \"hist\", \"data\": {\"@\": [{\"min\": 4611686018427387904, "
		   "\"max\": \"9223372036854775807\", \"count\": 1}]}}\n");
	/* After zero(), and after clear(). */
	memset(slots, 0, sizeof(slots));
	slots[0][0] = 1;
	assert_map(&map, "@:\n\n", "{\"type\": \"hist\", \"data\": {\"@\": []}}\n");
	slots[0][0] = 0;
	assert_map(&map, "", "");
	assert_top(&map, 0, 0, "", "");
}

static void test_hist_bits(void **state)
{
	struct shape value = agg_shape(AGG_HIST, 8 * hist_bucket_count(1), false);
	struct image_var var = { .name = "@c", .storage = STORAGE_GLOBAL, .value = &value };
	uint64_t slot[1 + 129] = { 1 };
	struct record_map map = { .var = &var, .values = slot, .count = 1 };

	(void)state;
	assert_int_equal(hist_bucket_count(1), 129);
	value.args[0] = 1;
	slot[1 + hist_bucket(800, 1)] = 1;
	slot[1 + hist_bucket(1024, 1)] = 2;
	slot[1 + hist_bucket(2047, 1)] = 3;
	slot[1 + hist_bucket(3 << 20, 1)] = 1;
	slot[1 + hist_bucket(5, 1)] = 5;
	assert_top(
		&map, 0, 2,
		"@c:\n"
		"[4, 6)                 2 |" FULL_BAR "|\n"
		"[6, 8)                 0 |                                                    |\n"
		"[8, 12)                0 |                                                    |\n"
		"[12, 16)               0 |                                                    |\n"
		"[16, 24)               0 |                                                    |\n"
		"[24, 32)               0 |                                                    |\n"
		"[32, 48)               0 |                                                    |\n"
		"[48, 64)               0 |                                                    |\n"
		"[64, 96)               0 |                                                    |\n"
		"[96, 128)              0 |                                                    |\n"
		"[128, 192)             0 |                                                    |\n"
		"[192, 256)             0 |                                                    |\n"
		"[256, 384)             0 |                                                    |\n"
		"[384, 512)             0 |                                                    |\n"
		"[512, 768)             0 |                                                    |\n"
		"[768, 1024)            0 |                                                    |\n"
		"[1024, 1536)           1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
		"[1536, 2K)             1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
		"[2K, 3K)               0 |                                                    |\n"
		"[3K, 4K)               0 |                                                    |\n"
		"[4K, 6K)               0 |                                                    |\n"
		"[6K, 8K)               0 |                                                    |\n"
		"[8K, 12K)              0 |                                                    |\n"
		"[12K, 16K)             0 |                                                    |\n"
		"[16K, 24K)             0 |                                                    |\n"
		"[24K, 32K)             0 |                                                    |\n"
		"[32K, 48K)             0 |                                                    |\n"
		"[48K, 64K)             0 |                                                    |\n"
		"[64K, 96K)             0 |                                                    |\n"
		"[96K, 128K)            0 |                                                    |\n"
		"[128K, 192K)           0 |                                                    |\n"
		"[192K, 256K)           0 |                                                    |\n"
		"[256K, 384K)           0 |                                                    |\n"
		"[384K, 512K)           0 |                                                    |\n"
		"[512K, 768K)           0 |                                                    |\n"
		"[768K, 1024K)          0 |                                                    |\n"
		"[1024K, 1536K)         0 |                                                    |\n"
		"[1536K, 2M)            0 |                                                    |\n"
		"[2M, 3M)               0 |                                                    |\n"
		"[3M, 4M)               0 |                                                    "
		"|\n\n",
		"{\"type\": \"hist\", \"data\": {\"@c\": ["
		"{\"min\": 4, \"max\": 5, \"count\": 2},{\"min\": 6, \"max\": 7, \"count\": 0},"
		"{\"min\": 8, \"max\": 11, \"count\": 0},{\"min\": 12, \"max\": 15, \"count\": 0},"
		"{\"min\": 16, \"max\": 23, \"count\": 0},{\"min\": 24, \"max\": 31, \"count\": 0},"
		"{\"min\": 32, \"max\": 47, \"count\": 0},{\"min\": 48, \"max\": 63, \"count\": 0},"
		"{\"min\": 64, \"max\": 95, \"count\": 0},{\"min\": 96, \"max\": 127, \"count\": "
		"0},"
		"{\"min\": 128, \"max\": 191, \"count\": 0},{\"min\": 192, \"max\": 255, "
		"\"count\": 0},"
		"{\"min\": 256, \"max\": 383, \"count\": 0},{\"min\": 384, \"max\": 511, "
		"\"count\": 0},"
		"{\"min\": 512, \"max\": 767, \"count\": 0},{\"min\": 768, \"max\": 1023, "
		"\"count\": 0},"
		"{\"min\": 1024, \"max\": 1535, \"count\": 1},{\"min\": 1536, \"max\": 2047, "
		"\"count\": 1},"
		"{\"min\": 2048, \"max\": 3071, \"count\": 0},{\"min\": 3072, \"max\": 4095, "
		"\"count\": 0},"
		"{\"min\": 4096, \"max\": 6143, \"count\": 0},{\"min\": 6144, \"max\": 8191, "
		"\"count\": 0},"
		"{\"min\": 8192, \"max\": 12287, \"count\": 0},{\"min\": 12288, \"max\": 16383, "
		"\"count\": 0},"
		"{\"min\": 16384, \"max\": 24575, \"count\": 0},{\"min\": 24576, \"max\": 32767, "
		"\"count\": 0},"
		"{\"min\": 32768, \"max\": 49151, \"count\": 0},{\"min\": 49152, \"max\": 65535, "
		"\"count\": 0},"
		"{\"min\": 65536, \"max\": 98303, \"count\": 0},{\"min\": 98304, \"max\": 131071, "
		"\"count\": 0},"
		"{\"min\": 131072, \"max\": 196607, \"count\": 0},"
		"{\"min\": 196608, \"max\": 262143, \"count\": 0},"
		"{\"min\": 262144, \"max\": 393215, \"count\": 0},"
		"{\"min\": 393216, \"max\": 524287, \"count\": 0},"
		"{\"min\": 524288, \"max\": 786431, \"count\": 0},"
		"{\"min\": 786432, \"max\": 1048575, \"count\": 0},"
		"{\"min\": 1048576, \"max\": 1572863, \"count\": 0},"
		"{\"min\": 1572864, \"max\": 2097151, \"count\": 0},"
		"{\"min\": 2097152, \"max\": 3145727, \"count\": 0},"
		"{\"min\": 3145728, \"max\": 4194303, \"count\": 0}]}}\n");
}

/* Every value is in the bucket that its label says. */
static void test_hist_bucket(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits <= HIST_BITS_MAX; bits++) {
		uint32_t last = hist_bucket(0, bits);

		assert_int_equal(hist_bucket(-1, bits), 0);
		assert_int_equal(hist_bucket(INT64_MIN, bits), 0);
		assert_int_equal(last, 1);
		for (int64_t v = 1; v < 5000; v++) {
			uint32_t bucket = hist_bucket(v, bits);

			assert_true(bucket == last || bucket == last + 1);
			last = bucket;
		}
		assert_true(hist_bucket(INT64_MAX, bits) < hist_bucket_count(bits));
	}
}

static void test_lhist(void **state)
{
	struct shape value = agg_shape(AGG_LHIST, 0, false);
	struct image_var var = { .name = "@l", .storage = STORAGE_GLOBAL, .value = &value };
	uint64_t slot[16] = { 1, 3, 3, 3, 3, 11 };
	struct record_map map = { .var = &var, .values = slot, .count = 1 };

	(void)state;
	value.args[1] = 10;
	value.args[2] = 3;
	value.size = 8 * lhist_bucket_count(0, 10, 3);
	assert_int_equal(value.size, 8 * 5);
	/* div does nothing to it. */
	assert_top(
		&map, 0, 2,
		"@l:\n"
		"(..., 0)               3 |@@@@@@@@@@@@@@                                      |\n"
		"[0, 3)                 3 |@@@@@@@@@@@@@@                                      |\n"
		"[3, 6)                 3 |@@@@@@@@@@@@@@                                      |\n"
		"[6, 9)                 3 |@@@@@@@@@@@@@@                                      |\n"
		"[9, ...)              11 |" FULL_BAR "|\n\n",
		"{\"type\": \"hist\", \"data\": {\"@l\": [{\"max\": -1, \"count\": 3},"
		"{\"min\": 0, \"max\": 2, \"count\": 3},{\"min\": 3, \"max\": 5, \"count\": 3},"
		"{\"min\": 6, \"max\": 8, \"count\": 3},{\"min\": 9, \"count\": 11}]}}\n");
	value.args[1] = 10240;
	value.args[2] = 2048;
	value.size = 8 * lhist_bucket_count(0, 10240, 2048);
	memcpy(slot + 1, ((uint64_t[]){ 3, 2, 2, 2, 2, 2, 10 }), 56);
	assert_map(
		&map,
		"@l:\n"
		"(..., 0)               3 |@@@@@@@@@@@@@@@                                     |\n"
		"[0, 2K)                2 |@@@@@@@@@@                                          |\n"
		"[2K, 4K)               2 |@@@@@@@@@@                                          |\n"
		"[4K, 6K)               2 |@@@@@@@@@@                                          |\n"
		"[6K, 8K)               2 |@@@@@@@@@@                                          |\n"
		"[8K, 10K)              2 |@@@@@@@@@@                                          |\n"
		"[10K, ...)            10 |" FULL_BAR "|\n\n",
		"{\"type\": \"hist\", \"data\": {\"@l\": [{\"max\": -1, \"count\": 3},"
		"{\"min\": 0, \"max\": 2047, \"count\": 2},{\"min\": 2048, \"max\": 4095, "
		"\"count\": 2},"
		"{\"min\": 4096, \"max\": 6143, \"count\": 2},"
		"{\"min\": 6144, \"max\": 8191, \"count\": 2},"
		"{\"min\": 8192, \"max\": 10239, \"count\": 2},{\"min\": 10240, \"count\": "
		"10}]}}\n");
	/* Only above, only below, single numbers. */
	value.args[1] = 3;
	value.args[2] = 1;
	value.size = 8 * lhist_bucket_count(0, 3, 1);
	memcpy(slot + 1, ((uint64_t[]){ 0, 0, 0, 0, 1 }), 40);
	assert_map(&map, "@l:\n[3, ...)               1 |" FULL_BAR "|\n\n",
		   "{\"type\": \"hist\", \"data\": {\"@l\": [{\"min\": 3, \"count\": 1}]}}\n");
	memcpy(slot + 1, ((uint64_t[]){ 1, 0, 0, 0, 0 }), 40);
	assert_map(&map, "@l:\n(..., 0)               1 |" FULL_BAR "|\n\n",
		   "{\"type\": \"hist\", \"data\": {\"@l\": [{\"max\": -1, \"count\": 1}]}}\n");
	memcpy(slot + 1, ((uint64_t[]){ 0, 0, 1, 0, 0 }), 40);
	assert_map(&map, "@l:\n[1]                    1 |" FULL_BAR "|\n\n",
		   "{\"type\": \"hist\", \"data\": {\"@l\": [{\"min\": 1, \"max\": 1, \"count\": "
		   "1}]}}\n");
}

/* By total; the keys of equal ones in order. */
static void test_hist_order(void **state)
{
	struct shape value = agg_shape(AGG_HIST, 8 * hist_bucket_count(0), false);
	struct image_var var = {
		.name = "@k", .storage = STORAGE_PERCPU_HASH, .key = &shape_s8, .value = &value
	};
	uint64_t values[3][66] = { 0 };
	struct record_map map = {
		.var = &var, .keys = "\2\5\1", .values = values, .count = 3, .cpus = 1
	};

	(void)state;
	values[0][hist_bucket(4, 0)] = 2;
	values[1][hist_bucket(1, 0)] = 1;
	values[2][hist_bucket(1000000000000, 0)] = 1;
	assert_map(&map,
		   "@k[1]:\n[512G, 1T)             1 |" FULL_BAR "|\n\n"
		   "@k[5]:\n[1]                    1 |" FULL_BAR "|\n\n"
		   "@k[2]:\n[4, 8)                 2 |" FULL_BAR "|\n\n",
		   "{\"type\": \"hist\", \"data\": {\"@k\": {"
		   "\"1\": [{\"min\": 549755813888, \"max\": 1099511627775, \"count\": 1}], "
		   "\"5\": [{\"min\": 1, \"max\": 1, \"count\": 1}], "
		   "\"2\": [{\"min\": 4, \"max\": 7, \"count\": 2}]}}}\n");
	assert_top(&map, 2, 0,
		   "@k[5]:\n[1]                    1 |" FULL_BAR "|\n\n"
		   "@k[2]:\n[4, 8)                 2 |" FULL_BAR "|\n\n",
		   "{\"type\": \"hist\", \"data\": {\"@k\": {"
		   "\"5\": [{\"min\": 1, \"max\": 1, \"count\": 1}], "
		   "\"2\": [{\"min\": 4, \"max\": 7, \"count\": 2}]}}}\n");
}

#define TOP_LINE "|___________________________________________________|"

static void test_tseries(void **state)
{
	struct shape value = agg_shape(AGG_TSERIES, tseries_value_size(5), true);
	struct image_var var = {
		.name = "@t", .storage = STORAGE_PERCPU_HASH, .key = &shape_s8, .value = &value
	};
	struct tseries_slot slots[2][5] = { 0 };
	struct record_map map = {
		.var = &var, .keys = "\1", .values = slots, .count = 1, .cpus = 2
	};
	uint64_t epoch = 1700000000ull * 10; // tenths of a second

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	value.args[0] = 100000000;
	value.args[1] = 5;
	slots[0][0] = (struct tseries_slot){ 5, 1, epoch };
	assert_map(&map,
		   "@t[1]:\n"
		   "                   4                                                   6\n"
		   "hh:mm:ss.ns        " TOP_LINE "\n"
		   "22:13:20.000000000 |                         *                         | 5\n"
		   "                   v___________________________________________________v\n"
		   "                   4                                                   6\n\n",
		   "{\"type\": \"tseries\", \"data\": {\"@t\": {\"1\": [{\"interval_start\":"
		   "\"2023-11-14 22:13:20.000000000\",\"value\":5}]}}}\n");
	/* A gap, values of both signs; the later of two assignments; what is too old is gone. */
	slots[0][1] = (struct tseries_slot){ (uint64_t)-10, 1, epoch + 1 };
	slots[0][3] = (struct tseries_slot){ 1, 7, epoch + 3 };
	slots[1][3] = (struct tseries_slot){ 10, 8, epoch + 3 };
	slots[1][4] = (struct tseries_slot){ 99, 8, epoch - 2 };
	assert_map(&map,
		   "@t[1]:\n"
		   "             -10                                                10\n"
		   "hh:mm:ss.ms  " TOP_LINE "\n"
		   "22:13:20.000 |                         .            *            | 5\n"
		   "22:13:20.100 *                         .                         | -10\n"
		   "22:13:20.200 |                         .                         | -\n"
		   "22:13:20.300 |                         .                         * 10\n"
		   "             v___________________________________________________v\n"
		   "             -10                                                10\n\n",
		   "{\"type\": \"tseries\", \"data\": {\"@t\": {\"1\": [{\"interval_start\":"
		   "\"2023-11-14 22:13:20.000000000\",\"value\":5},{\"interval_start\":"
		   "\"2023-11-14 22:13:20.100000000\",\"value\":-10},{\"interval_start\":"
		   "\"2023-11-14 22:13:20.300000000\",\"value\":10}]}}}\n");
	memset(slots, 0, sizeof(slots));
	assert_map(&map, "@t[1]:\n<no data>\n",
		   "{\"type\": \"tseries\", \"data\": {\"@t\": {\"1\": []}}}\n");
}

/* Cgroups 1 and 2 are of one pod, before and after its container's restart; 3 is another's. */
static const char *name_of(void *ctx, uint64_t id, enum kube_name which)
{
	(void)ctx;
	(void)which;
	return id == 3 ? "alpha" : "shop";
}

static void assert_named(struct shape *value, const void *values, const char *expected)
{
	static const struct record_resolver resolver = { .kube = name_of };
	const struct record_env env = { .resolver = &resolver };
	static const struct shape pod = { .kind = SHAPE_KUBE, .size = 8, .mode = KUBE_POD };
	const struct shape_member members[] = { { .shape = &pod },
						{ .shape = &shape_u64, .offset = 8 } };
	struct shape key = { .kind = SHAPE_TUPLE, .size = 16, .count = 2, .members = members };
	struct image_var var = {
		.name = "@", .storage = STORAGE_PERCPU_HASH, .key = &key, .value = value
	};
	const uint64_t keys[] = { 1, 5, 3, 5, 2, 5, 2, 6 };
	struct record_map map = {
		.var = &var, .keys = keys, .values = values, .count = 4, .cpus = 1
	};
	struct capture c;

	capture_init(&c, &sink_text);
	record_map_print(&c.sink, &env, &map);
	assert_capture(&c, expected);
	capture_finish(&c);
}

static void test_names_are_one_key(void **state)
{
	struct shape count = agg_shape(AGG_COUNT, 8, false), avg = agg_shape(AGG_AVG, 16, true);
	struct shape stamp = { .kind = SHAPE_POINTER, .size = 8 };
	const uint64_t counts[] = { 10, 20, 3, 4 };
	const uint64_t averages[] = { 10, 1, 20, 1, 40, 4, 7, 1 };

	(void)state;
	assert_named(&count, counts, "@[shop, 6]: 4\n@[shop, 5]: 13\n@[alpha, 5]: 20\n");
	assert_named(&avg, averages, "@[shop, 6]: 7\n@[shop, 5]: 10\n@[alpha, 5]: 20\n");
	assert_named(&stamp, counts, "@[alpha, 5]: 0x14\n@[shop, 5]: 0x3\n@[shop, 6]: 0x4\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),        cmocka_unit_test(test_sum),
		cmocka_unit_test(test_min_max),      cmocka_unit_test(test_avg),
		cmocka_unit_test(test_stats),        cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_plain_values), cmocka_unit_test(test_hist),
		cmocka_unit_test(test_hist_bits),    cmocka_unit_test(test_hist_bucket),
		cmocka_unit_test(test_lhist),        cmocka_unit_test(test_hist_order),
		cmocka_unit_test(test_tseries),      cmocka_unit_test(test_names_are_one_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
