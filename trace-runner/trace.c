#include "trace.h"

#include <errno.h>
#include <poll.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "names.h"
#include "signals.h"
#include "sys.h"

/* Records handled before looking at anything else. */
#define CONSUME_RECORDS 16384
/* From so many records at once on, it pays to let more come together. */
#define BUSY_RECORDS    64
#define BUSY_SLEEP_NS   1000000
#define NOTIFY_SLEEP_NS 100000000
/* Something is looked at now and then: losses, pods. */
#define TICK_MS         1000

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t = { 0 };

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool is_special_mode(const struct trace *t)
{
	return t->options->mode == MODE_TEST || t->options->mode == MODE_BENCH;
}

/* Whether the runner runs this program itself, in this mode. */
static bool is_run_by_us(const struct trace *t, enum probe_kind kind)
{
	switch (kind) {
	case PROBE_begin:
	case PROBE_end: return true;
	case PROBE_self: return !is_special_mode(t);
	case PROBE_test: return t->options->mode == MODE_TEST;
	case PROBE_bench: return t->options->mode == MODE_BENCH;
	default: return false;
	}
}

static uint32_t count_probes(const struct trace *t)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < t->image->program_count; i++)
		count += t->image->programs[i].attach_point_count;
	return count;
}

/* Leave only the attach points whose name matches; programs without any are taken out. */
static int filter_probes(struct trace *t)
{
	struct image *im = t->image;
	uint32_t kept = 0;
	regex_t filter;

	if (regcomp(&filter, t->options->probe_filter, REG_EXTENDED | REG_NOSUB) != 0) {
		message_error("Invalid --probe-filter regex '%s'", t->options->probe_filter);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < im->program_count; i++) {
		struct image_program *p = &im->programs[i];
		struct attach_point **points = (struct attach_point **)(uintptr_t)p->attach_points;
		uint32_t count = 0;

		for (uint32_t k = 0; k < p->attach_point_count; k++) {
			bool always = p->kind == PROBE_begin || p->kind == PROBE_end ||
				      p->kind == PROBE_self;

			if (always || regexec(&filter, points[k]->name, 0, NULL, 0) == 0)
				points[count++] = points[k];
		}
		p->attach_point_count = count;
		if (count > 0)
			im->programs[kept++] = *p;
	}
	im->program_count = kept;
	regfree(&filter);
	return 0;
}

static int check_probes(struct trace *t)
{
	uint32_t count;

	if (t->options->probe_filter && filter_probes(t) < 0)
		return -EINVAL;
	count = count_probes(t);
	if (count == 0) {
		if (!t->options->is_quiet)
			puts("No probes to attach");
		return -ENOENT;
	}
	if (count > t->config->max_probes) {
		message_error("Can't attach to %u probes because it exceeds the current limit of "
			      "%llu probes.\nYou can increase the limit through the "
			      "BPFTRACE_MAX_PROBES environment variable, but BE CAREFUL since a "
			      "high number of probes attached can cause your system to crash.",
			      count, (unsigned long long)t->config->max_probes);
		return -E2BIG;
	}
	return 0;
}

/* Probes fire for some processes only. */
static bool is_confined(const struct trace *t)
{
	return t->containers->filter.kind != FILTER_NONE;
}

static void fill_runtime(const struct trace *t, uint64_t runtime[RUNTIME_COUNT])
{
	struct proc_namespace pidns = { 0 };

	/* Without /proc the slots stay zero. */
	if (proc_namespace(&pidns, 0, "pid", NULL) < 0)
		pidns = (struct proc_namespace){ 0 };
	if (t->containers->list.len && t->options->container_pids)
		pidns = t->containers->list.data[0].pid_namespace;
	runtime[RUNTIME_PID] = (uint64_t)getpid();
	runtime[RUNTIME_PIDNS_INO] = pidns.ino;
	runtime[RUNTIME_PIDNS_DEV] = pidns.dev;
	runtime[RUNTIME_CHILD_PID] = (uint64_t)t->child->pid;
	runtime[RUNTIME_START_NS] = now_ns(CLOCK_BOOTTIME);
	runtime[RUNTIME_WALL_OFFSET_NS] = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME);
	runtime[RUNTIME_TAI_OFFSET_NS] = now_ns(CLOCK_TAI) - now_ns(CLOCK_BOOTTIME);
}

static int load(struct trace *t)
{
	struct load_options o = {
		.config = t->config,
		.target = t->target,
		.node_name = t->options->node_name,
		.print_logs = t->options->debug & DEBUG_VERIFIER,
		.is_quiet = t->recompile && !t->options->is_verbose,
		.is_verbose = t->options->is_verbose,
		.keeps_runtime_open = is_confined(t) && !t->containers->filter.is_set,
	};
	struct err err = { 0 };
	int r;

	fill_runtime(t, o.runtime);
	memcpy(t->runtime, o.runtime, sizeof(t->runtime));
	r = load_image(&t->loaded, t->image, &o, &err);
	if (r < 0 && t->recompile && !err.msg[0]) {
		message_verbose("Compiling again, without direct loads from the kernel.");
		o.is_quiet = false;
		if (t->recompile(t->recompile_ctx) && check_probes(t) == 0)
			r = load_image(&t->loaded, t->image, &o, &err);
	}
	if (r == 0 && is_confined(t))
		r = filter_update(&t->filter, &t->loaded, t->runtime, t->containers);
	if (r < 0 && !err.msg[0] && t->loaded.image)
		(void)err_errno(&err, r, "confining the programs");
	if (r == 0 && t->image->ringbuf_map >= 0)
		r = ring_open(&t->ring, t->loaded.map_fds[t->image->ringbuf_map],
			      t->loaded.ring_bytes, &err);
	if (r < 0 && err.msg[0])
		message_error("%s", err.msg);
	return r;
}

static int open_output(struct trace *t)
{
	const char *format = t->options->format ? t->options->format : "text";
	const struct sink_ops *sink = sink_find(format);
	struct symbolize_options symbols = {
		.config = t->config,
		.host_root = t->options->host_root ? t->options->host_root : "",
		.node_name = t->options->node_name,
	};
	struct events_options events = {
		.config = t->config,
		.no_warnings = t->options->no_warnings,
		.is_stream = t->options->is_stream,
	};
	struct err err = { 0 };
	int r;

	if (!sink) {
		message_error("Invalid output format \"%s\"\nValid formats: 'text', 'json'",
			      format);
		return -EINVAL;
	}
	symbolize_init(&t->symbols, &t->loaded, &symbols);
	r = output_open(&t->output, t->options->output_file, t->options->buffering, &err);
	t->output.packs_lines = t->options->packs_lines;
	if (r == 0)
		r = events_init(&t->events, &t->loaded, &t->ring, &t->output, sink, &t->symbols,
				&events, &err);
	if (r < 0)
		message_error("%s", err.msg);
	return r;
}

int trace_run_programs(struct trace *t, enum probe_kind kind)
{
	for (uint32_t i = 0; i < t->image->program_count; i++) {
		struct sys_test_run run = { .repeat = 0 };
		int r;

		if (t->image->programs[i].kind != kind)
			continue;
		r = sys_program_run(t->loaded.program_fds[i], &run);
		if (r < 0) {
			message_error("running '%s': %s", t->image->programs[i].name, strerror(-r));
			return r;
		}
	}
	return 0;
}

void trace_drain(struct trace *t)
{
	while (events_consume(&t->events, CONSUME_RECORDS) > 0)
		continue;
	events_report_lost(&t->events);
}

static int attach(struct trace *t)
{
	struct attach_options o = {
		.config = t->config,
		.pid = t->child->pid ? t->child->pid : (pid_t)t->options->pid,
		.is_unsafe = t->options->is_unsafe,
		.is_interrupted = signals_interrupted,
	};

	return attach_all(&t->attached, &t->loaded, &o);
}

static bool has_kind(const struct trace *t, enum probe_kind kind)
{
	for (uint32_t i = 0; i < t->image->program_count; i++) {
		if (t->image->programs[i].kind == kind)
			return true;
	}
	return false;
}

/*
 * bpftrace's test suite starts the traced program when this line comes, and looks at a process
 * only while it lives: a script of begin alone would be over before.
 */
static void notify_attached(struct trace *t)
{
	const struct timespec pause = { .tv_nsec = NOTIFY_SLEEP_NS };

	output_flush(&t->output);
	puts("__BPFTRACE_NOTIFY_PROBES_ATTACHED");
	fflush(stdout);
	(void)nanosleep(&pause, NULL);
}

static int report_attached(struct trace *t)
{
	uint32_t count = t->attached.probe_count + t->runner_probes;

	if (count == 0) {
		if (has_kind(t, PROBE_test))
			message_error("No probes attached; use --test to run test probes.");
		else if (has_kind(t, PROBE_bench))
			message_error("No probes attached; use --bench to run benchmark probes.");
		else
			message_error("Attachment failed for all probes.");
		return -ENOENT;
	}
	if (!t->options->is_quiet && !is_special_mode(t))
		t->events.sink.ops->attached_probes(&t->events.sink, count);
	if (getenv("__BPFTRACE_NOTIFY_PROBES_ATTACHED"))
		notify_attached(t);
	output_flush(&t->output);
	return 0;
}

/* The process that is traced is gone. */
static bool target_ended(const struct trace *t)
{
	struct pollfd target = { .fd = t->target_fd, .events = POLLIN };

	if (t->child->pid && !child_is_alive(t->child))
		return true;
	return t->target_fd >= 0 && poll(&target, 1, 0) > 0;
}

static int tick_ms(const struct trace *t)
{
	return names_are_compared(t->image) ? NAMES_UPDATE_MS : TICK_MS;
}

static int timeout_ms(const struct trace *t)
{
	uint64_t now;

	if (t->deadline_ns == 0)
		return tick_ms(t);
	now = now_ns(CLOCK_MONOTONIC);
	if (now >= t->deadline_ns)
		return 0;
	now = (t->deadline_ns - now + 999999) / 1000000;
	return now < (uint64_t)tick_ms(t) ? (int)now : tick_ms(t);
}

static void wait_for_events(const struct trace *t, size_t last_batch)
{
	/* Descriptors of -1 are ignored. */
	struct pollfd fds[] = {
		{ .fd = t->ring.fd, .events = POLLIN },
		{ .fd = signals_fd(), .events = POLLIN },
		{ .fd = t->child->pid_fd, .events = POLLIN },
		{ .fd = t->target_fd, .events = POLLIN },
		{ .fd = packets_fd(t->events.packets), .events = POLLIN },
	};

	if (last_batch >= BUSY_RECORDS && ring_pending(&t->ring) < t->ring.size / 8) {
		const struct timespec pause = { .tv_nsec = BUSY_SLEEP_NS };

		(void)nanosleep(&pause, NULL);
	}
	(void)poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_ms(t));
	if (fds[1].revents)
		signals_clear();
}

/* Containers that were started again are followed; false when all are gone for good. */
static bool follow_containers(struct trace *t)
{
	switch (containers_follow(t->containers, t->options)) {
	case CONTAINERS_GONE: return false;
	case CONTAINERS_CHANGED:
		return filter_update(&t->filter, &t->loaded, t->runtime, t->containers) == 0;
	default: return true;
	}
}

/* Pods that have come since the last time. */
static void note_pods(struct trace *t)
{
	if (names_are_compared(t->image)) {
		struct cgroups *cgroups = symbolize_cgroups(&t->symbols);

		if (cgroups)
			names_update(&t->loaded, cgroups);
	} else if (t->symbols.uses_pods) {
		symbolize_scan_pods(&t->symbols);
	}
}

/* What is to be done about once a second; false: the trace ends. */
static bool tick(struct trace *t)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);

	if (t->deadline_ns && now >= t->deadline_ns)
		return false;
	if (now < t->next_tick_ns)
		return true;
	t->next_tick_ns = now + (uint64_t)tick_ms(t) * 1000000;
	note_pods(t);
	return follow_containers(t);
}

/* Until exit(), a signal, the end of the traced process, or the deadline. */
static void read_events(struct trace *t)
{
	for (;;) {
		bool ended = target_ended(t);
		size_t batch = events_consume(&t->events, CONSUME_RECORDS);

		events_report_lost(&t->events);
		if (batch < CONSUME_RECORDS)
			output_idle(&t->output);
		if (signals_interrupted() || t->events.has_exited || ended || t->output.is_broken)
			return;
		if (signals_take_user() && trace_run_programs(t, PROBE_self) < 0)
			return;
		if (!tick(t))
			return;
		if (batch < CONSUME_RECORDS)
			wait_for_events(t, batch);
	}
}

/* With begin and end alone there is nothing to wait for. */
static bool has_only_own_probes(const struct trace *t)
{
	return t->attached.probe_count == 0 && !has_kind(t, PROBE_self);
}

static int finish(struct trace *t)
{
	int r;

	attach_finish(&t->attached);
	child_finish(t->child);
	trace_drain(t);
	t->events.has_exited = false;
	r = trace_run_programs(t, PROBE_end);
	trace_drain(t);
	output_flush(&t->output);
	if (events_lost(&t->events) > 0)
		message_warning("Total lost event count: %llu",
				(unsigned long long)events_lost(&t->events));
	t->events.sink.ops->end(&t->events.sink);
	if (r == 0 && t->config->print_maps_on_exit && !is_special_mode(t))
		events_print_maps(&t->events);
	return r;
}

/* What can't be asked any more once the processes have ended. */
static void preload(struct trace *t)
{
	pid_t pid = t->child->pid ? t->child->pid : (pid_t)t->options->pid;

	if (!names_are_compared(t->image))
		note_pods(t);
	if (t->symbols.uses_processes && pid)
		symbolize_preload(&t->symbols, pid);
}

static int start_child(struct trace *t)
{
	struct err err = { 0 };
	int r = t->child->pid ? child_start(t->child, &err) : 0;

	if (r < 0)
		message_error("%s", err.msg);
	else
		preload(t);
	child_release(t->child);
	return r;
}

/* The special modes run their own probes, and attach to nothing. */
static int run_special(struct trace *t, bool *passed)
{
	*passed = t->options->mode == MODE_TEST ? trace_run_tests(t) : trace_run_benches(t);
	return report_attached(t);
}

static int run_probes(struct trace *t)
{
	int r = attach(t);

	if (r < 0 || t->options->is_dry_run)
		return r;
	r = start_child(t);
	if (r == 0)
		r = report_attached(t);
	if (r < 0)
		return r;
	if (t->attached.iter_link >= 0)
		return trace_iterate(t);
	if (has_only_own_probes(t))
		trace_drain(t);
	else
		read_events(t);
	return 0;
}

static int run_loaded(struct trace *t, bool *passed)
{
	int r = 0;

	if (names_are_compared(t->image))
		note_pods(t); // before any program asks
	for (uint32_t i = 0; i < t->image->program_count; i++) {
		if (is_run_by_us(t, t->image->programs[i].kind))
			t->runner_probes += t->image->programs[i].attach_point_count;
	}
	if (!t->options->is_dry_run)
		r = trace_run_programs(t, PROBE_begin);
	if (r == 0)
		r = is_special_mode(t) ? run_special(t, passed) : run_probes(t);
	if (r == 0 && !t->options->is_dry_run)
		r = finish(t);
	return r;
}

int trace_run(struct trace *t)
{
	bool passed = true;
	int r = check_probes(t);

	t->ring.fd = -1;
	t->output.fd = -1;
	if (t->options->deadline_s)
		t->deadline_ns = now_ns(CLOCK_MONOTONIC) + t->options->deadline_s * 1000000000;
	if (r == 0)
		r = load(t);
	if (r == 0) {
		r = open_output(t);
		if (r == 0)
			r = run_loaded(t, &passed);
		attach_finish(&t->attached);
		output_close(&t->output);
		events_finish(&t->events);
		symbolize_finish(&t->symbols);
		ring_close(&t->ring);
		filter_finish(&t->filter);
		load_finish(&t->loaded);
	}
	if (r < 0 || !passed)
		return 1;
	return (int)(t->events.exit_code & 0xff);
}
