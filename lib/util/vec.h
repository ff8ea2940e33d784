/*
 * Vector: a growable array of any type, in an arena or on the heap.
 *
 *     vec_of(struct probe *) probes = { 0 };
 *     vec_push(arena, &probes, probe);
 *     vec_foreach(&probes, p) use(*p);
 *
 * A vector that grows in an arena leaves its old storage there; it doubles, so the waste is
 * bounded by the final size.  Heap vectors pass NULL for the arena and end in vec_finish().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"

#define vec_of(type)                                                                               \
	struct {                                                                                   \
		type *data;                                                                        \
		size_t len;                                                                        \
		size_t cap;                                                                        \
	}

/* The new storage for @len elements of @size bytes; *cap becomes at least @len + 1. */
void *vec_grow(struct arena *a, void *data, size_t len, size_t *cap, size_t size)
	__attribute__((returns_nonnull));
void vec_free_data(void *data);

#define vec_push(a, v, value)                                                                      \
	do {                                                                                       \
		if ((v)->len == (v)->cap)                                                          \
			(v)->data =                                                                \
				vec_grow((a), (v)->data, (v)->len, &(v)->cap, sizeof(*(v)->data)); \
		(v)->data[(v)->len++] = (value);                                                   \
	} while (0)

#define vec_foreach(v, it)                                                                         \
	for (typeof(*(v)->data) *it = (v)->data; (it) && (it) < (v)->data + (v)->len; (it)++)

#define vec_last(v) ((v)->data[(v)->len - 1])

#define vec_finish(v)                                                                              \
	do {                                                                                       \
		vec_free_data((v)->data);                                                          \
		(v)->data = NULL;                                                                  \
		(v)->len = (v)->cap = 0;                                                           \
	} while (0)
