/*
 * What the tests of the language have in common: a script through the first stages, and its tree or
 * its diagnostics as text.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lang/lang.h"

struct front {
	struct arena arena;
	struct diags diags;
	struct config config;
	struct sema_options options;
	struct ast_program *program;
	bool ok;
	char *text; // of front_tree(), front_errors()
};

enum front_stage { FRONT_PARSE, FRONT_CONFIG, FRONT_IMPORT, FRONT_MACRO, FRONT_EXPAND, FRONT_SEMA };

static inline void front_finish(struct front *f)
{
	free(f->text);
	arena_finish(&f->arena);
}

static inline void front_run_file(struct front *f, const char *name, const char *script, size_t len,
				  enum front_stage last)
{
	struct sema_options options = f->options;

	memset(f, 0, sizeof(*f));
	arena_init(&f->arena);
	diag_init(&f->diags, &f->arena);
	config_init(&f->config);
	f->options = options;
	f->options.config = &f->config;
	f->ok = parse_program(&f->program, &f->arena, source_new(&f->arena, name, script, len),
			      &f->diags);
	if (f->ok && last >= FRONT_CONFIG)
		f->ok = config_apply(&f->config, f->program, &f->diags);
	if (f->ok && last >= FRONT_IMPORT)
		f->ok = import_resolve(f->program, &f->diags);
	if (f->ok && last >= FRONT_MACRO)
		f->ok = macro_expand(f->program, &f->diags);
	if (f->ok && last >= FRONT_EXPAND)
		f->ok = probe_expand(f->program, &f->options, &f->diags);
	if (f->ok && last >= FRONT_SEMA)
		f->ok = sema_check(f->program, &f->options, &f->diags);
	assert_true(f->ok == diag_ok(&f->diags));
}

static inline void front_run(struct front *f, const char *script, enum front_stage last)
{
	front_run_file(f, "stdin", script, strlen(script), last);
}

static inline const char *front_tree(struct front *f)
{
	size_t size;
	FILE *out;

	free(f->text);
	out = open_memstream(&f->text, &size);
	ast_print_program(out, f->program);
	fclose(out);
	return f->text;
}

static inline const char *front_errors(struct front *f)
{
	size_t size;
	FILE *out;

	free(f->text);
	out = open_memstream(&f->text, &size);
	diags_print(out, &f->diags, true, false);
	fclose(out);
	return f->text;
}

/* @script gives exactly these diagnostics. */
static inline void check_errors(const char *script, enum front_stage last, const char *expected)
{
	struct front f = { 0 };

	front_run(&f, script, last);
	assert_string_equal(front_errors(&f), expected);
	front_finish(&f);
}

/* The first line of its diagnostics is this one. */
static inline void check_error(const char *script, enum front_stage last, const char *expected)
{
	struct front f = { 0 };
	char *line;

	front_run(&f, script, last);
	line = (char *)front_errors(&f);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, expected);
	front_finish(&f);
}

static inline void check_tree(const char *script, enum front_stage last, const char *expected)
{
	struct front f = { 0 };

	front_run(&f, script, last);
	assert_string_equal(front_errors(&f), "");
	assert_string_equal(front_tree(&f), expected);
	front_finish(&f);
}
