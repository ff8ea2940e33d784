/*
 * Writers: a value is walked once, and a writer makes text, JSON or a snapshot of what it is told.
 *
 *     (1, { .a = "x" })  is  open(TUPLE, 2) item(0) integer(1) item(1) open(STRUCT, 1) item(0, "a")
 *                            text("x") close(STRUCT) close(TUPLE)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

enum group { GROUP_ARRAY, GROUP_TUPLE, GROUP_STRUCT };

struct writer;

struct writer_ops {
	void (*null)(struct writer *w);
	void (*boolean)(struct writer *w, bool value);
	void (*integer)(struct writer *w, uint64_t value, bool is_signed);
	/* A number that people read as a word: enumerators, pointers. */
	void (*symbol)(struct writer *w, const char *text, size_t len, uint64_t value);
	void (*text)(struct writer *w, const char *text, size_t len);
	void (*buffer)(struct writer *w, const void *data, size_t len);
	/* @count: 0 of an empty group, else anything. */
	void (*open)(struct writer *w, enum group group, size_t count);
	void (*item)(struct writer *w, enum group group, size_t index, const char *name,
		     size_t name_len);
	void (*close)(struct writer *w, enum group group, size_t count);
};

struct writer {
	const struct writer_ops *ops;
	struct buf *out;
};

/*
 * Text as bpftrace prints it.  Width, fill and alignment are those of a printf conversion; as
 * there, they apply to the first piece only: "%6s" of (1, 2) is "     (1, 2)".
 */
struct text_writer {
	struct writer base;
	uint32_t width;
	char fill;
	bool is_left;
	bool show_plus;
};

void text_writer_init(struct text_writer *w, struct buf *out);
/* A piece of text with the writer's padding. */
void text_writer_put(struct text_writer *w, const char *text, size_t len);

extern const struct writer_ops json_writer;
/* A JSON string, quotes included; bytes that are not UTF-8 become \u00XX. */
void json_put_string(struct buf *out, const char *text, size_t len);
bool json_is_utf8(const char *text, size_t len);
/* A JSON number, in quotes where a double can't hold it exactly. */
void json_put_number(struct buf *out, uint64_t value, bool is_signed);
