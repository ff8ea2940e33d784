/*
 * The command line: bpftrace 0.27's, and what a trace in a cluster needs beyond it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"
#include "util/vec.h"

enum options_action {
	ACTION_RUN,
	ACTION_LIST, // -l
	ACTION_HELP,
	ACTION_VERSION,
	ACTION_INFO,
	ACTION_USAGE, // wrong usage that has no words: the help, on standard error
};

enum options_mode {
	MODE_RUN,
	MODE_TEST,
	MODE_BENCH,
	MODE_CODEGEN,        // compile, load nothing
	MODE_COMPILER_BENCH, // measure the compiler
};

enum options_buffering { BUFFERING_LINE, BUFFERING_FULL, BUFFERING_NONE };

/* -d, besides enum compile_stage. */
enum { DEBUG_VERIFIER = 1 << 0, DEBUG_LOAD = 1 << 1 };

/* A container to trace: what is known of it. */
struct container_name {
	const char *id; // "containerd://ID" or ID
	const char *pod_uid;
	const char *pod; // NAMESPACE/NAME
	const char *container;
};

struct options {
	enum options_action action;
	enum options_mode mode;
	const char *script;          // -e
	const char *filename;        // "-": standard input
	const char *script_name;     // of the file, in messages; NULL: its own
	const char *search;          // -l: the pattern
	vec_of(const char *) params; // positional and named ("--x=y") ones
	const char *command;         // -c
	uint32_t pid;                // -p: 0 none
	const char *output_file;
	const char *format; // "text", "json"
	enum options_buffering buffering;
	unsigned int dump;  // enum compile_stage
	unsigned int debug; // DEBUG_*
	bool is_quiet;
	bool is_verbose;
	bool is_unsafe;
	bool is_dry_run;
	bool no_warnings;
	bool warn_helpers; // -k
	bool usdt_file_activation;
	bool no_kprobe_multi; // --no-feature
	bool no_kprobe_session;
	bool no_uprobe_multi;
	vec_of(const char *) include_dirs;
	vec_of(const char *) includes;
	vec_of(const char *) debuginfo;
	const char *traceable_functions;
	const char *probe_filter; // a regular expression
	vec_of(uint32_t) dwarf_pids;
	/* Ours. */
	uint64_t deadline_s; // 0: none
	vec_of(struct container_name) containers;
	bool is_whole_node;   // don't confine the trace to the containers
	bool container_pids;  // pid and tid as the container sees them
	bool is_stream;       // map snapshots instead of printed maps
	bool packs_lines;     // for a pod's log
	const char *files;    // a pack of what the script imports (lang/files.h)
	const char *selector; // --process-selector
	const char *node_name;
	const char *host_root;
};

/*
 * 0, or -EINVAL with the words after "ERROR: " in @err (empty for ACTION_USAGE).  Strings point
 * into
 * @argv, which may be permuted.
 */
int options_parse(struct options *out, int argc, char **argv, struct err *err)
	__attribute__((warn_unused_result));
void options_finish(struct options *o);

/* The text of --help. */
const char *options_usage(void);
