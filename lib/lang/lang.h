/*
 * The front end's passes, in the order compile() calls them.  Each returns true when it added no
 * error to @diags.
 */
#pragma once

#include "lang/ast.h"
#include "lang/config.h"
#include "lang/diag.h"
#include "lang/target.h"
#include "util/buf.h"

#include <stddef.h>
#include <stdio.h>

struct files;

struct sema_options {
	const struct target *target;     // may be NULL
	const struct features *features; // may be NULL
	const struct config *config;
	const char *const *params; // positional and named parameters of the script
	uint32_t param_count;
	bool is_unsafe;
	bool is_test_mode;
	bool is_bench_mode;
	bool has_child;
	uint32_t pid;
	bool container_pids;
	uint32_t
		container_pid; // $container_pid: the first process of the traced container; 0: none
};

/* Parse @source (imports not yet followed).  The program is returned even with errors in it. */
bool parse_program(struct ast_program **out, struct arena *a, const struct source *source,
		   struct diags *diags);
/* Apply the script's config block to @config. */
bool config_apply(struct config *config, const struct ast_program *p, struct diags *diags);
/* Follow `import`; add the standard library's macros. */
bool import_resolve(struct ast_program *p, struct diags *diags);
/*
 * Instead of it, where the script is not compiled: record in @files what it imports and includes.
 * What the preprocessor finds wrong is not told: it may be right where the script is compiled.
 */
bool import_record(struct ast_program *p, struct files *files, struct diags *diags);
/* Expand macros in every action, and check their hygiene. */
bool macro_expand(struct ast_program *p, struct diags *diags);
/* Expand attach points into p->probes, one clone of the body for each distinct context. */
bool probe_expand(struct ast_program *p, const struct sema_options *o, struct diags *diags);
/* Resolve names, infer and check types, fold, insert conversions: see ast.h for what is left. */
bool sema_check(struct ast_program *p, const struct sema_options *o, struct diags *diags);

/*
 * Syntax and imports, for kubectl-trace: prints diagnostics to @errors.  The files that the script
 * needs besides are appended to @files (files_pack()).
 */
bool lang_check_syntax(const char *name, const char *text, size_t len, struct buf *files,
		       FILE *errors);
