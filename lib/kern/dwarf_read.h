/*
 * DWARF 2 to 5, read from the bytes: units, abbreviations, entries, attribute values.
 *
 * A reader of our own: libdw in a static executable adds 550 kB and wants dlopen().  Everything is
 * checked against the section's bounds; malformed data ends a walk early.
 *
 * Reference: DWARF Debugging Information Format, version 5, chapters 2 and 7.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kern/elf.h"
#include "util/arena.h"
#include "util/strmap.h"
#include "util/vec.h"

struct dw_span {
	const uint8_t *data;
	size_t size;
};

/* A position in a section; reading past the end sets is_bad and gives zeros. */
struct dw_cursor {
	const uint8_t *p;
	const uint8_t *end;
	bool is_bad;
};

struct dw_attr_spec {
	uint16_t name;
	uint16_t form;
	int64_t implicit; // value of DW_FORM_implicit_const
};

struct dw_abbrev {
	uint64_t code;
	uint16_t tag;
	bool has_children;
	uint32_t attr_count;
	const struct dw_attr_spec *attrs;
};

struct dw_abbrevs {
	uint64_t offset; // in .debug_abbrev
	vec_of(struct dw_abbrev) list;
};

struct dw_unit {
	uint64_t offset; // of the unit, in .debug_info
	uint64_t first;  // of its first entry
	uint64_t end;
	uint16_t version;
	uint8_t type;        // DW_UT_*
	uint8_t offset_size; // 4 or 8
	uint8_t address_size;
	uint64_t str_offsets_base;
	const struct dw_abbrevs *abbrevs;
};

enum dw_class { DW_CLASS_NONE, DW_CLASS_NUMBER, DW_CLASS_STRING, DW_CLASS_BLOCK, DW_CLASS_REF };

struct dw_value {
	enum dw_class class;
	uint64_t number; // also an offset into .debug_info (REF), or into another section
	const char *string;
	struct dw_span block;
};

/* One entry (DIE). */
struct dw_entry {
	const struct dw_unit *unit;
	uint64_t offset;                // in .debug_info
	uint64_t attrs;                 // offset of its values
	const struct dw_abbrev *abbrev; // NULL: the end of a list of siblings
};

struct dw_file {
	struct arena *arena;
	struct kelf *elf;
	struct dw_span info, abbrev, str, line, line_str, str_offsets;
	vec_of(struct dw_unit) units; // in order of offset
	vec_of(struct dw_abbrevs *) abbrev_tables;
};

uint8_t dw_u8(struct dw_cursor *c);
uint16_t dw_u16(struct dw_cursor *c);
uint32_t dw_u32(struct dw_cursor *c);
uint64_t dw_u64(struct dw_cursor *c);
/* @size 1, 2, 4 or 8 bytes. */
uint64_t dw_fixed(struct dw_cursor *c, unsigned size);
uint64_t dw_uleb(struct dw_cursor *c);
int64_t dw_sleb(struct dw_cursor *c);
const char *dw_string(struct dw_cursor *c);
void dw_skip(struct dw_cursor *c, uint64_t count);
/* A cursor at @offset of a section; bad from the start if that is outside. */
struct dw_cursor dw_at(struct dw_span section, uint64_t offset);
/* A length, 32- or 64-bit as DWARF marks it; *offset_size becomes 4 or 8. */
uint64_t dw_initial_length(struct dw_cursor *c, uint8_t *offset_size);

/* Load the sections of @elf and find the units; false if there is no debugging information. */
bool dw_open(struct dw_file *f, struct arena *a, struct kelf *elf);
void dw_finish(struct dw_file *f);

/* The value of one attribute at the cursor, which moves behind it. */
struct dw_value dw_read_form(const struct dw_file *f, const struct dw_unit *u, struct dw_cursor *c,
			     uint16_t form, int64_t implicit);

/* The entry at @offset of .debug_info; false if there is none. */
bool dw_entry_at(const struct dw_file *f, uint64_t offset, struct dw_entry *out);
bool dw_unit_entry(const struct dw_file *f, const struct dw_unit *u, struct dw_entry *out);
/* The first child, and the entry after @e and its children; false at the end. */
bool dw_child(const struct dw_file *f, const struct dw_entry *e, struct dw_entry *out);
bool dw_sibling(const struct dw_file *f, const struct dw_entry *e, struct dw_entry *out);

static inline uint16_t dw_tag(const struct dw_entry *e)
{
	return e->abbrev->tag;
}

/* An attribute of the entry itself; class NONE if it has none. */
struct dw_value dw_attr(const struct dw_file *f, const struct dw_entry *e, uint16_t name);
/* The same, also from the entry that this one is an instance or the definition of. */
struct dw_value dw_attr_inherited(const struct dw_file *f, const struct dw_entry *e, uint16_t name);
/* DW_AT_name, "" without. */
const char *dw_name(const struct dw_file *f, const struct dw_entry *e);
