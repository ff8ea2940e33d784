/*
 * What differs between the architectures that can be traced: a table each, arch_NAME.c.
 *
 * The architecture is a property of the target, so that the compiler can work for another machine
 * than the one it runs on.  Offsets are bytes in the context of kprobe, uprobe and perf programs:
 * struct pt_regs, on arm64 struct user_pt_regs, with which the kernel's struct pt_regs starts.
 *
 * References: arch/NAME/include/asm/ptrace.h and uapi/asm/ptrace.h of Linux; System V ABI, AMD64
 * supplement; Procedure Call Standard for the Arm 64-bit Architecture.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct target;

struct arch_register {
	const char *name;
	uint16_t offset;
};

struct arch_constant {
	const char *name;
	int64_t value;
};

struct arch {
	const char *name; // "x86_64", "arm64"
	/* All that reg() knows; ends with name NULL. */
	const struct arch_register *registers;
	/* Where functions are given their arguments, system calls theirs. */
	uint16_t arguments[8];
	uint32_t argument_count;
	uint16_t syscall_arguments[6];
	uint16_t retval;
	uint16_t pc;
	uint16_t sp;
	uint16_t stack_arguments; // from sp, when a function is entered, to its first one
	uint16_t syscall;         // the number, in the kernel's struct pt_regs
	uint16_t syscall_size;    // its bytes
	/* What tells the processor's mode: user code has (mode & user_mask) == user_value. */
	uint16_t mode;
	uint16_t user_mask;
	uint16_t user_value;
	uint16_t width_bit;     // of mode: is it code of 64 bits?
	bool width_bit_is_64;   // … if set
	bool has_unsigned_char; // C's plain char
	/* Arguments: a struct of more than 16 bytes is given by address, not on the stack. */
	bool has_structs_by_address;
	/* … and those behind the first one on the stack are all there. */
	bool has_stack_to_the_end;
	/* Watchpoints, in the order r, w, x; separated by commas. */
	const char *watchpoint_modes;
	/* Constants of C headers that lang/constants.def has otherwise; ends with name NULL. */
	const struct arch_constant *constants;
	/* Where libraries are: the folder's name, and what marks them in /etc/ld.so.cache. */
	const char *library_folder;
	int32_t library_flags;
};

extern const struct arch arch_x86_64, arch_arm64;

/* Of the machine this program was built for. */
const struct arch *arch_native(void);
/* Of the target; if that is NULL or does not say, this machine's. */
const struct arch *arch_of(const struct target *t);
/* By name; NULL: there is none. */
const struct arch *arch_find(const char *name);
