/*
 * From specifications to probes: every specification of an action becomes concrete attach points
 * (probe_match.c), and these share clones of the body as far as the body means the same for them.
 *
 * Requires: macro_expand().   Provides: p->probes, in script order; p->c_scope.
 */
#include <string.h>

#include "lang/cdecl.h"
#include "lang/lang.h"
#include "lang/probe_match.h"
#include "lang/probe_parse.h"
#include "lang/walk.h"
#include "util/str.h"

/* What a body says that depends on where it is attached. */
struct body_uses {
	bool comptime; // there are conditions that must be constants
	bool probe;    // the name
	bool args;
	bool argn;
	bool retval;
	bool ctx;
};

struct expander {
	struct arena *arena;
	struct ast_program *program;
	const struct sema_options *options;
	struct diags *diags;
	size_t body_count;                         // BPF programs to be made
	vec_of(const struct attach_point *) named; // test and bench
};

static bool is_argn(const char *name)
{
	return !strncmp(name, "arg", 3) && name[3] >= '0' && name[3] <= '9';
}

static void note_name(struct body_uses *uses, const char *name)
{
	if (!strncmp(name, "__builtin_", 10))
		name += 10;
	if (!strcmp(name, "probe"))
		uses->probe = true;
	else if (!strcmp(name, "args"))
		uses->args = true;
	else if (!strcmp(name, "retval"))
		uses->retval = true;
	else if (!strcmp(name, "ctx"))
		uses->ctx = true;
	else if (is_argn(name))
		uses->argn = true;
}

static void find_uses(void *ctx, struct ast *node)
{
	if (node->kind == AST_IDENT)
		note_name(ctx, node->ident.name);
	else if (node->kind == AST_CALL)
		note_name(ctx, node->call.name);
	else if (node->kind == AST_COMPTIME)
		((struct body_uses *)ctx)->comptime = true;
	ast_each_child(node, find_uses, ctx);
}

static struct body_uses uses_of(const struct ast_action *action)
{
	struct body_uses uses = { 0 };

	if (action->predicate)
		find_uses(&uses, action->predicate);
	find_uses(&uses, action->body);
	return uses;
}

/* Split $retval off the arguments of a function. */
static const struct type *split_retval(struct arena *a, const struct type *args,
				       const struct type **retval)
{
	struct type *copy;

	if (!args || !args->count || strcmp(args->members[args->count - 1].name, "$retval") != 0)
		return args;
	*retval = args->members[args->count - 1].type;
	copy = arena_memdup(a, args, sizeof(*args));
	copy->count--;
	return copy;
}

static const struct type *find_args(struct expander *e, const struct attach_point *ap,
				    const struct type **retval)
{
	const struct target *t = e->options->target;
	const struct type *args = NULL;

	if (!t)
		return NULL;
	switch (ap->kind) {
	case PROBE_fentry:
	case PROBE_fexit:
		if (t->function_args)
			args = t->function_args(t->ctx, ap->module, ap->function);
		break;
	case PROBE_tracepoint:
		if (t->tracepoint_args)
			args = t->tracepoint_args(t->ctx, ap->module, ap->function);
		break;
	case PROBE_rawtracepoint:
		if (t->raw_tracepoint_args)
			args = t->raw_tracepoint_args(t->ctx, ap->function);
		break;
	case PROBE_iter:
		if (t->iter_context)
			args = t->iter_context(t->ctx, ap->function);
		break;
	case PROBE_uprobe:
		if (t->uprobe_args && ap->function)
			args = t->uprobe_args(t->ctx, ap->path, ap->function);
		break;
	default: break;
	}
	return split_retval(e->arena, args, retval);
}

static bool needs_args(const struct attach_point *ap, const struct body_uses *uses)
{
	if (ap->kind == PROBE_iter)
		return true;
	if (ap->kind == PROBE_fexit && uses->retval)
		return true;
	return uses->args || (uses->ctx && ap->kind != PROBE_tracepoint);
}

static bool same_args(const struct type *a, const struct type *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->count != b->count || a->size != b->size)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		const struct type_member *x = &a->members[i];
		const struct type_member *y = &b->members[i];

		if (x->offset != y->offset || x->is_data_loc != y->is_data_loc ||
		    x->is_rel_loc != y->is_rel_loc || strcmp(x->name, y->name) != 0 ||
		    !type_equal(x->type, y->type))
			return false;
	}
	return true;
}

static bool same_type(const struct type *a, const struct type *b)
{
	return a == b || (a && b && type_equal(a, b));
}

/* May @ap run @probe's body? */
static bool may_share(const struct probe *probe, const struct attach_point *ap,
		      const struct body_uses *uses, const struct type *args,
		      const struct type *retval)
{
	/* A system call's entry has other arguments than an ordinary tracepoint. */
	bool is_syscall = probe->attach_points.data[0]->syscall >= 0;

	/* The names of system calls can be told apart when the program runs. */
	if (uses->probe && (ap->syscall < 0 || uses->comptime))
		return false;
	if (probe->kind != ap->kind)
		return false;
	/* Where the arguments of a USDT probe are differs from place to place. */
	if (ap->kind == PROBE_usdt && (uses->argn || uses->args))
		return false;
	/* Every test, benchmark and iterator is run on its own. */
	if (ap->kind == PROBE_test || ap->kind == PROBE_bench || ap->kind == PROBE_iter)
		return false;
	if (ap->kind == PROBE_tracepoint &&
	    (is_syscall != (ap->syscall >= 0) ||
	     probe->attach_points.data[0]->is_sys_exit != ap->is_sys_exit))
		return false;
	return same_args(probe->args, args) && same_type(probe->retval, retval);
}

/* With -p, probes that see all processes ask for the one. */
static struct ast *filter_pid(struct expander *e, enum probe_kind kind, struct span span,
			      struct ast *predicate)
{
	struct ast *name;
	struct ast *value;
	struct ast *test;
	struct ast *both;

	if (!e->options->pid ||
	    (kind != PROBE_kprobe && kind != PROBE_kretprobe && kind != PROBE_fentry &&
	     kind != PROBE_fexit && kind != PROBE_tracepoint && kind != PROBE_rawtracepoint))
		return predicate;
	name = ast_new(e->arena, AST_IDENT, span);
	name->ident.name = "pid";
	value = ast_new(e->arena, AST_INT, span);
	value->integer.value = e->options->pid;
	value->integer.is_literal = true;
	value->integer.text = arena_printf(e->arena, "%u", e->options->pid);
	test = ast_new(e->arena, AST_BINARY, span);
	test->binary.op = OPR_EQ;
	test->binary.left = name;
	test->binary.right = value;
	if (!predicate)
		return test;
	both = ast_new(e->arena, AST_BINARY, span);
	both->binary.op = OPR_LAND;
	both->binary.left = test;
	both->binary.right = predicate;
	return both;
}

static struct probe *new_probe(struct expander *e, const struct ast_action *action,
			       enum probe_kind kind)
{
	struct probe *probe = arena_new(e->arena, struct probe);
	struct ast *predicate = NULL;

	if (action->predicate)
		predicate = ast_clone(e->arena, action->predicate);
	probe->id = (uint32_t)e->program->probes.len;
	probe->kind = kind;
	probe->span = action->span;
	probe->action = action;
	probe->predicate = filter_pid(e, kind, action->span, predicate);
	probe->body = ast_clone(e->arena, action->body);
	vec_push(e->arena, &e->program->probes, probe);
	return probe;
}

static bool check_limit(struct expander *e, const struct attach_point *ap)
{
	const struct config *config = e->options->config;

	/* What a script names one by one is no surprise. */
	if (!config || !str_has_glob(ap->raw) || ++e->body_count <= config->max_bpf_progs)
		return true;
	(void)diag_error(e->diags, ap->span,
			 "Your program is trying to generate more than %zu BPF programs, which "
			 "exceeds the current limit of %llu",
			 e->body_count, (unsigned long long)config->max_bpf_progs);
	diag_hint(e->diags, "You can increase the limit through the BPFTRACE_MAX_BPF_PROGS "
			    "environment variable.");
	return false;
}

/* Give each attach point a body: the first probe of the action that it may share, or a new one. */
static void make_probes(struct expander *e, const struct ast_action *action,
			const attach_point_list *points)
{
	struct body_uses uses = uses_of(action);
	size_t first = e->program->probes.len;

	vec_foreach (points, ap) {
		const struct type *retval = NULL;
		const struct type *args = NULL;
		struct probe *probe = NULL;

		if (needs_args(ap, &uses))
			args = find_args(e, ap, &retval);
		for (size_t i = first; i < e->program->probes.len && !probe; i++) {
			if (may_share(e->program->probes.data[i], ap, &uses, args, retval))
				probe = e->program->probes.data[i];
		}
		if (!probe) {
			if (!check_limit(e, ap))
				return;
			probe = new_probe(e, action, ap->kind);
			probe->args = args;
			probe->retval = retval;
		}
		vec_push(e->arena, &probe->attach_points, arena_memdup(e->arena, ap, sizeof(*ap)));
	}
}

/* Names of tests and benchmarks are unique. */
static bool check_name(struct expander *e, const struct attach_point *ap)
{
	if (ap->kind != PROBE_test && ap->kind != PROBE_bench)
		return true;
	vec_foreach (&e->named, it) {
		if ((*it)->kind != ap->kind || strcmp((*it)->function, ap->function) != 0)
			continue;
		(void)diag_error(e->diags, ap->span,
				 "\"%s\" was used as the name for more than one %s probe",
				 ap->function, ap->kind == PROBE_test ? "TEST" : "BENCH");
		diag_note(e->diags, (*it)->span, "this is the other instance");
		return false;
	}
	vec_push(e->arena, &e->named, arena_memdup(e->arena, ap, sizeof(*ap)));
	return true;
}

static enum config_missing_probes missing_policy(const struct expander *e)
{
	return e->options->config ? e->options->config->missing_probes : MISSING_ERROR;
}

static bool parse_specs(struct expander *e, const struct ast_action *action, attach_point_list *out)
{
	bool ok = true;
	bool has_iter = false;

	vec_foreach (&action->specs, spec) {
		size_t before = out->len;

		ok &= probe_parse_spec(out, e->arena, spec, e->options, e->diags);
		for (size_t i = before; i < out->len; i++) {
			const struct attach_point *ap = &out->data[i];

			ok &= check_name(e, ap);
			if (ap->kind == PROBE_iter && has_iter) {
				(void)diag_error(e->diags, ap->span,
						 "iter probe only supports one attach point.");
				ok = false;
			}
			has_iter |= ap->kind == PROBE_iter;
		}
	}
	if (ok && !out->len && missing_policy(e) == MISSING_ERROR) {
		(void)diag_error(e->diags, action->span, "No attach points for probe");
		return false;
	}
	return ok;
}

static void expand_action(struct expander *e, const struct ast_action *action,
			  const attach_point_list *specs)
{
	enum config_missing_probes missing = missing_policy(e);
	size_t errors = e->diags->error_count;
	attach_point_list points = { 0 };

	vec_foreach (specs, spec)
		probe_match(&points, e->arena, spec, e->options, e->diags);
	if (points.len) {
		make_probes(e, action, &points);
		return;
	}
	if (e->diags->error_count != errors)
		return;
	if (missing == MISSING_ERROR) {
		(void)diag_error(e->diags, action->span,
				 "Probe has no valid attach points. If this is expected, set the "
				 "'missing_probes' config variable to 'warn'.");
		if (specs->len)
			probe_hint_nearest(&specs->data[0], e->arena, e->options, e->diags);
	} else if (missing == MISSING_WARN) {
		(void)diag_warning(
			e->diags, action->span,
			"Probe has no valid attach points. It is being removed which may "
			"cause issues with program behavior.");
	}
}

bool probe_expand(struct ast_program *p, const struct sema_options *o, struct diags *diags)
{
	struct expander e = { p->arena, p, o, diags };
	size_t errors = diags->error_count;
	attach_point_list *specs = arena_array(p->arena, attach_point_list, p->actions.len);

	for (size_t i = 0; i < p->actions.len; i++)
		(void)parse_specs(&e, p->actions.data[i], &specs[i]);
	if (diags->error_count != errors)
		return false;
	(void)c_scope_resolve(p, o->target, diags);
	for (size_t i = 0; i < p->actions.len; i++)
		expand_action(&e, p->actions.data[i], &specs[i]);
	return diags->error_count == errors;
}
