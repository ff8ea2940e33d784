/*
 * Walking the tree.
 */
#pragma once

#include "lang/ast.h"

typedef void (*ast_child_fn)(void *ctx, struct ast *child);

/*
 * Call @fn for each child of @node, in the order of evaluation; absent children are left out.  The
 * expressions inside of types (typeof(e), array lengths) count as children of the node that the
 * type is in.  Nodes may be rewritten in place by @fn.
 */
void ast_each_child(struct ast *node, ast_child_fn fn, void *ctx);
/* The same for the expressions of a type; NULL is allowed. */
void type_expr_each_child(struct type_expr *t, ast_child_fn fn, void *ctx);

/* Literals: numbers, strings, booleans, and tuples and records of them. */
bool ast_is_literal(const struct ast *node);
/* "+", "&&" … */
const char *ast_op_name(enum ast_op op);
bool ast_op_is_comparison(enum ast_op op);
