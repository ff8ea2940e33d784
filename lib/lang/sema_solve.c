/*
 * The order of inference, where it matters.
 *
 * Types only grow, so that most scripts have one solution; but a literal's type adapts, and what
 * was computed from it before it did stays:
 *
 *     $x = 5; $x = $wide; $x++     is $x++ that of a literal, or that of $wide?
 *
 * bpftrace goes by distance: what is known at once, then what follows from that, and so on, first
 * come, first served.  So do we: every expression and assignment is a rule, run again when one of
 * its operands gets another type, in a queue.  The walks that follow (sema_infer.c) find the
 * types settled, report what is wrong with them, and infer what was not within reach here.
 */
#include "lang/sema.h"
#include "lang/walk.h"

#define MAX_RUNS 100 // of a rule, on average: types can't grow that often

struct rule {
	struct ast *node;
	struct probe *probe;
	enum {
		RULE_EXPR,
		RULE_STMT,
		RULE_KEY, // of a map's access
		RULE_STEP // what ++ assigns
	} kind;
	bool is_queued;
	rule_list dependents;
};

struct solver {
	struct sema *s;
	rule_list rules;
	rule_list queue;
	size_t head;
	struct rule *consumer; // of the children that are being collected
};

static void collect_expr(struct solver *v, struct ast *node, struct rule *consumer);
static void collect_stmt(struct solver *v, struct ast *node);

static struct rule *add_rule(struct solver *v, struct ast *node, int kind)
{
	struct rule *r = arena_new(v->s->arena, struct rule);

	r->node = node;
	r->probe = v->s->probe;
	r->kind = kind;
	vec_push(v->s->arena, &v->rules, r);
	return r;
}

static void depend(struct solver *v, rule_list *on, struct rule *r)
{
	vec_push(v->s->arena, on, r);
}

static void collect_child(void *ctx, struct ast *child)
{
	struct solver *v = ctx;

	collect_expr(v, child, v->consumer);
}

static void collect_children(struct solver *v, struct ast *node, struct rule *consumer)
{
	struct rule *was = v->consumer;

	v->consumer = consumer;
	ast_each_child(node, collect_child, v);
	v->consumer = was;
}

static void depend_on_map(struct solver *v, const struct ast *map, struct rule *r)
{
	struct sema_map *m = sema_map_at(v->s, map->map.map);

	depend(v, &m->key_readers, r);
	depend(v, &m->value_readers, r);
}

/* A map as a whole is no expression. */
static void collect_call(struct solver *v, struct ast *call, struct rule *r)
{
	ast_list *args = &call->call.args;
	bool of_map = (builtin_infos[call->call.builtin].flags & BF_MAP) && args->len &&
		      args->data[0]->kind == AST_MAP;

	for (size_t i = of_map; i < args->len; i++)
		collect_expr(v, args->data[i], r);
	if (of_map)
		depend_on_map(v, args->data[0], r);
}

static void collect_branches(struct solver *v, struct ast *node, struct rule *r)
{
	if (node->branch.cond->kind == AST_COMPTIME)
		collect_expr(v, node->branch.cond->expr, NULL);
	else
		collect_children(v, node, r);
}

/* Its statements, and its value if it has one. */
static void collect_block(struct solver *v, struct ast *node, struct rule *r)
{
	for (size_t i = 0; i < node->block.stmts.len; i++)
		collect_stmt(v, node->block.stmts.data[i]);
	if (node->block.value)
		collect_expr(v, node->block.value, r);
}

static void collect_operands(struct solver *v, struct ast *node, struct rule *r)
{
	switch (node->kind) {
	case AST_VAR:
	case AST_VAR_ADDR: depend(v, &((struct sema_var *)node->var.var)->readers, r); break;
	case AST_MAP:
	case AST_MAP_ADDR: depend_on_map(v, node, r); break;
	case AST_MAP_ACCESS:
		collect_expr(v, node->map.key, add_rule(v, node, RULE_KEY));
		depend(v, &sema_map_at(v->s, node->map.map)->value_readers, r);
		break;
	case AST_CALL: collect_call(v, node, r); break;
	case AST_TERNARY:
	case AST_IF: collect_branches(v, node, r); break;
	case AST_BLOCK: collect_block(v, node, r); break;
	default: collect_children(v, node, r); break;
	}
}

/* Variables and maps: known when something is assigned. */
static bool is_place(const struct ast *node)
{
	return node->kind == AST_VAR || node->kind == AST_VAR_ADDR || node->kind == AST_MAP ||
	       node->kind == AST_MAP_ADDR || node->kind == AST_MAP_ACCESS;
}

/* Its operands being unknown yet, the rule says what is known at once. */
static void collect_expr(struct solver *v, struct ast *node, struct rule *consumer)
{
	struct rule *r = add_rule(v, node, RULE_EXPR);
	bool is_step = node->kind == AST_UNARY && node->unary.op >= OPR_PRE_INC &&
		       node->unary.op <= OPR_POST_DEC;

	if (!is_place(node))
		node->type = sema_rule(v->s, node);
	if (is_step)
		depend(v, &r->dependents, add_rule(v, node, RULE_STEP));
	if (consumer)
		depend(v, &r->dependents, consumer);
	collect_operands(v, node, r);
	if (node->type->kind != TYPE_NONE)
		vec_push(v->s->arena, &v->s->changed, &r->dependents);
}

static void collect_assign(struct solver *v, struct ast *node)
{
	struct ast *lhs = node->assign.lhs;
	struct ast *rhs = node->assign.rhs;
	struct rule *r = lhs ? add_rule(v, node, RULE_STMT) : NULL;

	if (r)
		sema_stmt_rule(v->s, node); // count() is known at once
	if (lhs && lhs->kind == AST_MAP_ACCESS)
		collect_expr(v, lhs->map.key, add_rule(v, lhs, RULE_KEY));
	if (r && lhs->kind != AST_VAR && rhs->kind == AST_CALL && builtin_is_agg(rhs->call.builtin))
		collect_children(v, rhs, r);
	else
		collect_expr(v, rhs, r);
}

static void collect_for(struct solver *v, struct ast *node)
{
	struct rule *r = add_rule(v, node, RULE_STMT);

	if (node->kind == AST_FOR_MAP && node->loop.map->kind == AST_MAP)
		depend_on_map(v, node->loop.map, r);
	if (node->kind == AST_FOR_RANGE) {
		collect_expr(v, node->loop.start, r);
		collect_expr(v, node->loop.end, r);
	}
	collect_stmt(v, node->loop.body);
}

static void collect_let(struct solver *v, struct ast *node)
{
	struct rule *r = add_rule(v, node, RULE_STMT);

	sema_stmt_rule(v->s, node); // its type may be declared
	collect_children(v, node, r);
}

static void collect_if(struct solver *v, struct ast *node)
{
	node->type = NULL; // it is not used as a value
	if (node->branch.cond->kind == AST_COMPTIME) {
		collect_expr(v, node->branch.cond->expr, NULL);
		return;
	}
	collect_expr(v, node->branch.cond, NULL);
	collect_stmt(v, node->branch.then);
	if (node->branch.other)
		collect_stmt(v, node->branch.other);
}

static void collect_stmt(struct solver *v, struct ast *node)
{
	switch (node->kind) {
	case AST_ASSIGN: collect_assign(v, node); break;
	case AST_LET: collect_let(v, node); break;
	case AST_IF: collect_if(v, node); break;
	case AST_FOR_MAP:
	case AST_FOR_RANGE: collect_for(v, node); break;
	case AST_WHILE:
	case AST_UNROLL:
		collect_expr(v, node->repeat.cond, NULL);
		collect_stmt(v, node->repeat.body);
		break;
	case AST_EXPR_STMT:
	case AST_RETURN:
		if (node->expr)
			collect_expr(v, node->expr, NULL);
		break;
	case AST_BLOCK: collect_block(v, node, NULL); break;
	default: break;
	}
}

/* Is the type what an earlier step decided, and not what the node says? */
static bool has_own_type(const struct ast *node)
{
	switch (node->kind) {
	case AST_INT: return !node->integer.is_literal;
	case AST_STRING: return node->type;
	case AST_CAST: return !node->cast.to;
	case AST_BUILTIN:
		return node->ident.number &&
		       (node->ident.builtin == BI_kstack || node->ident.builtin == BI_ustack ||
			node->ident.builtin == BI_dw_ustack);
	default: return false;
	}
}

/* The types of the round before. */
static void forget(void *ctx, struct ast *node)
{
	if ((node->kind < AST_EXPR_STMT || node->kind == AST_IF) && !has_own_type(node))
		node->type = type_none();
	ast_each_child(node, forget, ctx);
}

static void collect(struct solver *v)
{
	struct sema *s = v->s;

	vec_foreach (&s->vars, it)
		(*it)->readers.len = 0;
	vec_foreach (&s->maps, it)
		(*it)->key_readers.len = (*it)->value_readers.len = 0;
	for (size_t i = 0; i < s->program->probes.len; i++) {
		s->probe = s->program->probes.data[i];
		if (s->probe->predicate)
			forget(NULL, s->probe->predicate);
		forget(NULL, s->probe->body);
		if (s->probe->predicate)
			collect_expr(v, s->probe->predicate, NULL);
		collect_stmt(v, s->probe->body);
	}
}

/* Queue what depends on the types that have changed. */
static void enqueue_changed(struct solver *v)
{
	for (size_t i = 0; i < v->s->changed.len; i++) {
		vec_foreach (v->s->changed.data[i], it) {
			struct rule *r = *it;

			if (!r->is_queued)
				vec_push(v->s->arena, &v->queue, r);
			r->is_queued = true;
		}
	}
	v->s->changed.len = 0;
}

static void run(struct solver *v, struct rule *r)
{
	struct sema *s = v->s;
	const struct type *was = r->node->type;
	const struct type *t;

	s->probe = r->probe;
	switch (r->kind) {
	case RULE_STMT: sema_stmt_rule(s, r->node); break;
	case RULE_KEY: sema_access_key(s, r->node); break;
	case RULE_STEP: sema_step(s, r->node); break;
	case RULE_EXPR:
		t = sema_rule(s, r->node);
		if (t->kind == TYPE_NONE)
			break;
		r->node->type = t;
		sema_note_change(s, &r->dependents, was, t, false);
		break;
	}
}

bool sema_solve(struct sema *s)
{
	struct solver v = { .s = s };
	struct diags *diags = s->diags;
	struct diags muted; // the walks say what is wrong
	uint32_t warned = s->warned;

	diag_init(&muted, s->arena);
	s->diags = &muted;
	s->is_solving = true;
	s->changed.len = 0;
	collect(&v);
	enqueue_changed(&v);
	while (v.head < v.queue.len && v.head < MAX_RUNS * v.rules.len && diag_ok(&muted)) {
		struct rule *r = v.queue.data[v.head++];

		r->is_queued = false;
		run(&v, r);
		enqueue_changed(&v);
	}
	s->is_solving = false;
	s->warned = warned;
	s->diags = diags;
	return diag_ok(&muted);
}
