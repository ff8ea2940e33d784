#include "ir_random.h"

#include <linux/bpf.h>

#define MAX_INSNS 600
#define SLOT_MAX  64

struct local { // a slot whose bytes all have a value
	uint32_t slot;
	uint32_t size;
};

struct gen {
	struct arena *a;
	struct ir_program *p;
	struct ir_func *f;
	struct ir_block *b;
	const uint8_t *data;
	size_t len, at;
	uint32_t depth, loops;
	uint32_t emitted;
	bool is_callback;
	vec_of(struct ir_insn *) values; // numbers in scope
	vec_of(struct local) locals;     // slots in scope
};

/* 0 when the data is used up: the cheapest choice, so that the program comes to its end. */
static uint32_t choose(struct gen *g, uint32_t n)
{
	uint32_t v = 0;

	for (uint32_t max = 1; max < n; max = max << 8 | 0xff)
		v = v << 8 | (g->at < g->len ? g->data[g->at++] : 0);
	return v % n;
}

static struct ir_insn *append(struct gen *g, enum ir_op op, struct ir_insn *a, struct ir_insn *b)
{
	struct ir_insn *insn = ir_insn_new(g->f, op, (uint32_t)(a != NULL) + (uint32_t)(b != NULL));

	if (a)
		insn->args[0] = a;
	if (b)
		insn->args[1] = b;
	ir_append(g->b, insn);
	g->emitted++;
	return insn;
}

static struct ir_insn *constant(struct gen *g, int64_t imm)
{
	struct ir_insn *insn = append(g, OP_CONST, NULL, NULL);

	insn->imm = imm;
	return insn;
}

static int64_t random_number(struct gen *g)
{
	static const int64_t numbers[] = { 0,         1,         -1,          2,
					   3,         7,         8,           10,
					   16,        63,        64,          100,
					   255,       256,       1000,        -128,
					   65535,     INT32_MAX, INT32_MIN,   UINT32_MAX,
					   INT64_MAX, INT64_MIN, 0x100000000, 0x123456789abcdef };

	return numbers[choose(g, sizeof(numbers) / sizeof(*numbers))];
}

static void add_value(struct gen *g, struct ir_insn *v)
{
	vec_push(g->a, &g->values, v);
}

static struct ir_insn *any(struct gen *g)
{
	uint32_t n = (uint32_t)g->values.len;

	if (n == 0 || choose(g, 6) == 0)
		return constant(g, random_number(g));
	/* Mostly recent ones, sometimes old ones, which are then live for long. */
	if (choose(g, 3) && n > 6)
		return g->values.data[n - 1 - choose(g, 6)];
	return g->values.data[choose(g, n)];
}

/* --- straight-line code --------------------------------------------------------------------- */

static void gen_binary(struct gen *g)
{
	static const enum ir_op ops[] = { OP_ADD,  OP_SUB,  OP_MUL,  OP_UDIV, OP_SDIV,
					  OP_UMOD, OP_SMOD, OP_AND,  OP_OR,   OP_XOR,
					  OP_SHL,  OP_LSHR, OP_ASHR, OP_ADD,  OP_SUB };
	enum ir_op op = ops[choose(g, sizeof(ops) / sizeof(*ops))];
	struct ir_insn *a = any(g), *b = any(g);

	add_value(g, append(g, op, a, b));
}

static void gen_unary(struct gen *g)
{
	static const enum ir_op ops[] = { OP_NEG, OP_ZEXT, OP_SEXT, OP_BSWAP, OP_COPY };
	enum ir_op op = ops[choose(g, 5)];
	uint32_t log_width = choose(g, 3);
	struct ir_insn *v = append(g, op, any(g), NULL);

	v->width = (uint8_t)(1u << (op == OP_BSWAP ? log_width + 1 : log_width));
	add_value(g, v);
}

static enum ir_cond random_cond(struct gen *g)
{
	return (enum ir_cond)choose(g, COND_COUNT);
}

static void gen_cmp(struct gen *g)
{
	enum ir_cond cond = random_cond(g);
	struct ir_insn *a = any(g), *b = any(g);
	struct ir_insn *v = append(g, OP_CMP, a, b);

	v->cond = cond;
	add_value(g, v);
}

static void gen_select(struct gen *g)
{
	struct ir_insn *test = any(g), *x = any(g), *y = any(g);
	struct ir_insn *v;

	if (choose(g, 2)) {
		enum ir_cond cond = random_cond(g);

		test = append(g, OP_CMP, any(g), any(g));
		test->cond = cond;
	}
	v = ir_insn_new(g->f, OP_SELECT, 3);
	v->args[0] = test;
	v->args[1] = x;
	v->args[2] = y;
	ir_append(g->b, v);
	g->emitted++;
	add_value(g, v);
}

/* --- memory --------------------------------------------------------------------------------- */

static struct ir_insn *slot_address(struct gen *g, uint32_t slot, int64_t off)
{
	struct ir_insn *v = append(g, OP_SLOT, NULL, NULL);

	v->slot = slot;
	v->imm = off;
	return v;
}

static void add_local(struct gen *g, uint32_t slot, uint32_t size)
{
	struct local l = { .slot = slot, .size = size };

	vec_push(g->a, &g->locals, l);
}

static void gen_slot(struct gen *g)
{
	uint32_t size = 8 * (1 + choose(g, SLOT_MAX / 8));
	uint32_t slot = ir_slot_new(g->f, size, 8, NULL);
	struct ir_insn *zero = append(g, OP_ZERO, slot_address(g, slot, 0), NULL);

	g->f->slots.data[slot].is_scratch_ok = choose(g, 4) != 0;
	zero->size = size;
	add_local(g, slot, size);
}

static struct local any_local(struct gen *g)
{
	if (g->locals.len == 0)
		gen_slot(g);
	return g->locals.data[choose(g, (uint32_t)g->locals.len)];
}

/* The base of an access of @width bytes, and where: a slot or a map's value. */
static struct ir_insn *any_place(struct gen *g, uint32_t width, int64_t *off)
{
	struct ir_insn *base;
	int64_t split;

	if (choose(g, 3) == 0) {
		base = append(g, OP_MAP_VALUE, NULL, NULL);
		base->map = choose(g, 2);
		base->imm = (int64_t)(8 * choose(g, 8));
		*off = (int64_t)(8 * choose(g, 8) + width * choose(g, 8 / width));
		return base;
	}
	struct local l = any_local(g);

	*off = (int64_t)(width * choose(g, l.size / width));
	split = choose(g, 2) ? *off & ~7 : 0;
	*off -= split;
	return slot_address(g, l.slot, split);
}

static uint32_t any_width(struct gen *g)
{
	return 1u << choose(g, 4);
}

static void gen_load(struct gen *g)
{
	uint32_t width = any_width(g);
	bool is_signed = choose(g, 2);
	struct ir_insn *base, *v;
	int64_t off;

	if (choose(g, 4) == 0) {
		base = append(g, OP_CTX, NULL, NULL);
		off = (int64_t)(width * choose(g, 64 / width));
		if (g->is_callback)
			return;
	} else {
		base = any_place(g, width, &off);
	}
	v = append(g, OP_LOAD, base, NULL);
	v->width = (uint8_t)width;
	v->is_signed = is_signed;
	v->imm = off;
	add_value(g, v);
}

static void gen_store(struct gen *g, enum ir_op op)
{
	uint32_t width = op == OP_ATOMIC_ADD ? 8 : any_width(g);
	struct ir_insn *value = any(g);
	struct ir_insn *v;
	int64_t off;

	v = append(g, op, any_place(g, width, &off), value);
	v->width = (uint8_t)width;
	v->imm = off;
}

static void gen_zero(struct gen *g)
{
	struct local l = any_local(g);
	uint32_t from = choose(g, l.size), size = 1 + choose(g, l.size - from);
	struct ir_insn *v = append(g, OP_ZERO, slot_address(g, l.slot, 0), NULL);

	v->imm = from;
	v->size = size;
}

static void gen_memcpy(struct gen *g)
{
	struct local to = any_local(g), from = any_local(g);
	uint32_t size = to.size < from.size ? to.size : from.size;
	struct ir_insn *v;

	if (to.slot == from.slot)
		return;
	v = append(g, OP_MEMCPY, slot_address(g, to.slot, 0), slot_address(g, from.slot, 0));
	v->size = 1 + choose(g, size);
}

/* --- calls ---------------------------------------------------------------------------------- */

static struct ir_insn *call(struct gen *g, uint32_t helper, struct ir_insn *const *args, uint32_t n)
{
	struct ir_insn *v = ir_insn_new(g->f, OP_CALL, n);

	v->helper = helper;
	for (uint32_t i = 0; i < n; i++)
		v->args[i] = args[i];
	ir_append(g->b, v);
	g->emitted++;
	return v;
}

static void gen_simple_call(struct gen *g)
{
	static const uint32_t helpers[] = { BPF_FUNC_get_current_pid_tgid,
					    BPF_FUNC_get_current_uid_gid, BPF_FUNC_ktime_get_ns };

	if (choose(g, 3))
		add_value(g, call(g, helpers[choose(g, 3)], NULL, 0));
	else
		add_value(g, call(g, BPF_FUNC_send_signal, (struct ir_insn *[]){ any(g) }, 1));
}

static void gen_read(struct gen *g)
{
	static const uint32_t helpers[] = { BPF_FUNC_probe_read_kernel,
					    BPF_FUNC_probe_read_kernel_str,
					    BPF_FUNC_get_current_comm };
	uint32_t which = choose(g, 3);
	struct local l = any_local(g);
	struct ir_insn *source = any(g);
	struct ir_insn *size = constant(g, 1 + (int64_t)choose(g, l.size));
	struct ir_insn *to = slot_address(g, l.slot, 0);
	struct ir_insn *v = call(g, helpers[which], (struct ir_insn *[]){ to, size, source },
				 which == 2 ? 2 : 3);

	if (choose(g, 2))
		add_value(g, v);
}

static struct ir_insn *map(struct gen *g)
{
	struct ir_insn *v = append(g, OP_MAP, NULL, NULL);

	v->map = 2;
	return v;
}

static void gen_update(struct gen *g)
{
	struct local key = any_local(g), value = any_local(g);
	struct ir_insn *flags = any(g);
	struct ir_insn *m = map(g), *k = slot_address(g, key.slot, 0);
	struct ir_insn *v = slot_address(g, value.slot, value.size - 8);

	v = call(g, BPF_FUNC_map_update_elem, (struct ir_insn *[]){ m, k, v, flags }, 4);
	if (choose(g, 2))
		add_value(g, v);
}

static void gen_output(struct gen *g)
{
	struct local l = any_local(g);
	struct ir_insn *m = map(g), *data = slot_address(g, l.slot, 0);
	struct ir_insn *flags = any(g), *zero = constant(g, 0);

	call(g, BPF_FUNC_perf_event_output,
	     (struct ir_insn *[]){ zero, m, flags, data, constant(g, l.size) }, 5);
}

/* --- control flow --------------------------------------------------------------------------- */

static void gen_body(struct gen *g, uint32_t max);

static struct ir_insn *phi(struct gen *g, struct ir_block *b, uint32_t n)
{
	struct ir_insn *v = ir_insn_new(g->f, OP_PHI, n);

	/* Phis come first, and b may have some. */
	if (b->first && b->first->op == OP_PHI)
		ir_insert_before(b->first, v);
	else if (b->first)
		ir_insert_before(b->first, v);
	else
		ir_append(b, v);
	return v;
}

static void branch(struct gen *g, struct ir_block *yes, struct ir_block *no)
{
	enum ir_cond cond = random_cond(g);
	struct ir_insn *a = any(g), *b = any(g);
	struct span none = { 0 };

	ir_set_branch(g->b, cond, a, b, yes, no, none);
}

/* Both arms, and phis of what they computed. */
static void gen_if(struct gen *g)
{
	struct ir_block *arms[2] = { ir_block_new(g->f), NULL }, *join;
	struct ir_insn *out[2][3];
	uint32_t n = choose(g, 4);
	struct span none = { 0 };

	join = ir_block_new(g->f);
	arms[1] = choose(g, 2) ? ir_block_new(g->f) : NULL;
	for (uint32_t i = 0; !arms[1] && i < n; i++)
		out[1][i] = any(g); // on the edge from here
	branch(g, arms[0], arms[1] ? arms[1] : join);
	for (uint32_t arm = 0; arm < 2; arm++) {
		size_t values = g->values.len, locals = g->locals.len;

		if (!arms[arm])
			continue;
		g->b = arms[arm];
		g->b->is_cold = choose(g, 8) == 1;
		gen_body(g, 12);
		for (uint32_t i = 0; i < n; i++)
			out[arm][i] = any(g);
		g->values.len = values;
		g->locals.len = locals;
		if (arm == 0 && choose(g, 12) == 1 && arms[1]) { // return early
			append(g, OP_RETURN, any(g), NULL);
			arms[0] = NULL;
			continue;
		}
		ir_set_jump(g->b, join, none);
	}
	g->b = join;
	for (uint32_t i = 0; i < n; i++) {
		struct ir_insn *v = phi(g, join, (uint32_t)join->preds.len);

		/* Without a second block, the edge from the test came first. */
		if (join->preds.len == 1)
			v->args[0] = out[1][i];
		else if (!arms[1]) {
			v->args[0] = out[1][i];
			v->args[1] = out[0][i];
		} else {
			v->args[0] = out[0][i];
			v->args[1] = out[1][i];
		}
		add_value(g, v);
	}
}

/* A few rounds, with variables that change in each; sometimes left in the middle. */
static void gen_loop(struct gen *g)
{
	struct ir_block *header = ir_block_new(g->f), *body = ir_block_new(g->f), *exit;
	uint32_t n = choose(g, 4), rounds = choose(g, 5);
	struct ir_insn *vars[4], *next;
	size_t values, locals;
	struct span none = { 0 };

	for (uint32_t i = 0; i < n; i++)
		vars[i] = any(g);
	next = constant(g, 0);
	ir_set_jump(g->b, header, none);
	for (uint32_t i = 0; i < n; i++) {
		struct ir_insn *v = phi(g, header, 2);

		v->args[0] = vars[i];
		vars[i] = v;
		add_value(g, v);
	}
	vars[n] = phi(g, header, 2);
	vars[n]->args[0] = next;
	g->b = header;
	exit = ir_block_new(g->f);
	ir_set_branch(header, COND_ULT, vars[n], constant(g, rounds), body, exit, none);
	g->b = body;
	values = g->values.len;
	locals = g->locals.len;
	add_value(g, vars[n]);
	g->loops++;
	gen_body(g, 16);
	if (choose(g, 3) == 1) { // break
		struct ir_block *more = ir_block_new(g->f);

		branch(g, more, exit);
		g->b = more;
		gen_body(g, 6);
	}
	g->loops--;
	for (uint32_t i = 0; i < n; i++)
		vars[i]->args[1] = any(g);
	vars[n]->args[1] = append(g, OP_ADD, vars[n], constant(g, 1));
	ir_set_jump(g->b, header, none);
	g->values.len = values;
	g->locals.len = locals;
	g->b = exit;
}

/* Look up, and use what was found. */
static void gen_lookup(struct gen *g)
{
	struct ir_block *found = ir_block_new(g->f), *join = ir_block_new(g->f);
	struct local key = any_local(g);
	struct ir_insn *m = map(g), *k = slot_address(g, key.slot, 0), *zero = constant(g, 0);
	struct ir_insn *v, *value = any(g);
	struct span none = { 0 };

	v = call(g, BPF_FUNC_map_lookup_elem, (struct ir_insn *[]){ m, k }, 2);
	ir_set_branch(g->b, COND_NE, v, zero, found, join, none);
	g->b = found;
	m = append(g, choose(g, 2) ? OP_STORE : OP_ATOMIC_ADD, v, value);
	m->width = 8;
	m = append(g, OP_LOAD, v, NULL);
	m->width = 4;
	ir_set_jump(found, join, none);
	g->b = join;
	v = phi(g, join, 2);
	v->args[0] = value;
	v->args[1] = m;
	add_value(g, v);
}

/* --- callbacks ------------------------------------------------------------------------------ */

static struct ir_insn *gen_callback_func(struct gen *outer, uint32_t ctx_size)
{
	struct ir_func *f = ir_func_new(outer->p, "callback");
	struct gen g = *outer;
	struct ir_insn *ctx, *ref;

	f->param_count = 2;
	g.f = f;
	g.b = ir_block_new(f);
	g.is_callback = true;
	g.values.len = g.values.cap = g.locals.len = g.locals.cap = 0;
	g.values.data = NULL;
	g.locals.data = NULL;
	add_value(&g, append(&g, OP_PARAM, NULL, NULL));
	ctx = append(&g, OP_PARAM, NULL, NULL);
	ctx->imm = 1;
	ref = append(&g, OP_LOAD, ctx, NULL);
	ref->width = 8;
	add_value(&g, ref);
	gen_body(&g, 20);
	ref = append(&g, OP_STORE, ctx, any(&g));
	ref->width = 8;
	ref->imm = (int64_t)(8 * choose(&g, ctx_size / 8));
	ref = append(&g, OP_AND, any(&g), constant(&g, 1));
	append(&g, OP_RETURN, ref, NULL);
	outer->at = g.at;
	outer->emitted = g.emitted;
	ref = append(outer, OP_FUNC, NULL, NULL);
	ref->imm = f->index;
	return ref;
}

static void gen_callback(struct gen *g)
{
	uint32_t size = 8 * (1 + choose(g, 3));
	uint32_t slot = ir_slot_new(g->f, size, 8, "captured");
	struct ir_insn *count = any(g), *zero, *func, *v;

	g->f->slots.data[slot].is_scratch_ok = false;
	for (uint32_t i = 0; i < size; i += 8) {
		v = append(g, OP_STORE, slot_address(g, slot, i), any(g));
		v->width = 8;
	}
	count = append(g, OP_AND, count, constant(g, 3));
	zero = constant(g, 0);
	func = gen_callback_func(g, size);
	v = call(g, BPF_FUNC_loop,
		 (struct ir_insn *[]){ count, func, slot_address(g, slot, 0), zero }, 4);
	add_value(g, v);
	add_local(g, slot, size);
}

/* --- the program ---------------------------------------------------------------------------- */

static void gen_one(struct gen *g)
{
	switch (choose(g, 32)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
	case 6: gen_binary(g); break;
	case 7:
	case 8: gen_unary(g); break;
	case 9: gen_cmp(g); break;
	case 10: gen_select(g); break;
	case 11:
	case 12:
	case 13: gen_load(g); break;
	case 14:
	case 15:
	case 16: gen_store(g, OP_STORE); break;
	case 17: gen_store(g, OP_ATOMIC_ADD); break;
	case 18: gen_slot(g); break;
	case 19: gen_zero(g); break;
	case 20: gen_memcpy(g); break;
	case 21:
	case 22: gen_simple_call(g); break;
	case 23: gen_read(g); break;
	case 24: gen_update(g); break;
	case 25: gen_output(g); break;
	case 26: gen_lookup(g); break;
	case 27:
	case 28:
		if (g->depth < 4)
			gen_if(g);
		break;
	case 29:
	case 30:
		if (g->depth < 4 && g->loops < 2)
			gen_loop(g);
		break;
	default:
		if (!g->is_callback && g->loops == 0 && g->p->funcs.len < 4)
			gen_callback(g);
		break;
	}
}

static void gen_body(struct gen *g, uint32_t max)
{
	uint32_t n = choose(g, max + 1);

	g->depth++;
	for (uint32_t i = 0; i < n && g->at < g->len && g->emitted < MAX_INSNS; i++)
		gen_one(g);
	g->depth--;
}

struct ir_program *ir_random(struct arena *a, const uint8_t *data, size_t len)
{
	struct gen g = { .a = a, .data = data, .len = len };
	struct ir_insn *sum;

	g.p = arena_new(a, struct ir_program);
	g.p->arena = a;
	g.p->name = "random";
	g.f = ir_func_new(g.p, "main");
	g.b = ir_block_new(g.f);
	for (uint32_t i = choose(&g, 8); i > 0; i--)
		gen_load(&g);
	while (g.at < g.len && g.emitted < MAX_INSNS)
		gen_body(&g, 40);
	/* What is left of everything. */
	sum = constant(&g, 0);
	for (size_t i = 0; i < g.values.len && i < 40; i++)
		sum = append(&g, OP_XOR, append(&g, OP_MUL, sum, constant(&g, 31)),
			     g.values.data[i]);
	append(&g, OP_RETURN, sum, NULL);
	return g.p;
}
