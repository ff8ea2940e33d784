/* What dwarf.c (types, functions) and dwarf_line.c (source lines) share. */
#pragma once

#include "kern/dwarf.h"
#include "kern/dwarf_const.h"
#include "kern/dwarf_read.h"
#include "util/strmap.h"

struct kdwarf {
	struct arena *arena;
	struct dw_file file;
	struct strmap types; // offset in hexadecimal -> struct type *
};

/* The definition of a struct, class or union, in any unit. */
bool kdwarf_find_struct(struct kdwarf *d, const char *name, struct dw_entry *out);
