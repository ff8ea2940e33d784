#include "ir/memory.h"

#include <linux/bpf.h>

/* The address is used in place only: as that of an access, or for the time of a call. */
static bool is_plain_use(const struct ir_insn *user, uint32_t arg)
{
	switch (user->op) {
	case OP_LOAD:
	case OP_ZERO:
	case OP_MEMCPY:
	case OP_CALL:
	case OP_KFUNC:
	case OP_TAIL_CALL: return true;
	case OP_STORE:
	case OP_ATOMIC_ADD: return arg == 0;
	default: return false;
	}
}

void memory_init(struct memory *m, struct arena *scratch, struct ir_func *f)
{
	m->f = f;
	m->is_simple = arena_array(scratch, bool, f->slots.len);
	for (size_t i = 0; i < f->slots.len; i++)
		m->is_simple[i] = true;
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn)
			for (uint32_t i = 0; i < insn->arg_count; i++)
				if (insn->args[i]->op == OP_SLOT && !is_plain_use(insn, i))
					m->is_simple[insn->args[i]->slot] = false;
}

static enum object_kind kind_of_pointer(const struct ir_insn *v)
{
	switch (v->op) {
	case OP_CTX: return OBJECT_KERNEL;
	case OP_CALL:
		switch (v->helper) {
		case BPF_FUNC_ringbuf_reserve: return OBJECT_RECORD;
		case BPF_FUNC_map_lookup_elem:
		case BPF_FUNC_map_lookup_percpu_elem: return OBJECT_ENTRY;
		case BPF_FUNC_get_current_task_btf:
		case BPF_FUNC_task_pt_regs:
		case BPF_FUNC_per_cpu_ptr:
		case BPF_FUNC_this_cpu_ptr: return OBJECT_KERNEL;
		default: return OBJECT_UNKNOWN;
		}
	case OP_LOAD:
		/* What the context points at is the kernel's. */
		return v->args[0]->op == OP_CTX ? OBJECT_KERNEL : OBJECT_UNKNOWN;
	default: return OBJECT_UNKNOWN;
	}
}

struct place memory_place(const struct memory *m, const struct ir_insn *base, int64_t off,
			  uint64_t size)
{
	struct place p = { .value = base, .off = off, .size = size };

	while (base->op == OP_ADD && base->args[1]->op == OP_CONST) {
		p.off += base->args[1]->imm;
		p.value = base = base->args[0];
	}
	if (base->op == OP_SLOT && m->is_simple[base->slot]) {
		p.kind = OBJECT_SLOT;
		p.index = base->slot;
		p.off += base->imm;
		p.value = NULL;
	} else if (base->op == OP_MAP_VALUE) {
		p.kind = OBJECT_VALUE;
		p.index = base->map;
		p.off += base->imm;
		p.value = NULL;
	} else {
		p.kind = kind_of_pointer(base);
	}
	return p;
}

struct place memory_target(const struct memory *m, const struct ir_insn *insn)
{
	bool has_size = insn->op == OP_ZERO || insn->op == OP_MEMCPY;

	return memory_place(m, insn->args[0], insn->imm, has_size ? insn->size : insn->width);
}

struct place memory_source(const struct memory *m, const struct ir_insn *insn)
{
	return memory_place(m, insn->args[1], insn->imm2, insn->size);
}

bool memory_is_same_object(const struct place *a, const struct place *b)
{
	return a->kind == b->kind && a->index == b->index && a->value == b->value;
}

/* Two different expressions for pointers may still be one object. */
static bool may_be_same_object(const struct place *a, const struct place *b)
{
	if (memory_is_same_object(a, b))
		return true;
	if (a->kind == OBJECT_SLOT || b->kind == OBJECT_SLOT || a->kind == OBJECT_KERNEL ||
	    b->kind == OBJECT_KERNEL)
		return false;
	if (a->kind == OBJECT_UNKNOWN || b->kind == OBJECT_UNKNOWN)
		return true;
	return a->kind == OBJECT_ENTRY && b->kind == OBJECT_ENTRY;
}

bool memory_may_overlap(const struct place *a, const struct place *b)
{
	if (!memory_is_same_object(a, b))
		return may_be_same_object(a, b);
	return (b->size == 0 || a->off < b->off + (int64_t)b->size) &&
	       (a->size == 0 || b->off < a->off + (int64_t)a->size);
}

bool memory_contains(const struct place *outer, const struct place *inner)
{
	return memory_is_same_object(outer, inner) && inner->size && outer->off <= inner->off &&
	       (outer->size == 0 ||
		inner->off + (int64_t)inner->size <= outer->off + (int64_t)outer->size);
}
