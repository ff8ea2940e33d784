/*
 * Lowering: maps of the script.
 *
 * How a map is stored follows from its use (bpf/image.h has the layouts):
 *
 *     @x = 1              a slot in .data: loads and stores, no helper
 *     @x = count()        a slot for each CPU in .data
 *     @x[k] = 1           a hash map
 *     @x[k] = count()     a per-CPU hash map
 *
 * A value that is found in a hash map is changed where it is.  Maps that keys are deleted from are
 * written with bpf_map_update_elem() at once, since a key that is set there is most likely new.
 */
#include "ir/lower_impl.h"

#include <assert.h>
#include <string.h>

/* Strings that end within so many bytes have maps of their own, see short_key_size(). */
#define SHORT_STRING 64

/* Memory from which on a map's entries are allocated when they are needed, not before. */
#define PREALLOC_LIMIT (16u << 20)

/* ---- planning -------------------------------------------------------------------------------- */

/* The map that is the first argument of a call of @builtin, or NULL. */
static struct map_info *first_map(struct lower *lo, const struct ast *node, enum builtin builtin)
{
	const struct ast *map;

	if (node->kind != AST_CALL || node->call.builtin != builtin || !node->call.args.len)
		return NULL;
	map = node->call.args.data[0];
	return map->kind == AST_MAP && map->map.map ? map_info(lo, map->map.map) : NULL;
}

static void find_uses(void *ctx, struct ast *node)
{
	struct lower *lo = ctx;
	struct map_info *deleted = first_map(lo, node, BI_delete);
	struct map_info *walked = first_map(lo, node, BI_len);

	if (node->kind == AST_FOR_MAP)
		walked = map_info(lo, node->loop.map->map.map);
	if (deleted)
		deleted->is_deleted_from = true;
	if (walked)
		walked->is_walked = true;
	ast_each_child(node, find_uses, ctx);
}

static const struct type *value_type(const struct map_decl *d)
{
	return d->value && d->value->kind != TYPE_NONE ? d->value : type_int(8, true);
}

static bool is_agg(const struct map_decl *d)
{
	return value_type(d)->kind == TYPE_AGG;
}

static uint32_t value_size(const struct map_decl *d)
{
	const struct type *t = value_type(d);
	uint32_t size = t->kind == TYPE_AGG ? agg_value_size(t) : t->size;

	return size ? size : 8;
}

static uint32_t bpf_map_type(const struct map_info *m)
{
	bool is_percpu = m->storage == STORAGE_PERCPU_HASH;

	switch (m->decl->kind) {
	case MAP_LRU_HASH:
	case MAP_PERCPU_LRU_HASH:
		return is_percpu ? BPF_MAP_TYPE_LRU_PERCPU_HASH : BPF_MAP_TYPE_LRU_HASH;
	default: return is_percpu ? BPF_MAP_TYPE_PERCPU_HASH : BPF_MAP_TYPE_HASH;
	}
}

static enum image_storage choose_storage(const struct lower *lo, const struct map_decl *d)
{
	if (!d->key)
		return is_agg(d) ? STORAGE_GLOBAL_PERCPU : STORAGE_GLOBAL;
	if (d->kind == MAP_PERCPU_HASH || d->kind == MAP_PERCPU_LRU_HASH)
		return STORAGE_PERCPU_HASH;
	/* Reading a per-CPU value of another CPU needs a helper. */
	if (is_agg(d) && (!d->is_value_read || lo->features.map_lookup_percpu_elem))
		return STORAGE_PERCPU_HASH;
	return STORAGE_HASH;
}

/* "AT_x": names of BPF objects have no '@', and at most 15 bytes. */
static const char *bpf_map_name(struct lower *lo, const struct map_decl *d)
{
	return arena_printf(lo->arena, "AT_%.12s", d->name);
}

/*
 * The kernel hashes and compares all bytes of a key, and of a long string most are zeros.  So keys
 * that end in one are in two maps: where the string ends within SHORT_STRING bytes, the key does,
 * too.  A map that the program walks itself has one: its callback knows one size of keys.
 */
static uint32_t short_key_size(const struct map_info *m)
{
	const struct type *t = m->decl->key;
	uint32_t offset = 0;

	if (m->is_walked)
		return 0;
	if (t->kind == TYPE_TUPLE && t->count) {
		offset = t->members[t->count - 1].offset;
		t = t->members[t->count - 1].type;
	}
	if (t->kind != TYPE_STRING || t->size < 2 * SHORT_STRING ||
	    offset + t->size != m->decl->key->size)
		return 0;
	return offset + SHORT_STRING;
}

static void plan_hash(struct lower *lo, struct map_info *m)
{
	struct image_map map = {
		.name = bpf_map_name(lo, m->decl),
		.type = bpf_map_type(m),
		.key_size = m->decl->key->size,
		.value_size = m->value_size,
		.max_entries = m->decl->max_entries ? m->decl->max_entries
						    : (uint32_t)lo->o->config->max_map_keys,
	};
	uint64_t copies = m->storage == STORAGE_PERCPU_HASH ? lo->cpu_slots : 1;
	bool is_lru = map.type == BPF_MAP_TYPE_LRU_HASH || map.type == BPF_MAP_TYPE_LRU_PERCPU_HASH;

	if (!is_lru && copies * map.value_size * map.max_entries > PREALLOC_LIMIT)
		map.flags |= BPF_F_NO_PREALLOC;
	m->map = (uint32_t)image_map_add(lo, &map);
	m->short_key = short_key_size(m);
	if (m->short_key) {
		map.key_size = m->short_key;
		m->short_map = (uint32_t)image_map_add(lo, &map);
	}
}

static void plan_map(struct lower *lo, struct map_info *m)
{
	uint32_t size;

	m->storage = choose_storage(lo, m->decl);
	m->value_size = value_size(m->decl);
	size = 8 + ((m->value_size + 7) & ~7u);
	switch (m->storage) {
	case STORAGE_GLOBAL:
		m->map = (uint32_t)lo->data.map;
		m->offset = data_reserve(lo, &lo->data, size, 8);
		break;
	case STORAGE_GLOBAL_PERCPU:
		m->map = (uint32_t)lo->data.map;
		m->stride = (size + 63) & ~63u;
		m->offset = data_reserve(lo, &lo->data, m->stride * lo->cpu_slots, 64);
		break;
	default: plan_hash(lo, m); break;
	}
}

/* The variables of the image are sorted by name: insertion sort, the scripts are small. */
static void plan_vars(struct lower *lo, uint32_t count)
{
	uint32_t *order = arena_array(lo->arena, uint32_t, count + 1);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t j = i;

		for (; j && strcmp(lo->map_infos[order[j - 1]].decl->name,
				   lo->map_infos[i].decl->name) > 0;
		     j--)
			order[j] = order[j - 1];
		order[j] = i;
	}
	lo->vars = arena_array(lo->arena, struct image_var, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		struct map_info *m = &lo->map_infos[order[i]];

		m->var = i;
		lo->vars[i] = (struct image_var){
			.name = arena_printf(lo->arena, "@%s", m->decl->name),
			.storage = m->storage,
			.map = m->map,
			.short_map = m->short_key ? (int32_t)m->short_map : -1,
			.offset = m->offset,
			.stride = m->stride,
			.key = m->decl->key ? shape_of(lo, m->decl->key) : NULL,
			.value = shape_of(lo, value_type(m->decl)),
			.max_entries = m->decl->key ? lo->maps.data[m->map].max_entries : 1,
			.span = m->decl->span,
		};
	}
}

void maps_plan(struct lower *lo)
{
	uint32_t count = (uint32_t)lo->program->maps.len;

	lo->map_infos = arena_array(lo->arena, struct map_info, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		lo->map_infos[i].decl = lo->program->maps.data[i];
		assert(lo->map_infos[i].decl->id == i);
	}
	vec_foreach (&lo->program->probes, p) {
		find_uses(lo, (*p)->body);
	}
	for (uint32_t i = 0; i < count; i++)
		plan_map(lo, &lo->map_infos[i]);
	plan_vars(lo, count);
}

struct map_info *map_info(struct lower *lo, const struct map_decl *m)
{
	return &lo->map_infos[m->id];
}

static bool is_global(const struct map_info *m)
{
	return m->storage == STORAGE_GLOBAL || m->storage == STORAGE_GLOBAL_PERCPU;
}

/* ---- keys and lookups ------------------------------------------------------------------------ */

/* A constant string, with the zeros that a key has behind it. */
static bool literal_key(struct lower *lo, const struct ast *key, struct place *out)
{
	uint32_t size = key->type->size, len;
	const struct ast *e = key;
	char *bytes;

	if (e->kind == AST_CAST)
		e = e->cast.operand;
	if (e->kind != AST_STRING || e->type->kind != TYPE_STRING || key->type->kind != TYPE_STRING)
		return false;
	len = e->string.len < size ? e->string.len : size;
	bytes = arena_alloc(lo->arena, size + 1);
	memcpy(bytes, e->string.data, len);
	*out = rodata_bytes(lo, bytes, size, 8);
	return true;
}

/* A value that is in our memory in the very form of a key. */
static bool is_ready_key(struct lower *lo, const struct ast *key)
{
	const struct ast *e = key;

	if (type_is_scalar(key->type) || !type_is_kept_padded(key->type))
		return false;
	if (e->kind == AST_BUILTIN && e->ident.builtin == BI_probe)
		return true;
	while (e->kind == AST_FIELD && e->field.object->type->kind != TYPE_POINTER &&
	       e->field.object->type->kind != TYPE_ARGS)
		e = e->field.object;
	if (e->kind != AST_VAR || var_is_reference(e->var.var))
		return false;
	return key->kind == AST_VAR || var_state(lo, e->var.var)->home == VAR_PAIR;
}

struct place map_key(struct lower *lo, const struct map_info *m, const struct ast *key)
{
	struct place p;

	if (literal_key(lo, key, &p))
		return p;
	if (is_ready_key(lo, key) && type_equal(key->type, m->decl->key))
		return lower_place_ours(lo, key);
	p = place_slot(lo, m->decl->key->size, type_align(m->decl->key), "key");
	p.is_padded = true;
	p.short_string = m->short_key ? SHORT_STRING : 0;
	lower_into(lo, key, &p);
	return p;
}

struct ir_insn *map_of_key(struct lower *lo, const struct map_info *m, const struct place *key)
{
	struct ir_insn *last, *is_short;

	if (!m->short_key)
		return emit_map(lo, m->map);
	last = place_load(lo, key, m->short_key - 1, 1, false);
	is_short = emit_cmp(lo, COND_EQ, last, emit_const(lo, 0));
	return emit_select(lo, is_short, emit_map(lo, m->short_map), emit_map(lo, m->map));
}

struct ir_insn *map_lookup(struct lower *lo, const struct map_info *m, const struct place *key)
{
	struct ir_insn *map = map_of_key(lo, m, key);

	return EMIT_CALL(lo, map_lookup_elem, map, place_address(lo, key));
}

static void map_update(struct lower *lo, const struct map_info *m, const struct place *key,
		       const struct place *value, uint64_t flags, struct span span)
{
	struct ir_insn *map = map_of_key(lo, m, key);
	struct ir_insn *k = place_address(lo, key), *v = place_address(lo, value);
	struct ir_insn *ret =
		EMIT_CALL(lo, map_update_elem, map, k, v, emit_const(lo, (int64_t)flags));

	if (flags != BPF_NOEXIST)
		check_helper(lo, BPF_FUNC_map_update_elem, ret, span);
}

/* With -k, a missing key is worth a warning. */
static void map_missing(struct lower *lo)
{
	if (lo->o->warn_helper_errors)
		emit_helper_error(lo, BPF_FUNC_map_lookup_elem, emit_const(lo, 0), lo->span);
}

/* Add zeros and look again: another CPU may have been faster.  Else the map is full: @full. */
static struct ir_insn *map_add(struct lower *lo, const struct map_info *m, const struct place *key,
			       struct ir_block *done, struct ir_block *full)
{
	struct place zeros = rodata_zeros(lo, m->value_size);
	struct ir_block *failed = block_new(lo);
	struct ir_insn *ret, *added;

	ret = EMIT_CALL(lo, map_update_elem, map_of_key(lo, m, key), place_address(lo, key),
			place_address(lo, &zeros), emit_const(lo, BPF_NOEXIST));
	added = map_lookup(lo, m, key);
	failed->is_cold = true;
	emit_branch_imm(lo, COND_NE, added, 0, done, failed);
	block_enter(lo, failed);
	emit_helper_error(lo, BPF_FUNC_map_update_elem, ret, lo->span);
	emit_jump(lo, full);
	return added;
}

struct ir_insn *map_lookup_or_add(struct lower *lo, const struct map_info *m,
				  const struct place *key, struct ir_block *full)
{
	struct ir_block *add = block_new(lo), *done = block_new(lo), *from = lo->fn->block;
	struct ir_insn *found = map_lookup(lo, m, key), *added;
	uint32_t time = ssa_now(lo);

	add->is_cold = true;
	emit_branch_imm(lo, COND_NE, found, 0, done, add);
	block_enter(lo, add);
	added = map_add(lo, m, key, done, full);
	ssa_set_dom(lo, done, from, time);
	block_enter(lo, done);
	return emit_phi2(lo, done, from, found, added);
}

/* ---- .data ----------------------------------------------------------------------------------- */

struct place global_slot(struct lower *lo, const struct map_info *m)
{
	struct ir_insn *cpu, *offset, *base;

	if (m->storage == STORAGE_GLOBAL)
		return place_data(lo, lo->data.map, (int64_t)m->offset + 8);
	cpu = emit_op_imm(lo, OP_AND, emit_cpu(lo), (int64_t)lo->cpu_slots - 1);
	offset = emit_op_imm(lo, OP_MUL, cpu, m->stride);
	base = emit_op(lo, OP_ADD, emit_data(lo, lo->data.map, m->offset), offset);
	return place_ptr(base, 8, AS_BPF);
}

static void set_global(struct lower *lo, const struct place *value)
{
	place_store(lo, value, -8, 8, emit_const(lo, 1));
}

/* ---- reading --------------------------------------------------------------------------------- */

static struct ir_insn *found_scalar(struct lower *lo, const struct map_info *m,
				    const struct place *key, const struct type *t)
{
	struct ir_insn *p = map_lookup(lo, m, key), *value;
	struct fork f = fork_begin(lo);

	emit_branch_imm(lo, COND_NE, p, 0, f.yes, f.no);
	block_enter(lo, f.yes);
	value = emit_load(lo, p, 0, t->size, t->is_signed);
	fork_else(lo, &f);
	map_missing(lo);
	return fork_or_zero(lo, &f, value);
}

struct ir_insn *map_value_scalar(struct lower *lo, const struct map_info *m,
				 const struct place *key, const struct type *t)
{
	struct place p;

	if (is_agg(m->decl))
		return agg_read_key(lo, m, key, lo->span);
	if (is_global(m)) {
		p = global_slot(lo, m);
		return place_load(lo, &p, 0, t->size, t->is_signed);
	}
	return found_scalar(lo, m, key, t);
}

struct ir_insn *map_read_scalar(struct lower *lo, const struct ast *e)
{
	const struct map_info *m = map_info(lo, e->map.map);
	struct place key = { 0 };

	if (lo->rmw_access && same_access(lo->rmw_access, e))
		return lo->rmw_value;
	if (m->decl->key)
		key = map_key(lo, m, e->map.key);
	return map_value_scalar(lo, m, &key, e->type);
}

struct place map_value_place(struct lower *lo, const struct map_info *m, const struct place *key)
{
	struct ir_insn *p, *zeros;
	struct ir_block *from_yes;
	struct place zero;
	struct fork f;

	if (is_global(m))
		return global_slot(lo, m);
	p = map_lookup(lo, m, key);
	f = fork_begin(lo);
	emit_branch_imm(lo, COND_NE, p, 0, f.yes, f.no);
	block_enter(lo, f.yes);
	from_yes = lo->fn->block;
	emit_jump(lo, f.done);
	block_enter(lo, f.no);
	map_missing(lo);
	zero = rodata_zeros(lo, m->value_size);
	zeros = place_address(lo, &zero);
	emit_jump(lo, f.done);
	fork_end(lo, &f);
	return place_ptr(emit_phi2(lo, f.done, from_yes, p, zeros), 0, AS_BPF);
}

struct place map_read_place(struct lower *lo, const struct ast *e)
{
	const struct map_info *m = map_info(lo, e->map.map);
	struct place key = { 0 };

	if (m->decl->key)
		key = map_key(lo, m, e->map.key);
	return map_value_place(lo, m, &key);
}

/* ---- read, change, write --------------------------------------------------------------------- */

bool same_access(const struct ast *a, const struct ast *b)
{
	return a->kind == b->kind && a->map.map == b->map.map &&
	       (!a->map.key || same_value(a->map.key, b->map.key));
}

struct access_search {
	const struct ast *access;
	bool is_found;
};

static void find_access(void *ctx, struct ast *node)
{
	struct access_search *s = ctx;

	if (s->is_found)
		return;
	if (node->kind == s->access->kind && same_access(s->access, node))
		s->is_found = true;
	else
		ast_each_child(node, find_access, ctx);
}

static bool reads_access(const struct ast *e, const struct ast *access)
{
	struct access_search s = { .access = access };

	find_access(&s, (struct ast *)e);
	return s.is_found;
}

/* What a value becomes: the right side of an assignment, or one more or less. */
struct change {
	const struct ast *access;
	const struct ast *rhs; // or NULL
	int64_t step;
	bool is_post;
};

static struct ir_insn *changed(struct lower *lo, const struct change *c, struct ir_insn *old)
{
	const struct type *t = c->access->type;
	const struct ast *saved = lo->rmw_access;
	struct ir_insn *saved_value = lo->rmw_value, *value;

	if (!c->rhs)
		return emit_extend(lo, emit_op_imm(lo, OP_ADD, old, c->step), t->size,
				   t->is_signed);
	lo->rmw_access = c->access;
	lo->rmw_value = old;
	value = lower_stored(lo, c->rhs);
	lo->rmw_access = saved;
	lo->rmw_value = saved_value;
	return value;
}

static struct ir_insn *change_global(struct lower *lo, const struct map_info *m,
				     const struct change *c)
{
	const struct type *t = c->access->type;
	struct place p = global_slot(lo, m);
	struct ir_insn *old = place_load(lo, &p, 0, t->size, t->is_signed);
	struct ir_insn *value = changed(lo, c, old);

	place_store(lo, &p, 0, t->size, value);
	set_global(lo, &p);
	return c->is_post ? old : value;
}

static void update_scalar(struct lower *lo, const struct map_info *m, const struct place *key,
			  const struct type *t, struct ir_insn *value)
{
	struct place slot = place_slot(lo, t->size, t->size, "value");

	place_store(lo, &slot, 0, t->size, value);
	map_update(lo, m, key, &slot, BPF_ANY, lo->span);
}

/* Once for a key that is there, and once for a new one; returns the value asked for. */
static struct ir_insn *change_keyed(struct lower *lo, const struct map_info *m,
				    const struct change *c)
{
	const struct type *t = c->access->type;
	struct place key = map_key(lo, m, c->access->map.key);
	struct ir_insn *p = map_lookup(lo, m, &key), *old, *value, *zero, *first;
	struct ir_block *from_yes;
	struct fork f = fork_begin(lo);

	emit_branch_imm(lo, COND_NE, p, 0, f.yes, f.no);
	block_enter(lo, f.yes);
	old = emit_load(lo, p, 0, t->size, t->is_signed);
	value = changed(lo, c, old);
	emit_store(lo, p, 0, t->size, value);
	from_yes = lo->fn->block;
	emit_jump(lo, f.done);
	block_enter(lo, f.no);
	map_missing(lo);
	zero = emit_const(lo, 0);
	first = changed(lo, c, zero);
	update_scalar(lo, m, &key, t, first);
	emit_jump(lo, f.done);
	fork_end(lo, &f);
	return emit_phi2(lo, f.done, from_yes, c->is_post ? old : value, c->is_post ? zero : first);
}

struct ir_insn *map_inc_dec(struct lower *lo, const struct ast *e)
{
	const struct ast *access = e->unary.operand;
	const struct map_info *m = map_info(lo, access->map.map);
	enum ast_op op = e->unary.op;
	struct change c = { .access = access,
			    .step = op == OPR_PRE_INC || op == OPR_POST_INC ? 1 : -1,
			    .is_post = op == OPR_POST_INC || op == OPR_POST_DEC };

	if (access->type->kind == TYPE_POINTER && access->type->elem->size)
		c.step *= access->type->elem->size;
	return is_global(m) ? change_global(lo, m, &c) : change_keyed(lo, m, &c);
}

/* ---- assignment ------------------------------------------------------------------------------ */

static void assign_global(struct lower *lo, const struct map_info *m, const struct ast *s)
{
	const struct ast *rhs = s->assign.rhs;
	struct ir_insn *value;
	struct place p, temp;

	if (type_is_scalar(rhs->type)) {
		value = lower_stored(lo, rhs);
		p = global_slot(lo, m);
		place_store(lo, &p, 0, rhs->type->size, value);
	} else {
		p = global_slot(lo, m);
		p.is_padded = type_is_kept_padded(rhs->type);
		if (reads_access(rhs, s->assign.lhs) || has_effects(rhs)) {
			temp = place_for(lo, rhs->type, NULL);
			lower_into(lo, rhs, &temp);
			copy_value(lo, &p, &temp, rhs->type);
		} else {
			lower_into(lo, rhs, &p);
		}
	}
	set_global(lo, &p);
}

static void assign_scalar(struct lower *lo, const struct map_info *m, const struct ast *s)
{
	struct change c = { .access = s->assign.lhs, .rhs = s->assign.rhs };
	const struct type *t = s->assign.rhs->type;
	struct ir_insn *value, *p;
	struct place key;
	struct fork f;

	if (!has_effects(c.rhs) && !has_effects(c.access->map.key) &&
	    same_value(c.access->map.key, c.access->map.key) && reads_access(c.rhs, c.access)) {
		change_keyed(lo, m, &c);
		return;
	}
	value = lower_stored(lo, c.rhs);
	key = map_key(lo, m, c.access->map.key);
	if (m->is_deleted_from || m->storage != STORAGE_HASH) {
		update_scalar(lo, m, &key, t, value);
		return;
	}
	p = map_lookup(lo, m, &key);
	f = fork_begin(lo);
	emit_branch_imm(lo, COND_NE, p, 0, f.yes, f.no);
	block_enter(lo, f.yes);
	emit_store(lo, p, 0, t->size, value);
	emit_jump(lo, f.done);
	block_enter(lo, f.no);
	update_scalar(lo, m, &key, t, value);
	emit_jump(lo, f.done);
	fork_end(lo, &f);
}

static void assign_keyed(struct lower *lo, const struct map_info *m, const struct ast *s)
{
	const struct ast *rhs = s->assign.rhs;
	struct place value, key;

	if (type_is_scalar(rhs->type)) {
		assign_scalar(lo, m, s);
		return;
	}
	if (rhs->kind == AST_VAR && !var_is_reference(rhs->var.var)) {
		value = lower_place_ours(lo, rhs);
	} else {
		value = place_for(lo, rhs->type, "value");
		lower_into(lo, rhs, &value);
	}
	key = map_key(lo, m, s->assign.lhs->map.key);
	map_update(lo, m, &key, &value, BPF_ANY, s->span);
}

void map_assign(struct lower *lo, const struct ast *s)
{
	const struct ast *lhs = s->assign.lhs, *rhs = s->assign.rhs;
	const struct map_info *m = map_info(lo, lhs->map.map);

	if (is_agg(m->decl))
		agg_assign(lo, m, lhs->map.key, rhs);
	else if (is_global(m))
		assign_global(lo, m, s);
	else
		assign_keyed(lo, m, s);
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* Unset a scalar; all CPUs' values of an aggregation. */
static struct ir_insn *delete_global(struct lower *lo, const struct map_info *m)
{
	uint32_t count = m->storage == STORAGE_GLOBAL ? 1 : lo->cpu_slots;
	uint32_t size = 8 + m->value_size;
	struct ir_insn *was_set = NULL;

	for (uint32_t i = 0; i < count; i++) {
		struct place p = place_data(lo, lo->data.map, m->offset + (int64_t)i * m->stride);
		struct ir_insn *flag = place_load(lo, &p, 0, 8, false);
		struct place zeros;

		was_set = was_set ? emit_op(lo, OP_OR, was_set, flag) : flag;
		if (size <= LARGE_COPY) {
			place_zero(lo, &p, 0, size);
		} else {
			zeros = rodata_zeros(lo, size);
			read_bytes(lo, &p, &zeros, size);
		}
	}
	return was_set;
}

struct ir_insn *map_delete(struct lower *lo, const struct ast *map, const struct ast *key)
{
	const struct map_info *m = map_info(lo, map->map.map);
	struct ir_insn *ret;
	struct place k;

	if (is_global(m))
		return delete_global(lo, m);
	k = map_key(lo, m, key);
	ret = EMIT_CALL(lo, map_delete_elem, map_of_key(lo, m, &k), place_address(lo, &k));
	return emit_cmp(lo, COND_EQ, ret, emit_const(lo, 0));
}

struct ir_insn *map_has_key(struct lower *lo, const struct ast *map, const struct ast *key)
{
	const struct map_info *m = map_info(lo, map->map.map);
	struct place k = map_key(lo, m, key);

	return emit_cmp(lo, COND_NE, map_lookup(lo, m, &k), emit_const(lo, 0));
}
