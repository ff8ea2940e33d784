/*
 * Lowering: what the traced function or tracepoint was given, and its registers.
 *
 *     tracepoint             the context is the record of the format file
 *     rawtracepoint, fentry  the context is an array of u64 arguments; the return value follows
 *     kprobe, uprobe, perf   the context is struct pt_regs
 *     system calls           arguments of the raw tracepoints sys_enter(regs, number),
 *                            sys_exit(regs, result)
 *
 * Where registers are in it, and what they are for: lang/arch.h.
 */
#include "ir/lower_impl.h"

#include <assert.h>
#include <string.h>

#define SYSCALL_ARGUMENTS (sizeof(((struct arch *)NULL)->syscall_arguments) / sizeof(uint16_t))

struct ir_insn *args_register_at(struct lower *lo, uint32_t offset)
{
	return emit_load(lo, emit_ctx(lo), offset, 8, false);
}

struct ir_insn *args_pc(struct lower *lo)
{
	return args_register_at(lo, lo->arch->pc);
}

struct ir_insn *args_register(struct lower *lo, uint32_t number)
{
	if (number >= lo->arch->argument_count)
		return emit_const(lo, 0);
	return args_register_at(lo, lo->arch->arguments[number]);
}

/* ---- system calls ---------------------------------------------------------------------------- */

/* A register of the process, through the first argument of the raw tracepoint. */
struct ir_insn *syscall_register(struct lower *lo, uint32_t offset, uint32_t size)
{
	struct ir_insn *regs = emit_load(lo, emit_ctx(lo), 0, 8, false);

	return emit_load(lo, regs, offset, size, false);
}

struct ir_insn *syscall_number(struct lower *lo, bool is_exit)
{
	if (!is_exit)
		return emit_load(lo, emit_ctx(lo), 8, 8, false);
	return syscall_register(lo, lo->arch->syscall, lo->arch->syscall_size);
}

/* 32-bit system calls have other numbers. */
void syscall_skip_compat(struct lower *lo, struct ir_block *native, struct ir_block *compat)
{
	struct ir_insn *mode = syscall_register(lo, lo->arch->mode, 8);
	bool is_set = lo->arch->width_bit_is_64;

	emit_branch_imm(lo, COND_SET, mode, lo->arch->width_bit, is_set ? native : compat,
			is_set ? compat : native);
}

/* The format files: __syscall_nr at 8, arguments or ret in 8 bytes each from 16. */
static struct ir_insn *syscall_member(struct lower *lo, const struct type_member *m,
				      const struct type *t)
{
	uint32_t index = m->offset >= 16 ? (m->offset - 16) / 8 : 0;
	bool is_exit = lo->probe->attach_points.data[0]->is_sys_exit;
	struct ir_insn *value;

	if (m->offset < 16)
		value = lo->syscall_number;
	else if (is_exit)
		value = emit_load(lo, emit_ctx(lo), 8, 8, false);
	else if (index < SYSCALL_ARGUMENTS)
		value = syscall_register(lo, lo->arch->syscall_arguments[index], 8);
	else
		value = emit_const(lo, 0);
	return emit_extend(lo, value, t->size, t->is_signed);
}

/* ---- args ------------------------------------------------------------------------------------ */

bool args_is_assembled(const struct lower *lo, const struct ast *object)
{
	if (object->type->kind != TYPE_ARGS)
		return false;
	return lo->is_syscall || lo->probe->kind != PROBE_tracepoint;
}

/* An argument of a program whose context is an array of them. */
static struct ir_insn *array_member(struct lower *lo, const struct type_member *m,
				    const struct type *t)
{
	struct ir_insn *value = emit_load(lo, emit_ctx(lo), m->offset, 8, false);

	if (t->size < 8)
		return emit_extend(lo, value, t->size, t->is_signed);
	if (lo->current->prog_type == BPF_PROG_TYPE_TRACING)
		mark_btf_pointer(lo, value, t);
	return value;
}

/* 8 bytes that the caller left on the stack. */
static struct ir_insn *stack_argument(struct lower *lo, uint32_t number)
{
	struct ir_insn *sp = args_register_at(lo, lo->arch->sp);
	struct place p = place_ptr(sp, lo->arch->stack_arguments + 8 * (int64_t)number, AS_NONE);

	return load_scalar(lo, &p, type_int(8, false));
}

/* Where an argument of a user function is: from a register on, or from a place on the stack on. */
struct argument {
	bool is_on_stack;
	bool is_by_address; // of a copy
	uint32_t index;     // in pieces of 8 bytes
};

/*
 * Small structs are in registers if all of them is; others, and what comes behind the last
 * register, is on the stack; on arm64 also what comes behind a struct that is.  A floating-point
 * argument, which has no type here, is in a register of another kind.
 */
static struct argument find_argument(const struct lower *lo, const struct type_member *m)
{
	const struct type *args = lo->probe->args;
	uint32_t in_registers = 0, on_stack = 0;
	struct argument a = { 0 };

	for (uint32_t i = 0; i < args->count && args->members[i].offset <= m->offset; i++) {
		const struct type *t = args->members[i].type;
		uint32_t pieces = t->kind == TYPE_STRUCT ? (t->size + 7) / 8 : 1;

		if (t->kind == TYPE_NONE)
			continue;
		a.is_by_address = pieces > 2 && lo->arch->has_structs_by_address;
		if (a.is_by_address)
			pieces = 1;
		a.is_on_stack = pieces > 2 || in_registers + pieces > lo->arch->argument_count;
		a.index = a.is_on_stack ? on_stack : in_registers;
		*(a.is_on_stack ? &on_stack : &in_registers) += pieces;
		if (a.is_on_stack && lo->arch->has_stack_to_the_end)
			in_registers = lo->arch->argument_count;
	}
	return a;
}

/* Piece @i of @m. */
static struct ir_insn *function_argument(struct lower *lo, const struct type_member *m, uint32_t i)
{
	struct argument a = find_argument(lo, m);
	uint32_t index = a.index + (a.is_by_address ? 0 : i);
	struct ir_insn *value =
		a.is_on_stack ? stack_argument(lo, index) : args_register(lo, index);
	struct place p;

	if (!a.is_by_address)
		return value;
	p = place_ptr(value, 8 * (int64_t)i, AS_USER);
	return load_scalar(lo, &p, type_int(8, false));
}

/* The struct that @m is, in our memory: pieces of 8 bytes, and what the last one has of them. */
static void fill_struct(struct lower *lo, const struct place *dst, const struct type_member *m)
{
	uint32_t size = m->type->size, width;

	for (uint32_t at = 0; at < size; at += 8) {
		struct ir_insn *piece = function_argument(lo, m, at / 8);

		for (uint32_t i = at; i < size && i < at + 8; i += width) {
			uint32_t left = size - i;

			width = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
			place_store(lo, dst, i, width,
				    emit_op_imm(lo, OP_LSHR, piece, 8 * (int64_t)(i - at)));
		}
	}
}

struct place args_struct(struct lower *lo, const struct type_member *m)
{
	struct place p = place_slot(lo, m->type->size, 8, m->name);

	fill_struct(lo, &p, m);
	return p;
}

struct ir_insn *args_member(struct lower *lo, const struct type_member *m, const struct type *t)
{
	struct ir_insn *value;

	if (lo->is_syscall)
		return syscall_member(lo, m, t);
	if (lo->probe->kind != PROBE_uprobe)
		return array_member(lo, m, t);
	value = function_argument(lo, m, 0);
	return emit_extend(lo, value, t->size, t->is_signed);
}

/* All arguments in an object of ours, laid out as their type says. */
static struct place assembled(struct lower *lo, const struct type *t)
{
	struct place p = place_slot(lo, t->size, 8, "args");

	for (uint32_t i = 0; i < t->count; i++) {
		const struct type_member *m = &t->members[i];
		struct place to = place_at(p, m->offset);

		place_zero(lo, &p, m->offset, m->type->size);
		if (type_is_scalar(m->type))
			place_store(lo, &p, m->offset, m->type->size, args_member(lo, m, m->type));
		else if (m->type->kind == TYPE_STRUCT && lo->probe->kind == PROBE_uprobe)
			fill_struct(lo, &to, m);
	}
	return p;
}

struct place args_place(struct lower *lo)
{
	if (lo->is_syscall || lo->probe->kind != PROBE_tracepoint)
		return assembled(lo, lo->probe->args);
	return place_ptr(emit_ctx(lo), 0, AS_CTX);
}

struct ir_insn *lower_args(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct place p = args_place(lo);

	if (dst)
		copy_value(lo, dst, &p, e->type);
	return dst ? NULL : place_address(lo, &p);
}

/* ---- iterators ------------------------------------------------------------------------------- */

/*
 * The last time an iterator's program runs, its objects are NULL, and the verifier knows.  They are
 * loaded once, and the program ends there: what was loaded again would have to be tested again.
 */
struct iter_search {
	struct lower *lo;
	struct ir_block *leave;
};

static void load_iter_object(struct lower *lo, const struct type_member *m, struct ir_block *leave)
{
	struct iter_object object = { .offset = m->offset };
	struct place p = place_ptr(emit_ctx(lo), m->offset, AS_CTX);
	struct ir_block *is_there;

	if (iter_object(lo, &p))
		return;
	object.value = place_load(lo, &p, 0, 8, false);
	mark_btf_pointer(lo, object.value, m->type);
	is_there = block_new(lo);
	emit_branch_imm(lo, COND_NE, object.value, 0, is_there, leave);
	block_enter(lo, is_there);
	vec_push(lo->arena, &lo->iter_objects, object);
}

static void find_iter_object(void *ctx, struct ast *node)
{
	struct iter_search *s = ctx;
	const struct ast *object = node->kind == AST_FIELD ? node->field.object : NULL;

	if (object && object->kind == AST_BUILTIN && object->ident.builtin == BI_ctx &&
	    node->field.member.type->kind == TYPE_POINTER)
		load_iter_object(s->lo, &node->field.member, s->leave);
	ast_each_child(node, find_iter_object, ctx);
}

void iter_begin(struct lower *lo, const struct probe *p, struct ir_block *leave)
{
	struct iter_search s = { .lo = lo, .leave = leave };

	if (p->predicate)
		find_iter_object(&s, p->predicate);
	find_iter_object(&s, p->body);
}

struct ir_insn *iter_object(const struct lower *lo, const struct place *p)
{
	if (lo->fn->parent || p->kind != PLACE_PTR || p->base->op != OP_CTX)
		return NULL;
	vec_foreach (&lo->iter_objects, o)
		if (o->offset == p->offset)
			return o->value;
	return NULL;
}

/* ---- argN, retval, func … -------------------------------------------------------------------- */

struct ir_insn *lower_arg(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	switch (lo->probe->kind) {
	case PROBE_rawtracepoint:
	case PROBE_fentry:
	case PROBE_fexit:
		return emit_load(lo, emit_ctx(lo), 8 * (int64_t)e->ident.number, 8, false);
	case PROBE_usdt: return usdt_argument(lo, e->ident.number);
	default: return args_register(lo, e->ident.number);
	}
}

struct ir_insn *lower_sarg(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return stack_argument(lo, e->ident.number);
}

struct ir_insn *lower_retval(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct type *args = lo->probe->args;
	/* It follows the arguments. */
	struct type_member m = { .offset = args ? 8 * args->count : 0, .type = e->type };
	struct ir_insn *value;

	(void)dst;
	if (lo->probe->kind == PROBE_fexit)
		return array_member(lo, &m, e->type);
	value = args_register_at(lo, lo->arch->retval);
	return emit_extend(lo, value, e->type->size, e->type->is_signed);
}

static bool is_at_entry(const struct probe *p)
{
	vec_foreach (&p->attach_points, ap)
		if ((*ap)->has_address || (*ap)->offset)
			return false;
	return true;
}

/*
 * Return probes do not stop at the function, the helper knows where it is.  Nor do kprobes at its
 * entry, quite: they stop behind what indirect calls and ftrace have there.  The helper has one
 * answer for both, so that the return finds what the entry stored by `func`.
 */
static struct ir_insn *function_address(struct lower *lo)
{
	switch (lo->probe->kind) {
	case PROBE_kprobe:
		if (lo->features.get_func_ip && is_at_entry(lo->probe))
			return EMIT_CALL(lo, get_func_ip, emit_ctx(lo));
		return args_register_at(lo, lo->arch->pc);
	case PROBE_uprobe: return args_register_at(lo, lo->arch->pc);
	default: return EMIT_CALL(lo, get_func_ip, emit_ctx(lo));
	}
}

static void store_usym(struct lower *lo, const struct place *dst, struct ir_insn *address)
{
	place_store(lo, dst, 0, 8, address);
	place_store(lo, dst, 8, 4, emit_pid(lo, false));
	place_store(lo, dst, 12, 4, emit_const(lo, 0));
}

struct ir_insn *lower_func(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct ir_insn *address = function_address(lo);

	(void)e;
	if (!dst)
		return address;
	store_usym(lo, dst, address);
	return NULL;
}

struct ir_insn *lower_usym(struct lower *lo, const struct ast *e, const struct place *dst)
{
	store_usym(lo, dst, lower_scalar(lo, e->call.args.data[0]));
	return NULL;
}

struct ir_insn *lower_reg(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return args_register_at(lo, (uint32_t)e->call.args.data[0]->integer.value);
}

struct ir_insn *lower_usermode(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct ir_insn *mode = args_register_at(lo, lo->arch->mode);

	(void)e;
	(void)dst;
	mode = emit_op_imm(lo, OP_AND, mode, lo->arch->user_mask);
	return emit_cmp(lo, COND_EQ, mode, emit_const(lo, lo->arch->user_value));
}

struct ir_insn *lower_ctx(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)e;
	(void)dst;
	return emit_ctx(lo);
}

struct ir_insn *lower_override(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct ir_insn *value = lower_scalar(lo, e->call.args.data[0]);

	(void)dst;
	EMIT_CALL(lo, override_return, emit_ctx(lo), value);
	return NULL;
}
