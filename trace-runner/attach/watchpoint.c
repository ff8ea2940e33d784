/*
 * Watchpoints: hardware breakpoints on an address, for every thread of a process, or on every CPU.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <stdio.h>
#include <string.h>

#include "attach/attach.h"
#include "message.h"
#include "util/str.h"

static int attach_at(struct attacher *a, uint32_t program, struct perf_event_attr *attr, pid_t tid,
		     int cpu)
{
	int r = attach_perf_event(a, program, attr, tid, cpu);

	if (r < 0)
		message_warning("Failed to create a perf event for cpu %d tid %d: %s", cpu, tid,
				strerror(-r));
	return r;
}

/* Threads come and go: one event is enough.  The last error, or 0. */
static int attach_threads(struct attacher *a, uint32_t program, struct perf_event_attr *attr,
			  pid_t pid)
{
	char path[64];
	struct dirent *entry;
	bool is_any = false;
	int r = -ESRCH;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return -errno;
	while ((entry = readdir(tasks))) {
		uint64_t tid;

		if (parse_u64(&tid, entry->d_name, 10) < 0)
			continue;
		r = attach_at(a, program, attr, (pid_t)tid, -1);
		is_any |= r == 0;
	}
	closedir(tasks);
	return is_any ? 0 : r;
}

static int attach_cpus(struct attacher *a, uint32_t program, struct perf_event_attr *attr)
{
	bool is_any = false;
	int r = -ENODEV;

	vec_foreach (&a->cpus, cpu) {
		r = attach_at(a, program, attr, -1, *cpu);
		is_any |= r == 0;
	}
	return is_any ? 0 : r;
}

int attach_watchpoint(struct attacher *a, uint32_t program, const struct attach_point *ap,
		      struct err *err)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.bp_addr = ap->address,
		.bp_len = ap->length,
		.sample_period = 1, // every one
		.inherit = 1,       // threads to come too
	};
	int r;

	for (const char *m = ap->mode; m && *m; m++)
		attr.bp_type |= *m == 'r'   ? HW_BREAKPOINT_R
				: *m == 'w' ? HW_BREAKPOINT_W
					    : HW_BREAKPOINT_X;
	if (attr.bp_type & HW_BREAKPOINT_X)
		attr.bp_len = sizeof(long);
	r = a->options->pid > 0 ? attach_threads(a, program, &attr, a->options->pid)
				: attach_cpus(a, program, &attr);
	if (r == -ENOSPC)
		return err_set(err, r, "No more HW registers left");
	return r < 0 ? err_errno(err, r, "Could not attach to %s", ap->name) : 0;
}
