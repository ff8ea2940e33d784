#include "lang/type.h"

#include <assert.h>
#include <string.h>

#include "lang/builtin.h"

#define MAX_ANONYMOUS_DEPTH 16

/* [log2 of the size][is signed] */
static const struct type int_types[4][2] = {
	{ { .kind = TYPE_INT, .size = 1 }, { .kind = TYPE_INT, .size = 1, .is_signed = true } },
	{ { .kind = TYPE_INT, .size = 2 }, { .kind = TYPE_INT, .size = 2, .is_signed = true } },
	{ { .kind = TYPE_INT, .size = 4 }, { .kind = TYPE_INT, .size = 4, .is_signed = true } },
	{ { .kind = TYPE_INT, .size = 8 }, { .kind = TYPE_INT, .size = 8, .is_signed = true } },
};

/* Kinds that are described by their kind alone; the others have size 0 here. */
static const struct type fixed_types[TYPE_KIND_COUNT] = {
	[TYPE_ERROR] = { .kind = TYPE_ERROR },
	[TYPE_NONE] = { .kind = TYPE_NONE },
	[TYPE_VOID] = { .kind = TYPE_VOID },
	[TYPE_BOOL] = { .kind = TYPE_BOOL, .size = 1 },
	[TYPE_INET] = { .kind = TYPE_INET, .size = 20, .as = AS_BPF },
	[TYPE_MACADDR] = { .kind = TYPE_MACADDR, .size = 6, .as = AS_BPF },
	[TYPE_KSYM] = { .kind = TYPE_KSYM, .size = 8 },
	[TYPE_USYM] = { .kind = TYPE_USYM, .size = 16, .as = AS_BPF },
	[TYPE_TIMESTAMP] = { .kind = TYPE_TIMESTAMP, .size = 8 },
	[TYPE_CGROUP_PATH] = { .kind = TYPE_CGROUP_PATH, .size = 8 },
	[TYPE_USERNAME] = { .kind = TYPE_USERNAME, .size = 8 },
	[TYPE_PROBE_NAME] = { .kind = TYPE_PROBE_NAME, .size = 8 },
	[TYPE_KUBE] = { .kind = TYPE_KUBE, .size = 8 },
	[TYPE_STACK_MODE] = { .kind = TYPE_STACK_MODE },
	[TYPE_CONFIG] = { .kind = TYPE_CONFIG },
	[TYPE_TYPE] = { .kind = TYPE_TYPE },
};

const struct type *type_int(uint32_t size, bool is_signed)
{
	assert(size == 1 || size == 2 || size == 4 || size == 8);
	return &int_types[__builtin_ctz(size)][is_signed];
}

const struct type *type_fixed(enum type_kind kind)
{
	assert(fixed_types[kind].kind == kind);
	return &fixed_types[kind];
}

const struct type *type_bool(void)
{
	return &fixed_types[TYPE_BOOL];
}

const struct type *type_void(void)
{
	return &fixed_types[TYPE_VOID];
}

const struct type *type_none(void)
{
	return &fixed_types[TYPE_NONE];
}

const struct type *type_error(void)
{
	return &fixed_types[TYPE_ERROR];
}

static struct type *type_new(struct arena *a, enum type_kind kind, uint32_t size)
{
	struct type *t = arena_new(a, struct type);

	t->kind = kind;
	t->size = size;
	return t;
}

const struct type *type_pointer(struct arena *a, const struct type *elem, enum addr_space as)
{
	struct type *t = type_new(a, TYPE_POINTER, 8);

	t->elem = elem;
	t->as = as;
	return t;
}

const struct type *type_array(struct arena *a, const struct type *elem, uint32_t count)
{
	uint64_t size = (uint64_t)elem->size * count;
	struct type *t = type_new(a, TYPE_ARRAY, size > UINT32_MAX ? UINT32_MAX : (uint32_t)size);

	t->elem = elem;
	t->count = count;
	return t;
}

const struct type *type_string(struct arena *a, uint32_t size)
{
	return type_new(a, TYPE_STRING, size);
}

const struct type *type_buffer(struct arena *a, uint32_t capacity)
{
	struct type *t = type_new(a, TYPE_BUFFER, capacity + 4);

	t->as = AS_BPF;
	return t;
}

const struct type *type_stack(struct arena *a, enum type_kind kind, enum stack_mode mode,
			      uint32_t limit)
{
	struct type *t = type_new(a, kind, 8);

	t->mode = mode;
	t->limit = limit;
	return t;
}

const struct type *type_tuple(struct arena *a, const struct type *const *types,
			      const char *const *names, uint32_t count)
{
	struct type *t = type_new(a, names ? TYPE_RECORD : TYPE_TUPLE, 0);
	uint64_t offset = 0;

	t->as = AS_BPF;
	t->alignment = 1;
	t->count = count;
	t->is_complete = true;
	t->members = arena_array(a, struct type_member, count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t align = type_align(types[i]);

		offset = (offset + align - 1) / align * align;
		t->members[i].name = names ? names[i] : NULL;
		t->members[i].type = types[i];
		t->members[i].offset = (uint32_t)offset;
		offset += types[i]->size;
		if (align > t->alignment)
			t->alignment = align;
	}
	offset = (offset + t->alignment - 1) / t->alignment * t->alignment;
	t->size = offset > UINT32_MAX ? UINT32_MAX : (uint32_t)offset;
	return t;
}

const struct type *type_in(struct arena *a, const struct type *t, enum addr_space as)
{
	struct type *copy;

	if (t->as == as)
		return t;
	copy = arena_memdup(a, t, sizeof(*t));
	copy->as = as;
	return copy;
}

static bool names_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool members_equal(const struct type *a, const struct type *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		if (!names_equal(a->members[i].name, b->members[i].name) ||
		    !type_equal(a->members[i].type, b->members[i].type))
			return false;
	}
	return true;
}

static bool structs_equal(const struct type *a, const struct type *b)
{
	if (a->is_union != b->is_union || a->size != b->size)
		return false;
	if (a->name || b->name)
		return names_equal(a->name, b->name);
	if (a->btf_id || b->btf_id)
		return a->btf_id == b->btf_id && a->btf_obj == b->btf_obj;
	return a->members == b->members;
}

bool type_equal(const struct type *a, const struct type *b)
{
	if (a == b)
		return true;
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case TYPE_STRUCT: return structs_equal(a, b);
	case TYPE_ENUM: return a->size == b->size && names_equal(a->name, b->name);
	case TYPE_POINTER: return type_equal(a->elem, b->elem);
	case TYPE_ARRAY: return a->count == b->count && type_equal(a->elem, b->elem);
	case TYPE_TUPLE:
	case TYPE_RECORD:
	case TYPE_ARGS: return members_equal(a, b);
	case TYPE_AGG: return a->agg == b->agg && a->is_signed == b->is_signed;
	case TYPE_KSTACK:
	case TYPE_USTACK: return a->mode == b->mode && a->limit == b->limit;
	case TYPE_KUBE: return a->mode == b->mode;
	default: return a->size == b->size && a->is_signed == b->is_signed;
	}
}

uint32_t type_align(const struct type *t)
{
	switch (t->kind) {
	case TYPE_STRING:
	case TYPE_BUFFER:
	case TYPE_MACADDR: return 1;
	case TYPE_INET: return 4;
	case TYPE_USYM: return 8;
	case TYPE_ARRAY: return type_align(t->elem);
	case TYPE_STRUCT:
	case TYPE_TUPLE:
	case TYPE_RECORD: return t->alignment ? t->alignment : 1;
	default: return t->size == 0 ? 1 : t->size >= 8 ? 8 : t->size >= 4 ? 4 : t->size;
	}
}

bool type_is_scalar(const struct type *t)
{
	switch (t->kind) {
	case TYPE_BOOL:
	case TYPE_INT:
	case TYPE_ENUM:
	case TYPE_POINTER:
	case TYPE_KSTACK:
	case TYPE_USTACK:
	case TYPE_KSYM:
	case TYPE_TIMESTAMP:
	case TYPE_CGROUP_PATH:
	case TYPE_USERNAME:
	case TYPE_PROBE_NAME:
	case TYPE_KUBE: return true;
	default: return false;
	}
}

static bool find_member(const struct type *t, const char *name, struct type_member *out,
			uint32_t depth)
{
	if (depth > MAX_ANONYMOUS_DEPTH)
		return false;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct type_member *m = &t->members[i];

		if (m->name && m->name[0] && strcmp(m->name, name) == 0) {
			*out = *m;
			return true;
		}
		if (m->name && !m->name[0] && m->type->kind == TYPE_STRUCT &&
		    find_member(m->type, name, out, depth + 1)) {
			out->offset += m->offset;
			return true;
		}
	}
	return false;
}

bool type_find_member(const struct type *t, const char *name, struct type_member *out)
{
	switch (t->kind) {
	case TYPE_STRUCT:
	case TYPE_RECORD:
	case TYPE_ARGS: return find_member(t, name, out, 0);
	default: return false;
	}
}

static const char *const kind_names[TYPE_KIND_COUNT] = {
	[TYPE_ERROR] = "error",
	[TYPE_NONE] = "none",
	[TYPE_VOID] = "void",
	[TYPE_BOOL] = "bool",
	[TYPE_INT] = "int",
	[TYPE_ENUM] = "int",
	[TYPE_POINTER] = "pointer",
	[TYPE_ARRAY] = "array",
	[TYPE_STRUCT] = "c_type",
	[TYPE_TUPLE] = "tuple",
	[TYPE_RECORD] = "record",
	[TYPE_STRING] = "string",
	[TYPE_BUFFER] = "buffer",
	[TYPE_INET] = "inet",
	[TYPE_MACADDR] = "mac_address",
	[TYPE_KSTACK] = "kstack",
	[TYPE_USTACK] = "ustack",
	[TYPE_KSYM] = "ksym_t",
	[TYPE_USYM] = "usym_t",
	[TYPE_TIMESTAMP] = "timestamp",
	[TYPE_CGROUP_PATH] = "cgroup_path_t",
	[TYPE_USERNAME] = "username_t",
	[TYPE_PROBE_NAME] = "string",
	[TYPE_KUBE] = "kube_name_t",
	[TYPE_STACK_MODE] = "stack_mode",
	[TYPE_AGG] = "agg",
	[TYPE_ARGS] = "c_type",
	[TYPE_CONFIG] = "config",
	[TYPE_TYPE] = "type",
};

static const char *const agg_names[BI_COUNT] = {
#define VAR(...)
#define FUNC(...)
#define AGG(name, ...) [BI_##name] = #name "_t",
#include "lang/builtins.def"
};

const char *type_kind_name(const struct type *t)
{
	if (t->kind == TYPE_AGG)
		return agg_names[t->agg];
	return kind_names[t->kind];
}

static void print_members(struct buf *out, const struct type *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		if (i)
			buf_putc(out, ',');
		type_print(out, t->members[i].type);
	}
}

static void print_struct(struct buf *out, const struct type *t)
{
	buf_puts(out, t->is_union ? "union " : "struct ");
	if (t->name) {
		buf_puts(out, t->name);
		return;
	}
	buf_putc(out, '{');
	print_members(out, t);
	buf_putc(out, '}');
}

static void print_record(struct buf *out, const struct type *t)
{
	buf_puts(out, "record { ");
	for (uint32_t i = 0; i < t->count; i++) {
		buf_printf(out, "%s.%s = ", i ? ", " : "", t->members[i].name);
		type_print(out, t->members[i].type);
	}
	buf_puts(out, " }");
}

/* min_t and the like exist for both signs: umin_t is the unsigned one. */
static void print_agg(struct buf *out, const struct type *t)
{
	switch (t->agg) {
	case BI_count:
	case BI_hist:
	case BI_lhist:
	case BI_tseries: break;
	default:
		if (!t->is_signed)
			buf_putc(out, 'u');
	}
	buf_puts(out, agg_names[t->agg]);
}

static void print_stack(struct buf *out, const struct type *t)
{
	static const char *const modes[] = { [STACK_BPFTRACE] = "bpftrace",
					     [STACK_PERF] = "perf",
					     [STACK_RAW] = "raw",
					     [STACK_BUILD_ID] = "build_id" };

	buf_printf(out, "%cstack_%s_%u", t->kind == TYPE_KSTACK ? 'k' : 'u', modes[t->mode],
		   t->limit);
}

void type_print(struct buf *out, const struct type *t)
{
	switch (t->kind) {
	case TYPE_INT: buf_printf(out, "%sint%u", t->is_signed ? "" : "u", t->size * 8); break;
	case TYPE_ENUM:
		if (t->name)
			buf_printf(out, "enum %s", t->name);
		else
			buf_printf(out, "%sint%u", t->is_signed ? "" : "u", t->size * 8);
		break;
	case TYPE_STRING:
	case TYPE_BUFFER:
		buf_puts(out, kind_names[t->kind]);
		if (t->size)
			buf_printf(out, "[%u]", t->size);
		break;
	case TYPE_INET:
		buf_puts(out, "inet[24]"); // the size that bpftrace tells; ours is smaller
		break;
	case TYPE_POINTER:
		type_print(out, t->elem);
		buf_puts(out, " *");
		break;
	case TYPE_ARRAY:
		type_print(out, t->elem);
		buf_printf(out, "[%u]", t->count);
		break;
	case TYPE_STRUCT: print_struct(out, t); break;
	case TYPE_TUPLE:
		buf_putc(out, '(');
		print_members(out, t);
		buf_putc(out, ')');
		break;
	case TYPE_RECORD: print_record(out, t); break;
	case TYPE_ARGS: buf_puts(out, t->name ? t->name : "args"); break;
	case TYPE_AGG: print_agg(out, t); break;
	case TYPE_KSTACK:
	case TYPE_USTACK: print_stack(out, t); break;
	default: buf_puts(out, type_kind_name(t)); break;
	}
}

const char *type_name(struct arena *a, const struct type *t)
{
	struct buf b;
	char *name;

	buf_init(&b, 1 << 16);
	type_print(&b, t);
	name = arena_strdup(a, buf_cstr(&b));
	buf_finish(&b);
	return name;
}
