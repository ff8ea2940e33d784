/*
 * Lowering: aggregations.  One row of a table says how each is updated in memory and read as a
 * number; where its value is (a slot in .data, an entry of a per-CPU map) is lower_map.c's.
 *
 * The bucket rules are those of record/hist.h, the layouts those of record/shape.h,
 * record/tseries.h.
 */
#include "ir/lower_impl.h"

#include <assert.h>

#include "record/hist.h"
#include "record/tseries.h"

struct agg_update {
	const struct map_info *map;
	const struct type *type;
	struct place value;     // in the map
	struct ir_insn *number; // what is aggregated; NULL for count()
	struct ir_block *done;  // to leave early
};

typedef void (*agg_update_fn)(struct lower *lo, struct agg_update *u);
/* From two words of each CPU's value to the words of the total: 0 sum, 1 count or is_set. */
typedef void (*agg_merge_fn)(struct lower *lo, const struct type *t, const struct place *from,
			     uint32_t total, uint32_t count);

/* ---- numbers --------------------------------------------------------------------------------- */

/* Other CPUs write to the same value only where there are no per-CPU maps that can be read. */
static void add_word(struct lower *lo, const struct agg_update *u, int64_t offset,
		     struct ir_insn *value)
{
	struct ir_insn *insn, *old;

	if (u->map->storage == STORAGE_HASH) {
		insn = ir_insn_new(lo->fn->ir, OP_ATOMIC_ADD, 2);
		insn->width = 8;
		insn->imm = 0;
		insn->args[0] = emit_add_imm(lo, place_address(lo, &u->value), offset);
		insn->args[1] = value;
		insn->span = lo->span;
		ir_append(lo->fn->block, insn);
		return;
	}
	old = place_load(lo, &u->value, offset, 8, false);
	place_store(lo, &u->value, offset, 8, emit_op(lo, OP_ADD, old, value));
}

static void update_count(struct lower *lo, struct agg_update *u)
{
	add_word(lo, u, 0, emit_const(lo, 1));
}

static void update_sum(struct lower *lo, struct agg_update *u)
{
	add_word(lo, u, 0, u->number);
}

static void update_pair(struct lower *lo, struct agg_update *u)
{
	add_word(lo, u, 0, u->number);
	add_word(lo, u, 8, emit_const(lo, 1));
}

static enum ir_cond better(const struct type *t, bool is_max)
{
	if (is_max)
		return t->is_signed ? COND_SGT : COND_UGT;
	return t->is_signed ? COND_SLT : COND_ULT;
}

static void update_extreme(struct lower *lo, struct agg_update *u)
{
	struct ir_block *compare = block_new(lo), *store = block_new(lo);
	struct ir_insn *is_set = place_load(lo, &u->value, 8, 8, false), *old;

	emit_branch_imm(lo, COND_NE, is_set, 0, compare, store);
	block_enter(lo, compare);
	old = place_load(lo, &u->value, 0, 8, false);
	emit_branch(lo, better(u->type, u->type->agg == BI_max), u->number, old, store, u->done);
	block_enter(lo, store);
	place_store(lo, &u->value, 0, 8, u->number);
	place_store(lo, &u->value, 8, 8, emit_const(lo, 1));
}

/* ---- histograms ------------------------------------------------------------------------------ */

/* Add 1 to bucket @index of @count; the verifier wants to see that there is such a bucket. */
static void add_to_bucket(struct lower *lo, struct agg_update *u, struct ir_insn *index,
			  uint32_t count)
{
	struct ir_block *ok = block_new(lo);
	struct agg_update bucket = *u;
	struct ir_insn *base;

	emit_branch_imm(lo, COND_ULT, index, count, ok, u->done);
	block_enter(lo, ok);
	base = place_address(lo, &u->value);
	base = emit_op(lo, OP_ADD, base, emit_op_imm(lo, OP_SHL, index, 3));
	bucket.value = place_ptr(base, 0, AS_BPF);
	add_word(lo, &bucket, 0, emit_const(lo, 1));
}

/* log2 of each byte + @add, @zero for 0. */
static struct place log2_table(struct lower *lo, unsigned int add, unsigned int zero)
{
	uint8_t table[256] = { (uint8_t)zero };

	for (unsigned int i = 1; i < 256; i++)
		table[i] = (uint8_t)(31 - __builtin_clz(i) + add);
	return rodata_bytes(lo, table, sizeof(table), 8);
}

/*
 * The position of the highest bit of @value, by three tests and a table of what it is for a byte:
 * the table's entry plus how far the value was shifted.
 */
static struct ir_insn *highest_bit(struct lower *lo, struct ir_insn *value, struct place table)
{
	uint32_t shift = ssa_var_new(lo), byte = ssa_var_new(lo);
	struct ir_insn *entry;

	ssa_write(lo, shift, emit_const(lo, 0));
	ssa_write(lo, byte, value);
	for (int64_t bits = 32; bits >= 8; bits /= 2) {
		struct fork f = fork_begin(lo);
		struct ir_insn *rest = ssa_read(lo, byte);

		emit_branch_imm(lo, COND_UGE, rest, (int64_t)1 << bits, f.yes, f.no);
		block_enter(lo, f.yes);
		ssa_write(lo, byte, emit_op_imm(lo, OP_LSHR, rest, bits));
		ssa_write(lo, shift, emit_add_imm(lo, ssa_read(lo, shift), bits));
		emit_jump(lo, f.done);
		block_enter(lo, f.no);
		emit_jump(lo, f.done);
		fork_end(lo, &f);
	}
	/* It is below 256; the mask is for the verifier, which forgets that at a phi. */
	entry = emit_op_imm(lo, OP_AND, ssa_read(lo, byte), 255);
	entry = emit_op(lo, OP_ADD, place_address(lo, &table), entry);
	entry = emit_load(lo, entry, 0, 1, false);
	return emit_op(lo, OP_ADD, entry, ssa_read(lo, shift));
}

/* The bucket of a value of at least 2 << bits. */
static struct ir_insn *large_bucket(struct lower *lo, struct ir_insn *value, uint32_t bits)
{
	struct ir_insn *top = highest_bit(lo, value, log2_table(lo, 0, 0)), *shift, *low, *index;

	shift = emit_add_imm(lo, top, -(int64_t)bits);
	low = emit_op_imm(lo, OP_AND, emit_op(lo, OP_LSHR, value, shift), (1 << bits) - 1);
	index = emit_op_imm(lo, OP_SHL, emit_add_imm(lo, shift, 1), bits);
	return emit_add_imm(lo, emit_op(lo, OP_ADD, index, low), 1);
}

/* The bucket of a value that is not negative. */
static void positive_bucket(struct lower *lo, struct ir_insn *value, uint32_t bits, uint32_t index,
			    struct ir_block *found)
{
	struct ir_block *small, *large;

	/* With one bucket a power of two, all is in the table: 0 is in bucket 1, 1 in 2, 2 in 3. */
	if (!bits) {
		ssa_write(lo, index, highest_bit(lo, value, log2_table(lo, 2, 1)));
		emit_jump(lo, found);
		return;
	}
	small = block_new(lo);
	large = block_new(lo);
	emit_branch_imm(lo, COND_ULT, value, (int64_t)2 << bits, small, large);
	block_enter(lo, large);
	ssa_write(lo, index, large_bucket(lo, value, bits));
	emit_jump(lo, found);
	block_enter(lo, small);
	ssa_write(lo, index, emit_add_imm(lo, value, 1));
	emit_jump(lo, found);
}

static void update_hist(struct lower *lo, struct agg_update *u)
{
	uint32_t bits = (uint32_t)u->type->agg_wide[0];
	struct ir_block *positive = block_new(lo), *negative = block_new(lo),
			*found = block_new(lo);
	uint32_t index = ssa_var_new(lo);

	negative->is_cold = true;
	emit_branch_imm(lo, COND_SLT, u->number, 0, negative, positive);
	block_enter(lo, positive);
	positive_bucket(lo, u->number, bits, index, found);
	block_enter(lo, negative);
	ssa_write(lo, index, emit_const(lo, 0));
	emit_jump(lo, found);
	block_enter(lo, found);
	add_to_bucket(lo, u, ssa_read(lo, index), hist_bucket_count(bits));
}

/*
 * @value / @by for constants, where @value < @limit: by multiplication if the product fits.
 * Source: Granlund and Montgomery, "Division by Invariant Integers using Multiplication", 1994:
 * with 2^n > value and l = ceil(log2 by), floor(2^(n + l) / by) + 1 is exact.
 */
static struct ir_insn *divide_by(struct lower *lo, struct ir_insn *value, uint64_t by,
				 uint64_t limit)
{
	unsigned int n = limit > 1 ? 64 - (unsigned int)__builtin_clzll(limit - 1) : 1;
	unsigned int l = by > 1 ? 64 - (unsigned int)__builtin_clzll(by - 1) : 0;
	uint64_t factor;

	if (by == 1)
		return value;
	if ((by & (by - 1)) == 0 || n > 31 || n + l > 62)
		return emit_op_imm(lo, OP_UDIV, value, (int64_t)by);
	factor = ((uint64_t)1 << (n + l)) / by + 1;
	return emit_op_imm(lo, OP_LSHR, emit_op_imm(lo, OP_MUL, value, (int64_t)factor), n + l);
}

static void update_lhist(struct lower *lo, struct agg_update *u)
{
	int64_t min = u->type->agg_wide[0], max = u->type->agg_wide[1], step = u->type->agg_wide[2];
	uint64_t steps = ((uint64_t)max - (uint64_t)min) / (uint64_t)step;
	struct ir_block *above = block_new(lo), *inside = block_new(lo), *below = block_new(lo);
	struct ir_block *beyond = block_new(lo), *found = block_new(lo);
	uint32_t index = ssa_var_new(lo);
	struct ir_insn *distance;

	emit_branch_imm(lo, COND_SGE, u->number, min, above, below);
	block_enter(lo, above);
	distance = emit_add_imm(lo, u->number, -min);
	emit_branch_imm(lo, COND_ULT, distance, (int64_t)(steps * (uint64_t)step), inside, beyond);
	block_enter(lo, inside);
	distance = divide_by(lo, distance, (uint64_t)step, steps * (uint64_t)step);
	ssa_write(lo, index, emit_add_imm(lo, distance, 1));
	emit_jump(lo, found);
	block_enter(lo, below);
	ssa_write(lo, index, emit_const(lo, 0));
	emit_jump(lo, found);
	block_enter(lo, beyond);
	ssa_write(lo, index, emit_const(lo, (int64_t)steps + 1));
	emit_jump(lo, found);
	block_enter(lo, found);
	add_to_bucket(lo, u, ssa_read(lo, index), lhist_bucket_count(min, max, step));
}

/* ---- time series ----------------------------------------------------------------------------- */

struct series {
	int64_t interval;
	int64_t count;
	enum tseries_agg agg;
};

static struct series series_of(const struct type *t)
{
	return (struct series){ .interval = t->agg_wide[0],
				.count = t->agg_wide[1],
				.agg = (enum tseries_agg)t->agg_wide[2] };
}

static void series_new_slot(struct lower *lo, const struct series *s, const struct place *slot,
			    struct ir_insn *number, struct ir_insn *now)
{
	place_store(lo, slot, TSERIES_SLOT_VALUE, 8, number);
	place_store(lo, slot, TSERIES_SLOT_META, 8,
		    s->agg == TSERIES_NONE ? now : emit_const(lo, 1));
}

static void series_add_value(struct lower *lo, const struct series *s, const struct agg_update *u,
			     const struct place *slot)
{
	struct ir_insn *old = place_load(lo, slot, TSERIES_SLOT_VALUE, 8, false), *is_better;

	switch (s->agg) {
	case TSERIES_SUM:
	case TSERIES_AVG:
		place_store(lo, slot, TSERIES_SLOT_VALUE, 8, emit_op(lo, OP_ADD, old, u->number));
		if (s->agg == TSERIES_AVG) {
			old = place_load(lo, slot, TSERIES_SLOT_META, 8, false);
			place_store(lo, slot, TSERIES_SLOT_META, 8, emit_add_imm(lo, old, 1));
		}
		break;
	default:
		is_better = emit_cmp(lo, better(u->type, s->agg == TSERIES_MAX), u->number, old);
		place_store(lo, slot, TSERIES_SLOT_VALUE, 8,
			    emit_select(lo, is_better, u->number, old));
		break;
	}
}

static void update_tseries(struct lower *lo, struct agg_update *u)
{
	struct series s = series_of(u->type);
	enum nsecs_clock clock = lo->features.ktime_get_tai_ns ? NSECS_TAI : NSECS_SW_TAI;
	struct ir_insn *now = emit_clock(lo, clock, lo->span);
	struct ir_insn *epoch = emit_op_imm(lo, OP_UDIV, now, s.interval);
	struct ir_insn *index = emit_op_imm(lo, OP_UMOD, epoch, s.count), *base;
	struct ir_block *ok = block_new(lo), *fresh = block_new(lo), *again = block_new(lo);
	struct place slot;

	emit_branch_imm(lo, COND_ULT, index, s.count, ok, u->done);
	block_enter(lo, ok);
	index = emit_op_imm(lo, OP_MUL, index, sizeof(struct tseries_slot));
	base = emit_op(lo, OP_ADD, place_address(lo, &u->value), index);
	slot = place_ptr(base, 0, AS_BPF);
	emit_branch(lo, COND_EQ, place_load(lo, &slot, TSERIES_SLOT_EPOCH, 8, false), epoch, again,
		    fresh);
	block_enter(lo, again);
	if (s.agg == TSERIES_NONE)
		series_new_slot(lo, &s, &slot, u->number, now);
	else
		series_add_value(lo, &s, u, &slot);
	emit_jump(lo, u->done);
	block_enter(lo, fresh);
	series_new_slot(lo, &s, &slot, u->number, now);
	place_store(lo, &slot, TSERIES_SLOT_EPOCH, 8, epoch);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void add_to(struct lower *lo, uint32_t variable, struct ir_insn *value)
{
	ssa_write(lo, variable, emit_op(lo, OP_ADD, ssa_read(lo, variable), value));
}

static void merge_sum(struct lower *lo, const struct type *t, const struct place *from,
		      uint32_t total, uint32_t count)
{
	(void)t;
	(void)count;
	add_to(lo, total, place_load(lo, from, 0, 8, false));
}

static void merge_pair(struct lower *lo, const struct type *t, const struct place *from,
		       uint32_t total, uint32_t count)
{
	(void)t;
	add_to(lo, total, place_load(lo, from, 0, 8, false));
	add_to(lo, count, place_load(lo, from, 8, 8, false));
}

static void merge_extreme(struct lower *lo, const struct type *t, const struct place *from,
			  uint32_t total, uint32_t is_set)
{
	struct ir_block *set = block_new(lo), *compare = block_new(lo), *take = block_new(lo);
	struct ir_block *done = block_new(lo);
	struct ir_insn *value;

	emit_branch_imm(lo, COND_NE, place_load(lo, from, 8, 8, false), 0, set, done);
	block_enter(lo, set);
	value = place_load(lo, from, 0, 8, false);
	emit_branch_imm(lo, COND_NE, ssa_read(lo, is_set), 0, compare, take);
	block_enter(lo, compare);
	emit_branch(lo, better(t, t->agg == BI_max), value, ssa_read(lo, total), take, done);
	block_enter(lo, take);
	ssa_write(lo, total, value);
	ssa_write(lo, is_set, emit_const(lo, 1));
	emit_jump(lo, done);
	block_enter(lo, done);
}

static const struct {
	agg_update_fn update;
	agg_merge_fn merge; // NULL: not a number
} agg_table[BI_COUNT] = {
	[BI_avg] = { update_pair, merge_pair },
	[BI_count] = { update_count, merge_sum },
	[BI_hist] = { update_hist, NULL },
	[BI_lhist] = { update_lhist, NULL },
	[BI_max] = { update_extreme, merge_extreme },
	[BI_min] = { update_extreme, merge_extreme },
	[BI_stats] = { update_pair, merge_pair },
	[BI_sum] = { update_sum, merge_sum },
	[BI_tseries] = { update_tseries, NULL },
};

/* total / count, towards zero; 0 if there is nothing. */
static struct ir_insn *average(struct lower *lo, const struct type *t, struct ir_insn *total,
			       struct ir_insn *count)
{
	/* OP_UDIV and OP_SDIV give 0 for a count of 0. */
	return emit_op(lo, t->is_signed ? OP_SDIV : OP_UDIV, total, count);
}

/* An aggregation over all CPUs: the total and, of a pair, the count. */
struct agg_words {
	struct ir_insn *total, *count;
};

static bool is_pair(const struct type *t)
{
	return builtin_infos[t->agg].storage == AGG_PAIR;
}

static struct agg_words merged(struct lower *lo, const struct type *t, uint32_t total,
			       uint32_t count)
{
	struct agg_words words = { .total = ssa_read(lo, total) };

	if (is_pair(t))
		words.count = ssa_read(lo, count);
	return words;
}

struct cpu_loop {
	struct ir_block *head, *body, *end;
	uint32_t cpu; // variable
};

static struct cpu_loop cpu_loop_begin(struct lower *lo)
{
	struct cpu_loop l = { .head = block_open(lo),
			      .body = block_new(lo),
			      .end = block_new(lo),
			      .cpu = ssa_var_new(lo) };

	ssa_write(lo, l.cpu, emit_const(lo, 0));
	emit_jump(lo, l.head);
	block_enter(lo, l.head);
	emit_branch_imm(lo, COND_ULT, ssa_read(lo, l.cpu), lo->cpu_count, l.body, l.end);
	block_enter(lo, l.body);
	return l;
}

static void cpu_loop_end(struct lower *lo, struct cpu_loop *l)
{
	ssa_write(lo, l->cpu, emit_add_imm(lo, ssa_read(lo, l->cpu), 1));
	emit_jump(lo, l->head);
	ssa_seal(lo, l->head);
	block_enter(lo, l->end);
}

static struct agg_words read_global(struct lower *lo, const struct map_info *m)
{
	const struct type *t = m->decl->value;
	uint32_t total = ssa_var_new(lo), count = ssa_var_new(lo);
	struct cpu_loop loop;
	struct ir_insn *base;
	struct place p;

	ssa_write(lo, total, emit_const(lo, 0));
	ssa_write(lo, count, emit_const(lo, 0));
	loop = cpu_loop_begin(lo);
	base = emit_op(lo, OP_ADD, emit_data(lo, lo->data.map, m->offset),
		       emit_op_imm(lo, OP_MUL, ssa_read(lo, loop.cpu), m->stride));
	p = place_ptr(base, 8, AS_BPF);
	agg_table[t->agg].merge(lo, t, &p, total, count);
	cpu_loop_end(lo, &loop);
	return merged(lo, t, total, count);
}

/* All CPUs have a value for a key, or none. */
static void missing_percpu(struct lower *lo, struct ir_insn *cpu, struct ir_block *end,
			   struct span span)
{
	struct ir_block *first = block_new(lo);

	emit_branch_imm(lo, COND_EQ, cpu, 0, first, end);
	block_enter(lo, first);
	emit_helper_error(lo, BPF_FUNC_map_lookup_percpu_elem, emit_const(lo, 0), span);
	emit_jump(lo, end);
}

static struct agg_words read_percpu(struct lower *lo, const struct map_info *m,
				    const struct place *key, struct span span)
{
	const struct type *t = m->decl->value;
	uint32_t total = ssa_var_new(lo), count = ssa_var_new(lo);
	struct ir_block *found = block_new(lo), *missing = block_new(lo);
	struct ir_insn *map, *address, *value;
	struct cpu_loop loop;
	struct place p;

	ssa_write(lo, total, emit_const(lo, 0));
	ssa_write(lo, count, emit_const(lo, 0));
	loop = cpu_loop_begin(lo);
	map = map_of_key(lo, m, key);
	address = place_address(lo, key);
	value = EMIT_CALL(lo, map_lookup_percpu_elem, map, address, ssa_read(lo, loop.cpu));
	emit_branch_imm(lo, COND_NE, value, 0, found, missing);
	missing->is_cold = true;
	block_enter(lo, missing);
	missing_percpu(lo, ssa_read(lo, loop.cpu), loop.end, span);
	block_enter(lo, found);
	p = place_ptr(value, 0, AS_BPF);
	agg_table[t->agg].merge(lo, t, &p, total, count);
	cpu_loop_end(lo, &loop);
	return merged(lo, t, total, count);
}

static struct agg_words read_shared(struct lower *lo, const struct map_info *m,
				    const struct place *key)
{
	struct place p = map_value_place(lo, m, key);
	struct agg_words words = { .total = place_load(lo, &p, 0, 8, false) };

	if (is_pair(m->decl->value))
		words.count = place_load(lo, &p, 8, 8, false);
	return words;
}

static struct agg_words read_words(struct lower *lo, const struct map_info *m,
				   const struct place *key, struct span span)
{
	if (m->storage == STORAGE_GLOBAL_PERCPU)
		return read_global(lo, m);
	if (m->storage == STORAGE_HASH)
		return read_shared(lo, m, key);
	return read_percpu(lo, m, key, span);
}

struct ir_insn *agg_read_key(struct lower *lo, const struct map_info *m, const struct place *key,
			     struct span span)
{
	const struct type *t = m->decl->value;
	struct agg_words words;

	if (!agg_table[t->agg].merge)
		return emit_const(lo, 0);
	words = read_words(lo, m, key, span);
	return words.count ? average(lo, t, words.total, words.count) : words.total;
}

/* The access to a map that @e, an aggregation, is in the end. */
static const struct ast *access_of(struct lower *lo, const struct ast *e)
{
	for (; e->kind == AST_BLOCK && e->block.value; e = e->block.value)
		lower_stmts(lo, &e->block.stmts);
	return e;
}

/* Map and key of @e; NULL and an error if it is no access to a map. */
static const struct map_info *agg_source(struct lower *lo, const struct ast *e, struct place *key)
{
	const struct map_info *m;

	if (e->kind != AST_MAP && e->kind != AST_MAP_ACCESS) {
		(void)lower_bug(lo, e);
		return NULL;
	}
	m = map_info(lo, e->map.map);
	if (m->decl->key)
		*key = map_key(lo, m, e->map.key);
	return m;
}

struct ir_insn *agg_read(struct lower *lo, const struct ast *e)
{
	const struct map_info *m;
	struct place key = { 0 }, p;

	e = access_of(lo, e);
	if (e->kind == AST_FIELD) {
		p = lower_place(lo, e);
		return place_load(lo, &p, 0, 8, false);
	}
	m = agg_source(lo, e, &key);
	return m ? agg_read_key(lo, m, &key, e->span) : emit_const(lo, 0);
}

void agg_record_into(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct map_info *m;
	struct place key = { 0 };
	struct agg_words words;

	e = access_of(lo, e);
	m = agg_source(lo, e, &key);
	if (!m)
		return;
	words = read_words(lo, m, &key, e->span);
	place_store(lo, dst, 0, 8, words.count);
	place_store(lo, dst, 8, 8, average(lo, m->decl->value, words.total, words.count));
	place_store(lo, dst, 16, 8, words.total);
}

/* ---- updating -------------------------------------------------------------------------------- */

uint32_t agg_value_size(const struct type *t)
{
	switch (builtin_infos[t->agg].storage) {
	case AGG_NUMBER: return 8;
	case AGG_EXTREME:
	case AGG_PAIR: return 16;
	case AGG_BUCKETS:
		if (t->agg == BI_hist)
			return 8 * hist_bucket_count((unsigned int)t->agg_wide[0]);
		return 8 * lhist_bucket_count(t->agg_wide[0], t->agg_wide[1], t->agg_wide[2]);
	case AGG_SERIES: return tseries_value_size((uint32_t)series_of(t).count);
	case AGG_NONE: break;
	}
	return 8;
}

void agg_assign(struct lower *lo, const struct map_info *m, const struct ast *key,
		const struct ast *call)
{
	struct agg_update u = { .map = m, .type = m->decl->value, .done = block_new(lo) };
	struct place k;

	if (key)
		k = map_key(lo, m, key);
	if (call->call.args.len)
		u.number = lower_scalar(lo, call->call.args.data[0]);
	if (key) {
		u.value = place_ptr(map_lookup_or_add(lo, m, &k, u.done), 0, AS_BPF);
	} else {
		u.value = global_slot(lo, m);
		place_store(lo, &u.value, -8, 8, emit_const(lo, 1));
	}
	agg_table[u.type->agg].update(lo, &u);
	emit_jump(lo, u.done);
	block_enter(lo, u.done);
}
