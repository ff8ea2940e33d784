#include "kube/patch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kube/json.h"
#include "kube/kubeconfig_yaml.h"
#include "util/str.h"

/* The lists that are merged, and by which field; from the patchMergeKey tags of k8s.io/api. */
static const struct {
	const char *list;
	const char *key;
} merge_keys[] = {
	{ "containers", "name" },          { "env", "name" },
	{ "ephemeralContainers", "name" }, { "imagePullSecrets", "name" },
	{ "initContainers", "name" },      { "ownerReferences", "uid" },
	{ "ports", "containerPort" },      { "volumeDevices", "devicePath" },
	{ "volumeMounts", "mountPath" },   { "volumes", "name" },
};

static void merge_object(cJSON *target, const cJSON *patch, bool merges_lists);

static const char *merge_key(const char *list)
{
	for (size_t i = 0; i < sizeof(merge_keys) / sizeof(merge_keys[0]); i++)
		if (strcmp(merge_keys[i].list, list) == 0)
			return merge_keys[i].key;
	return NULL;
}

static bool has_directive(const cJSON *patch, const char *what)
{
	const char *directive = json_str(patch, "$patch");

	return directive && strcmp(directive, what) == 0;
}

static void merge_list(cJSON *target, const cJSON *patch, const char *key)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, patch) {
		const cJSON *id = json_at(item, key);
		cJSON *found = NULL, *candidate;

		cJSON_ArrayForEach (candidate, target)
			if (id && cJSON_Compare(json_at(candidate, key), id, true))
				found = candidate;
		if (found && has_directive(item, "delete"))
			cJSON_Delete(cJSON_DetachItemViaPointer(target, found));
		else if (found)
			merge_object(found, item, true);
		else
			cJSON_AddItemToArray(target, cJSON_Duplicate(item, true));
	}
}

static void replace(cJSON *target, const cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(target, value->string);
	if (!cJSON_IsNull(value))
		cJSON_AddItemToObject(target, value->string, cJSON_Duplicate(value, true));
}

static void merge_object(cJSON *target, const cJSON *patch, bool merges_lists)
{
	const cJSON *value;

	if (merges_lists && has_directive(patch, "replace"))
		while (target->child)
			cJSON_Delete(cJSON_DetachItemViaPointer(target, target->child));
	cJSON_ArrayForEach (value, patch) {
		cJSON *old = json_at(target, value->string);
		const char *key = merges_lists ? merge_key(value->string) : NULL;

		if (merges_lists && strcmp(value->string, "$patch") == 0)
			continue;
		if (!cJSON_IsObject(old) && cJSON_IsObject(value)) {
			/* RFC 7386: into an empty object, so that nulls within drop out. */
			cJSON_DeleteItemFromObjectCaseSensitive(target, value->string);
			old = json_add_object(target, value->string);
		}
		if (cJSON_IsObject(old) && cJSON_IsObject(value))
			merge_object(old, value, merges_lists);
		else if (cJSON_IsArray(old) && cJSON_IsArray(value) && key)
			merge_list(old, value, key);
		else
			replace(target, value);
	}
}

/*
 * JSON patch.  A pointer's last step is kept apart: operations act on a member of its parent.
 */
struct place {
	cJSON *parent;
	char key[256]; // unescaped; "-" for the end of a list
};

/* Take the next "/step" of a JSON pointer, "~1" and "~0" unescaped; false if it is too long. */
static bool next_step(char key[256], const char **pointer)
{
	const char *p = *pointer + 1;
	size_t n = 0;

	for (; *p && *p != '/'; p++) {
		char c = *p;

		if (c == '~' && (p[1] == '0' || p[1] == '1'))
			c = *++p == '0' ? '~' : '/';
		if (n == 255)
			return false;
		key[n++] = c;
	}
	key[n] = '\0';
	*pointer = p;
	return true;
}

static cJSON *member(const cJSON *parent, const char *key)
{
	uint64_t index;

	if (!cJSON_IsArray(parent))
		return json_at(parent, key);
	if (parse_u64(&index, key, 10) < 0 || index > 1000000)
		return NULL;
	return cJSON_GetArrayItem(parent, (int)index);
}

static bool find_place(struct place *place, cJSON *root, const char *pointer)
{
	place->parent = root;
	if (!pointer || *pointer != '/')
		return false;
	for (;;) {
		if (!next_step(place->key, &pointer))
			return false;
		if (!*pointer)
			return cJSON_IsObject(place->parent) || cJSON_IsArray(place->parent);
		place->parent = member(place->parent, place->key);
		if (!place->parent)
			return false;
	}
}

/* cJSON_InsertItemInArray() of 1.7.17, and of distributions with its security fix, refuses always:
 * append the item, then what must come after it. */
static bool insert(cJSON *array, int index, cJSON *value)
{
	int after = cJSON_GetArraySize(array) - index;

	if (!cJSON_AddItemToArray(array, value))
		return false;
	for (; after > 0; after--)
		cJSON_AddItemToArray(array, cJSON_DetachItemFromArray(array, index));
	return true;
}

/* Put @value there, which it takes. */
static bool add_at(const struct place *place, cJSON *value)
{
	uint64_t index;

	if (!value)
		return false;
	if (cJSON_IsObject(place->parent)) {
		cJSON_DeleteItemFromObjectCaseSensitive(place->parent, place->key);
		if (cJSON_AddItemToObject(place->parent, place->key, value))
			return true;
	} else if (strcmp(place->key, "-") == 0) {
		if (cJSON_AddItemToArray(place->parent, value))
			return true;
	} else if (parse_u64(&index, place->key, 10) == 0 &&
		   index <= (uint64_t)cJSON_GetArraySize(place->parent)) {
		if (insert(place->parent, (int)index, value))
			return true;
	}
	cJSON_Delete(value);
	return false;
}

static cJSON *detach(const struct place *place)
{
	cJSON *item = member(place->parent, place->key);

	return item ? cJSON_DetachItemViaPointer(place->parent, item) : NULL;
}

static bool apply_operation(cJSON *root, const cJSON *operation)
{
	const char *op = json_str(operation, "op");
	const cJSON *value = json_at(operation, "value");
	struct place to, from;
	cJSON *old;

	if (!op || !find_place(&to, root, json_str(operation, "path")))
		return false;
	if (strcmp(op, "add") == 0)
		return add_at(&to, cJSON_Duplicate(value, true));
	if (strcmp(op, "test") == 0)
		return cJSON_Compare(member(to.parent, to.key), value, true);
	if (strcmp(op, "remove") == 0 || strcmp(op, "replace") == 0) {
		old = detach(&to);
		if (!old)
			return false;
		cJSON_Delete(old);
		return strcmp(op, "remove") == 0 || add_at(&to, cJSON_Duplicate(value, true));
	}
	if (!find_place(&from, root, json_str(operation, "from")))
		return false;
	if (strcmp(op, "move") == 0)
		return add_at(&to, detach(&from));
	if (strcmp(op, "copy") == 0)
		return add_at(&to, cJSON_Duplicate(member(from.parent, from.key), true));
	return false;
}

static int apply_operations(cJSON *object, const cJSON *list, struct err *err)
{
	const cJSON *operation;

	if (!cJSON_IsArray(list))
		return err_set(err, -EINVAL, "a JSON patch is a list of operations");
	cJSON_ArrayForEach (operation, list) {
		const char *op = json_str(operation, "op");
		const char *path = json_str(operation, "path");

		if (!apply_operation(object, operation))
			return err_set(err, -EINVAL,
				       "the JSON patch's operation \"%s\" does not "
				       "apply at \"%s\"",
				       op ? op : "", path ? path : "");
	}
	return 0;
}

/* JSON is YAML too, but for tabs between tokens: read it as JSON first. */
static int parse(cJSON **out, const char *text, struct err *err)
{
	*out = cJSON_Parse(text);
	return *out ? 0 : yaml_to_json(out, text, strlen(text), err);
}

int kube_patch_apply(cJSON *object, const char *patch, const char *type, struct err *err)
{
	_cleanup_json_ cJSON *json = NULL;
	bool is_strategic = strcmp(type, "strategic") == 0;
	int ret = parse(&json, patch, err);

	if (ret < 0) {
		err_wrap(err, "patch");
		return ret;
	}
	if (strcmp(type, "json") == 0)
		return apply_operations(object, json, err);
	if (!is_strategic && strcmp(type, "merge") != 0)
		return err_set(err, -EINVAL,
			       "unknown patch type \"%s\": use json, merge or strategic", type);
	if (!cJSON_IsObject(json))
		return err_set(err, -EINVAL, "a %s patch is an object", type);
	merge_object(object, json, is_strategic);
	return 0;
}
