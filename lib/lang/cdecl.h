/*
 * What a script declares in C, and includes: types, enumerators, constants, macros.
 *
 * import_resolve() preprocesses the C text of the script, of the headers it imports, and of
 * well-known kernel headers named by #include (cpp.h).  c_scope_resolve() then parses the
 * declarations and lays out the types, by the rules of the target's ABI; what they refer to and the
 * script doesn't declare is looked up in the target's BTF.
 *
 * Requires: c_scope_resolve() before any of the find functions; a scope may be NULL.
 */
#pragma once

#include "lang/ast.h"
#include "lang/diag.h"
#include "lang/target.h"

struct c_scope;

/*
 * Parse and lay out the declarations of the program; p->c_scope is set.  @target may be NULL.
 * A second call does nothing.
 */
bool c_scope_resolve(struct ast_program *p, const struct target *target, struct diags *diags);
/* A type that the script or its headers declare, or NULL: it is not looked up in BTF here. */
const struct type *c_scope_find_type(const struct c_scope *s, enum type_tag tag, const char *name);
/*
 * A constant: an enumerator of a declared enum (*type is the enum), or a constant of a well-known
 * header (*type is NULL: an integer).  Object-like macros are expanded before (macro_expand()).
 */
bool c_scope_find_constant(const struct c_scope *s, const char *name, int64_t *value,
			   const struct type **type);
