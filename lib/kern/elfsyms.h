/*
 * Symbols of ELF files: functions and objects by name and by address.
 *
 * A table holds the union of .symtab, .dynsym and the separate debugging file's .symtab; addresses
 * are the file's virtual addresses.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kern/elf.h"
#include "util/err.h"

struct elfsym {
	const char *name;        // without its version; the table's
	const char *version;     // "GLIBC_2.34" or NULL
	uint64_t address;        // virtual, in the file
	uint64_t size;           // 0 if unknown
	uint8_t type;            // STT_FUNC, STT_GNU_IFUNC, STT_OBJECT
	uint8_t binding;         // STB_*
	bool is_default_version; // foo@@VER
};

struct elfsyms;

enum {
	ELFSYMS_FUNCTIONS = 1 << 0,  // STT_FUNC and STT_GNU_IFUNC
	ELFSYMS_OBJECTS = 1 << 1,    // STT_OBJECT
	ELFSYMS_DEBUG_FILE = 1 << 2, // look into the separate debugging file too
};

/*
 * The symbols of the file at @path.  @root is prefixed to /usr/lib/debug ("" on the host).
 * An ELF file without symbols gives an empty table.  Errors as kelf_open(), -ENOMEM.
 */
int elfsyms_load(struct elfsyms **out, const char *path, const char *root, uint32_t flags,
		 struct err *err) __attribute__((warn_unused_result));
/* The same from an open file; takes @elf, which is detached, and closed with the table. */
int elfsyms_take(struct elfsyms **out, struct kelf *elf, const char *path, const char *root,
		 uint32_t flags, struct err *err) __attribute__((warn_unused_result));
void elfsyms_free(struct elfsyms *t);
struct kelf *elfsyms_file(const struct elfsyms *t);

/*
 * Symbols in order of address.  Of aliases (equal addresses) the best comes first, by the rules of
 * perf: with a size, not weak, not local, fewer leading underscores, the longer name.
 */
size_t elfsyms_count(const struct elfsyms *t);
const struct elfsym *elfsyms_at(const struct elfsyms *t, size_t index);

/*
 * The symbol that covers @address: the nearest one at or before it whose size reaches so far; one
 * without a size reaches to the next symbol.  NULL if there is none.
 */
const struct elfsym *elfsyms_by_address(const struct elfsyms *t, uint64_t address);

/*
 * By name, "foo" or with a version: "foo@VER", "foo@@VER".  Without a version the default one wins.
 * NULL if there is none.
 */
const struct elfsym *elfsyms_by_name(const struct elfsyms *t, const char *name);

/*
 * "ns::f(int)" for "_ZN2ns1fEi"; NULL if @name is not a mangled C++ (or Rust v0) name.  The result
 * is the caller's, free().
 */
char *elfsyms_demangle(const char *name);
/* The demangled name without its parameter list, for matching "ns::f": in place. */
void elfsyms_strip_parameters(char *demangled);
