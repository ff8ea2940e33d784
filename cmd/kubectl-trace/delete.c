#include <errno.h>
#include <stdio.h>

#include "command.h"
#include "kube/bundle.h"
#include "kube/time.h"
#include "kube/trace.h"
#include "util/str.h"

static const char help_head[] =
	"Stop traces and remove all that belongs to them.\n"
	"\n"
	"With --runner also the copies of the runner that traces without an image left in "
	"ConfigMaps.\n"
	"\n"
	"The program is told to end, detaches from the kernel, and prints its maps: who is "
	"attached to it\n"
	"or follows its logs still gets them.  The command returns when nothing is left of it.\n"
	"\n"
	"Usage:\n"
	"  kubectl trace delete (TRACE_ID... | TRACE_NAME... | --all) [flags]\n"
	"\n"
	"Examples:\n"
	"  kubectl trace delete 656ee75a-ee3c-41e8-9e7a-8c164500a77e\n"
	"  kubectl trace delete --all -n shop\n"
	"  kubectl trace delete --all -A\n";

#define DEFAULT_TIMEOUT_S 60

struct delete_options {
	bool all;
	bool all_namespaces;
	bool no_wait;
	bool runner;
	const char *grace;
	const char *const *ids;
	size_t id_count;
};

static void print_deleted(void *ctx, const struct kube_trace *trace)
{
	(void)ctx;
	printf("trace \"%s\" deleted\n", trace->name);
	(void)fflush(stdout);
}

/* All that are named, or all.  One that isn't there is complained about, the others are deleted. */
static int find(kube_trace_vec *out, bool *is_missing, struct arena *a, struct kube_client *client,
		const struct delete_options *o, struct err *err)
{
	const char *ns = o->all_namespaces ? NULL : kube_client_namespace(client);
	int ret = 0;

	if (o->all)
		return kube_trace_list(out, a, client, ns, NULL, err);
	for (size_t i = 0; i < o->id_count && ret == 0; i++) {
		size_t before = out->len;

		ret = kube_trace_list(out, a, client, ns, o->ids[i], err);
		if (ret == 0 && out->len == before) {
			complain("trace \"%s\" not found in %s%s", o->ids[i],
				 ns ? "namespace " : "any namespace", ns ? ns : "");
			*is_missing = true;
		}
	}
	return ret;
}

static int delete (struct arena *a, struct kube_client *client, const struct delete_options *o,
		   struct err *err)
{
	kube_trace_vec traces = { 0 };
	bool is_missing = false;
	int64_t grace_ms = -1000;
	int ret;

	if (o->grace && time_parse_duration_ms(&grace_ms, o->grace) < 0)
		return err_set(err, -EINVAL, "invalid --grace-period \"%s\"", o->grace);
	ret = find(&traces, &is_missing, a, client, o, err);
	if (ret == 0)
		ret = kube_trace_delete(client, traces.data, traces.len, grace_ms / 1000,
					o->no_wait ? 0 : DEFAULT_TIMEOUT_S, print_deleted, NULL,
					err);
	if (ret == -ETIMEDOUT && o->no_wait)
		ret = 0;
	if (ret == 0 && o->all && traces.len == 0)
		remark("No traces found.");
	if (ret == 0 && o->runner) {
		size_t count;

		ret = kube_bundle_delete_all(
			&count, client, o->all_namespaces ? NULL : kube_client_namespace(client),
			err);
		printf("%zu ConfigMap%s of the runner deleted\n", count, count == 1 ? "" : "s");
	}
	return ret < 0 ? ret : is_missing;
}

int cmd_delete(int argc, char **argv)
{
	struct delete_options o = { 0 };
	const char *wait = "true";
	const struct flag flags[] = {
		{ "all", 0, FLAG_BOOL, &o.all, 0, NULL, "all traces in the namespace" },
		{ "all-namespaces", 'A', FLAG_BOOL, &o.all_namespaces, 0, NULL,
		  "in all namespaces" },
		{ "grace-period", 0, FLAG_STRING, &o.grace, 0, "SECONDS",
		  "how long the programs may take to end (default 30)" },
		{ "runner", 0, FLAG_BOOL, &o.runner, 0, NULL,
		  "also delete the runner's ConfigMaps in the namespace" },
		{ "wait", 0, FLAG_STRING, &wait, 0, "true|false",
		  "return when all is gone (default true)" },
	};
	struct command_line line = { .name = "delete",
				     .help = help_head,
				     .flags = flags,
				     .flag_count = sizeof(flags) / sizeof(flags[0]) };
	struct session session = { 0 };
	struct err err = { 0 };
	struct arena a;
	int status;

	arena_init(&a);
	if (parse_command(&line, &a, argc, argv, &status)) {
		o.ids = line.args.words;
		o.id_count = line.args.count;
		o.no_wait = *wait == 'f';
		if (o.all && o.id_count)
			status = usage_error("delete", "name traces or use --all, not both");
		else if (!o.all && !o.id_count && !o.all_namespaces && !o.runner)
			status = usage_error("delete", "which trace? Name it, or use --all");
		/* "delete --all-namespaces" alone means all of them. */
		o.all = o.all || (!o.id_count && !o.runner);
		if (status == 0) {
			status = session_open(&session, &line.overrides, &err);
			if (status == 0)
				status = delete (&a, session.client, &o, &err);
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
