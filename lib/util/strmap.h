/*
 * Hash map from strings to pointers.
 *
 * Keys are copied.  Entries keep their insertion order, which is the order of strmap_at(), so that
 * whatever is printed from a map is deterministic.  With an arena, memory is the arena's; without
 * (NULL), strmap_finish() frees it.  Values are the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"

struct strmap_entry {
	char *key;
	size_t key_len;
	void *value;
	uint64_t hash;
};

struct strmap {
	struct arena *arena;
	struct strmap_entry *entries; // in insertion order
	uint32_t *slots;              // entry number + 1; 0 = free; length is a power of two
	size_t len;
	size_t cap;
	size_t slot_count;
};

void strmap_init(struct strmap *m, struct arena *a);
void strmap_finish(struct strmap *m);
/* The value of @key, or NULL. */
void *strmap_get(const struct strmap *m, const char *key);
void *strmap_get_n(const struct strmap *m, const char *key, size_t len);
bool strmap_has(const struct strmap *m, const char *key);
/* Set the value of @key; returns false when the key was there (its value is replaced). */
bool strmap_put(struct strmap *m, const char *key, void *value);
bool strmap_put_n(struct strmap *m, const char *key, size_t len, void *value);
/* The stored copy of @key, the same pointer for equal keys: string interning. */
const char *strmap_intern(struct strmap *m, const char *key, size_t len);
/* Entry number @i, in insertion order. */
static inline const struct strmap_entry *strmap_at(const struct strmap *m, size_t i)
{
	return &m->entries[i];
}
