/*
 * The text sink: what people read, byte for byte as bpftrace prints it.
 */
#include <string.h>

#include "record/agg.h"
#include "record/error.h"
#include "record/location.h"
#include "record/map.h"
#include "record/num.h"
#include "record/sink.h"
#include "record/value.h"

static void text_attached_probes(struct sink *s, uint64_t count)
{
	buf_puts(s->err, "Attached ");
	num_put_u64(s->err, count);
	buf_puts(s->err, count == 1 ? " probe\n" : " probes\n");
}

static void text_lost_events(struct sink *s, uint64_t count)
{
	buf_puts(s->err, "Lost ");
	num_put_u64(s->err, count);
	buf_puts(s->err, " events\n");
}

static void text_put(struct sink *s, const char *text, size_t len)
{
	buf_append(s->out, text, len);
}

static void text_put_line(struct sink *s, const char *text, size_t len)
{
	buf_append(s->out, text, len);
	buf_putc(s->out, '\n');
}

/* "LOCATION: ERROR: ": what follows is in colour until end_message(). */
static void begin_message(struct sink *s, enum image_level level, struct span span)
{
	if (s->has_colour)
		buf_puts(s->err, level == LEVEL_ERROR ? "\033[31m" : "\033[33m");
	location_put(s->err, span);
	if (span.source)
		buf_puts(s->err, ": ");
	buf_puts(s->err, level == LEVEL_ERROR ? "ERROR: " : "WARNING: ");
}

static void end_message(struct sink *s)
{
	if (s->has_colour)
		buf_puts(s->err, "\033[0m");
	buf_putc(s->err, '\n');
}

/* For a place in a macro: where it was called, and so on outwards. */
static void put_expansions(struct sink *s, enum image_level level, struct span span)
{
	while (span.source && span.source->expanded_from) {
		span = *span.source->expanded_from;
		if (span.source && span.source->is_builtin)
			continue;
		begin_message(s, level, span);
		buf_puts(s->err, "expanded from");
		end_message(s);
		location_put_context(s->err, span);
	}
}

static void text_message(struct sink *s, enum image_level level, struct span span, const char *text,
			 size_t len)
{
	begin_message(s, level, span);
	if (len && text[len - 1] == '\n')
		len--;
	buf_append(s->err, text, len);
	end_message(s);
	put_expansions(s, level, span);
}

static void text_runtime_error(struct sink *s, const struct record_error *error)
{
	begin_message(s, LEVEL_WARNING, error->span);
	buf_puts(s->err, error_text(error));
	if (error->helper) {
		buf_puts(s->err, "\nAdditional Info - helper: ");
		buf_puts(s->err, error->helper);
		buf_puts(s->err, ", retcode: ");
		num_put_s64(s->err, error->retcode);
	}
	end_message(s);
	location_put_context(s->err, error->span);
	put_expansions(s, LEVEL_WARNING, error->span);
}

static void text_value(struct sink *s, struct value_walker *walker,
		       const struct record_value *value)
{
	struct text_writer w;

	text_writer_init(&w, s->out);
	value_write(walker, &w.base, value);
	buf_putc(s->out, '\n');
}

/* A key, without the parentheses of a tuple. */
static void put_key(struct sink *s, struct value_walker *walker, const struct record_table *t,
		    const struct record_entry *e)
{
	struct record_value key = {
		.env = t->env, .shape = t->key, .data = e->key, .size = e->key_size
	};
	size_t begin = s->out->len, len;
	struct text_writer w;

	text_writer_init(&w, s->out);
	value_write(walker, &w.base, &key);
	len = s->out->len - begin;
	if (len >= 2 && s->out->data[begin] == '(' && s->out->data[begin + len - 1] == ')') {
		memmove(s->out->data + begin, s->out->data + begin + 1, len - 2);
		s->out->len -= 2;
	}
}

static void put_entry_value(struct sink *s, struct value_walker *walker,
			    const struct record_table *t, const struct record_entry *e)
{
	const struct agg_ops *ops = agg_of(t->value);
	struct text_writer w;

	text_writer_init(&w, s->out);
	if (ops && ops->is_block) {
		ops->put_text(s->out, t, e);
	} else if (ops) {
		ops->write(&w.base, t, e);
	} else {
		struct record_value value = {
			.env = t->env, .shape = t->value, .data = e->data, .size = e->data_size
		};

		value_write(walker, &w.base, &value);
	}
	buf_putc(s->out, '\n');
}

static void text_map(struct sink *s, const struct record_table *t)
{
	const struct agg_ops *ops = agg_of(t->value);
	struct value_walker walker;

	value_walker_init(&walker, t->env);
	for (size_t i = 0; i < t->count; i++) {
		const struct record_entry *e = &t->entries[i];

		buf_puts(s->out, t->name);
		if (t->is_keyed) {
			walker.div = 1;
			buf_putc(s->out, '[');
			put_key(s, &walker, t, e);
			buf_putc(s->out, ']');
		}
		buf_puts(s->out, ops && ops->is_block ? ":\n" : ": ");
		walker.div = t->div;
		put_entry_value(s, &walker, t, e);
	}
	value_walker_finish(&walker);
}

static void text_table_value(struct sink *s, const struct record_table *t)
{
	struct value_walker walker;

	value_walker_init(&walker, t->env);
	if (t->count)
		put_entry_value(s, &walker, t, &t->entries[0]);
	value_walker_finish(&walker);
}

#define GREEN "\033[32m"
#define RED   "\033[31m"
#define PLAIN "\033[0m"

static const char *tests(size_t count)
{
	return count == 1 ? "test" : "tests";
}

/* The output of a test that failed, without its empty lines. */
static void put_test_output(struct sink *s, const struct record_test *t)
{
	const char *p = t->output, *end = t->output + t->output_len;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline ? newline : end) - p);

		if (len)
			text_put_line(s, p, len);
		p += len + 1;
	}
}

static void put_test_summary(struct sink *s, const struct record_test *t)
{
	size_t passed = 0;

	for (size_t i = 0; i < t->count; i++)
		passed += t->passed[i];
	buf_printf(s->out, GREEN "[==========]" PLAIN " %zu %s ran.\n", t->count, tests(t->count));
	buf_printf(s->out, GREEN "[  PASSED  ]" PLAIN " %zu %s.\n", passed, tests(passed));
	if (passed == t->count)
		return;
	buf_printf(s->out, RED "[  FAILED  ]" PLAIN " %zu %s, listed below:\n", t->count - passed,
		   tests(t->count - passed));
	for (size_t i = 0; i < t->count; i++) {
		if (!t->passed[i])
			buf_printf(s->out, RED "[  FAILED  ]" PLAIN " %s\n", t->names[i]);
	}
}

/* In the largest unit that is at least one.  (bpftrace prints "1000 μs" whatever it took.) */
static void put_duration(struct sink *s, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = { { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "μs" }, { 1, "ns" } };
	size_t i = 0;

	while (i < 3 && ns < units[i].ns)
		i++;
	buf_puts(s->out, " (");
	num_put_u64(s->out, ns / units[i].ns);
	buf_putc(s->out, ' ');
	buf_puts(s->out, units[i].name);
	buf_puts(s->out, ")\n");
}

static void text_test_result(struct sink *s, const struct record_test *t)
{
	const char *name = t->names[t->index];

	if (t->index == 0)
		buf_printf(s->out, GREEN "[==========]" PLAIN " Running %zu tests.\n", t->count);
	buf_printf(s->out, GREEN "[ RUN      ]" PLAIN " %s\n", name);
	if (t->passed[t->index]) {
		buf_printf(s->out, GREEN "[       OK ]" PLAIN " %s", name);
	} else {
		put_test_output(s, t);
		buf_printf(s->out, RED "[  FAILED  ]" PLAIN " %s", name);
	}
	put_duration(s, t->duration_ns);
	if (t->index + 1 == t->count)
		put_test_summary(s, t);
}

static void text_benchmark_result(struct sink *s, const struct record_bench *b)
{
	int width = 40, time_width = 15;

	for (size_t i = 0; i < b->count; i++) {
		if ((int)strlen(b->names[i]) > width)
			width = (int)strlen(b->names[i]);
	}
	width++;
	if (b->index == 0) {
		buf_printf(s->out, "%-*s%-*s%s\n", width, "Benchmark", time_width, "Time(ns)",
			   "Iterations");
		buf_fill(s->out, '-', (size_t)width + (size_t)time_width + strlen("Iterations"));
		buf_putc(s->out, '\n');
	}
	buf_printf(s->out, "%-*s%-*llu%llu\n", width, b->names[b->index], time_width,
		   (unsigned long long)b->average_ns, (unsigned long long)b->iterations);
}

static void text_end(struct sink *s)
{
	buf_append(s->out, "\n\n", 2);
}

const struct sink_ops sink_text = {
	.name = "text",
	.attached_probes = text_attached_probes,
	.lost_events = text_lost_events,
	.printf = text_put,
	.message = text_message,
	.value = text_value,
	.map = text_map,
	.table_value = text_table_value,
	.time = text_put,
	.cat = text_put,
	.join = text_put_line,
	.syscall = text_put_line,
	.runtime_error = text_runtime_error,
	.test_result = text_test_result,
	.benchmark_result = text_benchmark_result,
	.end = text_end,
};

const struct sink_ops *sink_find(const char *name)
{
	static const struct sink_ops *const all[] = { &sink_text, &sink_json };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
}
