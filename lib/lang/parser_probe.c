/* Actions: attach points, predicate, body. */
#include <string.h>

#include "lang/parser.h"

/* The attach point at the token at hand; false if there is none. */
static bool parse_spec(struct parser *p, struct ast_action *action)
{
	struct attach_point spec = { .syscall = -1 };
	struct token t;

	p->lex.pos = p->tok.begin;
	t = lex_attach_point(&p->lex);
	if (t.end == t.begin) {
		parser_seek(p, t.begin);
		parser_error(p, "expected attach point");
		return false;
	}
	parser_seek(p, t.end);
	spec.raw = parser_text(p, t.begin, t.end);
	spec.span = parser_span(p, t.begin);
	vec_push(p->arena, &action->specs, spec);
	return true;
}

struct ast_action *parse_action(struct parser *p)
{
	struct ast_action *action = arena_new(p->arena, struct ast_action);
	uint32_t begin = p->tok.begin;

	if (!parse_spec(p, action))
		return NULL;
	while (parser_accept(p, TOK_COMMA)) {
		/* A comma may end the list. */
		if (parser_is(p, TOK_SLASH) || parser_is(p, TOK_LBRACE))
			break;
		if (!parse_spec(p, action))
			return NULL;
	}
	action->span = vec_last(&action->specs).span;
	action->span.begin = begin;
	if (parser_accept(p, TOK_SLASH)) {
		action->predicate = parse_expression(p);
		if (!parser_accept(p, TOK_SLASH))
			parser_error(p, "expected '/' to close predicate");
	}
	action->body = parse_block(p, false);
	return action;
}
