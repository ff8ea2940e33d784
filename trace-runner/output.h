/*
 * Where the trace is written: the buffers that sinks append to, and when they go out.
 *
 * Slow events are written at once; when they come fast, many go out with one write, and on their
 * way to a pod's log as packed lines (util/linepack.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "util/buf.h"
#include "util/err.h"

struct output {
	struct buf out;
	struct buf err; // standard error, in order with out
	int fd;
	bool owns_fd;
	bool is_broken; // nobody reads it any more
	enum options_buffering buffering;
	/* Packing. */
	bool packs_lines;
	bool has_packed;
	bool is_mid_line;         // what was written last is not packed, and has no newline yet
	uint64_t lines;           // written
	uint64_t window;          // the second in which rate counts
	uint64_t rate, last_rate; // lines in this second and the one before
};

/* @path NULL: standard output. */
int output_open(struct output *o, const char *path, enum options_buffering buffering,
		struct err *err) __attribute__((warn_unused_result));
void output_close(struct output *o);

/* After each event: keeps the order of both streams, and the buffers small. */
void output_event(struct output *o);
/* When there is nothing more to read for now. */
void output_idle(struct output *o);
/* Everything, whatever the buffering. */
void output_flush(struct output *o);
