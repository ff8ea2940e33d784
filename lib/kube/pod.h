/*
 * Pods, as far as a trace cares: where they run, what their containers are, and why they don't.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"
#include "util/err.h"
#include "util/vec.h"

struct cJSON;
struct kube_client;

enum kube_container_kind {
	KUBE_CONTAINER_MAIN,
	KUBE_CONTAINER_INIT, // also sidecars
	KUBE_CONTAINER_EPHEMERAL,
};

enum kube_container_state {
	KUBE_STATE_NONE, // no status yet
	KUBE_STATE_WAITING,
	KUBE_STATE_RUNNING,
	KUBE_STATE_TERMINATED,
};

struct kube_container {
	const char *name;
	const char *image; // as its pod names it; NULL if unknown
	const char *id;    // without "containerd://"; NULL while there is none
	enum kube_container_kind kind;
	enum kube_container_state state;
	const char *reason; // of waiting or terminated; NULL if none
	const char *message;
	int exit_code; // of terminated
};

struct kube_pod {
	const char *name;
	const char *namespace;
	const char *uid;
	const char *node; // NULL: not scheduled
	const char *phase;
	const char *reason; // of the pod itself, such as "Evicted"; NULL if none
	const char *message;
	const char *unschedulable;     // the scheduler's words, NULL if it has no objection
	const char *job_name;          // of the Job it belongs to, NULL if none
	const char *default_container; // the one its annotation names, NULL if none
	bool is_deleting;
	struct kube_container *containers;
	size_t container_count;
};

typedef vec_of(struct kube_pod *) kube_pod_vec;

/* All strings are copied to @a. */
void kube_pod_parse(struct kube_pod *out, struct arena *a, const struct cJSON *json);
int kube_pod_get(struct kube_pod *out, struct arena *a, struct kube_client *client, const char *ns,
		 const char *name, struct err *err) __attribute__((warn_unused_result));
/* @ns NULL: of all namespaces.  The vector grows in @a. */
int kube_pod_list(kube_pod_vec *out, struct arena *a, struct kube_client *client, const char *ns,
		  const char *label_selector, struct err *err) __attribute__((warn_unused_result));

const struct kube_container *kube_pod_container(const struct kube_pod *pod, const char *name);
/*
 * Why the pod can't start, in the words of the cluster: unschedulable, refused by the kubelet, no
 * image, a container that can't be created.  NULL while nothing speaks against it.  The text lives
 * in @a.
 */
const char *kube_pod_obstacle(const struct kube_pod *pod, struct arena *a);
