/*
 * Statements: what they assign, and what they must not do.
 */
#include <string.h>

#include "lang/sema.h"
#include "lang/walk.h"

static const char *const agg_hints[BI_COUNT] = {
	[BI_count] = "count()",
	[BI_sum] = "sum(retval)",
	[BI_min] = "min(retval)",
	[BI_max] = "max(retval)",
	[BI_avg] = "avg(retval)",
	[BI_hist] = "hist(retval)",
	[BI_lhist] = "lhist(rand %10, 0, 10, 1)",
	[BI_tseries] = "tseries(rand %10, 10s, 1)",
	[BI_stats] = "stats(arg2)",
};

static void report_value(struct sema *s, const struct ast *node, const struct type *t)
{
	const char *map = node->assign.lhs->map.name;
	const struct ast *rhs = node->assign.rhs;

	if (t->kind != TYPE_AGG) {
		diag_error(s->diags, node->span, "Value '%s' cannot be assigned to a map.",
			   type_name(s->arena, t));
		return;
	}
	diag_error(s->diags, node->span,
		   "Map value '%s' cannot be assigned from one map to another. The function that "
		   "returns this type must be called directly e.g. `@%s = %s;`.",
		   type_name(s->arena, t), map, agg_hints[t->agg]);
	if (sema_is_agg_number(t) && (rhs->kind == AST_MAP_ACCESS || rhs->kind == AST_MAP))
		diag_hint(
			s->diags,
			"Add a cast to integer if you want the value of the aggregate, e.g. `@%s = "
			"(int64)@%s;`.",
			map, rhs->map.name);
}

/* Parameters of an aggregation are the map's: all calls must give the same. */
static void check_same_parameters(struct sema *s, const struct ast *call, const struct type *was,
				  const struct type *is)
{
	if (memcmp(was->agg_wide, is->agg_wide, sizeof(was->agg_wide)) == 0)
		return;
	switch (call->call.builtin) {
	case BI_hist:
		diag_error(s->diags, call->span, "Different bits in a single hist unsupported");
		break;
	case BI_lhist:
		diag_error(s->diags, call->span,
			   "Different lhist bounds in a single map unsupported");
		break;
	default:
		diag_error(s->diags, call->span,
			   "Different tseries bounds in a single map unsupported");
		break;
	}
}

/* sum() and the like take any integers that have a common type. */
static bool join_agg_arg(struct sema *s, struct sema_map *m, const struct ast *call,
			 const struct type *t)
{
	const struct type *joined;

	if (!sema_is_integer(t)) {
		/* In bpftrace's words, which are not the same for all. */
		enum agg_storage storage = builtin_infos[call->call.builtin].storage;
		bool has_buckets = storage == AGG_BUCKETS || storage == AGG_SERIES;

		diag_error(s->diags, call->span, "%s() only supports %s arguments (%s provided)",
			   call->call.name, has_buckets ? "int" : "integer",
			   has_buckets ? type_kind_name(t) : type_name(s->arena, t));
		return false;
	}
	joined = m->agg_arg ? sema_promote(s, m->agg_arg, t) : t;
	if (joined)
		m->agg_arg = joined;
	return true;
}

static const struct type *simple_agg(struct sema *s, const struct ast *call, bool is_signed)
{
	struct type *t = arena_new(s->arena, struct type);

	t->kind = TYPE_AGG;
	t->size = 8;
	t->agg = call->call.builtin;
	t->is_signed = is_signed;
	return t;
}

/* The type of the aggregation that @call makes, with TYPE_NONE and TYPE_ERROR as always. */
static const struct type *agg_of(struct sema *s, struct sema_map *m, struct ast *call)
{
	const struct builtin_info *info = &builtin_infos[call->call.builtin];
	const struct type *t;

	if (!sema_check_arity(s, call))
		return type_error();
	for (size_t i = 0; i < call->call.args.len; i++) {
		t = sema_expr(s, call->call.args.data[i]);
		if (!sema_is_known(t))
			return t;
	}
	call->type = type_void();
	if (!call->call.args.len)
		return simple_agg(s, call, false);
	t = call->call.args.data[0]->type;
	if (!join_agg_arg(s, m, call, t))
		return type_error();
	return info->check ? info->check(s, call) : simple_agg(s, call, t->is_signed);
}

static void assign_agg_type(struct sema *s, struct sema_map *m, const struct type *t,
			    const struct ast *call)
{
	const struct type *was = m->value;

	if (was->kind == TYPE_NONE) {
		m->value = t;
		sema_note_change(s, &m->value_readers, was, t, m->was_read);
		return;
	}
	if (was->kind != TYPE_AGG || was->agg != t->agg) {
		diag_error(s->diags, call->span,
			   "Type mismatch for @%s: trying to assign value of type '%s' when map "
			   "already "
			   "has a type '%s'",
			   m->decl->name, type_name(s->arena, t), type_name(s->arena, was));
		return;
	}
	check_same_parameters(s, call, was, t);
	if (t->is_signed && !was->is_signed) {
		m->value = t;
		sema_note_change(s, &m->value_readers, was, t, m->was_read);
	}
}

/* Aggregations compute with 64 bits. */
static void widen(struct sema *s, struct ast **slot, bool is_signed)
{
	const struct type *to = type_int(8, is_signed);

	if ((*slot)->kind == AST_INT)
		sema_set_constant(*slot, (*slot)->integer.value, to);
	else if (!type_equal((*slot)->type, to))
		sema_wrap_cast(s, slot, to);
}

static void assign_agg(struct sema *s, struct ast *node)
{
	struct sema_map *m = sema_map_at(s, node->assign.lhs->map.map);
	struct ast *call = node->assign.rhs;
	const struct type *t = agg_of(s, m, call);

	m->is_aggregated = true;
	if (!sema_is_known(t))
		return;
	assign_agg_type(s, m, t, call);
	if (s->is_final && call->call.args.len)
		widen(s, &call->call.args.data[0],
		      sema_is_agg_buckets(t) ? call->call.args.data[0]->type->is_signed
					     : m->value->is_signed);
}

static bool is_agg_call(const struct ast *node)
{
	return node->kind == AST_CALL && builtin_is_agg(node->call.builtin);
}

static void type_map_target(struct sema *s, struct ast *lhs)
{
	sema_check_use(s, lhs);
	if (lhs->kind == AST_MAP_ACCESS && !s->is_solving)
		sema_access_key(s, lhs);
	lhs->type = sema_map_at(s, lhs->map.map)->value;
}

static void assign_to_map(struct sema *s, struct ast *node)
{
	struct ast *lhs = node->assign.lhs;
	struct sema_map *m = sema_map_at(s, lhs->map.map);
	const struct type *t;

	type_map_target(s, lhs);
	if (is_agg_call(node->assign.rhs)) {
		assign_agg(s, node);
		lhs->type = m->value;
		return;
	}
	t = sema_expr(s, node->assign.rhs);
	if (!sema_is_known(t))
		return;
	if (!sema_is_map_value(m, t)) {
		report_value(s, node, t);
		return;
	}
	sema_assign_map(s, m, t, node);
	lhs->type = m->value;
	if (s->is_final && m->value->size == 0)
		diag_error(s->diags, node->span,
			   "Value of type '%s' has no bytes and cannot be stored in @%s",
			   type_name(s->arena, t), m->decl->name);
	if (s->is_final && !sema_convert(s, &node->assign.rhs, m->value))
		diag_error(s->diags, node->span,
			   "Type mismatch for @%s: trying to assign value of type '%s' when map "
			   "already "
			   "has a value type '%s'",
			   m->decl->name, type_name(s->arena, t), type_name(s->arena, m->value));
}

static void assign_to_var(struct sema *s, struct ast *node, struct sema_var *var, struct ast **rhs)
{
	const struct type *t = sema_expr(s, *rhs);

	if (!sema_is_known(t))
		return;
	sema_assign_var(s, var, t, node);
	if (!s->is_final || !sema_is_known(var->v.type))
		return;
	if (!sema_convert(s, rhs, var->v.type))
		diag_error(
			s->diags, node->span,
			"Type mismatch for $%s: trying to assign value of type '%s' when variable "
			"already has a type '%s'",
			var->v.name, type_name(s->arena, t), type_name(s->arena, var->v.type));
}

static void stmt_assign(struct sema *s, struct ast *node)
{
	struct ast *lhs = node->assign.lhs;
	struct sema_var *var;

	if (!lhs) {
		(void)sema_expr(s, node->assign.rhs);
		return;
	}
	if (lhs->kind != AST_VAR) {
		assign_to_map(s, node);
		return;
	}
	var = (struct sema_var *)lhs->var.var;
	assign_to_var(s, node, var, &node->assign.rhs);
	lhs->type = var->v.type;
	if (s->is_final && var->v.type->kind == TYPE_NONE)
		diag_error(s->diags, node->span, "Invalid expression for assignment");
}

static bool is_variable_type(const struct type *t)
{
	return t->kind != TYPE_VOID && t->kind != TYPE_AGG;
}

static void set_var_type(struct sema *s, struct sema_var *var, const struct type *t)
{
	sema_note_change(s, &var->readers, var->v.type, t, var->was_read);
	var->v.type = t;
}

static void declare_var(struct sema *s, struct sema_var *var, struct type_expr *declared)
{
	const struct type *t = sema_resolve_type(s, declared);

	if (!is_variable_type(t)) {
		diag_error(s->diags, declared->span, "Invalid variable declaration type: %s",
			   type_name(s->arena, t));
		t = type_error();
	}
	if (t->size) {
		var->is_sized = true;
		if (t->kind != TYPE_POINTER)
			t = sema_stored(s, t);
		set_var_type(s, var, t);
	} else if (t->kind == TYPE_ERROR || var->v.type->kind == TYPE_NONE) {
		set_var_type(s, var, t); // of a string: as long as what is assigned
	}
}

static void stmt_let(struct sema *s, struct ast *node)
{
	struct sema_var *var = (struct sema_var *)node->let.var;

	if (node->let.declared)
		declare_var(s, var, node->let.declared);
	if (node->let.init)
		assign_to_var(s, node, var, &node->let.init);
}

static void stmt_if(struct sema *s, struct ast *node)
{
	if (node->branch.cond->kind == AST_COMPTIME) {
		s->has_comptime = true;
		(void)sema_expr(s, node->branch.cond->expr);
		return;
	}
	(void)sema_expr(s, node->branch.cond);
	sema_condition(s, node->branch.cond, node->span);
	sema_stmt(s, node->branch.then);
	if (node->branch.other)
		sema_stmt(s, node->branch.other);
}

static void set_loop_var(struct sema *s, struct ast *node, const struct type *t)
{
	struct sema_var *var = (struct sema_var *)node->loop.var;

	if (var->v.type->kind == TYPE_NONE || type_equal(var->v.type, t))
		set_var_type(s, var, t);
	else
		sema_assign_var(s, var, t, node);
}

static void stmt_for_map(struct sema *s, struct ast *node)
{
	struct ast *map = node->loop.map;
	struct sema_map *m;
	const struct type *types[2];

	if (map->kind != AST_MAP) {
		diag_error(s->diags, map->span, "Loop expression must be a map or a range");
		return;
	}
	m = sema_map_at(s, map->map.map);
	if (m->use == MAP_USE_SCALAR) {
		diag_error(
			s->diags, map->span,
			"@%s has no explicit keys (scalar map), and cannot be used for iteration",
			map->map.name);
		return;
	}
	m->was_read = true;
	map->type = type_void();
	if (s->is_final && !sema_check_defined(s, map))
		return;
	if (sema_is_known(m->key) && sema_is_known(m->value)) {
		if (m->value->kind == TYPE_AGG && !sema_is_agg_number(m->value)) {
			diag_error(s->diags, map->span, "Loop expression does not support type: %s",
				   type_name(s->arena, m->value));
			return;
		}
		types[0] = m->key;
		types[1] = sema_promote(s, type_none(), m->value);
		set_loop_var(s, node, type_tuple(s->arena, types, NULL, 2));
	}
	s->loop_depth++;
	s->for_depth++;
	sema_stmt(s, node->loop.body);
	s->for_depth--;
	s->loop_depth--;
}

static void range_bound(struct sema *s, struct ast *node, const struct type *t, const char *which)
{
	if (sema_is_known(t) && !sema_is_integer(t))
		diag_error(s->diags, node->loop.range_span,
			   "Loop range requires an integer for the %s value", which);
}

static void stmt_for_range(struct sema *s, struct ast *node)
{
	const struct type *start = sema_expr(s, node->loop.start);
	const struct type *end = sema_expr(s, node->loop.end);
	const struct type *t;

	range_bound(s, node, start, "start");
	range_bound(s, node, end, "end");
	if (sema_is_integer(start) && sema_is_integer(end)) {
		t = start->size == end->size ? start : sema_promote(s, start, end);
		set_loop_var(s, node,
			     t->kind == TYPE_INT ? sema_in(s, t, AS_NONE)
						 : sema_int(s, t->size, t->is_signed, AS_NONE));
		if (s->is_final) {
			t = start->size > end->size ? start : end;
			(void)sema_convert(s, &node->loop.start, t);
			(void)sema_convert(s, &node->loop.end, t);
		}
	}
	s->loop_depth++;
	s->for_depth++;
	sema_stmt(s, node->loop.body);
	s->for_depth--;
	s->loop_depth--;
}

static void stmt_unroll(struct sema *s, struct ast *node)
{
	const struct ast *count = node->repeat.cond;

	(void)sema_expr(s, node->repeat.cond);
	if (count->kind != AST_INT || count->integer.is_negative)
		diag_error(s->diags, node->span, "invalid unroll value");
	else if (count->integer.value > 100)
		diag_error(s->diags, node->span, "unroll maximum value is 100");
	else if (count->integer.value < 1)
		diag_error(s->diags, node->span, "unroll minimum value is 1");
	sema_stmt(s, node->repeat.body);
}

static void stmt_while(struct sema *s, struct ast *node)
{
	(void)sema_expr(s, node->repeat.cond);
	sema_condition(s, node->repeat.cond, node->span);
	s->loop_depth++;
	sema_stmt(s, node->repeat.body);
	s->loop_depth--;
}

static void stmt_return(struct sema *s, struct ast *node)
{
	const struct type *t;

	if (!node->expr)
		return;
	t = sema_expr(s, node->expr);
	if (!s->is_final || !sema_is_known(t))
		return;
	if (!sema_is_integer(t))
		diag_error(s->diags, node->span,
			   "Probe return values can only be integers. Found %s",
			   type_name(s->arena, t));
	else if (t->size != 8)
		(void)sema_convert(s, &node->expr, type_int(8, true));
}

/* $x++ as a statement; not as the value of a block. */
static bool is_step(const struct ast *stmt)
{
	const struct ast *e = stmt->expr;

	return e->kind == AST_UNARY && e->unary.op >= OPR_PRE_INC && e->unary.op <= OPR_POST_DEC &&
	       e->span.begin == stmt->span.begin;
}

static void stmt_expr(struct sema *s, struct ast *node)
{
	const struct type *t = sema_expr(s, node->expr);
	struct span span = node->span;

	if (!s->is_final || !sema_is_known(t) || t->kind == TYPE_VOID || is_step(node))
		return;
	if (node->is_last)
		span.end = node->expr->span.end; // bpftrace leaves out the semicolon then
	if (!span.source || !span.source->is_builtin)
		diag_warning(s->diags, span, "Return value discarded.");
}

void sema_stmt_rule(struct sema *s, struct ast *node)
{
	switch (node->kind) {
	case AST_EXPR_STMT: stmt_expr(s, node); break;
	case AST_ASSIGN: stmt_assign(s, node); break;
	case AST_LET: stmt_let(s, node); break;
	case AST_IF: stmt_if(s, node); break;
	case AST_WHILE: stmt_while(s, node); break;
	case AST_FOR_MAP: stmt_for_map(s, node); break;
	case AST_FOR_RANGE: stmt_for_range(s, node); break;
	case AST_UNROLL: stmt_unroll(s, node); break;
	case AST_RETURN: stmt_return(s, node); break;
	case AST_BREAK:
	case AST_CONTINUE:
	case AST_IMPORT: break;
	default: (void)sema_expr(s, node); break;
	}
}

void sema_stmt(struct sema *s, struct ast *node)
{
	if (!s->is_solving)
		sema_stmt_rule(s, node);
}
