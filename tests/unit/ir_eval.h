/*
 * An evaluator of IR, for tests: what a program means, without a back end.
 */
#pragma once

#include "fake_kernel.h"
#include "ir/ir.h"

/* Run @p and return what it returns; *error when it does not end or does what has no meaning. */
uint64_t ir_eval(const struct ir_program *p, struct fake_kernel *k, const char **error);
/* The value of one operation on constants, as the machine computes it. */
uint64_t ir_eval_op(const struct ir_insn *insn, uint64_t a, uint64_t b);
