#include "kube/node.h"

#include <errno.h>
#include <string.h>

#include "kube/client.h"
#include "kube/json.h"
#include "util/str.h"

static void parse_ready(struct kube_node *node, struct arena *a, const cJSON *json)
{
	const cJSON *condition;

	node->not_ready_message = "the kubelet has not reported yet";
	cJSON_ArrayForEach (condition, json_at(json, "status", "conditions")) {
		const char *type = json_str(condition, "type");
		const char *status = json_str(condition, "status");

		if (!type || strcmp(type, "Ready") != 0)
			continue;
		node->is_ready = status && strcmp(status, "True") == 0;
		node->not_ready_message = json_dup(a, json_at(condition, "message"));
		if (!node->not_ready_message)
			node->not_ready_message = "no reason given";
	}
}

/* "repo@sha256:..." pulls nothing only if it is written so; "<none>" marks an image without name.
 */
static bool is_usable_name(const char *name)
{
	return name && !strstr(name, "<none>") && strchr(name, ':');
}

static void parse_images(struct kube_node *node, struct arena *a, const cJSON *json)
{
	const cJSON *images = json_at(json, "status", "images");
	size_t count = 0;
	const cJSON *image, *name;

	cJSON_ArrayForEach (image, images)
		count += (size_t)cJSON_GetArraySize(json_at(image, "names"));
	node->images = arena_array(a, struct kube_image, count);
	cJSON_ArrayForEach (image, images) {
		cJSON_ArrayForEach (name, json_at(image, "names")) {
			if (!is_usable_name(json_string(name)))
				continue;
			node->images[node->image_count++] = (struct kube_image){
				.name = json_dup(a, name),
				.size_bytes = json_num(image, "sizeBytes"),
			};
		}
	}
}

void kube_node_parse(struct kube_node *out, struct arena *a, const cJSON *json)
{
	*out = (struct kube_node){
		.name = json_dup(a, json_at(json, "metadata", "name")),
		.arch = json_dup(a, json_at(json, "status", "nodeInfo", "architecture")),
	};
	if (!out->name)
		out->name = "";
	if (!out->arch)
		out->arch = "";
	parse_ready(out, a, json);
	parse_images(out, a, json);
}

int kube_node_get(struct kube_node *out, struct arena *a, struct kube_client *client,
		  const char *name, struct err *err)
{
	_cleanup_json_ cJSON *json = NULL;
	struct str_nearest nearest;
	kube_node_vec nodes = { 0 };
	int ret = kube_get(&json, client, kube_path(a, "api", "v1", "nodes", name, NULL), err);

	if (ret == 0)
		kube_node_parse(out, a, json);
	if (ret != -ENOENT || kube_node_list(&nodes, a, client, NULL, NULL) < 0)
		return ret;
	str_nearest_init(&nearest, name);
	vec_foreach (&nodes, node)
		str_nearest_try(&nearest, (*node)->name);
	if (nearest.best)
		return err_set(err, -ENOENT, "nodes \"%s\" not found (did you mean \"%s\"?)", name,
			       nearest.best);
	return ret;
}

int kube_node_list(kube_node_vec *out, struct arena *a, struct kube_client *client,
		   const char *label_selector, struct err *err)
{
	const char *path = kube_collection(a, "", "v1", NULL, "nodes");
	_cleanup_json_ cJSON *list = NULL;
	const cJSON *item;
	int ret;

	ret = kube_list(&list, client, kube_query(a, path, "labelSelector", label_selector), err);
	if (ret < 0)
		return ret;
	cJSON_ArrayForEach (item, json_at(list, "items")) {
		struct kube_node *node = arena_new(a, struct kube_node);

		kube_node_parse(node, a, item);
		vec_push(a, out, node);
	}
	return 0;
}
