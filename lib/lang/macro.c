#include "lang/macro.h"

#include <assert.h>
#include <string.h>

#include "lang/builtin.h"
#include "lang/cscope.h"
#include "lang/lang.h"
#include "lang/parser.h"
#include "lang/walk.h"

/* What a script may grow to: each macro may use its parameters, and other macros, several times. */
#define NODES_MAX 500000

/* A copy of a source that was put where a call is; nodes mostly share one, so the last is kept. */
struct relocation {
	struct arena *arena;
	struct span from;
	const struct span *from_copy;
	const struct source *old_base;
	const struct source *new_source;
	struct macro_expander *x;
};

/* The text itself, without the places that it was put at. */
static const struct source *base_of(const struct source *s)
{
	return s->base ? s->base : s;
}

static void relocate_span(struct relocation *r, struct span *span)
{
	const struct source *base;
	struct source *copy;

	if (!span->source)
		return;
	base = base_of(span->source);
	if (r->old_base != base) {
		copy = arena_memdup(r->arena, base, sizeof(*base));
		copy->base = base;
		copy->expanded_from = r->from_copy;
		r->old_base = base;
		r->new_source = copy;
	}
	span->source = r->new_source;
}

static void relocate_type(struct relocation *r, struct type_expr *type)
{
	for (; type; type = type->type_of_type)
		relocate_span(r, &type->span);
}

static void relocate(void *ctx, struct ast *node)
{
	struct relocation *r = ctx;

	r->x->node_count++;
	relocate_span(r, &node->span);
	switch (node->kind) {
	case AST_CALL: relocate_span(r, &node->call.name_span); break;
	case AST_FIELD: relocate_span(r, &node->field.name_span); break;
	case AST_ASSIGN: relocate_span(r, &node->assign.op_span); break;
	case AST_CAST: relocate_type(r, node->cast.to); break;
	case AST_SIZEOF:
	case AST_OFFSETOF:
	case AST_TYPEOF:
	case AST_TYPEINFO: relocate_type(r, node->type_query.of_type); break;
	case AST_LET:
		relocate_span(r, &node->let.name_span);
		relocate_type(r, node->let.declared);
		break;
	case AST_FOR_MAP:
	case AST_FOR_RANGE:
		relocate_span(r, &node->loop.name_span);
		relocate_span(r, &node->loop.range_span);
		break;
	default: break;
	}
	ast_each_child(node, relocate, r);
}

struct ast *macro_clone(struct macro_expander *x, const struct ast *node, struct span from)
{
	struct ast *copy = ast_clone(x->arena, node);
	struct relocation r = { .arena = x->arena, .from = from, .x = x };

	r.from_copy = arena_memdup(x->arena, &from, sizeof(from));
	relocate(&r, copy);
	if (x->node_count > NODES_MAX && !x->is_exhausted) {
		x->is_exhausted = true;
		(void)diag_error(x->diags, from, "macros expand to too much code");
	}
	return copy;
}

struct ast *macro_argument(const struct macro_frame *frame, const char *name)
{
	if (!frame->args)
		return NULL;
	if (frame->cpp) {
		long i = cpp_find_param(frame->cpp, name);

		return i < 0 ? NULL : frame->args[i];
	}
	for (size_t i = 0; i < frame->macro->params.len; i++) {
		const struct macro_param *param = &frame->macro->params.data[i];

		if (!param->sigil && !strcmp(param->name, name))
			return frame->args[i];
	}
	return NULL;
}

/* The argument of parameter $name or @name, or NULL. */
static const struct ast *sigil_argument(const struct macro_frame *frame, char sigil,
					const char *name)
{
	if (!frame->macro)
		return NULL;
	for (size_t i = 0; i < frame->macro->params.len; i++) {
		const struct macro_param *param = &frame->macro->params.data[i];

		if (param->sigil == sigil && !strcmp(param->name, name))
			return frame->args[i];
	}
	return NULL;
}

static bool is_local(const struct macro_frame *frame, const char *name)
{
	vec_foreach (&frame->locals, it) {
		if (!strcmp(*it, name))
			return true;
	}
	return false;
}

static void add_local(struct macro_expander *x, struct macro_frame *frame, const char *name)
{
	if (frame->macro && !sigil_argument(frame, '$', name) && !is_local(frame, name))
		vec_push(x->arena, &frame->locals, name);
}

/* "$foo_2_x": variable $x of macro foo, called from a macro. */
static const char *local_name(struct macro_expander *x, const struct macro_frame *frame,
			      const char *name)
{
	if (frame->depth == 1)
		return arena_printf(x->arena, "$%s_%s", frame->macro->name, name);
	return arena_printf(x->arena, "$%s_%u_%s", frame->macro->name, frame->depth, name);
}

static const char *rename_variable(struct macro_expander *x, const struct macro_frame *frame,
				   const char *name)
{
	const struct ast *argument;

	if (!frame->macro)
		return name;
	argument = sigil_argument(frame, '$', name);
	if (argument)
		return argument->var.name;
	return is_local(frame, name) ? local_name(x, frame, name) : name;
}

static void rename_map(struct macro_expander *x, const struct macro_frame *frame, struct ast *node)
{
	const struct ast *argument;

	if (!frame->macro)
		return;
	argument = sigil_argument(frame, '@', node->map.name);
	if (argument) {
		node->map.name = argument->map.name;
		return;
	}
	(void)diag_error(x->diags, node->span,
			 "Unhygienic access to map: @%s. Maps must be passed into the macro as "
			 "arguments.",
			 node->map.name);
}

static bool is_recursive(struct macro_expander *x, const struct macro_frame *frame,
			 const struct macro *macro, struct span span)
{
	const char *chain = macro->name;

	for (const struct macro_frame *f = frame; f; f = f->caller) {
		if (f->macro)
			chain = arena_printf(x->arena, "%s > %s", f->macro->name, chain);
		if (f->macro != macro)
			continue;
		(void)diag_error(x->diags, span, "Recursive macro call detected. Call chain: %s",
				 chain);
		return true;
	}
	return false;
}

/* Arguments for expression parameters can't be changed: variables and maps are only their values.
 */
static struct ast *wrap_value(struct macro_expander *x, struct ast *argument)
{
	struct ast *block;

	if (argument->kind != AST_VAR && argument->kind != AST_MAP)
		return argument;
	block = ast_new(x->arena, AST_BLOCK, argument->span);
	block->block.value = argument;
	block->height = argument->height + 1;
	return block;
}

/* Put an expanded body where the call was. */
static void put(struct ast *node, const struct ast *body)
{
	*node = *body;
}

static void expand_macro(struct macro_expander *x, struct macro_frame *frame, struct ast *node,
			 const struct macro *macro, struct ast **args)
{
	struct macro_frame inner = { .macro = macro, .caller = frame, .depth = frame->depth + 1 };
	struct ast *body;

	if (is_recursive(x, frame, macro, node->span))
		return;
	assert(args || !macro->params.len);
	inner.args = arena_array(x->arena, struct ast *, macro->params.len);
	for (size_t i = 0; i < macro->params.len; i++)
		inner.args[i] = macro->params.data[i].sigil ? args[i] : wrap_value(x, args[i]);
	body = macro_clone(x, macro->body, node->span);
	if (!x->is_exhausted)
		macro_expand_node(x, &inner, body);
	put(node, body);
}

/* The text of a #define, as an expression of the script. */
static struct ast *parse_define(struct macro_expander *x, const struct cpp_macro *define,
				struct span at)
{
	struct ast_program ignored = { .arena = x->arena };
	const struct source *source =
		source_new(x->arena, define->name, define->text, strlen(define->text));
	struct diags diags;
	struct parser p;
	struct ast *node;

	diag_init(&diags, x->arena);
	parser_init(&p, x->arena, source, &ignored, &diags);
	p.define = define;
	if (parser_is(&p, TOK_END))
		node = NULL;
	else
		node = parse_expression(&p);
	if (node && !p.panic && parser_is(&p, TOK_END) && diag_ok(&diags))
		return macro_clone(x, node, at);
	(void)diag_error(x->diags, at, "unable to expand macro as an expression: %s", define->text);
	return NULL;
}

static bool is_define_active(struct macro_expander *x, const struct macro_frame *frame,
			     const struct cpp_macro *define, struct span span)
{
	const char *chain = define->name;

	for (const struct macro_frame *f = frame; f; f = f->caller) {
		if (f->cpp == define) {
			(void)diag_error(x->diags, span, "Macro recursion: %s->%s", define->name,
					 chain);
			return true;
		}
		if (f->cpp)
			chain = arena_printf(x->arena, "%s->%s", f->cpp->name, chain);
	}
	return false;
}

/* A macro of the C preprocessor; false if @name is none. */
static bool expand_define(struct macro_expander *x, struct macro_frame *frame, struct ast *node,
			  const char *name, struct ast **args, size_t count)
{
	const struct cpp_macro *define = c_scope_find_macro(x->program->c_scope, name);
	struct macro_frame inner = { .caller = frame, .depth = frame->depth, .cpp = define };
	struct ast *body;
	uint32_t number;

	if (!define || define->is_function != (node->kind == AST_CALL) ||
	    builtin_find(name, &number) != BI_NONE)
		return false;
	if (is_define_active(x, frame, define, node->span))
		return true;
	if (define->is_function && define->params.len != count) {
		(void)diag_error(x->diags, node->span,
				 "macro %s() takes %zu arguments, but got %zu", name,
				 (size_t)define->params.len, count);
		return true;
	}
	body = parse_define(x, define, node->span);
	if (!body)
		return true;
	inner.args = args;
	if (!x->is_exhausted)
		macro_expand_node(x, &inner, body);
	put(node, body);
	return true;
}

/* Is the text at hand of the standard library? */
static bool is_in_library(const struct macro_frame *frame)
{
	return frame->macro && frame->macro->is_builtin;
}

static void report_type_argument(struct macro_expander *x, const struct ast *argument)
{
	(void)diag_error(
		x->diags, argument->span,
		"When used as a call argument, `typeof` builtin only valid for macro calls "
		"that are expecting a type parameter");
}

static void expand_ident(struct macro_expander *x, struct macro_frame *frame, struct ast *node)
{
	const char *name = node->ident.name;
	const struct ast *argument = macro_argument(frame, name);
	const struct macro *macro;

	if (argument && argument->kind == AST_TYPEOF) {
		report_type_argument(x, argument);
		return;
	}
	if (argument) {
		/* What is passed is the caller's text, and was expanded there. */
		put(node, macro_clone(x, argument, node->span));
		return;
	}
	macro = macro_find(x, name, NULL, 0, node, is_in_library(frame));
	if (macro)
		expand_macro(x, frame, node, macro, NULL);
	else
		(void)expand_define(x, frame, node, name, NULL, 0);
}

/* A type may be handed on. */
static void expand_argument(struct macro_expander *x, struct macro_frame *frame, struct ast *arg)
{
	const struct ast *argument =
		arg->kind == AST_IDENT ? macro_argument(frame, arg->ident.name) : NULL;

	if (argument)
		put(arg, macro_clone(x, argument, arg->span));
	else
		macro_expand_node(x, frame, arg);
}

static void expand_call(struct macro_expander *x, struct macro_frame *frame, struct ast *node)
{
	struct ast **args = node->call.args.data;
	size_t count = node->call.args.len;
	const struct macro *macro;
	size_t errors;

	for (size_t i = 0; i < count; i++)
		expand_argument(x, frame, args[i]);
	errors = x->diags->error_count;
	macro = macro_find(x, node->call.name, args, count, node, is_in_library(frame));
	if (macro)
		expand_macro(x, frame, node, macro, args);
	if (macro || errors != x->diags->error_count ||
	    expand_define(x, frame, node, node->call.name, args, count))
		return;
	for (size_t i = 0; i < count; i++) {
		if (args[i]->kind == AST_TYPEOF)
			report_type_argument(x, args[i]);
	}
}

struct expansion {
	struct macro_expander *x;
	struct macro_frame *frame;
};

static void expand_child(void *ctx, struct ast *child)
{
	struct expansion *e = ctx;

	macro_expand_node(e->x, e->frame, child);
}

static void expand_children(struct macro_expander *x, struct macro_frame *frame, struct ast *node)
{
	struct expansion e = { .x = x, .frame = frame };

	ast_each_child(node, expand_child, &e);
}

static void expand_let(struct macro_expander *x, struct macro_frame *frame, struct ast *node)
{
	if (sigil_argument(frame, '$', node->let.name))
		(void)diag_error(x->diags, node->let.name_span,
				 "Variable declaration shadows macro arg $%s", node->let.name);
	add_local(x, frame, node->let.name);
	node->let.name = rename_variable(x, frame, node->let.name);
	if (node->let.declared)
		macro_expand_type(x, frame, node->let.declared);
	if (node->let.init)
		macro_expand_node(x, frame, node->let.init);
}

static void expand_statement(struct macro_expander *x, struct macro_frame *frame, struct ast *node)
{
	struct span span = node->span;

	if (node->is_last)
		span.end = node->expr->span.end;
	expand_children(x, frame, node);
	if (node->expr->kind == AST_BLOCK)
		put(node, ast_discard_value(x->arena, node->expr, &span));
}

static void expand_kind(struct macro_expander *x, struct macro_frame *frame, struct ast *node)
{
	switch (node->kind) {
	case AST_IDENT: expand_ident(x, frame, node); break;
	case AST_CALL: expand_call(x, frame, node); break;
	case AST_VAR:
	case AST_VAR_ADDR: node->var.name = rename_variable(x, frame, node->var.name); break;
	case AST_MAP:
	case AST_MAP_ADDR:
	case AST_MAP_ACCESS:
		rename_map(x, frame, node);
		expand_children(x, frame, node);
		break;
	case AST_LET: expand_let(x, frame, node); break;
	case AST_ASSIGN:
		if (node->assign.lhs && node->assign.lhs->kind == AST_VAR)
			add_local(x, frame, node->assign.lhs->var.name);
		expand_children(x, frame, node);
		break;
	case AST_FOR_MAP:
	case AST_FOR_RANGE:
		add_local(x, frame, node->loop.name);
		node->loop.name = rename_variable(x, frame, node->loop.name);
		expand_children(x, frame, node);
		break;
	case AST_EXPR_STMT: expand_statement(x, frame, node); break;
	case AST_CAST:
		if (node->cast.to)
			macro_expand_type(x, frame, node->cast.to);
		macro_expand_node(x, frame, node->cast.operand);
		break;
	case AST_SIZEOF:
	case AST_OFFSETOF:
	case AST_TYPEOF:
	case AST_TYPEINFO: macro_expand_query(x, frame, node); break;
	default: expand_children(x, frame, node); break;
	}
}

void macro_expand_node(struct macro_expander *x, struct macro_frame *frame, struct ast *node)
{
	if (x->is_exhausted)
		return;
	/* Bodies and arguments may be put into each other. */
	if (x->height == AST_MAX_HEIGHT) {
		x->is_exhausted = true;
		(void)diag_error(x->diags, node->span, "expression is too long");
		return;
	}
	x->height++;
	expand_kind(x, frame, node);
	x->height--;
}

bool macro_expand(struct ast_program *p, struct diags *diags)
{
	struct macro_expander x = { .arena = p->arena, .program = p, .diags = diags };
	struct macro_frame frame = { 0 };
	size_t errors = diags->error_count;

	strmap_init(&x.macros, p->arena);
	if (!macro_register(&x))
		return false;
	vec_foreach (&p->actions, it) {
		if ((*it)->predicate)
			macro_expand_node(&x, &frame, (*it)->predicate);
		macro_expand_node(&x, &frame, (*it)->body);
	}
	vec_foreach (&p->subprogs, it)
		macro_expand_node(&x, &frame, (*it)->body);
	return diags->error_count == errors;
}
