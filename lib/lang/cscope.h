/*
 * What a script's C text is made into: the header of the files that make it.
 */
#pragma once

#include "lang/cdecl.h"
#include "lang/cpp.h"

struct c_scope {
	struct arena *arena;
	const struct target *target;
	struct diags *diags;
	struct cpp cpp;
	struct strmap types[4];  // by enum type_tag: name -> struct type
	struct strmap constants; // name -> struct c_enumerator
	bool is_resolved;
};

struct c_enumerator {
	int64_t value;
	const struct type *type;
};

/* The scope of a program, made on first use. */
struct c_scope *c_scope_of(struct ast_program *p, struct diags *diags);
/* A macro of the preprocessor; NULL if there is none.  @s may be NULL. */
const struct cpp_macro *c_scope_find_macro(const struct c_scope *s, const char *name);

/* Attributes that change the layout. */
struct c_attributes {
	bool is_packed;
	uint32_t aligned; // 0: as the type wants it
};

/* A member as declared: bits is -1 for one that is no bit-field. */
struct c_member {
	const char *name; // "" for an anonymous struct, union or bit-field
	const struct type *type;
	struct c_attributes attributes;
	int64_t bits;
};

/* cdecl_parse.c: parse s->cpp.output. */
void cdecl_parse(struct c_scope *s);
/* A type by name, of the scope or of BTF, or NULL. */
const struct type *cdecl_lookup(struct c_scope *s, enum type_tag tag, const char *name);

/* cdecl_layout.c: complete the struct @t. */
void cdecl_layout(struct arena *a, struct type *t, const struct c_member *members, size_t count,
		  struct c_attributes attributes);
uint32_t cdecl_align(const struct type *t);
/* Types that C has under a plain name: "int", "unsigned long", "uint32_t", "u32". */
const struct type *cdecl_basic(const char *name);
