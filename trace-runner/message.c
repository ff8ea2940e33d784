#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct message_settings settings;

struct message_settings *message_settings(void)
{
	return &settings;
}

static bool is_terminal(void)
{
	return isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
}

void message_init(void)
{
	const char *colour = getenv("BPFTRACE_COLOR");

	settings = (struct message_settings){ .has_colour = false };
	if (!colour || strcmp(colour, "auto") == 0) {
		settings.has_colour = is_terminal();
	} else if (strcmp(colour, "always") == 0) {
		settings.has_colour = true;
	} else if (strcmp(colour, "never") != 0) {
		message_warning("Invalid env value! The valid values of `BPFTRACE_COLOR` are "
				"[auto|always|never]. The current value is %s!",
				colour);
		settings.has_colour = is_terminal();
	}
}

static bool is_wanted(enum message_kind kind)
{
	if (kind == MESSAGE_VERBOSE)
		return settings.is_verbose;
	return kind != MESSAGE_WARNING || !settings.no_warnings;
}

void message(enum message_kind kind, const char *fmt, ...)
{
	static const struct {
		const char *word;
		const char *colour;
	} kinds[] = {
		[MESSAGE_VERBOSE] = { "", "" },
		[MESSAGE_HINT] = { "HINT: ", "" },
		[MESSAGE_WARNING] = { "WARNING: ", "\033[33m" },
		[MESSAGE_ERROR] = { "ERROR: ", "\033[31m" },
	};
	bool has_colour = settings.has_colour && kinds[kind].colour[0];
	va_list ap;

	if (!is_wanted(kind))
		return;
	fprintf(stderr, "%s%s", has_colour ? kinds[kind].colour : "", kinds[kind].word);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s\n", has_colour ? "\033[0m" : "");
}

void message_at(enum diag_kind kind, struct span span, const char *fmt, ...)
{
	struct diag diag = { .kind = kind, .span = span };
	char *text = NULL;
	va_list ap;

	if (kind == DIAG_WARNING && settings.no_warnings)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	diag.message = text ? text : fmt;
	diag_print(stderr, &diag, settings.has_colour);
	free(text);
}
