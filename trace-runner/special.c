/*
 * --test and --bench: test: and bench: probes are run by the runner, one after the other, with
 * their output kept for the result.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "message.h"
#include "signals.h"
#include "sys.h"
#include "trace.h"
#include "util/fd.h"

#define CAPTURE_MAX  (16u << 20)
/* An XDP program gets a packet of at least an Ethernet header. */
#define PACKET_BYTES 14
/* A benchmark is repeated until its runs take this long together. */
#define BENCH_NS     1000000

/* A sink that keeps text and counts errors.  The struct sink comes first: it is one. */
struct capture {
	struct sink sink;
	struct sink_ops ops;
	const struct sink_ops *text;
	struct buf out;
	size_t errors;
};

static void count_message(struct sink *s, enum image_level level, struct span span,
			  const char *text, size_t len)
{
	struct capture *c = (struct capture *)(void *)s;

	if (level == LEVEL_ERROR)
		c->errors++;
	c->text->message(s, level, span, text, len);
}

static void count_runtime_error(struct sink *s, const struct record_error *error)
{
	struct capture *c = (struct capture *)(void *)s;

	c->errors++;
	c->text->runtime_error(s, error);
}

static void capture_start(struct capture *c, struct events *e)
{
	*c = (struct capture){ .text = &sink_text, .ops = sink_text };
	c->ops.message = count_message;
	c->ops.runtime_error = count_runtime_error;
	buf_init(&c->out, CAPTURE_MAX);
	c->sink = (struct sink){ .ops = &c->ops, .out = &c->out, .err = &c->out };
	e->record.sink = &c->sink;
	e->exit_code = 0;
	e->has_exited = false;
}

static void capture_stop(struct capture *c, struct events *e)
{
	e->record.sink = &e->sink;
	e->exit_code = 0;
	e->has_exited = false;
	buf_finish(&c->out);
}

static size_t count_kind(const struct trace *t, enum probe_kind kind)
{
	size_t count = 0;

	for (uint32_t i = 0; i < t->image->program_count; i++) {
		if (t->image->programs[i].kind == kind)
			count += t->image->programs[i].attach_point_count;
	}
	return count;
}

/* Names of the probes of @kind, in order, and the program of each; free both. */
static size_t list_kind(const struct trace *t, enum probe_kind kind, const char ***names,
			uint32_t **programs)
{
	size_t count = 0, max = count_kind(t, kind);

	*names = calloc(max + 1, sizeof(**names));
	*programs = calloc(max + 1, sizeof(**programs));
	if (!*names || !*programs)
		return 0;
	for (uint32_t i = 0; i < t->image->program_count; i++) {
		const struct image_program *p = &t->image->programs[i];

		for (uint32_t k = 0; p->kind == kind && k < p->attach_point_count; k++) {
			(*names)[count] = p->attach_points[k]->function;
			(*programs)[count++] = i;
		}
	}
	return count;
}

static uint64_t now_ns(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int run_once(struct trace *t, uint32_t program, struct sys_test_run *run)
{
	static const char packet[PACKET_BYTES];
	uint64_t start = now_ns();
	int r;

	if (t->image->programs[program].prog_type == BPF_PROG_TYPE_XDP) {
		run->data = packet;
		run->data_size = sizeof(packet);
	} else {
		run->repeat = 0; // nor does the kernel measure these
	}
	r = sys_program_run(t->loaded.program_fds[program], run);
	if (!run->data)
		run->duration_ns = (uint32_t)(now_ns() - start);
	if (r < 0)
		message_error("bpf_prog_test_run_opts failed: %d", r);
	else
		trace_drain(t);
	return r;
}

bool trace_run_tests(struct trace *t)
{
	_cleanup_free_ const char **names = NULL;
	_cleanup_free_ uint32_t *programs = NULL;
	size_t count = list_kind(t, PROBE_test, &names, &programs);
	_cleanup_free_ bool *passed = calloc(count + 1, sizeof(*passed));
	bool all_passed = passed != NULL;

	for (size_t i = 0; passed && i < count && !signals_interrupted(); i++) {
		struct sys_test_run run = { .repeat = 1 };
		struct capture c;
		int r;

		capture_start(&c, &t->events);
		r = run_once(t, programs[i], &run);
		passed[i] = r == 0 && run.result == 0 && t->events.exit_code == 0 && c.errors == 0;
		if (r == 0)
			t->events.sink.ops->test_result(&t->events.sink,
							&(struct record_test){
								.names = names,
								.passed = passed,
								.count = count,
								.index = i,
								.duration_ns = run.duration_ns,
								.output = buf_cstr(&c.out),
								.output_len = c.out.len,
							});
		capture_stop(&c, &t->events);
		output_flush(&t->output);
		all_passed &= passed[i];
		if (r < 0)
			break;
	}
	return all_passed;
}

/* How often to run next, given the time of @repeat runs together; 0: long enough. */
static uint32_t next_repeat(uint64_t total_ns, uint32_t repeat)
{
	static const struct {
		uint64_t below_ns;
		uint32_t factor;
	} steps[] = { { 1000, 1000 }, { 10000, 100 }, { 100000, 10 }, { BENCH_NS, 2 } };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (total_ns < steps[i].below_ns)
			return repeat > UINT32_MAX / steps[i].factor ? 0 : repeat * steps[i].factor;
	}
	return 0;
}

enum bench_end { BENCH_DONE, BENCH_SKIPPED, BENCH_FAILED };

static enum bench_end run_bench(struct trace *t, uint32_t program, struct sys_test_run *run)
{
	enum bench_end end = BENCH_DONE;
	uint32_t repeat = 1;
	struct capture c;

	for (;;) {
		capture_start(&c, &t->events);
		run->repeat = repeat;
		if (run_once(t, program, run) < 0)
			end = BENCH_FAILED;
		else if (t->events.exit_code == 0 && run->result != 0)
			end = BENCH_SKIPPED; // by its own wish
		else
			repeat = next_repeat((uint64_t)run->duration_ns * run->repeat, run->repeat);
		if (end == BENCH_DONE && repeat == 0 && (t->events.exit_code != 0 || c.errors > 0))
			end = BENCH_FAILED;
		capture_stop(&c, &t->events);
		if (end != BENCH_DONE || repeat == 0 || signals_interrupted())
			return end;
	}
}

bool trace_run_benches(struct trace *t)
{
	_cleanup_free_ const char **names = NULL;
	_cleanup_free_ uint32_t *programs = NULL;
	size_t count = list_kind(t, PROBE_bench, &names, &programs);
	bool all_passed = true;

	for (size_t i = 0; i < count && !signals_interrupted(); i++) {
		struct sys_test_run run = { .repeat = 1 };
		enum bench_end end = run_bench(t, programs[i], &run);

		if (end == BENCH_FAILED) {
			message_error("Benchmark '%s' failed.", names[i]);
			all_passed = false;
		} else if (end == BENCH_DONE) {
			t->events.sink.ops->benchmark_result(&t->events.sink,
							     &(struct record_bench){
								     .names = names,
								     .count = count,
								     .index = i,
								     .average_ns = run.duration_ns,
								     .iterations = run.repeat,
							     });
		}
		output_flush(&t->output);
	}
	return all_passed;
}
