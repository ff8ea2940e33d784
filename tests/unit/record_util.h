/*
 * What the tests of lib/record share: shapes, and values and maps as text.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "record/map.h"
#include "record/record.h"
#include "record/shape.h"
#include "record/sink.h"
#include "record/value.h"
#include "util/buf.h"

#define OUT_MAX      (1u << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct shape shape_s8 = { .kind = SHAPE_INT, .size = 1, .is_signed = true };
static const struct shape shape_u8 = { .kind = SHAPE_INT, .size = 1 };
static const struct shape shape_s32 = { .kind = SHAPE_INT, .size = 4, .is_signed = true };
static const struct shape shape_u32 = { .kind = SHAPE_INT, .size = 4 };
static const struct shape shape_s64 = { .kind = SHAPE_INT, .size = 8, .is_signed = true };
static const struct shape shape_u64 = { .kind = SHAPE_INT, .size = 8 };
static const struct shape shape_bool = { .kind = SHAPE_BOOL, .size = 1 };
static const struct shape shape_pointer = { .kind = SHAPE_POINTER, .size = 8 };
static const struct shape shape_string8 = { .kind = SHAPE_STRING, .size = 8 };
static const struct shape shape_buffer = { .kind = SHAPE_BUFFER, .size = 12 };

/* Not every test uses every one. */
static inline void use_shapes(void)
{
	(void)shape_s8;
	(void)shape_u8;
	(void)shape_s32;
	(void)shape_u32;
	(void)shape_s64;
	(void)shape_u64;
	(void)shape_bool;
	(void)shape_pointer;
	(void)shape_string8;
	(void)shape_buffer;
}

/* Output of one sink; out and err apart. */
struct capture {
	struct buf out, err;
	struct sink sink;
};

static inline void capture_init(struct capture *c, const struct sink_ops *ops)
{
	buf_init(&c->out, OUT_MAX);
	buf_init(&c->err, OUT_MAX);
	c->sink = (struct sink){ .ops = ops, .out = &c->out, .err = &c->err };
}

static inline void capture_finish(struct capture *c)
{
	buf_finish(&c->out);
	buf_finish(&c->err);
}

static inline void assert_capture(struct capture *c, const char *expected)
{
	assert_string_equal(buf_cstr(&c->out), expected);
	buf_clear(&c->out);
}

static inline void assert_value(const struct record_env *env, const struct shape *shape,
				const void *data, const char *text, const char *json)
{
	struct record_value value = {
		.env = env, .shape = shape, .data = data, .size = shape->size
	};
	struct value_walker walker;
	struct capture c;

	value_walker_init(&walker, env);
	capture_init(&c, &sink_text);
	c.sink.ops->value(&c.sink, &walker, &value);
	assert_int_equal(c.out.data[c.out.len - 1], '\n');
	c.out.data[c.out.len - 1] = '\0';
	assert_string_equal(c.out.data, text);
	capture_finish(&c);

	capture_init(&c, &sink_json);
	c.sink.ops->value(&c.sink, &walker, &value);
	assert_memory_equal(c.out.data, "{\"type\": \"value\", \"data\": ", 26);
	assert_string_equal(c.out.data + c.out.len - 2, "}\n");
	c.out.data[c.out.len - 2] = '\0';
	assert_string_equal(c.out.data + 26, json);
	capture_finish(&c);
	value_walker_finish(&walker);
}
