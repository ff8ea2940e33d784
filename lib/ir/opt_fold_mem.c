/*
 * Addresses, extensions, and what is stored and loaded, for opt_fold().
 */
#include <stddef.h>

#include "ir/fold.h"

#define MAX_OFFSET 0x7000 // of 16-bit offsets, with room for the size of the access

/* slot + c: one instruction.  The kernel checks what an instruction says of a map value: that
 * stays. */
struct ir_insn *fold_address(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *base = insn->args[0], *off = insn->args[1];
	struct ir_insn *address;

	if (base->op != OP_SLOT || off->op != OP_CONST)
		return NULL;
	address = ir_insn_new(fo->f, base->op, 0);
	address->slot = base->slot;
	address->imm = base->imm + off->imm;
	address->span = insn->span;
	ir_insert_before(insn, address);
	return address;
}

static void fold_base(struct ir_insn *insn, uint32_t i, int64_t *imm)
{
	struct ir_insn *base = insn->args[i];
	int64_t off;

	if (base->op != OP_ADD || base->args[1]->op != OP_CONST)
		return;
	if (__builtin_add_overflow(*imm, base->args[1]->imm, &off) || off < -MAX_OFFSET ||
	    off > MAX_OFFSET)
		return;
	insn->args[i] = base->args[0];
	*imm = off;
}

static uint64_t mask_of(uint32_t width)
{
	return width >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

/* What has the same low @width bytes as @v, without extending them first. */
static struct ir_insn *strip_extension(struct ir_insn *v, uint32_t width)
{
	for (;;) {
		bool is_extension = (v->op == OP_ZEXT || v->op == OP_SEXT) && v->width >= width;
		bool is_mask = v->op == OP_AND && v->args[1]->op == OP_CONST &&
			       (~(uint64_t)v->args[1]->imm & mask_of(width)) == 0;

		if (!is_extension && !is_mask)
			return v;
		v = v->args[0];
	}
}

void fold_memory(struct fold *fo, struct ir_insn *insn)
{
	(void)fo;
	fold_base(insn, 0, &insn->imm);
	if (insn->op == OP_MEMCPY)
		fold_base(insn, 1, &insn->imm2);
	if (insn->op == OP_STORE)
		insn->args[1] = strip_extension(insn->args[1], insn->width);
}

static bool is_sign_extended(const struct ir_insn *v, uint32_t width)
{
	if ((v->op == OP_SEXT || (v->op == OP_LOAD && v->is_signed)) && v->width <= width)
		return true;
	return fold_max(v) <= mask_of(width) >> 1;
}

/* ZEXT, SEXT */
struct ir_insn *fold_extension(struct fold *fo, struct ir_insn *insn)
{
	struct ir_insn *v = strip_extension(insn->args[0], insn->width);
	bool is_signed = insn->op == OP_SEXT;

	(void)fo;
	insn->args[0] = v;
	if (is_signed ? is_sign_extended(v, insn->width) : fold_max(v) <= mask_of(insn->width))
		return v;
	/* A load of that width can extend as well. */
	if (v->op == OP_LOAD && v->width == insn->width && v->use_count == 1 && !v->is_volatile) {
		v->is_signed = is_signed;
		return v;
	}
	if (is_signed && fold_is_not_negative(v) && fold_max(v) <= mask_of(insn->width) >> 1)
		insn->op = OP_ZEXT;
	return NULL;
}
