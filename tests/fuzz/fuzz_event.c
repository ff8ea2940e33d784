/*
 * Fuzz what is read from the kernel and from other nodes: records of events, raw maps, snapshots.
 *
 * The first byte chooses: a record for an image with one event of each kind, a map of one of some
 * shapes, or a snapshot, which must then print, and be what is written again.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record/hist.h"
#include "record/map.h"
#include "record/record.h"
#include "record/snapshot.h"
#include "record/tseries.h"

#define OUT_MAX      (4u << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct record_env env = { .boot_to_wall_ns = 1700000000000000000 };

static const struct shape u64 = { .kind = SHAPE_INT, .size = 8 };
static const struct shape s16 = { .kind = SHAPE_INT, .size = 2, .is_signed = true };
static const struct shape string = { .kind = SHAPE_STRING, .size = 6 };
static const struct shape buffer = { .kind = SHAPE_BUFFER, .size = 12 };
static const struct shape inet = { .kind = SHAPE_INET, .size = 20 };
static const struct shape mac = { .kind = SHAPE_MACADDR, .size = 6 };
static const struct shape usym = { .kind = SHAPE_USYM, .size = 16 };
static const struct shape stack = { .kind = SHAPE_USTACK, .size = 8, .limit = UINT32_MAX };
static const struct shape when = { .kind = SHAPE_TIMESTAMP, .size = 8, .format = "%H %f %k %l%%" };
static const struct shape probe = { .kind = SHAPE_PROBE, .size = 8 };
static const struct shape_name names[] = { { "ONE", 1 }, { "TWO", 2 } };
static const struct shape color = {
	.kind = SHAPE_ENUM, .size = 4, .count = 2, .names = names, .is_signed = true
};
static const struct shape array = { .kind = SHAPE_ARRAY, .size = 12, .count = 2, .elem = &string };
static const struct shape_member members[] = {
	{ .name = "a", .shape = &u64, .offset = 0 },
	{ .name = "b", .shape = &s16, .offset = 0, .bit_offset = 3, .bit_size = 5 },
	{ .name = "c", .shape = &string, .offset = 8 },
	{ .name = "d", .shape = &array, .offset = 14 },
	{ .name = "e", .shape = &color, .offset = 26 },
	{ .name = "f", .shape = &buffer, .offset = 30 },
	{ .name = "far", .shape = &u64, .offset = 40 }, // beyond the end
};
static const struct shape record = {
	.kind = SHAPE_STRUCT, .size = 42, .count = 7, .members = members
};

static const struct shape *const shapes[] = { &u64,   &s16,   &string, &buffer, &inet,
					      &mac,   &usym,  &when,   &probe,  &color,
					      &array, &stack, &record };

static const char *const conversions[] = { "d", "u", "x",  "X",  "o",  "c", "p",
					   "s", "r", "rx", "rh", "gr", "i" };

/* Every shape by every conversion, and one event of each other kind. */
static void fuzz_event(const uint8_t *data, size_t size)
{
	static struct image_format_part parts[COUNT(conversions) * 2];
	static struct image_event events[64];
	static struct image_arg args[COUNT(shapes)];
	static struct image_var vars[1] = { { .name = "@x" } };
	struct image image = { .events = events, .vars = vars, .var_count = 1 };
	struct buf out;
	struct sink sink = { .ops = data[0] & 1 ? &sink_text : &sink_json,
			     .out = &out,
			     .err = &out };
	struct record_todo todo;
	struct record r;
	char *copy;

	for (size_t i = 0; i < COUNT(conversions); i++) {
		parts[2 * i] = (struct image_format_part){ .text = "x", .text_len = 1 };
		parts[2 * i + 1] = (struct image_format_part){ .spec = i & 1 ? "%-09" : "%+#5",
							       .int_size = (uint8_t)i };
		memcpy(parts[2 * i + 1].conversion, conversions[i], strlen(conversions[i]) + 1);
	}
	for (size_t i = 0; i < COUNT(shapes); i++) {
		args[i] = (struct image_arg){ .offset = 8 + 3 * (uint32_t)i, .shape = shapes[i] };
		events[i] = (struct image_event){ .kind = EVENT_PRINTF,
						  .parts = parts,
						  .part_count = COUNT(parts),
						  .args = &args[i],
						  .arg_count = 1 };
		events[COUNT(shapes) + i] = (struct image_event){ .kind = EVENT_PRINT,
								  .args = &args[i],
								  .arg_count = 1 };
	}
	image.event_count = 2 * COUNT(shapes);
	for (int kind = 0; kind < EVENT_KIND_COUNT; kind++)
		events[image.event_count++] = (struct image_event){
			.kind = (enum event_kind)kind, .args = args, .arg_count = 2, .text = "%H"
		};
	buf_init(&out, OUT_MAX);
	/* Of exactly this size, so that reading beyond is seen. */
	copy = malloc(size);
	memcpy(copy, data, size);
	if (record_init(&r, &image, &env, &sink) == 0) {
		(void)record_event(&r, copy + 1, size - 1, &todo);
		record_finish(&r);
	}
	free(copy);
	buf_finish(&out);
}

static void print_both(struct record_table *t)
{
	struct buf out;
	struct sink sink = { .out = &out, .err = &out };

	buf_init(&out, OUT_MAX);
	sink.ops = &sink_text;
	sink.ops->map(&sink, t);
	sink.ops = &sink_json;
	sink.ops->map(&sink, t);
	buf_finish(&out);
}

/* What was read must be read again the same. */
static void check_snapshot(const char *line, size_t len)
{
	struct record_table t, again;
	struct arena arena;
	struct buf once, twice;

	arena_init(&arena);
	buf_init(&once, OUT_MAX);
	buf_init(&twice, OUT_MAX);
	if (snapshot_read(&t, &arena, line, len, NULL) == 0) {
		snapshot_write(&once, &t);
		if (!once.is_truncated) {
			assert(snapshot_read(&again, &arena, once.data, once.len, NULL) == 0);
			snapshot_write(&twice, &again);
			assert(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
			assert(table_merge(&again, &t, NULL) == 0);
			table_sort(&again, 0);
			print_both(&again);
		}
		table_sort(&t, 3);
		print_both(&t);
	}
	buf_finish(&once);
	buf_finish(&twice);
	arena_finish(&arena);
}

/* A map of two CPUs and as many entries as the bytes are enough for. */
static void fuzz_map(const uint8_t *data, size_t size)
{
	struct shape agg = { .kind = SHAPE_AGG, .agg = (enum shape_agg)(data[0] >> 4) };
	struct image_var var = { .name = "@x", .storage = STORAGE_PERCPU_HASH, .value = &agg };
	struct record_map map = { .var = &var, .keys = data + 2, .cpus = 2 };
	const struct shape *key = shapes[data[1] % COUNT(shapes)];
	struct record_table t;
	struct arena arena;
	struct buf line;
	size_t each;

	agg.size = agg.agg <= AGG_SUM ? 8 : 16;
	if (agg.agg == AGG_HIST)
		agg.size = 8 * hist_bucket_count(0);
	if (agg.agg == AGG_LHIST) {
		agg.args[1] = 4;
		agg.args[2] = 1;
		agg.size = 8 * lhist_bucket_count(0, 4, 1);
	}
	if (agg.agg == AGG_TSERIES) {
		agg.args[0] = 1000000000;
		agg.args[1] = 2;
		agg.args[2] = data[1] % (TSERIES_SUM + 1);
		agg.size = tseries_value_size(2);
	}
	if (agg.agg > AGG_TSERIES)
		var.value = shapes[data[0] % COUNT(shapes)];
	var.key = key;
	each = key->size + 2 * ((var.value->size + 7) & ~7u);
	map.count = (size - 2) / each;
	map.values = data + 2 + map.count * key->size;
	arena_init(&arena);
	buf_init(&line, OUT_MAX);
	table_read(&t, &arena, &env, &map);
	/* Times that are no numbers of ns are refused when they are read. */
	snapshot_write(&line, &t);
	table_sort(&t, 0);
	print_both(&t);
	check_snapshot(buf_cstr(&line), line.len);
	buf_finish(&line);
	arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy;

	if (size < 3)
		return 0;
	copy = malloc(size);
	memcpy(copy, data, size);
	switch (data[0] & 3) {
	case 0:
	case 1: fuzz_event(data, size); break;
	case 2: fuzz_map((const uint8_t *)copy, size); break;
	default: check_snapshot(copy + 1, size - 1);
	}
	free(copy);
	return 0;
}
