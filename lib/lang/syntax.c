#include <string.h>

#include "lang/files.h"
#include "lang/lang.h"
#include "lang/probe_parse.h"

/* Parameters are given later: attach points that use them can't be judged yet. */
static void check_specs(const struct ast_program *p, struct diags *diags)
{
	const struct sema_options options = { .is_unsafe = true };

	vec_foreach (&p->actions, action) {
		vec_foreach (&(*action)->specs, spec) {
			attach_point_list ignored = { 0 };

			if (!strchr(spec->raw, '$'))
				(void)probe_parse_spec(&ignored, p->arena, spec, &options, diags);
		}
	}
}

bool lang_check_syntax(const char *name, const char *text, size_t len, struct buf *files,
		       FILE *errors)
{
	struct files needed;
	struct ast_program *program;
	struct config config;
	struct arena arena;
	struct diags diags;
	bool ok;

	arena_init(&arena);
	diag_init(&diags, &arena);
	config_init(&config);
	if (parse_program(&program, &arena, source_new(&arena, name, text, len), &diags)) {
		(void)config_apply(&config, program, &diags);
		check_specs(program, &diags);
		files_init(&needed, &arena);
		if (import_record(program, &needed, &diags))
			files_pack(&needed, files);
	}
	ok = diag_ok(&diags);
	diags_print(errors, &diags, false, false);
	arena_finish(&arena);
	return ok;
}
