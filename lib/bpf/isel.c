/*
 * Instruction selection: IR -> MIR, one block after the other, in layout order.
 *
 * Values that are free to compute again (constants, addresses of slots and maps) have no virtual
 * register of their own: they become immediates and offsets where the machine takes them, are moved
 * straight into argument registers, and otherwise get a register for the rest of the block, up to
 * the next call at most, so that they never cost one that survives calls.
 */
#include "bpf/mir.h"

#include <assert.h>

struct map_base { // a register that holds the address of a map's value
	uint32_t map;
	int64_t imm;
	uint32_t vreg;
};

struct isel {
	struct arena *arena;
	struct ir_func *f;
	struct mir_func *m;
	const struct codegen_options *o;
	uint32_t *vreg_of;    // by IR value id; 0 none
	uint32_t *same_as;    // while they are assigned, by vreg: another that it became one with
	uint32_t *segment_of; // when the vreg of a rematerialised value was made
	uint32_t segment;     // number of the stretch without block boundary and call; from 1
	struct mir_block **block_of; // by IR block id
	uint32_t ctx;                // vreg of OP_CTX
	uint32_t params[5];
	vec_of(struct map_base) bases; // of this segment
	struct span span;
};

static bool fits_s32(int64_t v)
{
	return v == (int32_t)v;
}

static bool fits_s16(int64_t v)
{
	return v == (int16_t)v;
}

static bool is_remat(const struct ir_insn *v)
{
	switch (v->op) {
	case OP_CONST:
	case OP_SLOT:
	case OP_MAP:
	case OP_MAP_VALUE:
	case OP_FUNC:
	case OP_KERNEL_VAR: return true;
	default: return false;
	}
}

static bool is_imm(const struct ir_insn *v)
{
	return v->op == OP_CONST && fits_s32(v->imm);
}

static uint32_t new_vreg(struct isel *is)
{
	struct mir_vreg vreg = { .hint_reg = -1 };

	vec_push(is->arena, &is->m->vregs, vreg);
	return (uint32_t)is->m->vregs.len - 1;
}

static struct mir_operand vreg_operand(uint32_t vreg)
{
	return (struct mir_operand){ .kind = OPERAND_VREG, .vreg = vreg };
}

static struct mir_operand imm_operand(int64_t imm)
{
	assert(fits_s32(imm));
	return (struct mir_operand){ .kind = OPERAND_IMM, .imm = (int32_t)imm };
}

static struct mir_operand reg_operand(uint32_t reg)
{
	return (struct mir_operand){ .kind = OPERAND_REG, .reg = reg };
}

/* Append an instruction.  The pointer is valid until the next one. */
static struct mir_insn *emit(struct isel *is, enum mir_op op)
{
	struct mir_insn insn = { .op = op, .span = is->span };

	vec_push(is->arena, &is->m->insns, insn);
	return &vec_last(&is->m->insns);
}

static void hint(struct isel *is, uint32_t from, uint32_t to)
{
	if (from == to)
		return;
	if (!is->m->vregs.data[to].hint_from)
		is->m->vregs.data[to].hint_from = from;
	if (!is->m->vregs.data[from].hint_to)
		is->m->vregs.data[from].hint_to = to;
}

/* The instruction that computes @v, which is_remat(), without its dst. */
static struct mir_insn remat_insn(struct isel *is, const struct ir_insn *v)
{
	struct mir_insn insn = { .op = M_LD64, .span = is->span, .imm = v->imm };

	switch (v->op) {
	case OP_CONST:
		if (fits_s32(v->imm)) {
			insn.op = M_MOVE;
			insn.a = imm_operand(v->imm);
		}
		break;
	case OP_SLOT:
		insn.op = M_FRAME;
		insn.imm += is->f->slots.data[v->slot].offset;
		break;
	case OP_MAP:
		insn.reloc = RELOC_MAP;
		insn.map = v->map;
		break;
	case OP_MAP_VALUE:
		insn.reloc = RELOC_MAP_VALUE;
		insn.map = v->map;
		break;
	case OP_KERNEL_VAR: insn.reloc = RELOC_BTF_ID; break;
	default:
		assert(v->op == OP_FUNC);
		insn.reloc = RELOC_FUNC;
		break;
	}
	return insn;
}

static uint32_t emit_remat(struct isel *is, const struct ir_insn *v)
{
	struct mir_insn *insn = emit(is, M_LD64);
	uint32_t vreg = new_vreg(is);

	*insn = remat_insn(is, v);
	insn->dst = vreg_operand(vreg);
	is->m->vregs.data[vreg].remat = arena_memdup(is->arena, insn, sizeof(*insn));
	return vreg;
}

/* A register that holds @v. */
static uint32_t use_vreg(struct isel *is, const struct ir_insn *v)
{
	if (!is_remat(v)) {
		assert(is->vreg_of[v->id]);
		return is->vreg_of[v->id];
	}
	if (is->segment_of[v->id] != is->segment) {
		is->vreg_of[v->id] = emit_remat(is, v);
		is->segment_of[v->id] = is->segment;
	}
	return is->vreg_of[v->id];
}

static struct mir_operand use_reg(struct isel *is, const struct ir_insn *v)
{
	return vreg_operand(use_vreg(is, v));
}

static struct mir_operand use_reg_or_imm(struct isel *is, const struct ir_insn *v)
{
	return is_imm(v) ? imm_operand(v->imm) : use_reg(is, v);
}

/* A move's source: where it will be, or how to compute it there. */
static void use_in_move(struct isel *is, struct mir_move *move, const struct ir_insn *v)
{
	struct mir_insn insn;

	if (is_imm(v)) {
		move->src = imm_operand(v->imm);
	} else if (is_remat(v)) {
		insn = remat_insn(is, v);
		move->remat = arena_memdup(is->arena, &insn, sizeof(insn));
	} else {
		move->src = use_reg(is, v);
	}
}

static struct mir_operand def(struct isel *is, const struct ir_insn *v)
{
	return vreg_operand(is->vreg_of[v->id]);
}

/* --- memory ------------------------------------------------------------------------------- */

struct address {
	struct mir_operand base;
	int16_t off;
};

static void emit_alu_imm(struct isel *is, uint8_t code, uint32_t a, int64_t imm, uint32_t dst)
{
	struct mir_insn *insn = emit(is, M_ALU);

	insn->code = code;
	insn->a = vreg_operand(a);
	insn->b = imm_operand(imm);
	insn->dst = vreg_operand(dst);
	hint(is, a, dst);
}

static struct address map_value_address(struct isel *is, const struct ir_insn *base, int64_t off)
{
	struct map_base entry = { .map = base->map, .imm = base->imm + off };
	struct ir_insn at = *base;

	vec_foreach (&is->bases, b)
		if (b->map == base->map && fits_s16(entry.imm - b->imm))
			return (struct address){ .base = vreg_operand(b->vreg),
						 .off = (int16_t)(entry.imm - b->imm) };
	at.imm = entry.imm;
	entry.vreg = emit_remat(is, &at);
	vec_push(is->arena, &is->bases, entry);
	return (struct address){ .base = vreg_operand(entry.vreg) };
}

/* How to reach all of the @size bytes at @base + @off with 16-bit offsets. */
static struct address address_of(struct isel *is, const struct ir_insn *base, int64_t off,
				 uint32_t size)
{
	uint32_t vreg;

	if (base->op == OP_SLOT) {
		off += base->imm + is->f->slots.data[base->slot].offset;
		return (struct address){ .base = reg_operand(BPF_REG_10), .off = (int16_t)off };
	}
	if (base->op == OP_MAP_VALUE && fits_s32(base->imm + off))
		return map_value_address(is, base, off);
	vreg = use_vreg(is, base);
	if (!fits_s16(off) || !fits_s16(off + size)) {
		/* Pointers can't be moved further: the verifier's BPF_MAX_VAR_OFF. */
		uint32_t base_vreg = vreg;

		vreg = new_vreg(is);
		emit_alu_imm(is, BPF_ADD, base_vreg, fits_s32(off) ? off : INT32_MAX, vreg);
		off = 0;
	}
	return (struct address){ .base = vreg_operand(vreg), .off = (int16_t)off };
}

static struct mir_insn *emit_memory(struct isel *is, enum mir_op op, struct address at,
				    uint32_t off, uint32_t width)
{
	struct mir_insn *insn = emit(is, op);

	insn->a = at.base;
	insn->off = (int16_t)(at.off + (int16_t)off);
	insn->width = (uint8_t)width;
	return insn;
}

static void emit_sext_from(struct isel *is, uint32_t vreg, uint32_t width, struct mir_operand dst)
{
	uint32_t bits = 64 - 8 * width;

	emit_alu_imm(is, BPF_LSH, vreg, bits, dst.vreg);
	emit_alu_imm(is, BPF_ARSH, dst.vreg, bits, dst.vreg);
}

static void select_load(struct isel *is, const struct ir_insn *v)
{
	struct address at = address_of(is, v->args[0], v->imm, v->width);
	bool is_extended = v->is_signed && v->width < 8;
	struct mir_insn *insn = emit_memory(is, M_LOAD, at, 0, v->width);
	uint32_t dst = is->vreg_of[v->id];

	if (!dst)
		dst = new_vreg(is);
	insn->dst = vreg_operand(dst);
	insn->is_signed = is_extended && is->o->cpu_v4;
	if (is_extended && !is->o->cpu_v4)
		emit_sext_from(is, dst, v->width, vreg_operand(dst));
}

static void select_store(struct isel *is, const struct ir_insn *v)
{
	struct mir_operand value = use_reg_or_imm(is, v->args[1]);
	struct address at = address_of(is, v->args[0], v->imm, v->width);
	struct mir_insn *insn = emit_memory(is, M_STORE, at, 0, v->width);

	insn->b = value;
}

static void select_atomic_add(struct isel *is, const struct ir_insn *v)
{
	struct mir_operand value = use_reg(is, v->args[1]);
	struct address at = address_of(is, v->args[0], v->imm, v->width);
	struct mir_insn *insn = emit_memory(is, M_ATOMIC_ADD, at, 0, v->width);

	insn->b = value;
}

/* Whether @v points into a map's value or what a helper returned, not to the stack or the context
 */
static bool is_plain_memory(const struct ir_insn *v, uint32_t depth)
{
	if (v->op == OP_MAP_VALUE || v->op == OP_CALL)
		return true;
	if (v->op != OP_ADD || depth == 4)
		return false;
	return is_plain_memory(v->args[0], depth + 1) || is_plain_memory(v->args[1], depth + 1);
}

/*
 * What the address @v + @off can be taken as a multiple of.  Only the stack (check_ptr_alignment()
 * in the verifier) and the context (tp_prog_is_valid_access() and its like) insist on alignment;
 * pointers that we know nothing of, like a callback's parameter, are aligned to 8.
 */
static uint32_t alignment_of(const struct isel *is, const struct ir_insn *v, int64_t off,
			     uint32_t depth)
{
	uint32_t least = 8;

	if (is_plain_memory(v, 0))
		return 8;
	if (v->op == OP_SLOT) {
		off += v->imm + is->f->slots.data[v->slot].offset;
	} else if ((v->op == OP_PHI || v->op == OP_SELECT) && depth < 4) {
		for (uint32_t i = v->op == OP_SELECT; i < v->arg_count; i++) {
			uint32_t align = alignment_of(is, v->args[i], off, depth + 1);

			least = align < least ? align : least;
		}
		return least;
	} else if (v->op == OP_ADD && v->args[1]->op == OP_CONST && depth < 4) {
		return alignment_of(is, v->args[0], off + v->args[1]->imm, depth + 1);
	}
	while (off & (least - 1))
		least >>= 1;
	return least;
}

/* The widest access for @left bytes at offset @done of something aligned to @align. */
static uint32_t piece_width(uint32_t align, uint32_t done, uint32_t left)
{
	uint32_t width = 8;

	while (width > left || width > align || (done & (width - 1)))
		width >>= 1;
	return width;
}

static void select_zero(struct isel *is, const struct ir_insn *v)
{
	struct address at = address_of(is, v->args[0], v->imm, v->size);
	uint32_t align = alignment_of(is, v->args[0], v->imm, 0);
	uint32_t width;

	for (uint32_t done = 0; done < v->size; done += width) {
		width = piece_width(align, done, v->size - done);
		emit_memory(is, M_STORE, at, done, width)->b = imm_operand(0);
	}
}

static void select_memcpy(struct isel *is, const struct ir_insn *v)
{
	struct address to = address_of(is, v->args[0], v->imm, v->size);
	struct address from = address_of(is, v->args[1], v->imm2, v->size);
	uint32_t align = alignment_of(is, v->args[0], v->imm, 0);
	uint32_t from_align = alignment_of(is, v->args[1], v->imm2, 0);
	uint32_t width;

	if (from_align < align)
		align = from_align;
	for (uint32_t done = 0; done < v->size; done += width) {
		uint32_t tmp = new_vreg(is);

		width = piece_width(align, done, v->size - done);
		emit_memory(is, M_LOAD, from, done, width)->dst = vreg_operand(tmp);
		emit_memory(is, M_STORE, to, done, width)->b = vreg_operand(tmp);
	}
}

/* --- arithmetic --------------------------------------------------------------------------- */

static const uint8_t alu_codes[OP_COUNT] = {
	[OP_ADD] = BPF_ADD,  [OP_SUB] = BPF_SUB,  [OP_MUL] = BPF_MUL,   [OP_UDIV] = BPF_DIV,
	[OP_UMOD] = BPF_MOD, [OP_AND] = BPF_AND,  [OP_OR] = BPF_OR,     [OP_XOR] = BPF_XOR,
	[OP_SHL] = BPF_LSH,  [OP_LSHR] = BPF_RSH, [OP_ASHR] = BPF_ARSH,
};

static bool is_commutative_code(uint8_t code)
{
	return code == BPF_ADD || code == BPF_MUL || code == BPF_AND || code == BPF_OR ||
	       code == BPF_XOR;
}

/* The verifier refuses division by an immediate 0 and shifts by more than 63. */
static bool select_odd_alu(struct isel *is, const struct ir_insn *v)
{
	const struct ir_insn *b = v->args[1];
	struct mir_operand a;

	if (b->op != OP_CONST || b->imm != 0 || (v->op != OP_UDIV && v->op != OP_UMOD))
		return false;
	a = v->op == OP_UDIV ? imm_operand(0) : use_reg(is, v->args[0]);
	emit(is, M_MOVE)->a = a;
	vec_last(&is->m->insns).dst = def(is, v);
	return true;
}

static void select_alu(struct isel *is, const struct ir_insn *v)
{
	const struct ir_insn *a = v->args[0], *b = v->args[1];
	struct mir_operand x, y;
	struct mir_insn *insn;
	uint8_t code = alu_codes[v->op];

	if (select_odd_alu(is, v))
		return;
	if (is_imm(a) && !is_imm(b) && is_commutative_code(code)) {
		a = v->args[1];
		b = v->args[0];
	}
	x = use_reg(is, a);
	y = use_reg_or_imm(is, b);
	if (y.kind == OPERAND_IMM && (code == BPF_LSH || code == BPF_RSH || code == BPF_ARSH))
		y.imm &= 63;
	insn = emit(is, M_ALU);
	insn->code = code;
	insn->a = x;
	insn->b = y;
	insn->dst = def(is, v);
	hint(is, x.vreg, insn->dst.vreg);
	if (y.kind == OPERAND_VREG && is_commutative_code(code))
		hint(is, y.vreg, insn->dst.vreg);
}

/* ZEXT, SEXT, BSWAP, NEG, COPY */
static void select_unary(struct isel *is, const struct ir_insn *v)
{
	struct mir_operand a = use_reg(is, v->args[0]);
	struct mir_insn *insn;
	enum mir_op op = M_MOVE;

	switch (v->op) {
	case OP_NEG: op = M_NEG; break;
	case OP_BSWAP: op = M_BSWAP; break;
	case OP_ZEXT: op = v->width == 4 ? M_ZEXT32 : M_ALU; break;
	case OP_SEXT:
		if (!is->o->cpu_v4) {
			emit_sext_from(is, a.vreg, v->width, def(is, v));
			return;
		}
		op = M_SEXT;
		break;
	default: break;
	}
	insn = emit(is, op);
	insn->a = a;
	insn->width = v->width;
	insn->dst = def(is, v);
	if (op == M_ALU) {
		insn->code = BPF_AND;
		insn->b = imm_operand(v->width == 1 ? 0xff : 0xffff);
	}
	hint(is, a.vreg, insn->dst.vreg);
}

struct condition {
	enum ir_cond cond;
	struct mir_operand a, b;
};

static struct condition use_condition(struct isel *is, enum ir_cond cond, const struct ir_insn *a,
				      const struct ir_insn *b)
{
	struct condition c = { .cond = cond };

	if (is_imm(a) && !is_imm(b)) {
		const struct ir_insn *other = a;

		a = b;
		b = other;
		c.cond = ir_cond_swap(cond);
	}
	c.a = use_reg(is, a);
	c.b = use_reg_or_imm(is, b);
	return c;
}

static void emit_select(struct isel *is, struct condition c, struct mir_operand x,
			struct mir_operand y, struct mir_operand dst)
{
	struct mir_insn *insn = emit(is, M_SELECT);

	insn->cond = c.cond;
	insn->a = c.a;
	insn->b = c.b;
	insn->x = x;
	insn->y = y;
	insn->dst = dst;
	if (x.kind == OPERAND_VREG)
		hint(is, x.vreg, dst.vreg);
}

static void select_cmp(struct isel *is, const struct ir_insn *v)
{
	struct condition c = use_condition(is, v->cond, v->args[0], v->args[1]);

	emit_select(is, c, imm_operand(1), imm_operand(0), def(is, v));
}

static void select_select(struct isel *is, const struct ir_insn *v)
{
	const struct ir_insn *test = v->args[0];
	struct mir_operand x = use_reg_or_imm(is, v->args[1]);
	struct mir_operand y = use_reg_or_imm(is, v->args[2]);
	struct condition c = { .cond = COND_NE };

	if (test->op == OP_CMP) {
		c = use_condition(is, test->cond, test->args[0], test->args[1]);
	} else {
		c.a = use_reg(is, test);
		c.b = imm_operand(0);
	}
	emit_select(is, c, x, y, def(is, v));
}

/* --- calls and control flow ---------------------------------------------------------------- */

static void new_segment(struct isel *is)
{
	is->segment++;
	is->bases.len = 0;
}

static void select_call(struct isel *is, const struct ir_insn *v)
{
	struct mir_move *moves = arena_array(is->arena, struct mir_move, v->arg_count);
	struct mir_insn *insn;

	assert(v->arg_count <= 5);
	for (uint32_t i = 0; i < v->arg_count; i++) {
		use_in_move(is, &moves[i], v->args[i]);
		moves[i].dst = reg_operand(i + 1);
		if (moves[i].src.kind == OPERAND_VREG) {
			struct mir_vreg *vreg = &is->m->vregs.data[moves[i].src.vreg];

			if (vreg->hint_reg < 0)
				vreg->hint_reg = (int8_t)(i + 1);
		}
	}
	insn = emit(is, M_CALL);
	insn->moves = moves;
	insn->move_count = v->arg_count;
	insn->call = v->op == OP_KFUNC ? CALL_KFUNC : CALL_HELPER;
	insn->imm = v->op == OP_KFUNC ? v->imm : v->op == OP_CALL ? v->helper : BPF_FUNC_tail_call;
	new_segment(is);
	if (is->vreg_of[v->id]) {
		emit(is, M_RESULT)->dst = def(is, v);
		if (is->m->vregs.data[is->vreg_of[v->id]].hint_reg < 0)
			is->m->vregs.data[is->vreg_of[v->id]].hint_reg = 0;
	}
}

/* What the phis of @to take from @from, which has no other successor. */
static void emit_copies(struct isel *is, struct ir_block *from, struct ir_block *to)
{
	struct mir_move *moves;
	uint32_t count = 0;
	size_t pred = 0;

	for (struct ir_insn *phi = to->first; phi && phi->op == OP_PHI; phi = phi->next)
		count += is->vreg_of[phi->id] != 0;
	if (count == 0)
		return;
	pred = ir_pred_index(to, from);
	moves = arena_array(is->arena, struct mir_move, count);
	count = 0;
	for (struct ir_insn *phi = to->first; phi && phi->op == OP_PHI; phi = phi->next) {
		struct ir_insn *value = phi->args[pred];

		if (!is->vreg_of[phi->id] || is->vreg_of[value->id] == is->vreg_of[phi->id])
			continue;
		moves[count].dst = def(is, phi);
		use_in_move(is, &moves[count], value);
		if (moves[count].src.kind == OPERAND_VREG)
			hint(is, moves[count].src.vreg, is->vreg_of[phi->id]);
		count++;
	}
	if (count == 0)
		return;
	emit(is, M_COPIES)->moves = moves;
	vec_last(&is->m->insns).move_count = count;
}

static void select_jump(struct isel *is, struct ir_block *from)
{
	emit_copies(is, from, from->succs[0]);
	emit(is, M_JUMP)->target = is->block_of[from->succs[0]->id];
}

static void select_branch(struct isel *is, const struct ir_insn *v)
{
	struct condition c = use_condition(is, v->cond, v->args[0], v->args[1]);
	struct mir_insn *insn = emit(is, M_BRANCH);

	insn->cond = c.cond;
	insn->a = c.a;
	insn->b = c.b;
	insn->target = is->block_of[v->block->succs[0]->id];
	insn->other = is->block_of[v->block->succs[1]->id];
}

static void select_return(struct isel *is, const struct ir_insn *v)
{
	struct mir_operand value = use_reg_or_imm(is, v->args[0]);

	if (value.kind == OPERAND_VREG && is->m->vregs.data[value.vreg].hint_reg < 0)
		is->m->vregs.data[value.vreg].hint_reg = 0;
	emit(is, M_RETURN)->a = value;
}

static void select_insn(struct isel *is, struct ir_insn *v)
{
	if (v->span.source)
		is->span = v->span;
	if (is_remat(v) || v->op == OP_PHI || v->op == OP_CTX || v->op == OP_PARAM)
		return;
	/* An unused load stays if it is volatile: it may be there for its fault. */
	if (ir_has_result(v) && !ir_has_side_effect(v) && !is->vreg_of[v->id] && !v->is_volatile)
		return;
	switch (v->op) {
	case OP_LOAD: select_load(is, v); break;
	case OP_STORE: select_store(is, v); break;
	case OP_ATOMIC_ADD: select_atomic_add(is, v); break;
	case OP_ZERO: select_zero(is, v); break;
	case OP_MEMCPY: select_memcpy(is, v); break;
	case OP_NEG:
	case OP_ZEXT:
	case OP_SEXT:
	case OP_BSWAP:
	case OP_COPY: select_unary(is, v); break;
	case OP_CMP: select_cmp(is, v); break;
	case OP_SELECT: select_select(is, v); break;
	case OP_CALL:
	case OP_KFUNC:
	case OP_TAIL_CALL: select_call(is, v); break;
	case OP_JUMP: select_jump(is, v->block); break;
	case OP_BRANCH: select_branch(is, v); break;
	case OP_RETURN: select_return(is, v); break;
	default:
		assert(alu_codes[v->op] || v->op == OP_ADD);
		select_alu(is, v);
		break;
	}
}

/* --- the function -------------------------------------------------------------------------- */

/*
 * A comparison that a SELECT takes in itself is not used by it, but its operands are.  A comparison
 * without other users is not computed.
 */
static void move_uses_of_fused(struct ir_func *f)
{
	ir_count_uses(f);
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn) {
			struct ir_insn *test;

			if (insn->op != OP_SELECT || insn->args[0]->op != OP_CMP)
				continue;
			test = insn->args[0];
			test->use_count--;
			test->args[0]->use_count++;
			test->args[1]->use_count++;
		}
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn) {
			if (insn->op != OP_CMP || insn->use_count)
				continue;
			insn->args[0]->use_count--;
			insn->args[1]->use_count--;
		}
}

static uint32_t *shared_vreg(struct isel *is, const struct ir_insn *v)
{
	if (v->op == OP_CTX)
		return &is->ctx;
	if (v->op == OP_PARAM)
		return &is->params[v->imm];
	return NULL;
}

/*
 * The operand whose register the result best takes over, if this is its only use: most of the
 * machine's operations write to their first operand.
 */
static struct ir_insn *reused_operand(const struct isel *is, const struct ir_insn *v)
{
	struct ir_insn *best = NULL;
	uint32_t first = 0, end = 1;

	switch (v->op) {
	case OP_NEG:
	case OP_BSWAP: break;
	case OP_SEXT:
		if (is->o->cpu_v4)
			return NULL;
		break;
	case OP_ZEXT:
		if (v->width == 4)
			return NULL;
		break;
	case OP_SELECT:
		first = 1;
		end = 2;
		break;
	default:
		if (!alu_codes[v->op] && v->op != OP_ADD)
			return NULL;
		end = is_commutative_code(alu_codes[v->op]) ? 2 : 1;
		break;
	}
	for (uint32_t i = first; i < end; i++) {
		struct ir_insn *a = v->args[i];

		if (a->use_count != 1 || a->block != v->block || is_remat(a) || a->op == OP_CTX ||
		    a->op == OP_PARAM)
			continue;
		if (!best || a->op == OP_PHI)
			best = a;
	}
	return best;
}

static uint32_t *vreg_slot(struct isel *is, const struct ir_insn *v)
{
	uint32_t *shared = shared_vreg(is, v);

	return shared ? shared : &is->vreg_of[v->id];
}

/*
 * A value that only a phi uses, computed in the predecessor, is computed into the phi's register.
 * The phi itself can't be live there, unless its block dominates that predecessor (in a loop).
 */
static void share_with_phis(struct isel *is, struct ir_block *b)
{
	for (struct ir_insn *phi = b->first; phi && phi->op == OP_PHI; phi = phi->next) {
		if (!phi->use_count)
			continue;
		is->vreg_of[phi->id] = new_vreg(is);
		for (uint32_t i = 0; i < phi->arg_count; i++) {
			struct ir_insn *v = phi->args[i];
			struct ir_block *pred = b->preds.data[i];

			if (v->use_count == 1 && v->block == pred && v->op != OP_PHI &&
			    !is_remat(v) && !dom_dominates(b, pred))
				is->vreg_of[v->id] = is->vreg_of[phi->id];
		}
	}
}

static uint32_t final_vreg(const struct isel *is, uint32_t vreg)
{
	while (is->same_as[vreg])
		vreg = is->same_as[vreg];
	return vreg;
}

/*
 * Two phis become one where the second is computed from the first, which has no other use: neither
 * is live where the other is, by the same reasoning.
 */
static void unite(struct isel *is, uint32_t a, uint32_t b)
{
	a = final_vreg(is, a);
	b = final_vreg(is, b);
	if (a != b)
		is->same_as[a] = b;
}

static void assign_vreg(struct isel *is, struct ir_insn *v)
{
	struct ir_insn *reused = reused_operand(is, v);
	uint32_t *vreg = vreg_slot(is, v);

	if (!*vreg && reused && reused->op == OP_PHI)
		*vreg = is->vreg_of[reused->id];
	if (!*vreg)
		*vreg = new_vreg(is);
	is->vreg_of[v->id] = *vreg;
	if (!reused)
		return;
	if (!is->vreg_of[reused->id])
		is->vreg_of[reused->id] = *vreg;
	else if (reused->op == OP_PHI)
		unite(is, is->vreg_of[reused->id], *vreg);
}

static void assign_vregs(struct isel *is)
{
	is->same_as = arena_array(is->arena, uint32_t, is->f->insn_count + 2u);
	move_uses_of_fused(is->f);
	ir_foreach_block (is->f, b)
		share_with_phis(is, b);
	ir_foreach_block (is->f, b)
		for (struct ir_insn *v = b->last; v; v = v->prev)
			if (ir_has_result(v) && v->use_count && !is_remat(v))
				assign_vreg(is, v);
	ir_foreach_block (is->f, b)
		ir_foreach_insn (b, v)
			is->vreg_of[v->id] = final_vreg(is, is->vreg_of[v->id]);
}

static void add_entry_move(struct isel *is, struct mir_insn *entry, uint32_t vreg, uint32_t reg)
{
	struct mir_move *move = &entry->moves[entry->move_count];

	if (!vreg)
		return;
	entry->move_count++;
	move->dst = vreg_operand(vreg);
	move->src = reg_operand(reg);
	if (is->m->vregs.data[vreg].hint_reg < 0)
		is->m->vregs.data[vreg].hint_reg = (int8_t)reg;
}

static void emit_entry(struct isel *is)
{
	struct mir_insn *entry = emit(is, M_ENTRY);

	entry->moves = arena_array(is->arena, struct mir_move, 6);
	add_entry_move(is, entry, is->ctx, 1);
	for (uint32_t i = 0; i < 5; i++)
		add_entry_move(is, entry, is->params[i], i + 1);
}

static void make_blocks(struct isel *is)
{
	uint32_t n = 0;

	is->m->block_count = 0;
	ir_foreach_block (is->f, b)
		is->m->block_count++;
	is->m->blocks = arena_array(is->arena, struct mir_block, is->m->block_count);
	is->block_of = arena_array(is->arena, struct mir_block *, is->f->block_count);
	ir_foreach_block (is->f, b) {
		is->m->blocks[n].index = n;
		is->m->blocks[n].loop_depth = b->loop_depth;
		is->m->blocks[n].is_cold = b->is_cold;
		is->block_of[b->id] = &is->m->blocks[n++];
	}
	ir_foreach_block (is->f, b)
		for (uint32_t i = 0; i < 2 && b->succs[i]; i++) {
			struct mir_block *from = is->block_of[b->id];
			struct mir_block *to = is->block_of[b->succs[i]->id];

			from->succs[i] = to;
			vec_push(is->arena, &to->preds, from);
		}
}

struct mir_func *isel_func(struct arena *a, struct ir_func *f, const struct codegen_options *o)
{
	struct isel is = { .arena = a, .f = f, .o = o };

	is.m = arena_new(a, struct mir_func);
	is.m->arena = a;
	is.m->name = f->name;
	is.m->param_count = f->param_count;
	is.vreg_of = arena_array(a, uint32_t, f->insn_count);
	is.segment_of = arena_array(a, uint32_t, f->insn_count);
	new_vreg(&is); // number 0 means none
	assign_vregs(&is);
	make_blocks(&is);
	ir_foreach_block (f, b) {
		struct mir_block *block = is.block_of[b->id];

		new_segment(&is);
		block->first = (uint32_t)is.m->insns.len;
		if (b == f->entry)
			emit_entry(&is);
		ir_foreach_insn (b, insn)
			select_insn(&is, insn);
		block->end = (uint32_t)is.m->insns.len;
	}
	return is.m;
}
