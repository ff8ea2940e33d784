/*
 * Dead code elimination: mark from what has an effect, sweep the rest.
 *
 * Helper calls that do nothing but compute a result go when nobody uses it (bpf/helpers.def); those
 * that write to memory stay here, opt_load() knows whether the memory is read.
 */
#include "ir/helpers.h"
#include "ir/ir.h"

static bool is_root(const struct ir_insn *insn)
{
	if (insn->op == OP_CALL)
		return !helper_is_removable(insn);
	return ir_has_side_effect(insn) || ir_is_terminator(insn) ||
	       (insn->op == OP_LOAD && insn->is_volatile);
}

void opt_dce(struct ir_func *f)
{
	struct arena scratch;
	vec_of(struct ir_insn *) todo = { 0 };

	arena_init(&scratch);
	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn) {
			insn->mark = is_root(insn);
			if (insn->mark)
				vec_push(&scratch, &todo, insn);
		}
	while (todo.len) {
		struct ir_insn *insn = todo.data[--todo.len];

		for (uint32_t i = 0; i < insn->arg_count; i++) {
			if (insn->args[i]->mark)
				continue;
			insn->args[i]->mark = 1;
			vec_push(&scratch, &todo, insn->args[i]);
		}
	}
	ir_foreach_block (f, b)
		ir_foreach_insn_safe(b, insn, next) if (!insn->mark) ir_remove(insn);
	arena_finish(&scratch);
}
