/*
 * Machine IR: BPF instructions over virtual registers, between instruction selection and emission.
 *
 *     isel_func()     IR -> MIR; phis become parallel copies at the end of the predecessors
 *     ival_build()    live intervals, with holes, of the virtual registers
 *     regalloc_run()  linear scan: each operand gets a register or a stack slot; spill code
 *     emit_func()     MIR -> struct bpf_insn
 *
 * Instructions have three-address form (dst = a op b); emission adds the move where dst and a are
 * not the same register.  Every virtual register has one definition, but for those of phis, which
 * are written by each predecessor's copy.
 *
 * Positions: instruction number i reads its operands at 2i and writes its result at 2i + 1, so a
 * result can have the register of an operand that ends there.  Operands that must not share with
 * the result ("late") are read until 2i + 2.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "ir/ir.h"
#include "util/vec.h"

/* kernel/bpf/verifier.c and Documentation/bpf/standardization: the machine. */
#define BPF_STACK_BYTES 512     // MAX_BPF_STACK, of a program and the functions it calls together
#define BPF_FIRST_SAVED 6       // r6 to r9 survive calls
#define BPF_REGS        10      // that can be allocated: r0 to r9
#define BPF_MAX_INSNS   1000000 // BPF_COMPLEXITY_LIMIT_INSNS
#define REG_NONE        0xff

enum mir_op {
	M_ENTRY,      // moves: parameters r1 … into virtual registers
	M_MOVE,       // dst = a
	M_LD64,       // dst = imm, or what reloc says
	M_FRAME,      // dst = r10 + imm
	M_ALU,        // dst = a code b
	M_NEG,        // dst = -a
	M_ZEXT32,     // dst = low 4 bytes of a
	M_SEXT,       // dst = low width bytes of a, sign-extended (ISA v4)
	M_BSWAP,      // dst = low width bytes of a, reversed
	M_LOAD,       // dst = *(width *)(a + off)
	M_STORE,      // *(width *)(a + off) = b
	M_ATOMIC_ADD, // *(width *)(a + off) += b
	M_SELECT,     // dst = (a cond b) ? x : y
	M_CALL,       // moves: arguments into r1 …; then the helper imm
	M_RESULT,     // dst = r0, right after a call
	M_COPIES,     // moves: all at once
	M_JUMP,       // to target
	M_BRANCH,     // if a cond b goto target, else goto other
	M_RETURN,     // return a
};

/* How the 64-bit immediate of M_LD64 is to be understood. */
enum mir_reloc { RELOC_NONE, RELOC_MAP, RELOC_MAP_VALUE, RELOC_FUNC, RELOC_BTF_ID };

enum mir_call { CALL_HELPER, CALL_KFUNC };

enum operand_kind { OPERAND_NONE, OPERAND_VREG, OPERAND_REG, OPERAND_IMM, OPERAND_MEM };

/* An operand.  Allocation turns virtual registers into registers, or memory: r10 + imm. */
struct mir_operand {
	enum operand_kind kind;
	union {
		uint32_t vreg;
		uint32_t reg;
		int32_t imm;
	};
};

struct mir_insn;

/* One of a parallel set of moves. */
struct mir_move {
	struct mir_operand dst;
	struct mir_operand src;
	const struct mir_insn *remat; // src NONE: an M_LD64 or M_FRAME that computes the value
};

struct mir_insn {
	enum mir_op op;
	enum ir_cond cond;
	uint8_t code; // M_ALU: BPF_ADD …
	uint8_t width;
	bool is_signed;
	enum mir_reloc reloc;
	enum mir_call call;
	uint32_t map;
	int16_t off;
	int64_t imm;
	struct mir_operand dst, a, b, x, y;
	struct mir_move *moves;
	uint32_t move_count;
	struct mir_block *target, *other;
	struct span span;
};

struct mir_block {
	uint32_t index;
	uint32_t first, end; // in func->insns
	uint32_t loop_depth;
	bool is_cold;
	struct mir_block *succs[2];
	vec_of(struct mir_block *) preds;
	vec_of(uint32_t) live_in, live_out; // virtual registers
	uint32_t mark;
	uint32_t pc; // emission
};

struct ival;

struct mir_vreg {
	const struct mir_insn *remat; // its definition, if it can be computed again anywhere
	int8_t hint_reg;              // register it should better be in; -1 none
	uint32_t hint_from;           // virtual register it is computed from; 0 none
	uint32_t hint_to;             // virtual register that is computed from it; 0 none
	bool is_spilled;
	int32_t spill_offset; // from r10, negative; 0: never in memory
	struct ival *ival;    // the first of its intervals
};

/* When a move that allocation adds is done, among those of one position. */
enum fix_phase { FIX_SPLIT, FIX_EDGE, FIX_STORE };

/* A move that allocation adds: before instruction number `insn`, stores after it. */
struct mir_fix {
	uint32_t insn;
	enum fix_phase phase;
	struct mir_move move;
};

struct mir_func {
	struct arena *arena;
	const char *name;
	uint32_t param_count;
	vec_of(struct mir_insn) insns;
	struct mir_block *blocks; // in layout order
	uint32_t block_count;
	vec_of(struct mir_vreg) vregs; // [0] is unused
	vec_of(struct mir_fix) fixes;  // sorted by instruction and phase
	int32_t frame_bytes;           // of slots, then of spill slots too: a multiple of 8
};

struct codegen_options {
	bool cpu_v4;          // instructions of ISA v4 may be used
	uint32_t scratch_map; // index that the scratch map has or will have
	uint32_t cpu_slots;   // a power of two, all CPU numbers are below
};

/*
 * Requires: critical edges split (phi_split_edges()), slots placed (frame_place()), dom_compute().
 */
struct mir_func *isel_func(struct arena *a, struct ir_func *f, const struct codegen_options *o);

static inline bool mir_is_call(const struct mir_insn *insn)
{
	return insn->op == M_CALL;
}
