/*
 * The JSON sink: a message a line, as bpftrace's `-f json` writes them.
 */
#include <string.h>

#include "record/agg.h"
#include "record/error.h"
#include "record/location.h"
#include "record/map.h"
#include "record/num.h"
#include "record/sink.h"
#include "record/value.h"

#define KEY_MAX (1u << 20)

static void put_type(struct sink *s, const char *type)
{
	buf_puts(s->out, "{\"type\": \"");
	buf_puts(s->out, type);
	buf_putc(s->out, '"');
}

static void put_data(struct sink *s, const char *type, const char *text, size_t len)
{
	put_type(s, type);
	buf_puts(s->out, ", \"data\": ");
	json_put_string(s->out, text, len);
	buf_puts(s->out, "}\n");
}

/* These two have their number twice. */
static void put_count(struct sink *s, const char *type, const char *what, uint64_t count)
{
	put_type(s, type);
	buf_puts(s->out, ", \"count\": ");
	num_put_u64(s->out, count);
	buf_printf(s->out, ", \"data\": {\"%s\": ", what);
	num_put_u64(s->out, count);
	buf_puts(s->out, "}}\n");
}

static void json_attached_probes(struct sink *s, uint64_t count)
{
	put_count(s, "attached_probes", "probes", count);
}

static void json_lost_events(struct sink *s, uint64_t count)
{
	put_count(s, "lost_events", "events", count);
}

static void json_printf(struct sink *s, const char *text, size_t len)
{
	put_data(s, "printf", text, len);
}

static void json_time(struct sink *s, const char *text, size_t len)
{
	put_data(s, "time", text, len);
}

static void json_cat(struct sink *s, const char *text, size_t len)
{
	put_data(s, "cat", text, len);
}

static void json_join(struct sink *s, const char *text, size_t len)
{
	put_data(s, "join", text, len);
}

static void json_syscall(struct sink *s, const char *text, size_t len)
{
	put_data(s, "syscall", text, len);
}

static void put_location(struct sink *s, struct span span)
{
	struct position at = location_begin(span);
	const char *name = span.source ? span.source->name : "";

	buf_puts(s->out, ", \"filename\": ");
	json_put_string(s->out, name, strlen(name));
	buf_puts(s->out, ", \"line\": ");
	num_put_u64(s->out, at.line);
	buf_puts(s->out, ", \"col\": ");
	num_put_u64(s->out, at.column);
	buf_puts(s->out, "}\n");
}

static void json_message(struct sink *s, enum image_level level, struct span span, const char *text,
			 size_t len)
{
	put_type(s, level == LEVEL_ERROR ? "errorf" : "warnf");
	buf_puts(s->out, ", \"msg\": ");
	json_put_string(s->out, text, len);
	put_location(s, span);
}

static void json_runtime_error(struct sink *s, const struct record_error *error)
{
	const char *text = error->helper ? error_errno_text(error) : error_text(error);

	put_type(s, error->helper ? "helper_error" : "runtime_error");
	buf_puts(s->out, ", \"msg\": ");
	json_put_string(s->out, text, strlen(text));
	if (error->helper) {
		buf_puts(s->out, ", \"helper\": ");
		json_put_string(s->out, error->helper, strlen(error->helper));
		buf_puts(s->out, ", \"retcode\": ");
		json_put_number(s->out, (uint64_t)error->retcode, true);
	}
	put_location(s, error->span);
}

static void json_value(struct sink *s, struct value_walker *walker,
		       const struct record_value *value)
{
	struct writer w = { .ops = &json_writer, .out = s->out };

	buf_puts(s->out, "{\"type\": \"value\", \"data\": ");
	value_write(walker, &w, value);
	buf_puts(s->out, "}\n");
}

/* A key as a member's name: its text, without the parentheses of a tuple and without spaces. */
static void put_key(struct sink *s, struct value_walker *walker, struct buf *text,
		    const struct record_table *t, const struct record_entry *e)
{
	struct record_value key = {
		.env = t->env, .shape = t->key, .data = e->key, .size = e->key_size
	};
	struct text_writer w;
	size_t i = 0, end, len = 0;

	buf_clear(text);
	text_writer_init(&w, text);
	value_write(walker, &w.base, &key);
	end = text->len;
	if (end >= 2 && text->data[0] == '(' && text->data[end - 1] == ')') {
		i++;
		end--;
	}
	for (; i < end; i++) {
		if (text->data[i] != ' ')
			text->data[len++] = text->data[i];
	}
	json_put_string(s->out, buf_cstr(text), len);
}

static void put_entry_value(struct sink *s, struct value_walker *walker,
			    const struct record_table *t, const struct record_entry *e)
{
	const struct agg_ops *ops = agg_of(t->value);
	struct writer w = { .ops = &json_writer, .out = s->out };

	if (ops && ops->is_block) {
		ops->put_json(s->out, t, e);
	} else if (ops) {
		ops->write(&w, t, e);
	} else {
		struct record_value value = {
			.env = t->env, .shape = t->value, .data = e->data, .size = e->data_size
		};

		value_write(walker, &w, &value);
	}
}

static void put_entries(struct sink *s, const struct record_table *t)
{
	struct value_walker walker;
	struct buf key;

	value_walker_init(&walker, t->env);
	buf_init(&key, KEY_MAX);
	buf_putc(s->out, '{');
	for (size_t i = 0; i < t->count; i++) {
		if (i)
			buf_puts(s->out, ", ");
		walker.div = 1;
		put_key(s, &walker, &key, t, &t->entries[i]);
		buf_puts(s->out, ": ");
		walker.div = t->div;
		put_entry_value(s, &walker, t, &t->entries[i]);
	}
	buf_putc(s->out, '}');
	buf_finish(&key);
	value_walker_finish(&walker);
}

static void json_map(struct sink *s, const struct record_table *t)
{
	const struct agg_ops *ops = agg_of(t->value);
	const char *type = ops ? ops->json_type : "map";
	struct value_walker walker;

	/* Averages without entries are the exception that bpftrace makes. */
	if (t->count == 0 && strcmp(type, "stats") != 0)
		return;
	put_type(s, type);
	buf_puts(s->out, ", \"data\": {");
	json_put_string(s->out, t->name, strlen(t->name));
	buf_puts(s->out, ": ");
	if (t->is_keyed || t->count == 0) {
		put_entries(s, t);
	} else {
		value_walker_init(&walker, t->env);
		walker.div = t->div;
		put_entry_value(s, &walker, t, &t->entries[0]);
		value_walker_finish(&walker);
	}
	buf_puts(s->out, "}}\n");
}

static void json_table_value(struct sink *s, const struct record_table *t)
{
	struct value_walker walker;

	if (t->count == 0)
		return;
	value_walker_init(&walker, t->env);
	buf_puts(s->out, "{\"type\": \"value\", \"data\": ");
	put_entry_value(s, &walker, t, &t->entries[0]);
	buf_puts(s->out, "}\n");
	value_walker_finish(&walker);
}

static void json_test_result(struct sink *s, const struct record_test *t)
{
	const char *name = t->names[t->index];

	put_type(s, "test_result");
	buf_puts(s->out, ", \"data\": {");
	json_put_string(s->out, name, strlen(name));
	buf_puts(s->out, ": {\"duration\": ");
	json_put_number(s->out, t->duration_ns, true);
	buf_printf(s->out, ", \"passed\": %s", t->passed[t->index] ? "true" : "false");
	buf_puts(s->out, ", \"output\": ");
	json_put_string(s->out, t->output ? t->output : "", t->output_len);
	buf_puts(s->out, "}}}\n");
}

static void json_benchmark_result(struct sink *s, const struct record_bench *b)
{
	const char *name = b->names[b->index];

	put_type(s, "benchmark_result");
	buf_puts(s->out, ", \"data\": {");
	json_put_string(s->out, name, strlen(name));
	buf_puts(s->out, ": {\"average\": ");
	json_put_number(s->out, b->average_ns, true);
	buf_puts(s->out, ", \"iters\": ");
	json_put_number(s->out, b->iterations, false);
	buf_puts(s->out, "}}}\n");
}

static void json_end(struct sink *s)
{
	(void)s;
}

const struct sink_ops sink_json = {
	.name = "json",
	.attached_probes = json_attached_probes,
	.lost_events = json_lost_events,
	.printf = json_printf,
	.message = json_message,
	.value = json_value,
	.map = json_map,
	.table_value = json_table_value,
	.time = json_time,
	.cat = json_cat,
	.join = json_join,
	.syscall = json_syscall,
	.runtime_error = json_runtime_error,
	.test_result = json_test_result,
	.benchmark_result = json_benchmark_result,
	.end = json_end,
};
