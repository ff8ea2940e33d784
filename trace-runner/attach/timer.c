/*
 * profile: a clock on every CPU.  interval: one clock, on one CPU.
 */
#include "attach/attach.h"

static struct perf_event_attr clock_of(const struct attach_point *ap, pid_t pid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.inherit = pid > 0, // and its children
	};

	if (ap->frequency) {
		attr.freq = 1;
		attr.sample_freq = ap->frequency;
	} else {
		attr.sample_period = ap->period;
	}
	return attr;
}

int attach_profile(struct attacher *a, uint32_t program, const struct attach_point *ap,
		   struct err *err)
{
	struct perf_event_attr attr = clock_of(ap, a->options->pid);
	int r = attach_perf_event_cpus(a, program, &attr, a->options->pid);

	return r < 0 ? err_errno(err, r, "Could not attach to %s", ap->name) : 0;
}

int attach_interval(struct attacher *a, uint32_t program, const struct attach_point *ap,
		    struct err *err)
{
	struct perf_event_attr attr = clock_of(ap, 0);
	int cpu = a->cpus.len ? a->cpus.data[0] : 0;
	int r = attach_perf_event(a, program, &attr, -1, cpu);

	return r < 0 ? err_errno(err, r, "Could not attach to %s", ap->name) : 0;
}
