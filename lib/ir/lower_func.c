/*
 * Lowering: built-in functions that give a value.
 */
#include "ir/lower_impl.h"

#include <string.h>

static const struct ast *arg(const struct ast *e, size_t i)
{
	return e->call.args.data[i];
}

/* The lesser of a length that the script gives and @max, for the verifier to see. */
static struct ir_insn *bounded_length(struct lower *lo, const struct ast *e, uint32_t max)
{
	struct ir_insn *length, *limit;

	if (e->kind == AST_INT)
		return emit_const(lo, e->integer.value < max ? (int64_t)e->integer.value : max);
	length = lower_scalar(lo, e);
	limit = emit_const(lo, max);
	return emit_select(lo, emit_cmp(lo, COND_ULE, length, limit), length, limit);
}

/* Where the argument of str(), buf() and the like points to, or is. */
static struct place source(struct lower *lo, const struct ast *e)
{
	const struct type *t = e->type;

	if (type_is_scalar(t))
		return place_ptr(lower_scalar(lo, e), 0, resolve_space(lo, t->as));
	return lower_place(lo, e);
}

/* ---- bytes and strings ----------------------------------------------------------------------- */

struct ir_insn *lower_str(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct place src = source(lo, arg(e, 0));
	uint32_t capacity = e->type->size;
	struct ir_insn *size;

	if (e->call.args.len < 2) {
		read_padded(lo, dst, capacity, &src);
		return NULL;
	}
	if (dst->is_padded)
		place_zero(lo, dst, 0, capacity);
	size = bounded_length(lo, arg(e, 1), capacity);
	/* A length of 0 reads nothing. */
	if (!dst->is_padded && (!ir_is_const(size) || !size->imm))
		place_store(lo, dst, 0, 1, emit_const(lo, 0));
	read_string(lo, dst, size, &src);
	return NULL;
}

static void read_dynamic(struct lower *lo, const struct place *dst, const struct place *src,
			 struct ir_insn *size)
{
	enum addr_space as = resolve_space(lo, src->as);
	uint32_t helper = as == AS_USER ? BPF_FUNC_probe_read_user : BPF_FUNC_probe_read_kernel;
	struct ir_insn *to = place_address(lo, dst);
	struct ir_insn *ret =
		emit_call(lo, helper, 3, (struct ir_insn *[]){ to, size, place_address(lo, src) });

	check_helper(lo, helper, ret, lo->span);
}

struct ir_insn *lower_buf(struct lower *lo, const struct ast *e, const struct place *dst)
{
	uint32_t capacity = e->type->size - 4;
	struct place src = source(lo, arg(e, 0)), data = place_at(*dst, 4);
	struct ir_insn *size = bounded_length(lo, arg(e, 1), capacity);

	if (dst->is_padded)
		place_zero(lo, dst, 4, capacity);
	place_store(lo, dst, 0, 4, size);
	read_dynamic(lo, &data, &src, size);
	return NULL;
}

struct ir_insn *lower_macaddr(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct place src = source(lo, arg(e, 0));

	copy_value(lo, dst, &src, e->type);
	return NULL;
}

/* struct { u32 family; u8 address[16]; } */
struct ir_insn *lower_ntop(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct ast *address = arg(e, e->call.args.len - 1);
	uint32_t size = type_is_scalar(address->type) ? 4 : address->type->size;
	struct place to = place_at(*dst, 4), from;
	struct ir_insn *family;

	if (size > 16)
		size = 16;
	if (e->call.args.len > 1)
		family = lower_scalar(lo, arg(e, 0));
	else
		family = emit_const(lo, size == 16 ? 10 : 2); // AF_INET6, AF_INET
	place_store(lo, dst, 0, 4, family);
	if (size < 16)
		place_zero(lo, &to, size, 16 - size);
	if (type_is_scalar(address->type)) {
		place_store(lo, &to, 0, 4, lower_scalar(lo, address));
		return NULL;
	}
	from = lower_place(lo, address);
	if (from.as == AS_BPF || from.as == AS_CTX)
		place_copy(lo, &to, &from, size);
	else
		read_bytes(lo, &to, &from, size);
	return NULL;
}

struct ir_insn *lower_bswap(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct type *t = arg(e, 0)->type;
	struct ir_insn *value = lower_scalar(lo, arg(e, 0));

	(void)dst;
	if (t->size > 1)
		value = emit_bswap(lo, value, t->size);
	return emit_extend(lo, value, e->type->size, e->type->is_signed);
}

/* ---- numbers that the runner gives a name ---------------------------------------------------- */

struct ir_insn *lower_ksym(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return lower_scalar(lo, arg(e, 0));
}

struct ir_insn *lower_cgroup_path(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return lower_scalar(lo, arg(e, 0));
}

struct ir_insn *lower_strftime(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return lower_scalar(lo, arg(e, 1));
}

/* ---- maps ------------------------------------------------------------------------------------ */

struct ir_insn *lower_delete(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return map_delete(lo, arg(e, 0), e->call.args.len > 1 ? arg(e, 1) : NULL);
}

struct ir_insn *lower_has_key(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return map_has_key(lo, arg(e, 0), arg(e, 1));
}

struct ir_insn *lower_find(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct map_info *m = map_info(lo, arg(e, 0)->map.map);
	const struct variable *v = arg(e, 2)->var.var;
	struct place key = map_key(lo, m, arg(e, 1)), value, to;
	struct ir_insn *found = map_lookup(lo, m, &key), *one;
	struct fork f = fork_begin(lo);

	(void)dst;
	emit_branch_imm(lo, COND_NE, found, 0, f.yes, f.no);
	block_enter(lo, f.yes);
	value = place_ptr(found, 0, AS_BPF);
	if (type_is_scalar(v->type)) {
		var_write(lo, v,
			  convert_scalar(lo, load_scalar(lo, &value, m->decl->value),
					 m->decl->value, v->type));
	} else {
		to = var_place(lo, v);
		to.is_padded = type_is_kept_padded(v->type);
		convert_copy(lo, &to, v->type, &value, m->decl->value);
	}
	one = emit_const(lo, 1);
	fork_else(lo, &f);
	return fork_or_zero(lo, &f, one);
}

struct ir_insn *lower_len(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct ast *what = arg(e, 0);

	(void)dst;
	if (what->kind == AST_MAP && what->map.map)
		return map_length(lo, map_info(lo, what->map.map), e->span);
	return stack_length(lo, what->type);
}

/* ---- pointers that the verifier must know ---------------------------------------------------- */

/*
 * Call @helper with the address of a kernel object that the verifier knows the type of, and the
 * @count other arguments; @otherwise where the object is NULL.
 */
static struct ir_insn *call_typed(struct lower *lo, uint32_t helper, const struct place *object,
				  struct ir_insn *const *others, uint32_t count)
{
	struct ir_insn *args[5] = { 0 }, *ret;
	struct fork f = fork_begin(lo);

	emit_branch_imm(lo, COND_NE, object->base, 0, f.yes, f.no);
	block_enter(lo, f.yes);
	args[0] = place_address(lo, object);
	for (uint32_t i = 0; i < count; i++)
		args[i + 1] = others[i];
	ret = emit_call(lo, helper, count + 1, args);
	fork_else(lo, &f);
	return fork_or_zero(lo, &f, ret);
}

/* The object behind a pointer, or behind the address of a member. */
static struct place typed_object(struct lower *lo, const struct ast *e)
{
	struct place p;

	if (e->kind == AST_CAST && !type_is_scalar(e->cast.operand->type))
		return lower_place(lo, e->cast.operand);
	p = place_ptr(lower_scalar(lo, e), 0, AS_BTF);
	return p;
}

struct ir_insn *lower_path(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct place object = typed_object(lo, arg(e, 0));
	struct ir_insn *others[2];

	if (dst->is_padded)
		place_zero(lo, dst, 0, e->type->size);
	else
		place_store(lo, dst, 0, 1, emit_const(lo, 0));
	others[0] = place_address(lo, dst);
	others[1] = emit_const(lo, e->type->size);
	check_helper(lo, BPF_FUNC_d_path, call_typed(lo, BPF_FUNC_d_path, &object, others, 2),
		     e->span);
	return NULL;
}

struct ir_insn *lower_socket_cookie(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct place object = typed_object(lo, arg(e, 0));

	(void)dst;
	return call_typed(lo, BPF_FUNC_get_socket_cookie, &object, NULL, 0);
}

/* ---- names of numbers ------------------------------------------------------------------------ */

/* args[0] as an index into @t, copied to @dst; what is out of range has the last entry. */
static void name_into(struct lower *lo, const struct ast *e, const struct name_table *t,
		      const struct place *dst)
{
	struct ir_block *known = block_new(lo), *copy = block_new(lo);
	uint32_t size = e->type->size, index = ssa_var_new(lo);
	struct place table = name_table_place(lo, t, size), entry;
	struct ir_insn *number = lower_scalar(lo, arg(e, 0)), *base;

	if (t->is_absolute) {
		struct ir_insn *zero = emit_const(lo, 0);
		struct ir_insn *is_negative = emit_cmp(lo, COND_SLT, number, zero);

		number = emit_select(lo, is_negative, emit_op(lo, OP_NEG, number, NULL), number);
	}
	ssa_write(lo, index, emit_const(lo, t->count));
	emit_branch_imm(lo, COND_ULT, number, t->count, known, copy);
	block_enter(lo, known);
	ssa_write(lo, index, number);
	emit_jump(lo, copy);
	block_enter(lo, copy);
	base = emit_op_imm(lo, OP_MUL, ssa_read(lo, index), size);
	base = emit_op(lo, OP_ADD, place_address(lo, &table), base);
	entry = place_ptr(base, 0, AS_BPF);
	place_copy(lo, dst, &entry, size);
}

struct ir_insn *lower_strerror(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct name_table t = names_of_errors();

	name_into(lo, e, &t, dst);
	return NULL;
}

struct ir_insn *lower_signal_name(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct name_table t = names_of_signals();

	name_into(lo, e, &t, dst);
	return NULL;
}

struct ir_insn *lower_syscall_name(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct name_table t = names_of_syscalls(lo);

	name_into(lo, e, &t, dst);
	return NULL;
}

/* ---- what changes the world ------------------------------------------------------------------ */

static struct ir_insn *send_signal(struct lower *lo, const struct ast *e, uint32_t helper)
{
	const char *name = helper == BPF_FUNC_send_signal ? "signal" : "signal_thread";
	struct ir_block *valid = block_new(lo), *invalid = block_new(lo), *failed = block_new(lo);
	struct ir_block *done = block_new(lo);
	struct ir_insn *number = lower_scalar(lo, arg(e, 0)), *ret;

	invalid->is_cold = failed->is_cold = true;
	emit_branch_imm(lo, COND_ULT, emit_add_imm(lo, number, -1), 64, valid, invalid);
	block_enter(lo, invalid);
	emit_message(lo, LEVEL_ERROR,
		     arena_printf(lo->arena,
				  "%s() expects an integer between 1 and 64 (inclusive). Got ",
				  name),
		     number, e->span);
	emit_jump(lo, done);
	block_enter(lo, valid);
	ret = emit_call(lo, helper, 1, &number);
	ret = emit_extend(lo, ret, 4, true);
	emit_branch_imm(lo, COND_NE, ret, 0, failed, done);
	block_enter(lo, failed);
	emit_message(lo, LEVEL_WARNING, "signal call failed with error ", ret, e->span);
	emit_jump(lo, done);
	block_enter(lo, done);
	return NULL;
}

struct ir_insn *lower_signal(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return send_signal(lo, e, BPF_FUNC_send_signal);
}

struct ir_insn *lower_signal_thread(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return send_signal(lo, e, BPF_FUNC_send_signal_thread);
}

struct ir_insn *lower_write_user(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct ast *from = arg(e, 1);
	struct ir_insn *to = lower_scalar(lo, arg(e, 0)), *src, *ret, *size;
	uint32_t room = (uint32_t)lo->o->config->max_strlen;
	struct place p;

	(void)dst;
	if (type_is_scalar(from->type)) {
		src = lower_scalar(lo, from);
		if (from->type->kind == TYPE_POINTER && from->type->elem->size)
			room = from->type->elem->size;
	} else {
		p = lower_place_ours(lo, from);
		src = place_address(lo, &p);
		room = from->type->size;
	}
	size = bounded_length(lo, arg(e, 2), room);
	ret = EMIT_CALL(lo, probe_write_user, to, src, size);
	return emit_cmp(lo, COND_EQ, emit_extend(lo, ret, 4, true), emit_const(lo, 0));
}
