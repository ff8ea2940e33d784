#include "kube/pod.h"

#include <string.h>

#include "kube/client.h"
#include "kube/json.h"

static const struct {
	const char *spec;
	const char *status;
	enum kube_container_kind kind;
} container_lists[] = {
	{ "containers", "containerStatuses", KUBE_CONTAINER_MAIN },
	{ "initContainers", "initContainerStatuses", KUBE_CONTAINER_INIT },
	{ "ephemeralContainers", "ephemeralContainerStatuses", KUBE_CONTAINER_EPHEMERAL },
};
#define LIST_COUNT (sizeof(container_lists) / sizeof(container_lists[0]))

static void parse_state(struct kube_container *c, struct arena *a, const cJSON *status)
{
	const cJSON *state = json_at(status, "state");
	const cJSON *at;
	const char *id = json_str(status, "containerID");

	if (id && *id) {
		const char *scheme = strstr(id, "://");

		c->id = arena_strdup(a, scheme ? scheme + 3 : id);
	}
	if ((at = json_at(state, "running")))
		c->state = KUBE_STATE_RUNNING;
	else if ((at = json_at(state, "terminated")))
		c->state = KUBE_STATE_TERMINATED;
	else if ((at = json_at(state, "waiting")))
		c->state = KUBE_STATE_WAITING;
	c->reason = json_dup(a, json_at(at, "reason"));
	c->message = json_dup(a, json_at(at, "message"));
	c->exit_code = (int)json_num(at, "exitCode");
}

static void parse_containers(struct kube_pod *pod, struct arena *a, const cJSON *json)
{
	size_t count = 0;
	const cJSON *item, *status;

	for (size_t i = 0; i < LIST_COUNT; i++)
		count += (size_t)cJSON_GetArraySize(json_at(json, "spec", container_lists[i].spec));
	pod->containers = arena_array(a, struct kube_container, count);
	for (size_t i = 0; i < LIST_COUNT; i++) {
		cJSON_ArrayForEach (item, json_at(json, "spec", container_lists[i].spec)) {
			struct kube_container *c = &pod->containers[pod->container_count++];
			const char *name = json_str(item, "name");

			c->name = arena_strdup(a, name ? name : "");
			c->image = json_dup(a, json_at(item, "image"));
			c->kind = container_lists[i].kind;
			cJSON_ArrayForEach (status,
					    json_at(json, "status", container_lists[i].status)) {
				const char *of = json_str(status, "name");

				if (of && strcmp(of, c->name) == 0)
					parse_state(c, a, status);
			}
		}
	}
}

static const char *parse_unschedulable(struct arena *a, const cJSON *json)
{
	const cJSON *condition;

	cJSON_ArrayForEach (condition, json_at(json, "status", "conditions")) {
		const char *type = json_str(condition, "type");
		const char *status = json_str(condition, "status");
		const char *reason = json_str(condition, "reason");

		if (type && status && reason && strcmp(type, "PodScheduled") == 0 &&
		    strcmp(status, "False") == 0 && strcmp(reason, "Unschedulable") == 0)
			return json_dup(a, json_at(condition, "message"));
	}
	return NULL;
}

void kube_pod_parse(struct kube_pod *out, struct arena *a, const cJSON *json)
{
	const cJSON *meta = json_at(json, "metadata");
	const char *node = json_str(json, "spec", "nodeName");

	*out = (struct kube_pod){
		.name = json_dup(a, json_at(meta, "name")),
		.namespace = json_dup(a, json_at(meta, "namespace")),
		.uid = json_dup(a, json_at(meta, "uid")),
		.node = node && *node ? arena_strdup(a, node) : NULL,
		.phase = json_dup(a, json_at(json, "status", "phase")),
		.reason = json_dup(a, json_at(json, "status", "reason")),
		.message = json_dup(a, json_at(json, "status", "message")),
		.job_name = json_dup(a, json_at(meta, "labels", "job-name")),
		.default_container = json_dup(
			a, json_at(meta, "annotations", "kubectl.kubernetes.io/default-container")),
		.unschedulable = parse_unschedulable(a, json),
		.is_deleting = json_at(meta, "deletionTimestamp") != NULL,
	};
	if (!out->name)
		out->name = "";
	if (!out->namespace)
		out->namespace = "";
	if (!out->uid)
		out->uid = "";
	if (!out->phase)
		out->phase = "Unknown";
	parse_containers(out, a, json);
}

int kube_pod_get(struct kube_pod *out, struct arena *a, struct kube_client *client, const char *ns,
		 const char *name, struct err *err)
{
	const char *path = kube_path(a, "api", "v1", "namespaces", ns, "pods", name, NULL);
	_cleanup_json_ cJSON *json = NULL;
	int ret = kube_get(&json, client, path, err);

	if (ret == 0)
		kube_pod_parse(out, a, json);
	return ret;
}

int kube_pod_list(kube_pod_vec *out, struct arena *a, struct kube_client *client, const char *ns,
		  const char *label_selector, struct err *err)
{
	const char *path = kube_collection(a, "", "v1", ns, "pods");
	_cleanup_json_ cJSON *list = NULL;
	const cJSON *item;
	int ret;

	ret = kube_list(&list, client, kube_query(a, path, "labelSelector", label_selector), err);
	if (ret < 0)
		return ret;
	cJSON_ArrayForEach (item, json_at(list, "items")) {
		struct kube_pod *pod = arena_new(a, struct kube_pod);

		kube_pod_parse(pod, a, item);
		vec_push(a, out, pod);
	}
	return 0;
}

const struct kube_container *kube_pod_container(const struct kube_pod *pod, const char *name)
{
	for (size_t i = 0; i < pod->container_count; i++)
		if (strcmp(pod->containers[i].name, name) == 0)
			return &pod->containers[i];
	return NULL;
}

/* Reasons to wait that pass by themselves; every other one is an obstacle. */
static bool is_passing(const char *reason)
{
	return !reason || strcmp(reason, "ContainerCreating") == 0 ||
	       strcmp(reason, "PodInitializing") == 0;
}

static const char *reason_text(struct arena *a, const char *reason, const char *message)
{
	if (reason && message)
		return arena_printf(a, "%s: %s", reason, message);
	return message ? message : reason;
}

const char *kube_pod_obstacle(const struct kube_pod *pod, struct arena *a)
{
	if (pod->unschedulable)
		return reason_text(a, "Unschedulable", pod->unschedulable);
	for (size_t i = 0; i < pod->container_count; i++) {
		const struct kube_container *c = &pod->containers[i];

		if (c->state == KUBE_STATE_WAITING && !is_passing(c->reason))
			return reason_text(a, c->reason, c->message);
		/* The runtime could not start it; the exit code and the log are not the program's.
		 */
		if (c->state == KUBE_STATE_TERMINATED && c->reason &&
		    (strcmp(c->reason, "StartError") == 0 ||
		     strcmp(c->reason, "ContainerCannotRun") == 0))
			return reason_text(a, c->reason, c->message);
	}
	if (strcmp(pod->phase, "Failed") == 0 && pod->reason &&
	    (pod->container_count == 0 || pod->containers[0].state == KUBE_STATE_NONE))
		return reason_text(a, pod->reason, pod->message);
	return NULL;
}
