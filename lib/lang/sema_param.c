/*
 * Named parameters: getopt("name", default, "description") is a constant, the value given after the
 * script as --name=value, or the default, whose type it has.
 */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "lang/lexer.h"
#include "lang/sema.h"

static bool is_named(const char *param)
{
	return param[0] == '-' && param[1] == '-';
}

void sema_split_params(struct sema *s)
{
	for (uint32_t i = 0; i < s->options->param_count; i++) {
		if (!is_named(s->options->params[i]))
			vec_push(s->arena, &s->params, s->options->params[i]);
	}
}

/* The latest --name or --name=value; *value NULL for the former. */
static bool given(const struct sema *s, const char *name, const char **value)
{
	size_t len = strlen(name);
	bool found = false;

	for (uint32_t i = 0; i < s->options->param_count; i++) {
		const char *param = s->options->params[i];

		if (!is_named(param) || strncmp(param + 2, name, len) != 0)
			continue;
		if (param[2 + len] != '\0' && param[2 + len] != '=')
			continue;
		*value = param[2 + len] == '=' ? param + 3 + len : NULL;
		found = true;
	}
	return found;
}

static void bad_value(struct sema *s, const char *name, const char *value, const char *why)
{
	diag_error(s->diags, (struct span){ 0 }, "program command line option --%s %s (value: %s)",
		   name, why, value);
}

static bool parse_bool(const char *text, bool *value)
{
	static const char *const words[2][4] = { { "0", "false", "off", "no" },
						 { "1", "true", "on", "yes" } };

	for (uint32_t v = 0; v < 2; v++) {
		for (uint32_t i = 0; i < 4; i++) {
			if (strcasecmp(words[v][i], text) == 0) {
				*value = v;
				return true;
			}
		}
	}
	return false;
}

static void set_bool(struct sema *s, struct ast *call, const char *name, bool value)
{
	const char *text;

	if (given(s, name, &text)) {
		value = true;
		if (text && !parse_bool(text, &value))
			bad_value(s, name, text, "expects a boolean (e.g. 'true')");
	}
	sema_set_bool(call, value);
}

static void set_int(struct sema *s, struct ast *call, const char *name, const struct ast *value)
{
	bool is_signed = value->integer.is_negative;
	uint64_t n = value->integer.value;
	const char *message;
	const char *text;

	if (given(s, name, &text)) {
		bool minus = text && text[0] == '-';

		if (!text)
			bad_value(s, name, "true", "expects an integer");
		else if (!number_parse(&n, s->arena, text + minus, strlen(text + minus), &message))
			bad_value(s, name, text, "invalid integer");
		else if ((is_signed || minus) && n > (uint64_t)INT64_MAX + minus)
			bad_value(s, name, text, "value is out of range");
		else if (minus)
			n = 0 - n;
	}
	sema_set_constant(call, n, type_int(8, is_signed));
}

static void set_string(struct sema *s, struct ast *call, const char *name, const struct ast *value)
{
	const char *data = value->string.data;
	size_t len = value->string.len;
	const char *text;

	if (given(s, name, &text)) {
		if (!text)
			bad_value(s, name, "true", "expects a string");
		else {
			data = text;
			len = strlen(text);
		}
	}
	if (len > s->config->max_strlen - 1)
		len = s->config->max_strlen - 1;
	sema_set_string(call, arena_strndup(s->arena, data, len), len);
	call->type = sema_string(s, (uint32_t)s->config->max_strlen);
}

static const char *default_text(struct sema *s, const struct ast *value)
{
	if (!value)
		return "false";
	if (value->kind == AST_STRING)
		return value->string.data;
	if (value->kind == AST_BOOL)
		return value->integer.value ? "true" : "false";
	return arena_printf(s->arena, value->integer.is_negative ? "%" PRId64 : "%" PRIu64,
			    value->integer.value);
}

static struct named_param *find_param(struct sema *s, const char *name)
{
	vec_foreach (&s->program->named_params, it) {
		if (strcmp(it->name, name) == 0)
			return it;
	}
	return NULL;
}

/* Remember the parameter, for --help; all uses must agree. */
static bool declare(struct sema *s, const struct ast *call, const char *name,
		    const struct ast *value, const char *description)
{
	struct named_param p = { .name = name,
				 .description = description,
				 .default_text = default_text(s, value) };
	struct named_param *known = find_param(s, name);

	if (!known) {
		vec_push(s->arena, &s->program->named_params, p);
		return true;
	}
	if (strcmp(known->default_text, p.default_text) != 0) {
		diag_error(s->diags, call->span,
			   "Command line option '%s' needs to have the same default value in all "
			   "places it is used. Previous default value: %s",
			   name, known->default_text);
		return false;
	}
	if (description && known->description && strcmp(description, known->description) != 0) {
		diag_error(s->diags, call->span,
			   "Command line option '%s' must have the same description in all places "
			   "it's "
			   "used. Hint: You can wrap it in a macro",
			   name);
		return false;
	}
	if (!known->description)
		known->description = description;
	return true;
}

void sema_fold_getopt(struct sema *s, struct ast *call)
{
	ast_list *args = &call->call.args;
	const struct ast *value = args->len > 1 ? args->data[1] : NULL;
	const char *name, *description = NULL;

	if (args->len < 1 || args->len > 3) {
		diag_error(
			s->diags, call->span,
			"The 'getopt' function can take a maximum of three arguments and a minimum "
			"of one argument.");
		return;
	}
	if (args->data[0]->kind != AST_STRING) {
		diag_error(s->diags, args->data[0]->span,
			   "First argument to 'getopt' must be a string literal.");
		return;
	}
	name = args->data[0]->string.data;
	if (args->len == 3 && args->data[2]->kind != AST_STRING) {
		diag_error(
			s->diags, args->data[2]->span,
			"Function 'getopt' requires the third parameter to be a string literal.");
		return;
	}
	if (args->len == 3)
		description = args->data[2]->string.data;
	if (value && value->kind != AST_STRING && value->kind != AST_BOOL &&
	    !(value->kind == AST_INT && value->integer.is_literal)) {
		diag_error(s->diags, value->span,
			   "Second argument to 'getopt' must be a string literal, integer literal, "
			   "or a "
			   "boolean literal.");
		return;
	}
	if (!declare(s, call, name, value, description))
		return;
	if (!value || value->kind == AST_BOOL)
		set_bool(s, call, name, value && value->integer.value);
	else if (value->kind == AST_STRING)
		set_string(s, call, name, value);
	else
		set_int(s, call, name, value);
}

static const char *expected(struct sema *s, bool is_help)
{
	const char *text = is_help ? "expected program options:" : "expected program options: ";
	const char *separator = is_help ? "\n" : "";

	if (!s->program->named_params.len)
		return "no custom program options defined.";
	vec_foreach (&s->program->named_params, it) {
		text = arena_printf(s->arena, "%s%s--%s%s%s", text, separator, it->name,
				    is_help && it->description ? ": " : "",
				    is_help && it->description ? it->description : "");
		separator = is_help ? "\n" : ", ";
	}
	return text;
}

bool sema_check_params(struct sema *s)
{
	const char *unknown = NULL;
	bool is_help = false;

	for (uint32_t i = 0; i < s->options->param_count; i++) {
		const char *param = s->options->params[i];
		const char *name;

		if (!is_named(param))
			continue;
		name = arena_strndup(s->arena, param + 2, strcspn(param + 2, "="));
		if (find_param(s, name))
			continue;
		if (strcmp(name, "help") == 0)
			is_help = true;
		else
			unknown = unknown ? arena_printf(s->arena, "%s, --%s", unknown, name)
					  : arena_printf(s->arena, "--%s", name);
	}
	if (!unknown && !is_help)
		return true;
	if (unknown)
		diag_error(s->diags, (struct span){ 0 },
			   "unexpected program command line options: %s", unknown);
	else
		diag_error(s->diags, (struct span){ 0 }, "program options asked for with --help");
	diag_hint(s->diags, "%s", expected(s, is_help));
	return false;
}
