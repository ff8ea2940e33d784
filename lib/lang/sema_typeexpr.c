/*
 * Types as they are written: looked up among the language's, the script's C types, the kernel's.
 */
#include <string.h>

#include "lang/cdecl.h"
#include "lang/sema.h"
#include "util/str.h"

struct named_type {
	const char *name;
	enum type_kind kind;
	uint32_t size;
	bool is_signed;
	uint32_t agg;
};

static const struct named_type named_types[] = {
	{ "avg_t", TYPE_AGG, 8, true, BI_avg },
	{ "bool", TYPE_BOOL, 1, false, 0 },
	{ "buffer", TYPE_BUFFER, 0, false, 0 },
	{ "cgroup_path_t", TYPE_CGROUP_PATH, 8, false, 0 },
	{ "count_t", TYPE_AGG, 8, false, BI_count },
	{ "inet", TYPE_INET, 20, false, 0 },
	{ "int16", TYPE_INT, 2, true, 0 },
	{ "int32", TYPE_INT, 4, true, 0 },
	{ "int64", TYPE_INT, 8, true, 0 },
	{ "int8", TYPE_INT, 1, true, 0 },
	{ "ksym_t", TYPE_KSYM, 8, false, 0 },
	{ "macaddr_t", TYPE_MACADDR, 6, false, 0 },
	{ "max_t", TYPE_AGG, 8, true, BI_max },
	{ "min_t", TYPE_AGG, 8, true, BI_min },
	{ "stats_t", TYPE_AGG, 8, true, BI_stats },
	{ "string", TYPE_STRING, 0, false, 0 },
	{ "sum_t", TYPE_AGG, 8, true, BI_sum },
	{ "timestamp", TYPE_TIMESTAMP, 8, false, 0 },
	{ "uavg_t", TYPE_AGG, 8, false, BI_avg },
	{ "uint16", TYPE_INT, 2, false, 0 },
	{ "uint32", TYPE_INT, 4, false, 0 },
	{ "uint64", TYPE_INT, 8, false, 0 },
	{ "uint8", TYPE_INT, 1, false, 0 },
	{ "umax_t", TYPE_AGG, 8, false, BI_max },
	{ "umin_t", TYPE_AGG, 8, false, BI_min },
	{ "username_t", TYPE_USERNAME, 8, false, 0 },
	{ "ustats_t", TYPE_AGG, 8, false, BI_stats },
	{ "usum_t", TYPE_AGG, 8, false, BI_sum },
	{ "usym_t", TYPE_USYM, 16, false, 0 },
	{ "void", TYPE_VOID, 0, false, 0 },
};

static const struct type *make_named(struct sema *s, const struct named_type *n)
{
	struct type *t;

	switch (n->kind) {
	case TYPE_INT: return type_int(n->size, n->is_signed);
	case TYPE_STRING: return sema_string(s, 0);
	case TYPE_BUFFER: return type_buffer(s->arena, 0);
	case TYPE_AGG:
		t = arena_new(s->arena, struct type);
		t->kind = TYPE_AGG;
		t->size = n->size;
		t->is_signed = n->is_signed;
		t->agg = n->agg;
		return t;
	default: return type_fixed(n->kind);
	}
}

static enum type_tag tag_of(const char *tag)
{
	if (!tag)
		return TAG_TYPEDEF;
	if (strcmp(tag, "struct") == 0)
		return TAG_STRUCT;
	return strcmp(tag, "union") == 0 ? TAG_UNION : TAG_ENUM;
}

const struct type *sema_find_tag(struct sema *s, const char *tag, const char *name)
{
	enum type_tag kind = tag_of(tag);
	const struct type *t = c_scope_find_type(s->program->c_scope, kind, name);
	const struct attach_point *ap =
		s->probe->attach_points.len ? s->probe->attach_points.data[0] : NULL;

	if (!t && ap && ap->path && s->target && s->target->user_type)
		t = s->target->user_type(s->target->ctx, ap->path, kind, name);
	if (!t && s->target && s->target->find_type)
		t = s->target->find_type(s->target->ctx, kind, name);
	return t;
}

/* "unsigned long", "char": C's own integers, or NULL. */
static const struct type *c_integer(const char *name)
{
	static const struct {
		const char *word;
		uint32_t size;
	} words[] = { { "char", 1 },  { "int", 4 },    { "long", 8 },
		      { "short", 2 }, { "signed", 0 }, { "unsigned", 0 } };
	bool is_signed = true, is_short = false;
	uint32_t size = 4;

	while (*name) {
		size_t len = strcspn(name, " ");
		size_t i = 0;

		while (i < 6 &&
		       (strlen(words[i].word) != len || memcmp(words[i].word, name, len) != 0))
			i++;
		if (i == 6)
			return NULL;
		if (words[i].size && !(words[i].size == 4 && (size == 8 || is_short)))
			size = words[i].size;
		is_short |= words[i].size == 2;
		is_signed &= words[i].word[0] != 'u';
		name += len;
		name += strspn(name, " ");
	}
	return type_int(size, is_signed);
}

/* A name alone may be a struct's, as in C++. */
static const struct type *find_untagged(struct sema *s, const char *name)
{
	static const char *const tags[] = { "struct", "union", "enum" };
	const struct type *found = sema_find_tag(s, NULL, name);

	if (!found)
		found = c_integer(name);
	for (size_t i = 0; !found && i < sizeof(tags) / sizeof(tags[0]); i++)
		found = sema_find_tag(s, tags[i], name);
	return found;
}

static const struct type *find_base(struct sema *s, const struct type_expr *t)
{
	const struct type *found;

	if (!t->tag) {
		for (size_t i = 0; i < sizeof(named_types) / sizeof(named_types[0]); i++) {
			if (strcmp(named_types[i].name, t->name) == 0)
				return make_named(s, &named_types[i]);
		}
	}
	found = t->tag ? sema_find_tag(s, t->tag, t->name) : find_untagged(s, t->name);
	if (found && found->kind == TYPE_ENUM && t->tag && found->size != 8) {
		/* A cast to an enum makes a value as wide as any integer. */
		struct type *wide = arena_memdup(s->arena, found, sizeof(*found));

		wide->size = 8;
		wide->is_signed = false;
		found = wide;
	}
	return found;
}

static const struct type *base_type(struct sema *s, struct type_expr *t)
{
	const struct type *found;

	if (t->type_of_type)
		return sema_resolve_type(s, t->type_of_type);
	if (t->type_of) {
		s->introspection++;
		found = sema_type_of(s, t->type_of);
		s->introspection--;
		return found;
	}
	found = find_base(s, t);
	if (found)
		return found;
	if (t->tag && strcmp(t->tag, "enum") == 0)
		diag_error(s->diags, t->span, "Unknown enum: %s", t->name);
	else
		diag_error(s->diags, t->span, "Cannot resolve unknown type \"%s%s%s\"",
			   t->tag ? t->tag : "", t->tag ? " " : "", t->name);
	return type_error();
}

static bool array_count(struct sema *s, const struct type_modifier *m, uint32_t *count)
{
	*count = 0;
	if (!m->has_count)
		return true;
	if (m->count->kind != AST_INT || m->count->integer.is_negative ||
	    m->count->integer.value > INT32_MAX) {
		diag_error(s->diags, m->count->span, "array size must be a positive constant");
		return false;
	}
	*count = (uint32_t)m->count->integer.value;
	return true;
}

const struct type *sema_resolve_type(struct sema *s, struct type_expr *t)
{
	const struct type *type = base_type(s, t);
	uint32_t count;

	vec_foreach (&t->modifiers, m) {
		if (!sema_is_known(type))
			return type;
		if (m->is_pointer) {
			type = type_pointer(s->arena, type, AS_NONE);
			continue;
		}
		if (!array_count(s, m, &count))
			return type_error();
		if (type->kind == TYPE_STRING && type->size == 0)
			type = sema_string(s, count);
		else if (type->kind == TYPE_BUFFER && type->size == 4)
			type = type_buffer(s->arena, count);
		else if (type->kind == TYPE_INET)
			continue;
		else
			type = type_array(s->arena, type, count);
	}
	return type;
}

void sema_complete(struct sema *s, const struct type *t)
{
	/* The one change to a type after it was made; see type.h. */
	if (t->kind == TYPE_STRUCT && !t->is_complete && s->target && s->target->complete_type)
		s->target->complete_type(s->target->ctx, (struct type *)(uintptr_t)t);
}

static void complete_anonymous(struct sema *s, const struct type *t, uint32_t depth)
{
	sema_complete(s, t);
	if (depth > 16)
		return;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct type_member *m = &t->members[i];

		if (m->name && !m->name[0] && m->type->kind == TYPE_STRUCT)
			complete_anonymous(s, m->type, depth + 1);
	}
}

bool sema_find_member(struct sema *s, const struct type *t, const char *name,
		      struct type_member *out)
{
	if (t->kind == TYPE_STRUCT)
		complete_anonymous(s, t, 0);
	return type_find_member(t, name, out);
}
