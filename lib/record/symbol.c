#include "record/symbol.h"

#include "record/num.h"

/* An address as C++ streams print a pointer: no "0x" before zero. */
static void put_address(struct buf *out, uint64_t addr)
{
	if (addr)
		buf_puts(out, "0x");
	num_put_hex(out, addr);
}

static void put_function(struct buf *out, const struct record_symbol *s, bool with_offset,
			 bool perf)
{
	if (s->is_inlined && !perf)
		buf_puts(out, "[inlined] ");
	buf_puts(out, s->name ? s->name : "");
	if (with_offset && !s->is_inlined) {
		buf_putc(out, '+');
		num_put_u64(out, s->offset);
	}
	if (!perf && s->file) {
		buf_putc(out, '@');
		buf_puts(out, s->file);
		buf_putc(out, ':');
		num_put_u64(out, s->line);
	}
}

void symbol_put_kernel(struct buf *out, const struct record_env *env, uint64_t addr)
{
	const struct record_resolver *r = env->resolver;
	struct record_symbol s[RECORD_INLINE_MAX];
	size_t count = r && r->ksym ? r->ksym(r->ctx, addr, s, RECORD_INLINE_MAX) : 0;

	if (count && s[count - 1].name)
		buf_puts(out, s[count - 1].name);
	else
		put_address(out, addr);
}

void symbol_put_user(struct buf *out, const struct record_env *env, uint64_t addr, uint32_t pid)
{
	const struct record_resolver *r = env->resolver;
	struct record_symbol s[RECORD_INLINE_MAX];
	size_t count = r && r->usym ? r->usym(r->ctx, addr, pid, s, RECORD_INLINE_MAX) : 0;

	if (count && s[count - 1].name)
		buf_puts(out, s[count - 1].name);
	else
		put_address(out, addr);
}

/* The lines of one frame: several when functions were inlined. */
static void put_frame(struct buf *out, const struct record_env *env, const struct shape *shape,
		      uint64_t addr, uint32_t pid)
{
	const struct record_resolver *r = env->resolver;
	struct record_symbol s[RECORD_INLINE_MAX];
	bool is_user = shape->kind == SHAPE_USTACK, is_perf = shape->mode == STACK_PERF;
	size_t count = 0;

	if (is_user && r && r->usym)
		count = r->usym(r->ctx, addr, pid, s, RECORD_INLINE_MAX);
	else if (!is_user && r && r->ksym)
		count = r->ksym(r->ctx, addr, s, RECORD_INLINE_MAX);
	if (count == 0 || !s[count - 1].name) {
		count = 1;
		s[0] = (struct record_symbol){ 0 };
	}
	for (size_t i = 0; i < count; i++) {
		if (is_perf) {
			buf_putc(out, '\t');
			num_put_hex(out, addr);
			buf_putc(out, ' ');
		} else {
			buf_fill(out, ' ', 8);
		}
		if (s[i].name)
			put_function(out, &s[i], true, is_perf);
		else
			put_address(out, addr);
		if (is_perf && s[i].is_inlined)
			buf_puts(out, " (inlined)");
		else if (is_perf && is_user && s[i].name && s[i].module)
			buf_printf(out, " (%s)", s[i].module);
		else if (is_perf && is_user)
			buf_puts(out, " ([unknown])");
		buf_putc(out, '\n');
	}
}

static void put_build_ids(struct buf *out, const struct record_env *env, const struct shape *shape,
			  int32_t id)
{
	const struct record_resolver *r = env->resolver;
	struct record_build_id frames[RECORD_STACK_MAX];
	size_t max = shape->limit < RECORD_STACK_MAX ? shape->limit : RECORD_STACK_MAX;
	size_t count;

	if (!r || !r->stack_build_ids)
		return;
	count = r->stack_build_ids(r->ctx, shape->map, id, frames, max);
	for (size_t i = 0; i < count && i < max; i++) {
		const struct record_build_id *f = &frames[i];

		if (f->is_valid) {
			for (size_t j = 0; j < RECORD_BUILD_ID_SIZE; j++)
				buf_printf(out, "%02x", f->id[j]);
			buf_puts(out, " 0x");
			if (f->offset < 16)
				buf_putc(out, '0');
			num_put_hex(out, f->offset);
		} else {
			num_put_hex(out, f->ip);
		}
		buf_putc(out, '\n');
	}
}

void symbol_put_stack(struct buf *out, const struct record_env *env, const struct shape *shape,
		      int32_t id, uint32_t pid)
{
	const struct record_resolver *r = env->resolver;
	uint64_t frames[RECORD_STACK_MAX];
	size_t max = shape->limit < RECORD_STACK_MAX ? shape->limit : RECORD_STACK_MAX;
	size_t count;

	buf_putc(out, '\n');
	if (id < 0)
		return;
	if (shape->mode == STACK_BUILD_ID && shape->kind == SHAPE_USTACK) {
		put_build_ids(out, env, shape, id);
		return;
	}
	count = r && r->stack ? r->stack(r->ctx, shape->map, id, frames, max) : 0;
	for (size_t i = 0; i < count && i < max; i++) {
		if (frames[i] == UINT64_MAX) {
			buf_fill(out, ' ', 8);
			buf_puts(out, "<unwind failure>\n");
			return;
		}
		if (shape->mode == STACK_RAW) {
			num_put_hex(out, frames[i]);
			buf_putc(out, '\n');
		} else {
			put_frame(out, env, shape, frames[i], pid);
		}
	}
}
