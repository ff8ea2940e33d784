/*
 * Lowering: statements.
 */
#include "ir/lower_impl.h"

#include <assert.h>

struct mention {
	const struct variable *var;
	bool is_found;
};

static void find_mention(void *ctx, struct ast *node)
{
	struct mention *m = ctx;

	if (m->is_found)
		return;
	if ((node->kind == AST_VAR || node->kind == AST_VAR_ADDR) && node->var.var == m->var)
		m->is_found = true;
	else
		ast_each_child(node, find_mention, ctx);
}

static bool mentions(const struct ast *e, const struct variable *v)
{
	struct mention m = { .var = v };

	find_mention(&m, (struct ast *)e);
	return m.is_found;
}

/* A value that is built where the variable is must not be made of what it overwrites. */
static void assign_memory(struct lower *lo, const struct variable *v, const struct ast *e)
{
	struct place dst = var_place(lo, v), temp;

	dst.is_padded = type_is_kept_padded(v->type);
	if (e->kind == AST_VAR && e->var.var == v)
		return;
	if (!mentions(e, v)) {
		lower_into(lo, e, &dst);
		return;
	}
	temp = place_for(lo, e->type, NULL);
	lower_into(lo, e, &temp);
	copy_value(lo, &dst, &temp, e->type);
}

static void assign_variable(struct lower *lo, const struct variable *v, const struct ast *e)
{
	struct place p;

	if (var_is_reference(v)) {
		p = lower_place(lo, e);
		var_write(lo, v, place_address(lo, &p));
	} else if (type_is_scalar(v->type)) {
		var_write(lo, v, e->type->kind == TYPE_AGG ? agg_read(lo, e) : lower_stored(lo, e));
	} else {
		assign_memory(lo, v, e);
	}
}

static void assign(struct lower *lo, const struct ast *s)
{
	const struct ast *lhs = s->assign.lhs;

	if (!lhs)
		lower_effects(lo, s->assign.rhs);
	else if (lhs->kind == AST_VAR)
		assign_variable(lo, lhs->var.var, s->assign.rhs);
	else
		map_assign(lo, s);
}

/* A variable without a value is 0 or empty. */
static void let(struct lower *lo, const struct ast *s)
{
	const struct variable *v = s->let.var;
	struct place p;

	if (s->let.init) {
		assign_variable(lo, v, s->let.init);
		return;
	}
	if (!v || !v->type || !v->type->size)
		return;
	if (type_is_scalar(v->type) || var_is_reference(v)) {
		var_write(lo, v, emit_const(lo, 0));
		return;
	}
	p = var_place(lo, v);
	place_zero(lo, &p, 0, v->type->size);
}

static void if_else(struct lower *lo, const struct ast *s)
{
	struct fork f = fork_begin(lo);

	lower_condition(lo, s->branch.cond, f.yes, f.no);
	block_enter(lo, f.yes);
	lower_stmt(lo, s->branch.then);
	emit_jump(lo, f.done);
	block_enter(lo, f.no);
	if (s->branch.other)
		lower_stmt(lo, s->branch.other);
	emit_jump(lo, f.done);
	fork_end(lo, &f);
}

static void leave_loop(struct lower *lo, bool is_break)
{
	struct loop_scope *loop = lo->fn->loops;

	if (!loop)
		return;
	emit_jump(lo, is_break ? loop->break_to : loop->continue_to);
	block_dead(lo);
}

void lower_return(struct lower *lo, struct ir_insn *value)
{
	struct lower_func *fn = lo->fn;

	if (fn->parent) {
		struct ir_insn *slot = capture_load(lo, CAPTURE_RETURN, NULL);

		emit_store(lo, slot, 8, 8, value ? value : lower_default_return(lo));
		emit_store(lo, slot, 0, 8, emit_const(lo, 1));
	} else {
		ssa_write(lo, fn->return_var, value ? value : lower_default_return(lo));
	}
	emit_jump(lo, fn->return_to);
	block_dead(lo);
}

static void stmt(struct lower *lo, const struct ast *s)
{
	switch (s->kind) {
	case AST_EXPR_STMT: lower_effects(lo, s->expr); break;
	case AST_ASSIGN: assign(lo, s); break;
	case AST_LET: let(lo, s); break;
	case AST_IF: if_else(lo, s); break;
	case AST_WHILE: lower_while(lo, s); break;
	case AST_FOR_MAP: lower_for_map(lo, s); break;
	case AST_FOR_RANGE: lower_for_range(lo, s); break;
	case AST_UNROLL: lower_unroll(lo, s); break;
	case AST_BREAK: leave_loop(lo, true); break;
	case AST_CONTINUE: leave_loop(lo, false); break;
	case AST_RETURN:
		lower_return(lo, s->expr && type_is_scalar(s->expr->type)
					 ? lower_scalar(lo, s->expr)
					 : NULL);
		break;
	case AST_BLOCK:
		lower_stmts(lo, &s->block.stmts);
		if (s->block.value)
			lower_effects(lo, s->block.value);
		break;
	case AST_IMPORT: break;
	default: lower_effects(lo, s); break;
	}
}

void lower_stmt(struct lower *lo, const struct ast *s)
{
	struct span saved = lo->span;

	lo->span = s->span;
	stmt(lo, s);
	lo->span = saved;
}

void lower_stmts(struct lower *lo, const ast_list *list)
{
	vec_foreach (list, s)
		lower_stmt(lo, *s);
}
