#include "list.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kern/target.h"
#include "lang/lang.h"
#include "lang/probe.h"
#include "message.h"
#include "util/str.h"

struct lister {
	const struct options *options;
	struct target *target;
	struct arena *arena;
	enum probe_kind kind; // being listed
	const char *path;     // uprobe, usdt: the binary
	bool has_module;      // kprobe: the pattern names one
};

/* Where a pattern of three parts has the module, category or binary: NULL in the others. */
struct pattern {
	const char *kind;
	const char *group;
	const char *name;
};

/* Fixed names, in order. */
static const char *const counters[] = {
#define SOFTWARE(name, alias, number, period) name, alias,
#define HARDWARE(name, alias, number, period)
#include "lang/counters.def"
};

static const char *const hardware_counters[] = {
#define SOFTWARE(name, alias, number, period)
#define HARDWARE(name, alias, number, period) name, alias,
#include "lang/counters.def"
};

static const char *const units[] = { "hz", "ms", "s", "us" };

static void print_param(void *ctx, const char *line)
{
	(void)ctx;
	printf("    %s\n", line);
}

static void print_probe(struct lister *l, const char *module, const char *name)
{
	printf("%s:%s%s%s\n", probe_infos[l->kind].name, module ? module : "", module ? ":" : "",
	       name);
	if (l->options->is_verbose)
		kern_target_params(l->target, l->kind, module, name, print_param, NULL);
}

static bool list_symbol(void *ctx, const struct target_symbol *symbol)
{
	struct lister *l = ctx;
	bool is_kprobe = l->kind == PROBE_kprobe || l->kind == PROBE_kretprobe;

	print_probe(l, is_kprobe && !l->has_module ? NULL : symbol->module, symbol->name);
	return true;
}

static bool list_iterator(void *ctx, const struct target_symbol *symbol)
{
	print_probe(ctx, NULL, symbol->name);
	return true;
}

static bool list_user_symbol(void *ctx, const struct target_symbol *symbol)
{
	struct lister *l = ctx;

	print_probe(l, l->path, symbol->name);
	return true;
}

static bool list_usdt(void *ctx, const struct target_symbol *symbol)
{
	struct lister *l = ctx;

	print_probe(l, l->path, arena_printf(l->arena, "%s:%s", symbol->module, symbol->name));
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void list_fixed(struct lister *l, const char *const *names, size_t count, const char *glob)
{
	const char **sorted = arena_memdup(l->arena, names, count * sizeof(*names));

	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < count; i++) {
		const char *name = arena_printf(l->arena, "%s:", sorted[i]);

		if (sorted[i][0] && (str_glob(glob, name) || str_glob(glob, sorted[i])))
			print_probe(l, NULL, name);
	}
}

static void list_binaries(struct lister *l, const struct pattern *p)
{
	const struct target *t = l->target;
	const char **paths = NULL;
	const char *path = p->group ? p->group : p->name;
	const char *name = p->group ? p->name : "*";
	const char *provider = "*";
	const char *colon;
	struct err err = { 0 };
	size_t count = 0;

	if (l->options->pid && !p->group) {
		path = "*";
		name = p->name;
	}
	if (!t->resolve_binary || t->resolve_binary(t->ctx, path, &paths, &count, &err) < 0)
		return;
	colon = strchr(name, ':');
	if (l->kind == PROBE_usdt && colon) {
		provider = arena_strndup(l->arena, name, (size_t)(colon - name));
		name = colon + 1;
	}
	for (size_t i = 0; i < count; i++) {
		l->path = paths[i];
		if (l->kind == PROBE_usdt && t->usdt_probes)
			(void)!t->usdt_probes(t->ctx, paths[i], provider, name, list_usdt, l, &err);
		else if (l->kind != PROBE_usdt && t->user_functions)
			(void)!t->user_functions(t->ctx, paths[i], name, false, list_user_symbol, l,
						 &err);
	}
}

static void list_kind(struct lister *l, enum probe_kind kind, const struct pattern *p)
{
	const struct target *t = l->target;

	l->kind = kind;
	l->has_module = p->group != NULL;
	switch (kind) {
	case PROBE_tracepoint:
		if (t->tracepoints)
			t->tracepoints(t->ctx, p->group, p->name, list_symbol, l);
		break;
	case PROBE_rawtracepoint:
		if (t->raw_tracepoints)
			t->raw_tracepoints(t->ctx, p->group, p->name, list_symbol, l);
		break;
	case PROBE_kprobe:
	case PROBE_kretprobe:
	case PROBE_fentry:
	case PROBE_fexit:
		if (t->kernel_functions)
			t->kernel_functions(t->ctx, p->group, p->name,
					    kind == PROBE_fentry || kind == PROBE_fexit,
					    list_symbol, l);
		break;
	case PROBE_iter:
		if (t->iterators)
			t->iterators(t->ctx, p->name, list_iterator, l);
		break;
	case PROBE_software:
		list_fixed(l, counters, sizeof(counters) / sizeof(counters[0]), p->name);
		break;
	case PROBE_hardware:
		list_fixed(l, hardware_counters,
			   sizeof(hardware_counters) / sizeof(hardware_counters[0]), p->name);
		break;
	case PROBE_interval:
	case PROBE_profile: list_fixed(l, units, sizeof(units) / sizeof(units[0]), p->name); break;
	case PROBE_uprobe:
	case PROBE_uretprobe:
	case PROBE_usdt: list_binaries(l, p); break;
	case PROBE_self:
		if (str_glob(p->name, "signal:SIGUSR1"))
			print_probe(l, NULL, "signal:SIGUSR1");
		break;
	default: break;
	}
}

/* "tracepoint:sched:sched_*": cut in place at its first colons. */
static struct pattern cut_pattern(char *text)
{
	struct pattern p = { .kind = "*", .name = text };
	char *colon = strchr(text, ':');

	if (!colon)
		return p;
	*colon = '\0';
	p.kind = text;
	p.name = colon + 1;
	colon = strchr(p.name, ':');
	/* "software:cpu:" has no third part. */
	if (colon && colon[1]) {
		*colon = '\0';
		p.group = p.name;
		p.name = colon + 1;
	}
	return p;
}

static bool is_name_of(const struct probe_info *info, const char *name)
{
	const char *aliases = info->aliases;
	size_t len = strlen(name);

	if (strcmp(info->name, name) == 0 || (info->short_name && !strcmp(info->short_name, name)))
		return true;
	while (aliases && *aliases) {
		size_t word = strcspn(aliases, " ");

		if (word == len && memcmp(aliases, name, len) == 0)
			return true;
		aliases += word + (aliases[word] == ' ');
	}
	return false;
}

/* Kinds that a glob for all kinds includes. */
static bool is_listed_by_glob(enum probe_kind kind, bool with_user)
{
	switch (kind) {
	case PROBE_kprobe:
	case PROBE_fentry:
	case PROBE_tracepoint:
	case PROBE_rawtracepoint:
	case PROBE_software:
	case PROBE_hardware:
	case PROBE_iter: return true;
	case PROBE_uprobe:
	case PROBE_usdt: return with_user;
	default: return false;
	}
}

/* Kinds are listed in the order of their names. */
static void list_pattern(struct lister *l, char *text)
{
	struct pattern p = cut_pattern(text);
	bool is_glob = str_has_glob(p.kind);
	bool with_user = l->options->pid ||
			 (p.group && !str_has_glob(p.group) && access(p.group, F_OK) == 0);
	const char *names[PROBE_KIND_COUNT];

	for (int i = 0; i < PROBE_KIND_COUNT; i++)
		names[i] = probe_infos[i].name;
	qsort(names, PROBE_KIND_COUNT, sizeof(*names), compare_names);
	for (int i = 0; i < PROBE_KIND_COUNT; i++) {
		enum probe_kind kind = 0;

		while (probe_infos[kind].name != names[i])
			kind++;
		if (is_glob ? is_listed_by_glob(kind, with_user) && str_glob(p.kind, names[i])
			    : is_name_of(&probe_infos[kind], p.kind))
			list_kind(l, kind, &p);
	}
}

static bool is_type(const char *text)
{
	return str_starts_with(text, "struct ") || str_starts_with(text, "union ") ||
	       str_starts_with(text, "enum ");
}

static void print_line(void *ctx, const char *line)
{
	(void)ctx;
	puts(line);
}

/* One space between words, none at the ends. */
static void normalize(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		if (!isspace((unsigned char)*in))
			*out++ = *in;
		else if (out > text && out[-1] != ' ')
			*out++ = ' ';
	}
	while (out > text && out[-1] == ' ')
		out--;
	*out = '\0';
}

static int list_search(struct lister *l, const char *search)
{
	char *list = arena_strdup(l->arena, search);
	char *save = NULL;

	if (strchr(search, '.') && !strpbrk(search, ":*"))
		message_warning("It appears that '%s' is a filename but the file does not exist. "
				"Treating '%s' as a search pattern.",
				search, search);
	for (char *word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		normalize(word);
		if (is_type(word))
			kern_target_structs(l->target, word, l->options->is_verbose, print_line,
					    NULL);
		else
			list_pattern(l, word);
	}
	return 0;
}

static void list_attach_point(struct lister *l, const struct attach_point *ap)
{
	l->kind = ap->kind;
	switch (ap->kind) {
	case PROBE_begin:
	case PROBE_end:
	case PROBE_self: break;
	case PROBE_software:
	case PROBE_hardware:
	case PROBE_interval:
	case PROBE_profile:
		print_probe(l, NULL, arena_printf(l->arena, "%s:", ap->function));
		break;
	case PROBE_uprobe:
	case PROBE_uretprobe:
		if (ap->function && ap->function[0])
			print_probe(l, ap->path, ap->function);
		else
			puts(ap->name);
		break;
	case PROBE_tracepoint:
	case PROBE_fentry:
	case PROBE_fexit:
	case PROBE_rawtracepoint:
	case PROBE_kprobe:
	case PROBE_kretprobe:
		if (ap->function && ap->function[0] && !ap->prog_id) {
			print_probe(l, ap->module, ap->function);
			break;
		}
		puts(ap->name);
		break;
	default: puts(ap->name); break;
	}
}

static int list_script(struct lister *l, const struct source *source, struct config *config)
{
	struct sema_options o = {
		.target = l->target,
		.config = config,
		.params = l->options->params.data,
		.param_count = (uint32_t)l->options->params.len,
		.is_unsafe = l->options->is_unsafe,
		.pid = l->options->pid,
	};
	struct ast_program *program = NULL;
	struct diags diags;
	bool ok;

	diag_init(&diags, l->arena);
	ok = parse_program(&program, l->arena, source, &diags) &&
	     config_apply(config, program, &diags) && import_resolve(program, &diags) &&
	     macro_expand(program, &diags) && probe_expand(program, &o, &diags);
	if (!ok) {
		diags_print(stderr, &diags, !l->options->no_warnings,
			    message_settings()->has_colour);
		return 1;
	}
	vec_foreach (&program->probes, probe) {
		vec_foreach (&(*probe)->attach_points, ap)
			list_attach_point(l, *ap);
	}
	return 0;
}

int list_probes(const struct options *o, struct target *target, struct arena *a,
		const struct source *source, struct config *config)
{
	struct lister l = { .options = o, .target = target, .arena = a };

	return source ? list_script(&l, source, config) : list_search(&l, o->search);
}
