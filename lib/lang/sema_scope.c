/*
 * Scopes: every variable of a probe gets its struct variable, every block is a scope, and a name
 * means the same thing wherever it is visible (no shadowing).  An assignment to a new name
 * declares it in the innermost scope.  The bodies of `for` are functions of their own later, so
 * what they use from outside is their captures.
 */
#include <string.h>

#include "lang/sema.h"
#include "lang/walk.h"

struct loop_frame {
	struct ast *loop;
	struct loop_frame *parent;
};

struct scope_walk {
	struct sema *s;
	struct sema_scope *scope;
	struct strmap visible; // name -> struct sema_var; without shadowing there is one at most
	struct loop_frame *loop;
	uint32_t loop_depth;
	uint32_t meta_depth; // sizeof, typeof …
};

static void walk(void *ctx, struct ast *node);

static struct sema_var *find(const struct scope_walk *w, const char *name)
{
	return strmap_get(&w->visible, name);
}

/* As the script writes it: variables of macros have more than one sigil in their names. */
static const char *plain(const char *name)
{
	return name + strspn(name, "$");
}

static struct sema_var *declare(struct scope_walk *w, const char *name, struct span span)
{
	struct sema_var *var = arena_new(w->s->arena, struct sema_var);

	var->v.name = name;
	var->v.span = span;
	var->v.id = w->s->probe->variable_count++;
	var->v.loop_depth = w->loop_depth;
	var->v.type = type_none();
	vec_push(w->s->arena, &w->scope->vars, var);
	vec_push(w->s->arena, &w->s->vars, var);
	(void)strmap_put(&w->visible, name, var);
	return var;
}

static void note_origin(struct sema *s, const struct sema_var *var)
{
	static const char *const notes[] = {
		[ORIGIN_LET] = "This is the initial declaration.",
		[ORIGIN_ASSIGN] = "This is the initial assignment.",
		[ORIGIN_LOOP] = "This is the loop variable.",
	};

	diag_note(s->diags, var->v.span, "%s", notes[var->origin]);
}

/* A use of @var: the loops between it and its declaration capture it. */
static void capture(struct scope_walk *w, struct sema_var *var)
{
	uint32_t depth = w->loop_depth;

	for (struct loop_frame *f = w->loop; f && depth > var->v.loop_depth;
	     f = f->parent, depth--) {
		bool found = false;

		var->v.is_captured = true;
		vec_foreach (&f->loop->loop.captures, it)
			found |= *it == &var->v;
		if (!found)
			vec_push(w->s->arena, &f->loop->loop.captures, &var->v);
	}
}

static bool set_container_pid(struct sema *s, struct ast *node)
{
	if (node->kind != AST_VAR || strcmp(node->var.name, "container_pid") != 0 ||
	    !s->options->container_pid)
		return false;
	sema_set_constant(node, s->options->container_pid, type_int(4, false));
	return true;
}

static void walk_var(struct scope_walk *w, struct ast *node)
{
	struct sema_var *var = find(w, node->var.name);

	if (!var) {
		if (set_container_pid(w->s, node))
			return;
		diag_error(w->s->diags, node->span, "Undefined or undeclared variable: $%s",
			   plain(node->var.name));
		/* So that the next use says nothing more. */
		var = declare(w, node->var.name, node->span);
		var->v.type = type_error();
		var->is_assigned = true;
	}
	node->var.var = &var->v;
	capture(w, var);
	if (node->kind == AST_VAR_ADDR) {
		var->is_assigned = true;
		var->v.is_addressed = true;
	} else if (!var->is_assigned && w->meta_depth == 0) {
		diag_warning(w->s->diags, node->span, "Variable used before it was assigned: $%s",
			     plain(node->var.name));
	}
}

static void set_var(struct scope_walk *w, struct ast *lhs, struct span span)
{
	struct sema_var *var = find(w, lhs->var.name);

	if (!var) {
		var = declare(w, lhs->var.name, span);
		var->origin = ORIGIN_ASSIGN;
	}
	var->is_assigned = true;
	lhs->var.var = &var->v;
	capture(w, var);
}

static void enter(struct scope_walk *w, struct sema_scope *scope)
{
	*scope = (struct sema_scope){ .parent = w->scope };
	w->scope = scope;
}

static void leave(struct scope_walk *w)
{
	vec_foreach (&w->scope->vars, it)
		(void)strmap_put(&w->visible, (*it)->v.name, NULL);
	w->scope = w->scope->parent;
}

/* find(@map, key, $var) sets the variable; one that is not there is its own. */
static void walk_find(struct scope_walk *w, struct ast *call)
{
	struct ast *var = call->call.args.data[2];
	struct sema_scope scope;

	walk(w, call->call.args.data[0]);
	walk(w, call->call.args.data[1]);
	enter(w, &scope);
	set_var(w, var, var->span);
	leave(w);
}

static bool is_find(const struct ast *call)
{
	const ast_list *args = &call->call.args;

	return call->call.builtin == BI_find && args->len == 3 && args->data[2]->kind == AST_VAR;
}

static void walk_let(struct scope_walk *w, struct ast *node)
{
	struct sema_var *var;

	if (node->let.init)
		walk(w, node->let.init);
	w->meta_depth++;
	type_expr_each_child(node->let.declared, walk, w);
	w->meta_depth--;
	var = find(w, node->let.name);
	if (var) {
		diag_error(w->s->diags, node->let.name_span,
			   "Variable $%s was already declared. Variable shadowing is not allowed.",
			   plain(node->let.name));
		note_origin(w->s, var);
	} else {
		var = declare(w, node->let.name, node->let.name_span);
		var->v.declared = node->let.declared;
		var->origin = ORIGIN_LET;
	}
	if (node->let.init)
		var->is_assigned = true;
	node->let.var = &var->v;
}

static void walk_loop(struct scope_walk *w, struct ast *node)
{
	struct loop_frame frame = { .loop = node, .parent = w->loop };
	struct sema_var *var = find(w, node->loop.name);
	struct sema_scope scope;

	if (var) {
		diag_error(w->s->diags, node->loop.name_span,
			   "Loop declaration shadows existing variable: $%s",
			   plain(node->loop.name));
		note_origin(w->s, var);
	}
	if (node->kind == AST_FOR_MAP) {
		walk(w, node->loop.map);
	} else {
		walk(w, node->loop.start);
		walk(w, node->loop.end);
	}
	w->loop_depth++;
	w->loop = &frame;
	enter(w, &scope);
	var = declare(w, node->loop.name, node->loop.name_span);
	var->origin = ORIGIN_LOOP;
	var->is_assigned = true;
	var->v.is_loop = true;
	node->loop.var = &var->v;
	walk(w, node->loop.body);
	leave(w);
	w->loop = frame.parent;
	w->loop_depth--;
}

/* Declare what the `if` that is statement @index of @block assigns for those below it. */
static void hoist(struct scope_walk *w, const struct ast *block, size_t index)
{
	struct names names = { 0 };

	sema_hoisted_names(w->s->arena, block, index, &names);
	vec_foreach (&names.list, it) {
		struct ast *stmt = block->block.stmts.data[index];
		struct sema_var *var;

		if (find(w, *it))
			continue;
		diag_warning(
			w->s->diags, stmt->span,
			"Variable $%s is used outside of the blocks that assign it. Declare it "
			"before them: let $%s;",
			plain(*it), plain(*it));
		var = declare(w, *it, stmt->span);
		var->origin = ORIGIN_ASSIGN;
		var->is_assigned = true;
	}
}

static void walk_block(struct scope_walk *w, struct ast *node)
{
	struct sema_scope scope;

	enter(w, &scope);
	for (size_t i = 0; i < node->block.stmts.len; i++) {
		hoist(w, node, i);
		walk(w, node->block.stmts.data[i]);
	}
	if (node->block.value)
		walk(w, node->block.value);
	leave(w);
}

static void walk(void *ctx, struct ast *node)
{
	struct scope_walk *w = ctx;

	switch (node->kind) {
	case AST_VAR:
	case AST_VAR_ADDR: walk_var(w, node); break;
	case AST_ASSIGN:
		walk(w, node->assign.rhs);
		if (node->assign.lhs && node->assign.lhs->kind == AST_VAR)
			set_var(w, node->assign.lhs, node->span);
		else if (node->assign.lhs)
			walk(w, node->assign.lhs);
		break;
	case AST_CALL:
		if (is_find(node))
			walk_find(w, node);
		else
			ast_each_child(node, walk, w);
		break;
	case AST_LET: walk_let(w, node); break;
	case AST_BLOCK: walk_block(w, node); break;
	case AST_FOR_MAP:
	case AST_FOR_RANGE: walk_loop(w, node); break;
	case AST_SIZEOF:
	case AST_OFFSETOF:
	case AST_TYPEOF:
	case AST_TYPEINFO:
		w->meta_depth++;
		ast_each_child(node, walk, w);
		w->meta_depth--;
		break;
	case AST_CAST:
		w->meta_depth++;
		type_expr_each_child(node->cast.to, walk, w);
		w->meta_depth--;
		walk(w, node->cast.operand);
		break;
	default: ast_each_child(node, walk, w); break;
	}
}

bool sema_scopes(struct sema *s)
{
	size_t errors = s->diags->error_count;

	for (size_t i = 0; i < s->program->probes.len; i++) {
		struct scope_walk w = { .s = s };
		struct sema_scope scope;

		s->probe = s->program->probes.data[i];
		s->probe->variable_count = 0;
		strmap_init(&w.visible, s->arena);
		enter(&w, &scope);
		if (s->probe->predicate)
			walk(&w, s->probe->predicate);
		walk(&w, s->probe->body);
	}
	vec_foreach (&s->vars, it) {
		if (!(*it)->is_assigned)
			diag_warning(s->diags, (*it)->v.span, "Variable $%s was never assigned to.",
				     plain((*it)->v.name));
	}
	return s->diags->error_count == errors;
}
