#include "bpf/disasm.h"

#include <inttypes.h>

#include "bpf/insn.h"
#include "ir/ir.h"

static const char *const alu_ops[16] = {
	[BPF_ADD >> 4] = "+=",  [BPF_SUB >> 4] = "-=",  [BPF_MUL >> 4] = "*=",
	[BPF_DIV >> 4] = "/=",  [BPF_OR >> 4] = "|=",   [BPF_AND >> 4] = "&=",
	[BPF_LSH >> 4] = "<<=", [BPF_RSH >> 4] = ">>=", [BPF_MOD >> 4] = "%=",
	[BPF_XOR >> 4] = "^=",  [BPF_MOV >> 4] = "=",   [BPF_ARSH >> 4] = "s>>=",
};

static const char *const jump_ops[16] = {
	[BPF_JEQ >> 4] = "==",   [BPF_JGT >> 4] = ">",    [BPF_JGE >> 4] = ">=",
	[BPF_JSET >> 4] = "&",   [BPF_JNE >> 4] = "!=",   [BPF_JSGT >> 4] = "s>",
	[BPF_JSGE >> 4] = "s>=", [BPF_JLT >> 4] = "<",    [BPF_JLE >> 4] = "<=",
	[BPF_JSLT >> 4] = "s<",  [BPF_JSLE >> 4] = "s<=",
};

static const char *width_name(uint8_t code, bool is_signed)
{
	static const char *const names[2][4] = { { "u8", "u16", "u32", "u64" },
						 { "s8", "s16", "s32", "s64" } };
	uint32_t width = insn_width(code);

	return names[is_signed][width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3];
}

static void print_place(FILE *out, const struct bpf_insn *insn, uint8_t base, bool is_signed)
{
	fprintf(out, "*(%s *)(r%u %+d)", width_name(insn->code, is_signed), base, insn->off);
}

static void print_alu(FILE *out, const struct bpf_insn *insn)
{
	char r = BPF_CLASS(insn->code) == BPF_ALU64 ? 'r' : 'w';
	uint8_t op = BPF_OP(insn->code);
	const char *name = alu_ops[op >> 4];

	if (op == BPF_END)
		fprintf(out, "r%u = %s%d r%u", insn->dst_reg, insn->code & BPF_TO_BE ? "be" : "le",
			insn->imm, insn->dst_reg);
	else if (op == BPF_NEG)
		fprintf(out, "%c%u = -%c%u", r, insn->dst_reg, r, insn->dst_reg);
	else if (!name)
		fprintf(out, "invalid %02x", insn->code);
	else if (op == BPF_MOV && insn->off)
		fprintf(out, "%c%u = (s%d)%c%u", r, insn->dst_reg, insn->off, r, insn->src_reg);
	else if (BPF_SRC(insn->code) == BPF_X)
		fprintf(out, "%c%u %s %c%u", r, insn->dst_reg, name, r, insn->src_reg);
	else
		fprintf(out, "%c%u %s %d", r, insn->dst_reg, name, insn->imm);
}

static void print_call(FILE *out, const struct bpf_insn *insn)
{
	const char *name = ir_helper_name((uint32_t)insn->imm);

	if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL)
		fprintf(out, "call kernel-function#%d", insn->imm);
	else if (name)
		fprintf(out, "call %s#%d", name, insn->imm);
	else
		fprintf(out, "call unknown#%d", insn->imm);
}

static void print_jump(FILE *out, const struct bpf_insn *insn)
{
	char r = BPF_CLASS(insn->code) == BPF_JMP ? 'r' : 'w';
	uint8_t op = BPF_OP(insn->code);
	const char *name = jump_ops[op >> 4];

	if (op == BPF_CALL)
		print_call(out, insn);
	else if (op == BPF_EXIT)
		fputs("exit", out);
	else if (op == BPF_JA)
		fprintf(out, "goto pc%+d",
			BPF_CLASS(insn->code) == BPF_JMP ? insn->off : insn->imm);
	else if (!name)
		fprintf(out, "invalid %02x", insn->code);
	else if (BPF_SRC(insn->code) == BPF_X)
		fprintf(out, "if %c%u %s %c%u goto pc%+d", r, insn->dst_reg, name, r, insn->src_reg,
			insn->off);
	else
		fprintf(out, "if %c%u %s %d goto pc%+d", r, insn->dst_reg, name, insn->imm,
			insn->off);
}

static void print_ld64(FILE *out, const struct bpf_insn *insn)
{
	uint64_t imm = (uint32_t)insn[0].imm | (uint64_t)(uint32_t)insn[1].imm << 32;

	switch (insn->src_reg) {
	case BPF_PSEUDO_MAP_FD: fprintf(out, "r%u = map[id:%d]", insn->dst_reg, insn->imm); break;
	case BPF_PSEUDO_MAP_VALUE:
		fprintf(out, "r%u = map[id:%d][0]+%d", insn->dst_reg, insn[0].imm, insn[1].imm);
		break;
	case BPF_PSEUDO_BTF_ID:
		fprintf(out, "r%u = kernel-var#%d", insn->dst_reg, insn->imm);
		break;
	case BPF_PSEUDO_FUNC: fprintf(out, "r%u = subprog[%+d]", insn->dst_reg, insn->imm); break;
	default: fprintf(out, "r%u = 0x%" PRIx64, insn->dst_reg, imm); break;
	}
}

uint32_t disasm_insn(FILE *out, const struct bpf_insn *insn)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64: print_alu(out, insn); break;
	case BPF_JMP:
	case BPF_JMP32: print_jump(out, insn); break;
	case BPF_LDX:
		fprintf(out, "r%u = ", insn->dst_reg);
		print_place(out, insn, insn->src_reg, BPF_MODE(insn->code) == BPF_MEMSX);
		break;
	case BPF_ST:
		print_place(out, insn, insn->dst_reg, false);
		fprintf(out, " = %d", insn->imm);
		break;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC)
			fputs("lock ", out);
		print_place(out, insn, insn->dst_reg, false);
		fprintf(out, " %s r%u", BPF_MODE(insn->code) == BPF_ATOMIC ? "+=" : "=",
			insn->src_reg);
		break;
	default:
		if (insn_is_ld64(insn)) {
			print_ld64(out, insn);
			return 2;
		}
		fprintf(out, "invalid %02x", insn->code);
		break;
	}
	return 1;
}

/* "; 3: printf(...)" where another piece of the script begins. */
static void print_source(FILE *out, struct span span)
{
	struct position at = source_position(span.source, span.begin);
	size_t len = span.end - span.begin;
	const char *text = span.source->text + span.begin;
	size_t shown = 0;

	while (shown < len && text[shown] != '\n')
		shown++;
	fprintf(out, "; %u:%u: %.*s\n", at.line, at.column, (int)shown, text);
}

static const char *map_name(const struct image *image, uint32_t map)
{
	return map < image->map_count && image->maps[map].name ? image->maps[map].name : "?";
}

void disasm_program(FILE *out, const struct image *image, const struct image_program *p)
{
	const struct image_line *line = p->lines, *line_end = p->lines + p->line_count;
	const struct image_reloc *reloc = p->relocs, *reloc_end = p->relocs + p->reloc_count;
	const struct image_func *func = p->funcs, *func_end = p->funcs + p->func_count;

	for (uint32_t pc = 0; pc < p->insn_count;) {
		const struct bpf_insn *insn = &p->insns[pc];

		for (; func < func_end && func->pc == pc; func++)
			fprintf(out, "%s:\n", func->name);
		for (; line < line_end && line->pc == pc; line++)
			if (line->span.source)
				print_source(out, line->span);
		fprintf(out, "%4u: (%02x) ", pc, insn->code);
		if (reloc < reloc_end && reloc->pc == pc) {
			fprintf(out, "r%u = map[%s]", insn->dst_reg, map_name(image, reloc->map));
			if (insn->src_reg == BPF_PSEUDO_MAP_VALUE)
				fprintf(out, "[0]+%d", insn[1].imm);
			reloc++;
			pc += 2;
		} else {
			pc += disasm_insn(out, insn);
		}
		fputc('\n', out);
	}
}
