/* Literals, variables, maps, strings: what an expression is made of. */
#include <ctype.h>
#include <string.h>

#include "lang/parser.h"
#include "util/buf.h"

/* The place at byte @pos as an error would be shown there: a word, or one character. */
static struct span word_at(const struct parser *p, uint32_t pos)
{
	struct span span = { .source = p->source, .begin = pos, .end = pos };
	const char *text = p->source->text;

	while (span.end < p->source->len && lex_is_ident(text[span.end]))
		span.end++;
	if (span.end == pos && pos < p->source->len)
		span.end++;
	return span;
}

/* \ooo; returns the position behind it. */
static uint32_t unescape_octal(struct parser *p, uint32_t pos, char *out)
{
	const char *text = p->source->text;
	uint32_t begin = pos - 1;
	unsigned int value = 0;

	for (int i = 0; i < 3 && text[pos] >= '0' && text[pos] <= '7'; i++, pos++)
		value = value * 8 + (unsigned int)(text[pos] - '0');
	if (value > 255)
		parser_complain(p, (struct span){ p->source, begin, pos },
				"octal escape sequence out of range '%s'",
				parser_text(p, begin, pos));
	*out = (char)value;
	return pos;
}

static uint32_t unescape_hex(struct parser *p, uint32_t pos, char *out)
{
	const char *text = p->source->text;
	uint32_t begin = ++pos;
	unsigned int value = 0;

	for (int i = 0; i < 2 && isxdigit((unsigned char)text[pos]); i++, pos++) {
		int digit = isdigit((unsigned char)text[pos])
				    ? text[pos] - '0'
				    : tolower((unsigned char)text[pos]) - 'a' + 10;

		value = value * 16 + (unsigned int)digit;
	}
	if (pos == begin)
		parser_complain(p, word_at(p, pos), "invalid hex escape sequence");
	*out = (char)value;
	return pos;
}

/* The escape behind the backslash at @pos - 1; returns the position behind it. */
static uint32_t unescape(struct parser *p, uint32_t pos, char *out)
{
	char c = p->source->text[pos];

	switch (c) {
	case 'n': *out = '\n'; break;
	case 't': *out = '\t'; break;
	case 'r': *out = '\r'; break;
	case '"':
	case '\\': *out = c; break;
	case 'x':
	case 'X': return unescape_hex(p, pos, out);
	default:
		if (c >= '0' && c <= '7')
			return unescape_octal(p, pos, out);
		parser_complain(p, word_at(p, pos), "invalid escape character '\\%c'", c);
		*out = c;
		break;
	}
	return pos + 1;
}

const char *parse_string(struct parser *p, uint32_t *len)
{
	const char *text = p->source->text;
	struct token t = p->tok;
	char *out = arena_alloc(p->arena, t.end - t.begin + 1);
	uint32_t end = t.end - 1; // the closing quote

	*len = 0;
	if (end == t.begin || text[end] != '"')
		end = t.end + 1;
	for (uint32_t i = t.begin + 1; i < end;) {
		if (i >= t.end) {
			uint32_t next = lex_skip_layout(p->source, t.end);

			parser_error_at(p, word_at(p, next), "unterminated string");
			break;
		}
		if (text[i] == '\\' && i + 1 < t.end)
			i = unescape(p, i + 1, &out[(*len)++]);
		else
			out[(*len)++] = text[i++];
	}
	parser_advance(p);
	return out;
}

/* The index of a separator with nothing to separate; 0: none. */
static uint32_t trailing_underscore(const char *text, size_t len)
{
	bool is_hex = len > 1 && (text[1] == 'x' || text[1] == 'X');

	for (size_t i = 1; i < len; i++) {
		bool is_end =
			i + 1 == len || (!is_hex && (text[i + 1] == 'e' || text[i + 1] == 'E'));

		if (text[i] == '_' && is_end)
			return (uint32_t)i;
	}
	return 0;
}

bool parse_integer(struct parser *p, uint64_t *value)
{
	struct token t = p->tok;
	const char *text = p->source->text + t.begin;
	const char *message;
	size_t suffix_len;
	uint32_t bad;
	size_t len;

	*value = 0;
	if (!parser_accept(p, TOK_INT)) {
		parser_error(p, "invalid integer: ");
		return false;
	}
	len = number_scan(text, t.end - t.begin, &suffix_len);
	if (len < t.end - t.begin) {
		bad = t.begin + (uint32_t)len;
		parser_error_at(p, (struct span){ p->source, bad, t.end },
				"invalid integer suffix '%s'", parser_text(p, bad, t.end));
		return false;
	}
	bad = trailing_underscore(text, len - suffix_len);
	if (bad) {
		parser_error_at(p, (struct span){ p->source, t.begin + bad, t.begin + bad + 1 },
				"trailing underscore in integer literal");
		return false;
	}
	if (!number_parse(value, p->arena, text, len, &message)) {
		parser_error_at(p, (struct span){ p->source, t.begin, t.end }, "%s", message);
		return false;
	}
	return true;
}

static struct ast *parse_int(struct parser *p)
{
	struct token t = p->tok;
	struct ast *node;
	uint64_t value;

	(void)parse_integer(p, &value);
	node = node_new(p, AST_INT, t.begin);
	node->integer.value = value;
	node->integer.is_unsigned = value > INT64_MAX;
	node->integer.is_literal = true;
	node->integer.text = parser_text(p, t.begin, t.end);
	return node;
}

static struct ast *parse_param(struct parser *p)
{
	struct token t = p->tok;
	const char *digits = parser_text(p, t.begin + 1, t.end);
	struct ast *node;
	uint64_t number = 0;

	parser_advance(p);
	node = node_new(p, AST_POSITIONAL, t.begin);
	for (const char *c = digits; *c; c++) {
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*c - '0'), &number))
			number = UINT64_MAX;
	}
	if (number < 1 || number > INT64_MAX)
		parser_complain(p, node->span, "param $%s is out of integer range [1, %lld]",
				digits, (long long)INT64_MAX);
	node->ident.name = digits;
	node->ident.number = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
	return node;
}

struct ast *parse_map(struct parser *p)
{
	struct token t = p->tok;
	struct ast *map;
	struct ast *key;
	ast_list keys = { 0 };

	parser_advance(p);
	map = node_new(p, AST_MAP, t.begin);
	map->map.name = parser_text(p, t.begin + 1, t.end);
	parser_take_layout(p);
	if (!parser_accept(p, TOK_LBRACKET))
		return map;
	do {
		if (parser_is(p, TOK_RBRACKET) && keys.len)
			break;
		vec_push(p->arena, &keys, parse_expression(p));
	} while (parser_accept(p, TOK_COMMA));
	(void)parser_expect(p, TOK_RBRACKET);
	map->kind = AST_MAP_ACCESS;
	map->span = parser_span(p, t.begin);
	key = keys.data[0];
	if (keys.len > 1) {
		key = node_new(p, AST_TUPLE, t.begin);
		key->tuple.items.data = keys.data;
		key->tuple.items.len = keys.len;
		key->tuple.items.cap = keys.cap;
		vec_foreach (&keys, it)
			node_adopt(p, key, *it);
	}
	map->map.key = key;
	node_adopt(p, map, key);
	return map;
}

struct ast *parse_atom(struct parser *p)
{
	struct token t = p->tok;
	struct ast *node;

	switch (t.kind) {
	case TOK_INT: return parse_int(p);
	case TOK_PARAM: return parse_param(p);
	case TOK_MAP: return parse_map(p);
	case TOK_PARAM_COUNT: parser_advance(p); return node_new(p, AST_POSITIONAL_COUNT, t.begin);
	case TOK_VAR:
		parser_advance(p);
		node = node_new(p, AST_VAR, t.begin);
		node->var.name = parser_text(p, t.begin + 1, t.end);
		return node;
	case TOK_STRING: {
		uint32_t len;
		const char *data = parse_string(p, &len);

		node = node_new(p, AST_STRING, t.begin);
		node->string.data = data;
		node->string.len = len;
		return node;
	}
	case TOK_DOLLAR: parser_error(p, "expected identifier after '$'"); break;
	default: parser_error(p, "expected expression"); break;
	}
	return node_new(p, AST_INT, p->here);
}
