#include "ir_eval.h"

#include <linux/bpf.h>
#include <string.h>

#define MAX_STEPS 10000000

struct eval {
	const struct ir_program *p;
	struct fake_kernel *k;
	struct arena *arena;
	uint64_t steps;
	const char *error;
};

struct activation {
	struct eval *e;
	const struct ir_func *f;
	uint64_t *values;
	uint8_t **slots;
	uint64_t params[2];
};

static bool compare(enum ir_cond cond, uint64_t a, uint64_t b)
{
	int64_t x = (int64_t)a, y = (int64_t)b;

	switch (cond) {
	case COND_EQ: return a == b;
	case COND_NE: return a != b;
	case COND_ULT: return a < b;
	case COND_ULE: return a <= b;
	case COND_UGT: return a > b;
	case COND_UGE: return a >= b;
	case COND_SLT: return x < y;
	case COND_SLE: return x <= y;
	case COND_SGT: return x > y;
	case COND_SGE: return x >= y;
	default: return (a & b) != 0;
	}
}

static uint64_t zero_extend(uint64_t v, uint32_t width)
{
	return width == 8 ? v : v & ((UINT64_C(1) << (8 * width)) - 1);
}

static uint64_t sign_extend(uint64_t v, uint32_t width)
{
	uint32_t bits = 64 - 8 * width;

	return (uint64_t)((int64_t)(v << bits) >> bits);
}

static uint64_t divide(uint64_t a, uint64_t b, bool is_modulo)
{
	bool is_negative = (int64_t)a < 0;
	uint64_t x = is_negative ? -a : a;
	uint64_t y = (int64_t)b < 0 ? -b : b;
	uint64_t result;

	if (b == 0)
		return is_modulo ? a : 0;
	if (is_modulo)
		return is_negative ? -(x % y) : x % y;
	result = x / y;
	return is_negative != ((int64_t)b < 0) ? -result : result;
}

uint64_t ir_eval_op(const struct ir_insn *insn, uint64_t a, uint64_t b)
{
	switch (insn->op) {
	case OP_ADD: return a + b;
	case OP_SUB: return a - b;
	case OP_MUL: return a * b;
	case OP_UDIV: return b ? a / b : 0;
	case OP_UMOD: return b ? a % b : a;
	case OP_SDIV: return divide(a, b, false);
	case OP_SMOD: return divide(a, b, true);
	case OP_AND: return a & b;
	case OP_OR: return a | b;
	case OP_XOR: return a ^ b;
	case OP_SHL: return a << (b & 63);
	case OP_LSHR: return a >> (b & 63);
	case OP_ASHR: return (uint64_t)((int64_t)a >> (b & 63));
	case OP_NEG: return -a;
	case OP_ZEXT: return zero_extend(a, insn->width);
	case OP_SEXT: return sign_extend(a, insn->width);
	case OP_BSWAP: return __builtin_bswap64(a) >> (64 - 8 * insn->width);
	case OP_CMP: return compare(insn->cond, a, b);
	case OP_COPY: return a;
	default: return 0;
	}
}

static uint64_t arg(const struct activation *act, const struct ir_insn *insn, uint32_t i)
{
	return act->values[insn->args[i]->id];
}

static void *address(const struct activation *act, const struct ir_insn *insn, uint32_t i)
{
	int64_t off = i ? insn->imm2 : insn->imm;

	return (void *)(uintptr_t)(arg(act, insn, i) + (uint64_t)off);
}

static uint64_t eval_load(const struct activation *act, const struct ir_insn *insn)
{
	uint64_t value = 0;

	memcpy(&value, address(act, insn, 0), insn->width);
	return insn->is_signed ? sign_extend(value, insn->width) : value;
}

static void eval_atomic_add(const struct activation *act, const struct ir_insn *insn)
{
	uint64_t value = 0;

	memcpy(&value, address(act, insn, 0), insn->width);
	value += arg(act, insn, 1);
	memcpy(address(act, insn, 0), &value, insn->width);
}

static uint64_t eval_call(const struct activation *act, const struct ir_insn *insn)
{
	uint64_t args[5] = { 0 };

	for (uint32_t i = 0; i < insn->arg_count; i++)
		args[i] = arg(act, insn, i);
	return fake_kernel_helper(act->e->k, insn->helper, args);
}

static uint64_t eval_insn(struct activation *act, const struct ir_insn *insn)
{
	switch (insn->op) {
	case OP_CONST: return (uint64_t)insn->imm;
	case OP_CTX: return (uint64_t)(uintptr_t)act->e->k->ctx;
	case OP_PARAM: return act->params[insn->imm];
	case OP_SLOT: return (uint64_t)(uintptr_t)act->slots[insn->slot] + (uint64_t)insn->imm;
	case OP_MAP: return insn->map + 1;
	case OP_MAP_VALUE: return (uint64_t)(uintptr_t)&act->e->k->values[insn->map][insn->imm];
	case OP_FUNC: return FAKE_CALLBACK + (uint64_t)insn->imm;
	case OP_LOAD: return eval_load(act, insn);
	case OP_STORE:
		memcpy(address(act, insn, 0), &act->values[insn->args[1]->id], insn->width);
		return 0;
	case OP_ATOMIC_ADD: eval_atomic_add(act, insn); return 0;
	case OP_ZERO: memset(address(act, insn, 0), 0, insn->size); return 0;
	case OP_MEMCPY: memmove(address(act, insn, 0), address(act, insn, 1), insn->size); return 0;
	case OP_CALL: return eval_call(act, insn);
	case OP_SELECT: return arg(act, insn, 0) ? arg(act, insn, 1) : arg(act, insn, 2);
	default:
		return ir_eval_op(insn, insn->arg_count > 0 ? arg(act, insn, 0) : 0,
				  insn->arg_count > 1 ? arg(act, insn, 1) : 0);
	}
}

/* All phis at once, from the values before. */
static void eval_phis(struct activation *act, const struct ir_block *b, const struct ir_block *from)
{
	uint64_t before[64];
	uint32_t n = 0;
	size_t pred;

	if (!from || b->first->op != OP_PHI)
		return;
	pred = ir_pred_index(b, from);
	for (struct ir_insn *phi = b->first; phi->op == OP_PHI && n < 64; phi = phi->next)
		before[n++] = act->values[phi->args[pred]->id];
	n = 0;
	for (struct ir_insn *phi = b->first; phi->op == OP_PHI && n < 64; phi = phi->next)
		act->values[phi->id] = before[n++];
}

static uint64_t eval_func(struct eval *e, const struct ir_func *f, uint64_t a, uint64_t b)
{
	struct activation act = { .e = e, .f = f, .params = { a, b } };
	const struct ir_block *block = f->entry, *from = NULL;

	act.values = arena_array(e->arena, uint64_t, f->insn_count);
	act.slots = arena_array(e->arena, uint8_t *, f->slots.len);
	for (size_t i = 0; i < f->slots.len; i++) {
		act.slots[i] = arena_alloc(e->arena, f->slots.data[i].size);
		memset(act.slots[i], 0x5a, f->slots.data[i].size);
	}
	while (!e->error) {
		const struct ir_block *next = NULL;

		eval_phis(&act, block, from);
		ir_foreach_insn (block, insn) {
			if (e->steps++ > MAX_STEPS) {
				e->error = "does not end";
				return 0;
			}
			if (insn->op == OP_RETURN)
				return arg(&act, insn, 0);
			if (insn->op == OP_JUMP)
				next = block->succs[0];
			else if (insn->op == OP_BRANCH)
				next = block->succs[!compare(insn->cond, arg(&act, insn, 0),
							     arg(&act, insn, 1))];
			else if (insn->op != OP_PHI)
				act.values[insn->id] = eval_insn(&act, insn);
		}
		from = block;
		block = next;
	}
	return 0;
}

static uint64_t call_back(void *runner, uint64_t address_of, uint64_t a, uint64_t b)
{
	struct eval *e = runner;

	return eval_func(e, e->p->funcs.data[address_of - FAKE_CALLBACK], a, b);
}

uint64_t ir_eval(const struct ir_program *p, struct fake_kernel *k, const char **error)
{
	struct arena arena;
	struct eval e = { .p = p, .k = k, .arena = &arena };
	uint64_t result;

	arena_init(&arena);
	k->call = call_back;
	k->runner = &e;
	result = eval_func(&e, p->funcs.data[0], (uint64_t)(uintptr_t)k->ctx, 0);
	arena_finish(&arena);
	*error = e.error;
	return result;
}
