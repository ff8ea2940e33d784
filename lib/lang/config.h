/*
 * Configuration variables: the rows are config.def.  Precedence: environment, then the script's
 * config block, then the default.  Reference: bpftrace's language manual, "Config Variables".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lang/diag.h"
#include "util/err.h"

enum config_missing_probes { MISSING_ERROR, MISSING_WARN, MISSING_IGNORE };
enum config_unstable { UNSTABLE_WARN, UNSTABLE_ENABLE, UNSTABLE_ERROR };
enum config_symbols { SYMBOLS_PER_PID, SYMBOLS_PER_PROGRAM, SYMBOLS_NONE };

struct config {
	uint64_t max_strlen;     // 1024
	uint64_t max_map_keys;   // 4096
	uint64_t max_probes;     // 1024
	uint64_t max_bpf_progs;  // 1024
	uint64_t max_cat_bytes;  // 10240
	uint64_t log_size;       // 1000000
	uint64_t on_stack_limit; // 32
	uint64_t perf_rb_pages;  // 0: by memory
	bool cpp_demangle;       // true
	bool lazy_symbolication; // false
	bool print_maps_on_exit; // true
	bool show_debug_info;    // true
	bool use_blazesym;       // accepted, no effect
	enum config_symbols cache_user_symbols;
	enum config_missing_probes missing_probes;
	enum config_unstable unstable_map_decl, unstable_tseries, unstable_import, unstable_macro,
		unstable_dw_ustack, unstable_addr, unstable_typeinfo, unstable_builtin_tid,
		unstable_import_statement;
	uint32_t stack_mode;           // enum stack_mode
	const char *str_trunc_trailer; // ".."
	const char *license;           // "GPL"
	/* For tests: the scalar map "@x" that takes the place of all clocks; NULL: none. */
	const char *clock_map;
	/* Bit i: row i of config.def was set by the environment and can't be set by the script. */
	uint64_t from_environment;
};

void config_init(struct config *c);
/* Read BPFTRACE_* from the environment. */
int config_from_environment(struct config *c, struct err *err);
