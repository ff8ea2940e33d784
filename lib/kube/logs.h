/*
 * The log of one container, line by line, each exactly once, from the first to the last.
 *
 * The stream is asked for with time stamps.  When it is cut, it is asked for again from the second
 * before the last line's, and the lines that come a second time are recognised by their stamps, in
 * their order: what is new is delivered, nothing else.  What is lost is lost at the kubelet: lines
 * that it rotated away while nobody was connected, or faster than they could be read.  Packed lines
 * (util/linepack.h) are taken apart, and tell how many those were.
 *
 * A stream that ends says nothing about the container (the kubelet may have gone): the pod is
 * asked, and only a terminated container or a deleted pod ends the log.
 *
 * Layout of a line, from k8s.io/kubernetes/pkg/kubelet/kuberuntime/logs: STAMP SP TEXT NL.  A line
 * longer than 16 KiB is stored in parts of that size.  Kubelets join them; those before 1.24 put a
 * stamp before every part, which is taken out here.  The last line has no NL if the program did not
 * print one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

struct kube_client;
struct kube_log;

/* What a person is told of lost lines: a format for their number. */
#define KUBE_LOG_LOST "%llu lines were lost: the node rotated its log before they were read"

struct kube_log_options {
	const char *namespace; // strings are copied
	const char *pod;
	const char *container; // NULL: the only one
	bool follows;
	bool keeps_stamps; // deliver them before each line
	/* A line, with its newline if it has one. */
	void (*line)(void *ctx, const char *data, size_t len);
	/* At least @lines lines were lost before the next one.  May be NULL. */
	void (*lost)(void *ctx, unsigned long long lines);
	/* The connection is gone, @err says how (NULL: it is back). */
	void (*connection)(void *ctx, const struct err *err);
	/* The end; @err NULL, or why there is no more.  The log may be freed in it. */
	void (*end)(void *ctx, const struct err *err);
	void *ctx;
};

int kube_log_start(struct kube_log **out, struct kube_client *client,
		   const struct kube_log_options *options, struct err *err)
	__attribute__((warn_unused_result));
/* Ends it without a call.  NULL is ignored. */
void kube_log_free(struct kube_log *log);

/* Removes the stamps within a long line (see above); returns the new length.  For tests. */
size_t kube_log_join_parts(char *text, size_t len);
