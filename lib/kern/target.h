/*
 * The live node as the compiler's target: lang/target.h implemented.
 *
 * Nothing is read until it is asked for; then it is read once.  Types and lists go to the caller's
 * arena, everything else is freed with the target.
 */
#pragma once

#include <sys/types.h>

#include "lang/probe.h"
#include "lang/target.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"

struct kern_options {
	const char *btf_path;       // NULL: $BPFTRACE_BTF, else /sys/kernel/btf/vmlinux
	const char *functions_path; // --traceable-functions; NULL: tracefs, else BTF and kallsyms
	const char *debug_dirs;     // --debuginfo, "DIR:DIR", see kelf_open_debug(); NULL: none
	pid_t pid;          // -p: paths are looked up in its root if it has another; 0: none
	const pid_t *roots; // processes of containers: absolute paths are inside their roots
	size_t root_count;
};

/* 0; -ENOMEM.  A kernel without BTF or tracefs is no error here: those parts answer "not known". */
int kern_target_new(struct target *out, struct arena *a, const struct kern_options *options,
		    struct err *err) __attribute__((warn_unused_result));
void kern_target_free(struct target *t);

/*
 * The lines of `-lv` below a probe, as bpftrace prints them ("struct sock * sk"), through @fn.
 * For kprobe, kretprobe, fentry, fexit, rawtracepoint, tracepoint, iter, uprobe.
 */
typedef void (*kern_line_fn)(void *ctx, const char *line);
void kern_target_params(struct target *t, enum probe_kind kind, const char *module,
			const char *name, kern_line_fn fn, void *ctx);

/* Names of structs, unions and enums ("struct foo") that match; if @verbose their definitions. */
void kern_target_structs(struct target *t, const char *glob, bool verbose, kern_line_fn fn,
			 void *ctx);

/* A file descriptor of a module's BTF object for attaching by id, -1: vmlinux or not there. */
int kern_target_btf_fd(struct target *t, uint32_t btf_obj);
