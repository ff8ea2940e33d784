#include "lang/cpp.h"

#include <ctype.h>
#include <string.h>

#include "lang/files.h"
#include "util/buf.h"
#include "util/str.h"

#define INCLUDE_DEPTH_MAX 50
#define HEADER_SIZE_MAX   (16u << 20)

/* The tokens of one directive behind its name, and the directive itself. */
struct line {
	const struct c_token *tokens;
	size_t count;
	struct span span;
	const char *dir; // of the file
};

void cpp_init(struct cpp *c, struct arena *a, struct diags *diags)
{
	*c = (struct cpp){ .arena = a, .diags = diags };
	strmap_init(&c->macros, a);
	strmap_init(&c->once, a);
}

const struct cpp_macro *cpp_find(const struct cpp *c, const char *name)
{
	return strmap_get(&c->macros, name);
}

void cpp_define(struct cpp *c, const char *name, const char *text)
{
	struct cpp_macro *macro = arena_new(c->arena, struct cpp_macro);
	const struct source *source = source_new(c->arena, "definition", text, strlen(text));

	macro->name = arena_strdup(c->arena, name);
	macro->text = source->text;
	c_tokenize(c->arena, &macro->body, source, 0, (uint32_t)source->len);
	(void)strmap_put(&c->macros, name, macro);
}

static bool is_active(const struct cpp *c)
{
	return !c->conditions.len || vec_last(&c->conditions).is_active;
}

/* The names between the parentheses of #define f(a, b, ...); returns the index behind them. */
static size_t parse_params(struct cpp *c, struct cpp_macro *macro, const struct line *l, size_t i)
{
	macro->is_function = true;
	for (i++; i < l->count && !c_token_is(&l->tokens[i], ")"); i++) {
		const struct c_token *t = &l->tokens[i];

		if (c_token_is(t, "...")) {
			macro->is_variadic = true;
			/* args... names them; else they are __VA_ARGS__. */
			if (!macro->params.len || c_token_is(t - 1, ","))
				vec_push(c->arena, &macro->params, "__VA_ARGS__");
		} else if (t->kind == C_IDENT) {
			vec_push(c->arena, &macro->params, t->text);
		} else if (!c_token_is(t, ",")) {
			break;
		}
	}
	if (i == l->count || !c_token_is(&l->tokens[i], ")")) {
		(void)diag_error(c->diags, l->span, "missing ')' in the parameters of macro \"%s\"",
				 macro->name);
		return l->count;
	}
	return i + 1;
}

static void do_define(struct cpp *c, const struct line *l)
{
	struct cpp_macro *macro;
	size_t i = 1;

	if (!l->count || l->tokens[0].kind != C_IDENT) {
		(void)diag_error(c->diags, l->span, "macro name missing");
		return;
	}
	macro = arena_new(c->arena, struct cpp_macro);
	macro->name = l->tokens[0].text;
	macro->span = l->span;
	if (l->count > 1 && c_token_is(&l->tokens[1], "(") && !l->tokens[1].after_space)
		i = parse_params(c, macro, l, 1);
	for (; i < l->count; i++)
		vec_push(c->arena, &macro->body, l->tokens[i]);
	macro->text = c_token_text(c->arena, macro->body.data, macro->body.len);
	(void)strmap_put(&c->macros, macro->name, macro);
}

static void do_undef(struct cpp *c, const struct line *l)
{
	if (l->count && strmap_has(&c->macros, l->tokens[0].text))
		(void)strmap_put(&c->macros, l->tokens[0].text, NULL);
}

static void push_condition(struct cpp *c, const struct line *l, bool value)
{
	struct cpp_condition condition = { .span = l->span, .is_outer_active = is_active(c) };

	condition.is_active = condition.is_outer_active && value;
	condition.was_active = condition.is_active;
	vec_push(c->arena, &c->conditions, condition);
}

static void do_if(struct cpp *c, const struct line *l)
{
	push_condition(c, l, is_active(c) && cpp_evaluate(c, l->tokens, l->count, l->span) != 0);
}

static void do_ifdef(struct cpp *c, const struct line *l)
{
	push_condition(c, l, l->count && cpp_find(c, l->tokens[0].text) != NULL);
}

static void do_ifndef(struct cpp *c, const struct line *l)
{
	push_condition(c, l, l->count && cpp_find(c, l->tokens[0].text) == NULL);
}

static struct cpp_condition *open_condition(struct cpp *c, const struct line *l, const char *name)
{
	if (!c->conditions.len) {
		(void)diag_error(c->diags, l->span, "#%s without #if", name);
		return NULL;
	}
	if (vec_last(&c->conditions).has_else && strcmp(name, "endif") != 0) {
		(void)diag_error(c->diags, l->span, "#%s after #else", name);
		return NULL;
	}
	return &vec_last(&c->conditions);
}

static void do_elif(struct cpp *c, const struct line *l)
{
	struct cpp_condition *condition = open_condition(c, l, "elif");

	if (!condition)
		return;
	condition->is_active = condition->is_outer_active && !condition->was_active &&
			       cpp_evaluate(c, l->tokens, l->count, l->span) != 0;
	condition->was_active |= condition->is_active;
}

static void do_else(struct cpp *c, const struct line *l)
{
	struct cpp_condition *condition = open_condition(c, l, "else");

	if (!condition)
		return;
	condition->has_else = true;
	condition->is_active = condition->is_outer_active && !condition->was_active;
}

static void do_endif(struct cpp *c, const struct line *l)
{
	if (open_condition(c, l, "endif"))
		c->conditions.len--;
}

static void do_error(struct cpp *c, const struct line *l)
{
	(void)diag_error(c->diags, l->span, "%s", c_token_text(c->arena, l->tokens, l->count));
}

static void do_warning(struct cpp *c, const struct line *l)
{
	(void)diag_warning(c->diags, l->span, "%s", c_token_text(c->arena, l->tokens, l->count));
}

static void do_pragma(struct cpp *c, const struct line *l)
{
	if (l->count == 1 && c_token_is(&l->tokens[0], "once"))
		(void)strmap_put(&c->once, l->span.source->name, c);
}

/* Report those above the first @count that are still open. */
static void close_conditions(struct cpp *c, size_t count)
{
	while (c->conditions.len > count) {
		(void)diag_error(c->diags, vec_last(&c->conditions).span, "unterminated #if");
		c->conditions.len--;
	}
}

/* Read @path if it is there. */
static bool include_file(struct cpp *c, const char *path)
{
	const struct source *source;
	size_t conditions = c->conditions.len;
	struct buf text;
	int r;

	if (strmap_has(&c->once, path))
		return true;
	/* Not of a terminal or the like. */
	if (files_kind(c->files, path) != FILE_REGULAR)
		return false;
	buf_init(&text, HEADER_SIZE_MAX);
	r = files_read(c->files, &text, path);
	if (!r) {
		source = source_new(c->arena, path, buf_cstr(&text), text.len);
		c->depth++;
		cpp_process(c, source, 0, (uint32_t)source->len, files_folder_of(c->arena, path));
		c->depth--;
		close_conditions(c, conditions);
	}
	buf_finish(&text);
	return !r;
}

/*
 * Headers of the kernel and the C library are not read: their types are in BTF, their constants in
 * a table.  Which file that is doesn't matter, only that it may be one.
 */
static bool is_system_header(const char *name)
{
	static const char *const folders[] = {
		"acpi/",    "arpa/",     "asm/",         "asm-generic/", "bcc/",
		"bits/",    "block/",    "bpf/",         "clocksource/", "crypto/",
		"drivers/", "drm/",      "dt-bindings/", "fs/",          "generated/",
		"gnu/",     "include/",  "keys/",        "kernel/",      "kvm/",
		"linux/",   "math-emu/", "media/",       "memory/",      "misc/",
		"mm/",      "mtd/",      "net/",         "netinet/",     "pcmcia/",
		"ras/",     "rdma/",     "rpc/",         "scsi/",        "security/",
		"soc/",     "sound/",    "sys/",         "target/",      "trace/",
		"uapi/",    "vdso/",     "video/",       "xen/",         "x86_64-linux-gnu/",
	};

	while (str_starts_with(name, "../"))
		name += 3;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (str_starts_with(name, folders[i]))
			return true;
	}
	return false;
}

static void include(struct cpp *c, const struct line *l, const char *name, bool is_quoted)
{
	if (c->depth >= INCLUDE_DEPTH_MAX) {
		(void)diag_error(c->diags, l->span, "#include nested too deeply");
		return;
	}
	if (name[0] == '/' && include_file(c, name))
		return;
	if (is_quoted && l->dir && include_file(c, arena_printf(c->arena, "%s/%s", l->dir, name)))
		return;
	for (size_t i = 0; i < c->include_paths.len; i++) {
		if (include_file(c,
				 arena_printf(c->arena, "%s/%s", c->include_paths.data[i], name)))
			return;
	}
	if (is_system_header(name) || (!is_quoted && !strchr(name, '/')))
		return;
	(void)diag_error(c->diags, l->span, "fatal error: '%s' file not found", name);
}

static void do_include(struct cpp *c, const struct line *l)
{
	const char *name;

	if (l->count == 1 && l->tokens[0].kind == C_STRING) {
		size_t len = strlen(l->tokens[0].text);

		name = arena_strndup(c->arena, l->tokens[0].text + 1, len > 2 ? len - 2 : 0);
		include(c, l, name, true);
		return;
	}
	if (l->count > 2 && c_token_is(&l->tokens[0], "<")) {
		name = c_token_text(c->arena, l->tokens + 1, l->count - 2);
		include(c, l, name, false);
		return;
	}
	(void)diag_error(c->diags, l->span, "expected \"FILENAME\" or <FILENAME>");
}

/* Alphabetical.  Those that are always done decide whether others are. */
static const struct directive {
	const char *name;
	void (*run)(struct cpp *c, const struct line *l);
	bool always;
} directives[] = {
	{ "define", do_define, false },   { "elif", do_elif, true },
	{ "else", do_else, true },        { "endif", do_endif, true },
	{ "error", do_error, false },     { "if", do_if, true },
	{ "ifdef", do_ifdef, true },      { "ifndef", do_ifndef, true },
	{ "include", do_include, false }, { "pragma", do_pragma, false },
	{ "undef", do_undef, false },     { "warning", do_warning, false },
};

static void run_directive(struct cpp *c, const struct c_token *tokens, size_t count,
			  const char *dir)
{
	struct line l = { .span = tokens[0].span, .dir = dir };

	l.span = span_join(l.span, tokens[count - 1].span);
	if (count < 2)
		return;
	l.tokens = tokens + 2;
	l.count = count - 2;
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
		if (!c_token_is(&tokens[1], directives[i].name))
			continue;
		if (directives[i].always || is_active(c))
			directives[i].run(c, &l);
		return;
	}
	if (is_active(c) && !c_token_is(&tokens[1], "line") && !c_token_is(&tokens[1], "ident"))
		(void)diag_error(c->diags, l.span, "invalid preprocessing directive #%s",
				 tokens[1].text);
}

void cpp_process(struct cpp *c, const struct source *source, uint32_t begin, uint32_t end,
		 const char *dir)
{
	c_token_list tokens = { 0 };
	size_t i = 0;

	c_tokenize(c->arena, &tokens, source, begin, end);
	while (i < tokens.len) {
		bool is_directive = tokens.data[i].is_first && c_token_is(&tokens.data[i], "#");
		size_t start = i;

		/* A directive is a line; other text goes on up to the next one. */
		for (i++; i < tokens.len; i++) {
			if (tokens.data[i].is_first &&
			    (is_directive || c_token_is(&tokens.data[i], "#")))
				break;
		}
		if (is_directive)
			run_directive(c, &tokens.data[start], i - start, dir);
		else if (is_active(c))
			cpp_expand(c, &tokens.data[start], i - start, &c->output);
	}
}

void cpp_end_declaration(struct cpp *c)
{
	struct c_token semicolon = { .kind = C_PUNCT, .text = ";" };

	vec_push(c->arena, &c->output, semicolon);
}

void cpp_finish(struct cpp *c)
{
	close_conditions(c, 0);
}
