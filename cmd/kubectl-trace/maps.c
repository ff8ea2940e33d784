#include "maps.h"

#include <string.h>

#include "record/sink.h"
#include "record/snapshot.h"

#define COMPACT_BYTES (16 << 20)

static const char start[] = "{\"v\":1,\"map\":\"@";

void maps_init(struct maps *m)
{
	*m = (struct maps){ 0 };
	arena_init(&m->arena);
}

void maps_finish(struct maps *m)
{
	arena_finish(&m->arena);
	vec_finish(&m->tables);
}

/*
 * A merged table refers to everything that was merged into it.  With a thousand nodes nearly all of
 * that is the same keys again: write the tables out and read them back, and only one of each is
 * left.
 */
static void compact(struct maps *m)
{
	struct arena fresh;
	struct buf line;

	arena_init(&fresh);
	buf_init(&line, 1 << 30);
	vec_foreach (&m->tables, t) {
		struct record_table *copy = arena_new(&fresh, struct record_table);

		buf_clear(&line);
		snapshot_write(&line, *t);
		/* It was read from such a line, so it can be read from one. */
		if (snapshot_read(copy, &fresh, buf_cstr(&line), line.len, NULL) == 0)
			*t = copy;
	}
	buf_finish(&line);
	arena_finish(&m->arena);
	m->arena = fresh;
	m->used = 0;
}

static struct record_table *find(const struct maps *m, const char *name)
{
	vec_foreach (&m->tables, t)
		if (strcmp((*t)->name, name) == 0)
			return *t;
	return NULL;
}

bool maps_take(struct maps *m, const char *line, size_t len, struct err *err)
{
	struct record_table *table, *into;

	if (len < sizeof(start) || memcmp(line, start, sizeof(start) - 1) != 0)
		return false;
	table = arena_new(&m->arena, struct record_table);
	if (snapshot_read(table, &m->arena, line, len, NULL) < 0)
		return false;
	into = find(m, table->name);
	if (!into)
		vec_push(NULL, &m->tables, table);
	else if (table_merge(into, table, err) < 0)
		err_wrap(err, "%s", table->name);
	m->used += len;
	if (m->used > COMPACT_BYTES)
		compact(m);
	return true;
}

void maps_print(struct maps *m, const char *format, struct buf *out)
{
	const struct sink_ops *ops = sink_find(format);
	struct buf err;
	struct sink sink = { .ops = ops ? ops : &sink_text, .out = out, .err = &err };

	if (m->tables.len == 0)
		return;
	buf_init(&err, 1 << 16);
	sink.ops->end(&sink);
	vec_foreach (&m->tables, t) {
		table_sort(*t, 0);
		sink.ops->map(&sink, *t);
	}
	buf_finish(&err);
}
