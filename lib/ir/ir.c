#include "ir/ir.h"

#include <assert.h>
#include <string.h>

struct op_info {
	const char *text;
	const char *flags;
	int arg_count; // V: variable
};

#define V (-1)
static const struct op_info op_infos[OP_COUNT] = {
#define OP(name, text_, operands, flags_, meaning)                                                 \
	[OP_##name] = { .text = (text_), .flags = (flags_), .arg_count = (operands) },
#include "ir/ops.def"
};
#undef V

static const char *const cond_names[COND_COUNT] = {
	[COND_EQ] = "eq",   [COND_NE] = "ne",   [COND_ULT] = "ult", [COND_ULE] = "ule",
	[COND_UGT] = "ugt", [COND_UGE] = "uge", [COND_SLT] = "slt", [COND_SLE] = "sle",
	[COND_SGT] = "sgt", [COND_SGE] = "sge", [COND_SET] = "set",
};

static bool op_has(enum ir_op op, char flag)
{
	return strchr(op_infos[op].flags, flag) != NULL;
}

bool ir_has_result(const struct ir_insn *insn)
{
	return op_has(insn->op, 'R');
}

bool ir_has_side_effect(const struct ir_insn *insn)
{
	return op_has(insn->op, 'S');
}

bool ir_reads_memory(const struct ir_insn *insn)
{
	return op_has(insn->op, 'L');
}

bool ir_is_terminator(const struct ir_insn *insn)
{
	return op_has(insn->op, 'T');
}

bool ir_is_commutative(const struct ir_insn *insn)
{
	return op_has(insn->op, 'C');
}

bool ir_clobbers(const struct ir_insn *insn)
{
	return op_has(insn->op, 'K');
}

int ir_op_arg_count(enum ir_op op)
{
	return op_infos[op].arg_count;
}

const char *ir_op_name(enum ir_op op)
{
	return op_infos[op].text;
}

const char *ir_cond_name(enum ir_cond c)
{
	return cond_names[c];
}

enum ir_cond ir_cond_negate(enum ir_cond c)
{
	static const enum ir_cond negated[COND_COUNT] = {
		[COND_EQ] = COND_NE,   [COND_NE] = COND_EQ,   [COND_ULT] = COND_UGE,
		[COND_UGE] = COND_ULT, [COND_ULE] = COND_UGT, [COND_UGT] = COND_ULE,
		[COND_SLT] = COND_SGE, [COND_SGE] = COND_SLT, [COND_SLE] = COND_SGT,
		[COND_SGT] = COND_SLE,
	};

	assert(c != COND_SET); // has no negation: exchange the branches instead
	return negated[c];
}

enum ir_cond ir_cond_swap(enum ir_cond c)
{
	static const enum ir_cond swapped[COND_COUNT] = {
		[COND_EQ] = COND_EQ,   [COND_NE] = COND_NE,   [COND_ULT] = COND_UGT,
		[COND_UGT] = COND_ULT, [COND_ULE] = COND_UGE, [COND_UGE] = COND_ULE,
		[COND_SLT] = COND_SGT, [COND_SGT] = COND_SLT, [COND_SLE] = COND_SGE,
		[COND_SGE] = COND_SLE, [COND_SET] = COND_SET,
	};

	return swapped[c];
}

struct ir_func *ir_func_new(struct ir_program *p, const char *name)
{
	struct ir_func *f = arena_new(p->arena, struct ir_func);

	f->arena = p->arena;
	f->name = name;
	f->index = (uint32_t)p->funcs.len;
	vec_push(p->arena, &p->funcs, f);
	return f;
}

struct ir_block *ir_block_new(struct ir_func *f)
{
	struct ir_block *b = arena_new(f->arena, struct ir_block);

	b->id = f->block_count++;
	b->func = f;
	b->prev = f->tail;
	if (f->tail)
		f->tail->next = b;
	else
		f->entry = b;
	f->tail = b;
	return b;
}

void ir_block_unlink(struct ir_block *b)
{
	struct ir_func *f = b->func;

	if (b->prev)
		b->prev->next = b->next;
	else
		f->entry = b->next;
	if (b->next)
		b->next->prev = b->prev;
	else
		f->tail = b->prev;
	b->prev = b->next = NULL;
}

void ir_block_insert_after(struct ir_block *at, struct ir_block *b)
{
	b->prev = at;
	b->next = at->next;
	if (at->next)
		at->next->prev = b;
	else
		at->func->tail = b;
	at->next = b;
}

uint32_t ir_slot_new(struct ir_func *f, uint32_t size, uint32_t align, const char *name)
{
	struct ir_slot slot = { .size = size, .align = align, .name = name, .is_scratch_ok = true };

	assert(align == 1 || align == 2 || align == 4 || align == 8);
	vec_push(f->arena, &f->slots, slot);
	return (uint32_t)f->slots.len - 1;
}

struct ir_insn *ir_insn_new(struct ir_func *f, enum ir_op op, uint32_t arg_count)
{
	struct ir_insn *insn = arena_new(f->arena, struct ir_insn);

	assert(arg_count <= UINT16_MAX);
	assert(op_infos[op].arg_count < 0 || (uint32_t)op_infos[op].arg_count == arg_count);
	insn->op = op;
	insn->id = f->insn_count++;
	insn->arg_count = (uint16_t)arg_count;
	if (arg_count)
		insn->args = arena_array(f->arena, struct ir_insn *, arg_count);
	return insn;
}

void ir_append(struct ir_block *b, struct ir_insn *insn)
{
	assert(!insn->block);
	insn->block = b;
	insn->prev = b->last;
	insn->next = NULL;
	if (b->last)
		b->last->next = insn;
	else
		b->first = insn;
	b->last = insn;
}

void ir_insert_before(struct ir_insn *at, struct ir_insn *insn)
{
	struct ir_block *b = at->block;

	assert(!insn->block);
	insn->block = b;
	insn->next = at;
	insn->prev = at->prev;
	if (at->prev)
		at->prev->next = insn;
	else
		b->first = insn;
	at->prev = insn;
}

void ir_insert_after(struct ir_insn *at, struct ir_insn *insn)
{
	struct ir_block *b = at->block;

	if (!at->next) {
		ir_append(b, insn);
		return;
	}
	ir_insert_before(at->next, insn);
}

void ir_remove(struct ir_insn *insn)
{
	struct ir_block *b = insn->block;

	if (insn->prev)
		insn->prev->next = insn->next;
	else
		b->first = insn->next;
	if (insn->next)
		insn->next->prev = insn->prev;
	else
		b->last = insn->prev;
	insn->prev = insn->next = NULL;
	insn->block = NULL;
}

static void add_edge(struct ir_block *from, uint32_t i, struct ir_block *to)
{
	from->succs[i] = to;
	vec_push(from->func->arena, &to->preds, from);
}

void ir_set_jump(struct ir_block *from, struct ir_block *to, struct span span)
{
	struct ir_insn *jump = ir_insn_new(from->func, OP_JUMP, 0);

	assert(!from->succs[0]);
	jump->span = span;
	ir_append(from, jump);
	add_edge(from, 0, to);
}

void ir_set_branch(struct ir_block *from, enum ir_cond cond, struct ir_insn *a, struct ir_insn *b,
		   struct ir_block *yes, struct ir_block *no, struct span span)
{
	struct ir_insn *branch = ir_insn_new(from->func, OP_BRANCH, 2);

	assert(!from->succs[0]);
	branch->cond = cond;
	branch->args[0] = a;
	branch->args[1] = b;
	branch->span = span;
	ir_append(from, branch);
	add_edge(from, 0, yes);
	add_edge(from, 1, no);
}

/* Drop predecessor number @i of @b, and what the phis have for it. */
static void drop_pred(struct ir_block *b, size_t i)
{
	for (struct ir_insn *phi = b->first; phi && phi->op == OP_PHI; phi = phi->next) {
		memmove(&phi->args[i], &phi->args[i + 1],
			(phi->arg_count - i - 1) * sizeof(*phi->args));
		phi->arg_count--;
	}
	memmove(&b->preds.data[i], &b->preds.data[i + 1],
		(b->preds.len - i - 1) * sizeof(*b->preds.data));
	b->preds.len--;
}

size_t ir_pred_index(const struct ir_block *b, const struct ir_block *pred)
{
	for (size_t i = 0; i < b->preds.len; i++)
		if (b->preds.data[i] == pred)
			return i;
	assert(!"not a predecessor");
	return 0;
}

void ir_remove_edge(struct ir_block *from, struct ir_block *to)
{
	drop_pred(to, ir_pred_index(to, from));
	if (from->succs[0] == to)
		from->succs[0] = from->succs[1];
	from->succs[1] = NULL;
}

struct ir_insn *ir_replacement(struct ir_insn *insn)
{
	struct ir_insn *end = insn;

	while (end->replacement)
		end = end->replacement;
	while (insn->replacement) {
		struct ir_insn *next = insn->replacement;

		insn->replacement = end;
		insn = next;
	}
	return end;
}

void ir_apply_replacements(struct ir_func *f)
{
	ir_foreach_block (f, b)
		ir_foreach_insn_safe(b, insn, next)
		{
			for (uint32_t i = 0; i < insn->arg_count; i++)
				if (insn->args[i]->replacement)
					insn->args[i] = ir_replacement(insn->args[i]);
			if (insn->replacement)
				ir_remove(insn);
		}
}

void ir_count_uses(struct ir_func *f)
{
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn)
			insn->use_count = 0;
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn)
			for (uint32_t i = 0; i < insn->arg_count; i++)
				insn->args[i]->use_count++;
}
