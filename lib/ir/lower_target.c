/*
 * Lowering: built-ins that need to know more of the traced system than the context says.
 */
#include "ir/lower_impl.h"

#include <string.h>

static const struct ast *arg(const struct ast *e, size_t i)
{
	return e->call.args.data[i];
}

/* ---- user space ------------------------------------------------------------------------------ */

/*
 * The address in the process of what the ELF file says is at @address.  The breakpoint that we
 * stopped at is in the same file: how far the file was moved is seen there.
 */
struct ir_insn *lower_uaddr(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct target_symbol *symbol = e->call.data;
	const struct attach_point *ap = lo->probe->attach_points.data[0];
	const struct target *t = lo->o->target;
	struct target_symbol here = { .address = ap->address };
	struct ir_insn *pc;

	(void)dst;
	if (ap->function && ap->kind != PROBE_usdt && t && t->user_symbol)
		(void)t->user_symbol(t->ctx, ap->path, ap->function, &here);
	if (!here.address)
		return emit_const(lo, (int64_t)symbol->address);
	pc = args_pc(lo);
	return emit_add_imm(lo, pc, (int64_t)(symbol->address - here.address - ap->offset));
}

/* The value of one argument, where @a says it is. */
static struct ir_insn *usdt_value(struct lower *lo, const struct target_usdt_arg *a)
{
	struct ir_insn *value, *index;
	struct place p;

	switch (a->kind) {
	case TARGET_USDT_CONST:
		return emit_extend(lo, emit_const(lo, a->value), a->size, a->is_signed);
	case TARGET_USDT_REG:
		value = args_register_at(lo, (uint32_t)a->reg);
		if (a->reg_shift)
			value = emit_op_imm(lo, OP_LSHR, value, a->reg_shift);
		return emit_extend(lo, value, a->size, a->is_signed);
	case TARGET_USDT_MEM: break;
	}
	value = args_register_at(lo, (uint32_t)a->reg);
	if (a->index >= 0) {
		index = args_register_at(lo, (uint32_t)a->index);
		index = emit_op_imm(lo, OP_SHL, index, a->scale_shift);
		value = emit_op(lo, OP_ADD, value, index);
	}
	p = place_ptr(value, a->value, AS_USER);
	return load_scalar(lo, &p, type_int(a->size, a->is_signed));
}

static bool same_location(const struct target_usdt_arg *a, const struct target_usdt_arg *b)
{
	return a->kind == b->kind && a->size == b->size && a->is_signed == b->is_signed &&
	       a->reg_shift == b->reg_shift && a->scale_shift == b->scale_shift &&
	       a->reg == b->reg && a->index == b->index && a->value == b->value;
}

/*
 * The compiler puts a probe where it was inlined to, with its arguments in other places each time.
 * We know where we are by the low bits of the program counter, which loading does not change.
 */
#define PAGE_MASK 0xfff

struct ir_insn *usdt_argument(struct lower *lo, uint32_t number)
{
	const struct attach_point *ap = lo->probe->attach_points.data[0];
	const struct target *t = lo->o->target;
	const struct target_usdt_site *sites = NULL;
	uint32_t value = ssa_var_new(lo);
	struct ir_block *done;
	struct ir_insn *pc;
	size_t count = 0;
	bool is_same = true;

	if (t && t->usdt_sites)
		count = t->usdt_sites(t->ctx, ap->path, ap->module, ap->function, &sites);
	for (size_t i = 0; i < count; i++) {
		if (number >= sites[i].arg_count)
			return emit_const(lo, 0);
		is_same &= same_location(&sites[i].args[number], &sites[0].args[number]);
	}
	if (!count)
		return emit_const(lo, 0);
	if (is_same)
		return usdt_value(lo, &sites[0].args[number]);
	done = block_new(lo);
	pc = emit_op_imm(lo, OP_AND, args_pc(lo), PAGE_MASK);
	for (size_t i = 0; i < count; i++) {
		struct ir_block *here = block_new(lo), *next = block_new(lo);

		emit_branch_imm(lo, COND_EQ, pc, (int64_t)(sites[i].address & PAGE_MASK), here,
				next);
		block_enter(lo, here);
		ssa_write(lo, value, usdt_value(lo, &sites[i].args[number]));
		emit_jump(lo, done);
		block_enter(lo, next);
	}
	ssa_write(lo, value, emit_const(lo, 0));
	emit_jump(lo, done);
	block_enter(lo, done);
	return ssa_read(lo, value);
}

/* ---- the kernel ------------------------------------------------------------------------------ */

struct ir_insn *lower_percpu_kaddr(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct target_symbol *symbol = e->call.data;
	struct ir_insn *variable = ir_insn_new(lo->fn->ir, OP_KERNEL_VAR, 0);

	(void)dst;
	variable->imm = symbol->btf_id;
	variable->span = lo->span;
	ir_append(lo->fn->block, variable);
	if (e->call.args.len < 2)
		return EMIT_CALL(lo, this_cpu_ptr, variable);
	return EMIT_CALL(lo, per_cpu_ptr, variable, lower_scalar(lo, arg(e, 1)));
}

static struct ir_insn *emit_kfunc(struct lower *lo, uint32_t btf_id, struct ir_insn *a)
{
	struct ir_insn *insn = ir_insn_new(lo->fn->ir, OP_KFUNC, 1);

	insn->imm = btf_id;
	insn->args[0] = a;
	insn->span = lo->span;
	ir_append(lo->fn->block, insn);
	return insn;
}

static uint32_t find_kfunc(const struct lower *lo, const char *name)
{
	const struct target *t = lo->o->target;

	return t && t->kfunc ? t->kfunc(t->ctx, name) : 0;
}

/* Where task_struct.comm is. */
static bool comm_member(const struct lower *lo, struct type_member *m)
{
	const struct target *t = lo->o->target;
	const struct type *task;

	if (!t || !t->find_type)
		return false;
	task = t->find_type(t->ctx, TAG_STRUCT, "task_struct");
	if (task && !task->is_complete && t->complete_type)
		t->complete_type(t->ctx, (struct type *)task);
	return task && type_find_member(task, "comm", m);
}

/* comm(pid): the task is looked up, and must be given back. */
struct ir_insn *lower_comm_of(struct lower *lo, const struct ast *e, const struct place *dst)
{
	uint32_t find = find_kfunc(lo, "bpf_task_from_pid"), release;
	struct ir_insn *pid = lower_scalar(lo, arg(e, 0)), *task;
	struct type_member m;
	struct place name;
	struct fork f;

	release = find_kfunc(lo, "bpf_task_release");
	if (!find || !release || !comm_member(lo, &m)) {
		emit_message(lo, LEVEL_WARNING,
			     "'bpf_task_from_pid kfunc', which is used for getting the process "
			     "comm, is not supported on your system.",
			     NULL, e->span);
		store_string(lo, dst, "[unknown]", 9, e->type->size);
		return NULL;
	}
	task = emit_kfunc(lo, find, pid);
	f = fork_begin(lo);
	f.no->is_cold = true;
	emit_branch_imm(lo, COND_NE, task, 0, f.yes, f.no);
	block_enter(lo, f.yes);
	name = place_ptr(task, m.offset, AS_KERNEL);
	place_zero(lo, dst, 0, e->type->size);
	read_bytes(lo, dst, &name, m.type->size < e->type->size ? m.type->size : e->type->size);
	emit_kfunc(lo, release, task);
	emit_jump(lo, f.done);
	block_enter(lo, f.no);
	emit_message(lo, LEVEL_WARNING, "No such process (pid=", pid, e->span);
	store_string(lo, dst, "N/A", 3, e->type->size);
	emit_jump(lo, f.done);
	fork_end(lo, &f);
	return NULL;
}
