/*
 * A trace in the cluster: one Job for each node, and beside it one immutable ConfigMap with the
 * script, which the Job owns, so that it goes when the Job goes.
 *
 *     Job kubectl-trace-ID[-N]           labels: app.kubernetes.io/name, kubectl-trace/id,
 *      |                                         kubectl-trace/target
 *      +- ConfigMap kubectl-trace-ID[-N] program.bt, its imports and the first
 *      |                                 stage, mounted at /programs
 *      +- Pod kubectl-trace-ID[-N]-xxxxx container "trace": the runner
 *
 * The Job ends by itself: the runner has the deadline, the Job has it too with time to spare, and
 * the TTL controller deletes it some time after its end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define KUBE_NAME_PREFIX       "kubectl-trace-"
#define KUBE_LABEL_APP         "app.kubernetes.io/name"
#define KUBE_LABEL_APP_VALUE   "kubectl-trace"
#define KUBE_LABEL_ID          "kubectl-trace/id"
#define KUBE_LABEL_TARGET      "kubectl-trace/target"
#define KUBE_ANNOTATION_NODE   "kubectl-trace/node"
#define KUBE_ANNOTATION_TARGET "kubectl-trace/target"
#define KUBE_ANNOTATION_OUTPUT "kubectl-trace/output"
#define KUBE_CONTAINER_NAME    "trace"
#define KUBE_PROGRAM_DIR       "/programs"
#define KUBE_PROGRAM_FILE      "program.bt"
#define KUBE_IMPORTS_FILE      "imports"
#define KUBE_STAGE1_FILE       "stage1"
#define KUBE_BUNDLE_DIR        "/kubectl-trace"
/* "Each ConfigMap holds at most 1 MiB", k8s.io/api/core/v1 MaxSecretSize. */
#define KUBE_CONFIGMAP_MAX     (1 << 20)
#define KUBE_ID_SIZE           37

struct cJSON;

struct kube_job_spec {
	const char *id;
	const char *name; // of Job and ConfigMap
	const char *namespace;
	const char *node;
	const char *target; // for people: "node/node-a", "pod/shop-7d9f"
	const char *output; // format: "text" or "json"
	const char *image;
	const char *pull_policy;     // NULL: IfNotPresent
	const char *service_account; // NULL: the namespace's default
	const char *const *command;  // NULL-terminated
	const char *script;
	size_t script_len;
	const char *imports; // files that it needs; NULL: none
	size_t imports_len;
	const char *const *bundle; // ConfigMaps to mount at KUBE_BUNDLE_DIR; NULL: none
	const char *stage1;        // an executable for KUBE_PROGRAM_DIR; NULL: none
	size_t stage1_len;
	int64_t deadline_s;
	int64_t ttl_s;
	bool has_capabilities;  // CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE instead of privileged
	const char *patch;      // JSON or YAML to apply to the Job; NULL: none
	const char *patch_type; // "json", "merge" or "strategic"
};

/* A new random id (a version 4 UUID). */
int kube_id_new(char id[KUBE_ID_SIZE], struct err *err) __attribute__((warn_unused_result));

/* The objects as JSON; the trees are the caller's. */
int kube_job_build(struct cJSON **out, const struct kube_job_spec *spec, struct err *err)
	__attribute__((warn_unused_result));
struct cJSON *kube_job_build_configmap(const struct kube_job_spec *spec, const char *job_uid);
