#include "events.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "actions.h"
#include "message.h"
#include "record/snapshot.h"
#include "signals.h"

/* Loss counters are this far apart, so that CPUs don't share a cache line. */
#define LOST_STRIDE 64

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t = { 0 };

	(void)clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Wall clock minus CLOCK_BOOTTIME: the reading with the least time around it counts. */
static int64_t boot_to_wall_ns(void)
{
	int64_t best = INT64_MAX, offset = 0;

	for (int i = 0; i < 5; i++) {
		int64_t before = clock_ns(CLOCK_REALTIME);
		int64_t boot = clock_ns(CLOCK_BOOTTIME);
		int64_t after = clock_ns(CLOCK_REALTIME);

		if (after - before >= 0 && after - before < best) {
			best = after - before;
			offset = before + (after - before) / 2 - boot;
		}
	}
	return offset;
}

int events_init(struct events *e, struct loaded *l, struct ring *ring, struct output *output,
		const struct sink_ops *format, struct symbolize *symbols,
		const struct events_options *o, struct err *err)
{
	*e = (struct events){
		.loaded = l,
		.ring = ring,
		.output = output,
		.symbols = symbols,
		.options = *o,
		.env = {
			.resolver = &symbols->resolver,
			.probe_names = l->image->probe_names,
			.probe_name_count = l->image->probe_name_count,
			.boot_to_wall_ns = boot_to_wall_ns(),
			.trunc_trailer = o->config->str_trunc_trailer,
			.max_strlen = o->config->max_strlen,
		},
		.sink = {
			.ops = format,
			.out = &output->out,
			.err = &output->err,
			.has_colour = message_settings()->has_colour,
		},
	};
	mapread_init(&e->maps, l);
	if (record_init(&e->record, l->image, &e->env, &e->sink) < 0)
		return err_set(err, -ENOMEM, "no memory");
	e->record.no_warnings = o->no_warnings;
	for (uint32_t i = 0; i < l->image->map_count; i++) {
		if (l->image->maps[i].type == BPF_MAP_TYPE_PERF_EVENT_ARRAY && !e->packets)
			return packets_open(&e->packets, l->map_fds[i], err);
	}
	return 0;
}

void events_finish(struct events *e)
{
	pcaps_close(e->pcaps);
	packets_close(e->packets);
	record_finish(&e->record);
	mapread_finish(&e->maps);
}

static void print_map(struct events *e, const struct record_todo *todo)
{
	struct sink *sink = e->record.sink; // or where a test's output is kept
	struct record_map map;
	struct err err = { 0 };

	if (mapread_get(&e->maps, todo->var, &map, &err) < 0) {
		message_error("%s", err.msg);
		return;
	}
	record_map_print_top(sink, &e->env, &map, todo->top, todo->div);
}

static void print_cat(struct events *e, const char *path)
{
	struct sink *sink = e->record.sink; // or where a test's output is kept
	struct buf text;
	struct err err = { 0 };

	buf_init(&text, (size_t)e->options.config->max_cat_bytes + 1);
	if (action_cat(&text, path, (size_t)e->options.config->max_cat_bytes, &err) < 0)
		message_error("%s", err.msg);
	else
		sink->ops->cat(sink, buf_cstr(&text), text.len);
	buf_finish(&text);
}

static void print_system(struct events *e, const char *command)
{
	struct sink *sink = e->record.sink; // or where a test's output is kept
	struct buf text;
	struct err err = { 0 };

	/* Thousands of commands may be waiting; whoever interrupts doesn't want to wait for them.
	 */
	if (signals_interrupted())
		return;
	output_flush(e->output);
	buf_init(&text, ACTION_OUTPUT_MAX);
	if (action_system(&text, command, &err) < 0)
		message_error("%s", err.msg);
	else
		sink->ops->syscall(sink, buf_cstr(&text), text.len);
	buf_finish(&text);
}

static void change_map(struct events *e, const struct record_todo *todo)
{
	struct err err = { 0 };
	int r = todo->kind == EVENT_CLEAR ? mapread_clear(&e->maps, todo->var, &err)
					  : mapread_zero(&e->maps, todo->var, &err);

	if (r < 0)
		message_error("%s", err.msg);
}

static void write_packet(struct events *e, const struct record_todo *todo)
{
	uint64_t wall_ns = todo->number + (uint64_t)e->env.boot_to_wall_ns;
	struct err err = { 0 };

	if (pcaps_write(&e->pcaps, todo->text, wall_ns, todo->data, todo->data_len, &err) < 0)
		message_error("%s", err.msg);
}

static void act(struct events *e, const struct record_todo *todo)
{
	switch (todo->kind) {
	case EVENT_PRINT_MAP: print_map(e, todo); break;
	case EVENT_CLEAR:
	case EVENT_ZERO: change_map(e, todo); break;
	case EVENT_CAT: print_cat(e, todo->text); break;
	case EVENT_SYSTEM: print_system(e, todo->text); break;
	case EVENT_SKBOUTPUT: write_packet(e, todo); break;
	case EVENT_EXIT:
		e->exit_code = todo->exit_code;
		e->has_exited = true;
		break;
	default: break;
	}
}

static void handle(void *ctx, const void *data, size_t len)
{
	struct record_todo todo = { .kind = EVENT_KIND_COUNT };
	struct events *e = ctx;

	if (e->has_exited)
		return;
	if (record_event(&e->record, data, len, &todo) < 0) {
		message_error("an event of %zu bytes that is none of the script's", len);
		return;
	}
	if (todo.kind != EVENT_KIND_COUNT)
		act(e, &todo);
	output_event(e->output);
}

size_t events_consume(struct events *e, size_t max)
{
	size_t count = packets_consume(e->packets, handle, e, &e->packets_lost);
	size_t len;
	const void *data;

	if (e->ring->fd < 0)
		return count;
	while (count < max && (data = ring_next(e->ring, &len))) {
		handle(e, data, len);
		count++;
	}
	ring_release(e->ring);
	return count;
}

uint64_t events_lost(const struct events *e)
{
	const struct image *im = e->loaded->image;
	const unsigned char *data;
	uint64_t lost = e->packets_lost;

	if (im->data_map < 0 || im->ringbuf_map < 0)
		return lost;
	data = e->loaded->map_memory[im->data_map];
	for (uint32_t cpu = 0; cpu < im->cpu_slots; cpu++) {
		uint64_t n;

		memcpy(&n, data + im->lost_offset + (size_t)cpu * LOST_STRIDE, sizeof(n));
		lost += n;
	}
	return lost;
}

void events_report_lost(struct events *e)
{
	uint64_t lost = events_lost(e);

	if (lost <= e->lost)
		return;
	e->sink.ops->lost_events(&e->sink, lost - e->lost);
	e->lost = lost;
	output_event(e->output);
}

static void write_snapshot(struct events *e, const struct record_map *map)
{
	struct record_table table = { 0 };
	struct arena arena;

	arena_init(&arena);
	table_read(&table, &arena, &e->env, map);
	if (table.count > 0)
		snapshot_write(&e->output->out, &table);
	arena_finish(&arena);
}

void events_print_maps(struct events *e)
{
	for (uint32_t i = 0; i < e->loaded->image->var_count; i++) {
		struct record_map map;
		struct err err = { 0 };

		if (mapread_get(&e->maps, i, &map, &err) < 0)
			message_error("Error printing map: %s", err.msg);
		else if (e->options.is_stream)
			write_snapshot(e, &map);
		else
			record_map_print(&e->sink, &e->env, &map);
		output_event(e->output);
	}
}
