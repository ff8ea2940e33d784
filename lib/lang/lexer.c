#include "lang/lexer.h"

#include <ctype.h>
#include <string.h>

static const struct {
	enum token_kind kind;
	const char *spelling;
} puncts[] = {
#define TOKEN(...)
#define PUNCT(name, spelling, ...) { TOK_##name, spelling },
#include "lang/token.def"
};

static const char *const spellings[TOK_COUNT] = {
#define TOKEN(name, spelling, ...) [TOK_##name] = spelling,
#include "lang/token.def"
};

const char *token_spelling(enum token_kind kind)
{
	return spellings[kind];
}

bool lex_is_ident_start(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

bool lex_is_ident(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Bytes past the end read as NUL. */
static char at(const struct source *s, size_t pos)
{
	return pos < s->len ? s->text[pos] : '\0';
}

static uint32_t skip_ident(const struct source *s, uint32_t pos)
{
	while (lex_is_ident(at(s, pos)))
		pos++;
	return pos;
}

uint32_t lex_skip_comment(const struct source *s, uint32_t pos)
{
	const char *rest = s->text + pos;

	if (rest[1] == '/') {
		const char *newline = memchr(rest, '\n', s->len - pos);

		return newline ? (uint32_t)(newline - s->text) : (uint32_t)s->len;
	}
	for (pos += 2; pos < s->len; pos++) {
		if (s->text[pos] == '*' && at(s, pos + 1) == '/')
			return pos + 2;
	}
	return (uint32_t)s->len;
}

uint32_t lex_skip_layout(const struct source *s, uint32_t pos)
{
	while (pos < s->len) {
		char c = s->text[pos];
		char next = at(s, pos + 1);

		if (isspace((unsigned char)c))
			pos++;
		else if (c == '/' && (next == '/' || next == '*'))
			pos = lex_skip_comment(s, pos);
		else
			break;
	}
	return pos;
}

/* An unclosed string ends at the end of its line. */
static uint32_t skip_string(const struct source *s, uint32_t pos)
{
	for (pos++; pos < s->len; pos++) {
		if (s->text[pos] == '"')
			return pos + 1;
		if (s->text[pos] == '\n')
			return pos;
		if (s->text[pos] == '\\' && pos + 1 < s->len)
			pos++;
	}
	return (uint32_t)s->len;
}

static struct token lex_dollar(const struct source *s, uint32_t pos)
{
	struct token t = { .kind = TOK_DOLLAR, .begin = pos, .end = pos + 1 };
	char c = at(s, pos + 1);

	if (c == '#') {
		t.kind = TOK_PARAM_COUNT;
		t.end++;
	} else if (isdigit((unsigned char)c)) {
		t.kind = TOK_PARAM;
		while (isdigit((unsigned char)at(s, t.end)))
			t.end++;
	} else if (lex_is_ident_start(c)) {
		t.kind = TOK_VAR;
		t.end = skip_ident(s, t.end);
	}
	return t;
}

static struct token lex_punct(const struct source *s, uint32_t pos)
{
	struct token t = { .kind = TOK_UNKNOWN, .begin = pos, .end = pos + 1 };

	for (size_t i = 0; i < sizeof(puncts) / sizeof(puncts[0]); i++) {
		size_t len = strlen(puncts[i].spelling);

		if (s->len - pos >= len && !memcmp(s->text + pos, puncts[i].spelling, len)) {
			t.kind = puncts[i].kind;
			t.end = pos + (uint32_t)len;
			return t;
		}
	}
	/* Keep the bytes of a UTF-8 sequence together. */
	while ((at(s, t.end) & 0xc0) == 0x80)
		t.end++;
	return t;
}

static struct token lex_at(const struct source *s, uint32_t pos)
{
	struct token t = { .kind = TOK_END, .begin = pos, .end = pos };
	char c = at(s, pos);

	if (pos >= s->len)
		return t;
	if (lex_is_ident_start(c)) {
		t.kind = TOK_IDENT;
		t.end = skip_ident(s, pos);
	} else if (isdigit((unsigned char)c)) {
		size_t suffix_len;

		t.kind = TOK_INT;
		t.end = pos + (uint32_t)number_scan(s->text + pos, s->len - pos, &suffix_len);
		/* What follows immediately belongs to it, wrong as it is. */
		if (lex_is_ident_start(at(s, t.end)))
			t.end = skip_ident(s, t.end);
	} else if (c == '"') {
		t.kind = TOK_STRING;
		t.end = skip_string(s, pos);
	} else if (c == '@') {
		t.kind = TOK_MAP;
		t.end = lex_is_ident_start(at(s, pos + 1)) ? skip_ident(s, pos + 1) : pos + 1;
	} else if (c == '$') {
		t = lex_dollar(s, pos);
	} else {
		t = lex_punct(s, pos);
	}
	return t;
}

struct token lex_next(struct lexer *lex)
{
	struct token t = lex_at(lex->source, lex_skip_layout(lex->source, lex->pos));

	lex->pos = t.end;
	return t;
}

/* Only these kinds of probe have a path, in which a slash doesn't begin a predicate. */
static bool has_path(const char *text, size_t len)
{
	static const char *const kinds[] = { "uprobe", "uretprobe", "usdt", "iter",
					     "u",      "ur",        "U",    "it" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strlen(kinds[i]) == len && !memcmp(kinds[i], text, len))
			return true;
	}
	return memchr(text, '*', len) != NULL;
}

struct token lex_attach_point(struct lexer *lex)
{
	const struct source *s = lex->source;
	uint32_t pos = lex_skip_layout(s, lex->pos);
	struct token t = { .kind = TOK_ATTACH, .begin = pos };
	bool in_path = false;
	bool seen_colon = false;

	while (pos < s->len) {
		char c = s->text[pos];

		if (c == '{' || c == ',' || isspace((unsigned char)c))
			break;
		if (c == '/' && !in_path && pos > t.begin)
			break;
		if (c == ':' && !seen_colon) {
			seen_colon = true;
			in_path = has_path(s->text + t.begin, pos - t.begin);
		}
		if (c == '"') {
			for (pos++; pos < s->len && s->text[pos] != '"'; pos++) {
				if (s->text[pos] == '\\' && pos + 1 < s->len)
					pos++;
			}
			if (pos == s->len)
				break;
		}
		pos++;
	}
	t.end = pos;
	lex->pos = pos;
	return t;
}
