/*
 * Instruction boundaries of machine code (x86-64 and aarch64), by our own length decoder: a uprobe
 * in the middle of an instruction would crash the program that is traced.
 *
 * Reference: Intel SDM volume 2, chapter 2 and appendix A (opcode maps).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the x86-64 instruction at @code (of @size bytes); 0: invalid or cut off. */
size_t insn_length_x86_64(const uint8_t *code, size_t size);

/* Whether an instruction starts at @offset of the function @code.  @machine: EM_*. */
bool insn_is_boundary(const uint8_t *code, size_t size, size_t offset, uint16_t machine);

/*
 * Offsets of all return instructions of a function, ascending, at most @max; the number found
 * (which may be larger than @max), or -1 if the code could not be decoded.
 */
long insn_find_returns(const uint8_t *code, size_t size, uint16_t machine, uint64_t *offsets,
		       size_t max);
