#include "lang/probe_parse.h"

#include <ctype.h>
#include <string.h>

#include "lang/lexer.h"
#include "util/buf.h"
#include "util/str.h"

#define PARTS_MAX 8

/* One specification, cut at its colons. */
struct spec {
	struct arena *arena;
	struct diags *diags;
	const struct sema_options *options;
	struct attach_point *ap;
	const char *parts[PARTS_MAX];
	size_t count;    // may exceed PARTS_MAX
	bool is_lenient; // the kind was a glob: what doesn't fit is left out
	bool is_left_out;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct spec *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)diag_error(s->diags, s->ap->span, "%s", arena_vprintf(s->arena, fmt, ap));
	va_end(ap);
	return false;
}

static bool fail_count(struct spec *s, const char *expected)
{
	if (s->is_lenient) {
		s->is_left_out = true;
		return true;
	}
	return fail(s, "%s probe type requires %s arguments, found %zu",
		    probe_infos[s->ap->kind].name, expected, s->count - 1);
}

static bool number(struct spec *s, const char *text, uint64_t *out, const char **message)
{
	return number_parse(out, s->arena, text, strlen(text), message);
}

/* func, func+offset or an address. */
static bool parse_place(struct spec *s, const char *text, bool allow_offset)
{
	const char *plus = strchr(text, '+');
	const char *message;

	if (!plus) {
		if (number(s, text, &s->ap->address, &message))
			s->ap->has_address = true;
		else
			s->ap->function = text;
		return true;
	}
	if (!allow_offset)
		return fail(s, "Offset not allowed");
	if (strchr(plus + 1, '+'))
		return fail(s, "Cannot take more than one offset");
	if (plus == text || !plus[1])
		return fail(s, "Invalid offset");
	s->ap->function = arena_strndup(s->arena, text, (size_t)(plus - text));
	if (!number(s, plus + 1, &s->ap->offset, &message))
		return fail(s, "Invalid offset: %s", message);
	return true;
}

static bool parse_kprobe(struct spec *s)
{
	struct attach_point *ap = s->ap;

	if (s->count != 2 && s->count != 3)
		return fail_count(s, "1 or 2");
	if (s->count == 3)
		ap->module = s->parts[1];
	if (!parse_place(s, s->parts[s->count - 1], ap->kind == PROBE_kprobe))
		return false;
	if (ap->has_address && !s->options->is_unsafe)
		return fail(s, "Probing by address requires --unsafe");
	if (!ap->has_address && !*ap->function)
		return fail(s, "kprobes should be attached to a function or an address");
	return true;
}

/* uprobe:PATH@FILE:LINE[:COLUMN] is cut into uprobe, PATH, @, FILE, LINE, COLUMN. */
static bool parse_source_line(struct spec *s)
{
	struct attach_point *ap = s->ap;
	const char *message;
	uint64_t value;

	if (ap->kind != PROBE_uprobe)
		return fail(s, "Source code location not allowed");
	if (str_has_glob(ap->path))
		return fail(s, "Cannot use wildcards with source code location");
	if ((s->count != 5 && s->count != 6) || !*s->parts[3] || !*s->parts[4])
		return fail(s, "Invalid uprobe arguments, expected format: "
			       "uprobe:TARGET@FILE:LINE[:COL]");
	ap->source_file = s->parts[3];
	if (!number(s, s->parts[4], &value, &message))
		return fail(s, "Invalid line number: %s", message);
	ap->source_line = (uint32_t)value;
	if (s->count == 6 && !number(s, s->parts[5], &value, &message))
		return fail(s, "Invalid column number: %s", message);
	if (s->count == 6)
		ap->source_column = (uint32_t)value;
	return true;
}

/* With -p the binary may be left out: that of the process. */
static void insert_process_binary(struct spec *s)
{
	if (!s->options->pid || s->count >= PARTS_MAX)
		return;
	if (s->count != 2 && !(s->count == 3 && !strcmp(s->parts[1], "cpp")))
		return;
	memmove(&s->parts[2], &s->parts[1], (s->count - 1) * sizeof(s->parts[0]));
	s->parts[1] = arena_printf(s->arena, "/proc/%u/exe", s->options->pid);
	s->count++;
}

static bool parse_uprobe(struct spec *s)
{
	struct attach_point *ap = s->ap;
	const char *name = probe_infos[ap->kind].name;
	bool has_source;

	insert_process_binary(s);
	has_source = s->count > 2 && !strcmp(s->parts[2], "@");
	if (!has_source && s->count != 3 && s->count != 4)
		return fail_count(s, "2 or 3");
	ap->path = s->parts[1];
	if (!*ap->path && has_source)
		return fail(s, "Unspecified target binary, cannot attach by source code location.");
	if (!*ap->path)
		return fail(s, "%s should have a target", name);
	if (has_source)
		return parse_source_line(s);
	if (s->count == 4)
		ap->lang = s->parts[2];
	if (!parse_place(s, s->parts[s->count - 1], ap->kind == PROBE_uprobe))
		return false;
	if (ap->has_address && str_has_glob(ap->path))
		return fail(s, "Cannot use wildcards with absolute address");
	if (!s->options->is_unsafe && !ap->address && (ap->has_address || !*ap->function))
		return fail(s, "%s should be attached to a function and/or address", name);
	if (ap->lang && strcmp(ap->lang, "cpp") != 0)
		return fail(s, "unsupported language type: %s", ap->lang);
	return true;
}

static bool parse_usdt(struct spec *s)
{
	struct attach_point *ap = s->ap;

	insert_process_binary(s);
	if (s->count != 3 && s->count != 4)
		return fail_count(s, "2 or 3");
	ap->path = s->parts[1];
	if (s->count == 4)
		ap->module = s->parts[2];
	ap->function = s->parts[s->count - 1];
	if (!*ap->function)
		return fail(s, "usdt probe must have a target function or wildcard");
	if (!*ap->path && !s->options->pid)
		return fail(s, "usdt probe must specify at least path or pid to probe. To target "
			       "all paths/pids set the path to '*'.");
	if (!*ap->path)
		ap->path = arena_printf(s->arena, "/proc/%u/exe", s->options->pid);
	return true;
}

static bool parse_tracepoint(struct spec *s)
{
	/* tracepoint:*name* means any category. */
	if (s->count == 2 && str_has_glob(s->parts[1])) {
		s->parts[2] = s->parts[1];
		s->parts[1] = "*";
		s->count = 3;
	}
	if (s->count != 3)
		return fail_count(s, "2");
	s->ap->module = s->parts[1];
	s->ap->function = s->parts[2];
	if (!*s->ap->module || !*s->ap->function)
		return fail(s, "tracepoint probe must have a target");
	return true;
}

static bool parse_rawtracepoint(struct spec *s)
{
	if (s->count != 2 && s->count != 3)
		return fail_count(s, "2 or 1");
	s->ap->module = s->count == 3 ? s->parts[1] : "*";
	s->ap->function = s->parts[s->count - 1];
	if (!*s->ap->function)
		return fail(s, "rawtracepoint should be attached to a function");
	return true;
}

/* fentry:bpf:[ID:]NAME */
static bool parse_fentry_bpf(struct spec *s)
{
	const char *message;
	uint64_t id;

	s->ap->module = "bpf";
	if (s->count == 2)
		return fail(s, "the 'bpf' variant of this probe requires a bpf program name and "
			       "optional bpf program id");
	s->ap->function = s->parts[s->count - 1];
	if (s->count == 4 && strcmp(s->parts[2], "*") != 0) {
		if (!number(s, s->parts[2], &id, &message) || id > UINT32_MAX)
			return fail(s, "bpf program id must be a number or '*'");
		s->ap->prog_id = (uint32_t)id;
	}
	return true;
}

static bool parse_fentry(struct spec *s)
{
	if (s->count < 2 || s->count > 4)
		return fail_count(s, "1 or 3");
	if (!strcmp(s->parts[1], "bpf"))
		return parse_fentry_bpf(s);
	if (s->count == 4)
		return fail(s, "Only the 'bpf' variant of this probe supports 4 arguments");
	if (s->count == 3)
		s->ap->module = s->parts[1];
	s->ap->function = s->parts[s->count - 1];
	if (!*s->ap->function)
		return fail(s, "fentry/fexit should specify a function");
	return true;
}

static const struct time_unit {
	const char *name;
	uint64_t ns; // 0: per second
} time_units[] = { { "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 }, { "hz", 0 } };

static bool set_rate(struct spec *s, const char *unit)
{
	struct attach_point *ap = s->ap;
	const char *name = probe_infos[ap->kind].name;

	ap->function = unit;
	if (!*unit)
		return fail(s, "%s probe must have unit of time", name);
	for (size_t i = 0; i < sizeof(time_units) / sizeof(time_units[0]); i++) {
		if (strcmp(time_units[i].name, unit) != 0)
			continue;
		if (ap->rate == 0 || ap->rate > INT64_MAX)
			return fail(s, "%s frequency should be a positive integer", name);
		if (!time_units[i].ns)
			ap->frequency = ap->rate;
		else if (__builtin_mul_overflow(ap->rate, time_units[i].ns, &ap->period))
			return fail(s, "Invalid rate of %s probe: it is too long", name);
		return true;
	}
	return fail(s, "%s is not an accepted unit of time", unit);
}

/* profile:UNIT:COUNT, interval:5s */
static bool parse_timer(struct spec *s)
{
	const char *name = probe_infos[s->ap->kind].name;
	const char *message;

	if (s->count != 2 && s->count != 3)
		return fail_count(s, "1 or 2");
	if (!number(s, s->parts[s->count - 1], &s->ap->rate, &message))
		return fail(s, "Invalid rate of %s probe: %s", name, message);
	if (s->count == 3)
		return set_rate(s, s->parts[1]);
	if (s->ap->rate < 1000)
		return fail(s,
			    "Invalid rate of %s probe. Minimum is 1000 or 1us. Found: %llu "
			    "nanoseconds",
			    name, (unsigned long long)s->ap->rate);
	s->ap->rate /= 1000;
	return set_rate(s, "us");
}

static const struct counter {
	enum probe_kind kind;
	const char *name;
	const char *alias;
} counters[] = {
#define SOFTWARE(name, alias, ...) { PROBE_software, name, alias },
#define HARDWARE(name, alias, ...) { PROBE_hardware, name, alias },
#include "lang/counters.def"
};

static bool is_counter(enum probe_kind kind, const char *name)
{
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		if (counters[i].kind == kind &&
		    (!strcmp(counters[i].name, name) || !strcmp(counters[i].alias, name)))
			return true;
	}
	return false;
}

static void hint_counter(struct spec *s, const char *name)
{
	struct str_nearest nearest;

	str_nearest_init(&nearest, name);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		if (counters[i].kind == s->ap->kind)
			str_nearest_try(&nearest, counters[i].name);
	}
	if (nearest.best)
		diag_hint(s->diags, "did you mean '%s'?", nearest.best);
}

/* software:EVENT[:COUNT] */
static bool parse_counter(struct spec *s)
{
	const char *name = probe_infos[s->ap->kind].name;
	const char *message;
	uint64_t count;

	if (s->count != 2 && s->count != 3)
		return fail_count(s, "1 or 2");
	s->ap->function = s->parts[1];
	if (s->count == 3 && strcmp(s->parts[2], "*") != 0) {
		if (!number(s, s->parts[2], &count, &message))
			return fail(s, "Invalid count for %s probe: %s", name, message);
		if (count > INT64_MAX)
			return fail(s, "%s count should be a positive integer", name);
		s->ap->period = count;
		s->ap->rate = count;
	}
	if (!*s->ap->function)
		return fail(s, "%s probe must have a %s event name", name, name);
	if (is_counter(s->ap->kind, s->ap->function))
		return true;
	if (s->is_lenient) {
		s->is_left_out = true;
		return true;
	}
	if (str_has_glob(s->ap->function))
		return fail(s, "wildcards are not allowed for %s probe type", name);
	(void)fail(s, "%s is not a %s probe", s->ap->function, name);
	hint_counter(s, s->ap->function);
	return false;
}

/* The letters of @mode in alphabetical order; NULL if there are others or one is twice. */
static const char *sort_mode(struct spec *s, const char *mode)
{
	char sorted[4] = "";
	size_t len = 0;

	for (const char *c = "rwx"; *c; c++) {
		if (strchr(mode, *c))
			sorted[len++] = *c;
	}
	for (const char *c = mode; *c; c++) {
		if (!strchr("rwx", *c)) {
			(void)fail(s, "watchpoint mode must be combination of (r,w,x)");
			return NULL;
		}
	}
	if (len == 0)
		(void)fail(s, "watchpoint mode must be combination of (r,w,x)");
	else if (len != strlen(mode))
		(void)fail(s, "watchpoint modes may not be duplicated");
	return len && len == strlen(mode) ? arena_strdup(s->arena, sorted) : NULL;
}

/* Where it is not known what machine is traced, the mode is left to that machine. */
static bool check_mode(struct spec *s)
{
	const char *modes = arch_of(s->options->target)->watchpoint_modes;
	size_t len = strlen(s->ap->mode);

	if (!s->options->target)
		return true;
	for (const char *m = modes; *m; m += strcspn(m, ","), m += *m == ',') {
		if (strcspn(m, ",") == len && strncmp(m, s->ap->mode, len) == 0)
			return true;
	}
	(void)fail(s, "invalid watchpoint mode: %s", s->ap->mode);
	diag_hint(s->diags, "supported modes: %s", modes);
	return false;
}

/* watchpoint:ADDRESS:LENGTH:MODE */
static bool parse_watchpoint(struct spec *s)
{
	struct attach_point *ap = s->ap;
	const char *message;
	uint64_t length;

	if (s->count != 4)
		return fail_count(s, "3");
	if (!number(s, s->parts[1], &ap->address, &message))
		return fail(s, "Invalid function/address argument: %s", message);
	if (!number(s, s->parts[2], &length, &message))
		return fail(s, "Invalid length argument: %s", message);
	if (!ap->address)
		return fail(s, "watchpoint must be attached to a non-zero address");
	ap->has_address = true;
	if (length != 1 && length != 2 && length != 4 && length != 8)
		return fail(s, "watchpoint length must be one of (1,2,4,8)");
	ap->length = (uint32_t)length;
	ap->mode = sort_mode(s, s->parts[3]);
	return ap->mode && check_mode(s);
}

static bool parse_iter(struct spec *s)
{
	if (s->count != 2 && s->count != 3) {
		if (s->is_lenient)
			return fail_count(s, "");
		return fail(s, "iter probe type takes 2 arguments (1 optional)");
	}
	if (str_has_glob(s->parts[1]) || (s->count == 3 && str_has_glob(s->parts[2]))) {
		if (s->is_lenient)
			return fail_count(s, "");
		return fail(s, "iter probe type does not support wildcards");
	}
	s->ap->function = s->parts[1];
	if (!*s->ap->function)
		return fail(s, "iter should specify a iterator's name");
	if (s->count == 3)
		s->ap->mode = s->parts[2];
	return true;
}

static bool parse_special(struct spec *s)
{
	if (s->count == 2 && !strcmp(s->parts[1], "*"))
		s->count--;
	return s->count == 1 || fail_count(s, "0");
}

static bool parse_self(struct spec *s)
{
	if (s->count != 3)
		return fail_count(s, "2");
	if (strcmp(s->parts[1], "signal") != 0)
		return fail(s, "%s is not a supported trigger", s->parts[1]);
	if (strcmp(s->parts[2], "SIGUSR1") != 0)
		return fail(s, "%s is not a supported signal", s->parts[2]);
	s->ap->function = s->parts[2];
	return true;
}

static bool parse_named(struct spec *s)
{
	if (s->count != 2)
		return fail_count(s, "1");
	s->ap->function = s->parts[1];
	if (!*s->ap->function)
		return fail(s, "%s probes must have a name", probe_infos[s->ap->kind].name);
	return true;
}

static bool (*const parsers[PROBE_KIND_COUNT])(struct spec *s) = {
	[PROBE_begin] = parse_special,
	[PROBE_end] = parse_special,
	[PROBE_self] = parse_self,
	[PROBE_test] = parse_named,
	[PROBE_bench] = parse_named,
	[PROBE_kprobe] = parse_kprobe,
	[PROBE_kretprobe] = parse_kprobe,
	[PROBE_fentry] = parse_fentry,
	[PROBE_fexit] = parse_fentry,
	[PROBE_tracepoint] = parse_tracepoint,
	[PROBE_rawtracepoint] = parse_rawtracepoint,
	[PROBE_uprobe] = parse_uprobe,
	[PROBE_uretprobe] = parse_uprobe,
	[PROBE_usdt] = parse_usdt,
	[PROBE_profile] = parse_timer,
	[PROBE_interval] = parse_timer,
	[PROBE_software] = parse_counter,
	[PROBE_hardware] = parse_counter,
	[PROBE_watchpoint] = parse_watchpoint,
	[PROBE_iter] = parse_iter,
};

/* $N, or $container_pid; *pos is behind the dollar.  NULL and a diagnostic if it is neither. */
static const char *expand_param(struct spec *s, const char *raw, size_t *pos)
{
	static const char container_pid[] = "container_pid";
	const char *message = "invalid integer: ";
	size_t start = *pos;
	uint64_t index;

	if (str_starts_with(raw + start, container_pid) && s->options->container_pid) {
		*pos += strlen(container_pid);
		return arena_printf(s->arena, "%u", s->options->container_pid);
	}
	if (raw[start] != '0')
		*pos += strspn(raw + start, "0123456789");
	if (*pos == start && raw[start]) {
		(void)fail(s,
			   "invalid trailing character for positional param: %c. Try quoting this "
			   "entire part if this is intentional e.g. \"$%c\".",
			   raw[start], raw[start]);
		return NULL;
	}
	if (*pos == start || !number_parse(&index, s->arena, raw + start, *pos - start, &message)) {
		(void)fail(s, "positional parameter is not valid: %s", message);
		return NULL;
	}
	return index <= s->options->param_count ? s->options->params[index - 1] : "";
}

/* The raw text with parameters put in, where it isn't quoted. */
static const char *expand_params(struct spec *s, const char *raw)
{
	const char *out = "";
	bool in_quotes = false;
	size_t done = 0;

	for (size_t i = 0; raw[i];) {
		size_t dollar = i;
		const char *value;

		if (raw[i] == '"')
			in_quotes = !in_quotes;
		if (in_quotes && raw[i] == '\\' && raw[i + 1])
			i++;
		i++;
		if (in_quotes || raw[dollar] != '$')
			continue;
		value = expand_param(s, raw, &i);
		if (!value)
			return NULL;
		out = arena_printf(s->arena, "%s%.*s%s", out, (int)(dollar - done), raw + done,
				   value);
		done = i;
	}
	return done ? arena_printf(s->arena, "%s%s", out, raw + done) : raw;
}

static void add_part(struct spec *s, const char *data, size_t len)
{
	if (s->count < PARTS_MAX)
		s->parts[s->count] = arena_strndup(s->arena, data, len);
	s->count++;
}

/* Cut @text at the colons that are not in quotes; an @ is a part of its own. */
static void split(struct spec *s, const char *text)
{
	char *part = arena_alloc(s->arena, strlen(text) + 1);
	bool in_quotes = false;
	size_t len = 0;

	for (; *text; text++) {
		if (!in_quotes && (*text == ':' || *text == '@')) {
			add_part(s, part, len);
			if (*text == '@')
				add_part(s, "@", 1);
			len = 0;
		} else if (*text == '"') {
			in_quotes = !in_quotes;
		} else {
			if (in_quotes && *text == '\\' && text[1])
				text++;
			part[len++] = *text;
		}
	}
	add_part(s, part, len);
}

static bool parse_kind(attach_point_list *out, struct spec *s, enum probe_kind kind)
{
	struct attach_point ap = *s->ap;
	struct spec copy = *s;

	ap.kind = kind;
	copy.ap = &ap;
	if (!parsers[kind](&copy))
		return false;
	if (!copy.is_left_out) {
		ap.name = probe_full_name(s->arena, &ap);
		vec_push(s->arena, out, ap);
	}
	return true;
}

/* Kinds that a glob means: the kernel's, or with a path or -p those of user space. */
static bool parse_kind_glob(attach_point_list *out, struct spec *s)
{
	static const enum probe_kind kernel[] = { PROBE_fentry,        PROBE_hardware,
						  PROBE_iter,          PROBE_kprobe,
						  PROBE_rawtracepoint, PROBE_software,
						  PROBE_tracepoint };
	static const enum probe_kind user[] = { PROBE_uprobe, PROBE_usdt };
	bool is_user = s->options->pid || (s->count >= 2 && strchr(s->parts[1], '/'));
	const enum probe_kind *kinds = is_user ? user : kernel;
	size_t count =
		is_user ? sizeof(user) / sizeof(user[0]) : sizeof(kernel) / sizeof(kernel[0]);
	bool is_any = false;

	s->is_lenient = true;
	for (size_t i = 0; i < count; i++) {
		if (!str_glob(s->parts[0], probe_infos[kinds[i]].name))
			continue;
		is_any = true;
		if (!parse_kind(out, s, kinds[i]))
			return false;
	}
	return is_any || fail(s, "No probe type matched for %s", s->parts[0]);
}

static bool fail_kind(struct spec *s)
{
	struct str_nearest nearest;

	(void)fail(s, "Invalid probe type: %s", s->parts[0]);
	str_nearest_init(&nearest, s->parts[0]);
	for (size_t i = 0; i < PROBE_KIND_COUNT; i++)
		str_nearest_try(&nearest, probe_infos[i].name);
	if (nearest.best)
		diag_hint(s->diags, "did you mean '%s'?", nearest.best);
	return false;
}

bool probe_parse_spec(attach_point_list *out, struct arena *a, const struct attach_point *spec,
		      const struct sema_options *o, struct diags *diags)
{
	struct attach_point ap = *spec;
	struct spec s = { .arena = a, .diags = diags, .options = o, .ap = &ap };
	const char *text = expand_params(&s, spec->raw);
	const char *equals;
	int kind;

	if (!text)
		return false;
	split(&s, text);
	ap.syscall = -1;
	/* name=probe:… */
	equals = strchr(s.parts[0], '=');
	if (equals && equals[1])
		s.parts[0] = equals + 1;
	/* Nothing, for example behind a last comma. */
	if (!*s.parts[0])
		return true;
	if (str_has_glob(s.parts[0]))
		return parse_kind_glob(out, &s);
	kind = probe_kind_find(s.parts[0]);
	if (kind < 0)
		return fail_kind(&s);
	return parse_kind(out, &s, (enum probe_kind)kind);
}
