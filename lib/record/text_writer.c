/*
 * Values as text: { .a = 1 }, (1, 2), [1,2].
 */
#include <string.h>

#include "record/num.h"
#include "record/value.h"
#include "record/writer.h"

static struct text_writer *text_writer_of(struct writer *w)
{
	return (struct text_writer *)w;
}

void text_writer_put(struct text_writer *w, const char *text, size_t len)
{
	size_t pad = w->width > len ? w->width - len : 0;

	w->width = 0;
	if (pad && !w->is_left)
		buf_fill(w->base.out, w->fill, pad);
	buf_append(w->base.out, text, len);
	if (pad && w->is_left)
		buf_fill(w->base.out, w->fill, pad);
}

static void put(struct writer *w, const char *text)
{
	text_writer_put(text_writer_of(w), text, strlen(text));
}

static void text_null(struct writer *w)
{
	put(w, "null");
}

static void text_boolean(struct writer *w, bool value)
{
	put(w, value ? "true" : "false");
}

static void text_integer(struct writer *w, uint64_t value, bool is_signed)
{
	char text[1 + NUM_MAX];
	size_t len = 0;

	if (text_writer_of(w)->show_plus && is_signed && (int64_t)value >= 0)
		text[len++] = '+';
	if (is_signed)
		len += num_format_s64(text + len, (int64_t)value);
	else
		len += num_format_u64(text + len, value);
	text_writer_put(text_writer_of(w), text, len);
}

static void text_symbol(struct writer *w, const char *text, size_t len, uint64_t value)
{
	(void)value;
	text_writer_put(text_writer_of(w), text, len);
}

static void text_text(struct writer *w, const char *text, size_t len)
{
	text_writer_put(text_writer_of(w), text, len);
}

static void text_buffer(struct writer *w, const void *data, size_t len)
{
	struct text_writer *t = text_writer_of(w);
	size_t begin = w->out->len, written, pad;

	value_put_buffer(w->out, data, len, true, true);
	written = w->out->len - begin;
	pad = t->width > written ? t->width - written : 0;
	t->width = 0;
	if (pad == 0)
		return;
	buf_fill(w->out, t->fill, pad);
	if (!t->is_left && !w->out->is_truncated) {
		memmove(w->out->data + begin + pad, w->out->data + begin, written);
		memset(w->out->data + begin, t->fill, pad);
	}
}

static void text_open(struct writer *w, enum group group, size_t count)
{
	static const char *const open[] = { "[", "(", "{ " };

	put(w, group == GROUP_STRUCT && count == 0 ? "{" : open[group]);
}

static void text_item(struct writer *w, enum group group, size_t index, const char *name,
		      size_t name_len)
{
	if (index)
		put(w, group == GROUP_ARRAY ? "," : ", ");
	if (group != GROUP_STRUCT)
		return;
	put(w, ".");
	text_writer_put(text_writer_of(w), name, name_len);
	put(w, " = ");
}

static void text_close(struct writer *w, enum group group, size_t count)
{
	static const char *const close[] = { "]", ")", " }" };

	put(w, group == GROUP_STRUCT && count == 0 ? "}" : close[group]);
}

static const struct writer_ops text_writer = {
	.null = text_null,
	.boolean = text_boolean,
	.integer = text_integer,
	.symbol = text_symbol,
	.text = text_text,
	.buffer = text_buffer,
	.open = text_open,
	.item = text_item,
	.close = text_close,
};

void text_writer_init(struct text_writer *w, struct buf *out)
{
	*w = (struct text_writer){ .base = { .ops = &text_writer, .out = out }, .fill = ' ' };
}
