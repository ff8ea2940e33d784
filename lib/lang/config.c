#include "lang/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lang/lang.h"
#include "lang/lexer.h"
#include "util/str.h"

enum value_kind {
	VALUE_BOOL,
	VALUE_LICENSE,
	VALUE_MISSING,
	VALUE_NUMBER,
	VALUE_STACK_MODE,
	VALUE_STRING,
	VALUE_SYMBOLS,
	VALUE_UNSTABLE,
};

static const struct row {
	const char *name;
	enum value_kind kind;
	size_t offset;
} rows[] = {
#define CONFIG(name, kind, field, initial) { #name, VALUE_##kind, offsetof(struct config, field) },
#include "lang/config.def"
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* The words of an enumerated value; a word may be given twice. */
struct word {
	const char *text;
	int value;
};

static const struct word missing_words[] = {
	{ "ignore", MISSING_IGNORE },
	{ "warn", MISSING_WARN },
	{ "error", MISSING_ERROR },
	{ NULL, 0 },
};

static const struct word unstable_words[] = {
	{ "enable", UNSTABLE_ENABLE }, { "1", UNSTABLE_ENABLE },   { "true", UNSTABLE_ENABLE },
	{ "on", UNSTABLE_ENABLE },     { "yes", UNSTABLE_ENABLE }, { "warn", UNSTABLE_WARN },
	{ "error", UNSTABLE_ERROR },   { "0", UNSTABLE_ERROR },    { "false", UNSTABLE_ERROR },
	{ "off", UNSTABLE_ERROR },     { "no", UNSTABLE_ERROR },   { NULL, 0 },
};

static const struct word symbol_words[] = {
	{ "per_pid", SYMBOLS_PER_PID },
	{ "per_program", SYMBOLS_PER_PROGRAM },
	{ "none", SYMBOLS_NONE },
	{ "0", SYMBOLS_NONE },
	{ NULL, 0 },
};

static const struct word bool_words[] = {
	{ "1", true },      { "true", true }, { "on", true },  { "yes", true }, { "0", false },
	{ "false", false }, { "off", false }, { "no", false }, { NULL, 0 },
};

static const struct word stack_words[] = {
	{ "bpftrace", STACK_BPFTRACE },
	{ "perf", STACK_PERF },
	{ "raw", STACK_RAW },
	{ "build_id", STACK_BUILD_ID },
	{ NULL, 0 },
};

static const char *const licenses[] = {
	"GPL",          "GPL v2",       "GPL and additional rights",
	"Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL",
};

void config_init(struct config *c)
{
	*c = (struct config){
#define CONFIG(name, kind, field, initial) .field = initial,
#include "lang/config.def"
		.unstable_map_decl = UNSTABLE_ENABLE,
		.unstable_import = UNSTABLE_ENABLE,
		.unstable_macro = UNSTABLE_ENABLE,
		.unstable_addr = UNSTABLE_ENABLE,
		.unstable_builtin_tid = UNSTABLE_ENABLE,
	};
}

static bool find_word(int *out, const struct word *words, const char *text)
{
	for (; words->text; words++) {
		if (!strcasecmp(words->text, text)) {
			*out = words->value;
			return true;
		}
	}
	return false;
}

/* Each sets *field or returns what is wrong with the text. */
static const char *set_bool(void *field, const char *text)
{
	int value;

	if (!find_word(&value, bool_words, text))
		return "Invalid bool value: valid values are true, false, 1 or 0.";
	*(bool *)field = value;
	return NULL;
}

static const char *set_missing(void *field, const char *text)
{
	int value;

	if (!find_word(&value, missing_words, text))
		return "Invalid value for missing_probes: valid values are ignore, warn, and "
		       "error.";
	*(enum config_missing_probes *)field = (enum config_missing_probes)value;
	return NULL;
}

static const char *set_unstable(void *field, const char *text)
{
	int value;

	if (!find_word(&value, unstable_words, text))
		return "Invalid value for unstable config: valid values are enable, warn, and "
		       "error.";
	*(enum config_unstable *)field = (enum config_unstable)value;
	return NULL;
}

static const char *set_symbols(void *field, const char *text)
{
	int value;

	if (!strcmp(text, "1"))
		return NULL;
	if (!find_word(&value, symbol_words, text))
		return "Invalid value for cache_user_symbols: valid values are PER_PID, "
		       "PER_PROGRAM, and NONE.";
	*(enum config_symbols *)field = (enum config_symbols)value;
	return NULL;
}

static const char *set_stack_mode(void *field, const char *text)
{
	int value;

	if (!find_word(&value, stack_words, text))
		return "Invalid value for stack_mode: valid values are bpftrace, raw, perf, and "
		       "build_id.";
	*(uint32_t *)field = (uint32_t)value;
	return NULL;
}

static bool set_license(void *field, const char *text)
{
	for (size_t i = 0; i < sizeof(licenses) / sizeof(licenses[0]); i++) {
		if (!strcmp(licenses[i], text)) {
			*(const char **)field = licenses[i];
			return true;
		}
	}
	return false;
}

/* A value to set; numbers come without their underscores and suffixes where a script has them. */
struct value {
	const char *text;
	uint64_t number;
	bool is_number;
};

static bool set_number(void *field, const struct value *value)
{
	struct arena scratch;
	const char *message;
	bool ok;

	if (value->is_number) {
		*(uint64_t *)field = value->number;
		return true;
	}
	arena_init(&scratch);
	ok = number_parse(field, &scratch, value->text, strlen(value->text), &message);
	arena_finish(&scratch);
	return ok;
}

static int set_row(struct config *c, const struct row *row, const char *name,
		   const struct value *value, struct err *err)
{
	void *field = (char *)c + row->offset;
	const char *text = value->text;
	const char *wrong = NULL;

	/* Any number but 0 means 1. */
	if (value->is_number && (row->kind == VALUE_BOOL || row->kind == VALUE_UNSTABLE))
		text = value->number ? "1" : "0";
	switch (row->kind) {
	case VALUE_BOOL: wrong = set_bool(field, text); break;
	case VALUE_MISSING: wrong = set_missing(field, text); break;
	case VALUE_UNSTABLE: wrong = set_unstable(field, text); break;
	case VALUE_SYMBOLS: wrong = set_symbols(field, text); break;
	case VALUE_STACK_MODE: wrong = set_stack_mode(field, text); break;
	case VALUE_STRING: *(const char **)field = text; break;
	case VALUE_NUMBER:
		if (!set_number(field, value))
			return err_set(err, -EINVAL, "%s: expecting a number, got %s", name, text);
		break;
	case VALUE_LICENSE:
		if (!set_license(field, text))
			return err_set(err, -EINVAL,
				       "Invalid value for license. Found: %s. Valid values: Dual "
				       "MIT/GPL, Dual BSD/GPL, Dual MPL/GPL, GPL and additional "
				       "rights, GPL v2, GPL. Read more about BPF programs and "
				       "licensing: https://docs.kernel.org/bpf/bpf_licensing.html"
				       "#using-bpf-programs-in-the-linux-kernel",
				       text);
		break;
	}
	return wrong ? err_set(err, -EINVAL, "%s: %s", name, wrong) : 0;
}

/* Names of earlier versions. */
static const struct {
	const char *old_name;
	const char *name;
} renamed[] = {
	{ "strlen", "max_strlen" },
	{ "no_cpp_demangle", "cpp_demangle" },
	{ "cat_bytes_max", "max_cat_bytes" },
	{ "map_keys_max", "max_map_keys" },
};

static const char *const no_effect[] = {
	"max_type_res_iterations", "symbol_source",  "unstable_addr",
	"unstable_import",         "unstable_macro", "unstable_map_decl",
};

static const char *const environment_only[] = { "btf", "kernel_build", "kernel_source", "vmlinux" };

static bool is_one_of(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

/* A name may be written as in the environment. */
static const char *plain_name(struct arena *a, const char *name)
{
	char *lower = arena_strdup(a, name);

	for (char *c = lower; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	return str_starts_with(lower, "bpftrace_") ? lower + strlen("bpftrace_") : lower;
}

static const struct row *find_row(const char *name)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	}
	return NULL;
}

int config_from_environment(struct config *c, struct err *err)
{
	c->clock_map = getenv("BPFTRACE_DUMMY_TS_MAP");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		char name[64] = "BPFTRACE_";
		size_t len = strlen(name);
		struct value value = { 0 };
		int ret;

		for (const char *p = rows[i].name; *p; p++)
			name[len++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
		value.text = getenv(name);
		if (!value.text)
			continue;
		ret = set_row(c, &rows[i], rows[i].name, &value, err);
		if (ret)
			return ret;
		c->from_environment |= (uint64_t)1 << i;
	}
	return 0;
}

static void apply_setting(struct config *c, const struct config_setting *setting, struct arena *a,
			  struct diags *diags)
{
	struct value value = { setting->value, setting->integer, setting->is_integer };
	const char *name = plain_name(a, setting->name);
	const struct row *row;
	struct config ignored = *c;
	struct err err = { 0 };

	if (is_one_of(no_effect, sizeof(no_effect) / sizeof(no_effect[0]), name)) {
		(void)diag_warning(diags, setting->span, "%s is deprecated and has no effect",
				   setting->name);
		return;
	}
	for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++) {
		if (strcmp(renamed[i].old_name, name) != 0)
			continue;
		name = renamed[i].name;
		(void)diag_warning(diags, setting->span, "%s has been renamed, please use %s",
				   setting->name, name);
	}
	row = find_row(name);
	if (!row) {
		bool known =
			is_one_of(environment_only,
				  sizeof(environment_only) / sizeof(environment_only[0]), name);
		struct str_nearest nearest;

		(void)diag_error(diags, setting->span, "%s: %s", setting->name,
				 known ? "can only be set as an environment variable"
				       : "not a known configuration option");
		str_nearest_init(&nearest, name);
		for (size_t i = 0; i < ROW_COUNT; i++)
			str_nearest_try(&nearest, rows[i].name);
		if (nearest.best && !known)
			diag_hint(diags, "did you mean '%s'?", nearest.best);
		return;
	}
	/* The environment wins, but what the script says must be right. */
	if (c->from_environment >> (row - rows) & 1)
		c = &ignored;
	if (set_row(c, row, setting->name, &value, &err))
		(void)diag_error(diags, setting->span, "%s", err.msg);
}

bool config_apply(struct config *config, const struct ast_program *p, struct diags *diags)
{
	size_t errors = diags->error_count;

	vec_foreach (&p->settings, it)
		apply_setting(config, it, p->arena, diags);
	return diags->error_count == errors;
}
