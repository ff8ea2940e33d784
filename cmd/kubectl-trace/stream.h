/*
 * Follow a trace on the terminal: print its lines, mark where they come from, stop on Ctrl-C.
 *
 * The first Ctrl-C (SIGINT, SIGTERM, SIGHUP, or a reader that went away) stops the trace: its Jobs
 * are deleted, the runners detach and print their maps, and those still arrive.  The second one
 * does not wait for that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kube/client.h"
#include "util/err.h"

enum prefix_mode {
	PREFIX_AUTO, // when there is more than one source
	PREFIX_ALWAYS,
	PREFIX_NEVER,
};

struct stream_source {
	const char *job; // the Job's name
	const char *node;
	const char *label; // what its lines are marked with
};

struct stream_options {
	const char *namespace;
	const char *id;
	const struct stream_source *sources;
	size_t source_count;
	enum prefix_mode prefix;
	const char *format; // of the output, "text" or "json": maps of several nodes are added up
	bool cleans_up;     // remove Jobs that end by themselves
};

bool stream_parse_prefix(enum prefix_mode *out, const char *word);

/* From here on signals wait for stream_run().  Call it before anything is created. */
int stream_hold_signals(struct err *err) __attribute__((warn_unused_result));
/*
 * Follow to the end.  Returns the exit status: the runner's; of several the first that is not 0;
 * EXIT_ERROR for one that has none.
 */
int stream_run(struct kube_client *client, const struct stream_options *options);
