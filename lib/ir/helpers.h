/*
 * What passes know about kernel helpers: bpf/helpers.def.
 */
#pragma once

#include "ir/ir.h"

/* The letters of helpers.def for @insn's arguments; NULL for helpers that are not in the table. */
const char *helper_args(const struct ir_insn *insn);
bool helper_is_pure(const struct ir_insn *insn);  // the same result all the time
bool helper_is_clock(const struct ir_insn *insn); // the same result until something happens
/* Nothing happens but its result and, maybe, that memory is written. */
bool helper_is_harmless(const struct ir_insn *insn);
/* Nothing happens but its result. */
bool helper_is_removable(const struct ir_insn *insn);
/*
 * The memory that argument @i of the call is about.  *size is 0 when it is not known.
 */
enum helper_access { ACCESS_NONE, ACCESS_READ, ACCESS_WRITE_ALL, ACCESS_WRITE_SOME };
enum helper_access helper_access(const struct ir_insn *insn, uint32_t i, uint64_t *size);
/* A load from the context or the kernel's memory, which a program can't change: once is enough. */
bool helper_is_stable_load(const struct ir_insn *insn);
