/*
 * Casts as they are written, and the conversions that the types of variables, maps and operators
 * ask for.
 */
#include <string.h>

#include "lang/sema.h"
#include "lang/walk.h"

void sema_wrap_cast(struct sema *s, struct ast **slot, const struct type *to)
{
	struct ast *cast = ast_new(s->arena, AST_CAST, (*slot)->span);

	cast->cast.operand = *slot;
	cast->type = to;
	*slot = cast;
}

static bool literal_fits(const struct ast *node, const struct type *t)
{
	unsigned int bits = t->size * 8;

	if (node->integer.is_negative)
		return t->is_signed &&
		       (bits == 64 || (int64_t)node->integer.value >= -(1LL << (bits - 1)));
	if (t->is_signed)
		return node->integer.value <= (UINT64_MAX >> 1) >> (64 - bits);
	return node->integer.value <= UINT64_MAX >> (64 - bits);
}

static bool convert_int(struct sema *s, struct ast **slot, const struct type *from,
			const struct type *to)
{
	struct ast *node = *slot;

	if (node->kind == AST_INT && node->integer.is_literal) {
		if (!literal_fits(node, to))
			return false;
		sema_set_constant(node, node->integer.value, to);
		return true;
	}
	if (!sema_is_agg_number(from) && !sema_fits(from, to))
		diag_warning(
			s->diags, node->span,
			"Expression of type: %s being cast to type: %s. This may cause unexpected "
			"results. Use an explicit cast to suppress this warning.",
			type_name(s->arena, from), type_name(s->arena, to));
	sema_wrap_cast(s, slot, to);
	return true;
}

bool sema_can_convert(const struct type *from, const struct type *to)
{
	if (type_equal(from, to))
		return true;
	if ((sema_is_integer(from) || sema_is_agg_number(from)) && sema_is_integer(to))
		return true;
	if (from->kind != to->kind)
		return false;
	switch (from->kind) {
	case TYPE_STRING: return from->size <= to->size;
	case TYPE_TUPLE:
	case TYPE_RECORD: return sema_compatible(from, to);
	case TYPE_POINTER:
	case TYPE_BUFFER:
	case TYPE_AGG: return true;
	default: return false;
	}
}

static bool same_order(const struct type *a, const struct type *b)
{
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->members[i].name && strcmp(a->members[i].name, b->members[i].name) != 0)
			return false;
	}
	return true;
}

/* A literal tuple is converted item by item, any other as a whole. */
static bool convert_tuple(struct sema *s, struct ast **slot, const struct type *from,
			  const struct type *to)
{
	struct ast *node = *slot;

	while (node->kind == AST_BLOCK && node->block.value) {
		node->type = to;
		slot = &node->block.value;
		node = *slot;
	}
	if (!sema_can_convert(from, to))
		return false;
	if ((node->kind != AST_TUPLE && node->kind != AST_RECORD) || !same_order(from, to)) {
		sema_wrap_cast(s, slot, to);
		return true;
	}
	for (uint32_t i = 0; i < from->count; i++) {
		if (!sema_convert(s, &node->tuple.items.data[i], to->members[i].type))
			return false;
	}
	node->type = to;
	return true;
}

bool sema_convert(struct sema *s, struct ast **slot, const struct type *to)
{
	const struct type *from = (*slot)->type;

	if (!sema_is_known(from) || !sema_is_known(to))
		return true;
	if (type_equal(from, to)) {
		/* A literal no longer adapts. */
		if ((*slot)->kind == AST_INT && from->is_const)
			(*slot)->type = to;
		return true;
	}
	if ((sema_is_integer(from) || sema_is_agg_number(from)) && sema_is_integer(to))
		return convert_int(s, slot, from, to);
	if (from->kind == TYPE_ARGS && to->kind == TYPE_RECORD &&
	    type_equal(sema_args_record(s, from), to)) {
		sema_wrap_cast(s, slot, to);
		return true;
	}
	if (sema_is_agg_stats(from) && type_equal(sema_agg_value(s, from), to)) {
		sema_wrap_cast(s, slot, to);
		return true;
	}
	if (from->kind != to->kind)
		return false;
	switch (from->kind) {
	case TYPE_STRING:
		if (from->size > to->size)
			return false;
		sema_wrap_cast(s, slot, to);
		return true;
	case TYPE_TUPLE:
	case TYPE_RECORD: return convert_tuple(s, slot, from, to);
	case TYPE_POINTER: sema_wrap_cast(s, slot, to); return true;
	case TYPE_BUFFER:
	case TYPE_AGG: return true;
	default: return false;
	}
}

/* The target with what it takes from the operand: the length of T[], the address space. */
static const struct type *cast_target(struct sema *s, const struct type *to,
				      const struct type *from)
{
	enum addr_space as = from->as;

	if (to->kind == TYPE_ARRAY) {
		if (to->count == 0 && to->elem->size && from->size % to->elem->size == 0)
			to = type_array(s->arena, to->elem, from->size / to->elem->size);
		return sema_in(s, to, from->kind == TYPE_STRING ? from->as : AS_BPF);
	}
	if (to->kind == TYPE_STRING)
		return sema_string(s, to->size);
	if (to->kind != TYPE_POINTER && !sema_is_integer(to))
		return to;
	if (to->kind == TYPE_POINTER && from->kind == TYPE_POINTER) {
		if (as == AS_BTF && !type_equal(to->elem, from->elem))
			as = AS_KERNEL; // no longer the type that the verifier knows
		/* See sema_loose(); a string in a struct is read with a byte behind it. */
		if (as == AS_BPF && !type_equal(to->elem, from->elem) &&
		    (to->elem->size > from->elem->size || !type_is_scalar(to->elem)))
			as = AS_KERNEL;
	} else if (as == AS_BTF || as == AS_CTX) {
		as = AS_KERNEL;
	}
	if (as == AS_NONE || (as == AS_BPF && from->kind != TYPE_POINTER))
		as = sema_probe_space(s->probe->kind);
	return sema_in(s, to, as);
}

static void cannot_cast(struct sema *s, const struct ast *node, const struct type *from,
			const struct type *to)
{
	diag_error(s->diags, node->span, "Cannot cast from \"%s\" to \"%s\"",
		   type_name(s->arena, from), type_name(s->arena, to));
}

static bool check_array_cast(struct sema *s, const struct ast *node, const struct type *from,
			     const struct type *to)
{
	if (to->count == 0 && to->elem->size == 0) {
		diag_error(s->diags, node->span, "Could not determine size of the array");
		return false;
	}
	if (to->count == 0 && from->size % to->elem->size != 0) {
		diag_error(s->diags, node->span,
			   "Cannot determine array size: the element size is incompatible with the "
			   "cast integer size");
		return false;
	}
	if (!sema_is_integer(to->elem) && to->elem->kind != TYPE_BOOL)
		return false;
	if (sema_is_integer(from))
		return to->size == from->size || (to->size <= 8 && to->size > from->size);
	return (from->kind == TYPE_BOOL || from->kind == TYPE_STRING) && to->size == from->size;
}

static void check_enum_cast(struct sema *s, const struct ast *node, const struct type *to)
{
	const struct ast *e = node->cast.operand;

	if (e->kind != AST_INT || !e->integer.is_literal || !to->enumerators)
		return;
	for (uint32_t i = 0; i < to->count; i++) {
		if (to->enumerators[i].value == e->integer.value)
			return;
	}
	diag_error(s->diags, node->span, "Enum: %s doesn't contain a variant value of %lld",
		   to->name, (long long)e->integer.value);
}

static bool is_castable(struct sema *s, const struct ast *node, const struct type *from,
			const struct type *to)
{
	switch (to->kind) {
	case TYPE_INT:
	case TYPE_ENUM:
		if (from->kind == TYPE_ARRAY || from->kind == TYPE_STRING)
			return from->kind == TYPE_ARRAY && from->size == to->size;
		return sema_is_integer(from) || from->kind == TYPE_POINTER ||
		       from->kind == TYPE_BOOL || sema_is_agg_number(from) ||
		       from->kind == TYPE_ARGS;
	case TYPE_POINTER: return from->kind != TYPE_ARRAY;
	case TYPE_BOOL:
		return sema_is_integer(from) || from->kind == TYPE_POINTER ||
		       sema_is_agg_number(from) || from->kind == TYPE_STRING;
	case TYPE_STRING: return from->kind == TYPE_STRING && from->size <= to->size;
	case TYPE_USERNAME: return sema_is_integer(from);
	case TYPE_ARRAY: return check_array_cast(s, node, from, to);
	default: return false;
	}
}

static void check_cast(struct sema *s, const struct ast *node, const struct type *from,
		       const struct type *to)
{
	size_t errors = s->diags->error_count;

	if (from->kind == TYPE_STRUCT) {
		diag_error(s->diags, node->span, "Cannot cast from C type \"%s\"",
			   type_name(s->arena, from));
		return;
	}
	if (from->kind == TYPE_VOID) {
		diag_error(s->diags, node->span, "Cannot cast from \"void\" type");
		return;
	}
	if (type_equal(from, to)) {
		if (!node->span.source || !node->span.source->is_builtin)
			diag_warning(s->diags, node->span,
				     "Unnecessary cast: expression is already of type %s",
				     type_name(s->arena, from));
		return;
	}
	if (!is_castable(s, node, from, to)) {
		if (s->diags->error_count == errors)
			cannot_cast(s, node, from, to);
		return;
	}
	if (to->kind == TYPE_ENUM)
		check_enum_cast(s, node, to);
}

const struct type *sema_cast(struct sema *s, struct ast *node)
{
	const struct type *from = sema_expr(s, node->cast.operand);
	const struct type *to;

	if (!node->cast.to)
		return node->type; // made by a conversion
	to = sema_resolve_type(s, node->cast.to);
	if (!sema_is_known(to))
		return to;
	if (s->is_solving && from->kind == TYPE_NONE && to->kind == TYPE_INT)
		return to; // whatever it is of
	if (!sema_is_known(from))
		return from;
	to = cast_target(s, to, from);
	if (to->kind == TYPE_BOOL && from->kind != TYPE_ARRAY &&
	    ast_is_literal(node->cast.operand) && node->cast.operand->kind != AST_TUPLE &&
	    node->cast.operand->kind != AST_RECORD) {
		if (s->is_final)
			sema_set_bool(node, sema_literal_bool(node->cast.operand));
		return to;
	}
	if (s->is_final)
		check_cast(s, node, from, to);
	/* An address has no sign. */
	if (s->is_final && to->kind == TYPE_POINTER && sema_is_integer(from) && from->is_signed &&
	    from->size < 8)
		sema_wrap_cast(s, &node->cast.operand, type_int(from->size, false));
	return to;
}
