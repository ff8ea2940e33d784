/*
 * Lowering: records for the runner.
 *
 * A record is reserved in the ring buffer, filled in where it is, and submitted.  If there is no
 * room, the loss is counted, for each CPU, and the program goes on.
 */
#include "ir/lower_impl.h"

#include <assert.h>

void event_begin(struct lower *lo, struct event *e, enum event_kind kind, const struct ast *site)
{
	struct image_event event = { .kind = kind, .span = site ? site->span : lo->span };
	void *known = NULL;

	*e = (struct event){ .size = sizeof(struct event_header) };
	if (site)
		known = strmap_get_n(&lo->event_ids, (const char *)&site, sizeof(site));
	if (known) {
		e->id = (uint32_t)(uintptr_t)known - 1;
		return;
	}
	e->id = (uint32_t)lo->events.len;
	vec_push(lo->arena, &lo->events, event);
	if (site)
		strmap_put_n(&lo->event_ids, (const char *)&site, sizeof(site),
			     (void *)(uintptr_t)(e->id + 1));
}

struct image_event *event_format(struct lower *lo, const struct event *e)
{
	return &lo->events.data[e->id];
}

uint32_t event_add(struct lower *lo, struct event *e, const struct shape *shape, uint32_t align)
{
	struct image_arg arg = { .shape = shape };

	arg.offset = (e->size + align - 1) / align * align;
	e->size = arg.offset + shape->size;
	vec_push(lo->arena, &e->args, arg);
	return arg.offset;
}

uint32_t event_add_type(struct lower *lo, struct event *e, const struct type *t)
{
	/* An aggregation is sent as the number that it is over all CPUs. */
	if (t->kind == TYPE_AGG)
		t = type_int(8, t->is_signed);
	return event_add(lo, e, shape_of(lo, t), type_align(t));
}

void emit_lost(struct lower *lo)
{
	struct ir_insn *cpu = emit_op_imm(lo, OP_AND, emit_cpu(lo), (int64_t)lo->cpu_slots - 1);
	struct ir_insn *base = emit_op(lo, OP_ADD, emit_data(lo, lo->data.map, lo->lost_offset),
				       emit_op_imm(lo, OP_MUL, cpu, 64));

	emit_store(lo, base, 0, 8, emit_add_imm(lo, emit_load(lo, base, 0, 8, false), 1));
}

void event_reserve(struct lower *lo, struct event *e)
{
	struct image_event *format = event_format(lo, e);
	struct ir_block *got = block_new(lo), *lost = block_new(lo);
	struct ir_insn *record, *map;

	e->size = (e->size + 7) & ~7u;
	format->size = e->size;
	format->args = e->args.data;
	format->arg_count = (uint32_t)e->args.len;
	e->done = block_new(lo);
	e->from = lo->fn->block;
	e->time = ssa_now(lo);
	map = emit_map(lo, (uint32_t)lo->ringbuf_map);
	record = EMIT_CALL(lo, ringbuf_reserve, map, emit_const(lo, e->size), emit_const(lo, 0));
	lost->is_cold = true;
	emit_branch_imm(lo, COND_NE, record, 0, got, lost);
	block_enter(lo, lost);
	emit_lost(lo);
	emit_jump(lo, e->done);
	block_enter(lo, got);
	e->record = place_ptr(record, 0, AS_BPF);
	place_store(lo, &e->record, 0, 8, emit_const(lo, e->id));
}

void event_submit(struct lower *lo, struct event *e)
{
	EMIT_CALL(lo, ringbuf_submit, e->record.base, emit_const(lo, 0));
	emit_jump(lo, e->done);
	ssa_set_dom(lo, e->done, e->from, e->time);
	block_enter(lo, e->done);
}

/* ---- errors at run time ---------------------------------------------------------------------- */

void emit_runtime_error(struct lower *lo, const char *message, struct span span)
{
	struct event e;

	event_begin(lo, &e, EVENT_HELPER_ERROR, NULL);
	event_format(lo, &e)->text = message;
	event_format(lo, &e)->span = span_visible(span);
	event_reserve(lo, &e);
	event_submit(lo, &e);
}

void emit_helper_error(struct lower *lo, uint32_t helper, struct ir_insn *ret, struct span span)
{
	struct event e;
	uint32_t offset;

	event_begin(lo, &e, EVENT_HELPER_ERROR, NULL);
	event_format(lo, &e)->text = ir_helper_name(helper);
	event_format(lo, &e)->span = span_visible(span);
	offset = event_add_type(lo, &e, type_int(8, true));
	event_reserve(lo, &e);
	place_store(lo, &e.record, offset, 8, ret);
	event_submit(lo, &e);
}

/* What a script sees anyway, as a zero or an empty string, is only worth a warning with -k. */
static bool is_silent(uint32_t helper)
{
	switch (helper) {
	case BPF_FUNC_probe_read:
	case BPF_FUNC_probe_read_str:
	case BPF_FUNC_probe_read_kernel:
	case BPF_FUNC_probe_read_kernel_str:
	case BPF_FUNC_probe_read_user:
	case BPF_FUNC_probe_read_user_str:
	case BPF_FUNC_map_lookup_elem: return true;
	default: return false;
	}
}

void check_helper(struct lower *lo, uint32_t helper, struct ir_insn *ret, struct span span)
{
	struct ir_block *failed, *ok;

	if (is_silent(helper) && !lo->o->warn_helper_errors)
		return;
	/* Some helpers return an int: the upper half is not defined. */
	ret = emit_extend(lo, ret, 4, true);
	failed = block_new(lo);
	ok = block_new(lo);
	failed->is_cold = true;
	emit_branch_imm(lo, COND_SLT, ret, 0, failed, ok);
	block_enter(lo, failed);
	emit_helper_error(lo, helper, ret, span);
	emit_jump(lo, ok);
	block_enter(lo, ok);
}
