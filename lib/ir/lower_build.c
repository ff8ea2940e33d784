/*
 * Lowering: appending instructions, memory accesses and blocks.
 */
#include "ir/lower_impl.h"

#include <assert.h>
#include <string.h>

static struct ir_insn *append(struct lower *lo, struct ir_insn *insn)
{
	insn->span = lo->span;
	ir_append(lo->fn->block, insn);
	return insn;
}

static struct ir_insn *new_insn(struct lower *lo, enum ir_op op, uint32_t arg_count)
{
	return ir_insn_new(lo->fn->ir, op, arg_count);
}

struct ir_insn *emit_const(struct lower *lo, int64_t value)
{
	struct ir_insn *insn = new_insn(lo, OP_CONST, 0);

	insn->imm = value;
	return append(lo, insn);
}

struct ir_insn *emit_op(struct lower *lo, enum ir_op op, struct ir_insn *a, struct ir_insn *b)
{
	struct ir_insn *insn = new_insn(lo, op, b ? 2 : 1);

	insn->args[0] = a;
	if (b)
		insn->args[1] = b;
	return append(lo, insn);
}

struct ir_insn *emit_op_imm(struct lower *lo, enum ir_op op, struct ir_insn *a, int64_t b)
{
	return emit_op(lo, op, a, emit_const(lo, b));
}

struct ir_insn *emit_add_imm(struct lower *lo, struct ir_insn *a, int64_t b)
{
	return b ? emit_op_imm(lo, OP_ADD, a, b) : a;
}

struct ir_insn *emit_extend(struct lower *lo, struct ir_insn *a, uint32_t size, bool is_signed)
{
	struct ir_insn *insn;

	if (size >= 8)
		return a;
	insn = new_insn(lo, is_signed ? OP_SEXT : OP_ZEXT, 1);
	insn->width = (uint8_t)size;
	insn->args[0] = a;
	return append(lo, insn);
}

struct ir_insn *emit_bswap(struct lower *lo, struct ir_insn *a, uint32_t size)
{
	struct ir_insn *insn = new_insn(lo, OP_BSWAP, 1);

	insn->width = (uint8_t)size;
	insn->args[0] = a;
	return append(lo, insn);
}

struct ir_insn *emit_cmp(struct lower *lo, enum ir_cond cond, struct ir_insn *a, struct ir_insn *b)
{
	struct ir_insn *insn = new_insn(lo, OP_CMP, 2);

	insn->cond = cond;
	insn->args[0] = a;
	insn->args[1] = b;
	return append(lo, insn);
}

struct ir_insn *emit_select(struct lower *lo, struct ir_insn *cond, struct ir_insn *yes,
			    struct ir_insn *no)
{
	struct ir_insn *insn = new_insn(lo, OP_SELECT, 3);

	insn->args[0] = cond;
	insn->args[1] = yes;
	insn->args[2] = no;
	return append(lo, insn);
}

struct ir_insn *emit_load(struct lower *lo, struct ir_insn *base, int64_t offset, uint32_t size,
			  bool is_signed)
{
	struct ir_insn *insn = new_insn(lo, OP_LOAD, 1);

	insn->width = (uint8_t)size;
	insn->is_signed = is_signed && size < 8;
	insn->imm = offset;
	insn->args[0] = base;
	return append(lo, insn);
}

void emit_store(struct lower *lo, struct ir_insn *base, int64_t offset, uint32_t size,
		struct ir_insn *value)
{
	struct ir_insn *insn = new_insn(lo, OP_STORE, 2);

	insn->width = (uint8_t)size;
	insn->imm = offset;
	insn->args[0] = base;
	insn->args[1] = value;
	append(lo, insn);
}

struct ir_insn *emit_call(struct lower *lo, uint32_t helper, uint32_t count,
			  struct ir_insn *const *args)
{
	struct ir_insn *insn = new_insn(lo, OP_CALL, count);

	insn->helper = helper;
	for (uint32_t i = 0; i < count; i++)
		insn->args[i] = args[i];
	return append(lo, insn);
}

struct ir_insn *emit_map(struct lower *lo, uint32_t map)
{
	struct ir_insn *insn = new_insn(lo, OP_MAP, 0);

	insn->map = map;
	return append(lo, insn);
}

struct ir_insn *emit_slot(struct lower *lo, uint32_t slot, int64_t offset)
{
	struct ir_insn *insn = new_insn(lo, OP_SLOT, 0);

	insn->slot = slot;
	insn->imm = offset;
	return append(lo, insn);
}

struct ir_insn *emit_data(struct lower *lo, int32_t map, int64_t offset)
{
	struct ir_insn *insn = new_insn(lo, OP_MAP_VALUE, 0);

	insn->map = (uint32_t)map;
	insn->imm = offset;
	return append(lo, insn);
}

/* The first place in @b where an instruction that is no phi may stand. */
static void insert_first(struct ir_block *b, struct ir_insn *insn)
{
	struct ir_insn *at = b->first;

	while (at && at->op == OP_PHI)
		at = at->next;
	if (at)
		ir_insert_before(at, insn);
	else
		ir_append(b, insn);
}

struct ir_insn *emit_ctx(struct lower *lo)
{
	struct lower_func *fn = lo->fn;

	if (fn->parent)
		return capture_load(lo, CAPTURE_CTX, NULL);
	if (!fn->ctx) {
		fn->ctx = ir_insn_new(fn->ir, OP_CTX, 0);
		insert_first(fn->ir->entry, fn->ctx);
	}
	return fn->ctx;
}

struct ir_insn *emit_phi2(struct lower *lo, struct ir_block *b, struct ir_block *from_a,
			  struct ir_insn *a, struct ir_insn *z)
{
	struct ir_insn *phi = new_insn(lo, OP_PHI, 2);
	size_t index = ir_pred_index(b, from_a);

	assert(b->preds.len == 2);
	phi->span = lo->span;
	phi->args[index] = a;
	phi->args[1 - index] = z;
	if (b->first)
		ir_insert_before(b->first, phi);
	else
		ir_append(b, phi);
	return phi;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* The verifier wants aligned accesses to the stack, also where bytes are written several at once.
 */
static uint32_t slot_align(uint32_t size, uint32_t align)
{
	uint32_t widest = size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;

	return widest > align ? widest : align;
}

uint32_t slot_new(struct lower *lo, uint32_t size, uint32_t align, const char *name)
{
	return ir_slot_new(lo->fn->ir, size ? size : 1, slot_align(size, align), name);
}

struct place place_slot(struct lower *lo, uint32_t size, uint32_t align, const char *name)
{
	return (struct place){ .kind = PLACE_SLOT,
			       .as = AS_BPF,
			       .index = slot_new(lo, size, align, name) };
}

bool type_is_kept_padded(const struct type *t)
{
	return t->kind != TYPE_STRING || t->size <= SMALL_STRING;
}

struct place place_for(struct lower *lo, const struct type *t, const char *name)
{
	struct place p = place_slot(lo, t->size, type_align(t), name);

	p.is_padded = type_is_kept_padded(t);
	return p;
}

struct place place_data(struct lower *lo, int32_t map, int64_t offset)
{
	(void)lo;
	return (struct place){
		.kind = PLACE_DATA, .as = AS_BPF, .index = (uint32_t)map, .offset = offset
	};
}

/* A base and what is to be added to it: loads and stores take the offset themselves. */
static struct ir_insn *place_base(struct lower *lo, const struct place *p, int64_t *offset)
{
	*offset = 0;
	switch (p->kind) {
	case PLACE_SLOT: return emit_slot(lo, p->index, p->offset);
	case PLACE_DATA: return emit_data(lo, (int32_t)p->index, p->offset);
	default:
		assert(p->kind == PLACE_PTR);
		*offset = p->offset;
		return p->base;
	}
}

struct ir_insn *place_address(struct lower *lo, const struct place *p)
{
	int64_t offset;
	struct ir_insn *base = place_base(lo, p, &offset);

	return emit_add_imm(lo, base, offset);
}

struct ir_insn *place_load(struct lower *lo, const struct place *p, int64_t offset, uint32_t size,
			   bool is_signed)
{
	int64_t base_offset;
	struct ir_insn *base = place_base(lo, p, &base_offset);

	return emit_load(lo, base, base_offset + offset, size, is_signed);
}

void place_store(struct lower *lo, const struct place *p, int64_t offset, uint32_t size,
		 struct ir_insn *value)
{
	int64_t base_offset;
	struct ir_insn *base = place_base(lo, p, &base_offset);

	emit_store(lo, base, base_offset + offset, size, value);
}

void place_zero(struct lower *lo, const struct place *p, int64_t offset, uint32_t size)
{
	struct ir_insn *insn, *base;
	int64_t base_offset;

	if (!size)
		return;
	base = place_base(lo, p, &base_offset);
	insn = new_insn(lo, OP_ZERO, 1);
	insn->args[0] = base;
	insn->imm = base_offset + offset;
	insn->size = size;
	append(lo, insn);
}

void place_copy(struct lower *lo, const struct place *dst, const struct place *src, uint32_t size)
{
	struct ir_insn *insn, *to, *from;
	int64_t to_offset, from_offset;

	if (!size)
		return;
	to = place_base(lo, dst, &to_offset);
	from = place_base(lo, src, &from_offset);
	insn = new_insn(lo, OP_MEMCPY, 2);
	insn->args[0] = to;
	insn->args[1] = from;
	insn->imm = to_offset;
	insn->imm2 = from_offset;
	insn->size = size;
	append(lo, insn);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static struct ssa_block *ssa_block_of(struct lower *lo, const struct ir_block *b)
{
	return &lo->fn->ssa.blocks.data[b->id];
}

struct ir_block *block_new(struct lower *lo)
{
	struct ir_block *b = ir_block_new(lo->fn->ir);

	while (lo->fn->ssa.blocks.len <= b->id)
		vec_push(lo->arena, &lo->fn->ssa.blocks, (struct ssa_block){ 0 });
	return b;
}

struct ir_block *block_open(struct lower *lo)
{
	struct ir_block *b = block_new(lo);

	ssa_block_of(lo, b)->is_open = true;
	return b;
}

void block_enter(struct lower *lo, struct ir_block *b)
{
	struct ssa_block *s = ssa_block_of(lo, b);

	lo->fn->block = b;
	if (!s->is_sealed && !s->is_open)
		ssa_seal(lo, b);
}

void emit_jump(struct lower *lo, struct ir_block *to)
{
	assert(!ssa_block_of(lo, to)->is_sealed);
	ir_set_jump(lo->fn->block, to, lo->span);
}

void emit_branch(struct lower *lo, enum ir_cond cond, struct ir_insn *a, struct ir_insn *b,
		 struct ir_block *yes, struct ir_block *no)
{
	assert(!ssa_block_of(lo, yes)->is_sealed && !ssa_block_of(lo, no)->is_sealed);
	ir_set_branch(lo->fn->block, cond, a, b, yes, no, lo->span);
}

void emit_branch_imm(struct lower *lo, enum ir_cond cond, struct ir_insn *a, int64_t b,
		     struct ir_block *yes, struct ir_block *no)
{
	emit_branch(lo, cond, a, emit_const(lo, b), yes, no);
}

void emit_return(struct lower *lo, struct ir_insn *value)
{
	struct ir_insn *insn = new_insn(lo, OP_RETURN, 1);

	insn->args[0] = value;
	append(lo, insn);
}

void block_dead(struct lower *lo)
{
	block_enter(lo, block_new(lo));
}

struct fork fork_begin(struct lower *lo)
{
	return (struct fork){ .from = lo->fn->block,
			      .yes = block_new(lo),
			      .no = block_new(lo),
			      .done = block_new(lo),
			      .time = ssa_now(lo) };
}

void fork_else(struct lower *lo, struct fork *f)
{
	f->yes_end = lo->fn->block;
	emit_jump(lo, f->done);
	block_enter(lo, f->no);
}

/*
 * The branch may have been made of several blocks (&&, ||): all of them are after @from's end, and
 * nothing before the branch in @from itself can be written later.
 */
void fork_end(struct lower *lo, struct fork *f)
{
	ssa_set_dom(lo, f->done, f->from, f->time);
	block_enter(lo, f->done);
}

struct ir_insn *fork_or_zero(struct lower *lo, struct fork *f, struct ir_insn *value)
{
	struct ir_insn *zero = emit_const(lo, 0);

	emit_jump(lo, f->done);
	fork_end(lo, f);
	return emit_phi2(lo, f->done, f->yes_end, value, zero);
}
