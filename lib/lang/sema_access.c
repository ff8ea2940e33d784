/*
 * Rules of members and elements.
 *
 * Where the bytes of the result are follows from the object: a member of what a kernel pointer
 * points to is in the kernel, a pointer found there points into the kernel too.  Members of
 * trusted pointers are trusted where the verifier knows their type.
 */
#include <string.h>

#include "lang/sema.h"
#include "util/str.h"

/* The pointer @t as found in an object whose pointers point into @as. */
static const struct type *pointer_in(struct sema *s, const struct type *t, enum addr_space as)
{
	if (t->as == AS_USER)
		as = AS_USER; // tagged in the type itself
	else if (as == AS_NONE)
		as = t->as;
	else if (as == AS_BTF && (t->elem->kind != TYPE_STRUCT || !t->elem->btf_id))
		as = AS_KERNEL;
	return sema_in(s, t, as);
}

/*
 * Arrays of char are strings (type.h: their elements are named "char").  Those of the script's own
 * structs get room for the NUL that may be missing.
 */
static const struct type *string_of(struct sema *s, const struct type *t, uint32_t room)
{
	const struct type *elem;

	if (t->kind != TYPE_ARRAY)
		return t;
	if (t->elem->kind == TYPE_INT && t->elem->size == 1 && t->elem->name &&
	    strcmp(t->elem->name, "char") == 0)
		return type_string(s->arena, t->count + room);
	elem = string_of(s, t->elem, 0);
	return elem == t->elem ? t : type_array(s->arena, elem, t->count);
}

/*
 * The type of a member or element @t of an object whose bytes are in @bytes and whose pointers
 * point into @inner.
 */
static const struct type *part_of(struct sema *s, const struct type *t, enum addr_space bytes,
				  enum addr_space inner)
{
	struct type *copy;

	t = string_of(s, t, 0);
	switch (t->kind) {
	case TYPE_POINTER: return pointer_in(s, t, inner);
	case TYPE_INT:
	case TYPE_ENUM: return sema_in(s, t, inner == AS_BTF ? AS_KERNEL : inner);
	case TYPE_STRUCT:
		sema_complete(s, t);
		/* fallthrough */
	case TYPE_ARRAY:
	case TYPE_STRING:
		copy = arena_memdup(s->arena, t, sizeof(*t));
		copy->as = bytes;
		copy->inner_as = inner;
		return copy;
	default: return t;
	}
}

static bool is_index(const char *name)
{
	return name[0] >= '0' && name[0] <= '9';
}

static const struct type *tuple_item(struct sema *s, struct ast *node, const struct type *t,
				     uint64_t index)
{
	if (index >= t->count) {
		diag_error(s->diags, node->span,
			   "Invalid tuple index: %llu. Found %u elements in tuple.",
			   (unsigned long long)index, t->count);
		return type_error();
	}
	return t->members[index].type;
}

static const struct type *tuple_field(struct sema *s, struct ast *node, const struct type *t)
{
	uint64_t index = 0;
	const struct type *item;

	if (t->kind != TYPE_TUPLE) {
		diag_error(s->diags, node->span,
			   "Can not access index '%s' on expression of type '%s'", node->field.name,
			   type_name(s->arena, t));
		return type_error();
	}
	if (parse_u64(&index, node->field.name, 10) < 0)
		index = UINT64_MAX;
	item = tuple_item(s, node, t, index);
	if (item->kind != TYPE_ERROR)
		node->field.member = t->members[index];
	return item;
}

const char *sema_object_name(struct sema *s, const struct type *t)
{
	if (t->kind == TYPE_ARGS && s->probe->attach_points.len)
		return arena_printf(s->arena, "struct %s_args",
				    s->probe->attach_points.data[0]->name);
	return type_name(s->arena, t);
}

static void hint_member(struct sema *s, const struct type *t, const char *name)
{
	struct str_nearest nearest;

	str_nearest_init(&nearest, name);
	for (uint32_t i = 0; i < t->count; i++) {
		if (t->members[i].name && t->members[i].name[0] && t->members[i].name[0] != '$')
			str_nearest_try(&nearest, t->members[i].name);
	}
	if (nearest.best)
		diag_hint(s->diags, "did you mean '%s'?", nearest.best);
}

static void report_member(struct sema *s, const struct ast *node, const struct type *t)
{
	const char *name = node->field.name;

	if (t->kind == TYPE_RECORD)
		diag_error(s->diags, node->span, "Record does not contain a field named '%s'",
			   name);
	else if (t->kind == TYPE_ARGS && s->probe->kind != PROBE_tracepoint)
		diag_error(s->diags, node->span, "Can't find function parameter %s", name);
	else if (t->kind == TYPE_STRUCT && !t->is_complete)
		diag_error(s->diags, node->span, "Unknown struct/union: '%s'",
			   sema_object_name(s, t));
	else
		diag_error(s->diags, node->span,
			   "Struct/union of type '%s' does not contain a field named '%s'",
			   sema_object_name(s, t), name);
	hint_member(s, t, name);
}

/* What the object of a field is at the end of its pointers, and where it is. */
static const struct type *follow(struct sema *s, struct ast *node, const struct type *t,
				 enum addr_space *bytes)
{
	*bytes = t->as;
	while (t->kind == TYPE_POINTER) {
		bool is_last = t->elem->kind != TYPE_POINTER;

		*bytes = t->as;
		t = t->elem;
		if (!is_last && *bytes == AS_BTF)
			*bytes = AS_KERNEL;
		if (!is_last)
			t = sema_in(s, t, t->as == AS_NONE ? *bytes : t->as);
		if (!is_last && s->is_final) {
			struct ast *deref = ast_new(s->arena, AST_UNARY, node->field.object->span);

			deref->unary.op = OPR_DEREF;
			deref->unary.operand = node->field.object;
			deref->type = t;
			node->field.object = deref;
		}
	}
	return t;
}

/* Where the pointers in the arguments of the probe point to. */
static enum addr_space args_space(const struct sema *s)
{
	const struct probe *p = s->probe;

	switch (p->kind) {
	case PROBE_fentry:
	case PROBE_fexit:
	case PROBE_rawtracepoint: return AS_BTF;
	case PROBE_tracepoint:
		if (p->attach_points.len && p->attach_points.data[0]->module &&
		    strcmp(p->attach_points.data[0]->module, "syscalls") == 0)
			return AS_USER;
		return AS_KERNEL;
	case PROBE_uprobe: return AS_USER;
	default: return AS_KERNEL;
	}
}

/* `args` as a value: the arguments as a record in our memory. */
const struct type *sema_args_record(struct sema *s, const struct type *args)
{
	const struct type **types = arena_array(s->arena, const struct type *, args->count);
	const char **names = arena_array(s->arena, const char *, args->count);
	uint32_t count = 0;

	for (uint32_t i = 0; i < args->count; i++) {
		const struct type_member *m = &args->members[i];

		if (!m->name || !m->name[0] || m->name[0] == '$')
			continue;
		names[count] = m->name;
		types[count++] = sema_stored(s, part_of(s, m->type, AS_CTX, args_space(s)));
	}
	return type_tuple(s->arena, types, names, count);
}

static const struct type *member_type(struct sema *s, struct ast *node, const struct type *object,
				      enum addr_space bytes)
{
	const struct type_member *m = &node->field.member;
	const struct type *t = m->type;

	if (object->kind == TYPE_RECORD)
		return t;
	if (object->kind == TYPE_STRUCT && !object->origin && !object->btf_id)
		t = string_of(s, t, 1);
	if (object->kind == TYPE_ARGS) {
		if (m->is_data_loc || m->is_rel_loc)
			return sema_int(s, 8, true, AS_KERNEL); // the address of the data
		/* What a function gets by value is put together in our memory. */
		return part_of(s, t, s->probe->kind == PROBE_uprobe ? AS_BPF : AS_CTX,
			       args_space(s));
	}
	if (bytes == AS_BPF || bytes == AS_CTX)
		return part_of(s, t, bytes,
			       object->inner_as != AS_NONE ? object->inner_as
			       : bytes == AS_CTX           ? AS_KERNEL
							   : sema_probe_space(s->probe->kind));
	return part_of(s, t, bytes, bytes);
}

const struct type *sema_target(struct sema *s, const struct type *pointer)
{
	enum addr_space as = pointer->as;

	if (pointer->elem->kind == TYPE_VOID)
		return pointer->elem;
	if (as == AS_BTF && pointer->elem->kind != TYPE_STRUCT)
		as = AS_KERNEL;
	return part_of(s, pointer->elem, as, as);
}

const struct type *sema_field(struct sema *s, struct ast *node)
{
	bool uses_args_whole = s->probe->uses_args_whole;
	const struct type *t = sema_expr(s, node->field.object);
	enum addr_space bytes;

	if (!sema_is_known(t))
		return t;
	if (t->kind == TYPE_ARGS)
		s->probe->uses_args_whole = uses_args_whole;
	if (is_index(node->field.name))
		return tuple_field(s, node, t);
	t = follow(s, node, t, &bytes);
	if (t->kind != TYPE_STRUCT && t->kind != TYPE_RECORD && t->kind != TYPE_ARGS) {
		diag_error(s->diags, node->span,
			   "Can not access field '%s' on expression of type '%s'", node->field.name,
			   type_name(s->arena, t));
		return type_error();
	}
	if (node->field.name[0] == '$' ||
	    !sema_find_member(s, t, node->field.name, &node->field.member)) {
		report_member(s, node, t);
		return type_error();
	}
	if (s->is_final && t->kind == TYPE_ARGS && s->probe->kind == PROBE_tracepoint &&
	    node->field.member.offset < 8) {
		diag_error(s->diags, node->span,
			   "BPF does not support accessing common tracepoint fields");
		return type_error();
	}
	return member_type(s, node, t, bytes);
}

static const struct type *element_type(struct sema *s, struct ast *node, const struct type *t)
{
	const struct ast *index = node->index.index;
	const struct type *elem = t->elem;
	enum addr_space inner;

	switch (t->kind) {
	case TYPE_STRING: return sema_int(s, 1, true, t->as);
	case TYPE_ARRAY:
		inner = sema_inner_space(s, t);
		/* The verifier does not follow pointers out of arrays. */
		if (inner == AS_BTF && elem->kind == TYPE_POINTER)
			inner = AS_KERNEL;
		return part_of(s, elem, t->as, inner);
	case TYPE_POINTER: return sema_target(s, sema_loose(s, t));
	case TYPE_TUPLE:
		if (index->kind == AST_INT && !index->integer.is_negative)
			return tuple_item(s, node, t, index->integer.value);
		diag_error(s->diags, node->span,
			   "Array-style access for tuples only valid for integer literals");
		return type_error();
	default:
		/* It may be in a branch that a comptime condition drops. */
		if (!s->is_final)
			return type_none();
		diag_error(s->diags, node->span,
			   "The array index operator [] can only be used on arrays, pointers, and "
			   "tuples, found %s.",
			   type_name(s->arena, t));
		return type_error();
	}
}

static void check_index(struct sema *s, const struct ast *node, const struct type *t)
{
	const struct ast *index = node->index.index;
	uint64_t count = t->kind == TYPE_ARRAY ? t->count : t->kind == TYPE_STRING ? t->size : 0;

	if (t->kind == TYPE_POINTER && t->elem->size == 0)
		diag_error(s->diags, node->span,
			   "The array index operator [] cannot be used on a pointer to an unsized "
			   "type (void *).");
	if (index->kind == AST_INT && index->integer.is_literal && !index->integer.is_negative) {
		if (count && index->integer.value >= count)
			diag_error(s->diags, node->span,
				   "the index %llu is out of bounds for array of size %llu",
				   (unsigned long long)index->integer.value,
				   (unsigned long long)count);
	} else if (!sema_is_integer(index->type) ||
		   (index->type->is_signed && !index->type->is_const)) {
		diag_error(s->diags, node->span,
			   "The array index operator [] only accepts non-negative integer indices. "
			   "Got: %s",
			   type_name(s->arena, index->type));
	}
}

/* t[1] of a tuple is t.1 from here on. */
static void make_field(struct sema *s, struct ast *node, const struct type *t)
{
	struct ast field = { .kind = AST_FIELD };

	field.field.object = node->index.object;
	field.field.name = arena_printf(s->arena, "%llu",
					(unsigned long long)node->index.index->integer.value);
	field.field.name_span = node->index.index->span;
	field.field.member = t->members[node->index.index->integer.value];
	sema_replace(node, &field);
}

const struct type *sema_index(struct sema *s, struct ast *node)
{
	const struct type *t = sema_expr(s, node->index.object);
	const struct type *index = sema_expr(s, node->index.index);
	const struct type *elem;

	if (!sema_is_known(t))
		return t;
	elem = element_type(s, node, t);
	if (!s->is_final || !sema_is_known(elem))
		return elem;
	if (t->kind == TYPE_TUPLE)
		make_field(s, node, t);
	else if (sema_is_known(index))
		check_index(s, node, t);
	return elem;
}
