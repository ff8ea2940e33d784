#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "run.h"
#include "runner.h"

void run_push_flags(run_argv *argv, struct arena *a, const struct run_options *o)
{
	if (o->unsafe)
		vec_push(a, argv, "--unsafe");
	if (o->whole_node)
		vec_push(a, argv, "--whole-node");
	if (o->container_pids)
		vec_push(a, argv, "--container-pids");
	if (strcmp(o->output, "text") != 0) {
		vec_push(a, argv, "-f");
		vec_push(a, argv, o->output);
	}
	if (o->process_selector)
		vec_push(a, argv, arena_printf(a, "--process-selector=%s", o->process_selector));
	vec_push(a, argv, arena_printf(a, "--deadline=%lld", (long long)o->deadline_s));
}

void run_push_script_args(run_argv *argv, struct arena *a, const struct run_options *o)
{
	/* The runner takes "--name=value" for its own flag unless it comes after "--". */
	for (size_t i = 0; i < o->script_arg_count; i++) {
		if (*o->script_args[i] == '-') {
			vec_push(a, argv, "--");
			break;
		}
	}
	for (size_t i = 0; i < o->script_arg_count; i++)
		vec_push(a, argv, o->script_args[i]);
}

int run_local(struct arena *a, const struct run_options *o)
{
	run_argv argv = { 0 };
	struct err err = { 0 };
	const char *path;

	if (runner_find(&path, a, NULL, &err) < 0) {
		complain("%s", err.msg);
		return EXIT_ERROR;
	}
	vec_push(a, &argv, path);
	run_push_flags(&argv, a, o);
	if (o->eval) {
		vec_push(a, &argv, "-e");
		vec_push(a, &argv, buf_cstr(&o->script));
	} else {
		vec_push(a, &argv, o->filename);
	}
	run_push_script_args(&argv, a, o);
	vec_push(a, &argv, NULL);
	(void)execv(path, (char *const *)argv.data);
	complain("cannot run '%s': %s", path, strerror(errno));
	return EXIT_ERROR;
}
