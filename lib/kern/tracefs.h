/*
 * tracefs: the kernel's tracepoints and the fields of their records.
 *
 * Found where it is mounted (/sys/kernel/tracing, /sys/kernel/debug/tracing); otherwise a detached
 * mount is made (fsopen, fsmount: Linux 5.2), which only this process sees and which goes with it.
 *
 * Reference: Documentation/trace/events.rst, 3; Documentation/trace/ftrace.rst.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lang/type.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"

struct tracefs {
	int dir_fd; // the root of tracefs
};

/* 0; -ENOENT, -EPERM: not mounted, and can't be. */
int tracefs_open(struct tracefs *out, struct err *err) __attribute__((warn_unused_result));
void tracefs_close(struct tracefs *t);

/* The id for perf_event_open() (PERF_TYPE_TRACEPOINT, config); -ENOENT: no such tracepoint. */
int tracefs_event_id(const struct tracefs *t, const char *category, const char *name,
		     struct err *err) __attribute__((warn_unused_result));

/* The whole of a file below the root ("available_events"); 0 or -errno. */
int tracefs_read(const struct tracefs *t, const char *path, struct buf *out)
	__attribute__((warn_unused_result));

/* Finds a type of the kernel by its C name in a format file; NULL: not known. */
typedef const struct type *(*tracefs_type_fn)(void *ctx, const char *c_name);

/*
 * Parse a format file into a TYPE_ARGS type: every field ("common_*" included) with its offset in
 * the record, its size and signedness as the file states them.
 *   __data_loc T[] name    is_data_loc, a 4-byte unsigned integer
 *   __rel_loc T[] name     is_rel_loc, a 4-byte unsigned integer
 *   char name[16]          array whose element is named "char", see ktypes.h
 *   T *name                as @find says
 * @find may be NULL: then integers and bytes only.  NULL: the text is not a format file.
 */
const struct type *tracefs_parse_format(struct arena *a, const char *text, tracefs_type_fn find,
					void *find_ctx);

/* One "field:" line, as bpftrace -lv prints it: "int __syscall_nr".  False to stop. */
typedef bool (*tracefs_field_fn)(void *ctx, const char *declaration, size_t len);
void tracefs_each_field(const char *format_text, tracefs_field_fn fn, void *ctx);

/* A file system that only this process sees: a descriptor of its root, or -errno. */
int mount_detached(const char *fs_type) __attribute__((warn_unused_result));
