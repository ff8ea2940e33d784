/*
 * Tracepoints through perf: one event, on any CPU; the kernel runs the program for all of them.
 */
#include <errno.h>

#include "attach/attach.h"

int attach_tracepoint(struct attacher *a, uint32_t program, const struct attach_point *ap,
		      struct err *err)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .sample_period = 1 };
	int id, r;

	/* Without fields, see lower.c. */
	if (attach_program(a, program)->prog_type == BPF_PROG_TYPE_RAW_TRACEPOINT)
		return attach_bpf(a, program, ap, err);
	if (!a->has_tracefs) {
		r = tracefs_open(&a->tracefs, err);
		if (r < 0)
			return r;
		a->has_tracefs = true;
	}
	id = tracefs_event_id(&a->tracefs, ap->module, ap->function, err);
	if (id < 0)
		return id;
	attr.config = (uint64_t)id;
	r = attach_perf_event(a, program, &attr, -1, a->cpus.len ? a->cpus.data[0] : 0);
	return r < 0 ? err_errno(err, r, "Could not attach to %s", ap->name) : 0;
}
