/*
 * Macros: the header of macro expansion's own files.
 *
 * A call of a macro becomes a clone of its body, a block: variables that the body makes are
 * renamed, parameters replaced, maps must be passed.  The clone's spans are of a source of their
 * own that knows where the call is, so that diagnostics show both places.
 */
#pragma once

#include "lang/ast.h"
#include "lang/cpp.h"
#include "lang/diag.h"
#include "util/strmap.h"

/* What the parameters of the macro being expanded stand for. */
struct macro_frame {
	const struct macro *macro;        // NULL: the script itself, or the text of an argument
	const struct macro_frame *caller; // whose text contains the call
	uint32_t depth;
	struct ast **args;           // one a parameter
	vec_of(const char *) locals; // variables that the body makes
	const struct cpp_macro *cpp; // or a macro of the C preprocessor
};

struct macro_expander {
	struct arena *arena;
	struct ast_program *program;
	struct diags *diags;
	struct strmap macros; // name -> macro_list
	uint32_t height;      // of the tree, here
	uint64_t node_count;  // made so far
	bool is_exhausted;
};

/* A copy of @node whose spans say that they were put where @from is. */
struct ast *macro_clone(struct macro_expander *x, const struct ast *node, struct span from);
/* Expand what is in the tree at @node, whose text is @frame's. */
void macro_expand_node(struct macro_expander *x, struct macro_frame *frame, struct ast *node);
/* The argument that @name stands for in @frame, or NULL. */
struct ast *macro_argument(const struct macro_frame *frame, const char *name);

/* macro_lookup.c */
bool macro_register(struct macro_expander *x);
/*
 * The macro that fits a call.  NULL, and maybe a diagnostic, if there is none; a name that is also
 * a built-in's is not wrong then.
 */
const struct macro *macro_find(struct macro_expander *x, const char *name, struct ast *const *args,
			       size_t count, const struct ast *call, bool only_builtin);

/* macro_type.c: types in the body of a macro. */
void macro_expand_type(struct macro_expander *x, struct macro_frame *frame, struct type_expr *type);
void macro_expand_query(struct macro_expander *x, struct macro_frame *frame, struct ast *node);
