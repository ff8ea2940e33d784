#include "lang/parser.h"

#include <ctype.h>
#include <string.h>

#include "lang/lang.h"

void parser_init(struct parser *p, struct arena *a, const struct source *source,
		 struct ast_program *program, struct diags *diags)
{
	*p = (struct parser){
		.arena = a,
		.source = source,
		.diags = diags,
		.program = program,
		.lex = { .source = source },
	};
	p->tok = lex_next(&p->lex);
}

struct parser_mark parser_mark(const struct parser *p)
{
	return (struct parser_mark){ .lex = p->lex, .tok = p->tok, .here = p->here };
}

void parser_reset(struct parser *p, struct parser_mark mark)
{
	p->lex = mark.lex;
	p->tok = mark.tok;
	p->here = mark.here;
}

void parser_seek(struct parser *p, uint32_t pos)
{
	p->lex.pos = pos;
	p->here = pos;
	p->tok = lex_next(&p->lex);
}

void parser_advance(struct parser *p)
{
	p->here = p->tok.end;
	p->tok = lex_next(&p->lex);
}

struct token parser_peek(const struct parser *p)
{
	struct lexer lex = p->lex;

	return lex_next(&lex);
}

bool parser_is(const struct parser *p, enum token_kind kind)
{
	return p->tok.kind == kind;
}

bool parser_is_word(const struct parser *p, const char *word)
{
	size_t len = p->tok.end - p->tok.begin;

	return p->tok.kind == TOK_IDENT && strlen(word) == len &&
	       !memcmp(p->source->text + p->tok.begin, word, len);
}

bool parser_accept(struct parser *p, enum token_kind kind)
{
	if (p->panic || !parser_is(p, kind))
		return false;
	parser_advance(p);
	return true;
}

bool parser_accept_word(struct parser *p, const char *word)
{
	if (p->panic || !parser_is_word(p, word))
		return false;
	parser_advance(p);
	return true;
}

bool parser_expect(struct parser *p, enum token_kind kind)
{
	if (parser_accept(p, kind))
		return true;
	parser_error(p, "expected '%s'", token_spelling(kind));
	return false;
}

const char *parser_expect_ident(struct parser *p, const char *message)
{
	struct token t = p->tok;

	if (parser_accept(p, TOK_IDENT))
		return parser_text(p, t.begin, t.end);
	parser_error(p, "%s", message);
	return NULL;
}

void parser_take_layout(struct parser *p)
{
	p->here = p->tok.begin;
}

const char *parser_text(const struct parser *p, uint32_t begin, uint32_t end)
{
	return arena_strndup(p->arena, p->source->text + begin, end - begin);
}

struct span parser_span(const struct parser *p, uint32_t begin)
{
	return (struct span){ .source = p->source, .begin = begin, .end = p->here };
}

static void add_error(struct parser *p, struct span span, const char *fmt, va_list ap)
{
	const char *text = arena_vprintf(p->arena, fmt, ap);

	(void)diag_error(p->diags, span, "syntax: %s", text);
	if (++p->error_count >= PARSER_MAX_ERRORS) {
		p->lex.pos = (uint32_t)p->source->len;
		p->tok = lex_next(&p->lex);
	}
}

/* A word, a number or one character. */
static struct span token_span(const struct parser *p)
{
	struct span span = { .source = p->source, .begin = p->tok.begin, .end = p->tok.end };

	if (p->tok.kind > TOK_INT)
		span.end = span.begin + 1;
	return span;
}

void parser_error(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	if (p->panic)
		return;
	p->panic = true;
	va_start(ap, fmt);
	add_error(p, token_span(p), fmt, ap);
	va_end(ap);
}

void parser_error_at(struct parser *p, struct span span, const char *fmt, ...)
{
	va_list ap;

	if (p->panic)
		return;
	p->panic = true;
	va_start(ap, fmt);
	add_error(p, span, fmt, ap);
	va_end(ap);
}

void parser_complain(struct parser *p, struct span span, const char *fmt, ...)
{
	va_list ap;

	if (p->panic)
		return;
	va_start(ap, fmt);
	add_error(p, span, fmt, ap);
	va_end(ap);
}

void parser_resync(struct parser *p)
{
	uint32_t braces = 0;

	/* At the end of the text nothing more is to be said: panic stays. */
	p->panic = parser_is(p, TOK_END);
	for (;;) {
		switch (p->tok.kind) {
		case TOK_END: return;
		case TOK_LBRACE: braces++; break;
		case TOK_RBRACE:
			if (braces == 0)
				return;
			if (--braces == 0) {
				parser_advance(p);
				return;
			}
			break;
		case TOK_SEMICOLON:
			if (braces == 0) {
				parser_advance(p);
				return;
			}
			break;
		default: break;
		}
		parser_advance(p);
	}
}

void parser_resync_root(struct parser *p)
{
	uint32_t braces = 0;

	p->panic = false;
	for (; !parser_is(p, TOK_END); parser_advance(p)) {
		if (parser_is(p, TOK_LBRACE))
			braces++;
		if ((parser_is(p, TOK_RBRACE) && (braces == 0 || --braces == 0)) ||
		    (parser_is(p, TOK_SEMICOLON) && braces == 0)) {
			parser_advance(p);
			return;
		}
	}
}

bool parser_enter(struct parser *p)
{
	if (p->panic)
		return false;
	if (p->depth == PARSER_MAX_DEPTH) {
		parser_error(p, "nested too deeply");
		return false;
	}
	p->depth++;
	return true;
}

void parser_leave(struct parser *p)
{
	p->depth--;
}

struct ast *node_new(struct parser *p, enum ast_kind kind, uint32_t begin)
{
	return ast_new(p->arena, kind, parser_span(p, begin));
}

void node_adopt(struct parser *p, struct ast *node, const struct ast *child)
{
	if (!child || node->height > child->height)
		return;
	node->height = child->height + 1;
	if (node->height > AST_MAX_HEIGHT)
		parser_error_at(p, node->span, "expression is too long");
}
