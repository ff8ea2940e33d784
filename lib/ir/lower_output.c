/*
 * Lowering: built-in functions that the runner carries out when it gets their event.
 */
#include "ir/lower_impl.h"

#include <string.h>

#define JOIN_STRINGS     16
#define JOIN_STRING_SIZE 1024

static const struct ast *arg(const struct ast *e, size_t i)
{
	return e->call.args.data[i];
}

/* ---- printf and its family ------------------------------------------------------------------- */

/* "%s" of a literal is text. */
static const struct ast *literal_part(const struct ast *e, const struct format_part *f)
{
	const struct ast *a;

	if (!f->conversion[0] || strcmp(f->spec, "%s") != 0 || f->arg + 1 >= e->call.args.len)
		return NULL;
	a = arg(e, f->arg + 1);
	return a->kind == AST_STRING && a->type->kind == TYPE_STRING ? a : NULL;
}

/* What a format's conversions print: the argument's number in the event, by its number in the call.
 */
struct format_args {
	const struct ast **exprs;
	uint32_t *offsets;
	struct place *early; // evaluated before the record was there
	uint32_t count;
};

static void fill_part(struct image_format_part *out, const struct ast *e,
		      const struct format_part *f, uint32_t arg_number)
{
	const struct ast *text = literal_part(e, f);

	*out = (struct image_format_part){ .text = f->text,
					   .text_len = f->text_len,
					   .spec = f->spec,
					   .int_size = f->int_size,
					   .arg = arg_number };
	if (text) {
		out->text = text->string.data;
		out->text_len = (uint32_t)strlen(text->string.data);
		out->spec = NULL;
		return;
	}
	memcpy(out->conversion, f->conversion, sizeof(out->conversion));
}

/* The format's parts, and the arguments that the record needs. */
static struct format_args plan_format(struct lower *lo, struct event *e, const struct ast *call)
{
	const struct format_plan *plan = call->call.data;
	struct image_format_part *parts;
	struct format_args a = { 0 };

	parts = arena_array(lo->arena, struct image_format_part, plan->parts.len + 1);
	a.exprs = arena_array(lo->arena, const struct ast *, plan->parts.len + 1);
	a.offsets = arena_array(lo->arena, uint32_t, plan->parts.len + 1);
	a.early = arena_array(lo->arena, struct place, plan->parts.len + 1);
	for (size_t i = 0; i < plan->parts.len; i++) {
		const struct format_part *f = &plan->parts.data[i];

		fill_part(&parts[i], call, f, a.count);
		if (!f->conversion[0] || parts[i].text || f->arg + 1 >= call->call.args.len)
			continue;
		a.exprs[a.count] = arg(call, f->arg + 1);
		a.offsets[a.count] = event_add_type(lo, e, a.exprs[a.count]->type);
		a.count++;
	}
	event_format(lo, e)->parts = parts;
	event_format(lo, e)->part_count = (uint32_t)plan->parts.len;
	return a;
}

/*
 * While a record is reserved, nothing may leave the program: arguments that do more than compute
 * something are evaluated before, and in their order.
 */
static void evaluate_early(struct lower *lo, struct format_args *a)
{
	bool is_needed = false;

	for (uint32_t i = 0; i < a->count; i++)
		is_needed |= has_effects(a->exprs[i]);
	for (uint32_t i = 0; is_needed && i < a->count; i++) {
		const struct type *t = a->exprs[i]->type;

		a->early[i] = t->kind == TYPE_AGG ? place_slot(lo, 8, 8, NULL)
						  : place_for(lo, t, "argument");
		lower_into(lo, a->exprs[i], &a->early[i]);
	}
}

static void fill_record(struct lower *lo, const struct event *e, const struct format_args *a)
{
	for (uint32_t i = 0; i < a->count; i++) {
		struct place to = place_at(e->record, a->offsets[i]);

		if (a->early[i].kind == PLACE_NONE)
			lower_into(lo, a->exprs[i], &to);
		else if (a->exprs[i]->type->kind == TYPE_AGG)
			place_copy(lo, &to, &a->early[i], 8);
		else
			copy_value(lo, &to, &a->early[i], a->exprs[i]->type);
	}
}

static struct ir_insn *formatted(struct lower *lo, const struct ast *call, enum event_kind kind,
				 enum image_level level)
{
	struct format_args a;
	struct event e;

	event_begin(lo, &e, kind, call);
	a = plan_format(lo, &e, call);
	event_format(lo, &e)->level = level;
	if (level != LEVEL_PLAIN)
		event_format(lo, &e)->span = span_visible(call->span);
	evaluate_early(lo, &a);
	event_reserve(lo, &e);
	fill_record(lo, &e, &a);
	event_submit(lo, &e);
	return NULL;
}

/* ---- printf() of a pinned iterator ----------------------------------------------------------- */

/* Nobody is there for its events: whoever reads its file reads what it prints. */
static bool is_pinned_iterator(const struct lower *lo)
{
	const struct attach_point *ap =
		lo->probe->attach_points.len ? lo->probe->attach_points.data[0] : NULL;

	return ap && ap->kind == PROBE_iter && ap->mode && ap->mode[0];
}

/* What the kernel's formatting takes: 8 bytes, for %s the address of a string. */
static struct ir_insn *seq_value(struct lower *lo, const struct ast *a, bool is_string)
{
	struct place p;

	if (is_string != (a->type->kind == TYPE_STRING) ||
	    (!is_string && !type_is_scalar(a->type))) {
		diag_error(lo->diags, a->span,
			   "printf() of a pinned iterator prints integers, pointers and strings");
		return emit_const(lo, 0);
	}
	if (!is_string)
		return lower_scalar(lo, a);
	p = lower_place_ours(lo, a);
	if (p.kind == PLACE_SLOT)
		lo->fn->ir->slots.data[p.index].is_whole = true;
	return place_address(lo, &p);
}

/* bpf_seq_printf(): the format is the kernel's to read. */
static struct ir_insn *seq_printf(struct lower *lo, const struct ast *e)
{
	const struct format_plan *plan = e->call.data;
	const struct ast *format = arg(e, 0);
	uint32_t count = (uint32_t)e->call.args.len - 1;
	struct place text = rodata_bytes(lo, format->string.data, format->string.len + 1, 8);
	struct place data = place_slot(lo, 8 * (count ? count : 1), 8, "seq data");
	struct place meta = place_ptr(emit_ctx(lo), 0, AS_CTX);
	struct ir_insn *args[5];

	lo->fn->ir->slots.data[data.index].is_whole = true;
	lo->fn->ir->slots.data[data.index].is_scratch_ok = false;
	vec_foreach (&plan->parts, part) {
		if (part->conversion[0])
			place_store(
				lo, &data, 8 * (int64_t)part->arg, 8,
				seq_value(lo, arg(e, part->arg + 1), part->conversion[0] == 's'));
	}
	/* ctx->meta->seq */
	args[0] = emit_load(lo, place_load(lo, &meta, 0, 8, false), 0, 8, false);
	args[1] = place_address(lo, &text);
	args[2] = emit_const(lo, format->string.len + 1);
	args[3] = count ? place_address(lo, &data) : emit_const(lo, 0);
	args[4] = emit_const(lo, 8 * count);
	emit_call(lo, BPF_FUNC_seq_printf, 5, args);
	return NULL;
}

struct ir_insn *lower_printf(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	if (is_pinned_iterator(lo))
		return seq_printf(lo, e);
	return formatted(lo, e, EVENT_PRINTF, LEVEL_PLAIN);
}

struct ir_insn *lower_errorf(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return formatted(lo, e, EVENT_PRINTF, LEVEL_ERROR);
}

struct ir_insn *lower_warnf(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return formatted(lo, e, EVENT_PRINTF, LEVEL_WARNING);
}

struct ir_insn *lower_cat(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return formatted(lo, e, EVENT_CAT, LEVEL_PLAIN);
}

struct ir_insn *lower_system(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return formatted(lo, e, EVENT_SYSTEM, LEVEL_PLAIN);
}

void emit_message(struct lower *lo, enum image_level level, const char *text,
		  struct ir_insn *number, struct span span)
{
	struct image_format_part *parts = arena_array(lo->arena, struct image_format_part, 2);
	struct image_event *format;
	struct event e;
	uint32_t offset;

	parts[0] = (struct image_format_part){ .text = text, .text_len = (uint32_t)strlen(text) };
	parts[1] = (struct image_format_part){ .spec = "%d", .conversion = "d", .int_size = 8 };
	event_begin(lo, &e, EVENT_PRINTF, NULL);
	format = event_format(lo, &e);
	format->level = level;
	format->span = span_visible(span);
	format->parts = parts;
	format->part_count = number ? 2 : 1;
	offset = number ? event_add_type(lo, &e, type_int(8, true)) : 0;
	event_reserve(lo, &e);
	if (number)
		place_store(lo, &e.record, offset, 8, number);
	event_submit(lo, &e);
}

/* bpf_trace_printk(): the format is the kernel's to read. */
struct ir_insn *lower_debugf(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct ast *format = arg(e, 0);
	struct place text = rodata_bytes(lo, format->string.data, format->string.len + 1, 8);
	struct ir_insn *args[5];
	uint32_t count = 0;

	(void)dst;
	for (size_t i = 1; i < e->call.args.len && i < 4; i++) {
		const struct ast *a = arg(e, i);
		struct place p;

		if (type_is_scalar(a->type)) {
			args[i + 1] = lower_scalar(lo, a);
		} else {
			p = lower_place_ours(lo, a);
			args[i + 1] = place_address(lo, &p);
		}
		count++;
	}
	args[0] = place_address(lo, &text);
	args[1] = emit_const(lo, format->string.len + 1);
	emit_call(lo, BPF_FUNC_trace_printk, count + 2, args);
	return NULL;
}

/* ---- print ----------------------------------------------------------------------------------- */

/* The whole map, by the runner; top and div are constants. */
static void print_map(struct lower *lo, const struct ast *call)
{
	struct event e;
	uint32_t offsets[2] = { 0 };

	event_begin(lo, &e, EVENT_PRINT_MAP, call);
	event_format(lo, &e)->var = map_info(lo, arg(call, 0)->map.map)->var;
	for (size_t i = 1; i < call->call.args.len && i < 3; i++)
		offsets[i - 1] = event_add_type(lo, &e, type_int(8, false));
	event_reserve(lo, &e);
	for (size_t i = 1; i < call->call.args.len && i < 3; i++)
		place_store(lo, &e.record, offsets[i - 1], 8, lower_scalar(lo, arg(call, i)));
	event_submit(lo, &e);
}

/* print(@x[key]): the key and the value. */
static void print_element(struct lower *lo, const struct ast *call)
{
	const struct ast *access = arg(call, 0);
	const struct map_info *m = map_info(lo, access->map.map);
	const struct type *t = access->type, *kt = m->decl->key;
	struct place key = map_key(lo, m, access->map.key), value = { 0 }, to;
	struct ir_insn *number = NULL;
	uint32_t key_offset, value_offset;
	struct event e;

	lo->span = access->span;
	if (type_is_scalar(t) || t->kind == TYPE_AGG)
		number = map_value_scalar(lo, m, &key, t);
	else
		value = map_value_place(lo, m, &key);
	event_begin(lo, &e, EVENT_PRINT_MAP_KEY, call);
	event_format(lo, &e)->var = m->var;
	key_offset = event_add_type(lo, &e, kt);
	value_offset = event_add_type(lo, &e, t);
	event_reserve(lo, &e);
	to = place_at(e.record, key_offset);
	copy_value(lo, &to, &key, kt);
	to = place_at(e.record, value_offset);
	if (number)
		place_store(lo, &to, 0, t->kind == TYPE_AGG ? 8 : t->size, number);
	else
		copy_value(lo, &to, &value, t);
	event_submit(lo, &e);
}

static void print_value(struct lower *lo, const struct ast *call)
{
	const struct ast *value = arg(call, 0);
	struct format_args a = { .exprs = &value, .count = 1 };
	struct place early = { 0 };
	uint32_t offset;
	struct event e;

	event_begin(lo, &e, EVENT_PRINT, call);
	offset = event_add_type(lo, &e, value->type);
	a.offsets = &offset;
	a.early = &early;
	evaluate_early(lo, &a);
	event_reserve(lo, &e);
	fill_record(lo, &e, &a);
	event_submit(lo, &e);
}

struct ir_insn *lower_print(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct ast *what = arg(e, 0);

	(void)dst;
	if (what->kind == AST_MAP)
		print_map(lo, e);
	else if (what->kind == AST_MAP_ACCESS)
		print_element(lo, e);
	else
		print_value(lo, e);
	return NULL;
}

/* ---- the others ------------------------------------------------------------------------------ */

static struct ir_insn *map_event(struct lower *lo, const struct ast *call, enum event_kind kind)
{
	struct event e;

	event_begin(lo, &e, kind, call);
	event_format(lo, &e)->var = map_info(lo, arg(call, 0)->map.map)->var;
	event_reserve(lo, &e);
	event_submit(lo, &e);
	return NULL;
}

struct ir_insn *lower_clear(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return map_event(lo, e, EVENT_CLEAR);
}

struct ir_insn *lower_zero(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return map_event(lo, e, EVENT_ZERO);
}

/* An event with one number, or none. */
static struct ir_insn *number_event(struct lower *lo, const struct ast *call, enum event_kind kind,
				    struct ir_insn *number, const struct type *t)
{
	uint32_t offset = 0;
	struct event e;

	event_begin(lo, &e, kind, call);
	if (number)
		offset = event_add_type(lo, &e, t);
	event_reserve(lo, &e);
	if (number)
		place_store(lo, &e.record, offset, 8, number);
	event_submit(lo, &e);
	return NULL;
}

struct ir_insn *lower_exit(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct ir_insn *code = e->call.args.len ? lower_scalar(lo, arg(e, 0)) : emit_const(lo, 0);
	struct place flag = exit_flag(lo);
	struct event event;
	uint32_t offset;

	(void)dst;
	event_begin(lo, &event, EVENT_EXIT, e);
	offset = event_add_type(lo, &event, type_int(8, true));
	event_reserve(lo, &event);
	place_store(lo, &event.record, offset, 8, code);
	place_store(lo, &flag, 0, 8, emit_const(lo, 1));
	event_submit(lo, &event);
	return NULL;
}

struct ir_insn *lower_unwatch(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return number_event(lo, e, EVENT_UNWATCH, lower_scalar(lo, arg(e, 0)), type_int(8, false));
}

struct ir_insn *lower_time(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct event event;

	(void)dst;
	event_begin(lo, &event, EVENT_TIME, e);
	event_format(lo, &event)->text = e->call.args.len ? arg(e, 0)->string.data : "%H:%M:%S\n";
	event_reserve(lo, &event);
	event_submit(lo, &event);
	return NULL;
}

/* The strings of a NULL-terminated array of pointers, and how many there are. */
static void join_strings(struct lower *lo, const struct ast *array, const struct place *strings,
			 const struct place *count)
{
	struct ir_insn *base = lower_scalar(lo, array);
	enum addr_space as = resolve_space(lo, array->type->as);
	struct ir_block *end = block_new(lo);
	uint32_t number = ssa_var_new(lo);

	ssa_write(lo, number, emit_const(lo, 0));
	for (uint32_t i = 0; i < JOIN_STRINGS; i++) {
		struct place entry = place_ptr(base, 8 * (int64_t)i, as), string;
		struct place to = place_at(*strings, (int64_t)i * JOIN_STRING_SIZE);
		struct ir_insn *address = load_scalar(lo, &entry, type_int(8, false));
		struct ir_block *more = block_new(lo);

		emit_branch_imm(lo, COND_NE, address, 0, more, end);
		block_enter(lo, more);
		string = place_ptr(address, 0, as);
		read_string(lo, &to, emit_const(lo, JOIN_STRING_SIZE), &string);
		ssa_write(lo, number, emit_const(lo, i + 1));
	}
	emit_jump(lo, end);
	block_enter(lo, end);
	place_store(lo, count, 0, 8, ssa_read(lo, number));
}

struct ir_insn *lower_join(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct type *string = type_string(lo->arena, JOIN_STRING_SIZE);
	const struct type *strings = type_array(lo->arena, string, JOIN_STRINGS);
	struct place count, data;
	uint32_t count_offset, data_offset;
	struct event event;

	(void)dst;
	event_begin(lo, &event, EVENT_JOIN, e);
	event_format(lo, &event)->text = e->call.args.len > 1 ? arg(e, 1)->string.data : " ";
	count_offset = event_add_type(lo, &event, type_int(8, false));
	data_offset = event_add_type(lo, &event, strings);
	event_reserve(lo, &event);
	count = place_at(event.record, count_offset);
	data = place_at(event.record, data_offset);
	join_strings(lo, arg(e, 0), &data, &count);
	event_submit(lo, &event);
	return NULL;
}

/*
 * bpf_skb_output() writes to a perf event array, not to the ring buffer: struct event_header, the
 * time, and behind them the packet.
 */
struct ir_insn *lower_skboutput(struct lower *lo, const struct ast *e, const struct place *dst)
{
	struct image_map map = { .name = "packets",
				 .type = BPF_MAP_TYPE_PERF_EVENT_ARRAY,
				 .key_size = 4,
				 .value_size = 4,
				 .max_entries = lo->cpu_count };
	struct place header = place_slot(lo, 16, 8, "packet");
	struct ir_insn *args[5];
	struct event event;

	(void)dst;
	if (lo->packet_map < 0)
		lo->packet_map = image_map_add(lo, &map);
	event_begin(lo, &event, EVENT_SKBOUTPUT, e);
	event_add_type(lo, &event, type_int(8, false));
	event_format(lo, &event)->text = arg(e, 0)->string.data;
	event_format(lo, &event)->args = event.args.data;
	event_format(lo, &event)->arg_count = 1;
	event_format(lo, &event)->size = event.size;
	place_store(lo, &header, 0, 8, emit_const(lo, event.id));
	place_store(lo, &header, 8, 8, emit_clock(lo, NSECS_BOOT, e->span));
	args[0] = lower_scalar(lo, arg(e, 1));
	args[2] = emit_extend(lo, lower_scalar(lo, arg(e, 2)), 4, false);
	args[2] = emit_op_imm(lo, OP_SHL, args[2], 32);
	args[2] = emit_op_imm(lo, OP_OR, args[2], BPF_F_CURRENT_CPU);
	args[1] = emit_map(lo, (uint32_t)lo->packet_map);
	args[3] = place_address(lo, &header);
	args[4] = emit_const(lo, 16);
	return emit_extend(lo, emit_call(lo, BPF_FUNC_skb_output, 5, args), 4, false);
}
