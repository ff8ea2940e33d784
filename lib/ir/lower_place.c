/*
 * Lowering: addresses of values in memory, and loads.
 *
 * Nothing is read before a leaf is asked for: args.sk.__sk_common.skc_dport is one address and one
 * load.  How a load is emitted follows from the address space.  A kernel pointer that the verifier
 * knows the type of (an argument of a BTF-typed program, and what is loaded through one) is
 * followed directly; the verifier makes such loads safe, but wants to see that NULL is not
 * followed.
 */
#include "ir/lower_impl.h"

#include <assert.h>
#include <string.h>

enum addr_space resolve_space(struct lower *lo, enum addr_space as)
{
	if (as != AS_NONE)
		return as;
	return probe_infos[lo->probe->kind].flags & PROBE_F_USER ? AS_USER : AS_KERNEL;
}

/* ---- typed kernel pointers ------------------------------------------------------------------- */

void mark_btf_pointer(struct lower *lo, struct ir_insn *insn, const struct type *t)
{
	if (lo->fn->parent || t->kind != TYPE_POINTER || t->as == AS_USER ||
	    t->elem->kind != TYPE_STRUCT)
		return;
	if (insn->id >= lo->btf_types.len) {
		while (lo->btf_types.len <= insn->id)
			vec_push(lo->arena, &lo->btf_types, NULL);
	}
	lo->btf_types.data[insn->id] = t->elem;
}

/* What the verifier knows that @p points into; NULL: nothing. */
static const struct type *btf_type(const struct lower *lo, const struct place *p)
{
	if (lo->fn->parent || p->kind != PLACE_PTR || p->base->id >= lo->btf_types.len)
		return NULL;
	return lo->btf_types.data[p->base->id];
}

/* A place that was reached from a pointer of type @t, so that the verifier knows it alike. */
static bool is_same_struct(const struct type *known, const struct type *t)
{
	return t->kind == TYPE_POINTER && t->elem->kind == TYPE_STRUCT &&
	       type_equal(known, t->elem);
}

/* Load through a pointer that the verifier knows; 0 if it is NULL. */
static struct ir_insn *load_typed(struct lower *lo, const struct place *p, const struct type *t)
{
	struct fork f = fork_begin(lo);
	struct ir_insn *value;

	emit_branch_imm(lo, COND_NE, p->base, 0, f.yes, f.no);
	block_enter(lo, f.yes);
	value = emit_load(lo, p->base, p->offset, t->size, t->is_signed);
	fork_else(lo, &f);
	value = fork_or_zero(lo, &f, value);
	mark_btf_pointer(lo, value, t);
	return value;
}

/* ---- reading --------------------------------------------------------------------------------- */

void read_bytes(struct lower *lo, const struct place *dst, const struct place *p, uint32_t size)
{
	enum addr_space as = resolve_space(lo, p->as);
	uint32_t helper = as == AS_USER ? BPF_FUNC_probe_read_user : BPF_FUNC_probe_read_kernel;
	struct ir_insn *to, *ret, *count;

	if (!size)
		return;
	to = place_address(lo, dst);
	count = emit_const(lo, size);
	ret = emit_call(lo, helper, 3, (struct ir_insn *[]){ to, count, place_address(lo, p) });
	check_helper(lo, helper, ret, lo->span);
}

struct ir_insn *read_string(struct lower *lo, const struct place *dst, struct ir_insn *size,
			    const struct place *src)
{
	enum addr_space as = resolve_space(lo, src->as);
	uint32_t helper =
		as == AS_USER ? BPF_FUNC_probe_read_user_str : BPF_FUNC_probe_read_kernel_str;
	struct ir_insn *to = place_address(lo, dst);
	struct ir_insn *ret =
		emit_call(lo, helper, 3, (struct ir_insn *[]){ to, size, place_address(lo, src) });

	check_helper(lo, helper, ret, lo->span);
	return ret;
}

/*
 * A string that is cut has no NUL: whoever prints it sees by that that it is not all.  The helper
 * puts one at the end of what it fills; the last character goes there afterwards.
 */
void read_until_full(struct lower *lo, const struct place *dst, uint32_t size,
		     const struct place *src)
{
	struct ir_insn *ret = read_string(lo, dst, emit_const(lo, size), src);
	struct ir_block *full = block_new(lo), *done = block_new(lo);
	struct place last = place_at(*dst, (int64_t)size - 1);
	struct place from = place_at(*src, (int64_t)size - 1);

	full->is_cold = true;
	emit_branch_imm(lo, COND_EQ, ret, size, full, done);
	block_enter(lo, full);
	read_bytes(lo, &last, &from, 1);
	emit_jump(lo, done);
	block_enter(lo, done);
}

/* Strings are short: clear and read again where one is not. */
static void read_short(struct lower *lo, const struct place *dst, uint32_t size,
		       const struct place *src)
{
	struct ir_block *is_long = block_new(lo), *done = block_new(lo);
	struct ir_insn *ret;

	place_zero(lo, dst, 0, dst->short_string);
	ret = read_string(lo, dst, emit_const(lo, size), src);
	is_long->is_cold = true;
	emit_branch_imm(lo, COND_SGT, ret, dst->short_string, is_long, done);
	block_enter(lo, is_long);
	place_zero(lo, dst, 0, size);
	read_until_full(lo, dst, size, src);
	emit_jump(lo, done);
	block_enter(lo, done);
}

void read_padded(struct lower *lo, const struct place *dst, uint32_t size, const struct place *src)
{
	if (dst->is_padded && dst->short_string) {
		read_short(lo, dst, size, src);
		return;
	}
	if (dst->is_padded)
		place_zero(lo, dst, 0, size);
	read_until_full(lo, dst, size, src);
}

struct ir_insn *load_scalar(struct lower *lo, const struct place *p, const struct type *t)
{
	enum addr_space as = resolve_space(lo, p->as);
	struct place temp;

	if (as == AS_CTX && iter_object(lo, p))
		return iter_object(lo, p);
	if (as == AS_BPF || as == AS_CTX)
		return place_load(lo, p, 0, t->size, t->is_signed);
	if (p->is_typed && as != AS_USER)
		return load_typed(lo, p, t);
	temp = place_slot(lo, t->size, t->size, "read");
	read_bytes(lo, &temp, p, t->size);
	return place_load(lo, &temp, 0, t->size, t->is_signed);
}

/* Bits of the unit @unit; not extended by their sign, as bpftrace has it. */
static struct ir_insn *extract_bits(struct lower *lo, struct ir_insn *unit,
				    const struct type_member *m)
{
	unit = emit_op_imm(lo, OP_LSHR, unit, m->bit_offset);
	if (m->bit_size >= 64)
		return unit;
	return emit_op_imm(lo, OP_AND, unit, (int64_t)((1ULL << m->bit_size) - 1));
}

/* The address of a __data_loc or __rel_loc field: its low half is an offset in the record. */
static struct ir_insn *data_location(struct lower *lo, const struct place *p,
				     const struct type_member *m)
{
	struct ir_insn *word = place_load(lo, p, 0, 4, false);
	struct ir_insn *offset = emit_op_imm(lo, OP_AND, word, 0xffff);

	if (m->is_rel_loc)
		offset = emit_add_imm(lo, offset, p->offset + 4);
	return emit_op(lo, OP_ADD, p->base, offset);
}

struct ir_insn *load_member(struct lower *lo, const struct place *object,
			    const struct type_member *m, const struct type *t)
{
	struct place p = place_at(*object, m->offset);
	struct ir_insn *unit;

	if (m->is_data_loc || m->is_rel_loc)
		return data_location(lo, &p, m);
	if (!m->bit_size)
		return load_scalar(lo, &p, t);
	p.is_typed = false;
	unit = load_scalar(lo, &p, type_int(t->size, false));
	return extract_bits(lo, unit, m);
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* What the pointer @e points to. */
static struct place pointee(struct lower *lo, const struct ast *e)
{
	const struct type *t = e->type;
	struct ir_insn *base = lower_scalar(lo, e);
	struct place p = place_ptr(base, 0, resolve_space(lo, t->as));
	const struct type *known = btf_type(lo, &p);

	p.is_typed = known && is_same_struct(known, t) && !lo->o->no_typed_loads;
	return p;
}

struct place lower_object(struct lower *lo, const struct ast *object)
{
	if (object->type->kind == TYPE_POINTER)
		return pointee(lo, object);
	if (object->type->kind == TYPE_ARGS)
		return args_place(lo);
	return lower_place(lo, object);
}

static struct place field_place(struct lower *lo, const struct ast *e)
{
	const struct type_member *m = &e->field.member;
	struct place p = lower_object(lo, e->field.object);

	if (m->is_data_loc || m->is_rel_loc) {
		struct place field = place_at(p, m->offset);

		return place_ptr(data_location(lo, &field, m), 0, AS_KERNEL);
	}
	return place_at(p, m->offset);
}

/* Members of tuples are numbered. */
static bool tuple_member(const struct ast *e, struct type_member *out)
{
	const struct type *t = e->index.object->type;

	if (t->kind != TYPE_TUPLE && t->kind != TYPE_RECORD)
		return false;
	assert(e->index.index->kind == AST_INT && e->index.index->integer.value < t->count);
	*out = t->members[e->index.index->integer.value];
	return true;
}

/* Report an index that is out of bounds, and continue with 0. */
static struct ir_insn *bound_index(struct lower *lo, struct ir_insn *index, uint32_t count,
				   struct span span)
{
	struct fork f = fork_begin(lo);

	f.no->is_cold = true;
	emit_branch_imm(lo, COND_ULT, index, count, f.yes, f.no);
	block_enter(lo, f.yes);
	fork_else(lo, &f);
	emit_runtime_error(lo, "Array access out of bounds. This can lead to unexpected results.",
			   span);
	return fork_or_zero(lo, &f, index);
}

/* @p + @index * @size, for an index that is only known when the program runs. */
static struct place dynamic_place(struct lower *lo, struct place p, struct ir_insn *index,
				  uint32_t size)
{
	struct ir_insn *base;

	if (size != 1)
		index = emit_op_imm(lo, OP_MUL, index, size);
	base = emit_op(lo, OP_ADD, place_address(lo, &p), index);
	/* The context may only be read at constant offsets. */
	return place_ptr(base, 0, p.as == AS_CTX || p.as == AS_BTF ? AS_KERNEL : p.as);
}

static struct place index_place(struct lower *lo, const struct ast *e)
{
	const struct ast *object = e->index.object, *index = e->index.index;
	uint32_t size = e->type->size, count = 0;
	struct type_member m;
	struct ir_insn *value;
	struct place p;

	if (tuple_member(e, &m))
		return place_at(lower_place(lo, object), m.offset);
	if (object->type->kind == TYPE_POINTER)
		size = object->type->elem->size ? object->type->elem->size : 1;
	else if (object->type->kind == TYPE_ARRAY)
		count = object->type->count;
	else if (object->type->kind == TYPE_STRING)
		count = object->type->size;
	p = lower_object(lo, object);
	if (object->type->kind == TYPE_POINTER && p.as == AS_BPF)
		p.as = AS_KERNEL; // as sema_loose() has it
	if (index->kind == AST_INT)
		return place_at(p, (int64_t)(index->integer.value * size));
	value = lower_scalar(lo, index);
	if (count)
		value = bound_index(lo, value, count, e->span);
	return dynamic_place(lo, p, value, size);
}

/* A value that is made in our memory because it isn't in any yet. */
static struct place made_place(struct lower *lo, const struct ast *e)
{
	struct place p = place_for(lo, e->type, NULL);

	lower_into(lo, e, &p);
	return p;
}

static struct place var_expr_place(struct lower *lo, const struct ast *e)
{
	const struct variable *v = e->var.var;
	struct var_state *s = var_state(lo, v);

	if (s->home == VAR_PAIR)
		return made_place(lo, e);
	if (var_is_reference(v))
		return place_ptr(var_read(lo, v), 0, v->type->as);
	if (type_is_scalar(v->type))
		return made_place(lo, e);
	return var_place(lo, v);
}

/* $kv.0 and $kv.1, in the map itself. */
static bool pair_place(struct lower *lo, const struct ast *e, struct place *out)
{
	const struct ast *object = e->kind == AST_FIELD ? e->field.object : NULL;
	struct var_state *s;
	bool is_key;

	if (!object || object->kind != AST_VAR)
		return false;
	s = var_state(lo, object->var.var);
	if (s->home != VAR_PAIR || s->func != lo->fn)
		return false;
	is_key = e->field.member.offset == 0;
	if (!is_key && s->number_value) {
		*out = place_slot(lo, 8, 8, "value");
		place_store(lo, out, 0, 8, s->number_value);
	} else {
		*out = place_ptr(is_key ? s->key : s->value, 0, AS_BPF);
	}
	return true;
}

static struct place literal_place(struct lower *lo, const struct ast *e)
{
	uint32_t size = e->type->size;
	char *bytes = arena_alloc(lo->arena, size + 1);
	uint32_t len = e->string.len < size ? e->string.len : size;

	memcpy(bytes, e->string.data, len);
	return rodata_bytes(lo, bytes, size, 8);
}

struct place lower_place(struct lower *lo, const struct ast *e)
{
	struct place p;

	switch (e->kind) {
	case AST_VAR: return var_expr_place(lo, e);
	case AST_MAP:
	case AST_MAP_ACCESS:
		return type_is_scalar(e->type) ? made_place(lo, e) : map_read_place(lo, e);
	case AST_FIELD:
		if (pair_place(lo, e, &p))
			return p;
		if (e->type->kind == TYPE_STRUCT && args_is_assembled(lo, e->field.object))
			return args_struct(lo, &e->field.member);
		if (e->field.member.bit_size || args_is_assembled(lo, e->field.object))
			return made_place(lo, e);
		return field_place(lo, e);
	case AST_INDEX: return index_place(lo, e);
	case AST_STRING: return literal_place(lo, e);
	case AST_UNARY:
		if (e->unary.op == OPR_DEREF)
			return lower_object(lo, e->unary.operand);
		return made_place(lo, e);
	case AST_CAST:
		if (e->type->kind == TYPE_STRUCT || e->type->kind == TYPE_ARRAY)
			return cast_place(lo, e);
		return made_place(lo, e);
	case AST_BUILTIN:
		if (e->type->kind == TYPE_ARGS)
			return args_place(lo);
		if (e->ident.builtin == BI_probe)
			return probe_name_place(lo, e->type);
		return made_place(lo, e);
	case AST_BLOCK:
		if (!e->block.value || type_is_scalar(e->type))
			return made_place(lo, e);
		lower_stmts(lo, &e->block.stmts);
		return lower_place(lo, e->block.value);
	default: return made_place(lo, e);
	}
}

/* (uint8[8])number, (uint32[4])other_array; structs are cast to themselves. */
struct place cast_place(struct lower *lo, const struct ast *e)
{
	const struct ast *operand = e->cast.operand;
	struct place p;

	if (!type_is_scalar(operand->type))
		return lower_place(lo, operand);
	p = place_slot(lo, e->type->size > 8 ? e->type->size : 8, 8, "cast");
	if (e->type->size > 8)
		place_zero(lo, &p, 8, e->type->size - 8);
	place_store(lo, &p, 0, 8, lower_scalar(lo, operand));
	return p;
}

struct place lower_place_ours(struct lower *lo, const struct ast *e)
{
	struct place p = lower_place(lo, e), copy;

	if (p.as == AS_BPF)
		return p;
	copy = place_for(lo, e->type, NULL);
	copy_value(lo, &copy, &p, e->type);
	return copy;
}
