/*
 * Kernel probes: one kprobe_multi link for many functions (Linux 5.18), else an event of the kprobe
 * PMU for each (4.17).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/attach.h"
#include "message.h"
#include "sys.h"
#include "util/fd.h"

static bool is_multi(const struct image_program *p)
{
	return p->expected_attach_type == BPF_TRACE_KPROBE_MULTI ||
	       p->expected_attach_type == SYS_ATTACH_KPROBE_SESSION;
}

int attach_kprobe_group(struct attacher *a, uint32_t program, uint32_t *done)
{
	const struct image_program *p = attach_program(a, program);
	_cleanup_free_ const char **symbols = NULL;
	struct sys_kprobe_multi multi = {
		.count = p->attach_point_count,
		.is_return = p->kind == PROBE_kretprobe,
		.is_session = p->expected_attach_type == SYS_ATTACH_KPROBE_SESSION,
	};
	int fd;

	if (!is_multi(p))
		return 0;
	symbols = calloc(p->attach_point_count, sizeof(*symbols));
	if (!symbols)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->attach_point_count; i++)
		symbols[i] = p->attach_points[i]->function;
	multi.symbols = symbols;
	fd = sys_link_kprobe_multi(attach_program_fd(a, program), &multi);
	if (fd < 0) {
		/* One that is not traceable spoils the link for all; alone it can be named. */
		message_verbose("kprobe_multi: %s", strerror(-fd));
		return load_again(a->loaded, program, 0);
	}
	*done = p->attach_point_count;
	return attach_keep(a, fd);
}

static int event_error(const struct attach_point *ap, int code, struct err *err)
{
	switch (code) {
	case -EILSEQ:
		return err_set(err, code,
			       "Possible attachment attempt in the middle of an instruction, try a "
			       "different offset.");
	case -ENOENT:
		return err_set(err, code, "This kernel has no kprobes (CONFIG_KPROBE_EVENTS)");
	default: return err_errno(err, code, "Could not attach to %s", ap->name);
	}
}

int attach_kprobe(struct attacher *a, uint32_t program, const struct attach_point *ap,
		  struct err *err)
{
	struct perf_event_attr attr = { .sample_period = 1 };
	_cleanup_free_ char *name = NULL;
	int type = attach_pmu_type("kprobe");
	int bit, r;

	if (type < 0)
		return event_error(ap, -ENOENT, err);
	attr.type = (uint32_t)type;
	if (ap->kind == PROBE_kretprobe) {
		bit = attach_pmu_bit("kprobe", "retprobe");
		attr.config = 1ull << (bit < 0 ? 0 : bit);
	}
	if (ap->function) {
		bool in_module = ap->module && ap->module[0] && strcmp(ap->module, "vmlinux") != 0;

		if (asprintf(&name, "%s%s%s", in_module ? ap->module : "", in_module ? ":" : "",
			     ap->function) < 0)
			return err_set(err, -ENOMEM, "no memory");
		attr.kprobe_func = (uint64_t)(uintptr_t)name;
		attr.probe_offset = ap->offset;
	} else {
		attr.kprobe_addr = ap->address;
	}
	r = attach_perf_event(a, program, &attr, -1, a->cpus.len ? a->cpus.data[0] : 0);
	if (r == -ENOENT)
		return err_errno(err, r, "Could not attach to %s", ap->name);
	return r < 0 ? event_error(ap, r, err) : 0;
}
