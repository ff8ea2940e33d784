/*
 * Command line flags as kubectl has them: --name value, --name=value, -n value, -nvalue, -n=value,
 * single letters joined, flags and arguments in any order, "--" before arguments that look like
 * flags.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum flag_kind {
	FLAG_BOOL,   // bool *: --name, --name=false
	FLAG_STRING, // const char **
	FLAG_LIST,   // const char *[max + 1]: one more for each time it is given
};

struct flag {
	const char *name; // without the dashes
	char letter;      // '\0': none
	enum flag_kind kind;
	void *value;
	size_t max;          // of FLAG_LIST
	const char *metavar; // of its value in the help
	const char *help;    // NULL: understood, but not shown
};

struct flag_set {
	const struct flag *flags;
	size_t count;
};

struct flag_args {
	const char **words; // the arguments that are no flags, in order; the caller's array of argc
	size_t count;
	size_t dash; // how many of them came before "--"; count if there was none
};

/*
 * Parse argv[1..].  Returns false after a message in @error; *wants_help is set by -h and --help,
 * which end the parse.
 */
bool flags_parse(struct flag_args *args, const struct flag_set *sets, size_t set_count, int argc,
		 char **argv, bool *wants_help, char error[256]);
void flags_print(FILE *out, const struct flag_set *set);
