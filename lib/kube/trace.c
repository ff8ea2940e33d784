#include "kube/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kube/client.h"
#include "kube/job.h"
#include "kube/json.h"
#include "kube/pod.h"
#include "kube/time.h"
#include "util/str.h"

#define POLL_MS 150

const char *kube_trace_id(struct arena *a, const char *id_or_name)
{
	const char *id = id_or_name;
	size_t n;

	if (str_starts_with(id, KUBE_NAME_PREFIX))
		id += strlen(KUBE_NAME_PREFIX);
	/* A UUID has 36 characters; what follows in a name is the number of the Job. */
	n = strlen(id);
	if (n > KUBE_ID_SIZE - 1 && id[KUBE_ID_SIZE - 1] == '-')
		n = KUBE_ID_SIZE - 1;
	return arena_strndup(a, id, n);
}

/* "app.kubernetes.io/name=kubectl-trace[,kubectl-trace/id=ID]" */
static const char *selector(struct arena *a, const char *id)
{
	const char *all = KUBE_LABEL_APP "=" KUBE_LABEL_APP_VALUE "," KUBE_LABEL_ID;

	return id ? arena_printf(a, "%s=%s", all, kube_trace_id(a, id)) : all;
}

static const char *condition_reason(const cJSON *job, const char *wanted)
{
	const cJSON *condition;

	cJSON_ArrayForEach (condition, json_at(job, "status", "conditions")) {
		const char *type = json_str(condition, "type");
		const char *status = json_str(condition, "status");

		if (type && status && strcmp(type, wanted) == 0 && strcmp(status, "True") == 0)
			return json_str(condition, "reason");
	}
	return NULL;
}

static const char *status_of(struct arena *a, const cJSON *job, const struct kube_pod *pod)
{
	const char *reason = condition_reason(job, "Failed");
	const char *obstacle = pod ? kube_pod_obstacle(pod, a) : NULL;

	if (json_at(job, "metadata", "deletionTimestamp") || (pod && pod->is_deleting))
		return "Terminating";
	if (json_num(job, "status", "succeeded") > 0)
		return "Completed";
	if (reason && strcmp(reason, "DeadlineExceeded") == 0)
		return "DeadlineExceeded";
	if (obstacle)
		return arena_strndup(a, obstacle, strcspn(obstacle, ":"));
	if (reason || json_num(job, "status", "failed") > 0)
		return "Failed";
	if (pod && strcmp(pod->phase, "Succeeded") == 0)
		return "Completed";
	return pod ? pod->phase : "Pending";
}

static const struct kube_pod *find_pod(const kube_pod_vec *pods, const char *ns, const char *job)
{
	vec_foreach (pods, p)
		if ((*p)->job_name && strcmp((*p)->job_name, job) == 0 &&
		    strcmp((*p)->namespace, ns) == 0)
			return *p;
	return NULL;
}

static char *dup_or_empty(struct arena *a, const cJSON *value)
{
	char *s = json_dup(a, value);

	return s ? s : arena_strdup(a, "");
}

static void parse_trace(struct kube_trace *out, struct arena *a, const cJSON *job,
			const kube_pod_vec *pods)
{
	const cJSON *meta = json_at(job, "metadata");
	const char *created = json_str(meta, "creationTimestamp");
	const struct kube_pod *pod;
	int64_t ns = 0;

	*out = (struct kube_trace){
		.id = dup_or_empty(a, json_at(meta, "labels", KUBE_LABEL_ID)),
		.name = dup_or_empty(a, json_at(meta, "name")),
		.namespace = dup_or_empty(a, json_at(meta, "namespace")),
		.node = dup_or_empty(a, json_at(meta, "annotations", KUBE_ANNOTATION_NODE)),
		.output = dup_or_empty(a, json_at(meta, "annotations", KUBE_ANNOTATION_OUTPUT)),
		.target = dup_or_empty(a, json_at(meta, "annotations", KUBE_ANNOTATION_TARGET)),
		.is_finished = condition_reason(job, "Failed") ||
			       json_str(job, "status", "completionTime"),
	};
	if (created)
		(void)time_parse_rfc3339(&ns, created, strlen(created));
	out->created_s = ns / 1000000000;
	pod = find_pod(pods, out->namespace, out->name);
	out->pod = pod ? pod->name : NULL;
	out->status = status_of(a, job, pod);
}

static int compare(const void *pa, const void *pb)
{
	const struct kube_trace *a = pa, *b = pb;
	int by_namespace = strcmp(a->namespace, b->namespace);

	if (by_namespace)
		return by_namespace;
	if (a->created_s != b->created_s)
		return a->created_s < b->created_s ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int list_jobs(cJSON **out, struct arena *a, struct kube_client *client, const char *ns,
		     const char *id, struct err *err)
{
	const char *path = kube_collection(a, "batch", "v1", ns, "jobs");

	return kube_list(out, client, kube_query(a, path, "labelSelector", selector(a, id)), err);
}

int kube_trace_list(kube_trace_vec *out, struct arena *a, struct kube_client *client,
		    const char *ns, const char *id, struct err *err)
{
	_cleanup_json_ cJSON *jobs = NULL;
	kube_pod_vec pods = { 0 };
	const cJSON *job;
	int ret;

	ret = list_jobs(&jobs, a, client, ns, id, err);
	if (ret < 0)
		return ret;
	/* Who may not see pods gets the Jobs' own idea of their state. */
	if (cJSON_GetArraySize(json_at(jobs, "items")) > 0 &&
	    kube_pod_list(&pods, a, client, ns, selector(a, id), err) < 0 && err->code != -EACCES)
		return err->code;
	cJSON_ArrayForEach (job, json_at(jobs, "items")) {
		struct kube_trace trace;

		parse_trace(&trace, a, job, &pods);
		vec_push(a, out, trace);
	}
	if (out->len)
		qsort(out->data, out->len, sizeof(*out->data), compare);
	return 0;
}

int kube_trace_list_json(char **out, struct kube_client *client, const char *ns, const char *id,
			 struct err *err)
{
	_cleanup_json_ cJSON *jobs = NULL;
	struct arena a;
	int ret;

	arena_init(&a);
	ret = list_jobs(&jobs, &a, client, ns, id, err);
	arena_finish(&a);
	if (ret < 0)
		return ret;
	*out = cJSON_Print(jobs);
	return *out ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int ignore_missing(int ret)
{
	return ret == -ENOENT ? 0 : ret;
}

static int list_pods(kube_pod_vec *out, struct arena *a, struct kube_client *client,
		     const struct kube_trace *t, struct err *err)
{
	return kube_pod_list(out, a, client, t->namespace, arena_printf(a, "job-name=%s", t->name),
			     err);
}

/*
 * Only what runs needs a grace period.  A pod that has not started may be waiting for its
 * ConfigMap, which goes with the Job, and a kubelet waits for that for minutes before it lets the
 * pod go.
 */
static int delete_pod(struct kube_client *client, struct arena *a, const struct kube_pod *pod,
		      int64_t grace_s, struct err *err)
{
	const struct kube_container *c = kube_pod_container(pod, KUBE_CONTAINER_NAME);
	bool is_running = c && c->state == KUBE_STATE_RUNNING;
	const char *path =
		kube_path(a, "api", "v1", "namespaces", pod->namespace, "pods", pod->name, NULL);

	return ignore_missing(
		kube_delete(client, path, "Background", is_running ? grace_s : 0, err));
}

/* Pods and ConfigMap: the garbage collector would get to them, but later. */
static int delete_dependents(struct kube_client *client, struct arena *a,
			     const struct kube_trace *t, int64_t grace_s, struct err *err)
{
	kube_pod_vec pods = { 0 };
	const char *path =
		kube_path(a, "api", "v1", "namespaces", t->namespace, "configmaps", t->name, NULL);
	int ret = ignore_missing(kube_delete(client, path, "Background", -1, err));

	if (ret == 0)
		ret = list_pods(&pods, a, client, t, err);
	vec_foreach (&pods, pod)
		if (ret == 0)
			ret = delete_pod(client, a, *pod, grace_s, err);
	return ret == -EACCES ? 0 : ret;
}

/* How many pods of a trace are still there; those that have ended are removed at once. */
static int count_pods(size_t *out, struct kube_client *client, struct arena *a,
		      const struct kube_trace *t, struct err *err)
{
	kube_pod_vec pods = { 0 };
	int ret = list_pods(&pods, a, client, t, err);

	vec_foreach (&pods, pod) {
		const struct kube_container *c = kube_pod_container(*pod, KUBE_CONTAINER_NAME);

		(*out)++;
		if (ret == 0 && !(c && c->state == KUBE_STATE_RUNNING))
			ret = delete_pod(client, a, *pod, 0, err);
	}
	return ret == -EACCES ? 0 : ret;
}

static int wait_until_gone(struct kube_client *client, const struct kube_trace *traces,
			   size_t count, int timeout_s, struct err *err)
{
	int64_t end_ms = time_monotonic_ms() + (int64_t)timeout_s * 1000;

	for (;;) {
		size_t left = 0;
		struct arena a;
		int ret = 0;

		arena_init(&a);
		for (size_t i = 0; i < count && ret == 0; i++)
			ret = count_pods(&left, client, &a, &traces[i], err);
		arena_finish(&a);
		if (ret < 0 || left == 0)
			return ret;
		if (time_monotonic_ms() > end_ms)
			return err_set(err, -ETIMEDOUT,
				       "%zu pod%s not gone after %d s: does the node run?", left,
				       left == 1 ? " is" : "s are", timeout_s);
		ret = kube_client_pause(client, POLL_MS, err);
		if (ret < 0)
			return ret;
	}
}

int kube_trace_delete(struct kube_client *client, const struct kube_trace *traces, size_t count,
		      int64_t grace_s, int timeout_s,
		      void (*deleted)(void *ctx, const struct kube_trace *trace), void *ctx,
		      struct err *err)
{
	struct arena a;
	int ret = 0;

	arena_init(&a);
	for (size_t i = 0; i < count && ret == 0; i++) {
		const struct kube_trace *t = &traces[i];

		ret = ignore_missing(kube_delete(client,
						 kube_path(&a, "apis", "batch", "v1", "namespaces",
							   t->namespace, "jobs", t->name, NULL),
						 "Background", -1, err));
		if (ret == 0)
			deleted(ctx, t);
	}
	for (size_t i = 0; i < count && ret == 0; i++)
		ret = delete_dependents(client, &a, &traces[i], grace_s, err);
	arena_finish(&a);
	return ret < 0 ? ret : wait_until_gone(client, traces, count, timeout_s, err);
}
