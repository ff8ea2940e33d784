#include "kube/job.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "kube/base64.h"
#include "kube/json.h"
#include "kube/patch.h"
#include "util/buf.h"

/* From the end of the runner's deadline, and before it from the Job's creation to its start. */
#define DEADLINE_SLACK_S 60
#define GRACE_PERIOD_S   30
#define LABEL_VALUE_MAX  63

int kube_id_new(char id[KUBE_ID_SIZE], struct err *err)
{
	unsigned char bytes[16];
	size_t at = 0;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_errno(err, -errno, "no random numbers");
	bytes[6] = (bytes[6] & 0x0f) | 0x40; // RFC 4122: version 4
	bytes[8] = (bytes[8] & 0x3f) | 0x80; // and variant 1
	for (size_t i = 0; i < sizeof(bytes); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			id[at++] = '-';
		id[at++] = "0123456789abcdef"[bytes[i] >> 4];
		id[at++] = "0123456789abcdef"[bytes[i] & 15];
	}
	id[at] = '\0';
	return 0;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/*
 * A label's value is short, of few characters, and begins and ends with a letter or digit: "node/a"
 * becomes "node.a".
 */
static void add_label(cJSON *labels, const char *key, const char *value)
{
	char text[LABEL_VALUE_MAX + 1];
	size_t n = 0;

	while (*value && !is_alnum(*value))
		value++;
	for (; value[n] && n < LABEL_VALUE_MAX; n++)
		text[n] = is_alnum(value[n]) || strchr("-_", value[n]) ? value[n] : '.';
	while (n && !is_alnum(text[n - 1]))
		n--;
	text[n] = '\0';
	json_add_str(labels, key, text);
}

static void add_metadata(cJSON *object, const struct kube_job_spec *spec, bool has_name)
{
	cJSON *meta = json_add_object(object, "metadata");
	cJSON *labels, *annotations;

	if (has_name) {
		json_add_str(meta, "name", spec->name);
		json_add_str(meta, "namespace", spec->namespace);
	}
	labels = json_add_object(meta, "labels");
	json_add_str(labels, KUBE_LABEL_APP, KUBE_LABEL_APP_VALUE);
	json_add_str(labels, KUBE_LABEL_ID, spec->id);
	add_label(labels, KUBE_LABEL_TARGET, spec->target);
	annotations = json_add_object(meta, "annotations");
	json_add_str(annotations, KUBE_ANNOTATION_NODE, spec->node);
	json_add_str(annotations, KUBE_ANNOTATION_TARGET, spec->target);
	json_add_str(annotations, KUBE_ANNOTATION_OUTPUT, spec->output);
}

/* By the node's name, not by its host name label, which need not be the same. */
static void add_affinity(cJSON *pod, const char *node)
{
	cJSON *affinity = json_add_object(json_add_object(pod, "affinity"), "nodeAffinity");
	cJSON *required =
		json_add_object(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
	cJSON *term = json_add_object(json_add_array(required, "nodeSelectorTerms"), NULL);
	cJSON *field = json_add_object(json_add_array(term, "matchFields"), NULL);

	json_add_str(field, "key", "metadata.name");
	json_add_str(field, "operator", "In");
	json_add_str(json_add_array(field, "values"), NULL, node);
}

static void add_host_volume(cJSON *volumes, cJSON *mounts, const char *name, const char *path,
			    bool is_read_only)
{
	cJSON *volume = json_add_object(volumes, NULL);
	cJSON *mount = json_add_object(mounts, NULL);

	json_add_str(volume, "name", name);
	json_add_str(json_add_object(volume, "hostPath"), "path", path);
	json_add_str(mount, "name", name);
	json_add_str(mount, "mountPath", path);
	if (is_read_only)
		json_add_bool(mount, "readOnly", true);
}

static void add_program_volume(cJSON *volumes, cJSON *mounts, const struct kube_job_spec *spec)
{
	cJSON *volume = json_add_object(volumes, NULL);
	cJSON *mount = json_add_object(mounts, NULL);
	cJSON *map;

	json_add_str(volume, "name", "program");
	map = json_add_object(volume, "configMap");
	json_add_str(map, "name", spec->name);
	json_add_num(map, "defaultMode", 0555); // for the first stage
	json_add_str(mount, "name", "program");
	json_add_str(mount, "mountPath", KUBE_PROGRAM_DIR);
	json_add_bool(mount, "readOnly", true);
}

/* The runner's parts and the first stage, all in one directory, executable. */
static void add_bundle_volume(cJSON *volumes, cJSON *mounts, const char *const *bundle)
{
	cJSON *volume = json_add_object(volumes, NULL);
	cJSON *mount = json_add_object(mounts, NULL);
	cJSON *projected, *sources;

	json_add_str(volume, "name", "runner");
	projected = json_add_object(volume, "projected");
	json_add_num(projected, "defaultMode", 0555);
	sources = json_add_array(projected, "sources");
	for (size_t i = 0; bundle[i]; i++)
		json_add_str(json_add_object(json_add_object(sources, NULL), "configMap"), "name",
			     bundle[i]);
	json_add_str(mount, "name", "runner");
	json_add_str(mount, "mountPath", KUBE_BUNDLE_DIR);
	json_add_bool(mount, "readOnly", true);
}

static void add_security_context(cJSON *container, bool has_capabilities)
{
	cJSON *context = json_add_object(container, "securityContext");
	cJSON *capabilities, *add;

	json_add_num(context, "runAsUser", 0);
	json_add_bool(context, "readOnlyRootFilesystem", true);
	json_add_bool(context, "privileged", !has_capabilities);
	if (!has_capabilities)
		return;
	capabilities = json_add_object(context, "capabilities");
	json_add_str(json_add_array(capabilities, "drop"), NULL, "ALL");
	add = json_add_array(capabilities, "add");
	json_add_str(add, NULL, "BPF");
	json_add_str(add, NULL, "PERFMON");
	json_add_str(add, NULL, "SYS_PTRACE");
}

static void add_container(cJSON *pod, const struct kube_job_spec *spec)
{
	cJSON *container = json_add_object(json_add_array(pod, "containers"), NULL);
	cJSON *volumes = json_add_array(pod, "volumes");
	cJSON *command, *mounts, *resources, *amounts;

	json_add_str(container, "name", KUBE_CONTAINER_NAME);
	json_add_str(container, "image", spec->image);
	json_add_str(container, "imagePullPolicy",
		     spec->pull_policy ? spec->pull_policy : "IfNotPresent");
	command = json_add_array(container, "command");
	for (size_t i = 0; spec->command[i]; i++)
		json_add_str(command, NULL, spec->command[i]);
	resources = json_add_object(container, "resources");
	/* Little is requested, because a full node is one that people want to trace. */
	amounts = json_add_object(resources, "requests");
	json_add_str(amounts, "cpu", "10m");
	json_add_str(amounts, "memory", "32Mi");
	amounts = json_add_object(resources, "limits");
	json_add_str(amounts, "cpu", "1");
	json_add_str(amounts, "memory", "1Gi");
	add_security_context(container, spec->has_capabilities);
	json_add_str(container, "terminationMessagePolicy", "FallbackToLogsOnError");
	mounts = json_add_array(container, "volumeMounts");
	add_program_volume(volumes, mounts, spec);
	if (spec->bundle)
		add_bundle_volume(volumes, mounts, spec->bundle);
	/* tracefs, debugfs, bpffs, cgroups and the kernel's BTF are all below /sys. */
	add_host_volume(volumes, mounts, "sys", "/sys", false);
	/* Their names tell which pod and container a cgroup is; logs are not read. */
	add_host_volume(volumes, mounts, "pod-logs", "/var/log/pods", true);
	add_host_volume(volumes, mounts, "container-logs", "/var/log/containers", true);
}

static void add_pod_spec(cJSON *template, const struct kube_job_spec *spec)
{
	cJSON *pod = json_add_object(template, "spec");

	json_add_str(pod, "restartPolicy", "Never");
	json_add_bool(pod, "hostPID", true);
	json_add_str(pod, "serviceAccountName", spec->service_account);
	json_add_bool(pod, "automountServiceAccountToken", false);
	json_add_bool(pod, "enableServiceLinks", false);
	json_add_num(pod, "terminationGracePeriodSeconds", GRACE_PERIOD_S);
	json_add_str(json_add_object(json_add_array(pod, "tolerations"), NULL), "operator",
		     "Exists");
	add_affinity(pod, spec->node);
	add_container(pod, spec);
}

int kube_job_build(cJSON **out, const struct kube_job_spec *spec, struct err *err)
{
	cJSON *job = cJSON_CreateObject();
	cJSON *body, *template;
	int ret;

	json_add_str(job, "apiVersion", "batch/v1");
	json_add_str(job, "kind", "Job");
	add_metadata(job, spec, true);
	body = json_add_object(job, "spec");
	json_add_num(body, "parallelism", 1);
	json_add_num(body, "completions", 1);
	json_add_num(body, "backoffLimit", 0);
	json_add_num(body, "activeDeadlineSeconds", spec->deadline_s + DEADLINE_SLACK_S);
	json_add_num(body, "ttlSecondsAfterFinished", spec->ttl_s);
	template = json_add_object(body, "template");
	add_metadata(template, spec, false);
	add_pod_spec(template, spec);
	if (spec->patch) {
		ret = kube_patch_apply(job, spec->patch, spec->patch_type, err);
		if (ret < 0) {
			cJSON_Delete(job);
			return ret;
		}
	}
	*out = job;
	return 0;
}

/* JSON has only text; a script in another encoding goes as bytes. */
static bool is_utf8(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;

	while (p < end) {
		unsigned char lead = *p++;
		int more = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;

		if (lead == 0 || (lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || end - p < more)
			return false;
		for (; more > 0; more--)
			if ((*p++ & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static void add_bytes(cJSON *map, const char *key, const char *data, size_t len)
{
	cJSON *binary = json_at(map, "binaryData");
	struct buf text;

	buf_init(&text, (size_t)4 * KUBE_CONFIGMAP_MAX);
	base64_encode(&text, data, len);
	json_add_str(binary ? binary : json_add_object(map, "binaryData"), key, buf_cstr(&text));
	buf_finish(&text);
}

cJSON *kube_job_build_configmap(const struct kube_job_spec *spec, const char *job_uid)
{
	cJSON *map = cJSON_CreateObject();
	cJSON *owner;

	json_add_str(map, "apiVersion", "v1");
	json_add_str(map, "kind", "ConfigMap");
	add_metadata(map, spec, true);
	owner = json_add_object(json_add_array(json_at(map, "metadata"), "ownerReferences"), NULL);
	json_add_str(owner, "apiVersion", "batch/v1");
	json_add_str(owner, "kind", "Job");
	json_add_str(owner, "name", spec->name);
	json_add_str(owner, "uid", job_uid);
	json_add_bool(map, "immutable", true);
	if (is_utf8(spec->script, spec->script_len))
		json_add_str(json_add_object(map, "data"), KUBE_PROGRAM_FILE, spec->script);
	else
		add_bytes(map, KUBE_PROGRAM_FILE, spec->script, spec->script_len);
	if (spec->imports)
		add_bytes(map, KUBE_IMPORTS_FILE, spec->imports, spec->imports_len);
	if (spec->stage1)
		add_bytes(map, KUBE_STAGE1_FILE, spec->stage1, spec->stage1_len);
	return map;
}
