/*
 * Control flow: jumps where they may be, exit() ends its probe, unreachable statements.
 */
#include <string.h>

#include "lang/sema.h"
#include "lang/walk.h"

struct flow {
	struct sema *s;
	uint32_t loop_depth;
	bool drop_dead; // remove what can't be reached
	/* The first return inside of a loop, and whether it has a value. */
	bool has_loop_return;
	bool loop_return_value;
};

static bool is_exit(const struct ast *node)
{
	return node->kind == AST_CALL && strcmp(node->call.name, "exit") == 0 &&
	       node->call.args.len <= 1;
}

/* { exit(); return } in place of exit(). */
static void add_return(struct sema *s, struct ast *call)
{
	struct ast *stmt = ast_new(s->arena, AST_EXPR_STMT, call->span);
	struct ast *jump = ast_new(s->arena, AST_RETURN, call->span);
	struct ast block = { .kind = AST_BLOCK, .span = call->span };

	stmt->expr = sema_move(s, call);
	vec_push(s->arena, &block.block.stmts, stmt);
	vec_push(s->arena, &block.block.stmts, jump);
	sema_replace(call, &block);
}

static void exits(void *ctx, struct ast *node)
{
	if (is_exit(node)) {
		add_return(ctx, node);
		return;
	}
	ast_each_child(node, exits, ctx);
}

static void check_jumps(void *ctx, struct ast *node);

static void check_return(struct flow *f, const struct ast *node)
{
	bool has_value = node->expr != NULL;

	if (!f->loop_depth)
		return;
	if (f->has_loop_return && f->loop_return_value != has_value) {
		diag_error(f->s->diags, node->span, "Return value used in loop is inconsistent");
		return;
	}
	f->has_loop_return = true;
	f->loop_return_value = has_value;
}

static void check_loop(struct flow *f, struct ast *node)
{
	struct ast *body = node->kind == AST_WHILE ? node->repeat.body : node->loop.body;

	if (node->kind == AST_WHILE) {
		check_jumps(f, node->repeat.cond);
	} else if (node->kind == AST_FOR_RANGE) {
		check_jumps(f, node->loop.start);
		check_jumps(f, node->loop.end);
	}
	f->loop_depth++;
	check_jumps(f, body);
	f->loop_depth--;
}

static void check_jumps(void *ctx, struct ast *node)
{
	struct flow *f = ctx;

	switch (node->kind) {
	case AST_BREAK:
	case AST_CONTINUE:
		if (!f->loop_depth)
			diag_error(f->s->diags, node->span,
				   "'%s' statement is not allowed in a probe",
				   node->kind == AST_BREAK ? "break" : "continue");
		break;
	case AST_RETURN:
		check_return(f, node);
		ast_each_child(node, check_jumps, ctx);
		break;
	case AST_WHILE:
	case AST_FOR_MAP:
	case AST_FOR_RANGE: check_loop(f, node); break;
	default: ast_each_child(node, check_jumps, ctx); break;
	}
}

static bool ends(struct flow *f, struct ast *node);

static bool block_ends(struct flow *f, struct ast *block)
{
	ast_list *stmts = &block->block.stmts;

	for (size_t i = 0; i < stmts->len; i++) {
		if (!ends(f, stmts->data[i]))
			continue;
		if (f->drop_dead) {
			stmts->len = i + 1;
			block->block.value = NULL;
			return true;
		}
		if (i + 1 < stmts->len)
			diag_warning(f->s->diags, stmts->data[i + 1]->span,
				     "Unreachable statement.");
		if (block->block.value)
			diag_warning(f->s->diags, block->block.value->span,
				     "Unreachable expression; block type is implicitly none.");
		return true;
	}
	return block->block.value && ends(f, block->block.value);
}

static bool branch_ends(struct flow *f, struct ast *node)
{
	bool cond = ends(f, node->branch.cond);
	bool then = ends(f, node->branch.then);
	bool other = node->branch.other && ends(f, node->branch.other);

	return cond || (then && other);
}

struct child_search {
	struct flow *flow;
	bool found;
};

static void some_child_ends(void *ctx, struct ast *child)
{
	struct child_search *search = ctx;

	if (ends(search->flow, child))
		search->found = true;
}

/* Does control never get behind @node, because of a jump in it that is always taken? */
static bool ends(struct flow *f, struct ast *node)
{
	struct child_search search = { .flow = f };

	switch (node->kind) {
	case AST_RETURN:
	case AST_BREAK:
	case AST_CONTINUE: return true;
	case AST_IF:
	case AST_TERNARY: return branch_ends(f, node);
	case AST_BLOCK: return block_ends(f, node);
	case AST_WHILE: (void)ends(f, node->repeat.body); return ends(f, node->repeat.cond);
	case AST_FOR_MAP:
	case AST_FOR_RANGE: (void)ends(f, node->loop.body); return false;
	case AST_BINARY:
		if (node->binary.op == OPR_LAND || node->binary.op == OPR_LOR) {
			(void)ends(f, node->binary.right);
			return ends(f, node->binary.left);
		}
		break;
	default: break;
	}
	ast_each_child(node, some_child_ends, &search);
	return search.found;
}

static void flow_probe(struct sema *s, struct ast *node)
{
	struct flow f = { .s = s };

	exits(s, node);
	check_jumps(&f, node);
	(void)ends(&f, node);
}

bool sema_flow(struct sema *s)
{
	size_t errors = s->diags->error_count;

	sema_each_probe(s, flow_probe);
	return s->diags->error_count == errors;
}

void sema_drop_dead_code(struct sema *s, struct ast *node)
{
	struct flow f = { .s = s, .drop_dead = true };

	(void)ends(&f, node);
}
