/*
 * Maps: each gets its map_decl; the first use decides whether a map has keys.  (The others must
 * agree; that is checked during inference, when code that is compiled away is gone.)  What is said
 * about a map in sizeof(), typeof() and in functions on maps counts after everything else.
 * Aggregations are calls that stand directly behind `@x =`.
 */
#include <string.h>

#include "lang/sema.h"
#include "lang/walk.h"

struct map_walk {
	struct sema *s;
	ast_list deferred; // AST_MAP and AST_MAP_ACCESS whose use counts last
	bool defer;
};

static struct map_decl *new_decl(struct sema *s, const struct ast *node)
{
	struct map_decl *d = arena_new(s->arena, struct map_decl);

	d->name = node->map.name;
	d->span = node->span;
	vec_push(s->arena, &s->program->maps, d);
	return d;
}

static struct sema_map *add_map(struct sema *s, struct map_decl *d)
{
	struct sema_map *m = arena_new(s->arena, struct sema_map);

	m->decl = d;
	m->key = type_none();
	m->value = type_none();
	d->id = (uint32_t)s->maps.len;
	vec_push(s->arena, &s->maps, m);
	(void)strmap_put(&s->map_names, d->name, m);
	return m;
}

struct sema_map *sema_map_of(struct sema *s, const struct ast *node)
{
	struct sema_map *m = strmap_get(&s->map_names, node->map.name);

	return m ? m : add_map(s, new_decl(s, node));
}

static void link_map(struct sema *s, struct ast *node)
{
	struct sema_map *m = sema_map_of(s, node);

	if (!m->is_used) {
		m->first_use = node->span;
		m->first_use.end = m->first_use.begin + 1 + (uint32_t)strlen(m->decl->name);
	}
	m->is_used = true;
	node->map.map = m->decl;
}

static void report_keyed(struct sema *s, const struct ast *node)
{
	diag_error(
		s->diags, node->span,
		"@%s used as a map with an explicit key (non-scalar map), previously used without "
		"an explicit key (scalar map)",
		node->map.name);
}

static void report_scalar(struct sema *s, const struct ast *node)
{
	diag_error(
		s->diags, node->span,
		"@%s used as a map without an explicit key (scalar map), previously used with an "
		"explicit key (non-scalar map)",
		node->map.name);
}

void sema_check_use(struct sema *s, const struct ast *node)
{
	struct sema_map *m = sema_map_at(s, node->map.map);

	if (node->kind == AST_MAP_ACCESS && m->use == MAP_USE_SCALAR)
		report_keyed(s, node);
	else if (node->kind == AST_MAP && m->use == MAP_USE_KEYED)
		report_scalar(s, node);
}

/* The first use decides. */
static void use(struct sema *s, const struct ast *node, enum sema_map_use use)
{
	struct sema_map *m = sema_map_of(s, node);

	if (m->use == MAP_USE_UNKNOWN)
		m->use = use;
}

static void use_access(struct map_walk *w, struct ast *node)
{
	link_map(w->s, node);
	if (w->defer) {
		vec_push(w->s->arena, &w->deferred, node);
		return;
	}
	use(w->s, node, node->kind == AST_MAP ? MAP_USE_SCALAR : MAP_USE_KEYED);
}

static void walk(void *ctx, struct ast *node);

/* delete(@x[k]) is the older form of delete(@x, k). */
static void split_key(struct sema *s, struct ast *call)
{
	struct ast *arg = call->call.args.data[0];
	struct ast *key;

	if (call->call.args.len != 1 || arg->kind != AST_MAP_ACCESS)
		return;
	key = arg->map.key;
	arg->kind = AST_MAP;
	arg->map.key = NULL;
	vec_push(s->arena, &call->call.args, key);
}

/* A call whose first argument may be a map as a whole. */
static void walk_map_call(struct map_walk *w, struct ast *call)
{
	ast_list *args = &call->call.args;
	struct ast *map;

	if (call->call.builtin == BI_delete)
		split_key(w->s, call);
	map = args->data[0];
	if (map->kind == AST_MAP)
		link_map(w->s, map);
	else
		walk(w, map);
	for (size_t i = 1; i < args->len; i++)
		walk(w, args->data[i]);
	switch (call->call.builtin) {
	case BI_delete:
	case BI_has_key:
	case BI_find:
	case BI_len:
	case BI_is_scalar:
		if (map->kind == AST_MAP)
			vec_push(w->s->arena, &w->deferred, call);
		break;
	default: break;
	}
}

static void walk_call(struct map_walk *w, struct ast *call)
{
	enum builtin b = call->call.builtin;

	if (builtin_is_agg(b))
		diag_error(w->s->diags, call->span, "%s() must be assigned directly to a map",
			   call->call.name);
	if (b != BI_NONE && (builtin_infos[b].flags & BF_MAP) && call->call.args.len)
		walk_map_call(w, call);
	else
		ast_each_child(call, walk, w);
}

static bool is_agg_call(const struct ast *node)
{
	return node->kind == AST_CALL && builtin_is_agg(node->call.builtin);
}

static struct ast *last_value(struct ast *node)
{
	while (node->kind == AST_BLOCK && node->block.value)
		node = node->block.value;
	return node;
}

/* @x = { statements; count() } becomes { statements; @x = count() }. */
static void sink_assignment(struct sema *s, struct ast *node)
{
	struct ast *outer = node->assign.rhs;
	struct ast *block = outer;
	struct ast *assign;

	while (block->block.value->kind == AST_BLOCK)
		block = block->block.value;
	assign = sema_move(s, node);
	assign->assign.rhs = block->block.value;
	block->block.value = NULL;
	vec_push(s->arena, &block->block.stmts, assign);
	sema_replace(node, outer);
}

static void walk_assign(struct map_walk *w, struct ast *node)
{
	struct ast *lhs = node->assign.lhs;
	struct ast *rhs = node->assign.rhs;
	bool is_map = lhs && (lhs->kind == AST_MAP || lhs->kind == AST_MAP_ACCESS);

	if (is_map && rhs->kind == AST_BLOCK && is_agg_call(last_value(rhs))) {
		sink_assignment(w->s, node);
		walk(w, node);
		return;
	}
	if (lhs)
		walk(w, lhs);
	if (is_map && is_agg_call(rhs))
		ast_each_child(rhs, walk, w);
	else
		walk(w, rhs);
}

/* Only sizes and types of the expressions inside matter. */
static void walk_query(struct map_walk *w, struct ast *node)
{
	bool was = w->defer;

	w->defer = true;
	ast_each_child(node, walk, w);
	w->defer = was;
}

static void walk_deferred_child(void *ctx, struct ast *child)
{
	struct map_walk *w = ctx;
	bool was = w->defer;

	w->defer = true;
	walk(w, child);
	w->defer = was;
}

static void walk_for_map(struct map_walk *w, struct ast *node)
{
	struct ast *map = node->loop.map;

	if (map->kind == AST_MAP) {
		link_map(w->s, map);
		map->map.map->is_iterated = true;
		use(w->s, map, MAP_USE_KEYED);
	} else {
		walk(w, map);
	}
	walk(w, node->loop.body);
}

static void walk(void *ctx, struct ast *node)
{
	struct map_walk *w = ctx;

	switch (node->kind) {
	case AST_MAP: use_access(w, node); break;
	case AST_MAP_ACCESS:
		use_access(w, node);
		walk(w, node->map.key);
		break;
	case AST_MAP_ADDR:
		link_map(w->s, node);
		node->map.map->is_passed = true;
		break;
	case AST_CALL: walk_call(w, node); break;
	case AST_ASSIGN: walk_assign(w, node); break;
	case AST_FOR_MAP: walk_for_map(w, node); break;
	case AST_SIZEOF:
	case AST_OFFSETOF:
	case AST_TYPEOF:
	case AST_TYPEINFO: walk_query(w, node); break;
	case AST_LET:
		type_expr_each_child(node->let.declared, walk_deferred_child, w);
		if (node->let.init)
			walk(w, node->let.init);
		break;
	case AST_CAST:
		type_expr_each_child(node->cast.to, walk_deferred_child, w);
		walk(w, node->cast.operand);
		break;
	default: ast_each_child(node, walk, w); break;
	}
}

/* What a function on maps says about its map, if nothing else does. */
static void use_in_call(struct sema *s, const struct ast *call)
{
	const struct ast *map = call->call.args.data[0];

	switch (call->call.builtin) {
	case BI_is_scalar: break;
	case BI_delete:
		use(s, map, call->call.args.len == 1 ? MAP_USE_SCALAR : MAP_USE_KEYED);
		break;
	default: use(s, map, MAP_USE_KEYED); break;
	}
}

static void resolve_deferred(struct map_walk *w)
{
	w->defer = false;
	for (size_t i = 0; i < w->deferred.len; i++) {
		struct ast *node = w->deferred.data[i];

		if (node->kind == AST_CALL)
			use_in_call(w->s, node);
		else if (node->kind == AST_MAP_ACCESS)
			use_access(w, node);
		else
			use(w->s, node, MAP_USE_SCALAR);
	}
}

bool sema_maps(struct sema *s)
{
	size_t errors = s->diags->error_count;
	struct map_walk w = { .s = s };

	for (size_t i = 0; i < s->program->maps.len; i++)
		(void)add_map(s, s->program->maps.data[i]);
	for (size_t i = 0; i < s->program->probes.len; i++) {
		s->probe = s->program->probes.data[i];
		if (s->probe->predicate)
			walk(&w, s->probe->predicate);
		walk(&w, s->probe->body);
	}
	resolve_deferred(&w);
	return s->diags->error_count == errors;
}
