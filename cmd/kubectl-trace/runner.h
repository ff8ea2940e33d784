/*
 * The runner and the first stage on this machine's disk.
 */
#pragma once

#include <stddef.h>

#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"

/*
 * The path of the runner for an architecture as Kubernetes names it ("amd64"; NULL: this
 * machine's): $KUBECTL_TRACE_RUNNER, or trace-runner (trace-runner-ARCH for another architecture)
 * beside this executable, in ../libexec/kubectl-trace or ../../trace-runner from there, or on the
 * PATH.
 */
int runner_find(const char **path, struct arena *a, const char *arch, struct err *err)
	__attribute__((warn_unused_result));
/* This machine's architecture as Kubernetes names it. */
const char *runner_native_arch(void);
/*
 * The first stage for an architecture: this machine's is built in, another one's is in a file
 * trace-stage1-ARCH beside the runner's.  Appends it to @out.
 */
int runner_read_stage1(struct buf *out, struct arena *a, const char *arch, struct err *err)
	__attribute__((warn_unused_result));
