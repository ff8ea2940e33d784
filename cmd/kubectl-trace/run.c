#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "kube/launch.h"
#include "kube/time.h"
#include "syntax.h"
#include "util/str.h"

#define DEFAULT_DEADLINE_S 3600
#define DEFAULT_TTL_S      3600
/* The first stage is in the same ConfigMap. */
#define SCRIPT_MAX         (KUBE_CONFIGMAP_MAX - 4096)

static const char help_head[] =
	"Run a program on nodes, pods or this machine.\n"
	"\n"
	"The program is in bpftrace's language.  It runs until it exits by itself, until its "
	"deadline, or\n"
	"until it is deleted.  With --attach its output is printed as it comes, and Ctrl-C stops "
	"it: its\n"
	"maps are printed and nothing of it is left in the cluster.  Without, the trace's id is "
	"printed,\n"
	"see the commands get, logs, attach and delete.\n"
	"\n"
	"Targets:\n"
	"  NODE, node/NODE                     all that happens on a node\n"
	"  pod/POD [-c CONTAINER]              the processes of a container\n"
	"  deploy/D sts/S ds/D rs/R job/J cronjob/C svc/S, -l SELECTOR\n"
	"                                      those of all running pods of a workload\n"
	"  --nodes SELECTOR, --all-nodes       many nodes; their maps are added up to one answer\n"
	"  local                               this machine, without a cluster\n"
	"Several targets may be given.  A bare word after a pod is its container, as -c has it.\n"
	"\n"
	"Usage:\n"
	"  kubectl trace run TARGET... (-e PROGRAM | -f FILE) [flags] [-- ARGUMENT...]\n"
	"\n"
	"Examples:\n"
	"  # Which files are opened on a node\n"
	"  kubectl trace run node/worker-1 -a -e 'tracepoint:syscalls:sys_enter_openat {\n"
	"      printf(\"%s %s\\n\", comm, str(args.filename)); }'\n"
	"\n"
	"  # What a function of a program in a pod returns\n"
	"  kubectl trace run pod/shop-7d9f -c app -a -e 'uretprobe:/app/server:price { @ = "
	"hist(retval); }'\n"
	"\n"
	"  # A program from a file, in the background, for five minutes\n"
	"  kubectl trace run worker-1 -f read.bt --deadline=5m\n";

static int parse_seconds(int64_t *out, const char *text, const char *flag, int64_t fallback)
{
	int64_t ms;

	*out = fallback;
	if (!text)
		return 0;
	if (time_parse_duration_ms(&ms, text) < 0 || ms < 1000)
		return usage_error("run",
				   "invalid --%s \"%s\": use seconds, or a duration like 90s, 5m "
				   "or 1h",
				   flag, text);
	*out = ms / 1000;
	return 0;
}

/* The flags that are values of their own, and what excludes what. */
static int check_flags(struct run_options *o)
{
	int status;

	if (o->eval && o->filename)
		return usage_error("run",
				   "specify the program either with -e or with -f, not both");
	if (!o->eval && !o->filename)
		return usage_error("run", "a program is needed: -e PROGRAM or -f FILE");
	if (o->eval && !*o->eval)
		return usage_error("run", "the program is empty");
	if (strcmp(o->output, "stdout") == 0)
		o->output = "text";
	if (strcmp(o->output, "text") != 0 && strcmp(o->output, "json") != 0)
		return usage_error("run",
				   "unknown output format \"%s\": use text or json, and redirect "
				   "standard output to get it into a file",
				   o->output);
	for (size_t i = 0; o->tracers[i]; i++) {
		if (strcmp(o->tracers[i], "bpftrace") != 0)
			return usage_error("run",
					   "unknown tracer \"%s\": programs are in bpftrace's "
					   "language",
					   o->tracers[i]);
	}
	if (o->google_secret)
		return usage_error("run", "--google-application-secret is not supported: redirect "
					  "standard output to a tool that uploads it");
	if (!o->patch != !o->patch_type)
		return usage_error("run", "--patch and --patch-type need each other");
	if (o->patch_type && strcmp(o->patch_type, "json") != 0 &&
	    strcmp(o->patch_type, "merge") != 0 && strcmp(o->patch_type, "strategic") != 0)
		return usage_error("run", "unknown patch type \"%s\": use json, merge or strategic",
				   o->patch_type);
	if (o->all_nodes && o->node_selector)
		return usage_error("run", "--all-nodes and --nodes exclude each other");
	if (!stream_parse_prefix(&o->prefix_mode, o->prefix))
		return usage_error("run", "invalid --prefix \"%s\": auto, always or never",
				   o->prefix);
	status = parse_seconds(&o->deadline_s, o->deadline, "deadline", DEFAULT_DEADLINE_S);
	return status ? status : parse_seconds(&o->ttl_s, o->ttl, "ttl", DEFAULT_TTL_S);
}

/* "run pod/nginx nginx": the second word is the first one's container. */
static bool has_container_word(const struct flag_args *args)
{
	return args->dash == 2 && !strchr(args->words[1], '/') &&
	       (str_starts_with(args->words[0], "pod/") || str_starts_with(args->words[0], "po/") ||
		str_starts_with(args->words[0], "pods/"));
}

static int check_targets(struct run_options *o, struct flag_args *args)
{
	size_t extra = args->count - args->dash, given = 0;

	if (has_container_word(args)) {
		if (o->container)
			return usage_error("run",
					   "specify the container either as a word or with -c, "
					   "not both");
		o->container = args->words[1];
		args->dash = 1;
		args->words[1] = args->words[0];
		args->words++;
		args->count--;
	}
	o->targets = args->words;
	o->target_count = args->dash;
	if (!o->target_count && !o->selector && !o->node_selector && !o->all_nodes)
		return usage_error("run",
				   "a target is needed: NODE, node/NODE, pod/POD, TYPE/NAME, "
				   "-l, --nodes, --all-nodes, or local");
	while (o->args[given])
		given++;
	if (given && extra)
		return usage_error("run", "arguments are given both with --args and after --");
	o->script_args = given ? o->args : args->words + args->dash;
	o->script_arg_count = given ? given : extra;
	return 0;
}

static int read_text(struct buf *out, const char *path)
{
	int ret = strcmp(path, "-") == 0 ? buf_read_fd(out, 0) : buf_read_file(out, path);

	if (ret == -EFBIG)
		complain("'%s' is too large: at most %zu bytes fit into a ConfigMap", path,
			 out->max);
	else if (ret < 0)
		complain("cannot read '%s': %s", path, strerror(-ret));
	return ret < 0 ? EXIT_ERROR : 0;
}

static int read_script(struct run_options *o)
{
	buf_init(&o->script, SCRIPT_MAX);
	if (!o->eval) {
		o->script_name = o->filename;
		if (read_text(&o->script, o->filename))
			return EXIT_ERROR;
	} else {
		o->script_name = "stdin"; // bpftrace's name for a program from the command line
		buf_puts(&o->script, o->eval);
		if (o->script.is_truncated) {
			complain("the program is too large: at most %d bytes fit into a ConfigMap",
				 SCRIPT_MAX);
			return EXIT_ERROR;
		}
	}
	if (o->script.len == 0) {
		complain("the program in '%s' is empty", o->script_name);
		return EXIT_ERROR;
	}
	buf_init(&o->files, SCRIPT_MAX - o->script.len);
	if (!check_syntax(o->script_name, buf_cstr(&o->script), o->script.len, &o->files))
		return EXIT_ERROR;
	if (o->files.is_truncated) {
		complain("'%s' and what it imports is too large: at most %d bytes fit into a "
			 "ConfigMap",
			 o->script_name, SCRIPT_MAX);
		return EXIT_ERROR;
	}
	return 0;
}

static void print_note(void *ctx, const char *text)
{
	(void)ctx;
	remark("%s", text);
}

static int create(struct arena *a, struct session *s, const struct run_options *o,
		  const struct run_jobs *jobs)
{
	size_t count = jobs->specs.len;
	struct err *errs = arena_array(a, struct err, count);
	size_t failed = kube_launch(s->client, jobs->specs.data, count, errs);

	for (size_t i = 0; i < count; i++) {
		if (errs[i].code && count > 1)
			complain("[%s] %s", jobs->sources.data[i].label, errs[i].msg);
		else if (errs[i].code)
			complain("%s", errs[i].msg);
	}
	if (failed == count)
		return EXIT_ERROR;
	if (o->attach) {
		remark("trace %s created", jobs->id); // standard output is the trace's
	} else {
		printf("trace %s created\n", jobs->id);
	}
	return failed ? EXIT_ERROR : 0;
}

static int run_in_cluster(struct arena *a, struct session *s, const struct run_options *o,
			  struct err *err)
{
	const char *own = kube_client_namespace(s->client);
	struct kube_target_request request = {
		.words = o->targets,
		.word_count = o->target_count,
		.namespace = o->target_namespace ? o->target_namespace : own,
		.container = o->container,
		.pod_selector = o->selector,
		.node_selector = o->node_selector,
		.all_nodes = o->all_nodes,
		.note = print_note,
	};
	kube_target_vec targets = { 0 };
	struct run_jobs jobs = { 0 };
	struct stream_options stream;
	int ret, status;

	ret = kube_target_resolve(&targets, a, s->client, &request, err);
	if (ret == 0)
		ret = run_make_jobs(&jobs, a, s->client, o, &targets, err);
	if (ret == 0 && o->attach)
		ret = stream_hold_signals(err);
	if (ret < 0)
		return ret;
	status = create(a, s, o, &jobs);
	if (!o->attach || (status && jobs.specs.len == 1))
		return status;
	stream = (struct stream_options){ .namespace = own,
					  .id = jobs.id,
					  .sources = jobs.sources.data,
					  .source_count = jobs.sources.len,
					  .prefix = o->prefix_mode,
					  .format = o->output,
					  .cleans_up = true };
	ret = stream_run(s->client, &stream);
	return status ? status : ret;
}

static int run(struct arena *a, struct run_options *o, const struct kube_overrides *overrides)
{
	struct session session = { 0 };
	struct buf patch;
	struct err err = { 0 };
	int status = read_script(o);

	if (status)
		return status;
	if (o->target_count == 1 && strcmp(o->targets[0], "local") == 0)
		return run_local(a, o);
	buf_init(&patch, 1 << 20);
	if (o->patch) {
		status = read_text(&patch, o->patch);
		o->patch_text = buf_cstr(&patch);
	}
	if (status == 0) {
		status = session_open(&session, overrides, &err);
		if (status == 0)
			status = run_in_cluster(a, &session, o, &err);
		if (status < 0) {
			complain("%s", err.msg);
			status = EXIT_ERROR;
		}
	}
	session_close(&session);
	buf_finish(&patch);
	return status;
}

int cmd_run(int argc, char **argv)
{
	struct run_options o = { .output = "text", .prefix = "auto" };
	const char *ignored_text = NULL;
	bool ignored = false;
	const struct flag flags[] = {
		{ "all-nodes", 0, FLAG_BOOL, &o.all_nodes, 0, NULL,
		  "trace every node that is ready" },
		{ "args", 0, FLAG_LIST, o.args, RUN_MAX_ARGS, "ARGUMENT",
		  "argument of the program; may be repeated; or write them after --" },
		{ "attach", 'a', FLAG_BOOL, &o.attach, 0, NULL,
		  "print the output as it comes, exit with the program's status" },
		{ "capabilities", 0, FLAG_BOOL, &o.capabilities, 0, NULL,
		  "run with CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE instead of privileged" },
		{ "container", 'c', FLAG_STRING, &o.container, 0, "NAME", "container of the pods" },
		{ "container-pids", 0, FLAG_BOOL, &o.container_pids, 0, NULL,
		  "pid and tid are the container's, not the host's" },
		{ "deadline", 0, FLAG_STRING, &o.deadline, 0, "TIME",
		  "end the trace after this time: 300, 5m (default 1h)" },
		{ "deadline-grace-period", 0, FLAG_STRING, &ignored_text, 0, "SECONDS", NULL },
		{ "eval", 'e', FLAG_STRING, &o.eval, 0, "PROGRAM", "the program itself" },
		{ "fetch-headers", 0, FLAG_BOOL, &ignored, 0, NULL, NULL },
		{ "filename", 'f', FLAG_STRING, &o.filename, 0, "FILE",
		  "file with the program; - is stdin" },
		{ "google-application-secret", 0, FLAG_STRING, &o.google_secret, 0, "NAME", NULL },
		{ "image", 0, FLAG_STRING, &o.image, 0, "IMAGE",
		  "image to run, with /trace-runner in it (default: none, the runner travels in "
		  "ConfigMaps)" },
		{ "image-pull-policy", 0, FLAG_STRING, &o.pull_policy, 0, "POLICY",
		  "IfNotPresent (default), Always or Never" },
		{ "imagename", 0, FLAG_STRING, &o.image, 0, "IMAGE", NULL },
		{ "init-imagename", 0, FLAG_STRING, &ignored_text, 0, "IMAGE", NULL },
		{ "nodes", 0, FLAG_STRING, &o.node_selector, 0, "SELECTOR",
		  "trace the nodes whose labels match" },
		{ "output", 'o', FLAG_STRING, &o.output, 0, "FORMAT", "text (default) or json" },
		{ "patch", 0, FLAG_STRING, &o.patch, 0, "FILE",
		  "JSON or YAML to change the Job with before it is created" },
		{ "patch-type", 0, FLAG_STRING, &o.patch_type, 0, "TYPE",
		  "json, merge or strategic" },
		{ "prefix", 0, FLAG_STRING, &o.prefix, 0, "WHEN",
		  "mark lines with their target: auto (default), always or never" },
		{ "per-node", 0, FLAG_BOOL, &o.per_node, 0, NULL,
		  "print the maps of each node, instead of adding them up" },
		{ "process-selector", 0, FLAG_STRING, &o.process_selector, 0, "SELECTOR",
		  "only these processes: pid=N|last,exe=PATH,comm=NAME,cmdline=TEXT" },
		{ "program", 0, FLAG_STRING, &o.eval, 0, "PROGRAM", NULL },
		{ "selector", 'l', FLAG_STRING, &o.selector, 0, "SELECTOR",
		  "trace the running pods whose labels match" },
		{ "serviceaccount", 0, FLAG_STRING, &o.service_account, 0, "NAME",
		  "service account of the trace's pods" },
		{ "target-namespace", 0, FLAG_STRING, &o.target_namespace, 0, "NAME",
		  "namespace of the traced pods, if not that of the trace" },
		{ "tracer", 0, FLAG_LIST, o.tracers, RUN_MAX_ARGS, "NAME", NULL },
		{ "ttl", 0, FLAG_STRING, &o.ttl, 0, "TIME",
		  "keep a trace that has ended this long (default 1h)" },
		{ "unsafe", 0, FLAG_BOOL, &o.unsafe, 0, NULL,
		  "allow system(), signal() and the like" },
		{ "whole-node", 0, FLAG_BOOL, &o.whole_node, 0, NULL,
		  "do not restrict a pod's trace to its processes" },
	};
	struct command_line line = { .name = "run",
				     .help = help_head,
				     .flags = flags,
				     .flag_count = sizeof(flags) / sizeof(flags[0]) };
	struct arena a;
	int status;

	arena_init(&a);
	if (parse_command(&line, &a, argc, argv, &status)) {
		status = check_flags(&o);
		if (status == 0)
			status = check_targets(&o, &line.args);
		if (status == 0)
			status = run(&a, &o, &line.overrides);
		buf_finish(&o.script);
		buf_finish(&o.files);
	}
	arena_finish(&a);
	return status;
}
