/*
 * Reading the text form of the IR (ir.md), for tests.  Two walks over the text: the first makes the
 * blocks, the second the instructions; operands are numbers until a function's end.
 */
#include "ir/ir.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ID 1000000

struct pending { // operand of an instruction, by number
	struct ir_insn *insn;
	uint32_t arg;
	uint32_t id;
};

struct parser {
	struct arena *arena;
	const char *p;
	uint32_t line;
	const char *error;
	struct ir_program *program;
	struct ir_func *f;
	struct ir_block *block;
	vec_of(struct ir_block *) blocks; // by id; NULL where there is none
	vec_of(struct ir_insn *) insns;   // by id
	vec_of(struct pending) pending;
	vec_of(struct ir_block *) phi_labels; // of all phis, in order
	vec_of(struct ir_block *) from;       // "from b1, b2" lists, each followed by a NULL
	vec_of(struct ir_block *) with_from;  // the blocks they belong to
};

static void fail(struct parser *ps, const char *what)
{
	if (!ps->error)
		ps->error =
			arena_printf(ps->arena, "line %u: %s near '%.20s'", ps->line, what, ps->p);
}

static void skip_space(struct parser *ps)
{
	while (*ps->p == ' ' || *ps->p == '\t')
		ps->p++;
}

/* The token @s, if it comes next. */
static bool accept(struct parser *ps, const char *s)
{
	size_t len = strlen(s);

	skip_space(ps);
	if (strncmp(ps->p, s, len) != 0)
		return false;
	if (isalnum((unsigned char)s[len - 1]) &&
	    (isalnum((unsigned char)ps->p[len]) || ps->p[len] == '_'))
		return false;
	ps->p += len;
	return true;
}

static void expect(struct parser *ps, const char *s)
{
	if (!accept(ps, s))
		fail(ps, arena_printf(ps->arena, "expected '%s'", s));
}

static void end_line(struct parser *ps)
{
	skip_space(ps);
	if (*ps->p == ';') // a comment
		ps->p += strcspn(ps->p, "\n");
	if (*ps->p == '\n') {
		ps->p++;
		ps->line++;
	} else if (*ps->p) {
		fail(ps, "expected the end of the line");
	}
}

static void skip_empty_lines(struct parser *ps)
{
	while (!ps->error) {
		skip_space(ps);
		if (*ps->p != '\n' && *ps->p != ';')
			return;
		end_line(ps);
	}
}

static uint64_t parse_number(struct parser *ps)
{
	char *end;
	uint64_t n;

	skip_space(ps);
	if (!isdigit((unsigned char)*ps->p)) {
		fail(ps, "expected a number");
		return 0;
	}
	errno = 0;
	n = strtoull(ps->p, &end, 0);
	if (errno)
		fail(ps, "number out of range");
	ps->p = end;
	return n;
}

static int64_t parse_signed(struct parser *ps)
{
	bool is_negative = accept(ps, "-");
	uint64_t n = parse_number(ps);

	return (int64_t)(is_negative ? -n : n);
}

static uint32_t parse_u32(struct parser *ps, uint32_t max)
{
	uint64_t n = parse_number(ps);

	if (n > max)
		fail(ps, "number too large");
	return n > max ? 0 : (uint32_t)n;
}

static const char *parse_word(struct parser *ps)
{
	const char *start;

	skip_space(ps);
	start = ps->p;
	while (isalnum((unsigned char)*ps->p) || *ps->p == '_' || *ps->p == '$')
		ps->p++;
	if (ps->p == start)
		fail(ps, "expected a name");
	return arena_strndup(ps->arena, start, (size_t)(ps->p - start));
}

/* "b3", "s3", "m3", "%3" */
static uint32_t parse_numbered(struct parser *ps, char prefix)
{
	skip_space(ps);
	if (*ps->p != prefix || !isdigit((unsigned char)ps->p[1])) {
		fail(ps, arena_printf(ps->arena, "expected %c and a number", prefix));
		return 0;
	}
	ps->p++;
	return parse_u32(ps, MAX_ID);
}

/* " + 8", " - 8" or nothing */
static int64_t parse_offset(struct parser *ps)
{
	if (accept(ps, "+"))
		return (int64_t)parse_number(ps);
	if (accept(ps, "-"))
		return (int64_t)-parse_number(ps);
	return 0;
}

static struct ir_block *parse_block_ref(struct parser *ps)
{
	uint32_t id = parse_numbered(ps, 'b');

	if (id >= ps->blocks.len || !ps->blocks.data[id]) {
		fail(ps, "no such block");
		return ps->f->entry;
	}
	return ps->blocks.data[id];
}

static void parse_operand(struct parser *ps, struct ir_insn *insn, uint32_t arg)
{
	struct pending operand = { .insn = insn, .arg = arg };

	operand.id = parse_numbered(ps, '%');
	vec_push(ps->arena, &ps->pending, operand);
}

/* "[%1 + 8]" */
static int64_t parse_address(struct parser *ps, struct ir_insn *insn, uint32_t arg)
{
	int64_t off;

	expect(ps, "[");
	parse_operand(ps, insn, arg);
	off = parse_offset(ps);
	expect(ps, "]");
	return off;
}

static uint32_t parse_helper(struct parser *ps)
{
	const char *name;

	if (accept(ps, "#"))
		return parse_u32(ps, UINT32_MAX);
	name = parse_word(ps);
	for (uint32_t i = 0; i < __BPF_FUNC_MAX_ID; i++)
		if (ir_helper_name(i) && strcmp(ir_helper_name(i), name) == 0)
			return i;
	fail(ps, "no such helper");
	return 0;
}

static uint32_t count_in_line(const char *p, char c)
{
	uint32_t n = 0;

	for (; *p && *p != '\n' && *p != ';'; p++)
		n += *p == c;
	return n;
}

static void set_width(struct parser *ps, struct ir_insn *insn)
{
	expect(ps, ".");
	insn->width = (uint8_t)parse_u32(ps, 8);
}

static void set_cond(struct parser *ps, struct ir_insn *insn)
{
	expect(ps, ".");
	for (int c = 0; c < COND_COUNT; c++)
		if (accept(ps, ir_cond_name((enum ir_cond)c))) {
			insn->cond = (enum ir_cond)c;
			return;
		}
	fail(ps, "no such condition");
}

static void parse_suffix(struct parser *ps, struct ir_insn *insn)
{
	switch (insn->op) {
	case OP_ZEXT:
	case OP_SEXT:
	case OP_BSWAP:
	case OP_STORE:
	case OP_ATOMIC_ADD: set_width(ps, insn); break;
	case OP_LOAD:
		expect(ps, ".");
		insn->is_signed = *ps->p == 's';
		if (*ps->p != 's' && *ps->p != 'u')
			fail(ps, "expected u or s");
		else
			ps->p++;
		insn->width = (uint8_t)parse_u32(ps, 8);
		insn->is_volatile = accept(ps, ".v");
		break;
	case OP_CMP:
	case OP_BRANCH: set_cond(ps, insn); break;
	default: break;
	}
}

static void parse_arg_list(struct parser *ps, struct ir_insn *insn)
{
	expect(ps, "(");
	for (uint32_t i = 0; i < insn->arg_count; i++) {
		if (i)
			expect(ps, ",");
		parse_operand(ps, insn, i);
	}
	expect(ps, ")");
}

static void parse_phi(struct parser *ps, struct ir_insn *phi)
{
	for (uint32_t i = 0; i < phi->arg_count; i++) {
		struct ir_block *label;

		if (i)
			expect(ps, ",");
		expect(ps, "[");
		label = parse_block_ref(ps);
		vec_push(ps->arena, &ps->phi_labels, label);
		expect(ps, ":");
		parse_operand(ps, phi, i);
		expect(ps, "]");
	}
}

static void parse_memory_op(struct parser *ps, struct ir_insn *insn)
{
	insn->imm = parse_address(ps, insn, 0);
	if (insn->op == OP_LOAD)
		return;
	expect(ps, ",");
	if (insn->op == OP_STORE || insn->op == OP_ATOMIC_ADD) {
		parse_operand(ps, insn, 1);
		return;
	}
	if (insn->op == OP_MEMCPY) {
		insn->imm2 = parse_address(ps, insn, 1);
		expect(ps, ",");
	}
	insn->size = parse_u32(ps, UINT32_MAX);
}

static void parse_operands(struct parser *ps, struct ir_insn *insn)
{
	for (uint32_t i = 0; i < insn->arg_count; i++) {
		if (i)
			expect(ps, ",");
		parse_operand(ps, insn, i);
	}
}

static void link_to(struct parser *ps, struct ir_block *to, uint32_t i)
{
	ps->block->succs[i] = to;
	vec_push(ps->arena, &to->preds, ps->block);
}

static void parse_rest(struct parser *ps, struct ir_insn *insn)
{
	switch (insn->op) {
	case OP_CONST:
	case OP_PARAM:
	case OP_FUNC:
	case OP_KERNEL_VAR: insn->imm = parse_signed(ps); break;
	case OP_SLOT:
		insn->slot = parse_numbered(ps, 's');
		insn->imm = parse_offset(ps);
		break;
	case OP_MAP:
	case OP_MAP_VALUE:
		insn->map = parse_numbered(ps, 'm');
		insn->imm = parse_offset(ps);
		break;
	case OP_LOAD:
	case OP_STORE:
	case OP_ATOMIC_ADD:
	case OP_ZERO:
	case OP_MEMCPY: parse_memory_op(ps, insn); break;
	case OP_PHI: parse_phi(ps, insn); break;
	case OP_CALL:
		insn->helper = parse_helper(ps);
		parse_arg_list(ps, insn);
		break;
	case OP_KFUNC:
		insn->imm = parse_signed(ps);
		parse_arg_list(ps, insn);
		break;
	case OP_TAIL_CALL: parse_arg_list(ps, insn); break;
	case OP_JUMP: link_to(ps, parse_block_ref(ps), 0); break;
	case OP_BRANCH:
		parse_operands(ps, insn);
		expect(ps, ",");
		link_to(ps, parse_block_ref(ps), 0);
		expect(ps, ",");
		link_to(ps, parse_block_ref(ps), 1);
		break;
	default: parse_operands(ps, insn); break;
	}
}

static bool parse_op(struct parser *ps, enum ir_op *op)
{
	for (int i = 0; i < OP_COUNT; i++)
		if (accept(ps, ir_op_name((enum ir_op)i))) {
			*op = (enum ir_op)i;
			return true;
		}
	fail(ps, "no such operation");
	return false;
}

static void set_id(struct parser *ps, struct ir_insn *insn, uint32_t id)
{
	while (ps->insns.len <= id)
		vec_push(ps->arena, &ps->insns, NULL);
	if (ps->insns.data[id])
		fail(ps, "value defined twice");
	ps->insns.data[id] = insn;
	insn->id = id;
}

static uint32_t count_operands(const struct parser *ps, enum ir_op op)
{
	int n = ir_op_arg_count(op);

	return n >= 0 ? (uint32_t)n : count_in_line(ps->p, '%');
}

static void parse_insn(struct parser *ps)
{
	bool has_id = *ps->p == '%';
	uint32_t id = has_id ? parse_numbered(ps, '%') : 0;
	struct ir_insn *insn;
	enum ir_op op;

	if (has_id)
		expect(ps, "=");
	if (ps->error || !parse_op(ps, &op))
		return;
	insn = ir_insn_new(ps->f, op, count_operands(ps, op) & UINT16_MAX);
	insn->id = UINT32_MAX; // operations without a value get theirs at the function's end
	if (ir_has_result(insn) != has_id)
		fail(ps, has_id ? "operation has no value" : "operation has a value");
	else if (has_id)
		set_id(ps, insn, id);
	if (ps->block->last && ir_is_terminator(ps->block->last)) {
		fail(ps, "instruction after the block's end");
		return;
	}
	ir_append(ps->block, insn);
	parse_suffix(ps, insn);
	parse_rest(ps, insn);
	end_line(ps);
}

static void parse_slot(struct parser *ps)
{
	struct ir_slot slot = { 0 };
	uint32_t index = parse_numbered(ps, 's');

	if (index != ps->f->slots.len)
		fail(ps, "slots are numbered in order");
	expect(ps, "size");
	slot.size = parse_u32(ps, UINT32_MAX);
	expect(ps, "align");
	slot.align = parse_u32(ps, 8);
	if (slot.align == 0 || (slot.align & (slot.align - 1)))
		fail(ps, "bad alignment");
	if (accept(ps, "\"")) {
		size_t len = strcspn(ps->p, "\"\n");

		slot.name = arena_strndup(ps->arena, ps->p, len);
		ps->p += len;
		expect(ps, "\"");
	}
	slot.is_scratch_ok = accept(ps, "scratch");
	slot.is_whole = accept(ps, "whole");
	if (accept(ps, "at")) {
		slot.in_scratch = accept(ps, "scratch");
		if (!slot.in_scratch)
			expect(ps, "frame");
		slot.offset = (int32_t)parse_signed(ps);
	}
	vec_push(ps->arena, &ps->f->slots, slot);
	end_line(ps);
}

static bool is_block_label(const char *p)
{
	return p[0] == 'b' && isdigit((unsigned char)p[1]);
}

static void parse_label(struct parser *ps)
{
	ps->block = parse_block_ref(ps);
	(void)accept(ps, "cold");
	if (accept(ps, "from")) {
		do {
			struct ir_block *pred = parse_block_ref(ps);

			vec_push(ps->arena, &ps->from, pred);
		} while (accept(ps, ","));
		vec_push(ps->arena, &ps->from, NULL);
		vec_push(ps->arena, &ps->with_from, ps->block);
	}
	expect(ps, ":");
	end_line(ps);
}

/* Make the blocks of the function whose body starts at ps->p, in their order. */
static void find_blocks(struct parser *ps)
{
	const char *p = ps->p;

	ps->blocks.len = 0;
	while (*p && *p != '}') {
		p += strspn(p, " \t");
		if (is_block_label(p)) {
			unsigned long id = strtoul(p + 1, NULL, 10);
			struct ir_block *b;

			if (id > MAX_ID)
				return;
			while (ps->blocks.len <= id)
				vec_push(ps->arena, &ps->blocks, NULL);
			b = ir_block_new(ps->f);
			b->id = (uint32_t)id;
			b->is_cold = strncmp(p + strcspn(p, " :\n"), " cold", 5) == 0;
			if (ps->blocks.data[id])
				fail(ps, "block defined twice");
			ps->blocks.data[id] = b;
		}
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	ps->f->block_count = (uint32_t)ps->blocks.len;
}

static void resolve_operands(struct parser *ps)
{
	vec_foreach (&ps->pending, op) {
		struct ir_insn *value = op->id < ps->insns.len ? ps->insns.data[op->id] : NULL;

		if (!value) {
			fail(ps, arena_printf(ps->arena, "%%%u is not defined", op->id));
			return;
		}
		op->insn->args[op->arg] = value;
	}
	ps->pending.len = 0;
}

/* Predecessors in the order of "from" lists. */
static void order_preds(struct parser *ps)
{
	size_t at = 0;

	vec_foreach (&ps->with_from, block) {
		struct ir_block *b = *block;
		size_t n = 0;

		for (; ps->from.data[at]; at++, n++) {
			size_t i = n;

			while (i < b->preds.len && b->preds.data[i] != ps->from.data[at])
				i++;
			if (i >= b->preds.len) {
				fail(ps, "not a predecessor");
				return;
			}
			b->preds.data[i] = b->preds.data[n];
			b->preds.data[n] = ps->from.data[at];
		}
		at++;
		if (n != b->preds.len)
			fail(ps, "predecessor missing");
	}
	ps->from.len = ps->with_from.len = 0;
}

/* Operands in the order of the predecessors; @labels are those written before them. */
static void order_phi(struct parser *ps, struct ir_insn *phi, struct ir_block **labels)
{
	const struct ir_block *b = phi->block;

	if (phi->arg_count != b->preds.len) {
		fail(ps, "phi and predecessors differ in number");
		return;
	}
	assert(labels);
	for (uint32_t n = 0; n < phi->arg_count; n++) {
		struct ir_insn *arg;
		uint32_t i = n;

		while (i < phi->arg_count && labels[i] != b->preds.data[n])
			i++;
		if (i == phi->arg_count) {
			fail(ps, "phi without an operand for a predecessor");
			return;
		}
		arg = phi->args[i];
		phi->args[i] = phi->args[n];
		phi->args[n] = arg;
		labels[i] = labels[n];
		labels[n] = b->preds.data[n];
	}
}

static void order_phis(struct parser *ps)
{
	size_t at = 0;

	ir_foreach_block (ps->f, b)
		for (struct ir_insn *phi = b->first; phi && phi->op == OP_PHI; phi = phi->next) {
			if (phi->arg_count)
				order_phi(ps, phi, &ps->phi_labels.data[at]);
			at += phi->arg_count;
			if (ps->error)
				return;
		}
	ps->phi_labels.len = 0;
}

static void number_rest(struct parser *ps)
{
	ps->f->insn_count = (uint32_t)ps->insns.len;
	ir_foreach_block (ps->f, b)
		ir_foreach_insn (b, insn)
			if (insn->id == UINT32_MAX)
				insn->id = ps->f->insn_count++;
	ps->insns.len = 0;
}

static void parse_func(struct parser *ps)
{
	ps->f = ir_func_new(ps->program, parse_word(ps));
	if (accept(ps, "params"))
		ps->f->param_count = parse_u32(ps, 5);
	expect(ps, "{");
	end_line(ps);
	if (ps->error)
		return;
	find_blocks(ps);
	ps->block = NULL;
	for (;;) {
		skip_empty_lines(ps);
		if (ps->error || !*ps->p || accept(ps, "}"))
			break;
		if (accept(ps, "slot"))
			parse_slot(ps);
		else if (is_block_label(ps->p))
			parse_label(ps);
		else if (ps->block)
			parse_insn(ps);
		else
			fail(ps, "instruction outside of a block");
	}
	if (!ps->error)
		end_line(ps);
	if (!ps->error)
		resolve_operands(ps);
	if (!ps->error)
		order_preds(ps);
	if (!ps->error)
		order_phis(ps);
	number_rest(ps);
}

struct ir_program *ir_parse(struct arena *a, const char *text, const char **error)
{
	struct parser ps = { .arena = a, .p = text, .line = 1 };

	ps.program = arena_new(a, struct ir_program);
	ps.program->arena = a;
	ps.program->name = "test";
	skip_empty_lines(&ps);
	if (accept(&ps, "program")) {
		ps.program->name = parse_word(&ps);
		end_line(&ps);
	}
	for (skip_empty_lines(&ps); !ps.error && *ps.p; skip_empty_lines(&ps)) {
		expect(&ps, "func");
		if (!ps.error)
			parse_func(&ps);
	}
	if (!ps.error && ps.program->funcs.len == 0)
		fail(&ps, "no function");
	for (size_t i = 0; i < ps.program->funcs.len && !ps.error; i++)
		ps.error = ir_verify(ps.program->funcs.data[i]);
	*error = ps.error;
	return ps.error ? NULL : ps.program;
}
