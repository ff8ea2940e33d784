/*
 * Emission.  Blocks come in their order, but for the cold ones, which follow at the end; blocks
 * that only jump on are left out.
 */
#include "bpf/emit.h"

#include <assert.h>

#define ISLAND_DISTANCE 12000 // instructions, in long functions

void emit_init(struct emitter *e, struct arena *a, bool cpu_v4)
{
	*e = (struct emitter){ .arena = a, .cpu_v4 = cpu_v4 };
}

static bool continues_line(const struct emitter *e)
{
	struct span last;

	if (!e->lines.len)
		return false;
	last = vec_last(&e->lines).span;
	return last.source == e->span.source && last.begin == e->span.begin &&
	       last.end == e->span.end;
}

void emit_insn(struct emitter *e, struct bpf_insn insn)
{
	struct image_line line = { .pc = (uint32_t)e->insns.len, .span = e->span };

	if (e->span.source && !continues_line(e))
		vec_push(e->arena, &e->lines, line);
	vec_push(e->arena, &e->insns, insn);
}

static uint32_t here(const struct emitter *e)
{
	return (uint32_t)e->insns.len;
}

static void emit_ld64(struct emitter *e, const struct mir_insn *m, uint32_t dst)
{
	struct bpf_insn low = insn_make(BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (int32_t)m->imm);
	struct bpf_insn high = { .imm = (int32_t)((uint64_t)m->imm >> 32) };
	struct image_reloc reloc = { .pc = here(e), .map = m->map };
	struct emit_func_ref ref = { .pc = here(e), .func = (uint32_t)m->imm };

	switch (m->reloc) {
	case RELOC_NONE: break;
	case RELOC_MAP:
		low.src_reg = BPF_PSEUDO_MAP_FD;
		low.imm = 0;
		high.imm = 0;
		break;
	case RELOC_MAP_VALUE:
		low.src_reg = BPF_PSEUDO_MAP_VALUE;
		low.imm = 0;
		high.imm = (int32_t)m->imm; // offset in the value
		break;
	case RELOC_BTF_ID: low.src_reg = BPF_PSEUDO_BTF_ID; break; // of vmlinux
	case RELOC_FUNC:
		low.src_reg = BPF_PSEUDO_FUNC;
		low.imm = 0;
		high.imm = 0;
		vec_push(e->arena, &e->func_refs, ref);
		break;
	}
	if (m->reloc == RELOC_MAP || m->reloc == RELOC_MAP_VALUE)
		vec_push(e->arena, &e->relocs, reloc);
	emit_insn(e, low);
	emit_insn(e, high);
}

void emit_remat(struct emitter *e, const struct mir_insn *m, uint32_t dst)
{
	switch (m->op) {
	case M_MOVE: emit_insn(e, insn_move_imm(dst, m->a.imm)); break;
	case M_FRAME:
		emit_insn(e, insn_move(dst, BPF_REG_10));
		if (m->imm)
			emit_insn(e, insn_alu_imm(BPF_ADD, dst, (int32_t)m->imm));
		break;
	default:
		assert(m->op == M_LD64);
		emit_ld64(e, m, dst);
		break;
	}
}

static void emit_move_to(struct emitter *e, uint32_t dst, struct mir_operand src)
{
	switch (src.kind) {
	case OPERAND_IMM: emit_insn(e, insn_move_imm(dst, src.imm)); break;
	case OPERAND_MEM: emit_insn(e, insn_load(8, dst, BPF_REG_10, (int16_t)src.imm)); break;
	default:
		assert(src.kind == OPERAND_REG);
		if (src.reg != dst)
			emit_insn(e, insn_move(dst, src.reg));
		break;
	}
}

/* --- single instructions -------------------------------------------------------------------- */

static void emit_alu(struct emitter *e, const struct mir_insn *m)
{
	uint32_t dst = m->dst.reg, a = m->a.reg;

	if (m->b.kind == OPERAND_IMM) {
		emit_move_to(e, dst, m->a);
		emit_insn(e, insn_alu_imm(m->code, dst, m->b.imm));
		return;
	}
	if (dst == m->b.reg && dst != a) { // then a and b can be exchanged: see visit_operands()
		emit_insn(e, insn_alu(m->code, dst, a));
		return;
	}
	emit_move_to(e, dst, m->a);
	emit_insn(e, insn_alu(m->code, dst, m->b.reg));
}

static void emit_bswap(struct emitter *e, const struct mir_insn *m)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	const uint8_t to = BPF_TO_BE;
#else
	const uint8_t to = BPF_TO_LE;
#endif
	emit_move_to(e, m->dst.reg, m->a);
	emit_insn(e, insn_make(BPF_ALU | BPF_END | to, m->dst.reg, 0, 0, m->width * 8));
}

static void emit_store(struct emitter *e, const struct mir_insn *m)
{
	if (m->b.kind == OPERAND_IMM)
		emit_insn(e, insn_store_imm(m->width, m->a.reg, m->off, m->b.imm));
	else
		emit_insn(e, insn_store(m->width, m->a.reg, m->off, m->b.reg));
}

static void emit_load(struct emitter *e, const struct mir_insn *m)
{
	struct bpf_insn insn = insn_load(m->width, m->dst.reg, m->a.reg, m->off);

	if (m->is_signed)
		insn.code = (uint8_t)(BPF_LDX | BPF_MEMSX | insn_size(m->width));
	emit_insn(e, insn);
}

static const uint8_t jump_codes[COND_COUNT] = {
	[COND_EQ] = BPF_JEQ,   [COND_NE] = BPF_JNE,   [COND_ULT] = BPF_JLT,  [COND_ULE] = BPF_JLE,
	[COND_UGT] = BPF_JGT,  [COND_UGE] = BPF_JGE,  [COND_SLT] = BPF_JSLT, [COND_SLE] = BPF_JSLE,
	[COND_SGT] = BPF_JSGT, [COND_SGE] = BPF_JSGE, [COND_SET] = BPF_JSET,
};

static struct bpf_insn conditional_jump(enum ir_cond cond, struct mir_operand a,
					struct mir_operand b, int16_t off)
{
	if (b.kind == OPERAND_IMM)
		return insn_make(BPF_JMP | jump_codes[cond] | BPF_K, a.reg, 0, off, b.imm);
	return insn_make(BPF_JMP | jump_codes[cond] | BPF_X, a.reg, b.reg, off, 0);
}

static void emit_select(struct emitter *e, const struct mir_insn *m)
{
	emit_move_to(e, m->dst.reg, m->x);
	emit_insn(e, conditional_jump(m->cond, m->a, m->b, 1));
	emit_move_to(e, m->dst.reg, m->y);
}

static void emit_call(struct emitter *e, const struct mir_insn *m)
{
	struct bpf_insn call = insn_make(BPF_JMP | BPF_CALL, 0, 0, 0, (int32_t)m->imm);

	emit_moves(e, m->moves, m->move_count, BPF_REG_0);
	if (m->call == CALL_KFUNC)
		call.src_reg = BPF_PSEUDO_KFUNC_CALL;
	emit_insn(e, call);
}

static void emit_result(struct emitter *e, const struct mir_insn *m)
{
	struct mir_move move = { .dst = m->dst };

	move.src.kind = OPERAND_REG;
	move.src.reg = BPF_REG_0;
	emit_moves(e, &move, 1, REG_NONE);
}

static void emit_unary(struct emitter *e, const struct mir_insn *m)
{
	uint32_t dst = m->dst.reg;

	switch (m->op) {
	case M_NEG:
		emit_move_to(e, dst, m->a);
		emit_insn(e, insn_make(BPF_ALU64 | BPF_NEG, dst, 0, 0, 0));
		break;
	case M_ZEXT32:
		emit_insn(e, insn_make(BPF_ALU | BPF_MOV | BPF_X, dst, m->a.reg, 0, 0));
		break;
	default:
		assert(m->op == M_SEXT);
		emit_insn(e, insn_make(BPF_ALU64 | BPF_MOV | BPF_X, dst, m->a.reg,
				       (int16_t)(m->width * 8), 0));
		break;
	}
}

/* --- blocks and jumps ----------------------------------------------------------------------- */

struct fix_cursor {
	const struct mir_fix *next, *end;
};

static void emit_fixes(struct emitter *e, struct fix_cursor *c, uint32_t insn, enum fix_phase phase)
{
	vec_of(struct mir_move) moves = { 0 };

	for (; c->next < c->end && c->next->insn == insn && c->next->phase == phase; c->next++)
		vec_push(e->arena, &moves, c->next->move);
	emit_moves(e, moves.data, (uint32_t)moves.len, REG_NONE);
}

static bool is_no_move(const struct mir_move *move)
{
	return move->src.kind == move->dst.kind && move->src.kind != OPERAND_NONE &&
	       move->src.reg == move->dst.reg;
}

/* The block does nothing but jump: its target, else NULL. */
static struct mir_block *forwards_to(const struct mir_func *m, const struct mir_block *b,
				     const uint8_t *has_fix)
{
	if (b->succs[1] || !b->succs[0])
		return NULL;
	for (uint32_t i = b->first; i < b->end; i++) {
		const struct mir_insn *insn = &m->insns.data[i];

		if (has_fix[i] || (insn->op != M_JUMP && insn->op != M_COPIES))
			return NULL;
		for (uint32_t j = 0; j < insn->move_count; j++)
			if (!is_no_move(&insn->moves[j]))
				return NULL;
	}
	return b->succs[0];
}

struct layout {
	struct mir_block **order; // what is emitted, in this order
	uint32_t count;
	struct mir_block **forward; // by block index: where a jump to it goes
};

static void find_forwards(struct layout *l, struct emitter *e, const struct mir_func *m)
{
	uint8_t *has_fix = arena_array(e->arena, uint8_t, m->insns.len);

	vec_foreach (&m->fixes, fix)
		has_fix[fix->insn] = 1;
	l->forward = arena_array(e->arena, struct mir_block *, m->block_count);
	for (uint32_t i = 0; i < m->block_count; i++)
		l->forward[i] = forwards_to(m, &m->blocks[i], has_fix);
	/* Follow chains; a chain that closes is an endless loop and stays a block. */
	for (uint32_t i = 0; i < m->block_count; i++) {
		struct mir_block *to = &m->blocks[i];
		uint32_t steps = 0;

		while (l->forward[to->index] && l->forward[to->index] != to && steps++ < 64)
			to = l->forward[to->index];
		l->forward[i] = to;
	}
}

static struct layout lay_out(struct emitter *e, const struct mir_func *m)
{
	struct layout l = { 0 };

	find_forwards(&l, e, m);
	l.order = arena_array(e->arena, struct mir_block *, m->block_count);
	for (uint32_t pass = 0; pass < (e->is_long ? 1u : 2u); pass++)
		for (uint32_t i = 0; i < m->block_count; i++) {
			struct mir_block *b = &m->blocks[i];
			bool is_now = e->is_long || b->is_cold == (pass == 1);

			if (is_now && (i == 0 || l.forward[i] == b))
				l.order[l.count++] = b;
		}
	return l;
}

static void emit_jump_to(struct emitter *e, struct bpf_insn insn, const struct mir_block *target)
{
	struct emit_jump jump = { .pc = here(e), .target = target };

	vec_push(e->arena, &e->jumps, jump);
	emit_insn(e, insn);
}

static void emit_branch(struct emitter *e, const struct layout *l, const struct mir_insn *m,
			const struct mir_block *next)
{
	const struct mir_block *yes = l->forward[m->target->index];
	const struct mir_block *no = l->forward[m->other->index];
	const struct bpf_insn always = insn_make(BPF_JMP | BPF_JA, 0, 0, 0, 0);
	enum ir_cond cond = m->cond;

	if (yes != no && yes == next && cond != COND_SET) {
		cond = ir_cond_negate(cond);
		yes = no;
		no = next;
	}
	if (yes != no)
		emit_jump_to(e, conditional_jump(cond, m->a, m->b, 0), yes);
	if (no != next)
		emit_jump_to(e, always, no);
}

static void emit_mir(struct emitter *e, const struct layout *l, const struct mir_insn *m,
		     const struct mir_block *next)
{
	switch (m->op) {
	case M_ENTRY:
	case M_COPIES: emit_moves(e, m->moves, m->move_count, REG_NONE); break;
	case M_MOVE: emit_move_to(e, m->dst.reg, m->a); break;
	case M_LD64:
	case M_FRAME: emit_remat(e, m, m->dst.reg); break;
	case M_ALU: emit_alu(e, m); break;
	case M_NEG:
	case M_ZEXT32:
	case M_SEXT: emit_unary(e, m); break;
	case M_BSWAP: emit_bswap(e, m); break;
	case M_LOAD: emit_load(e, m); break;
	case M_STORE: emit_store(e, m); break;
	case M_ATOMIC_ADD:
		emit_insn(e, insn_make(BPF_STX | BPF_ATOMIC | insn_size(m->width), m->a.reg,
				       m->b.reg, m->off, BPF_ADD));
		break;
	case M_SELECT: emit_select(e, m); break;
	case M_CALL: emit_call(e, m); break;
	case M_RESULT: emit_result(e, m); break;
	case M_JUMP:
		if (l->forward[m->target->index] != next)
			emit_jump_to(e, insn_make(BPF_JMP | BPF_JA, 0, 0, 0, 0),
				     l->forward[m->target->index]);
		break;
	case M_BRANCH: emit_branch(e, l, m, next); break;
	case M_RETURN:
		emit_move_to(e, BPF_REG_0, m->a);
		emit_insn(e, insn_make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
		break;
	}
}

/* The fixes from instruction @insn on. */
static struct fix_cursor fixes_from(const struct mir_func *m, uint32_t insn)
{
	size_t low = 0, high = m->fixes.len;

	if (!high)
		return (struct fix_cursor){ 0 };
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->fixes.data[mid].insn < insn)
			low = mid + 1;
		else
			high = mid;
	}
	return (struct fix_cursor){ m->fixes.data + low, m->fixes.data + m->fixes.len };
}

static void emit_block(struct emitter *e, const struct layout *l, struct mir_block *b,
		       const struct mir_block *next)
{
	const struct mir_func *m = e->func;
	struct fix_cursor fixes = fixes_from(m, b->first);

	b->pc = here(e);
	for (uint32_t i = b->first; i < b->end; i++) {
		const struct mir_insn *insn = &m->insns.data[i];

		e->insn = i;
		e->span = insn->span;
		emit_fixes(e, &fixes, i, FIX_SPLIT);
		emit_fixes(e, &fixes, i, FIX_EDGE);
		emit_mir(e, l, insn, next);
		emit_fixes(e, &fixes, i, FIX_STORE);
	}
}

/* --- long functions -------------------------------------------------------------------------- */

static bool falls_through(const struct emitter *e)
{
	uint8_t code = vec_last(&e->insns).code;

	return code != (BPF_JMP | BPF_EXIT) && code != (BPF_JMP | BPF_JA);
}

/* The jump at @slot, made for older jumps to @target; a new one if there is none yet. */
static uint32_t island_slot(struct emitter *e, uint32_t first, const struct mir_block *target)
{
	uint32_t slot = here(e);

	vec_foreach (&e->jumps, jump)
		if (jump->pc >= first && jump->target == target)
			return jump->pc;
	emit_jump_to(e, insn_make(BPF_JMP | BPF_JA, 0, 0, 0, 0), target);
	return slot;
}

/*
 * Jumps reach 32767 instructions.  In a long function, every now and then come some jumps that
 * earlier ones go by on their way to what is still ahead.
 */
static void emit_island(struct emitter *e)
{
	bool is_in_the_way = falls_through(e);
	uint32_t over = here(e), first = over + is_in_the_way;
	size_t kept = 0, count = e->jumps.len;

	if (is_in_the_way)
		emit_insn(e, insn_make(BPF_JMP | BPF_JA, 0, 0, 0, 0));
	for (size_t i = 0; i < count; i++) {
		struct emit_jump jump = e->jumps.data[i];

		if (jump.target->pc == UINT32_MAX && over - jump.pc > ISLAND_DISTANCE / 3) {
			uint32_t slot = island_slot(e, first, jump.target);

			e->insns.data[jump.pc].off = (int16_t)(slot - jump.pc - 1);
		} else {
			e->jumps.data[kept++] = jump;
		}
	}
	for (size_t i = count; i < e->jumps.len; i++)
		e->jumps.data[kept++] = e->jumps.data[i];
	e->jumps.len = kept;
	if (is_in_the_way)
		e->insns.data[over].off = (int16_t)(here(e) - over - 1);
	e->island = here(e);
}

/* Distances are counted from the instruction after the jump; false if one is too far. */
static bool resolve_jumps(struct emitter *e)
{
	bool ok = true;

	vec_foreach (&e->jumps, jump) {
		struct bpf_insn *insn = &e->insns.data[jump->pc];
		int64_t distance = (int64_t)jump->target->pc - jump->pc - 1;

		if (distance == (int16_t)distance) {
			insn->off = (int16_t)distance;
		} else if (e->cpu_v4 && insn->code == (BPF_JMP | BPF_JA)) {
			insn->code = BPF_JMP32 | BPF_JA;
			insn->imm = (int32_t)distance;
		} else {
			ok = false;
		}
	}
	e->jumps.len = 0;
	return ok;
}

/* --- the function ---------------------------------------------------------------------------- */

static bool try_func(struct emitter *e, const struct mir_func *m)
{
	struct image_func func = { .name = m->name, .pc = here(e), .param_count = m->param_count };
	struct layout l = lay_out(e, m);

	e->func = m;
	e->frame_bytes = m->frame_bytes;
	e->emergency[0] = e->emergency[1] = 0;
	e->island = here(e);
	vec_push(e->arena, &e->funcs, func);
	for (uint32_t i = 0; i < m->block_count; i++)
		m->blocks[i].pc = UINT32_MAX;
	for (uint32_t i = 0; i < l.count; i++) {
		emit_block(e, &l, l.order[i], i + 1 < l.count ? l.order[i + 1] : NULL);
		if (e->is_long && here(e) - e->island > ISLAND_DISTANCE)
			emit_island(e);
	}
	return resolve_jumps(e);
}

void emit_func(struct emitter *e, const struct mir_func *m)
{
	const struct emitter before = *e;

	if (try_func(e, m))
		return;
	e->insns.len = before.insns.len;
	e->lines.len = before.lines.len;
	e->relocs.len = before.relocs.len;
	e->funcs.len = before.funcs.len;
	e->func_refs.len = before.func_refs.len;
	e->is_long = true;
	if (!try_func(e, m))
		e->error = "a loop spans more than 32767 instructions";
	e->is_long = false;
}

void emit_finish(struct emitter *e)
{
	vec_foreach (&e->func_refs, ref) {
		assert(ref->func < e->funcs.len);
		e->insns.data[ref->pc].imm = (int32_t)(e->funcs.data[ref->func].pc - ref->pc - 1);
	}
}
