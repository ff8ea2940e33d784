/* The expressions of #if. */
#include <string.h>

#include "lang/cpp.h"

#define DEPTH_MAX 100

struct evaluator {
	struct cpp *cpp;
	const struct c_token *tokens;
	size_t count;
	size_t pos;
	struct span span;
	unsigned int depth;
	bool is_wrong;
};

static const struct {
	const char *text;
	unsigned int precedence;
} operators[] = {
	{ "||", 1 }, { "&&", 2 }, { "|", 3 },  { "^", 4 },  { "&", 5 },  { "==", 6 },
	{ "!=", 6 }, { "<=", 7 }, { ">=", 7 }, { "<", 7 },  { ">", 7 },  { "<<", 8 },
	{ ">>", 8 }, { "+", 9 },  { "-", 9 },  { "*", 10 }, { "/", 10 }, { "%", 10 },
};

static int64_t evaluate_ternary(struct evaluator *e);

static bool is_next(const struct evaluator *e, const char *text)
{
	return e->pos < e->count && c_token_is(&e->tokens[e->pos], text);
}

static bool accept(struct evaluator *e, const char *text)
{
	if (!is_next(e, text))
		return false;
	e->pos++;
	return true;
}

static void wrong(struct evaluator *e, const char *message)
{
	if (!e->is_wrong)
		(void)diag_error(e->cpp->diags, e->span, "%s in a constant expression", message);
	e->is_wrong = true;
}

static int64_t evaluate_unary(struct evaluator *e)
{
	int64_t value = 0;

	if (e->is_wrong || ++e->depth > DEPTH_MAX) {
		wrong(e, "too many parentheses");
		return 0;
	}
	if (accept(e, "!")) {
		value = !evaluate_unary(e);
	} else if (accept(e, "-")) {
		value = (int64_t)(0 - (uint64_t)evaluate_unary(e));
	} else if (accept(e, "+")) {
		value = evaluate_unary(e);
	} else if (accept(e, "~")) {
		value = ~evaluate_unary(e);
	} else if (accept(e, "(")) {
		value = evaluate_ternary(e);
		if (!accept(e, ")"))
			wrong(e, "missing ')'");
	} else if (e->pos < e->count && e->tokens[e->pos].kind == C_IDENT) {
		const char *name = e->tokens[e->pos++].text;

		/* What isn't defined is 0 in an #if, but wrong elsewhere. */
		if (e->cpp->constant && !e->cpp->constant(e->cpp->constant_ctx, name, &value))
			wrong(e, arena_printf(e->cpp->arena, "unknown name '%s'", name));
	} else if (e->pos == e->count || !c_constant(e->cpp->arena, &e->tokens[e->pos++], &value)) {
		wrong(e, "missing value");
	}
	e->depth--;
	return value;
}

static int64_t divide(struct evaluator *e, int64_t left, int64_t right, bool modulo)
{
	if (right == 0) {
		wrong(e, "division by zero");
		return 0;
	}
	if (right == -1)
		return modulo ? 0 : (int64_t)(0 - (uint64_t)left);
	return modulo ? left % right : left / right;
}

static int64_t apply(struct evaluator *e, const char *op, int64_t a, int64_t b)
{
	uint64_t x = (uint64_t)a, y = (uint64_t)b;

	switch (op[0]) {
	case '|': return op[1] ? a || b : a | b;
	case '&': return op[1] ? a && b : a & b;
	case '^': return a ^ b;
	case '=': return a == b;
	case '!': return a != b;
	case '<':
		if (op[1] == '<')
			return (int64_t)(x << (y & 63));
		return op[1] ? a <= b : a < b;
	case '>':
		if (op[1] == '>')
			return a >> (y & 63);
		return op[1] ? a >= b : a > b;
	case '+': return (int64_t)(x + y);
	case '-': return (int64_t)(x - y);
	case '*': return (int64_t)(x * y);
	default: return divide(e, a, b, op[0] == '%');
	}
}

static int64_t evaluate_binary(struct evaluator *e, unsigned int min)
{
	int64_t left = evaluate_unary(e);

	for (;;) {
		const char *op = NULL;
		unsigned int precedence = 0;

		for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
			if (is_next(e, operators[i].text)) {
				op = operators[i].text;
				precedence = operators[i].precedence;
			}
		}
		if (!op || precedence < min || e->is_wrong)
			return left;
		e->pos++;
		left = apply(e, op, left, evaluate_binary(e, precedence + 1));
	}
}

static int64_t evaluate_ternary(struct evaluator *e)
{
	int64_t cond = evaluate_binary(e, 1);
	int64_t then;
	int64_t other;

	if (!accept(e, "?"))
		return cond;
	if (++e->depth > DEPTH_MAX) {
		wrong(e, "too many conditions");
		return 0;
	}
	then = evaluate_ternary(e);
	if (!accept(e, ":"))
		wrong(e, "missing ':'");
	other = evaluate_ternary(e);
	e->depth--;
	return cond ? then : other;
}

/* defined X, defined(X): before macros are expanded. */
static void replace_defined(struct cpp *c, const struct c_token *tokens, size_t count,
			    c_token_list *out)
{
	for (size_t i = 0; i < count; i++) {
		struct c_token t = tokens[i];
		bool paren;

		if (!c_token_is(&t, "defined")) {
			vec_push(c->arena, out, t);
			continue;
		}
		paren = i + 1 < count && c_token_is(&tokens[i + 1], "(");
		i += paren ? 2 : 1;
		t.kind = C_NUMBER;
		t.text = i < count && cpp_find(c, tokens[i].text) ? "1" : "0";
		i += paren;
		vec_push(c->arena, out, t);
	}
}

int64_t cpp_evaluate(struct cpp *c, const struct c_token *tokens, size_t count, struct span span)
{
	struct evaluator e = { .cpp = c, .span = span };
	c_token_list plain = { 0 };
	c_token_list expanded = { 0 };
	int64_t value;

	replace_defined(c, tokens, count, &plain);
	cpp_expand(c, plain.data, plain.len, &expanded);
	e.tokens = expanded.data;
	e.count = expanded.len;
	value = evaluate_ternary(&e);
	if (e.pos != e.count)
		wrong(&e, "something unexpected");
	return e.is_wrong ? 0 : value;
}
