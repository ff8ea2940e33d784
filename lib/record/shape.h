/*
 * Shapes: how the bytes that leave the kernel are to be read and printed.
 *
 * The compiler turns a language type into a shape once; the runner and kubectl-trace need nothing
 * else of the language to print a value.  Shapes are immutable; they live in the program's arena.
 * Integers in records and maps are in the node's byte order (little-endian on all nodes supported).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum shape_kind {
	SHAPE_NONE,        // no bytes
	SHAPE_INT,         // size 1, 2, 4, 8
	SHAPE_BOOL,        // true / false
	SHAPE_ENUM,        // an integer printed by name
	SHAPE_POINTER,     // 0x…
	SHAPE_STRING,      // up to size bytes, ends at a NUL
	SHAPE_BUFFER,      // u32 length, then bytes
	SHAPE_ARRAY,       // [a,b,c]
	SHAPE_TUPLE,       // (a, b)
	SHAPE_STRUCT,      // { .a = 1, .b = 2 }: C structs and records
	SHAPE_KSTACK,      // struct event_stack
	SHAPE_USTACK,      // struct event_stack
	SHAPE_KSYM,        // u64 address
	SHAPE_USYM,        // u64 address, u32 pid, u32 zero
	SHAPE_INET,        // u32 family, 16 bytes
	SHAPE_MACADDR,     // 6 bytes
	SHAPE_TIMESTAMP,   // u64 ns; format; mode = enum shape_clock
	SHAPE_CGROUP_PATH, // u64 cgroup id; format = filter or NULL
	SHAPE_USERNAME,    // u64 uid
	SHAPE_PROBE,       // u64 index into the image's probe names
	SHAPE_KUBE,        // u64 cgroup id; mode = enum kube_name (lang/type.h)
	SHAPE_AGG,         // an aggregation; agg says which
	SHAPE_KIND_COUNT,
};

enum shape_agg {
	AGG_COUNT,   // u64
	AGG_SUM,     // s64 or u64 (is_signed)
	AGG_MIN,     // struct { s64 value; u64 is_set }
	AGG_MAX,     // the same
	AGG_AVG,     // struct { s64 total; u64 count }
	AGG_STATS,   // the same
	AGG_HIST,    // u64 buckets[]; args[0] = bits
	AGG_LHIST,   // u64 buckets[]; args = min, max, step
	AGG_TSERIES, // args = interval_ns, count, enum tseries_agg; see record/tseries.h
};

enum shape_clock { CLOCK_SHAPE_BOOT, CLOCK_SHAPE_MONOTONIC, CLOCK_SHAPE_TAI, CLOCK_SHAPE_SW_TAI };

struct shape;

struct shape_member {
	const char *name; // NULL in tuples
	const struct shape *shape;
	uint32_t offset;    // bytes from the start of the enclosing shape
	uint8_t bit_offset; // bit-fields: of the unit at offset
	uint8_t bit_size;   // 0: not a bit-field
};

struct shape_name {
	const char *name;
	uint64_t value;
};

struct shape {
	enum shape_kind kind;
	uint32_t size; // bytes
	bool is_signed;
	bool is_union;
	bool is_char_array; // SHAPE_ARRAY of char printed as a string
	uint32_t count;     // elements, members, enumerators
	const struct shape *elem;
	const struct shape_member *members;
	const struct shape_name *names; // SHAPE_ENUM
	const char *type_name;          // for messages
	const char *format;
	uint32_t mode;  // stacks: enum stack_mode (lang/type.h)
	uint32_t limit; // stacks: frames
	uint32_t map;   // stacks: the image's stack map
	enum shape_agg agg;
	int64_t args[4];
};
