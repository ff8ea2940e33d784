#include "record/hist.h"

#include <string.h>

#include "record/agg.h"
#include "record/num.h"

#define BAR_WIDTH   52
#define LABEL_WIDTH 16
#define COUNT_WIDTH 8
#define KILO        INT64_C(1024)
#define MEGA        (KILO * KILO)

/* A boundary between buckets. */
struct label {
	int64_t value;
	bool is_symbol; // "4K": not a plain number
	char text[NUM_MAX + 2];
	size_t len;
};

/* From the first to the last bucket that has anything in it. */
struct rows {
	const struct record_table *table;
	const struct record_entry *entry;
	uint64_t index; // of the bucket
	uint64_t end;
	uint32_t next; // in the entry's buckets
	uint64_t count;
	bool has_lower, has_upper;
	struct label lower, upper;
};

void agg_reduce_hist(struct record_entry *e, const struct shape *shape,
		     const struct agg_copies *copies, struct arena *a)
{
	size_t count = shape->size / 8, used = 0;

	for (int pass = 0; pass < 2; pass++) {
		if (pass == 1)
			e->buckets = arena_array(a, struct record_bucket, used);
		for (size_t i = 0; i < count; i++) {
			uint64_t sum = 0;

			for (unsigned int c = 0; c < copies->count; c++)
				sum += num_load(copies->data + c * copies->stride + 8 * i, 8,
						false);
			if (sum == 0)
				continue;
			if (pass == 0) {
				used++;
				e->number.total += sum;
			} else if (e->bucket_count < used) {
				e->buckets[e->bucket_count++] =
					(struct record_bucket){ .index = i, .value = sum };
			}
		}
	}
}

/* @value in units of 2^(10 * unit). */
static void label_symbol(struct label *l, int64_t value, int64_t shown, unsigned int unit)
{
	static const char suffixes[] = "\0KMGTPE";

	l->value = value;
	l->is_symbol = true;
	l->len = num_format_s64(l->text, shown);
	if (unit)
		l->text[l->len++] = suffixes[unit];
}

/* The number that bucket @index ends at and the next begins at. */
static void hist_label(struct label *l, uint64_t index, unsigned int bits)
{
	uint64_t n = 1u << bits;
	unsigned int power, unit;

	if (index <= 2 * n) {
		l->value = (int64_t)index;
		l->is_symbol = false;
		l->len = num_format_u64(l->text, index);
		return;
	}
	n += index & (n - 1);
	power = (unsigned int)(index >> bits) - 1;
	unit = power / 10;
	label_symbol(l, (int64_t)(n << (power & 63)), (int64_t)(n << (power - 10 * unit)), unit);
}

static void lhist_label(struct label *l, uint64_t index, const int64_t *args)
{
	int64_t value = (int64_t)((uint64_t)args[0] + index * (uint64_t)args[2]);

	if (args[2] % KILO != 0) {
		l->value = value;
		l->is_symbol = false;
		l->len = num_format_s64(l->text, value);
	} else if (value != 0 && value % MEGA == 0) {
		label_symbol(l, value, value / MEGA, 2);
	} else if (value != 0 && value % KILO == 0) {
		label_symbol(l, value, value / KILO, 1);
	} else {
		label_symbol(l, value, value, 0);
	}
}

/* Of all that can come from shapes and snapshots, whether @index may be given to the above. */
static bool is_bucket(const struct shape *shape, uint64_t index)
{
	if (shape->agg == AGG_LHIST)
		return shape->args[2] > 0 && shape->args[1] > shape->args[0] &&
		       index < lhist_bucket_count(shape->args[0], shape->args[1], shape->args[2]);
	return shape->args[0] >= 0 && shape->args[0] <= HIST_BITS_MAX &&
	       index < hist_bucket_count((unsigned int)shape->args[0]);
}

static void label_at(struct label *l, uint64_t index, const struct shape *shape)
{
	if (shape->agg == AGG_LHIST)
		lhist_label(l, index, shape->args);
	else
		hist_label(l, index, (unsigned int)shape->args[0]);
}

static void rows_init(struct rows *r, const struct record_table *t, const struct record_entry *e)
{
	*r = (struct rows){ .table = t, .entry = e };
	if (e->bucket_count == 0 || !is_bucket(t->value, e->buckets[e->bucket_count - 1].index))
		return;
	r->index = e->buckets[0].index;
	r->end = e->buckets[e->bucket_count - 1].index + 1;
}

static bool rows_next(struct rows *r)
{
	const struct record_entry *e = r->entry;
	const struct shape *shape = r->table->value;

	if (r->index >= r->end)
		return false;
	r->count = 0;
	if (r->next < e->bucket_count && e->buckets[r->next].index == r->index)
		r->count = e->buckets[r->next++].value;
	if (r->table->div > 1 && shape->agg == AGG_HIST) // as in bpftrace, not for lhist
		r->count /= r->table->div;
	r->has_lower = r->index > 0;
	if (r->has_lower)
		label_at(&r->lower, r->index - 1, shape);
	label_at(&r->upper, r->index, shape);
	r->has_upper = shape->agg == AGG_HIST || r->upper.value <= shape->args[1];
	r->index++;
	return true;
}

/* "[4, 8)", "[5]", "(..., 0)", "[100, ...)" */
static size_t put_label(struct buf *out, const struct rows *r)
{
	size_t begin = out->len;

	if (!r->has_lower) {
		buf_puts(out, "(..., ");
	} else {
		buf_putc(out, '[');
		buf_append(out, r->lower.text, r->lower.len);
		if (r->has_upper && !r->lower.is_symbol && !r->upper.is_symbol &&
		    r->upper.value - r->lower.value == 1) {
			buf_putc(out, ']');
			return out->len - begin;
		}
		buf_puts(out, ", ");
	}
	if (r->has_upper)
		buf_append(out, r->upper.text, r->upper.len);
	else
		buf_puts(out, "...");
	buf_putc(out, ')');
	return out->len - begin;
}

void hist_put_text(struct buf *out, const struct record_table *t, const struct record_entry *e)
{
	uint64_t max = 0;
	struct rows r;

	rows_init(&r, t, e);
	while (rows_next(&r))
		max = r.count > max ? r.count : max;
	rows_init(&r, t, e);
	while (rows_next(&r)) {
		size_t len = put_label(out, &r);
		char count[NUM_MAX];
		size_t count_len = num_format_u64(count, r.count);
		/* In single precision, like bpftrace: bars are of the same length then. */
		size_t bar = max ? (size_t)((float)r.count / (float)max * (float)BAR_WIDTH) : 0;

		buf_fill(out, ' ', len < LABEL_WIDTH ? LABEL_WIDTH - len : 0);
		buf_fill(out, ' ', count_len < COUNT_WIDTH ? COUNT_WIDTH - count_len : 0);
		buf_append(out, count, count_len);
		buf_append(out, " |", 2);
		buf_fill(out, '@', bar);
		buf_fill(out, ' ', bar < BAR_WIDTH ? BAR_WIDTH - bar : 0);
		buf_append(out, "|\n", 2);
	}
}

/* Bounds are inclusive in JSON. */
void hist_put_json(struct buf *out, const struct record_table *t, const struct record_entry *e)
{
	struct rows r;
	bool is_first = true;

	buf_putc(out, '[');
	rows_init(&r, t, e);
	while (rows_next(&r)) {
		buf_puts(out, is_first ? "{" : ",{");
		is_first = false;
		if (r.has_lower) {
			buf_puts(out, "\"min\": ");
			json_put_number(out, (uint64_t)r.lower.value, true);
			buf_puts(out, ", ");
		}
		if (r.has_upper) {
			buf_puts(out, "\"max\": ");
			json_put_number(out, (uint64_t)r.upper.value - 1, true);
			buf_puts(out, ", ");
		}
		buf_puts(out, "\"count\": ");
		num_put_u64(out, r.count);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}
