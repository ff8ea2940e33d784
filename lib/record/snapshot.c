#include "record/snapshot.h"

#include <errno.h>
#include <string.h>

#include "record/agg.h"
#include "record/num.h"
#include "record/value.h"

static void put_hex_object(struct buf *out, const char *name, const char *data, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	buf_printf(out, "{\"%s\":\"", name);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];

		buf_putc(out, hex[c >> 4]);
		buf_putc(out, hex[c & 15]);
	}
	buf_puts(out, "\"}");
}

static void snapshot_null(struct writer *w)
{
	buf_puts(w->out, "null");
}

static void snapshot_boolean(struct writer *w, bool value)
{
	buf_puts(w->out, value ? "true" : "false");
}

static void snapshot_integer(struct writer *w, uint64_t value, bool is_signed)
{
	if (is_signed) {
		num_put_s64(w->out, (int64_t)value);
		return;
	}
	buf_puts(w->out, "{\"u\":");
	num_put_u64(w->out, value);
	buf_putc(w->out, '}');
}

static void snapshot_symbol(struct writer *w, const char *text, size_t len, uint64_t value)
{
	buf_puts(w->out, "{\"y\":[");
	json_put_string(w->out, text, len);
	buf_putc(w->out, ',');
	num_put_u64(w->out, value);
	buf_puts(w->out, "]}");
}

static void snapshot_text(struct writer *w, const char *text, size_t len)
{
	if (json_is_utf8(text, len))
		json_put_string(w->out, text, len);
	else
		put_hex_object(w->out, "b", text, len);
}

static void snapshot_buffer(struct writer *w, const void *data, size_t len)
{
	put_hex_object(w->out, "x", data, len);
}

static void snapshot_open(struct writer *w, enum group group, size_t count)
{
	static const char *const open[] = { "{\"a\":[", "{\"t\":[", "{\"r\":[" };

	(void)count;
	buf_puts(w->out, open[group]);
}

static void snapshot_item(struct writer *w, enum group group, size_t index, const char *name,
			  size_t name_len)
{
	if (group != GROUP_STRUCT) {
		if (index)
			buf_putc(w->out, ',');
		return;
	}
	buf_puts(w->out, index ? "],[" : "[");
	json_put_string(w->out, name, name_len);
	buf_putc(w->out, ',');
}

static void snapshot_close(struct writer *w, enum group group, size_t count)
{
	buf_puts(w->out, group == GROUP_STRUCT && count ? "]]}" : "]}");
}

static const struct writer_ops snapshot_writer = {
	.null = snapshot_null,
	.boolean = snapshot_boolean,
	.integer = snapshot_integer,
	.symbol = snapshot_symbol,
	.text = snapshot_text,
	.buffer = snapshot_buffer,
	.open = snapshot_open,
	.item = snapshot_item,
	.close = snapshot_close,
};

static void put_value(struct buf *out, struct value_walker *walker, const struct record_table *t,
		      const struct shape *shape, const void *data, size_t size)
{
	struct writer w = { .ops = &snapshot_writer, .out = out };

	if (t->is_serialised)
		buf_append(out, data, size);
	else
		value_walk(walker, &w, shape, data, size);
}

static void put_buckets(struct buf *out, const struct record_entry *e, bool with_meta)
{
	buf_puts(out, "\"b\":[");
	for (uint32_t i = 0; i < e->bucket_count; i++) {
		buf_puts(out, i ? ",[" : "[");
		num_put_u64(out, e->buckets[i].index);
		buf_putc(out, ',');
		num_put_u64(out, e->buckets[i].value);
		if (with_meta) {
			buf_putc(out, ',');
			num_put_u64(out, e->buckets[i].meta);
		}
		buf_putc(out, ']');
	}
	buf_putc(out, ']');
}

static void put_entry(struct buf *out, struct value_walker *walker, const struct record_table *t,
		      const struct record_entry *e)
{
	const struct agg_ops *ops = agg_of(t->value);

	buf_putc(out, '{');
	if (t->is_keyed) {
		buf_puts(out, "\"k\":");
		put_value(out, walker, t, t->key, e->key, e->key_size);
		buf_putc(out, ',');
	}
	if (ops && ops->is_block) {
		put_buckets(out, e, t->value->agg == AGG_TSERIES);
	} else if (ops) {
		buf_puts(out, "\"n\":[");
		num_put_u64(out, e->number.total);
		buf_putc(out, ',');
		num_put_u64(out, e->number.count);
		buf_putc(out, ']');
	} else {
		buf_puts(out, "\"d\":");
		put_value(out, walker, t, t->value, e->data, e->data_size);
	}
	buf_putc(out, '}');
}

void snapshot_write(struct buf *out, const struct record_table *t)
{
	const struct agg_ops *ops = agg_of(t->value);
	struct value_walker walker;

	value_walker_init(&walker, t->env);
	buf_puts(out, "{\"v\":1,\"map\":");
	json_put_string(out, t->name, strlen(t->name));
	if (ops) {
		buf_printf(out, ",\"agg\":\"%s\",\"signed\":%s,\"args\":[", ops->name,
			   t->value->is_signed ? "true" : "false");
		for (int i = 0; i < 4; i++) {
			if (i)
				buf_putc(out, ',');
			num_put_s64(out, t->value->args[i]);
		}
		buf_putc(out, ']');
	}
	buf_puts(out,
		 t->is_keyed ? ",\"keyed\":true,\"entries\":[" : ",\"keyed\":false,\"entries\":[");
	for (size_t i = 0; i < t->count; i++) {
		if (i)
			buf_putc(out, ',');
		put_entry(out, &walker, t, &t->entries[i]);
	}
	buf_puts(out, "]}\n");
	value_walker_finish(&walker);
}
