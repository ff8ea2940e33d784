#include "record/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "record/agg.h"
#include "record/num.h"
#include "record/printf.h"
#include "record/value.h"

#define TEXT_MAX (16u << 20) // of one event

/* One record that is being looked at. */
struct event {
	struct record *r;
	const struct image_event *format;
	const struct printf_plan *plan;
	const char *data;
	size_t size;
	struct record_todo *todo;
};

static bool has_format(const struct image_event *e)
{
	return e->kind == EVENT_PRINTF || e->kind == EVENT_CAT || e->kind == EVENT_SYSTEM;
}

int record_init(struct record *r, const struct image *image, const struct record_env *env,
		struct sink *sink)
{
	*r = (struct record){ .image = image, .env = env, .sink = sink };
	buf_init(&r->scratch, TEXT_MAX);
	value_walker_init(&r->walker, env);
	r->plans = calloc(image->event_count + 1, sizeof(*r->plans));
	if (!r->plans)
		return -ENOMEM;
	for (uint32_t i = 0; i < image->event_count; i++) {
		if (!has_format(&image->events[i]))
			continue;
		if (printf_plan_init(&r->plans[i], &image->events[i]) < 0) {
			record_finish(r);
			return -ENOMEM;
		}
	}
	return 0;
}

void record_finish(struct record *r)
{
	for (uint32_t i = 0; r->plans && i < r->image->event_count; i++)
		printf_plan_finish(&r->plans[i]);
	free(r->plans);
	r->plans = NULL;
	buf_finish(&r->scratch);
	value_walker_finish(&r->walker);
}

/* The bytes of argument @i, NULL if there is no such argument in the record. */
static const char *argument(const struct event *e, uint32_t i)
{
	const struct image_arg *arg;

	if (i >= e->format->arg_count)
		return NULL;
	arg = &e->format->args[i];
	if (arg->offset > e->size || arg->shape->size > e->size - arg->offset)
		return NULL;
	return e->data + arg->offset;
}

static bool number_argument(const struct event *e, uint32_t i, uint64_t *out)
{
	const char *data = argument(e, i);

	if (!data)
		return false;
	*out = value_integer(e->format->args[i].shape, data);
	return true;
}

static int put_format(const struct event *e)
{
	struct buf *text = &e->r->scratch;

	if (e->size < e->plan->size)
		return -EBADMSG;
	buf_clear(text);
	printf_run(e->plan, &e->r->walker, text, e->data, e->size);
	return 0;
}

static int on_printf(const struct event *e)
{
	struct sink *sink = e->r->sink;
	struct buf *text = &e->r->scratch;
	enum image_level level = e->format->level;

	if (level == LEVEL_WARNING && e->r->no_warnings)
		return 0;
	if (put_format(e) < 0)
		return -EBADMSG;
	if (level == LEVEL_PLAIN)
		sink->ops->printf(sink, buf_cstr(text), text->len);
	else
		sink->ops->message(sink, level, e->format->span, buf_cstr(text), text->len);
	return 0;
}

/* cat, system: the text is the caller's to open or run. */
static int on_format(const struct event *e)
{
	if (put_format(e) < 0)
		return -EBADMSG;
	e->todo->kind = e->format->kind;
	e->todo->text = buf_cstr(&e->r->scratch);
	e->todo->text_len = e->r->scratch.len;
	return 0;
}

/* The value of an aggregation that was read in the program: printed like an integer or stats. */
static void print_agg(const struct event *e, const struct shape *shape, const char *data)
{
	struct image_var var = { .name = "", .storage = STORAGE_HASH, .value = shape };
	struct record_map map = { .var = &var, .values = data, .count = 1, .cpus = 1 };
	struct sink *sink = e->r->sink;
	struct record_table table;
	struct arena arena;

	arena_init(&arena);
	table_read(&table, &arena, e->r->env, &map);
	sink->ops->table_value(sink, &table);
	arena_finish(&arena);
}

static int print_argument(const struct event *e, uint32_t i)
{
	struct sink *sink = e->r->sink;
	const char *data = argument(e, i);
	const struct shape *shape;
	struct record_value value;

	if (!data)
		return -EBADMSG;
	shape = e->format->args[i].shape;
	if (shape->kind == SHAPE_AGG) {
		print_agg(e, shape, data);
		return 0;
	}
	value = (struct record_value){
		.env = e->r->env, .shape = shape, .data = data, .size = shape->size
	};
	sink->ops->value(sink, &e->r->walker, &value);
	return 0;
}

static int on_print(const struct event *e)
{
	return print_argument(e, 0);
}

static int on_print_key(const struct event *e)
{
	return print_argument(e, 1);
}

static int on_map(const struct event *e)
{
	uint64_t top = 0, div = 0;

	if (e->format->var >= e->r->image->var_count)
		return -EBADMSG;
	if (e->format->kind == EVENT_PRINT_MAP) {
		(void)number_argument(e, 0, &top);
		(void)number_argument(e, 1, &div);
	}
	e->todo->kind = e->format->kind;
	e->todo->var = e->format->var;
	e->todo->top = top > UINT32_MAX ? UINT32_MAX : (uint32_t)top;
	e->todo->div = div > UINT32_MAX ? UINT32_MAX : (uint32_t)div;
	return 0;
}

static int on_exit_event(const struct event *e)
{
	uint64_t code = 0;

	(void)number_argument(e, 0, &code);
	e->todo->kind = EVENT_EXIT;
	e->todo->exit_code = (int64_t)code;
	return 0;
}

static int on_time(const struct event *e)
{
	struct sink *sink = e->r->sink;
	char text[256];
	time_t now = time(NULL);
	struct tm tm;
	size_t len;

	if (!e->format->text || !localtime_r(&now, &tm))
		return -EBADMSG;
	len = strftime(text, sizeof(text), e->format->text, &tm);
	if (len)
		sink->ops->time(sink, text, len);
	return 0;
}

/* args: either the strings alone, which end at an empty one, or their number and the strings. */
static int on_join(const struct event *e)
{
	struct sink *sink = e->r->sink;
	struct buf *text = &e->r->scratch;
	uint32_t at = e->format->arg_count > 1 ? 1 : 0;
	const char *data = argument(e, at);
	const char *separator = e->format->text ? e->format->text : " ";
	const struct shape *shape;
	uint64_t count;

	if (!data)
		return -EBADMSG;
	shape = e->format->args[at].shape;
	if (shape->kind != SHAPE_ARRAY || !shape->elem || shape->elem->size == 0)
		return -EBADMSG;
	count = shape->size / shape->elem->size;
	if (at == 1) {
		uint64_t used;

		if (!number_argument(e, 0, &used))
			return -EBADMSG;
		count = used < count ? used : count;
	}
	buf_clear(text);
	for (uint64_t i = 0; i < count; i++, data += shape->elem->size) {
		if (at == 0 && *data == '\0')
			break;
		if (i)
			buf_puts(text, separator);
		buf_append(text, data, value_string_len(data, shape->elem->size));
	}
	sink->ops->join(sink, buf_cstr(text), text->len);
	return 0;
}

static int on_error(const struct event *e)
{
	struct sink *sink = e->r->sink;
	struct record_error error = { .span = e->format->span };
	uint64_t code;

	if (e->r->no_warnings)
		return 0;
	if (number_argument(e, 0, &code)) {
		error.helper = e->format->text;
		error.retcode = (int64_t)code;
	} else {
		error.message = e->format->text;
	}
	sink->ops->runtime_error(sink, &error);
	return 0;
}

static int on_skboutput(const struct event *e)
{
	const struct image_arg *arg = e->format->args;

	if (!number_argument(e, 0, &e->todo->number))
		return -EBADMSG;
	e->todo->kind = EVENT_SKBOUTPUT;
	e->todo->text = e->format->text ? e->format->text : "";
	e->todo->text_len = strlen(e->todo->text);
	e->todo->data = e->data + arg->offset + arg->shape->size;
	e->todo->data_len = e->size - arg->offset - arg->shape->size;
	return 0;
}

static int on_unwatch(const struct event *e)
{
	e->todo->kind = EVENT_UNWATCH;
	return number_argument(e, 0, &e->todo->number) ? 0 : -EBADMSG;
}

static int (*const handlers[EVENT_KIND_COUNT])(const struct event *e) = {
	[EVENT_PRINTF] = on_printf,       [EVENT_PRINT] = on_print,
	[EVENT_PRINT_MAP] = on_map,       [EVENT_PRINT_MAP_KEY] = on_print_key,
	[EVENT_CLEAR] = on_map,           [EVENT_ZERO] = on_map,
	[EVENT_EXIT] = on_exit_event,     [EVENT_TIME] = on_time,
	[EVENT_JOIN] = on_join,           [EVENT_CAT] = on_format,
	[EVENT_SYSTEM] = on_format,       [EVENT_HELPER_ERROR] = on_error,
	[EVENT_SKBOUTPUT] = on_skboutput, [EVENT_UNWATCH] = on_unwatch,
};

int record_event(struct record *r, const void *data, size_t size, struct record_todo *todo)
{
	struct event e = { .r = r, .data = data, .size = size, .todo = todo };
	struct event_header header;

	*todo = (struct record_todo){ .kind = EVENT_KIND_COUNT };
	if (size < sizeof(header))
		return -EBADMSG;
	memcpy(&header, data, sizeof(header));
	if (header.id >= r->image->event_count)
		return -EBADMSG;
	e.format = &r->image->events[header.id];
	e.plan = &r->plans[header.id];
	if (e.format->kind >= EVENT_KIND_COUNT || size < e.format->size)
		return -EBADMSG;
	return handlers[e.format->kind](&e);
}
