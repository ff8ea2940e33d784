#include "kern/dwarf_read.h"

#include "kern/dwarf_const.h"
#include <string.h>

#define UNITS_MAX   (1u << 20)
#define ABBREVS_MAX (1u << 16)
#define ATTRS_MAX   1024
#define DEPTH_MAX   128 // of entries that are skipped
#define ENTRIES_MAX (64u << 20)

uint64_t dw_fixed(struct dw_cursor *c, unsigned size)
{
	uint64_t value = 0;

	if (c->is_bad || (size_t)(c->end - c->p) < size || size > 8) {
		c->is_bad = true;
		c->p = c->end;
		return 0;
	}
	memcpy(&value, c->p, size); // little-endian, as the files are that kelf opens
	c->p += size;
	return value;
}

uint8_t dw_u8(struct dw_cursor *c)
{
	return (uint8_t)dw_fixed(c, 1);
}

uint16_t dw_u16(struct dw_cursor *c)
{
	return (uint16_t)dw_fixed(c, 2);
}

uint32_t dw_u32(struct dw_cursor *c)
{
	return (uint32_t)dw_fixed(c, 4);
}

uint64_t dw_u64(struct dw_cursor *c)
{
	return dw_fixed(c, 8);
}

uint64_t dw_uleb(struct dw_cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; c->p < c->end; shift += 7) {
		uint8_t byte = *c->p++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	c->is_bad = true;
	return 0;
}

int64_t dw_sleb(struct dw_cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; c->p < c->end;) {
		uint8_t byte = *c->p++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80)
			continue;
		if (shift < 64 && byte & 0x40)
			value |= ~0ull << shift;
		return (int64_t)value;
	}
	c->is_bad = true;
	return 0;
}

const char *dw_string(struct dw_cursor *c)
{
	const char *s = (const char *)c->p;
	const uint8_t *nul = c->p < c->end ? memchr(c->p, 0, (size_t)(c->end - c->p)) : NULL;

	if (!nul) {
		c->is_bad = true;
		c->p = c->end;
		return "";
	}
	c->p = nul + 1;
	return s;
}

void dw_skip(struct dw_cursor *c, uint64_t count)
{
	if (count > (uint64_t)(c->end - c->p)) {
		c->is_bad = true;
		c->p = c->end;
	} else {
		c->p += count;
	}
}

struct dw_cursor dw_at(struct dw_span section, uint64_t offset)
{
	bool is_inside = section.data && offset < section.size;

	return (struct dw_cursor){ .p = is_inside ? section.data + offset : section.data,
				   .end = is_inside ? section.data + section.size : section.data,
				   .is_bad = !is_inside };
}

uint64_t dw_initial_length(struct dw_cursor *c, uint8_t *offset_size)
{
	uint64_t length = dw_u32(c);

	*offset_size = 4;
	if (length == 0xffffffff) {
		*offset_size = 8;
		length = dw_u64(c);
	}
	return length;
}

static const char *string_at(struct dw_span section, uint64_t offset)
{
	return kelf_string((const char *)section.data, section.size, offset);
}

static const char *indexed_string(const struct dw_file *f, const struct dw_unit *u, uint64_t index)
{
	struct dw_cursor c;

	if (index > UINT32_MAX)
		return "";
	c = dw_at(f->str_offsets, u->str_offsets_base + index * u->offset_size);
	return string_at(f->str, dw_fixed(&c, u->offset_size));
}

static struct dw_value number(uint64_t n)
{
	return (struct dw_value){ .class = DW_CLASS_NUMBER, .number = n };
}

static struct dw_value string(const char *s)
{
	return (struct dw_value){ .class = DW_CLASS_STRING, .string = s };
}

static struct dw_value reference(uint64_t offset)
{
	return (struct dw_value){ .class = DW_CLASS_REF, .number = offset };
}

static struct dw_value block(struct dw_cursor *c, uint64_t len)
{
	struct dw_value v = { .class = DW_CLASS_BLOCK, .block.data = c->p };

	dw_skip(c, len);
	v.block.size = (size_t)(c->p - v.block.data);
	return v;
}

static struct dw_value read_string_form(const struct dw_file *f, const struct dw_unit *u,
					struct dw_cursor *c, uint16_t form)
{
	switch (form) {
	case DW_FORM_string: return string(dw_string(c));
	case DW_FORM_strp: return string(string_at(f->str, dw_fixed(c, u->offset_size)));
	case DW_FORM_line_strp: return string(string_at(f->line_str, dw_fixed(c, u->offset_size)));
	case DW_FORM_strx:
	case DW_FORM_GNU_str_index: return string(indexed_string(f, u, dw_uleb(c)));
	case DW_FORM_strx1: return string(indexed_string(f, u, dw_u8(c)));
	case DW_FORM_strx2: return string(indexed_string(f, u, dw_u16(c)));
	case DW_FORM_strx3: return string(indexed_string(f, u, dw_fixed(c, 3)));
	case DW_FORM_strx4: return string(indexed_string(f, u, dw_u32(c)));
	default: break;
	}
	/* DW_FORM_strp_sup, DW_FORM_GNU_strp_alt: in a file shared by many (dwz), which isn't read.
	 */
	(void)dw_fixed(c, u->offset_size);
	return (struct dw_value){ 0 };
}

static struct dw_value read_reference_form(const struct dw_unit *u, struct dw_cursor *c,
					   uint16_t form)
{
	switch (form) {
	case DW_FORM_ref1: return reference(u->offset + dw_u8(c));
	case DW_FORM_ref2: return reference(u->offset + dw_u16(c));
	case DW_FORM_ref4: return reference(u->offset + dw_u32(c));
	case DW_FORM_ref8: return reference(u->offset + dw_u64(c));
	case DW_FORM_ref_udata: return reference(u->offset + dw_uleb(c));
	case DW_FORM_ref_addr:
		return reference(dw_fixed(c, u->version <= 2 ? u->address_size : u->offset_size));
	case DW_FORM_ref_sig8: (void)dw_u64(c); break;
	case DW_FORM_ref_sup4: (void)dw_u32(c); break;
	case DW_FORM_ref_sup8: (void)dw_u64(c); break;
	default: (void)dw_fixed(c, u->offset_size); break; // DW_FORM_GNU_ref_alt
	}
	return (struct dw_value){ 0 };
}

struct dw_value dw_read_form(const struct dw_file *f, const struct dw_unit *u, struct dw_cursor *c,
			     uint16_t form, int64_t implicit)
{
	switch (form) {
	case DW_FORM_data1:
	case DW_FORM_flag:
	case DW_FORM_addrx1: return number(dw_u8(c));
	case DW_FORM_data2:
	case DW_FORM_addrx2: return number(dw_u16(c));
	case DW_FORM_addrx3: return number(dw_fixed(c, 3));
	case DW_FORM_data4:
	case DW_FORM_addrx4: return number(dw_u32(c));
	case DW_FORM_data8: return number(dw_u64(c));
	case DW_FORM_data16: return block(c, 16);
	case DW_FORM_sdata: return number((uint64_t)dw_sleb(c));
	case DW_FORM_udata:
	case DW_FORM_addrx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx: return number(dw_uleb(c));
	case DW_FORM_implicit_const: return number((uint64_t)implicit);
	case DW_FORM_flag_present: return number(1);
	case DW_FORM_sec_offset: return number(dw_fixed(c, u->offset_size));
	case DW_FORM_addr: return number(dw_fixed(c, u->address_size));
	case DW_FORM_block1: return block(c, dw_u8(c));
	case DW_FORM_block2: return block(c, dw_u16(c));
	case DW_FORM_block4: return block(c, dw_u32(c));
	case DW_FORM_block:
	case DW_FORM_exprloc: return block(c, dw_uleb(c));
	case DW_FORM_string:
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strx:
	case DW_FORM_strx1:
	case DW_FORM_strx2:
	case DW_FORM_strx3:
	case DW_FORM_strx4:
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_str_index:
	case DW_FORM_GNU_strp_alt: return read_string_form(f, u, c, form);
	case DW_FORM_ref1:
	case DW_FORM_ref2:
	case DW_FORM_ref4:
	case DW_FORM_ref8:
	case DW_FORM_ref_udata:
	case DW_FORM_ref_addr:
	case DW_FORM_ref_sig8:
	case DW_FORM_ref_sup4:
	case DW_FORM_ref_sup8:
	case DW_FORM_GNU_ref_alt: return read_reference_form(u, c, form);
	case DW_FORM_indirect:
		form = (uint16_t)dw_uleb(c);
		if (form != DW_FORM_indirect)
			return dw_read_form(f, u, c, form, 0);
		break;
	default: break;
	}
	c->is_bad = true;
	c->p = c->end;
	return (struct dw_value){ 0 };
}

static bool read_abbrev(struct dw_file *f, struct dw_cursor *c, struct dw_abbrev *out)
{
	vec_of(struct dw_attr_spec) attrs = { 0 };

	out->tag = (uint16_t)dw_uleb(c);
	out->has_children = dw_u8(c);
	for (;;) {
		struct dw_attr_spec spec = { .name = (uint16_t)dw_uleb(c) };

		spec.form = (uint16_t)dw_uleb(c);
		if (spec.form == DW_FORM_implicit_const)
			spec.implicit = dw_sleb(c);
		if (c->is_bad || attrs.len >= ATTRS_MAX)
			return false;
		if (!spec.name && !spec.form)
			break;
		vec_push(f->arena, &attrs, spec);
	}
	out->attrs = attrs.data;
	out->attr_count = (uint32_t)attrs.len;
	return true;
}

static const struct dw_abbrevs *abbrevs_at(struct dw_file *f, uint64_t offset)
{
	struct dw_cursor c = dw_at(f->abbrev, offset);
	struct dw_abbrevs *table;

	vec_foreach (&f->abbrev_tables, t) {
		if ((*t)->offset == offset)
			return *t;
	}
	table = arena_new(f->arena, struct dw_abbrevs);
	table->offset = offset;
	while (!c.is_bad && table->list.len < ABBREVS_MAX) {
		struct dw_abbrev a = { .code = dw_uleb(&c) };

		if (!a.code || !read_abbrev(f, &c, &a))
			break;
		vec_push(f->arena, &table->list, a);
	}
	vec_push(f->arena, &f->abbrev_tables, table);
	return table;
}

/* Codes are numbered from 1 in order by all compilers, but need not be. */
static const struct dw_abbrev *find_abbrev(const struct dw_abbrevs *t, uint64_t code)
{
	if (code && code <= t->list.len && t->list.data[code - 1].code == code)
		return &t->list.data[code - 1];
	for (size_t i = 0; i < t->list.len; i++) {
		if (t->list.data[i].code == code)
			return &t->list.data[i];
	}
	return NULL;
}

static bool read_unit_header(struct dw_file *f, uint64_t offset, struct dw_unit *u)
{
	struct dw_cursor c = dw_at(f->info, offset);
	uint64_t length, abbrev;

	*u = (struct dw_unit){ .offset = offset, .type = DW_UT_compile };
	length = dw_initial_length(&c, &u->offset_size);
	if (c.is_bad || !length || length > (uint64_t)(c.end - c.p))
		return false;
	u->end = (uint64_t)(c.p - f->info.data) + length;
	u->version = dw_u16(&c);
	if (u->version >= 5) {
		u->type = dw_u8(&c);
		u->address_size = dw_u8(&c);
		abbrev = dw_fixed(&c, u->offset_size);
		if (u->type == DW_UT_skeleton || u->type == DW_UT_split_compile)
			dw_skip(&c, 8);
		else if (u->type == DW_UT_type || u->type == DW_UT_split_type)
			dw_skip(&c, 8u + u->offset_size);
	} else {
		abbrev = dw_fixed(&c, u->offset_size);
		u->address_size = dw_u8(&c);
	}
	u->first = (uint64_t)(c.p - f->info.data);
	if (c.is_bad || u->version < 2 || u->version > 5 || u->address_size > 8)
		return true; // skip it, but go on with the next
	u->abbrevs = abbrevs_at(f, abbrev);
	return true;
}

/* Attributes of the unit's entry that the reading of others depends on. */
static void read_bases(const struct dw_file *f, struct dw_unit *u)
{
	struct dw_entry e;
	struct dw_value v;

	if (!dw_unit_entry(f, u, &e))
		return;
	/* Behind the header of the first contribution, where it always is without split files. */
	u->str_offsets_base = u->offset_size == 8 ? 16 : 8;
	v = dw_attr(f, &e, DW_AT_str_offsets_base);
	if (v.class == DW_CLASS_NUMBER)
		u->str_offsets_base = v.number;
}

static struct dw_span load(struct kelf *elf, const char *name)
{
	struct kelf_section s;
	struct dw_span span = { 0 };

	if (kelf_find_section(elf, name, &s))
		span.data = kelf_section_data(elf, &s, &span.size);
	if (!span.data)
		span.size = 0;
	return span;
}

bool dw_open(struct dw_file *f, struct arena *a, struct kelf *elf)
{
	*f = (struct dw_file){ .arena = a, .elf = elf };
	f->info = load(elf, ".debug_info");
	f->abbrev = load(elf, ".debug_abbrev");
	if (!f->info.data || !f->abbrev.data)
		return false;
	f->str = load(elf, ".debug_str");
	f->line = load(elf, ".debug_line");
	f->line_str = load(elf, ".debug_line_str");
	f->str_offsets = load(elf, ".debug_str_offsets");
	for (uint64_t offset = 0; offset < f->info.size && f->units.len < UNITS_MAX;) {
		struct dw_unit u;

		if (!read_unit_header(f, offset, &u))
			break;
		offset = u.end;
		if (!u.abbrevs)
			continue;
		read_bases(f, &u);
		vec_push(a, &f->units, u);
	}
	return f->units.len > 0;
}

static const struct dw_unit *unit_of(const struct dw_file *f, uint64_t offset)
{
	size_t low = 0, high = f->units.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f->units.data[middle].offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low && offset < f->units.data[low - 1].end ? &f->units.data[low - 1] : NULL;
}

static bool entry_in(const struct dw_file *f, const struct dw_unit *u, uint64_t offset,
		     struct dw_entry *out)
{
	struct dw_cursor c = dw_at((struct dw_span){ f->info.data, u->end }, offset);
	uint64_t code = dw_uleb(&c);

	if (c.is_bad || offset < u->first)
		return false;
	*out = (struct dw_entry){ .unit = u,
				  .offset = offset,
				  .attrs = (uint64_t)(c.p - f->info.data),
				  .abbrev = find_abbrev(u->abbrevs, code) };
	/* An unknown code can't be skipped: the list ends here. */
	return true;
}

bool dw_unit_entry(const struct dw_file *f, const struct dw_unit *u, struct dw_entry *out)
{
	return entry_in(f, u, u->first, out) && out->abbrev;
}

bool dw_entry_at(const struct dw_file *f, uint64_t offset, struct dw_entry *out)
{
	const struct dw_unit *u = unit_of(f, offset);

	return u && entry_in(f, u, offset, out) && out->abbrev;
}

static struct dw_cursor attrs_of(const struct dw_file *f, const struct dw_entry *e)
{
	return dw_at((struct dw_span){ f->info.data, e->unit->end }, e->attrs);
}

/* The offset behind the entry's own attributes, and where its next sibling is if it says so. */
static uint64_t skip_attrs(const struct dw_file *f, const struct dw_entry *e, uint64_t *sibling)
{
	struct dw_cursor c = attrs_of(f, e);

	*sibling = 0;
	for (uint32_t i = 0; i < e->abbrev->attr_count; i++) {
		const struct dw_attr_spec *spec = &e->abbrev->attrs[i];
		struct dw_value v = dw_read_form(f, e->unit, &c, spec->form, spec->implicit);

		if (spec->name == DW_AT_sibling && v.class == DW_CLASS_REF)
			*sibling = v.number;
		if (c.is_bad && e->abbrev->attr_count)
			return e->unit->end;
	}
	return e->abbrev->attr_count ? (uint64_t)(c.p - f->info.data) : e->attrs;
}

bool dw_child(const struct dw_file *f, const struct dw_entry *e, struct dw_entry *out)
{
	uint64_t sibling;

	if (!e->abbrev->has_children)
		return false;
	return entry_in(f, e->unit, skip_attrs(f, e, &sibling), out) && out->abbrev;
}

bool dw_sibling(const struct dw_file *f, const struct dw_entry *e, struct dw_entry *out)
{
	uint64_t sibling, at = skip_attrs(f, e, &sibling);
	unsigned depth = e->abbrev->has_children;

	if (depth && sibling > at)
		return entry_in(f, e->unit, sibling, out) && out->abbrev;
	for (unsigned n = 0; depth && n < ENTRIES_MAX; n++) {
		struct dw_entry inner;

		if (depth > DEPTH_MAX || !entry_in(f, e->unit, at, &inner))
			return false;
		if (!inner.abbrev) {
			depth--;
			at = inner.attrs;
			continue;
		}
		at = skip_attrs(f, &inner, &sibling);
		if (inner.abbrev->has_children && sibling > at)
			at = sibling;
		else
			depth += inner.abbrev->has_children;
	}
	return entry_in(f, e->unit, at, out) && out->abbrev;
}

struct dw_value dw_attr(const struct dw_file *f, const struct dw_entry *e, uint16_t name)
{
	struct dw_cursor c = attrs_of(f, e);

	for (uint32_t i = 0; i < e->abbrev->attr_count; i++) {
		const struct dw_attr_spec *spec = &e->abbrev->attrs[i];
		struct dw_value v = dw_read_form(f, e->unit, &c, spec->form, spec->implicit);

		if (c.is_bad)
			break;
		if (spec->name == name)
			return v;
	}
	return (struct dw_value){ 0 };
}

struct dw_value dw_attr_inherited(const struct dw_file *f, const struct dw_entry *e, uint16_t name)
{
	static const uint16_t links[] = { DW_AT_abstract_origin, DW_AT_specification };
	struct dw_entry at = *e, next;
	struct dw_value v = dw_attr(f, e, name);

	for (int depth = 0; v.class == DW_CLASS_NONE && depth < 8; depth++) {
		struct dw_value link = dw_attr(f, &at, links[0]);

		if (link.class != DW_CLASS_REF)
			link = dw_attr(f, &at, links[1]);
		if (link.class != DW_CLASS_REF || !dw_entry_at(f, link.number, &next))
			break;
		at = next;
		v = dw_attr(f, &at, name);
	}
	return v;
}

const char *dw_name(const struct dw_file *f, const struct dw_entry *e)
{
	struct dw_value v = dw_attr_inherited(f, e, DW_AT_name);

	return v.class == DW_CLASS_STRING ? v.string : "";
}
