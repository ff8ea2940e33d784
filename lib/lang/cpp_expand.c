/*
 * Macro expansion by the algorithm of the standard's hide sets: what a macro expands to is put
 * before the rest of the input and scanned again, and remembers which macros it came from.
 */
#include <string.h>

#include "lang/cpp.h"

/* Macros that call each other twice grow exponentially. */
#define TOKENS_MAX 200000

struct input {
	c_token_list stack; // reversed: the next token is the last
};

/* One argument of a call, as written and expanded. */
struct argument {
	c_token_list raw;
	c_token_list expanded;
	bool is_expanded;
};

typedef vec_of(struct argument) argument_list;

static bool is_hidden(const struct c_token *token, const char *name)
{
	for (const struct cpp_hide *h = token->hide; h; h = h->next) {
		if (!strcmp(h->name, name))
			return true;
	}
	return false;
}

static void hide(struct cpp *c, struct c_token *token, const char *name)
{
	struct cpp_hide *h = arena_new(c->arena, struct cpp_hide);

	h->name = name;
	h->next = token->hide;
	token->hide = h;
}

static void append(struct cpp *c, c_token_list *out, const c_token_list *in)
{
	vec_foreach (in, it)
		vec_push(c->arena, out, *it);
}

long cpp_find_param(const struct cpp_macro *macro, const char *name)
{
	for (size_t i = 0; i < macro->params.len; i++) {
		if (!strcmp(macro->params.data[i], name))
			return (long)i;
	}
	return -1;
}

static long find_param(const struct cpp_macro *macro, const struct c_token *token)
{
	return token->kind == C_IDENT ? cpp_find_param(macro, token->text) : -1;
}

/* The arguments between the parenthesis, which is the next token, and its end; false if it is open.
 */
static bool take_arguments(struct cpp *c, struct input *in, const struct cpp_macro *macro,
			   argument_list *args)
{
	struct argument current = { 0 };
	uint32_t depth = 0;

	in->stack.len--;
	while (in->stack.len) {
		struct c_token t = in->stack.data[--in->stack.len];
		bool is_last = macro->is_variadic && args->len + 1 == macro->params.len;

		if (depth == 0 && c_token_is(&t, ")")) {
			if (args->len || current.raw.len || macro->params.len)
				vec_push(c->arena, args, current);
			return true;
		}
		if (depth == 0 && c_token_is(&t, ",") && !is_last) {
			vec_push(c->arena, args, current);
			current = (struct argument){ 0 };
			continue;
		}
		if (c_token_is(&t, "("))
			depth++;
		else if (c_token_is(&t, ")"))
			depth--;
		vec_push(c->arena, &current.raw, t);
	}
	return false;
}

static struct c_token make_token(struct cpp *c, const struct c_token *like, enum c_token_kind kind,
				 const char *text)
{
	struct c_token t = *like;

	t.kind = kind;
	t.text = arena_strdup(c->arena, text);
	return t;
}

/* #param */
static struct c_token stringify(struct cpp *c, const struct c_token *at, const c_token_list *arg)
{
	const char *text = c_token_text(c->arena, arg->data, arg->len);
	char *quoted = arena_alloc(c->arena, strlen(text) * 2 + 3);
	char *p = quoted;

	*p++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*p++ = '\\';
		*p++ = *text;
	}
	*p = '"';
	return make_token(c, at, C_STRING, quoted);
}

/* left ## right: *left becomes both. */
static void paste(struct cpp *c, struct c_token *left, const struct c_token *right)
{
	const char *text = arena_printf(c->arena, "%s%s", left->text, right->text);
	const struct source *source = source_new(c->arena, "macro", text, strlen(text));
	c_token_list tokens = { 0 };

	c_tokenize(c->arena, &tokens, source, 0, (uint32_t)strlen(text));
	left->text = text;
	if (tokens.len)
		left->kind = tokens.data[0].kind;
}

static const c_token_list *expanded_argument(struct cpp *c, struct argument *arg)
{
	if (!arg->is_expanded) {
		arg->is_expanded = true;
		cpp_expand(c, arg->raw.data, arg->raw.len, &arg->expanded);
	}
	return &arg->expanded;
}

static bool is_pasted(const c_token_list *body, size_t i)
{
	return (i && c_token_is(&body->data[i - 1], "##")) ||
	       (i + 1 < body->len && c_token_is(&body->data[i + 1], "##"));
}

/* The next element of the body from *i on, with its parameters replaced. */
static void substitute_one(struct cpp *c, const struct cpp_macro *macro, argument_list *args,
			   size_t *i, c_token_list *out)
{
	const c_token_list *body = &macro->body;
	const struct c_token *t = &body->data[(*i)++];
	long param = find_param(macro, t);

	if (macro->is_function && c_token_is(t, "#") && *i < body->len) {
		long next = find_param(macro, &body->data[*i]);

		if (next >= 0) {
			struct c_token string = stringify(c, t, &args->data[next].raw);

			vec_push(c->arena, out, string);
			(*i)++;
			return;
		}
	}
	if (param < 0)
		vec_push(c->arena, out, *t);
	else if (is_pasted(body, *i - 1))
		append(c, out, &args->data[param].raw);
	else
		append(c, out, expanded_argument(c, &args->data[param]));
}

static void substitute(struct cpp *c, const struct cpp_macro *macro, argument_list *args,
		       c_token_list *out)
{
	for (size_t i = 0; i < macro->body.len;) {
		c_token_list right = { 0 };
		size_t start = out->len;

		if (!c_token_is(&macro->body.data[i], "##")) {
			substitute_one(c, macro, args, &i, out);
			continue;
		}
		if (++i == macro->body.len)
			break;
		substitute_one(c, macro, args, &i, &right);
		/* GNU: the comma of , ## __VA_ARGS__ goes with empty arguments. */
		if (start && c_token_is(&out->data[start - 1], ",")) {
			if (right.len)
				append(c, out, &right);
			else
				out->len--;
			continue;
		}
		if (start && right.len) {
			paste(c, &out->data[start - 1], &right.data[0]);
			right.data++;
			right.len--;
		}
		append(c, out, &right);
	}
}

static bool check_count(struct cpp *c, const struct cpp_macro *macro, argument_list *args,
			struct span span)
{
	size_t params = macro->params.len;

	/* The variadic part may be left out. */
	if (macro->is_variadic && args->len + 1 == params)
		vec_push(c->arena, args, ((struct argument){ 0 }));
	if (args->len == params)
		return true;
	(void)diag_error(c->diags, span, "macro \"%s\" takes %zu arguments, but got %zu",
			 macro->name, params, (size_t)args->len);
	return false;
}

/* Put the expansion of @macro, which @token names, before the rest of @in. */
static void expand_one(struct cpp *c, struct input *in, const struct cpp_macro *macro,
		       const struct c_token *token)
{
	argument_list args = { 0 };
	c_token_list out = { 0 };

	if (macro->is_function && !take_arguments(c, in, macro, &args)) {
		(void)diag_error(c->diags, token->span,
				 "unterminated argument list of macro \"%s\"", macro->name);
		return;
	}
	if (macro->is_function && !check_count(c, macro, &args, token->span))
		return;
	substitute(c, macro, &args, &out);
	c->token_count += out.len + 1;
	for (size_t i = out.len; i-- > 0;) {
		struct c_token t = out.data[i];

		t.span = token->span;
		t.is_first = i == 0 && token->is_first;
		if (i == 0)
			t.after_space = token->after_space;
		if (!t.hide)
			t.hide = token->hide;
		hide(c, &t, macro->name);
		vec_push(c->arena, &in->stack, t);
	}
}

static bool is_call(const struct input *in)
{
	return in->stack.len && c_token_is(&vec_last(&in->stack), "(");
}

void cpp_expand(struct cpp *c, const struct c_token *tokens, size_t count, c_token_list *out)
{
	struct input in = { 0 };

	for (size_t i = count; i-- > 0;)
		vec_push(c->arena, &in.stack, tokens[i]);
	while (in.stack.len) {
		struct c_token t = in.stack.data[--in.stack.len];
		const struct cpp_macro *macro = t.kind == C_IDENT ? cpp_find(c, t.text) : NULL;

		if (!macro || is_hidden(&t, t.text) || (macro->is_function && !is_call(&in)) ||
		    c->token_count > TOKENS_MAX) {
			vec_push(c->arena, out, t);
			continue;
		}
		expand_one(c, &in, macro, &t);
		if (c->token_count > TOKENS_MAX)
			(void)diag_error(c->diags, t.span, "macros expand to too much code");
	}
}
