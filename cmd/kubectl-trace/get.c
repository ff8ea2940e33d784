#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "kube/time.h"
#include "kube/trace.h"
#include "util/buf.h"

static const char help_head[] = "List traces.\n"
				"\n"
				"Usage:\n"
				"  kubectl trace get [TRACE_ID | TRACE_NAME] [flags]\n"
				"\n"
				"Examples:\n"
				"  kubectl trace get\n"
				"  kubectl trace get 656ee75a-ee3c-41e8-9e7a-8c164500a77e -n shop\n"
				"  kubectl trace get -A -o wide\n";

#define MAX_COLUMNS 7

struct table {
	const char *cells[MAX_COLUMNS];
};

/* Columns as wide as their widest cell and three spaces, as kubectl prints them. */
static void print_table(const struct table *rows, size_t row_count, size_t columns)
{
	size_t widths[MAX_COLUMNS] = { 0 };

	for (size_t r = 0; r < row_count; r++)
		for (size_t c = 0; c < columns; c++)
			if (strlen(rows[r].cells[c]) > widths[c])
				widths[c] = strlen(rows[r].cells[c]);
	for (size_t r = 0; r < row_count; r++)
		for (size_t c = 0; c < columns; c++)
			printf("%-*s%s", c + 1 < columns ? (int)widths[c] : 0, rows[r].cells[c],
			       c + 1 < columns ? "   " : "\n");
}

static const char *age(struct arena *a, int64_t created_s)
{
	struct buf text;
	const char *result;

	buf_init(&text, 64);
	time_format_age(&text, (int64_t)time(NULL) - created_s);
	result = arena_strdup(a, buf_cstr(&text));
	buf_finish(&text);
	return result;
}

static void print_traces(struct arena *a, const kube_trace_vec *traces, bool is_wide)
{
	struct table *rows = arena_array(a, struct table, traces->len + 1);
	size_t n = 1;

	rows[0] =
		(struct table){ { "NAMESPACE", "NODE", "NAME", "STATUS", "AGE", "TARGET", "POD" } };
	vec_foreach (traces, t)
		rows[n++] = (struct table){ { t->namespace, t->node, t->name, t->status,
					      age(a, t->created_s), t->target,
					      t->pod ? t->pod : "<none>" } };
	print_table(rows, n, is_wide ? 7 : 5);
}

struct get_options {
	const char *output;
	const char *id; // NULL: all
	bool all_namespaces;
};

static int print_json(struct kube_client *client, const char *ns, const char *id, struct err *err)
{
	char *text;
	int ret = kube_trace_list_json(&text, client, ns, id, err);

	if (ret < 0)
		return ret;
	puts(text);
	free(text);
	return 0;
}

static int get(struct arena *a, struct kube_client *client, const struct get_options *o,
	       struct err *err)
{
	const char *ns = o->all_namespaces ? NULL : kube_client_namespace(client);
	kube_trace_vec traces = { 0 };
	int ret;

	if (strcmp(o->output, "json") == 0)
		return print_json(client, ns, o->id, err);
	ret = kube_trace_list(&traces, a, client, ns, o->id, err);
	if (ret < 0)
		return ret;
	if (traces.len == 0 && o->id)
		return err_set(err, -1, "trace \"%s\" not found in %s%s", o->id,
			       ns ? "namespace " : "any namespace", ns ? ns : "");
	if (strcmp(o->output, "name") == 0)
		vec_foreach (&traces, t)
			printf("%s\n", t->name);
	else if (traces.len > 0)
		print_traces(a, &traces, strcmp(o->output, "wide") == 0);
	else if (ns)
		remark("No traces found in %s namespace.", ns);
	else
		remark("No traces found.");
	return 0;
}

static bool is_output(const char *word)
{
	return !*word || strcmp(word, "json") == 0 || strcmp(word, "name") == 0 ||
	       strcmp(word, "wide") == 0;
}

int cmd_get(int argc, char **argv)
{
	struct get_options o = { .output = "" };
	const struct flag flags[] = {
		{ "all-namespaces", 'A', FLAG_BOOL, &o.all_namespaces, 0, NULL,
		  "list traces in all namespaces" },
		{ "output", 'o', FLAG_STRING, &o.output, 0, "FORMAT", "json, name or wide" },
	};
	struct command_line line = { .name = "get",
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
		if (line.args.count > 1)
			status = usage_error("get", "at most one trace can be named");
		else if (!is_output(o.output))
			status = usage_error("get",
					     "unknown output format \"%s\": use json, name or wide",
					     o.output);
		else if (session_open(&session, &line.overrides, &err) < 0 ||
			 get(&a, session.client, &o, &err) < 0) {
			complain("%s", err.msg);
			status = EXIT_ERROR;
		}
	}
	session_close(&session);
	arena_finish(&a);
	return status;
}
