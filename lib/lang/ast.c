#include "lang/ast.h"

#include <string.h>

struct ast *ast_new(struct arena *a, enum ast_kind kind, struct span span)
{
	struct ast *node = arena_new(a, struct ast);

	node->kind = kind;
	node->span = span;
	return node;
}

#define clone_vec(a, v)                                                                            \
	do {                                                                                       \
		if ((v)->len)                                                                      \
			(v)->data = arena_memdup((a), (v)->data, (v)->len * sizeof(*(v)->data));   \
		(v)->cap = (v)->len;                                                               \
	} while (0)

static struct ast *clone_or_null(struct arena *a, const struct ast *node)
{
	return node ? ast_clone(a, node) : NULL;
}

static void clone_list(struct arena *a, ast_list *list)
{
	clone_vec(a, list);
	vec_foreach (list, it)
		*it = ast_clone(a, *it);
}

static struct type_expr *clone_type(struct arena *a, const struct type_expr *type)
{
	struct type_expr *copy;

	if (!type)
		return NULL;
	copy = arena_memdup(a, type, sizeof(*type));
	copy->type_of = clone_or_null(a, type->type_of);
	copy->type_of_type = clone_type(a, type->type_of_type);
	clone_vec(a, &copy->modifiers);
	vec_foreach (&copy->modifiers, it)
		it->count = clone_or_null(a, it->count);
	return copy;
}

static void clone_children(struct arena *a, struct ast *n)
{
	switch (n->kind) {
	case AST_INT:
	case AST_BOOL:
	case AST_STRING:
	case AST_IDENT:
	case AST_BUILTIN:
	case AST_POSITIONAL:
	case AST_POSITIONAL_COUNT:
	case AST_VAR:
	case AST_VAR_ADDR:
	case AST_MAP:
	case AST_MAP_ADDR:
	case AST_BREAK:
	case AST_CONTINUE:
	case AST_IMPORT:
	case AST_KIND_COUNT: break;
	case AST_MAP_ACCESS: n->map.key = clone_or_null(a, n->map.key); break;
	case AST_CALL: clone_list(a, &n->call.args); break;
	case AST_UNARY: n->unary.operand = ast_clone(a, n->unary.operand); break;
	case AST_BINARY:
		n->binary.left = ast_clone(a, n->binary.left);
		n->binary.right = ast_clone(a, n->binary.right);
		break;
	case AST_TERNARY:
	case AST_IF:
		n->branch.cond = ast_clone(a, n->branch.cond);
		n->branch.then = ast_clone(a, n->branch.then);
		n->branch.other = clone_or_null(a, n->branch.other);
		break;
	case AST_FIELD: n->field.object = ast_clone(a, n->field.object); break;
	case AST_INDEX:
		n->index.object = ast_clone(a, n->index.object);
		n->index.index = ast_clone(a, n->index.index);
		break;
	case AST_CAST:
		n->cast.to = clone_type(a, n->cast.to);
		n->cast.operand = ast_clone(a, n->cast.operand);
		break;
	case AST_TUPLE:
	case AST_RECORD: clone_list(a, &n->tuple.items); break;
	case AST_SIZEOF:
	case AST_OFFSETOF:
	case AST_TYPEOF:
	case AST_TYPEINFO:
		n->type_query.of_type = clone_type(a, n->type_query.of_type);
		n->type_query.of_expr = clone_or_null(a, n->type_query.of_expr);
		break;
	case AST_BLOCK:
		clone_list(a, &n->block.stmts);
		n->block.value = clone_or_null(a, n->block.value);
		break;
	case AST_EXPR_STMT:
	case AST_COMPTIME:
	case AST_RETURN: n->expr = clone_or_null(a, n->expr); break;
	case AST_ASSIGN:
		n->assign.lhs = clone_or_null(a, n->assign.lhs);
		n->assign.rhs = ast_clone(a, n->assign.rhs);
		break;
	case AST_LET:
		n->let.declared = clone_type(a, n->let.declared);
		n->let.init = clone_or_null(a, n->let.init);
		break;
	case AST_FOR_MAP:
	case AST_FOR_RANGE:
		n->loop.map = clone_or_null(a, n->loop.map);
		n->loop.start = clone_or_null(a, n->loop.start);
		n->loop.end = clone_or_null(a, n->loop.end);
		n->loop.body = clone_or_null(a, n->loop.body);
		clone_vec(a, &n->loop.captures);
		break;
	case AST_WHILE:
	case AST_UNROLL:
		n->repeat.cond = ast_clone(a, n->repeat.cond);
		n->repeat.body = ast_clone(a, n->repeat.body);
		break;
	}
}

struct ast *ast_clone(struct arena *a, const struct ast *node)
{
	struct ast *copy = arena_memdup(a, node, sizeof(*node));

	clone_children(a, copy);
	return copy;
}
