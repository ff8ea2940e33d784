/*
 * Lowering: scalar expressions and conditions.
 *
 * A scalar is 64 bits wide and extended by the sign of its type; arithmetic in narrower types is
 * followed by an extension.  What is computed and how it wraps is bpftrace's: division and shifts
 * to the right are always unsigned, a division by 0 gives 1 and a warning.
 */
#include "ir/lower_impl.h"

#include <assert.h>
#include <string.h>

/* ---- what an expression does ----------------------------------------------------------------- */

static bool any_effects(const ast_list *list)
{
	vec_foreach (list, e)
		if (has_effects(*e))
			return true;
	return false;
}

static bool unary_has_effects(const struct ast *e)
{
	switch (e->unary.op) {
	case OPR_PRE_INC:
	case OPR_PRE_DEC:
	case OPR_POST_INC:
	case OPR_POST_DEC: return true;
	default: return has_effects(e->unary.operand);
	}
}

/* Calls that only compute something. */
static bool is_pure_call(const struct ast *e)
{
	switch (e->call.builtin) {
	case BI_bswap:
	case BI_buf:
	case BI_cgroup_path:
	case BI_has_key:
	case BI_ksym:
	case BI_macaddr:
	case BI_memcmp:
	case BI_ntop:
	case BI_path:
	case BI_reg:
	case BI_signal_name:
	case BI_socket_cookie:
	case BI_str:
	case BI_str_concat:
	case BI_strcontains:
	case BI_strerror:
	case BI_strftime:
	case BI_strlen:
	case BI_strncmp:
	case BI_strstr:
	case BI_syscall_name:
	case BI_uaddr:
	case BI_usym: return true;
	default: return false;
	}
}

bool has_effects(const struct ast *e)
{
	if (!e)
		return false;
	switch (e->kind) {
	case AST_INT:
	case AST_BOOL:
	case AST_STRING:
	case AST_BUILTIN:
	case AST_VAR:
	case AST_VAR_ADDR:
	case AST_MAP:
	case AST_MAP_ADDR: return false;
	case AST_MAP_ACCESS: return has_effects(e->map.key);
	case AST_CALL: return !is_pure_call(e) || any_effects(&e->call.args);
	case AST_UNARY: return unary_has_effects(e);
	case AST_BINARY: return has_effects(e->binary.left) || has_effects(e->binary.right);
	case AST_TERNARY:
		return has_effects(e->branch.cond) || has_effects(e->branch.then) ||
		       has_effects(e->branch.other);
	case AST_FIELD: return has_effects(e->field.object);
	case AST_INDEX: return has_effects(e->index.object) || has_effects(e->index.index);
	case AST_CAST: return has_effects(e->cast.operand);
	case AST_TUPLE:
	case AST_RECORD: return any_effects(&e->tuple.items);
	default: return true;
	}
}

static bool same_items(const ast_list *a, const ast_list *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!same_value(a->data[i], b->data[i]))
			return false;
	return true;
}

bool same_value(const struct ast *a, const struct ast *b)
{
	if (!a || !b || a->kind != b->kind || !type_equal(a->type, b->type))
		return a == b && !has_effects(a);
	switch (a->kind) {
	case AST_INT:
	case AST_BOOL: return a->integer.value == b->integer.value;
	case AST_STRING:
		return a->string.len == b->string.len &&
		       memcmp(a->string.data, b->string.data, a->string.len) == 0;
	case AST_VAR: return a->var.var == b->var.var;
	case AST_BUILTIN:
		switch (a->ident.builtin) {
		case BI_nsecs:
		case BI_elapsed:
		case BI_rand:
		case BI_jiffies: return false;
		default:
			return a->ident.builtin == b->ident.builtin &&
			       a->ident.number == b->ident.number;
		}
	case AST_CAST: return same_value(a->cast.operand, b->cast.operand);
	case AST_TUPLE:
	case AST_RECORD: return same_items(&a->tuple.items, &b->tuple.items);
	case AST_FIELD:
		return a->field.member.offset == b->field.member.offset &&
		       a->field.member.bit_offset == b->field.member.bit_offset &&
		       same_value(a->field.object, b->field.object);
	case AST_BINARY:
		return a->binary.op == b->binary.op && same_value(a->binary.left, b->binary.left) &&
		       same_value(a->binary.right, b->binary.right);
	default: return false;
	}
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static struct ir_insn *extend_to(struct lower *lo, struct ir_insn *value, const struct type *t)
{
	return emit_extend(lo, value, t->size, t->is_signed);
}

static uint32_t larger_size(const struct ast *a, const struct ast *b)
{
	return a->type->size > b->type->size ? a->type->size : b->type->size;
}

/* @value / @by or the remainder, unsigned; 1 and a warning if @by is 0. */
static struct ir_insn *divide(struct lower *lo, enum ir_op op, struct ir_insn *value,
			      struct ir_insn *by, struct span span)
{
	struct ir_block *from_yes;
	struct ir_insn *one;
	struct fork f;

	if (ir_is_const(by) && by->imm != 0)
		return emit_op(lo, op, value, by);
	f = fork_begin(lo);
	f.no->is_cold = true;
	emit_branch_imm(lo, COND_NE, by, 0, f.yes, f.no);
	block_enter(lo, f.yes);
	value = emit_op(lo, op, value, by);
	from_yes = lo->fn->block;
	emit_jump(lo, f.done);
	block_enter(lo, f.no);
	emit_runtime_error(lo,
			   "Divide or modulo by 0 detected. This can lead to unexpected results. "
			   "1 is being used as the result.",
			   span);
	one = emit_const(lo, 1);
	emit_jump(lo, f.done);
	fork_end(lo, &f);
	return emit_phi2(lo, f.done, from_yes, value, one);
}

static uint32_t pointer_step(const struct type *t)
{
	return t->elem->size ? t->elem->size : 1;
}

/* Pointer + or - integer, in units of what is pointed to. */
static struct ir_insn *pointer_arithmetic(struct lower *lo, const struct ast *e)
{
	const struct type *left = e->binary.left->type, *right = e->binary.right->type;
	struct ir_insn *a = lower_scalar(lo, e->binary.left);
	struct ir_insn *b = lower_scalar(lo, e->binary.right);
	enum ir_op op = e->binary.op == OPR_SUB ? OP_SUB : OP_ADD;

	if (left->kind == TYPE_POINTER && right->kind != TYPE_POINTER && pointer_step(left) != 1)
		b = emit_op_imm(lo, OP_MUL, b, pointer_step(left));
	else if (left->kind != TYPE_POINTER && pointer_step(right) != 1)
		a = emit_op_imm(lo, OP_MUL, a, pointer_step(right));
	return emit_op(lo, op, a, b);
}

static struct ir_insn *arithmetic(struct lower *lo, const struct ast *e)
{
	static const enum ir_op ops[OPR_COUNT] = {
		[OPR_ADD] = OP_ADD,  [OPR_SUB] = OP_SUB,  [OPR_MUL] = OP_MUL, [OPR_DIV] = OP_UDIV,
		[OPR_MOD] = OP_UMOD, [OPR_BAND] = OP_AND, [OPR_BOR] = OP_OR,  [OPR_BXOR] = OP_XOR,
		[OPR_SHL] = OP_SHL,  [OPR_SHR] = OP_LSHR,
	};
	uint32_t size = larger_size(e->binary.left, e->binary.right);
	struct ir_insn *a, *b, *value;

	if (e->binary.left->type->kind == TYPE_POINTER ||
	    e->binary.right->type->kind == TYPE_POINTER)
		return pointer_arithmetic(lo, e);
	a = lower_scalar(lo, e->binary.left);
	b = lower_scalar(lo, e->binary.right);
	switch (e->binary.op) {
	case OPR_DIV:
	case OPR_MOD:
		a = emit_extend(lo, a, size, false);
		b = emit_extend(lo, b, size, false);
		value = divide(lo, ops[e->binary.op], a, b, e->span);
		break;
	case OPR_SHR: value = emit_op(lo, OP_LSHR, emit_extend(lo, a, size, false), b); break;
	default: value = emit_op(lo, ops[e->binary.op], a, b); break;
	}
	return extend_to(lo, value, e->type);
}

/* ---- comparisons ----------------------------------------------------------------------------- */

static bool is_comparison(enum ast_op op)
{
	return op >= OPR_EQ && op <= OPR_GE;
}

static enum ir_cond condition(enum ast_op op, bool is_signed)
{
	switch (op) {
	case OPR_EQ: return COND_EQ;
	case OPR_NE: return COND_NE;
	case OPR_LT: return is_signed ? COND_SLT : COND_ULT;
	case OPR_LE: return is_signed ? COND_SLE : COND_ULE;
	case OPR_GT: return is_signed ? COND_SGT : COND_UGT;
	default: assert(op == OPR_GE); return is_signed ? COND_SGE : COND_UGE;
	}
}

/*
 * An operand as the comparison sees it: both are brought to the size of the larger one, and it is
 * signed if one of them is.  Only an unsigned operand of that very size changes by that.
 */
static struct ir_insn *compared(struct lower *lo, const struct ast *e, uint32_t size,
				bool is_signed)
{
	struct ir_insn *value = lower_scalar(lo, e);

	if (is_signed && !e->type->is_signed && e->type->size == size)
		return emit_extend(lo, value, size, true);
	return value;
}

struct comparison {
	struct ir_insn *a, *b;
	enum ir_cond cond;
};

static struct comparison compare(struct lower *lo, const struct ast *e)
{
	const struct ast *left = e->binary.left, *right = e->binary.right;
	bool is_pointer = left->type->kind == TYPE_POINTER || right->type->kind == TYPE_POINTER;
	bool is_signed = !is_pointer && (left->type->is_signed || right->type->is_signed);
	uint32_t size = larger_size(left, right);
	struct comparison c = { .cond = condition(e->binary.op, is_signed) };

	c.a = compared(lo, left, size, is_signed);
	c.b = compared(lo, right, size, is_signed);
	return c;
}

/* Equality of values in memory: of strings up to their end, of others in full. */
static void branch_memory(struct lower *lo, const struct ast *e, struct ir_block *yes,
			  struct ir_block *no)
{
	const struct ast *left = e->binary.left, *right = e->binary.right;
	struct ir_block *equal = e->binary.op == OPR_EQ ? yes : no;
	struct ir_block *differ = e->binary.op == OPR_EQ ? no : yes;
	uint32_t size = left->type->size < right->type->size ? left->type->size : right->type->size;
	struct place a, b;

	if (left->type->kind == TYPE_STRING && right->type->kind == TYPE_STRING) {
		branch_strings(lo, left, right, size, equal, differ);
		return;
	}
	a = lower_place_ours(lo, left);
	b = lower_place_ours(lo, right);
	branch_bytes(lo, &a, &b, size, equal, differ);
}

static bool is_in_memory(const struct ast *e)
{
	return !type_is_scalar(e->type) && e->type->kind != TYPE_AGG;
}

/* ---- conditions ------------------------------------------------------------------------------ */

static void branch_logical(struct lower *lo, const struct ast *e, struct ir_block *yes,
			   struct ir_block *no)
{
	struct ir_block *second = block_new(lo);

	if (e->binary.op == OPR_LAND)
		lower_condition(lo, e->binary.left, second, no);
	else
		lower_condition(lo, e->binary.left, yes, second);
	block_enter(lo, second);
	lower_condition(lo, e->binary.right, yes, no);
}

void lower_condition(struct lower *lo, const struct ast *e, struct ir_block *yes,
		     struct ir_block *no)
{
	struct span saved = lo->span;
	struct comparison c;

	lo->span = e->span;
	if (e->kind == AST_BINARY && (e->binary.op == OPR_LAND || e->binary.op == OPR_LOR)) {
		branch_logical(lo, e, yes, no);
	} else if (e->kind == AST_BINARY && is_comparison(e->binary.op)) {
		if (is_kube_comparison(e)) {
			branch_kube(lo, e, yes, no);
		} else if (is_in_memory(e->binary.left)) {
			branch_memory(lo, e, yes, no);
		} else {
			c = compare(lo, e);
			emit_branch(lo, c.cond, c.a, c.b, yes, no);
		}
	} else if (e->kind == AST_UNARY && e->unary.op == OPR_LNOT) {
		lower_condition(lo, e->unary.operand, no, yes);
	} else if (e->kind == AST_CAST && e->type->kind == TYPE_BOOL &&
		   type_is_scalar(e->cast.operand->type)) {
		lower_condition(lo, e->cast.operand, yes, no);
	} else {
		emit_branch_imm(lo, COND_NE, lower_scalar(lo, e), 0, yes, no);
	}
	lo->span = saved;
}

/* 1 or 0 by a condition that needs branches. */
static struct ir_insn *condition_value(struct lower *lo, const struct ast *e)
{
	struct fork f = fork_begin(lo);
	struct ir_insn *one;

	lower_condition(lo, e, f.yes, f.no);
	block_enter(lo, f.yes);
	one = emit_const(lo, 1);
	fork_else(lo, &f);
	return fork_or_zero(lo, &f, one);
}

struct ir_insn *lower_binary(struct lower *lo, const struct ast *e)
{
	struct comparison c;

	if (e->binary.op == OPR_LAND || e->binary.op == OPR_LOR)
		return condition_value(lo, e);
	if (!is_comparison(e->binary.op))
		return arithmetic(lo, e);
	if (is_in_memory(e->binary.left) || is_kube_comparison(e))
		return condition_value(lo, e);
	c = compare(lo, e);
	return emit_cmp(lo, c.cond, c.a, c.b);
}

/* ---- the other kinds ------------------------------------------------------------------------- */

static struct ir_insn *inc_dec(struct lower *lo, const struct ast *e)
{
	const struct ast *operand = e->unary.operand;
	bool is_post = e->unary.op == OPR_POST_INC || e->unary.op == OPR_POST_DEC;
	bool is_up = e->unary.op == OPR_PRE_INC || e->unary.op == OPR_POST_INC;
	struct ir_insn *before, *after;
	int64_t step = 1;

	if (operand->kind != AST_VAR)
		return map_inc_dec(lo, e);
	if (operand->type->kind == TYPE_POINTER)
		step = pointer_step(operand->type);
	before = var_read(lo, operand->var.var);
	after = emit_op_imm(lo, OP_ADD, before, is_up ? step : -step);
	after = extend_to(lo, after, operand->type);
	var_write(lo, operand->var.var, after);
	return is_post ? before : after;
}

static bool is_negation(const struct ast *e)
{
	return e->kind == AST_UNARY && (e->unary.op == OPR_NEG || e->unary.op == OPR_BNOT);
}

/* What -x, ~x, -~x … are computed as: as wide as x. */
static const struct type *negated_type(const struct ast *e)
{
	while (is_negation(e))
		e = e->unary.operand;
	return e->type;
}

static struct ir_insn *negation(struct lower *lo, const struct ast *e)
{
	const struct type *t = negated_type(e);
	struct ir_insn *value = lower_scalar(lo, e->unary.operand);

	if (e->unary.op == OPR_NEG)
		value = emit_op(lo, OP_NEG, value, NULL);
	else
		value = emit_op_imm(lo, OP_XOR, value, -1);
	return convert_scalar(lo, extend_to(lo, value, t), t, e->type);
}

/*
 * bpftrace computes -x and ~x as wide as x, and where the result is stored in something wider it
 * fills up with zeros; as an operand, or under a cast, it is extended by its sign.
 */
struct ir_insn *lower_stored(struct lower *lo, const struct ast *e)
{
	struct ir_insn *value = lower_scalar(lo, e);
	const struct type *from;

	if (!is_negation(e))
		return value;
	from = negated_type(e);
	return from->size < e->type->size ? emit_extend(lo, value, from->size, false) : value;
}

static struct ir_insn *unary(struct lower *lo, const struct ast *e)
{
	struct place p;

	switch (e->unary.op) {
	case OPR_NEG:
	case OPR_BNOT: return negation(lo, e);
	case OPR_LNOT:
		return emit_cmp(lo, COND_EQ, lower_scalar(lo, e->unary.operand), emit_const(lo, 0));
	case OPR_DEREF: p = lower_place(lo, e); return load_scalar(lo, &p, e->type);
	default: return inc_dec(lo, e);
	}
}

static struct ir_insn *ternary(struct lower *lo, const struct ast *e)
{
	struct fork f = fork_begin(lo);
	struct ir_insn *then, *other;
	struct ir_block *from_then;

	lower_condition(lo, e->branch.cond, f.yes, f.no);
	block_enter(lo, f.yes);
	then = lower_stored(lo, e->branch.then);
	from_then = lo->fn->block;
	emit_jump(lo, f.done);
	block_enter(lo, f.no);
	other = lower_stored(lo, e->branch.other);
	emit_jump(lo, f.done);
	fork_end(lo, &f);
	return emit_phi2(lo, f.done, from_then, then, other);
}

struct ir_insn *convert_scalar(struct lower *lo, struct ir_insn *value, const struct type *from,
			       const struct type *to)
{
	if (to->kind == TYPE_BOOL && from->kind != TYPE_BOOL)
		return emit_cmp(lo, COND_NE, value, emit_const(lo, 0));
	/* A wider type holds it as it is, but for negative numbers that become unsigned. */
	if (to->size > from->size && (to->is_signed || !from->is_signed))
		return value;
	if (to->size == from->size && to->is_signed == from->is_signed)
		return value;
	return extend_to(lo, value, to);
}

static struct ir_insn *cast_from_memory(struct lower *lo, const struct ast *e)
{
	const struct ast *operand = e->cast.operand;
	const struct type *t = e->type;
	struct place p;

	if (operand->type->kind == TYPE_AGG)
		return extend_to(lo, agg_read(lo, operand), t);
	p = lower_place(lo, operand);
	if (t->kind == TYPE_BOOL || t->kind == TYPE_POINTER) {
		/* A string is true if it is not empty; an array decays to its address. */
		if (t->kind == TYPE_POINTER)
			return place_address(lo, &p);
		return emit_cmp(lo, COND_NE, load_scalar(lo, &p, type_int(1, false)),
				emit_const(lo, 0));
	}
	p.is_typed = false;
	return load_scalar(lo, &p, t);
}

static struct ir_insn *cast(struct lower *lo, const struct ast *e)
{
	const struct ast *operand = e->cast.operand;

	if (!type_is_scalar(operand->type))
		return cast_from_memory(lo, e);
	return convert_scalar(lo, lower_scalar(lo, operand), operand->type, e->type);
}

static struct ir_insn *field(struct lower *lo, const struct ast *e)
{
	const struct ast *object = e->field.object;
	struct place p;

	if (args_is_assembled(lo, object))
		return args_member(lo, &e->field.member, e->type);
	if (e->field.member.bit_size || e->field.member.is_data_loc || e->field.member.is_rel_loc) {
		p = lower_object(lo, object);
		return load_member(lo, &p, &e->field.member, e->type);
	}
	p = lower_place(lo, e);
	return load_scalar(lo, &p, e->type);
}

static struct ir_insn *address_of(struct lower *lo, const struct ast *e)
{
	struct place p = var_place(lo, e->var.var);

	return place_address(lo, &p);
}

static struct ir_insn *scalar(struct lower *lo, const struct ast *e)
{
	struct place p;

	switch (e->kind) {
	case AST_INT:
	case AST_BOOL: return emit_const(lo, (int64_t)e->integer.value);
	case AST_VAR: return var_read(lo, e->var.var);
	case AST_VAR_ADDR: return address_of(lo, e);
	case AST_MAP_ADDR: return emit_map(lo, map_info(lo, e->map.map)->map);
	case AST_MAP:
	case AST_MAP_ACCESS: return map_read_scalar(lo, e);
	case AST_BUILTIN:
	case AST_CALL: return lower_builtin(lo, e, NULL);
	case AST_UNARY: return unary(lo, e);
	case AST_BINARY: return lower_binary(lo, e);
	case AST_TERNARY: return ternary(lo, e);
	case AST_CAST: return cast(lo, e);
	case AST_FIELD: return field(lo, e);
	case AST_INDEX: p = lower_place(lo, e); return load_scalar(lo, &p, e->type);
	case AST_COMPTIME: return lower_scalar(lo, e->expr);
	case AST_BLOCK:
		lower_stmts(lo, &e->block.stmts);
		return e->block.value ? lower_stored(lo, e->block.value) : emit_const(lo, 0);
	default: return lower_bug(lo, e);
	}
}

struct ir_insn *lower_scalar(struct lower *lo, const struct ast *e)
{
	struct span saved = lo->span;
	struct ir_insn *value;

	lo->span = e->span;
	value = scalar(lo, e);
	lo->span = saved;
	return value;
}

static void ternary_effects(struct lower *lo, const struct ast *e)
{
	struct fork f = fork_begin(lo);

	lower_condition(lo, e->branch.cond, f.yes, f.no);
	block_enter(lo, f.yes);
	lower_effects(lo, e->branch.then);
	emit_jump(lo, f.done);
	block_enter(lo, f.no);
	lower_effects(lo, e->branch.other);
	emit_jump(lo, f.done);
	fork_end(lo, &f);
}

void lower_effects(struct lower *lo, const struct ast *e)
{
	struct span saved = lo->span;

	if (!has_effects(e))
		return;
	lo->span = e->span;
	if (e->kind == AST_BLOCK) {
		lower_stmts(lo, &e->block.stmts);
		if (e->block.value)
			lower_effects(lo, e->block.value);
	} else if (e->kind == AST_TERNARY) {
		ternary_effects(lo, e);
	} else if (type_is_scalar(e->type) || !e->type->size) {
		lower_scalar(lo, e);
	} else {
		struct place p = place_for(lo, e->type, NULL);

		lower_into(lo, e, &p);
	}
	lo->span = saved;
}
