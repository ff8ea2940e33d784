/*
 * Parallel moves: arguments, phis, and what allocation moves around, one after the other in an
 * order in which none overwrites what another still needs.
 */
#include "bpf/emit.h"
#include "bpf/regalloc.h"

#include <assert.h>

struct parallel {
	struct emitter *e;
	struct mir_move *pending;
	uint32_t count;
	uint32_t temp; // REG_NONE: not looked for yet
};

static bool is_place(struct mir_operand o)
{
	return o.kind == OPERAND_REG || o.kind == OPERAND_MEM;
}

static bool is_same(struct mir_operand a, struct mir_operand b)
{
	return is_place(a) && a.kind == b.kind && a.reg == b.reg;
}

static struct mir_operand memory(int32_t offset)
{
	return (struct mir_operand){ .kind = OPERAND_MEM, .imm = offset };
}

static struct mir_operand in_register(uint32_t reg)
{
	return (struct mir_operand){ .kind = OPERAND_REG, .reg = reg };
}

enum emergency { EMERGENCY_CYCLE, EMERGENCY_SAVE };

static int32_t emergency(struct emitter *e, enum emergency what)
{
	if (!e->emergency[what]) {
		e->frame_bytes += 8;
		e->emergency[what] = -e->frame_bytes;
	}
	return e->emergency[what];
}

/* A move where source or destination is a register. */
static void emit_simple(struct emitter *e, struct mir_operand dst, const struct mir_move *move)
{
	if (dst.kind == OPERAND_MEM && move->src.kind == OPERAND_IMM)
		emit_insn(e, insn_store_imm(8, BPF_REG_10, (int16_t)dst.imm, move->src.imm));
	else if (dst.kind == OPERAND_MEM)
		emit_insn(e, insn_store(8, BPF_REG_10, (int16_t)dst.imm, move->src.reg));
	else if (move->src.kind == OPERAND_MEM)
		emit_insn(e, insn_load(8, dst.reg, BPF_REG_10, (int16_t)move->src.imm));
	else if (move->src.kind == OPERAND_IMM)
		emit_insn(e, insn_move_imm(dst.reg, move->src.imm));
	else if (move->src.kind == OPERAND_NONE)
		emit_remat(e, move->remat, dst.reg);
	else if (move->src.reg != dst.reg)
		emit_insn(e, insn_move(dst.reg, move->src.reg));
}

static bool is_touched(const struct parallel *p, const struct mir_move *now, uint32_t reg)
{
	if (is_same(now->src, in_register(reg)))
		return true;
	for (uint32_t i = 0; i < p->count; i++)
		if (is_same(p->pending[i].src, in_register(reg)))
			return true;
	return false;
}

static void find_temp(struct parallel *p)
{
	uint32_t all = regalloc_free_registers(p->e->func, p->e->insn);

	for (uint32_t r = 0; r < BPF_REGS && p->temp == REG_NONE; r++)
		if (all & (1u << r))
			p->temp = r;
}

/* From memory, or computed, to memory. */
static void emit_through_register(struct parallel *p, const struct mir_move *move)
{
	struct mir_operand dst = move->dst;
	struct mir_move load = *move, store = { .dst = dst };
	struct mir_move save = { 0 };
	uint32_t reg;

	if (p->temp == REG_NONE)
		find_temp(p);
	reg = p->temp;
	if (reg == REG_NONE || is_touched(p, move, reg)) {
		reg = BPF_REG_6; // all are taken, this one too
		save.src = in_register(reg);
		emit_simple(p->e, memory(emergency(p->e, EMERGENCY_SAVE)), &save);
	}
	emit_simple(p->e, in_register(reg), &load);
	store.src = in_register(reg);
	emit_simple(p->e, dst, &store);
	if (save.src.kind) {
		save.src = memory(emergency(p->e, EMERGENCY_SAVE));
		emit_simple(p->e, in_register(reg), &save);
	}
}

static void emit_one(struct parallel *p, const struct mir_move *move)
{
	bool needs_register = move->dst.kind == OPERAND_MEM &&
			      (move->src.kind == OPERAND_MEM || move->src.kind == OPERAND_NONE);

	if (needs_register)
		emit_through_register(p, move);
	else
		emit_simple(p->e, move->dst, move);
}

static bool is_read_by_others(const struct parallel *p, uint32_t i)
{
	for (uint32_t j = 0; j < p->count; j++)
		if (j != i && is_same(p->pending[j].src, p->pending[i].dst))
			return true;
	return false;
}

/* Every destination is another's source: put the content of one of them aside. */
static void break_cycle(struct parallel *p)
{
	struct mir_operand from = p->pending[0].dst;
	struct mir_operand aside;
	struct mir_move move = { .src = from };

	if (p->temp != REG_NONE && !is_touched(p, &move, p->temp))
		aside = in_register(p->temp);
	else
		aside = memory(emergency(p->e, EMERGENCY_CYCLE));
	move.dst = aside;
	p->temp = aside.kind == OPERAND_REG ? REG_NONE : p->temp;
	emit_one(p, &move);
	for (uint32_t i = 0; i < p->count; i++)
		if (is_same(p->pending[i].src, from))
			p->pending[i].src = aside;
}

void emit_moves(struct emitter *e, const struct mir_move *moves, uint32_t count, uint32_t temp)
{
	struct parallel p = { .e = e, .temp = temp };

	if (count == 0)
		return;
	p.pending = arena_array(e->arena, struct mir_move, count);
	for (uint32_t i = 0; i < count; i++)
		if (!is_same(moves[i].dst, moves[i].src))
			p.pending[p.count++] = moves[i];
	while (p.count) {
		bool is_blocked = true;

		for (uint32_t i = 0; i < p.count; i++) {
			struct mir_move move = p.pending[i];

			if (is_read_by_others(&p, i))
				continue;
			for (uint32_t j = i + 1; j < p.count; j++)
				p.pending[j - 1] = p.pending[j];
			p.count--;
			i--;
			emit_one(&p, &move);
			is_blocked = false;
		}
		if (is_blocked)
			break_cycle(&p);
	}
}
