#include <errno.h>
#include <stdio.h>

#include "command.h"
#include "kube/trace.h"
#include "stream.h"

static const char help_head[] =
	"Follow the output of a trace, from its first line on, until it ends.\n"
	"\n"
	"Ctrl-C stops the trace: its last output, such as its maps, is printed, and nothing of it "
	"is left\n"
	"in the cluster.  To look without stopping, use `kubectl trace logs -f`.\n"
	"The exit status is the program's.\n"
	"\n"
	"Usage:\n"
	"  kubectl trace attach (TRACE_ID | TRACE_NAME) [flags]\n"
	"\n"
	"Examples:\n"
	"  kubectl trace attach 656ee75a-ee3c-41e8-9e7a-8c164500a77e\n";

struct attach_options {
	const char *id;
	enum prefix_mode prefix;
};

static int attach(struct arena *a, struct kube_client *client, const struct attach_options *o,
		  struct err *err)
{
	const char *ns = kube_client_namespace(client);
	struct stream_options stream = { .namespace = ns, .prefix = o->prefix };
	vec_of(struct stream_source) sources = { 0 };
	kube_trace_vec traces = { 0 };
	int ret = kube_trace_list(&traces, a, client, ns, o->id, err);

	if (ret == 0 && traces.len == 0)
		ret = err_set(err, -ENOENT, "trace \"%s\" not found in namespace %s", o->id, ns);
	if (ret == 0)
		ret = stream_hold_signals(err);
	if (ret < 0)
		return ret;
	vec_foreach (&traces, t) {
		struct stream_source source = {
			.job = t->name,
			.node = t->node,
			.label = traces.len > 1 ? arena_printf(a, "%s on %s", t->target, t->node)
						: t->target,
		};

		vec_push(a, &sources, source);
	}
	stream.id = traces.data[0].id;
	stream.format = traces.data[0].output;
	stream.sources = sources.data;
	stream.source_count = sources.len;
	return stream_run(client, &stream);
}

int cmd_attach(int argc, char **argv)
{
	struct attach_options o = { 0 };
	const char *prefix = "auto";
	const struct flag flags[] = {
		{ "prefix", 0, FLAG_STRING, &prefix, 0, "WHEN",
		  "mark lines with their target: auto (default), always or never" },
	};
	struct command_line line = { .name = "attach",
				     .help = help_head,
				     .flags = flags,
				     .flag_count = sizeof(flags) / sizeof(flags[0]) };
	struct session session = { 0 };
	struct err err = { 0 };
	struct arena a;
	int status;

	arena_init(&a);
	if (parse_command(&line, &a, argc, argv, &status)) {
		o.id = line.args.count ? line.args.words[0] : NULL;
		if (line.args.count != 1)
			status = usage_error("attach", "TRACE_ID or TRACE_NAME is needed, one");
		else if (!stream_parse_prefix(&o.prefix, prefix))
			status = usage_error(
				"attach", "invalid --prefix \"%s\": auto, always or never", prefix);
		if (status == 0) {
			status = session_open(&session, &line.overrides, &err);
			if (status == 0)
				status = attach(&a, session.client, &o, &err);
			if (status < 0) {
				complain("%s", err.msg);
				status = EXIT_ERROR;
			}
		}
	}
	session_close(&session);
	arena_finish(&a);
	return status;
}
