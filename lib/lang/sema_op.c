/*
 * Rules of operators.
 */
#include <string.h>

#include "lang/sema.h"
#include "lang/walk.h"

static bool is_number(const struct type *t)
{
	return sema_is_integer(t) || t->kind == TYPE_BOOL || sema_is_agg_number(t);
}

static const struct type *invalid(struct sema *s, const struct ast *node, const struct type *l,
				  const struct type *r)
{
	diag_error(s->diags, node->span,
		   "The %s operator can not be used on expressions of types %s, %s",
		   ast_op_name(node->binary.op), type_name(s->arena, l), type_name(s->arena, r));
	return type_error();
}

static const struct type *two_pointers(struct sema *s, struct ast *node, const struct type *l,
				       const struct type *r)
{
	if (!ast_op_is_comparison(node->binary.op))
		return invalid(s, node, l, r);
	if (s->is_final && node->binary.op != OPR_LAND && node->binary.op != OPR_LOR &&
	    !type_equal(l->elem, r->elem)) {
		const char *ln = type_name(s->arena, l->elem);
		const char *rn = type_name(s->arena, r->elem);

		diag_warning(s->diags, node->span, "comparison of distinct pointer types: %s, %s",
			     ln, rn);
		diag_note(s->diags, node->binary.left->span, "left (%s)", ln);
		diag_note(s->diags, node->binary.right->span, "right (%s)", rn);
	}
	return type_bool();
}

static const struct type *pointer_binary(struct sema *s, struct ast *node, const struct type *l,
					 const struct type *r)
{
	enum ast_op op = node->binary.op;
	bool left_is_pointer = l->kind == TYPE_POINTER;
	const struct type *pointer = left_is_pointer ? l : r;
	const struct type *other = left_is_pointer ? r : l;

	if (other->kind == TYPE_POINTER)
		return two_pointers(s, node, l, r);
	if (!sema_is_integer(other) && other->kind != TYPE_BOOL)
		return invalid(s, node, l, r);
	if (op == OPR_ADD || (op == OPR_SUB && left_is_pointer)) {
		return sema_loose(s, pointer);
	}
	if (ast_op_is_comparison(op))
		return type_bool();
	return invalid(s, node, l, r);
}

/* The address space of a number made of two: a register and an offset, say. */
static enum addr_space number_space(struct sema *s, const struct ast *node, const struct type *l,
				    const struct type *r)
{
	if (l->as != r->as && l->as != AS_NONE && r->as != AS_NONE) {
		if (s->is_final && l->as <= AS_USER && r->as <= AS_USER)
			diag_warning(s->diags, node->span, "Addrspace mismatch");
		return AS_NONE;
	}
	return l->as != AS_NONE ? l->as : r->as;
}

static const struct type *number_binary(struct sema *s, struct ast *node, const struct type *l,
					const struct type *r)
{
	enum ast_op op = node->binary.op;
	bool l_signed = l->is_signed, r_signed = r->is_signed;
	enum addr_space as = number_space(s, node, l, r);
	bool same;

	if (l->is_const && !r->is_const)
		l_signed = r_signed;
	else if (r->is_const && !l->is_const)
		r_signed = l_signed;
	if (ast_op_is_comparison(op))
		return type_bool();
	same = l->kind == r->kind && l->size == r->size && l_signed == r_signed;
	if (s->is_final && !same && (op == OPR_DIV || op == OPR_MOD) && (l_signed || r_signed))
		diag_warning(
			s->diags, node->span,
			"signed operands for '%s' can lead to undefined behavior (cast to unsigned "
			"to silence warning)",
			ast_op_name(op));
	return sema_int(s, 8, l_signed || r_signed || op == OPR_SUB, as);
}

static void mismatch(struct sema *s, const struct ast *node, const struct type *l,
		     const struct type *r)
{
	const char *ln = type_name(s->arena, l);
	const char *rn = type_name(s->arena, r);

	diag_error(s->diags, node->span, "Type mismatch for '%s': comparing %s with %s",
		   ast_op_name(node->binary.op), ln, rn);
	diag_note(s->diags, node->binary.left->span, "left (%s)", ln);
	diag_note(s->diags, node->binary.right->span, "right (%s)", rn);
}

static void check_arrays(struct sema *s, const struct ast *node, const struct type *l,
			 const struct type *r)
{
	enum ast_op op = node->binary.op;

	if (op != OPR_EQ && op != OPR_NE)
		diag_error(s->diags, node->span, "The %s operator cannot be used on arrays.",
			   ast_op_name(op));
	if (l->count != r->count)
		diag_error(s->diags, node->span,
			   "Only arrays of same size support comparison operators.");
	else if (!sema_is_integer(l->elem) || !type_equal(l, r))
		diag_error(s->diags, node->span,
			   "Only arrays of same sized integer support comparison operators.");
}

/* Names of Kubernetes compare with strings: which id that is, is known when it runs. */
static bool is_kube_comparison(const struct ast *node, const struct type *l, const struct type *r)
{
	const struct ast *other = l->kind == TYPE_KUBE ? node->binary.right : node->binary.left;

	return (l->kind == TYPE_KUBE || r->kind == TYPE_KUBE) && other->kind == AST_STRING;
}

static void check_other(struct sema *s, const struct ast *node, const struct type *l,
			const struct type *r)
{
	enum ast_op op = node->binary.op;

	if (l->kind == TYPE_ARRAY && r->kind == TYPE_ARRAY) {
		check_arrays(s, node, l, r);
	} else if (l->kind == TYPE_KUBE && r->kind == TYPE_KUBE) {
		/* What is known in the kernel is whether it is the same container. */
		diag_error(s->diags, node->span,
			   "Names of Kubernetes can't be compared with each other");
		diag_hint(s->diags, "compare it with a literal: `namespace == \"default\"`");
	} else if (!sema_compatible(l, r) && !is_kube_comparison(node, l, r)) {
		mismatch(s, node, l, r);
		if (l->kind == TYPE_KUBE || r->kind == TYPE_KUBE)
			diag_hint(s->diags,
				  "compare it with a literal: `namespace == \"default\"`");
	} else if (op != OPR_EQ && op != OPR_NE) {
		(void)invalid(s, node, l, r);
	}
}

static void convert_operands(struct sema *s, struct ast *node, const struct type *result)
{
	const struct type *l = node->binary.left->type;
	const struct type *r = node->binary.right->type;
	const struct type *to = result;

	if (node->binary.op == OPR_LAND || node->binary.op == OPR_LOR) {
		if (l->kind == TYPE_AGG)
			(void)sema_convert(s, &node->binary.left, sema_promote(s, type_none(), l));
		if (r->kind == TYPE_AGG)
			(void)sema_convert(s, &node->binary.right, sema_promote(s, type_none(), r));
		return;
	}
	if (l->kind == TYPE_STRING || r->kind == TYPE_STRING)
		return;
	if (ast_op_is_comparison(node->binary.op)) {
		to = sema_promote(s, sema_promote(s, type_none(), l), r);
		if (!to)
			return;
	}
	(void)sema_convert(s, &node->binary.left, to);
	(void)sema_convert(s, &node->binary.right, to);
}

const struct type *sema_binary(struct sema *s, struct ast *node)
{
	const struct type *l = sema_expr(s, node->binary.left);
	const struct type *r = sema_expr(s, node->binary.right);
	const struct type *t;

	if (l->kind == TYPE_ERROR || r->kind == TYPE_ERROR)
		return type_error();
	if (l->kind == TYPE_NONE || r->kind == TYPE_NONE)
		return type_none();
	if (l->kind == TYPE_BOOL && r->kind == TYPE_BOOL)
		return type_bool();
	if (l->kind == TYPE_POINTER || r->kind == TYPE_POINTER)
		return pointer_binary(s, node, l, r);
	if (is_number(l) && is_number(r)) {
		t = number_binary(s, node, l, r);
	} else {
		if (s->is_final)
			check_other(s, node, l, r);
		t = ast_op_is_comparison(node->binary.op) ? type_bool()
							  : sema_int(s, 8, false, AS_NONE);
	}
	if (s->is_final)
		convert_operands(s, node, t);
	return t;
}

/* ++ and -- are uses and assignments. */
void sema_step(struct sema *s, struct ast *node)
{
	struct ast *operand = node->unary.operand;
	const struct type *t = node->type;

	if (!sema_is_known(t) || operand->type->kind == TYPE_POINTER)
		return;
	if (operand->kind == AST_VAR)
		sema_assign_var(s, (struct sema_var *)operand->var.var, t, node);
	else
		sema_assign_map(s, sema_map_at(s, operand->map.map), t, node);
}

static const struct type *step(struct sema *s, struct ast *node)
{
	struct ast *operand = node->unary.operand;
	bool is_dec = node->unary.op == OPR_PRE_DEC || node->unary.op == OPR_POST_DEC;
	const struct type *t = sema_expr(s, operand);

	if (!sema_is_known(t) || t->kind == TYPE_POINTER)
		return t;
	if (operand->kind == AST_VAR && ((struct sema_var *)operand->var.var)->is_sized)
		return t;
	node->type = sema_int(s, 8, is_dec || t->is_signed, AS_NONE);
	if (!s->is_solving)
		sema_step(s, node);
	return node->type;
}

static bool is_step(enum ast_op op)
{
	return op >= OPR_PRE_INC && op <= OPR_POST_DEC;
}

static const struct type *dereference(struct sema *s, struct ast *node, const struct type *t)
{
	if (t->kind == TYPE_POINTER)
		return sema_target(s, t);
	if (t->kind == TYPE_ARGS) {
		if (s->is_final)
			sema_replace(node, node->unary.operand);
		return t;
	}
	if (s->is_final)
		sema_wrap_cast(
			s, &node->unary.operand,
			type_pointer(s->arena, type_int(8, false),
				     t->as == AS_NONE ? sema_probe_space(s->probe->kind) : t->as));
	return sema_int(s, 8, false, t->as);
}

const struct type *sema_unary(struct sema *s, struct ast *node)
{
	enum ast_op op = node->unary.op;
	const struct type *t;

	if (is_step(op) &&
	    (node->unary.operand->kind == AST_VAR || node->unary.operand->kind == AST_MAP ||
	     node->unary.operand->kind == AST_MAP_ACCESS))
		return step(s, node);
	t = sema_expr(s, node->unary.operand);
	if (!sema_is_known(t))
		return t;
	if (is_step(op)) {
		diag_error(s->diags, node->span,
			   "The %s operator must be applied to a map or variable", ast_op_name(op));
		return type_error();
	}
	if (op == OPR_DEREF &&
	    (t->kind == TYPE_POINTER || t->kind == TYPE_ARGS || sema_is_integer(t)))
		return dereference(s, node, t);
	if (t->kind == TYPE_BOOL
		    ? op != OPR_LNOT
		    : !sema_is_integer(t) && !(t->kind == TYPE_POINTER && op == OPR_LNOT)) {
		diag_error(s->diags, node->span,
			   "The %s operator can not be used on expressions of type '%s'",
			   ast_op_name(op), type_name(s->arena, t));
		return type_error();
	}
	if (op == OPR_LNOT)
		return type_bool();
	return sema_int(s, 8, t->is_signed, t->as);
}
