/*
 * Nodes: are they there and ready, what is their architecture, which images do they hold.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/err.h"
#include "util/vec.h"

struct cJSON;
struct kube_client;

struct kube_image {
	const char *name; // one that a pod can name: with a tag or a digest
	int64_t size_bytes;
};

struct kube_node {
	const char *name;
	const char *arch; // "amd64", as Go calls it; "" if unknown
	bool is_ready;
	const char *not_ready_message; // the words of the Ready condition
	struct kube_image *images;     // only the 50 largest, the kubelet's default
	size_t image_count;
};

typedef vec_of(struct kube_node *) kube_node_vec;

/* All strings are copied to @a. */
void kube_node_parse(struct kube_node *out, struct arena *a, const struct cJSON *json);
/* On -ENOENT, @err suggests the nearest name. */
int kube_node_get(struct kube_node *out, struct arena *a, struct kube_client *client,
		  const char *name, struct err *err) __attribute__((warn_unused_result));
int kube_node_list(kube_node_vec *out, struct arena *a, struct kube_client *client,
		   const char *label_selector, struct err *err) __attribute__((warn_unused_result));
