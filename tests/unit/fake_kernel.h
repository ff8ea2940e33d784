/*
 * A kernel small enough to compare with: helpers that answer by hashing their arguments and log
 * what they are asked to do, and memory for maps.  The interpreter of bytecode and the evaluator of
 * IR run against it; when both are right, they leave it in the same state.
 */
#pragma once

#include <stdint.h>

#define FAKE_MAPS      4
#define FAKE_MAP_BYTES 16384
#define FAKE_CELLS     8
#define FAKE_CTX_BYTES 64
#define FAKE_CALLBACK  (UINT64_C(1) << 48) // a function's address: this + what identifies it

struct fake_kernel {
	_Alignas(8) uint8_t values[FAKE_MAPS][FAKE_MAP_BYTES]; // of one-entry array maps
	uint64_t cells[FAKE_CELLS];                            // of hash maps
	_Alignas(8) uint8_t ctx[FAKE_CTX_BYTES];
	uint64_t log; // hash of all that happened
	uint32_t log_count;
	/* Calls a callback function; set by whoever runs the program. */
	uint64_t (*call)(void *runner, uint64_t address, uint64_t a, uint64_t b);
	void *runner;
};

void fake_kernel_init(struct fake_kernel *k, uint64_t seed);
/* What a helper call writes is written, what it reads is read, through the addresses given. */
uint64_t fake_kernel_helper(struct fake_kernel *k, uint32_t helper, const uint64_t args[5]);
