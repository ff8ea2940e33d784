/*
 * User probes (uprobe, uretprobe, usdt): one uprobe_multi link for all places of a binary (Linux
 * 6.6), else an event of the uprobe PMU for each.
 */
#include "attach/uprobe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attach/attach.h"
#include "message.h"
#include "sys.h"
#include "util/fd.h"

static bool is_return(const struct attach_point *ap)
{
	return ap->kind == PROBE_uretprobe;
}

/* One link for @places of one binary. */
static int link_places(struct attacher *a, uint32_t program, const struct attach_point *ap,
		       const uprobe_places *places)
{
	_cleanup_free_ uint64_t *offsets = calloc(places->len * 2, sizeof(*offsets));
	uint64_t *semaphores = offsets + places->len;
	bool has_semaphores = false;
	struct sys_uprobe_multi multi = {
		.path = ap->path,
		.offsets = offsets,
		.count = (uint32_t)places->len,
		.pid = a->options->pid > 0 ? a->options->pid : 0,
		.is_return = is_return(ap),
	};

	if (!offsets)
		return -ENOMEM;
	for (size_t i = 0; i < places->len; i++) {
		offsets[i] = places->data[i].offset;
		semaphores[i] = places->data[i].semaphore;
		has_semaphores |= semaphores[i] != 0;
	}
	multi.semaphores = has_semaphores ? semaphores : NULL;
	return attach_keep(a, sys_link_uprobe_multi(attach_program_fd(a, program), &multi));
}

/* The attach points from *@next on that share a binary: their places into @places. */
static int collect_binary(struct attacher *a, const struct image_program *p, uint32_t *next,
			  uprobe_places *places)
{
	const char *path = p->attach_points[*next]->path;

	for (; *next < p->attach_point_count; (*next)++) {
		const struct attach_point *ap = p->attach_points[*next];
		struct err err = { 0 };

		if (strcmp(ap->path, path) != 0 || is_return(ap) != is_return(p->attach_points[0]))
			break;
		if (uprobe_find_places(places, &a->files, ap, a->options->is_unsafe, &err) < 0)
			return -ENOENT;
	}
	return 0;
}

int attach_uprobe_group(struct attacher *a, uint32_t program, uint32_t *done)
{
	const struct image_program *p = attach_program(a, program);
	int r = 0;

	if (p->expected_attach_type != SYS_ATTACH_UPROBE_MULTI)
		return 0;
	while (*done < p->attach_point_count) {
		const struct attach_point *ap = p->attach_points[*done];
		uprobe_places places = { 0 };
		uint32_t next = *done;

		r = collect_binary(a, p, &next, &places);
		if (r == 0)
			r = link_places(a, program, ap, &places);
		vec_finish(&places);
		if (r < 0)
			break;
		*done = next;
	}
	return 0;
}

/* By a perf event, for a program that wasn't loaded for uprobe_multi links. */
static int open_event(struct attacher *a, uint32_t program, const struct attach_point *ap,
		      const struct uprobe_place *place)
{
	struct perf_event_attr attr = { .sample_period = 1 };
	pid_t pid = a->options->pid;
	int type = attach_pmu_type("uprobe");
	int bit;

	if (type < 0)
		return -EOPNOTSUPP;
	attr.type = (uint32_t)type;
	if (is_return(ap)) {
		bit = attach_pmu_bit("uprobe", "retprobe");
		attr.config = 1ull << (bit < 0 ? 0 : bit);
	}
	if (place->semaphore) {
		bit = attach_pmu_bit("uprobe", "ref_ctr_offset");
		attr.config |= place->semaphore << (bit < 0 ? 32 : bit);
	}
	attr.uprobe_path = (uint64_t)(uintptr_t)ap->path;
	attr.probe_offset = place->offset;
	if (pid > 0)
		return attach_perf_event(a, program, &attr, pid, -1);
	return attach_perf_event(a, program, &attr, -1, a->cpus.len ? a->cpus.data[0] : 0);
}

int attach_uprobe(struct attacher *a, uint32_t program, const struct attach_point *ap,
		  struct err *err)
{
	bool is_multi = attach_program(a, program)->expected_attach_type == SYS_ATTACH_UPROBE_MULTI;
	uprobe_places places = { 0 };
	int r = uprobe_find_places(&places, &a->files, ap, a->options->is_unsafe, err);

	if (r == 0 && is_multi) {
		r = link_places(a, program, ap, &places);
	} else if (r == 0) {
		vec_foreach (&places, place) {
			r = open_event(a, program, ap, place);
			if (r < 0)
				break;
		}
	}
	vec_finish(&places);
	if (r < 0 && !err->msg[0])
		return err_errno(err, r, "Could not attach to %s", ap->name);
	return r;
}
