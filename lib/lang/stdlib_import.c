#include "lang/stdlib_import.h"

#include "lang/lang.h"

/* Every line of stdlib.bt as a string; made by the build. */
static const char text[] =
#include "stdlib.inc"
	;

void stdlib_import(struct ast_program *p, struct diags *diags)
{
	struct source *source = source_new(p->arena, "stdlib.bt", text, sizeof(text) - 1);
	struct ast_program *library;

	source->is_builtin = true;
	(void)parse_program(&library, p->arena, source, diags);
	vec_foreach (&library->macros, it)
		vec_push(p->arena, &p->macros, *it);
}
