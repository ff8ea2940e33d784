/*
 * What to trace: from the words of the command line to nodes and containers.
 *
 *     NODE  node/NODE  pod/POD  deploy/D  sts/S  ds/D  rs/R  job/J  cronjob/C  svc/S
 *     -l SELECTOR (pods)  --nodes SELECTOR  --all-nodes
 *
 * The result has one entry for each node, with the containers to trace there, or none for the whole
 * node.  Nodes come in the order in which they were first named.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kube/node.h"
#include "kube/pod.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/vec.h"

struct kube_client;

struct kube_target_container {
	const struct kube_pod *pod;
	const struct kube_container *container;
};

struct kube_target {
	const char *node;
	const struct kube_node *info; // NULL: the user may not see nodes
	const char *text;             // "node/N", "pod/P", or what was named: "deploy/D"
	vec_of(struct kube_target_container) containers; // empty: the whole node
};

typedef vec_of(struct kube_target *) kube_target_vec;

struct kube_target_request {
	const char *const *words;
	size_t word_count;
	const char *namespace;
	const char *container;     // -c; NULL: the default one of each pod
	const char *pod_selector;  // NULL: not given
	const char *node_selector; // NULL: not given
	bool all_nodes;
	/* Something to tell, such as which container was taken; may be NULL. */
	void (*note)(void *ctx, const char *text);
	void *ctx;
};

/*
 * All is allocated in @a.  Errors: -ENOENT something is not there, or nothing is selected;
 * -EINVAL a word makes no sense; -EAGAIN a pod, a container or a node is not running.
 */
int kube_target_resolve(kube_target_vec *out, struct arena *a, struct kube_client *client,
			const struct kube_target_request *request, struct err *err)
	__attribute__((warn_unused_result));
