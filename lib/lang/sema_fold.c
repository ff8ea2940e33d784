/*
 * Literals are computed: positional parameters, arithmetic on numbers, operations on literal
 * strings, tuples and records, conditions known at compile time.  The rules, overflow included,
 * are bpftrace's: what does not fit 64 bits is an error, never a wrong number.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lang/lexer.h"
#include "lang/sema.h"
#include "lang/walk.h"

#define FLOW_ERROR "unable to fold literals due to overflow or underflow"

void sema_replace(struct ast *node, const struct ast *with)
{
	struct span span = node->span;

	*node = *with;
	node->span = span;
}

struct ast *sema_move(struct sema *s, const struct ast *node)
{
	return arena_memdup(s->arena, node, sizeof(*node));
}

void sema_set_int(struct ast *node, uint64_t value)
{
	struct ast n = { .kind = AST_INT };

	n.integer.value = value;
	n.integer.is_unsigned = value > INT64_MAX;
	n.integer.is_literal = true;
	sema_replace(node, &n);
}

void sema_set_negative(struct ast *node, int64_t value)
{
	sema_set_int(node, (uint64_t)value);
	node->integer.is_negative = value < 0;
	node->integer.is_unsigned = false;
}

void sema_set_bool(struct ast *node, bool value)
{
	struct ast n = { .kind = AST_BOOL };

	n.integer.value = value;
	n.integer.is_literal = true;
	sema_replace(node, &n);
}

void sema_set_string(struct ast *node, const char *data, size_t len)
{
	struct ast n = { .kind = AST_STRING };

	n.string.data = data;
	n.string.len = (uint32_t)len;
	sema_replace(node, &n);
}

void sema_set_constant(struct ast *node, uint64_t value, const struct type *t)
{
	sema_set_int(node, value);
	node->integer.is_literal = false;
	node->integer.is_negative = t->is_signed && (int64_t)value < 0;
	node->integer.is_unsigned = !t->is_signed && value > INT64_MAX;
	node->type = t;
}

static bool is_int_literal(const struct ast *node)
{
	return node->kind == AST_INT && node->integer.is_literal;
}

bool sema_literal_bool(const struct ast *node)
{
	switch (node->kind) {
	case AST_INT:
	case AST_BOOL: return node->integer.value != 0;
	case AST_STRING: return node->string.len != 0;
	default: return true;
	}
}

static int compare_strings(const struct ast *a, const struct ast *b)
{
	uint32_t len = a->string.len < b->string.len ? a->string.len : b->string.len;
	int order = memcmp(a->string.data, b->string.data, len);

	if (order)
		return order;
	return a->string.len < b->string.len ? -1 : a->string.len > b->string.len;
}

static int literals_equal(const struct ast *a, const struct ast *b);

static int items_equal(const struct ast *a, const struct ast *b)
{
	if (a->tuple.items.len != b->tuple.items.len)
		return 0;
	for (size_t i = 0; i < a->tuple.items.len; i++) {
		const struct ast *other = b->tuple.items.data[i];
		int equal;

		if (a->kind == AST_RECORD) {
			other = NULL;
			for (size_t j = 0; j < b->tuple.items.len; j++) {
				if (strcmp(a->tuple.names[i], b->tuple.names[j]) == 0)
					other = b->tuple.items.data[j];
			}
			if (!other)
				return -1;
		}
		equal = literals_equal(a->tuple.items.data[i], other);
		if (equal != 1)
			return equal;
	}
	return 1;
}

/* Equality of literals: 1, 0, or -1 when it can't be told at compile time. */
static int literals_equal(const struct ast *a, const struct ast *b)
{
	if (!ast_is_literal(a) || !ast_is_literal(b))
		return -1;
	if (a->kind != b->kind)
		return 0;
	switch (a->kind) {
	case AST_INT:
		return a->integer.value == b->integer.value &&
		       a->integer.is_negative == b->integer.is_negative;
	case AST_BOOL: return a->integer.value == b->integer.value;
	case AST_STRING:
		return a->string.len == b->string.len &&
		       memcmp(a->string.data, b->string.data, a->string.len) == 0;
	default: return items_equal(a, b);
	}
}

/* -1, 0, 1 to a truth by a comparison operator. */
static bool compare(enum ast_op op, int order)
{
	switch (op) {
	case OPR_EQ: return order == 0;
	case OPR_NE: return order != 0;
	case OPR_LT: return order < 0;
	case OPR_LE: return order <= 0;
	case OPR_GT: return order > 0;
	default: return order >= 0;
	}
}

/* What a computation gives: a number without a sign, or a negative one. */
struct number {
	bool is_valid;
	bool is_negative;
	uint64_t value;
};

static struct number positive(uint64_t value)
{
	return (struct number){ .is_valid = true, .value = value };
}

static struct number signed_number(int64_t value)
{
	return (struct number){ .is_valid = true,
				.is_negative = value < 0,
				.value = (uint64_t)value };
}

static const struct number overflow = { 0 };

static struct number fold_unsigned(enum ast_op op, uint64_t a, uint64_t b)
{
	uint64_t r;

	switch (op) {
	case OPR_ADD: return __builtin_add_overflow(a, b, &r) ? overflow : positive(r);
	case OPR_MUL: return __builtin_mul_overflow(a, b, &r) ? overflow : positive(r);
	case OPR_SUB:
		if (a >= b)
			return positive(a - b);
		if (b - a - 1 > INT64_MAX)
			return overflow;
		return signed_number(-(int64_t)(b - a - 1) - 1);
	case OPR_DIV: return b ? positive(a / b) : overflow;
	case OPR_MOD: return b ? positive(a % b) : overflow;
	case OPR_BAND: return positive(a & b);
	case OPR_BOR: return positive(a | b);
	case OPR_BXOR: return positive(a ^ b);
	case OPR_SHL: return b < 64 ? positive(a << b) : overflow;
	case OPR_SHR: return b < 64 ? positive(a >> b) : overflow;
	default: return overflow;
	}
}

static struct number fold_signed(enum ast_op op, int64_t a, int64_t b)
{
	int64_t r;

	switch (op) {
	case OPR_ADD: return __builtin_add_overflow(a, b, &r) ? overflow : signed_number(r);
	case OPR_SUB: return __builtin_sub_overflow(a, b, &r) ? overflow : signed_number(r);
	case OPR_MUL:
		if (a < 0 && b < 0)
			return fold_unsigned(op, 0 - (uint64_t)a, 0 - (uint64_t)b);
		/* Of different signs: bpftrace's check is void, what does not fit wraps around. */
		(void)__builtin_mul_overflow(a, b, &r);
		return signed_number(r);
	case OPR_DIV:
		if (b == -1)
			return fold_signed(OPR_MUL, a, b);
		return b ? signed_number(a / b) : overflow;
	case OPR_MOD:
		if (b == -1)
			return positive(0);
		return b ? signed_number(a % b) : overflow;
	case OPR_BAND: return signed_number(a & b);
	case OPR_BOR: return signed_number(a | b);
	case OPR_BXOR: return signed_number(a ^ b);
	case OPR_SHL:
		return b >= 0 && b < 64 ? signed_number((int64_t)((uint64_t)a << b)) : overflow;
	case OPR_SHR: return b >= 0 && b < 64 ? signed_number(a >> b) : overflow;
	default: return overflow;
	}
}

static void fold_ints(struct sema *s, struct ast *node)
{
	const struct ast *l = node->binary.left;
	const struct ast *r = node->binary.right;
	enum ast_op op = node->binary.op;
	bool is_signed = l->integer.is_negative || r->integer.is_negative;
	struct number n = overflow;

	if (op == OPR_LAND || op == OPR_LOR) {
		bool a = l->integer.value != 0, b = r->integer.value != 0;

		sema_set_bool(node, op == OPR_LAND ? a && b : a || b);
		return;
	}
	/* A number beyond int64 and a negative one have no common type. */
	if (!is_signed || (!l->integer.is_unsigned && !r->integer.is_unsigned)) {
		uint64_t a = l->integer.value, b = r->integer.value;

		if (ast_op_is_comparison(op)) {
			int order = is_signed
					    ? ((int64_t)a > (int64_t)b) - ((int64_t)a < (int64_t)b)
					    : (a > b) - (a < b);

			sema_set_bool(node, compare(op, order));
			return;
		}
		n = is_signed ? fold_signed(op, (int64_t)a, (int64_t)b) : fold_unsigned(op, a, b);
	}
	if (!n.is_valid)
		diag_error(s->diags, node->span, FLOW_ERROR);
	else if (n.is_negative)
		sema_set_negative(node, (int64_t)n.value);
	else
		sema_set_int(node, n.value);
}

static void fold_bools(struct sema *s, struct ast *node)
{
	bool a = sema_literal_bool(node->binary.left);
	bool b = sema_literal_bool(node->binary.right);
	enum ast_op op = node->binary.op;

	switch (op) {
	case OPR_LAND:
	case OPR_MUL:
	case OPR_BAND: sema_set_bool(node, a && b); break;
	case OPR_LOR:
	case OPR_ADD:
	case OPR_BOR: sema_set_bool(node, a || b); break;
	case OPR_SUB:
	case OPR_BXOR: sema_set_bool(node, a != b); break;
	case OPR_SHL: sema_set_bool(node, !a && b); break;
	case OPR_SHR: sema_set_bool(node, a && !b); break;
	case OPR_DIV:
	case OPR_MOD:
		if (!b)
			diag_error(s->diags, node->span, FLOW_ERROR);
		sema_set_bool(node, op == OPR_DIV && a && b);
		break;
	default: sema_set_bool(node, compare(op, a - b)); break;
	}
}

/* A string and a number: "abc" + 1 is "bc". */
static void fold_string_offset(struct sema *s, struct ast *node, const struct ast *str,
			       const struct ast *n)
{
	if (n->integer.is_negative)
		return;
	if (n->integer.value >= str->string.len) {
		diag_warning(s->diags, node->span, "literal string will always be empty");
		sema_set_string(node, "", 0);
		return;
	}
	sema_set_string(node, str->string.data + n->integer.value,
			str->string.len - n->integer.value);
}

static void fold_two_strings(struct sema *s, struct ast *node)
{
	const struct ast *l = node->binary.left;
	const struct ast *r = node->binary.right;
	enum ast_op op = node->binary.op;

	if (op == OPR_LAND || op == OPR_LOR) {
		bool a = l->string.len != 0, b = r->string.len != 0;

		sema_set_bool(node, op == OPR_LAND ? a && b : a || b);
	} else if (ast_op_is_comparison(op)) {
		sema_set_bool(node, compare(op, compare_strings(l, r)));
	} else if (op == OPR_ADD) {
		size_t len = (size_t)l->string.len + r->string.len;
		char *data = arena_alloc(s->arena, len + 1);

		memcpy(data, l->string.data, l->string.len);
		memcpy(data + l->string.len, r->string.data, r->string.len);
		sema_set_string(node, data, len);
	} else {
		diag_error(s->diags, node->span, "illegal literal operation with strings");
	}
}

static void fold_string(struct sema *s, struct ast *node)
{
	const struct ast *l = node->binary.left;
	const struct ast *r = node->binary.right;
	enum ast_op op = node->binary.op;
	const struct ast *str = l->kind == AST_STRING ? l : r;
	const struct ast *other = str == l ? r : l;

	if (other->kind == AST_STRING)
		fold_two_strings(s, node);
	else if (op == OPR_ADD && is_int_literal(other))
		fold_string_offset(s, node, str, other);
	else if (other->kind == AST_BOOL && (op == OPR_LAND || op == OPR_LOR))
		fold_bools(s, node);
}

/* Two truth values, or one and a number that `&&` and `||` take for one. */
static bool are_bools(const struct ast *l, const struct ast *r, enum ast_op op)
{
	if (l->kind == AST_BOOL && r->kind == AST_BOOL)
		return true;
	return (op == OPR_LAND || op == OPR_LOR) && ((l->kind == AST_BOOL && is_int_literal(r)) ||
						     (r->kind == AST_BOOL && is_int_literal(l)));
}

static void fold_binary(struct sema *s, struct ast *node)
{
	const struct ast *l = node->binary.left;
	const struct ast *r = node->binary.right;
	enum ast_op op = node->binary.op;

	if (l->kind == AST_STRING || r->kind == AST_STRING) {
		fold_string(s, node);
	} else if (are_bools(l, r, op)) {
		fold_bools(s, node);
	} else if (is_int_literal(l) && is_int_literal(r)) {
		fold_ints(s, node);
	} else if (l->kind == r->kind && (l->kind == AST_TUPLE || l->kind == AST_RECORD) &&
		   (op == OPR_EQ || op == OPR_NE)) {
		int equal = items_equal(l, r);

		if (equal >= 0)
			sema_set_bool(node, (op == OPR_EQ) == (equal == 1));
	}
}

static void fold_unary(struct sema *s, struct ast *node)
{
	const struct ast *e = node->unary.operand;
	uint64_t value = e->integer.value;

	if (node->unary.op == OPR_LNOT && (e->kind == AST_BOOL || is_int_literal(e))) {
		sema_set_bool(node, !value);
		return;
	}
	if (!is_int_literal(e))
		return;
	if (node->unary.op == OPR_BNOT) {
		sema_set_int(node, ~value);
	} else if (node->unary.op == OPR_NEG && e->integer.is_negative) {
		sema_set_int(node, 0 - value);
	} else if (node->unary.op == OPR_NEG) {
		if (value > (uint64_t)INT64_MAX + 1)
			diag_error(s->diags, node->span, "negative value will underflow");
		else
			sema_set_negative(node, (int64_t)(0 - value));
	}
}

static const char *param(struct sema *s, uint32_t number)
{
	return number >= 1 && number <= s->params.len ? s->params.data[number - 1] : "";
}

static void fold_positional(struct sema *s, struct ast *node)
{
	const char *text = param(s, node->ident.number);
	bool is_negative = text[0] == '-';
	const char *message;
	uint64_t value;

	if (!text[0]) {
		diag_warning(s->diags, node->span,
			     "Positional parameter $%u is empty or not provided. ",
			     node->ident.number);
		sema_set_int(node, 0);
		return;
	}
	if (!number_parse(&value, s->arena, text + is_negative, strlen(text + is_negative),
			  &message) ||
	    (is_negative && value > (uint64_t)INT64_MAX + 1)) {
		sema_set_string(node, text, strlen(text));
		return;
	}
	if (is_negative)
		sema_set_negative(node, (int64_t)(0 - value));
	else
		sema_set_int(node, value);
}

/* str() of a literal is a literal; str($1) is the parameter as it is written. */
static void fold_str(struct sema *s, struct ast *call)
{
	struct ast *arg = call->call.args.data[0];
	struct ast *inner = arg;
	const char *text;
	size_t len;

	if (arg->kind == AST_BINARY && arg->binary.op == OPR_ADD)
		inner = arg->binary.left;
	if (inner->kind == AST_POSITIONAL) {
		text = param(s, inner->ident.number);
		sema_set_string(inner, text, strlen(text));
	}
	for (size_t i = 0; i < call->call.args.len; i++)
		sema_fold_tree(s, call->call.args.data[i]);
	if (is_int_literal(arg)) {
		text = arena_printf(s->arena, arg->integer.is_negative ? "%" PRId64 : "%" PRIu64,
				    arg->integer.value);
		len = strlen(text);
	} else if (arg->kind == AST_STRING) {
		text = arg->string.data;
		len = arg->string.len;
	} else {
		return;
	}
	if (call->call.args.len >= 2) {
		const struct ast *limit = call->call.args.data[1];

		if (!is_int_literal(limit) || limit->integer.is_negative)
			return;
		if (len > limit->integer.value)
			len = limit->integer.value;
	}
	sema_set_string(call, arena_strndup(s->arena, text, len), len);
}

static void set_empty_block(struct ast *node)
{
	struct ast block = { .kind = AST_BLOCK };

	sema_replace(node, &block);
}

static void fold_branch(struct sema *s, struct ast *node)
{
	struct ast *cond = node->branch.cond;
	struct ast *then = node->branch.then;
	struct ast *other = node->branch.other;

	sema_fold_tree(s, then);
	if (other)
		sema_fold_tree(s, other);
	if (cond->kind == AST_COMPTIME) {
		sema_fold_tree(s, cond->expr);
		if (!ast_is_literal(cond->expr))
			return;
		if (sema_literal_bool(cond->expr))
			sema_replace(node, then);
		else if (other)
			sema_replace(node, other);
		else
			set_empty_block(node);
		return;
	}
	sema_fold_tree(s, cond);
	if (!ast_is_literal(cond))
		return;
	if (node->kind == AST_TERNARY && other && ast_is_literal(then) && ast_is_literal(other))
		sema_replace(node, sema_literal_bool(cond) ? then : other);
	else if (cond->kind != AST_TUPLE && cond->kind != AST_RECORD)
		sema_set_bool(cond, sema_literal_bool(cond));
}

static bool is_empty_stmt(const struct ast *node)
{
	const struct ast *e = node->kind == AST_EXPR_STMT ? node->expr : node;

	return e->kind == AST_BLOCK && !e->block.stmts.len && !e->block.value;
}

/* What is left of a folded condition is spliced away, so that it costs nothing later. */
static void fold_block(struct ast *node)
{
	ast_list *stmts = &node->block.stmts;
	size_t kept = 0;

	for (size_t i = 0; i < stmts->len; i++) {
		if (!is_empty_stmt(stmts->data[i]))
			stmts->data[kept++] = stmts->data[i];
	}
	stmts->len = kept;
	if (!kept && node->block.value && ast_is_literal(node->block.value))
		sema_replace(node, node->block.value);
}

static void fold_index(struct ast *node)
{
	const struct ast *str = node->index.object;
	const struct ast *index = node->index.index;

	if (str->kind != AST_STRING || !is_int_literal(index) || index->integer.is_negative ||
	    index->integer.value > str->string.len)
		return;
	if (index->integer.value == str->string.len)
		sema_set_int(node, 0);
	else
		sema_set_int(node, (uint64_t)(int64_t)str->string.data[index->integer.value]);
}

static void fold_field(struct ast *node)
{
	struct ast *object = node->field.object;

	if (!ast_is_literal(object) || (object->kind != AST_TUPLE && object->kind != AST_RECORD))
		return;
	for (size_t i = 0; i < object->tuple.items.len; i++) {
		char number[24];
		const char *name = number;

		if (object->kind == AST_RECORD)
			name = object->tuple.names[i];
		else
			(void)snprintf(number, sizeof(number), "%zu", i);
		if (strcmp(name, node->field.name) == 0) {
			sema_replace(node, object->tuple.items.data[i]);
			return;
		}
	}
}

static void fold_comptime(struct ast *node)
{
	if (ast_is_literal(node->expr))
		sema_replace(node, node->expr);
	else if (node->expr->kind == AST_COMPTIME)
		node->expr = node->expr->expr;
}

static void fold_child(void *ctx, struct ast *child)
{
	sema_fold_tree(ctx, child);
}

void sema_fold_tree(struct sema *s, struct ast *node)
{
	if (node->kind == AST_IF || node->kind == AST_TERNARY) {
		fold_branch(s, node);
		return;
	}
	if (node->kind == AST_CALL && strcmp(node->call.name, "str") == 0 && node->call.args.len) {
		fold_str(s, node);
		return;
	}
	ast_each_child(node, fold_child, s);
	switch (node->kind) {
	case AST_POSITIONAL: fold_positional(s, node); break;
	case AST_POSITIONAL_COUNT: sema_set_int(node, s->params.len); break;
	case AST_UNARY: fold_unary(s, node); break;
	case AST_BINARY: fold_binary(s, node); break;
	case AST_BLOCK: fold_block(node); break;
	case AST_INDEX: fold_index(node); break;
	case AST_FIELD: fold_field(node); break;
	case AST_COMPTIME: fold_comptime(node); break;
	case AST_CALL: sema_fold_builtin(s, node); break;
	default: break;
	}
}

bool sema_fold(struct sema *s)
{
	size_t errors = s->diags->error_count;

	sema_each_probe(s, sema_fold_tree);
	for (size_t i = 0; i < s->program->probes.len; i++) {
		struct ast *predicate = s->program->probes.data[i]->predicate;

		if (predicate && ast_is_literal(predicate) && predicate->kind != AST_TUPLE &&
		    predicate->kind != AST_RECORD)
			sema_set_bool(predicate, sema_literal_bool(predicate));
	}
	return s->diags->error_count == errors;
}
