#include "util/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 65536
#define ALIGNMENT  16

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; // of the data, in bytes
	_Alignas(ALIGNMENT) char data[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void arena_finish(struct arena *a)
{
	struct arena_chunk *next;

	for (struct arena_chunk *c = a->head; c; c = next) {
		next = c->next;
		free(c);
	}
	*a = (struct arena){ 0 };
}

static _Noreturn void die_no_memory(size_t size)
{
	fprintf(stderr, "ERROR: out of memory (%zu bytes wanted)\n", size);
	exit(1);
}

static void add_chunk(struct arena *a, size_t need)
{
	size_t size = need > CHUNK_SIZE ? need : CHUNK_SIZE;
	struct arena_chunk *c;

	if (size > SIZE_MAX - sizeof(*c))
		die_no_memory(size);
	c = calloc(1, sizeof(*c) + size);
	if (!c)
		die_no_memory(size);
	c->size = size;
	c->next = a->head;
	a->head = c;
	a->next = c->data;
	a->limit = c->data + size;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	void *p;

	if (rounded < size)
		die_no_memory(size);
	if (!a->head || (size_t)(a->limit - a->next) < rounded)
		add_chunk(a, rounded);
	p = a->next;
	a->next += rounded;
	return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		die_no_memory(SIZE_MAX);
	return arena_alloc(a, total);
}

void *arena_memdup(struct arena *a, const void *data, size_t size)
{
	void *p = arena_alloc(a, size);

	if (size)
		memcpy(p, data, size);
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (len)
		memcpy(p, s, len);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	char *p;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		return arena_alloc(a, 1);
	p = arena_alloc(a, (size_t)len + 1);
	vsnprintf(p, (size_t)len + 1, fmt, ap);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}
