/*
 * Lowering: all probes on system calls in one program a direction.
 *
 *     tp_btf/sys_enter (regs, number)   tp_btf/sys_exit (regs, result)
 *
 * The number is compared with those of each probe, in the script's order; where that would be many
 * comparisons, a table in .rodata says which probes a number is of interest to:
 *
 *     u8, u16, u32 or u64 probes[NUMBERS]      bit i: probe i of this program
 */
#include "ir/lower_impl.h"

#include <string.h>

#define NUMBERS          512 // more than there are system calls on any architecture
#define COMPARISONS_MAX  4
#define PROBES_A_PROGRAM 64 // bits of the widest entry

struct dispatch {
	struct probe *const *probes;
	uint32_t count;
	uint32_t entry_size; // of the table; 0: none is needed
	struct place table;
	struct ir_insn *mask; // the table's entry for this number
};

/* ---- which probes ---------------------------------------------------------------------------- */

/* The raw tracepoint has the arguments and the number, not the record of the format file. */
static void find_other_use(void *ctx, struct ast *node)
{
	bool *is_found = ctx;
	uint32_t which;

	if (*is_found)
		return;
	if (node->kind == AST_FIELD && node->field.object->type &&
	    node->field.object->type->kind == TYPE_ARGS) {
		*is_found = node->field.member.offset < 8 || node->field.member.is_data_loc;
		return;
	}
	which = node->kind == AST_BUILTIN ? node->ident.builtin
		: node->kind == AST_CALL  ? node->call.builtin
					  : BI_NONE;
	/* The stack of a raw tracepoint has other frames at its top. */
	if (which == BI_args || which == BI_ctx || which == BI_kstack) {
		*is_found = true;
		return;
	}
	ast_each_child(node, find_other_use, ctx);
}

bool probe_is_syscall(const struct lower *lo, const struct probe *p)
{
	bool is_found = false;
	struct ast *node;

	if (p->kind != PROBE_tracepoint || !lo->features.btf_raw_tracepoint ||
	    lo->o->no_typed_loads)
		return false;
	vec_foreach (&p->attach_points, ap)
		if ((*ap)->syscall < 0 || (*ap)->syscall >= NUMBERS)
			return false;
	if (p->predicate) {
		node = p->predicate;
		find_other_use(&is_found, node);
	}
	node = p->body;
	find_other_use(&is_found, node);
	return !is_found;
}

/* ---- the table ------------------------------------------------------------------------------- */

static uint32_t comparison_count(const struct dispatch *d)
{
	size_t count = 0;

	for (uint32_t i = 0; i < d->count; i++)
		count += d->probes[i]->attach_points.len;
	return (uint32_t)count;
}

static void set_bit(uint8_t *table, uint32_t entry_size, uint32_t number, uint32_t bit)
{
	table[number * entry_size + bit / 8] |= (uint8_t)(1u << bit % 8);
}

static void make_table(struct lower *lo, struct dispatch *d)
{
	uint8_t *table;

	if (comparison_count(d) <= COMPARISONS_MAX)
		return;
	d->entry_size = d->count <= 8 ? 1 : d->count <= 16 ? 2 : d->count <= 32 ? 4 : 8;
	table = arena_calloc(lo->arena, NUMBERS, d->entry_size);
	for (uint32_t i = 0; i < d->count; i++)
		vec_foreach (&d->probes[i]->attach_points, ap)
			set_bit(table, d->entry_size, (uint32_t)(*ap)->syscall, i);
	d->table = rodata_bytes(lo, table, NUMBERS * d->entry_size, 8);
}

/* Load this number's entry; @none if it is of no interest to any probe. */
static void look_up(struct lower *lo, struct dispatch *d, struct ir_block *none)
{
	struct ir_block *known = block_new(lo), *some = block_new(lo);
	struct ir_insn *base;

	emit_branch_imm(lo, COND_ULT, lo->syscall_number, NUMBERS, known, none);
	block_enter(lo, known);
	base = lo->syscall_number;
	if (d->entry_size > 1)
		base = emit_op_imm(lo, OP_MUL, base, d->entry_size);
	base = emit_op(lo, OP_ADD, place_address(lo, &d->table), base);
	d->mask = emit_load(lo, base, 0, d->entry_size, false);
	emit_branch_imm(lo, COND_NE, d->mask, 0, some, none);
	block_enter(lo, some);
}

/* Is the system call one of probe number @i's? */
static void test_probe(struct lower *lo, const struct dispatch *d, uint32_t i, struct ir_block *yes,
		       struct ir_block *no)
{
	const struct probe *p = d->probes[i];

	if (d->mask && d->count == 1) {
		emit_jump(lo, yes); // look_up() has seen it
		return;
	}
	if (d->mask) {
		emit_branch_imm(lo, COND_SET, d->mask, (int64_t)((uint64_t)1 << i), yes, no);
		return;
	}
	for (size_t j = 0; j < p->attach_points.len; j++) {
		bool is_last = j + 1 == p->attach_points.len;
		struct ir_block *next = is_last ? no : block_new(lo);

		emit_branch_imm(lo, COND_EQ, lo->syscall_number, p->attach_points.data[j]->syscall,
				yes, next);
		if (!is_last)
			block_enter(lo, next);
	}
}

/* Only after the number, since most system calls end there. */
static void check_task(struct lower *lo, struct ir_block *leave)
{
	struct ir_block *native = block_new(lo);

	syscall_skip_compat(lo, native, leave);
	block_enter(lo, native);
	lower_filter(lo, leave);
}

/* ---- the name of a probe --------------------------------------------------------------------- */

/* The number of the system call, also in a callback. */
static struct ir_insn *current_number(struct lower *lo)
{
	if (!lo->is_syscall)
		return emit_load(lo, emit_ctx(lo), 8, 4, false);
	if (!lo->fn->parent)
		return lo->syscall_number;
	return syscall_number(lo, lo->probe->attach_points.data[0]->is_sys_exit);
}

/*
 * `probe`, where one body serves many system calls: the entry of a table of names by number.  The
 * format file of a tracepoint has the number at offset 8.
 */
struct place probe_name_place(struct lower *lo, const struct type *t)
{
	const struct probe *p = lo->probe;
	struct ir_insn *number, *offset;
	uint32_t count = 0;
	struct fork f;
	struct place table;
	char *names;

	vec_foreach (&p->attach_points, ap)
		if ((uint32_t)(*ap)->syscall >= count)
			count = (uint32_t)(*ap)->syscall + 1;
	names = arena_alloc(lo->arena, (size_t)count * t->size);
	vec_foreach (&p->attach_points, ap)
		memcpy(names + (size_t)(*ap)->syscall * t->size, (*ap)->name, strlen((*ap)->name));
	table = rodata_bytes(lo, names, count * t->size, 8);
	number = current_number(lo);
	f = fork_begin(lo);
	emit_branch_imm(lo, COND_ULT, number, count, f.yes, f.no);
	block_enter(lo, f.yes);
	offset = emit_op_imm(lo, OP_MUL, number, t->size);
	fork_else(lo, &f);
	offset = fork_or_zero(lo, &f, offset);
	return place_ptr(emit_op(lo, OP_ADD, place_address(lo, &table), offset), 0, AS_BPF);
}

/* ---- the program ----------------------------------------------------------------------------- */

static void lower_part(struct lower *lo, const struct syscall_group *g, struct dispatch *d)
{
	struct ir_block *leave = block_new(lo);

	lo->syscall_number = syscall_number(lo, g->is_exit);
	make_table(lo, d);
	if (d->entry_size) {
		look_up(lo, d, leave);
		check_task(lo, leave);
	}
	for (uint32_t i = 0; i < d->count; i++) {
		struct ir_block *body = block_new(lo), *next = block_new(lo);

		lo->span = d->probes[i]->span;
		test_probe(lo, d, i, body, next);
		block_enter(lo, body);
		if (!d->entry_size)
			check_task(lo, next);
		lower_body(lo, d->probes[i], next);
		block_enter(lo, next);
	}
	emit_jump(lo, leave);
	block_enter(lo, leave);
}

void lower_syscalls(struct lower *lo, const struct syscall_group *g)
{
	for (size_t first = 0; first < g->probes.len; first += PROBES_A_PROGRAM) {
		struct dispatch d = { .probes = &g->probes.data[first] };
		struct lowered_program *p;
		size_t left = g->probes.len - first;

		d.count = left < PROBES_A_PROGRAM ? (uint32_t)left : PROBES_A_PROGRAM;
		lo->is_syscall = true;
		p = program_begin(lo, d.probes[0], g->is_exit ? "sys_exit" : "sys_enter");
		p->prog_type = BPF_PROG_TYPE_TRACING;
		p->expected_attach_type = BPF_TRACE_RAW_TP;
		p->attach_name = g->is_exit ? "sys_exit" : "sys_enter";
		for (uint32_t i = 1; i < d.count; i++) // the first one's are there
			vec_foreach (&d.probes[i]->attach_points, ap)
				vec_push(lo->arena, &p->attach_points, *ap);
		lower_part(lo, g, &d);
		lo->is_syscall = false;
		program_end(lo);
	}
}
