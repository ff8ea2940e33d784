/*
 * Lowering: the driver.  Which probes become which programs, how a program begins and ends, and
 * the image's tables.
 *
 * Every probe is one program, attached to all of its attach points; only probes on system calls
 * share programs (lower_dispatch.c).  What the runner runs itself (begin, end …) is a raw
 * tracepoint program, which BPF_PROG_TEST_RUN can run; bench is XDP, which it can repeat and time.
 */
#include "ir/lower.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "ir/lower_impl.h"

/* ---- how probe kinds are loaded -------------------------------------------------------------- */

static const struct {
	uint32_t prog_type;
	uint32_t attach_type;
} load_infos[PROBE_KIND_COUNT] = {
	[PROBE_begin] = { BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	[PROBE_end] = { BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	[PROBE_self] = { BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	[PROBE_test] = { BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	[PROBE_bench] = { BPF_PROG_TYPE_XDP, 0 },
	[PROBE_kprobe] = { BPF_PROG_TYPE_KPROBE, 0 },
	[PROBE_kretprobe] = { BPF_PROG_TYPE_KPROBE, 0 },
	[PROBE_fentry] = { BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY },
	[PROBE_fexit] = { BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT },
	[PROBE_tracepoint] = { BPF_PROG_TYPE_TRACEPOINT, 0 },
	[PROBE_rawtracepoint] = { BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	[PROBE_uprobe] = { BPF_PROG_TYPE_KPROBE, 0 },
	[PROBE_uretprobe] = { BPF_PROG_TYPE_KPROBE, 0 },
	[PROBE_usdt] = { BPF_PROG_TYPE_KPROBE, 0 },
	[PROBE_profile] = { BPF_PROG_TYPE_PERF_EVENT, 0 },
	[PROBE_interval] = { BPF_PROG_TYPE_PERF_EVENT, 0 },
	[PROBE_software] = { BPF_PROG_TYPE_PERF_EVENT, 0 },
	[PROBE_hardware] = { BPF_PROG_TYPE_PERF_EVENT, 0 },
	[PROBE_watchpoint] = { BPF_PROG_TYPE_PERF_EVENT, 0 },
	[PROBE_iter] = { BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER },
};

/* Attach types newer than the headers we may be built with (include/uapi/linux/bpf.h). */
enum { ATTACH_KPROBE_MULTI = 42, ATTACH_UPROBE_MULTI = 48 };

/* Functions by name alone can be attached to by one link. */
static bool is_kprobe_multi(const struct lower *lo, const struct lowered_program *p)
{
	if (!lo->features.kprobe_multi || p->attach_points.len < 2)
		return false;
	vec_foreach (&p->attach_points, ap)
		if ((*ap)->has_address || (*ap)->offset)
			return false;
	return true;
}

/* Whether @node looks at where it was called from, or at what with. */
static void find_context(void *ctx, struct ast *node)
{
	bool *is_found = ctx;
	uint32_t builtin = BI_COUNT;

	if (node->kind == AST_BUILTIN)
		builtin = node->ident.builtin;
	else if (node->kind == AST_CALL)
		builtin = node->call.builtin;
	switch (builtin) {
	case BI_args:
	case BI_ctx:
	case BI_kstack:
	case BI_ustack: *is_found = true; break;
	default: break;
	}
	if (!*is_found)
		ast_each_child(node, find_context, ctx);
}

/*
 * A tracepoint's program that needs none of its fields is a raw tracepoint's, where there is one
 * by that name: perf, which collects the fields, costs more than most scripts, and waits for RCU
 * when it is closed.
 */
static bool is_raw_enough(const struct lower *lo, const struct lowered_program *p)
{
	const struct target *target = lo->o->target;
	bool uses_context = false;

	if (!target || !target->raw_tracepoint_args)
		return false;
	find_context(&uses_context, p->probe->body);
	if (p->probe->predicate)
		find_context(&uses_context, p->probe->predicate);
	if (uses_context)
		return false;
	vec_foreach (&p->attach_points, ap)
		if ((*ap)->syscall >= 0 ||
		    !target->raw_tracepoint_args(target->ctx, (*ap)->function))
			return false;
	return true;
}

static void choose_load(struct lower *lo, struct lowered_program *p)
{
	const struct attach_point *ap = p->attach_points.data[0];

	p->prog_type = load_infos[p->kind].prog_type;
	p->expected_attach_type = load_infos[p->kind].attach_type;
	switch (p->kind) {
	case PROBE_rawtracepoint:
		/* With types, where the kernel has them for it. */
		if (lo->features.btf_raw_tracepoint && ap->btf_id && !lo->o->no_typed_loads) {
			p->prog_type = BPF_PROG_TYPE_TRACING;
			p->expected_attach_type = BPF_TRACE_RAW_TP;
			p->attach_btf_id = ap->btf_id;
		}
		p->attach_name = ap->function;
		break;
	case PROBE_tracepoint:
		if (is_raw_enough(lo, p))
			p->prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
		break;
	case PROBE_fentry:
	case PROBE_fexit:
	case PROBE_iter:
		p->attach_btf_id = ap->btf_id;
		p->attach_name = ap->function;
		break;
	case PROBE_kprobe:
	case PROBE_kretprobe:
		if (is_kprobe_multi(lo, p))
			p->expected_attach_type = ATTACH_KPROBE_MULTI;
		break;
	case PROBE_uprobe:
	case PROBE_uretprobe:
	case PROBE_usdt:
		if (lo->features.uprobe_multi)
			p->expected_attach_type = ATTACH_UPROBE_MULTI;
		break;
	default: break;
	}
}

/* ---- programs -------------------------------------------------------------------------------- */

/* At most 15 characters that a BPF object's name may have. */
static const char *program_name(struct lower *lo, const struct probe *p, const char *name)
{
	const struct attach_point *ap = p->attach_points.len ? p->attach_points.data[0] : NULL;
	char *copy;

	if (!name)
		name = ap && ap->function ? ap->function : probe_infos[p->kind].name;
	copy = arena_strndup(lo->arena, name, strnlen(name, 15));
	for (char *c = copy; *c; c++)
		if (!isalnum((unsigned char)*c))
			*c = '_';
	return copy;
}

static struct lower_func *main_func_begin(struct lower *lo)
{
	struct lower_func *fn = arena_new(lo->arena, struct lower_func);

	fn->ir = ir_func_new(lo->ir, lo->ir->name);
	lo->fn = fn;
	block_enter(lo, block_new(lo));
	fn->return_var = ssa_var_new(lo);
	return fn;
}

struct lowered_program *program_begin(struct lower *lo, const struct probe *p, const char *name)
{
	struct lowered_program *program = arena_new(lo->arena, struct lowered_program);

	lo->ir = arena_new(lo->arena, struct ir_program);
	lo->ir->arena = lo->arena;
	lo->ir->name = program_name(lo, p, name);
	lo->callback_count = 0;
	lo->btf_types.len = 0;
	lo->btf_types.cap = 0;
	lo->btf_types.data = NULL;
	lo->current = program;
	lo->probe = p;
	lo->span = p->span;
	program->ir = lo->ir;
	program->kind = p->kind;
	program->probe = p;
	vec_foreach (&p->attach_points, ap)
		vec_push(lo->arena, &program->attach_points, *ap);
	main_func_begin(lo);
	ssa_write(lo, lo->fn->return_var, lower_default_return(lo));
	return program;
}

void program_end(struct lower *lo)
{
	struct lowered_program *program = lo->current;

	emit_return(lo, ssa_read(lo, lo->fn->return_var));
	vec_push(lo->out->arena, &lo->out->programs, program);
	lo->fn = NULL;
}

/*
 * A tracepoint's program that returns 0 hides the event from perf, which may be listening, too.
 */
struct ir_insn *lower_default_return(struct lower *lo)
{
	return emit_const(lo, lo->probe->kind == PROBE_tracepoint && !lo->is_syscall);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static void find_exit(void *ctx, struct ast *node)
{
	bool *is_found = ctx;

	if (node->kind == AST_CALL && node->call.builtin == BI_exit)
		*is_found = true;
	else if (!*is_found)
		ast_each_child(node, find_exit, ctx);
}

/*
 * A probe that calls exit() does nothing after that, though the runner takes a moment to detach it:
 * `interval:ms:1 { print(@x); exit(); }` prints once.  Those on user functions go on, as in
 * bpftrace: what a short program does until then is part of the result.
 */
static void leave_after_exit(struct lower *lo, const struct probe *p, struct ir_block *leave)
{
	struct place flag;
	struct ir_block *go_on;
	bool calls_exit = false;

	if (probe_infos[p->kind].flags & PROBE_F_RUNNER || p->kind == PROBE_uprobe ||
	    p->kind == PROBE_uretprobe || p->kind == PROBE_usdt)
		return;
	find_exit(&calls_exit, p->body);
	if (!calls_exit)
		return;
	flag = exit_flag(lo);
	go_on = block_new(lo);
	emit_branch_imm(lo, COND_EQ, place_load(lo, &flag, 0, 8, false), 0, go_on, leave);
	block_enter(lo, go_on);
}

void lower_body(struct lower *lo, const struct probe *p, struct ir_block *next)
{
	struct ir_block *body;

	lo->probe = p;
	lo->span = p->span;
	vars_begin(lo, p);
	lo->fn->return_to = next;
	lo->rmw_access = NULL;
	if (p->predicate) {
		body = block_new(lo);
		lower_condition(lo, p->predicate, body, next);
		block_enter(lo, body);
	}
	leave_after_exit(lo, p, next);
	lower_stmt(lo, p->body);
	emit_jump(lo, next);
}

static void lower_probe(struct lower *lo, const struct probe *p)
{
	struct lowered_program *program = program_begin(lo, p, NULL);
	struct ir_block *end = block_new(lo);

	choose_load(lo, program);
	lower_filter(lo, end);
	lo->iter_objects.len = 0;
	if (p->kind == PROBE_iter)
		iter_begin(lo, p, end);
	lower_body(lo, p, end);
	block_enter(lo, end);
	program_end(lo);
}

/* In the script's order, but system calls where their first one is. */
static void lower_probes(struct lower *lo)
{
	struct syscall_group groups[2] = { { .is_exit = false }, { .is_exit = true } };

	vec_foreach (&lo->program->probes, p)
		if ((*p)->attach_points.len && probe_is_syscall(lo, *p))
			vec_push(lo->arena,
				 &groups[(*p)->attach_points.data[0]->is_sys_exit].probes, *p);
	vec_foreach (&lo->program->probes, p) {
		struct syscall_group *g;

		if (!(*p)->attach_points.len)
			continue;
		if (!probe_is_syscall(lo, *p)) {
			lower_probe(lo, *p);
			continue;
		}
		g = &groups[(*p)->attach_points.data[0]->is_sys_exit];
		if (g->probes.data[0] == *p)
			lower_syscalls(lo, g);
	}
}

struct ir_insn *lower_bug(struct lower *lo, const struct ast *e)
{
	diag_error(lo->diags, e->span, "internal error: no code for this expression (kind %d)",
		   (int)e->kind);
	return emit_const(lo, 0);
}

/* ---- the image ------------------------------------------------------------------------------- */

static void fill_image(struct lower *lo)
{
	struct image *image = lo->out->image;

	image->maps = lo->maps.data;
	image->map_count = (uint32_t)lo->maps.len;
	image->vars = lo->vars;
	image->var_count = (uint32_t)lo->program->maps.len;
	image->events = lo->events.data;
	image->event_count = (uint32_t)lo->events.len;
	image->probe_names = lo->probe_names.data;
	image->probe_name_count = (uint32_t)lo->probe_names.len;
	image->kube_filters = lo->kube_filters.data;
	image->kube_filter_count = (uint32_t)lo->kube_filters.len;
	image->ringbuf_map = lo->ringbuf_map;
	image->filter_map = lo->filter_map;
	image->data_map = lo->data.map;
	image->rodata_map = lo->rodata.map;
	image->scratch_map = -1;
	image->lost_offset = lo->lost_offset;
	image->cpu_slots = lo->cpu_slots;
	image->runtime_offset = lo->runtime_offset;
	image->license = lo->o->config->license;
}

/* Without a kernel to ask: one that has everything. */
static const struct features all_features = {
	.ringbuf = true,
	.loop = true,
	.for_each_map_elem = true,
	.ktime_get_boot_ns = true,
	.ktime_get_tai_ns = true,
	.get_current_task_btf = true,
	.map_lookup_percpu_elem = true,
	.probe_read_kernel = true,
	.atomics = true,
	.get_func_ip = true,
	.ancestor_cgroup_id = true,
	.send_signal = true,
	.override_return = true,
	.btf_raw_tracepoint = true,
	.jiffies64 = true,
	.d_path = true,
	.cgroup_v2 = true,
};

bool lower_program(struct lowered *out, struct arena *a, const struct ast_program *p,
		   const struct lower_options *o, struct diags *diags)
{
	size_t errors = diags->error_count;
	struct lower lo = { .arena = a, .program = p, .o = o, .diags = diags, .out = out };

	lo.features = o->features ? *o->features : all_features;
	strmap_init(&lo.probe_ids, a);
	strmap_init(&lo.event_ids, a);
	data_begin(&lo);
	maps_plan(&lo);
	lower_probes(&lo);
	data_finish(&lo);
	fill_image(&lo);
	return diags->error_count == errors;
}
