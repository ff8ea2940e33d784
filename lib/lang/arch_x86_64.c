#include "lang/arch.h"

/* struct pt_regs: r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip,
 * cs, flags, sp, ss. */
static const struct arch_register registers[] = {
	{ "ax", 80 },        { "bp", 32 },  { "bx", 40 },     { "cs", 136 }, { "cx", 88 },
	{ "di", 112 },       { "dx", 96 },  { "flags", 144 }, { "ip", 128 }, { "orig_ax", 120 },
	{ "orig_rax", 120 }, { "pc", 128 }, { "r10", 56 },    { "r11", 48 }, { "r12", 24 },
	{ "r13", 16 },       { "r14", 8 },  { "r15", 0 },     { "r8", 72 },  { "r9", 64 },
	{ "si", 104 },       { "sp", 152 }, { "ss", 160 },    { 0 },
};

static const struct arch_constant constants[] = { { 0 } };

const struct arch arch_x86_64 = {
	.name = "x86_64",
	.registers = registers,
	.arguments = { 112, 104, 96, 88, 72, 64 }, // di, si, dx, cx, r8, r9
	.argument_count = 6,
	.syscall_arguments = { 112, 104, 96, 56, 72, 64 }, // r10, as the instruction takes cx
	.retval = 80,                                      // ax
	.pc = 128,
	.sp = 152,
	.stack_arguments = 8, // above the return address
	.syscall = 120,       // orig_ax
	.syscall_size = 8,
	.mode = 136, // cs: the low bits are the ring; 0x33 is user code of 64 bits, 0x23 of 32
	.user_mask = 3,
	.user_value = 3,
	.width_bit = 0x10,
	.width_bit_is_64 = true,
	.watchpoint_modes = "rw,w,x",
	.constants = constants,
	.library_folder = "x86_64-linux-gnu",
	.library_flags = 0x0303, // FLAG_X8664_LIB64 | FLAG_ELF_LIBC6
};
