/*
 * Names: identifiers become constants and built-in variables, calls get their BI_*, compound
 * assignment becomes plain assignment.  Also the warnings about old and unstable features, which
 * need no types.
 */
#include <string.h>

#include "lang/cdecl.h"
#include "lang/sema.h"
#include "lang/walk.h"
#include "util/str.h"

static void names(void *ctx, struct ast *node);

/* How bpftrace calls a kind of probe: `probetype`. */
static const char *kind_name(enum probe_kind kind)
{
	switch (kind) {
	case PROBE_begin:
	case PROBE_end:
	case PROBE_self: return "special";
	case PROBE_bench: return "benchmark";
	default: return probe_infos[kind].name;
	}
}

static const char *probe_name(const struct sema *s)
{
	return s->probe->attach_points.len ? s->probe->attach_points.data[0]->name : "none";
}

/* Where a built-in can't be used, in the words of its own. */
static void report_probe(struct sema *s, const struct ast *node, enum builtin b, const char *name)
{
	const char *kind = probe_infos[s->probe->kind].name;

	switch (b) {
	case BI_retval:
		diag_error(s->diags, node->span,
			   "The retval builtin can only be used with 'kretprobe' and 'uretprobe' "
			   "and 'fentry' probes%s",
			   s->probe->kind == PROBE_tracepoint ? " (try to use args.ret instead)"
							      : "");
		break;
	case BI_arg:
		diag_error(s->diags, node->span,
			   "The %s builtin can only be used with 'kprobes', 'uprobes' and 'usdt' "
			   "probes",
			   name);
		break;
	case BI_args:
		diag_error(s->diags, node->span,
			   "The args builtin can only be used with tracepoint, rawtracepoint, "
			   "fentry/fexit, and uprobe probes (%s used here)",
			   kind_name(s->probe->kind));
		break;
	case BI_ctx:
		if (s->probe->kind == PROBE_tracepoint) {
			diag_error(s->diags, node->span, "Use args instead of ctx in tracepoint");
			break;
		}
		/* fallthrough */
	case BI_func:
		diag_error(s->diags, node->span, "The %s builtin can not be used with '%s' probes",
			   name, kind);
		if (b == BI_func)
			diag_hint(s->diags, "`probe` is the name of the probe");
		break;
	case BI_override:
		diag_error(s->diags, node->span, "override() can only be used inside kprobes");
		break;
	case BI_path:
		diag_error(
			s->diags, node->span,
			"The path function can only be used with 'fentry', 'fexit', 'iter' probes");
		break;
	case BI_signal:
	case BI_signal_thread:
		diag_error(s->diags, node->span, "%s() can not be used for this probetype %s", name,
			   kind_name(s->probe->kind));
		break;
	default:
		diag_error(s->diags, node->span, "%s can not be used with \"%s\" probes", name,
			   kind);
		break;
	}
}

static bool allowed(struct sema *s, const struct ast *node, enum builtin b, const char *name)
{
	if (builtin_infos[b].probes & (1u << s->probe->kind))
		return true;
	report_probe(s, node, b, name);
	return false;
}

static void set_error(struct ast *node)
{
	sema_set_constant(node, 0, type_error());
}

static void add_item(struct sema *s, struct ast *record, const char ***names_at, const char *name,
		     struct ast *value)
{
	*(*names_at)++ = name;
	vec_push(s->arena, &record->tuple.items, value);
}

/* The configuration, as a record of literals. */
static void set_config(struct sema *s, struct ast *node)
{
	static const char *const unstable[] = {
		[UNSTABLE_WARN] = "warn", [UNSTABLE_ENABLE] = "enable", [UNSTABLE_ERROR] = "error"
	};
	static const char *const missing[] = {
		[MISSING_ERROR] = "error", [MISSING_WARN] = "warn", [MISSING_IGNORE] = "ignore"
	};
	static const char *const stack_modes[] = { [STACK_BPFTRACE] = "bpftrace",
						   [STACK_PERF] = "perf",
						   [STACK_RAW] = "raw",
						   [STACK_BUILD_ID] = "build_id" };
	const struct config *c = s->config;
	const struct {
		const char *name;
		char kind; // b, i, s
		uint64_t number;
		const char *text;
	} rows[] = {
		{ "cpp_demangle", 'b', c->cpp_demangle, NULL },
		{ "lazy_symbolication", 'b', c->lazy_symbolication, NULL },
		{ "print_maps_on_exit", 'b', c->print_maps_on_exit, NULL },
		{ "use_blazesym", 'b', c->use_blazesym, NULL },
		{ "show_debug_info", 'b', c->show_debug_info, NULL },
		{ "log_size", 'i', c->log_size, NULL },
		{ "max_bpf_progs", 'i', c->max_bpf_progs, NULL },
		{ "max_cat_bytes", 'i', c->max_cat_bytes, NULL },
		{ "max_map_keys", 'i', c->max_map_keys, NULL },
		{ "max_probes", 'i', c->max_probes, NULL },
		{ "max_strlen", 'i', c->max_strlen, NULL },
		{ "on_stack_limit", 'i', c->on_stack_limit, NULL },
		{ "perf_rb_pages", 'i', c->perf_rb_pages, NULL },
		{ "str_trunc_trailer", 's', 0, c->str_trunc_trailer },
		{ "unstable_import_statement", 's', 0, unstable[c->unstable_import] },
		{ "unstable_tseries", 's', 0, unstable[c->unstable_tseries] },
		{ "unstable_typeinfo", 's', 0, unstable[c->unstable_typeinfo] },
		{ "unstable_dw_ustack", 's', 0, unstable[c->unstable_dw_ustack] },
		{ "missing_probes", 's', 0, missing[c->missing_probes] },
		{ "stack_mode", 's', 0, stack_modes[c->stack_mode & 3] },
		{ "license", 's', 0, c->license },
	};
	size_t count = sizeof(rows) / sizeof(rows[0]);
	struct ast record = { .kind = AST_RECORD };
	const char **name = arena_array(s->arena, const char *, count);

	record.tuple.names = name;
	for (size_t i = 0; i < count; i++) {
		struct ast *value = ast_new(s->arena, AST_INT, node->span);

		if (rows[i].kind == 'b')
			sema_set_bool(value, rows[i].number);
		else if (rows[i].kind == 'i')
			sema_set_int(value, rows[i].number);
		else
			sema_set_string(value, rows[i].text ? rows[i].text : "",
					rows[i].text ? strlen(rows[i].text) : 0);
		add_item(s, &record, &name, rows[i].name, value);
	}
	sema_replace(node, &record);
}

/* Is the probe attached to a program or library whose arguments can be told apart? */
static void check_arg_number(struct sema *s, const struct ast *node, uint32_t number)
{
	const struct arch *arch = arch_of(s->target);

	if (s->probe->kind != PROBE_usdt && s->probe->kind != PROBE_rawtracepoint &&
	    number >= arch->argument_count)
		diag_error(s->diags, node->span, "%s doesn't support arg%u", arch->name, number);
}

static void check_args(struct sema *s, const struct ast *node)
{
	enum probe_kind kind = s->probe->kind;
	const struct attach_point *ap =
		s->probe->attach_points.len ? s->probe->attach_points.data[0] : NULL;

	if ((kind == PROBE_fentry || kind == PROBE_fexit) && ap &&
	    (ap->prog_id || (ap->module && strcmp(ap->module, "bpf") == 0)))
		diag_error(s->diags, node->span,
			   "The args builtin cannot be used for 'fentry/fexit:bpf' probes");
}

static void set_builtin(struct sema *s, struct ast *node, enum builtin b, uint32_t number,
			const char *name)
{
	struct ast n = { .kind = AST_BUILTIN };

	if (b == BI_usermode && !(builtin_infos[b].probes & (1u << s->probe->kind))) {
		sema_set_int(node, strcmp(kind_name(s->probe->kind), "special") == 0);
		return;
	}
	if (!allowed(s, node, b, name)) {
		set_error(node);
		return;
	}
	switch (b) {
	case BI_probe:
		if (s->probe->attach_points.len > 1)
			break;
		sema_set_string(node, probe_name(s), strlen(probe_name(s)));
		return;
	case BI_probetype:
		name = kind_name(s->probe->kind);
		sema_set_string(node, name, strlen(name));
		return;
	case BI_config: set_config(s, node); return;
	case BI_arg: check_arg_number(s, node, number); break;
	case BI_args: check_args(s, node); break;
	case BI_sarg:
		diag_warning(s->diags, node->span,
			     "sarg* is deprecated and will be removed in the future.");
		diag_hint(s->diags, "Use *(reg(\"sp\") + <stack_offset>) instead.");
		break;
	default: break;
	}
	n.ident.name = name;
	n.ident.builtin = b;
	n.ident.number = number;
	sema_replace(node, &n);
}

/* Enumerators and constants, of the script first. */
static bool set_c_constant(struct sema *s, struct ast *node, bool only_script)
{
	const struct type *t = NULL;
	int64_t value;

	if (c_scope_find_constant(s->program->c_scope, node->ident.name, &value, &t)) {
		if (!t) {
			sema_set_negative(node, value);
			return true;
		}
	} else if (only_script || !s->target || !s->target->find_enumerator ||
		   !s->target->find_enumerator(s->target->ctx, node->ident.name, &value, &t)) {
		return false;
	}
	if (t && t->kind == TYPE_ENUM && (t->size != 8 || t->is_signed)) {
		struct type *wide = arena_memdup(s->arena, t, sizeof(*t));

		wide->size = 8;
		wide->is_signed = false;
		t = wide;
	}
	sema_set_constant(node, (uint64_t)value, t ? t : type_int(8, false));
	return true;
}

/* The name of a built-in as bpftrace's own library spells it: __builtin_comm. */
static const char *builtin_name(const char *name)
{
	return str_starts_with(name, "__builtin_") ? name + strlen("__builtin_") : name;
}

/* What only libraries need to know. */
static bool set_fact(struct sema *s, struct ast *node, const char *name)
{
	const char *arch = arch_of(s->target)->name;

	if (strcmp(name, "__builtin_safe_mode") == 0)
		sema_set_bool(node, !s->options->is_unsafe);
	else if (strcmp(name, "__builtin_arch") == 0)
		sema_set_string(node, arch, strlen(arch));
	else
		return false;
	return true;
}

static void name_ident(struct sema *s, struct ast *node)
{
	const char *name = builtin_name(node->ident.name);
	uint32_t number;
	enum builtin b = builtin_find(name, &number);

	if (set_fact(s, node, node->ident.name))
		return;

	if (b != BI_NONE && builtin_infos[b].kind == BUILTIN_VAR) {
		/* Names that bpftrace does not have give way to the script's own. */
		if (builtin_infos[b].result == RES_KUBE && set_c_constant(s, node, true))
			return;
		set_builtin(s, node, b, number, name);
		return;
	}
	(void)set_c_constant(s, node, false);
}

/* pid(init): the name, or NULL. */
static const char *only_name(const struct ast *call)
{
	const struct ast *arg = call->call.args.len == 1 ? call->call.args.data[0] : NULL;

	return arg && arg->kind == AST_IDENT ? arg->ident.name : NULL;
}

static void name_pid(struct sema *s, struct ast *node, enum builtin b)
{
	const struct ast *arg = node->call.args.data[0];
	const char *mode = only_name(node);

	if (!mode) {
		diag_error(s->diags, node->span,
			   "%s() only supports curr_ns and init as the argument", node->call.name);
		set_error(node);
	} else if (strcmp(mode, "curr_ns") == 0 || strcmp(mode, "init") == 0) {
		set_builtin(s, node, b, mode[0] == 'i', node->call.name);
	} else {
		diag_error(s->diags, arg->span,
			   "Invalid PID namespace mode: %s (expects: curr_ns or init)", mode);
		set_error(node);
	}
}

static void name_nsecs(struct sema *s, struct ast *node)
{
	static const char *const clocks[NSECS_CLOCK_COUNT] = { [NSECS_BOOT] = "boot",
							       [NSECS_MONOTONIC] = "monotonic",
							       [NSECS_TAI] = "tai",
							       [NSECS_SW_TAI] = "sw_tai" };
	const struct ast *arg = node->call.args.data[0];
	const char *mode = only_name(node);

	for (uint32_t i = 0; mode && i < NSECS_CLOCK_COUNT; i++) {
		if (strcmp(clocks[i], mode) == 0) {
			set_builtin(s, node, BI_nsecs, i, "nsecs");
			return;
		}
	}
	if (mode)
		diag_error(s->diags, arg->span, "Invalid timestamp mode: %s", mode);
	else
		diag_error(s->diags, node->span,
			   "nsecs() only supports timestamp_mode arguments (%s provided)",
			   arg->kind == AST_STRING ? "string" : "int");
	set_error(node);
}

/* A call of a built-in variable: pid(), pid(init), kstack(perf, 3). */
static void name_var_call(struct sema *s, struct ast *node, enum builtin b, uint32_t number)
{
	size_t count = node->call.args.len;
	bool is_stack = b == BI_kstack || b == BI_ustack || b == BI_dw_ustack;

	if (count == 0) {
		set_builtin(s, node, b, number, node->call.name);
	} else if (is_stack && count <= 2) {
		node->call.builtin = b;
		for (size_t i = 0; i < count; i++) {
			if (node->call.args.data[i]->kind != AST_IDENT || i)
				names(s, node->call.args.data[i]);
		}
	} else if (count == 1 && (b == BI_pid || b == BI_tid)) {
		name_pid(s, node, b);
	} else if (count == 1 && b == BI_nsecs) {
		name_nsecs(s, node);
	} else if (count == 1 && b == BI_comm) {
		node->call.builtin = BI_comm_of;
		names(s, node->call.args.data[0]);
	} else {
		uint32_t max =
			is_stack ? 2 : b == BI_pid || b == BI_tid || b == BI_nsecs || b == BI_comm;

		if (max == 0)
			diag_error(s->diags, node->span,
				   "%s() requires no arguments (%zu provided)", node->call.name,
				   count);
		else if (max == 1)
			diag_error(s->diags, node->span,
				   "%s() takes up to one argument (%zu provided)", node->call.name,
				   count);
		else
			diag_error(s->diags, node->span,
				   "%s() takes up to %u arguments (%zu provided)", node->call.name,
				   max, count);
		set_error(node);
	}
}

static bool is_unsafe(const struct sema *s, enum builtin b)
{
	return (builtin_infos[b].flags & BF_UNSAFE) && !s->options->is_unsafe;
}

static void report_unsafe(struct sema *s, const struct ast *node, enum builtin b)
{
	if (b == BI_system)
		diag_error(s->diags, node->span,
			   "system() is an unsafe function being used in safe mode");
	else
		diag_error(s->diags, node->span,
			   "%s() is unsafe. To use you need the --unsafe flag", node->call.name);
}

/* Features that may change, with the configuration variable that allows them. */
static void check_unstable(struct sema *s, const struct ast *node, enum config_unstable mode,
			   const char *feature, const char *setting, uint32_t bit)
{
	struct span nowhere = { 0 };

	if (node->span.source && node->span.source->is_builtin)
		return;
	if (mode == UNSTABLE_ERROR) {
		diag_error(s->diags, node->span,
			   "%s feature is not enabled by default. To enable this unstable feature, "
			   "set the config flag to enable. %s=enable",
			   feature, setting);
	} else if (mode == UNSTABLE_WARN && !(s->warned & bit)) {
		s->warned |= bit;
		diag_warning(s->diags, nowhere,
			     "Script is using an unstable feature: %s. To prevent this warning you "
			     "must explicitly enable it in the config e.g. %s=enable",
			     feature, setting);
	}
}

static void name_call(struct sema *s, struct ast *node)
{
	uint32_t number;
	enum builtin b = builtin_find(builtin_name(node->call.name), &number);

	node->call.name = builtin_name(node->call.name);
	if (b == BI_tseries)
		check_unstable(s, node, s->config->unstable_tseries, "tseries", "unstable_tseries",
			       1);
	if (b == BI_dw_ustack) {
		check_unstable(s, node, s->config->unstable_dw_ustack,
			       "dw_ustack (DWARF stack unwinding)", "unstable_dw_ustack", 2);
		diag_warning(
			s->diags, node->span,
			"dw_ustack follows frame pointers here, as ustack does: the callers of "
			"functions that were built without them may be missing");
	}
	if (b != BI_NONE && builtin_infos[b].kind == BUILTIN_VAR) {
		name_var_call(s, node, b, number);
		return;
	}
	node->call.builtin = b;
	for (size_t i = 0; i < node->call.args.len; i++)
		names(s, node->call.args.data[i]);
	if (b == BI_NONE)
		return;
	if (is_unsafe(s, b))
		report_unsafe(s, node, b);
	(void)allowed(s, node, b, node->call.name);
}

/* typeof(name): is it a type? */
static void name_type(struct sema *s, struct type_expr *t)
{
	for (; t; t = t->type_of_type) {
		if (t->type_of && t->type_of->kind == AST_IDENT) {
			name_ident(s, t->type_of);
			if (t->type_of->kind == AST_IDENT) {
				t->name = t->type_of->ident.name;
				t->type_of = NULL;
			}
		}
	}
}

/* sizeof(name): is it a type? */
static void name_type_query(struct sema *s, struct ast *node)
{
	struct ast *e = node->type_query.of_expr;
	struct type_expr *t;

	if (node->kind == AST_TYPEINFO)
		check_unstable(s, node, s->config->unstable_typeinfo, "typeinfo",
			       "unstable_typeinfo", 4);
	if (e && e->kind == AST_IDENT) {
		name_ident(s, e);
		if (e->kind != AST_IDENT)
			return;
		t = arena_new(s->arena, struct type_expr);
		t->span = e->span;
		t->name = e->ident.name;
		node->type_query.of_type = t;
		node->type_query.of_expr = NULL;
		return;
	}
	name_type(s, node->type_query.of_type);
	ast_each_child(node, names, s);
}

static void expand_assign(struct sema *s, struct ast *node)
{
	struct ast *op;

	if (node->assign.op == OPR_NONE || !node->assign.lhs)
		return;
	op = ast_new(s->arena, AST_BINARY, node->assign.op_span);
	op->binary.op = node->assign.op;
	op->binary.left = ast_clone(s->arena, node->assign.lhs);
	op->binary.right = node->assign.rhs;
	node->assign.rhs = op;
	node->assign.op = OPR_NONE;
}

static void names(void *ctx, struct ast *node)
{
	struct sema *s = ctx;

	switch (node->kind) {
	case AST_IDENT: name_ident(s, node); break;
	case AST_CALL: name_call(s, node); break;
	case AST_SIZEOF:
	case AST_OFFSETOF:
	case AST_TYPEOF:
	case AST_TYPEINFO: name_type_query(s, node); break;
	case AST_ASSIGN:
		expand_assign(s, node);
		ast_each_child(node, names, ctx);
		break;
	case AST_LET:
		name_type(s, node->let.declared);
		ast_each_child(node, names, ctx);
		break;
	case AST_CAST:
		name_type(s, node->cast.to);
		ast_each_child(node, names, ctx);
		break;
	case AST_WHILE:
		ast_each_child(node, names, ctx);
		if (node->span.source && node->span.source->is_builtin)
			break;
		diag_warning(s->diags, node->span,
			     "While loops are deprecated and may be removed in the future.");
		diag_hint(
			s->diags,
			"For loops support ranges (e.g. `for ($x : $start..$end) { ... }`), and "
			"can "
			"be used in place of while. These are more easily proven to be bounded by "
			"the verifier.");
		break;
	default: ast_each_child(node, names, ctx); break;
	}
}

static void names_of(struct sema *s, struct ast *node)
{
	names(s, node);
}

bool sema_names(struct sema *s)
{
	size_t errors = s->diags->error_count;

	sema_each_probe(s, names_of);
	return s->diags->error_count == errors;
}

static const struct ast *string_arg(const struct ast *call)
{
	const struct ast *arg = call->call.args.len == 1 ? call->call.args.data[0] : NULL;

	return arg && arg->kind == AST_STRING ? arg : NULL;
}

void sema_fold_builtin(struct sema *s, struct ast *call)
{
	const struct target *t = s->target;
	const struct ast *arg = call->call.args.len == 1 ? call->call.args.data[0] : NULL;
	struct sema_map *m;

	switch (call->call.builtin) {
	case BI_getopt: sema_fold_getopt(s, call); break;
	case BI_is_literal:
		if (arg)
			sema_set_bool(call, ast_is_literal(arg));
		break;
	case BI_kfunc_exist:
		if (string_arg(call))
			sema_set_bool(call, t && t->kfunc && t->kfunc(t->ctx, arg->string.data));
		break;
	case BI_kfunc_allowed:
		if (string_arg(call))
			sema_set_bool(call, t && t->kfunc_allowed &&
						    t->kfunc_allowed(t->ctx, arg->string.data,
								     s->probe->kind));
		break;
	case BI_is_scalar:
		if (!arg || arg->kind != AST_MAP || !arg->map.map)
			break;
		m = sema_map_of(s, arg);
		if (m->use != MAP_USE_UNKNOWN)
			sema_set_bool(call, m->use == MAP_USE_SCALAR);
		break;
	default: break;
	}
}
