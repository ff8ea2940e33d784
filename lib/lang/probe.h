/*
 * Attach points.
 *
 * What a script says before its `{` is a list of attach point specifications; expansion (globs,
 * binaries, defaults) turns each into concrete attach points, which the runner attaches to as they
 * are.  The rows of the probe kinds are in probes.def.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lang/source.h"

enum probe_kind {
#define PROBE(name, ...) PROBE_##name,
#include "lang/probes.def"
	PROBE_KIND_COUNT,
};

struct attach_point {
	enum probe_kind kind;
	struct span span;
	const char *raw;      // as the script writes it
	const char *name;     // in full: the value of `probe`, "tracepoint:sched:sched_switch"
	const char *module;   // kernel module, tracepoint category, USDT provider, or NULL
	const char *path;     // uprobe, usdt: the binary
	const char *function; // function, event, usdt name, signal, test name, unit of time; NULL
			      // if an address is given
	uint64_t address;        // kprobe:ADDR, uprobe:PATH:ADDR, watchpoint
	uint64_t offset;         // function + offset
	uint64_t file_offset;    // uprobe: where the breakpoint goes; 0: resolve at attach time
	uint64_t period;         // profile, interval: nanoseconds; software, hardware: count
	uint64_t frequency;      // profile, interval: Hz, else 0
	uint64_t rate;           // the number as written, for the name
	uint32_t length;         // watchpoint
	const char *mode;        // watchpoint: "rwx" letters; iter: pin file
	const char *lang;        // uprobe: "cpp", or NULL
	const char *source_file; // uprobe:PATH@FILE:LINE:COLUMN; expansion finds the address
	uint32_t source_line;
	uint32_t source_column;
	bool has_address; // address is given, which may be 0
	int32_t syscall;  // tracepoint:syscalls:…: number, else -1
	uint32_t btf_id;  // fentry, fexit, rawtracepoint, iter
	uint32_t prog_id; // fentry:bpf
	bool is_sys_exit;
	bool is_async; // watchpoint variants, reserved
};

struct probe_info {
	const char *name;       // "kprobe"
	const char *short_name; // "k" or NULL
	const char *aliases;    // space-separated older names
	uint32_t flags;         // PROBE_F_*
};

enum {
	PROBE_F_REGS = 1 << 0,   // context is struct pt_regs: argN, reg(), func
	PROBE_F_RETVAL = 1 << 1, // has retval
	PROBE_F_ARGS = 1 << 2,   // has args
	PROBE_F_USER = 1 << 3,   // pointers without another clue are user pointers
	PROBE_F_RUNNER = 1 << 4, // run by the runner itself: begin, end, self, test, bench
	PROBE_F_TIMER = 1 << 5,  // profile, interval
	PROBE_F_GLOB = 1 << 6,   // globs are expanded
};

extern const struct probe_info probe_infos[PROBE_KIND_COUNT];
