/*
 * Lexer: text to tokens, one at a time, with no state but the position: to look ahead, copy it.
 *
 * It never fails: a string without its closing quote or a byte that begins no token is a token
 * too, and the parser says what is wrong with it when it gets there.  Attach points are not made of
 * these tokens (a path may contain almost anything): the parser asks for one where it expects one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lang/source.h"
#include "util/arena.h"

enum token_kind {
#define TOKEN(name, ...) TOK_##name,
#include "lang/token.def"
	TOK_COUNT,
};

struct token {
	enum token_kind kind;
	uint32_t begin;
	uint32_t end;
};

struct lexer {
	const struct source *source;
	uint32_t pos;
};

/* The next token.  White space and comments before it are skipped. */
struct token lex_next(struct lexer *lex);
/* One attach point specification (kind TOK_ATTACH; empty at the end or at a `{`). */
struct token lex_attach_point(struct lexer *lex);
/* The position of the first byte from @pos on that is neither white space nor in a comment. */
uint32_t lex_skip_layout(const struct source *source, uint32_t pos);
/* The position behind the comment that starts at @pos. */
uint32_t lex_skip_comment(const struct source *source, uint32_t pos);
bool lex_is_ident_start(char c);
bool lex_is_ident(char c);

/* "&&" for TOK_LAND; a word for tokens without a fixed spelling. */
const char *token_spelling(enum token_kind kind);

/*
 * The value of an integer as scripts write them: 10, 0x1f, 017, 1_000, 1e6, 5s, 100ms, 7ull.
 * On failure *message says why, in @a: "invalid trailing bytes: 08".
 */
bool number_parse(uint64_t *out, struct arena *a, const char *text, size_t len,
		  const char **message);
/* The length of the longest integer at @text: its digits and, if *suffix_len, a valid suffix. */
size_t number_scan(const char *text, size_t len, size_t *suffix_len);
