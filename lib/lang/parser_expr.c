/* Operators, calls, parentheses. */
#include <string.h>

#include "lang/parser.h"

static const struct {
	uint8_t precedence;
	uint8_t op;
} operators[TOK_COUNT] = {
#define TOKEN(name, spelling, precedence, op) [TOK_##name] = { precedence, op },
#include "lang/token.def"
};

static struct ast *parse_binary(struct parser *p, unsigned int min, struct ast *left);

static bool is_incrementable(const struct ast *node)
{
	return node->kind == AST_VAR || node->kind == AST_MAP || node->kind == AST_MAP_ACCESS;
}

static struct ast *new_unary(struct parser *p, enum ast_op op, struct ast *operand, uint32_t begin)
{
	struct ast *node = node_new(p, AST_UNARY, begin);

	node->unary.op = op;
	node->unary.operand = operand;
	node_adopt(p, node, operand);
	return node;
}

/* name: taken already, @begin its first byte.  The argument list starts at the token at hand. */
static struct ast *parse_call(struct parser *p, const char *name, struct span name_span)
{
	struct ast *node;
	ast_list args = { 0 };
	bool has_bang = parser_accept(p, TOK_NOT);

	parser_advance(p);
	while (!p->panic && !parser_is(p, TOK_RPAREN)) {
		if (parser_is_word(p, "typeof"))
			vec_push(p->arena, &args, parse_type_query(p, AST_TYPEOF));
		else
			vec_push(p->arena, &args, parse_expression(p));
		if (!parser_accept(p, TOK_COMMA))
			break;
	}
	(void)parser_expect(p, TOK_RPAREN);
	node = node_new(p, AST_CALL, name_span.begin);
	node->call.name = name;
	node->call.name_span = name_span;
	node->call.has_bang = has_bang;
	node->call.args.data = args.data;
	node->call.args.len = args.len;
	node->call.args.cap = args.cap;
	vec_foreach (&args, it)
		node_adopt(p, node, *it);
	return node;
}

static struct ast *parse_name(struct parser *p)
{
	struct token t = p->tok;
	const char *name = parser_text(p, t.begin, t.end);
	struct ast *node;

	parser_advance(p);
	if (!strcmp(name, "true") || !strcmp(name, "false")) {
		node = node_new(p, AST_BOOL, t.begin);
		node->integer.value = name[0] == 't';
		node->integer.is_literal = true;
		node->integer.text = name;
		return node;
	}
	node = node_new(p, AST_IDENT, t.begin);
	node->ident.name = name;
	parser_take_layout(p);
	if (parser_is(p, TOK_LPAREN))
		return parse_call(p, name, node->span);
	if (parser_is(p, TOK_NOT) && parser_peek(p).kind == TOK_LPAREN &&
	    parser_peek(p).begin == p->tok.end)
		return parse_call(p, name, node->span);
	return node;
}

/* (name = value, …): the parenthesis is taken. */
static struct ast *parse_record(struct parser *p, uint32_t begin)
{
	struct ast *node = node_new(p, AST_RECORD, begin);
	vec_of(const char *) names = { 0 };

	do {
		uint32_t item_begin = p->tok.begin;
		const char *name = parser_expect_ident(p, "expected identifier");
		struct ast *value;

		if (!name || !parser_expect(p, TOK_ASSIGN))
			break;
		value = parse_expression(p);
		vec_foreach (&names, it) {
			if (!strcmp(*it, name))
				parser_complain(p, parser_span(p, item_begin),
						"Named argument list already contains name: %s",
						name);
		}
		vec_push(p->arena, &names, name);
		vec_push(p->arena, &node->tuple.items, value);
		node_adopt(p, node, value);
	} while (parser_accept(p, TOK_COMMA) && !parser_is(p, TOK_RPAREN));
	(void)parser_expect(p, TOK_RPAREN);
	node->tuple.names = names.data;
	node->span = parser_span(p, begin);
	return node;
}

static struct ast *parse_paren(struct parser *p)
{
	uint32_t begin = p->tok.begin;
	struct ast *first = NULL;
	struct ast *tuple;

	parser_advance(p);
	if (parser_is(p, TOK_IDENT) && parser_peek(p).kind == TOK_ASSIGN)
		return parse_record(p, begin);
	if (!parser_is(p, TOK_RPAREN)) {
		first = parse_expression(p);
		if (!parser_is(p, TOK_COMMA)) {
			(void)parser_expect(p, TOK_RPAREN);
			return first;
		}
	}
	tuple = node_new(p, AST_TUPLE, begin);
	if (first) {
		vec_push(p->arena, &tuple->tuple.items, first);
		node_adopt(p, tuple, first);
	}
	while (parser_accept(p, TOK_COMMA) && !parser_is(p, TOK_RPAREN)) {
		struct ast *item = parse_expression(p);

		vec_push(p->arena, &tuple->tuple.items, item);
		node_adopt(p, tuple, item);
	}
	(void)parser_expect(p, TOK_RPAREN);
	tuple->span = parser_span(p, begin);
	return tuple;
}

struct ast *parse_primary(struct parser *p)
{
	uint32_t begin = p->tok.begin;
	struct ast *node;

	switch (p->tok.kind) {
	case TOK_LPAREN: node = try_parse_cast(p); return node ? node : parse_paren(p);
	case TOK_LBRACE: return parse_block(p, true);
	case TOK_IDENT: break;
	default: return parse_atom(p);
	}
	if (parser_is_word(p, "if"))
		return parse_if(p);
	if (parser_is_word(p, "sizeof"))
		return parse_type_query(p, AST_SIZEOF);
	if (parser_is_word(p, "offsetof"))
		return parse_type_query(p, AST_OFFSETOF);
	if (parser_is_word(p, "typeinfo"))
		return parse_type_query(p, AST_TYPEINFO);
	if (parser_accept_word(p, "comptime")) {
		struct ast *operand = parse_unary(p);

		node = node_new(p, AST_COMPTIME, begin);
		node->expr = operand;
		node_adopt(p, node, operand);
		return node;
	}
	return parse_name(p);
}

static struct ast *parse_member(struct parser *p, struct ast *object)
{
	struct ast *node = node_new(p, AST_FIELD, object->span.begin);
	struct token t;

	node->field.object = object;
	node->field.is_arrow = parser_is(p, TOK_ARROW);
	parser_advance(p);
	t = p->tok;
	if (t.kind == TOK_INT && !node->field.is_arrow) {
		uint64_t index;

		(void)parse_integer(p, &index);
		node->field.name = arena_printf(p->arena, "%llu", (unsigned long long)index);
	} else {
		node->field.name = parser_expect_ident(
			p, node->field.is_arrow ? "expected field name after '->'"
						: "expected field name after '.'");
	}
	if (!node->field.name)
		node->field.name = "";
	node->field.name_span = parser_span(p, t.begin);
	node->span = parser_span(p, object->span.begin);
	node_adopt(p, node, object);
	return node;
}

static struct ast *parse_index(struct parser *p, struct ast *object)
{
	struct ast *node;
	struct ast *index;

	parser_advance(p);
	index = parse_expression(p);
	(void)parser_expect(p, TOK_RBRACKET);
	node = node_new(p, AST_INDEX, object->span.begin);
	node->index.object = object;
	node->index.index = index;
	node_adopt(p, node, object);
	node_adopt(p, node, index);
	return node;
}

struct ast *parse_postfix(struct parser *p, struct ast *left)
{
	while (!p->panic) {
		switch (p->tok.kind) {
		case TOK_DOT:
		case TOK_ARROW: left = parse_member(p, left); break;
		case TOK_LBRACKET: left = parse_index(p, left); break;
		case TOK_INC:
		case TOK_DEC: {
			struct token t = p->tok;

			parser_advance(p);
			if (!is_incrementable(left))
				parser_error_at(p, (struct span){ p->source, t.begin, t.end },
						"increment/decrement requires a variable or map");
			left = new_unary(p, t.kind == TOK_INC ? OPR_POST_INC : OPR_POST_DEC, left,
					 left->span.begin);
			break;
		}
		case TOK_DOTDOT: parser_take_layout(p); return left;
		default: return left;
		}
	}
	return left;
}

/* &$x, &@x */
static struct ast *parse_address(struct parser *p, uint32_t begin)
{
	struct token t;
	struct ast *node;

	parser_advance(p);
	t = p->tok;
	if (!parser_is(p, TOK_VAR) && !parser_is(p, TOK_MAP)) {
		parser_error(p, "address-of operator (&) can only be used on a map or variable");
		return node_new(p, AST_INT, begin);
	}
	parser_advance(p);
	node = node_new(p, t.kind == TOK_VAR ? AST_VAR_ADDR : AST_MAP_ADDR, begin);
	if (t.kind == TOK_VAR)
		node->var.name = parser_text(p, t.begin + 1, t.end);
	else
		node->map.name = parser_text(p, t.begin + 1, t.end);
	return node;
}

static struct ast *parse_increment(struct parser *p, uint32_t begin)
{
	enum ast_op op = parser_is(p, TOK_INC) ? OPR_PRE_INC : OPR_PRE_DEC;
	struct ast *operand;

	parser_advance(p);
	operand = parse_unary(p);
	if (!is_incrementable(operand))
		parser_error_at(p, operand->span, "increment/decrement requires a variable or map");
	return new_unary(p, op, operand, begin);
}

static struct ast *parse_unary_inner(struct parser *p)
{
	uint32_t begin = p->tok.begin;
	enum ast_op op;

	switch (p->tok.kind) {
	case TOK_INC:
	case TOK_DEC: return parse_increment(p, begin);
	case TOK_AND: return parse_address(p, begin);
	case TOK_STAR: op = OPR_DEREF; break;
	case TOK_NOT: op = OPR_LNOT; break;
	case TOK_TILDE: op = OPR_BNOT; break;
	case TOK_MINUS: op = OPR_NEG; break;
	default: return parse_postfix(p, parse_primary(p));
	}
	parser_advance(p);
	return new_unary(p, op, parse_unary(p), begin);
}

struct ast *parse_unary(struct parser *p)
{
	struct ast *node;

	if (!parser_enter(p))
		return node_new(p, AST_INT, p->here);
	node = parse_unary_inner(p);
	parser_leave(p);
	return node;
}

static unsigned int precedence_here(const struct parser *p)
{
	/* The slash that closes a predicate. */
	if (p->panic || (p->tok.kind == TOK_SLASH && parser_peek(p).kind == TOK_LBRACE))
		return 0;
	return operators[p->tok.kind].precedence;
}

static struct ast *parse_binary(struct parser *p, unsigned int min, struct ast *left)
{
	for (;;) {
		unsigned int precedence = precedence_here(p);
		enum ast_op op = operators[p->tok.kind].op;
		struct ast *right;
		struct ast *node;

		if (precedence == 0 || precedence < min)
			return left;
		parser_advance(p);
		right = parse_binary(p, precedence + 1, parse_unary(p));
		node = node_new(p, AST_BINARY, left->span.begin);
		node->binary.op = op;
		node->binary.left = left;
		node->binary.right = right;
		node_adopt(p, node, left);
		node_adopt(p, node, right);
		left = node;
	}
}

/*
 * a ?: b.  The condition is the value too: it is written twice when it is small; else a block
 * keeps it in a variable, so that the tree doesn't double at each level.
 */
static struct ast *elvis(struct parser *p, struct ast *node, struct ast *cond)
{
	struct ast *block;
	struct ast *let;
	struct ast *var;

	if (cond->height < 8) {
		node->branch.cond = cond;
		node->branch.then = ast_clone(p->arena, cond);
		return node;
	}
	var = ast_new(p->arena, AST_VAR, cond->span);
	var->var.name = arena_printf(p->arena, "?%u", cond->span.begin);
	let = ast_new(p->arena, AST_LET, cond->span);
	let->let.name = var->var.name;
	let->let.name_span = cond->span;
	let->let.init = cond;
	node_adopt(p, let, cond);
	node->branch.cond = var;
	node->branch.then = ast_clone(p->arena, var);
	block = ast_new(p->arena, AST_BLOCK, node->span);
	vec_push(p->arena, &block->block.stmts, let);
	block->block.value = node;
	node_adopt(p, block, let);
	node_adopt(p, block, node);
	return block;
}

struct ast *parse_after(struct parser *p, struct ast *left)
{
	struct ast *cond = parse_binary(p, 0, left);
	struct ast *then = NULL;
	struct ast *node;
	struct ast *other;

	if (!parser_accept(p, TOK_QUESTION))
		return cond;
	if (!parser_enter(p))
		return cond;
	if (!parser_is(p, TOK_COLON))
		then = parse_expression(p);
	(void)parser_expect(p, TOK_COLON);
	other = parse_expression(p);
	parser_leave(p);
	node = node_new(p, AST_TERNARY, cond->span.begin);
	node->branch.cond = cond;
	node->branch.then = then;
	node->branch.other = other;
	node_adopt(p, node, cond);
	node_adopt(p, node, then);
	node_adopt(p, node, other);
	return then ? node : elvis(p, node, cond);
}

struct ast *parse_expression(struct parser *p)
{
	return parse_after(p, parse_unary(p));
}

struct ast *parse_condition(struct parser *p)
{
	struct ast *cond;

	if (!parser_is(p, TOK_LPAREN))
		return parse_unary(p);
	parser_advance(p);
	cond = parse_expression(p);
	if (!parser_expect(p, TOK_RPAREN))
		return cond;
	/* if (a) && (b) { … } */
	if (!parser_is(p, TOK_LBRACE))
		cond = parse_after(p, parse_postfix(p, cond));
	return cond;
}
