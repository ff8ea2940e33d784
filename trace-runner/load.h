/*
 * Loading an image into the kernel: its maps, then its programs.
 *
 * Data sections are mapped into this process too, so that scalars and loss counters are read
 * without a system call.  Programs are loaded without a log first, which is fast; only a program
 * that is rejected is loaded again to see why.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/image.h"
#include "lang/config.h"
#include "lang/target.h"
#include "util/err.h"

struct load_options {
	const struct config *config;
	const struct target *target;     // for programs that name what they attach to; or NULL
	uint64_t runtime[RUNTIME_COUNT]; // what the image leaves to fill in, see bpf/image.h
	const char *node_name;           // for comparisons with it; or NULL
	bool print_logs;                 // -d verifier
	bool is_quiet;                   // say nothing about rejected programs
	bool is_verbose;                 // -v: have the log at hand
	bool keeps_runtime_open;         // load_set_runtime() will be called
};

struct loaded {
	struct image *image;
	int *map_fds;      // by map; -1 where there is none
	void **map_memory; // by map: the data sections, mapped; else NULL
	size_t *map_bytes; // by map: of the mapping
	int *program_fds;  // by program; -1: not loaded
	size_t ring_bytes;
	bool prints_logs;
	bool is_quiet;
	bool is_verbose;
	const struct config *config;
};

/* 0 or a negative errno; what the kernel rejects is reported here, then err->msg is empty. */
int load_image(struct loaded *out, struct image *image, const struct load_options *o,
	       struct err *err) __attribute__((warn_unused_result));
/* Load program @index again with another attach type, in place of the one that is there. */
int load_again(struct loaded *l, uint32_t index, uint32_t attach_type)
	__attribute__((warn_unused_result));
/* Change the runtime values while the programs run (needs keeps_runtime_open). */
int load_set_runtime(struct loaded *l, const uint64_t runtime[RUNTIME_COUNT])
	__attribute__((warn_unused_result));
void load_finish(struct loaded *l);

/* Bytes for the ring buffer: the configured pages, or by the machine's memory. */
size_t load_ring_bytes(const struct config *config, uint64_t available_kb, size_t page_size);
