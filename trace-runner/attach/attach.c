#include "attach/attach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach/uprobe.h"
#include "kern/cpus.h"
#include "message.h"
#include "sys.h"
#include "util/buf.h"
#include "util/str.h"

/*
 * How a kind is attached.  The kernel runs the programs of one place in the order of their
 * attachment for some kinds and in the reverse order for others.  A kind without a row is one that
 * the runner runs itself.
 */
struct family {
	attach_fn one;
	attach_group_fn group;
	bool is_reverse;
};

/* clang-format off */
#define FAMILY_begin         { NULL }
#define FAMILY_end           { NULL }
#define FAMILY_self          { NULL }
#define FAMILY_test          { NULL }
#define FAMILY_bench         { NULL }
#define FAMILY_kprobe        { attach_kprobe, attach_kprobe_group, .is_reverse = true }
#define FAMILY_kretprobe     { attach_kprobe, attach_kprobe_group }
#define FAMILY_fentry        { attach_bpf, .is_reverse = true }
#define FAMILY_fexit         { attach_bpf, .is_reverse = true }
#define FAMILY_tracepoint    { attach_tracepoint }
#define FAMILY_rawtracepoint { attach_bpf }
#define FAMILY_uprobe        { attach_uprobe, attach_uprobe_group, .is_reverse = true }
#define FAMILY_uretprobe     { attach_uprobe, attach_uprobe_group, .is_reverse = true }
#define FAMILY_usdt          { attach_uprobe, attach_uprobe_group, .is_reverse = true }
#define FAMILY_profile       { attach_profile }
#define FAMILY_interval      { attach_interval }
#define FAMILY_software      { attach_counter }
#define FAMILY_hardware      { attach_counter }
#define FAMILY_watchpoint    { attach_watchpoint }
#define FAMILY_iter          { attach_iter, .is_reverse = true }

static const struct family families[PROBE_KIND_COUNT] = {
#define PROBE(name, ...) [PROBE_##name] = FAMILY_##name,
#include "lang/probes.def"
};
/* clang-format on */

int attach_keep(struct attacher *a, int fd)
{
	if (fd < 0)
		return fd;
	vec_push(NULL, &a->attached->fds, fd);
	return 0;
}

int attach_perf_event(struct attacher *a, uint32_t program, struct perf_event_attr *attr, pid_t pid,
		      int cpu)
{
	int fd = sys_perf_event_open(attr, pid, cpu);
	int r;

	if (fd < 0)
		return fd;
	r = sys_perf_set_program(fd, attach_program_fd(a, program));
	if (r < 0) {
		close(fd);
		return r;
	}
	return attach_keep(a, fd);
}

int attach_perf_event_cpus(struct attacher *a, uint32_t program, struct perf_event_attr *attr,
			   pid_t pid)
{
	vec_foreach (&a->cpus, cpu) {
		int r = attach_perf_event(a, program, attr, pid > 0 ? pid : -1, *cpu);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_small_file(char *out, size_t size, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line;

	if (!f)
		return -errno;
	line = fgets(out, (int)size, f);
	fclose(f);
	return line ? 0 : -EINVAL;
}

/* The number in a file of the PMU's folder, after @prefix. */
static int read_pmu(const char *pmu, const char *file, const char *prefix)
{
	char path[128], text[64];
	const char *p = text;
	uint64_t number;
	int r;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/%s", pmu, file);
	r = read_small_file(text, sizeof(text), path);
	if (r < 0)
		return r;
	return str_take(&p, prefix) && str_take_u64(&p, 10, &number) ? (int)number : -EINVAL;
}

int attach_pmu_type(const char *name)
{
	return read_pmu(name, "type", "");
}

int attach_pmu_bit(const char *pmu, const char *format)
{
	char file[64];

	snprintf(file, sizeof(file), "format/%s", format);
	return read_pmu(pmu, file, "config:");
}

/* Says so and returns whether the trace can't go on. */
static bool report_missing(const struct attacher *a, const char *name, const struct err *err)
{
	bool is_fatal = a->options->config->missing_probes == MISSING_ERROR;
	enum message_kind kind = is_fatal ? MESSAGE_ERROR : MESSAGE_WARNING;

	if (a->options->config->missing_probes == MISSING_IGNORE)
		return false;
	if (err->msg[0])
		message(kind, "%s", err->msg);
	if (is_fatal)
		message_error("Unable to attach probe: %s. If this is expected, set the "
			      "'missing_probes' config variable to 'warn'.",
			      name);
	else
		message_warning("Unable to attach probe: %s. Skipping.", name);
	return is_fatal;
}

/* Programs of these types know their place; one attachment serves all attach points. */
static bool is_attached_whole(const struct image_program *p)
{
	if (p->prog_type == BPF_PROG_TYPE_RAW_TRACEPOINT)
		return p->attach_name != NULL;
	return p->prog_type == BPF_PROG_TYPE_TRACING && p->expected_attach_type != BPF_TRACE_ITER;
}

static int attach_whole(struct attacher *a, uint32_t program)
{
	const struct image_program *p = attach_program(a, program);
	struct err err = { 0 };

	if (attach_bpf(a, program, p->attach_points[0], &err) < 0)
		return report_missing(a, p->attach_points[0]->name, &err) ? -ENOENT : 0;
	a->attached->probe_count += p->attach_point_count;
	return 0;
}

static int attach_each(struct attacher *a, uint32_t program, uint32_t first)
{
	const struct image_program *p = attach_program(a, program);

	for (uint32_t i = first; i < p->attach_point_count; i++) {
		const struct attach_point *ap = p->attach_points[i];
		struct err err = { 0 };

		message_verbose("Trying to attach probe: %s", ap->name);
		if (families[ap->kind].one(a, program, ap, &err) == 0)
			a->attached->probe_count++;
		else if (report_missing(a, ap->name, &err))
			return -ENOENT;
	}
	return 0;
}

static int attach_one_program(struct attacher *a, uint32_t program)
{
	const struct image_program *p = attach_program(a, program);
	attach_group_fn group = families[p->kind].group;
	uint32_t done = 0;

	if (p->attach_point_count == 0)
		return 0;
	if (is_attached_whole(p))
		return attach_whole(a, program);
	if (group) {
		int r = group(a, program, &done);

		a->attached->probe_count += done;
		if (r < 0)
			return r;
	}
	return attach_each(a, program, done);
}

static int attach_pass(struct attacher *a, bool reverse)
{
	uint32_t count = a->loaded->image->program_count;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t program = reverse ? count - 1 - i : i;
		enum probe_kind kind = attach_program(a, program)->kind;
		int r;

		if (a->options->is_interrupted && a->options->is_interrupted())
			return -EINTR;
		if (!families[kind].one || families[kind].is_reverse != reverse)
			continue;
		r = attach_one_program(a, program);
		if (r < 0)
			return r;
	}
	return 0;
}

int attach_all(struct attached *out, struct loaded *l, const struct attach_options *o)
{
	struct attacher a = { .loaded = l, .options = o, .attached = out };
	int r;

	*out = (struct attached){ .iter_link = -1 };
	cpus_read(&a.cpus, "online");
	r = attach_pass(&a, false);
	if (r == 0)
		r = attach_pass(&a, true);
	uprobe_files_free(a.files);
	if (a.has_tracefs)
		tracefs_close(&a.tracefs);
	vec_finish(&a.cpus);
	if (r < 0)
		attach_finish(out);
	return r;
}
