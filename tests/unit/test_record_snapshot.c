/*
 * Snapshots: what is read back prints like what was written; maps of nodes merge exactly; nothing
 * hostile gets through.
 */
#include "record_util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "record/hist.h"
#include "record/snapshot.h"
#include "record/tseries.h"

static const struct record_env plain_env;

static void put_snapshot(struct buf *out, const struct record_map *map)
{
	struct record_table table;
	struct arena arena;

	arena_init(&arena);
	table_read(&table, &arena, &plain_env, map);
	snapshot_write(out, &table);
	arena_finish(&arena);
}

static void read_snapshot(struct record_table *t, struct arena *a, const char *line)
{
	struct err err = { 0 };

	if (snapshot_read(t, a, line, strlen(line), &err) < 0)
		fail_msg("%s: %s", err.msg, line);
}

static void assert_printed(struct record_table *t, const char *text, const char *json)
{
	struct capture c;

	capture_init(&c, &sink_text);
	table_sort(t, 0);
	c.sink.ops->map(&c.sink, t);
	assert_capture(&c, text);
	c.sink.ops = &sink_json;
	c.sink.ops->map(&c.sink, t);
	assert_capture(&c, json);
	capture_finish(&c);
}

/* Write, compare with @line, read, write again, and print as the map itself is printed. */
static void assert_round_trip(const struct record_map *map, const char *line)
{
	struct capture direct;
	struct record_table t;
	struct arena arena;
	struct buf out;

	buf_init(&out, OUT_MAX);
	arena_init(&arena);
	put_snapshot(&out, map);
	assert_string_equal(buf_cstr(&out), line);
	read_snapshot(&t, &arena, line);
	buf_clear(&out);
	snapshot_write(&out, &t);
	assert_string_equal(buf_cstr(&out), line);

	capture_init(&direct, &sink_text);
	record_map_print(&direct.sink, &plain_env, map);
	buf_clear(&out);
	direct.sink.ops = &sink_json;
	direct.sink.out = &out;
	record_map_print(&direct.sink, &plain_env, map);
	assert_printed(&t, buf_cstr(&direct.out), buf_cstr(&out));
	capture_finish(&direct);
	buf_finish(&out);
	arena_finish(&arena);
}

static void test_plain_values(void **state)
{
	static const struct shape_name names[] = { { "ONE", 1 } };
	static const struct shape color = {
		.kind = SHAPE_ENUM, .size = 4, .count = 1, .names = names
	};
	static const struct shape pair = {
		.kind = SHAPE_ARRAY, .size = 2, .count = 2, .elem = &shape_u8
	};
	static const struct shape_member key_members[] = {
		{ .shape = &shape_s8, .offset = 0 }, { .shape = &shape_string8, .offset = 1 }
	};
	static const struct shape key = {
		.kind = SHAPE_TUPLE, .size = 9, .count = 2, .members = key_members
	};
	static const struct shape empty = { .kind = SHAPE_STRUCT };
	static const struct shape_member members[] = {
		{ .name = "b", .shape = &shape_bool, .offset = 0 },
		{ .name = "p", .shape = &shape_pointer, .offset = 1 },
		{ .name = "e", .shape = &color, .offset = 9 },
		{ .name = "a", .shape = &pair, .offset = 13 },
		{ .name = "u", .shape = &shape_u64, .offset = 15 },
		{ .name = "x", .shape = &shape_buffer, .offset = 23 },
		{ .name = "z", .shape = &empty, .offset = 35 },
	};
	static const struct shape value = {
		.kind = SHAPE_STRUCT, .size = 35, .count = 7, .members = members
	};
	struct image_var var = {
		.name = "@v", .storage = STORAGE_HASH, .key = &key, .value = &value
	};
	struct record_map map = {
		.var = &var,
		.keys = "\2a\"b\xff\0\0\0\0\1a b\0\0\0\0\0",
		.values = "\1\x10\0\0\0\0\0\0\0\1\0\0\0\3\4\xff\xff\xff\xff\xff\xff\xff\xff"
			  "\2\0\0\0q\xff\0\0\0\0\0\0"
			  "\0\0\0\0\0\0\0\0\0\2\0\0\0\3\4\0\0\0\0\0\0\0\0"
			  "\0\0\0\0\0\0\0\0\0\0\0\0",
		.count = 2,
	};

	(void)state;
	use_shapes();
	assert_round_trip(
		&map, "{\"v\":1,\"map\":\"@v\",\"keyed\":true,\"entries\":["
		      "{\"k\":{\"t\":[2,{\"b\":\"612262ff\"}]},\"d\":{\"r\":[[\"b\",true],"
		      "[\"p\",{\"y\":[\"0x10\",16]}],[\"e\",{\"y\":[\"ONE\",1]}],"
		      "[\"a\",{\"a\":[{\"u\":3},{\"u\":4}]}],[\"u\",{\"u\":18446744073709551615}],"
		      "[\"x\",{\"x\":\"71ff\"}],[\"z\",{\"r\":[]}]]}},"
		      "{\"k\":{\"t\":[1,\"a b\"]},\"d\":{\"r\":[[\"b\",false],"
		      "[\"p\",{\"y\":[\"0x0\",0]}],[\"e\",{\"y\":[\"2\",2]}],"
		      "[\"a\",{\"a\":[{\"u\":3},{\"u\":4}]}],[\"u\",{\"u\":0}],"
		      "[\"x\",{\"x\":\"\"}],[\"z\",{\"r\":[]}]]}}]}\n");
}

static void test_aggregations(void **state)
{
	struct shape value = { .kind = SHAPE_AGG, .agg = AGG_SUM, .size = 8, .is_signed = true };
	struct image_var var = {
		.name = "@s", .storage = STORAGE_PERCPU_HASH, .key = &shape_s32, .value = &value
	};
	int64_t values[8] = { -5, 7, 3, 4 };
	int32_t keys[] = { 10, -10 };
	uint64_t slot[67] = { 1, 3, [6] = 2 };
	struct record_map map = {
		.var = &var, .keys = keys, .values = values, .count = 2, .cpus = 1
	};

	(void)state;
	assert_round_trip(&map, "{\"v\":1,\"map\":\"@s\",\"agg\":\"sum\",\"signed\":true,"
				"\"args\":[0,0,0,0],\"keyed\":true,\"entries\":["
				"{\"k\":10,\"n\":[18446744073709551611,0]},"
				"{\"k\":-10,\"n\":[7,0]}]}\n");
	value = (struct shape){ .kind = SHAPE_AGG, .agg = AGG_STATS, .size = 16 };
	assert_round_trip(&map, "{\"v\":1,\"map\":\"@s\",\"agg\":\"stats\",\"signed\":false,"
				"\"args\":[0,0,0,0],\"keyed\":true,\"entries\":["
				"{\"k\":10,\"n\":[18446744073709551611,7]},"
				"{\"k\":-10,\"n\":[3,4]}]}\n");
	value = (struct shape){ .kind = SHAPE_AGG, .agg = AGG_HIST, .size = 66 * 8 };
	var = (struct image_var){ .name = "@h", .storage = STORAGE_GLOBAL, .value = &value };
	map = (struct record_map){ .var = &var, .values = slot, .count = 1 };
	assert_round_trip(&map, "{\"v\":1,\"map\":\"@h\",\"agg\":\"hist\",\"signed\":false,"
				"\"args\":[0,0,0,0],\"keyed\":false,\"entries\":["
				"{\"b\":[[0,3],[5,2]]}]}\n");
	value = shape_s32;
	slot[1] = 0xfffffffe;
	assert_round_trip(&map, "{\"v\":1,\"map\":\"@h\",\"agg\":\"int\",\"signed\":true,"
				"\"args\":[0,0,0,0],\"keyed\":false,\"entries\":["
				"{\"n\":[18446744073709551614,0]}]}\n");
	slot[0] = 0;
	assert_round_trip(&map, "{\"v\":1,\"map\":\"@h\",\"agg\":\"int\",\"signed\":true,"
				"\"args\":[0,0,0,0],\"keyed\":false,\"entries\":[]}\n");
}

#define HEAD(agg, is_signed, args, keyed)                                                          \
	"{\"v\":1,\"map\":\"@x\",\"agg\":\"" agg "\",\"signed\":" is_signed ",\"args\":[" args     \
	"],\"keyed\":" keyed ",\"entries\":["

static void assert_merged(const char *const *lines, size_t count, const char *text)
{
	struct record_table first, next;
	struct err err = { 0 };
	struct capture c;
	struct arena arena;

	arena_init(&arena);
	read_snapshot(&first, &arena, lines[0]);
	for (size_t i = 1; i < count; i++) {
		read_snapshot(&next, &arena, lines[i]);
		if (table_merge(&first, &next, &err) < 0)
			fail_msg("%s", err.msg);
	}
	capture_init(&c, &sink_text);
	table_sort(&first, 0);
	c.sink.ops->map(&c.sink, &first);
	assert_capture(&c, text);
	capture_finish(&c);
	arena_finish(&arena);
}

static void test_merge(void **state)
{
	static const char *const counts[] = {
		HEAD("count", "false", "0,0,0,0",
		     "true") "{\"k\":\"a\",\"n\":[5,0]},{\"k\":\"b\",\"n\":[1,0]}]}",
		HEAD("count", "false", "0,0,0,0", "true") "]}",
		HEAD("count", "false", "0,0,0,0",
		     "true") "{\"k\":\"c\",\"n\":[4,0]},{\"k\":\"b\",\"n\":[2,0]}]}",
		HEAD("count", "false", "0,0,0,0", "true") "{\"k\":\"c\",\"n\":[4,0]}]}",
	};
	static const char *const mins[] = {
		HEAD("min", "true", "0,0,0,0", "false") "]}",
		HEAD("min", "true", "0,0,0,0", "false") "{\"n\":[5,1]}]}",
		HEAD("min", "true", "0,0,0,0", "false") "{\"n\":[18446744073709551614,1]}]}",
		HEAD("min", "true", "0,0,0,0", "false") "{\"n\":[0,0]}]}",
	};
	static const char *const maxes[] = {
		HEAD("max", "false", "0,0,0,0", "false") "{\"n\":[5,1]}]}",
		HEAD("max", "false", "0,0,0,0", "false") "{\"n\":[18446744073709551614,1]}]}",
	};
	static const char *const averages[] = {
		HEAD("stats", "true", "0,0,0,0", "false") "{\"n\":[10,1]}]}",
		HEAD("stats", "true", "0,0,0,0", "false") "{\"n\":[18446744073709551614,3]}]}",
	};
	static const char *const hists[] = {
		HEAD("hist", "false", "0,0,0,0", "false") "{\"b\":[[1,1],[3,1]]}]}",
		HEAD("hist", "false", "0,0,0,0", "false") "{\"b\":[[0,2],[3,1],[4,2]]}]}",
	};
	static const char *const plain[] = {
		"{\"v\":1,\"map\":\"@x\",\"keyed\":false,\"entries\":[{\"d\":\"one\"}]}",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":false,\"entries\":[{\"d\":\"two\"}]}",
	};

	(void)state;
	assert_merged(counts, COUNT(counts), "@x[b]: 3\n@x[a]: 5\n@x[c]: 8\n");
	assert_merged(mins, COUNT(mins), "@x: -2\n");
	assert_merged(maxes, COUNT(maxes), "@x: 18446744073709551614\n");
	assert_merged(averages, COUNT(averages), "@x: { .count = 4, .average = 2, .total = 8 }\n");
	assert_merged(
		hists, COUNT(hists),
		"@x:\n"
		"(..., 0)               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
		"[0]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
		"[1]                    0 |                                                    |\n"
		"[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
		"[4, 8)                 2 "
		"|@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n\n");
	assert_merged(plain, COUNT(plain), "@x: two\n");
}

static void test_merge_tseries(void **state)
{
	static const char *const lines[] = {
		HEAD("tseries", "true", "1000000000,3,1,0",
		     "false") "{\"b\":[[1700000000,10,2],[1700000002,4,4]]}]}",
		HEAD("tseries", "true", "1000000000,3,1,0",
		     "false") "{\"b\":[[1700000000,2,1],[1700000003,6,1]]}]}",
	};
	struct record_table into, from;
	struct arena arena;

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	arena_init(&arena);
	read_snapshot(&into, &arena, lines[0]);
	read_snapshot(&from, &arena, lines[1]);
	assert_int_equal(table_merge(&into, &from, NULL), 0);
	assert_int_equal(into.last_epoch, 1700000003);
	assert_int_equal(into.entries[0].bucket_count, 3);
	assert_int_equal(into.entries[0].buckets[0].value, 12);
	assert_int_equal(into.entries[0].buckets[0].meta, 3);
	assert_printed(&into,
		       "@x:\n"
		       "         1                                                   6\n"
		       "hh:mm:ss |___________________________________________________|\n"
		       "22:13:22 *                                                   | 1\n"
		       "22:13:23 |                                                   * 6\n"
		       "         v___________________________________________________v\n"
		       "         1                                                   6\n\n",
		       "{\"type\": \"tseries\", \"data\": {\"@x\": ["
		       "{\"interval_start\":\"2023-11-14 22:13:22.000000000\",\"value\":1},"
		       "{\"interval_start\":\"2023-11-14 22:13:23.000000000\",\"value\":6}]}}\n");
	arena_finish(&arena);
}

static void test_merge_many(void **state)
{
	struct record_table into, from;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (int node = 0; node < 100; node++) {
		struct buf line;

		buf_init(&line, OUT_MAX);
		buf_puts(&line, HEAD("count", "false", "0,0,0,0", "true"));
		for (int key = 0; key < 50; key++)
			buf_printf(&line, "%s{\"k\":%d,\"n\":[1,0]}", key ? "," : "", node + key);
		buf_puts(&line, "]}");
		read_snapshot(node ? &from : &into, &arena, buf_cstr(&line));
		if (node)
			assert_int_equal(table_merge(&into, &from, NULL), 0);
		buf_finish(&line);
	}
	assert_int_equal(into.count, 149);
	table_sort(&into, 0);
	assert_int_equal(into.entries[148].number.total, 50);
	assert_int_equal(into.entries[0].number.total, 1);
	arena_finish(&arena);
}

static void test_merge_refused(void **state)
{
	static const char *const others[] = {
		"{\"v\":1,\"map\":\"@y\",\"keyed\":true,\"entries\":[]}",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":false,\"entries\":[]}",
		HEAD("count", "false", "0,0,0,0", "true") "]}",
		HEAD("hist", "false", "1,0,0,0", "false") "]}",
	};
	struct record_table x, hist, other;
	struct arena arena;
	struct err err;

	(void)state;
	arena_init(&arena);
	read_snapshot(&x, &arena, "{\"v\":1,\"map\":\"@x\",\"keyed\":true,\"entries\":[]}");
	read_snapshot(&hist, &arena, HEAD("hist", "false", "0,0,0,0", "false") "]}");
	for (size_t i = 0; i < COUNT(others); i++) {
		read_snapshot(&other, &arena, others[i]);
		assert_int_equal(table_merge(&x, &other, &err), -EINVAL);
		assert_int_equal(table_merge(&hist, &other, &err), -EINVAL);
	}
	arena_finish(&arena);
}

static void test_hostile(void **state)
{
	static const char *const lines[] = {
		"",
		"{",
		"null",
		"{\"v\":2,\"map\":\"@x\",\"keyed\":true,\"entries\":[]}",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":true,\"entries\":[]} x",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":true,\"entries\":[{}]}",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":true,\"entries\":[{\"k\":1,\"n\":[1,2]}]}",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":true,\"entries\":[{\"k\":1.5,\"d\":1}]}",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":true,\"entries\":[{\"k\":{\"q\":1},\"d\":1}]}",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":true,\"entries\":[{\"k\":{\"x\":\"0\"},\"d\":1}]"
		"}",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":true,\"entries\":[{\"k\":{\"x\":\"0g\"},\"d\":1}"
		"]}",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":true,\"entries\":[{\"k\":\"\\q\",\"d\":1}]}",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":true,\"entries\":[{\"k\":{\"r\":[1]},\"d\":1}]}",
		"{\"v\":1,\"map\":\"@x\",\"keyed\":false,\"entries\":[{\"d\":1},{\"d\":2}]}",
		HEAD("nonsense", "false", "0,0,0,0", "false") "]}",
		HEAD("count", "false", "0,0,0", "false") "]}",
		HEAD("count", "false", "0,0,0,0", "false") "{\"n\":[18446744073709551616,0]}]}",
		HEAD("count", "false", "0,0,0,0", "false") "{\"n\":[-1,0]}]}",
		HEAD("hist", "false", "6,0,0,0", "false") "]}",
		HEAD("hist", "false", "-1,0,0,0", "false") "]}",
		HEAD("hist", "false", "0,0,0,0", "false") "{\"b\":[[66,1]]}]}",
		HEAD("hist", "false", "0,0,0,0", "false") "{\"b\":[[5,1],[4,1]]}]}",
		HEAD("hist", "false", "0,0,0,0", "false") "{\"b\":[[5,1],[5,1]]}]}",
		HEAD("lhist", "false", "0,10,0,0", "false") "]}",
		HEAD("lhist", "false", "0,9223372036854775807,1,0", "false") "]}",
		HEAD("lhist", "false", "10,0,1,0", "false") "]}",
		HEAD("lhist", "false", "0,10,1,0", "false") "{\"b\":[[12,1]]}]}",
		HEAD("tseries", "false", "0,3,0,0", "false") "]}",
		HEAD("tseries", "false", "1,3,9,0", "false") "]}",
		HEAD("tseries", "false", "1000,3,0,0", "false") "{\"b\":[[0,1,1]]}]}",
		HEAD("tseries", "false", "1000,3,0,0",
		     "false") "{\"b\":[[9223372036854775807,1,1]]}]}",
	};
	struct record_table t;
	struct buf deep;
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct arena arena;

		arena_init(&arena);
		if (snapshot_read(&t, &arena, lines[i], strlen(lines[i]), &err) != -EINVAL)
			fail_msg("accepted: %s", lines[i]);
		arena_finish(&arena);
	}
	buf_init(&deep, OUT_MAX);
	buf_puts(&deep, "{\"v\":1,\"map\":\"@x\",\"keyed\":false,\"entries\":[{\"d\":");
	for (int i = 0; i < 10000; i++)
		buf_puts(&deep, "{\"a\":[");
	for (size_t len = 0; len < 2; len++) {
		struct arena arena;

		arena_init(&arena);
		assert_int_equal(snapshot_read(&t, &arena, deep.data, deep.len, &err), -EINVAL);
		arena_finish(&arena);
	}
	buf_finish(&deep);
}

/* A good line cut anywhere is none. */
static void test_cut(void **state)
{
	static const char line[] = HEAD("lhist", "false", "0,10,1,0",
					"true") "{\"k\":{\"t\":[1,\"x\\u00e9\",{\"u\":3},{\"y\":["
						"\"A\",1]},null,true]},\"b\":[[1,2]]}]}";
	struct record_table t;

	(void)state;
	for (size_t len = 0; len < sizeof(line) - 1; len++) {
		struct arena arena;

		arena_init(&arena);
		assert_int_equal(snapshot_read(&t, &arena, line, len, NULL), -EINVAL);
		arena_finish(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_values), cmocka_unit_test(test_aggregations),
		cmocka_unit_test(test_merge),        cmocka_unit_test(test_merge_tseries),
		cmocka_unit_test(test_merge_many),   cmocka_unit_test(test_merge_refused),
		cmocka_unit_test(test_hostile),      cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
