#include "lang/cdecl.h"

bool c_scope_resolve(struct ast_program *p, const struct target *target, struct diags *diags)
{
	(void)p;
	(void)target;
	return diag_ok(diags);
}

const struct type *c_scope_find_type(const struct c_scope *s, enum type_tag tag, const char *name)
{
	(void)s;
	(void)tag;
	(void)name;
	return NULL;
}

bool c_scope_find_constant(const struct c_scope *s, const char *name, int64_t *value,
			   const struct type **type)
{
	(void)s;
	(void)name;
	(void)value;
	(void)type;
	return false;
}
