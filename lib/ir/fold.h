/*
 * Inside opt_fold(): what its files share.
 *
 *     opt_fold.c        the walk, constants, arithmetic
 *     opt_fold_cond.c   comparisons, selections, branches
 *     opt_fold_mem.c    addresses, what is stored and loaded
 */
#pragma once

#include "ir/ir.h"

struct fold {
	struct ir_func *f;
	bool has_cut_edge; // a branch was decided: blocks may be unreachable
};

/*
 * Each looks at one instruction and returns its replacement, or NULL after having perhaps changed
 * it.  Operands are final: none has a replacement.
 */
struct ir_insn *fold_cmp(struct fold *fo, struct ir_insn *insn);
struct ir_insn *fold_select(struct fold *fo, struct ir_insn *insn);
void fold_branch(struct fold *fo, struct ir_insn *insn);
struct ir_insn *fold_address(struct fold *fo, struct ir_insn *insn); // ADD
void fold_memory(struct fold *fo, struct ir_insn *insn);
struct ir_insn *fold_extension(struct fold *fo, struct ir_insn *insn);

/* New instructions, in front of @at. */
struct ir_insn *fold_const(struct fold *fo, struct ir_insn *at, int64_t imm);
struct ir_insn *fold_binary(struct fold *fo, struct ir_insn *at, enum ir_op op, struct ir_insn *a,
			    struct ir_insn *b);

bool fold_compare(enum ir_cond cond, uint64_t a, uint64_t b);
/* The value can't be larger, as an unsigned number. */
uint64_t fold_max(const struct ir_insn *v);
static inline bool fold_is_not_negative(const struct ir_insn *v)
{
	return fold_max(v) <= INT64_MAX;
}

static inline bool fold_is(const struct ir_insn *v, int64_t imm)
{
	return v->op == OP_CONST && v->imm == imm;
}
