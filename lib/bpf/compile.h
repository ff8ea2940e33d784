/*
 * The compiler as a whole: script in, image out.
 *
 *     parse -> import/macros -> probe expansion -> semantic analysis -> lowering -> passes
 *           -> placement -> register allocation -> emission
 */
#pragma once

#include <stdio.h>

#include "bpf/image.h"
#include "lang/config.h"
#include "lang/diag.h"
#include "lang/target.h"

enum compile_stage {
	STAGE_AST = 1 << 0,  // as parsed
	STAGE_SEMA = 1 << 1, // typed
	STAGE_IR = 1 << 2,
	STAGE_OPT = 1 << 3,
	STAGE_BPF = 1 << 4,
};

struct compile_options {
	const struct target *target;
	const struct features *features;
	const char *const *params; // positional and named (--x=y), in order
	uint32_t param_count;
	unsigned int dump; // compile_stage bits
	FILE *dump_out;
	bool is_unsafe;    // --unsafe
	bool is_test_mode; // --test
	bool is_bench_mode;
	bool warn_helper_errors;         // -k
	bool has_child;                  // -c
	uint32_t pid;                    // -p: 0 none
	struct image_filter filter;      // in front of each probe
	bool container_pids;             // pid and tid are the container's
	bool innermost_pids;             // see ir/lower.h
	uint32_t container_pid;          // $container_pid; 0: none
	bool no_typed_loads;             // see ir/lower.h
	const char *const *include_dirs; // -I
	uint32_t include_dir_count;
	const char *const *include_files; // --include
	uint32_t include_file_count;
	struct files *files; // where imports and includes are; NULL: the file system
};

/*
 * Compile @source.  Returns false when there were errors (in @diags); warnings may be there in any
 * case.  *out and everything in it live in @a.  @config has the environment's settings and gets
 * the script's.
 */
bool compile(struct image *out, struct arena *a, const struct source *source, struct config *config,
	     const struct compile_options *options, struct diags *diags);
