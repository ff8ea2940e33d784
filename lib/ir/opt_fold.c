/*
 * Constant folding, algebraic identities, strength reduction, branch folding: one walk in reverse
 * postorder, so that operands come before their users (but for phis in loops).
 */
#include <stddef.h>

#include "ir/fold.h"

#define MAX_DEPTH 4 // of expressions that fold_max() looks into

struct ir_insn *fold_const(struct fold *fo, struct ir_insn *at, int64_t imm)
{
	struct ir_insn *insn = ir_insn_new(fo->f, OP_CONST, 0);

	insn->imm = imm;
	insn->span = at->span;
	ir_insert_before(at, insn);
	return insn;
}

struct ir_insn *fold_binary(struct fold *fo, struct ir_insn *at, enum ir_op op, struct ir_insn *a,
			    struct ir_insn *b)
{
	struct ir_insn *insn = ir_insn_new(fo->f, op, 2);

	insn->args[0] = a;
	insn->args[1] = b;
	a->use_count++;
	b->use_count++;
	insn->span = at->span;
	ir_insert_before(at, insn);
	return insn;
}

/* --- what is known of a value --------------------------------------------------------------- */

static uint64_t width_max(uint32_t width)
{
	return width >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

static uint64_t ones_below(uint64_t v)
{
	return v ? UINT64_MAX >> __builtin_clzll(v) : 0;
}

/*
 * No more than the verifier knows: a test that makes it accept a program must not be folded away.
 * It knows nothing of quotients, remainders and swapped bytes.
 */
static uint64_t max_of(const struct ir_insn *v, uint32_t depth);

static uint64_t max_of_binary(const struct ir_insn *v, uint32_t depth)
{
	uint64_t a = max_of(v->args[0], depth), b = max_of(v->args[1], depth);
	uint64_t out;
	const struct ir_insn *c = v->args[1]->op == OP_CONST ? v->args[1] : NULL;

	switch (v->op) {
	case OP_AND: return a < b ? a : b;
	case OP_OR:
	case OP_XOR: return ones_below(a | b);
	case OP_ADD: return __builtin_add_overflow(a, b, &out) ? UINT64_MAX : out;
	case OP_MUL: return __builtin_mul_overflow(a, b, &out) ? UINT64_MAX : out;
	case OP_LSHR: return c ? a >> (c->imm & 63) : a;
	case OP_SHL:
		if (c && ones_below(a) << (c->imm & 63) >> (c->imm & 63) == ones_below(a))
			return a << (c->imm & 63);
		return UINT64_MAX;
	default: return UINT64_MAX;
	}
}

static uint64_t max_of(const struct ir_insn *v, uint32_t depth)
{
	uint64_t a, b;

	switch (v->op) {
	case OP_CONST: return (uint64_t)v->imm;
	case OP_LOAD: return v->is_signed ? UINT64_MAX : width_max(v->width);
	case OP_CMP: return 1;
	default: break;
	}
	if (depth == MAX_DEPTH)
		return UINT64_MAX;
	switch (v->op) {
	case OP_ZEXT:
		a = max_of(v->args[0], depth + 1);
		b = width_max(v->width);
		return a < b ? a : b;
	case OP_SELECT:
		a = max_of(v->args[1], depth + 1);
		b = max_of(v->args[2], depth + 1);
		return a > b ? a : b;
	case OP_AND:
	case OP_OR:
	case OP_XOR:
	case OP_ADD:
	case OP_MUL:
	case OP_LSHR:
	case OP_SHL: return max_of_binary(v, depth + 1);
	default: return UINT64_MAX;
	}
}

uint64_t fold_max(const struct ir_insn *v)
{
	return max_of(v, 0);
}

/* --- constants ------------------------------------------------------------------------------ */

static int64_t divide_signed(int64_t a, int64_t b, bool is_modulo)
{
	if (b == 0)
		return is_modulo ? a : 0;
	if (b == -1) // INT64_MIN / -1
		return is_modulo ? 0 : (int64_t) - (uint64_t)a;
	return is_modulo ? a % b : a / b;
}

static uint64_t low_bytes(uint64_t v, uint32_t width)
{
	return v & width_max(width);
}

static int64_t sign_extend(uint64_t v, uint32_t width)
{
	uint32_t bits = 64 - 8 * width;

	return (int64_t)(v << bits) >> bits;
}

static bool compute(const struct ir_insn *insn, int64_t *out)
{
	uint64_t a = (uint64_t)insn->args[0]->imm;
	uint64_t b = insn->arg_count > 1 ? (uint64_t)insn->args[1]->imm : 0;

	switch (insn->op) {
	case OP_ADD: *out = (int64_t)(a + b); return true;
	case OP_SUB: *out = (int64_t)(a - b); return true;
	case OP_MUL: *out = (int64_t)(a * b); return true;
	case OP_UDIV: *out = b ? (int64_t)(a / b) : 0; return true;
	case OP_UMOD: *out = (int64_t)(b ? a % b : a); return true;
	case OP_SDIV: *out = divide_signed((int64_t)a, (int64_t)b, false); return true;
	case OP_SMOD: *out = divide_signed((int64_t)a, (int64_t)b, true); return true;
	case OP_AND: *out = (int64_t)(a & b); return true;
	case OP_OR: *out = (int64_t)(a | b); return true;
	case OP_XOR: *out = (int64_t)(a ^ b); return true;
	case OP_SHL: *out = (int64_t)(a << (b & 63)); return true;
	case OP_LSHR: *out = (int64_t)(a >> (b & 63)); return true;
	case OP_ASHR: *out = (int64_t)a >> (b & 63); return true;
	case OP_NEG: *out = (int64_t)-a; return true;
	case OP_ZEXT: *out = (int64_t)low_bytes(a, insn->width); return true;
	case OP_SEXT: *out = sign_extend(a, insn->width); return true;
	case OP_BSWAP:
		*out = (int64_t)(__builtin_bswap64(a) >> (64 - 8 * insn->width));
		return true;
	default: return false;
	}
}

static struct ir_insn *fold_constants(struct fold *fo, struct ir_insn *insn)
{
	int64_t value;

	if (insn->arg_count == 0 || insn->arg_count > 2)
		return NULL;
	for (uint32_t i = 0; i < insn->arg_count; i++)
		if (insn->args[i]->op != OP_CONST)
			return NULL;
	return compute(insn, &value) ? fold_const(fo, insn, value) : NULL;
}

/* --- arithmetic ----------------------------------------------------------------------------- */

static bool is_power_of_2(int64_t v)
{
	return v > 0 && (v & (v - 1)) == 0;
}

static void set_op(struct ir_insn *insn, enum ir_op op, struct ir_insn *a, struct ir_insn *b)
{
	insn->op = op;
	insn->args[0] = a;
	insn->args[1] = b;
}

/* (x op c1) op c2 -> x op (c1 op c2) */
static void reassociate(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *inner = insn->args[0];
	struct ir_insn both = *insn;
	struct ir_insn *args[2] = { NULL, insn->args[1] };
	int64_t value;

	if (inner->op != insn->op || inner->args[1]->op != OP_CONST)
		return;
	args[0] = inner->args[1];
	both.args = args;
	if (!compute(&both, &value))
		return;
	set_op(insn, insn->op, inner->args[0], fold_const(fo, insn, value));
}

static struct ir_insn *fold_add(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *a = insn->args[0], *b = insn->args[1];

	if (fold_is(b, 0))
		return a;
	if (b->op == OP_NEG) {
		set_op(insn, OP_SUB, a, b->args[0]);
		return NULL;
	}
	if (b->op == OP_CONST)
		reassociate(fo, insn);
	else if (a->op == OP_ADD && a->args[1]->op == OP_CONST && a->use_count == 1)
		/* (x + c) + y -> (x + y) + c: the constant becomes an access's offset. */
		set_op(insn, OP_ADD, fold_binary(fo, insn, OP_ADD, a->args[0], b), a->args[1]);
	return fold_address(fo, insn);
}

static struct ir_insn *fold_sub(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *a = insn->args[0], *b = insn->args[1];

	if (a == b)
		return fold_const(fo, insn, 0);
	if (b->op == OP_CONST && b->imm != INT64_MIN) {
		set_op(insn, OP_ADD, a, fold_const(fo, insn, -b->imm));
		return fold_add(fo, insn);
	}
	if (fold_is(a, 0)) {
		set_op(insn, OP_NEG, b, NULL);
		insn->arg_count = 1;
	}
	return NULL;
}

static struct ir_insn *fold_mul(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *a = insn->args[0], *b = insn->args[1];

	if (b->op != OP_CONST)
		return NULL;
	if (b->imm == 0 || b->imm == 1)
		return b->imm ? a : b;
	if (is_power_of_2(b->imm))
		set_op(insn, OP_SHL, a, fold_const(fo, insn, __builtin_ctzll((uint64_t)b->imm)));
	else
		reassociate(fo, insn);
	return NULL;
}

/* Round towards zero: add 2^k - 1 to negative numbers before shifting. */
static struct ir_insn *biased(struct fold *fo, struct ir_insn *insn, int64_t power)
{
	struct ir_insn *a = insn->args[0];
	int bits = __builtin_ctzll((uint64_t)power);
	struct ir_insn *bias = fold_binary(fo, insn, OP_ASHR, a, fold_const(fo, insn, 63));

	bias = fold_binary(fo, insn, OP_LSHR, bias, fold_const(fo, insn, 64 - bits));
	return fold_binary(fo, insn, OP_ADD, a, bias);
}

static struct ir_insn *fold_signed_division(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *a = insn->args[0], *b = insn->args[1];
	bool is_division = insn->op == OP_SDIV;

	if (fold_is_not_negative(a) && fold_is_not_negative(b)) {
		insn->op = is_division ? OP_UDIV : OP_UMOD;
		return NULL;
	}
	if (b->op != OP_CONST)
		return NULL;
	if (b->imm == 0)
		return is_division ? b : a;
	if (b->imm == 1 || b->imm == -1) {
		if (!is_division)
			return fold_const(fo, insn, 0);
		return b->imm == 1 ? a : fold_binary(fo, insn, OP_SUB, fold_const(fo, insn, 0), a);
	}
	if (!is_power_of_2(b->imm))
		return NULL;
	if (is_division) {
		struct ir_insn *bits = fold_const(fo, insn, __builtin_ctzll((uint64_t)b->imm));

		return fold_binary(fo, insn, OP_ASHR, biased(fo, insn, b->imm), bits);
	}
	return fold_binary(fo, insn, OP_SUB, a,
			   fold_binary(fo, insn, OP_AND, biased(fo, insn, b->imm),
				       fold_const(fo, insn, -b->imm)));
}

static struct ir_insn *fold_division(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *a = insn->args[0], *b = insn->args[1];
	bool is_division = insn->op == OP_UDIV;

	if (b->op != OP_CONST)
		return NULL;
	if (b->imm == 0)
		return is_division ? b : a;
	if (b->imm == 1)
		return is_division ? a : fold_const(fo, insn, 0);
	if ((uint64_t)b->imm > fold_max(a))
		return is_division ? fold_const(fo, insn, 0) : a;
	if (!is_power_of_2(b->imm))
		return NULL;
	if (is_division)
		set_op(insn, OP_LSHR, a, fold_const(fo, insn, __builtin_ctzll((uint64_t)b->imm)));
	else
		set_op(insn, OP_AND, a, fold_const(fo, insn, b->imm - 1));
	return NULL;
}

static struct ir_insn *fold_and(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *a = insn->args[0], *b = insn->args[1];

	if (a == b || fold_is(b, -1))
		return a;
	if (b->op != OP_CONST)
		return NULL;
	if (b->imm == 0)
		return b;
	/* All bits that a can have are in the mask. */
	if ((ones_below(fold_max(a)) & ~(uint64_t)b->imm) == 0)
		return a;
	reassociate(fo, insn);
	b = insn->args[1];
	if (b->imm == UINT32_MAX) { // no 32-bit immediate
		insn->op = OP_ZEXT;
		insn->width = 4;
		insn->arg_count = 1;
		return fold_extension(fo, insn);
	}
	return NULL;
}

static struct ir_insn *fold_or_xor(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *a = insn->args[0], *b = insn->args[1];

	if (a == b)
		return insn->op == OP_OR ? a : fold_const(fo, insn, 0);
	if (fold_is(b, 0))
		return a;
	if (insn->op == OP_OR && fold_is(b, -1))
		return b;
	if (b->op == OP_CONST)
		reassociate(fo, insn);
	return NULL;
}

static struct ir_insn *fold_shift(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *a = insn->args[0], *b = insn->args[1];
	int64_t sum;

	if (fold_is(a, 0))
		return a;
	if (b->op != OP_CONST)
		return NULL;
	if ((b->imm & 63) == 0)
		return a;
	if (b->imm != (b->imm & 63))
		insn->args[1] = b = fold_const(fo, insn, b->imm & 63);
	if (insn->op == OP_ASHR && fold_is_not_negative(a))
		insn->op = OP_LSHR;
	if (insn->op == OP_LSHR && b->imm >= 0 && fold_max(a) >> b->imm == 0)
		return fold_const(fo, insn, 0);
	if (a->op != insn->op || a->args[1]->op != OP_CONST)
		return NULL;
	sum = (a->args[1]->imm & 63) + b->imm;
	if (sum > 63 && insn->op != OP_ASHR)
		return fold_const(fo, insn, 0);
	set_op(insn, insn->op, a->args[0], fold_const(fo, insn, sum > 63 ? 63 : sum));
	return NULL;
}

static void constant_to_the_right(struct ir_insn *insn)
{
	struct ir_insn *a = insn->args[0];

	if (a->op == OP_CONST && insn->args[1]->op != OP_CONST) {
		insn->args[0] = insn->args[1];
		insn->args[1] = a;
	}
}

static struct ir_insn *simplify(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *constant = fold_constants(fo, insn);

	if (constant)
		return constant;
	if (ir_is_commutative(insn))
		constant_to_the_right(insn);
	switch (insn->op) {
	case OP_ADD: return fold_add(fo, insn);
	case OP_SUB: return fold_sub(fo, insn);
	case OP_MUL: return fold_mul(fo, insn);
	case OP_SDIV:
	case OP_SMOD: return fold_signed_division(fo, insn);
	case OP_UDIV:
	case OP_UMOD: return fold_division(fo, insn);
	case OP_AND: return fold_and(fo, insn);
	case OP_OR:
	case OP_XOR: return fold_or_xor(fo, insn);
	case OP_SHL:
	case OP_LSHR:
	case OP_ASHR: return fold_shift(fo, insn);
	case OP_NEG: return insn->args[0]->op == OP_NEG ? insn->args[0]->args[0] : NULL;
	case OP_ZEXT:
	case OP_SEXT: return fold_extension(fo, insn);
	case OP_COPY: return insn->args[0];
	case OP_CMP: return fold_cmp(fo, insn);
	case OP_SELECT: return fold_select(fo, insn);
	case OP_BRANCH: fold_branch(fo, insn); return NULL;
	case OP_LOAD:
	case OP_STORE:
	case OP_ATOMIC_ADD:
	case OP_ZERO:
	case OP_MEMCPY: fold_memory(fo, insn); return NULL;
	default: return NULL;
	}
}

/* use_count is kept at least as large as the truth. */
static void visit(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *before[3] = { NULL };

	for (uint32_t i = 0; i < insn->arg_count; i++) {
		insn->args[i] = ir_replacement(insn->args[i]);
		if (i < 3)
			before[i] = insn->args[i];
	}
	insn->replacement = simplify(fo, insn);
	for (uint32_t i = 0; i < insn->arg_count && i < 3; i++)
		if (insn->args[i] != before[i])
			insn->args[i]->use_count++;
	if (insn->replacement)
		insn->replacement->use_count += insn->use_count;
}

void opt_fold(struct ir_func *f)
{
	struct fold fo = { .f = f };

	cfg_compute(f);
	ir_count_uses(f);
	for (uint32_t i = 0; i < f->rpo_count; i++)
		ir_foreach_insn (f->rpo_blocks[i], insn)
			visit(&fo, insn);
	ir_apply_replacements(f);
	if (fo.has_cut_edge)
		cfg_compute(f);
}
