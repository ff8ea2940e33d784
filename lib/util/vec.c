#include "util/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *vec_grow(struct arena *a, void *data, size_t len, size_t *cap, size_t size)
{
	size_t want = *cap ? *cap * 2 : 8;
	size_t bytes;
	void *grown;

	if (__builtin_mul_overflow(want, size, &bytes)) {
		fputs("ERROR: out of memory (vector too long)\n", stderr);
		exit(1);
	}
	if (a) {
		grown = arena_alloc(a, bytes);
		if (len)
			memcpy(grown, data, len * size);
	} else {
		grown = realloc(data, bytes);
		if (!grown) {
			fprintf(stderr, "ERROR: out of memory (%zu bytes wanted)\n", bytes);
			exit(1);
		}
	}
	*cap = want;
	return grown;
}

void vec_free_data(void *data)
{
	free(data);
}
