/* Types as they are written, and what is made of them. */
#include <ctype.h>
#include <string.h>

#include "lang/cpp.h"
#include "lang/parser.h"
#include "util/str.h"

bool is_type_name(const char *name, size_t len)
{
	static const char *const names[] = {
		"bool",   "int8",    "int16",    "int32",      "int64",     "uint8",
		"uint16", "uint32",  "uint64",   "void",       "min_t",     "max_t",
		"sum_t",  "count_t", "avg_t",    "stats_t",    "umin_t",    "umax_t",
		"usum_t", "uavg_t",  "ustats_t", "timestamp",  "macaddr_t", "cgroup_path_t",
		"string", "buffer",  "inet",     "username_t",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return true;
	}
	return false;
}

/* Names that are values even where a type of the same name might be meant: (pid) - 1. */
static bool is_value_name(const char *name, size_t len)
{
	static const char *const names[] = {
		"args",    "cgroup",   "comm",     "cpid",    "cpu",    "ctx",    "curtask",
		"elapsed", "func",     "gid",      "jiffies", "kstack", "ncpus",  "nsecs",
		"numaid",  "pid",      "ppid",     "probe",   "rand",   "retval", "tid",
		"uid",     "usermode", "username", "ustack",
	};
	size_t digits = 0;

	if (len > 10 && !memcmp(name, "__builtin_", 10))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return true;
	}
	while (digits < len && isdigit((unsigned char)name[len - 1 - digits]))
		digits++;
	return digits && ((len - digits == 3 && !memcmp(name, "arg", 3)) ||
			  (len - digits == 4 && !memcmp(name, "sarg", 4)));
}

bool is_reserved_name(const char *name)
{
	static const char *const names[] = { "args", "ctx", "kstack", "nsecs",
					     "pid",  "tid", "ustack" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return (!strncmp(name, "arg", 3) || !strncmp(name, "sarg", 4) ||
		!strncmp(name, "__builtin_", 10)) &&
	       is_value_name(name, strlen(name)) && strcmp(name, "args") != 0;
}

static bool is_tag(const struct parser *p)
{
	return parser_is_word(p, "struct") || parser_is_word(p, "union") ||
	       parser_is_word(p, "enum");
}

/* * and [N], in any order.  Without @strict, what is between brackets may be missing or wrong. */
static bool parse_modifiers(struct parser *p, struct type_expr *type, bool strict)
{
	for (;;) {
		struct type_modifier modifier = { 0 };

		if (parser_accept(p, TOK_STAR)) {
			modifier.is_pointer = true;
		} else if (parser_accept(p, TOK_LBRACKET)) {
			modifier.has_count = !parser_is(p, TOK_RBRACKET);
			if (modifier.has_count && !strict && !parser_is(p, TOK_INT))
				return false;
			if (modifier.has_count)
				modifier.count = parse_unary(p);
			if (strict ? !parser_expect(p, TOK_RBRACKET)
				   : !parser_accept(p, TOK_RBRACKET))
				return false;
		} else {
			return true;
		}
		vec_push(p->arena, &type->modifiers, modifier);
		type->span.end = p->here;
	}
}

/* typeof(type), typeof(expression) */
static struct type_expr *parse_typeof(struct parser *p)
{
	struct type_expr *type = arena_new(p->arena, struct type_expr);
	uint32_t begin = p->tok.begin;

	parser_advance(p);
	if (parser_expect(p, TOK_LPAREN)) {
		type->type_of_type = try_parse_type(p);
		if (!type->type_of_type)
			type->type_of = parse_expression(p);
		(void)parser_expect(p, TOK_RPAREN);
	}
	type->span = parser_span(p, begin);
	return type;
}

/* [struct] name; NULL if there is none. */
static struct type_expr *parse_type_base(struct parser *p)
{
	struct type_expr *type = arena_new(p->arena, struct type_expr);
	struct token t = p->tok;
	uint32_t begin = t.begin;

	if (is_tag(p)) {
		type->tag = parser_text(p, t.begin, t.end);
		parser_advance(p);
		t = p->tok;
	}
	if (!parser_accept(p, TOK_IDENT))
		return NULL;
	type->name = parser_text(p, t.begin, t.end);
	/* The C words that go together. */
	while (!type->tag && parser_is(p, TOK_IDENT) &&
	       (!strcmp(type->name, "unsigned") || !strcmp(type->name, "signed") ||
		!strcmp(type->name, "long") || str_ends_with(type->name, " long"))) {
		type->name = arena_printf(p->arena, "%s %s", type->name,
					  parser_text(p, p->tok.begin, p->tok.end));
		parser_advance(p);
	}
	type->span = parser_span(p, begin);
	return type;
}

struct type_expr *parse_type(struct parser *p)
{
	uint32_t begin = p->tok.begin;
	struct type_expr *type;

	if (parser_is_word(p, "typeof"))
		return parse_typeof(p);
	if (!parser_is(p, TOK_IDENT)) {
		parser_error(p, "expected type name");
		return NULL;
	}
	type = parse_type_base(p);
	if (!type) {
		parser_error(p, "expected identifier");
		return NULL;
	}
	type->span = parser_span(p, begin);
	(void)parse_modifiers(p, type, true);
	return type;
}

/* sizeof(unknown) may be a type or a constant: only what can't be a value is taken as a type. */
struct type_expr *try_parse_type(struct parser *p)
{
	struct parser_mark mark = parser_mark(p);
	uint32_t begin = p->tok.begin;
	size_t len = p->tok.end - begin;
	bool is_certain = is_tag(p) || is_type_name(p->source->text + begin, len);
	struct type_expr *type;

	if (parser_is_word(p, "typeof"))
		return parse_typeof(p);
	if (!parser_is(p, TOK_IDENT) || is_value_name(p->source->text + begin, len))
		return NULL;
	type = parse_type_base(p);
	if (type && parse_modifiers(p, type, false) &&
	    (parser_is(p, TOK_RPAREN) || parser_is(p, TOK_COMMA)) &&
	    (is_certain || type->modifiers.len)) {
		type->span = parser_span(p, begin);
		return type;
	}
	parser_reset(p, mark);
	return NULL;
}

static bool starts_expression(const struct parser *p)
{
	switch (p->tok.kind) {
	case TOK_INT:
	case TOK_VAR:
	case TOK_PARAM:
	case TOK_PARAM_COUNT:
	case TOK_MAP:
	case TOK_STRING:
	case TOK_LPAREN:
	case TOK_MINUS:
	case TOK_DEC:
	case TOK_NOT:
	case TOK_TILDE:
	case TOK_STAR:
	case TOK_AND:
	case TOK_IDENT: return true;
	default: return false;
	}
}

/* Of the macro whose body this is. */
static bool is_parameter(const struct parser *p, const struct type_expr *type)
{
	return p->define && !type->modifiers.len && type->name &&
	       cpp_find_param(p->define, type->name) >= 0;
}

/* What comes after (x): an operator with x before it, if that can be a value. */
static bool continues_value(const struct parser *p)
{
	return parser_is(p, TOK_MINUS) || parser_is(p, TOK_DEC) || parser_is(p, TOK_STAR) ||
	       parser_is(p, TOK_AND);
}

struct ast *try_parse_cast(struct parser *p)
{
	struct parser_mark mark = parser_mark(p);
	uint32_t begin = p->tok.begin;
	struct type_expr *type;
	struct ast *node;

	parser_advance(p);
	if (parser_is_word(p, "typeof")) {
		type = parse_typeof(p);
		(void)parse_modifiers(p, type, true);
		if (!parser_expect(p, TOK_RPAREN))
			return node_new(p, AST_INT, begin);
	} else {
		if (!parser_is(p, TOK_IDENT) ||
		    is_value_name(p->source->text + p->tok.begin, p->tok.end - p->tok.begin))
			type = NULL;
		else
			type = parse_type_base(p);
		if (!type || !parse_modifiers(p, type, false) || !parser_accept(p, TOK_RPAREN) ||
		    !starts_expression(p) || (is_parameter(p, type) && continues_value(p))) {
			parser_reset(p, mark);
			return NULL;
		}
	}
	parser_take_layout(p);
	node = node_new(p, AST_CAST, begin);
	node->cast.to = type;
	node->cast.operand = parse_unary(p);
	node_adopt(p, node, node->cast.operand);
	return node;
}

/* a.b.c */
static void parse_path(struct parser *p, struct ast *node)
{
	do {
		const char *name = parser_expect_ident(p, "expected field name");

		if (!name)
			return;
		vec_push(p->arena, &node->type_query.path, name);
	} while (parser_accept(p, TOK_DOT));
}

struct ast *parse_type_query(struct parser *p, enum ast_kind kind)
{
	uint32_t begin = p->tok.begin;
	struct ast *node = node_new(p, kind, begin);

	parser_advance(p);
	if (parser_expect(p, TOK_LPAREN)) {
		node->type_query.of_type = try_parse_type(p);
		if (!node->type_query.of_type)
			node->type_query.of_expr = parse_expression(p);
		if (kind == AST_OFFSETOF && parser_expect(p, TOK_COMMA))
			parse_path(p, node);
		(void)parser_expect(p, TOK_RPAREN);
	}
	node->span = parser_span(p, begin);
	node_adopt(p, node, node->type_query.of_expr);
	return node;
}
