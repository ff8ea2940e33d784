/*
 * --mode compiler-bench: how long compiling the script takes, in processor time.
 */
#pragma once

#include "bpf/compile.h"

/* The exit status. */
int compiler_bench(const struct source *source, const struct config *config,
		   const struct compile_options *options);
