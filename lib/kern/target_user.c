/* The target's questions about binaries: functions, USDT probes, symbols, debugging information. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/dwarf.h"
#include "kern/elfsyms.h"
#include "kern/target_internal.h"
#include "kern/usdt.h"
#include "util/str.h"

/* The "/proc/PID/root" that @path begins with, in @out; "" if it does not. */
static void root_of(const char *path, char *out, size_t size)
{
	const char *p = path;
	uint64_t pid;
	size_t len;

	*out = 0;
	if (!str_take(&p, "/proc/") || !str_take_u64(&p, 10, &pid) || !str_take(&p, "/root"))
		return;
	len = (size_t)(p - path);
	if (len < size) {
		memcpy(out, path, len);
		out[len] = 0;
	}
}

static struct elfsyms *symbols(struct kern *k, const char *path, struct err *err)
{
	struct elfsyms *t = strmap_get(&k->symbol_tables, path);
	char root[32];

	if (t)
		return t;
	root_of(path, root, sizeof(root));
	if (elfsyms_load(&t, path, root, ELFSYMS_FUNCTIONS | ELFSYMS_OBJECTS | ELFSYMS_DEBUG_FILE,
			 err))
		return NULL;
	(void)strmap_put(&k->symbol_tables, path, t);
	return t;
}

static bool is_function(const struct elfsym *s)
{
	return s->type != 1; // STT_OBJECT
}

static void fill_symbol(const struct elfsyms *t, const char *path, const struct elfsym *s,
			struct target_symbol *out)
{
	*out = (struct target_symbol){
		.module = path, .name = s->name, .address = s->address, .size = s->size
	};
	(void)kelf_address_to_offset(elfsyms_file(t), s->address, &out->offset);
}

static bool matches(const char *glob, const char *name, bool demangle)
{
	char *plain;
	bool is_match;

	if (!glob || str_glob(glob, name))
		return true;
	plain = demangle ? elfsyms_demangle(name) : NULL;
	if (!plain)
		return false;
	/* Parameters count only for those who write some. */
	if (!strchr(glob, '('))
		elfsyms_strip_parameters(plain);
	is_match = str_glob(glob, plain);
	free(plain);
	return is_match;
}

static int compare_names(const void *a, const void *b)
{
	const struct elfsym *x = *(const struct elfsym *const *)a;
	const struct elfsym *y = *(const struct elfsym *const *)b;

	return strcmp(x->name, y->name);
}

int kern_user_functions(void *ctx, const char *path, const char *name, bool demangle,
			target_symbol_fn fn, void *fn_ctx, struct err *err)
{
	struct kern *k = ctx;
	struct elfsyms *t = symbols(k, path, err);
	vec_of(const struct elfsym *) found = { 0 };
	struct target_symbol symbol;
	const char *last = NULL;

	if (!t)
		return err && err->code ? err->code : -ENOENT;
	for (size_t i = 0; i < elfsyms_count(t); i++) {
		const struct elfsym *s = elfsyms_at(t, i);

		if (is_function(s) && matches(name, s->name, demangle))
			vec_push(k->arena, &found, s);
	}
	if (found.len)
		qsort(found.data, found.len, sizeof(*found.data), compare_names);
	vec_foreach (&found, s) {
		if (last && !strcmp(last, (*s)->name))
			continue;
		last = (*s)->name;
		fill_symbol(t, path, *s, &symbol);
		symbol.name = arena_strdup(k->arena, symbol.name);
		if (!fn(fn_ctx, &symbol))
			break;
	}
	return 0;
}

int kern_user_symbol(void *ctx, const char *path, const char *name, struct target_symbol *out)
{
	struct kern *k = ctx;
	struct err err = { 0 };
	struct elfsyms *t = symbols(k, path, &err);
	const struct elfsym *s = t ? elfsyms_by_name(t, name) : NULL;

	if (!t)
		return err.code;
	if (!s)
		return -ENOENT;
	fill_symbol(t, path, s, out);
	out->name = arena_strdup(k->arena, s->name);
	return 0;
}

static int compare_sites(const void *a, const void *b)
{
	const struct usdt_site *x = *(const struct usdt_site *const *)a;
	const struct usdt_site *y = *(const struct usdt_site *const *)b;
	int r = strcmp(x->provider, y->provider);

	if (!r)
		r = strcmp(x->name, y->name);
	return r ? r : (x->offset > y->offset) - (x->offset < y->offset);
}

static void emit_sites(struct kern *k, const char *path, const struct usdt_sites *sites,
		       const char *provider, const char *name, target_symbol_fn fn, void *fn_ctx)
{
	vec_of(const struct usdt_site *) found = { 0 };
	const struct usdt_site *last = NULL;

	(void)path;
	for (size_t i = 0; i < sites->count; i++) {
		const struct usdt_site *s = &sites->sites[i];

		if ((!provider || str_glob(provider, s->provider)) &&
		    (!name || str_glob(name, s->name)))
			vec_push(k->arena, &found, s);
	}
	if (found.len)
		qsort(found.data, found.len, sizeof(*found.data), compare_sites);
	vec_foreach (&found, s) {
		struct target_symbol symbol = { .module = arena_strdup(k->arena, (*s)->provider),
						.name = arena_strdup(k->arena, (*s)->name),
						.address = (*s)->address,
						.offset = (*s)->offset };

		if (last && !strcmp(last->provider, (*s)->provider) &&
		    !strcmp(last->name, (*s)->name))
			continue;
		last = *s;
		if (!fn(fn_ctx, &symbol))
			return;
	}
}

int kern_usdt_probes(void *ctx, const char *path, const char *provider, const char *name,
		     target_symbol_fn fn, void *fn_ctx, struct err *err)
{
	struct kern *k = ctx;
	struct usdt_sites sites = { 0 };
	struct kelf *elf;
	int r = kelf_open(&elf, path, err);

	if (r)
		return r;
	r = usdt_read(&sites, elf, err);
	if (!r)
		emit_sites(k, path, &sites, provider, name, fn, fn_ctx);
	usdt_sites_finish(&sites);
	kelf_close(elf);
	return r;
}

/* What is kept for a binary without debugging information, so that it is not looked at again. */
static const char no_dwarf;

static struct kdwarf *dwarf(struct kern *k, const char *path, struct err *err)
{
	void *known = strmap_get(&k->dwarfs, path);
	struct kdwarf *d;
	char root[32];

	if (known == &no_dwarf) {
		(void)err_set(err, -ENOENT, "no debuginfo found for %s", path);
		return NULL;
	}
	if (known)
		return known;
	root_of(path, root, sizeof(root));
	if (kdwarf_open(&d, k->arena, path, root, k->debug_dirs, err)) {
		(void)strmap_put(&k->dwarfs, path, (void *)&no_dwarf);
		return NULL;
	}
	(void)strmap_put(&k->dwarfs, path, d);
	return d;
}

const struct type *kern_uprobe_args(void *ctx, const char *path, const char *function)
{
	struct kdwarf *d = dwarf(ctx, path, NULL);

	return d ? kdwarf_function_args(d, function) : NULL;
}

static bool has_tag(const struct type *t, enum type_tag tag)
{
	switch (tag) {
	case TAG_STRUCT: return t->kind == TYPE_STRUCT && !t->is_union;
	case TAG_UNION: return t->kind == TYPE_STRUCT && t->is_union;
	case TAG_ENUM: return t->kind == TYPE_ENUM;
	default: return true;
	}
}

const struct type *kern_user_type(void *ctx, const char *path, enum type_tag tag, const char *name)
{
	struct kdwarf *d = dwarf(ctx, path, NULL);
	const struct type *t = d ? kdwarf_find_type(d, name) : NULL;

	return t && has_tag(t, tag) ? t : NULL;
}

int kern_line_address(void *ctx, const char *path, const char *file, uint32_t line, uint32_t column,
		      uint64_t *address, struct err *err)
{
	struct err local = { 0 };
	struct kdwarf *d = dwarf(ctx, path, &local);

	if (!d)
		return err_set(err, local.code, "%s", local.msg);
	return kdwarf_line_address(d, file, line, column, address, err);
}

void kern_uprobe_params(struct kern *k, const char *path, const char *function,
			void (*fn)(void *ctx, const char *line), void *ctx)
{
	struct kdwarf *d = dwarf(k, path, NULL);

	if (d)
		kdwarf_print_params(d, function, fn, ctx);
}

void kern_user_finish(struct kern *k)
{
	for (size_t i = 0; i < k->symbol_tables.len; i++)
		elfsyms_free(strmap_at(&k->symbol_tables, i)->value);
	for (size_t i = 0; i < k->dwarfs.len; i++) {
		if (strmap_at(&k->dwarfs, i)->value != &no_dwarf)
			kdwarf_close(strmap_at(&k->dwarfs, i)->value);
	}
	strmap_finish(&k->symbol_tables);
	strmap_finish(&k->dwarfs);
}
