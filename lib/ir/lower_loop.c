/*
 * Lowering: loops.
 *
 * `while` and ranges of a few constant numbers are loops of the program itself.  Other ranges and
 * maps are walked by the kernel, which calls a function of ours (bpf_loop(),
 * bpf_for_each_map_elem()); that function returns 1 to end the loop.  A `return` in it is noted in
 * an object of the main function, and done by whoever called the helper.
 */
#include "ir/lower_impl.h"

#include <assert.h>

/* The verifier walks every round of a loop: few rounds, or else a callback, which it walks once. */
#define INLINE_ROUNDS      32
/* Without bpf_loop(), the longest loop over constants. */
#define INLINE_ROUNDS_MAX  4096
/* The longest of others: see bound_rounds(). */
#define UNKNOWN_ROUNDS_MAX 1024

static bool constant_value(const struct ast *e, int64_t *out)
{
	while (e->kind == AST_CAST && type_is_scalar(e->cast.operand->type))
		e = e->cast.operand;
	if (e->kind != AST_INT)
		return false;
	*out = (int64_t)e->integer.value;
	return true;
}

void lower_while(struct lower *lo, const struct ast *s)
{
	struct ir_block *head = block_open(lo), *body = block_new(lo), *end = block_new(lo);
	struct loop_scope scope = { .outer = lo->fn->loops, .break_to = end, .continue_to = head };

	emit_jump(lo, head);
	block_enter(lo, head);
	lower_condition(lo, s->repeat.cond, body, end);
	block_enter(lo, body);
	lo->fn->loops = &scope;
	lower_stmt(lo, s->repeat.body);
	lo->fn->loops = scope.outer;
	emit_jump(lo, head);
	ssa_seal(lo, head);
	block_enter(lo, end);
}

void lower_unroll(struct lower *lo, const struct ast *s)
{
	struct loop_scope scope = { .outer = lo->fn->loops, .break_to = block_new(lo) };
	int64_t count;

	if (!constant_value(s->repeat.cond, &count))
		count = 0;
	for (int64_t i = 0; i < count; i++) {
		scope.continue_to = block_new(lo);
		lo->fn->loops = &scope;
		lower_stmt(lo, s->repeat.body);
		lo->fn->loops = scope.outer;
		emit_jump(lo, scope.continue_to);
		block_enter(lo, scope.continue_to);
	}
	emit_jump(lo, scope.break_to);
	block_enter(lo, scope.break_to);
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static struct ir_insn *callback_param(struct lower *lo, uint32_t index)
{
	struct ir_insn *param = ir_insn_new(lo->fn->ir, OP_PARAM, 0);

	param->imm = index;
	param->span = lo->span;
	ir_append(lo->fn->block, param);
	return param;
}

/* A callback with @param_count parameters, the last one the context object; its body follows. */
static struct lower_func *callback_begin(struct lower *lo, const char *kind, uint32_t param_count,
					 struct loop_scope *scope)
{
	struct lower_func *fn = arena_new(lo->arena, struct lower_func);
	const char *name = arena_printf(lo->arena, "%s_%u", kind, lo->callback_count++);

	fn->parent = lo->fn;
	fn->ir = ir_func_new(lo->ir, name);
	fn->ir->param_count = param_count;
	lo->fn = fn;
	block_enter(lo, block_new(lo));
	fn->context = callback_param(lo, param_count - 1);
	scope->outer = NULL;
	scope->break_to = block_new(lo);
	scope->continue_to = block_new(lo);
	fn->loops = scope;
	fn->return_to = scope->break_to;
	return fn;
}

static void callback_end(struct lower *lo)
{
	struct loop_scope *scope = lo->fn->loops;

	emit_jump(lo, scope->continue_to);
	block_enter(lo, scope->continue_to);
	emit_return(lo, emit_const(lo, 0));
	block_enter(lo, scope->break_to);
	emit_return(lo, emit_const(lo, 1));
	lo->fn = lo->fn->parent;
}

/* The object that @fn's captures are in, filled in; 0 if it captures nothing. */
static struct ir_insn *context_object(struct lower *lo, const struct lower_func *fn,
				      struct ir_insn *start)
{
	struct place p;

	if (!fn->captures.len)
		return emit_const(lo, 0);
	p = place_slot(lo, 8 * (uint32_t)fn->captures.len, 8, fn->ir->name);
	lo->fn->ir->slots.data[p.index].is_whole = true;
	lo->fn->ir->slots.data[p.index].is_scratch_ok = false;
	for (size_t i = 0; i < fn->captures.len; i++) {
		const struct capture *c = &fn->captures.data[i];

		place_store(lo, &p, 8 * (int64_t)i, 8,
			    c->kind == CAPTURE_START ? start : capture_source(lo, c));
	}
	return place_address(lo, &p);
}

static struct ir_insn *callback_address(struct lower *lo, const struct lower_func *fn)
{
	struct ir_insn *insn = ir_insn_new(lo->fn->ir, OP_FUNC, 0);

	insn->imm = fn->ir->index;
	insn->span = lo->span;
	ir_append(lo->fn->block, insn);
	return insn;
}

/* If the callback @fn met a `return`, do it here. */
static void return_if_asked(struct lower *lo, const struct lower_func *fn)
{
	struct ir_block *yes, *no;
	struct ir_insn *slot, *flag;
	bool is_used = false;

	vec_foreach (&fn->captures, c)
		is_used |= c->kind == CAPTURE_RETURN;
	if (!is_used)
		return;
	slot = lo->fn->parent ? capture_load(lo, CAPTURE_RETURN, NULL)
			      : place_address(lo, &lo->fn->return_slot);
	flag = emit_load(lo, slot, 0, 8, false);
	yes = block_new(lo);
	no = block_new(lo);
	emit_branch_imm(lo, COND_NE, flag, 0, yes, no);
	block_enter(lo, yes);
	if (lo->fn->parent) {
		emit_jump(lo, lo->fn->return_to);
		block_dead(lo);
	} else {
		lower_return(lo, emit_load(lo, slot, 8, 8, false));
	}
	emit_jump(lo, no); // from what is never reached
	block_enter(lo, no);
}

/* ---- ranges ---------------------------------------------------------------------------------- */

/* The verifier wants to see an end: a loop of unknown length stops after so many rounds. */
static void bound_rounds(struct lower *lo, struct ir_insn *round, struct ir_block *end,
			 struct span span)
{
	struct ir_block *too_long = block_new(lo), *go_on = block_new(lo);

	too_long->is_cold = true;
	emit_branch_imm(lo, COND_ULT, round, UNKNOWN_ROUNDS_MAX, go_on, too_long);
	block_enter(lo, too_long);
	emit_runtime_error(lo, "The loop was ended after 1024 rounds: this kernel has no bpf_loop.",
			   span);
	emit_jump(lo, end);
	block_enter(lo, go_on);
}

/* A loop of the program itself, over start + 0, start + 1 … */
static void inline_range(struct lower *lo, const struct ast *s, bool is_bounded)
{
	struct ir_block *head = block_open(lo), *body = block_new(lo), *end = block_new(lo);
	struct loop_scope scope = { .outer = lo->fn->loops, .break_to = end };
	struct ir_insn *start = lower_scalar(lo, s->loop.start);
	struct ir_insn *limit = lower_scalar(lo, s->loop.end), *round, *value;
	uint32_t counter = ssa_var_new(lo);

	scope.continue_to = block_new(lo);
	ssa_write(lo, counter, emit_const(lo, 0));
	emit_jump(lo, head);
	block_enter(lo, head);
	round = ssa_read(lo, counter);
	value = emit_op(lo, OP_ADD, start, round);
	emit_branch(lo, COND_SLT, value, limit, body, end);
	block_enter(lo, body);
	if (!is_bounded)
		bound_rounds(lo, round, end, s->span);
	var_write(lo, s->loop.var, value);
	lo->fn->loops = &scope;
	lower_stmt(lo, s->loop.body);
	lo->fn->loops = scope.outer;
	emit_jump(lo, scope.continue_to);
	block_enter(lo, scope.continue_to);
	ssa_write(lo, counter, emit_add_imm(lo, ssa_read(lo, counter), 1));
	emit_jump(lo, head);
	ssa_seal(lo, head);
	block_enter(lo, end);
}

static struct lower_func *range_callback(struct lower *lo, const struct ast *s)
{
	struct loop_scope scope;
	struct lower_func *fn = callback_begin(lo, "range", 2, &scope);
	struct ir_insn *index = callback_param(lo, 0);
	int64_t start;

	if (constant_value(s->loop.start, &start))
		index = emit_add_imm(lo, index, start);
	else
		index = emit_op(lo, OP_ADD, capture_load(lo, CAPTURE_START, NULL), index);
	var_write(lo, s->loop.var, index);
	lower_stmt(lo, s->loop.body);
	callback_end(lo);
	return fn;
}

static void callback_range(struct lower *lo, const struct ast *s)
{
	struct ir_block *call = block_new(lo), *end = block_new(lo);
	struct ir_insn *start = lower_scalar(lo, s->loop.start);
	struct ir_insn *limit = lower_scalar(lo, s->loop.end);
	struct ir_insn *count = emit_op(lo, OP_SUB, limit, start);
	struct ir_insn *object, *ret;
	struct lower_func *fn;

	emit_branch_imm(lo, COND_SGT, count, 0, call, end);
	block_enter(lo, call);
	fn = range_callback(lo, s);
	object = context_object(lo, fn, start);
	ret = EMIT_CALL(lo, loop, count, callback_address(lo, fn), object, emit_const(lo, 0));
	check_helper(lo, BPF_FUNC_loop, ret, s->span);
	return_if_asked(lo, fn);
	emit_jump(lo, end);
	block_enter(lo, end);
}

static bool is_short_range(const struct lower *lo, const struct ast *s)
{
	uint32_t limit = lo->features.loop ? INLINE_ROUNDS : INLINE_ROUNDS_MAX;
	int64_t start, end;

	return constant_value(s->loop.start, &start) && constant_value(s->loop.end, &end) &&
	       (start >= end || (uint64_t)end - (uint64_t)start <= limit);
}

bool is_inline_range(const struct lower *lo, const struct ast *s)
{
	return !lo->features.loop || is_short_range(lo, s);
}

void lower_for_range(struct lower *lo, const struct ast *s)
{
	if (is_inline_range(lo, s))
		inline_range(lo, s, is_short_range(lo, s));
	else
		callback_range(lo, s);
}

/* ---- maps ------------------------------------------------------------------------------------ */

struct value_use {
	const struct variable *var;
	bool is_used;
	bool is_assigned;
};

/* Is anything but the key of the loop's variable used? */
static void find_value_use(void *ctx, struct ast *node)
{
	struct value_use *use = ctx;

	if (use->is_used)
		return;
	if (node->kind == AST_FIELD && node->field.object->kind == AST_VAR &&
	    node->field.object->var.var == use->var && node->field.member.offset == 0)
		return;
	if (node->kind == AST_VAR && node->var.var == use->var)
		use->is_used = true;
	else
		ast_each_child(node, find_value_use, ctx);
}

static void find_assignment(void *ctx, struct ast *node)
{
	struct value_use *use = ctx;
	const struct ast *lhs = node->kind == AST_ASSIGN ? node->assign.lhs : NULL;

	use->is_assigned |= lhs && lhs->kind == AST_VAR && lhs->var.var == use->var;
	ast_each_child(node, find_assignment, ctx);
}

static void bind_pair(struct lower *lo, const struct ast *s, const struct map_info *m)
{
	const struct variable *v = s->loop.var;
	struct var_state pair = { .home = VAR_PAIR, .func = lo->fn, .map = m->decl };
	struct value_use use = { .var = v };
	struct place key, dst;

	pair.key = callback_param(lo, 1);
	pair.value = callback_param(lo, 2);
	find_value_use(&use, s->loop.body);
	if (m->decl->value->kind == TYPE_AGG && use.is_used) {
		key = place_ptr(pair.key, 0, AS_BPF);
		pair.number_value = agg_read_key(lo, m, &key, s->span);
	}
	find_assignment(&use, s->loop.body);
	if (var_is_shared(lo, v) || use.is_assigned) {
		dst = place_padded(var_place(lo, v));
		pair_store(lo, &pair, v->type, &dst);
		return;
	}
	*var_state_slot(lo, v) = pair;
}

static struct lower_func *map_callback(struct lower *lo, const struct ast *s,
				       const struct map_info *m)
{
	struct loop_scope scope;
	struct lower_func *fn = callback_begin(lo, "each", 4, &scope);

	bind_pair(lo, s, m);
	lower_stmt(lo, s->loop.body);
	callback_end(lo);
	return fn;
}

void lower_for_map(struct lower *lo, const struct ast *s)
{
	const struct map_info *m = map_info(lo, s->loop.map->map.map);
	struct ir_insn *object, *ret, *map, *callback;
	struct lower_func *fn;

	if (!lo->features.for_each_map_elem) {
		diag_error(lo->diags, s->span,
			   "for loops over maps need a kernel with bpf_for_each_map_elem (5.13)");
		return;
	}
	fn = map_callback(lo, s, m);
	object = context_object(lo, fn, NULL);
	map = emit_map(lo, m->map);
	callback = callback_address(lo, fn);
	ret = EMIT_CALL(lo, for_each_map_elem, map, callback, object, emit_const(lo, 0));
	check_helper(lo, BPF_FUNC_for_each_map_elem, ret, s->span);
	return_if_asked(lo, fn);
}

/* The number of entries: what is walked by a callback that does nothing. */
struct ir_insn *map_length(struct lower *lo, const struct map_info *m, struct span span)
{
	struct loop_scope scope;
	struct lower_func *fn;
	struct ir_insn *map, *callback, *zero;

	if (!lo->features.for_each_map_elem) {
		diag_error(lo->diags, span,
			   "len() of a map needs a kernel with bpf_for_each_map_elem (5.13)");
		return emit_const(lo, 0);
	}
	fn = callback_begin(lo, "count", 4, &scope);
	callback_end(lo);
	map = emit_map(lo, m->map);
	callback = callback_address(lo, fn);
	zero = emit_const(lo, 0);
	return EMIT_CALL(lo, for_each_map_elem, map, callback, zero, zero);
}
