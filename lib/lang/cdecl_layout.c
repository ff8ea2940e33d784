/*
 * Where members are, as gcc and clang have it: the ABIs of x86-64 and arm64 agree in this, but for
 * the alignment that a bit-field without a name gives.
 */
#include <assert.h>
#include <string.h>

#include "lang/cscope.h"

static const struct basic {
	const char *name;
	uint8_t size; // 0: void
	bool is_signed;
} basics[] = {
	{ "__be16", 2, false },   { "__be32", 4, false },      { "__be64", 8, false },
	{ "__le16", 2, false },   { "__le32", 4, false },      { "__le64", 8, false },
	{ "__s16", 2, true },     { "__s32", 4, true },        { "__s64", 8, true },
	{ "__s8", 1, true },      { "__sum16", 2, false },     { "__u16", 2, false },
	{ "__u32", 4, false },    { "__u64", 8, false },       { "__u8", 1, false },
	{ "__wsum", 4, false },   { "bool", 1, false },        { "clockid_t", 4, true },
	{ "dev_t", 4, false },    { "dma_addr_t", 8, false },  { "gfp_t", 4, false },
	{ "gid_t", 4, false },    { "in_addr_t", 4, false },   { "in_port_t", 2, false },
	{ "ino_t", 8, false },    { "int16_t", 2, true },      { "int32_t", 4, true },
	{ "int64_t", 8, true },   { "int8_t", 1, true },       { "intptr_t", 8, true },
	{ "ktime_t", 8, true },   { "loff_t", 8, true },       { "mode_t", 4, false },
	{ "off_t", 8, true },     { "phys_addr_t", 8, false }, { "pid_t", 4, true },
	{ "ptrdiff_t", 8, true }, { "s16", 2, true },          { "s32", 4, true },
	{ "s64", 8, true },       { "s8", 1, true },           { "sa_family_t", 2, false },
	{ "sector_t", 8, false }, { "size_t", 8, false },      { "socklen_t", 4, false },
	{ "ssize_t", 8, true },   { "time_t", 8, true },       { "u16", 2, false },
	{ "u32", 4, false },      { "u64", 8, false },         { "u8", 1, false },
	{ "uchar", 1, false },    { "uid_t", 4, false },       { "uint", 4, false },
	{ "uint16_t", 2, false }, { "uint32_t", 4, false },    { "uint64_t", 8, false },
	{ "uint8_t", 1, false },  { "uintptr_t", 8, false },   { "ulong", 8, false },
	{ "ushort", 2, false },
};

const struct type *cdecl_basic(const char *name)
{
	for (size_t i = 0; i < sizeof(basics) / sizeof(basics[0]); i++) {
		if (!strcmp(basics[i].name, name))
			return type_int(basics[i].size, basics[i].is_signed);
	}
	return NULL;
}

uint32_t cdecl_align(const struct type *t)
{
	uint32_t align;

	switch (t->kind) {
	case TYPE_STRUCT: align = t->alignment; break;
	case TYPE_ARRAY: return cdecl_align(t->elem);
	default: align = t->size; break;
	}
	return align ? align : 1;
}

static uint64_t align_down(uint64_t n, uint64_t align)
{
	return n / align * align;
}

static uint64_t align_up(uint64_t n, uint64_t align)
{
	return align_down(n + align - 1, align);
}

struct layout {
	uint64_t bits; // where the next member may begin
	uint64_t size_bits;
	uint32_t align;
	bool is_union;
	bool is_packed;
};

static void grow(struct layout *l, uint64_t end, uint32_t align)
{
	if (end > l->size_bits)
		l->size_bits = end;
	if (align > l->align)
		l->align = align;
	l->bits = l->is_union ? 0 : end;
}

/*
 * Where a bit-field is read: in a unit of its type, or if it crosses one (packed), in the smallest
 * power of two of bytes that holds it.
 */
static void place_bits(struct type_member *m, uint64_t begin, uint32_t bits)
{
	uint64_t unit = (uint64_t)m->type->size * 8;
	uint64_t offset = align_down(begin, unit);

	if (begin + bits > offset + unit) {
		uint32_t size = 1;

		offset = align_down(begin, 8);
		while (size < 8 && begin + bits > offset + (uint64_t)size * 8)
			size *= 2;
		m->type = type_int(size, m->type->is_signed);
	}
	m->offset = (uint32_t)(offset / 8);
	m->bit_offset = (uint8_t)(begin - offset);
	m->bit_size = (uint8_t)bits;
}

static void add_bit_field(struct layout *l, struct type_member *m, const struct c_member *member)
{
	uint64_t unit = (uint64_t)m->type->size * 8;
	uint32_t align = cdecl_align(m->type);
	bool is_packed = l->is_packed || member->attributes.is_packed;
	uint64_t bits = (uint64_t)member->bits;
	uint64_t begin = l->bits;

	assert(m->type->size); // an integer
	if (bits == 0) {
		l->bits = align_up(l->bits, unit);
		return;
	}
	if (bits > unit)
		bits = unit;
	if (!is_packed && begin + bits > align_down(begin, unit) + unit)
		begin = align_up(begin, (uint64_t)align * 8);
	place_bits(m, begin, (uint32_t)bits);
	/* Without a name it doesn't align the struct. */
	grow(l, begin + bits, is_packed || !*member->name ? 1 : align);
}

static void add_plain(struct layout *l, struct type_member *m, const struct c_member *member)
{
	uint32_t align = l->is_packed || member->attributes.is_packed ? 1 : cdecl_align(m->type);

	if (member->attributes.aligned > align)
		align = member->attributes.aligned;
	m->offset = (uint32_t)(align_up(l->bits, (uint64_t)align * 8) / 8);
	grow(l, ((uint64_t)m->offset + m->type->size) * 8, align);
}

void cdecl_layout(struct arena *a, struct type *t, const struct c_member *members, size_t count,
		  struct c_attributes attributes)
{
	struct layout l = { .align = 1,
			    .is_union = t->is_union,
			    .is_packed = attributes.is_packed };

	t->members = arena_array(a, struct type_member, count);
	t->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct type_member *m = &t->members[t->count];

		m->name = members[i].name;
		m->type = members[i].type;
		if (members[i].bits >= 0)
			add_bit_field(&l, m, &members[i]);
		else
			add_plain(&l, m, &members[i]);
		/* Bit-fields without a name are padding. */
		if (members[i].bits < 0 || *members[i].name)
			t->count++;
	}
	if (attributes.aligned > l.align)
		l.align = attributes.aligned;
	t->alignment = l.align;
	l.size_bits = align_up(l.size_bits, (uint64_t)l.align * 8) / 8;
	t->size = l.size_bits > UINT32_MAX ? UINT32_MAX : (uint32_t)l.size_bits;
	t->is_complete = true;
}
