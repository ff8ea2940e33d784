/*
 * Lowering: where the script's variables live, and how callbacks reach those of the functions
 * around them.
 *
 * Scalars are SSA values.  Memory values, and scalars that a callback shares or whose address is
 * taken, are local objects.  Structs and arrays that have not been read are references: the
 * variable is the address.
 *
 * A callback gets one pointer, to its context object on the stack of the function around it:
 *
 *     +-----------+-----------+-----+
 *     | capture 0 | capture 1 | ... |    8 bytes each, mostly pointers to local objects
 *     +-----------+-----------+-----+
 *
 * Captures are numbered when the callback's body first asks for them; the object is filled in after
 * the body was made, in front of the call.
 */
#include "ir/lower_impl.h"

#include <assert.h>

/* Variables that callbacks share with the functions around them. */
static void find_shared(void *ctx, struct ast *node)
{
	struct lower *lo = ctx;

	if (node->kind == AST_FOR_MAP ||
	    (node->kind == AST_FOR_RANGE && !is_inline_range(lo, node)))
		vec_foreach (&node->loop.captures, v)
			var_state_slot(lo, *v)->is_shared = true;
	ast_each_child(node, find_shared, ctx);
}

void vars_begin(struct lower *lo, const struct probe *p)
{
	lo->variable_count = p->variable_count;
	lo->variables = arena_array(lo->arena, struct var_state, p->variable_count + 1);
	find_shared(lo, p->body);
}

bool var_is_shared(struct lower *lo, const struct variable *v)
{
	return v->is_addressed || var_state_slot(lo, v)->is_shared;
}

bool var_is_reference(const struct variable *v)
{
	const struct type *t = v->type;

	if (t->kind != TYPE_STRUCT && t->kind != TYPE_ARRAY)
		return false;
	return t->as == AS_KERNEL || t->as == AS_USER || t->as == AS_BTF || t->as == AS_CTX;
}

static bool is_in_register(struct lower *lo, const struct variable *v)
{
	if (var_is_shared(lo, v))
		return false;
	return type_is_scalar(v->type) || var_is_reference(v);
}

struct var_state *var_state_slot(struct lower *lo, const struct variable *v)
{
	if (v->id >= lo->variable_count) {
		uint32_t count = v->id + 16;
		struct var_state *grown = arena_array(lo->arena, struct var_state, count + 1);

		for (uint32_t i = 0; i < lo->variable_count; i++)
			grown[i] = lo->variables[i];
		lo->variables = grown;
		lo->variable_count = count;
	}
	return &lo->variables[v->id];
}

/* A body that is made several times (unroll) has callbacks, and their variables, for each time. */
static bool is_in_scope(const struct lower *lo, const struct var_state *s)
{
	for (const struct lower_func *fn = lo->fn; fn; fn = fn->parent)
		if (fn == s->func)
			return true;
	return false;
}

struct var_state *var_state(struct lower *lo, const struct variable *v)
{
	struct var_state *s = var_state_slot(lo, v);
	bool is_word;
	struct place p;

	if (s->home != VAR_UNSEEN && is_in_scope(lo, s))
		return s;
	s->func = lo->fn;
	if (is_in_register(lo, v)) {
		s->home = VAR_SSA;
		s->number = ssa_var_new(lo);
		return s;
	}
	is_word = type_is_scalar(v->type) || var_is_reference(v);
	s->home = VAR_MEMORY;
	p = is_word ? place_slot(lo, 8, 8, v->name) : place_for(lo, v->type, v->name);
	s->number = p.index;
	if (var_is_shared(lo, v)) {
		struct ir_slot *slot = &lo->fn->ir->slots.data[p.index];

		slot->is_whole = true;
		slot->is_scratch_ok = slot->size > 64;
	}
	return s;
}

struct place var_place(struct lower *lo, const struct variable *v)
{
	struct var_state *s = var_state(lo, v);

	assert(s->home == VAR_MEMORY);
	if (s->func != lo->fn)
		return place_ptr(capture_load(lo, CAPTURE_VAR, v), 0, AS_BPF);
	return (struct place){ .kind = PLACE_SLOT, .as = AS_BPF, .index = s->number };
}

struct ir_insn *var_read(struct lower *lo, const struct variable *v)
{
	struct var_state *s = var_state(lo, v);
	struct place p;

	if (s->home == VAR_SSA && s->func == lo->fn)
		return ssa_read(lo, s->number);
	p = var_place(lo, v);
	return place_load(lo, &p, 0, 8, false);
}

void var_write(struct lower *lo, const struct variable *v, struct ir_insn *value)
{
	struct var_state *s = var_state(lo, v);
	struct place p;

	if (s->home == VAR_SSA && s->func == lo->fn) {
		ssa_write(lo, s->number, value);
		return;
	}
	p = var_place(lo, v);
	place_store(lo, &p, 0, 8, value);
}

struct ir_insn *capture_load(struct lower *lo, enum capture_kind kind, const struct variable *v)
{
	struct lower_func *fn = lo->fn;
	struct capture c = { .kind = kind, .var = v };

	assert(fn->parent);
	vec_foreach (&fn->captures, known)
		if (known->kind == kind && known->var == v)
			return known->load;
	c.load = ir_insn_new(fn->ir, OP_LOAD, 1);
	c.load->width = 8;
	c.load->imm = 8 * (int64_t)fn->captures.len;
	c.load->args[0] = fn->context;
	c.load->span = lo->span;
	ir_insert_after(fn->context, c.load);
	vec_push(lo->arena, &fn->captures, c);
	return c.load;
}

static struct ir_insn *return_slot(struct lower *lo)
{
	struct lower_func *fn = lo->fn;

	if (fn->parent)
		return capture_load(lo, CAPTURE_RETURN, NULL);
	if (fn->return_slot.kind == PLACE_NONE) {
		fn->return_slot = place_slot(lo, 16, 8, "return");
		fn->ir->slots.data[fn->return_slot.index].is_whole = true;
		fn->ir->slots.data[fn->return_slot.index].is_scratch_ok = false;
	}
	place_zero(lo, &fn->return_slot, 0, 8);
	return place_address(lo, &fn->return_slot);
}

struct ir_insn *capture_source(struct lower *lo, const struct capture *c)
{
	struct place p;

	switch (c->kind) {
	case CAPTURE_VAR: p = var_place(lo, c->var); return place_address(lo, &p);
	case CAPTURE_CTX: return emit_ctx(lo);
	case CAPTURE_RETURN: return return_slot(lo);
	case CAPTURE_START: break;
	}
	assert(!"the loop gives it");
	return NULL;
}
