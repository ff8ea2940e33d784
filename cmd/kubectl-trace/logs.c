#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "kube/job.h"
#include "kube/logs.h"
#include "kube/trace.h"
#include "kube/transport.h"
#include "maps.h"

static const char help_head[] =
	"Print the output of a trace.\n"
	"\n"
	"With -f until it ends; Ctrl-C then ends only the printing, not the trace.\n"
	"\n"
	"Usage:\n"
	"  kubectl trace logs (TRACE_ID | TRACE_NAME) [-f] [flags]\n"
	"\n"
	"Examples:\n"
	"  kubectl trace logs 656ee75a-ee3c-41e8-9e7a-8c164500a77e -f\n";

struct logs_options {
	const char *id;
	bool follows;
	bool timestamps;
};

struct logs {
	struct maps maps;
	size_t running;
	bool is_broken; // standard output takes no more
	struct err err; // the first
};

static void on_line(void *ctx, const char *data, size_t len)
{
	struct logs *l = ctx;
	struct err err = { 0 };

	if (maps_take(&l->maps, data, len, &err)) {
		if (err.code)
			complain("%s", err.msg);
		return;
	}
	if (fwrite(data, 1, len, stdout) != len)
		l->is_broken = true;
}

static void on_lost(void *ctx, unsigned long long lines)
{
	(void)ctx;
	remark(KUBE_LOG_LOST, lines);
}

static void on_connection(void *ctx, const struct err *err)
{
	(void)ctx;
	if (err)
		remark("the log stream was cut, reconnecting: %s", err->msg);
}

static void on_end(void *ctx, const struct err *err)
{
	struct logs *l = ctx;

	l->running--;
	if (err && !l->err.code)
		l->err = *err;
}

/* Start the log of each trace that has a pod. */
static int start(struct logs *l, struct kube_log **logs, struct kube_client *client,
		 const kube_trace_vec *traces, const struct logs_options *o, struct err *err)
{
	vec_foreach (traces, t) {
		struct kube_log_options options = { .namespace = t->namespace,
						    .pod = t->pod,
						    .container = KUBE_CONTAINER_NAME,
						    .follows = o->follows,
						    .keeps_stamps = o->timestamps,
						    .line = on_line,
						    .lost = on_lost,
						    .connection = on_connection,
						    .end = on_end,
						    .ctx = l };
		int ret;

		if (!t->pod) {
			remark("trace \"%s\" has no pod yet", t->name);
			continue;
		}
		l->running++;
		ret = kube_log_start(&logs[t - traces->data], client, &options, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static void print_maps(struct logs *l, const char *format)
{
	struct buf out;

	buf_init(&out, 1 << 30);
	maps_print(&l->maps, format, &out);
	(void)fwrite(buf_cstr(&out), 1, out.len, stdout);
	buf_finish(&out);
}

static int print_logs(struct arena *a, struct kube_client *client, const struct logs_options *o,
		      struct err *err)
{
	const char *ns = kube_client_namespace(client);
	kube_trace_vec traces = { 0 };
	struct logs l = { 0 };
	struct kube_log **logs;
	int ret = kube_trace_list(&traces, a, client, ns, o->id, err);

	if (ret < 0)
		return ret;
	if (traces.len == 0)
		return err_set(err, -ENOENT, "trace \"%s\" not found in namespace %s", o->id, ns);
	maps_init(&l.maps);
	logs = arena_array(a, struct kube_log *, traces.len);
	ret = start(&l, logs, client, &traces, o, err);
	while (ret == 0 && l.running > 0 && !l.is_broken) {
		ret = transport_poll(kube_client_transport(client), 1000, -1, err);
		if (fflush(stdout) != 0)
			l.is_broken = true;
	}
	for (size_t i = 0; i < traces.len; i++)
		kube_log_free(logs[i]);
	if (ret == 0)
		print_maps(&l, traces.data[0].output);
	maps_finish(&l.maps);
	if (ret == 0 && l.err.code) {
		*err = l.err;
		ret = l.err.code;
	}
	return ret;
}

int cmd_logs(int argc, char **argv)
{
	struct logs_options o = { 0 };
	const struct flag flags[] = {
		{ "follow", 'f', FLAG_BOOL, &o.follows, 0, NULL, "go on until the trace ends" },
		{ "timestamps", 0, FLAG_BOOL, &o.timestamps, 0, NULL,
		  "put the time before each line" },
		{ "timestamp", 0, FLAG_BOOL, &o.timestamps, 0, NULL, NULL },
	};
	struct command_line line = { .name = "logs",
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
		if (line.args.count != 1) {
			status = usage_error("logs", "TRACE_ID or TRACE_NAME is needed, one");
		} else if (session_open(&session, &line.overrides, &err) < 0 ||
			   print_logs(&a, session.client, &o, &err) < 0) {
			complain("%s", err.msg);
			status = EXIT_ERROR;
		}
	}
	session_close(&session);
	arena_finish(&a);
	return status;
}
