#include "ir/helpers.h"

#include <linux/bpf.h>
#include <string.h>

struct helper {
	const char *args;
	const char *flags;
};

static const struct helper helpers[__BPF_FUNC_MAX_ID] = {
#define HELPER(name, args_, flags_, feature)                                                       \
	[BPF_FUNC_##name] = { .args = (args_), .flags = (flags_) },
#include "bpf/helpers.def"
};

static const struct helper *find(const struct ir_insn *insn)
{
	const struct helper *h;

	if (insn->op != OP_CALL || insn->helper >= __BPF_FUNC_MAX_ID)
		return NULL;
	h = &helpers[insn->helper];
	return h->args ? h : NULL;
}

static bool has_flag(const struct ir_insn *insn, const char *flags)
{
	const struct helper *h = find(insn);

	return h && strpbrk(h->flags, flags);
}

const char *helper_args(const struct ir_insn *insn)
{
	const struct helper *h = find(insn);

	return h ? h->args : NULL;
}

bool helper_is_pure(const struct ir_insn *insn)
{
	return has_flag(insn, "P");
}

bool helper_is_clock(const struct ir_insn *insn)
{
	return has_flag(insn, "T");
}

bool helper_is_harmless(const struct ir_insn *insn)
{
	return has_flag(insn, "DPT");
}

bool helper_is_removable(const struct ir_insn *insn)
{
	return helper_is_harmless(insn) && !strpbrk(helper_args(insn), "wWo");
}

enum helper_access helper_access(const struct ir_insn *insn, uint32_t i, uint64_t *size)
{
	const char *args = helper_args(insn);
	const struct ir_insn *size_arg = i + 1 < insn->arg_count ? insn->args[i + 1] : NULL;

	*size = 0;
	if (!args)
		return ACCESS_WRITE_SOME; // an unknown helper may do anything
	if (i >= strlen(args))
		return ACCESS_NONE;
	if (strchr("rwW", args[i]) && size_arg && ir_is_const(size_arg))
		*size = (uint64_t)size_arg->imm;
	switch (args[i]) {
	case 'w': return ACCESS_WRITE_ALL;
	case 'o': *size = 8; return ACCESS_WRITE_ALL;
	case 'W': return ACCESS_WRITE_SOME;
	case 'a':
	case 'k':
	case 'v':
	case 'r': return ACCESS_READ;
	case 'x': return ACCESS_WRITE_SOME; // by the callback
	default: return ACCESS_NONE;
	}
}

/* A pointer into the kernel's memory, got from the context or from a helper. */
static bool is_kernel_pointer(const struct ir_insn *v, uint32_t depth)
{
	if (depth > 8)
		return false;
	switch (v->op) {
	case OP_LOAD:
		return v->width == 8 &&
		       (v->args[0]->op == OP_CTX || is_kernel_pointer(v->args[0], depth + 1));
	case OP_ADD: return is_kernel_pointer(v->args[0], depth + 1);
	case OP_CALL:
		return v->helper == BPF_FUNC_get_current_task_btf ||
		       v->helper == BPF_FUNC_task_pt_regs || v->helper == BPF_FUNC_per_cpu_ptr ||
		       v->helper == BPF_FUNC_this_cpu_ptr;
	default: return false;
	}
}

bool helper_is_stable_load(const struct ir_insn *v)
{
	return v->op == OP_LOAD && !v->is_volatile &&
	       (v->args[0]->op == OP_CTX || is_kernel_pointer(v->args[0], 0));
}
