/* What `-lv` says about probes and types, in bpftrace's words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/target.h"
#include "kern/target_internal.h"
#include "util/str.h"

#define LINE_MAX_BYTES       (64u << 10)
#define DEFINITION_MAX_BYTES (16u << 20)

struct lines {
	kern_line_fn fn;
	void *ctx;
	struct buf text;
};

static void emit_param(struct lines *l, const struct kbtf *b, uint32_t id, const char *name)
{
	buf_clear(&l->text);
	kbtf_print_type(&l->text, b, id);
	buf_printf(&l->text, " %s", name);
	l->fn(l->ctx, buf_cstr(&l->text));
}

/* Arguments in other than general registers have no number. */
static bool is_float(const struct kbtf *b, uint32_t id)
{
	const struct btf_type *t = kbtf_type(b, id);

	return t && kbtf_kind(t) == BTF_KIND_FLOAT;
}

static void numbered_params(struct lines *l, const struct kbtf *b, const struct btf_type *proto)
{
	const struct btf_param *p = kbtf_tail(proto);
	unsigned number = 0;
	char name[16];

	for (uint32_t i = 0; i < kbtf_vlen(proto); i++) {
		if (is_float(b, p[i].type))
			continue;
		(void)snprintf(name, sizeof(name), "arg%u", number++);
		emit_param(l, b, p[i].type, name);
	}
}

static void named_params(struct lines *l, const struct kbtf *b, const struct btf_type *proto,
			 uint32_t skip)
{
	const struct btf_param *p = kbtf_tail(proto);

	for (uint32_t i = skip; i < kbtf_vlen(proto); i++)
		emit_param(l, b, p[i].type, kbtf_string(b, p[i].name_off));
}

static void function_params(struct kern *k, struct lines *l, enum probe_kind kind,
			    const char *module, const char *name)
{
	uint32_t obj, id = ktypes_find_function(k->types, module, name, &obj);
	const struct kbtf *b = ktypes_btf(k->types, ktypes_module_name(k->types, obj), &obj);
	const struct btf_type *proto = id ? kbtf_type(b, kbtf_type(b, id)->type) : NULL;

	if (!proto || kbtf_kind(proto) != BTF_KIND_FUNC_PROTO)
		return;
	if (kind == PROBE_kprobe)
		numbered_params(l, b, proto);
	else if (kind == PROBE_fentry || kind == PROBE_fexit)
		named_params(l, b, proto, 0);
	if (kind != PROBE_kretprobe && kind != PROBE_fexit)
		return;
	if (proto->type)
		emit_param(l, b, proto->type, "retval");
	else if (kind == PROBE_kretprobe)
		l->fn(l->ctx, "void");
}

/* @id: a FUNC whose first parameter is not the probe's. */
static void stub_params(struct kern *k, struct lines *l, uint32_t id, uint32_t obj)
{
	const struct kbtf *b = ktypes_btf(k->types, ktypes_module_name(k->types, obj), &obj);
	const struct btf_type *proto = id ? kbtf_type(b, kbtf_type(b, id)->type) : NULL;

	if (proto && kbtf_kind(proto) == BTF_KIND_FUNC_PROTO)
		named_params(l, b, proto, 1);
}

static bool emit_field(void *ctx, const char *declaration, size_t len)
{
	struct lines *l = ctx;

	buf_clear(&l->text);
	buf_append(&l->text, declaration, len);
	l->fn(l->ctx, buf_cstr(&l->text));
	return true;
}

static void tracepoint_fields(struct kern *k, struct lines *l, const char *category,
			      const char *name)
{
	struct buf format;

	if (kern_read_format(k, category, name, &format))
		tracefs_each_field(buf_cstr(&format), emit_field, l);
	buf_finish(&format);
}

void kern_target_params(struct target *t, enum probe_kind kind, const char *module,
			const char *name, kern_line_fn fn, void *ctx)
{
	struct kern *k = t->ctx;
	struct lines l = { .fn = fn, .ctx = ctx };
	uint32_t obj, id;

	module = module && *module ? module : NULL;
	buf_init(&l.text, LINE_MAX_BYTES);
	switch (kind) {
	case PROBE_kprobe:
	case PROBE_kretprobe:
	case PROBE_fentry:
	case PROBE_fexit: function_params(k, &l, kind, module, name); break;
	case PROBE_rawtracepoint:
		id = ktypes_find_tracepoint_stub(k->types, name, &obj);
		stub_params(k, &l, id, obj);
		break;
	case PROBE_iter:
		id = ktypes_find_function(k->types, "vmlinux",
					  arena_printf(k->arena, "bpf_iter_%s", name), &obj);
		stub_params(k, &l, id, obj);
		break;
	case PROBE_tracepoint:
		if (module)
			tracepoint_fields(k, &l, module, name);
		break;
	case PROBE_uprobe:
		if (module)
			kern_uprobe_params(k, module, name, fn, ctx);
		break;
	default: break;
	}
	buf_finish(&l.text);
}

struct named_type {
	const char *name; // "struct foo"
	const struct kbtf *btf;
	const char *module;
	uint32_t id;
};

struct type_list {
	struct kern *k;
	const char *glob;
	const struct kbtf *btf;
	const char *module;
	vec_of(struct named_type) types;
};

static const char *keyword(uint32_t kind)
{
	switch (kind) {
	case BTF_KIND_STRUCT: return "struct";
	case BTF_KIND_UNION: return "union";
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: return "enum";
	default: return NULL;
	}
}

static bool collect_type(void *ctx, uint32_t id, const struct btf_type *t)
{
	struct type_list *list = ctx;
	struct named_type n = { .btf = list->btf, .module = list->module, .id = id };
	char name[512];

	if (!keyword(kbtf_kind(t)) || !t->name_off)
		return true;
	(void)snprintf(name, sizeof(name), "%s %s", keyword(kbtf_kind(t)), kbtf_name(list->btf, t));
	if (list->glob && !str_glob(list->glob, name))
		return true;
	n.name = arena_strdup(list->k->arena, name);
	vec_push(list->k->arena, &list->types, n);
	return true;
}

static int compare_types(const void *a, const void *b)
{
	const struct named_type *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	/* vmlinux was collected before the modules, whose ids are higher. */
	return r ? r : (x->id > y->id) - (x->id < y->id);
}

static void emit_types(struct type_list *list, bool verbose, kern_line_fn fn, void *ctx)
{
	const char *last = NULL;
	struct buf text;

	buf_init(&text, DEFINITION_MAX_BYTES);
	vec_foreach (&list->types, n) {
		if (last && !strcmp(last, n->name))
			continue;
		last = n->name;
		if (!verbose) {
			fn(ctx, n->name);
			continue;
		}
		buf_clear(&text);
		buf_printf(&text, "%s: ", n->module);
		kbtf_print_definition(&text, n->btf, n->id);
		fn(ctx, buf_cstr(&text));
	}
	buf_finish(&text);
}

void kern_target_structs(struct target *t, const char *glob, bool verbose, kern_line_fn fn,
			 void *ctx)
{
	struct kern *k = t->ctx;
	struct type_list list = { .k = k, .glob = glob, .module = "vmlinux" };
	uint32_t obj;

	list.btf = ktypes_btf(k->types, NULL, &obj);
	if (!list.btf)
		return;
	kbtf_each(list.btf, collect_type, &list);
	for (const char *const *m = ktypes_modules(k->types); *m; m++) {
		list.module = *m;
		list.btf = ktypes_btf(k->types, *m, &obj);
		if (list.btf)
			kbtf_each(list.btf, collect_type, &list);
	}
	if (list.types.len)
		qsort(list.types.data, list.types.len, sizeof(struct named_type), compare_types);
	emit_types(&list, verbose, fn, ctx);
}
