/*
 * What only this node knows: symbols, stacks, cgroups, users.
 *
 * The record room knows no kernel; whoever runs programs gives it these functions.  Each may be
 * NULL, and each may fail: the value is then printed as bpftrace prints what it cannot resolve
 * (an address in hexadecimal, an empty name).  Strings returned stay valid until the next call of
 * the same function, at least.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lang/type.h"

#define RECORD_BUILD_ID_SIZE 20   // of the kernel's struct bpf_stack_build_id
#define RECORD_STACK_MAX     1024 // frames
#define RECORD_INLINE_MAX    32   // functions at one address

/* A function at an address. */
struct record_symbol {
	const char *name;
	uint64_t offset;    // from the function's start
	const char *module; // user: path of the mapping, or NULL
	const char *file;   // source file by debug information, or NULL
	uint32_t line;
	bool is_inlined;
};

/* The kernel's struct bpf_stack_build_id, in our own words. */
struct record_build_id {
	bool is_valid; // id and offset; else ip
	uint8_t id[RECORD_BUILD_ID_SIZE];
	uint64_t offset;
	uint64_t ip;
};

struct record_resolver {
	void *ctx;
	/*
	 * The functions at @addr, innermost (inlined into the others) first, the real one last.
	 * Returns how many there are, at most @max, 0 if none is known.
	 */
	size_t (*ksym)(void *ctx, uint64_t addr, struct record_symbol *out, size_t max);
	size_t (*usym)(void *ctx, uint64_t addr, uint32_t pid, struct record_symbol *out,
		       size_t max);
	/* The frames of stack @id in the image's map @map, innermost first; how many, at most @max.
	 */
	size_t (*stack)(void *ctx, uint32_t map, int32_t id, uint64_t *out, size_t max);
	size_t (*stack_build_ids)(void *ctx, uint32_t map, int32_t id, struct record_build_id *out,
				  size_t max);
	/* "unified:/a/b" of the hierarchies that match @filter (NULL: all); NULL if unknown. */
	const char *(*cgroup_path)(void *ctx, uint64_t cgroup_id, const char *filter);
	const char *(*username)(void *ctx, uint64_t uid);
	const char *(*kube)(void *ctx, uint64_t cgroup_id, enum kube_name which);
};

/* All that is needed to print values; immutable while in use. */
struct record_env {
	const struct record_resolver *resolver; // NULL: nothing is resolved
	const char *const *probe_names;         // SHAPE_PROBE
	size_t probe_name_count;
	int64_t boot_to_wall_ns;   // wall clock minus CLOCK_BOOTTIME
	int64_t mono_to_wall_ns;   // wall clock minus CLOCK_MONOTONIC (bpftrace: 0)
	int64_t tai_to_wall_ns;    // wall clock minus CLOCK_TAI (bpftrace: 0)
	const char *trunc_trailer; // after strings that were cut; NULL: ".."
	size_t max_strlen;         // longest strftime() result; 0: 1024
};
