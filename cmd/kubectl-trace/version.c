#include <stdio.h>
#include <string.h>

#include "command.h"

static const char help_head[] = "Print the version of kubectl-trace and of the API server.\n"
				"\n"
				"Usage:\n"
				"  kubectl trace version [--client] [flags]\n";

static int print_server_version(struct arena *a, const struct kube_overrides *overrides)
{
	struct session session = { 0 };
	struct err err = { 0 };
	const char *version;
	int ret = session_open(&session, overrides, &err);

	if (ret == 0)
		ret = kube_client_server_version(&version, session.client, a, &err);
	if (ret == 0)
		printf("server: %s\n", version);
	else
		complain("%s", err.msg);
	session_close(&session);
	return ret < 0 ? EXIT_ERROR : EXIT_OK;
}

int cmd_version(int argc, char **argv)
{
	bool client_only = false;
	const struct flag flags[] = {
		{ "client", 0, FLAG_BOOL, &client_only, 0, NULL, "do not ask the server" },
	};
	struct command_line line = {
		.name = "version", .help = help_head, .flags = flags, .flag_count = 1
	};
	struct arena a;
	int status;

	arena_init(&a);
	if (parse_command(&line, &a, argc, argv, &status)) {
		printf("kubectl-trace: v%s\n", VERSION);
		if (!client_only)
			status = print_server_version(&a, &line.overrides);
	}
	arena_finish(&a);
	return status;
}
