/*
 * An interpreter of BPF bytecode, for tests: like the kernel's, but it also refuses what the
 * verifier would refuse and random programs are likely to show: reading a register or stack bytes
 * that were never written, unaligned stack access, access outside of known memory.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/image.h"
#include "fake_kernel.h"

struct interp;

/*
 * Run @p, whose maps are those of @k, and return what it returns.  *error is set to a message when
 * it does something forbidden; insn count executed in *steps when not NULL.
 */
uint64_t interp_run(const struct image_program *p, struct fake_kernel *k, const char **error,
		    uint64_t *steps);
