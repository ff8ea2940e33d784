/*
 * Values: from the bytes that left the kernel, by their shape.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "record/resolver.h"
#include "record/shape.h"
#include "record/writer.h"
#include "util/buf.h"

struct record_value;

/* The latest second that was printed, and how: events come in bursts. */
struct value_time {
	const char *format;
	int64_t second;
	struct tm tm;
	char text[64];
	size_t len; // 0: text is not of this second and format
};

/* Walks values; reusable, so that one buffer serves all of them. */
struct value_walker {
	const struct record_env *env;
	uint32_t div;       // integers are divided by it; 1
	struct buf scratch; // text of symbols, stacks, times
	struct value_time time;
};

void value_walker_init(struct value_walker *v, const struct record_env *env);
void value_walker_finish(struct value_walker *v);

/* Tell @w the value at @data.  Where @size is less than the shape's, null. */
void value_walk(struct value_walker *v, struct writer *w, const struct shape *shape,
		const void *data, size_t size);
/* The same for a raw or serialised value. */
void value_write(struct value_walker *v, struct writer *w, const struct record_value *value);

/* The length of the string in a field of @size bytes. */
size_t value_string_len(const char *data, size_t size);
/* The integer in a shape of kind INT, BOOL, ENUM, POINTER, … (its first 8 bytes at most). */
uint64_t value_integer(const struct shape *shape, const void *data);

/* Text of a buffer: "ab\x00"; without @keep_ascii "\x61\x62"; without @escape "61 62". */
void value_put_buffer(struct buf *out, const void *data, size_t len, bool keep_ascii, bool escape);
