/*
 * The text form of the IR; ir.md describes it, parse.c reads it.
 */
#include "ir/ir.h"

#include <inttypes.h>
#include <linux/bpf.h>

static const char *const helper_names[__BPF_FUNC_MAX_ID] = {
#define HELPER(name, ...) [BPF_FUNC_##name] = #name,
#include "bpf/helpers.def"
};

const char *ir_helper_name(uint32_t helper)
{
	return helper < __BPF_FUNC_MAX_ID ? helper_names[helper] : NULL;
}

/* @before, then "[%1 + 8]". */
static void print_address(FILE *out, const char *before, const struct ir_insn *base, int64_t off)
{
	fprintf(out, "%s[%%%u", before, base->id);
	if (off < 0)
		fprintf(out, " - %" PRIu64, -(uint64_t)off);
	else if (off > 0)
		fprintf(out, " + %" PRId64, off);
	fputc(']', out);
}

static void print_arg_list(FILE *out, const struct ir_insn *insn)
{
	fputc('(', out);
	for (uint32_t i = 0; i < insn->arg_count; i++)
		fprintf(out, "%s%%%u", i ? ", " : "", insn->args[i]->id);
	fputc(')', out);
}

static void print_phi(FILE *out, const struct ir_insn *phi)
{
	for (uint32_t i = 0; i < phi->arg_count; i++)
		fprintf(out, "%s[b%u: %%%u]", i ? ", " : " ", phi->block->preds.data[i]->id,
			phi->args[i]->id);
}

static void print_offset(FILE *out, int64_t off)
{
	if (off)
		fprintf(out, " %c %" PRIu64, off < 0 ? '-' : '+',
			off < 0 ? -(uint64_t)off : (uint64_t)off);
}

static void print_operands(FILE *out, const struct ir_insn *insn)
{
	for (uint32_t i = 0; i < insn->arg_count; i++)
		fprintf(out, "%s%%%u", i ? ", " : " ", insn->args[i]->id);
}

static void print_call(FILE *out, const struct ir_insn *insn)
{
	const char *name = ir_helper_name(insn->helper);

	if (name)
		fprintf(out, " %s", name);
	else
		fprintf(out, " #%u", insn->helper);
	print_arg_list(out, insn);
}

static void print_memory_op(FILE *out, const struct ir_insn *insn)
{
	print_address(out, " ", insn->args[0], insn->imm);
	if (insn->op == OP_STORE || insn->op == OP_ATOMIC_ADD)
		fprintf(out, ", %%%u", insn->args[1]->id);
	if (insn->op == OP_MEMCPY)
		print_address(out, ", ", insn->args[1], insn->imm2);
	if (insn->op == OP_MEMCPY || insn->op == OP_ZERO)
		fprintf(out, ", %u", insn->size);
}

static void print_suffix(FILE *out, const struct ir_insn *insn)
{
	switch (insn->op) {
	case OP_ZEXT:
	case OP_SEXT:
	case OP_BSWAP:
	case OP_STORE:
	case OP_ATOMIC_ADD: fprintf(out, ".%u", insn->width); break;
	case OP_LOAD:
		fprintf(out, ".%c%u%s", insn->is_signed ? 's' : 'u', insn->width,
			insn->is_volatile ? ".v" : "");
		break;
	case OP_CMP:
	case OP_BRANCH: fprintf(out, ".%s", ir_cond_name(insn->cond)); break;
	default: break;
	}
}

static void print_tail(FILE *out, const struct ir_insn *insn)
{
	const struct ir_block *b = insn->block;

	switch (insn->op) {
	case OP_CONST:
	case OP_PARAM:
	case OP_FUNC:
	case OP_KERNEL_VAR: fprintf(out, " %" PRId64, insn->imm); break;
	case OP_SLOT:
		fprintf(out, " s%u", insn->slot);
		print_offset(out, insn->imm);
		break;
	case OP_MAP:
	case OP_MAP_VALUE:
		fprintf(out, " m%u", insn->map);
		print_offset(out, insn->op == OP_MAP ? 0 : insn->imm);
		break;
	case OP_LOAD:
	case OP_STORE:
	case OP_ATOMIC_ADD:
	case OP_ZERO:
	case OP_MEMCPY: print_memory_op(out, insn); break;
	case OP_PHI: print_phi(out, insn); break;
	case OP_CALL: print_call(out, insn); break;
	case OP_KFUNC:
		fprintf(out, " %" PRId64, insn->imm);
		print_arg_list(out, insn);
		break;
	case OP_TAIL_CALL: print_arg_list(out, insn); break;
	case OP_JUMP: fprintf(out, " b%u", b->succs[0]->id); break;
	case OP_BRANCH:
		print_operands(out, insn);
		fprintf(out, ", b%u, b%u", b->succs[0]->id, b->succs[1]->id);
		break;
	default: print_operands(out, insn); break;
	}
}

static void print_insn(FILE *out, const struct ir_insn *insn)
{
	fputc('\t', out);
	if (ir_has_result(insn))
		fprintf(out, "%%%u = ", insn->id);
	fputs(ir_op_name(insn->op), out);
	print_suffix(out, insn);
	print_tail(out, insn);
	fputc('\n', out);
}

static void print_block(FILE *out, const struct ir_block *b)
{
	fprintf(out, "b%u%s", b->id, b->is_cold ? " cold" : "");
	if (b->first && b->first->op == OP_PHI)
		for (size_t i = 0; i < b->preds.len; i++)
			fprintf(out, "%s b%u", i ? "," : " from", b->preds.data[i]->id);
	fputs(":\n", out);
	ir_foreach_insn (b, insn)
		print_insn(out, insn);
}

static void print_slot(FILE *out, uint32_t index, const struct ir_slot *slot)
{
	fprintf(out, "\tslot s%u size %u align %u", index, slot->size, slot->align);
	if (slot->name)
		fprintf(out, " \"%s\"", slot->name);
	if (slot->is_scratch_ok)
		fputs(" scratch", out);
	if (slot->is_whole)
		fputs(" whole", out);
	if (slot->in_scratch || slot->offset)
		fprintf(out, " at %s %d", slot->in_scratch ? "scratch" : "frame", slot->offset);
	fputc('\n', out);
}

void ir_print_func(FILE *out, const struct ir_func *f)
{
	fprintf(out, "func %s", f->name);
	if (f->index)
		fprintf(out, " params %u", f->param_count);
	fputs(" {\n", out);
	for (size_t i = 0; i < f->slots.len; i++)
		print_slot(out, (uint32_t)i, &f->slots.data[i]);
	ir_foreach_block (f, b)
		print_block(out, b);
	fputs("}\n", out);
}

void ir_print_program(FILE *out, const struct ir_program *p)
{
	fprintf(out, "program %s\n", p->name);
	for (size_t i = 0; i < p->funcs.len; i++) {
		fputc('\n', out);
		ir_print_func(out, p->funcs.data[i]);
	}
}
