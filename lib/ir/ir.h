/*
 * The intermediate representation: SSA over basic blocks, one struct ir_func per BPF function.
 *
 * An instruction is a value; operands are pointers to instructions of the same function.  All
 * values are 64 bits wide.  Memory is explicit: local objects (slots, on the stack or in per-CPU
 * scratch memory, which a pass decides), map values, the context; loads and stores are direct
 * accesses that the verifier must accept, everything else goes through helper calls.  ir.md
 * describes the text form; ir_parse(ir_print(f)) is identity.
 *
 * Memory: everything lives in func->arena.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lang/source.h"
#include "util/vec.h"

enum ir_op {
#define OP(name, ...) OP_##name,
#include "ir/ops.def"
	OP_COUNT,
};

enum ir_cond {
	COND_EQ,
	COND_NE,
	COND_ULT,
	COND_ULE,
	COND_UGT,
	COND_UGE,
	COND_SLT,
	COND_SLE,
	COND_SGT,
	COND_SGE,
	COND_SET, // a & b != 0
	COND_COUNT,
};

struct ir_block;
struct ir_func;

/* What a pointer value points at, for the verifier of the IR and for printing. */
enum ir_mem { MEM_NONE, MEM_SLOT, MEM_MAP_VALUE, MEM_CTX, MEM_BTF, MEM_RINGBUF, MEM_UNKNOWN };

struct ir_insn {
	enum ir_op op;
	enum ir_cond cond; // CMP, BRANCH
	uint8_t width;     // bytes: LOAD, STORE, ATOMIC_ADD, ZEXT, SEXT, BSWAP
	bool is_signed;    // LOAD
	bool is_volatile;  // LOAD: never merged or removed (read twice on purpose)
	uint16_t arg_count;
	uint32_t id;     // %id in the text form; unique in the function
	uint32_t helper; // CALL: BPF_FUNC_*
	uint32_t slot;   // SLOT: index in func->slots
	uint32_t map;    // MAP, MAP_VALUE: index in image_builder's maps (bpf/image.h)
	uint32_t size;   // ZERO, MEMCPY
	int64_t imm;
	int64_t imm2;
	struct ir_insn **args; // operands; arg_count of them
	struct ir_block *block;
	struct ir_insn *prev, *next; // in the block
	struct span span;
	/* Scratch for passes; meaning is the pass's own, no pass relies on another's. */
	struct ir_insn *replacement;
	uint32_t use_count;
	uint32_t mark;
};

struct ir_block {
	uint32_t id;
	struct ir_insn *first, *last;    // phis come first; the last one is a terminator
	vec_of(struct ir_block *) preds; // in the order of phi operands
	struct ir_block *succs[2];
	struct ir_block *prev, *next; // layout order; func->entry is first
	bool is_cold;                 // error paths: laid out last
	/* cfg_compute(), dom_compute(), live_compute(): */
	uint32_t rpo;          // reverse postorder number, from 0
	struct ir_block *idom; // NULL: the entry
	uint32_t dom_depth;
	uint32_t dom_first,
		dom_size; // its number in a preorder of the dominator tree; of its subtree
	uint32_t loop_depth;
	vec_of(struct ir_insn *) live_in, live_out; // a phi is not live into its block; its
						    // operands live out of the predecessors
	struct ir_func *func;
	uint32_t mark; // scratch for passes
};

/* A local object. */
struct ir_slot {
	uint32_t size;      // bytes
	uint32_t align;     // 1, 2, 4 or 8
	const char *name;   // for printing, or NULL
	bool is_scratch_ok; // may be placed in per-CPU scratch memory (not: captured by callbacks)
	bool is_whole;      // must not share its bytes with other slots
	/* placement (bpf/frame.c): */
	bool in_scratch;
	int32_t offset; // below r10 (negative), or from the scratch area's start
};

struct ir_func {
	struct arena *arena;
	const char *name;
	uint32_t index;       // 0: the main function; else the number that OP_FUNC refers to
	uint32_t param_count; // callbacks: PARAM 0 …
	struct ir_block *entry, *tail; // layout list
	uint32_t insn_count;           // next id
	struct ir_block **rpo_blocks;  // cfg_compute(): rpo_count blocks in reverse postorder
	uint32_t rpo_count, rpo_cap;
	uint32_t block_count;
	vec_of(struct ir_slot) slots;
};

/* One BPF program: its main function and its callbacks. */
struct ir_program {
	struct arena *arena;
	const char *name;
	vec_of(struct ir_func *) funcs; // [0] is main
};

/* Building: an instruction is appended to the end of @b. */
struct ir_func *ir_func_new(struct ir_program *p, const char *name);
struct ir_block *ir_block_new(struct ir_func *f); // appended to the layout
uint32_t ir_slot_new(struct ir_func *f, uint32_t size, uint32_t align, const char *name);
struct ir_insn *ir_insn_new(struct ir_func *f, enum ir_op op, uint32_t arg_count);
void ir_append(struct ir_block *b, struct ir_insn *insn);
void ir_insert_before(struct ir_insn *at, struct ir_insn *insn);
void ir_insert_after(struct ir_insn *at, struct ir_insn *insn);
void ir_remove(struct ir_insn *insn);
/* Links block->succs and the target's preds; phis of @to must get their operand separately. */
void ir_set_jump(struct ir_block *from, struct ir_block *to, struct span span);
void ir_set_branch(struct ir_block *from, enum ir_cond cond, struct ir_insn *a, struct ir_insn *b,
		   struct ir_block *yes, struct ir_block *no, struct span span);

/* Changing, for passes. */
void ir_block_unlink(struct ir_block *b); // from the layout only
void ir_block_insert_after(struct ir_block *at, struct ir_block *b);
/* One edge from -> to is no more: succs, preds and phis are adjusted, the terminator is not. */
void ir_remove_edge(struct ir_block *from, struct ir_block *to);
size_t ir_pred_index(const struct ir_block *b, const struct ir_block *pred);
/* What @insn is replaced by in the end; itself if it isn't. */
struct ir_insn *ir_replacement(struct ir_insn *insn);
/* Let all operands follow insn->replacement, and remove the instructions that have one. */
void ir_apply_replacements(struct ir_func *f);
void ir_count_uses(struct ir_func *f); // insn->use_count

static inline bool ir_is_const(const struct ir_insn *insn)
{
	return insn->op == OP_CONST;
}
bool ir_has_result(const struct ir_insn *insn);
bool ir_has_side_effect(const struct ir_insn *insn);
bool ir_reads_memory(const struct ir_insn *insn);
bool ir_is_terminator(const struct ir_insn *insn);
bool ir_is_commutative(const struct ir_insn *insn);
bool ir_clobbers(const struct ir_insn *insn); // the caller-saved registers
int ir_op_arg_count(enum ir_op op);           // -1: variable
enum ir_cond ir_cond_negate(enum ir_cond c);
enum ir_cond ir_cond_swap(enum ir_cond c); // a c b  ==  b swap(c) a
const char *ir_op_name(enum ir_op op);
const char *ir_cond_name(enum ir_cond c);
const char *ir_helper_name(uint32_t helper); // without "bpf_"; NULL if not in bpf/helpers.def

#define ir_foreach_block(f, b) for (struct ir_block *b = (f)->entry; b; b = b->next)
#define ir_foreach_insn(b, i)  for (struct ir_insn *i = (b)->first; i; i = i->next)
/* Allows removal of @i. */
#define ir_foreach_insn_safe(b, i, n)                                                              \
	for (struct ir_insn *i = (b)->first, *n = i ? i->next : NULL; i;                           \
	     i = n, n = i ? i->next : NULL)

void ir_print_func(FILE *out, const struct ir_func *f);
void ir_print_program(FILE *out, const struct ir_program *p);
/* NULL and *error set (in the arena) when @text is not a well-formed program. */
struct ir_program *ir_parse(struct arena *a, const char *text, const char **error);
/*
 * Checks the rules above; NULL or a message (in the arena).  Computes the control flow graph and
 * dominators.  Runs after each pass in debug builds.
 */
const char *ir_verify(struct ir_func *f);

/*
 * Removes unreachable blocks; fills rpo, loop_depth; keeps preds and their order.  Every pass below
 * may call it.
 */
void cfg_compute(struct ir_func *f);
void dom_compute(struct ir_func *f); // idom, dom_depth; requires cfg_compute()
bool dom_dominates(const struct ir_block *a, const struct ir_block *b);
struct ir_block *dom_common(struct ir_block *a,
			    struct ir_block *b); // the closest that dominates both
void live_compute(struct ir_func *f);            // live_in, live_out; requires cfg_compute()

/* Passes.  Each takes and leaves valid SSA; ir_optimize() is the list of them in order. */
void opt_fold(struct ir_func *f); // constants, identities, strength reduction, branch folding
void opt_copy(struct ir_func *f); // copies and trivial phis
void opt_cse(struct ir_func *f); // common subexpressions, pure helper calls (pid, comm …) included
void opt_load(
	struct ir_func *f); // store-to-load forwarding, dead stores, merging of adjacent zeroing
void opt_dce(struct ir_func *f);  // dead code
void opt_sink(struct ir_func *f); // values to where they are used
void opt_cfg(struct ir_func *f);  // jump threading, merging of blocks, cold blocks last
void ir_optimize(struct ir_func *f);
/* Remove the callbacks that no code passes to a helper any more: the verifier wants none of them.
 */
void ir_drop_uncalled(struct ir_program *p);
