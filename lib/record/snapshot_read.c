#include "record/snapshot.h"

#include <errno.h>
#include <string.h>

#include "record/agg.h"
#include "record/hist.h"
#include "record/jsonscan.h"
#include "record/order.h"
#include "record/sink.h"
#include "record/tseries.h"
#include "record/value.h"
#include "util/vec.h"

#define STRING_MAX       (16u << 20)
#define LHIST_BUCKET_MAX 100000
#define TSERIES_MAX      100000

/*
 * Values.
 */

struct replay {
	struct jsonscan scan;
	struct buf text;
	struct buf bytes; // decoded hexadecimal
};

/* The value of a digit, -1 if it is none. */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_hex(struct buf *out, const struct buf *hex)
{
	buf_clear(out);
	for (size_t i = 0; i + 1 < hex->len; i += 2) {
		int high = hex_digit(hex->data[i]), low = hex_digit(hex->data[i + 1]);

		if (high < 0 || low < 0)
			return false;
		buf_putc(out, (char)(high << 4 | low));
	}
	return hex->len % 2 == 0 && !out->is_truncated;
}

static bool replay_value(struct replay *r, struct writer *w, unsigned int depth);

static bool replay_group(struct replay *r, struct writer *w, enum group group, unsigned int depth)
{
	size_t index = 0;
	bool is_empty;

	if (depth == 0 || !jsonscan_accept(&r->scan, '['))
		return false;
	is_empty = jsonscan_accept(&r->scan, ']');
	w->ops->open(w, group, !is_empty);
	if (!is_empty) {
		do {
			bool is_member = group == GROUP_STRUCT;

			if (is_member && !(jsonscan_accept(&r->scan, '[') &&
					   jsonscan_string(&r->scan, &r->text) &&
					   jsonscan_accept(&r->scan, ',')))
				return false;
			w->ops->item(w, group, index++, is_member ? buf_cstr(&r->text) : NULL,
				     is_member ? r->text.len : 0);
			if (!replay_value(r, w, depth - 1))
				return false;
			if (is_member && !jsonscan_accept(&r->scan, ']'))
				return false;
		} while (jsonscan_accept(&r->scan, ','));
		if (!jsonscan_accept(&r->scan, ']'))
			return false;
	}
	w->ops->close(w, group, !is_empty);
	return true;
}

/* {"y":["symbol",17]} after the colon. */
static bool replay_symbol(struct replay *r, struct writer *w)
{
	uint64_t number;

	if (!jsonscan_accept(&r->scan, '[') || !jsonscan_string(&r->scan, &r->text) ||
	    !jsonscan_accept(&r->scan, ',') || !jsonscan_u64(&r->scan, &number) ||
	    !jsonscan_accept(&r->scan, ']'))
		return false;
	w->ops->symbol(w, buf_cstr(&r->text), r->text.len, number);
	return true;
}

static bool replay_tagged(struct replay *r, struct writer *w, unsigned int depth)
{
	uint64_t number;
	char tag;

	if (!jsonscan_string(&r->scan, &r->text) || r->text.len != 1 ||
	    !jsonscan_accept(&r->scan, ':'))
		return false;
	tag = r->text.data[0];
	switch (tag) {
	case 'u':
		if (!jsonscan_u64(&r->scan, &number))
			return false;
		w->ops->integer(w, number, false);
		return true;
	case 'b':
	case 'x':
		if (!jsonscan_string(&r->scan, &r->text) || !decode_hex(&r->bytes, &r->text))
			return false;
		if (tag == 'b')
			w->ops->text(w, buf_cstr(&r->bytes), r->bytes.len);
		else
			w->ops->buffer(w, buf_cstr(&r->bytes), r->bytes.len);
		return true;
	case 'y': return replay_symbol(r, w);
	case 'a': return replay_group(r, w, GROUP_ARRAY, depth);
	case 't': return replay_group(r, w, GROUP_TUPLE, depth);
	case 'r': return replay_group(r, w, GROUP_STRUCT, depth);
	default: return false;
	}
}

static bool replay_value(struct replay *r, struct writer *w, unsigned int depth)
{
	int64_t number;

	if (jsonscan_peek(&r->scan, '"')) {
		if (!jsonscan_string(&r->scan, &r->text))
			return false;
		w->ops->text(w, buf_cstr(&r->text), r->text.len);
	} else if (jsonscan_accept(&r->scan, '{')) {
		return replay_tagged(r, w, depth) && jsonscan_accept(&r->scan, '}');
	} else if (jsonscan_word(&r->scan, "null")) {
		w->ops->null(w);
	} else if (jsonscan_word(&r->scan, "true")) {
		w->ops->boolean(w, true);
	} else if (jsonscan_word(&r->scan, "false")) {
		w->ops->boolean(w, false);
	} else if (jsonscan_s64(&r->scan, &number)) {
		w->ops->integer(w, (uint64_t)number, true);
	} else {
		return false;
	}
	return true;
}

int snapshot_replay(struct writer *w, const char *text, size_t len)
{
	struct replay r = { .scan = { .begin = text, .p = text, .end = text + len } };
	bool ok;

	buf_init(&r.text, STRING_MAX);
	buf_init(&r.bytes, STRING_MAX);
	ok = replay_value(&r, w, SNAPSHOT_DEPTH_MAX) && r.scan.p == r.scan.end;
	buf_finish(&r.text);
	buf_finish(&r.bytes);
	return ok ? 0 : -EINVAL;
}

void value_write(struct value_walker *v, struct writer *w, const struct record_value *value)
{
	if (value->shape)
		value_walk(v, w, value->shape, value->data, value->size);
	else
		(void)snapshot_replay(w, value->data, value->size);
}

/*
 * Tables.
 */

static const struct record_env no_env;

struct reader {
	struct jsonscan scan;
	struct buf text;
	struct buf order; // where a value is told to, to see whether it is one
	struct record_table *t;
	struct shape *shape; // t->value
};

/* The shape of the aggregation called @name, NULL if there is none. */
static struct shape *shape_by_name(struct arena *a, const char *name)
{
	struct shape shape = { .kind = SHAPE_INT, .size = 8 };

	if (strcmp(name, "int") == 0)
		return arena_memdup(a, &shape, sizeof(shape));
	shape.kind = SHAPE_AGG;
	for (int agg = 0; agg <= AGG_TSERIES; agg++) {
		shape.agg = (enum shape_agg)agg;
		if (strcmp(agg_of(&shape)->name, name) == 0)
			return arena_memdup(a, &shape, sizeof(shape));
	}
	return NULL;
}

static bool read_args(struct reader *r)
{
	if (!jsonscan_accept(&r->scan, '['))
		return false;
	for (int i = 0; i < 4; i++) {
		if (i && !jsonscan_accept(&r->scan, ','))
			return false;
		if (!jsonscan_s64(&r->scan, &r->shape->args[i]))
			return false;
	}
	return jsonscan_accept(&r->scan, ']');
}

/* What printing relies on. */
static bool check_args(const struct shape *s)
{
	if (s->kind != SHAPE_AGG)
		return true;
	switch (s->agg) {
	case AGG_HIST: return s->args[0] >= 0 && s->args[0] <= HIST_BITS_MAX;
	case AGG_LHIST:
		return s->args[2] > 0 && s->args[0] < s->args[1] &&
		       ((uint64_t)s->args[1] - (uint64_t)s->args[0]) / (uint64_t)s->args[2] <
			       LHIST_BUCKET_MAX;
	case AGG_TSERIES:
		return s->args[0] > 0 && s->args[1] > 0 && s->args[1] <= TSERIES_MAX &&
		       s->args[2] >= TSERIES_NONE && s->args[2] <= TSERIES_SUM;
	default: return true;
	}
}

static bool read_boolean(struct reader *r, bool *out)
{
	*out = jsonscan_word(&r->scan, "true");
	return *out || jsonscan_word(&r->scan, "false");
}

/* A value, checked; *out is its text in the line. */
static bool read_value(struct reader *r, const void **out, uint32_t *size)
{
	struct writer checker = { .ops = &order_writer, .out = &r->order };
	const char *begin;
	size_t len;

	(void)jsonscan_peek(&r->scan, '"'); // go past white space
	begin = r->scan.p;
	if (!jsonscan_skip(&r->scan, 3 * SNAPSHOT_DEPTH_MAX))
		return false;
	len = (size_t)(r->scan.p - begin);
	buf_clear(&r->order);
	if (len > UINT32_MAX || snapshot_replay(&checker, begin, len) < 0)
		return false;
	*out = begin;
	*size = (uint32_t)len;
	return true;
}

static bool read_number(struct reader *r, struct record_entry *e)
{
	return jsonscan_accept(&r->scan, '[') && jsonscan_u64(&r->scan, &e->number.total) &&
	       jsonscan_accept(&r->scan, ',') && jsonscan_u64(&r->scan, &e->number.count) &&
	       jsonscan_accept(&r->scan, ']');
}

/* Highest bucket number that may be printed. */
static uint64_t last_bucket(const struct shape *s)
{
	if (s->agg == AGG_HIST)
		return hist_bucket_count((unsigned int)s->args[0]) - 1;
	if (s->agg == AGG_LHIST)
		return lhist_bucket_count(s->args[0], s->args[1], s->args[2]) - 1;
	return INT64_MAX / (uint64_t)s->args[0]; // its time in ns must be a number
}

static bool read_bucket(struct reader *r, struct record_bucket *b)
{
	bool ok = jsonscan_accept(&r->scan, '[') && jsonscan_u64(&r->scan, &b->index) &&
		  jsonscan_accept(&r->scan, ',') && jsonscan_u64(&r->scan, &b->value);

	if (ok && r->shape->agg == AGG_TSERIES)
		ok = jsonscan_accept(&r->scan, ',') && jsonscan_u64(&r->scan, &b->meta) &&
		     b->index != 0;
	return ok && jsonscan_accept(&r->scan, ']') && b->index <= last_bucket(r->shape);
}

static bool read_buckets(struct reader *r, struct record_entry *e)
{
	size_t cap = 0;

	if (!jsonscan_accept(&r->scan, '['))
		return false;
	if (jsonscan_accept(&r->scan, ']'))
		return true;
	do {
		struct record_bucket b = { 0 };

		if (!read_bucket(r, &b))
			return false;
		if (e->bucket_count && e->buckets[e->bucket_count - 1].index >= b.index)
			return false;
		if (e->bucket_count == cap)
			e->buckets =
				vec_grow(r->t->arena, e->buckets, e->bucket_count, &cap, sizeof(b));
		e->buckets[e->bucket_count++] = b;
		e->number.total += b.value;
		if (r->shape->agg == AGG_TSERIES && b.index > r->t->last_epoch)
			r->t->last_epoch = b.index;
	} while (jsonscan_accept(&r->scan, ','));
	return jsonscan_accept(&r->scan, ']');
}

static bool read_entry(struct reader *r, struct record_entry *e)
{
	const struct agg_ops *ops = agg_of(r->shape);

	if (!jsonscan_accept(&r->scan, '{'))
		return false;
	if (r->t->is_keyed &&
	    !(jsonscan_word(&r->scan, "\"k\":") && read_value(r, &e->key, &e->key_size) &&
	      jsonscan_accept(&r->scan, ',')))
		return false;
	if (ops && ops->is_block) {
		if (!jsonscan_word(&r->scan, "\"b\":") || !read_buckets(r, e))
			return false;
	} else if (ops) {
		if (!jsonscan_word(&r->scan, "\"n\":") || !read_number(r, e))
			return false;
	} else {
		if (!jsonscan_word(&r->scan, "\"d\":") || !read_value(r, &e->data, &e->data_size))
			return false;
	}
	return jsonscan_accept(&r->scan, '}');
}

static bool read_entries(struct reader *r)
{
	struct record_table *t = r->t;

	if (!jsonscan_accept(&r->scan, '['))
		return false;
	if (jsonscan_accept(&r->scan, ']'))
		return true;
	do {
		if (!t->is_keyed && t->count == 1)
			return false;
		if (t->count == t->cap)
			t->entries = vec_grow(t->arena, t->entries, t->count, &t->cap,
					      sizeof(*t->entries));
		t->entries[t->count] = (struct record_entry){ 0 };
		if (!read_entry(r, &t->entries[t->count++]))
			return false;
	} while (jsonscan_accept(&r->scan, ','));
	return jsonscan_accept(&r->scan, ']');
}

/* "@" and an identifier, as the language has them. */
static bool is_map_name(const struct buf *name)
{
	if (name->len == 0 || name->data[0] != '@')
		return false;
	for (size_t i = 1; i < name->len; i++) {
		char c = name->data[i];

		if (c != '_' && (c < '0' || c > '9') && ((c | 32) < 'a' || (c | 32) > 'z'))
			return false;
	}
	return true;
}

static bool read_header(struct reader *r)
{
	uint64_t version;

	if (!jsonscan_accept(&r->scan, '{') || !jsonscan_word(&r->scan, "\"v\":") ||
	    !jsonscan_u64(&r->scan, &version) || version != SNAPSHOT_VERSION ||
	    !jsonscan_word(&r->scan, ",\"map\":") || !jsonscan_string(&r->scan, &r->text) ||
	    !is_map_name(&r->text))
		return false;
	r->t->name = arena_strdup(r->t->arena, buf_cstr(&r->text));
	if (jsonscan_word(&r->scan, ",\"agg\":")) {
		if (!jsonscan_string(&r->scan, &r->text))
			return false;
		r->shape = shape_by_name(r->t->arena, buf_cstr(&r->text));
		if (!r->shape || !jsonscan_word(&r->scan, ",\"signed\":") ||
		    !read_boolean(r, &r->shape->is_signed) ||
		    !jsonscan_word(&r->scan, ",\"args\":") || !read_args(r) ||
		    !check_args(r->shape))
			return false;
		r->t->value = r->shape;
	}
	return jsonscan_word(&r->scan, ",\"keyed\":") && read_boolean(r, &r->t->is_keyed) &&
	       jsonscan_word(&r->scan, ",\"entries\":");
}

int snapshot_read(struct record_table *out, struct arena *a, const char *line, size_t len,
		  struct err *err)
{
	const char *copy = arena_strndup(a, line, len);
	struct reader r = { .scan = { .begin = copy, .p = copy, .end = copy + len }, .t = out };
	bool ok;

	*out = (struct record_table){
		.arena = a, .env = &no_env, .name = "", .is_serialised = true, .div = 1
	};
	buf_init(&r.text, STRING_MAX);
	buf_init(&r.order, STRING_MAX);
	ok = read_header(&r) && read_entries(&r) && jsonscan_accept(&r.scan, '}');
	(void)jsonscan_peek(&r.scan, ' '); // go past the newline
	ok = ok && r.scan.p == r.scan.end;
	buf_finish(&r.text);
	buf_finish(&r.order);
	if (ok)
		return 0;
	return err_set(err, -EINVAL, "not a map snapshot of version %d, at byte %zu",
		       SNAPSHOT_VERSION, (size_t)(r.scan.p - copy));
}
