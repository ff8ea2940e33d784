#include "lang/walk.h"

static void visit(struct ast *child, ast_child_fn fn, void *ctx)
{
	if (child)
		fn(ctx, child);
}

static void visit_list(ast_list *list, ast_child_fn fn, void *ctx)
{
	for (size_t i = 0; i < list->len; i++)
		visit(list->data[i], fn, ctx);
}

void type_expr_each_child(struct type_expr *t, ast_child_fn fn, void *ctx)
{
	for (; t; t = t->type_of_type) {
		visit(t->type_of, fn, ctx);
		vec_foreach (&t->modifiers, m)
			visit(m->count, fn, ctx);
	}
}

static void visit_loop(struct ast *node, ast_child_fn fn, void *ctx)
{
	visit(node->loop.map, fn, ctx);
	visit(node->loop.start, fn, ctx);
	visit(node->loop.end, fn, ctx);
	visit(node->loop.body, fn, ctx);
}

static void visit_let(struct ast *node, ast_child_fn fn, void *ctx)
{
	type_expr_each_child(node->let.declared, fn, ctx);
	visit(node->let.init, fn, ctx);
}

static void visit_assign(struct ast *node, ast_child_fn fn, void *ctx)
{
	visit(node->assign.lhs, fn, ctx);
	visit(node->assign.rhs, fn, ctx);
}

void ast_each_child(struct ast *node, ast_child_fn fn, void *ctx)
{
	switch (node->kind) {
	case AST_MAP_ACCESS: visit(node->map.key, fn, ctx); break;
	case AST_CALL: visit_list(&node->call.args, fn, ctx); break;
	case AST_UNARY: visit(node->unary.operand, fn, ctx); break;
	case AST_BINARY:
		visit(node->binary.left, fn, ctx);
		visit(node->binary.right, fn, ctx);
		break;
	case AST_TERNARY:
	case AST_IF:
		visit(node->branch.cond, fn, ctx);
		visit(node->branch.then, fn, ctx);
		visit(node->branch.other, fn, ctx);
		break;
	case AST_FIELD: visit(node->field.object, fn, ctx); break;
	case AST_INDEX:
		visit(node->index.object, fn, ctx);
		visit(node->index.index, fn, ctx);
		break;
	case AST_CAST:
		type_expr_each_child(node->cast.to, fn, ctx);
		visit(node->cast.operand, fn, ctx);
		break;
	case AST_TUPLE:
	case AST_RECORD: visit_list(&node->tuple.items, fn, ctx); break;
	case AST_SIZEOF:
	case AST_OFFSETOF:
	case AST_TYPEOF:
	case AST_TYPEINFO:
		type_expr_each_child(node->type_query.of_type, fn, ctx);
		visit(node->type_query.of_expr, fn, ctx);
		break;
	case AST_COMPTIME:
	case AST_EXPR_STMT:
	case AST_RETURN: visit(node->expr, fn, ctx); break;
	case AST_BLOCK:
		visit_list(&node->block.stmts, fn, ctx);
		visit(node->block.value, fn, ctx);
		break;
	case AST_ASSIGN: visit_assign(node, fn, ctx); break;
	case AST_LET: visit_let(node, fn, ctx); break;
	case AST_WHILE:
	case AST_UNROLL:
		visit(node->repeat.cond, fn, ctx);
		visit(node->repeat.body, fn, ctx);
		break;
	case AST_FOR_MAP:
	case AST_FOR_RANGE: visit_loop(node, fn, ctx); break;
	default: break;
	}
}

bool ast_is_literal(const struct ast *node)
{
	switch (node->kind) {
	case AST_INT: return node->integer.is_literal;
	case AST_BOOL:
	case AST_STRING: return true;
	case AST_TUPLE:
	case AST_RECORD:
		for (size_t i = 0; i < node->tuple.items.len; i++) {
			if (!ast_is_literal(node->tuple.items.data[i]))
				return false;
		}
		return true;
	default: return false;
	}
}

const char *ast_op_name(enum ast_op op)
{
	static const char *const names[OPR_COUNT] = {
		[OPR_ADD] = "+",       [OPR_SUB] = "-",       [OPR_MUL] = "*",
		[OPR_DIV] = "/",       [OPR_MOD] = "%",       [OPR_BAND] = "&",
		[OPR_BOR] = "|",       [OPR_BXOR] = "^",      [OPR_SHL] = "<<",
		[OPR_SHR] = ">>",      [OPR_EQ] = "==",       [OPR_NE] = "!=",
		[OPR_LT] = "<",        [OPR_LE] = "<=",       [OPR_GT] = ">",
		[OPR_GE] = ">=",       [OPR_LAND] = "&&",     [OPR_LOR] = "||",
		[OPR_NEG] = "-",       [OPR_LNOT] = "!",      [OPR_BNOT] = "~",
		[OPR_DEREF] = "*",     [OPR_PRE_INC] = "++",  [OPR_PRE_DEC] = "--",
		[OPR_POST_INC] = "++", [OPR_POST_DEC] = "--", [OPR_NONE] = "=",
	};

	return names[op];
}

bool ast_op_is_comparison(enum ast_op op)
{
	return (op >= OPR_EQ && op <= OPR_GE) || op == OPR_LAND || op == OPR_LOR;
}
