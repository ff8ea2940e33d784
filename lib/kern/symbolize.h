/*
 * Symbolizer: what an address means, in the kernel or in a process.
 *
 * One symbolizer serves a whole trace.  It loads nothing until it is asked: /proc/kallsyms on the
 * first kernel address, a process's mappings on its first address, a file's symbols on the first
 * address inside it.  What was loaded stays (a file once however many processes map it), so that
 * 100,000 distinct addresses cost 100,000 binary searches.
 *
 * Processes are told apart by pid and start time.  A process that is gone when its addresses are
 * printed is resolved if it was seen (or preloaded) while it lived.
 *
 * Not thread-safe; one thread owns it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

struct symbolizer;

#define SYMBOL_BUILD_ID_MAX 20

struct symbolizer_options {
	bool demangle;        // C++ names as in the source: "ns::f(int)"
	bool no_cache;        // read a process's mappings anew for each address
	bool by_program;      // share mappings between processes of one executable (no ASLR)
	const char *kallsyms; // NULL: /proc/kallsyms
};

/* All strings are the symbolizer's and live as long as it. */
struct symbol_info {
	const char *name; // NULL when nothing is known but the mapping
	uint64_t offset;  // from the symbol's start
	const char
		*module; // kernel: "vmlinux", "kvm", "bpf"; user: the process's path of it, or NULL
	uint64_t file_offset; // user: of the address in that file
	uint8_t build_id[SYMBOL_BUILD_ID_MAX];
	uint32_t build_id_len; // user: 0 without one
};

/* 0; -ENOMEM.  @options NULL: the defaults (all false). */
int symbolizer_new(struct symbolizer **out, const struct symbolizer_options *options)
	__attribute__((warn_unused_result));
void symbolizer_free(struct symbolizer *s);

/* The kernel function at @addr; false (and *out zeroed) if there is none. */
bool symbolizer_kernel(struct symbolizer *s, uint64_t addr, struct symbol_info *out);

/*
 * The function at @addr of process @pid (as this program's pid namespace sees it).  @exe may name
 * the program's file, for a process that was never seen alive: position-dependent executables can
 * still be resolved.  False if the address has no symbol; module, file_offset and build_id are set
 * whenever the mapping is known.
 */
bool symbolizer_user(struct symbolizer *s, pid_t pid, uint64_t addr, const char *exe,
		     struct symbol_info *out);

/* An address within a file, by build id and file offset or by path: STACK_BUILD_ID frames. */
bool symbolizer_file(struct symbolizer *s, const char *path, uint64_t file_offset,
		     struct symbol_info *out);

/* Remember the mappings of @pid now, so that it can be resolved after its end. */
void symbolizer_preload(struct symbolizer *s, pid_t pid);
