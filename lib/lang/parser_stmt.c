/* Blocks and statements. */
#include <string.h>

#include "lang/parser.h"

static void push_stmt(struct parser *p, struct ast *block, struct ast *stmt)
{
	vec_push(p->arena, &block->block.stmts, stmt);
	node_adopt(p, block, stmt);
}

static struct ast *new_expr_stmt(struct parser *p, struct ast *expr, struct span span)
{
	struct ast *node = ast_new(p->arena, AST_EXPR_STMT, span);

	node->expr = expr;
	node_adopt(p, node, expr);
	return node;
}

static bool is_if(const struct ast *node)
{
	return node->kind == AST_TERNARY && node->branch.then->kind == AST_BLOCK;
}

struct ast *ast_discard_value(struct arena *a, struct ast *node, const struct span *span)
{
	struct ast *stmt;

	if (node->kind == AST_BLOCK) {
		if (node->block.value) {
			struct ast *value = ast_discard_value(a, node->block.value, span);

			vec_push(a, &node->block.stmts, value);
			node->block.value = NULL;
		}
		return node;
	}
	if (is_if(node)) {
		node->kind = AST_IF;
		node->branch.then = ast_discard_value(a, node->branch.then, span);
		if (node->branch.other)
			node->branch.other = ast_discard_value(a, node->branch.other, span);
		return node;
	}
	if (node->kind >= AST_EXPR_STMT)
		return node;
	stmt = ast_new(a, AST_EXPR_STMT, span ? *span : node->span);
	stmt->height = node->height + 1;
	stmt->expr = node;
	return stmt;
}

/* An if that can't give a value in every case is a statement. */
static bool has_value(const struct ast *node)
{
	while (is_if(node)) {
		if (!node->branch.other)
			return false;
		node = node->branch.other;
	}
	return true;
}

static void expect_stmt_end(struct parser *p)
{
	if (parser_is(p, TOK_RBRACE) && !p->panic)
		return;
	(void)parser_expect(p, TOK_SEMICOLON);
}

struct ast *parse_if(struct parser *p)
{
	uint32_t begin = p->tok.begin;
	struct ast *node = node_new(p, AST_TERNARY, begin);

	parser_advance(p);
	node->branch.cond = parse_condition(p);
	node->branch.then = parse_block(p, true);
	if (parser_accept_word(p, "else")) {
		if (parser_is(p, TOK_LBRACE)) {
			node->branch.other = parse_block(p, true);
		} else if (!parser_is_word(p, "if")) {
			parser_error(p, "expected '{' or 'if' after 'else'");
		} else if (parser_enter(p)) {
			node->branch.other = parse_if(p);
			parser_leave(p);
		}
	}
	node->span = parser_span(p, begin);
	node_adopt(p, node, node->branch.cond);
	node_adopt(p, node, node->branch.then);
	node_adopt(p, node, node->branch.other);
	return node;
}

static struct ast *parse_repeat(struct parser *p, enum ast_kind kind)
{
	uint32_t begin = p->tok.begin;
	struct ast *node = node_new(p, kind, begin);

	parser_advance(p);
	node->repeat.cond = parse_condition(p);
	node->repeat.body = parse_block(p, false);
	node->span = parser_span(p, begin);
	node_adopt(p, node, node->repeat.cond);
	node_adopt(p, node, node->repeat.body);
	return node;
}

static struct ast *parse_for(struct parser *p)
{
	uint32_t begin = p->tok.begin;
	struct ast *node = node_new(p, AST_FOR_MAP, begin);
	struct ast *first;
	struct token t;
	bool is_closed;

	parser_advance(p);
	is_closed = !parser_accept(p, TOK_LPAREN);
	t = p->tok;
	if (!parser_accept(p, TOK_VAR)) {
		parser_error(p, "expected variable in for loop");
		return node;
	}
	node->loop.name = parser_text(p, t.begin + 1, t.end);
	node->loop.name_span = parser_span(p, t.begin);
	if (!parser_expect(p, TOK_COLON))
		return node;
	first = parse_unary(p);
	if (parser_accept(p, TOK_DOTDOT)) {
		node->kind = AST_FOR_RANGE;
		node->loop.start = first;
		node->loop.end = parse_unary(p);
		node->loop.range_span = parser_span(p, begin);
		node_adopt(p, node, node->loop.end);
	}
	node_adopt(p, node, first);
	if (!is_closed && !parser_expect(p, TOK_RPAREN))
		return node;
	if (node->kind == AST_FOR_MAP && first->kind != AST_MAP)
		parser_error(p, "expected map or range in for loop");
	else if (node->kind == AST_FOR_MAP)
		node->loop.map = first;
	node->loop.body = parse_block(p, false);
	node->span = parser_span(p, begin);
	node_adopt(p, node, node->loop.body);
	return node;
}

static struct ast *parse_let(struct parser *p)
{
	uint32_t begin = p->tok.begin;
	struct ast *node = node_new(p, AST_LET, begin);
	struct token t;

	parser_advance(p);
	t = p->tok;
	if (!parser_accept(p, TOK_VAR)) {
		parser_error(p, "expected variable after 'let'");
		return node;
	}
	node->let.name = parser_text(p, t.begin + 1, t.end);
	node->let.name_span = parser_span(p, begin);
	if (parser_accept(p, TOK_COLON))
		node->let.declared = parse_type(p);
	if (parser_accept(p, TOK_ASSIGN)) {
		node->let.init = parse_expression(p);
		node_adopt(p, node, node->let.init);
	}
	node->span = parser_span(p, begin);
	expect_stmt_end(p);
	return node;
}

static struct ast *parse_jump(struct parser *p)
{
	uint32_t begin = p->tok.begin;
	enum ast_kind kind = parser_is_word(p, "break")      ? AST_BREAK
			     : parser_is_word(p, "continue") ? AST_CONTINUE
							     : AST_RETURN;
	struct ast *node = node_new(p, kind, begin);

	parser_advance(p);
	if (kind == AST_RETURN && !parser_is(p, TOK_SEMICOLON) && !parser_is(p, TOK_RBRACE)) {
		node->expr = parse_expression(p);
		node_adopt(p, node, node->expr);
	}
	expect_stmt_end(p);
	node->span = parser_span(p, begin);
	return node;
}

static struct ast *parse_import(struct parser *p)
{
	uint32_t begin = p->tok.begin;
	struct ast *node = node_new(p, AST_IMPORT, begin);
	uint32_t len;

	parser_advance(p);
	node->import_path = "";
	if (!parser_is(p, TOK_STRING)) {
		parser_error(p, "expected string after 'import'");
		return node;
	}
	node->import_path = parse_string(p, &len);
	node->span = parser_span(p, begin);
	if (!parser_accept(p, TOK_SEMICOLON))
		parser_error(p, "expected ';' after import");
	return node;
}

/* _ = e */
static struct ast *parse_discard(struct parser *p)
{
	uint32_t begin = p->tok.begin;
	struct ast *node = node_new(p, AST_ASSIGN, begin);

	parser_advance(p);
	parser_advance(p);
	node->assign.op = OPR_NONE;
	node->assign.rhs = parse_expression(p);
	node->span = parser_span(p, begin);
	node_adopt(p, node, node->assign.rhs);
	expect_stmt_end(p);
	return node;
}

static enum ast_op assignment_op(enum token_kind kind, bool *is_assignment)
{
	static const uint8_t ops[TOK_COUNT] = {
#define TOKEN(name, spelling, precedence, op) [TOK_##name] = op,
#include "lang/token.def"
	};

	*is_assignment = kind == TOK_ASSIGN || kind == TOK_SHL_ASSIGN || kind == TOK_SHR_ASSIGN ||
			 (kind >= TOK_ADD_ASSIGN && kind <= TOK_XOR_ASSIGN);
	return kind == TOK_ASSIGN ? OPR_NONE : (enum ast_op)ops[kind];
}

static struct ast *parse_assignment(struct parser *p, struct ast *lhs, enum ast_op op)
{
	struct ast *node = node_new(p, AST_ASSIGN, lhs->span.begin);
	uint32_t op_begin = p->tok.begin;

	parser_advance(p);
	node->assign.lhs = lhs;
	node->assign.op = op;
	node->assign.rhs = parse_expression(p);
	node->assign.op_span = parser_span(p, op_begin);
	node->span = parser_span(p, lhs->span.begin);
	node_adopt(p, node, lhs);
	node_adopt(p, node, node->assign.rhs);
	if (lhs->kind == AST_FIELD)
		parser_error_at(p, node->span,
				"Tuples and records are immutable once created. Consider creating "
				"a new value and assigning it instead.");
	else if (lhs->kind != AST_VAR && lhs->kind != AST_MAP && lhs->kind != AST_MAP_ACCESS)
		parser_error_at(p, node->span, "invalid assignment target");
	expect_stmt_end(p);
	return node;
}

/*
 * An assignment, or an expression: a statement, or the value of the block when nothing follows.
 */
static void parse_simple(struct parser *p, struct ast *block, bool is_value)
{
	uint32_t begin = p->tok.begin;
	struct ast *expr = parse_unary(p);
	struct span span;
	struct ast *stmt;
	bool is_assignment, is_last = false;
	bool is_sigil = expr->kind == AST_VAR || expr->kind == AST_MAP ||
			expr->kind == AST_MAP_ACCESS || expr->kind == AST_FIELD ||
			expr->kind == AST_INDEX;
	enum ast_op op = assignment_op(p->tok.kind, &is_assignment);

	if (!p->panic && is_assignment && is_sigil) {
		push_stmt(p, block, parse_assignment(p, expr, op));
		return;
	}
	expr = parse_after(p, expr);
	span = parser_span(p, begin);
	if (p->panic)
		return;
	if (parser_is(p, TOK_RBRACE)) {
		if (is_value && has_value(expr)) {
			block->block.value = expr;
			node_adopt(p, block, expr);
			return;
		}
	} else if (parser_accept(p, TOK_SEMICOLON)) {
		is_last = parser_is(p, TOK_RBRACE);
		if (!is_sigil)
			span = parser_span(p, begin);
	} else if (expr->kind != AST_BLOCK && !is_if(expr)) {
		parser_error(p, "expected ';'");
	}
	if (expr->kind == AST_BLOCK || is_if(expr)) {
		bool at_value = is_if(expr) || parser_is(p, TOK_RBRACE);

		span.end = p->tok.begin; // as bpftrace shows a block
		push_stmt(p, block, ast_discard_value(p->arena, expr, at_value ? NULL : &span));
		return;
	}
	stmt = new_expr_stmt(p, expr, span);
	stmt->is_last = is_last;
	push_stmt(p, block, stmt);
}

static void parse_stmt(struct parser *p, struct ast *block, bool is_value)
{
	struct ast *stmt;

	if (parser_accept(p, TOK_SEMICOLON))
		return;
	if (parser_is_word(p, "let"))
		stmt = parse_let(p);
	else if (parser_is_word(p, "while"))
		stmt = parse_repeat(p, AST_WHILE);
	else if (parser_is_word(p, "unroll"))
		stmt = parse_repeat(p, AST_UNROLL);
	else if (parser_is_word(p, "for"))
		stmt = parse_for(p);
	else if (parser_is_word(p, "break") || parser_is_word(p, "continue") ||
		 parser_is_word(p, "return"))
		stmt = parse_jump(p);
	else if (parser_is_word(p, "import"))
		stmt = parse_import(p);
	else if (parser_is_word(p, "_") && parser_peek(p).kind == TOK_ASSIGN)
		stmt = parse_discard(p);
	else {
		parse_simple(p, block, is_value);
		return;
	}
	push_stmt(p, block, stmt);
}

struct ast *parse_block(struct parser *p, bool is_value)
{
	uint32_t begin = p->tok.begin;
	struct ast *block = node_new(p, AST_BLOCK, begin);

	if (!parser_expect(p, TOK_LBRACE) || !parser_enter(p))
		return block;
	while (!parser_is(p, TOK_RBRACE) && !parser_is(p, TOK_END)) {
		parse_stmt(p, block, is_value);
		if (p->panic)
			parser_resync(p);
	}
	(void)parser_expect(p, TOK_RBRACE);
	parser_leave(p);
	block->span = parser_span(p, begin);
	return block;
}
