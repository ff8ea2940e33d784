/*
 * What to say when the kernel rejects a program.
 *
 * A helper or kernel function that this kernel lacks, or forbids to this kind of probe, is named.
 * Anything else that the verifier does not accept is a bug of the compiler, and said to be one,
 * with the script's line and the end of the log.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/image.h"

/* @code: negative errno of the load; @log: the verifier's, may be empty. */
void rejection_report(const struct image_program *p, int code, const char *log);

/* The kernel refused program number @index since its log did not fit into @log_size bytes. */
void rejection_report_trimmed(const struct image_program *p, uint32_t index, int code,
			      uint64_t log_size);

/* The number of the last instruction that the log shows, -1: none. */
long rejection_last_pc(const char *log);
/* "bpf_loop" of the last call in the log before @what, into @name; false if there is none. */
bool rejection_find_helper(const char *log, const char *what, char *name, size_t size);
