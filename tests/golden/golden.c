/*
 * Golden tests: what the compiler makes of a script, stage by stage, as text.
 *
 *     golden [--update] FILE...
 *
 * A file starts with `--- prog` (a script; `--- prog arm64`: compiled for that architecture, not
 * x86_64) or `--- ir` (the IR's text form), and goes on with the sections that are expected of it:
 *
 *     --- errors         diagnostics
 *     --- ast            -d ast            --- sema    -d sema
 *     --- ir             -d ir             --- opt     -d opt, after all passes
 *     --- bpf            -d bpf
 *     --- opt PASS       (of --- ir) the IR after that pass alone
 *
 * --update rewrites the files with what comes out; the difference is for a reviewer.  The machine
 * is that of fake_target.c, with every kernel feature, so that results are the same everywhere.
 * Prints "ok FILE" or "not ok FILE" and what differs; ends with "N passed, N failed".
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/compile.h"
#include "fake_target.h"
#include "ir/ir.h"
#include "lang/lang.h"
#include "util/buf.h"
#include "util/fd.h"
#include "util/str.h"
#include "util/vec.h"

struct section {
	char *name;
	char *text; // always ends in a newline, if not empty
};

typedef vec_of(struct section) section_list;

static const struct {
	const char *name;
	unsigned int stage;
} stages[] = {
	{ "ast", STAGE_AST }, { "sema", STAGE_SEMA }, { "ir", STAGE_IR },
	{ "opt", STAGE_OPT }, { "bpf", STAGE_BPF },
};

static const struct {
	const char *name;
	void (*run)(struct ir_func *f);
} passes[] = {
	{ "fold", opt_fold }, { "copy", opt_copy }, { "cse", opt_cse }, { "load", opt_load },
	{ "dce", opt_dce },   { "sink", opt_sink }, { "cfg", opt_cfg },
};

static char *slice(const char *begin, const char *end)
{
	char *p = calloc(1, (size_t)(end - begin) + 1);

	if (!p) {
		perror("calloc");
		exit(2);
	}
	memcpy(p, begin, (size_t)(end - begin));
	return p;
}

static void split_sections(section_list *list, const char *text)
{
	const char *p = text;

	while (*p) {
		const char *line_end = p + strcspn(p, "\n");
		struct section s = { 0 };
		const char *next;

		if (!str_starts_with(p, "--- ")) {
			p = *line_end ? line_end + 1 : line_end;
			continue;
		}
		s.name = slice(p + 4, line_end);
		p = *line_end ? line_end + 1 : line_end;
		next = str_starts_with(p, "--- ") ? p : strstr(p, "\n--- ");
		if (!next)
			next = p + strlen(p);
		else if (next != p)
			next++;
		s.text = slice(p, next);
		vec_push(NULL, list, s);
		p = next;
	}
}

static char *compile_stage(const char *prog, const struct arch *arch, const char *section)
{
	struct arena arena;
	struct diags diags;
	struct image image = { 0 };
	struct config config;
	struct compile_options o = { 0 };
	struct target target;
	struct features features = fake_features();
	const struct source *source;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	arena_init(&arena);
	diag_init(&diags, &arena);
	config_init(&config);
	fake_target_init(&target, &arena);
	target.arch = arch;
	source = source_new(&arena, "stdin", prog, strlen(prog));
	o.target = &target;
	o.features = &features;
	o.dump_out = out;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if (!strcmp(section, stages[i].name))
			o.dump = stages[i].stage;
	}
	(void)compile(&image, &arena, source, &config, &o, &diags);
	if (!o.dump)
		diags_print(out, &diags, true, false);
	fclose(out);
	arena_finish(&arena);
	return text;
}

static char *run_pass(const char *ir, const char *pass)
{
	struct arena arena;
	const char *error = NULL;
	struct ir_program *p;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	arena_init(&arena);
	p = ir_parse(&arena, ir, &error);
	if (!p)
		fprintf(out, "error: %s\n", error);
	for (size_t i = 0; p && i < sizeof(passes) / sizeof(passes[0]); i++) {
		if (strcmp(pass, passes[i].name) != 0)
			continue;
		vec_foreach (&p->funcs, f) {
			cfg_compute(*f);
			passes[i].run(*f);
			error = ir_verify(*f);
			if (error)
				fprintf(out, "error: %s\n", error);
		}
		ir_print_program(out, p);
	}
	fclose(out);
	arena_finish(&arena);
	return text;
}

static bool is_known_section(const char *name, bool is_ir)
{
	if (is_ir)
		return str_starts_with(name, "opt ");
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if (!strcmp(name, stages[i].name))
			return true;
	}
	return !strcmp(name, "errors");
}

/* Of `--- prog` and `--- prog NAME`; NULL: it is neither. */
static const struct arch *prog_arch(const char *section)
{
	if (!strcmp(section, "prog"))
		return &arch_x86_64;
	return str_starts_with(section, "prog ") ? arch_find(section + 5) : NULL;
}

/* What each section should be; false when the file itself is wrong. */
static bool compute(const section_list *in, section_list *out, const char *file)
{
	const struct arch *arch = in->len ? prog_arch(in->data[0].name) : NULL;
	bool is_ir = in->len && !strcmp(in->data[0].name, "ir");

	if (!arch && !is_ir) {
		fprintf(stderr, "%s: must start with '--- prog' or '--- ir'\n", file);
		return false;
	}
	for (size_t i = 0; i < in->len; i++) {
		struct section s = { .name = strdup(in->data[i].name) };

		if (i == 0) {
			s.text = strdup(in->data[0].text);
		} else if (!is_known_section(s.name, is_ir)) {
			fprintf(stderr, "%s: unknown section '%s'\n", file, s.name);
			free(s.name);
			return false;
		} else {
			s.text = is_ir ? run_pass(in->data[0].text, s.name + 4)
				       : compile_stage(in->data[0].text, arch, s.name);
		}
		vec_push(NULL, out, s);
	}
	return true;
}

static void show_difference(const char *want, const char *got)
{
	unsigned int line = 1;

	while (*want && *got) {
		size_t a = strcspn(want, "\n"), b = strcspn(got, "\n");

		if (a != b || memcmp(want, got, a) != 0)
			break;
		want += a + (want[a] == '\n');
		got += b + (got[b] == '\n');
		line++;
	}
	printf("  line %u\n  - %.*s\n  + %.*s\n", line, (int)strcspn(want, "\n"), want,
	       (int)strcspn(got, "\n"), got);
}

static bool compare(const section_list *want, const section_list *got)
{
	bool same = true;

	for (size_t i = 0; i < want->len; i++) {
		if (!strcmp(want->data[i].text, got->data[i].text))
			continue;
		printf("  --- %s\n", want->data[i].name);
		show_difference(want->data[i].text, got->data[i].text);
		same = false;
	}
	return same;
}

static void rewrite(const char *file, const section_list *list)
{
	FILE *f = fopen(file, "w");

	if (!f) {
		perror(file);
		exit(2);
	}
	for (size_t i = 0; i < list->len; i++)
		fprintf(f, "--- %s\n%s", list->data[i].name, list->data[i].text);
	fclose(f);
}

static void free_sections(section_list *list)
{
	for (size_t i = 0; i < list->len; i++) {
		free(list->data[i].name);
		free(list->data[i].text);
	}
	vec_finish(list);
}

static bool run_file(const char *file, bool update)
{
	section_list want = { 0 }, got = { 0 };
	struct buf text;
	bool ok;

	buf_init(&text, 16 << 20);
	if (buf_read_file(&text, file)) {
		perror(file);
		return false;
	}
	split_sections(&want, buf_cstr(&text));
	ok = compute(&want, &got, file);
	if (ok && update)
		rewrite(file, &got);
	else if (ok)
		ok = compare(&want, &got);
	printf("%s %s\n", ok ? "ok" : "not ok", file);
	buf_finish(&text);
	free_sections(&want);
	free_sections(&got);
	return ok;
}

int main(int argc, char **argv)
{
	bool update = argc > 1 && !strcmp(argv[1], "--update");
	unsigned int passed = 0, failed = 0;

	for (int i = update ? 2 : 1; i < argc; i++) {
		if (run_file(argv[i], update))
			passed++;
		else
			failed++;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
