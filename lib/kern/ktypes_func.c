/* Types of functions, raw tracepoints, iterators; types by their C spelling. */
#include <ctype.h>
#include <string.h>

#include "kern/ktypes.h"
#include "util/str.h"

#define FUNC_KIND (1u << BTF_KIND_FUNC)

uint32_t ktypes_find_function(struct ktypes *k, const char *module, const char *name, uint32_t *obj)
{
	struct kbtf *b = ktypes_btf(k, module, obj);
	uint32_t id = b ? kbtf_find(b, name, FUNC_KIND) : 0;

	if (id || module || !b)
		return id;
	for (const char *const *m = ktypes_modules(k); *m; m++) {
		b = ktypes_btf(k, *m, obj);
		id = b ? kbtf_find(b, name, FUNC_KIND) : 0;
		if (id)
			return id;
	}
	return 0;
}

uint32_t ktypes_find_tracepoint_stub(struct ktypes *k, const char *name, uint32_t *obj)
{
	/* The stub's parameter names are the tracepoint's; the iterator's are too on older kernels.
	 */
	static const char *const prefixes[] = { "__probestub_", "__traceiter_" };
	struct arena scratch;
	uint32_t id = 0;

	arena_init(&scratch);
	for (size_t i = 0; i < 2 && !id; i++)
		id = ktypes_find_function(k, NULL,
					  arena_printf(&scratch, "%s%s", prefixes[i], name), obj);
	arena_finish(&scratch);
	return id;
}

static const struct btf_type *prototype(const struct kbtf *b, uint32_t id)
{
	const struct btf_type *t = kbtf_type(b, kbtf_strip(b, id));

	for (int depth = 0; t && depth < 4; depth++) {
		if (kbtf_kind(t) == BTF_KIND_FUNC_PROTO)
			return t;
		if (kbtf_kind(t) != BTF_KIND_FUNC && kbtf_kind(t) != BTF_KIND_PTR)
			return NULL;
		t = kbtf_type(b, kbtf_strip(b, t->type));
	}
	return NULL;
}

/*
 * Arguments as a BPF trampoline stores them: an array of u64, a struct by value in as many as it
 * needs (Linux arch/x86/net/bpf_jit_comp.c, save_args()).
 */
static const struct type *make_args(struct ktypes *k, uint32_t obj, const struct kbtf *b,
				    const struct btf_type *proto, uint32_t skip, bool with_result)
{
	const struct btf_param *params = kbtf_tail(proto);
	uint32_t vlen = kbtf_vlen(proto), slot = 0, count = 0;
	struct arena *a = ktypes_arena(k);
	struct type_member *members = arena_array(a, struct type_member, vlen + 1);
	struct type *args = arena_new(a, struct type);

	if (vlen > ktypes_args_max() + skip)
		return NULL;
	for (uint32_t i = skip; i < vlen; i++) {
		const char *name = kbtf_string(b, params[i].name_off);
		uint64_t size = kbtf_size(b, params[i].type);

		if (!params[i].type) // "...": nothing to read
			break;
		name = *name ? arena_strdup(a, name) : arena_printf(a, "arg%u", i - skip);
		members[count++] = (struct type_member){ .name = name,
							 .type = ktypes_get(k, obj, params[i].type),
							 .offset = 8 * slot };
		slot += size > 8 ? (uint32_t)((size + 7) / 8) : 1;
	}
	if (with_result && proto->type) {
		members[count++] = (struct type_member){ .name = "$retval",
							 .type = ktypes_get(k, obj, proto->type),
							 .offset = 8 * slot };
		slot++;
	}
	*args = (struct type){ .kind = TYPE_ARGS,
			       .size = 8 * slot,
			       .is_complete = true,
			       .count = count,
			       .members = members,
			       .alignment = 8 };
	return args;
}

const struct type *ktypes_function_args(struct ktypes *k, const char *module, const char *name)
{
	uint32_t obj, id = ktypes_find_function(k, module, name, &obj);
	const struct btf_type *proto;
	struct kbtf *b;

	if (!id)
		return NULL;
	b = ktypes_btf(k, ktypes_module_name(k, obj), &obj);
	proto = prototype(b, id);
	return proto ? make_args(k, obj, b, proto, 0, true) : NULL;
}

const struct type *ktypes_raw_tracepoint_args(struct ktypes *k, const char *name)
{
	uint32_t obj, id = ktypes_find_tracepoint_stub(k, name, &obj);
	const struct btf_type *proto;
	struct arena *a = ktypes_arena(k);
	struct kbtf *b;

	if (id) {
		b = ktypes_btf(k, ktypes_module_name(k, obj), &obj);
		proto = prototype(b, id);
		return proto ? make_args(k, obj, b, proto, 1, false) : NULL;
	}
	/* What the verifier itself goes by, but its parameters have no names. */
	b = ktypes_btf(k, NULL, &obj);
	id = b ? kbtf_find(b, arena_printf(a, "btf_trace_%s", name), 1u << BTF_KIND_TYPEDEF) : 0;
	proto = id ? prototype(b, id) : NULL;
	return proto ? make_args(k, obj, b, proto, 1, false) : NULL;
}

const struct type *ktypes_iter_context(struct ktypes *k, const char *name)
{
	const char *full = arena_printf(ktypes_arena(k), "bpf_iter__%s", name);
	const struct type *found = ktypes_find(k, TAG_STRUCT, full);

	if (!found)
		return NULL;
	ktypes_complete(k, (struct type *)found);
	return found;
}

uint32_t ktypes_find_percpu(struct ktypes *k, const char *name, uint32_t *obj)
{
	struct kbtf *b = ktypes_btf(k, NULL, obj);
	uint32_t id = b ? kbtf_find(b, name, 1u << BTF_KIND_VAR) : 0;
	uint32_t section = id ? kbtf_find(b, ".data..percpu", 1u << BTF_KIND_DATASEC) : 0;
	const struct btf_type *t = kbtf_type(b, section);
	const struct btf_var_secinfo *info;

	/* Since Linux 6.15 other global variables may be there as well. */
	if (!t)
		return 0;
	info = kbtf_tail(t);
	for (uint32_t i = 0; i < kbtf_vlen(t); i++) {
		if (info[i].type == id)
			return id;
	}
	return 0;
}

/* What the words of a C type specifier add up to. */
struct specifier {
	const char *name; // after struct, union, enum, or a typedef's
	size_t name_len;
	int tag; // enum type_tag, -1: base type or typedef
	int longs;
	int pointers;
	bool is_signed, is_unsigned, is_short, is_char, is_int, is_bool, is_void, is_user;
};

static bool is_word(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && !strncmp(s, word, len);
}

static void add_word(struct specifier *spec, const char *s, size_t len)
{
	static const char *const ignored[] = {
		"const",      "volatile", "__volatile__", "restrict",
		"__restrict", "__rcu",    "__percpu",     "__iomem"
	};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++) {
		if (is_word(s, len, ignored[i]))
			return;
	}
	if (is_word(s, len, "__user"))
		spec->is_user = true;
	else if (is_word(s, len, "struct"))
		spec->tag = TAG_STRUCT;
	else if (is_word(s, len, "union"))
		spec->tag = TAG_UNION;
	else if (is_word(s, len, "enum"))
		spec->tag = TAG_ENUM;
	else if (is_word(s, len, "long"))
		spec->longs++;
	else if (is_word(s, len, "signed"))
		spec->is_signed = true;
	else if (is_word(s, len, "unsigned"))
		spec->is_unsigned = true;
	else if (is_word(s, len, "short"))
		spec->is_short = true;
	else if (is_word(s, len, "char"))
		spec->is_char = true;
	else if (is_word(s, len, "int"))
		spec->is_int = true;
	else if (is_word(s, len, "bool") || is_word(s, len, "_Bool"))
		spec->is_bool = true;
	else if (is_word(s, len, "void"))
		spec->is_void = true;
	else {
		spec->name = s;
		spec->name_len = len;
	}
}

/* "__attribute__((...))": only the type tag of user pointers says something to us. */
static const char *skip_attribute(struct specifier *spec, const char *s)
{
	const char *start = s;
	int depth = 0;

	for (; *s; s++) {
		depth += *s == '(';
		if (*s == ')' && --depth == 0) {
			s++;
			break;
		}
	}
	if (memmem(start, (size_t)(s - start), "\"user\"", 6))
		spec->is_user = true;
	return s;
}

static bool parse_specifier(struct specifier *spec, const char *s)
{
	*spec = (struct specifier){ .tag = -1 };
	while (*s) {
		size_t len = 0;

		if (isspace((unsigned char)*s)) {
			s++;
			continue;
		}
		if (*s == '*') {
			spec->pointers++;
			s++;
			continue;
		}
		while (isalnum((unsigned char)s[len]) || s[len] == '_')
			len++;
		if (!len)
			return false;
		if (is_word(s, len, "__attribute__")) {
			s = skip_attribute(spec, s);
			continue;
		}
		add_word(spec, s, len);
		s += len;
	}
	return true;
}

/* Known here so that the usual tracepoint fields cost no look at BTF.  The same on all 64-bit. */
/* clang-format off */
static const struct {
	const char *name;
	uint8_t size;
	bool is_signed;
} common_typedefs[] = {
	{ "u8", 1, false },	  { "u16", 2, false },	   { "u32", 4, false },
	{ "u64", 8, false },	  { "s8", 1, true },	   { "s16", 2, true },
	{ "s32", 4, true },	  { "s64", 8, true },	   { "__u8", 1, false },
	{ "__u16", 2, false },	  { "__u32", 4, false },   { "__u64", 8, false },
	{ "__s8", 1, true },	  { "__s16", 2, true },	   { "__s32", 4, true },
	{ "__s64", 8, true },	  { "uint8_t", 1, false }, { "uint16_t", 2, false },
	{ "uint32_t", 4, false }, { "uint64_t", 8, false }, { "int8_t", 1, true },
	{ "int16_t", 2, true },	  { "int32_t", 4, true },  { "int64_t", 8, true },
	{ "uint", 4, false },	  { "size_t", 8, false },  { "ssize_t", 8, true },
	{ "loff_t", 8, true },	  { "off_t", 8, true },	   { "ino_t", 8, false },
	{ "pid_t", 4, true },	  { "uid_t", 4, false },   { "gid_t", 4, false },
	{ "dev_t", 4, false },	  { "sector_t", 8, false }, { "umode_t", 2, false },
	{ "gfp_t", 4, false },	  { "key_t", 4, true },	   { "clockid_t", 4, true },
	{ "timer_t", 4, true },
};
/* clang-format on */

static const struct type *base_type(struct ktypes *k, const struct specifier *spec)
{
	struct arena *a = ktypes_arena(k);
	if (spec->name && spec->tag >= 0)
		return ktypes_find(k, (enum type_tag)spec->tag,
				   arena_strndup(a, spec->name, spec->name_len));
	if (spec->name) {
		for (size_t i = 0; i < sizeof(common_typedefs) / sizeof(*common_typedefs); i++) {
			if (is_word(spec->name, spec->name_len, common_typedefs[i].name))
				return type_int(common_typedefs[i].size,
						common_typedefs[i].is_signed);
		}
		return ktypes_find(k, TAG_TYPEDEF, arena_strndup(a, spec->name, spec->name_len));
	}
	if (spec->is_void)
		return type_void();
	if (spec->is_bool)
		return type_bool();
	if (spec->is_char)
		return type_int(1, !spec->is_unsigned);
	if (spec->is_short)
		return type_int(2, !spec->is_unsigned);
	if (spec->longs)
		return type_int(8, !spec->is_unsigned);
	if (spec->is_int || spec->is_signed || spec->is_unsigned)
		return type_int(4, !spec->is_unsigned);
	return NULL;
}

const struct type *ktypes_by_c_name(struct ktypes *k, const char *c_name, enum addr_space as)
{
	struct specifier spec;
	const struct type *type;

	if (!parse_specifier(&spec, c_name))
		return NULL;
	type = base_type(k, &spec);
	/* A pointer to something unknown is still a pointer. */
	if (!type && spec.pointers)
		type = type_void();
	for (int i = 0; type && i < spec.pointers && i < 8; i++)
		type = type_pointer(ktypes_arena(k), type, spec.is_user ? AS_USER : as);
	return type;
}
