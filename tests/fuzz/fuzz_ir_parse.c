/*
 * The reader of the IR's text: refuses or understands anything, and what it understood it reads
 * again from its own print, the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char *print(const struct ir_program *p)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ir_print_program(out, p);
	fclose(out);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena a;
	struct ir_program *p;
	const char *error;

	arena_init(&a);
	p = ir_parse(&a, arena_strndup(&a, (const char *)data, len), &error);
	if (p) {
		char *text = print(p), *again;

		p = ir_parse(&a, text, &error);
		if (!p) {
			fprintf(stderr, "%s%s\n", text, error);
			abort();
		}
		again = print(p);
		if (strcmp(text, again) != 0) {
			fprintf(stderr, "%s---\n%s", text, again);
			abort();
		}
		free(text);
		free(again);
	}
	arena_finish(&a);
	return 0;
}
