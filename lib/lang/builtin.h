/*
 * Built-in variables, functions and aggregations: the rows of builtins.def as C tables.
 *
 * What semantic analysis leaves for lowering, beyond the types:
 *
 *   AST_BUILTIN   ident.builtin = BI_*, ident.number:
 *       BI_arg, BI_sarg        N
 *       BI_nsecs               enum nsecs_clock
 *       BI_pid, BI_tid         1 for the initial pid namespace (pid(init)), else 0
 *       BI_probe               only if several attach points share the body, which then are system
 *                              calls; else it is an AST_STRING
 *       BI_kstack, BI_ustack, BI_dw_ustack   mode and limit are in the type
 *       BI_pod …               type TYPE_KUBE, mode = enum kube_name
 *       Calls of these (kstack(3), pid(init), nsecs(tai)) become AST_BUILTIN too.
 *   AST_CALL      call.builtin = BI_*, args checked and cast; call.data:
 *       BF_FORMAT functions    struct format_plan * (format.h); args[0] is the format
 *       BI_uaddr               struct target_symbol *
 *       others                 NULL
 *     and
 *       BI_reg                 args[0] is an AST_INT: the offset in struct pt_regs
 *       BI_signal, _thread     args[0] is an integer
 *       BI_delete              args[0] AST_MAP, args[1] the key (absent for a scalar map)
 *       BI_has_key             args[0] AST_MAP, args[1] the key
 *       BI_find                args[0] AST_MAP, args[1] the key, args[2] an AST_VAR to set, whose
 *                              type may be larger than the map's value: convert
 *       BI_print               args[0] AST_MAP: the whole map (args[1] top, args[2] div: AST_INT);
 *                              otherwise a value
 *       BI_str                 args[1], where given, is the length; the type's size bounds it
 *       BI_buf                 args[1] is the length, always there; the type's size bounds it
 *       BI_ntop                one argument: the address; type INET; ntop(af, addr) keeps both
 *       BI_path                args[0] is a pointer to struct path; a cast of a struct to a
 *                              pointer is the struct's address
 *       BI_join                args[1] is the separator, always there
 *       BI_percpu_kaddr        data: struct target_symbol *: address (an offset), btf_id
 *       BI_strncmp, strstr …   strings may be of any size; a pointer argument means char *
 *       BI_strftime            format and clock are in the type; args[1] is the timestamp
 *       BI_cgroup_path         the filter is in the type; args[0] is the id
 *       BI_hist … BI_tseries   only as the right side of an assignment to a map; parameters are
 *                              in the map's value type, agg_wide: hist: bits; lhist: min, max,
 *                              step; tseries: interval, count, enum tseries_agg (record/tseries.h);
 *                              args[0] is the value, an int64 or uint64 as the type's is_signed
 *   AST_STRING with a type TYPE_ARRAY: bytes (pton()).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lang/probe.h"

enum builtin {
	BI_NONE,
#define VAR(name, ...)  BI_##name,
#define FUNC(name, ...) BI_##name,
#define AGG(name, ...)  BI_##name,
#include "lang/builtins.def"
	BI_COUNT,
};

enum builtin_kind { BUILTIN_VAR, BUILTIN_FUNC, BUILTIN_AGG };

enum builtin_result {
	RES_CHECK, // by its check function or by sema_builtin.c
	RES_VOID,
	RES_BOOL,
	RES_U8,
	RES_U32,
	RES_U64,
	RES_I32,
	RES_I64,
	RES_COMM, // string[16]
	RES_TASK, // struct task_struct *, in the kernel
	RES_KUBE,
};

enum {
	BF_CTX = 1 << 0,    // reads the program's context
	BF_ASYNC = 1 << 1,  // done by the runner when it gets the event
	BF_FORMAT = 1 << 2, // args[0] is a format string, the others its arguments
	BF_MAP = 1 << 3,    // args[0] may be a whole map, without a key
	BF_UNSAFE = 1 << 4, // needs --unsafe
};

/* How an aggregation is stored, and so how it is updated, merged over CPUs and printed. */
enum agg_storage {
	AGG_NONE,
	AGG_NUMBER,  // 8 bytes, added
	AGG_EXTREME, // value, is_set
	AGG_PAIR,    // total, count
	AGG_BUCKETS, // 8 bytes each, added
	AGG_SERIES,  // record/tseries.h
};

enum nsecs_clock { NSECS_BOOT, NSECS_MONOTONIC, NSECS_TAI, NSECS_SW_TAI, NSECS_CLOCK_COUNT };

/* Sets of probe kinds. */
#define IN(kind) (1u << PROBE_##kind)
#define IN_ANY   (~0u)
#define IN_REGS                                                                                    \
	(IN(kprobe) | IN(kretprobe) | IN(uprobe) | IN(uretprobe) | IN(usdt) | IN(profile) |        \
	 IN(interval) | IN(software) | IN(hardware) | IN(watchpoint))
#define IN_ARGN   (IN(kprobe) | IN(uprobe) | IN(usdt) | IN(rawtracepoint))
#define IN_ARGS   (IN(tracepoint) | IN(rawtracepoint) | IN(fentry) | IN(fexit) | IN(uprobe))
#define IN_RETVAL (IN(kretprobe) | IN(uretprobe) | IN(fentry) | IN(fexit))
#define IN_FUNC   (IN(kprobe) | IN(kretprobe) | IN(uprobe) | IN(uretprobe) | IN(fentry) | IN(fexit))
#define IN_CTX                                                                                     \
	(IN(kprobe) | IN(kretprobe) | IN(uprobe) | IN(uretprobe) | IN(usdt) | IN(profile) |        \
	 IN(interval) | IN(software) | IN(hardware) | IN(watchpoint) | IN(iter) | IN(begin) |      \
	 IN(end) | IN(self) | IN(test) | IN(bench))
#define IN_OVERRIDE IN(kprobe)
#define IN_PATH     (IN(fentry) | IN(fexit) | IN(iter))
#define IN_UADDR    (IN(usdt) | IN(uprobe) | IN(uretprobe))
#define IN_SIGNAL                                                                                  \
	(IN(kprobe) | IN(kretprobe) | IN(uprobe) | IN(uretprobe) | IN(usdt) | IN(tracepoint) |     \
	 IN(profile) | IN(fentry) | IN(fexit) | IN(rawtracepoint))

struct sema;
struct ast;
struct type;
/*
 * The type of a call whose arguments are typed; TYPE_NONE: not known yet.  When types are final,
 * also the checks that the row does not say, conversions of arguments, folding.
 */
typedef const struct type *(*builtin_check_fn)(struct sema *s, struct ast *call);

struct builtin_info {
	const char *name;
	enum builtin_kind kind;
	uint8_t min_args;
	uint8_t max_args;
	const char *args;
	builtin_check_fn check;
	enum builtin_result result;
	uint32_t probes; // bit PROBE_*
	uint32_t flags;
	enum agg_storage storage;
	const char *doc;
};

extern const struct builtin_info builtin_infos[BI_COUNT];

/* BI_NONE if there is none of that name.  "arg0" gives BI_arg, *number 0. */
enum builtin builtin_find(const char *name, uint32_t *number);
static inline bool builtin_is_agg(enum builtin b)
{
	return builtin_infos[b].kind == BUILTIN_AGG;
}
