/*
 * trace-runner: compiles a script for this node, runs it, prints what it says.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/compile.h"
#include "compiler_bench.h"
#include "info.h"
#include "kern/features.h"
#include "kern/proc.h"
#include "kern/target.h"
#include "lang/files.h"
#include "list.h"
#include "message.h"
#include "options.h"
#include "script.h"
#include "signals.h"
#include "sys.h"
#include "trace.h"
#include "util/buf.h"
#include "util/fd.h"

/* All that one run needs, from the command line to the image. */
struct runner {
	struct options options;
	struct arena arena;
	struct config config; // of the environment
	struct config script_config;
	struct source *source;
	struct buf packed; // what files points into
	struct files files;
	struct target target;
	bool has_target;
	struct features features;
	struct containers containers;
	vec_of(pid_t) roots; // a process of each container
	struct child child;
	int target_fd; // -p
	struct image image;
	char host_name[256];
};

#define POD_LOGS      "/var/log/pods"
#define HOST_ROOT_PID "/proc/1/root"

static int fail(const struct err *err)
{
	if (err->msg[0])
		message_error("%s", err->msg);
	return 1;
}

static bool has_script(const struct options *o)
{
	return (o->script && o->script[0]) || o->filename;
}

static int check_privileges(const struct options *o)
{
	char missing[256];

	if (o->mode == MODE_CODEGEN || o->mode == MODE_COMPILER_BENCH)
		return 0;
	features_missing_capabilities(missing, sizeof(missing));
	if (!missing[0])
		return 0;
	message_error("Missing %s capability, please run as the root user.", missing);
	return -EPERM;
}

static int open_target_process(struct runner *r, struct err *err)
{
	int code;

	r->target_fd = sys_pidfd_open((pid_t)r->options.pid);
	if (r->target_fd >= 0)
		return 0;
	code = r->target_fd;
	r->target_fd = -1;
	return err_set(err, code, "Failed to attach to pid: Unable to open pidfd (%s)",
		       strerror(-code));
}

/* The processes that the trace is about: -p, -c, the container's. */
static int find_processes(struct runner *r, struct err *err)
{
	const struct options *o = &r->options;
	bool is_quiet = o->mode == MODE_TEST || o->mode == MODE_BENCH;
	int code = 0;

	if (o->pid)
		code = open_target_process(r, err);
	if (code == 0 && o->command && o->command[0] && o->action == ACTION_RUN)
		code = child_fork(&r->child, o->command, is_quiet, err);
	if (code == 0 && containers_are_wanted(o))
		code = containers_find(&r->containers, o, err);
	return code;
}

/* --debuginfo may be given several times. */
static const char *join_dirs(struct runner *r)
{
	const char *all = NULL;

	vec_foreach (&r->options.debuginfo, dir)
		all = all ? arena_printf(&r->arena, "%s:%s", all, *dir) : *dir;
	return all;
}

static int make_target(struct runner *r, struct err *err)
{
	struct kern_options o = {
		.functions_path = r->options.traceable_functions,
		.debug_dirs = join_dirs(r),
		.pid = (pid_t)r->options.pid,
	};
	const char *types = getenv("BPFTRACE_BTF");
	int code;

	if (types && types[0] && access(types, R_OK) != 0)
		message_warning("BTF: failed to parse BTF from %s", types);
	vec_foreach (&r->containers.list, c)
		vec_push(&r->arena, &r->roots, c->root_pid);
	o.roots = r->roots.data;
	o.root_count = r->roots.len;
	code = kern_target_new(&r->target, &r->arena, &o, err);
	r->has_target = code == 0;
	return code;
}

static void detect_features(struct runner *r)
{
	features_detect(&r->features);
	if (r->options.no_kprobe_multi)
		r->features.kprobe_multi = false;
	if (r->options.no_uprobe_multi)
		r->features.uprobe_multi = false;
}

static void fill_compile_options(struct runner *r, struct compile_options *c)
{
	const struct options *o = &r->options;
	bool container_pids = o->container_pids && containers_are_wanted(o);

	*c = (struct compile_options){
		.target = &r->target,
		.features = &r->features,
		.params = o->params.data,
		.param_count = (uint32_t)o->params.len,
		.dump = o->dump,
		.dump_out = stdout,
		.is_unsafe = o->is_unsafe,
		.is_test_mode = o->mode == MODE_TEST,
		.is_bench_mode = o->mode == MODE_BENCH,
		.warn_helper_errors = o->warn_helpers,
		.has_child = r->child.pid != 0,
		.pid = o->pid,
		.filter = r->containers.filter,
		/* pid is what this process's namespace calls it, as in bpftrace. */
		.container_pids = container_pids || !proc_in_initial_pid_namespace(),
		.innermost_pids = container_pids && r->containers.list.len != 1,
		.include_dirs = o->include_dirs.data,
		.include_dir_count = (uint32_t)o->include_dirs.len,
		.include_files = o->includes.data,
		.include_file_count = (uint32_t)o->includes.len,
		.files = o->files ? &r->files : NULL,
		.container_pid = (uint32_t)containers_pid(&r->containers),
	};
}

static int compile_script(struct runner *r)
{
	struct compile_options c;
	struct diags diags;
	bool ok;

	fill_compile_options(r, &c);
	diag_init(&diags, &r->arena);
	r->script_config = r->config;
	ok = compile(&r->image, &r->arena, r->source, &r->script_config, &c, &diags);
	diags_print(stderr, &diags, !r->options.no_warnings, message_settings()->has_colour);
	return ok ? 0 : -EINVAL;
}

/* The verifier of this kernel may not see what ours sees: without the loads that it must prove. */
static bool recompile_script(void *ctx)
{
	struct runner *r = ctx;
	struct compile_options c;
	struct diags diags;

	fill_compile_options(r, &c);
	c.no_typed_loads = true;
	c.dump = 0;
	diag_init(&diags, &r->arena);
	r->image = (struct image){ 0 };
	r->script_config = r->config;
	return compile(&r->image, &r->arena, r->source, &r->script_config, &c, &diags);
}

static int run_script(struct runner *r)
{
	struct trace t = {
		.options = &r->options,
		.config = &r->script_config,
		.target = &r->target,
		.image = &r->image,
		.recompile = recompile_script,
		.recompile_ctx = r,
		.containers = &r->containers,
		.child = &r->child,
		.target_fd = r->target_fd,
	};
	struct err err = { 0 };

	if (compile_script(r) < 0)
		return 1;
	if (r->options.mode == MODE_CODEGEN)
		return 0;
	if (signals_catch(&err) < 0)
		return fail(&err);
	return trace_run(&t);
}

/* In a pod of its own, the runner sees the node's files through the node's first process. */
static void set_defaults(struct runner *r)
{
	struct options *o = &r->options;

	if (!o->node_name)
		o->node_name = getenv("NODE_NAME");
	if (!o->node_name && gethostname(r->host_name, sizeof(r->host_name) - 1) == 0)
		o->node_name = r->host_name;
	if (!o->host_root && access(POD_LOGS, F_OK) != 0 &&
	    access(HOST_ROOT_PID POD_LOGS, F_OK) == 0)
		o->host_root = HOST_ROOT_PID;
}

static int unpack_files(struct runner *r, struct err *err)
{
	const char *path = r->options.files;
	int code;

	buf_init(&r->packed, SCRIPT_BYTES_MAX);
	files_init(&r->files, &r->arena);
	if (!path)
		return 0;
	code = buf_read_file(&r->packed, path);
	if (code < 0)
		return err_errno(err, code, "failed to open file '%s'", path);
	code = files_unpack(&r->files, buf_cstr(&r->packed), r->packed.len, err);
	if (code < 0)
		err_wrap(err, "%s", path);
	return code;
}

static int prepare(struct runner *r, struct err *err)
{
	int code = config_from_environment(&r->config, err);

	set_defaults(r);
	if (code == 0 && has_script(&r->options))
		code = script_read(&r->source, &r->arena, r->options.script, r->options.filename,
				   r->options.script_name, err);
	if (code == 0)
		code = unpack_files(r, err);
	if (code == 0 && check_privileges(&r->options) < 0)
		return -EPERM;
	if (code == 0)
		code = find_processes(r, err);
	if (code == 0)
		code = make_target(r, err);
	return code;
}

static int run(struct runner *r)
{
	struct err err = { 0 };

	if (prepare(r, &err) < 0)
		return fail(&err);
	if (r->options.action == ACTION_LIST)
		return list_probes(&r->options, &r->target, &r->arena, r->source, &r->config);
	detect_features(r);
	if (r->options.mode == MODE_COMPILER_BENCH) {
		struct compile_options c;

		fill_compile_options(r, &c);
		return compiler_bench(r->source, &r->config, &c);
	}
	return run_script(r);
}

/* Actions that need nothing but the options; false: not one of them. */
static bool act_at_once(const struct options *o, const char *argv0, int *status)
{
	struct features features = { 0 };

	*status = 0;
	switch (o->action) {
	case ACTION_HELP: fputs(options_usage(), stdout); return true;
	case ACTION_VERSION: info_print_version(stdout, argv0); return true;
	case ACTION_INFO:
		if (check_privileges(o) < 0) {
			*status = 1;
			return true;
		}
		features_detect(&features);
		info_print(stdout, &features);
		return true;
	case ACTION_USAGE:
		fputs(options_usage(), stderr);
		*status = 1;
		return true;
	default: return false;
	}
}

int main(int argc, char **argv)
{
	struct runner r = { .child = CHILD_NONE, .target_fd = -1, .containers = CONTAINERS_NONE };
	struct err err = { 0 };
	int status, code;

	message_init();
	code = options_parse(&r.options, argc, argv, &err);
	message_settings()->is_verbose = r.options.is_verbose;
	message_settings()->no_warnings = r.options.no_warnings;
	if (code < 0 && r.options.action != ACTION_USAGE) {
		status = fail(&err);
	} else if (!act_at_once(&r.options, argv[0], &status)) {
		arena_init(&r.arena);
		config_init(&r.config);
		status = run(&r);
		child_finish(&r.child);
		containers_finish(&r.containers);
		if (r.has_target)
			kern_target_free(&r.target);
		if (r.target_fd >= 0)
			close(r.target_fd);
		buf_finish(&r.packed);
		arena_finish(&r.arena);
	}
	options_finish(&r.options);
	return status;
}
