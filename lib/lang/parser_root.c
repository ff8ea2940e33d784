/* The root of a script: C declarations, config, imports, maps, macros, actions. */
#include <ctype.h>
#include <string.h>

#include "lang/lang.h"
#include "lang/parser.h"

/* Does a backslash stand before the newline at @pos? */
static bool is_continued(const struct source *s, uint32_t pos)
{
	if (pos && s->text[pos - 1] == '\r')
		pos--;
	return pos && s->text[pos - 1] == '\\';
}

/* Preprocessor lines, with their continuations. */
static void parse_directive(struct parser *p)
{
	const struct source *s = p->source;
	uint32_t begin = p->tok.begin;
	uint32_t end = begin;

	while (end < s->len && (s->text[end] != '\n' || is_continued(s, end)))
		end++;
	vec_push(p->arena, &p->program->c_chunks, ((struct span){ s, begin, end }));
	parser_seek(p, end);
}

/* Tokens up to the one behind the bracket that closes the one at hand. */
static void skip_balanced(struct parser *p)
{
	uint32_t depth = 0;

	do {
		if (parser_is(p, TOK_LBRACE) || parser_is(p, TOK_LPAREN) ||
		    parser_is(p, TOK_LBRACKET))
			depth++;
		else if (parser_is(p, TOK_RBRACE) || parser_is(p, TOK_RPAREN) ||
			 parser_is(p, TOK_RBRACKET))
			depth--;
		parser_advance(p);
	} while (depth && !parser_is(p, TOK_END));
}

/* struct a { … } and the like, as opposed to an attach point that begins with such a word. */
static bool is_c_definition(const struct parser *p)
{
	struct parser ahead = *p;

	if (parser_is_word(p, "typedef"))
		return parser_peek(p).kind == TOK_IDENT;
	if (!parser_is_word(p, "struct") && !parser_is_word(p, "union") &&
	    !parser_is_word(p, "enum"))
		return false;
	parser_advance(&ahead);
	for (;;) {
		if (parser_is(&ahead, TOK_LBRACE) || parser_is(&ahead, TOK_SEMICOLON))
			return true;
		if (parser_is(&ahead, TOK_LPAREN) || parser_is(&ahead, TOK_LBRACKET))
			skip_balanced(&ahead);
		else if (parser_is(&ahead, TOK_IDENT))
			parser_advance(&ahead);
		else
			return false;
	}
}

static void parse_attributes(struct parser *p)
{
	struct parser_mark mark;

	while (parser_accept_word(p, "__attribute__")) {
		if (!parser_is(p, TOK_LPAREN) || parser_peek(p).kind != TOK_LPAREN) {
			parser_error(p, "__attribute__ syntax error, expected '(('");
			return;
		}
		mark = parser_mark(p);
		skip_balanced(p);
		if (parser_is(p, TOK_END)) {
			parser_reset(p, mark);
			parser_error(p, "__attribute__ syntax error, mismatched '(' and ')'");
			return;
		}
	}
}

/* The `;` behind the brace may be missing, but for a typedef, whose name comes there. */
static void parse_c_definition(struct parser *p)
{
	bool is_typedef = parser_is_word(p, "typedef");
	uint32_t begin = p->tok.begin;

	while (!parser_is(p, TOK_END) && !parser_is(p, TOK_SEMICOLON)) {
		if (parser_is(p, TOK_LBRACE)) {
			skip_balanced(p);
			if (!is_typedef)
				break;
		} else {
			parser_advance(p);
		}
	}
	parse_attributes(p);
	vec_push(p->arena, &p->program->c_chunks, parser_span(p, begin));
	(void)parser_accept(p, TOK_SEMICOLON);
}

static bool parse_setting_value(struct parser *p, struct config_setting *setting)
{
	struct token t = p->tok;
	uint64_t value;
	uint32_t len;

	if (parser_is(p, TOK_STRING)) {
		setting->is_string = true;
		setting->value = parse_string(p, &len);
	} else if (parser_is(p, TOK_INT)) {
		if (!parse_integer(p, &value))
			return false;
		setting->is_integer = true;
		setting->integer = value;
		setting->value = parser_text(p, t.begin, t.end);
	} else {
		setting->value = parser_expect_ident(p, "expected string, int, boolean, or ident");
		if (!p->panic &&
		    (!strcmp(setting->value, "true") || !strcmp(setting->value, "false"))) {
			setting->is_integer = true;
			setting->integer = setting->value[0] == 't';
			setting->value = setting->integer ? "1" : "0";
		}
	}
	return !p->panic;
}

static void parse_config(struct parser *p)
{
	parser_advance(p);
	if (!parser_expect(p, TOK_ASSIGN) || !parser_expect(p, TOK_LBRACE))
		return;
	while (!p->panic && !parser_is(p, TOK_RBRACE) && !parser_is(p, TOK_END)) {
		struct config_setting setting = { 0 };
		uint32_t begin = p->tok.begin;

		setting.name = parser_expect_ident(p, "expected config key");
		if (!setting.name || !parser_expect(p, TOK_ASSIGN) ||
		    !parse_setting_value(p, &setting))
			break;
		setting.span = parser_span(p, begin);
		vec_push(p->arena, &p->program->settings, setting);
		if (!parser_is(p, TOK_RBRACE))
			(void)parser_expect(p, TOK_SEMICOLON);
	}
	(void)parser_expect(p, TOK_RBRACE);
}

/* A config block where none is allowed. */
static void skip_config(struct parser *p, const char *message)
{
	uint32_t begin = p->tok.begin;

	parser_advance(p);
	parser_complain(p, parser_span(p, begin), "%s", message);
	if (parser_accept(p, TOK_ASSIGN) && parser_is(p, TOK_LBRACE))
		skip_balanced(p);
}

static void parse_root_import(struct parser *p)
{
	struct import import;
	uint32_t begin = p->tok.begin;
	uint32_t len;

	parser_advance(p);
	if (!parser_is(p, TOK_STRING)) {
		parser_error(p, "expected string after 'import'");
		return;
	}
	import.path = parse_string(p, &len);
	import.span = parser_span(p, begin);
	if (!parser_accept(p, TOK_SEMICOLON))
		parser_error(p, "expected ';' after import");
	vec_push(p->arena, &p->program->imports, import);
}

static void parse_macro_param(struct parser *p, struct macro *macro)
{
	struct macro_param param = { 0 };
	struct token t = p->tok;

	if (parser_accept(p, TOK_VAR) || parser_accept(p, TOK_MAP)) {
		param.sigil = p->source->text[t.begin];
		param.name = parser_text(p, t.begin + 1, t.end);
	} else {
		param.name = parser_expect_ident(
			p, "expected macro argument ($var, @map, or identifier)");
		if (!param.name)
			return;
	}
	param.span = parser_span(p, t.begin);
	if (!param.sigil && is_reserved_name(param.name))
		parser_complain(p, param.span, "builtin '%s' can't be used as a macro argument",
				param.name);
	vec_push(p->arena, &macro->params, param);
}

static bool parse_macro_params(struct parser *p, struct macro *macro)
{
	if (!parser_expect(p, TOK_LPAREN))
		return false;
	if (!parser_is(p, TOK_RPAREN)) {
		do {
			parse_macro_param(p, macro);
		} while (parser_accept(p, TOK_COMMA));
	}
	return parser_expect(p, TOK_RPAREN);
}

static void parse_macro(struct parser *p)
{
	struct macro *macro = arena_new(p->arena, struct macro);
	uint32_t begin = p->tok.begin;

	parser_advance(p);
	macro->is_builtin = p->source->is_builtin;
	macro->name = parser_expect_ident(p, "expected macro name");
	macro->span = parser_span(p, begin);
	/* Without parameters, the parentheses may be left out. */
	if (!parser_is(p, TOK_LBRACE) && !parse_macro_params(p, macro))
		return;
	macro->body = parse_block(p, true);
	macro->body->block.is_macro_body = true;
	vec_push(p->arena, &p->program->macros, macro);
}

static void parse_subprog_param(struct parser *p, struct subprog *fn)
{
	struct subprog_param param = { 0 };
	struct token t = p->tok;

	if (!parser_accept(p, TOK_VAR)) {
		parser_error(p, "expected variable in function argument");
		return;
	}
	param.name = parser_text(p, t.begin + 1, t.end);
	if (!parser_expect(p, TOK_COLON))
		return;
	param.type = parse_type(p);
	param.span = parser_span(p, t.begin);
	vec_push(p->arena, &fn->params, param);
}

static void parse_subprog(struct parser *p)
{
	struct subprog *fn = arena_new(p->arena, struct subprog);
	uint32_t begin = p->tok.begin;

	parser_advance(p);
	fn->name = parser_expect_ident(p, "expected function name");
	fn->span = parser_span(p, begin);
	if (!parser_expect(p, TOK_LPAREN))
		return;
	if (!parser_is(p, TOK_RPAREN)) {
		do {
			parse_subprog_param(p, fn);
		} while (parser_accept(p, TOK_COMMA));
	}
	if (!parser_expect(p, TOK_RPAREN) || !parser_expect(p, TOK_COLON))
		return;
	fn->result = parse_type(p);
	fn->body = parse_block(p, false);
	vec_push(p->arena, &p->program->subprogs, fn);
}

static const struct map_kind_name {
	const char *name;
	enum map_kind kind;
} map_kinds[] = {
	{ "hash", MAP_HASH },
	{ "lruhash", MAP_LRU_HASH },
	{ "percpuhash", MAP_PERCPU_HASH },
	{ "percpulruhash", MAP_PERCPU_LRU_HASH },
};

/* let @a = kind(entries); */
static void parse_map_decl(struct parser *p)
{
	struct map_decl *map = arena_new(p->arena, struct map_decl);
	uint32_t begin = p->tok.begin;
	const char *kind;
	struct token t;
	uint64_t entries;

	parser_advance(p);
	t = p->tok;
	if (!parser_accept(p, TOK_MAP)) {
		parser_error(p, "root-level let statements need to be map declarations, e.g. let "
				"@a = hash(2);");
		return;
	}
	map->name = parser_text(p, t.begin + 1, t.end);
	if (!parser_expect(p, TOK_ASSIGN))
		return;
	kind = parser_expect_ident(p, "expected map type name");
	if (!kind || !parser_expect(p, TOK_LPAREN))
		return;
	if (!parser_is(p, TOK_INT))
		parser_error(p, "expected positive integer for map declaration max entries");
	if (p->panic || !parse_integer(p, &entries) || !parser_expect(p, TOK_RPAREN))
		return;
	(void)parser_accept(p, TOK_SEMICOLON);
	map->span = parser_span(p, begin);
	map->is_declared = true;
	map->max_entries = entries > UINT32_MAX ? UINT32_MAX : (uint32_t)entries;
	map->id = (uint32_t)p->program->maps.len;
	vec_push(p->arena, &p->program->maps, map);
	for (size_t i = 0; i < sizeof(map_kinds) / sizeof(map_kinds[0]); i++) {
		if (!strcmp(kind, map_kinds[i].name)) {
			map->kind = map_kinds[i].kind;
			return;
		}
	}
	(void)diag_error(p->diags, map->span, "Invalid bpf map type: %s", kind);
	diag_hint(p->diags, "Valid map types: percpulruhash, percpuhash, lruhash, hash");
}

static void parse_root_item(struct parser *p)
{
	uint32_t begin = p->tok.begin;
	bool is_directive = parser_is(p, TOK_HASH);

	if (is_directive || is_c_definition(p)) {
		if (is_directive)
			parse_directive(p);
		else
			parse_c_definition(p);
		parser_complain(p, parser_span(p, begin),
				"C definitions must appear before probes and functions");
	} else if (parser_is_word(p, "config")) {
		skip_config(p, "config must appear before probes and functions");
	} else if (parser_is_word(p, "import")) {
		parser_advance(p);
		parser_complain(p, parser_span(p, begin),
				"root imports must appear before probes and functions");
		parser_resync(p);
	} else if (parser_is_word(p, "macro")) {
		parse_macro(p);
	} else if (parser_is_word(p, "fn")) {
		parse_subprog(p);
	} else if (parser_is_word(p, "let")) {
		parse_map_decl(p);
	} else if (parser_is(p, TOK_RBRACE)) {
		parser_error(p, "unexpected '}'");
	} else {
		struct ast_action *action = parse_action(p);

		if (action)
			vec_push(p->arena, &p->program->actions, action);
	}
}

static void parse_head(struct parser *p)
{
	bool has_config = false;

	while (!p->panic && (parser_is(p, TOK_HASH) || is_c_definition(p))) {
		if (parser_is(p, TOK_HASH))
			parse_directive(p);
		else
			parse_c_definition(p);
	}
	for (;;) {
		if (p->panic)
			parser_resync_root(p);
		if (parser_is_word(p, "import")) {
			parse_root_import(p);
		} else if (parser_is_word(p, "config") && has_config) {
			skip_config(p, "duplicate config block");
		} else if (parser_is_word(p, "config")) {
			has_config = true;
			parse_config(p);
		} else {
			break;
		}
	}
}

void parse_root(struct parser *p)
{
	const struct source *s = p->source;

	/* #!/usr/bin/env … */
	if (parser_is(p, TOK_HASH) && p->tok.end < s->len && s->text[p->tok.end] == '!') {
		const char *newline = memchr(s->text + p->tok.end, '\n', s->len - p->tok.end);

		parser_seek(p, newline ? (uint32_t)(newline - s->text) : (uint32_t)s->len);
	}
	parse_head(p);
	while (!parser_is(p, TOK_END)) {
		uint32_t before = p->tok.begin;

		parse_root_item(p);
		if (p->panic)
			parser_resync_root(p);
		if (p->tok.begin == before)
			parser_advance(p);
	}
}

bool parse_program(struct ast_program **out, struct arena *a, const struct source *source,
		   struct diags *diags)
{
	struct ast_program *program = arena_new(a, struct ast_program);
	size_t errors = diags->error_count;
	struct parser p;

	program->arena = a;
	program->source = source;
	parser_init(&p, a, source, program, diags);
	parse_root(&p);
	*out = program;
	return diags->error_count == errors;
}
