/*
 * Register allocation.
 */
#pragma once

#include "bpf/mir.h"

/*
 * Requires: no critical edges.  m->frame_bytes is what the slots take.
 * Provides: every operand is a register or memory; m->fixes; m->frame_bytes with the spill slots.
 */
void regalloc_run(struct mir_func *m);
/* Registers (bit r) that hold nothing around instruction number @insn. */
uint32_t regalloc_free_registers(const struct mir_func *m, uint32_t insn);
