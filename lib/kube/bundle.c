#include "kube/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kube/base64.h"
#include "kube/client.h"
#include "kube/job.h"
#include "kube/json.h"

/* Just below the limit of a ConfigMap, KUBE_CONFIGMAP_MAX.  etcd takes requests of 1.5 MiB. */
#define PART_BYTES 1048000
#define HASH_CHARS 12

void kube_bundle_init(struct kube_bundle *out, struct arena *a, const char *data, size_t len)
{
	unsigned char digest[SHA256_SIZE];
	struct sha256 h;
	const char **names;

	*out = (struct kube_bundle){ .data = data, .len = len };
	sha256_init(&h);
	sha256_update(&h, data, len);
	sha256_final(&h, digest);
	sha256_hex(out->sha256, digest);
	out->hash = arena_strndup(a, out->sha256, HASH_CHARS);
	out->part_count = (len + PART_BYTES - 1) / PART_BYTES;
	names = arena_array(a, const char *, out->part_count + 1);
	for (size_t i = 0; i < out->part_count; i++)
		names[i] = arena_printf(a, KUBE_NAME_PREFIX "runner-%s-%zu", out->hash, i);
	out->names = names;
}

static cJSON *make_part(const struct kube_bundle *b, size_t number)
{
	size_t start = number * PART_BYTES;
	size_t len = b->len - start < PART_BYTES ? b->len - start : PART_BYTES;
	cJSON *map = cJSON_CreateObject();
	cJSON *meta, *labels;
	struct buf text;
	char key[32];

	json_add_str(map, "apiVersion", "v1");
	json_add_str(map, "kind", "ConfigMap");
	meta = json_add_object(map, "metadata");
	json_add_str(meta, "name", b->names[number]);
	labels = json_add_object(meta, "labels");
	json_add_str(labels, KUBE_LABEL_APP, KUBE_LABEL_APP_VALUE);
	json_add_str(labels, KUBE_BUNDLE_LABEL, b->hash);
	json_add_bool(map, "immutable", true);
	buf_init(&text, (size_t)2 * PART_BYTES);
	base64_encode(&text, b->data + start, len);
	(void)snprintf(key, sizeof(key), "runner.%03zu", number);
	json_add_str(json_add_object(map, "binaryData"), key, buf_cstr(&text));
	buf_finish(&text);
	return map;
}

static bool is_listed(const cJSON *list, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, json_at(list, "items")) {
		const char *of = json_str(item, "metadata", "name");

		if (of && strcmp(of, name) == 0)
			return true;
	}
	return false;
}

int kube_bundle_ensure(struct kube_client *client, const struct kube_bundle *b, const char *ns,
		       struct err *err)
{
	_cleanup_json_ cJSON *list = NULL;
	struct arena a;
	const char *path;
	int ret;

	arena_init(&a);
	path = kube_collection(&a, "", "v1", ns, "configmaps");
	ret = kube_list_metadata(&list, client,
				 kube_query(&a, path, "labelSelector",
					    arena_printf(&a, "%s=%s", KUBE_BUNDLE_LABEL, b->hash)),
				 err);
	if (ret == -EACCES) // who may create them need not be allowed to list them
		ret = 0;
	for (size_t i = 0; i < b->part_count && ret == 0; i++) {
		_cleanup_json_ cJSON *part = NULL;

		if (is_listed(list, b->names[i]))
			continue;
		part = make_part(b, i);
		ret = kube_create(NULL, client, path, part, err);
		if (ret == -EEXIST) // another kubectl-trace was quicker
			ret = 0;
	}
	arena_finish(&a);
	if (ret < 0)
		err_wrap(err, "storing the runner in ConfigMaps of namespace \"%s\"", ns);
	return ret;
}

int kube_bundle_delete_all(size_t *count, struct kube_client *client, const char *ns,
			   struct err *err)
{
	_cleanup_json_ cJSON *list = NULL;
	struct arena a;
	const cJSON *item;
	const char *path;
	int ret;

	*count = 0;
	arena_init(&a);
	path = kube_query(&a, kube_collection(&a, "", "v1", ns, "configmaps"), "labelSelector",
			  KUBE_BUNDLE_LABEL);
	ret = kube_list_metadata(&list, client, path, err);
	cJSON_ArrayForEach (item, json_at(list, "items")) {
		const char *name = json_str(item, "metadata", "name");
		const char *in = json_str(item, "metadata", "namespace");

		if (ret < 0 || !name || !in)
			break;
		ret = kube_delete(
			client,
			kube_path(&a, "api", "v1", "namespaces", in, "configmaps", name, NULL),
			"Background", -1, err);
		if (ret == -ENOENT)
			ret = 0;
		if (ret == 0)
			(*count)++;
	}
	arena_finish(&a);
	return ret;
}
