/*
 * struct bpf_insn, as values.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

/* ISA v4 and newer encodings, missing in older uapi headers. */
#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80
#endif
#ifndef BPF_PSEUDO_KFUNC_CALL
#define BPF_PSEUDO_KFUNC_CALL 2
#endif
#ifndef BPF_PSEUDO_FUNC
#define BPF_PSEUDO_FUNC 4
#endif

static inline struct bpf_insn insn_make(uint8_t code, uint32_t dst, uint32_t src, int16_t off,
					int32_t imm)
{
	return (struct bpf_insn){
		.code = code,
		.dst_reg = (uint8_t)(dst & 0xf),
		.src_reg = (uint8_t)(src & 0xf),
		.off = off,
		.imm = imm,
	};
}

/* BPF_B … BPF_DW of a width in bytes. */
static inline uint8_t insn_size(uint32_t width)
{
	return width == 1 ? BPF_B : width == 2 ? BPF_H : width == 4 ? BPF_W : BPF_DW;
}

static inline uint32_t insn_width(uint8_t code)
{
	switch (BPF_SIZE(code)) {
	case BPF_B: return 1;
	case BPF_H: return 2;
	case BPF_W: return 4;
	default: return 8;
	}
}

static inline bool insn_is_ld64(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static inline struct bpf_insn insn_move(uint32_t dst, uint32_t src)
{
	return insn_make(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static inline struct bpf_insn insn_move_imm(uint32_t dst, int32_t imm)
{
	return insn_make(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static inline struct bpf_insn insn_alu(uint8_t op, uint32_t dst, uint32_t src)
{
	return insn_make(BPF_ALU64 | op | BPF_X, dst, src, 0, 0);
}

static inline struct bpf_insn insn_alu_imm(uint8_t op, uint32_t dst, int32_t imm)
{
	return insn_make(BPF_ALU64 | op | BPF_K, dst, 0, 0, imm);
}

static inline struct bpf_insn insn_load(uint32_t width, uint32_t dst, uint32_t base, int16_t off)
{
	return insn_make(BPF_LDX | BPF_MEM | insn_size(width), dst, base, off, 0);
}

static inline struct bpf_insn insn_store(uint32_t width, uint32_t base, int16_t off, uint32_t src)
{
	return insn_make(BPF_STX | BPF_MEM | insn_size(width), base, src, off, 0);
}

static inline struct bpf_insn insn_store_imm(uint32_t width, uint32_t base, int16_t off,
					     int32_t imm)
{
	return insn_make(BPF_ST | BPF_MEM | insn_size(width), base, 0, off, imm);
}
