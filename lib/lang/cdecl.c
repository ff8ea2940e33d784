#include <stdlib.h>
#include <string.h>

#include "lang/cscope.h"

/* What headers of the kernel define with parameters, or by other constants. */
static const char kernel_macros[] =
	"#define MINORBITS 20\n"
	"#define MINORMASK ((1 << MINORBITS) - 1)\n"
	"#define MAJOR(dev) ((dev) >> MINORBITS)\n"
	"#define MINOR(dev) ((dev) & MINORMASK)\n"
	"#define MKDEV(ma, mi) (((ma) << MINORBITS) | (mi))\n"
	"#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))\n"
	"#define BIT(n) (1 << (n))\n"
	"#define BPFTRACE_HAVE_BTF 1\n";

static const struct constant {
	const char *name;
	int64_t value;
} constants[] = {
#define CONSTANT(name, value) { #name, value },
#include "lang/constants.def"
};

struct c_scope *c_scope_of(struct ast_program *p, struct diags *diags)
{
	struct c_scope *s = p->c_scope;
	const struct source *source;

	if (s)
		return s;
	s = arena_new(p->arena, struct c_scope);
	s->arena = p->arena;
	s->diags = diags;
	cpp_init(&s->cpp, p->arena, diags);
	for (size_t i = 0; i < sizeof(s->types) / sizeof(s->types[0]); i++)
		strmap_init(&s->types[i], p->arena);
	strmap_init(&s->constants, p->arena);
	source = source_new(p->arena, "kernel", kernel_macros, strlen(kernel_macros));
	cpp_process(&s->cpp, source, 0, (uint32_t)source->len, NULL);
	p->c_scope = s;
	return s;
}

bool c_scope_resolve(struct ast_program *p, const struct target *target, struct diags *diags)
{
	struct c_scope *s = c_scope_of(p, diags);
	size_t errors = diags->error_count;

	if (s->is_resolved)
		return true;
	s->is_resolved = true;
	s->target = target;
	s->diags = diags;
	s->cpp.diags = diags;
	cdecl_parse(s);
	return diags->error_count == errors;
}

const struct cpp_macro *c_scope_find_macro(const struct c_scope *s, const char *name)
{
	return s ? cpp_find(&s->cpp, name) : NULL;
}

const struct type *c_scope_find_type(const struct c_scope *s, enum type_tag tag, const char *name)
{
	const struct type *t = s ? strmap_get(&s->types[tag], name) : NULL;

	/* A struct that is only referred to may be in BTF. */
	if (t && t->kind == TYPE_STRUCT && !t->is_complete && !t->btf_id && s->target &&
	    s->target->find_type) {
		const struct type *found = s->target->find_type(s->target->ctx, tag, name);

		return found ? found : t;
	}
	return t;
}

/* __NR_openat, SYS_openat */
static bool find_syscall(const struct c_scope *s, const char *name, int64_t *value)
{
	size_t prefix = !strncmp(name, "__NR_", 5) ? 5 : !strncmp(name, "SYS_", 4) ? 4 : 0;

	if (!prefix || !s || !s->target || !s->target->syscall_number)
		return false;
	*value = s->target->syscall_number(s->target->ctx, name + prefix);
	return *value >= 0;
}

/* Constants that are others on the target. */
static bool find_target_constant(const struct target *t, const char *name, int64_t *value)
{
	if (t && t->page_size && strcmp(name, "PAGE_SIZE") == 0) {
		*value = t->page_size;
		return true;
	}
	if (t && t->page_size && strcmp(name, "PAGE_SHIFT") == 0) {
		*value = __builtin_ctz(t->page_size);
		return true;
	}
	for (const struct arch_constant *c = arch_of(t)->constants; c->name; c++) {
		if (strcmp(c->name, name) == 0) {
			*value = c->value;
			return true;
		}
	}
	return false;
}

static int compare_constant(const void *name, const void *row)
{
	return strcmp(name, ((const struct constant *)row)->name);
}

bool c_scope_find_constant(const struct c_scope *s, const char *name, int64_t *value,
			   const struct type **type)
{
	const struct c_enumerator *e = s ? strmap_get(&s->constants, name) : NULL;
	const struct constant *row;
	const struct type *kernel_type;
	int64_t kernel_value;

	*type = NULL;
	if (e) {
		*value = e->value;
		*type = e->type;
		return true;
	}
	row = bsearch(name, constants, sizeof(constants) / sizeof(constants[0]),
		      sizeof(constants[0]), compare_constant);
	if (!row)
		return find_syscall(s, name, value);
	/* The kernel's own enumerator has a type. */
	if (s && s->target && s->target->find_enumerator &&
	    s->target->find_enumerator(s->target->ctx, name, &kernel_value, &kernel_type))
		return false;
	if (!find_target_constant(s ? s->target : NULL, name, value))
		*value = row->value;
	return true;
}
