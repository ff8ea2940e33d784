/*
 * Lowering: types of the language -> shapes, which the record room reads.
 */
#include "ir/lower_impl.h"

#include <string.h>

#define SHAPE_DEPTH_MAX 32

typedef vec_of(struct shape_member) member_list;

struct shaping {
	struct arena *arena;
	struct lower *lower; // NULL: no stack maps, incomplete structs stay empty
	uint32_t depth;
};

static const struct shape *make(struct shaping *s, const struct type *t);

static const enum shape_kind kinds[TYPE_KIND_COUNT] = {
	[TYPE_BOOL] = SHAPE_BOOL,           [TYPE_INT] = SHAPE_INT,
	[TYPE_ENUM] = SHAPE_ENUM,           [TYPE_POINTER] = SHAPE_POINTER,
	[TYPE_ARRAY] = SHAPE_ARRAY,         [TYPE_STRUCT] = SHAPE_STRUCT,
	[TYPE_TUPLE] = SHAPE_TUPLE,         [TYPE_RECORD] = SHAPE_STRUCT,
	[TYPE_STRING] = SHAPE_STRING,       [TYPE_BUFFER] = SHAPE_BUFFER,
	[TYPE_INET] = SHAPE_INET,           [TYPE_MACADDR] = SHAPE_MACADDR,
	[TYPE_KSTACK] = SHAPE_KSTACK,       [TYPE_USTACK] = SHAPE_USTACK,
	[TYPE_KSYM] = SHAPE_KSYM,           [TYPE_USYM] = SHAPE_USYM,
	[TYPE_TIMESTAMP] = SHAPE_TIMESTAMP, [TYPE_CGROUP_PATH] = SHAPE_CGROUP_PATH,
	[TYPE_USERNAME] = SHAPE_USERNAME,   [TYPE_PROBE_NAME] = SHAPE_PROBE,
	[TYPE_KUBE] = SHAPE_KUBE,           [TYPE_AGG] = SHAPE_AGG,
	[TYPE_ARGS] = SHAPE_STRUCT,
};

static void complete(struct shaping *s, const struct type *t)
{
	const struct target *target = s->lower ? s->lower->o->target : NULL;

	if (t->kind == TYPE_STRUCT && !t->is_complete && target && target->complete_type)
		target->complete_type(target->ctx, (struct type *)t);
}

/* The members of what has no name of its own are those of the struct around it. */
static bool is_anonymous(const struct type_member *m)
{
	return m->name && !m->name[0] && m->type->kind == TYPE_STRUCT;
}

static void list_members(struct shaping *s, member_list *out, const struct type *t, uint32_t base)
{
	if (s->depth > SHAPE_DEPTH_MAX)
		return;
	s->depth++;
	complete(s, t);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct type_member *m = &t->members[i];
		struct shape_member member = { .name = m->name,
					       .offset = base + m->offset,
					       .bit_offset = m->bit_offset,
					       .bit_size = m->bit_size };

		if (is_anonymous(m)) {
			list_members(s, out, m->type, base + m->offset);
			continue;
		}
		member.shape = make(s, m->type);
		vec_push(s->arena, out, member);
	}
	s->depth--;
}

static void add_members(struct shaping *s, struct shape *shape, const struct type *t)
{
	member_list members = { 0 };

	list_members(s, &members, t, 0);
	shape->members = members.data;
	shape->count = (uint32_t)members.len;
}

static void add_names(struct shaping *s, struct shape *shape, const struct type *t)
{
	struct shape_name *names = arena_array(s->arena, struct shape_name, t->count + 1);

	for (uint32_t i = 0; i < t->count; i++)
		names[i] = (struct shape_name){ .name = t->enumerators[i].name,
						.value = t->enumerators[i].value };
	shape->names = names;
	shape->count = t->count;
}

static bool is_char(const struct type *t)
{
	return t->kind == TYPE_INT && t->size == 1 && t->name && strcmp(t->name, "char") == 0;
}

static void add_aggregation(struct shape *shape, const struct type *t)
{
	static const enum shape_agg aggs[BI_COUNT] = {
		[BI_avg] = AGG_AVG,     [BI_count] = AGG_COUNT, [BI_hist] = AGG_HIST,
		[BI_lhist] = AGG_LHIST, [BI_max] = AGG_MAX,     [BI_min] = AGG_MIN,
		[BI_stats] = AGG_STATS, [BI_sum] = AGG_SUM,     [BI_tseries] = AGG_TSERIES,
	};

	shape->agg = aggs[t->agg];
	shape->size = agg_value_size(t);
	for (uint32_t i = 0; i < 4; i++)
		shape->args[i] = t->agg_wide[i];
}

static void fill(struct shaping *s, struct shape *shape, const struct type *t)
{
	switch (t->kind) {
	case TYPE_STRUCT:
	case TYPE_TUPLE:
	case TYPE_RECORD:
	case TYPE_ARGS: add_members(s, shape, t); break;
	case TYPE_ENUM: add_names(s, shape, t); break;
	case TYPE_ARRAY:
		shape->count = t->count;
		shape->elem = make(s, t->elem);
		shape->is_char_array = is_char(t->elem);
		break;
	case TYPE_KSTACK:
	case TYPE_USTACK:
		shape->mode = t->mode;
		shape->limit = t->limit;
		shape->map = s->lower ? stack_map(s->lower, t) : 0;
		break;
	case TYPE_AGG: add_aggregation(shape, t); break;
	default: break;
	}
}

static const struct shape *make(struct shaping *s, const struct type *t)
{
	struct shape *shape = arena_new(s->arena, struct shape);

	if (s->depth > SHAPE_DEPTH_MAX)
		return shape;
	s->depth++;
	shape->kind = kinds[t->kind];
	shape->size = t->size;
	shape->is_signed = t->is_signed;
	shape->is_union = t->is_union;
	shape->type_name = t->name;
	shape->format = t->format;
	shape->mode = t->mode;
	fill(s, shape, t);
	s->depth--;
	return shape;
}

const struct shape *lower_shape(struct arena *a, const struct type *t)
{
	struct shaping s = { .arena = a };

	return make(&s, t);
}

const struct shape *shape_of(struct lower *lo, const struct type *t)
{
	struct shaping s = { .arena = lo->arena, .lower = lo };

	return make(&s, t);
}
