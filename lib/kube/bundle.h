/*
 * The runner as ConfigMaps: how it gets to a node without an image or a registry.
 *
 *     ConfigMap kubectl-trace-runner-HASH-0   binaryData: runner.000    immutable
 *     ConfigMap kubectl-trace-runner-HASH-1   binaryData: runner.001    label
 * kubectl-trace/runner=HASH
 *
 * They are named by the hash of the content, created once in each namespace, used by all traces
 * there, and belong to none.  Who may write ConfigMaps could put others in their place; that is why
 * the Job has the whole hash, and the first stage, which is in the trace's own ConfigMap, checks
 * it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"
#include "util/err.h"
#include "util/sha256.h"

#define KUBE_BUNDLE_LABEL "kubectl-trace/runner"

struct kube_client;

struct kube_bundle {
	char sha256[SHA256_HEX_SIZE]; // of the runner
	const char *hash;             // its beginning, which is in names
	const char *const *names;     // of the ConfigMaps, in order, NULL-terminated
	size_t part_count;
	const char *data; // the runner; borrowed
	size_t len;
};

/* Work out names; nothing is sent.  @data must outlive the bundle. */
void kube_bundle_init(struct kube_bundle *out, struct arena *a, const char *data, size_t len);
/* Create what is not there. */
int kube_bundle_ensure(struct kube_client *client, const struct kube_bundle *bundle, const char *ns,
		       struct err *err) __attribute__((warn_unused_result));
/* Delete all runners of a namespace (NULL: of all); the number in *count. */
int kube_bundle_delete_all(size_t *count, struct kube_client *client, const char *ns,
			   struct err *err) __attribute__((warn_unused_result));
