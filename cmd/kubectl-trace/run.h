/*
 * `kubectl trace run`, in parts: run.c has the flags and the order of things, run_local.c the trace
 * on this machine, run_job.c makes Jobs of targets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/bundle.h"
#include "kube/job.h"
#include "kube/kubeconfig.h"
#include "kube/target.h"
#include "stream.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/vec.h"

#define RUN_MAX_ARGS 64

struct run_options {
	/* As given. */
	const char *eval;
	const char *filename;
	const char *container;
	const char *selector;
	const char *node_selector;
	const char *deadline;
	const char *ttl;
	const char *image; // NULL: the runner travels in ConfigMaps
	const char *pull_policy;
	const char *service_account;
	const char *output;
	const char *process_selector;
	const char *prefix;
	const char *patch;
	const char *patch_type;
	const char *target_namespace;
	const char *args[RUN_MAX_ARGS + 1];
	const char *tracers[RUN_MAX_ARGS + 1];
	const char *google_secret;
	bool attach;
	bool all_nodes;
	bool unsafe;
	bool capabilities;
	bool whole_node;
	bool container_pids;
	bool per_node;
	/* Worked out from that. */
	int64_t deadline_s;
	int64_t ttl_s;
	enum prefix_mode prefix_mode;
	struct buf script;
	struct buf files;        // that it imports
	const char *script_name; // for messages
	const char *patch_text;
	const char *const *targets;
	size_t target_count;
	const char *const *script_args;
	size_t script_arg_count;
};

/* An argument vector for the runner. */
typedef vec_of(const char *) run_argv;

/* The flags of the runner that do not depend on the target, into @argv. */
void run_push_flags(run_argv *argv, struct arena *a, const struct run_options *o);
/* The arguments of the script, to come after it. */
void run_push_script_args(run_argv *argv, struct arena *a, const struct run_options *o);
/* Become the runner.  Returns only on failure, an exit status. */
int run_local(struct arena *a, const struct run_options *o);

/* The runner for one architecture, on its way in ConfigMaps. */
struct run_carrier {
	const char *arch;
	struct kube_bundle bundle;
	const char *stage1;
	size_t stage1_len;
};

struct run_jobs {
	char id[KUBE_ID_SIZE];
	vec_of(struct kube_job_spec) specs;
	vec_of(struct stream_source) sources;
	vec_of(struct run_carrier *) carriers; // one for each architecture
};
/*
 * One Job for each target.  All is allocated in @a.  Without an image in @o, the runner's
 * ConfigMaps are created where they are not there.
 */
int run_make_jobs(struct run_jobs *out, struct arena *a, struct kube_client *client,
		  const struct run_options *o, const kube_target_vec *targets, struct err *err)
	__attribute__((warn_unused_result));
