#include <stdio.h>
#include <string.h>

#include "command.h"

static const char head[] = "Run bpftrace programs on the nodes and pods of a cluster.\n"
			   "\n"
			   "Usage:\n"
			   "  kubectl trace COMMAND [flags]\n"
			   "\n"
			   "Commands:\n";

static const char tail[] =
	"\n"
	"See 'kubectl trace COMMAND --help' for a command's arguments and flags.\n";

static int help_of(const char *name)
{
	static char flag[] = "--help";
	char *argv[] = { (char *)name, flag, NULL };

#define COMMAND(command, summary)                                                                  \
	if (strcmp(name, #command) == 0 && strcmp(name, "help") != 0)                              \
		return cmd_##command(2, argv);
#include "commands.def"
	return usage_error("", "unknown command \"%s\"", name);
}

int cmd_help(int argc, char **argv)
{
	if (argc > 1 && argv[1][0] != '-' && strcmp(argv[1], "help") != 0)
		return help_of(argv[1]);
	fputs(head, stdout);
	print_commands();
	fputs(tail, stdout);
	return EXIT_OK;
}
