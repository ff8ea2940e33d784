/*
 * software: and hardware: events, counted on every CPU; the program runs every `period` of them.
 */
#include <errno.h>
#include <string.h>

#include "attach/attach.h"

struct counter {
	enum probe_kind kind;
	const char *name;
	const char *alias;
	uint64_t number;
	uint64_t period;
};

static const struct counter counters[] = {
#define SOFTWARE(name, alias, number, period) { PROBE_software, name, alias, number, period },
#define HARDWARE(name, alias, number, period) { PROBE_hardware, name, alias, number, period },
#include "lang/counters.def"
};

static const struct counter *find_counter(enum probe_kind kind, const char *name)
{
	for (size_t i = 0; name && i < sizeof(counters) / sizeof(counters[0]); i++) {
		const struct counter *c = &counters[i];

		if (c->kind == kind && name[0] &&
		    (strcmp(c->name, name) == 0 || strcmp(c->alias, name) == 0))
			return c;
	}
	return NULL;
}

int attach_counter(struct attacher *a, uint32_t program, const struct attach_point *ap,
		   struct err *err)
{
	const struct counter *c = find_counter(ap->kind, ap->function);
	struct perf_event_attr attr = { .inherit = a->options->pid > 0 };
	int r;

	if (!c)
		return err_set(err, -ENOENT, "No such event: %s", ap->name);
	attr.type = ap->kind == PROBE_software ? PERF_TYPE_SOFTWARE : PERF_TYPE_HARDWARE;
	attr.config = c->number;
	attr.sample_period = ap->period ? ap->period : c->period;
	r = attach_perf_event_cpus(a, program, &attr, a->options->pid);
	if (r == -ENOENT && ap->kind == PROBE_hardware)
		return err_set(err, r, "This machine has no hardware event '%s'", c->name);
	return r < 0 ? err_errno(err, r, "Could not attach to %s", ap->name) : 0;
}
