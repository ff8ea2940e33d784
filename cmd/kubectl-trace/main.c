/*
 * kubectl-trace: as kubectl's plugin, `kubectl trace COMMAND ...`.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "command.h"
#include "util/str.h"

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
#define COMMAND(name, summary) { #name, summary, cmd_##name },
#include "commands.def"
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

void print_commands(void)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].summary);
}

static int compare(const void *name, const void *command)
{
	return strcmp(name, ((const struct command *)command)->name);
}

/* Over HTTP/1.1 every log stream is a connection, and the usual limit is 1024. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";
	const struct command *command;
	struct str_nearest nearest;

	/* A reader that goes away shows as a failed write, which stops the trace in good order. */
	(void)signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0)
		name = "version";
	else if (strcmp(name, "log") == 0)
		name = "logs";
	command = bsearch(name, commands, COMMAND_COUNT, sizeof(commands[0]), compare);
	if (command)
		return command->run(argc > 1 ? argc - 1 : argc, argc > 1 ? argv + 1 : argv);
	str_nearest_init(&nearest, name);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		str_nearest_try(&nearest, commands[i].name);
	if (nearest.best)
		return usage_error("", "unknown command \"%s\", did you mean \"%s\"?", name,
				   nearest.best);
	return usage_error("", "unknown command \"%s\"", name);
}
