/*
 * DWARF: arguments of user functions, and source lines.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lang/type.h"
#include "util/arena.h"
#include "util/err.h"

struct kdwarf;

/* The debugging information of @path or of its separate debugging file (kelf_open_debug());
 * -ENOENT: none. */
int kdwarf_open(struct kdwarf **out, struct arena *a, const char *path, const char *root,
		const char *dirs, struct err *err) __attribute__((warn_unused_result));
void kdwarf_close(struct kdwarf *d);

/* btf_obj of the struct types made here; their origin is the struct kdwarf, btf_id the entry. */
#define KDWARF_OBJ UINT32_MAX

/*
 * Arguments of @function (its name, or its mangled one), a TYPE_ARGS type: one member an argument,
 * offset = 8 * its index.  Pointers are AS_USER.  NULL: not found.
 */
const struct type *kdwarf_function_args(struct kdwarf *d, const char *function);
/* Lines "int* name", one a parameter, as bpftrace -lv prints them. */
void kdwarf_print_params(struct kdwarf *d, const char *function,
			 void (*fn)(void *ctx, const char *line), void *ctx);
/* Fill in the members of a struct type of this file; others are left alone. */
void kdwarf_complete(struct kdwarf *d, struct type *t);
/* A struct, union or enum by name; NULL: not found. */
const struct type *kdwarf_find_type(struct kdwarf *d, const char *name);

/*
 * The address of the first statement at @line (and @column, 0: any) of the source whose path ends
 * with @file.  -ENOENT: no such file or no code there; -ENOTUNIQ: several files match.
 */
int kdwarf_line_address(struct kdwarf *d, const char *file, uint32_t line, uint32_t column,
			uint64_t *address, struct err *err) __attribute__((warn_unused_result));
