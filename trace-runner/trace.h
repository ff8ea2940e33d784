/*
 * One trace, from the image to the printed maps.
 *
 *     load -> run begin -> attach -> start the command -> read events until the end
 *          -> detach -> read what is left -> run end -> read its events -> print maps
 *
 * Nothing that a program has submitted is lost on this way, except by a full ring buffer, which is
 * counted and said.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "attach/attach.h"
#include "child.h"
#include "container.h"
#include "events.h"
#include "filter.h"
#include "load.h"
#include "options.h"
#include "output.h"
#include "ring.h"
#include "symbolize.h"

struct trace {
	const struct options *options;
	const struct config *config;
	const struct target *target;
	struct image *image;
	/* Compile once more, more cautiously, into *image: a rejected program's second chance. */
	bool (*recompile)(void *ctx);
	void *recompile_ctx;
	struct containers *containers;
	struct child *child;
	int target_fd; // -p: readable when the process has ended, or -1
	struct loaded loaded;
	struct filter filter;
	struct attached attached;
	struct ring ring;
	struct output output;
	struct symbolize symbols;
	struct events events;
	uint32_t runner_probes; // begin, end, self, test, bench
	uint64_t deadline_ns;   // CLOCK_MONOTONIC; 0: none
	uint64_t next_tick_ns;
	uint64_t runtime[RUNTIME_COUNT]; // as the programs were loaded with
};

/* The exit status of the process. */
int trace_run(struct trace *t);

/* Run all programs of @kind; 0 or a negative errno. */
int trace_run_programs(struct trace *t, enum probe_kind kind) __attribute__((warn_unused_result));
/* Read events until there are none. */
void trace_drain(struct trace *t);

/* --test and --bench: false when something failed. */
bool trace_run_tests(struct trace *t);
bool trace_run_benches(struct trace *t);
/* An iter: probe: run it for all objects, or pin it.  0 or a negative errno, reported. */
int trace_iterate(struct trace *t) __attribute__((warn_unused_result));
