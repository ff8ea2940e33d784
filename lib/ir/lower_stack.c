/*
 * Lowering: stack traces.
 *
 * bpf_get_stackid() loses stacks whose hashes collide, and keys of a whole kilobyte are slow.  So
 * each different stack is stored once, in a hash map of ours, by a number that is made of its
 * hash; that number is the value.
 *
 *     stack map:  u32 number -> | frame 0 | frame 1 | … | zeros | u64 hash |
 *
 * If another stack has the number already, which the full hash shows, the next one is tried.
 */
#include "ir/lower_impl.h"

#define NUMBER_MASK    0x7fffffff
#define HASH_FACTOR    0x9e3779b97f4a7c15
#define FRAMES_AT_ONCE 4

struct stack {
	const struct type *type;
	uint32_t map;
	uint32_t bytes;      // that frames may have
	struct place buffer; // frames, zeros, hash
	uint32_t hash_offset;
	bool is_user;
};

static struct ir_insn *get_stack(struct lower *lo, const struct stack *s)
{
	int64_t flags = 0;
	struct ir_insn *ctx = emit_ctx(lo), *to;

	if (s->is_user)
		flags = BPF_F_USER_STACK;
	if (s->is_user && s->type->mode == STACK_BUILD_ID)
		flags |= BPF_F_USER_BUILD_ID;
	to = place_address(lo, &s->buffer);
	return EMIT_CALL(lo, get_stack, ctx, to, emit_const(lo, s->bytes), emit_const(lo, flags));
}

static struct stack stack_begin(struct lower *lo, const struct type *t)
{
	struct stack s = { .type = t, .is_user = t->kind == TYPE_USTACK };
	uint32_t frame = s.is_user && t->mode == STACK_BUILD_ID ? 32 : 8, step = 8 * FRAMES_AT_ONCE;

	s.bytes = stack_limit(t) * frame;
	s.hash_offset = (s.bytes + step - 1) / step * step;
	s.buffer = place_slot(lo, s.hash_offset + 8, 8, "stack");
	return s;
}

static struct ir_insn *mix(struct lower *lo, struct ir_insn *hash, struct ir_insn *word)
{
	return emit_op_imm(lo, OP_MUL, emit_op(lo, OP_XOR, hash, word), (int64_t)HASH_FACTOR);
}

/* The hash of the first @size bytes, and of the zeros up to the next multiple of a step. */
static struct ir_insn *hash_stack(struct lower *lo, const struct stack *s, struct ir_insn *size)
{
	struct ir_block *head = block_open(lo), *body = block_new(lo), *end = block_new(lo);
	struct ir_block *more = block_new(lo);
	uint32_t at = ssa_var_new(lo), hash = ssa_var_new(lo);
	struct ir_insn *h, *base;

	ssa_write(lo, at, emit_const(lo, 0));
	ssa_write(lo, hash, emit_const(lo, 0));
	emit_jump(lo, head);
	block_enter(lo, head);
	emit_branch_imm(lo, COND_ULT, ssa_read(lo, at), s->hash_offset, more, end);
	block_enter(lo, more);
	emit_branch(lo, COND_ULT, ssa_read(lo, at), size, body, end);
	block_enter(lo, body);
	base = emit_op(lo, OP_ADD, place_address(lo, &s->buffer), ssa_read(lo, at));
	h = ssa_read(lo, hash);
	for (int64_t i = 0; i < FRAMES_AT_ONCE; i++)
		h = mix(lo, h, emit_load(lo, base, 8 * i, 8, false));
	ssa_write(lo, hash, h);
	ssa_write(lo, at, emit_add_imm(lo, ssa_read(lo, at), FRAMES_AT_ONCE * sizeof(uint64_t)));
	emit_jump(lo, head);
	ssa_seal(lo, head);
	block_enter(lo, end);
	h = ssa_read(lo, hash);
	return mix(lo, h, emit_op_imm(lo, OP_LSHR, h, 32));
}

/* Try @number: go to @known if it is this stack's, else continue with the next one to try. */
static void try_number(struct lower *lo, const struct stack *s, struct ir_insn *hash,
		       const struct place *key, struct ir_block *known)
{
	struct ir_block *taken = block_new(lo), *free = block_new(lo), *other = block_new(lo);
	struct ir_block *failed = block_new(lo);
	struct ir_insn *found, *ret, *stored, *map;

	map = emit_map(lo, s->map);
	found = EMIT_CALL(lo, map_lookup_elem, map, place_address(lo, key));
	free->is_cold = other->is_cold = true;
	emit_branch_imm(lo, COND_NE, found, 0, taken, free);
	block_enter(lo, taken);
	stored = emit_load(lo, found, s->hash_offset, 8, false);
	emit_branch(lo, COND_EQ, stored, hash, known, other);
	block_enter(lo, free);
	map = emit_map(lo, s->map);
	ret = EMIT_CALL(lo, map_update_elem, map, place_address(lo, key),
			place_address(lo, &s->buffer), emit_const(lo, BPF_NOEXIST));
	ret = emit_extend(lo, ret, 4, true);
	/* -EEXIST: another CPU was faster, mostly with the same stack. */
	emit_branch_imm(lo, COND_EQ, ret, 0, known, failed);
	block_enter(lo, failed);
	emit_branch_imm(lo, COND_EQ, ret, -17, known, other);
	block_enter(lo, other);
}

static struct ir_insn *stack_number(struct lower *lo, const struct stack *s, struct ir_insn *size)
{
	struct ir_insn *hash = hash_stack(lo, s, size);
	struct ir_insn *number = emit_op_imm(lo, OP_AND, hash, NUMBER_MASK);
	struct place key = place_slot(lo, 4, 4, "stack number");
	struct ir_block *known = block_new(lo);
	uint32_t result = ssa_var_new(lo);

	place_store(lo, &s->buffer, s->hash_offset, 8, hash);
	ssa_write(lo, result, number);
	place_store(lo, &key, 0, 4, number);
	try_number(lo, s, hash, &key, known);
	number = emit_op_imm(lo, OP_AND, emit_add_imm(lo, number, 1), NUMBER_MASK);
	ssa_write(lo, result, number);
	place_store(lo, &key, 0, 4, number);
	try_number(lo, s, hash, &key, known);
	emit_runtime_error(lo, "Too many different stacks.", lo->span);
	ssa_write(lo, result, emit_const(lo, UINT32_MAX));
	emit_jump(lo, known);
	block_enter(lo, known);
	return ssa_read(lo, result);
}

/* struct event_stack, as a number. */
static struct ir_insn *lower_stack(struct lower *lo, const struct ast *e)
{
	struct stack s = stack_begin(lo, e->type);
	struct ir_block *ok = block_new(lo), *failed = block_new(lo), *done = block_new(lo);
	uint32_t result = ssa_var_new(lo);
	struct ir_insn *size, *pid;

	s.map = stack_map(lo, e->type);
	size = get_stack(lo, &s);
	failed->is_cold = true;
	emit_branch_imm(lo, COND_SGE, size, 0, ok, failed);
	block_enter(lo, failed);
	emit_runtime_error(lo, s.is_user ? "Error reading ustack." : "Error reading kstack.",
			   e->span);
	ssa_write(lo, result, emit_const(lo, UINT32_MAX));
	emit_jump(lo, done);
	block_enter(lo, ok);
	if (s.hash_offset > s.bytes)
		place_zero(lo, &s.buffer, s.bytes, s.hash_offset - s.bytes);
	ssa_write(lo, result, stack_number(lo, &s, size));
	emit_jump(lo, done);
	block_enter(lo, done);
	if (!s.is_user)
		return ssa_read(lo, result);
	pid = emit_op_imm(lo, OP_AND, emit_pid_tgid(lo), (int64_t)0xffffffff00000000);
	return emit_op(lo, OP_OR, ssa_read(lo, result), pid);
}

struct ir_insn *lower_kstack(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return lower_stack(lo, e);
}

struct ir_insn *lower_ustack(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return lower_stack(lo, e);
}

struct ir_insn *lower_dw_ustack(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return lower_stack(lo, e);
}

/* The number of frames of the stack here; of a stack that was stored before, as long as it is one
 * of this run of the probe. */
struct ir_insn *stack_length(struct lower *lo, const struct type *t)
{
	struct stack s = stack_begin(lo, t);
	uint32_t frame = s.bytes / stack_limit(t);
	struct ir_insn *size = get_stack(lo, &s), *is_error, *zero;

	zero = emit_const(lo, 0);
	is_error = emit_cmp(lo, COND_SLT, size, zero);
	size = emit_select(lo, is_error, zero, size);
	return emit_op_imm(lo, OP_UDIV, size, frame);
}
