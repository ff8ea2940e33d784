#include "record/printf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record/num.h"

#define WIDTH_MAX 100000

struct printf_call {
	struct value_walker *walker;
	struct buf *out;
};

typedef void (*printf_fn)(struct printf_call *c, const struct printf_op *op, const char *data);

/* A conversion, and the text in front of it. */
struct printf_op {
	const char *text;
	uint32_t text_len;
	uint32_t offset; // of the argument in the record
	printf_fn fn;    // NULL: text only
	const struct shape *shape;
	uint32_t width;
	char fill;
	char conversion[3];
	uint8_t int_size;
	bool is_left;
	bool show_plus;
	bool is_alternate;
};

static void put_padded(struct printf_call *c, const struct printf_op *op, const char *text,
		       size_t len)
{
	struct text_writer w = { .base = { .out = c->out },
				 .width = op->width,
				 .fill = op->fill,
				 .is_left = op->is_left };

	text_writer_put(&w, text, len);
}

/* The argument as wide as the length modifier says. */
static uint64_t narrow(const struct printf_op *op, const char *data, bool is_signed)
{
	uint64_t value = value_integer(op->shape, data);
	uint32_t unused = 64 - 8 * (uint32_t)op->int_size;

	if (is_signed)
		return (uint64_t)((int64_t)(value << unused) >> unused);
	return value << unused >> unused;
}

static void print_signed(struct printf_call *c, const struct printf_op *op, const char *data)
{
	char text[NUM_MAX + 1];
	int64_t value = (int64_t)narrow(op, data, true);
	size_t len = 0;

	if (op->show_plus && value >= 0)
		text[len++] = '+';
	len += num_format_s64(text + len, value);
	put_padded(c, op, text, len);
}

static void print_unsigned(struct printf_call *c, const struct printf_op *op, const char *data)
{
	char text[NUM_MAX];
	size_t len = num_format_u64(text, narrow(op, data, false));

	put_padded(c, op, text, len);
}

/* The commonest ones: no flags, no width. */
static void print_plain_signed(struct printf_call *c, const struct printf_op *op, const char *data)
{
	num_put_s64(c->out, (int64_t)narrow(op, data, true));
}

static void print_plain_unsigned(struct printf_call *c, const struct printf_op *op,
				 const char *data)
{
	num_put_u64(c->out, narrow(op, data, false));
}

static void print_octal(struct printf_call *c, const struct printf_op *op, const char *data)
{
	char text[NUM_MAX + 1];
	uint64_t value = narrow(op, data, false);
	size_t len = 0;

	if (op->is_alternate && value)
		text[len++] = '0';
	len += num_format_octal(text + len, value);
	put_padded(c, op, text, len);
}

static void put_hex(struct printf_call *c, const struct printf_op *op, uint64_t value,
		    bool with_prefix, bool is_upper)
{
	char text[NUM_MAX + 2];
	size_t len = 0;

	if (with_prefix && value) {
		text[len++] = '0';
		text[len++] = 'x';
	}
	len += num_format_hex(text + len, value);
	for (size_t i = 0; is_upper && i < len; i++) {
		if (text[i] >= 'a')
			text[i] = (char)(text[i] - 'a' + 'A');
	}
	put_padded(c, op, text, len);
}

static void print_hex(struct printf_call *c, const struct printf_op *op, const char *data)
{
	put_hex(c, op, narrow(op, data, false), op->is_alternate, op->conversion[0] == 'X');
}

static void print_pointer(struct printf_call *c, const struct printf_op *op, const char *data)
{
	put_hex(c, op, value_integer(op->shape, data), true, false);
}

static void print_char(struct printf_call *c, const struct printf_op *op, const char *data)
{
	char text = (char)value_integer(op->shape, data);

	put_padded(c, op, &text, 1);
}

static void print_value(struct printf_call *c, const struct printf_op *op, const char *data)
{
	struct text_writer w;

	text_writer_init(&w, c->out);
	w.width = op->width;
	w.fill = op->fill;
	w.is_left = op->is_left;
	w.show_plus = op->show_plus;
	value_walk(c->walker, &w.base, op->shape, data, op->shape->size);
}

static void print_plain_string(struct printf_call *c, const struct printf_op *op, const char *data)
{
	size_t len = strnlen(data, op->shape->size);

	if (len == op->shape->size)
		print_value(c, op, data);
	else
		buf_append(c->out, data, len);
}

static void print_buffer(struct printf_call *c, const struct printf_op *op, const char *data)
{
	struct buf *text = &c->walker->scratch;
	uint64_t len;

	if (op->shape->kind != SHAPE_BUFFER || op->shape->size < 4) {
		print_value(c, op, data);
		return;
	}
	len = num_load(data, 4, false);
	if (len > op->shape->size - 4)
		len = op->shape->size - 4;
	buf_clear(text);
	value_put_buffer(text, data + 4, len, op->conversion[1] == '\0', op->conversion[1] != 'h');
	put_padded(c, op, buf_cstr(text), text->len);
}

static void print_gfp(struct printf_call *c, const struct printf_op *op, const char *data)
{
	struct buf *text = &c->walker->scratch;

	buf_clear(text);
	printf_put_gfp(text, value_integer(op->shape, data));
	put_padded(c, op, buf_cstr(text), text->len);
}

static const struct {
	char conversion[3];
	bool is_integer; // of the argument
	printf_fn fn;
	printf_fn plain; // without flags and width; NULL: the same
} conversions[] = {
	{ "d", true, print_signed, print_plain_signed },
	{ "i", true, print_signed, print_plain_signed },
	{ "u", true, print_unsigned, print_plain_unsigned },
	{ "x", true, print_hex, NULL },
	{ "X", true, print_hex, NULL },
	{ "o", true, print_octal, NULL },
	{ "c", true, print_char, NULL },
	{ "p", true, print_pointer, NULL },
	{ "gr", true, print_gfp, NULL },
	{ "s", false, print_value, NULL },
	{ "r", false, print_buffer, NULL },
	{ "rx", false, print_buffer, NULL },
	{ "rh", false, print_buffer, NULL },
};

/* Whether value_integer() may read it. */
static bool is_number(const struct shape *shape)
{
	switch (shape->kind) {
	case SHAPE_INT:
	case SHAPE_BOOL:
	case SHAPE_ENUM:
	case SHAPE_POINTER:
	case SHAPE_KSYM:
	case SHAPE_USYM:
	case SHAPE_TIMESTAMP:
	case SHAPE_CGROUP_PATH:
	case SHAPE_USERNAME: return true;
	default: return false;
	}
}

/* The flags and width of "%-08d"; '*' and the precision have no effect. */
static void parse_spec(struct printf_op *op, const char *spec)
{
	const char *p = spec && *spec == '%' ? spec + 1 : "";

	op->fill = ' ';
	for (; *p && strchr("-+ #0", *p); p++) {
		op->is_left |= *p == '-';
		op->show_plus |= *p == '+';
		op->is_alternate |= *p == '#';
		if (*p == '0')
			op->fill = '0';
	}
	for (; *p >= '0' && *p <= '9'; p++) {
		op->width = op->width * 10 + (uint32_t)(*p - '0');
		if (op->width > WIDTH_MAX)
			op->width = WIDTH_MAX;
	}
}

static void choose_function(struct printf_op *op)
{
	bool is_plain = op->width == 0 && !op->show_plus;

	op->fn = print_value;
	if (op->int_size != 1 && op->int_size != 2 && op->int_size != 8)
		op->int_size = 4;
	for (size_t i = 0; i < sizeof(conversions) / sizeof(conversions[0]); i++) {
		if (strcmp(conversions[i].conversion, op->conversion) != 0)
			continue;
		if (conversions[i].is_integer && !is_number(op->shape))
			return;
		op->fn =
			is_plain && conversions[i].plain ? conversions[i].plain : conversions[i].fn;
	}
	if (is_plain && op->fn == print_value && op->shape->kind == SHAPE_STRING)
		op->fn = print_plain_string;
}

/* Returns false if the part's argument isn't one. */
static bool prepare_conversion(struct printf_plan *plan, struct printf_op *op,
			       const struct image_format_part *part,
			       const struct image_event *event)
{
	const struct image_arg *arg;
	uint64_t end;

	if (part->arg >= event->arg_count)
		return false;
	arg = &event->args[part->arg];
	end = (uint64_t)arg->offset + arg->shape->size;
	if (end > UINT32_MAX)
		return false;
	if (end > plan->size)
		plan->size = (uint32_t)end;
	op->shape = arg->shape;
	op->offset = arg->offset;
	op->int_size = part->int_size;
	memcpy(op->conversion, part->conversion, sizeof(op->conversion));
	op->conversion[2] = '\0';
	parse_spec(op, part->spec);
	choose_function(op);
	return true;
}

int printf_plan_init(struct printf_plan *plan, const struct image_event *event)
{
	struct printf_op *op;

	*plan = (struct printf_plan){ .size = sizeof(struct event_header) };
	plan->ops = calloc(event->part_count + 1, sizeof(*plan->ops));
	if (!plan->ops)
		return -ENOMEM;
	op = plan->ops;
	for (uint32_t i = 0; i < event->part_count; i++) {
		const struct image_format_part *part = &event->parts[i];

		if (part->text) {
			if (op->text)
				op++;
			op->text = part->text;
			op->text_len = part->text_len;
		} else if (prepare_conversion(plan, op, part, event)) {
			op++;
		}
	}
	if (op->text)
		op++;
	plan->count = (uint32_t)(op - plan->ops);
	return 0;
}

void printf_plan_finish(struct printf_plan *plan)
{
	free(plan->ops);
	*plan = (struct printf_plan){ 0 };
}

void printf_run(const struct printf_plan *plan, struct value_walker *v, struct buf *out,
		const void *record, size_t size)
{
	struct printf_call c = { .walker = v, .out = out };

	if (size < plan->size)
		return;
	for (const struct printf_op *op = plan->ops; op < plan->ops + plan->count; op++) {
		if (op->text_len)
			buf_append(out, op->text, op->text_len);
		if (op->fn)
			op->fn(&c, op, (const char *)record + op->offset);
	}
}
