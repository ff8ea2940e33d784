/*
 * Inference: the walk is repeated until no variable or map learns anything new about its type.
 *
 * Types only grow, so this ends; mostly the second walk finds nothing to do, and none is needed
 * when nothing was read before it was known.  Then what asks about types (sizeof, typeinfo …)
 * becomes a literal, conditions at compile time are decided, and as there may be new code behind
 * them, everything starts again; what was asked about keeps its type from then on.
 */
#include <string.h>

#include "lang/sema.h"
#include "lang/walk.h"

#define MAX_ROUNDS     50
#define MAX_ITERATIONS 1000

struct transform {
	struct sema *s;
	bool done_any;
};

static void reset(struct sema *s)
{
	vec_foreach (&s->vars, it) {
		struct sema_var *var = *it;

		if (var->v.type->kind != TYPE_ERROR)
			var->v.type = type_none();
		var->is_sized = false;
	}
	vec_foreach (&s->maps, it) {
		struct sema_map *m = *it;

		m->key = type_none();
		m->value = type_none();
		m->agg_arg = NULL;
	}
}

static void start_iteration(struct sema *s)
{
	s->has_changed = false;
	s->has_comptime = false;
	vec_foreach (&s->vars, it)
		(*it)->was_read = false;
	vec_foreach (&s->maps, it)
		(*it)->was_read = false;
}

/* With its slashes. */
static struct span predicate_span(const struct ast *predicate)
{
	struct span span = predicate->span;
	const char *text = span.source ? span.source->text : NULL;
	uint32_t begin = span.begin, end = span.end;

	if (!text)
		return span;
	while (begin > 0 && text[begin - 1] == ' ')
		begin--;
	while (end < span.source->len && text[end] == ' ')
		end++;
	if (begin > 0 && text[begin - 1] == '/' && end < span.source->len && text[end] == '/') {
		span.begin = begin - 1;
		span.end = end + 1;
	}
	return span;
}

void sema_walk_probes(struct sema *s)
{
	for (size_t i = 0; i < s->program->probes.len; i++) {
		struct ast *predicate;

		s->probe = s->program->probes.data[i];
		predicate = s->probe->predicate;
		if (predicate) {
			(void)sema_expr(s, predicate);
			sema_condition(s, predicate, predicate_span(predicate));
		}
		sema_stmt(s, s->probe->body);
	}
}

static bool iterate(struct sema *s)
{
	size_t errors = s->diags->error_count;

	for (uint32_t i = 0; i < MAX_ITERATIONS; i++) {
		start_iteration(s);
		sema_walk_probes(s);
		if (s->diags->error_count != errors)
			return false;
		if (!s->has_changed)
			return true;
	}
	diag_error(s->diags, (struct span){ 0 }, "types don't settle after %d steps",
		   MAX_ITERATIONS);
	return false;
}

/*
 * A map that is only read, or only counted up, starts as the smallest integer.  One that an
 * aggregation is assigned to gets its type from that, once its argument's is known.
 */
static bool set_default_values(struct sema *s)
{
	bool any = false;

	vec_foreach (&s->maps, it) {
		struct sema_map *m = *it;

		if (m->is_used && !m->is_aggregated && m->value->kind == TYPE_NONE) {
			m->value = type_int(1, true);
			any = true;
		}
	}
	return any;
}

static bool solve(struct sema *s)
{
	reset(s);
	if (!sema_solve(s))
		reset(s);
	if (!iterate(s))
		return false;
	return !set_default_values(s) || iterate(s);
}

/* As sizeof() tells it: values that we keep as ids count with what they stand for. */
static uint64_t visible_size(const struct type *t)
{
	switch (t->kind) {
	case TYPE_KSTACK: return t->limit * (t->mode == STACK_BUILD_ID ? 32 : 8) + 8;
	case TYPE_USTACK: return t->limit * (t->mode == STACK_BUILD_ID ? 32 : 8) + 16;
	case TYPE_INET: return 24;
	case TYPE_TIMESTAMP:
	case TYPE_CGROUP_PATH: return 16;
	default: return t->size;
	}
}

static bool field_offset(struct sema *s, const struct ast *node, const struct type *t,
			 uint64_t *offset)
{
	struct type_member m;

	*offset = 0;
	for (size_t i = 0; i < node->type_query.path.len; i++) {
		const char *name = node->type_query.path.data[i];

		if (t->kind != TYPE_STRUCT && t->kind != TYPE_RECORD) {
			diag_error(s->diags, node->span, "'%s' is not a C type.",
				   type_name(s->arena, t));
			return false;
		}
		if (!sema_find_member(s, t, name, &m)) {
			if (t->kind == TYPE_STRUCT && !t->is_complete)
				diag_error(s->diags, node->span, "'%s' does not exist.",
					   type_name(s->arena, t));
			else
				diag_error(s->diags, node->span, "'%s' has no field named '%s'",
					   type_name(s->arena, t), name);
			return false;
		}
		*offset += m.offset;
		t = m.type;
	}
	return true;
}

static void set_typeinfo(struct sema *s, struct ast *node, const struct type *t)
{
	static const char *const names[] = { "btf_id", "base_type", "full_type" };
	struct ast record = { .kind = AST_RECORD };
	const char *texts[] = { NULL, type_kind_name(t), type_name(s->arena, t) };

	record.tuple.names = arena_memdup(s->arena, names, sizeof(names));
	for (uint32_t i = 0; i < 3; i++) {
		struct ast *value = ast_new(s->arena, AST_INT, node->span);

		if (texts[i])
			sema_set_string(value, texts[i], strlen(texts[i]));
		else
			sema_set_int(value, 0);
		vec_push(s->arena, &record.tuple.items, value);
	}
	sema_replace(node, &record);
}

static void transform_query(struct transform *tr, struct ast *node)
{
	struct sema *s = tr->s;
	const struct type *t = sema_queried_type(s, node);
	uint64_t offset;

	if (!sema_is_known(t))
		return;
	if (t->kind == TYPE_STRUCT)
		sema_complete(s, t);
	if (node->kind == AST_SIZEOF)
		sema_set_int(node, visible_size(t));
	else if (node->kind == AST_TYPEINFO)
		set_typeinfo(s, node, t);
	else if (field_offset(s, node, t, &offset))
		sema_set_int(node, offset);
	else
		return;
	tr->done_any = true;
}

static void transform(void *ctx, struct ast *node)
{
	struct transform *tr = ctx;

	switch (node->kind) {
	case AST_SIZEOF:
	case AST_OFFSETOF:
	case AST_TYPEINFO: transform_query(tr, node); break;
	case AST_CAST:
		ast_each_child(node, transform, ctx);
		if (node->type && node->type->kind == TYPE_BOOL &&
		    node->cast.operand->kind != AST_TUPLE &&
		    node->cast.operand->kind != AST_RECORD && ast_is_literal(node->cast.operand)) {
			sema_set_bool(node, sema_literal_bool(node->cast.operand));
			tr->done_any = true;
		}
		break;
	default: ast_each_child(node, transform, ctx); break;
	}
}

static bool transform_all(struct sema *s)
{
	struct transform tr = { .s = s };

	for (size_t i = 0; i < s->program->probes.len; i++) {
		s->probe = s->program->probes.data[i];
		if (s->probe->predicate)
			transform(&tr, s->probe->predicate);
		transform(&tr, s->probe->body);
	}
	return tr.done_any;
}

static void lock(struct sema *s)
{
	vec_foreach (&s->vars, it) {
		struct sema_var *var = *it;

		if (var->is_introspected && !var->locked && var->v.type->kind != TYPE_NONE)
			var->locked = var->v.type;
	}
	vec_foreach (&s->maps, it) {
		struct sema_map *m = *it;

		if (!m->is_introspected)
			continue;
		if (!m->locked_key && m->key->kind != TYPE_NONE)
			m->locked_key = m->key;
		if (!m->locked_value && m->value->kind != TYPE_NONE && m->value->kind != TYPE_AGG)
			m->locked_value = m->value;
	}
}

static void report_comptime(void *ctx, struct ast *node)
{
	struct sema *s = ctx;

	if (node->kind == AST_COMPTIME) {
		diag_error(s->diags, node->span, "Unable to resolve comptime expression");
		return;
	}
	ast_each_child(node, report_comptime, s);
}

static void report_comptime_of(struct sema *s, struct ast *node)
{
	report_comptime(s, node);
}

bool sema_infer(struct sema *s)
{
	for (uint32_t round = 0; round < MAX_ROUNDS; round++) {
		bool transformed;

		if (!sema_fold(s) || !solve(s))
			return false;
		transformed = transform_all(s);
		if (!diag_ok(s->diags))
			return false;
		if (!transformed && !s->has_comptime)
			return true;
		if (!transformed) {
			sema_each_probe(s, report_comptime_of);
			return false;
		}
		lock(s);
	}
	diag_error(s->diags, (struct span){ 0 },
		   "Type resolution exceeded maximum iterations (%d); possible infinite loop in "
		   "comptime "
		   "expressions",
		   MAX_ROUNDS);
	return false;
}
