#include "kube/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/buf.h"

cJSON *json_at_keys(const cJSON *root, const char *const *keys)
{
	const cJSON *at = root;

	for (; at && *keys; keys++)
		at = cJSON_GetObjectItemCaseSensitive(at, *keys);
	return (cJSON *)at;
}

const char *json_string(const cJSON *value)
{
	return cJSON_GetStringValue(value);
}

int64_t json_number(const cJSON *value)
{
	return cJSON_IsNumber(value) ? (int64_t)value->valuedouble : 0;
}

char *json_dup(struct arena *a, const cJSON *value)
{
	const char *s = json_string(value);

	return s ? arena_strdup(a, s) : NULL;
}

static cJSON *add(cJSON *parent, const char *key, cJSON *item)
{
	bool is_added =
		key ? cJSON_AddItemToObject(parent, key, item) : cJSON_AddItemToArray(parent, item);

	if (is_added)
		return item;
	cJSON_Delete(item);
	return NULL;
}

cJSON *json_add_object(cJSON *parent, const char *key)
{
	return add(parent, key, cJSON_CreateObject());
}

cJSON *json_add_array(cJSON *parent, const char *key)
{
	return add(parent, key, cJSON_CreateArray());
}

void json_add_str(cJSON *parent, const char *key, const char *value)
{
	if (value)
		add(parent, key, cJSON_CreateString(value));
}

void json_add_fmt(cJSON *parent, const char *key, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text, 1 << 20);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	json_add_str(parent, key, buf_cstr(&text));
	buf_finish(&text);
}

void json_add_num(cJSON *parent, const char *key, int64_t value)
{
	add(parent, key, cJSON_CreateNumber((double)value));
}

void json_add_bool(cJSON *parent, const char *key, bool value)
{
	add(parent, key, cJSON_CreateBool(value));
}
