#include "lang/arch.h"

/* struct user_pt_regs: x0 … x30, sp, pc, pstate.  bpftrace calls x0 "r0". */
static const struct arch_register registers[] = {
	{ "r0", 0 },    { "r1", 8 },       { "r2", 16 },   { "r3", 24 },   { "r4", 32 },
	{ "r5", 40 },   { "r6", 48 },      { "r7", 56 },   { "r8", 64 },   { "r9", 72 },
	{ "r10", 80 },  { "r11", 88 },     { "r12", 96 },  { "r13", 104 }, { "r14", 112 },
	{ "r15", 120 }, { "r16", 128 },    { "r17", 136 }, { "r18", 144 }, { "r19", 152 },
	{ "r20", 160 }, { "r21", 168 },    { "r22", 176 }, { "r23", 184 }, { "r24", 192 },
	{ "r25", 200 }, { "r26", 208 },    { "r27", 216 }, { "r28", 224 }, { "r29", 232 },
	{ "r30", 240 }, { "x0", 0 },       { "x1", 8 },    { "x2", 16 },   { "x3", 24 },
	{ "x4", 32 },   { "x5", 40 },      { "x6", 48 },   { "x7", 56 },   { "x8", 64 },
	{ "x9", 72 },   { "x10", 80 },     { "x11", 88 },  { "x12", 96 },  { "x13", 104 },
	{ "x14", 112 }, { "x15", 120 },    { "x16", 128 }, { "x17", 136 }, { "x18", 144 },
	{ "x19", 152 }, { "x20", 160 },    { "x21", 168 }, { "x22", 176 }, { "x23", 184 },
	{ "x24", 192 }, { "x25", 200 },    { "x26", 208 }, { "x27", 216 }, { "x28", 224 },
	{ "x29", 232 }, { "x30", 240 },    { "fp", 232 },  { "lr", 240 },  { "sp", 248 },
	{ "pc", 256 },  { "pstate", 264 }, { 0 },
};

/* arch/arm64/include/uapi/asm/fcntl.h */
static const struct arch_constant constants[] = {
	{ "O_DIRECT", 0200000 },
	{ "O_DIRECTORY", 040000 },
	{ "O_NOFOLLOW", 0100000 },
	{ "O_TMPFILE", 020040000 },
	{ 0 },
};

const struct arch arch_arm64 = {
	.name = "arm64",
	.registers = registers,
	.arguments = { 0, 8, 16, 24, 32, 40, 48, 56 },
	.argument_count = 8,
	.syscall_arguments = { 0, 8, 16, 24, 32, 40 },
	.retval = 0,
	.pc = 256,
	.sp = 248,
	.stack_arguments = 0, // the return address is in a register
	.syscall = 280,       // syscallno, after orig_x0
	.syscall_size = 4,
	.mode = 264, // pstate: the low bits are the exception level, bit 4 is set in 32-bit code
	.user_mask = 0xf,
	.user_value = 0,
	.width_bit = 0x10,
	.width_bit_is_64 = false,
	.has_unsigned_char = true,
	.has_structs_by_address = true,
	.has_stack_to_the_end = true,
	.watchpoint_modes = "r,rw,w,x",
	.constants = constants,
	.library_folder = "aarch64-linux-gnu",
	.library_flags = 0x0a03, // FLAG_AARCH64_LIB64 | FLAG_ELF_LIBC6
};
