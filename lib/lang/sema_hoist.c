/*
 * Variables that outlive their block.  Up to bpftrace 0.20 a variable lived to the end of its
 * probe, and scripts of that time assign it in both branches of an `if` and use it below.  Where
 * every way through the `if` assigns the variable, that still has one meaning.
 */
#include <string.h>

#include "lang/sema.h"
#include "lang/walk.h"

enum mention { MENTION_NONE, MENTION_USE, MENTION_ASSIGN };

struct search {
	const char *name;
	enum mention first;
};

static void find_mention(void *ctx, struct ast *node)
{
	struct search *search = ctx;

	if (search->first != MENTION_NONE)
		return;
	switch (node->kind) {
	case AST_VAR:
	case AST_VAR_ADDR:
		if (strcmp(node->var.name, search->name) == 0)
			search->first = MENTION_USE;
		return;
	case AST_ASSIGN:
		find_mention(search, node->assign.rhs);
		if (search->first != MENTION_NONE || !node->assign.lhs)
			return;
		if (node->assign.lhs->kind != AST_VAR)
			find_mention(search, node->assign.lhs);
		else if (strcmp(node->assign.lhs->var.name, search->name) == 0)
			search->first = MENTION_ASSIGN;
		return;
	default: break;
	}
	ast_each_child(node, find_mention, search);
	if (search->first == MENTION_NONE && node->kind == AST_LET &&
	    strcmp(node->let.name, search->name) == 0)
		search->first = MENTION_ASSIGN;
}

/* Whether a statement after @index of @block uses $@name before it assigns it. */
static bool is_used_below(const struct ast *block, size_t index, const char *name)
{
	struct search search = { .name = name };

	for (size_t i = index + 1; i < block->block.stmts.len; i++)
		find_mention(&search, block->block.stmts.data[i]);
	if (block->block.value)
		find_mention(&search, block->block.value);
	return search.first == MENTION_USE;
}

/* Whether @stmt, when it comes to its end, has assigned $@name, and never used it before. */
static bool assigns(struct ast *stmt, const char *name)
{
	struct search search = { .name = name };

	switch (stmt->kind) {
	case AST_ASSIGN: find_mention(&search, stmt); return search.first == MENTION_ASSIGN;
	case AST_IF:
		return stmt->branch.other && assigns(stmt->branch.then, name) &&
		       assigns(stmt->branch.other, name);
	case AST_BLOCK:
		vec_foreach (&stmt->block.stmts, it) {
			if (assigns(*it, name))
				return true;
			find_mention(&search, *it);
			if (search.first == MENTION_USE)
				return false;
		}
		return false;
	default: return false;
	}
}

struct collect {
	struct arena *arena;
	const struct ast *block;
	size_t index;
	struct names *names;
};

static void collect_names(void *ctx, struct ast *node)
{
	struct collect *c = ctx;
	const struct ast *lhs = node->kind == AST_ASSIGN ? node->assign.lhs : NULL;

	if (lhs && lhs->kind == AST_VAR) {
		const char *name = lhs->var.name;

		vec_foreach (&c->names->list, it)
			if (strcmp(*it, name) == 0)
				return;
		if (assigns(c->block->block.stmts.data[c->index], name) &&
		    is_used_below(c->block, c->index, name))
			vec_push(c->arena, &c->names->list, name);
		return;
	}
	if (node->kind == AST_IF || node->kind == AST_BLOCK)
		ast_each_child(node, collect_names, c);
}

void sema_hoisted_names(struct arena *arena, const struct ast *block, size_t index,
			struct names *names)
{
	struct ast *stmt = block->block.stmts.data[index];
	struct collect c = { .arena = arena, .block = block, .index = index, .names = names };

	if (stmt->kind == AST_IF && stmt->branch.other)
		collect_names(&c, stmt);
}
