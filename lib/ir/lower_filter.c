/*
 * Lowering: probes that are confined to containers or processes, and what the kernel's own structs
 * say of the current one.
 *
 * The runner chooses by what it is decided (struct image_filter).  With one container that is a
 * comparison with a slot of the runtime section, with several a lookup in a set of ids.
 */
#include "ir/lower_impl.h"

/* These fire whatever runs at that moment. */
static bool is_filtered(const struct probe *p)
{
	return !(probe_infos[p->kind].flags & PROBE_F_RUNNER) && p->kind != PROBE_interval &&
	       p->kind != PROBE_iter;
}

/* ---- fields of the task ---------------------------------------------------------------------- */

struct member_name {
	const char *type;
	const char *member;
};

static const struct type *find_struct(const struct lower *lo, const char *name)
{
	const struct target *t = lo->o->target;
	const struct type *s = t && t->find_type ? t->find_type(t->ctx, TAG_STRUCT, name) : NULL;

	if (s && !s->is_complete && t->complete_type)
		t->complete_type(t->ctx, (struct type *)s);
	return s;
}

/* The members' places are the kernel's own.  False: it has no such member. */
static bool find_member(const struct lower *lo, struct member_name name, struct type_member *out)
{
	const struct type *s = find_struct(lo, name.type);

	return s && type_find_member(s, name.member, out);
}

/* @pointer->@name, @size bytes of it from @offset on; 0 if the kernel has no such member. */
static struct ir_insn *load_field(struct lower *lo, struct ir_insn *pointer,
				  struct member_name name, int64_t offset, uint32_t size)
{
	struct type_member m;
	struct place p;

	if (!find_member(lo, name, &m))
		return emit_const(lo, 0);
	p = place_ptr(pointer, m.offset + offset, AS_KERNEL);
	return load_scalar(lo, &p, type_int(size, false));
}

static struct ir_insn *load_pointer(struct lower *lo, struct ir_insn *pointer, const char *type,
				    const char *member)
{
	return load_field(lo, pointer, (struct member_name){ type, member }, 0, 8);
}

/* task->nsproxy->mnt_ns->ns.inum */
static struct ir_insn *current_mount_namespace(struct lower *lo)
{
	struct ir_insn *p = EMIT_CALL0(lo, get_current_task);
	struct type_member inum;

	if (!find_member(lo, (struct member_name){ "ns_common", "inum" }, &inum))
		return emit_const(lo, 0);
	p = load_pointer(lo, p, "task_struct", "nsproxy");
	p = load_pointer(lo, p, "nsproxy", "mnt_ns");
	return load_field(lo, p, (struct member_name){ "mnt_namespace", "ns" }, inum.offset, 4);
}

/*
 * struct pid has an upid { nr, ns } for each namespace that it is in, the innermost last:
 * task->thread_pid->numbers[task->thread_pid->level].nr; a process has the pid of its first thread.
 */
struct ir_insn *emit_innermost_pid(struct lower *lo, bool is_thread)
{
	const struct type *upid = find_struct(lo, "upid");
	struct ir_insn *p = EMIT_CALL0(lo, get_current_task), *level;

	if (!upid)
		return emit_const(lo, 0);
	if (!is_thread)
		p = load_pointer(lo, p, "task_struct", "group_leader");
	p = load_pointer(lo, p, "task_struct", "thread_pid");
	level = load_field(lo, p, (struct member_name){ "pid", "level" }, 0, 4);
	p = emit_op(lo, OP_ADD, p, emit_op_imm(lo, OP_MUL, level, upid->size));
	return load_field(lo, p, (struct member_name){ "pid", "numbers" }, 0, 4);
}

/* ---- the filter ------------------------------------------------------------------------------ */

/* On to @pass if @id is one of those to trace, else to @miss. */
static void test_id(struct lower *lo, struct ir_insn *id, struct ir_block *pass,
		    struct ir_block *miss)
{
	if (lo->filter_map >= 0)
		emit_branch_imm(lo, COND_NE, kube_set_lookup(lo, (uint32_t)lo->filter_map, id), 0,
				pass, miss);
	else
		emit_branch(lo, COND_EQ, id, emit_runtime(lo, RUNTIME_FILTER), pass, miss);
}

/* What the helper does: task->cgroups->dfl_cgrp->ancestor_ids[level], or 0 that far down. */
static struct ir_insn *read_cgroup_at(struct lower *lo, uint32_t level)
{
	struct ir_insn *p = EMIT_CALL0(lo, get_current_task), *depth, *id, *zero;

	p = load_pointer(lo, p, "task_struct", "cgroups");
	p = load_pointer(lo, p, "css_set", "dfl_cgrp");
	depth = load_field(lo, p, (struct member_name){ "cgroup", "level" }, 0, 4);
	id = load_field(lo, p, (struct member_name){ "cgroup", "ancestor_ids" }, 8 * (int64_t)level,
			8);
	zero = emit_const(lo, 0);
	return emit_select(lo, emit_cmp(lo, COND_ULT, depth, emit_const(lo, level)), zero, id);
}

static struct ir_insn *current_cgroup_at(struct lower *lo, uint32_t level)
{
	if (!lo->features.ancestor_cgroup_id)
		return read_cgroup_at(lo, level);
	return EMIT_CALL(lo, get_current_ancestor_cgroup_id, emit_const(lo, level));
}

/* Containers may have cgroups of their own inside. */
static void filter_cgroups(struct lower *lo, const struct image_filter *f, struct ir_block *pass,
			   struct ir_block *leave)
{
	if (f->level_count == 0)
		test_id(lo, EMIT_CALL0(lo, get_current_cgroup_id), pass, leave);
	for (uint32_t i = 0; i < f->level_count; i++) {
		bool is_last = i + 1 == f->level_count;
		struct ir_block *next = is_last ? leave : block_new(lo);

		test_id(lo, current_cgroup_at(lo, f->levels[i]), pass, next);
		if (!is_last)
			block_enter(lo, next);
	}
}

void lower_filter(struct lower *lo, struct ir_block *leave)
{
	const struct image_filter *f = lo->o->filter;
	struct ir_block *pass;

	if (!f || f->kind == FILTER_NONE || !is_filtered(lo->probe))
		return;
	pass = block_new(lo);
	switch (f->kind) {
	case FILTER_CGROUP: filter_cgroups(lo, f, pass, leave); break;
	case FILTER_MNTNS: test_id(lo, current_mount_namespace(lo), pass, leave); break;
	default: test_id(lo, emit_pid(lo, !f->has_own_pids), pass, leave); break;
	}
	block_enter(lo, pass);
}
