/*
 * Rules of simple expressions; the others are in sema_op.c, sema_access.c, sema_cast.c,
 * sema_call.c.
 */
#include <inttypes.h>
#include <string.h>

#include "lang/sema.h"
#include "lang/walk.h"
#include "util/str.h"

static const struct type *expr_string(struct sema *s, struct ast *node)
{
	uint64_t max = s->config->max_strlen;

	/* pton() and getopt() made a string with a type of its own. */
	if (node->type &&
	    (node->type->kind == TYPE_ARRAY || node->type->size > node->string.len + 1))
		return node->type;
	if (s->is_final && !s->allow_long_string && node->string.len > max - 1)
		diag_error(s->diags, node->span, "String is too long (over %" PRIu64 " bytes): %s",
			   max, node->string.data);
	return sema_string(s, node->string.len + 1);
}

static const struct type *expr_ident(struct sema *s, struct ast *node)
{
	struct str_nearest nearest;

	diag_error(s->diags, node->span, "Unknown identifier: '%s'", node->ident.name);
	str_nearest_init(&nearest, node->ident.name);
	for (uint32_t i = BI_NONE + 1; i < BI_COUNT; i++) {
		if (builtin_infos[i].kind == BUILTIN_VAR)
			str_nearest_try(&nearest, builtin_infos[i].name);
	}
	if (nearest.best)
		diag_hint(s->diags, "did you mean '%s'?", nearest.best);
	return type_error();
}

static struct sema_var *var_of(const struct ast *node)
{
	return (struct sema_var *)node->var.var;
}

static const struct type *read_var(struct sema *s, struct ast *node)
{
	struct sema_var *var = var_of(node);

	var->was_read = true;
	if (s->introspection)
		var->is_introspected = true;
	if (s->is_final && var->v.type->kind == TYPE_NONE) {
		diag_error(s->diags, node->span, "Could not resolve the type of this variable");
		var->v.type = type_error();
	}
	return var->v.type;
}

static const struct type *expr_var_addr(struct sema *s, struct ast *node)
{
	const struct type *t;

	if (s->is_final && node->var.var->type->kind == TYPE_NONE) {
		diag_error(s->diags, node->span, "No type available for variable $%s",
			   node->var.name);
		return type_error();
	}
	t = read_var(s, node);
	return sema_is_known(t) ? type_pointer(s->arena, t, AS_BPF) : t;
}

static const struct type *read_map(struct sema *s, struct ast *node)
{
	struct sema_map *m = sema_map_at(s, node->map.map);

	sema_check_use(s, node);
	m->was_read = true;
	m->decl->is_value_read = true;
	if (s->introspection)
		m->is_introspected = true;
	return m->value;
}

void sema_access_key(struct sema *s, struct ast *access)
{
	struct sema_map *m = sema_map_at(s, access->map.map);
	const struct type *key = sema_expr(s, access->map.key);

	if (m->use != MAP_USE_KEYED)
		return;
	if (sema_is_known(key))
		sema_assign_key(s, m, key, access);
	if (s->is_final)
		sema_convert_key(s, m, &access->map.key, access);
}

static const struct type *expr_map_access(struct sema *s, struct ast *node)
{
	if (!s->is_solving)
		sema_access_key(s, node);
	return read_map(s, node);
}

static const struct type *expr_map_addr(struct sema *s, struct ast *node)
{
	const struct type *t = read_map(s, node);

	if (s->is_final && !sema_check_defined(s, node))
		return type_error();

	return sema_is_known(t) ? type_pointer(s->arena, t, AS_BPF) : t;
}

/* The value of a block without one is nothing; a branch with a jump in it has no say either. */
static bool has_value(const struct ast *node)
{
	if (node->kind == AST_BLOCK)
		return node->block.value && has_value(node->block.value);
	return true;
}

static const struct type *join_branches(struct sema *s, struct ast *node, const struct type *then,
					const struct type *other)
{
	const struct type *t;

	if (then->kind == TYPE_ERROR || other->kind == TYPE_ERROR)
		return type_error();
	if (!has_value(node->branch.other) || other->kind == TYPE_NONE)
		return has_value(node->branch.then) ? sema_promote(s, type_none(), then)
						    : type_void();
	if (!has_value(node->branch.then) || then->kind == TYPE_NONE)
		return sema_promote(s, type_none(), other);
	t = sema_promote(s, sema_promote(s, type_none(), then), other);
	if (t)
		return sema_stored(s, t);
	diag_error(s->diags, node->span,
		   "Branches must return the same type or compatible types: have '%s' and '%s'",
		   type_name(s->arena, then), type_name(s->arena, other));
	return type_error();
}

static const struct type *expr_ternary(struct sema *s, struct ast *node)
{
	const struct type *then, *other, *t;

	if (node->branch.cond->kind == AST_COMPTIME) {
		s->has_comptime = true;
		(void)sema_expr(s, node->branch.cond->expr);
		return type_none();
	}
	(void)sema_expr(s, node->branch.cond);
	sema_condition(s, node->branch.cond, node->span);
	then = sema_expr(s, node->branch.then);
	if (!node->branch.other)
		return type_void();
	other = sema_expr(s, node->branch.other);
	t = join_branches(s, node, then, other);
	if (s->is_final && sema_is_known(t) && t->kind != TYPE_VOID) {
		if (has_value(node->branch.then))
			(void)sema_convert(s, &node->branch.then, t);
		if (has_value(node->branch.other))
			(void)sema_convert(s, &node->branch.other, t);
	}
	return t;
}

static const struct type *expr_block(struct sema *s, struct ast *node)
{
	for (size_t i = 0; i < node->block.stmts.len; i++)
		sema_stmt(s, node->block.stmts.data[i]);
	return node->block.value ? sema_expr(s, node->block.value) : type_void();
}

/* What an expression is as an element of a tuple: a copy in our memory. */
static const struct type *element(struct sema *s, const struct type *t)
{
	return sema_stored(s, sema_promote(s, type_none(), t));
}

static const struct type *expr_tuple(struct sema *s, struct ast *node)
{
	ast_list *items = &node->tuple.items;
	const struct type **types = arena_array(s->arena, const struct type *, items->len);
	bool is_record = node->kind == AST_RECORD;
	const struct type *bad = NULL;

	for (size_t i = 0; i < items->len; i++) {
		const struct type *t = sema_expr(s, items->data[i]);

		if (!sema_is_known(t)) {
			bad = bad && bad->kind == TYPE_ERROR ? bad : t;
			continue;
		}
		if (sema_is_agg_buckets(t) || t->kind == TYPE_VOID) {
			diag_error(s->diags, items->data[i]->span,
				   t->kind == TYPE_VOID
					   ? "Value of type '%s' cannot exist inside a %s."
					   : "Map type %s cannot exist inside a %s.",
				   type_name(s->arena, t), is_record ? "record" : "tuple");
			bad = type_error();
			continue;
		}
		types[i] = element(s, t);
		if (s->is_final && (t->kind == TYPE_AGG || t->kind == TYPE_ARGS))
			(void)sema_convert(s, &items->data[i], types[i]);
	}
	if (bad)
		return bad;
	return type_tuple(s->arena, types, is_record ? node->tuple.names : NULL,
			  (uint32_t)items->len);
}

const struct type *sema_type_of(struct sema *s, struct ast *node)
{
	struct sema_map *m;

	if (node->kind == AST_MAP) {
		m = sema_map_at(s, node->map.map);
		if (m->use == MAP_USE_KEYED) {
			m->was_read = true;
			m->is_introspected = true;
			return m->key;
		}
	}
	return sema_expr(s, node);
}

const struct type *sema_queried_type(struct sema *s, struct ast *query)
{
	const struct type *t;

	s->introspection++;
	if (query->type_query.of_type)
		t = sema_resolve_type(s, query->type_query.of_type);
	else
		t = sema_type_of(s, query->type_query.of_expr);
	s->introspection--;
	return t;
}

/* Until it becomes a literal, in sema_infer.c, its type is the least that it may have. */
static const struct type *expr_query(struct sema *s, struct ast *node)
{
	static const char *const names[] = { "btf_id", "base_type", "full_type" };
	const struct type *t = sema_queried_type(s, node);
	const struct type *types[3];

	if (!sema_is_known(t))
		return t;
	if (node->kind != AST_TYPEINFO)
		return type_int(1, false);
	types[0] = type_int(8, false);
	types[1] = sema_string(s, (uint32_t)strlen(type_kind_name(t)) + 1);
	types[2] = sema_string(s, (uint32_t)strlen(type_name(s->arena, t)) + 1);
	return type_tuple(s->arena, types, names, 3);
}

const struct type *sema_rule(struct sema *s, struct ast *node)
{
	switch (node->kind) {
	case AST_INT: return node->integer.is_literal ? sema_int_literal(s, node) : node->type;
	case AST_BOOL: return type_bool();
	case AST_STRING: return expr_string(s, node);
	case AST_IDENT: return expr_ident(s, node);
	case AST_BUILTIN: return sema_builtin(s, node);
	case AST_VAR: return read_var(s, node);
	case AST_VAR_ADDR: return expr_var_addr(s, node);
	case AST_MAP: return read_map(s, node);
	case AST_MAP_ADDR: return expr_map_addr(s, node);
	case AST_MAP_ACCESS: return expr_map_access(s, node);
	case AST_CALL: return sema_call(s, node);
	case AST_UNARY: return sema_unary(s, node);
	case AST_BINARY: return sema_binary(s, node);
	case AST_TERNARY:
	case AST_IF: return expr_ternary(s, node);
	case AST_FIELD: return sema_field(s, node);
	case AST_INDEX: return sema_index(s, node);
	case AST_CAST: return sema_cast(s, node);
	case AST_TUPLE:
	case AST_RECORD: return expr_tuple(s, node);
	case AST_SIZEOF:
	case AST_OFFSETOF:
	case AST_TYPEINFO: return expr_query(s, node);
	case AST_COMPTIME: s->has_comptime = true; return sema_expr(s, node->expr);
	case AST_BLOCK: return expr_block(s, node);
	default:
		diag_error(s->diags, node->span, "a type can't be used as a value");
		return type_error();
	}
}

const struct type *sema_expr(struct sema *s, struct ast *node)
{
	if (s->is_solving)
		return node->type ? node->type : type_none();
	node->type = sema_rule(s, node);
	return node->type;
}

void sema_condition(struct sema *s, struct ast *node, struct span span)
{
	const struct type *t = node->type;

	if (!s->is_final || !sema_is_known(t))
		return;
	if (!sema_is_integer(t) && t->kind != TYPE_POINTER && t->kind != TYPE_BOOL)
		diag_error(s->diags, span, "Invalid condition: %s", type_kind_name(t));
}

void sema_note_change(struct sema *s, rule_list *dependents, const struct type *was,
		      const struct type *is, bool was_read)
{
	if (type_equal(was, is) && was->is_const == is->is_const && was->as == is->as &&
	    was->mode == is->mode)
		return;
	s->has_changed |= was_read;
	if (s->is_solving)
		vec_push(s->arena, &s->changed, dependents);
}

/* Values of aggregations stay in their maps, but for those that are a number. */
static bool is_assignable(const struct type *t, const struct type *current, bool to_map)
{
	if (t->kind == TYPE_VOID || (t->kind == TYPE_AGG && !sema_is_agg_number(t)))
		return false;
	if (t->kind == TYPE_AGG && !sema_is_integer(current))
		return !to_map && current->kind == TYPE_NONE;
	return true;
}

static const struct type *join_locked(struct sema *s, const char *sigil, const char *name,
				      const struct type *locked, const struct type *t,
				      const struct ast *at)
{
	const struct type *joined = sema_promote(s, locked, t);

	if (!joined || !type_equal(joined, locked))
		diag_error(
			s->diags, at->span,
			"Type mismatch for %s%s: this type has been locked because it was used in "
			"another part of the type graph that was already resolved (e.g. `sizeof`, "
			"`typeinfo`, etc.). The new type '%s' doesn't fit into the locked type "
			"'%s'",
			sigil, name, type_name(s->arena, t), type_name(s->arena, locked));
	return locked;
}

void sema_assign_var(struct sema *s, struct sema_var *var, const struct type *t, struct ast *at)
{
	const struct type *current = var->v.type;
	const struct type *joined;

	if (var->is_sized || current->kind == TYPE_ERROR)
		return;
	if (!is_assignable(t, current, false)) {
		diag_error(s->diags, at->span,
			   "Value '%s' cannot be assigned to a scratch variable.",
			   type_name(s->arena, t));
		return;
	}
	if (var->locked) {
		joined = join_locked(s, "$", var->v.name, var->locked, t, at);
	} else {
		joined = sema_promote(s, current, t);
		if (!joined) {
			diag_error(
				s->diags, at->span,
				"Type mismatch for $%s: trying to assign value of type '%s' when "
				"variable already has a type '%s'",
				var->v.name, type_name(s->arena, t), type_name(s->arena, current));
			return;
		}
		/* A register may keep a trusted pointer, memory does not. */
		if (joined->kind != TYPE_POINTER || var->v.is_captured || var->v.is_addressed)
			joined = sema_stored(s, joined);
	}
	sema_note_change(s, &var->readers, current, joined, var->was_read);
	var->v.type = joined;
}

void sema_assign_map(struct sema *s, struct sema_map *m, const struct type *t, struct ast *at)
{
	const struct type *joined;

	if (m->value->kind == TYPE_ERROR)
		return;
	if (m->locked_value) {
		joined = join_locked(s, "@", m->decl->name, m->locked_value, t, at);
	} else {
		joined = sema_is_agg_number(m->value) ? NULL : sema_promote(s, m->value, t);
		if (!joined) {
			diag_error(
				s->diags, at->span,
				"Type mismatch for @%s: trying to assign value of type '%s' when "
				"map already has a type '%s'",
				m->decl->name, type_name(s->arena, t),
				type_name(s->arena, m->value));
			return;
		}
		joined = sema_stored(s, joined);
	}
	sema_note_change(s, &m->value_readers, m->value, joined, m->was_read);
	m->value = joined;
}

bool sema_is_map_value(const struct sema_map *m, const struct type *t)
{
	return is_assignable(t, m->value, true);
}

void sema_assign_key(struct sema *s, struct sema_map *m, const struct type *t, struct ast *at)
{
	const struct type *joined;

	if (m->key->kind == TYPE_ERROR)
		return;
	if (!is_assignable(t, m->key, false)) {
		diag_error(s->diags, at->span, "Value '%s' cannot be used as a map key.",
			   type_name(s->arena, t));
		return;
	}
	if (m->locked_key) {
		joined = join_locked(s, "@", m->decl->name, m->locked_key, t, at);
	} else {
		joined = sema_promote(s, m->key, t);
		if (!joined) {
			diag_error(
				s->diags, at->span,
				"Argument mismatch for @%s: trying to access with arguments: '%s' "
				"when map expects arguments: '%s'",
				m->decl->name, type_name(s->arena, t), type_name(s->arena, m->key));
			return;
		}
		joined = sema_stored(s, joined);
	}
	sema_note_change(s, &m->key_readers, m->key, joined, m->was_read);
	m->key = joined;
}

void sema_convert_key(struct sema *s, struct sema_map *m, struct ast **key, struct ast *at)
{
	const struct type *t = (*key)->type;

	if (!sema_is_known(t) || !sema_is_known(m->key))
		return;
	if (t->kind == TYPE_POINTER && t->as == AS_CTX)
		diag_error(s->diags, (*key)->span, "context cannot be part of a map key");
	if (m->key->size == 0)
		diag_error(s->diags, (*key)->span,
			   "Value of type '%s' has no bytes and cannot be a key of @%s",
			   type_name(s->arena, t), m->decl->name);
	if (!sema_convert(s, key, m->key))
		diag_error(
			s->diags, at->span,
			"Type mismatch for @%s: trying to assign key of type '%s' when map already "
			"has a key type '%s'",
			m->decl->name, type_name(s->arena, t), type_name(s->arena, m->key));
}
