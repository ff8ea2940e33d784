/*
 * Follow a trace that runs as one or more Jobs: from the wait for their pods to the last line of
 * their logs, the runners' exit statuses, and the removal of what they leave.
 *
 *     WAITING ──container runs or has ended──▶ STREAMING ──log ended──▶ ENDING ──▶ CLEANING ──▶
 * ENDED │                                        │   wait for the exit code ▲        ▲ └──can't
 * start (Job event, pod status) ──┴── node lost ──────────────────────┘
 *
 * Watches the trace's pods and Jobs, the warnings about its Jobs (quota, admission) and its nodes.
 * A watch that the user may not have is done without: less is noticed then, or later.
 *
 * Everything happens within transport_poll(); kube_follow_is_finished() tells when to leave off.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

struct kube_client;
struct kube_follow;

struct kube_follow_job {
	const char *name;
	const char *node; // "" if unknown
};

struct kube_follow_options {
	const char *namespace; // strings and jobs must outlive the follow
	const char *id;
	const struct kube_follow_job *jobs;
	size_t job_count;
	bool cleans_up; // delete Jobs that end by themselves; those that fail or are stopped always
			// are
	/* A line of a Job's output, with its newline if it has one. */
	void (*line)(void *ctx, size_t job, const char *data, size_t len);
	/* Something that a person should know while it goes on. */
	void (*note)(void *ctx, size_t job, const char *text);
	/*
	 * The Job's end.  @err NULL: its runner ended with @status (128 + N if by signal N).
	 * Otherwise why there is no status.
	 */
	void (*end)(void *ctx, size_t job, int status, const struct err *err);
	void *ctx;
};

int kube_follow_start(struct kube_follow **out, struct kube_client *client,
		      const struct kube_follow_options *options, struct err *err)
	__attribute__((warn_unused_result));
/* NULL is ignored. */
void kube_follow_free(struct kube_follow *follow);
/*
 * End all that still runs: the last lines still arrive, then the Jobs are deleted.  Called again:
 * the Jobs are deleted at once.
 */
void kube_follow_stop(struct kube_follow *follow);
bool kube_follow_is_finished(const struct kube_follow *follow);
