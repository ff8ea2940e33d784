/*
 * Kubernetes objects: what is made of a trace, what is read from a pod and a node, patches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kube/bundle.h"
#include "kube/job.h"
#include "kube/json.h"
#include "kube/node.h"
#include "kube/patch.h"
#include "kube/pod.h"
#include "kube/trace.h"

static const char *const command[] = { "/trace-runner", "/programs/program.bt", NULL };

static struct kube_job_spec make_spec(void)
{
	return (struct kube_job_spec){
		.id = "6e2ee2d0-047e-484a-b99b-dba5fc245f67",
		.name = "kubectl-trace-6e2ee2d0-047e-484a-b99b-dba5fc245f67",
		.namespace = "default",
		.node = "node-a",
		.target = "pod/shop-7d9f",
		.image = "localhost/r:1",
		.command = command,
		.script = "begin { }",
		.script_len = 9,
		.deadline_s = 100,
		.ttl_s = 7,
	};
}

static const cJSON *first(const cJSON *list)
{
	return cJSON_GetArrayItem(list, 0);
}

static void test_job(void **state)
{
	struct kube_job_spec spec = make_spec();
	_cleanup_json_ cJSON *job = NULL;
	struct err err = { 0 };
	const cJSON *pod, *container, *field;

	(void)state;
	assert_int_equal(kube_job_build(&job, &spec, &err), 0);
	assert_string_equal(json_str(job, "metadata", "labels", KUBE_LABEL_TARGET),
			    "pod.shop-7d9f");
	assert_int_equal(json_num(job, "spec", "backoffLimit"), 0);
	assert_int_equal(json_num(job, "spec", "ttlSecondsAfterFinished"), 7);
	assert_true(json_num(job, "spec", "activeDeadlineSeconds") > 100);
	pod = json_at(job, "spec", "template", "spec");
	assert_true(cJSON_IsTrue(json_at(pod, "hostPID")));
	assert_true(cJSON_IsFalse(json_at(pod, "automountServiceAccountToken")));
	assert_null(json_at(pod, "serviceAccountName"));
	assert_string_equal(json_str(pod, "restartPolicy"), "Never");
	assert_string_equal(json_str(first(json_at(pod, "tolerations")), "operator"), "Exists");
	field = json_at(pod, "affinity", "nodeAffinity",
			"requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
	field = first(json_at(first(field), "matchFields"));
	assert_string_equal(json_str(field, "key"), "metadata.name");
	assert_string_equal(json_string(first(json_at(field, "values"))), "node-a");
	container = first(json_at(pod, "containers"));
	assert_string_equal(json_str(container, "imagePullPolicy"), "IfNotPresent");
	assert_true(cJSON_IsTrue(json_at(container, "securityContext", "privileged")));
	assert_true(cJSON_IsTrue(json_at(container, "securityContext", "readOnlyRootFilesystem")));
	assert_int_equal(cJSON_GetArraySize(json_at(container, "command")), 2);
}

static void assert_label(const char *target, const char *label)
{
	struct kube_job_spec spec = make_spec();
	_cleanup_json_ cJSON *job = NULL;
	struct err err = { 0 };

	spec.target = target;
	assert_int_equal(kube_job_build(&job, &spec, &err), 0);
	assert_string_equal(json_str(job, "metadata", "labels", KUBE_LABEL_TARGET), label);
}

/* "A valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',
 * and must start and end with an alphanumeric character", 63 at most. */
static void test_labels(void **state)
{
	(void)state;
	assert_label("node/a", "node.a");
	assert_label("-l app=web,tier in (x)", "l.app.web.tier.in..x");
	assert_label("...", "");
	assert_label("pod/0123456789012345678901234567890123456789012345678901234567-x",
		     "pod.0123456789012345678901234567890123456789012345678901234567");
}

static void test_job_capabilities(void **state)
{
	struct kube_job_spec spec = make_spec();
	_cleanup_json_ cJSON *job = NULL;
	struct err err = { 0 };
	const cJSON *context;

	(void)state;
	spec.has_capabilities = true;
	assert_int_equal(kube_job_build(&job, &spec, &err), 0);
	context = json_at(first(json_at(job, "spec", "template", "spec", "containers")),
			  "securityContext");
	assert_true(cJSON_IsFalse(json_at(context, "privileged")));
	assert_string_equal(json_string(first(json_at(context, "capabilities", "drop"))), "ALL");
	assert_int_equal(cJSON_GetArraySize(json_at(context, "capabilities", "add")), 3);
}

static void test_configmap(void **state)
{
	struct kube_job_spec spec = make_spec();
	_cleanup_json_ cJSON *map = kube_job_build_configmap(&spec, "uid-1");
	_cleanup_json_ cJSON *bytes = NULL;

	(void)state;
	assert_true(cJSON_IsTrue(json_at(map, "immutable")));
	assert_string_equal(json_str(map, "data", "program.bt"), "begin { }");
	assert_null(json_at(map, "binaryData"));
	assert_string_equal(json_str(first(json_at(map, "metadata", "ownerReferences")), "uid"),
			    "uid-1");
	spec.script = "\xff";
	spec.script_len = 1;
	spec.stage1 = "abc";
	spec.stage1_len = 3;
	bytes = kube_job_build_configmap(&spec, "uid-1");
	assert_null(json_at(bytes, "data"));
	assert_string_equal(json_str(bytes, "binaryData", "program.bt"), "/w==");
	assert_string_equal(json_str(bytes, "binaryData", "stage1"), "YWJj");
}

static void test_ids(void **state)
{
	char id[KUBE_ID_SIZE];
	struct err err = { 0 };
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_int_equal(kube_id_new(id, &err), 0);
	assert_int_equal(strlen(id), 36);
	assert_int_equal(id[14], '4');
	assert_string_equal(kube_trace_id(&a, id), id);
	assert_string_equal(kube_trace_id(&a, arena_printf(&a, "kubectl-trace-%s", id)), id);
	assert_string_equal(kube_trace_id(&a, arena_printf(&a, "kubectl-trace-%s-12", id)), id);
	assert_string_equal(kube_trace_id(&a, "x"), "x");
	arena_finish(&a);
}

static void test_bundle(void **state)
{
	static char data[2500000];
	struct kube_bundle b;
	struct arena a;

	(void)state;
	arena_init(&a);
	kube_bundle_init(&b, &a, data, sizeof(data));
	assert_int_equal(b.part_count, 3);
	assert_int_equal(strncmp(b.sha256, b.hash, strlen(b.hash)), 0);
	assert_non_null(strstr(b.names[2], b.hash));
	assert_null(b.names[3]);
	arena_finish(&a);
}

static void parse_pod(struct kube_pod *pod, struct arena *a, const char *text)
{
	cJSON *json = cJSON_Parse(text);

	assert_non_null(json);
	kube_pod_parse(pod, a, json);
	cJSON_Delete(json);
}

static void test_pod(void **state)
{
	struct kube_pod pod;
	struct arena a;

	(void)state;
	arena_init(&a);
	parse_pod(
		&pod, &a,
		"{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\",\"annotations\":"
		"{\"kubectl.kubernetes.io/default-container\":\"b\"}},"
		"\"spec\":{\"nodeName\":\"node-a\",\"containers\":[{\"name\":\"a\"},{\"name\":"
		"\"b\"}],"
		"\"initContainers\":[{\"name\":\"i\"}],\"ephemeralContainers\":[{\"name\":\"e\"}]},"
		"\"status\":{\"phase\":\"Running\",\"containerStatuses\":["
		"{\"name\":\"b\",\"containerID\":\"containerd://123\",\"state\":{\"running\":{}}},"
		"{\"name\":\"a\",\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}}}],"
		"\"ephemeralContainerStatuses\":[{\"name\":\"e\",\"state\":{\"terminated\":"
		"{\"exitCode\":3}}}]}}");
	assert_string_equal(pod.default_container, "b");
	assert_int_equal(pod.container_count, 4);
	assert_string_equal(kube_pod_container(&pod, "b")->id, "123");
	assert_int_equal(kube_pod_container(&pod, "b")->state, KUBE_STATE_RUNNING);
	assert_int_equal(kube_pod_container(&pod, "i")->kind, KUBE_CONTAINER_INIT);
	assert_int_equal(kube_pod_container(&pod, "e")->exit_code, 3);
	assert_null(kube_pod_container(&pod, "x"));
	assert_string_equal(kube_pod_obstacle(&pod, &a), "CrashLoopBackOff");
	parse_pod(&pod, &a, "{}"); // what an unfriendly server may send
	assert_string_equal(pod.name, "");
	assert_null(kube_pod_obstacle(&pod, &a));
	parse_pod(&pod, &a, "{\"metadata\":[],\"spec\":{\"containers\":[1,{}]},\"status\":\"x\"}");
	arena_finish(&a);
}

static void assert_obstacle(const char *status, const char *words)
{
	struct kube_pod pod;
	struct arena a;
	const char *obstacle;

	arena_init(&a);
	parse_pod(&pod, &a,
		  arena_printf(&a, "{\"spec\":{\"containers\":[{\"name\":\"c\"}]},\"status\":%s}",
			       status));
	obstacle = kube_pod_obstacle(&pod, &a);
	if (words)
		assert_string_equal(obstacle, words);
	else
		assert_null(obstacle);
	arena_finish(&a);
}

static void test_obstacles(void **state)
{
	(void)state;
	assert_obstacle("{\"phase\":\"Pending\"}", NULL);
	assert_obstacle("{\"phase\":\"Pending\",\"containerStatuses\":[{\"name\":\"c\",\"state\":"
			"{\"waiting\":{\"reason\":\"ContainerCreating\"}}}]}",
			NULL);
	assert_obstacle("{\"phase\":\"Pending\",\"containerStatuses\":[{\"name\":\"c\",\"state\":"
			"{\"waiting\":{\"reason\":\"ErrImageNeverPull\",\"message\":\"no\"}}}]}",
			"ErrImageNeverPull: no");
	assert_obstacle(
		"{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":"
		"\"False\",\"reason\":\"Unschedulable\",\"message\":\"0/2 nodes\"}]}",
		"Unschedulable: 0/2 nodes");
	assert_obstacle(
		"{\"phase\":\"Failed\",\"containerStatuses\":[{\"name\":\"c\",\"state\":"
		"{\"terminated\":{\"reason\":\"StartError\",\"message\":\"no such file\"}}}]}",
		"StartError: no such file");
	assert_obstacle("{\"phase\":\"Failed\",\"reason\":\"OutOfcpu\",\"message\":\"full\"}",
			"OutOfcpu: full");
	assert_obstacle("{\"phase\":\"Failed\",\"containerStatuses\":[{\"name\":\"c\",\"state\":"
			"{\"terminated\":{\"reason\":\"Error\",\"exitCode\":1}}}]}",
			NULL);
}

static void test_node(void **state)
{
	cJSON *json = cJSON_Parse(
		"{\"metadata\":{\"name\":\"n\"},\"status\":{\"nodeInfo\":{\"architecture\":"
		"\"arm64\"},"
		"\"conditions\":[{\"type\":\"Ready\",\"status\":\"Unknown\",\"message\":\"gone\"}],"
		"\"images\":[{\"names\":[\"<none>@<none>\",\"a@sha256:1\",\"a:1\"],\"sizeBytes\":5}"
		"]}}");
	struct kube_node node;
	struct arena a;

	(void)state;
	arena_init(&a);
	kube_node_parse(&node, &a, json);
	assert_string_equal(node.arch, "arm64");
	assert_false(node.is_ready);
	assert_string_equal(node.not_ready_message, "gone");
	assert_int_equal(node.image_count, 2);
	assert_string_equal(node.images[1].name, "a:1");
	assert_int_equal(node.images[1].size_bytes, 5);
	arena_finish(&a);
	cJSON_Delete(json);
}

static void assert_patched(const char *type, const char *object, const char *patch,
			   const char *result)
{
	_cleanup_json_ cJSON *json = cJSON_Parse(object);
	struct err err = { 0 };
	char *text;

	assert_non_null(json);
	if (!result) {
		assert_int_equal(kube_patch_apply(json, patch, type, &err), -EINVAL);
		return;
	}
	if (kube_patch_apply(json, patch, type, &err) < 0)
		fail_msg("%s: %s", patch, err.msg);
	text = cJSON_PrintUnformatted(json);
	assert_string_equal(text, result);
	free(text);
}

/* The appendix of RFC 6902, and what it leaves open. */
static void test_json_patch(void **state)
{
	(void)state;
	assert_patched("json", "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":2}]",
		       "{\"a\":1,\"b\":2}");
	assert_patched("json", "{\"a\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]",
		       "{\"a\":[1,2,3]}");
	assert_patched("json", "{\"a\":[1]}", "- {op: add, path: /a/-, value: 2}\n",
		       "{\"a\":[1,2]}");
	assert_patched("json", "{\"a\":{\"b\":1}}", "[{\"op\":\"remove\",\"path\":\"/a/b\"}]",
		       "{\"a\":{}}");
	assert_patched("json", "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":{}}]",
		       "{\"a\":{}}");
	assert_patched("json", "{\"a\":1,\"b\":[]}",
		       "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b/0\"},"
		       "{\"op\":\"copy\",\"from\":\"/b\",\"path\":\"/c\"}]",
		       "{\"b\":[1],\"c\":[1]}");
	assert_patched("json", "{\"a/b\":1,\"m~n\":2}",
		       "[{\"op\":\"test\",\"path\":\"/a~1b\",\"value\":1},"
		       "{\"op\":\"remove\",\"path\":\"/m~0n\"}]",
		       "{\"a/b\":1}");
	assert_patched("json", "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]",
		       NULL);
	assert_patched("json", "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", NULL);
	assert_patched("json", "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/5\",\"value\":2}]",
		       NULL);
	assert_patched("json", "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":2}]", NULL);
	assert_patched("json", "{\"a\":1}", "{}", NULL);
	assert_patched("json", "{\"a\":1}", "[1]", NULL);
}

static void test_merge_patch(void **state)
{
	(void)state;
	assert_patched("merge", "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":null,\"d\":3}}",
		       "{\"a\":{\"c\":2,\"d\":3}}");
	assert_patched("merge", "{\"a\":[1]}", "a: [2, 3]", "{\"a\":[2,3]}");
	assert_patched("merge", "{}", "{\"a\":{\"b\":{\"c\":null}}}", "{\"a\":{\"b\":{}}}");
	assert_patched("merge", "{\"a\":1}", "[]", NULL);
	assert_patched("strange", "{\"a\":1}", "{}", NULL);
}

static void test_strategic_patch(void **state)
{
	(void)state;
	assert_patched("strategic",
		       "{\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"env\":[{\"name\":\"E\","
		       "\"value\":\"1\"}]}]}",
		       "containers:\n- name: a\n  image: y\n  env: [{name: F, value: '2'}]\n"
		       "- name: b\n",
		       "{\"containers\":[{\"env\":[{\"name\":\"E\",\"value\":\"1\"},"
		       "{\"name\":\"F\",\"value\":\"2\"}],\"name\":\"a\",\"image\":\"y\"},{"
		       "\"name\":\"b\"}]}");
	assert_patched("strategic", "{\"volumes\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
		       "{\"volumes\":[{\"name\":\"a\",\"$patch\":\"delete\"}]}",
		       "{\"volumes\":[{\"name\":\"b\"}]}");
	assert_patched("strategic", "{\"s\":{\"a\":1},\"tolerations\":[1]}",
		       "{\"s\":{\"$patch\":\"replace\",\"b\":2},\"tolerations\":[2]}",
		       "{\"s\":{\"b\":2},\"tolerations\":[2]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_job_capabilities),
		cmocka_unit_test(test_configmap),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_bundle),
		cmocka_unit_test(test_pod),
		cmocka_unit_test(test_obstacles),
		cmocka_unit_test(test_node),
		cmocka_unit_test(test_json_patch),
		cmocka_unit_test(test_merge_patch),
		cmocka_unit_test(test_strategic_patch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
