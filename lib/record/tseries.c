#include "record/tseries.h"

#include <string.h>
#include <time.h>

#include "record/agg.h"
#include "record/num.h"

#define PLOT_WIDTH 53
#define AXIS_SPLIT 21 // columns of the left number; the right one has the rest

void agg_combine_intervals(struct record_bucket *into, const struct record_bucket *from,
			   const struct shape *shape)
{
	bool is_less = shape->is_signed ? (int64_t)from->value < (int64_t)into->value
					: from->value < into->value;

	switch ((enum tseries_agg)shape->args[2]) {
	case TSERIES_NONE:
		if (from->meta > into->meta)
			*into = *from;
		break;
	case TSERIES_AVG:
		into->value += from->value;
		into->meta += from->meta;
		break;
	case TSERIES_SUM: into->value += from->value; break;
	case TSERIES_MIN:
		if (is_less)
			into->value = from->value;
		break;
	case TSERIES_MAX:
		if (!is_less)
			into->value = from->value;
		break;
	}
}

/*
 * Slot @index of all CPUs: of the latest interval only.  False if it was never written; one that
 * was, in 1970's first interval, counts as 0, as in bpftrace.
 */
static bool reduce_slot(struct record_bucket *out, const struct shape *shape,
			const struct agg_copies *copies, size_t index)
{
	struct record_bucket sum = { 0 };
	bool is_written = false;

	for (unsigned int c = 0; c < copies->count; c++) {
		struct tseries_slot slot;
		struct record_bucket one;

		memcpy(&slot, copies->data + c * copies->stride + index * sizeof(slot),
		       sizeof(slot));
		one = (struct record_bucket){ .index = slot.epoch,
					      .value = slot.value,
					      .meta = slot.meta };
		is_written |= slot.epoch || slot.value || slot.meta;
		if (one.index > sum.index)
			sum = one;
		else if (one.index && one.index == sum.index)
			agg_combine_intervals(&sum, &one, shape);
	}
	*out = sum;
	return is_written;
}

void agg_reduce_tseries(struct record_entry *e, const struct shape *shape,
			const struct agg_copies *copies, struct arena *a)
{
	size_t count = shape->size / sizeof(struct tseries_slot);

	e->buckets = arena_array(a, struct record_bucket, count);
	for (size_t i = 0; i < count; i++) {
		struct record_bucket b;
		size_t at = e->bucket_count;

		if (!reduce_slot(&b, shape, copies, i))
			continue;
		/* Slots are a ring: all but one of these find their place at the end. */
		while (at > 0 && e->buckets[at - 1].index > b.index)
			at--;
		memmove(&e->buckets[at + 1], &e->buckets[at], (e->bucket_count - at) * sizeof(b));
		e->buckets[at] = b;
		e->bucket_count++;
	}
}

/* The intervals to show: from the entry's first to the table's last, at most N. */
struct range {
	uint64_t first;
	uint64_t last;
	uint32_t bucket; // of the entry, the first one in the range
};

static bool find_range(struct range *r, const struct record_table *t, const struct record_entry *e)
{
	uint64_t count = t->value->args[1] > 0 ? (uint64_t)t->value->args[1] : 1;

	if (t->last_epoch == 0 || t->last_epoch == UINT64_MAX)
		return false;
	*r = (struct range){ .first = t->last_epoch + 1 >= count ? t->last_epoch + 1 - count : 1,
			     .last = t->last_epoch };
	while (r->bucket < e->bucket_count && e->buckets[r->bucket].index < r->first)
		r->bucket++;
	r->first = r->bucket < e->bucket_count ? e->buckets[r->bucket].index : r->last;
	return true;
}

static uint64_t bucket_value(const struct record_bucket *b, const struct shape *shape)
{
	struct record_number n = { .total = b->value, .count = b->meta };

	return shape->args[2] == TSERIES_AVG ? agg_average(&n, shape->is_signed) : b->value;
}

struct plot {
	struct buf *out;
	const struct record_table *table;
	bool is_signed;
	bool has_values;
	uint64_t min, max;
	size_t time_width;
	unsigned int digits; // of fractions of seconds
};

static bool is_below(const struct plot *p, uint64_t a, uint64_t b)
{
	return p->is_signed ? (int64_t)a < (int64_t)b : a < b;
}

static void find_extremes(struct plot *p, const struct record_entry *e, const struct range *r)
{
	bool can_grow, can_shrink;

	for (uint32_t i = r->bucket; i < e->bucket_count; i++) {
		uint64_t v = bucket_value(&e->buckets[i], p->table->value);

		if (!p->has_values || is_below(p, v, p->min))
			p->min = v;
		if (!p->has_values || is_below(p, p->max, v))
			p->max = v;
		p->has_values = true;
	}
	if (!p->has_values || p->min != p->max)
		return;
	/* Leave room on both sides of the only value. */
	can_shrink = p->is_signed ? (int64_t)p->min != INT64_MIN : p->min != 0;
	can_grow = p->is_signed ? (int64_t)p->max != INT64_MAX : p->max != UINT64_MAX;
	p->min -= can_shrink;
	p->max += can_grow;
}

static size_t format_value(const struct plot *p, char text[NUM_MAX], uint64_t v)
{
	return p->is_signed ? num_format_s64(text, (int64_t)v) : num_format_u64(text, v);
}

/* "min                  max" under or above the plot. */
static void put_axis(const struct plot *p)
{
	char text[NUM_MAX] = "null";
	size_t len = p->has_values ? format_value(p, text, p->min) : 4;
	size_t right = PLOT_WIDTH - AXIS_SPLIT;

	buf_fill(p->out, ' ', p->time_width + 1);
	buf_append(p->out, text, len);
	buf_fill(p->out, ' ', len < AXIS_SPLIT ? AXIS_SPLIT - len : 0);
	len = p->has_values ? format_value(p, text, p->max) : 4;
	buf_fill(p->out, ' ', len < right ? right - len : 0);
	buf_append(p->out, text, len);
	buf_putc(p->out, '\n');
}

static void put_header(struct plot *p, const struct range *r)
{
	static const struct {
		uint64_t least_ns;
		const char *title;
		unsigned int digits;
	} units[] = {
		{ 1000000000, "hh:mm:ss", 0 },
		{ 1000000, "hh:mm:ss.ms", 3 },
		{ 1000, "hh:mm:ss.μs", 6 },
		{ 0, "hh:mm:ss.ns", 9 },
	};
	/* One interval alone has no distance to the next, and is shown in ns. */
	uint64_t interval_ns = r->first < r->last ? (uint64_t)p->table->value->args[0] : 0;
	size_t i = 0, len;

	while (interval_ns < units[i].least_ns)
		i++;
	p->digits = units[i].digits;
	p->time_width = strlen("hh:mm:ss") + (p->digits ? 1 + p->digits : 0);
	put_axis(p);
	len = strlen(units[i].title);
	buf_append(p->out, units[i].title, len);
	buf_fill(p->out, ' ', p->time_width + 1 > len ? p->time_width + 1 - len : 0);
	buf_putc(p->out, '|');
	buf_fill(p->out, '_', PLOT_WIDTH - 2);
	buf_append(p->out, "|\n", 2);
}

/* Nanoseconds after 1970 of the beginning of interval @epoch. */
static int64_t interval_start(const struct record_table *t, uint64_t epoch)
{
	uint64_t ns = epoch * (uint64_t)t->value->args[0] + (uint64_t)t->env->tai_to_wall_ns;

	return ns <= INT64_MAX ? (int64_t)ns : 0;
}

static void put_time(const struct plot *p, uint64_t epoch)
{
	int64_t ns = interval_start(p->table, epoch);
	time_t seconds = ns / 1000000000;
	char text[32], fraction[NUM_MAX];
	struct tm tm = { 0 };

	if (!localtime_r(&seconds, &tm))
		tm = (struct tm){ 0 };
	buf_append(p->out, text, strftime(text, sizeof(text), "%H:%M:%S", &tm));
	if (p->digits == 0)
		return;
	/* The first of nine digits, zeros in front included. */
	num_format_u64(fraction, (uint64_t)(ns % 1000000000) + 1000000000);
	buf_putc(p->out, '.');
	buf_append(p->out, fraction + 1, p->digits);
}

/* How far along the plot @v is.  In single precision, like bpftrace. */
static int position(const struct plot *p, uint64_t v, int width)
{
	float along = (float)(int64_t)(v - p->min), whole = (float)(int64_t)(p->max - p->min);
	int at = whole != 0 ? (int)((float)width * along / whole) : PLOT_WIDTH / 2;

	if (at < 0)
		return 0;
	return at < PLOT_WIDTH ? at : PLOT_WIDTH - 1;
}

/* @b NULL: nothing in this interval. */
static void put_line(const struct plot *p, uint64_t epoch, const struct record_bucket *b)
{
	char line[PLOT_WIDTH], text[NUM_MAX];
	uint64_t value;

	put_time(p, epoch);
	memset(line, ' ', sizeof(line));
	line[0] = line[PLOT_WIDTH - 1] = '|';
	if (p->is_signed && (int64_t)p->min < 0 && (int64_t)p->max > 0) {
		int zero = position(p, 0, PLOT_WIDTH);

		if (zero > 0)
			line[zero] = '.';
	}
	value = b ? bucket_value(b, p->table->value) : 0;
	if (b)
		line[position(p, value, PLOT_WIDTH - 1)] = '*';
	buf_putc(p->out, ' ');
	buf_append(p->out, line, sizeof(line));
	buf_putc(p->out, ' ');
	if (b)
		buf_append(p->out, text, format_value(p, text, value));
	else
		buf_putc(p->out, '-');
	buf_putc(p->out, '\n');
}

void tseries_put_text(struct buf *out, const struct record_table *t, const struct record_entry *e)
{
	struct plot p = { .out = out, .table = t, .is_signed = t->value->is_signed };
	struct range r;
	uint32_t next;

	if (!find_range(&r, t, e)) {
		buf_puts(out, "<no data>");
		return;
	}
	find_extremes(&p, e, &r);
	put_header(&p, &r);
	next = r.bucket;
	for (uint64_t epoch = r.first; epoch <= r.last; epoch++) {
		bool is_there = next < e->bucket_count && e->buckets[next].index == epoch;

		put_line(&p, epoch, is_there ? &e->buckets[next] : NULL);
		next += is_there;
	}
	buf_fill(out, ' ', p.time_width + 1);
	buf_putc(out, 'v');
	buf_fill(out, '_', PLOT_WIDTH - 2);
	buf_append(out, "v\n", 2);
	put_axis(&p);
}

void tseries_put_json(struct buf *out, const struct record_table *t, const struct record_entry *e)
{
	struct plot p = { .is_signed = t->value->is_signed };
	bool is_first = true;
	struct range r;

	buf_putc(out, '[');
	if (!find_range(&r, t, e))
		r.bucket = e->bucket_count;
	for (uint32_t i = r.bucket; i < e->bucket_count; i++) {
		int64_t ns = interval_start(t, e->buckets[i].index);
		time_t seconds = ns / 1000000000;
		char text[64], number[NUM_MAX];
		struct tm tm = { 0 };

		if (!gmtime_r(&seconds, &tm))
			tm = (struct tm){ 0 };
		buf_puts(out, is_first ? "{\"interval_start\":\"" : ",{\"interval_start\":\"");
		is_first = false;
		buf_append(out, text, strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm));
		buf_printf(out, ".%09u\",\"value\":", (unsigned int)(ns % 1000000000));
		buf_append(out, number,
			   format_value(&p, number, bucket_value(&e->buckets[i], t->value)));
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}
