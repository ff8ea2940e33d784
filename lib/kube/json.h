/*
 * Short words for reading and building cJSON trees.  For lib/kube alone: nothing outside sees
 * cJSON.
 *
 * Building is not checked step by step: cJSON takes NULL for a tree wherever it takes one, so that
 * out of memory shows as an object that lacks a field, which the API server then refuses.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/arena.h"

#define _cleanup_json_ __attribute__((cleanup(json_cleanup)))

static inline void json_cleanup(cJSON **json)
{
	cJSON_Delete(*json);
}

/* The value at a path of keys, NULL if there is none: json_at(pod, "metadata", "name"). */
#define json_at(root, ...)  json_at_keys((root), (const char *const[]){ __VA_ARGS__, NULL })
/* The string there, or NULL. */
#define json_str(root, ...) json_string(json_at((root), __VA_ARGS__))
/* The number there, or 0. */
#define json_num(root, ...) json_number(json_at((root), __VA_ARGS__))

cJSON *json_at_keys(const cJSON *root, const char *const *keys);
const char *json_string(const cJSON *value);
int64_t json_number(const cJSON *value);
/* A copy of the string at @value in @a, NULL if it isn't one. */
char *json_dup(struct arena *a, const cJSON *value);

/* A new empty object or array under @key of @parent, or at the end of the array @parent. */
cJSON *json_add_object(cJSON *parent, const char *key);
cJSON *json_add_array(cJSON *parent, const char *key);
/* The same for a string (nothing if @value is NULL), a number, a truth value. */
void json_add_str(cJSON *parent, const char *key, const char *value);
void json_add_fmt(cJSON *parent, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void json_add_num(cJSON *parent, const char *key, int64_t value);
void json_add_bool(cJSON *parent, const char *key, bool value);
