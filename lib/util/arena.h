/*
 * Arena: memory that is given out piece by piece and taken back all at once.
 *
 * Everything that the compiler allocates (AST, types, IR) lives in an arena; nothing is freed
 * alone.  Memory is zeroed.  When the system has no more, the process ends with a message: a
 * compiler can't do anything useful with half a program.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *head;
	char *next;  // first free byte of the head chunk
	char *limit; // end of the head chunk
};

void arena_init(struct arena *a);
void arena_finish(struct arena *a);

/* Zeroed memory of @size bytes, aligned to 16.  @size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));
/* The same for an array; @count * @size must not overflow (the process ends if it does). */
void *arena_calloc(struct arena *a, size_t count, size_t size) __attribute__((returns_nonnull));
/* A copy of @size bytes. */
void *arena_memdup(struct arena *a, const void *data, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap);

#define arena_new(a, type)          ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, count) ((type *)arena_calloc((a), (count), sizeof(type)))
