/*
 * Check functions: maps and aggregations.
 */
#include "lang/builtin_check.h"

#include <inttypes.h>
#include <string.h>

#include "lang/walk.h"

#define MAX_LHIST_BUCKETS     1000
#define MAX_TSERIES_INTERVALS 1000000
#define MAX_HIST_BITS         5

static struct ast *arg(const struct ast *call, size_t i)
{
	return call->call.args.data[i];
}

bool sema_check_defined(struct sema *s, const struct ast *map)
{
	struct sema_map *m = sema_map_at(s, map->map.map);
	struct span span = map->span;
	bool has_key = m->use == MAP_USE_SCALAR || m->key->kind != TYPE_NONE;

	if (m->value->kind == TYPE_ERROR || m->key->kind == TYPE_ERROR)
		return false;
	if (has_key && m->value->kind != TYPE_NONE)
		return true;
	span.begin += map->kind == AST_MAP_ADDR; // behind the &
	diag_error(s->diags, span, "Undefined map: @%s", map->map.name);
	return false;
}

/* The map that a call is about, or NULL and an error. */
static struct sema_map *map_arg(struct sema *s, const struct ast *call)
{
	if (arg(call, 0)->kind == AST_MAP)
		return sema_map_at(s, arg(call, 0)->map.map);
	diag_error(s->diags, arg(call, 0)->span, "%s() expects a map argument", call->call.name);
	return NULL;
}

const struct type *builtin_check_map_whole(struct sema *s, struct ast *call)
{
	if (!map_arg(s, call))
		return type_error();
	if (s->is_final)
		(void)sema_check_defined(s, arg(call, 0));
	return type_void();
}

static const struct type *print_map(struct sema *s, struct ast *call)
{
	struct sema_map *m = sema_map_at(s, arg(call, 0)->map.map);

	if (!s->is_final || !sema_check_defined(s, arg(call, 0)))
		return type_void();
	if (s->loop_depth)
		diag_warning(
			s->diags, call->span,
			"Due to it's asynchronous nature using 'print()' in a loop can lead to "
			"unexpected behavior. The map will likely be updated before the runtime "
			"can 'print' it.");
	if (m->value->kind == TYPE_AGG && m->value->agg == BI_stats && call->call.args.len > 1)
		diag_warning(
			s->diags, call->span,
			"print()'s top and div arguments are ignored when used on stats() maps.");
	return type_void();
}

static bool is_printable(const struct sema *s, const struct type *t)
{
	if (t->kind == TYPE_POINTER)
		return t->as != AS_CTX;
	if (t->kind == TYPE_ARGS)
		return s->probe->kind != PROBE_tracepoint;
	return t->kind != TYPE_VOID && t->kind != TYPE_NONE && t->kind != TYPE_STACK_MODE;
}

const struct type *builtin_check_print(struct sema *s, struct ast *call)
{
	const struct type *t = arg(call, 0)->type;

	if (arg(call, 0)->kind == AST_MAP)
		return print_map(s, call);
	if (!s->is_final)
		return type_void();
	if (sema_is_agg_buckets(t))
		diag_error(
			s->diags, call->span,
			"Map type %s cannot print the value of individual keys. You must print the "
			"whole map.",
			type_name(s->arena, t));
	else if (!is_printable(s, t))
		diag_error(s->diags, call->span, "%s type passed to print() is not printable",
			   sema_object_name(s, t));
	else if (t->kind == TYPE_ARGS)
		(void)sema_convert(s, &call->call.args.data[0], sema_args_record(s, t));
	else if (sema_is_agg_stats(t))
		(void)sema_convert(s, &call->call.args.data[0], sema_agg_value(s, t));
	else if (call->call.args.len != 1)
		diag_error(s->diags, call->span, "Non-map print() only takes 1 argument, %zu found",
			   call->call.args.len);
	return type_void();
}

/* A map with keys, or NULL and an error; @what is the function. */
static struct sema_map *keyed_map_arg(struct sema *s, const struct ast *call, const char *what)
{
	struct sema_map *m = map_arg(s, call);

	if (!m || m->use == MAP_USE_KEYED)
		return m;
	diag_error(s->diags, call->span,
		   "call to %s expects a map with explicit keys (non-scalar map)", what);
	return NULL;
}

/* Join or convert the key argument of a function on a map. */
static bool key_arg(struct sema *s, struct ast *call, struct sema_map *m)
{
	const struct type *t = arg(call, 1)->type;

	if (!sema_is_known(t))
		return t->kind == TYPE_NONE;
	if (s->is_final)
		sema_convert_key(s, m, &call->call.args.data[1], call);
	else
		sema_assign_key(s, m, t, call);
	return true;
}

const struct type *builtin_check_delete(struct sema *s, struct ast *call)
{
	struct sema_map *m;

	if (call->call.args.len == 2) {
		m = keyed_map_arg(s, call, "delete() with two arguments");
		return m && key_arg(s, call, m) ? type_bool() : type_error();
	}
	m = map_arg(s, call);
	if (m && m->use == MAP_USE_KEYED) {
		diag_error(s->diags, call->span,
			   "call to delete() with a single argument expects a map without explicit "
			   "keys "
			   "(scalar map)");
		m = NULL;
	}
	if (m && s->is_final)
		(void)sema_check_defined(s, arg(call, 0));
	return m ? type_bool() : type_error();
}

const struct type *builtin_check_has_key(struct sema *s, struct ast *call)
{
	struct sema_map *m = keyed_map_arg(s, call, "has_key()");

	return m && key_arg(s, call, m) ? type_bool() : type_error();
}

const struct type *builtin_check_find(struct sema *s, struct ast *call)
{
	struct sema_map *m = keyed_map_arg(s, call, "find");
	struct ast *out = arg(call, 2);
	struct sema_var *var;

	if (!m || !key_arg(s, call, m))
		return type_error();
	if (out->kind != AST_VAR) {
		diag_error(s->diags, out->span, "find() expects a scratch variable for the result");
		return type_error();
	}
	m->was_read = true;
	m->decl->is_value_read = true;
	var = (struct sema_var *)out->var.var;
	if (sema_is_known(m->value))
		sema_assign_var(s, var, m->value, call);
	out->type = var->v.type;
	if (s->is_final && sema_is_known(out->type) && sema_is_known(m->value) &&
	    !sema_can_convert(m->value, out->type))
		diag_error(
			s->diags, call->span,
			"Type mismatch for $%s: trying to assign value of type '%s' when variable "
			"already has a type '%s'",
			var->v.name, type_name(s->arena, m->value), type_name(s->arena, out->type));
	return type_bool();
}

const struct type *builtin_check_len(struct sema *s, struct ast *call)
{
	const struct type *t = arg(call, 0)->type;

	if (arg(call, 0)->kind == AST_MAP) {
		if (!keyed_map_arg(s, call, "len()"))
			return type_error();
		if (s->is_final)
			(void)sema_check_defined(s, arg(call, 0));
	} else if (t->kind != TYPE_KSTACK && t->kind != TYPE_USTACK && t->kind != TYPE_NONE) {
		diag_error(s->diags, call->span, "call to len() expects a map, ustack, or kstack");
		return type_error();
	}
	return type_int(8, true);
}

const struct type *builtin_check_is_scalar(struct sema *s, struct ast *call)
{
	if (arg(call, 0)->kind != AST_MAP) {
		diag_error(s->diags, call->span,
			   "is_scalar() expects a map for the first argument");
		return type_error();
	}
	diag_error(s->diags, call->span, "Unknown map: @%s", arg(call, 0)->map.name);
	return type_error();
}

static struct type *agg_type(struct sema *s, const struct ast *call)
{
	struct type *t = arena_new(s->arena, struct type);

	t->kind = TYPE_AGG;
	t->size = 8;
	t->agg = call->call.builtin;
	return t;
}

const struct type *builtin_check_hist(struct sema *s, struct ast *call)
{
	struct type *t = agg_type(s, call);
	const struct ast *bits;

	if (call->call.args.len < 2)
		return t;
	bits = arg(call, 1);
	if (bits->kind != AST_INT || !bits->integer.is_literal) {
		diag_error(s->diags, call->span, "hist() expects a int literal (%s provided)",
			   type_kind_name(bits->type));
		return type_error();
	}
	if (bits->integer.is_negative || bits->integer.value > MAX_HIST_BITS) {
		diag_error(s->diags, call->span, "hist: bits %" PRId64 " must be 0..%d",
			   (int64_t)bits->integer.value, MAX_HIST_BITS);
		return type_error();
	}
	t->agg_arg[0] = (int32_t)bits->integer.value;
	t->agg_wide[0] = t->agg_arg[0];
	return t;
}

/* A literal that is not negative, or an error that says @what. */
static bool positive_literal(struct sema *s, const struct ast *call, size_t i, const char *what,
			     int64_t *out)
{
	const struct ast *a = arg(call, i);

	if (a->kind == AST_INT && a->integer.is_literal && !a->integer.is_negative &&
	    a->integer.value <= INT64_MAX) {
		*out = (int64_t)a->integer.value;
		return true;
	}
	diag_error(s->diags, call->span, "%s: invalid %s", call->call.name, what);
	return false;
}

const struct type *builtin_check_lhist(struct sema *s, struct ast *call)
{
	struct type *t = agg_type(s, call);
	int64_t min, max, step;
	size_t errors = s->diags->error_count;

	if (!positive_literal(s, call, 1, "min value (must be non-negative literal)", &min) ||
	    !positive_literal(s, call, 2, "max value (must be non-negative literal)", &max) ||
	    !positive_literal(s, call, 3, "step value", &step))
		return type_error();
	if (step <= 0)
		diag_error(s->diags, call->span, "lhist() step must be >= 1 (%" PRId64 " provided)",
			   step);
	else if (max > min && (max - min) / step > MAX_LHIST_BUCKETS)
		diag_error(s->diags, call->span,
			   "lhist() too many buckets, must be <= %d (would need %" PRId64 ")",
			   MAX_LHIST_BUCKETS, (max - min) / step);
	if (min > max)
		diag_error(s->diags, call->span,
			   "lhist() min must be less than max (provided min %" PRId64
			   " and max %" PRId64 ")",
			   min, max);
	else if (max - min < step)
		diag_error(s->diags, call->span,
			   "lhist() step is too large for the given range (provided step %" PRId64
			   " for range %" PRId64 ")",
			   step, max - min);
	if (s->diags->error_count != errors)
		return type_error();
	t->agg_wide[0] = min;
	t->agg_wide[1] = max;
	t->agg_wide[2] = step;
	return t;
}

/* In the order of enum tseries_agg of record/tseries.h, from 1. */
static const char *const tseries_aggs[] = { "avg", "max", "min", "sum" };

static bool tseries_agg(struct sema *s, const struct ast *call, struct type *t)
{
	const struct ast *name;

	if (call->call.args.len < 4)
		return true;
	name = arg(call, 3);
	if (name->kind != AST_STRING) {
		diag_error(s->diags, call->span, "tseries() expects a string literal (%s provided)",
			   type_kind_name(name->type));
		return false;
	}
	for (uint32_t i = 0; i < sizeof(tseries_aggs) / sizeof(tseries_aggs[0]); i++) {
		if (strcmp(tseries_aggs[i], name->string.data) == 0) {
			t->agg_wide[2] = i + 1;
			return true;
		}
	}
	diag_error(
		s->diags, call->span,
		"tseries() expects one of the following aggregation functions: avg, max, min, sum "
		"(\"%s\" provided)",
		name->string.data);
	return false;
}

const struct type *builtin_check_tseries(struct sema *s, struct ast *call)
{
	struct type *t = agg_type(s, call);
	int64_t interval, count;

	if (!positive_literal(s, call, 1, "interval_ns value (must be non-negative literal)",
			      &interval) ||
	    !positive_literal(s, call, 2, "num_intervals value (must be non-negative literal)",
			      &count))
		return type_error();
	if (interval <= 0) {
		diag_error(s->diags, call->span,
			   "tseries() interval_ns must be >= 1 (%" PRId64 " provided)", interval);
		return type_error();
	}
	if (count <= 0) {
		diag_error(s->diags, call->span,
			   "tseries() num_intervals must be >= 1 (%" PRId64 " provided)", count);
		return type_error();
	}
	if (count > MAX_TSERIES_INTERVALS) {
		diag_error(s->diags, call->span,
			   "tseries() num_intervals must be < %d (%" PRId64 " provided)",
			   MAX_TSERIES_INTERVALS, count);
		return type_error();
	}
	if (!tseries_agg(s, call, t))
		return type_error();
	t->agg_wide[0] = interval;
	t->agg_wide[1] = count;
	t->is_signed = arg(call, 0)->type->is_signed;
	return t;
}
