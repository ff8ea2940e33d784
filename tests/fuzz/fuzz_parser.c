/*
 * The front end: any text through the parser, the preprocessor, C declarations, macros and attach
 * points.  What parses is printed.
 *
 * Built with libFuzzer it takes its input; else fuzz_parser FILE... replays files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lang/cdecl.h"
#include "lang/lang.h"
#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Files that the input names are none of its business. */
static bool reads_files(const struct ast_program *p, const char *text, size_t len)
{
	return p->imports.len || memmem(text, len, "include", 7);
}

static void run(struct arena *a, const char *text, size_t len, FILE *out)
{
	struct ast_program *program;
	struct sema_options options = { .pid = 1, .is_unsafe = true };
	struct config config;
	struct diags diags;

	diag_init(&diags, a);
	config_init(&config);
	options.config = &config;
	if (parse_program(&program, a, source_new(a, "stdin", text, len), &diags) &&
	    config_apply(&config, program, &diags) && !reads_files(program, text, len) &&
	    import_resolve(program, &diags) && macro_expand(program, &diags))
		(void)probe_expand(program, &options, &diags);
	ast_print_program(out, program);
	diags_print(out, &diags, true, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static FILE *null;
	struct arena a;

	if (!null)
		null = fopen("/dev/null", "w");
	if (!null || len > UINT32_MAX)
		return 0;
	arena_init(&a);
	run(&a, (const char *)data, len, null);
	arena_finish(&a);
	return 0;
}

#ifndef FUZZER
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct buf text;

		buf_init(&text, 64 << 20);
		if (buf_read_file(&text, argv[i]))
			perror(argv[i]);
		else
			LLVMFuzzerTestOneInput((const uint8_t *)buf_cstr(&text), text.len);
		buf_finish(&text);
	}
	return 0;
}
#endif
