#include "lang/probe_match.h"

#include <string.h>
#include <unistd.h>

#include "util/str.h"

struct matcher {
	attach_point_list *out;
	struct arena *arena;
	const struct attach_point *spec;
	const struct sema_options *options;
	const struct target *target;
	struct diags *diags;
	const char *path; // the binary at hand
	bool is_ambiguous;
	const char *first_module;
	size_t first; // of this specification's in @out
};

/* A tracepoint that is a system call's entry or exit. */
static void set_syscall(struct matcher *m, struct attach_point *ap)
{
	const char *name = ap->function;

	ap->syscall = -1;
	if (!ap->module || strcmp(ap->module, "syscalls") != 0)
		return;
	ap->is_sys_exit = str_starts_with(name, "sys_exit_");
	if (!ap->is_sys_exit && !str_starts_with(name, "sys_enter_"))
		return;
	name += strlen(ap->is_sys_exit ? "sys_exit_" : "sys_enter_");
	if (m->target && m->target->syscall_number)
		ap->syscall = m->target->syscall_number(m->target->ctx, name);
}

static void add(struct matcher *m, const struct attach_point *ap)
{
	struct attach_point copy = *ap;

	if (copy.kind == PROBE_tracepoint)
		set_syscall(m, &copy);
	copy.name = probe_full_name(m->arena, &copy);
	vec_push(m->arena, m->out, copy);
}

static enum config_missing_probes missing_policy(const struct matcher *m)
{
	return m->options->config ? m->options->config->missing_probes : MISSING_ERROR;
}

static void report_missing(struct matcher *m)
{
	const struct attach_point *ap = m->spec;
	const char *group = ap->path ? ap->path : ap->module;
	const char *text = arena_printf(m->arena, "No matches for %s %s%s%s",
					probe_infos[ap->kind].name, group ? group : "",
					group ? ":" : "", ap->function ? ap->function : "");

	switch (missing_policy(m)) {
	case MISSING_ERROR:
		(void)diag_error(m->diags, ap->span, "%s.", text);
		probe_hint_nearest(ap, m->arena, m->options, m->diags);
		break;
	case MISSING_WARN: (void)diag_warning(m->diags, ap->span, "%s. Skipping.", text); break;
	case MISSING_IGNORE: break;
	}
}

static bool is_exact(const struct attach_point *ap)
{
	return !(ap->function && str_has_glob(ap->function)) &&
	       !(ap->module && str_has_glob(ap->module)) && !(ap->path && str_has_glob(ap->path));
}

/* A kernel symbol or event: with its module where the specification has one. */
static bool add_symbol(void *ctx, const struct target_symbol *symbol)
{
	struct matcher *m = ctx;
	struct attach_point ap = *m->spec;

	ap.function = symbol->name;
	if (ap.module)
		ap.module = symbol->module ? symbol->module : ap.module;
	ap.btf_id = symbol->btf_id;
	add(m, &ap);
	return true;
}

/* The same for kprobes without a module: a name that several modules have is one place. */
static bool add_kprobe(void *ctx, const struct target_symbol *symbol)
{
	struct matcher *m = ctx;
	size_t count = m->out->len;

	if (!m->spec->module && count > m->first && m->out->data[count - 1].kind == m->spec->kind &&
	    m->out->data[count - 1].function &&
	    !strcmp(m->out->data[count - 1].function, symbol->name))
		return true;
	/* Parts of functions can't be traced. */
	if (strstr(symbol->name, ".part.") && str_has_glob(m->spec->function))
		return true;
	return add_symbol(ctx, symbol);
}

static bool stop_at_first(void *ctx, const struct target_symbol *symbol)
{
	(void)symbol;
	*(bool *)ctx = true;
	return false;
}

static bool is_module_loaded(struct matcher *m)
{
	const char *module = m->spec->module;
	bool is_any = false;

	if (!module || !strcmp(module, "vmlinux"))
		return true;
	m->target->kernel_functions(m->target->ctx, module, NULL, false, stop_at_first, &is_any);
	return is_any;
}

/* Not in the list of functions, which isn't complete: --unsafe lets the kernel decide. */
static void match_untraceable(struct matcher *m)
{
	if (missing_policy(m) != MISSING_IGNORE)
		(void)diag_warning(
			m->diags, m->spec->span,
			"%s is not traceable (either non-existing, inlined, or marked as "
			"\"notrace\"); attaching to it will likely fail",
			m->spec->function);
	if (m->options->is_unsafe)
		add(m, m->spec);
	else
		report_missing(m);
}

static void match_kprobe(struct matcher *m)
{
	const struct attach_point *ap = m->spec;
	size_t before = m->out->len;

	if (ap->has_address || !m->target->kernel_functions) {
		add(m, ap);
		return;
	}
	m->first = before;
	m->target->kernel_functions(m->target->ctx, ap->module, ap->function, false, add_kprobe, m);
	if (m->out->len != before || !is_exact(ap))
		return;
	if (!is_module_loaded(m))
		(void)diag_error(m->diags, ap->span,
				 "specified module %s in probe %s is not loaded.", ap->module,
				 probe_full_name(m->arena, ap));
	else
		match_untraceable(m);
}

/* fentry without a module: the one that has the function. */
static bool add_fentry(void *ctx, const struct target_symbol *symbol)
{
	struct matcher *m = ctx;
	struct attach_point ap = *m->spec;

	if (m->first_module && is_exact(m->spec) && !m->spec->module) {
		m->is_ambiguous = true;
		return false;
	}
	m->first_module = symbol->module;
	ap.module = symbol->module ? symbol->module : "vmlinux";
	ap.function = symbol->name;
	ap.btf_id = symbol->btf_id;
	add(m, &ap);
	return true;
}

static bool add_bpf_program(void *ctx, const struct target_symbol *symbol)
{
	struct matcher *m = ctx;
	struct attach_point ap = *m->spec;

	if (ap.prog_id && ap.prog_id != symbol->address)
		return true;
	ap.function = symbol->name;
	ap.prog_id = (uint32_t)symbol->address;
	ap.btf_id = symbol->btf_id;
	add(m, &ap);
	return true;
}

static void match_fentry(struct matcher *m)
{
	const struct attach_point *ap = m->spec;
	size_t before = m->out->len;

	if (ap->module && !strcmp(ap->module, "bpf")) {
		if (m->target->bpf_programs)
			m->target->bpf_programs(m->target->ctx, ap->function, add_bpf_program, m);
		if (m->out->len == before && is_exact(ap) && ap->prog_id)
			report_missing(m);
		return;
	}
	if (!m->target->kernel_functions) {
		add(m, ap);
		return;
	}
	m->target->kernel_functions(m->target->ctx, ap->module, ap->function, true, add_fentry, m);
	if (m->is_ambiguous) {
		m->out->len = before;
		(void)diag_error(m->diags, ap->span,
				 "ambiguous attach point, please specify module containing the "
				 "function '%s'",
				 ap->function);
		return;
	}
	if (m->out->len == before && is_exact(ap))
		report_missing(m);
}

static void match_tracepoint(struct matcher *m)
{
	const struct attach_point *ap = m->spec;
	size_t before = m->out->len;

	if (!m->target->tracepoints) {
		add(m, ap);
		return;
	}
	m->target->tracepoints(m->target->ctx, ap->module, ap->function, add_symbol, m);
	if (m->out->len == before && is_exact(ap))
		report_missing(m);
}

static void match_rawtracepoint(struct matcher *m)
{
	const struct attach_point *ap = m->spec;
	size_t before = m->out->len;

	if (!m->target->raw_tracepoints) {
		add(m, ap);
		return;
	}
	m->target->raw_tracepoints(m->target->ctx, ap->module, ap->function, add_symbol, m);
	if (m->out->len == before && is_exact(ap))
		report_missing(m);
}

static void match_iter(struct matcher *m)
{
	const struct attach_point *ap = m->spec;
	size_t before = m->out->len;

	if (!m->target->iterators) {
		add(m, ap);
		return;
	}
	m->target->iterators(m->target->ctx, ap->function, add_symbol, m);
	if (m->out->len != before)
		return;
	(void)diag_error(m->diags, ap->span, "iter %s not available for your kernel version.",
			 ap->function);
	probe_hint_nearest(ap, m->arena, m->options, m->diags);
}

/* The binaries of m->spec->path; 0 after a diagnostic. */
static size_t find_binaries(struct matcher *m, const char ***paths)
{
	const struct attach_point *ap = m->spec;
	const char *kind = ap->kind == PROBE_usdt ? "usdt" : "uprobe";
	struct err err = { 0 };
	size_t count = 0;

	if (!m->target->resolve_binary) {
		*paths = arena_new(m->arena, const char *);
		(*paths)[0] = ap->path;
		return 1;
	}
	if (m->target->resolve_binary(m->target->ctx, ap->path, paths, &count, &err) || !count) {
		/* A place in a file of any format, at one's own risk. */
		if (m->options->is_unsafe && ap->has_address && access(ap->path, R_OK) == 0) {
			*paths = arena_memdup(m->arena, &ap->path, sizeof(ap->path));
			return 1;
		}
		(void)diag_error(m->diags, ap->span,
				 "%s target file '%s' does not exist or is not executable", kind,
				 ap->path);
		return 0;
	}
	if (count > 1 && !str_has_glob(ap->path) && !m->target->has_several_roots) {
		(void)diag_warning(m->diags, ap->span,
				   "attaching to %s target file '%s' but matched %zu binaries",
				   kind, (*paths)[0], count);
		count = 1;
	}
	return count;
}

static bool add_user_function(void *ctx, const struct target_symbol *symbol)
{
	struct matcher *m = ctx;
	struct attach_point ap = *m->spec;

	ap.path = m->path;
	ap.function = symbol->name;
	add(m, &ap);
	return true;
}

/* uprobe:PATH@FILE:LINE */
static void match_source_line(struct matcher *m)
{
	struct attach_point ap = *m->spec;
	struct err err = { 0 };

	ap.path = m->path;
	if (!m->target->line_address ||
	    m->target->line_address(m->target->ctx, m->path, ap.source_file, ap.source_line,
				    ap.source_column, &ap.address, &err)) {
		(void)diag_error(m->diags, ap.span, "%s",
				 err.msg[0] ? err.msg
					    : arena_printf(m->arena,
							   "No DWARF debug info found for '%s', "
							   "cannot attach by source code location.",
							   m->path));
		return;
	}
	ap.has_address = true;
	add(m, &ap);
}

static bool may_have_symbol(const struct matcher *m, const char *name)
{
	struct target_symbol symbol;

	return !m->target->user_symbol ||
	       !m->target->user_symbol(m->target->ctx, m->path, name, &symbol);
}

static void match_uprobe_in(struct matcher *m)
{
	struct attach_point ap = *m->spec;
	bool is_address = !ap.function || (!*ap.function && m->options->is_unsafe);
	bool is_pattern = !is_address && (ap.lang || str_has_glob(ap.function));
	struct err err = { 0 };

	ap.path = m->path;
	if (ap.source_file) {
		match_source_line(m);
	} else if (is_pattern && m->target->user_functions) {
		(void)m->target->user_functions(m->target->ctx, m->path, ap.function,
						ap.lang != NULL, add_user_function, m, &err);
	} else if (is_address || may_have_symbol(m, ap.function)) {
		add(m, &ap);
	}
}

static void match_uprobe(struct matcher *m)
{
	size_t errors = m->diags->error_count;
	const char **paths = NULL;
	size_t before = m->out->len;
	size_t count = find_binaries(m, &paths);

	for (size_t i = 0; i < count; i++) {
		m->path = paths[i];
		match_uprobe_in(m);
	}
	if (m->out->len == before && m->diags->error_count == errors && is_exact(m->spec)) {
		struct attach_point *spec = arena_memdup(m->arena, m->spec, sizeof(*spec));

		spec->path = m->path;
		m->spec = spec;
		report_missing(m);
	}
}

static bool add_usdt(void *ctx, const struct target_symbol *symbol)
{
	struct matcher *m = ctx;
	struct attach_point ap = *m->spec;

	ap.path = m->path;
	ap.module = symbol->module;
	ap.function = symbol->name;
	add(m, &ap);
	return true;
}

static void match_usdt(struct matcher *m)
{
	const struct attach_point *ap = m->spec;
	size_t errors = m->diags->error_count;
	const char **paths = NULL;
	size_t before = m->out->len;
	size_t count = find_binaries(m, &paths);
	struct err err = { 0 };

	for (size_t i = 0; i < count; i++) {
		m->path = paths[i];
		if (m->target->usdt_probes)
			(void)m->target->usdt_probes(m->target->ctx, m->path,
						     ap->module && *ap->module ? ap->module : NULL,
						     ap->function, add_usdt, m, &err);
	}
	if (m->out->len == before && m->diags->error_count == errors && is_exact(ap) && ap->module)
		report_missing(m);
}

void probe_match(attach_point_list *out, struct arena *a, const struct attach_point *spec,
		 const struct sema_options *o, struct diags *diags)
{
	struct matcher m = {
		.out = out,
		.arena = a,
		.spec = spec,
		.options = o,
		.target = o->target,
		.diags = diags,
	};

	if (!m.target) {
		add(&m, spec);
		return;
	}
	switch (spec->kind) {
	case PROBE_kprobe:
	case PROBE_kretprobe: match_kprobe(&m); break;
	case PROBE_fentry:
	case PROBE_fexit: match_fentry(&m); break;
	case PROBE_tracepoint: match_tracepoint(&m); break;
	case PROBE_rawtracepoint: match_rawtracepoint(&m); break;
	case PROBE_iter: match_iter(&m); break;
	case PROBE_uprobe:
	case PROBE_uretprobe: match_uprobe(&m); break;
	case PROBE_usdt: match_usdt(&m); break;
	default: add(&m, spec); break;
	}
}

struct nearest {
	struct arena *arena;
	struct str_nearest nearest;
	bool has_module; // "category:event" is compared, not the event alone
};

static bool try_name(void *ctx, const struct target_symbol *symbol)
{
	struct nearest *n = ctx;
	const char *name = symbol->name;

	if (n->has_module)
		name = arena_printf(n->arena, "%s:%s", symbol->module, symbol->name);
	str_nearest_try(&n->nearest, name);
	return true;
}

void probe_hint_nearest(const struct attach_point *spec, struct arena *a,
			const struct sema_options *o, struct diags *diags)
{
	const struct target *t = o->target;
	struct nearest n = { .arena = a };
	struct err err = { 0 };

	if (!t || !spec->function || str_has_glob(spec->function))
		return;
	str_nearest_init(&n.nearest, spec->function);
	switch (spec->kind) {
	case PROBE_kprobe:
	case PROBE_kretprobe:
	case PROBE_fentry:
	case PROBE_fexit:
		if (t->kernel_functions)
			t->kernel_functions(t->ctx, spec->module, NULL,
					    spec->kind == PROBE_fentry || spec->kind == PROBE_fexit,
					    try_name, &n);
		break;
	case PROBE_tracepoint:
		n.has_module = true;
		str_nearest_init(&n.nearest,
				 arena_printf(a, "%s:%s", spec->module, spec->function));
		if (t->tracepoints)
			t->tracepoints(t->ctx, NULL, NULL, try_name, &n);
		break;
	case PROBE_rawtracepoint:
		if (t->raw_tracepoints)
			t->raw_tracepoints(t->ctx, NULL, NULL, try_name, &n);
		break;
	case PROBE_iter:
		if (t->iterators)
			t->iterators(t->ctx, NULL, try_name, &n);
		break;
	case PROBE_uprobe:
	case PROBE_uretprobe:
		if (t->user_functions && spec->path)
			(void)t->user_functions(t->ctx, spec->path, NULL, false, try_name, &n,
						&err);
		break;
	default: break;
	}
	if (n.nearest.best)
		diag_hint(diags, "did you mean '%s'?", n.nearest.best);
}
