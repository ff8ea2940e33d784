/* import, on files in a folder of our own. */
#include "lang_util.h"

#include <ftw.h>
#include <sys/stat.h>

#include "lang/cdecl.h"
#include "lang/files.h"

static char folder[] = "/tmp/test_lang_import.XXXXXX/in";

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void run(struct front *f, const char *script)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/main.bt", folder);
	front_run_file(f, path, script, strlen(script), FRONT_MACRO);
}

static void check_actions(const char *script, const char *expected)
{
	struct front f = { 0 };
	char text[512] = "";

	run(&f, script);
	assert_string_equal(front_errors(&f), "");
	vec_foreach (&f.program->actions, it) {
		const char *raw = (*it)->specs.data[0].raw;

		assert_true(strlen(text) + strlen(raw) + 2 < sizeof(text));
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", raw);
	}
	assert_string_equal(text, expected);
	front_finish(&f);
}

static void check_message(const char *script, const char *expected)
{
	struct front f = { 0 };
	char *line;

	run(&f, script);
	line = strstr(front_errors(&f), "ERROR: ");
	assert_non_null(line);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line + strlen("ERROR: "), expected);
	front_finish(&f);
}

static void test_scripts(void **state)
{
	(void)state;
	write_file("a.bt", "import \"c.bt\"; macro from_a() { 1 } let @m = hash(5); kprobe:a { }");
	write_file("b.bt", "import \"c.bt\"; kprobe:b1 { } kprobe:b2 { }");
	write_file("c.bt", "import \"a.bt\"; kprobe:c { }");
	/* Each once, those with later names first, as in bpftrace. */
	check_actions("import \"a.bt\"; import \"./a.bt\"; import \"b.bt\"; begin { f(from_a); }",
		      "kprobe:c kprobe:b1 kprobe:b2 kprobe:a begin ");
}

static void test_headers(void **state)
{
	struct front f = { 0 };
	const struct type *t;

	(void)state;
	write_file("types.h", "#pragma once\n#include \"more.h\"\n#define SIZE 8\n"
			      "struct s { struct more m; char a[SIZE]; };\n");
	write_file("more.h", "typedef unsigned int word;\nstruct more { word w; };\n"
			     "static inline int f(int x) { return x; }\nextern int g(void);\n");
	run(&f,
	    "#include \"types.h\"\n#include \"types.h\"\nimport \"types.h\";\nbegin { f(SIZE); }");
	assert_string_equal(front_errors(&f), "");
	assert_true(c_scope_resolve(f.program, NULL, &f.diags));
	assert_string_equal(front_errors(&f), "");
	t = c_scope_find_type(f.program->c_scope, TAG_STRUCT, "s");
	assert_non_null(t);
	assert_int_equal(t->size, 12);
	front_finish(&f);
}

static void test_folders(void **state)
{
	char path[256];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/lib", folder);
	assert_int_equal(mkdir(path, 0755), 0);
	write_file("lib/x.bt", "kprobe:x { }");
	write_file("lib/y.bt", "kprobe:y { }");
	write_file("lib/README", "not imported");
	check_actions("import \"lib\"; begin { }", "kprobe:y kprobe:x begin ");
}

static void test_messages(void **state)
{
	char path[256];

	(void)state;
	write_file("config.bt", "config = { max_strlen = 5 } begin { }");
	write_file("wrong.bt", "begin { $x = ; }");
	write_file("notes.txt", "");
	check_message("import \"none.bt\"; begin { }", "Unable to find suitable path for import");
	check_message("import \"config.bt\"; begin { }", "invalid `config` within import");
	check_message("import \"wrong.bt\"; begin { }", "syntax: expected expression");
	check_message("import \"notes.txt\"; begin { }", "unknown import type: \"notes.txt\"");
	check_message("import \"a.bt\" begin { }", "syntax: expected ';' after import");
	write_file("open.bt", "begin { }");
	(void)snprintf(path, sizeof(path), "%s/open.bt", folder);
	assert_int_equal(chmod(path, 0666), 0);
	check_message("import \"open.bt\"; begin { }", "Unable to find suitable path for import");
}

static const char *const carried =
	"#include \"types.h\"\nimport \"a.bt\"; import \"./a.bt\"; import \"lib\";\n"
	"begin { f(SIZE, from_a); }";

/* What is recorded here is enough where the files aren't. */
static void test_carried(void **state)
{
	char path[256], away[256];
	struct front f = { 0 };
	struct files files;
	struct buf pack;
	struct err err;

	(void)state;
	buf_init(&pack, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s/main.bt", folder);
	assert_true(lang_check_syntax(path, carried, strlen(carried), &pack, stderr));
	(void)snprintf(away, sizeof(away), "%s.away", folder);
	assert_int_equal(rename(folder, away), 0);
	front_run_file(&f, path, carried, strlen(carried), FRONT_PARSE);
	files_init(&files, &f.arena);
	assert_int_equal(files_unpack(&files, pack.data, pack.len, &err), 0);
	f.program->files = &files;
	(void)(import_resolve(f.program, &f.diags) && macro_expand(f.program, &f.diags));
	assert_string_equal(front_errors(&f), "");
	assert_int_equal(f.program->actions.len, 5);
	assert_true(c_scope_resolve(f.program, NULL, &f.diags));
	assert_non_null(c_scope_find_type(f.program->c_scope, TAG_STRUCT, "more"));
	front_finish(&f);
	assert_int_equal(rename(away, folder), 0);
	buf_finish(&pack);
}

static void test_damaged_pack(void **state)
{
	char path[256];
	struct buf pack;

	(void)state;
	buf_init(&pack, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s/main.bt", folder);
	assert_true(lang_check_syntax(path, carried, strlen(carried), &pack, stderr));
	for (size_t len = 1; len < pack.len; len++) {
		char *text = strndup(pack.data, len); // no longer than it says, for ASan
		size_t text_len = strlen(text);
		struct files files;
		struct arena a;
		struct err err;

		arena_init(&a);
		files_init(&files, &a);
		if (files_unpack(&files, text, text_len, &err) < 0)
			assert_non_null(strstr(err.msg, "damaged at byte"));
		arena_finish(&a);
		free(text);
	}
	buf_finish(&pack);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),      cmocka_unit_test(test_headers),
		cmocka_unit_test(test_folders),      cmocka_unit_test(test_carried),
		cmocka_unit_test(test_damaged_pack), cmocka_unit_test(test_messages),
	};
	char *slash = strrchr(folder, '/');
	int failed;

	/* A folder inside of one, so that none that we look at is /tmp. */
	*slash = '\0';
	if (!mkdtemp(folder))
		return 1;
	*slash = '/';
	if (mkdir(folder, 0755))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	*slash = '\0';
	(void)nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return failed;
}
