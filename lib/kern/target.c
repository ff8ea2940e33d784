#include "kern/target.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kern/bpfprogs.h"
#include "kern/cgroup.h"
#include "kern/cpus.h"
#include "kern/dwarf.h"
#include "kern/elfsyms.h"
#include "kern/features.h"
#include "kern/functions.h"
#include "kern/kallsyms.h"
#include "kern/ktypes.h"
#include "kern/paths.h"
#include "kern/syscalls.h"
#include "kern/target_internal.h"
#include "kern/tracefs.h"
#include "kern/usdt.h"
#include "lang/probe.h"
#include "util/str.h"
#include "util/vec.h"

#define FORMAT_MAX (1u << 20)

static const struct type *find_type(void *ctx, enum type_tag tag, const char *name)
{
	struct kern *k = ctx;

	return ktypes_find(k->types, tag, name);
}

static void complete_type(void *ctx, struct type *t)
{
	struct kern *k = ctx;

	if (t->btf_obj == KDWARF_OBJ)
		kdwarf_complete((struct kdwarf *)t->origin, t);
	else
		ktypes_complete(k->types, t);
}

static bool find_enumerator(void *ctx, const char *name, int64_t *value, const struct type **type)
{
	struct kern *k = ctx;

	return ktypes_find_enumerator(k->types, name, value, type);
}

/* A glob or "" says nothing about the module. */
static const char *exact_module(const char *module)
{
	return module && *module && !str_has_glob(module) ? module : NULL;
}

static const struct type *function_args(void *ctx, const char *module, const char *name)
{
	struct kern *k = ctx;

	return ktypes_function_args(k->types, exact_module(module), name);
}

static const struct type *raw_tracepoint_args(void *ctx, const char *name)
{
	struct kern *k = ctx;

	return ktypes_raw_tracepoint_args(k->types, name);
}

const struct tracefs *kern_tracefs(struct kern *k)
{
	if (!k->has_tried_tracefs) {
		k->has_tried_tracefs = true;
		k->has_tracefs = !tracefs_open(&k->tracefs, NULL);
	}
	return k->has_tracefs ? &k->tracefs : NULL;
}

static struct functions *functions(struct kern *k)
{
	if (!k->functions)
		k->functions =
			functions_new(k->arena, k->types, kern_tracefs(k), k->functions_path);
	return k->functions;
}

bool kern_read_format(struct kern *k, const char *category, const char *name, struct buf *out)
{
	const struct tracefs *t = kern_tracefs(k);
	struct buf path;
	int r = -ENOENT;

	buf_init(out, FORMAT_MAX);
	if (!t || strchr(category, '/') || strchr(name, '/'))
		return false;
	buf_init(&path, 4096);
	buf_printf(&path, "events/%s/%s/format", category, name);
	r = tracefs_read(t, buf_cstr(&path), out);
	buf_finish(&path);
	return !r;
}

/* System calls are given user pointers; all other tracepoints tell about the kernel. */
static const struct type *find_user_field(void *ctx, const char *c_name)
{
	struct kern *k = ctx;

	return ktypes_by_c_name(k->types, c_name, AS_USER);
}

static const struct type *find_kernel_field(void *ctx, const char *c_name)
{
	struct kern *k = ctx;

	return ktypes_by_c_name(k->types, c_name, AS_KERNEL);
}

static const struct type *tracepoint_args(void *ctx, const char *category, const char *name)
{
	struct kern *k = ctx;
	const struct type *args = NULL;
	struct buf text;

	if (kern_read_format(k, category, name, &text))
		args = tracefs_parse_format(
			k->arena, buf_cstr(&text),
			strcmp(category, "syscalls") != 0 ? find_kernel_field : find_user_field, k);
	buf_finish(&text);
	return args;
}

static const struct type *iter_context(void *ctx, const char *name)
{
	struct kern *k = ctx;

	return ktypes_iter_context(k->types, name);
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All events as "category:name", sorted; read once. */
static void list_events(struct kern *k)
{
	struct buf text;

	if (k->is_events_listed)
		return;
	k->is_events_listed = true;
	buf_init(&text, EVENTS_MAX);
	if (kern_tracefs(k) && !tracefs_read(&k->tracefs, "available_events", &text)) {
		char *line = arena_strdup(k->arena, buf_cstr(&text));

		while (*line) {
			char *end = strchrnul(line, '\n');
			bool is_last = !*end;

			*end = 0;
			if (strchr(line, ':'))
				vec_push(k->arena, &k->events, line);
			line = is_last ? end : end + 1;
		}
		if (k->events.len)
			qsort(k->events.data, k->events.len, sizeof(char *), compare_strings);
	}
	buf_finish(&text);
}

static bool has_event(struct kern *k, const char *category, const char *name)
{
	const struct tracefs *t = kern_tracefs(k);
	char *path = arena_printf(k->arena, "events/%s/%s", category, name);

	return t && !strchr(category, '/') && !strchr(name, '/') &&
	       !faccessat(t->dir_fd, path, F_OK, 0);
}

static void tracepoints(void *ctx, const char *category, const char *name, target_symbol_fn fn,
			void *fn_ctx)
{
	struct kern *k = ctx;
	struct target_symbol symbol = { .module = category, .name = name };

	if (category && name && !str_has_glob(category) && !str_has_glob(name)) {
		if (has_event(k, category, name))
			(void)fn(fn_ctx, &symbol);
		return;
	}
	list_events(k);
	vec_foreach (&k->events, event) {
		const char *colon = strchr(*event, ':');

		symbol.module = arena_strndup(k->arena, *event, (size_t)(colon - *event));
		symbol.name = colon + 1;
		if ((!category || str_glob(category, symbol.module)) &&
		    (!name || str_glob(name, symbol.name)) && !fn(fn_ctx, &symbol))
			return;
	}
}

static void kernel_functions(void *ctx, const char *module, const char *name, bool with_btf,
			     target_symbol_fn fn, void *fn_ctx)
{
	struct kern *k = ctx;

	functions_each(functions(k), module, name, with_btf, fn, fn_ctx);
}

static void raw_tracepoints(void *ctx, const char *module, const char *name, target_symbol_fn fn,
			    void *fn_ctx)
{
	struct kern *k = ctx;

	functions_each_raw_tracepoint(functions(k), module, name, fn, fn_ctx);
}

static void iterators(void *ctx, const char *name, target_symbol_fn fn, void *fn_ctx)
{
	struct kern *k = ctx;

	functions_each_iterator(functions(k), name, fn, fn_ctx);
}

struct program_visit {
	const char *glob;
	target_symbol_fn fn;
	void *fn_ctx;
};

static bool visit_program(void *ctx, uint32_t prog_id, const char *name, uint32_t btf_id)
{
	struct program_visit *v = ctx;
	struct target_symbol symbol = {
		.module = "bpf", .name = name, .address = prog_id, .btf_id = btf_id
	};

	return (v->glob && !str_glob(v->glob, name)) || v->fn(v->fn_ctx, &symbol);
}

static void bpf_programs(void *ctx, const char *name, target_symbol_fn fn, void *fn_ctx)
{
	struct kern *k = ctx;
	struct program_visit v = { .glob = name, .fn = fn, .fn_ctx = fn_ctx };

	bpfprogs_each(k->arena, visit_program, &v);
}

static int resolve_binary(void *ctx, const char *path, const char ***paths, size_t *count,
			  struct err *err)
{
	struct kern *k = ctx;

	return paths_resolve(k->arena, &k->scope, path, paths, count, err);
}

struct kernel_search {
	const char *name;
	uint64_t address;
};

static bool match_kernel_symbol(void *ctx, const struct kallsym *s)
{
	struct kernel_search *search = ctx;

	if (strcmp(s->name, search->name) != 0)
		return true;
	search->address = s->address;
	return false;
}

static bool kernel_symbol(void *ctx, const char *name, uint64_t *address)
{
	struct kernel_search search = { .name = name };

	(void)ctx;
	if (kallsyms_each(NULL, match_kernel_symbol, &search, NULL) || !search.address)
		return false;
	*address = search.address;
	return true;
}

static bool percpu_symbol(void *ctx, const char *name, uint64_t *address, uint32_t *btf_id)
{
	struct kern *k = ctx;
	uint32_t obj, id = ktypes_find_percpu(k->types, name, &obj);

	if (!id)
		return false;
	*btf_id = id;
	/* kallsyms knows data symbols only with CONFIG_KALLSYMS_ALL; the id is enough for BPF. */
	if (address && !kernel_symbol(ctx, name, address))
		*address = 0;
	return true;
}

static bool cgroup_id_of_path(void *ctx, const char *path, uint64_t *id)
{
	(void)ctx;
	return !cgroup_id(id, path, NULL);
}

static int syscall_number(void *ctx, const char *name)
{
	(void)ctx;
	return syscalls_number(name);
}

static const char *syscall_name(void *ctx, int number)
{
	(void)ctx;
	return syscalls_name(number);
}

static uint32_t kfunc(void *ctx, const char *name)
{
	struct kern *k = ctx;
	uint32_t obj;

	return ktypes_find_function(k->types, "vmlinux", name, &obj);
}

static uint32_t program_type(uint32_t probe_kind)
{
	switch (probe_kind) {
	case PROBE_kprobe:
	case PROBE_kretprobe:
	case PROBE_uprobe:
	case PROBE_uretprobe:
	case PROBE_usdt: return BPF_PROG_TYPE_KPROBE;
	case PROBE_tracepoint: return BPF_PROG_TYPE_TRACEPOINT;
	case PROBE_fentry:
	case PROBE_fexit:
	case PROBE_iter:
	case PROBE_rawtracepoint: return BPF_PROG_TYPE_TRACING;
	case PROBE_profile:
	case PROBE_interval:
	case PROBE_software:
	case PROBE_hardware:
	case PROBE_watchpoint: return BPF_PROG_TYPE_PERF_EVENT;
	case PROBE_bench: return BPF_PROG_TYPE_XDP;
	default: return BPF_PROG_TYPE_RAW_TRACEPOINT;
	}
}

static bool kfunc_allowed(void *ctx, const char *name, uint32_t probe_kind)
{
	uint32_t id = kfunc(ctx, name);

	return id && features_allow_kfunc(program_type(probe_kind), name, id);
}

/* One more than the highest number of a CPU: "0-3,8-11" is 12. */
/* One more than the highest number that a CPU may have. */
static uint32_t possible_cpus(void)
{
	cpu_list cpus = { 0 };
	uint32_t count;

	cpus_read(&cpus, "possible");
	count = (uint32_t)vec_last(&cpus) + 1;
	vec_finish(&cpus);
	return count;
}

int kern_target_new(struct target *out, struct arena *a, const struct kern_options *options,
		    struct err *err)
{
	static const struct kern_options none;
	const struct kern_options *o = options ? options : &none;
	struct kern *k = calloc(1, sizeof(*k));

	if (!k)
		return err_set(err, -ENOMEM, "out of memory");
	k->arena = a;
	strmap_init(&k->symbol_tables, NULL);
	strmap_init(&k->dwarfs, NULL);
	k->types = ktypes_new(a, o->btf_path);
	k->functions_path = o->functions_path ? arena_strdup(a, o->functions_path) : NULL;
	k->debug_dirs = o->debug_dirs ? arena_strdup(a, o->debug_dirs) : NULL;
	k->scope = (struct paths_scope){ .pid = o->pid,
					 .roots = o->roots,
					 .root_count = o->root_count };
	*out = (struct target){
		.ctx = k,
		.find_type = find_type,
		.complete_type = complete_type,
		.find_enumerator = find_enumerator,
		.function_args = function_args,
		.raw_tracepoint_args = raw_tracepoint_args,
		.tracepoint_args = tracepoint_args,
		.iter_context = iter_context,
		.uprobe_args = kern_uprobe_args,
		.user_type = kern_user_type,
		.tracepoints = tracepoints,
		.kernel_functions = kernel_functions,
		.raw_tracepoints = raw_tracepoints,
		.iterators = iterators,
		.user_functions = kern_user_functions,
		.usdt_probes = kern_usdt_probes,
		.usdt_sites = kern_usdt_sites,
		.line_address = kern_line_address,
		.bpf_programs = bpf_programs,
		.resolve_binary = resolve_binary,
		.kernel_symbol = kernel_symbol,
		.user_symbol = kern_user_symbol,
		.percpu_symbol = percpu_symbol,
		.cgroup_id = cgroup_id_of_path,
		.syscall_number = syscall_number,
		.syscall_name = syscall_name,
		.kfunc = kfunc,
		.kfunc_allowed = kfunc_allowed,
		.has_several_roots = o->root_count > 1,
		.arch = arch_native(),
		.cpu_count = possible_cpus(),
		.page_size = (uint32_t)sysconf(_SC_PAGESIZE),
	};
	return 0;
}

void kern_target_free(struct target *t)
{
	struct kern *k = t->ctx;

	if (!k)
		return;
	kern_user_finish(k);
	functions_finish(k->functions);
	ktypes_finish(k->types);
	if (k->has_tracefs)
		tracefs_close(&k->tracefs);
	free(k);
	t->ctx = NULL;
}

int kern_target_btf_fd(struct target *t, uint32_t btf_obj)
{
	struct kern *k = t->ctx;

	if (!btf_obj)
		return -1;
	return bpfprogs_module_btf_fd(ktypes_module_name(k->types, btf_obj));
}
