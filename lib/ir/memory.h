/*
 * Inside opt_load(): what its files share.
 *
 *     memory.c           which memory an instruction is about
 *     opt_load.c         loads of what is known
 *     opt_load_dead.c    stores that nobody reads
 *     opt_load_merge.c   narrow constant stores side by side
 */
#pragma once

#include "ir/ir.h"

enum object_kind {
	OBJECT_SLOT,    // reached only through its own address: nothing else aliases it
	OBJECT_VALUE,   // a one-entry array map's value
	OBJECT_RECORD,  // a ring buffer record
	OBJECT_ENTRY,   // a value in a map, found by lookup
	OBJECT_KERNEL,  // read-only for us: the context, kernel structures
	OBJECT_UNKNOWN, // anything but an OBJECT_SLOT
};

/* Bytes in memory: size of them, from off of an object; size 0: all from there on. */
struct place {
	enum object_kind kind;
	uint32_t index;              // slot, map
	const struct ir_insn *value; // else: the pointer
	int64_t off;
	uint64_t size;
};

struct memory {
	struct ir_func *f;
	bool *is_simple; // by slot: OBJECT_SLOT
};

void memory_init(struct memory *m, struct arena *scratch, struct ir_func *f);
struct place memory_place(const struct memory *m, const struct ir_insn *base, int64_t off,
			  uint64_t size);
/* What LOAD, STORE, ATOMIC_ADD, ZERO access; for MEMCPY, what it writes. */
struct place memory_target(const struct memory *m, const struct ir_insn *insn);
struct place memory_source(const struct memory *m, const struct ir_insn *insn); // of MEMCPY
bool memory_is_same_object(const struct place *a, const struct place *b);
bool memory_may_overlap(const struct place *a, const struct place *b);
/* @outer has all bytes of @inner, for certain. */
bool memory_contains(const struct place *outer, const struct place *inner);

void load_forward(struct memory *m);
void load_remove_dead_stores(struct memory *m);
void load_merge_stores(struct memory *m);
