/*
 * Lowering: the table of built-ins, one function a row of lang/builtins.def.
 */
#include "ir/lower_impl.h"

static struct ir_insn *lower_probe_name(struct lower *lo, const struct ast *e,
					const struct place *dst)
{
	struct place name = probe_name_place(lo, e->type);

	copy_value(lo, dst, &name, e->type);
	return NULL;
}

static const lower_fn lower_table[BI_COUNT] = {
#define VAR(name, ...)  [BI_##name] = lower_##name,
#define FUNC(name, ...) [BI_##name] = lower_##name,
#define VAR_FOLDED(...)
#define FUNC_FOLDED(...)
#define AGG(...) // only assigned to maps: lower_agg.c
#include "lang/builtins.def"
	[BI_probe] = lower_probe_name, // folded for most probes
};

struct ir_insn *lower_builtin(struct lower *lo, const struct ast *e, const struct place *dst)
{
	uint32_t which = e->kind == AST_CALL ? e->call.builtin : e->ident.builtin;
	struct ir_insn *value;
	struct place temp;

	if (which >= BI_COUNT || !lower_table[which])
		return lower_bug(lo, e);
	if (!dst && e->type && !type_is_scalar(e->type) && e->type->size) {
		temp = place_for(lo, e->type, NULL);
		dst = &temp;
	}
	value = lower_table[which](lo, e, dst);
	return value ? value : dst ? NULL : emit_const(lo, 0);
}
