/*
 * Rules of built-in variables and of calls: what the row of the table says.  What is particular to
 * one function is its check function, in builtin_check*.c.
 */
#include <string.h>

#include "lang/sema.h"
#include "lang/walk.h"
#include "util/str.h"

#define DEFAULT_STACK_LIMIT 127
#define MAX_STACK_LIMIT     1024

static const struct type *result_type(struct sema *s, enum builtin b)
{
	switch (builtin_infos[b].result) {
	case RES_VOID: return type_void();
	case RES_BOOL: return type_bool();
	case RES_U8: return type_int(1, false);
	case RES_U32: return type_int(4, false);
	case RES_U64: return type_int(8, false);
	case RES_I32: return type_int(4, true);
	case RES_I64: return type_int(8, true);
	case RES_COMM: return sema_string(s, 16);
	default: return type_none();
	}
}

static const struct type *incomplete_struct(struct sema *s, const char *name)
{
	struct type *t = arena_new(s->arena, struct type);

	t->kind = TYPE_STRUCT;
	t->name = name;
	return t;
}

static const struct type *pointer_to_tag(struct sema *s, const char *name, enum addr_space as)
{
	const struct type *t = sema_find_tag(s, "struct", name);

	if (!t)
		t = incomplete_struct(s, name);
	else
		sema_complete(s, t);
	if (as == AS_BTF && !t->btf_id)
		as = AS_KERNEL;
	return type_pointer(s->arena, t, as);
}

static const struct type *kube_type(struct sema *s, enum builtin b)
{
	struct type *t = arena_memdup(s->arena, type_fixed(TYPE_KUBE), sizeof(*t));

	t->mode = b == BI_pod         ? KUBE_POD
		  : b == BI_namespace ? KUBE_NAMESPACE
		  : b == BI_container ? KUBE_CONTAINER
		  : b == BI_node      ? KUBE_NODE
				      : KUBE_POD_UID;
	return t;
}

static const struct type *ctx_type(struct sema *s)
{
	const char *event;
	struct type *object;
	const struct type *t;

	switch (s->probe->kind) {
	case PROBE_kprobe:
	case PROBE_kretprobe:
	case PROBE_uprobe:
	case PROBE_uretprobe:
	case PROBE_usdt: return pointer_to_tag(s, "pt_regs", AS_CTX);
	case PROBE_profile:
	case PROBE_interval:
	case PROBE_software:
	case PROBE_hardware:
	case PROBE_watchpoint: return pointer_to_tag(s, "bpf_perf_event_data", AS_CTX);
	case PROBE_iter:
		event = s->probe->attach_points.len ? s->probe->attach_points.data[0]->function
						    : "";
		t = NULL;
		if (s->target && s->target->iter_context)
			t = s->target->iter_context(s->target->ctx,
						    arena_printf(s->arena, "bpf_iter__%s", event));
		if (!t)
			return pointer_to_tag(s, arena_printf(s->arena, "bpf_iter__%s", event),
					      AS_CTX);
		sema_complete(s, t);
		object = arena_memdup(s->arena, t, sizeof(*t));
		object->inner_as = AS_BTF;
		return type_pointer(s->arena, object, AS_CTX);
	default: return type_pointer(s->arena, type_void(), AS_CTX);
	}
}

static const struct type *find_args(struct sema *s)
{
	const struct target *t = s->target;
	const struct attach_point *ap =
		s->probe->attach_points.len ? s->probe->attach_points.data[0] : NULL;

	if (!t || !ap)
		return NULL;
	switch (s->probe->kind) {
	case PROBE_fentry:
	case PROBE_fexit:
		return t->function_args ? t->function_args(t->ctx, ap->module, ap->function) : NULL;
	case PROBE_rawtracepoint:
		return t->raw_tracepoint_args ? t->raw_tracepoint_args(t->ctx, ap->function) : NULL;
	case PROBE_tracepoint:
		return t->tracepoint_args ? t->tracepoint_args(t->ctx, ap->module, ap->function)
					  : NULL;
	case PROBE_uprobe:
		return t->uprobe_args ? t->uprobe_args(t->ctx, ap->path, ap->function) : NULL;
	default: return NULL;
	}
}

/* The arguments of the probe at hand, or NULL and an error. */
static const struct type *probe_args(struct sema *s, const struct ast *node)
{
	const struct attach_point *ap;
	struct span span = node->span;

	if (!s->probe->args)
		s->probe->args = find_args(s);
	if (s->probe->args)
		return s->probe->args;
	ap = s->probe->attach_points.len ? s->probe->attach_points.data[0] : NULL;
	if (ap)
		span = ap->span;
	if (s->probe->kind == PROBE_uprobe)
		diag_error(s->diags, span,
			   "Could not parse arguments of \"%s\": no debuginfo found for %s",
			   ap ? ap->name : "", ap && ap->path ? ap->path : "");
	else
		diag_error(s->diags, span, "Could not parse arguments of \"%s\": BTF data %s",
			   ap ? ap->name : "",
			   s->target ? "for the function not found" : "not available");
	return NULL;
}

static const struct type *args_type(struct sema *s, const struct ast *node)
{
	const struct type *t = probe_args(s, node);

	if (!t)
		return type_error();
	if (t->count == 0 && s->probe->kind != PROBE_tracepoint) {
		diag_error(s->diags, node->span, "Cannot read function parameters");
		return type_error();
	}
	s->probe->uses_args_whole |= s->is_final; // sema_field() takes it back
	return t;
}

static const struct type *retval_type(struct sema *s, struct ast *node)
{
	enum addr_space as = sema_probe_space(s->probe->kind);
	const struct type *t = s->probe->retval; // split off the arguments by probe_expand()
	const struct type *args;
	struct type_member m;

	if (s->probe->kind != PROBE_fentry && s->probe->kind != PROBE_fexit)
		return sema_int(s, 8, false, as);
	if (!t) {
		args = probe_args(s, node);
		if (!args)
			return type_error();
		if (!type_find_member(args, "$retval", &m)) {
			diag_error(s->diags, node->span, "Can't find a field $retval");
			return type_error();
		}
		t = m.type;
	}
	if (t->kind == TYPE_STRUCT)
		sema_complete(s, t);
	if (t->kind == TYPE_POINTER)
		as = t->elem->kind == TYPE_STRUCT && t->elem->btf_id ? AS_BTF : AS_KERNEL;
	return sema_in(s, t, as);
}

static const struct type *nsecs_type(struct sema *s, uint32_t clock)
{
	struct type *t;

	if (clock == NSECS_BOOT)
		return type_int(8, false);
	t = arena_memdup(s->arena, type_int(8, false), sizeof(*t));
	t->mode = clock;
	return t;
}

/* kstack without a mode: as configured. */
static const struct type *stack_type(struct sema *s, struct ast *node)
{
	bool is_kernel = node->ident.builtin == BI_kstack;
	enum stack_mode mode = s->config->stack_mode;

	if (node->ident.number)
		return node->type; // of kstack(…)
	if (is_kernel && mode == STACK_BUILD_ID) {
		diag_warning(s->diags, node->span,
			     "'build_id' stack mode can only be used for ustack. Falling back to "
			     "'raw' mode.");
		mode = STACK_RAW;
	}
	return type_stack(s->arena, is_kernel ? TYPE_KSTACK : TYPE_USTACK, mode,
			  DEFAULT_STACK_LIMIT);
}

/* Callbacks don't have the program's context. */
static void check_context(struct sema *s, const struct ast *node)
{
	switch (node->ident.builtin) {
	case BI_arg:
	case BI_sarg:
	case BI_args:
	case BI_ctx:
	case BI_retval:
		if (s->for_depth && s->is_final)
			diag_error(s->diags, node->span,
				   "'%s' builtin is not allowed in a for-loop", node->ident.name);
		break;
	default: break;
	}
}

/* `probe` where several attach points share a body: room for the longest name, in whole words. */
static const struct type *probe_type(struct sema *s)
{
	size_t longest = 0;

	vec_foreach (&s->probe->attach_points, ap)
		if (strlen((*ap)->name) > longest)
			longest = strlen((*ap)->name);
	return sema_string(s, (uint32_t)(longest + 8) & ~7u);
}

const struct type *sema_builtin(struct sema *s, struct ast *node)
{
	enum builtin b = node->ident.builtin;

	check_context(s, node);
	switch (b) {
	case BI_arg:
	case BI_sarg: return sema_int(s, 8, false, sema_probe_space(s->probe->kind));
	case BI_args: return args_type(s, node);
	case BI_retval: return retval_type(s, node);
	case BI_probe: return probe_type(s);
	case BI_ctx: return ctx_type(s);
	case BI_curtask: return pointer_to_tag(s, "task_struct", AS_BTF);
	case BI_func:
		return type_fixed(s->probe->kind == PROBE_uprobe ||
						  s->probe->kind == PROBE_uretprobe
					  ? TYPE_USYM
					  : TYPE_KSYM);
	case BI_kstack:
	case BI_ustack:
	case BI_dw_ustack: return stack_type(s, node);
	case BI_nsecs: return nsecs_type(s, node->ident.number);
	case BI_username: return type_fixed(TYPE_USERNAME);
	case BI_ncpus:
		if (s->is_final && s->target)
			sema_set_constant(node, s->target->cpu_count, type_int(8, false));
		return type_int(8, false);
	case BI_pod:
	case BI_namespace:
	case BI_container:
	case BI_node:
	case BI_pod_uid: return kube_type(s, b);
	default: return result_type(s, b);
	}
}

static bool stack_mode_of(const char *name, enum stack_mode *mode)
{
	static const char *const names[] = { [STACK_BPFTRACE] = "bpftrace",
					     [STACK_PERF] = "perf",
					     [STACK_RAW] = "raw",
					     [STACK_BUILD_ID] = "build_id" };

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			*mode = i;
			return true;
		}
	}
	return false;
}

static uint64_t stack_limit(struct sema *s, const struct ast *call, const struct ast *arg)
{
	if (arg->kind != AST_INT || arg->integer.is_negative) {
		diag_error(s->diags, call->span, "%s: invalid limit value", call->call.name);
		return DEFAULT_STACK_LIMIT;
	}
	if (arg->integer.value > MAX_STACK_LIMIT)
		diag_error(s->diags, call->span,
			   "%s([int limit]): limit shouldn't exceed %d, %llu given",
			   call->call.name, MAX_STACK_LIMIT,
			   (unsigned long long)arg->integer.value);
	return arg->integer.value;
}

/* kstack(mode, limit), kstack(limit), kstack(mode): the variable with a type of its own. */
static const struct type *stack_call(struct sema *s, struct ast *call)
{
	ast_list *args = &call->call.args;
	bool is_kernel = call->call.builtin == BI_kstack;
	enum stack_mode mode = s->config->stack_mode;
	uint64_t limit = DEFAULT_STACK_LIMIT;
	struct ast n = { .kind = AST_BUILTIN };
	struct ast *first = args->data[0];

	if (first->kind == AST_IDENT) {
		if (!stack_mode_of(first->ident.name, &mode))
			diag_error(
				s->diags, first->span,
				"Error parsing stack mode: %s: Invalid value for stack_mode: valid "
				"values are bpftrace, raw, perf, and build_id.",
				call->call.name);
		if (args->len == 2)
			limit = stack_limit(s, call, args->data[1]);
	} else if (args->len == 2) {
		diag_error(s->diags, call->span, "Expected stack mode as first argument");
	} else {
		limit = stack_limit(s, call, first);
	}
	if (is_kernel && mode == STACK_BUILD_ID)
		diag_error(s->diags, call->span,
			   "'build_id' stack mode can only be used for ustack");
	n.ident.name = call->call.name;
	n.ident.builtin = call->call.builtin;
	n.ident.number = 1; // its type is its own
	if (!s->is_solving)
		sema_replace(call, &n);
	return type_stack(s->arena, is_kernel ? TYPE_KSTACK : TYPE_USTACK, mode, (uint32_t)limit);
}

static const struct type *unknown_function(struct sema *s, const struct ast *call)
{
	struct str_nearest nearest;

	diag_error(s->diags, call->span, "Unknown function: '%s'", call->call.name);
	str_nearest_init(&nearest, call->call.name);
	for (uint32_t i = BI_NONE + 1; i < BI_COUNT; i++) {
		if (builtin_infos[i].kind != BUILTIN_VAR)
			str_nearest_try(&nearest, builtin_infos[i].name);
	}
	if (nearest.best)
		diag_hint(s->diags, "did you mean '%s'?", nearest.best);
	return type_error();
}

bool sema_check_arity(struct sema *s, const struct ast *call)
{
	const struct builtin_info *info = &builtin_infos[call->call.builtin];
	const char *name = call->call.name;
	uint32_t min = info->min_args, max = info->max_args;
	size_t count = call->call.args.len;

	if (count >= min && count <= max)
		return true;
	if (max == 0)
		diag_error(s->diags, call->span, "%s() requires no arguments (%zu provided)", name,
			   count);
	else if (min == max && min == 1)
		diag_error(s->diags, call->span, "%s() requires one argument (%zu provided)", name,
			   count);
	else if (min == max)
		diag_error(s->diags, call->span, "%s() requires %u arguments (%zu provided)", name,
			   min, count);
	else if (count < min && min == 1)
		diag_error(s->diags, call->span,
			   "%s() requires at least one argument (%zu provided)", name, count);
	else if (count < min)
		diag_error(s->diags, call->span,
			   "%s() requires at least %u arguments (%zu provided)", name, min, count);
	else if (max == 1)
		diag_error(s->diags, call->span, "%s() takes up to one argument (%zu provided)",
			   name, count);
	else
		diag_error(s->diags, call->span, "%s() takes up to %u arguments (%zu provided)",
			   name, max, count);
	return false;
}

static char arg_kind(const struct builtin_info *info, size_t i)
{
	size_t len = strlen(info->args);

	if (!len)
		return 'x';
	return info->args[i < len ? i : len - 1];
}

static bool want(struct sema *s, const struct ast *call, const struct ast *arg, const char *kind,
		 bool is_kind, bool is_literal)
{
	if (is_literal && (!is_kind || !ast_is_literal(arg))) {
		diag_error(s->diags, call->span, "%s() expects a %s literal (%s provided)",
			   call->call.name, kind, type_kind_name(arg->type));
		return false;
	}
	if (!is_kind)
		diag_error(s->diags, call->span, "%s() only supports %s arguments (%s provided)",
			   call->call.name, kind, type_kind_name(arg->type));
	return is_kind;
}

bool sema_check_args(struct sema *s, const struct ast *call)
{
	const struct builtin_info *info = &builtin_infos[call->call.builtin];
	bool ok = true;

	for (size_t i = 0; i < call->call.args.len; i++) {
		const struct ast *arg = call->call.args.data[i];
		const struct type *t = arg->type;

		if (!t || t->kind == TYPE_ERROR)
			continue;
		switch (arg_kind(info, i)) {
		case 'i': ok &= want(s, call, arg, "int", sema_is_integer(t), false); break;
		case 'k': ok &= want(s, call, arg, "int", sema_is_integer(t), true); break;
		case 's': ok &= want(s, call, arg, "string", t->kind == TYPE_STRING, true); break;
		case 'S': ok &= want(s, call, arg, "string", t->kind == TYPE_STRING, false); break;
		case 'p':
			ok &= want(s, call, arg, "pointer", t->kind == TYPE_POINTER, false);
			break;
		default: break;
		}
	}
	return ok;
}

static bool is_long_string_arg(enum builtin b, size_t i)
{
	return i == 0 && (b == BI_printf || b == BI_errorf || b == BI_warnf || b == BI_cgroupid);
}

/* Type the arguments.  TYPE_NONE or TYPE_ERROR if one of them is, else TYPE_VOID. */
static const struct type *type_args(struct sema *s, struct ast *call)
{
	const struct builtin_info *info = &builtin_infos[call->call.builtin];
	const struct type *all = type_void();
	bool was = s->allow_long_string;

	for (size_t i = 0; i < call->call.args.len; i++) {
		struct ast *arg = call->call.args.data[i];
		const struct type *t;

		if (i == 0 && (info->flags & BF_MAP) && arg->kind == AST_MAP) {
			arg->type = type_void(); // the map as a whole
			continue;
		}
		if (call->call.builtin == BI_find && i == 2 && arg->kind == AST_VAR)
			continue;
		s->allow_long_string = is_long_string_arg(call->call.builtin, i);
		t = sema_expr(s, arg);
		if (t->kind == TYPE_ERROR || (t->kind == TYPE_NONE && all->kind != TYPE_ERROR))
			all = t;
	}
	s->allow_long_string = was;
	return all;
}

const struct type *sema_call(struct sema *s, struct ast *call)
{
	enum builtin b = call->call.builtin;
	const struct builtin_info *info = &builtin_infos[b];
	const struct type *result = result_type(s, b);
	const struct type *args;

	if (b == BI_NONE)
		return unknown_function(s, call);
	if (b == BI_kstack || b == BI_ustack || b == BI_dw_ustack)
		return stack_call(s, call);
	if (!sema_check_arity(s, call))
		return type_error();
	args = type_args(s, call);
	if (args->kind == TYPE_ERROR)
		return info->result == RES_CHECK ? type_error() : result;
	if (args->kind == TYPE_NONE && !(info->flags & BF_MAP))
		return result;
	if (s->is_final && !sema_check_args(s, call))
		return info->result == RES_CHECK ? type_error() : result;
	if (info->check && (s->is_final || info->result == RES_CHECK || (info->flags & BF_MAP))) {
		const struct type *t = info->check(s, call);

		return info->result == RES_CHECK || t->kind == TYPE_ERROR ? t : result;
	}
	return result;
}
