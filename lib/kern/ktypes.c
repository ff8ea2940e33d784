#include "kern/ktypes.h"

#include <assert.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "util/str.h"
#include "util/strmap.h"
#include "util/vec.h"

#define BTF_DIR        "/sys/kernel/btf"
#define TYPE_DEPTH_MAX 64
#define VMLINUX_PATH   BTF_DIR "/vmlinux"

struct module {
	const char *name;
	struct kbtf *btf; // NULL: could not be read
};

/* Types that were made, by object and id. */
struct made {
	uint64_t key; // obj << 32 | id, 0: free
	const struct type *type;
};

struct ktypes {
	struct arena *arena;
	const char *path;
	struct kbtf *vmlinux;
	bool has_tried_vmlinux;
	vec_of(struct module) modules; // object number - 1
	const char *const *module_names;
	struct made *made;
	uint32_t made_len;
	uint32_t made_size; // power of two
};

struct ktypes *ktypes_new(struct arena *a, const char *path)
{
	struct ktypes *k = arena_new(a, struct ktypes);

	if (!path)
		path = getenv("BPFTRACE_BTF");
	k->arena = a;
	k->path = arena_strdup(a, path && *path ? path : VMLINUX_PATH);
	return k;
}

void ktypes_finish(struct ktypes *k)
{
	if (!k)
		return;
	vec_foreach (&k->modules, m)
		kbtf_close(m->btf);
	kbtf_close(k->vmlinux);
	k->modules.len = 0;
	k->vmlinux = NULL;
}

struct arena *ktypes_arena(const struct ktypes *k)
{
	return k->arena;
}

static struct kbtf *vmlinux(struct ktypes *k)
{
	if (!k->has_tried_vmlinux) {
		k->has_tried_vmlinux = true;
		if (kbtf_open(&k->vmlinux, k->path, NULL, NULL))
			k->vmlinux = NULL;
	}
	return k->vmlinux;
}

struct kbtf *ktypes_btf(struct ktypes *k, const char *module, uint32_t *obj)
{
	struct kbtf *base = vmlinux(k);
	struct module m;
	const char *path;

	*obj = 0;
	if (!base || !module || !strcmp(module, "vmlinux"))
		return base;
	if (strchr(module, '/'))
		return NULL;
	for (size_t i = 0; i < k->modules.len; i++) {
		if (!strcmp(k->modules.data[i].name, module)) {
			*obj = (uint32_t)i + 1;
			return k->modules.data[i].btf;
		}
	}
	path = arena_printf(k->arena, BTF_DIR "/%s", module);
	m = (struct module){ .name = arena_strdup(k->arena, module) };
	if (kbtf_open(&m.btf, path, base, NULL))
		m.btf = NULL;
	vec_push(k->arena, &k->modules, m);
	*obj = (uint32_t)k->modules.len;
	return m.btf;
}

static struct kbtf *object(struct ktypes *k, uint32_t obj)
{
	if (!obj)
		return vmlinux(k);
	return obj <= k->modules.len ? k->modules.data[obj - 1].btf : NULL;
}

const char *ktypes_module_name(const struct ktypes *k, uint32_t obj)
{
	return obj && obj <= k->modules.len ? k->modules.data[obj - 1].name : "vmlinux";
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *const *ktypes_modules(struct ktypes *k)
{
	vec_of(const char *) names = { 0 };
	struct dirent *entry;
	DIR *dir;

	if (k->module_names)
		return k->module_names;
	dir = opendir(BTF_DIR);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "vmlinux") != 0)
			vec_push(k->arena, &names, arena_strdup(k->arena, entry->d_name));
	}
	if (dir)
		(void)closedir(dir);
	if (names.len)
		qsort(names.data, names.len, sizeof(*names.data), compare_names);
	vec_push(k->arena, &names, NULL);
	k->module_names = names.data;
	return k->module_names;
}

static struct made *find_made(struct made *table, uint32_t size, uint64_t key)
{
	uint64_t i = key * 0x9e3779b97f4a7c15u >> 32;

	while (table[i & (size - 1)].key && table[i & (size - 1)].key != key)
		i++;
	return &table[i & (size - 1)];
}

static void remember(struct ktypes *k, uint64_t key, const struct type *type)
{
	struct made *slot;

	if (2 * (k->made_len + 1) > k->made_size) {
		uint32_t size = k->made_size ? 2 * k->made_size : 256;
		struct made *table = arena_array(k->arena, struct made, size);

		for (uint32_t i = 0; i < k->made_size; i++) {
			if (k->made[i].key)
				*find_made(table, size, k->made[i].key) = k->made[i];
		}
		k->made = table;
		k->made_size = size;
	}
	slot = find_made(k->made, k->made_size, key);
	if (!slot->key)
		k->made_len++;
	*slot = (struct made){ key, type };
}

static uint32_t guess_alignment(uint64_t size)
{
	uint32_t align = 8;

	while (align > 1 && size % align)
		align /= 2;
	return align;
}

/* Copied: types outlive the file. */
static const char *name_or_null(struct ktypes *k, const struct kbtf *b, const struct btf_type *t)
{
	const char *name = kbtf_name(b, t);

	return *name ? arena_strdup(k->arena, name) : NULL;
}

static const struct type *make_struct(struct ktypes *k, uint32_t obj, uint32_t id)
{
	const struct kbtf *b = object(k, obj);
	const struct btf_type *t = kbtf_type(b, id);
	struct type *type = arena_new(k->arena, struct type);

	*type = (struct type){ .kind = TYPE_STRUCT,
			       .size = t->size,
			       .is_union = kbtf_kind(t) == BTF_KIND_UNION,
			       .name = name_or_null(k, b, t),
			       .alignment = guess_alignment(t->size),
			       .btf_id = id,
			       .btf_obj = obj,
			       .origin = k };
	return type;
}

/* A forward declaration: the real one if this kernel has it, else a struct without members. */
static const struct type *make_forward(struct ktypes *k, uint32_t obj, uint32_t id)
{
	const struct kbtf *b = object(k, obj);
	const struct btf_type *t = kbtf_type(b, id);
	bool is_union = BTF_INFO_KFLAG(t->info);
	uint32_t kinds = 1u << (is_union ? BTF_KIND_UNION : BTF_KIND_STRUCT);
	uint32_t full = kbtf_find(vmlinux(k), kbtf_name(b, t), kinds);
	struct type *type;

	if (full)
		return ktypes_get(k, 0, full);
	type = arena_new(k->arena, struct type);
	*type = (struct type){ .kind = TYPE_STRUCT,
			       .is_union = is_union,
			       .is_complete = true,
			       .name = name_or_null(k, b, t),
			       .alignment = 1,
			       .btf_id = id,
			       .btf_obj = obj,
			       .origin = k };
	return type;
}

static uint32_t valid_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8 ? size : 4;
}

static const struct type *make_enum(struct ktypes *k, uint32_t obj, uint32_t id)
{
	const struct kbtf *b = object(k, obj);
	const struct btf_type *t = kbtf_type(b, id);
	const struct btf_enum64 *wide = kbtf_tail(t);
	const struct btf_enum *narrow = kbtf_tail(t);
	bool is_wide = kbtf_kind(t) == BTF_KIND_ENUM64, is_signed = BTF_INFO_KFLAG(t->info);
	uint32_t count = kbtf_vlen(t);
	struct type_enumerator *e = arena_array(k->arena, struct type_enumerator, count);
	struct type *type = arena_new(k->arena, struct type);

	for (uint32_t i = 0; i < count; i++) {
		e[i].name = arena_strdup(
			k->arena, kbtf_string(b, is_wide ? wide[i].name_off : narrow[i].name_off));
		if (is_wide)
			e[i].value = (uint64_t)wide[i].val_hi32 << 32 | wide[i].val_lo32;
		else
			e[i].value = is_signed ? (uint64_t)(int64_t)narrow[i].val
					       : (uint32_t)narrow[i].val;
	}
	*type = (struct type){ .kind = TYPE_ENUM,
			       .size = valid_size(t->size),
			       .is_signed = is_signed,
			       .name = name_or_null(k, b, t),
			       .count = count,
			       .enumerators = e,
			       .btf_id = id,
			       .btf_obj = obj };
	return type;
}

static const struct type *make_int(const struct btf_type *t)
{
	uint32_t info = *(const uint32_t *)kbtf_tail(t);

	if (BTF_INT_ENCODING(info) & BTF_INT_BOOL)
		return type_bool();
	/* __int128 is the only other size; nothing in the language can hold it. */
	if (t->size != 1 && t->size != 2 && t->size != 4 && t->size != 8)
		return type_none();
	return type_int(t->size, BTF_INT_ENCODING(info) & BTF_INT_SIGNED);
}

static const struct type *get(struct ktypes *k, uint32_t obj, uint32_t id, int depth);

static const struct type *make_pointer(struct ktypes *k, uint32_t obj, uint32_t id, int depth)
{
	const struct kbtf *b = object(k, obj);
	const struct btf_type *t = kbtf_type(b, id);
	const struct btf_type *target = kbtf_type(b, t->type);
	enum addr_space as = AS_KERNEL;

	for (int i = 0; target && kbtf_kind(target) == BTF_KIND_TYPE_TAG && i < TYPE_DEPTH_MAX;
	     i++) {
		if (!strcmp(kbtf_name(b, target), "user"))
			as = AS_USER;
		target = kbtf_type(b, target->type);
	}
	return type_pointer(k->arena, get(k, obj, t->type, depth + 1), as);
}

/* An element of an array of 1-byte integers, named so that sema makes a string of the array. */
static const struct type *char_element(struct ktypes *k, const struct type *elem)
{
	struct type *named = arena_memdup(k->arena, elem, sizeof(*elem));

	named->name = "char";
	return named;
}

static const struct type *make_array(struct ktypes *k, uint32_t obj, uint32_t id, int depth)
{
	const struct btf_array *array = kbtf_tail(kbtf_type(object(k, obj), id));
	const struct type *elem = get(k, obj, array->type, depth + 1);

	if (elem->kind == TYPE_INT && elem->size == 1)
		elem = char_element(k, elem);
	if ((uint64_t)elem->size * array->nelems > UINT32_MAX)
		return type_none();
	return type_array(k->arena, elem, array->nelems);
}

static const struct type *make(struct ktypes *k, uint32_t obj, uint32_t id, int depth)
{
	const struct btf_type *t = kbtf_type(object(k, obj), id);

	if (!t)
		return id ? type_none() : type_void();
	if (depth > TYPE_DEPTH_MAX)
		return type_none();
	switch (kbtf_kind(t)) {
	case BTF_KIND_INT: return make_int(t);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: return make_enum(k, obj, id);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return make_struct(k, obj, id);
	case BTF_KIND_FWD: return make_forward(k, obj, id);
	case BTF_KIND_PTR: return make_pointer(k, obj, id, depth);
	case BTF_KIND_ARRAY: return make_array(k, obj, id, depth);
	case BTF_KIND_FUNC:
	case BTF_KIND_FUNC_PROTO: return type_void();
	case BTF_KIND_VAR: return get(k, obj, t->type, depth + 1);
	default: return type_none();
	}
}

static const struct type *get(struct ktypes *k, uint32_t obj, uint32_t id, int depth)
{
	const struct kbtf *b = object(k, obj);
	uint64_t key;
	const struct type *type;

	if (!b)
		return type_none();
	id = kbtf_strip(b, id);
	if (id < kbtf_first(b))
		obj = 0;
	key = (uint64_t)obj << 32 | id;
	if (k->made_size && id) {
		struct made *slot = find_made(k->made, k->made_size, key);

		if (slot->key)
			return slot->type;
	}
	type = make(k, obj, id, depth);
	if (id)
		remember(k, key, type);
	return type;
}

const struct type *ktypes_get(struct ktypes *k, uint32_t obj, uint32_t id)
{
	return get(k, obj, id, 0);
}

static void set_bit_field(struct type_member *m, uint32_t bits, uint32_t width)
{
	uint32_t unit = m->type->size * 8;

	m->bit_size = (uint8_t)width;
	/* The declared type's own storage unit, unless a packed field straddles two. */
	if (unit && bits % unit + width <= unit) {
		m->offset = bits / unit * m->type->size;
		m->bit_offset = (uint8_t)(bits % unit);
	} else {
		m->offset = bits / 8;
		m->bit_offset = (uint8_t)(bits % 8);
	}
}

/* Before Linux 5.0's kind_flag, a bit-field was an int type with fewer bits than bytes. */
static uint32_t int_bits(const struct kbtf *b, uint32_t id, uint32_t *shift)
{
	const struct btf_type *t = kbtf_type(b, kbtf_strip(b, id));
	uint32_t info;

	*shift = 0;
	if (!t || kbtf_kind(t) != BTF_KIND_INT)
		return 0;
	info = *(const uint32_t *)kbtf_tail(t);
	*shift = BTF_INT_OFFSET(info);
	return BTF_INT_BITS(info) < t->size * 8 ? BTF_INT_BITS(info) : 0;
}

static void make_member(struct ktypes *k, const struct type *owner, const struct btf_type *t,
			const struct btf_member *from, struct type_member *to)
{
	const struct kbtf *b = object(k, owner->btf_obj);
	uint32_t bits = from->offset, width = 0, shift;

	to->name = arena_strdup(k->arena, kbtf_string(b, from->name_off));
	to->type = ktypes_get(k, owner->btf_obj, from->type);
	if (BTF_INFO_KFLAG(t->info)) {
		bits = BTF_MEMBER_BIT_OFFSET(from->offset);
		width = BTF_MEMBER_BITFIELD_SIZE(from->offset);
	} else {
		width = int_bits(b, from->type, &shift);
		if (width &&
		    strcmp(kbtf_name(b, kbtf_type(b, kbtf_strip(b, from->type))), "_Bool") != 0)
			bits += shift;
		else
			width = 0;
	}
	to->offset = bits / 8;
	if (width && width <= 64 && type_is_integer(to->type))
		set_bit_field(to, bits, width);
}

void ktypes_complete(struct ktypes *k, struct type *type)
{
	const struct btf_type *t;
	const struct btf_member *from;

	if (type->kind != TYPE_STRUCT || type->is_complete || type->origin != k)
		return;
	type->is_complete = true;
	t = kbtf_type(object(k, type->btf_obj), type->btf_id);
	if (!t || (kbtf_kind(t) != BTF_KIND_STRUCT && kbtf_kind(t) != BTF_KIND_UNION))
		return;
	from = kbtf_tail(t);
	type->members = arena_array(k->arena, struct type_member, kbtf_vlen(t));
	type->count = kbtf_vlen(t);
	for (uint32_t i = 0; i < type->count; i++)
		make_member(k, type, t, &from[i], &type->members[i]);
}

static uint32_t find_in(struct kbtf *b, const char *name, enum type_tag tag)
{
	switch (tag) {
	case TAG_STRUCT: return kbtf_find(b, name, 1u << BTF_KIND_STRUCT);
	case TAG_UNION: return kbtf_find(b, name, 1u << BTF_KIND_UNION);
	case TAG_ENUM: return kbtf_find(b, name, 1u << BTF_KIND_ENUM | 1u << BTF_KIND_ENUM64);
	/* C's own are among them: whether char is signed is the compiler's choice. */
	case TAG_TYPEDEF: return kbtf_find(b, name, 1u << BTF_KIND_TYPEDEF | 1u << BTF_KIND_INT);
	}
	return 0;
}

const struct type *ktypes_find(struct ktypes *k, enum type_tag tag, const char *name)
{
	struct kbtf *b = vmlinux(k);
	uint32_t id;

	if (!b)
		return NULL;
	id = find_in(b, name, tag);
	if (id)
		return ktypes_get(k, 0, id);
	for (uint32_t i = 0; i < k->modules.len; i++) {
		b = k->modules.data[i].btf;
		id = b ? find_in(b, name, tag) : 0;
		if (id)
			return ktypes_get(k, i + 1, id);
	}
	return NULL;
}

bool ktypes_find_enumerator(struct ktypes *k, const char *name, int64_t *value,
			    const struct type **type)
{
	for (uint32_t obj = 0; obj <= k->modules.len; obj++) {
		struct kbtf *b = object(k, obj);
		uint32_t index, id = b ? kbtf_find_enumerator(b, name, &index) : 0;

		if (!id)
			continue;
		*type = ktypes_get(k, obj, id);
		assert((*type)->enumerators);
		*value = (int64_t)(*type)->enumerators[index].value;
		return true;
	}
	return false;
}
