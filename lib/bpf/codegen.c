#include "bpf/codegen.h"

#include <assert.h>

#include "bpf/emit.h"
#include "bpf/regalloc.h"

/*
 * Larger slots go to scratch memory even if the stack has room: clearing and filling them costs the
 * same there, and callbacks need some of the stack.
 */
#define MAX_STACK_SLOT    128
#define MAX_CALLBACK_SLOT 32

struct codegen {
	struct arena *arena;
	const struct codegen_options *o;
	struct ir_program *p;
	struct mir_func **mir; // by function
	uint32_t *depth;       // by function: stack bytes with the callbacks below it; 0: not yet
	uint32_t *scratch_bytes;
	const char *error;
};

/* kernel/bpf/verifier.c, check_max_stack_depth(): each frame is rounded up. */
static uint32_t round_frame(uint32_t bytes)
{
	return ((bytes ? bytes : 1) + 31) & ~31u;
}

static void generate(struct codegen *g, uint32_t index);

/* The deepest of the functions that @f passes to helpers. */
static uint32_t callback_depth(struct codegen *g, const struct ir_func *f)
{
	uint32_t depth = 0;

	ir_foreach_block (f, b)
		ir_foreach_insn (b, insn) {
			if (insn->op != OP_FUNC)
				continue;
			if (!g->depth[insn->imm])
				generate(g, (uint32_t)insn->imm);
			if (g->depth[insn->imm] > depth)
				depth = g->depth[insn->imm];
		}
	return depth;
}

/* The frame that emission will find in use; slots of moves are only known afterwards. */
static struct mir_func *select_and_allocate(struct codegen *g, struct ir_func *f)
{
	struct mir_func *m;

	cfg_compute(f);
	dom_compute(f);
	m = isel_func(g->arena, f, g->o);

	m->frame_bytes = (int32_t)frame_stack_bytes(f);
	regalloc_run(m);
	return m;
}

/* Give every slot its place.  Each function has regions of its own in the scratch map. */
static bool place_slots(struct codegen *g, struct ir_func *f, uint32_t budget, uint32_t max_slot)
{
	uint32_t stride;

	cfg_compute(f);
	if (!frame_place(f, budget, max_slot, &stride)) {
		g->error = arena_printf(g->arena, "local data does not fit the stack (%u bytes)",
					budget);
		return false;
	}
	if (stride) {
		frame_lower_scratch(f, g->o, *g->scratch_bytes, stride);
		*g->scratch_bytes += stride * g->o->cpu_slots;
	}
	return true;
}

static void generate(struct codegen *g, uint32_t index)
{
	struct ir_func *f = g->p->funcs.data[index];
	const uint32_t spare = 2 * 8; // emit_moves() may need them
	uint32_t below, budget, room;

	g->depth[index] = round_frame(0); // while it is being computed
	below = callback_depth(g, f);
	budget = below + spare < BPF_STACK_BYTES ? BPF_STACK_BYTES - below - spare : 0;
	legalize_func(f, g->o);
	cfg_compute(f);
	layout_blocks(f);
	phi_split_edges(f);
	/* Spill slots may need what the slots were given: these get less then. */
	for (room = budget; !g->error;) {
		uint32_t used;

		if (!place_slots(g, f, room, index == 0 ? MAX_STACK_SLOT : MAX_CALLBACK_SLOT))
			return;
		g->mir[index] = select_and_allocate(g, f);
		used = (uint32_t)g->mir[index]->frame_bytes;
		if (used <= budget) {
			g->depth[index] = round_frame(used + spare) + below;
			return;
		}
		if (room == 0)
			g->error = "too many values are needed at the same time";
		room = room > used - budget ? room - (used - budget) : 0;
	}
}

/* A copy in @a of what @e has in its own arena. */
static void fill_in(struct image_program *out, struct arena *a, const struct emitter *e)
{
	out->insn_count = (uint32_t)e->insns.len;
	out->insns = arena_memdup(a, e->insns.data, e->insns.len * sizeof(*e->insns.data));
	out->reloc_count = (uint32_t)e->relocs.len;
	out->relocs = arena_memdup(a, e->relocs.data, e->relocs.len * sizeof(*e->relocs.data));
	out->line_count = (uint32_t)e->lines.len;
	out->lines = arena_memdup(a, e->lines.data, e->lines.len * sizeof(*e->lines.data));
	out->func_count = (uint32_t)e->funcs.len;
	out->funcs = arena_memdup(a, e->funcs.data, e->funcs.len * sizeof(*e->funcs.data));
}

static const char *emit_program(struct image_program *out, struct arena *a, struct codegen *g)
{
	struct emitter e;

	emit_init(&e, g->arena, g->o->cpu_v4);
	for (uint32_t i = 0; i < g->p->funcs.len; i++)
		emit_func(&e, g->mir[i]);
	emit_finish(&e);
	if (!e.error && e.insns.len > BPF_MAX_INSNS)
		e.error = "the program is too long for the kernel";
	if (!e.error)
		fill_in(out, a, &e);
	return e.error;
}

const char *codegen_program(struct image_program *out, struct arena *a, struct ir_program *p,
			    const struct codegen_options *o, uint32_t *scratch_bytes)
{
	struct arena arena; // of the machine IR: it is gone when the instructions are there
	struct codegen g = { .arena = &arena, .o = o, .p = p, .scratch_bytes = scratch_bytes };

	arena_init(&arena);
	g.mir = arena_array(&arena, struct mir_func *, p->funcs.len);
	g.depth = arena_array(&arena, uint32_t, p->funcs.len);
	for (uint32_t i = 0; i < p->funcs.len && !g.error; i++)
		if (!g.mir[i])
			generate(&g, i);
	if (!g.error)
		g.error = emit_program(out, a, &g);
	if (g.error)
		g.error = arena_strdup(a, g.error);
	arena_finish(&arena);
	return g.error;
}
