/*
 * USDT: statically defined probes of user programs, from .note.stapsdt.
 *
 * A probe (provider:name) may have several sites, each with its own argument locations: the
 * compiler inlines.  Addresses are corrected for prelinking with .stapsdt.base.
 *
 * Reference: sourceware.org/systemtap/wiki/UserSpaceProbeImplementation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kern/elf.h"
#include "util/err.h"

#define USDT_ARGS_MAX 12

enum usdt_arg_kind {
	USDT_ARG_CONST, // value
	USDT_ARG_REG,   // the register at reg of struct pt_regs
	USDT_ARG_MEM,   // the memory at reg + value (+ index << scale_shift), of the user process
};

struct usdt_arg {
	enum usdt_arg_kind kind;
	uint8_t size; // 1, 2, 4 or 8 bytes
	bool is_signed;
	bool is_float;       // not readable as an integer
	uint8_t reg_shift;   // a high byte register (%ah): the value is at bit 8
	uint8_t scale_shift; // 0..3
	int16_t reg;         // byte offset in the BPF program's struct pt_regs context
	int16_t index;       // the same of the index register, -1: none
	int64_t value;       // constant or displacement
};

struct usdt_site {
	const char *provider;
	const char *name;
	const char *spec; // the argument string, "-4@%edi 8@-8(%rbp)"
	uint64_t address; // virtual, of the nop
	uint64_t offset;  // in the file
	uint64_t semaphore_address;
	uint64_t semaphore_offset; // in the file; 0: the probe has no semaphore
	uint32_t arg_count;
	struct usdt_arg args[USDT_ARGS_MAX];
	bool is_spec_valid; // false: an argument could not be understood; arg_count is 0
};

struct usdt_sites {
	struct usdt_site *sites; // in the order of the notes
	size_t count;
};

/*
 * All sites of @e.  Strings stay in @e.  No notes: *out empty and 0.  -EINVAL: the note section is
 * malformed.  usdt_sites_finish() frees.
 */
int usdt_read(struct usdt_sites *out, struct kelf *e, struct err *err)
	__attribute__((warn_unused_result));
void usdt_sites_finish(struct usdt_sites *s);

/* Parse one argument list for @machine (EM_X86_64, EM_AARCH64); the number of them, or -EINVAL. */
int usdt_parse_args(struct usdt_arg args[USDT_ARGS_MAX], const char *spec, uint16_t machine)
	__attribute__((warn_unused_result));
