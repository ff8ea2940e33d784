/*
 * Copy propagation: users of a copy use its source; a phi of one value, or of itself and one value,
 * is that value.
 */
#include "ir/ir.h"

/* The only value other than itself among @phi's operands; NULL if there are several. */
static struct ir_insn *only_value(struct ir_insn *phi)
{
	struct ir_insn *value = NULL;

	for (uint32_t i = 0; i < phi->arg_count; i++) {
		struct ir_insn *arg = ir_replacement(phi->args[i]);

		if (arg == phi || arg == value)
			continue;
		if (value)
			return NULL;
		value = arg;
	}
	return value;
}

void opt_copy(struct ir_func *f)
{
	bool is_changed = true;

	/* One phi's end can make another trivial; few rounds do, since blocks come in order. */
	while (is_changed) {
		is_changed = false;
		ir_foreach_block (f, b)
			ir_foreach_insn (b, insn) {
				if (insn->replacement)
					continue;
				if (insn->op == OP_COPY)
					insn->replacement = ir_replacement(insn->args[0]);
				else if (insn->op == OP_PHI)
					insn->replacement = only_value(insn);
				is_changed |= insn->replacement && insn->op == OP_PHI;
			}
	}
	ir_apply_replacements(f);
}
