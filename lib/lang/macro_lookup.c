/* Which macro a call means: by name, number and kinds of arguments. */
#include <string.h>

#include "lang/builtin.h"
#include "lang/macro.h"

struct macro_list {
	vec_of(const struct macro *) macros;
};

static const char *param_text(struct macro_expander *x, const struct macro_param *param)
{
	return param->sigil ? arena_printf(x->arena, "%c%s", param->sigil, param->name)
			    : param->name;
}

/* 0 if the arguments fit; a different number is worse than any difference of kinds. */
static size_t distance(const struct macro *macro, struct ast *const *args, size_t count)
{
	size_t params = macro->params.len;
	size_t d = 1024 * (params > count ? params - count : count - params);

	for (size_t i = 0; i < params && i < count; i++) {
		char sigil = macro->params.data[i].sigil;

		if ((sigil == '$' && args[i]->kind != AST_VAR) ||
		    (sigil == '@' && args[i]->kind != AST_MAP))
			d++;
	}
	return d;
}

/* Does @old take all that @macro takes? */
static bool covers(const struct macro *old, const struct macro *macro)
{
	if (old->params.len != macro->params.len || old->is_builtin != macro->is_builtin)
		return false;
	for (size_t i = 0; i < old->params.len; i++) {
		char sigil = old->params.data[i].sigil;

		if (sigil && sigil != macro->params.data[i].sigil)
			return false;
	}
	return true;
}

static void check_params(struct macro_expander *x, const struct macro *macro)
{
	for (size_t i = 0; i < macro->params.len; i++) {
		const struct macro_param *param = &macro->params.data[i];
		const char *kind = param->sigil == '$' ? "Variable"
				   : param->sigil      ? "Map"
						       : "Ident";

		for (size_t k = 0; k < i; k++) {
			const struct macro_param *other = &macro->params.data[k];

			if (other->sigil != param->sigil || strcmp(other->name, param->name) != 0)
				continue;
			(void)diag_error(x->diags, param->span,
					 "%s for macro argument has already been used: %s", kind,
					 param_text(x, param));
		}
	}
}

bool macro_register(struct macro_expander *x)
{
	size_t errors = x->diags->error_count;

	vec_foreach (&x->program->macros, it) {
		const struct macro *macro = *it;
		struct macro_list *list = strmap_get(&x->macros, macro->name);
		const struct macro *covering = NULL;

		if (!list) {
			list = arena_new(x->arena, struct macro_list);
			(void)strmap_put(&x->macros, macro->name, list);
		}
		vec_foreach (&list->macros, other) {
			if (!covering && covers(*other, macro))
				covering = *other;
		}
		if (covering) {
			(void)diag_error(x->diags, macro->span, "Redefinition of macro: %s",
					 macro->name);
			diag_note(x->diags, covering->span, "This is the original definition.");
			continue;
		}
		check_params(x, macro);
		vec_push(x->arena, &list->macros, macro);
	}
	return x->diags->error_count == errors;
}

static void report_argument(struct macro_expander *x, const struct macro *macro, size_t i,
			    const struct ast *arg)
{
	const struct macro_param *param = &macro->params.data[i];
	const char *got = arg->kind == AST_MAP   ? "map"
			  : arg->kind == AST_VAR ? "variable"
						 : "expression";

	if ((param->sigil == '$' && arg->kind == AST_VAR) ||
	    (param->sigil == '@' && arg->kind == AST_MAP) || !param->sigil)
		return;
	(void)diag_error(x->diags, arg->span,
			 "Mismatched arg. %s() expects a %s for arg %s but got %s %s.", macro->name,
			 param->sigil == '$' ? "variable" : "map", param_text(x, param),
			 *got == 'e' ? "an" : "a", got);
	diag_note(x->diags, param->span, "This is the argument in the closest definition.");
}

static void report_mismatch(struct macro_expander *x, const struct macro *closest,
			    struct ast *const *args, size_t count, const struct ast *call)
{
	(void)diag_error(x->diags, call->span,
			 "Call to %s() has arguments that do not match any definition.",
			 closest->name);
	if (closest->params.len != count) {
		diag_note(x->diags, closest->span,
			  "The closest definition of %s() has a different number of arguments. "
			  "Expected: %zu but got %zu",
			  closest->name, (size_t)closest->params.len, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		report_argument(x, closest, i, args[i]);
}

const struct macro *macro_find(struct macro_expander *x, const char *name, struct ast *const *args,
			       size_t count, const struct ast *call, bool only_builtin)
{
	const struct macro_list *list = strmap_get(&x->macros, name);
	const struct macro *closest = NULL;
	const struct macro *library = NULL;
	size_t closest_distance = SIZE_MAX;
	uint32_t number;

	if (!list)
		return NULL;
	vec_foreach (&list->macros, it) {
		size_t d = distance(*it, args, count);

		if (only_builtin && !(*it)->is_builtin)
			continue;
		if (d == 0 && !(*it)->is_builtin)
			return *it;
		if (d == 0 && !library)
			library = *it;
		if (d < closest_distance) {
			closest = *it;
			closest_distance = d;
		}
	}
	if (!library && closest && builtin_find(name, &number) == BI_NONE)
		report_mismatch(x, closest, args, count, call);
	return library;
}
