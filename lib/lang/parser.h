/*
 * The parser's own header: recursive descent over lex_next(), one token of lookahead.
 *
 * Spans are those of bpftrace, whose parser has no tokens: a node ends where the text read so far
 * ends, and behind an identifier or a map white space counts as read.  p->here is that place.
 *
 * An error puts the parser in panic: nothing more is reported, every loop ends, and the statement
 * list that the error is in skips to the end of the statement.
 */
#pragma once

#include <stdbool.h>

#include "lang/ast.h"
#include "lang/diag.h"
#include "lang/lexer.h"

/* Of expressions and blocks in each other; what bounds the parser's own stack. */
#define PARSER_MAX_DEPTH  250
/* The rest of a script with so many errors isn't worth reading. */
#define PARSER_MAX_ERRORS 50

struct cpp_macro;

struct parser {
	struct arena *arena;
	const struct source *source;
	struct diags *diags;
	struct ast_program *program;
	struct lexer lex; // behind tok
	struct token tok;
	uint32_t here; // end of the text that belongs to the node being read
	uint32_t depth;
	uint32_t error_count;
	bool panic;
	/* The text is the body of this macro: (x) * 2 is no cast if x is a parameter; or NULL. */
	const struct cpp_macro *define;
};

/* A place to go back to. */
struct parser_mark {
	struct lexer lex;
	struct token tok;
	uint32_t here;
};

void parser_init(struct parser *p, struct arena *a, const struct source *source,
		 struct ast_program *program, struct diags *diags);
struct parser_mark parser_mark(const struct parser *p);
void parser_reset(struct parser *p, struct parser_mark mark);
/* Go on at byte @pos of the text. */
void parser_seek(struct parser *p, uint32_t pos);
void parser_advance(struct parser *p);
struct token parser_peek(const struct parser *p);
bool parser_is(const struct parser *p, enum token_kind kind);
bool parser_is_word(const struct parser *p, const char *word);
/* Take the token if it is there. */
bool parser_accept(struct parser *p, enum token_kind kind);
bool parser_accept_word(struct parser *p, const char *word);
/* Take the token or report "expected '…'". */
bool parser_expect(struct parser *p, enum token_kind kind);
/* The name, or NULL and an error. */
const char *parser_expect_ident(struct parser *p, const char *message);
/* White space behind the token just taken belongs to the node. */
void parser_take_layout(struct parser *p);
const char *parser_text(const struct parser *p, uint32_t begin, uint32_t end);
struct span parser_span(const struct parser *p, uint32_t begin);
/* An error at the current token ("syntax: " goes before the message). */
void parser_error(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void parser_error_at(struct parser *p, struct span span, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Report what doesn't disturb the parsing of what follows. */
void parser_complain(struct parser *p, struct span span, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Skip the rest of a statement with an error in it, and leave panic. */
void parser_resync(struct parser *p);
/* Skip to the end of a root-level item with an error in it, and leave panic. */
void parser_resync_root(struct parser *p);
bool parser_enter(struct parser *p);
void parser_leave(struct parser *p);

struct ast *node_new(struct parser *p, enum ast_kind kind, uint32_t begin);
/* @node's height is that of @child plus one at least; NULL children are allowed. */
void node_adopt(struct parser *p, struct ast *node, const struct ast *child);

/* parser_expr.c */
struct ast *parse_expression(struct parser *p);
struct ast *parse_unary(struct parser *p);
struct ast *parse_primary(struct parser *p);
/* Go on behind @left: postfix operators; binary operators and `? :`. */
struct ast *parse_postfix(struct parser *p, struct ast *left);
struct ast *parse_after(struct parser *p, struct ast *left);
/* ( expression ), or a unary expression: the condition of if, while, unroll. */
struct ast *parse_condition(struct parser *p);

/* parser_atom.c */
struct ast *parse_atom(struct parser *p);
struct ast *parse_map(struct parser *p);
/* The content of the string token at hand, unescaped; takes the token. */
const char *parse_string(struct parser *p, uint32_t *len);
bool parse_integer(struct parser *p, uint64_t *value);

/* parser_stmt.c */
/* { … }.  @is_value: the last expression without `;` is the block's value. */
struct ast *parse_block(struct parser *p, bool is_value);
struct ast *parse_if(struct parser *p);

/* parser_type.c */
bool is_type_name(const char *name, size_t len);
/* Names that can't be given to something else. */
bool is_reserved_name(const char *name);
/* A type; reports what is missing. */
struct type_expr *parse_type(struct parser *p);
/* A type where an expression may stand too: NULL, and nothing taken, if it is none. */
struct type_expr *try_parse_type(struct parser *p);
/* (type)operand: NULL, and nothing taken, if the parenthesis holds something else. */
struct ast *try_parse_cast(struct parser *p);
/* sizeof, offsetof, typeinfo, typeof and their parentheses. */
struct ast *parse_type_query(struct parser *p, enum ast_kind kind);

/* parser_probe.c */
struct ast_action *parse_action(struct parser *p);

/* parser_root.c */
void parse_root(struct parser *p);
