/*
 * Merging of constant stores, for opt_load(): two aligned neighbours become one store of twice the
 * width, at the place of the later one, when nobody looks at the earlier one's bytes in between.
 */
#include <stddef.h>

#include "ir/helpers.h"
#include "ir/memory.h"

#define MAX_PENDING 16

struct merge {
	struct memory *m;
	struct ir_insn *pending[MAX_PENDING]; // constant stores that can still move down
	uint32_t count;
};

/* Slots have their alignment; all else that we write to is aligned to 8. */
static uint32_t alignment(const struct merge *mg, const struct place *p)
{
	return p->kind == OBJECT_SLOT ? mg->m->f->slots.data[p->index].align : 8;
}

static uint64_t low_bytes(uint64_t v, uint32_t width)
{
	return v & ((UINT64_C(1) << (8 * width)) - 1);
}

/* As an immediate of a store: 32 bits, sign-extended. */
static bool is_storable(int64_t v, uint32_t width)
{
	return width < 8 || v == (int32_t)v;
}

/* @later takes over what @earlier stores; false if they are not neighbours. */
static bool join(struct merge *mg, struct ir_insn *earlier, struct ir_insn *later)
{
	struct place a = memory_target(mg->m, earlier), b = memory_target(mg->m, later);
	uint32_t width = later->width;
	struct ir_insn *value;
	uint64_t low, high;

	if (!memory_is_same_object(&a, &b) || earlier->width != width || width == 8 ||
	    a.kind == OBJECT_UNKNOWN || a.off < 0 || b.off < 0 || a.off % width ||
	    (a.off ^ (int64_t)width) != b.off || alignment(mg, &b) < 2 * width)
		return false;
	low = low_bytes((uint64_t)(a.off < b.off ? earlier : later)->args[1]->imm, width);
	high = low_bytes((uint64_t)(a.off < b.off ? later : earlier)->args[1]->imm, width);
	low |= high << (8 * width);
	if (!is_storable((int64_t)low, 2 * width))
		return false;
	value = ir_insn_new(mg->m->f, OP_CONST, 0);
	value->imm = (int64_t)low;
	value->span = later->span;
	ir_insert_before(later, value);
	later->args[1] = value;
	later->width = (uint8_t)(2 * width);
	if (a.off < b.off)
		later->imm -= (int64_t)width;
	return true;
}

static void drop(struct merge *mg, uint32_t i)
{
	for (uint32_t j = i + 1; j < mg->count; j++)
		mg->pending[j - 1] = mg->pending[j];
	mg->count--;
}

/* Stores to what @p may be stay where they are. */
static void settle(struct merge *mg, const struct place *p)
{
	for (uint32_t i = mg->count; i-- > 0;) {
		struct place at = memory_target(mg->m, mg->pending[i]);

		if (memory_may_overlap(&at, p))
			drop(mg, i);
	}
}

static void visit_constant_store(struct merge *mg, struct ir_insn *store)
{
	struct place p = memory_target(mg->m, store);
	bool is_joined = true;

	settle(mg, &p);
	while (is_joined) {
		is_joined = false;
		for (uint32_t i = 0; i < mg->count && !is_joined; i++) {
			if (!join(mg, mg->pending[i], store))
				continue;
			ir_remove(mg->pending[i]);
			drop(mg, i);
			is_joined = true;
		}
	}
	if (mg->count == MAX_PENDING)
		drop(mg, 0);
	mg->pending[mg->count++] = store;
}

/* A short clearing is a store of 0. */
static void visit_zero(struct merge *mg, struct ir_insn *zero)
{
	struct place p = memory_target(mg->m, zero);
	struct ir_insn *store, *value;
	uint32_t size = zero->size;

	if (size > 8 || (size & (size - 1)) || p.kind == OBJECT_UNKNOWN || p.off < 0 ||
	    p.off % size || alignment(mg, &p) < size) {
		settle(mg, &p);
		return;
	}
	value = ir_insn_new(mg->m->f, OP_CONST, 0);
	store = ir_insn_new(mg->m->f, OP_STORE, 2);
	store->args[0] = zero->args[0];
	store->args[1] = value;
	store->imm = zero->imm;
	store->width = (uint8_t)size;
	store->span = zero->span;
	ir_insert_before(zero, value);
	ir_insert_before(zero, store);
	ir_remove(zero);
	visit_constant_store(mg, store);
}

static void visit(struct merge *mg, struct ir_insn *insn)
{
	struct place p;

	switch (insn->op) {
	case OP_STORE:
		if (insn->args[1]->op == OP_CONST) {
			visit_constant_store(mg, insn);
			break;
		}
		p = memory_target(mg->m, insn);
		settle(mg, &p);
		break;
	case OP_ZERO: visit_zero(mg, insn); break;
	case OP_LOAD:
	case OP_ATOMIC_ADD:
		p = memory_target(mg->m, insn);
		settle(mg, &p);
		break;
	case OP_MEMCPY:
		p = memory_target(mg->m, insn);
		settle(mg, &p);
		p = memory_source(mg->m, insn);
		settle(mg, &p);
		break;
	case OP_CALL:
	case OP_KFUNC:
	case OP_TAIL_CALL:
		if (!helper_is_removable(insn) || insn->arg_count)
			mg->count = 0;
		break;
	default: break;
	}
}

void load_merge_stores(struct memory *m)
{
	struct merge mg = { .m = m };

	ir_foreach_block (m->f, b) {
		mg.count = 0;
		ir_foreach_insn_safe(b, insn, next) visit(&mg, insn);
	}
}
