/*
 * Operations that the machine has no instruction for, as others.
 *
 * Signed division comes with ISA v4 only, and there INT64_MIN / -1 faults on the processors of
 * early kernels, so it is computed from unsigned division here.  Clearing and copying of more than
 * LONG_BYTES becomes a loop.
 */
#include "bpf/codegen.h"

#define LONG_BYTES  1024
#define CHUNK_BYTES 64

static struct ir_insn *before(struct ir_func *f, struct ir_insn *at, enum ir_op op,
			      struct ir_insn *a, struct ir_insn *b)
{
	struct ir_insn *insn = ir_insn_new(f, op, 2);

	insn->args[0] = a;
	insn->args[1] = b;
	insn->span = at->span;
	ir_insert_before(at, insn);
	return insn;
}

static struct ir_insn *constant(struct ir_func *f, struct ir_insn *at, int64_t imm)
{
	struct ir_insn *insn = ir_insn_new(f, OP_CONST, 0);

	insn->imm = imm;
	ir_insert_before(at, insn);
	return insn;
}

/* With s = x >> 63: (x ^ s) - s is |x| for s = 0 or -1, and the way back. */
static struct ir_insn *apply_sign(struct ir_func *f, struct ir_insn *at, struct ir_insn *x,
				  struct ir_insn *sign)
{
	return before(f, at, OP_SUB, before(f, at, OP_XOR, x, sign), sign);
}

/*
 * a / b with b = 0 gives 0, and a % 0 gives a, as unsigned division does on this machine.
 */
static void expand_signed(struct ir_func *f, struct ir_insn *insn)
{
	struct ir_insn *a = insn->args[0], *b = insn->args[1];
	struct ir_insn *bits = constant(f, insn, 63);
	struct ir_insn *sign_a = before(f, insn, OP_ASHR, a, bits);
	struct ir_insn *sign = sign_a;
	struct ir_insn *result;
	bool is_division = insn->op == OP_SDIV;

	if (b->op == OP_CONST) {
		if (b->imm < 0 && is_division)
			sign = before(f, insn, OP_XOR, sign_a, constant(f, insn, -1));
		b = constant(f, insn, b->imm < 0 ? (int64_t) - (uint64_t)b->imm : b->imm);
	} else {
		struct ir_insn *sign_b = before(f, insn, OP_ASHR, b, bits);

		if (is_division)
			sign = before(f, insn, OP_XOR, sign_a, sign_b);
		b = apply_sign(f, insn, b, sign_b);
	}
	a = apply_sign(f, insn, a, sign_a);
	result = before(f, insn, is_division ? OP_UDIV : OP_UMOD, a, b);
	insn->replacement = apply_sign(f, insn, result, sign);
}

/* Move what follows @insn into a new block, and remove @insn. */
static struct ir_block *split_block(struct ir_func *f, struct ir_insn *insn)
{
	struct ir_block *b = insn->block;
	struct ir_block *rest = ir_block_new(f);

	ir_block_unlink(rest);
	ir_block_insert_after(b, rest);
	rest->is_cold = b->is_cold;
	for (struct ir_insn *next = insn->next, *after; next; next = after) {
		after = next->next;
		ir_remove(next);
		ir_append(rest, next);
	}
	for (uint32_t i = 0; i < 2; i++) {
		rest->succs[i] = b->succs[i];
		b->succs[i] = NULL;
		if (rest->succs[i])
			rest->succs[i]->preds.data[ir_pred_index(rest->succs[i], b)] = rest;
	}
	ir_remove(insn);
	return rest;
}

/* A ZERO or MEMCPY of @size bytes as @insn does them, at its addresses + @at, at the end of @b. */
static void append_piece(struct ir_func *f, struct ir_block *b, const struct ir_insn *insn,
			 struct ir_insn *at, uint32_t skip, uint32_t size)
{
	struct ir_insn *piece = ir_insn_new(f, insn->op, insn->arg_count);

	for (uint32_t i = 0; i < insn->arg_count; i++) {
		piece->args[i] = insn->args[i];
		if (!at)
			continue;
		piece->args[i] = ir_insn_new(f, OP_ADD, 2);
		piece->args[i]->args[0] = insn->args[i];
		piece->args[i]->args[1] = at;
		ir_append(b, piece->args[i]);
	}
	piece->imm = insn->imm + skip;
	piece->imm2 = insn->imm2 + skip;
	piece->size = size;
	piece->span = insn->span;
	ir_append(b, piece);
}

static struct ir_insn *append_const(struct ir_func *f, struct ir_block *b, int64_t imm)
{
	struct ir_insn *insn = ir_insn_new(f, OP_CONST, 0);

	insn->imm = imm;
	ir_append(b, insn);
	return insn;
}

/*
 *     i = 0
 *     do { piece at address + i; i += CHUNK_BYTES } while (i < whole)
 *     rest
 */
static void expand_long(struct ir_func *f, struct ir_insn *insn)
{
	uint32_t whole = insn->size / CHUNK_BYTES * CHUNK_BYTES;
	struct ir_block *from = insn->block;
	struct ir_block *rest = split_block(f, insn);
	struct ir_block *loop = ir_block_new(f);
	struct ir_insn *first = rest->first;
	struct ir_insn *i = ir_insn_new(f, OP_PHI, 2);
	struct ir_insn *next = ir_insn_new(f, OP_ADD, 2);

	ir_block_unlink(loop);
	ir_block_insert_after(from, loop);
	loop->is_cold = from->is_cold;
	i->args[0] = append_const(f, from, 0);
	i->args[1] = next;
	ir_set_jump(from, loop, insn->span);
	ir_append(loop, i);
	append_piece(f, loop, insn, i, 0, CHUNK_BYTES);
	next->args[0] = i;
	next->args[1] = append_const(f, loop, CHUNK_BYTES);
	ir_append(loop, next);
	ir_set_branch(loop, COND_ULT, next, append_const(f, loop, whole), loop, rest, insn->span);
	if (insn->size == whole)
		return;
	/* To the front of the block it ends up at the end of. */
	append_piece(f, rest, insn, NULL, whole, insn->size - whole);
	if (first) {
		struct ir_insn *piece = rest->last;

		ir_remove(piece);
		ir_insert_before(first, piece);
	}
}

/* The context is read at constant offsets only (check_ctx_access() in the verifier). */
static bool is_long(const struct ir_insn *insn)
{
	if (insn->op == OP_MEMCPY && insn->args[1]->op == OP_CTX)
		return false;
	return (insn->op == OP_ZERO || insn->op == OP_MEMCPY) && insn->size > LONG_BYTES;
}

void legalize_func(struct ir_func *f, const struct codegen_options *o)
{
	(void)o;
	ir_foreach_block (f, b)
		ir_foreach_insn_safe(b, insn, next)
		{
			if (insn->op == OP_SDIV || insn->op == OP_SMOD)
				expand_signed(f, insn);
			if (is_long(insn)) {
				expand_long(f, insn);
				break; // the rest is in a later block
			}
		}
	ir_apply_replacements(f);
}
