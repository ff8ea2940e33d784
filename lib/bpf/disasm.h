/*
 * Disassembly, in the style of `bpftool prog dump xlated`.
 */
#pragma once

#include <stdio.h>

#include "bpf/image.h"

/* The program's instructions with their functions and the lines of the script they come from. */
void disasm_program(FILE *out, const struct image *image, const struct image_program *p);
/* One instruction (LD_IMM64: two) without a newline; returns how many were taken. */
uint32_t disasm_insn(FILE *out, const struct bpf_insn *insn);
