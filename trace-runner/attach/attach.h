/*
 * Attaching loaded programs to what their attach points name.
 *
 * One file a family of probes; a row of the table in attach.c for each kind of probes.def.  What is
 * attached is a list of descriptors: closing them detaches.
 */
#pragma once

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/image.h"
#include "kern/cpus.h"
#include "kern/tracefs.h"
#include "lang/config.h"
#include "load.h"
#include "util/err.h"
#include "util/vec.h"

struct attach_options {
	const struct config *config;
	pid_t pid; // -p or the child of -c: probes that can fire for one process only do so; 0: all
	bool is_unsafe;
	bool (*is_interrupted)(void); // gives up between two programs
};

struct attached {
	vec_of(int) fds;
	uint32_t probe_count; // attach points that are attached
	int iter_link;        // of an iter: probe, -1: none; owned by fds
};

struct attacher {
	struct loaded *loaded;
	const struct attach_options *options;
	struct attached *attached;
	struct tracefs tracefs;
	bool has_tracefs;
	cpu_list cpus; // online
	struct uprobe_files *files;
};

/*
 * Attach all programs but those that the runner runs itself (begin, end, self, test, bench), in the
 * order that makes the kernel run them in the script's order.  Failures are reported here and
 * count as config->missing_probes says.  0; -EINTR; -ENOENT: a probe that must be there is not.
 */
int attach_all(struct attached *out, struct loaded *l, const struct attach_options *o)
	__attribute__((warn_unused_result));
void attach_finish(struct attached *a);

/*
 * The rest is between the files of this folder.
 */

/* Attach @program to one attach point: 0 or a negative errno with the words in @err. */
typedef int (*attach_fn)(struct attacher *a, uint32_t program, const struct attach_point *ap,
			 struct err *err);
/*
 * Attach @program to as many of its attach points as one link takes: *done of them, from the first.
 * The rest is attached one by one, and is told of its errors then.  Negative: the trace can't go
 * on.
 */
typedef int (*attach_group_fn)(struct attacher *a, uint32_t program, uint32_t *done);

int attach_bpf(struct attacher *a, uint32_t program, const struct attach_point *ap,
	       struct err *err);
int attach_tracepoint(struct attacher *a, uint32_t program, const struct attach_point *ap,
		      struct err *err);
int attach_kprobe(struct attacher *a, uint32_t program, const struct attach_point *ap,
		  struct err *err);
int attach_uprobe(struct attacher *a, uint32_t program, const struct attach_point *ap,
		  struct err *err);
int attach_profile(struct attacher *a, uint32_t program, const struct attach_point *ap,
		   struct err *err);
int attach_interval(struct attacher *a, uint32_t program, const struct attach_point *ap,
		    struct err *err);
int attach_counter(struct attacher *a, uint32_t program, const struct attach_point *ap,
		   struct err *err);
int attach_watchpoint(struct attacher *a, uint32_t program, const struct attach_point *ap,
		      struct err *err);
int attach_iter(struct attacher *a, uint32_t program, const struct attach_point *ap,
		struct err *err);

int attach_kprobe_group(struct attacher *a, uint32_t program, uint32_t *done);
int attach_uprobe_group(struct attacher *a, uint32_t program, uint32_t *done);

/* Keep @fd until the end; negative values are passed through. */
int attach_keep(struct attacher *a, int fd);
/* Open a perf event and let @program run on it. */
int attach_perf_event(struct attacher *a, uint32_t program, struct perf_event_attr *attr, pid_t pid,
		      int cpu);
/* The same on each online CPU, or for -p's process on each. */
int attach_perf_event_cpus(struct attacher *a, uint32_t program, struct perf_event_attr *attr,
			   pid_t pid);
/* The number of a perf PMU ("kprobe", "uprobe") and of the bit in its config that `format` names.
 */
int attach_pmu_type(const char *name) __attribute__((warn_unused_result));
int attach_pmu_bit(const char *pmu, const char *format) __attribute__((warn_unused_result));

static inline const struct image_program *attach_program(const struct attacher *a, uint32_t index)
{
	return &a->loaded->image->programs[index];
}

static inline int attach_program_fd(const struct attacher *a, uint32_t index)
{
	return a->loaded->program_fds[index];
}
