/*
 * Common subexpressions: global value numbering by hashing along the dominator tree.
 *
 * Besides arithmetic, helper calls that always give the same answer in one run (pid, uid, cpu …)
 * are made once, and the context and the kernel's own memory are read once: nothing in a program
 * can change them, and what others change meanwhile may be seen or not.  Clocks are read once
 * between two things that happen.
 */
#include "ir/helpers.h"
#include "ir/ir.h"
#include "util/hash.h"

#include <string.h>

#define MAX_ARGS 6

/* Two instructions with equal keys have equal values.  No padding: keys are hashed as bytes. */
struct key {
	uint32_t op, helper, slot, map;
	uint32_t flags; // width, condition, signedness
	uint32_t epoch; // clocks: when
	int64_t imm;
	uint64_t where; // phis: their block
	uint64_t args[MAX_ARGS];
};

struct entry {
	struct key key;
	struct ir_insn *value;
	struct entry *next;
};

struct cse {
	struct arena scratch;
	struct entry **buckets;
	uint64_t bucket_mask;
	uint32_t epoch;
};

static bool is_candidate(const struct ir_insn *insn)
{
	switch (insn->op) {
	case OP_CALL: return helper_is_pure(insn) || helper_is_clock(insn);
	case OP_LOAD: return helper_is_stable_load(insn);
	case OP_PHI: return insn->arg_count <= MAX_ARGS;
	default:
		return ir_has_result(insn) && !ir_has_side_effect(insn) &&
		       insn->arg_count <= MAX_ARGS;
	}
}

static struct key key_of(const struct cse *c, const struct ir_insn *insn)
{
	struct key key;

	memset(&key, 0, sizeof(key));
	key.op = insn->op;
	key.helper = insn->helper;
	key.slot = insn->slot;
	key.map = insn->map;
	key.flags =
		(uint32_t)insn->width | (uint32_t)insn->cond << 8 | (uint32_t)insn->is_signed << 16;
	key.imm = insn->imm;
	if (insn->op == OP_CALL && helper_is_clock(insn))
		key.epoch = c->epoch;
	if (insn->op == OP_PHI)
		key.where = (uint64_t)(uintptr_t)insn->block;
	for (uint32_t i = 0; i < insn->arg_count; i++)
		key.args[i] = (uint64_t)insn->args[i]->id + 1;
	return key;
}

/* The same calculation in a dominating block, or none; then @insn is the one for what follows. */
static struct ir_insn *find_or_add(struct cse *c, struct ir_insn *insn)
{
	struct key key = key_of(c, insn);
	struct entry **at = &c->buckets[hash_bytes(&key, sizeof(key)) & c->bucket_mask];
	struct entry *e;

	while ((e = *at)) {
		/* Blocks come in preorder: what does not dominate this one is over. */
		if (!dom_dominates(e->value->block, insn->block)) {
			*at = e->next;
			continue;
		}
		if (memcmp(&e->key, &key, sizeof(key)) == 0)
			return e->value;
		at = &e->next;
	}
	e = arena_new(&c->scratch, struct entry);
	e->key = key;
	e->value = insn;
	*at = e;
	return NULL;
}

/* Clocks go on: at calls that do something, and from one block to another. */
static bool is_event(const struct ir_insn *insn)
{
	return ir_clobbers(insn) && !helper_is_harmless(insn);
}

static void visit_block(struct cse *c, struct ir_block *b)
{
	c->epoch++;
	ir_foreach_insn (b, insn) {
		for (uint32_t i = 0; i < insn->arg_count; i++)
			insn->args[i] = ir_replacement(insn->args[i]);
		if (is_event(insn))
			c->epoch++;
		if (is_candidate(insn))
			insn->replacement = find_or_add(c, insn);
	}
}

void opt_cse(struct ir_func *f)
{
	struct cse c = { .bucket_mask = 63 };
	struct ir_block **preorder;

	cfg_compute(f);
	dom_compute(f);
	arena_init(&c.scratch);
	while (c.bucket_mask < f->insn_count)
		c.bucket_mask = c.bucket_mask << 1 | 1;
	c.buckets = arena_array(&c.scratch, struct entry *, c.bucket_mask + 1);
	preorder = arena_array(&c.scratch, struct ir_block *, f->rpo_count);
	for (uint32_t i = 0; i < f->rpo_count; i++)
		preorder[f->rpo_blocks[i]->dom_first] = f->rpo_blocks[i];
	for (uint32_t i = 0; i < f->rpo_count; i++)
		visit_block(&c, preorder[i]);
	ir_apply_replacements(f);
	arena_finish(&c.scratch);
}
