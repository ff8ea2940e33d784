/*
 * Watch a collection: every object in it, and then every change, until stopped.
 *
 * Lists first, watches from there; starts anew by itself when the stream ends (servers end it
 * every few minutes), is cut (with growing pauses), or has become too old (410: lists again, and
 * objects that are gone meanwhile are not reported as deleted).
 * Reference: kubernetes.io, "Kubernetes API Concepts", efficient detection of changes.
 */
#pragma once

#include <stdbool.h>

#include "util/err.h"

struct cJSON;
struct kube_client;
struct kube_watch;

enum kube_watch_type {
	KUBE_WATCH_ADDED,
	KUBE_WATCH_MODIFIED,
	KUBE_WATCH_DELETED,
};

typedef void (*kube_watch_fn)(void *ctx, enum kube_watch_type type, const struct cJSON *object);
/* The server refuses (403, 404): the watch has ended.  Trouble that may pass isn't reported. */
typedef void (*kube_watch_failed_fn)(void *ctx, const struct err *err);

struct kube_watch_options {
	const char *path;    // of the collection, with its selectors as a query; copied
	bool skips_existing; // do not report what is there at the start
	kube_watch_fn fn;
	kube_watch_failed_fn failed; // may be NULL
	void *ctx;
};

int kube_watch_start(struct kube_watch **out, struct kube_client *client,
		     const struct kube_watch_options *options, struct err *err)
	__attribute__((warn_unused_result));
/* Not from within its own calls.  NULL is ignored. */
void kube_watch_stop(struct kube_watch *watch);
