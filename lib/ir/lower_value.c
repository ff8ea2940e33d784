/*
 * Lowering: values in memory, built in place.
 *
 * lower_into() computes a value straight into its final bytes: a map key, a record in the ring
 * buffer, a variable.  Copies are made only of what is somewhere already.
 */
#include "ir/lower_impl.h"

#include <string.h>

/* ---- constant bytes -------------------------------------------------------------------------- */

/* The widest store that is aligned at @offset; bases are aligned to 8. */
static uint32_t chunk_size(int64_t offset, uint32_t left)
{
	uint32_t size = 8;

	while (size > left || offset % size)
		size /= 2;
	return size;
}

static void store_bytes(struct lower *lo, const struct place *dst, const char *data, uint32_t size)
{
	for (uint32_t i = 0; i < size;) {
		uint32_t n = chunk_size(dst->offset + i, size - i);
		uint64_t word = 0;

		memcpy(&word, data + i, n);
		place_store(lo, dst, i, n, emit_const(lo, (int64_t)word));
		i += n;
	}
}

void store_string(struct lower *lo, const struct place *dst, const char *data, uint32_t len,
		  uint32_t size)
{
	uint32_t used = len + 1 < size ? len + 1 : size;
	char *bytes = arena_alloc(lo->arena, used + 8);
	struct place constant;

	memcpy(bytes, data, len < size ? len : size);
	if (used > SMALL_STRING) {
		constant = rodata_bytes(lo, bytes, used, 8);
		place_copy(lo, dst, &constant, used);
	} else {
		/* Whole words if there is room: what follows the end is zero or does not matter. */
		uint32_t rounded = (used + 7) & ~7u;

		if (rounded <= size && dst->offset % 8 == 0)
			used = rounded;
		store_bytes(lo, dst, bytes, used);
	}
	if (dst->is_padded && used < size)
		place_zero(lo, dst, used, size - used);
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void copy_string(struct lower *lo, const struct place *dst, const struct place *src,
			uint32_t size)
{
	enum addr_space as = resolve_space(lo, src->as);

	if (as != AS_BPF && as != AS_CTX) {
		read_bytes(lo, dst, src, size);
		return;
	}
	if (size <= SMALL_STRING) {
		place_copy(lo, dst, src, size);
		return;
	}
	/* Most long strings are nearly empty: stop at the end, and clean up behind it. */
	read_padded(lo, dst, size, src);
}

void copy_value(struct lower *lo, const struct place *dst, const struct place *src,
		const struct type *t)
{
	enum addr_space as = resolve_space(lo, src->as);

	if (t->kind == TYPE_STRING)
		copy_string(lo, dst, src, t->size);
	else if ((as == AS_BPF || as == AS_CTX) && t->size < LARGE_COPY)
		place_copy(lo, dst, src, t->size);
	else
		read_bytes(lo, dst, src, t->size);
}

/* ---- tuples and records ---------------------------------------------------------------------- */

/* Zero what is between the members of @t. */
static void zero_gaps(struct lower *lo, const struct place *dst, const struct type *t)
{
	uint32_t end = 0;

	if (!dst->is_padded)
		return;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct type_member *m = &t->members[i];

		if (m->offset > end)
			place_zero(lo, dst, end, m->offset - end);
		end = m->offset + m->type->size;
	}
	if (t->size > end)
		place_zero(lo, dst, end, t->size - end);
}

/* @e as a value of type @t. */
static void convert_into(struct lower *lo, const struct ast *e, const struct type *t,
			 const struct place *dst)
{
	struct ast *cast;

	if (type_equal(e->type, t)) {
		lower_into(lo, e, dst);
		return;
	}
	cast = ast_new(lo->arena, AST_CAST, e->span);
	cast->type = t;
	cast->cast.operand = (struct ast *)e;
	lower_into(lo, cast, dst);
}

static void tuple_into(struct lower *lo, const struct ast *e, const struct type *t,
		       const struct place *dst)
{
	for (uint32_t i = 0; i < t->count && i < e->tuple.items.len; i++) {
		struct place member = place_at(*dst, t->members[i].offset);

		if (i + 1 == t->count)
			member.short_string = dst->short_string;
		convert_into(lo, e->tuple.items.data[i], t->members[i].type, &member);
	}
	zero_gaps(lo, dst, t);
}

/* The member of @from that becomes number @i of @to. */
static const struct type_member *source_member(const struct type *from, const struct type *to,
					       uint32_t i)
{
	const char *name = to->members[i].name;

	if (to->kind == TYPE_RECORD)
		for (uint32_t j = 0; j < from->count; j++)
			if (from->members[j].name && name &&
			    strcmp(from->members[j].name, name) == 0)
				return &from->members[j];
	return i < from->count ? &from->members[i] : NULL;
}

static void convert_members(struct lower *lo, const struct place *dst, const struct type *to,
			    const struct place *src, const struct type *from)
{
	for (uint32_t i = 0; i < to->count; i++) {
		const struct type_member *m = source_member(from, to, i);
		struct place d = place_at(*dst, to->members[i].offset), s;

		if (!m)
			continue;
		s = place_at(*src, m->offset);
		convert_copy(lo, &d, to->members[i].type, &s, m->type);
	}
	zero_gaps(lo, dst, to);
}

void convert_copy(struct lower *lo, const struct place *dst, const struct type *to,
		  const struct place *src, const struct type *from)
{
	if (type_is_scalar(to)) {
		struct ir_insn *value = load_scalar(lo, src, from);

		place_store(lo, dst, 0, to->size, convert_scalar(lo, value, from, to));
	} else if (to->kind == TYPE_TUPLE || to->kind == TYPE_RECORD) {
		convert_members(lo, dst, to, src, from);
	} else if (from->size < to->size) {
		copy_value(lo, dst, src, from);
		if (dst->is_padded)
			place_zero(lo, dst, from->size, to->size - from->size);
		else
			place_store(lo, dst, from->size, 1, emit_const(lo, 0));
	} else if (from->size > to->size && to->kind == TYPE_STRING) {
		if (dst->is_padded)
			place_zero(lo, dst, 0, to->size);
		read_string(lo, dst, emit_const(lo, to->size), src);
	} else {
		copy_value(lo, dst, src, to);
	}
}

/* The members of a record literal in the order of another record type. */
static bool is_same_order(const struct ast *e, const struct type *t)
{
	if (e->kind == AST_TUPLE)
		return true;
	for (uint32_t i = 0; i < t->count && i < e->tuple.items.len; i++)
		if (strcmp(e->tuple.names[i], t->members[i].name) != 0)
			return false;
	return true;
}

/* Can the operand be computed in place, as the larger type @t? */
static bool is_widened_in_place(const struct ast *operand, const struct type *t)
{
	return operand->type->kind == t->kind && operand->type->size <= t->size &&
	       (t->kind == TYPE_STRING || t->kind == TYPE_BUFFER);
}

static void widen_in_place(struct lower *lo, const struct ast *operand, const struct type *t,
			   const struct place *dst)
{
	uint32_t size = operand->type->size;

	if (operand->kind == AST_STRING) {
		store_string(lo, dst, operand->string.data, operand->string.len, t->size);
		return;
	}
	lower_into(lo, operand, dst);
	if (size == t->size)
		return;
	if (dst->is_padded)
		place_zero(lo, dst, size, t->size - size);
	else if (t->kind == TYPE_STRING)
		place_store(lo, dst, size, 1, emit_const(lo, 0));
}

static void cast_into(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct ast *operand = e->cast.operand;
	const struct type *t = e->type;
	struct place src;

	if (operand->type->kind == TYPE_AGG) {
		agg_record_into(lo, operand, dst);
		return;
	}
	if ((t->kind == TYPE_TUPLE || t->kind == TYPE_RECORD) &&
	    (operand->kind == AST_TUPLE || operand->kind == AST_RECORD) &&
	    is_same_order(operand, t)) {
		tuple_into(lo, operand, t, dst);
	} else if (t->kind == TYPE_ARRAY || t->kind == TYPE_STRUCT) {
		src = cast_place(lo, e);
		copy_value(lo, dst, &src, t);
	} else if (is_widened_in_place(operand, t)) {
		widen_in_place(lo, operand, t, dst);
	} else {
		src = lower_place_ours(lo, operand);
		convert_copy(lo, dst, t, &src, operand->type);
	}
}

/* ---- any expression -------------------------------------------------------------------------- */

static void ternary_into(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct fork f = fork_begin(lo);

	lower_condition(lo, e->branch.cond, f.yes, f.no);
	block_enter(lo, f.yes);
	convert_into(lo, e->branch.then, e->type, dst);
	emit_jump(lo, f.done);
	block_enter(lo, f.no);
	convert_into(lo, e->branch.other, e->type, dst);
	emit_jump(lo, f.done);
	fork_end(lo, &f);
}

static void copy_or_convert(struct lower *lo, const struct place *dst, const struct type *to,
			    const struct place *src, const struct type *from)
{
	if (type_equal(from, to))
		copy_value(lo, dst, src, to);
	else
		convert_copy(lo, dst, to, src, from);
}

void pair_store(struct lower *lo, const struct var_state *s, const struct type *t,
		const struct place *dst)
{
	const struct type_member *k = &t->members[0], *v = &t->members[1];
	struct place key = place_ptr(s->key, 0, AS_BPF), to = place_at(*dst, k->offset), value;

	/* An assignment may have made the variable wider than what is in the map. */
	copy_or_convert(lo, &to, k->type, &key, s->map->key);
	to = place_at(*dst, v->offset);
	if (s->number_value) {
		place_store(lo, &to, 0, v->type->kind == TYPE_AGG ? 8 : v->type->size,
			    s->number_value);
	} else {
		value = place_ptr(s->value, 0, AS_BPF);
		copy_or_convert(lo, &to, v->type, &value, s->map->value);
	}
	zero_gaps(lo, dst, t);
}

/* The tuple that is the variable of a loop over a map. */
static bool pair_into(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct var_state *s;

	if (e->kind != AST_VAR)
		return false;
	s = var_state(lo, e->var.var);
	if (s->home != VAR_PAIR)
		return false;
	pair_store(lo, s, e->type, dst);
	return true;
}

static void memory_into(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct place src;

	switch (e->kind) {
	case AST_STRING:
		if (e->type->kind == TYPE_STRING)
			store_string(lo, dst, e->string.data, e->string.len, e->type->size);
		else
			store_bytes(lo, dst, e->string.data, e->type->size);
		return;
	case AST_TUPLE:
	case AST_RECORD: tuple_into(lo, e, e->type, dst); return;
	case AST_CALL: lower_builtin(lo, e, dst); return;
	case AST_BUILTIN:
		if (e->type->kind == TYPE_ARGS)
			break;
		lower_builtin(lo, e, dst);
		return;
	case AST_TERNARY: ternary_into(lo, e, dst); return;
	case AST_CAST: cast_into(lo, e, dst); return;
	case AST_COMPTIME: lower_into(lo, e->expr, dst); return;
	case AST_BLOCK:
		lower_stmts(lo, &e->block.stmts);
		if (e->block.value)
			lower_into(lo, e->block.value, dst);
		return;
	default:
		if (pair_into(lo, e, dst))
			return;
		break;
	}
	src = lower_place(lo, e);
	copy_value(lo, dst, &src, e->type);
}

void lower_into(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct span saved = lo->span;

	lo->span = e->span;
	if (e->type->kind == TYPE_AGG)
		place_store(lo, dst, 0, 8, agg_read(lo, e));
	else if (type_is_scalar(e->type))
		place_store(lo, dst, 0, e->type->size, lower_stored(lo, e));
	else
		memory_into(lo, e, dst);
	lo->span = saved;
}
