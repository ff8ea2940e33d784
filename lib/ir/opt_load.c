/*
 * Loads and stores: a load of what was just stored, loaded or cleared is that value; stores that
 * change nothing, that are overwritten, or that nobody reads, go; constants side by side are stored
 * together.
 *
 * What is known of memory is a short list of facts, kept along each block, and at its start those
 * that hold at the end of all its predecessors.
 */
#include "ir/memory.h"

#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>

#include "ir/helpers.h"

#define MAX_FACTS 32

enum fact_kind {
	FACT_STORED, // the low bytes of value
	FACT_LOADED, // value is the load
	FACT_ZERO,
	FACT_COMM,   // what get_current_comm() writes
	FACT_LOOKUP, // value is the call that looked up what is there, as a key
	FACT_KEY,    // value is an address that was given to a helper as that of a key
};

struct fact {
	enum fact_kind kind;
	struct place at;
	struct ir_insn *value;
};

struct facts {
	uint32_t count;
	struct fact list[MAX_FACTS];
};

struct known { // the facts at a block's end
	bool is_visited;
	uint32_t count;
	const struct fact *list;
};

struct forward {
	struct memory *m;
	struct ir_func *f;
	struct known *ends; // by reverse postorder
	struct facts now;
};

/* --- facts ---------------------------------------------------------------------------------- */

static void add_fact(struct forward *fw, enum fact_kind kind, struct place at,
		     struct ir_insn *value)
{
	struct facts *now = &fw->now;

	if (at.kind == OBJECT_KERNEL)
		return; // opt_cse() knows
	if (now->count == MAX_FACTS) {
		memmove(now->list, now->list + 1, (MAX_FACTS - 1) * sizeof(*now->list));
		now->count--;
	}
	now->list[now->count++] = (struct fact){ .kind = kind, .at = at, .value = value };
}

/* What is left of cleared bytes when some in the middle are overwritten: the larger part. */
static bool shrink_zero(struct fact *fact, const struct place *over)
{
	int64_t end = fact->at.off + (int64_t)fact->at.size;
	int64_t over_end = over->off + (int64_t)over->size;
	int64_t before = over->off - fact->at.off, after = end - over_end;

	if (fact->kind != FACT_ZERO || !memory_is_same_object(&fact->at, over) || over->size == 0)
		return false;
	if (before <= 0 && after <= 0)
		return false;
	if (before >= after) {
		fact->at.size = (uint64_t)before;
	} else {
		fact->at.off = over_end;
		fact->at.size = (uint64_t)after;
	}
	return true;
}

static void forget(struct forward *fw, const struct place *at)
{
	struct facts *now = &fw->now;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < now->count; i++) {
		struct fact *fact = &now->list[i];

		if (!memory_may_overlap(&fact->at, at) || shrink_zero(fact, at))
			now->list[kept++] = *fact;
	}
	now->count = kept;
}

/* What a call that does something may have changed; @all: anything but slots. */
static void forget_shared(struct forward *fw, bool all)
{
	struct facts *now = &fw->now;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < now->count; i++) {
		enum object_kind kind = now->list[i].at.kind;

		if (kind == OBJECT_SLOT ||
		    (!all && (kind == OBJECT_VALUE || kind == OBJECT_RECORD)))
			now->list[kept++] = now->list[i];
	}
	now->count = kept;
}

static bool is_same_fact(const struct fact *a, const struct fact *b)
{
	return a->kind == b->kind && a->value == b->value && a->at.off == b->at.off &&
	       a->at.size == b->at.size && memory_is_same_object(&a->at, &b->at);
}

static bool has_fact(const struct known *known, const struct fact *fact)
{
	for (uint32_t i = 0; i < known->count; i++)
		if (is_same_fact(&known->list[i], fact))
			return true;
	return false;
}

/* The facts that hold at the end of all predecessors. */
static void enter_block(struct forward *fw, const struct ir_block *b)
{
	const struct known *first;

	fw->now.count = 0;
	if (b->preds.len == 0)
		return;
	for (size_t i = 0; i < b->preds.len; i++)
		if (!fw->ends[b->preds.data[i]->rpo].is_visited)
			return;
	first = &fw->ends[b->preds.data[0]->rpo];
	for (uint32_t i = 0; i < first->count; i++) {
		const struct fact *fact = &first->list[i];
		bool holds = true;

		for (size_t j = 1; holds && j < b->preds.len; j++)
			holds = has_fact(&fw->ends[b->preds.data[j]->rpo], fact);
		if (holds)
			fw->now.list[fw->now.count++] = *fact;
	}
}

/* --- loads ---------------------------------------------------------------------------------- */

static struct ir_insn *insert_const(struct forward *fw, struct ir_insn *at, int64_t imm)
{
	struct ir_insn *insn = ir_insn_new(fw->f, OP_CONST, 0);

	insn->imm = imm;
	insn->span = at->span;
	ir_insert_before(at, insn);
	return insn;
}

/* @value's low bytes, as @load extends them. */
static struct ir_insn *extend(struct forward *fw, const struct ir_insn *load, struct ir_insn *at,
			      struct ir_insn *value)
{
	struct ir_insn *insn;

	if (load->width == 8)
		return value;
	insn = ir_insn_new(fw->f, load->is_signed ? OP_SEXT : OP_ZEXT, 1);
	insn->width = load->width;
	insn->args[0] = value;
	insn->span = at->span;
	ir_insert_before(at, insn);
	return insn;
}

static struct ir_insn *value_by_fact(struct forward *fw, const struct fact *fact,
				     const struct place *at, struct ir_insn *load)
{
	int64_t shift;

	if (!memory_contains(&fact->at, at))
		return NULL;
	switch (fact->kind) {
	case FACT_ZERO: return insert_const(fw, load, 0);
	case FACT_LOADED:
		if (fact->at.off != at->off || fact->at.size != at->size)
			return NULL;
		if (fact->value->is_signed == load->is_signed)
			return fact->value;
		return extend(fw, load, load, fact->value);
	case FACT_STORED:
		if (fact->at.off == at->off && fact->at.size == at->size)
			return extend(fw, load, load, fact->value);
		if (fact->value->op != OP_CONST)
			return NULL;
		shift = 8 * (at->off - fact->at.off);
		return extend(
			fw, load, load,
			insert_const(fw, load, (int64_t)((uint64_t)fact->value->imm >> shift)));
	default: return NULL;
	}
}

static void visit_load(struct forward *fw, struct ir_insn *load)
{
	struct place at = memory_target(fw->m, load);

	if (load->is_volatile || at.kind == OBJECT_KERNEL)
		return;
	for (uint32_t i = fw->now.count; i-- > 0 && !load->replacement;)
		load->replacement = value_by_fact(fw, &fw->now.list[i], &at, load);
	if (!load->replacement)
		add_fact(fw, FACT_LOADED, at, load);
}

/* --- stores --------------------------------------------------------------------------------- */

static bool is_known_zero(const struct forward *fw, const struct place *at)
{
	for (uint32_t i = 0; i < fw->now.count; i++)
		if (fw->now.list[i].kind == FACT_ZERO && memory_contains(&fw->now.list[i].at, at))
			return true;
	return false;
}

/* The bytes have that value already. */
static bool changes_nothing(const struct forward *fw, const struct place *at,
			    const struct ir_insn *value)
{
	if (value->op == OP_CONST && value->imm == 0 && is_known_zero(fw, at))
		return true;
	for (uint32_t i = 0; i < fw->now.count; i++) {
		const struct fact *fact = &fw->now.list[i];

		if (fact->value == value && fact->at.off == at->off && fact->at.size == at->size &&
		    memory_is_same_object(&fact->at, at))
			return true;
	}
	return false;
}

static void visit_store(struct forward *fw, struct ir_insn *store)
{
	struct place at = memory_target(fw->m, store);
	struct ir_insn *value = store->args[1];

	/* Shared memory may have been changed by others meanwhile: only our own is sure. */
	if ((at.kind == OBJECT_SLOT || at.kind == OBJECT_RECORD) &&
	    changes_nothing(fw, &at, value)) {
		ir_remove(store);
		return;
	}
	forget(fw, &at);
	if (value->op == OP_CONST && value->imm == 0)
		add_fact(fw, FACT_ZERO, at, NULL);
	else
		add_fact(fw, FACT_STORED, at, value);
}

static void visit_zero(struct forward *fw, struct ir_insn *zero)
{
	struct place at = memory_target(fw->m, zero);

	if ((at.kind == OBJECT_SLOT || at.kind == OBJECT_RECORD) && is_known_zero(fw, &at)) {
		ir_remove(zero);
		return;
	}
	forget(fw, &at);
	add_fact(fw, FACT_ZERO, at, NULL);
}

/* What is known of the source is known of the copy. */
static void visit_memcpy(struct forward *fw, const struct ir_insn *copy)
{
	struct place to = memory_target(fw->m, copy), from = memory_source(fw->m, copy);
	struct facts before = fw->now;

	forget(fw, &to);
	for (uint32_t i = 0; i < before.count; i++) {
		struct fact fact = before.list[i];

		if (!memory_contains(&from, &fact.at) || memory_may_overlap(&fact.at, &to))
			continue;
		fact.at.kind = to.kind;
		fact.at.index = to.index;
		fact.at.value = to.value;
		fact.at.off += to.off - from.off;
		add_fact(fw, fact.kind, fact.at, fact.value);
	}
}

/* --- calls ---------------------------------------------------------------------------------- */

static bool is_pointer_to_memory(const struct ir_insn *v)
{
	return v->op == OP_SLOT || v->op == OP_MAP_VALUE || v->op == OP_ADD || v->op == OP_CALL ||
	       v->op == OP_PHI || v->op == OP_SELECT || v->op == OP_PARAM || v->op == OP_LOAD;
}

/*
 * comm, once more: copy the bytes that are there already; of a slot, that is cheaper than a call.
 */
static bool reuse_comm(struct forward *fw, struct ir_insn *call, const struct place *to)
{
	for (uint32_t i = 0; i < fw->now.count; i++) {
		const struct fact *fact = &fw->now.list[i];
		struct ir_insn *copy;

		if (fact->kind != FACT_COMM || fact->at.kind != OBJECT_SLOT ||
		    fact->at.size != to->size || memory_may_overlap(&fact->at, to))
			continue;
		copy = ir_insn_new(fw->f, OP_MEMCPY, 2);
		copy->args[0] = call->args[0];
		copy->args[1] = fact->value;
		copy->size = (uint32_t)to->size;
		copy->span = call->span;
		ir_insert_before(call, copy);
		call->replacement = insert_const(fw, call, 0);
		visit_memcpy(fw, copy);
		return true;
	}
	return false;
}

static bool visit_comm(struct forward *fw, struct ir_insn *call)
{
	uint64_t size;
	struct place to;

	if (call->helper != BPF_FUNC_get_current_comm ||
	    helper_access(call, 0, &size) != ACCESS_WRITE_SOME || size == 0)
		return false;
	to = memory_place(fw->m, call->args[0], 0, size);
	if (reuse_comm(fw, call, &to))
		return true;
	forget(fw, &to);
	add_fact(fw, FACT_COMM, to, call->args[0]);
	return true;
}

/* The bytes of @at, at most 64, of which something is known; bit i: byte i. */
static uint64_t known_bytes(const struct place *at, const struct fact *fact)
{
	int64_t from = fact->at.off - at->off;

	if (!memory_contains(at, &fact->at))
		return 0;
	return (fact->at.size >= 64 ? UINT64_MAX : (UINT64_C(1) << fact->at.size) - 1) << from;
}

static bool has_equal_fact(const struct forward *fw, const struct fact *fact,
			   const struct place *at, int64_t from)
{
	for (uint32_t i = 0; i < fw->now.count; i++) {
		const struct fact *other = &fw->now.list[i];

		if (other->kind == fact->kind && memory_is_same_object(&other->at, at) &&
		    other->at.off - at->off == from && other->at.size == fact->at.size &&
		    (fact->kind == FACT_COMM || other->value == fact->value))
			return true;
	}
	return false;
}

/* Two places of one size have the same content, byte by byte. */
static bool is_same_content(const struct forward *fw, const struct place *a, const struct place *b)
{
	uint64_t all = a->size >= 64 ? UINT64_MAX : (UINT64_C(1) << a->size) - 1;
	uint64_t same = 0;

	if (a->size != b->size || a->size > 64)
		return false;
	for (uint32_t i = 0; i < fw->now.count; i++) {
		const struct fact *fact = &fw->now.list[i];

		if (fact->kind != FACT_LOOKUP && fact->kind != FACT_KEY &&
		    fact->kind != FACT_LOADED && has_equal_fact(fw, fact, b, fact->at.off - a->off))
			same |= known_bytes(a, fact);
	}
	return same == all;
}

/* Looking up the same key again, with no change to any map since, finds the same. */
static bool visit_lookup(struct forward *fw, struct ir_insn *call)
{
	struct place key;

	if (call->helper != BPF_FUNC_map_lookup_elem || call->args[0]->op != OP_MAP)
		return false;
	key = memory_place(fw->m, call->args[1], 0, 0);
	if (key.kind != OBJECT_SLOT || key.off != 0)
		return false;
	key.size = fw->f->slots.data[key.index].size;
	for (uint32_t i = 0; i < fw->now.count; i++) {
		const struct fact *fact = &fw->now.list[i];

		if (fact->kind == FACT_LOOKUP && fact->value->args[0]->map == call->args[0]->map &&
		    (memory_is_same_object(&fact->at, &key) ||
		     is_same_content(fw, &fact->at, &key))) {
			call->replacement = fact->value;
			return true;
		}
	}
	add_fact(fw, FACT_LOOKUP, key, call);
	return true;
}

/*
 * The same key was built before, in another slot, and is still there: use that one; this one's
 * stores are dead then.
 */
static void reuse_key(struct forward *fw, struct ir_insn *call, uint32_t arg)
{
	struct place key = memory_place(fw->m, call->args[arg], 0, 0);

	if (key.kind != OBJECT_SLOT || key.off != 0)
		return;
	key.size = fw->f->slots.data[key.index].size;
	for (uint32_t i = 0; i < fw->now.count; i++) {
		const struct fact *fact = &fw->now.list[i];

		if (fact->kind != FACT_KEY)
			continue;
		if (memory_is_same_object(&fact->at, &key))
			return;
		if (is_same_content(fw, &fact->at, &key)) {
			call->args[arg] = fact->value;
			return;
		}
	}
	add_fact(fw, FACT_KEY, key, call->args[arg]);
}

static void forget_lookups(struct forward *fw)
{
	struct facts *now = &fw->now;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < now->count; i++)
		if (now->list[i].kind != FACT_LOOKUP)
			now->list[kept++] = now->list[i];
	now->count = kept;
}

static bool changes_maps(const struct ir_insn *call)
{
	return call->op != OP_CALL || !helper_args(call) ||
	       (!helper_is_harmless(call) && strpbrk(helper_args(call), "kf"));
}

static void visit_call(struct forward *fw, struct ir_insn *call)
{
	bool is_unknown = call->op != OP_CALL || !helper_args(call);

	for (uint32_t i = 0; !is_unknown && i < call->arg_count && helper_args(call)[i]; i++)
		if (helper_args(call)[i] == 'k')
			reuse_key(fw, call, i);
	if (changes_maps(call))
		forget_lookups(fw);
	if (call->op == OP_CALL && (visit_comm(fw, call) || visit_lookup(fw, call)))
		return;
	for (uint32_t i = 0; i < call->arg_count; i++) {
		uint64_t size = 0;
		enum helper_access access =
			call->op == OP_CALL ? helper_access(call, i, &size) : ACCESS_WRITE_SOME;
		struct place at;

		if ((access != ACCESS_WRITE_ALL && access != ACCESS_WRITE_SOME) ||
		    !is_pointer_to_memory(call->args[i]))
			continue;
		at = memory_place(fw->m, call->args[i], 0, size);
		if (!size)
			at.off = INT32_MIN; // a callback may use bytes in front, too
		forget(fw, &at);
	}
	if (is_unknown || strchr(helper_args(call), 'f'))
		forget_shared(fw, true);
	else if (!helper_is_harmless(call))
		forget_shared(fw, false);
}

static void visit(struct forward *fw, struct ir_insn *insn)
{
	struct place at;

	for (uint32_t i = 0; i < insn->arg_count; i++)
		insn->args[i] = ir_replacement(insn->args[i]);
	switch (insn->op) {
	case OP_LOAD: visit_load(fw, insn); break;
	case OP_STORE: visit_store(fw, insn); break;
	case OP_ZERO: visit_zero(fw, insn); break;
	case OP_MEMCPY: visit_memcpy(fw, insn); break;
	case OP_ATOMIC_ADD:
		at = memory_target(fw->m, insn);
		forget(fw, &at);
		break;
	case OP_CALL:
	case OP_KFUNC:
	case OP_TAIL_CALL: visit_call(fw, insn); break;
	default: break;
	}
}

void load_forward(struct memory *m)
{
	struct arena scratch;
	struct forward fw = { .m = m, .f = m->f };

	arena_init(&scratch);
	fw.ends = arena_array(&scratch, struct known, m->f->rpo_count);
	for (uint32_t i = 0; i < m->f->rpo_count; i++) {
		struct ir_block *b = m->f->rpo_blocks[i];

		enter_block(&fw, b);
		ir_foreach_insn_safe(b, insn, next) visit(&fw, insn);
		fw.ends[i].is_visited = true;
		fw.ends[i].count = fw.now.count;
		fw.ends[i].list =
			arena_memdup(&scratch, fw.now.list, fw.now.count * sizeof(*fw.now.list));
	}
	ir_apply_replacements(m->f);
	arena_finish(&scratch);
}

void opt_load(struct ir_func *f)
{
	struct arena scratch;
	struct memory m;

	cfg_compute(f);
	arena_init(&scratch);
	memory_init(&m, &scratch, f);
	load_forward(&m);
	load_remove_dead_stores(&m);
	load_merge_stores(&m);
	arena_finish(&scratch);
}
