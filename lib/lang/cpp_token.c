#include <ctype.h>
#include <string.h>

#include "lang/cpp.h"
#include "lang/lexer.h"
#include "util/buf.h"

struct scanner {
	const struct source *source;
	uint32_t pos;
	uint32_t end;
};

static char at(const struct scanner *s, uint32_t offset)
{
	return s->pos + offset < s->end ? s->source->text[s->pos + offset] : '\0';
}

/* White space, comments, continued lines; sets *newline if a line ended. */
static bool skip_space(struct scanner *s, bool *newline)
{
	uint32_t start = s->pos;

	while (s->pos < s->end) {
		char c = at(s, 0);

		if (c == '\\' && at(s, 1) == '\n') {
			s->pos += 2;
		} else if (c == '\\' && at(s, 1) == '\r' && at(s, 2) == '\n') {
			s->pos += 3;
		} else if (isspace((unsigned char)c)) {
			*newline |= c == '\n';
			s->pos++;
		} else if (c == '/' && (at(s, 1) == '/' || at(s, 1) == '*')) {
			s->pos = lex_skip_comment(s->source, s->pos);
			if (s->pos > s->end)
				s->pos = s->end;
		} else {
			break;
		}
	}
	return s->pos != start;
}

static void skip_quoted(struct scanner *s, char quote)
{
	for (s->pos++; s->pos < s->end && at(s, 0) != '\n'; s->pos++) {
		if (at(s, 0) == quote) {
			s->pos++;
			return;
		}
		if (at(s, 0) == '\\' && s->pos + 1 < s->end)
			s->pos++;
	}
}

/* 0x1p-3, 1.5e+7, 10ULL: what the preprocessor takes for a number. */
static void skip_number(struct scanner *s)
{
	while (s->pos < s->end) {
		char c = at(s, 0);

		bool is_sign =
			(c == '+' || c == '-') && strchr("eEpP", s->source->text[s->pos - 1]);

		if (!is_sign && !isalnum((unsigned char)c) && c != '_' && c != '.')
			break;
		s->pos++;
	}
}

static void skip_punct(struct scanner *s)
{
	static const char *const puncts[] = { "<<=", ">>=", "...", "->", "++", "--", "<<", ">>",
					      "<=",  ">=",  "==",  "!=", "&&", "||", "+=", "-=",
					      "*=",  "/=",  "%=",  "&=", "|=", "^=", "##" };

	for (size_t i = 0; i < sizeof(puncts) / sizeof(puncts[0]); i++) {
		size_t len = strlen(puncts[i]);

		if (s->end - s->pos >= len && !memcmp(s->source->text + s->pos, puncts[i], len)) {
			s->pos += (uint32_t)len;
			return;
		}
	}
	s->pos++;
}

static enum c_token_kind skip_token(struct scanner *s)
{
	char c = at(s, 0);

	if (lex_is_ident_start(c)) {
		while (lex_is_ident(at(s, 0)))
			s->pos++;
		return C_IDENT;
	}
	if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)at(s, 1)))) {
		s->pos++;
		skip_number(s);
		return C_NUMBER;
	}
	if (c == '"' || c == '\'') {
		skip_quoted(s, c);
		return c == '"' ? C_STRING : C_CHAR;
	}
	skip_punct(s);
	return C_PUNCT;
}

void c_tokenize(struct arena *a, c_token_list *out, const struct source *source, uint32_t begin,
		uint32_t end)
{
	struct scanner s = { .source = source, .pos = begin, .end = end };
	bool newline = true;

	for (;;) {
		struct c_token t = { 0 };

		t.after_space = skip_space(&s, &newline);
		if (s.pos >= s.end)
			return;
		t.is_first = newline;
		t.span = (struct span){ source, s.pos, s.pos };
		t.kind = skip_token(&s);
		t.span.end = s.pos;
		t.text = arena_strndup(a, source->text + t.span.begin, s.pos - t.span.begin);
		newline = false;
		vec_push(a, out, t);
	}
}

bool c_token_is(const struct c_token *token, const char *text)
{
	return !strcmp(token->text, text) && token->kind != C_STRING && token->kind != C_CHAR;
}

/* What stands behind \x, or \ when it is octal: the last byte of it. */
static int8_t numeric_escape(const char *digits, unsigned int base)
{
	unsigned int n = 0;

	for (const char *p = digits; isxdigit((unsigned char)*p); p++) {
		int digit = isdigit((unsigned char)*p) ? *p - '0'
						       : tolower((unsigned char)*p) - 'a' + 10;

		n = n * base + (unsigned int)digit;
	}
	return (int8_t)n;
}

/* 'a', '\n', '\x41'.  A char is signed on x86-64. */
static bool char_constant(const char *text, int64_t *value)
{
	static const char escapes[] = "n\nt\tr\ra\ab\bf\fv\v";

	if (text[1] != '\\') {
		*value = (int8_t)text[1];
		return text[1] != '\0';
	}
	for (const char *e = escapes; *e; e += 2) {
		if (text[2] == *e) {
			*value = (int8_t)e[1];
			return true;
		}
	}
	if (text[2] == 'x')
		*value = numeric_escape(text + 3, 16);
	else if (text[2] >= '0' && text[2] <= '7')
		*value = numeric_escape(text + 2, 8);
	else
		*value = (int8_t)text[2];
	return text[2] != '\0';
}

bool c_constant(struct arena *a, const struct c_token *token, int64_t *value)
{
	const char *message;
	uint64_t number;
	size_t len;

	if (token->kind == C_CHAR)
		return char_constant(token->text, value);
	if (token->kind != C_NUMBER)
		return false;
	/* C has suffixes in any order; they don't matter here. */
	len = strlen(token->text);
	while (len > 1 && strchr("uUlL", token->text[len - 1]))
		len--;
	if (!number_parse(&number, a, token->text, len, &message))
		return false;
	*value = (int64_t)number;
	return true;
}

const char *c_token_text(struct arena *a, const struct c_token *tokens, size_t count)
{
	size_t len = 1;
	char *text;
	char *p;

	for (size_t i = 0; i < count; i++)
		len += strlen(tokens[i].text) + 1;
	text = p = arena_alloc(a, len);
	for (size_t i = 0; i < count; i++) {
		if (i && tokens[i].after_space)
			*p++ = ' ';
		p = mempcpy(p, tokens[i].text, strlen(tokens[i].text));
	}
	*p = '\0';
	return text;
}
