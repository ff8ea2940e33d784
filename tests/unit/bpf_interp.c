#include "bpf_interp.h"

#include <stdio.h>
#include <string.h>

#include "bpf/insn.h"

#define STACK_BYTES 512
#define MAX_DEPTH   8
#define MAX_STEPS   10000000

struct frame {
	_Alignas(8) uint8_t stack[STACK_BYTES];
	bool is_written[STACK_BYTES];
	uint64_t regs[11];
	uint32_t written; // bit r: the register has a value
};

struct interp {
	const struct image_program *p;
	struct fake_kernel *k;
	struct frame frames[MAX_DEPTH];
	uint32_t depth;
	uint64_t steps;
	char error[128];
	uint32_t pc;
};

static uint64_t run_function(struct interp *in, uint32_t pc, uint64_t a, uint64_t b);

static void fail(struct interp *in, const char *what)
{
	if (!in->error[0])
		snprintf(in->error, sizeof(in->error), "pc %u: %s", in->pc, what);
}

static uint64_t read_reg(struct interp *in, const struct frame *f, uint32_t r)
{
	if (!(f->written & (1u << r)))
		fail(in, "register has no value");
	return f->regs[r];
}

static void write_reg(struct frame *f, uint32_t r, uint64_t value)
{
	f->regs[r] = value;
	f->written |= 1u << r;
}

static bool is_inside(uint64_t address, uint32_t width, const void *start, uint64_t len)
{
	uint64_t from = (uint64_t)(uintptr_t)start;

	return address >= from && address + width <= from + len;
}

/* The frame whose stack @address is in; *off is where. */
static struct frame *stack_of(struct interp *in, uint64_t address, uint32_t width, uint32_t *off)
{
	for (uint32_t i = 0; i < in->depth; i++) {
		struct frame *f = &in->frames[i];

		if (is_inside(address, width, f->stack, STACK_BYTES)) {
			*off = (uint32_t)(address - (uint64_t)(uintptr_t)f->stack);
			return f;
		}
	}
	return NULL;
}

static bool check_access(struct interp *in, uint64_t address, uint32_t width, bool is_write)
{
	const struct fake_kernel *k = in->k;
	uint32_t off;
	struct frame *f = stack_of(in, address, width, &off);

	if (f) {
		if (off % width)
			fail(in, "unaligned stack access");
		for (uint32_t i = off; i < off + width; i++) {
			if (is_write)
				f->is_written[i] = true;
			else if (!f->is_written[i])
				fail(in, "stack read that was never written");
		}
		return !in->error[0];
	}
	if (is_inside(address, width, k->values, sizeof(k->values)) ||
	    is_inside(address, width, k->cells, sizeof(k->cells)) ||
	    (!is_write && is_inside(address, width, k->ctx, sizeof(k->ctx))))
		return true;
	fail(in, "access outside of memory");
	return false;
}

static uint64_t load(struct interp *in, uint64_t address, uint32_t width, bool is_signed)
{
	uint64_t value = 0;
	uint32_t bits = 64 - 8 * width;

	if (!check_access(in, address, width, false))
		return 0;
	memcpy(&value, (void *)(uintptr_t)address, width);
	return is_signed && bits ? (uint64_t)((int64_t)(value << bits) >> bits) : value;
}

static void store(struct interp *in, uint64_t address, uint32_t width, uint64_t value)
{
	if (check_access(in, address, width, true))
		memcpy((void *)(uintptr_t)address, &value, width);
}

static uint64_t alu(struct interp *in, uint8_t op, uint64_t a, uint64_t b, int16_t off)
{
	switch (op) {
	case BPF_ADD: return a + b;
	case BPF_SUB: return a - b;
	case BPF_MUL: return a * b;
	case BPF_DIV: return b ? a / b : 0;
	case BPF_MOD: return b ? a % b : a;
	case BPF_OR: return a | b;
	case BPF_AND: return a & b;
	case BPF_XOR: return a ^ b;
	case BPF_LSH: return a << (b & 63);
	case BPF_RSH: return a >> (b & 63);
	case BPF_ARSH: return (uint64_t)((int64_t)a >> (b & 63));
	case BPF_NEG: return -a;
	case BPF_MOV:
		if (off)
			return (uint64_t)((int64_t)(b << (64 - off)) >> (64 - off));
		return b;
	default: fail(in, "unknown operation"); return 0;
	}
}

static uint64_t swap(uint64_t v, int32_t bits)
{
	return __builtin_bswap64(v) >> (64 - bits);
}

static void run_alu(struct interp *in, struct frame *f, const struct bpf_insn *insn)
{
	uint8_t op = BPF_OP(insn->code);
	bool is_64 = BPF_CLASS(insn->code) == BPF_ALU64;
	uint64_t a = 0, b = (uint64_t)(int64_t)insn->imm, result;

	if (op != BPF_MOV)
		a = read_reg(in, f, insn->dst_reg);
	if (op == BPF_END) {
		write_reg(f, insn->dst_reg, swap(a, insn->imm));
		return;
	}
	if (BPF_SRC(insn->code) == BPF_X)
		b = read_reg(in, f, insn->src_reg);
	else if ((op == BPF_DIV || op == BPF_MOD) && insn->imm == 0)
		fail(in, "division by an immediate 0");
	else if ((op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) && (insn->imm & ~63))
		fail(in, "shift by more than 63");
	if (!is_64 && op != BPF_MOV)
		fail(in, "32-bit operation");
	result = alu(in, op, a, b, insn->off);
	write_reg(f, insn->dst_reg, is_64 ? result : (uint32_t)result);
}

static bool is_taken(struct interp *in, uint8_t op, uint64_t a, uint64_t b)
{
	int64_t x = (int64_t)a, y = (int64_t)b;

	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSGT: return x > y;
	case BPF_JSGE: return x >= y;
	case BPF_JSLT: return x < y;
	case BPF_JSLE: return x <= y;
	case BPF_JSET: return (a & b) != 0;
	default: fail(in, "unknown jump"); return false;
	}
}

/* Helpers write to the stack behind our back. */
static void mark_written(struct interp *in, uint32_t helper, const uint64_t a[5])
{
	uint32_t off;
	struct frame *f;
	uint64_t len = 0;

	if (helper == BPF_FUNC_get_current_comm || helper == BPF_FUNC_probe_read_kernel ||
	    helper == BPF_FUNC_probe_read_kernel_str)
		len = a[1];
	f = len ? stack_of(in, a[0], (uint32_t)len, &off) : NULL;
	if (f)
		memset(f->is_written + off, true, len);
}

static void run_call(struct interp *in, struct frame *f, const struct bpf_insn *insn)
{
	uint64_t args[5] = { 0 };
	uint64_t result;

	for (uint32_t i = 0; i < 5; i++)
		if (f->written & (2u << i))
			args[i] = f->regs[i + 1];
	mark_written(in, (uint32_t)insn->imm, args);
	result = fake_kernel_helper(in->k, (uint32_t)insn->imm, args);
	f->written &= ~0x3eu; // r1 to r5
	write_reg(f, BPF_REG_0, result);
}

static void run_ld64(struct interp *in, struct frame *f, const struct bpf_insn *insn)
{
	uint64_t imm = (uint32_t)insn[0].imm | (uint64_t)(uint32_t)insn[1].imm << 32;
	uint32_t map = 0;

	for (uint32_t i = 0; i < in->p->reloc_count; i++)
		if (in->p->relocs[i].pc == in->pc)
			map = in->p->relocs[i].map;
	if (insn->src_reg == BPF_PSEUDO_MAP_FD)
		imm = map + 1;
	else if (insn->src_reg == BPF_PSEUDO_MAP_VALUE)
		imm = (uint64_t)(uintptr_t)&in->k->values[map][(uint32_t)insn[1].imm];
	else if (insn->src_reg == BPF_PSEUDO_FUNC)
		imm = FAKE_CALLBACK + (uint64_t)((int64_t)in->pc + 1 + insn->imm);
	write_reg(f, insn->dst_reg, imm);
}

static void run_jump(struct interp *in, struct frame *f, const struct bpf_insn *insn)
{
	uint8_t op = BPF_OP(insn->code);
	uint64_t b = (uint64_t)(int64_t)insn->imm;

	if (op == BPF_CALL) {
		run_call(in, f, insn);
		return;
	}
	if (op == BPF_JA) {
		in->pc += (uint32_t)(BPF_CLASS(insn->code) == BPF_JMP ? insn->off : insn->imm);
		return;
	}
	if (BPF_SRC(insn->code) == BPF_X)
		b = read_reg(in, f, insn->src_reg);
	if (is_taken(in, op, read_reg(in, f, insn->dst_reg), b))
		in->pc += (uint32_t)insn->off;
}

static void run_store(struct interp *in, struct frame *f, const struct bpf_insn *insn)
{
	uint64_t address = read_reg(in, f, insn->dst_reg) + (uint64_t)(int64_t)insn->off;
	uint64_t value = (uint64_t)(int64_t)insn->imm;
	uint32_t width = insn_width(insn->code);

	if (BPF_CLASS(insn->code) == BPF_STX)
		value = read_reg(in, f, insn->src_reg);
	if (BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC)
		value += load(in, address, width, false);
	store(in, address, width, value);
}

static void step(struct interp *in, struct frame *f, const struct bpf_insn *insn)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64: run_alu(in, f, insn); break;
	case BPF_JMP:
	case BPF_JMP32: run_jump(in, f, insn); break;
	case BPF_LDX:
		write_reg(f, insn->dst_reg,
			  load(in, read_reg(in, f, insn->src_reg) + (uint64_t)(int64_t)insn->off,
			       insn_width(insn->code), BPF_MODE(insn->code) == BPF_MEMSX));
		break;
	case BPF_ST:
	case BPF_STX: run_store(in, f, insn); break;
	default:
		run_ld64(in, f, insn);
		in->pc++;
		break;
	}
	in->pc++;
}

static uint64_t run_function(struct interp *in, uint32_t pc, uint64_t a, uint64_t b)
{
	struct frame *f = &in->frames[in->depth];
	uint32_t back = in->pc;
	uint64_t result = 0;

	if (in->depth == MAX_DEPTH) {
		fail(in, "too many frames");
		return 0;
	}
	in->depth++;
	memset(f, 0, sizeof(*f));
	memset(f->stack, 0xa5, sizeof(f->stack));
	write_reg(f, BPF_REG_1, a);
	write_reg(f, BPF_REG_2, b);
	write_reg(f, BPF_REG_10, (uint64_t)(uintptr_t)(f->stack + STACK_BYTES));
	in->pc = pc;
	while (!in->error[0]) {
		const struct bpf_insn *insn = &in->p->insns[in->pc];

		if (in->pc >= in->p->insn_count) {
			fail(in, "ran past the end");
			break;
		}
		if (in->steps++ > MAX_STEPS) {
			fail(in, "does not end");
			break;
		}
		if (insn->code == (BPF_JMP | BPF_EXIT)) {
			result = read_reg(in, f, BPF_REG_0);
			break;
		}
		step(in, f, insn);
	}
	in->depth--;
	in->pc = back;
	return result;
}

static uint64_t call_back(void *runner, uint64_t address, uint64_t a, uint64_t b)
{
	return run_function(runner, (uint32_t)(address - FAKE_CALLBACK), a, b);
}

uint64_t interp_run(const struct image_program *p, struct fake_kernel *k, const char **error,
		    uint64_t *steps)
{
	static struct interp in; // too large for some stacks
	uint64_t result;

	memset(&in, 0, sizeof(in));
	in.p = p;
	in.k = k;
	k->call = call_back;
	k->runner = &in;
	result = run_function(&in, 0, (uint64_t)(uintptr_t)k->ctx, 0);
	*error = in.error[0] ? in.error : NULL;
	if (steps)
		*steps = in.steps;
	return result;
}
