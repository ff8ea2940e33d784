/*
 * Emission: allocated MIR -> struct bpf_insn, all functions of a program one after the other.
 */
#pragma once

#include "bpf/image.h"
#include "bpf/insn.h"
#include "bpf/mir.h"
#include "util/vec.h"

struct emit_jump { // to be filled in when the target's place is known
	uint32_t pc;
	const struct mir_block *target;
};

struct emit_func_ref { // an LD_IMM64 that takes a function's address
	uint32_t pc;
	uint32_t func;
};

struct emitter {
	struct arena *arena;
	bool cpu_v4;
	vec_of(struct bpf_insn) insns;
	vec_of(struct image_line) lines; // one where the span changes
	vec_of(struct image_reloc) relocs;
	vec_of(struct image_func) funcs;
	vec_of(struct emit_jump) jumps;
	vec_of(struct emit_func_ref) func_refs;
	const struct mir_func *func; // being emitted
	int32_t emergency[2]; // stack slots: for a cycle, for a saved register; 0: not yet needed
	uint32_t insn;        // of func
	struct span span;
	int32_t frame_bytes;
	bool is_long;      // jumps of the function don't reach: see emit_island()
	uint32_t island;   // pc after the last one
	const char *error; // NULL, or why the program can't be expressed
};

void emit_init(struct emitter *e, struct arena *a, bool cpu_v4);
/*
 * Append @m, whose frame is e->frame_bytes afterwards.  e->error is set when a jump can't reach its
 * target.
 */
void emit_func(struct emitter *e, const struct mir_func *m);
/* Fill in the addresses of functions, once all are there. */
void emit_finish(struct emitter *e);

void emit_insn(struct emitter *e, struct bpf_insn insn);
/* An M_LD64, M_FRAME or M_MOVE of an immediate, into register @dst. */
void emit_remat(struct emitter *e, const struct mir_insn *m, uint32_t dst);
/*
 * Do @count moves as if at the same time.  @temp is a register that is free unless it is a source,
 * or REG_NONE: one is then looked for, or saved for a moment.
 */
void emit_moves(struct emitter *e, const struct mir_move *moves, uint32_t count, uint32_t temp);
