/* Types in the bodies of macros: a parameter may stand for a type, or for a part of one. */
#include <string.h>

#include "lang/macro.h"

static const char *type_text(struct macro_expander *x, const struct type_expr *type)
{
	const char *text =
		type->tag ? arena_printf(x->arena, "%s %s", type->tag, type->name) : type->name;

	vec_foreach (&type->modifiers, it)
		text = arena_printf(x->arena, "%s%s", text, it->is_pointer ? " *" : "[]");
	return text;
}

/* The name alone that @argument is, as a type: foo, or typeof(foo). */
static const char *plain_name(const struct ast *argument)
{
	const struct type_expr *type;

	if (argument->kind == AST_IDENT)
		return argument->ident.name;
	if (argument->kind != AST_TYPEOF)
		return NULL;
	type = argument->type_query.of_type;
	if (type)
		return type->tag || type->modifiers.len ? NULL : type->name;
	if (argument->type_query.of_expr->kind == AST_IDENT)
		return argument->type_query.of_expr->ident.name;
	return NULL;
}

/* Put the type that @argument is before the modifiers of @type. */
static bool splice(struct macro_expander *x, struct type_expr *type, const struct ast *argument)
{
	struct ast *copy;
	struct type_expr *of;

	if (argument->kind != AST_TYPEOF)
		return false;
	copy = macro_clone(x, argument, type->span);
	of = copy->type_query.of_type;
	if (!of) {
		type->name = NULL;
		type->type_of = copy->type_query.of_expr;
		return true;
	}
	vec_foreach (&type->modifiers, it)
		vec_push(x->arena, &of->modifiers, *it);
	of->span = type->span;
	*type = *of;
	return true;
}

/* A bare name in a typeof is a type or an argument, but no macro's call. */
static void expand_operand(struct macro_expander *x, struct macro_frame *frame, struct ast *operand)
{
	if (operand->kind != AST_IDENT || macro_argument(frame, operand->ident.name))
		macro_expand_node(x, frame, operand);
}

void macro_expand_type(struct macro_expander *x, struct macro_frame *frame, struct type_expr *type)
{
	const struct ast *argument;
	const char *name;

	vec_foreach (&type->modifiers, it) {
		if (it->count)
			macro_expand_node(x, frame, it->count);
	}
	if (type->type_of_type) {
		macro_expand_type(x, frame, type->type_of_type);
		return;
	}
	if (type->type_of) {
		argument = type->type_of->kind == AST_IDENT
				   ? macro_argument(frame, type->type_of->ident.name)
				   : NULL;
		if (!argument || !splice(x, type, argument))
			expand_operand(x, frame, type->type_of);
		return;
	}
	argument = type->name ? macro_argument(frame, type->name) : NULL;
	if (!argument)
		return;
	name = plain_name(argument);
	if (name)
		type->name = name;
	else if (type->tag || !splice(x, type, argument))
		(void)diag_error(x->diags, argument->span,
				 "Invalid replacement for macro '%s' type parameter '%s' which "
				 "makes up the type '%s'",
				 frame->macro ? frame->macro->name : frame->cpp->name, type->name,
				 type_text(x, type));
}

/* offsetof(t, field): an argument a.b.c takes the place of a lone name. */
static void expand_path(struct macro_expander *x, struct macro_frame *frame, struct ast *node)
{
	const struct ast *argument;
	vec_of(const char *) names = { 0 };

	if (node->type_query.path.len != 1)
		return;
	argument = macro_argument(frame, node->type_query.path.data[0]);
	if (!argument || (argument->kind != AST_IDENT && argument->kind != AST_FIELD))
		return;
	for (; argument->kind == AST_FIELD; argument = argument->field.object)
		vec_push(x->arena, &names, argument->field.name);
	if (argument->kind != AST_IDENT) {
		(void)diag_error(x->diags, argument->span,
				 "FieldAccess expressions must be made up entirely of idents (e.g. "
				 "a.b.c) to replace the second argument in `offsetof`");
		return;
	}
	node->type_query.path.len = 0;
	vec_push(x->arena, &node->type_query.path, argument->ident.name);
	while (names.len)
		vec_push(x->arena, &node->type_query.path, names.data[--names.len]);
}

void macro_expand_query(struct macro_expander *x, struct macro_frame *frame, struct ast *node)
{
	struct ast *operand = node->type_query.of_expr;
	const struct ast *argument = NULL;

	if (node->type_query.of_type)
		macro_expand_type(x, frame, node->type_query.of_type);
	if (operand && operand->kind == AST_IDENT)
		argument = macro_argument(frame, operand->ident.name);
	if (argument && argument->kind == AST_TYPEOF) {
		struct ast *copy = macro_clone(x, argument, operand->span);

		node->type_query.of_type = copy->type_query.of_type;
		node->type_query.of_expr = copy->type_query.of_expr;
	} else if (operand) {
		expand_operand(x, frame, operand);
	}
	if (node->kind == AST_OFFSETOF)
		expand_path(x, frame, node);
}
