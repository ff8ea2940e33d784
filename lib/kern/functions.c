#include "kern/functions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kern/kallsyms.h"
#include "util/buf.h"
#include "util/str.h"
#include "util/strmap.h"
#include "util/vec.h"

#define LIST_MAX       (64u << 20)
#define BLACKLIST_PATH "/sys/kernel/debug/kprobes/blacklist"
#define FUNC_KIND      (1u << BTF_KIND_FUNC)

struct entry {
	const char *module;
	const char *name;
	uint32_t btf_id;
};

typedef vec_of(struct entry) entry_list;

struct functions {
	struct arena *arena;
	struct ktypes *types;
	const struct tracefs *tracefs;
	const char *path;
	struct buf text; // of available_filter_functions: the kernel takes long to make it
	bool has_tried_text;
	struct strmap modules;   // names, interned
	struct strmap blacklist; // function names
};

/* One pass over all functions that keeps those which match. */
struct search {
	struct functions *f;
	const char *module; // globs, NULL: all
	const char *name;
	entry_list found;
};

struct functions *functions_new(struct arena *a, struct ktypes *types,
				const struct tracefs *tracefs, const char *path)
{
	struct functions *f = arena_new(a, struct functions);

	f->arena = a;
	f->types = types;
	f->tracefs = tracefs;
	f->path = path ? arena_strdup(a, path) : NULL;
	strmap_init(&f->modules, a);
	strmap_init(&f->blacklist, a);
	buf_init(&f->text, LIST_MAX);
	return f;
}

void functions_finish(struct functions *f)
{
	if (!f)
		return;
	buf_finish(&f->text);
	strmap_finish(&f->modules);
	strmap_finish(&f->blacklist);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	/* Module names are interned. */
	int r = x->module == y->module ? 0 : strcmp(x->module, y->module);

	return r ? r : strcmp(x->name, y->name);
}

static void sort_unique(entry_list *list)
{
	size_t kept = 0;

	if (!list->len)
		return;
	qsort(list->data, list->len, sizeof(struct entry), compare_entries);
	for (size_t i = 0; i < list->len; i++) {
		if (!kept || compare_entries(&list->data[kept - 1], &list->data[i]))
			list->data[kept++] = list->data[i];
	}
	list->len = kept;
}

static bool is_bad(const struct functions *f, const char *name)
{
	return !strcmp(name, "arch_cpu_idle") || !strcmp(name, "default_idle") ||
	       !strcmp(name, "bpf_dispatcher_xdp_func") || str_starts_with(name, "rcu_") ||
	       str_starts_with(name, "__ftrace_invalid_address__") ||
	       /* Parts that the compiler split off are not functions of their own. */
	       strstr(name, ".part.") || strmap_has(&f->blacklist, name);
}

/* Lines "0xADDR-0xADDR	name [module]"; debugfs is often not there, then nothing is known. */
static void read_blacklist(struct functions *f)
{
	struct buf text;

	buf_init(&text, LIST_MAX);
	if (!buf_read_file(&text, BLACKLIST_PATH)) {
		for (char *line = text.data, *end; line && *line; line = end) {
			char *name;

			end = strchrnul(line, '\n');
			if (*end)
				*end++ = 0;
			name = strchr(line, '\t');
			if (name)
				(void)strmap_put_n(&f->blacklist, name + 1,
						   strcspn(name + 1, " \t"), f);
		}
	}
	buf_finish(&text);
}

static void add(struct search *s, const char *module, const char *name)
{
	struct functions *f = s->f;
	struct entry e = { 0 };

	if (is_bad(f, name))
		return;
	e.name = arena_strdup(f->arena, name);
	e.module = strmap_intern(&f->modules, module, strlen(module));
	vec_push(f->arena, &s->found, e);
}

static bool is_match(const struct search *s, const char *module, const char *name)
{
	return (!s->name || str_glob(s->name, name)) && (!s->module || str_glob(s->module, module));
}

/* Lines "name" and "name [module]". */
static void search_text(struct search *s, const char *text)
{
	char name[512], module[64];

	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		size_t len = strcspn(line, " \t\n"), module_len;
		const char *bracket;

		end = strchrnul(line, '\n');
		bracket = memchr(line + len, '[', (size_t)(end - line) - len);
		module_len = bracket ? strcspn(bracket + 1, "]\n") : 0;
		if (len >= sizeof(name) || module_len >= sizeof(module))
			continue;
		memcpy(name, line, len);
		name[len] = 0;
		memcpy(module, bracket ? bracket + 1 : "", module_len);
		module[module_len] = 0;
		if (is_match(s, bracket ? module : "vmlinux", name))
			add(s, bracket ? module : "vmlinux", name);
	}
}

static bool search_kallsyms(void *ctx, const struct kallsym *symbol)
{
	struct search *s = ctx;
	struct kbtf *b;
	uint32_t obj;

	if (!kallsym_is_function(symbol) || !is_match(s, symbol->module, symbol->name))
		return true;
	b = ktypes_btf(s->f->types, symbol->module, &obj);
	if (b && kbtf_find(b, symbol->name, FUNC_KIND))
		add(s, symbol->module, symbol->name);
	return true;
}

static void search_all(struct search *s)
{
	struct functions *f = s->f;

	if (!f->has_tried_text) {
		int r = -ENOENT;

		f->has_tried_text = true;
		read_blacklist(f);
		if (f->path)
			r = buf_read_file(&f->text, f->path);
		else if (f->tracefs)
			r = tracefs_read(f->tracefs, "available_filter_functions", &f->text);
		if (r)
			buf_clear(&f->text);
	}
	if (f->text.len)
		search_text(s, f->text.data);
	else if (!f->path && kallsyms_each(NULL, search_kallsyms, s, NULL))
		s->found.len = 0;
	sort_unique(&s->found);
}

/* The FUNC of @e if its arguments can be had; 0: no. */
static uint32_t traceable_btf_id(struct functions *f, const char *module, const char *name)
{
	uint32_t obj;
	struct kbtf *b = ktypes_btf(f->types, module, &obj);
	uint32_t id = b ? kbtf_find(b, name, FUNC_KIND) : 0;
	const struct btf_type *proto = id ? kbtf_type(b, kbtf_type(b, id)->type) : NULL;

	if (!proto || kbtf_kind(proto) != BTF_KIND_FUNC_PROTO ||
	    kbtf_vlen(proto) > ktypes_args_max())
		return 0;
	return id;
}

struct exact_search {
	const char *module; // wanted, NULL: any
	const char *name;
	char found[64]; // module it was found in
	uint64_t address;
};

static bool match_exact(void *ctx, const struct kallsym *s)
{
	struct exact_search *e = ctx;

	if (!kallsym_is_function(s) || strcmp(s->name, e->name) != 0 ||
	    (e->module && !str_glob(e->module, s->module)) || strlen(s->module) >= sizeof(e->found))
		return true;
	memcpy(e->found, s->module, strlen(s->module) + 1);
	e->address = s->address;
	return false;
}

/* A function named exactly: first by BTF, which costs little, then by kallsyms. */
static void each_exact(struct functions *f, const char *module, const char *name, bool with_btf,
		       target_symbol_fn fn, void *fn_ctx)
{
	struct target_symbol symbol = { .module = "vmlinux", .name = name };
	struct exact_search search = { .module = module, .name = name };
	bool is_glob = module && str_has_glob(module);
	uint32_t obj;

	if (is_glob && str_glob(module, "vmlinux"))
		is_glob = false;
	else if (module && !is_glob)
		symbol.module = module;
	if (!is_glob)
		symbol.btf_id = traceable_btf_id(f, symbol.module, name);
	if (!symbol.btf_id && !kallsyms_each(NULL, match_exact, &search, NULL) && search.found[0]) {
		symbol.module = arena_strdup(f->arena, search.found);
		symbol.address = search.address;
		symbol.btf_id = traceable_btf_id(f, search.found, name);
	} else if (!symbol.btf_id) {
		/* kallsyms without this function, but a module's BTF may know it. */
		if (module || !ktypes_find_function(f->types, NULL, name, &obj) || !obj)
			return;
		symbol.module = ktypes_module_name(f->types, obj);
		symbol.btf_id = traceable_btf_id(f, symbol.module, name);
	}
	if (!with_btf || symbol.btf_id)
		(void)fn(fn_ctx, &symbol);
}

void functions_each(struct functions *f, const char *module, const char *name, bool with_btf,
		    target_symbol_fn fn, void *fn_ctx)
{
	struct search s = { .f = f, .module = module, .name = name };

	/* A list that is given decides alone. */
	if (name && !str_has_glob(name) && !f->path) {
		each_exact(f, module, name, with_btf, fn, fn_ctx);
		return;
	}
	search_all(&s);
	vec_foreach (&s.found, e) {
		struct target_symbol symbol = { .module = e->module, .name = e->name };

		if (with_btf) {
			symbol.btf_id = traceable_btf_id(f, e->module, e->name);
			if (!symbol.btf_id)
				continue;
		}
		if (!fn(fn_ctx, &symbol))
			return;
	}
}

/* A walk over the functions (or structs) of one BTF object that collects those with a prefix. */
struct prefix_walk {
	struct functions *f;
	const struct kbtf *btf;
	const char *module;
	const char *glob;
	entry_list found;
};

static bool collect_stub(void *ctx, uint32_t id, const struct btf_type *t)
{
	static const char *const prefixes[] = { "__probestub_", "__traceiter_" };
	struct prefix_walk *w = ctx;
	const struct btf_type *proto;
	const char *name;

	if (kbtf_kind(t) != BTF_KIND_FUNC)
		return true;
	name = kbtf_name(w->btf, t);
	for (size_t i = 0; i < 2; i++) {
		if (!str_starts_with(name, prefixes[i]))
			continue;
		name += strlen(prefixes[i]);
		proto = kbtf_type(w->btf, t->type);
		if ((!w->glob || str_glob(w->glob, name)) && proto &&
		    kbtf_vlen(proto) <= ktypes_args_max()) {
			struct entry e = { .module = w->module,
					   .name = arena_strdup(w->f->arena, name),
					   .btf_id = id };

			vec_push(w->f->arena, &w->found, e);
		}
		break;
	}
	return true;
}

static void emit_entries(const entry_list *list, target_symbol_fn fn, void *fn_ctx)
{
	vec_foreach (list, e) {
		struct target_symbol symbol = { .module = e->module,
						.name = e->name,
						.btf_id = e->btf_id };

		if (!fn(fn_ctx, &symbol))
			return;
	}
}

/* What a program for a raw tracepoint or an iterator is loaded with; 0: not there. */
static uint32_t attach_id(struct functions *f, const char *module, const char *prefix,
			  const char *name, uint32_t kind)
{
	uint32_t obj;
	struct kbtf *b = ktypes_btf(f->types, module, &obj);

	return b ? kbtf_find(b, arena_printf(f->arena, "%s%s", prefix, name), 1u << kind) : 0;
}

static uint32_t raw_tracepoint_id(struct functions *f, const char *module, const char *name)
{
	return attach_id(f, module, "btf_trace_", name, BTF_KIND_TYPEDEF);
}

void functions_each_raw_tracepoint(struct functions *f, const char *module, const char *name,
				   target_symbol_fn fn, void *fn_ctx)
{
	struct prefix_walk w = { .f = f, .glob = name };
	uint32_t obj, id;

	if (name && !str_has_glob(name)) {
		id = ktypes_find_tracepoint_stub(f->types, name, &obj);
		struct target_symbol symbol = { .module = ktypes_module_name(f->types, obj),
						.name = name };

		if (id)
			symbol.btf_id = raw_tracepoint_id(f, symbol.module, name);
		if (id && (!module || str_glob(module, symbol.module)))
			(void)fn(fn_ctx, &symbol);
		return;
	}
	w.module = "vmlinux";
	w.btf = ktypes_btf(f->types, NULL, &obj);
	if (w.btf && (!module || str_glob(module, w.module)))
		kbtf_each(w.btf, collect_stub, &w);
	for (const char *const *m = ktypes_modules(f->types); *m; m++) {
		w.module = *m;
		w.btf = !module || str_glob(module, *m) ? ktypes_btf(f->types, *m, &obj) : NULL;
		if (w.btf)
			kbtf_each(w.btf, collect_stub, &w);
	}
	sort_unique(&w.found);
	vec_foreach (&w.found, e)
		e->btf_id = raw_tracepoint_id(f, e->module, e->name);
	emit_entries(&w.found, fn, fn_ctx);
}

#define ITER_PREFIX "bpf_iter__"

static bool collect_iterator(void *ctx, uint32_t id, const struct btf_type *t)
{
	struct prefix_walk *w = ctx;
	const char *name;
	struct entry e = { .module = w->module, .btf_id = id };

	if (kbtf_kind(t) != BTF_KIND_STRUCT)
		return true;
	name = kbtf_name(w->btf, t);
	/* "__safe_trusted" structs describe rules for the verifier, not iterators. */
	if (!str_starts_with(name, ITER_PREFIX) || str_ends_with(name, "__safe_trusted"))
		return true;
	name += strlen(ITER_PREFIX);
	if (!w->glob || str_glob(w->glob, name)) {
		e.name = arena_strdup(w->f->arena, name);
		vec_push(w->f->arena, &w->found, e);
	}
	return true;
}

void functions_each_iterator(struct functions *f, const char *name, target_symbol_fn fn,
			     void *fn_ctx)
{
	struct prefix_walk w = { .f = f, .module = "vmlinux", .glob = name };
	uint32_t obj;

	w.btf = ktypes_btf(f->types, NULL, &obj);
	if (!w.btf)
		return;
	kbtf_each(w.btf, collect_iterator, &w);
	sort_unique(&w.found);
	vec_foreach (&w.found, e)
		e->btf_id = attach_id(f, NULL, "bpf_iter_", e->name, BTF_KIND_FUNC);
	emit_entries(&w.found, fn, fn_ctx);
}
