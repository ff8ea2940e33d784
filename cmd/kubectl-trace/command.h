/*
 * What every subcommand uses: exit statuses, the connection to the cluster, complaints.
 */
#pragma once

#include "flags.h"
#include "kube/client.h"
#include "kube/kubeconfig.h"
#include "util/err.h"

enum exit_status {
	EXIT_OK = 0,
	EXIT_ERROR = 1, // the user's program or the world
	EXIT_USAGE = 2,
};

#define COMMAND(name, summary) int cmd_##name(int argc, char **argv);
#include "commands.def"

/* "error: ..." on standard error. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Something that is no error, on standard error. */
void remark(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A mistake on the command line: complain, point to --help, and return EXIT_USAGE. */
int usage_error(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The command line of a subcommand: its own flags and those that kubectl has everywhere.
 *
 * parse_command() returns true when there is work to do; otherwise *status is the exit status,
 * after the help or a complaint.  args->words lives in @a.
 */
struct command_line {
	const char *name;
	const char *help; // all before the list of flags
	const struct flag *flags;
	size_t flag_count;
	struct kube_overrides overrides;
	struct flag_args args;
};
bool parse_command(struct command_line *line, struct arena *a, int argc, char **argv, int *status);

/* The cluster that the flags and the environment name. */
struct session {
	struct kube_config *config;
	struct kube_client *client;
};
int session_open(struct session *s, const struct kube_overrides *overrides, struct err *err)
	__attribute__((warn_unused_result));
void session_close(struct session *s);

/* All subcommands and their summaries, for `help` and --help alone. */
void print_commands(void);
