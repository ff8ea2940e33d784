/*
 * import: other scripts, headers, and folders of them.  Also where the C text of all of them is
 * preprocessed, since macros are expanded next.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lang/cscope.h"
#include "lang/files.h"
#include "lang/lang.h"
#include "lang/stdlib_import.h"
#include "util/buf.h"
#include "util/fd.h"
#include "util/str.h"

#define FILE_SIZE_MAX (64u << 20)
#define DEPTH_MAX     50

/* A script or header that was imported, by the name in the script; "" for the script itself. */
struct unit {
	const char *name;
	const char *dir;
	struct ast_program *program; // NULL: a header
	const struct source *source;
};

struct importer {
	struct arena *arena;
	struct ast_program *program;
	struct diags *diags;
	struct strmap files; // by real path
	vec_of(struct unit) units;
	unsigned int depth;
};

static void import_file(struct importer *im, const char *name, const char *path, struct span span,
			bool is_listed);

static const struct source *read_source(struct importer *im, const char *path, struct span span)
{
	const struct source *source = NULL;
	struct buf text;
	int r;

	buf_init(&text, FILE_SIZE_MAX);
	r = files_read(im->program->files, &text, path);
	if (r)
		(void)diag_error(im->diags, span, "error reading import '%s': %s", path,
				 strerror(-r));
	else
		source = source_new(im->arena, path, buf_cstr(&text), text.len);
	buf_finish(&text);
	return source;
}

/* false if it was imported before, by whatever name. */
static bool is_new(struct importer *im, const char *path)
{
	return strmap_put(&im->files, files_real_path(im->program->files, im->arena, path), im);
}

static void import_all(struct importer *im, const struct ast_program *p, const char *dir);

static void import_script(struct importer *im, const char *name, const char *path, struct span span)
{
	const struct source *source = read_source(im, path, span);
	struct unit unit = { .name = name,
			     .dir = files_folder_of(im->arena, path),
			     .source = source };

	if (!source)
		return;
	(void)parse_program(&unit.program, im->arena, source, im->diags);
	if (unit.program->settings.len)
		(void)diag_error(im->diags, unit.program->settings.data[0].span,
				 "invalid `config` within import");
	vec_push(im->arena, &im->units, unit);
	if (im->depth == DEPTH_MAX) {
		(void)diag_error(im->diags, span, "imports nested too deeply");
		return;
	}
	im->depth++;
	import_all(im, unit.program, unit.dir);
	im->depth--;
}

static void import_header(struct importer *im, const char *name, const char *path, struct span span)
{
	struct unit unit = { .name = name, .dir = files_folder_of(im->arena, path) };

	unit.source = read_source(im, path, span);
	if (unit.source)
		vec_push(im->arena, &im->units, unit);
}

/* The files of a folder, but no folders in it. */
static void import_folder(struct importer *im, const char *name, const char *path, struct span span)
{
	const char *const *names;
	size_t count;
	int r = files_list(im->program->files, im->arena, &names, &count, path);

	if (r < 0) {
		(void)diag_error(im->diags, span, "error reading import '%s': %s", path,
				 strerror(-r));
		return;
	}
	for (size_t i = 0; i < count; i++)
		import_file(im, arena_printf(im->arena, "%s/%s", name, names[i]),
			    arena_printf(im->arena, "%s/%s", path, names[i]), span, true);
}

/* @is_listed: an entry of a folder, of which only what can be imported is. */
static void import_file(struct importer *im, const char *name, const char *path, struct span span,
			bool is_listed)
{
	enum file_kind kind = files_kind(im->program->files, path);

	if (!files_is_safe(im->program->files, im->arena, path)) {
		(void)diag_error(im->diags, span,
				 "cowardly refusing to import from a directory with global write "
				 "permissions: \"%s\"",
				 path);
		return;
	}
	if (kind == FILE_MISSING) {
		(void)diag_error(im->diags, span, "error reading import '%s': %s", path,
				 strerror(errno));
		return;
	}
	if (kind == FILE_FOLDER) {
		if (!is_listed)
			import_folder(im, name, path, span);
		return;
	}
	if (kind != FILE_REGULAR) {
		(void)diag_error(im->diags, span, "not a file: \"%s\"", path);
		return;
	}
	if (str_ends_with(path, ".bt")) {
		if (is_new(im, path))
			import_script(im, name, path, span);
	} else if (str_ends_with(path, ".h")) {
		if (is_new(im, path))
			import_header(im, name, path, span);
	} else if (str_ends_with(path, ".bpf.c") || str_ends_with(path, ".bpf.o")) {
		if (!is_listed)
			(void)diag_error(im->diags, span,
					 "BPF code in C can't be imported: there is no C compiler "
					 "here: \"%s\"",
					 name);
	} else if (!is_listed) {
		(void)diag_error(im->diags, span, "unknown import type: \"%s\"",
				 strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	}
}

/* The embedded library is always there, and so are its parts. */
static bool is_stdlib(const char *name)
{
	return !strcmp(name, "stdlib") || str_starts_with(name, "stdlib/");
}

static void import_name(struct importer *im, const struct import *import, const char *dir)
{
	vec_of(const char *) places = { 0 };
	const char *checked = NULL;

	vec_push(im->arena, &places, dir);
	vec_push(im->arena, &places, files_folder_of(im->arena, im->program->source->name));
	vec_foreach (&im->program->include_paths, it)
		vec_push(im->arena, &places, *it);
	for (size_t i = 0; i < places.len; i++) {
		bool is_absolute = import->path[0] == '/';
		const char *path = is_absolute ? import->path
					       : arena_printf(im->arena, "%s/%s", places.data[i],
							      import->path);

		if (i == 1 && !strcmp(places.data[0], places.data[1]))
			continue;
		checked = checked ? arena_printf(im->arena, "%s,%s", checked, path) : path;
		if (files_kind(im->program->files, path) == FILE_MISSING)
			continue;
		if (!files_is_safe(im->program->files, im->arena, path)) {
			(void)diag_warning(im->diags, import->span,
					   "skipping due to global write permissions: \"%s\"",
					   path);
			continue;
		}
		import_file(im, import->path, path, import->span, false);
		return;
	}
	if (is_stdlib(import->path))
		return;
	(void)diag_error(im->diags, import->span, "Unable to find suitable path for import");
	diag_hint(im->diags, "checked: %s", checked ? checked : "");
}

static void import_all(struct importer *im, const struct ast_program *p, const char *dir)
{
	vec_foreach (&p->imports, it)
		import_name(im, it, dir);
}

/* Put what @unit has into the program; its actions go before those that are there. */
static void merge(struct importer *im, const struct unit *unit)
{
	struct ast_program *p = im->program;
	const struct ast_program *other = unit->program;
	vec_of(struct ast_action *) actions = { 0 };

	vec_foreach (&other->maps, it) {
		(*it)->id = (uint32_t)p->maps.len;
		vec_push(im->arena, &p->maps, *it);
	}
	vec_foreach (&other->macros, it)
		vec_push(im->arena, &p->macros, *it);
	vec_foreach (&other->subprogs, it)
		vec_push(im->arena, &p->subprogs, *it);
	vec_foreach (&other->actions, it)
		vec_push(im->arena, &actions, *it);
	vec_foreach (&p->actions, it)
		vec_push(im->arena, &actions, *it);
	p->actions.data = actions.data;
	p->actions.len = actions.len;
	p->actions.cap = actions.cap;
}

static int compare_units(const void *a, const void *b)
{
	return strcmp(((const struct unit *)a)->name, ((const struct unit *)b)->name);
}

/* The version of the running kernel, for scripts that ask. */
static void define_version(struct importer *im, struct cpp *cpp)
{
	uint64_t major = 0, minor = 0, patch = 0;
	struct utsname name;
	const char *p = name.release;

	if (uname(&name) || !str_take_u64(&p, 10, &major) || !str_take(&p, ".") ||
	    !str_take_u64(&p, 10, &minor))
		return;
	if (str_take(&p, "."))
		(void)str_take_u64(&p, 10, &patch);
	if (patch > 255)
		patch = 255;
	cpp_define(cpp, "LINUX_VERSION_CODE",
		   arena_printf(im->arena, "%" PRIu64, (major << 16) + (minor << 8) + patch));
}

static void process_chunks(struct cpp *cpp, const struct ast_program *p, const char *dir)
{
	vec_foreach (&p->c_chunks, it) {
		cpp_process(cpp, it->source, it->begin, it->end, dir);
		if (it->source->text[it->begin] != '#')
			cpp_end_declaration(cpp);
	}
}

/* Headers first, then the declarations of imported scripts, and at last those of the script. */
static void preprocess(struct importer *im, const char *dir)
{
	struct c_scope *scope = c_scope_of(im->program, im->diags);
	struct cpp *cpp = &scope->cpp;

	cpp->files = im->program->files;
	define_version(im, cpp);
	vec_foreach (&im->program->include_paths, it)
		vec_push(im->arena, &cpp->include_paths, *it);
	vec_foreach (&im->program->include_files, it) {
		/* As for the compiler's -include: a file here, else one of the system's. */
		bool is_here = access(*it, R_OK) == 0;
		const char *text = arena_printf(im->arena, "#include %c%s%c\n", is_here ? '"' : '<',
						*it, is_here ? '"' : '>');
		const struct source *source =
			source_new(im->arena, "--include", text, strlen(text));

		cpp_process(cpp, source, 0, (uint32_t)source->len, ".");
	}
	vec_foreach (&im->units, it) {
		if (!it->program)
			cpp_process(cpp, it->source, 0, (uint32_t)it->source->len, it->dir);
	}
	vec_foreach (&im->units, it) {
		if (it->program)
			process_chunks(cpp, it->program, it->dir);
	}
	process_chunks(cpp, im->program, dir);
	cpp_finish(cpp);
}

bool import_record(struct ast_program *p, struct files *files, struct diags *diags)
{
	struct importer im = { .arena = p->arena, .program = p, .diags = diags };
	const char *dir = files_folder_of(p->arena, p->source->name);
	size_t errors = diags->error_count;
	struct diags ignored;

	p->files = files;
	files->records = true;
	strmap_init(&im.files, p->arena);
	import_all(&im, p, dir);
	diag_init(&ignored, p->arena);
	im.diags = &ignored;
	preprocess(&im, dir);
	return diags->error_count == errors;
}

bool import_resolve(struct ast_program *p, struct diags *diags)
{
	struct importer im = { .arena = p->arena, .program = p, .diags = diags };
	const char *dir = files_folder_of(p->arena, p->source->name);
	size_t errors = diags->error_count;

	strmap_init(&im.files, p->arena);
	import_all(&im, p, dir);
	/* In bpftrace's order: by name, the last one's probes first. */
	if (im.units.len)
		qsort(im.units.data, im.units.len, sizeof(*im.units.data), compare_units);
	preprocess(&im, dir);
	vec_foreach (&im.units, it) {
		if (it->program)
			merge(&im, it);
	}
	stdlib_import(p, diags);
	return diags->error_count == errors;
}
