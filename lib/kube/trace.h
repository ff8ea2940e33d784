/*
 * The traces that are in the cluster: find, describe, delete them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/err.h"
#include "util/vec.h"

struct kube_client;

/* A trace on one node. */
struct kube_trace {
	const char *id;
	const char *name; // of the Job
	const char *namespace;
	const char *node;
	const char *target;
	const char *output; // format: "text" or "json"
	const char *status; // "Running", "Completed", "Failed", or why it can't start
	const char *pod;    // NULL: none
	int64_t created_s;  // since 1970
	bool is_finished;
};

typedef vec_of(struct kube_trace) kube_trace_vec;

/* The id within an id or a Job's name: "kubectl-trace-ID-3" -> "ID". */
const char *kube_trace_id(struct arena *a, const char *id_or_name);

/*
 * Traces in @ns (NULL: all namespaces), oldest first; with @id only that trace's (an id, or the
 * name of a Job).  None at all is no error.
 */
int kube_trace_list(kube_trace_vec *out, struct arena *a, struct kube_client *client,
		    const char *ns, const char *id, struct err *err)
	__attribute__((warn_unused_result));
/* The same as the JSON text of a List of Jobs; free() it. */
int kube_trace_list_json(char **out, struct kube_client *client, const char *ns, const char *id,
			 struct err *err) __attribute__((warn_unused_result));

/*
 * Delete traces and wait until their Jobs, Pods and ConfigMaps are gone, @timeout_s at most.  The
 * runners get SIGTERM and their grace period, unless @grace_s (-1: not given) says otherwise.
 * Calls @deleted for each, as its Job is deleted.
 */
int kube_trace_delete(struct kube_client *client, const struct kube_trace *traces, size_t count,
		      int64_t grace_s, int timeout_s,
		      void (*deleted)(void *ctx, const struct kube_trace *trace), void *ctx,
		      struct err *err) __attribute__((warn_unused_result));
