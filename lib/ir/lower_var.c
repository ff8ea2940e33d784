/*
 * Lowering: built-in variables that do not depend on what is traced.
 */
#include "ir/lower_impl.h"

struct ir_insn *emit_runtime(struct lower *lo, uint32_t which)
{
	struct place p = place_data(lo, lo->rodata.map, lo->runtime_offset + 8 * (int64_t)which);

	return place_load(lo, &p, 0, 8, false);
}

/* ---- who ------------------------------------------------------------------------------------- */

struct ir_insn *emit_pid_tgid(struct lower *lo)
{
	return EMIT_CALL0(lo, get_current_pid_tgid);
}

/* struct bpf_pidns_info { u32 pid, tgid }: the ids as the runner's pid namespace has them. */
static struct ir_insn *namespace_id(struct lower *lo, bool is_thread)
{
	struct place info = place_slot(lo, 8, 8, "pidns");
	struct ir_insn *dev = emit_runtime(lo, RUNTIME_PIDNS_DEV);
	struct ir_insn *ino = emit_runtime(lo, RUNTIME_PIDNS_INO);

	EMIT_CALL(lo, get_ns_current_pid_tgid, dev, ino, place_address(lo, &info),
		  emit_const(lo, 8));
	return place_load(lo, &info, is_thread ? 0 : 4, 4, false);
}

struct ir_insn *emit_pid(struct lower *lo, bool is_initial)
{
	if (lo->o->container_pids && !is_initial)
		return lo->o->innermost_pids ? emit_innermost_pid(lo, false)
					     : namespace_id(lo, false);
	return emit_op_imm(lo, OP_LSHR, emit_pid_tgid(lo), 32);
}

struct ir_insn *emit_tid(struct lower *lo, bool is_initial)
{
	if (lo->o->container_pids && !is_initial)
		return lo->o->innermost_pids ? emit_innermost_pid(lo, true)
					     : namespace_id(lo, true);
	return emit_extend(lo, emit_pid_tgid(lo), 4, false);
}

struct ir_insn *lower_pid(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return emit_pid(lo, e->ident.number == 1);
}

struct ir_insn *lower_tid(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return emit_tid(lo, e->ident.number == 1);
}

struct ir_insn *lower_uid(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)e;
	(void)dst;
	return emit_extend(lo, EMIT_CALL0(lo, get_current_uid_gid), 4, false);
}

struct ir_insn *lower_username(struct lower *lo, const struct ast *e, const struct place *dst)
{
	return lower_uid(lo, e, dst);
}

struct ir_insn *lower_gid(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)e;
	(void)dst;
	return emit_op_imm(lo, OP_LSHR, EMIT_CALL0(lo, get_current_uid_gid), 32);
}

struct ir_insn *lower_comm(struct lower *lo, const struct ast *e, const struct place *dst)
{
	/* Linux 5.18 to 6.4 leave what is behind the name's end as it was. */
	place_zero(lo, dst, 0, e->type->size);
	EMIT_CALL(lo, get_current_comm, place_address(lo, dst), emit_const(lo, e->type->size));
	return NULL;
}

struct ir_insn *lower_curtask(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct ir_insn *task;

	(void)dst;
	if (!lo->features.get_current_task_btf || lo->o->no_typed_loads)
		return EMIT_CALL0(lo, get_current_task);
	task = EMIT_CALL0(lo, get_current_task_btf);
	mark_btf_pointer(lo, task, e->type);
	return task;
}

struct ir_insn *lower_cgroup(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)e;
	(void)dst;
	return EMIT_CALL0(lo, get_current_cgroup_id);
}

/* The runner finds the names that belong to a cgroup. */
#define KUBE_NAME(name)                                                                            \
	struct ir_insn *lower_##name(struct lower *lo, const struct ast *e,                        \
				     const struct place *dst)                                      \
	{                                                                                          \
		return lower_cgroup(lo, e, dst);                                                   \
	}
KUBE_NAME(container)
KUBE_NAME(namespace)
KUBE_NAME(node)
KUBE_NAME(pod)
KUBE_NAME(pod_uid)

struct ir_insn *lower_cpid(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)e;
	(void)dst;
	return emit_runtime(lo, RUNTIME_CHILD_PID);
}

/* ---- where ----------------------------------------------------------------------------------- */

struct ir_insn *emit_cpu(struct lower *lo)
{
	return EMIT_CALL0(lo, get_smp_processor_id);
}

struct ir_insn *lower_cpu(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)e;
	(void)dst;
	/* The helper's result is an int: the upper half is not defined everywhere. */
	return emit_extend(lo, emit_cpu(lo), 4, false);
}

struct ir_insn *lower_numaid(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)e;
	(void)dst;
	return emit_extend(lo, EMIT_CALL0(lo, get_numa_node_id), 4, false);
}

/* ---- when ------------------------------------------------------------------------------------ */

/* A test's clock is a map of the script. */
static const struct map_info *clock_map(const struct lower *lo)
{
	const char *name = lo->o->config->clock_map;

	for (size_t i = 0; name && i < lo->program->maps.len; i++)
		if (strcmp(name + (name[0] == '@'), lo->program->maps.data[i]->name) == 0 &&
		    lo->map_infos[i].storage == STORAGE_GLOBAL)
			return &lo->map_infos[i];
	return NULL;
}

struct ir_insn *emit_clock(struct lower *lo, enum nsecs_clock clock, struct span span)
{
	const struct map_info *m = clock_map(lo);

	if (m)
		return map_value_scalar(lo, m, NULL, type_int(8, false));
	switch (clock) {
	case NSECS_MONOTONIC: return EMIT_CALL0(lo, ktime_get_ns);
	case NSECS_TAI:
		if (lo->features.ktime_get_tai_ns)
			return EMIT_CALL0(lo, ktime_get_tai_ns);
		diag_error(lo->diags, span,
			   "Kernel does not support tai timestamp, please try sw_tai");
		return emit_const(lo, 0);
	case NSECS_SW_TAI:
		return emit_op(lo, OP_ADD, emit_clock(lo, NSECS_BOOT, span),
			       emit_runtime(lo, RUNTIME_TAI_OFFSET_NS));
	default:
		if (lo->features.ktime_get_boot_ns)
			return EMIT_CALL0(lo, ktime_get_boot_ns);
		return EMIT_CALL0(lo, ktime_get_ns);
	}
}

struct ir_insn *lower_nsecs(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return emit_clock(lo, (enum nsecs_clock)e->ident.number, e->span);
}

struct ir_insn *lower_elapsed(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct ir_insn *start = emit_runtime(lo, RUNTIME_START_NS);

	(void)dst;
	return emit_op(lo, OP_SUB, emit_clock(lo, NSECS_BOOT, e->span), start);
}

struct ir_insn *lower_jiffies(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)e;
	(void)dst;
	return EMIT_CALL0(lo, jiffies64);
}

struct ir_insn *lower_rand(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)e;
	(void)dst;
	return emit_extend(lo, EMIT_CALL0(lo, get_prandom_u32), 4, false);
}
