#include "record/value.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/event.h"
#include "record/num.h"
#include "record/sink.h"
#include "record/snapshot.h"
#include "record/symbol.h"

#define TEXT_MAX (1u << 20) // of one symbol, stack or time

void value_walker_init(struct value_walker *v, const struct record_env *env)
{
	*v = (struct value_walker){ .env = env, .div = 1 };
	buf_init(&v->scratch, TEXT_MAX);
}

void value_walker_finish(struct value_walker *v)
{
	buf_finish(&v->scratch);
}

size_t value_string_len(const char *data, size_t size)
{
	return strnlen(data, size);
}

uint64_t value_integer(const struct shape *shape, const void *data)
{
	uint32_t size = shape->size < 8 ? shape->size : 8;

	if (shape->kind == SHAPE_BOOL)
		return num_load(data, size, false) != 0;
	return num_load(data, size, shape->is_signed);
}

void value_put_buffer(struct buf *out, const void *data, size_t len, bool keep_ascii, bool escape)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++) {
		char text[4] = { '\\', 'x', hex[bytes[i] >> 4], hex[bytes[i] & 15] };

		if (keep_ascii && bytes[i] >= 32 && bytes[i] <= 126) {
			buf_putc(out, (char)bytes[i]);
		} else if (escape) {
			buf_append(out, text, 4);
		} else {
			buf_append(out, text + 2, 2);
			if (i + 1 < len)
				buf_putc(out, ' ');
		}
	}
}

/*
 * Replace %f, %k and %l in @format by microseconds, nanoseconds and milliseconds.  Like bpftrace
 * without a look at what precedes: "%%f" is "%" and the microseconds to strftime().  Returns
 * whether there were any.
 */
static bool expand_fractions(struct buf *out, const char *format, uint32_t ns)
{
	bool found = false;

	for (const char *p = format; *p; p++) {
		bool is_fraction = p[0] == '%' && p[1] && strchr("fkl", p[1]);

		if (!is_fraction)
			buf_putc(out, *p);
		else if (*++p == 'f')
			buf_printf(out, "%06u", ns / 1000);
		else if (*p == 'k')
			buf_printf(out, "%09u", ns);
		else
			buf_printf(out, "%03u", ns / 1000000);
		found |= is_fraction;
	}
	return found;
}

/* @format at @time->tm, the fractions being @ns; what has none is remembered. */
static void put_strftime(struct buf *out, struct value_time *time, const char *format, uint32_t ns,
			 size_t max_strlen)
{
	struct buf expanded;
	char stack[1024];
	char *text = max_strlen > sizeof(stack) ? malloc(max_strlen) : stack;
	bool has_fraction;
	size_t len = 0;

	buf_init(&expanded, TEXT_MAX);
	has_fraction = expand_fractions(&expanded, format, ns);
	if (text)
		len = strftime(text, max_strlen, buf_cstr(&expanded), &time->tm);
	if (len)
		buf_append(out, text, len);
	else
		buf_puts(out, "(?)");
	time->len = 0;
	if (len && !has_fraction && len <= sizeof(time->text)) {
		memcpy(time->text, text, len);
		time->len = len;
		time->format = format;
	}
	if (text != stack)
		free(text);
	buf_finish(&expanded);
}

/* Time @wall_ns after 1970 by strftime() and %f (us), %k (ns), %l (ms), local time. */
static void put_time(struct buf *out, struct value_time *time, const char *format, int64_t wall_ns,
		     size_t max_strlen)
{
	int64_t second = wall_ns / 1000000000;
	uint32_t ns = (uint32_t)(wall_ns % 1000000000);

	if (wall_ns < 1000000000) { // as bpftrace
		buf_puts(out, "(?)");
		return;
	}
	if (time->second != second) {
		time->len = 0;
		time->second = second;
		if (!localtime_r(&(time_t){ second }, &time->tm)) {
			time->second = 0;
			buf_puts(out, "(?)");
			return;
		}
	}
	if (time->len && time->format == format) {
		buf_append(out, time->text, time->len);
		return;
	}
	if (max_strlen == 0)
		max_strlen = 1024;
	put_strftime(out, time, format, ns, max_strlen < TEXT_MAX ? max_strlen : TEXT_MAX);
}

static void walk_integer(struct value_walker *v, struct writer *w, const struct shape *shape,
			 uint64_t value)
{
	if (v->div > 1 && shape->is_signed)
		value = (uint64_t)((int64_t)value / (int64_t)v->div);
	else if (v->div > 1)
		value /= v->div;
	w->ops->integer(w, value, shape->is_signed);
}

static void walk_enum(struct writer *w, const struct shape *shape, uint64_t value)
{
	char text[NUM_MAX];
	uint64_t mask = shape->size < 8 ? (1ull << (8 * shape->size)) - 1 : UINT64_MAX;

	value &= mask;
	for (uint32_t i = 0; i < shape->count; i++) {
		const struct shape_name *n = &shape->names[i];

		if ((n->value & mask) == value) {
			w->ops->symbol(w, n->name, strlen(n->name), value);
			return;
		}
	}
	w->ops->symbol(w, text, num_format_u64(text, value), value);
}

static void walk_pointer(struct writer *w, uint64_t value)
{
	char text[NUM_MAX + 2] = "0x";

	w->ops->symbol(w, text, 2 + num_format_hex(text + 2, value), value);
}

/* A string that fills its field was cut. */
static void walk_string(struct value_walker *v, struct writer *w, const char *data, size_t size)
{
	size_t len = strnlen(data, size);
	const char *trailer = v->env->trunc_trailer ? v->env->trunc_trailer : "..";

	if (len < size || size == 0 || *trailer == '\0') {
		w->ops->text(w, data, len);
		return;
	}
	buf_clear(&v->scratch);
	buf_append(&v->scratch, data, len);
	buf_puts(&v->scratch, trailer);
	w->ops->text(w, buf_cstr(&v->scratch), v->scratch.len);
}

static void walk_buffer(struct writer *w, const char *data, size_t size)
{
	size_t len = size >= 4 ? num_load(data, 4, false) : 0;

	if (size < 4) {
		w->ops->null(w);
		return;
	}
	w->ops->buffer(w, data + 4, len < size - 4 ? len : size - 4);
}

static void walk_array(struct value_walker *v, struct writer *w, const struct shape *shape,
		       const char *data, size_t size)
{
	size_t step = shape->elem ? shape->elem->size : 0;

	if (shape->is_char_array) {
		walk_string(v, w, data, shape->size);
		return;
	}
	w->ops->open(w, GROUP_ARRAY, shape->count);
	for (size_t i = 0; i < shape->count && step && (i + 1) * step <= size; i++) {
		w->ops->item(w, GROUP_ARRAY, i, NULL, 0);
		value_walk(v, w, shape->elem, data + i * step, step);
	}
	w->ops->close(w, GROUP_ARRAY, shape->count);
}

/* The bits of a bit-field, without their sign, as in bpftrace; the unit is of its declared type. */
static void walk_bit_field(struct value_walker *v, struct writer *w, const struct shape_member *m,
			   const char *data)
{
	uint64_t bits = num_load(data, m->shape->size, false) >> (m->bit_offset & 63);

	if (m->bit_size < 64)
		bits &= (1ull << m->bit_size) - 1;
	if (m->shape->kind == SHAPE_ENUM)
		walk_enum(w, m->shape, bits);
	else if (m->shape->kind == SHAPE_BOOL)
		w->ops->boolean(w, bits != 0);
	else
		walk_integer(v, w, m->shape, bits);
}

static void walk_members(struct value_walker *v, struct writer *w, const struct shape *shape,
			 const char *data, size_t size)
{
	enum group group = shape->kind == SHAPE_TUPLE ? GROUP_TUPLE : GROUP_STRUCT;

	w->ops->open(w, group, shape->count);
	for (uint32_t i = 0; i < shape->count; i++) {
		const struct shape_member *m = &shape->members[i];

		w->ops->item(w, group, i, m->name ? m->name : "", m->name ? strlen(m->name) : 0);
		if (m->offset > size || m->shape->size > size - m->offset)
			w->ops->null(w);
		else if (m->bit_size)
			walk_bit_field(v, w, m, data + m->offset);
		else
			value_walk(v, w, m->shape, data + m->offset, m->shape->size);
	}
	w->ops->close(w, group, shape->count);
}

static int64_t clock_to_wall(const struct record_env *env, uint32_t clock)
{
	switch (clock) {
	case CLOCK_SHAPE_BOOT: return env->boot_to_wall_ns;
	case CLOCK_SHAPE_MONOTONIC: return env->mono_to_wall_ns;
	default: return env->tai_to_wall_ns;
	}
}

static void put_inet(struct buf *out, const char *data)
{
	char text[INET6_ADDRSTRLEN];
	int family = (int)num_load(data, 4, true);

	if ((family == AF_INET || family == AF_INET6) &&
	    inet_ntop(family, data + 4, text, sizeof(text)))
		buf_puts(out, text);
}

static void put_mac(struct buf *out, const unsigned char *mac)
{
	buf_printf(out, "%02X:%02X:%02X:%02X:%02X:%02X", mac[0], mac[1], mac[2], mac[3], mac[4],
		   mac[5]);
}

static const char *resolve_text(const struct record_env *env, const struct shape *shape,
				uint64_t id)
{
	const struct record_resolver *r = env->resolver;

	if (shape->kind == SHAPE_PROBE)
		return id < env->probe_name_count ? env->probe_names[id] : NULL;
	if (!r)
		return NULL;
	if (shape->kind == SHAPE_CGROUP_PATH && r->cgroup_path)
		return r->cgroup_path(r->ctx, id, shape->format);
	if (shape->kind == SHAPE_USERNAME && r->username)
		return r->username(r->ctx, id);
	if (shape->kind == SHAPE_KUBE && r->kube)
		return r->kube(r->ctx, id, (enum kube_name)shape->mode);
	return NULL;
}

/* What is a number or a few bytes in the record, and text to people. */
static void walk_resolved(struct value_walker *v, struct writer *w, const struct shape *shape,
			  const char *data)
{
	struct buf *text = &v->scratch;
	uint64_t first = num_load(data, shape->size < 8 ? 4 : 8, false);
	const char *name;

	buf_clear(text);
	switch (shape->kind) {
	case SHAPE_KSTACK:
	case SHAPE_USTACK:
		symbol_put_stack(text, v->env, shape, (int32_t)first, (uint32_t)(first >> 32));
		break;
	case SHAPE_KSYM: symbol_put_kernel(text, v->env, first); break;
	case SHAPE_USYM:
		symbol_put_user(text, v->env, first, (uint32_t)num_load(data + 8, 4, false));
		break;
	case SHAPE_INET: put_inet(text, data); break;
	case SHAPE_MACADDR: put_mac(text, (const unsigned char *)data); break;
	case SHAPE_TIMESTAMP:
		put_time(text, &v->time, shape->format ? shape->format : "",
			 (int64_t)(first + (uint64_t)clock_to_wall(v->env, shape->mode)),
			 v->env->max_strlen);
		break;
	default: name = resolve_text(v->env, shape, first); buf_puts(text, name ? name : "");
	}
	w->ops->text(w, buf_cstr(text), text->len);
}

/* The least size of what is read without looking at shape->size. */
static size_t least_size(const struct shape *shape)
{
	switch (shape->kind) {
	case SHAPE_KSTACK:
	case SHAPE_USTACK:
	case SHAPE_KSYM:
	case SHAPE_TIMESTAMP:
	case SHAPE_CGROUP_PATH:
	case SHAPE_USERNAME:
	case SHAPE_PROBE:
	case SHAPE_KUBE: return 8;
	case SHAPE_USYM: return 16;
	case SHAPE_INET: return 20;
	case SHAPE_MACADDR: return 6;
	default: return 0;
	}
}

void value_walk(struct value_walker *v, struct writer *w, const struct shape *shape,
		const void *data, size_t size)
{
	if (size < shape->size || shape->size < least_size(shape)) {
		w->ops->null(w);
		return;
	}
	switch (shape->kind) {
	case SHAPE_INT: walk_integer(v, w, shape, value_integer(shape, data)); break;
	case SHAPE_BOOL: w->ops->boolean(w, value_integer(shape, data)); break;
	case SHAPE_ENUM: walk_enum(w, shape, value_integer(shape, data)); break;
	case SHAPE_POINTER: walk_pointer(w, value_integer(shape, data)); break;
	case SHAPE_STRING: walk_string(v, w, data, shape->size); break;
	case SHAPE_BUFFER: walk_buffer(w, data, shape->size); break;
	case SHAPE_ARRAY: walk_array(v, w, shape, data, shape->size); break;
	case SHAPE_TUPLE:
	case SHAPE_STRUCT: walk_members(v, w, shape, data, shape->size); break;
	case SHAPE_NONE:
	case SHAPE_AGG: // tables print these
	case SHAPE_KIND_COUNT: w->ops->null(w); break;
	default: walk_resolved(v, w, shape, data);
	}
}
