/*
 * Comparisons, selections and branches, for opt_fold().
 */
#include <stddef.h>

#include "ir/fold.h"

bool fold_compare(enum ir_cond cond, uint64_t a, uint64_t b)
{
	int64_t x = (int64_t)a, y = (int64_t)b;

	switch (cond) {
	case COND_EQ: return a == b;
	case COND_NE: return a != b;
	case COND_ULT: return a < b;
	case COND_ULE: return a <= b;
	case COND_UGT: return a > b;
	case COND_UGE: return a >= b;
	case COND_SLT: return x < y;
	case COND_SLE: return x <= y;
	case COND_SGT: return x > y;
	case COND_SGE: return x >= y;
	default: return (a & b) != 0;
	}
}

struct condition {
	enum ir_cond cond;
	struct ir_insn *a, *b;
	bool is_negated; // SET has no opposite
};

enum truth { UNKNOWN, IS_FALSE, IS_TRUE };

static enum truth truth(bool value)
{
	return value ? IS_TRUE : IS_FALSE;
}

/* Of a value up to @max, compared with @c. */
static enum truth decide_by_range(enum ir_cond cond, uint64_t max, uint64_t c)
{
	switch (cond) {
	case COND_EQ: return c > max ? IS_FALSE : UNKNOWN;
	case COND_NE: return c > max ? IS_TRUE : UNKNOWN;
	case COND_ULT: return c > max ? IS_TRUE : c == 0 ? IS_FALSE : UNKNOWN;
	case COND_ULE: return c >= max ? IS_TRUE : UNKNOWN;
	case COND_UGT: return c >= max ? IS_FALSE : UNKNOWN;
	case COND_UGE: return c == 0 ? IS_TRUE : c > max ? IS_FALSE : UNKNOWN;
	default: return UNKNOWN;
	}
}

static enum truth decide(const struct condition *c)
{
	if (c->a->op == OP_CONST && c->b->op == OP_CONST)
		return truth(fold_compare(c->cond, (uint64_t)c->a->imm, (uint64_t)c->b->imm));
	if (c->a == c->b && c->cond != COND_SET)
		return truth(fold_compare(c->cond, 0, 0));
	if (c->b->op != OP_CONST)
		return UNKNOWN;
	if (c->cond == COND_SET)
		return (fold_max(c->a) == 0 || c->b->imm == 0) ? IS_FALSE : UNKNOWN;
	return decide_by_range(c->cond, fold_max(c->a), (uint64_t)c->b->imm);
}

static enum ir_cond unsigned_cond(enum ir_cond cond)
{
	switch (cond) {
	case COND_SLT: return COND_ULT;
	case COND_SLE: return COND_ULE;
	case COND_SGT: return COND_UGT;
	case COND_SGE: return COND_UGE;
	default: return cond;
	}
}

/* Two numbers that are not negative compare alike either way; unsigned is what more is known of. */
static void prefer_unsigned(struct condition *c)
{
	if (fold_is_not_negative(c->a) && fold_is_not_negative(c->b))
		c->cond = unsigned_cond(c->cond);
}

/* x < 1 and the like. */
static void prefer_equality(struct fold *fo, struct condition *c, struct ir_insn *at)
{
	if (c->cond == COND_ULT && fold_is(c->b, 1)) {
		c->cond = COND_EQ;
		c->b = fold_const(fo, at, 0);
	} else if (c->cond == COND_UGE && fold_is(c->b, 1)) {
		c->cond = COND_NE;
		c->b = fold_const(fo, at, 0);
	} else if (c->cond == COND_UGT && fold_is(c->b, 0)) {
		c->cond = COND_NE;
	} else if (c->cond == COND_ULE && fold_is(c->b, 0)) {
		c->cond = COND_EQ;
	}
}

/* x < 2^k, where 2^k is no immediate: x >> k == 0 */
static void avoid_large_constant(struct fold *fo, struct condition *c, struct ir_insn *at)
{
	uint64_t v = (uint64_t)c->b->imm;

	if (c->b->op != OP_CONST || v <= INT32_MAX || (v & (v - 1)) != 0 ||
	    (c->cond != COND_ULT && c->cond != COND_UGE))
		return;
	c->a = fold_binary(fo, at, OP_LSHR, c->a, fold_const(fo, at, __builtin_ctzll(v)));
	c->b = fold_const(fo, at, 0);
	c->cond = c->cond == COND_ULT ? COND_EQ : COND_NE;
}

static void negate(struct condition *c)
{
	if (c->cond == COND_SET)
		c->is_negated = !c->is_negated;
	else
		c->cond = ir_cond_negate(c->cond);
}

/* x == 0 or x != 0, of an x that says what it is made of; whether that helped. */
static bool look_through_zero_test(struct condition *c)
{
	struct ir_insn *x = c->a;
	bool is_eq = c->cond == COND_EQ;

	switch (x->op) {
	case OP_CMP:
		c->cond = x->cond;
		c->a = x->args[0];
		c->b = x->args[1];
		break;
	case OP_AND:
		c->cond = COND_SET;
		c->a = x->args[0];
		c->b = x->args[1];
		break;
	case OP_XOR:
	case OP_SUB:
		c->cond = COND_NE;
		c->a = x->args[0];
		c->b = x->args[1];
		break;
	case OP_NEG:
	case OP_BSWAP:
		if (x->op == OP_BSWAP && x->width < 8)
			return false;
		c->a = x->args[0];
		return true;
	default: return false;
	}
	if (is_eq)
		negate(c);
	return true;
}

/* A comparison's own value, compared with 1. */
static void normalize_flag_test(struct fold *fo, struct condition *c, struct ir_insn *at)
{
	if (fold_max(c->a) != 1 || !fold_is(c->b, 1) || (c->cond != COND_EQ && c->cond != COND_NE))
		return;
	c->cond = c->cond == COND_EQ ? COND_NE : COND_EQ;
	c->b = fold_const(fo, at, 0);
}

static void normalize(struct fold *fo, struct condition *c, struct ir_insn *at)
{
	for (uint32_t i = 0; i < 4; i++) {
		if (c->a->op == OP_CONST && c->b->op != OP_CONST) {
			struct ir_insn *a = c->a;

			c->a = c->b;
			c->b = a;
			c->cond = ir_cond_swap(c->cond);
		}
		prefer_unsigned(c);
		prefer_equality(fo, c, at);
		avoid_large_constant(fo, c, at);
		normalize_flag_test(fo, c, at);
		if (!fold_is(c->b, 0) || (c->cond != COND_EQ && c->cond != COND_NE) ||
		    !look_through_zero_test(c))
			return;
	}
}

/* Of instructions that have cond, args[0] and args[1]. */
static struct condition condition_of(struct fold *fo, struct ir_insn *insn)
{
	struct condition c = { .cond = insn->cond, .a = insn->args[0], .b = insn->args[1] };

	normalize(fo, &c, insn);
	return c;
}

static void set_condition(struct ir_insn *insn, const struct condition *c)
{
	insn->cond = c->cond;
	insn->args[0] = c->a;
	insn->args[1] = c->b;
}

struct ir_insn *fold_cmp(struct fold *fo, struct ir_insn *insn)
{
	struct condition c = condition_of(fo, insn);
	enum truth known = decide(&c);

	if (known != UNKNOWN)
		return fold_const(fo, insn, (known == IS_TRUE) != c.is_negated);
	/* A flag is its own comparison with 0. */
	if (c.cond == COND_NE && fold_is(c.b, 0) && fold_max(c.a) == 1)
		return c.a;
	if (!c.is_negated)
		set_condition(insn, &c);
	return NULL;
}

struct ir_insn *fold_select(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *test = insn->args[0], *x = insn->args[1], *y = insn->args[2];

	if (test->op == OP_CONST)
		return test->imm ? x : y;
	if (x == y || (x->op == OP_CONST && y->op == OP_CONST && x->imm == y->imm))
		return x;
	if (test->op != OP_CMP) {
		if (fold_is(x, 1) && fold_is(y, 0) && fold_max(test) == 1)
			return test;
		return NULL;
	}
	if (fold_is(x, 1) && fold_is(y, 0))
		return test;
	/* The test of a comparison's value is that comparison. */
	if (test->cond == COND_NE && fold_is(test->args[1], 0)) {
		insn->args[0] = test->args[0];
	} else if (test->cond == COND_EQ && fold_is(test->args[1], 0)) {
		insn->args[0] = test->args[0];
		insn->args[1] = y;
		insn->args[2] = x;
	}
	(void)fo;
	return NULL;
}

static void swap_successors(struct ir_block *b)
{
	struct ir_block *yes = b->succs[0];

	b->succs[0] = b->succs[1];
	b->succs[1] = yes;
}

static void become_jump(struct fold *fo, struct ir_insn *branch, uint32_t lost)
{
	struct ir_block *b = branch->block;
	struct ir_block *kept = b->succs[!lost];

	ir_remove_edge(b, b->succs[lost]);
	b->succs[0] = kept;
	b->succs[1] = NULL;
	branch->op = OP_JUMP;
	branch->arg_count = 0;
	fo->has_cut_edge = true;
}

static bool has_phi(const struct ir_block *b)
{
	return b->first->op == OP_PHI;
}

void fold_branch(struct fold *fo, struct ir_insn *insn)
{
	struct ir_block *b = insn->block;
	struct condition c = condition_of(fo, insn);
	enum truth known = decide(&c);

	/* Both ways to one block: which entry of its preds is which way is kept by their order. */
	if (b->succs[0] == b->succs[1]) {
		if (!has_phi(b->succs[0]))
			become_jump(fo, insn, 1);
		return;
	}
	set_condition(insn, &c);
	if (c.is_negated)
		swap_successors(b);
	if (known != UNKNOWN)
		become_jump(fo, insn, known == IS_TRUE);
}
