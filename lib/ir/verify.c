/*
 * The rules of the IR, checked.
 */
#include "ir/ir.h"

struct check {
	struct ir_func *f;
	const char *error;
};

static void fail(struct check *c, const struct ir_insn *insn, const char *what)
{
	if (c->error)
		return;
	c->error = insn ? arena_printf(c->f->arena, "%s: b%u: %%%u (%s): %s", c->f->name,
				       insn->block ? insn->block->id : 0, insn->id,
				       ir_op_name(insn->op), what)
			: arena_printf(c->f->arena, "%s: %s", c->f->name, what);
}

static bool has_width(const struct ir_insn *insn)
{
	unsigned int w = insn->width;

	switch (insn->op) {
	case OP_LOAD:
	case OP_STORE: return w == 1 || w == 2 || w == 4 || w == 8;
	case OP_ATOMIC_ADD: return w == 4 || w == 8;
	case OP_ZEXT:
	case OP_SEXT: return w == 1 || w == 2 || w == 4;
	case OP_BSWAP: return w == 2 || w == 4 || w == 8;
	default: return true;
	}
}

static void check_insn(struct check *c, const struct ir_insn *insn)
{
	int want = ir_op_arg_count(insn->op);

	if (want >= 0 && insn->arg_count != want)
		fail(c, insn, "wrong number of operands");
	for (uint32_t i = 0; i < insn->arg_count; i++) {
		if (!insn->args[i])
			fail(c, insn, "operand missing");
		else if (!insn->args[i]->block)
			fail(c, insn, "operand was removed");
		else if (!ir_has_result(insn->args[i]))
			fail(c, insn, "operand has no value");
		if (c->error)
			return;
	}
	if (!has_width(insn))
		fail(c, insn, "bad width");
	if (insn->op == OP_SLOT && insn->slot >= c->f->slots.len)
		fail(c, insn, "no such slot");
	if ((insn->op == OP_CALL || insn->op == OP_KFUNC) && insn->arg_count > 5)
		fail(c, insn, "more than 5 arguments");
	if (insn->op == OP_PARAM && (insn->imm < 0 || insn->imm >= c->f->param_count))
		fail(c, insn, "no such parameter");
	if (insn->op == OP_PHI && insn->arg_count == 0)
		fail(c, insn, "phi without operands");
	if (insn->op == OP_PHI && insn->arg_count != insn->block->preds.len)
		fail(c, insn, "phi and predecessors differ in number");
	if (insn->op == OP_PHI && insn->prev && insn->prev->op != OP_PHI)
		fail(c, insn, "phi after another instruction");
	if (insn->replacement)
		fail(c, insn, "replacement not applied");
}

static uint32_t count_edges(const struct ir_block *from, const struct ir_block *to)
{
	return (uint32_t)(from->succs[0] == to) + (uint32_t)(from->succs[1] == to);
}

static void check_edges(struct check *c, const struct ir_block *b)
{
	const struct ir_insn *last = b->last;
	uint32_t want = last->op == OP_BRANCH ? 2 : last->op == OP_JUMP ? 1 : 0;

	for (uint32_t i = 0; i < 2; i++) {
		const struct ir_block *to = b->succs[i];
		uint32_t count = 0;

		if (!to != (i >= want)) {
			fail(c, last, "successors do not fit the terminator");
			return;
		}
		if (!to)
			continue;
		for (size_t j = 0; j < to->preds.len; j++)
			count += to->preds.data[j] == b;
		if (count != count_edges(b, to))
			fail(c, last, "successor does not know its predecessor");
	}
	for (size_t j = 0; j < b->preds.len; j++)
		if (!count_edges(b->preds.data[j], b))
			fail(c, b->first, "predecessor does not know its successor");
}

static void check_block(struct check *c, struct ir_block *b)
{
	uint32_t n = 0;

	if (b->func != c->f)
		fail(c, NULL, "block of another function");
	if (!b->last || !ir_is_terminator(b->last)) {
		c->error = arena_printf(c->f->arena, "%s: b%u does not end in a terminator",
					c->f->name, b->id);
		return;
	}
	ir_foreach_insn (b, insn) {
		if (insn->block != b || (insn->next ? insn->next->prev : b->last) != insn)
			fail(c, insn, "block list is broken");
		if (ir_is_terminator(insn) && insn->next)
			fail(c, insn, "terminator inside a block");
		insn->mark = n++;
		if (!c->error)
			check_insn(c, insn);
	}
	if (!c->error)
		check_edges(c, b);
}

static bool is_defined_before(const struct ir_insn *value, const struct ir_insn *user)
{
	if (value->block == user->block)
		return value->mark < user->mark;
	return dom_dominates(value->block, user->block);
}

static void check_dominance(struct check *c, const struct ir_insn *insn)
{
	for (uint32_t i = 0; i < insn->arg_count && !c->error; i++) {
		const struct ir_insn *value = insn->args[i];
		bool ok = insn->op == OP_PHI
				  ? dom_dominates(value->block, insn->block->preds.data[i])
				  : is_defined_before(value, insn);

		if (!ok)
			fail(c, insn,
			     arena_printf(c->f->arena, "operand %%%u does not dominate it",
					  value->id));
	}
}

const char *ir_verify(struct ir_func *f)
{
	struct check c = { .f = f };

	if (!f->entry)
		return arena_printf(f->arena, "%s: no blocks", f->name);
	for (struct ir_block *b = f->entry; b && !c.error; b = b->next)
		check_block(&c, b);
	if (!c.error && f->entry->preds.len)
		fail(&c, NULL, "entry block has a predecessor");
	if (c.error)
		return c.error;
	cfg_compute(f);
	dom_compute(f);
	for (struct ir_block *b = f->entry; b && !c.error; b = b->next)
		ir_foreach_insn (b, insn)
			check_dominance(&c, insn);
	return c.error;
}
