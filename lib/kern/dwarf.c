#include "kern/dwarf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/dwarf_internal.h"

#define NAMESPACE_DEPTH_MAX 8
#define ENTRIES_MAX         (32u << 20) // looked at in one search
#define TYPE_DEPTH_MAX      32
#define ARGS_MAX            256

int kdwarf_open(struct kdwarf **out, struct arena *a, const char *path, const char *root,
		const char *dirs, struct err *err)
{
	struct kdwarf *d = calloc(1, sizeof(*d));
	struct kelf *elf, *debug;
	int r;

	if (!d)
		return err_set(err, -ENOMEM, "out of memory");
	r = kelf_open(&elf, path, err);
	if (r) {
		free(d);
		return r;
	}
	d->arena = a;
	strmap_init(&d->types, a);
	if (!dw_open(&d->file, a, elf) && !kelf_open_debug(&debug, elf, path, root, dirs, NULL)) {
		kelf_close(elf);
		elf = debug;
		(void)dw_open(&d->file, a, elf);
	}
	if (!d->file.units.len) {
		kelf_close(elf);
		free(d);
		return err_set(err, -ENOENT, "'%s' has no debugging information", path);
	}
	*out = d;
	return 0;
}

void kdwarf_close(struct kdwarf *d)
{
	if (!d)
		return;
	strmap_finish(&d->types);
	kelf_close(d->file.elf);
	free(d);
}

/* A search through the entries at the top of all units, and in their namespaces. */
struct search {
	struct kdwarf *d;
	uint64_t tags; // bits of DW_TAG_*, all below 64
	const char *name;
	bool wants_definition;
	unsigned looked_at;
	struct dw_entry found;
};

static bool is_named(struct search *s, const struct dw_entry *e)
{
	struct dw_value linkage;

	if (!strcmp(dw_name(&s->d->file, e), s->name))
		return true;
	if (dw_tag(e) != DW_TAG_subprogram)
		return false;
	linkage = dw_attr_inherited(&s->d->file, e, DW_AT_linkage_name);
	return linkage.class == DW_CLASS_STRING && !strcmp(linkage.string, s->name);
}

static bool is_declaration(struct kdwarf *d, const struct dw_entry *e)
{
	return dw_attr(&d->file, e, DW_AT_declaration).number != 0;
}

/* NAME, or a bit of it: a definition ends the search, a declaration is kept if nothing better
 * comes. */
static bool search_children(struct search *s, const struct dw_entry *parent, int depth)
{
	struct dw_entry e, next;
	bool more = dw_child(&s->d->file, parent, &e);

	for (; more; more = dw_sibling(&s->d->file, &e, &next), e = next) {
		uint16_t tag = dw_tag(&e);

		next = e;
		if (s->looked_at++ > ENTRIES_MAX)
			return false;
		if (tag == DW_TAG_namespace && depth < NAMESPACE_DEPTH_MAX &&
		    search_children(s, &e, depth + 1))
			return true;
		if (tag >= 64 || !(s->tags & 1ull << tag) || !is_named(s, &e))
			continue;
		if (!is_declaration(s->d, &e)) {
			s->found = e;
			return true;
		}
		if (!s->found.abbrev)
			s->found = e;
	}
	return false;
}

static bool search_all(struct search *s)
{
	struct dw_entry e;

	vec_foreach (&s->d->file.units, u) {
		if (dw_unit_entry(&s->d->file, u, &e) && search_children(s, &e, 0))
			return true;
	}
	return s->found.abbrev && !s->wants_definition;
}

static const struct type *get_type(struct kdwarf *d, uint64_t offset, int depth);

/* The type of an entry that has DW_AT_type; void without. */
static const struct type *type_of(struct kdwarf *d, const struct dw_entry *e, int depth)
{
	struct dw_value v = dw_attr_inherited(&d->file, e, DW_AT_type);

	if (v.class != DW_CLASS_REF)
		return v.class == DW_CLASS_NONE ? type_void() : type_none();
	return get_type(d, v.number, depth + 1);
}

static uint64_t byte_size(struct kdwarf *d, const struct dw_entry *e)
{
	struct dw_value v = dw_attr(&d->file, e, DW_AT_byte_size);

	return v.class == DW_CLASS_NUMBER && v.number <= INT32_MAX ? v.number : 0;
}

static const struct type *make_base(struct kdwarf *d, const struct dw_entry *e)
{
	uint64_t size = byte_size(d, e), encoding = dw_attr(&d->file, e, DW_AT_encoding).number;

	if (size != 1 && size != 2 && size != 4 && size != 8)
		return type_none();
	switch (encoding) {
	case DW_ATE_boolean:
	case DW_ATE_unsigned:
	case DW_ATE_unsigned_char:
	case DW_ATE_UTF: return type_int((uint32_t)size, false);
	case DW_ATE_signed:
	case DW_ATE_signed_char: return type_int((uint32_t)size, true);
	default: return type_none();
	}
}

static const struct type *make_struct(struct kdwarf *d, const struct dw_entry *e, const char *name)
{
	struct type *t = arena_new(d->arena, struct type);
	struct dw_entry full;

	/* Compilers leave only a declaration in units that don't look inside. */
	if (is_declaration(d, e) && *name && kdwarf_find_struct(d, name, &full))
		e = &full;
	*t = (struct type){ .kind = TYPE_STRUCT,
			    .size = (uint32_t)byte_size(d, e),
			    .is_union = dw_tag(e) == DW_TAG_union_type,
			    .name = *name ? arena_strdup(d->arena, name) : NULL,
			    .alignment = 1,
			    .btf_obj = KDWARF_OBJ,
			    .btf_id = (uint32_t)e->offset,
			    .origin = d };
	while (t->alignment < 8 && t->size && t->size % (2 * t->alignment) == 0)
		t->alignment *= 2;
	return t;
}

static uint64_t array_count(struct kdwarf *d, const struct dw_entry *subrange)
{
	struct dw_value v = dw_attr(&d->file, subrange, DW_AT_count);

	if (v.class == DW_CLASS_NUMBER)
		return v.number;
	v = dw_attr(&d->file, subrange, DW_AT_upper_bound);
	return v.class == DW_CLASS_NUMBER ? v.number + 1 : 0;
}

/* Are the elements characters: the type itself, not a typedef of it as uint8_t is? */
static bool is_char(struct kdwarf *d, const struct dw_entry *array)
{
	struct dw_value v = dw_attr_inherited(&d->file, array, DW_AT_type);
	struct dw_entry elem;
	uint64_t encoding;

	if (v.class != DW_CLASS_REF || !dw_entry_at(&d->file, v.number, &elem) ||
	    dw_tag(&elem) != DW_TAG_base_type || byte_size(d, &elem) != 1)
		return false;
	encoding = dw_attr(&d->file, &elem, DW_AT_encoding).number;
	return encoding == DW_ATE_signed_char || encoding == DW_ATE_unsigned_char;
}

/* One dimension a child, the outermost first. */
static const struct type *make_array(struct kdwarf *d, const struct dw_entry *e, int depth)
{
	const struct type *t = type_of(d, e, depth);
	uint64_t counts[8];
	size_t dimensions = 0;
	struct dw_entry child, next;
	bool more = dw_child(&d->file, e, &child);

	for (; more && dimensions < 8; more = dw_sibling(&d->file, &child, &next), child = next) {
		next = child;
		if (dw_tag(&child) == DW_TAG_subrange_type)
			counts[dimensions++] = array_count(d, &child);
	}
	if (is_char(d, e)) {
		struct type *named = arena_memdup(d->arena, t, sizeof(*t));

		named->name = "char"; // as in ktypes.h
		t = named;
	}
	while (dimensions--) {
		if (counts[dimensions] > INT32_MAX ||
		    counts[dimensions] * (t->size ? t->size : 1) > INT32_MAX)
			return type_none();
		t = type_array(d->arena, t, (uint32_t)counts[dimensions]);
	}
	return t;
}

static const struct type *make_type(struct kdwarf *d, const struct dw_entry *e, int depth)
{
	switch (dw_tag(e)) {
	case DW_TAG_base_type: return make_base(d, e);
	case DW_TAG_enumeration_type: {
		uint64_t size = byte_size(d, e);

		return size == 1 || size == 2 || size == 8 ? type_int((uint32_t)size, false)
							   : type_int(4, false);
	}
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		return type_pointer(d->arena, type_of(d, e, depth), AS_USER);
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type: return make_struct(d, e, dw_name(&d->file, e));
	case DW_TAG_array_type: return make_array(d, e, depth);
	case DW_TAG_typedef:
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
	case DW_TAG_atomic_type: return type_of(d, e, depth);
	case DW_TAG_subroutine_type:
	case DW_TAG_unspecified_type: return type_void();
	default: return type_none();
	}
}

/* Types are kept by their entry's offset, so that a struct that points to itself is one type. */
static const struct type *get_type(struct kdwarf *d, uint64_t offset, int depth)
{
	struct dw_entry e;
	const struct type *t;
	char key[24];

	if (depth > TYPE_DEPTH_MAX)
		return type_none();
	(void)snprintf(key, sizeof(key), "%llx", (unsigned long long)offset);
	t = strmap_get(&d->types, key);
	if (t)
		return t;
	if (!dw_entry_at(&d->file, offset, &e))
		return type_none();
	t = make_type(d, &e, depth);
	(void)strmap_put(&d->types, key, (void *)t);
	return t;
}

#define STRUCT_TAGS                                                                                \
	(1ull << DW_TAG_structure_type | 1ull << DW_TAG_class_type | 1ull << DW_TAG_union_type)

bool kdwarf_find_struct(struct kdwarf *d, const char *name, struct dw_entry *out)
{
	struct search s = { .d = d, .tags = STRUCT_TAGS, .name = name, .wants_definition = true };

	if (!search_all(&s))
		return false;
	*out = s.found;
	return true;
}

const struct type *kdwarf_find_type(struct kdwarf *d, const char *name)
{
	struct search s = { .d = d, .name = name };

	s.tags = STRUCT_TAGS | 1ull << DW_TAG_enumeration_type | 1ull << DW_TAG_typedef;
	return search_all(&s) ? get_type(d, s.found.offset, 0) : NULL;
}

/* The byte offset, and the bits of a bit-field, as DWARF 4 and later or as 2 and 3 give them. */
static void place_member(struct kdwarf *d, const struct dw_entry *e, struct type_member *m)
{
	uint32_t unit = m->type->size * 8;
	uint64_t bits = dw_attr(&d->file, e, DW_AT_bit_size).number, at;
	struct dw_value v = dw_attr(&d->file, e, DW_AT_data_bit_offset);
	struct dw_value location = dw_attr(&d->file, e, DW_AT_data_member_location);

	if (location.class == DW_CLASS_BLOCK && location.block.size > 1 &&
	    location.block.data[0] == DW_OP_plus_uconst) {
		struct dw_cursor c = { location.block.data + 1,
				       location.block.data + location.block.size, false };

		location.number = dw_uleb(&c);
	}
	at = v.class == DW_CLASS_NUMBER ? v.number : location.number * 8;
	if (v.class == DW_CLASS_NONE && bits && unit) {
		/* Counted from the most significant bit of a storage unit of the type's size. */
		v = dw_attr(&d->file, e, DW_AT_bit_offset);
		if (v.class == DW_CLASS_NUMBER && v.number + bits <= unit)
			at += unit - v.number - bits;
	}
	m->offset = (uint32_t)(at / 8);
	if (!bits || bits > 64 || !unit || !type_is_integer(m->type))
		return;
	m->bit_size = (uint8_t)bits;
	m->bit_offset = (uint8_t)(at % 8);
	if (at % unit + bits <= unit) {
		m->offset = (uint32_t)(at / unit * m->type->size);
		m->bit_offset = (uint8_t)(at % unit);
	}
}

void kdwarf_complete(struct kdwarf *d, struct type *t)
{
	vec_of(struct type_member) members = { 0 };
	struct dw_entry e, child, next;
	bool more;

	if (t->is_complete || t->origin != d || t->btf_obj != KDWARF_OBJ)
		return;
	t->is_complete = true;
	more = dw_entry_at(&d->file, t->btf_id, &e) && dw_child(&d->file, &e, &child);
	for (; more; more = dw_sibling(&d->file, &child, &next), child = next) {
		struct type_member m = { 0 };

		next = child;
		/* A static member of a class has no place in it. */
		if (dw_tag(&child) != DW_TAG_member ||
		    dw_attr(&d->file, &child, DW_AT_external).number)
			continue;
		m.name = arena_strdup(d->arena, dw_name(&d->file, &child));
		m.type = type_of(d, &child, 0);
		place_member(d, &child, &m);
		vec_push(d->arena, &members, m);
	}
	t->members = members.data;
	t->count = (uint32_t)members.len;
}

static bool find_function(struct kdwarf *d, const char *name, struct dw_entry *out)
{
	struct search s = { .d = d, .tags = 1ull << DW_TAG_subprogram, .name = name };

	if (!search_all(&s))
		return false;
	*out = s.found;
	return true;
}

const struct type *kdwarf_function_args(struct kdwarf *d, const char *function)
{
	vec_of(struct type_member) members = { 0 };
	struct dw_entry e, child, next;
	uint32_t offset = 0;
	struct type *args;
	bool more;

	if (!find_function(d, function, &e))
		return NULL;
	more = dw_child(&d->file, &e, &child);
	for (; more && members.len < ARGS_MAX;
	     more = dw_sibling(&d->file, &child, &next), child = next) {
		struct type_member m = { .offset = offset };

		next = child;
		if (dw_tag(&child) != DW_TAG_formal_parameter)
			continue;
		m.name = arena_strdup(d->arena, dw_name(&d->file, &child));
		m.type = type_of(d, &child, 0);
		vec_push(d->arena, &members, m);
		offset += m.type->size > 8 ? (m.type->size + 7) / 8 * 8 : 8;
	}
	args = arena_new(d->arena, struct type);
	*args = (struct type){ .kind = TYPE_ARGS,
			       .size = offset,
			       .is_complete = true,
			       .count = (uint32_t)members.len,
			       .members = members.data,
			       .alignment = 8 };
	return args;
}

static void print_type(struct kdwarf *d, struct buf *out, uint64_t offset, int depth);

static void print_inner(struct kdwarf *d, struct buf *out, const struct dw_entry *e, int depth)
{
	struct dw_value v = dw_attr_inherited(&d->file, e, DW_AT_type);

	if (v.class == DW_CLASS_REF)
		print_type(d, out, v.number, depth + 1);
	else
		buf_puts(out, "void");
}

static void print_tagged(struct kdwarf *d, struct buf *out, const char *keyword,
			 const struct dw_entry *e)
{
	const char *name = dw_name(&d->file, e);

	buf_printf(out, "%s %s", keyword, *name ? name : "<anonymous>");
}

/* A type in the words of bpftrace's listing: "const struct foo*". */
static void print_type(struct kdwarf *d, struct buf *out, uint64_t offset, int depth)
{
	struct dw_entry e, inner;
	struct dw_value v;

	if (depth > TYPE_DEPTH_MAX || !dw_entry_at(&d->file, offset, &e)) {
		buf_puts(out, "<unknown type>");
		return;
	}
	switch (dw_tag(&e)) {
	case DW_TAG_base_type:
	case DW_TAG_typedef: buf_puts(out, dw_name(&d->file, &e)); break;
	case DW_TAG_pointer_type:
		print_inner(d, out, &e, depth);
		buf_putc(out, '*');
		break;
	case DW_TAG_structure_type: print_tagged(d, out, "struct", &e); break;
	case DW_TAG_union_type: print_tagged(d, out, "union", &e); break;
	case DW_TAG_enumeration_type: print_tagged(d, out, "enum", &e); break;
	case DW_TAG_const_type:
		v = dw_attr(&d->file, &e, DW_AT_type);
		if (v.class == DW_CLASS_REF && dw_entry_at(&d->file, v.number, &inner) &&
		    dw_tag(&inner) == DW_TAG_pointer_type) {
			print_inner(d, out, &e, depth);
			buf_puts(out, " const");
		} else {
			buf_puts(out, "const ");
			print_inner(d, out, &e, depth);
		}
		break;
	default: buf_puts(out, "<unknown type>"); break;
	}
}

void kdwarf_print_params(struct kdwarf *d, const char *function,
			 void (*fn)(void *ctx, const char *line), void *ctx)
{
	struct dw_entry e, child, next;
	struct buf text;
	bool more = find_function(d, function, &e) && dw_child(&d->file, &e, &child);

	buf_init(&text, 1u << 16);
	for (; more; more = dw_sibling(&d->file, &child, &next), child = next) {
		const char *name;

		next = child;
		if (dw_tag(&child) != DW_TAG_formal_parameter)
			continue;
		buf_clear(&text);
		print_inner(d, &text, &child, 0);
		name = dw_name(&d->file, &child);
		buf_printf(&text, "%s%s", *name ? " " : "", name);
		fn(ctx, buf_cstr(&text));
	}
	buf_finish(&text);
}
