#include "record/order.h"

#include <string.h>

#include "record/num.h"
#include "record/value.h"

/* Integers: big-endian, the sign bit turned over. */
static void put_integer(struct buf *out, uint64_t value, bool is_signed)
{
	unsigned char bytes[8];

	value ^= (uint64_t)is_signed << 63;
	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(value >> (56 - 8 * i));
	buf_append(out, bytes, 8);
}

/* Bytes: a NUL inside is 00 01, the end is 00 00, so that a prefix comes first. */
static void put_bytes(struct buf *out, const char *data, size_t len)
{
	size_t plain = 0;

	for (size_t i = 0; i < len; i++) {
		if (data[i])
			continue;
		buf_append(out, data + plain, i - plain);
		buf_append(out, "\0\1", 2);
		plain = i + 1;
	}
	buf_append(out, data + plain, len - plain);
	buf_append(out, "\0\0", 2);
}

static void put_member(struct buf *out, const struct shape_member *m, const char *data)
{
	uint64_t bits;

	if (m->bit_size == 0) {
		order_put(out, m->shape, data);
		return;
	}
	bits = num_load(data, m->shape->size, false) >> (m->bit_offset & 63);
	put_integer(out, m->bit_size < 64 ? bits & ((1ull << m->bit_size) - 1) : bits, true);
}

void order_put(struct buf *out, const struct shape *shape, const void *data)
{
	const char *p = data;
	size_t len;

	switch (shape->kind) {
	case SHAPE_INT:
	case SHAPE_ENUM: put_integer(out, num_load(p, shape->size, true), true); break;
	case SHAPE_BOOL:
	case SHAPE_POINTER: put_integer(out, num_load(p, shape->size, false), false); break;
	case SHAPE_STRING: put_bytes(out, p, strnlen(p, shape->size)); break;
	case SHAPE_BUFFER:
		len = shape->size >= 4 ? num_load(p, 4, false) : 0;
		if (shape->size >= 4)
			put_bytes(out, p + 4, len < shape->size - 4 ? len : shape->size - 4);
		break;
	case SHAPE_ARRAY:
		for (uint32_t i = 0; shape->elem && i < shape->count; i++) {
			if ((uint64_t)(i + 1) * shape->elem->size <= shape->size)
				order_put(out, shape->elem, p + (size_t)i * shape->elem->size);
		}
		break;
	case SHAPE_TUPLE:
	case SHAPE_STRUCT:
		for (uint32_t i = 0; i < shape->count; i++) {
			const struct shape_member *m = &shape->members[i];

			if (m->offset <= shape->size && m->shape->size <= shape->size - m->offset)
				put_member(out, m, p + m->offset);
		}
		break;
	default:
		if (shape->size == 8)
			put_integer(out, num_load(p, 8, false), false);
		else
			buf_append(out, p, shape->size);
	}
}

static void order_null(struct writer *w)
{
	(void)w;
}

static void order_boolean(struct writer *w, bool value)
{
	put_integer(w->out, value, false);
}

static void order_integer(struct writer *w, uint64_t value, bool is_signed)
{
	(void)is_signed;
	put_integer(w->out, value, true);
}

static void order_symbol(struct writer *w, const char *text, size_t len, uint64_t value)
{
	(void)text;
	(void)len;
	put_integer(w->out, value, false);
}

static void order_text(struct writer *w, const char *text, size_t len)
{
	put_bytes(w->out, text, len);
}

static void order_buffer(struct writer *w, const void *data, size_t len)
{
	put_bytes(w->out, data, len);
}

static void order_open(struct writer *w, enum group group, size_t count)
{
	(void)w;
	(void)group;
	(void)count;
}

static void order_item(struct writer *w, enum group group, size_t index, const char *name,
		       size_t name_len)
{
	(void)w;
	(void)group;
	(void)index;
	(void)name;
	(void)name_len;
}

const struct writer_ops order_writer = {
	.null = order_null,
	.boolean = order_boolean,
	.integer = order_integer,
	.symbol = order_symbol,
	.text = order_text,
	.buffer = order_buffer,
	.open = order_open,
	.item = order_item,
	.close = order_open,
};
