/*
 * printf: a format plan of the image, prepared once, then filled from each record.
 *
 * The semantics are bpftrace's, which are those of C++ streams rather than of C: integers are cut
 * to the width the length modifier says (none: 32 bits), zeros pad in front of a sign, precision
 * and ' ' mean nothing, the width of a tuple is that of its first piece.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bpf/image.h"
#include "record/value.h"
#include "util/buf.h"

struct printf_op;

struct printf_plan {
	struct printf_op *ops;
	uint32_t count;
	uint32_t size; // records must have at least
};

/* Prepare @event's format; 0 or -ENOMEM. */
int printf_plan_init(struct printf_plan *plan, const struct image_event *event)
	__attribute__((warn_unused_result));
void printf_plan_finish(struct printf_plan *plan);

/* Append the text.  @size >= plan->size is the caller's to check; else nothing is appended. */
void printf_run(const struct printf_plan *plan, struct value_walker *v, struct buf *out,
		const void *record, size_t size);

/* GFP flags by name: "GFP_KERNEL|__GFP_ZERO". */
void printf_put_gfp(struct buf *out, uint64_t flags);
