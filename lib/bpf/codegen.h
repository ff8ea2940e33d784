/*
 * From the IR of one program to its instructions: placement of slots, selection, allocation,
 * emission.  The order is codegen_program().
 */
#pragma once

#include "bpf/image.h"
#include "bpf/mir.h"
#include "ir/ir.h"

/*
 * Slots of @f that fit go to the stack, @budget bytes of it; the others to scratch memory, *stride
 * bytes a CPU (0: none did).  Slots that are not live at the same time share.  It can be called
 * again, with a smaller budget, after frame_lower_scratch().
 * Returns false when slots don't fit where they must be.
 * Requires: cfg_compute().
 */
bool frame_place(struct ir_func *f, uint32_t budget, uint32_t max_slot, uint32_t *stride);
/* Bytes that the slots on the stack take, a multiple of 8. */
uint32_t frame_stack_bytes(const struct ir_func *f);
/*
 * Turn the addresses of slots in scratch memory into arithmetic on a base that is computed once:
 * this CPU's part, @stride bytes apart, of the region at @region of the scratch map.
 */
void frame_lower_scratch(struct ir_func *f, const struct codegen_options *o, uint32_t region,
			 uint32_t stride);

void phi_split_edges(struct ir_func *f);
/* Requires: cfg_compute().  The list of blocks is in the new order. */
void layout_blocks(struct ir_func *f);
/* What the machine has no instruction for, as other IR operations. */
void legalize_func(struct ir_func *f, const struct codegen_options *o);

/*
 * Fills in out->insns, relocs, lines, funcs.  *scratch_bytes is how much of the scratch map is in
 * use, and grows by what this program needs.  Returns NULL, or why the program can't be expressed.
 */
const char *codegen_program(struct image_program *out, struct arena *a, struct ir_program *p,
			    const struct codegen_options *o, uint32_t *scratch_bytes);

/* out->btf, func_info and line_info from out->funcs and out->lines. */
void btf_make(struct image_program *out, struct arena *a);
