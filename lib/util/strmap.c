#include "util/strmap.h"

#include <stdlib.h>
#include <string.h>

#include "util/hash.h"
#include "util/vec.h"

void strmap_init(struct strmap *m, struct arena *a)
{
	*m = (struct strmap){ .arena = a };
}

void strmap_finish(struct strmap *m)
{
	if (!m->arena) {
		for (size_t i = 0; i < m->len; i++)
			free(m->entries[i].key);
		free(m->entries);
		free(m->slots);
	}
	*m = (struct strmap){ .arena = m->arena };
}

static struct strmap_entry *find(const struct strmap *m, const char *key, size_t len, uint64_t hash)
{
	size_t mask = m->slot_count - 1;

	if (!m->slot_count)
		return NULL;
	for (size_t i = hash & mask; m->slots[i]; i = (i + 1) & mask) {
		struct strmap_entry *e = &m->entries[m->slots[i] - 1];

		if (e->hash == hash && e->key_len == len && !memcmp(e->key, key, len))
			return e;
	}
	return NULL;
}

static void insert_slot(struct strmap *m, size_t entry)
{
	size_t mask = m->slot_count - 1;
	size_t i = m->entries[entry].hash & mask;

	while (m->slots[i])
		i = (i + 1) & mask;
	m->slots[i] = (uint32_t)entry + 1;
}

static void grow_slots(struct strmap *m)
{
	size_t count = m->slot_count ? m->slot_count * 2 : 16;

	if (m->arena) {
		m->slots = arena_array(m->arena, uint32_t, count);
	} else {
		free(m->slots);
		m->slots = vec_grow(NULL, NULL, 0, &(size_t){ count / 2 }, sizeof(*m->slots));
		memset(m->slots, 0, count * sizeof(*m->slots));
	}
	m->slot_count = count;
	for (size_t i = 0; i < m->len; i++)
		insert_slot(m, i);
}

static struct strmap_entry *add(struct strmap *m, const char *key, size_t len, uint64_t hash)
{
	struct strmap_entry *e;

	if (m->len == m->cap)
		m->entries = vec_grow(m->arena, m->entries, m->len, &m->cap, sizeof(*m->entries));
	e = &m->entries[m->len++];
	*e = (struct strmap_entry){ .key_len = len, .hash = hash };
	if (m->arena) {
		e->key = arena_strndup(m->arena, key, len);
	} else {
		e->key = vec_grow(NULL, NULL, 0, &(size_t){ len / 2 + 1 }, 1);
		memcpy(e->key, key, len);
		e->key[len] = '\0';
	}
	if (m->len * 4 > m->slot_count * 3)
		grow_slots(m);
	else
		insert_slot(m, m->len - 1);
	return e;
}

void *strmap_get_n(const struct strmap *m, const char *key, size_t len)
{
	const struct strmap_entry *e = find(m, key, len, hash_bytes(key, len));

	return e ? e->value : NULL;
}

void *strmap_get(const struct strmap *m, const char *key)
{
	return strmap_get_n(m, key, strlen(key));
}

bool strmap_has(const struct strmap *m, const char *key)
{
	size_t len = strlen(key);

	return find(m, key, len, hash_bytes(key, len)) != NULL;
}

bool strmap_put_n(struct strmap *m, const char *key, size_t len, void *value)
{
	uint64_t hash = hash_bytes(key, len);
	struct strmap_entry *e = find(m, key, len, hash);
	bool is_new = !e;

	if (!e)
		e = add(m, key, len, hash);
	e->value = value;
	return is_new;
}

bool strmap_put(struct strmap *m, const char *key, void *value)
{
	return strmap_put_n(m, key, strlen(key), value);
}

const char *strmap_intern(struct strmap *m, const char *key, size_t len)
{
	uint64_t hash = hash_bytes(key, len);
	struct strmap_entry *e = find(m, key, len, hash);

	if (!e)
		e = add(m, key, len, hash);
	return e->key;
}
