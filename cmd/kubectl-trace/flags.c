#include "flags.h"

#include <string.h>

struct parser {
	const struct flag_set *sets;
	size_t set_count;
	int argc;
	char **argv;
	int at; // index of the next argument
	char *error;
};

static const struct flag *find(const struct parser *p, const char *name, size_t len, char letter)
{
	for (size_t s = 0; s < p->set_count; s++) {
		for (size_t i = 0; i < p->sets[s].count; i++) {
			const struct flag *f = &p->sets[s].flags[i];

			if (letter ? f->letter == letter
				   : strlen(f->name) == len && strncmp(f->name, name, len) == 0)
				return f;
		}
	}
	return NULL;
}

static bool set_bool(struct parser *p, const struct flag *f, const char *value)
{
	bool is_true = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;

	if (!is_true && strcmp(value, "false") != 0 && strcmp(value, "0") != 0) {
		(void)snprintf(p->error, 256, "invalid value \"%s\" for --%s: true or false", value,
			       f->name);
		return false;
	}
	*(bool *)f->value = is_true;
	return true;
}

static bool set_value(struct parser *p, const struct flag *f, const char *value)
{
	const char **list = f->value;
	size_t n = 0;

	switch (f->kind) {
	case FLAG_BOOL: return set_bool(p, f, value);
	case FLAG_STRING: *(const char **)f->value = value; return true;
	case FLAG_LIST: break;
	}
	while (list[n])
		n++;
	if (n == f->max) {
		(void)snprintf(p->error, 256, "--%s is given more than %zu times", f->name, f->max);
		return false;
	}
	list[n] = value;
	return true;
}

/* The value of a flag that needs one: @inlined, or the next argument. */
static bool take_value(struct parser *p, const struct flag *f, const char *inlined)
{
	if (inlined)
		return set_value(p, f, inlined);
	if (f->kind == FLAG_BOOL)
		return set_value(p, f, "true");
	if (p->at == p->argc) {
		(void)snprintf(p->error, 256, "flag needs an argument: --%s", f->name);
		return false;
	}
	return set_value(p, f, p->argv[p->at++]);
}

static bool parse_long(struct parser *p, const char *arg, bool *wants_help)
{
	size_t len = strcspn(arg, "=");
	const struct flag *f = find(p, arg, len, '\0');

	if (f)
		return take_value(p, f, arg[len] ? arg + len + 1 : NULL);
	if (len == 4 && strncmp(arg, "help", 4) == 0) {
		*wants_help = true;
		return true;
	}
	(void)snprintf(p->error, 256, "unknown flag: --%.*s", (int)(len < 200 ? len : 200), arg);
	return false;
}

/* "-a", "-nNS", "-n=NS", "-afFILE" */
static bool parse_letters(struct parser *p, const char *letters, bool *wants_help)
{
	for (const char *c = letters; *c; c++) {
		const struct flag *f = find(p, NULL, 0, *c);

		if (!f && *c == 'h') {
			*wants_help = true;
			return true;
		}
		if (!f) {
			(void)snprintf(p->error, 256, "unknown shorthand flag: '%c' in -%.200s", *c,
				       letters);
			return false;
		}
		if (f->kind != FLAG_BOOL || c[1] == '=')
			return take_value(p, f, c[1] == '=' ? c + 2 : c[1] ? c + 1 : NULL);
		*(bool *)f->value = true;
	}
	return true;
}

bool flags_parse(struct flag_args *args, const struct flag_set *sets, size_t set_count, int argc,
		 char **argv, bool *wants_help, char error[256])
{
	struct parser p = { .sets = sets,
			    .set_count = set_count,
			    .argc = argc,
			    .argv = argv,
			    .at = 1,
			    .error = error };
	bool is_ok = true, has_dash = false;

	*wants_help = false;
	args->count = 0;
	while (is_ok && !*wants_help && p.at < argc) {
		const char *arg = argv[p.at++];

		if (has_dash || arg[0] != '-' || arg[1] == '\0') {
			args->words[args->count++] = arg;
		} else if (strcmp(arg, "--") == 0) {
			has_dash = true;
			args->dash = args->count;
		} else if (arg[1] == '-') {
			is_ok = parse_long(&p, arg + 2, wants_help);
		} else {
			is_ok = parse_letters(&p, arg + 1, wants_help);
		}
	}
	if (!has_dash)
		args->dash = args->count;
	return is_ok;
}

void flags_print(FILE *out, const struct flag_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct flag *f = &set->flags[i];
		char left[64];

		if (!f->help)
			continue;
		(void)snprintf(left, sizeof(left), "%c%c%c --%s%s%s", f->letter ? '-' : ' ',
			       f->letter ? f->letter : ' ', f->letter ? ',' : ' ', f->name,
			       f->metavar ? " " : "", f->metavar ? f->metavar : "");
		fprintf(out, "  %-36s %s\n", left, f->help);
	}
}
