/*
 * Messages of the program itself, on standard error, as bpftrace writes them: "ERROR: …".
 *
 * The settings are the process's, made once by main().
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "lang/diag.h"

enum message_kind { MESSAGE_VERBOSE, MESSAGE_HINT, MESSAGE_WARNING, MESSAGE_ERROR };

struct message_settings {
	bool has_colour;
	bool is_verbose;  // -v
	bool no_warnings; // --no-warnings
};

/* Colours by $BPFTRACE_COLOR and whether standard output and error are terminals. */
void message_init(void);
struct message_settings *message_settings(void);

void message(enum message_kind kind, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define message_error(...)   message(MESSAGE_ERROR, __VA_ARGS__)
#define message_warning(...) message(MESSAGE_WARNING, __VA_ARGS__)
#define message_hint(...)    message(MESSAGE_HINT, __VA_ARGS__)
#define message_verbose(...) message(MESSAGE_VERBOSE, __VA_ARGS__)

/* An error or a warning at a place of the script. */
void message_at(enum diag_kind kind, struct span span, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
