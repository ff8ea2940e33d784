/*
 * The rules of the type system: the common type of two, what fits into what, address spaces.
 *
 * Integers.  A literal has the smallest signed type that holds it and adapts its sign to whatever
 * it meets (is_const).  Two integers of the same sign give the larger; of different signs, the
 * next signed size that holds both, int64 at most.  Strings give the longer, tuples and records
 * go element by element.
 */
#include <string.h>

#include "lang/sema.h"

static unsigned int log2_size(uint32_t size)
{
	return (unsigned int)__builtin_ctz(size);
}

static const struct type *make_int(struct sema *s, uint32_t size, bool is_signed,
				   enum addr_space as, bool is_const)
{
	const struct type **slot = &s->ints[log2_size(size)][is_signed][as][is_const];
	struct type *t;

	if (!*slot) {
		t = arena_memdup(s->arena, type_int(size, is_signed), sizeof(*t));
		t->as = as;
		t->is_const = is_const;
		*slot = t;
	}
	return *slot;
}

const struct type *sema_int(struct sema *s, uint32_t size, bool is_signed, enum addr_space as)
{
	return make_int(s, size, is_signed, as, false);
}

const struct type *sema_int_literal(struct sema *s, const struct ast *node)
{
	int64_t v = (int64_t)node->integer.value;
	uint32_t size = 8;

	if (node->integer.is_unsigned && !node->integer.is_negative)
		return type_int(8, false);
	if (v >= INT8_MIN && v <= INT8_MAX)
		size = 1;
	else if (v >= INT16_MIN && v <= INT16_MAX)
		size = 2;
	else if (v >= INT32_MIN && v <= INT32_MAX)
		size = 4;
	return make_int(s, size, true, AS_NONE, !node->integer.is_negative);
}

const struct type *sema_string(struct sema *s, uint32_t size)
{
	return type_in(s->arena, type_string(s->arena, size), AS_BPF);
}

const struct type *sema_in(struct sema *s, const struct type *t, enum addr_space as)
{
	if (t->kind == TYPE_INT && t->mode == 0)
		return make_int(s, t->size, t->is_signed, as, t->is_const);
	return type_in(s->arena, t, as);
}

bool sema_is_known(const struct type *t)
{
	return t->kind != TYPE_NONE && t->kind != TYPE_ERROR;
}

bool sema_is_integer(const struct type *t)
{
	return t->kind == TYPE_INT || t->kind == TYPE_ENUM;
}

bool sema_is_agg_number(const struct type *t)
{
	return t->kind == TYPE_AGG && (t->agg == BI_count || t->agg == BI_sum || t->agg == BI_max ||
				       t->agg == BI_min || t->agg == BI_avg);
}

bool sema_is_agg_buckets(const struct type *t)
{
	return t->kind == TYPE_AGG &&
	       (t->agg == BI_hist || t->agg == BI_lhist || t->agg == BI_tseries);
}

enum addr_space sema_probe_space(enum probe_kind kind)
{
	switch (kind) {
	case PROBE_kprobe:
	case PROBE_kretprobe:
	case PROBE_fentry:
	case PROBE_fexit:
	case PROBE_tracepoint:
	case PROBE_iter:
	case PROBE_rawtracepoint: return AS_KERNEL;
	case PROBE_uprobe:
	case PROBE_uretprobe:
	case PROBE_usdt: return AS_USER;
	default: return AS_NONE;
	}
}

const struct type *sema_loose(struct sema *s, const struct type *pointer)
{
	return pointer->as == AS_BTF || pointer->as == AS_BPF ? sema_in(s, pointer, AS_KERNEL)
							      : pointer;
}

static bool is_memory(const struct type *t)
{
	return t->kind == TYPE_STRUCT || t->kind == TYPE_ARRAY || t->kind == TYPE_STRING;
}

enum addr_space sema_inner_space(struct sema *s, const struct type *t)
{
	if (!is_memory(t) && t->kind != TYPE_ARGS)
		return t->as;
	if (t->as == AS_BPF)
		return t->inner_as != AS_NONE ? t->inner_as : sema_probe_space(s->probe->kind);
	if (t->as == AS_CTX)
		return t->inner_as != AS_NONE ? t->inner_as : AS_KERNEL;
	return t->as;
}

const struct type *sema_stored(struct sema *s, const struct type *t)
{
	struct type *copy;

	if (t->kind == TYPE_POINTER && t->as == AS_BTF)
		return type_in(s->arena, t, AS_KERNEL); // the verifier forgets what it points to
	if (!is_memory(t) || t->as == AS_BPF)
		return t;
	copy = arena_memdup(s->arena, t, sizeof(*t));
	copy->inner_as = sema_inner_space(s, t) == AS_BTF ? AS_KERNEL : sema_inner_space(s, t);
	copy->as = AS_BPF;
	return copy;
}

static const struct type_member *member_named(const struct type *t, const char *name)
{
	for (uint32_t i = 0; i < t->count; i++) {
		if (t->members[i].name && strcmp(t->members[i].name, name) == 0)
			return &t->members[i];
	}
	return NULL;
}

/* The member of @b that goes with member @i of @a: by name in records, which may be reordered. */
static const struct type_member *matching(const struct type *a, uint32_t i, const struct type *b)
{
	if (a->kind == TYPE_RECORD)
		return member_named(b, a->members[i].name);
	return i < b->count ? &b->members[i] : NULL;
}

static bool kinds_match(const struct type *a, const struct type *b)
{
	return a->kind == b->kind || (sema_is_integer(a) && sema_is_integer(b));
}

bool sema_compatible(const struct type *a, const struct type *b)
{
	if (!kinds_match(a, b))
		return false;
	switch (a->kind) {
	case TYPE_STRUCT: return type_equal(a, b);
	case TYPE_POINTER: return sema_compatible(a->elem, b->elem);
	case TYPE_TUPLE:
	case TYPE_RECORD:
		if (a->count != b->count)
			return false;
		for (uint32_t i = 0; i < a->count; i++) {
			const struct type_member *m = matching(a, i, b);

			if (!m || !sema_compatible(a->members[i].type, m->type))
				return false;
		}
		return true;
	case TYPE_KSTACK:
	case TYPE_USTACK:
	case TYPE_KUBE: return type_equal(a, b);
	case TYPE_AGG: return a->agg == b->agg;
	case TYPE_ARRAY:
		return type_equal(a->elem, b->elem) &&
		       (a->size == 0 || b->size == 0 || a->size == b->size);
	default: return true;
	}
}

static bool int_fits(const struct type *from, const struct type *to)
{
	if (from->is_signed == to->is_signed || from->is_const)
		return from->size <= to->size;
	return !from->is_signed && from->size < to->size;
}

bool sema_fits(const struct type *from, const struct type *to)
{
	if (!sema_compatible(from, to))
		return false;
	if (from->kind == TYPE_STRING)
		return from->size <= to->size;
	if (sema_is_integer(from))
		return int_fits(from, to);
	if (from->kind == TYPE_TUPLE || from->kind == TYPE_RECORD) {
		for (uint32_t i = 0; i < from->count; i++) {
			if (!sema_fits(from->members[i].type, matching(from, i, to)->type))
				return false;
		}
		return true;
	}
	return type_equal(from, to);
}

/* One address space for what comes from two places. */
static enum addr_space join_space(enum addr_space a, enum addr_space b)
{
	if (a == AS_NONE || b == AS_NONE)
		return a == AS_NONE ? b : a;
	if (a == AS_BTF || b == AS_BTF)
		return a == b ? a : a == AS_BTF ? (b == AS_USER ? AS_USER : AS_KERNEL) : a;
	return a;
}

static const struct type *promote_ints(struct sema *s, const struct type *a, const struct type *b)
{
	uint32_t size = a->size > b->size ? a->size : b->size;
	bool is_const = a->is_const && b->is_const;
	enum addr_space as = join_space(a->as, b->as);

	if (a->is_signed == b->is_signed)
		return make_int(s, size, a->is_signed, as, is_const);
	if (a->is_const || b->is_const)
		return make_int(s, size,
				(!a->is_const && a->is_signed) || (!b->is_const && b->is_signed),
				as, is_const);
	if ((a->is_signed && a->size > b->size) || (b->is_signed && b->size > a->size))
		return make_int(s, size, true, as, false);
	return make_int(s, size >= 8 ? 8 : size * 2, true, as, false);
}

static const struct type *promote_same_kind(struct sema *s, const struct type *a,
					    const struct type *b);

static const struct type *promote_members(struct sema *s, const struct type *a,
					  const struct type *b)
{
	const struct type **types = arena_array(s->arena, const struct type *, a->count);
	const char **names = NULL;

	if (a->kind == TYPE_RECORD)
		names = arena_array(s->arena, const char *, a->count);
	for (uint32_t i = 0; i < a->count; i++) {
		types[i] = promote_same_kind(s, a->members[i].type, matching(a, i, b)->type);
		if (!types[i])
			return NULL;
		if (names)
			names[i] = a->members[i].name;
	}
	return type_tuple(s->arena, types, names, a->count);
}

/* Of two compatible types. */
static const struct type *promote_same_kind(struct sema *s, const struct type *a,
					    const struct type *b)
{
	const struct type *elem;

	switch (a->kind) {
	case TYPE_INT:
	case TYPE_ENUM: return type_equal(a, b) ? a : promote_ints(s, a, b);
	case TYPE_AGG: return a->is_signed ? a : b;
	case TYPE_TUPLE:
	case TYPE_RECORD: return promote_members(s, a, b);
	case TYPE_STRING: return a->size >= b->size ? a : type_in(s->arena, b, a->as);
	case TYPE_BUFFER: return a->size >= b->size ? a : b;
	case TYPE_POINTER:
		elem = promote_same_kind(s, a->elem, b->elem);
		return elem ? type_pointer(s->arena, elem, join_space(a->as, b->as)) : NULL;
	case TYPE_ARRAY: return a->size ? a : b;
	default: return a;
	}
}

bool sema_is_agg_stats(const struct type *t)
{
	return t->kind == TYPE_AGG && t->agg == BI_stats;
}

/* The members in the order in which bpftrace prints them; agg_record_into() stores them. */
static const struct type *stats_record(struct sema *s, const struct type *t)
{
	static const char *const names[] = { "count", "average", "total" };
	const struct type *number = make_int(s, 8, t->is_signed, AS_NONE, false);
	const struct type *types[] = { make_int(s, 8, false, AS_NONE, false), number, number };

	return type_tuple(s->arena, types, names, 3);
}

const struct type *sema_agg_value(struct sema *s, const struct type *t)
{
	if (sema_is_agg_stats(t))
		return stats_record(s, t);
	return sema_is_agg_number(t) ? make_int(s, 8, t->is_signed, AS_NONE, false) : t;
}

const struct type *sema_promote(struct sema *s, const struct type *a, const struct type *b)
{
	enum addr_space as;

	if (b->kind == TYPE_ARGS)
		b = sema_args_record(s, b);
	if (a->kind == TYPE_NONE)
		return sema_agg_value(s, b);
	if (type_equal(a, b)) {
		if (a->kind == TYPE_AGG)
			return a;
		as = join_space(a->as, b->as);
		if (a->kind == TYPE_INT && a->is_const && !b->is_const)
			a = b; // a literal's type no longer adapts
		return as == a->as ? a : sema_in(s, a, as);
	}
	if (!sema_compatible(a, b)) {
		if ((sema_is_integer(a) && sema_is_agg_number(b)) ||
		    (sema_is_integer(b) && sema_is_agg_number(a)))
			return promote_ints(s, sema_agg_value(s, a), sema_agg_value(s, b));
		return NULL;
	}
	return promote_same_kind(s, a, b);
}
