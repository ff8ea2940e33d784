/*
 * Types of the language.
 *
 * A type is immutable once made, but for struct types, whose members are filled in on first use
 * (type_complete()), since the kernel has 40,000 of them.  Types are compared with type_equal(),
 * never by pointer.  All live in the program's arena.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/buf.h"

enum type_kind {
	TYPE_ERROR, // of a wrong expression; silences what depends on it
	TYPE_NONE,  // not known yet (during inference)
	TYPE_VOID,
	TYPE_BOOL,        // 1 byte
	TYPE_INT,         // 1, 2, 4 or 8 bytes
	TYPE_ENUM,        // an integer with names
	TYPE_POINTER,     // 8 bytes
	TYPE_ARRAY,       // count elements of elem
	TYPE_STRUCT,      // C struct or union
	TYPE_TUPLE,       // members without names
	TYPE_RECORD,      // members with names: (a=1, b=2)
	TYPE_STRING,      // size bytes, NUL-padded in keys
	TYPE_BUFFER,      // u32 length, then size - 4 bytes
	TYPE_INET,        // u32 address family (AF_INET/AF_INET6), then 16 bytes
	TYPE_MACADDR,     // 6 bytes
	TYPE_KSTACK,      // s32 stack id, u32 zero                       (see bpf/event.h)
	TYPE_USTACK,      // s32 stack id, u32 pid
	TYPE_KSYM,        // u64 address
	TYPE_USYM,        // u64 address, u32 pid, u32 zero
	TYPE_TIMESTAMP,   // strftime(): u64 nanoseconds; format and clock are in the type
	TYPE_CGROUP_PATH, // cgroup_path(): u64 cgroup id; the filter is in the type
	TYPE_USERNAME,    // u64 uid
	TYPE_PROBE_NAME,  // u64 probe id: `probe`, where only printed or used as a key
	TYPE_KUBE,        // pod, namespace, container, …: u64 cgroup id; which is in the type
	TYPE_STACK_MODE,  // `perf`, `bpftrace`, `raw`, `build_id` as an argument
	TYPE_AGG,         // the value of count(), hist() …: which is in the type
	TYPE_ARGS,        // `args` of a tracepoint or function, a struct that may need assembling
	TYPE_CONFIG,      // `config`
	TYPE_TYPE,        // a type as an expression: typeof() given to a macro
	TYPE_KIND_COUNT,
};

/* Where a pointer points to decides how a load through it is emitted. */
enum addr_space {
	AS_NONE,   // decided by the probe kind
	AS_KERNEL, // bpf_probe_read_kernel
	AS_USER,   // bpf_probe_read_user
	AS_BPF,    // our own memory: stack, scratch, map value: direct load
	AS_CTX,    // the program's context: direct load
	AS_BTF, // a trusted kernel pointer from tp_btf, fentry, iter: direct load, may fault to 0
};

struct type;

struct type_member {
	const char *name; // "" for an anonymous struct or union; NULL in tuples
	const struct type *type;
	uint32_t offset;    // in bytes; of the storage unit, for a bit-field
	uint8_t bit_offset; // from the least significant bit of the unit at offset
	uint8_t bit_size;   // 0: not a bit-field
	bool is_data_loc;   // tracepoint __data_loc: u32, low half offset, high half length
	bool is_rel_loc;    // tracepoint __rel_loc: offset counts from the end of the field
};

struct type_enumerator {
	const char *name;
	uint64_t value;
};

struct type {
	enum type_kind kind;
	uint32_t size; // in bytes; a string's capacity including the NUL
	bool is_signed;
	bool is_union;    // TYPE_STRUCT
	bool is_complete; // TYPE_STRUCT: members are there
	bool is_const;    // an integer literal's type: adapts to its context
	enum addr_space
		as; // TYPE_POINTER; TYPE_ARRAY, TYPE_STRUCT, TYPE_STRING: of the memory it is in
	enum addr_space
		inner_as; // TYPE_STRUCT, TYPE_ARRAY in AS_BPF or AS_CTX: of the pointers in it
	const char *name; // struct, union, enum tag or typedef; NULL if anonymous
	const struct type *elem;     // TYPE_POINTER, TYPE_ARRAY
	uint32_t count;              // TYPE_ARRAY elements; members; enumerators
	struct type_member *members; // TYPE_STRUCT, TYPE_TUPLE, TYPE_RECORD, TYPE_ARGS
	const struct type_enumerator *enumerators;
	uint32_t alignment; // TYPE_STRUCT, in bytes
	uint32_t btf_id;    // of the kernel's BTF, 0: not from there
	uint32_t btf_obj;   // 0: vmlinux, else the kern room's number of the module
	uint32_t agg;       // TYPE_AGG: a BI_* of builtins.def
	int32_t agg_arg[4]; // hist: bits; lhist: min, max, step (64-bit ones in agg_wide); tseries
	int64_t agg_wide[4];
	const char *format; // TYPE_TIMESTAMP: strftime format; TYPE_CGROUP_PATH: filter
	uint32_t mode; // stacks: enum stack_mode; timestamp: clock; TYPE_KUBE: which; pid namespace
	uint32_t limit;     // stacks: frames
	const void *origin; // whoever made a struct type, for type_complete()
};

enum stack_mode { STACK_BPFTRACE, STACK_PERF, STACK_RAW, STACK_BUILD_ID };
enum kube_name { KUBE_POD, KUBE_NAMESPACE, KUBE_CONTAINER, KUBE_NODE, KUBE_POD_UID };

const struct type *type_int(uint32_t size, bool is_signed); // static, shared
const struct type *type_bool(void);
const struct type *type_void(void);
const struct type *type_none(void);
const struct type *type_error(void);
/* The type of a kind that needs no more than its kind: TYPE_KSYM, TYPE_MACADDR, TYPE_INET … */
const struct type *type_fixed(enum type_kind kind);
const struct type *type_pointer(struct arena *a, const struct type *elem, enum addr_space as);
const struct type *type_array(struct arena *a, const struct type *elem, uint32_t count);
const struct type *type_string(struct arena *a, uint32_t size);
const struct type *type_buffer(struct arena *a, uint32_t capacity);
/* @kind TYPE_KSTACK or TYPE_USTACK. */
const struct type *type_stack(struct arena *a, enum type_kind kind, enum stack_mode mode,
			      uint32_t limit);
/* A tuple (names NULL) or record of @count types, laid out as C would lay out the struct. */
const struct type *type_tuple(struct arena *a, const struct type *const *types,
			      const char *const *names, uint32_t count);
/* A copy of @t that lives in address space @as. */
const struct type *type_in(struct arena *a, const struct type *t, enum addr_space as);

/* The same type, wherever its bytes are: address spaces and is_const do not count. */
bool type_equal(const struct type *a, const struct type *b);
uint32_t type_align(const struct type *t);
static inline bool type_is_integer(const struct type *t)
{
	return t->kind == TYPE_INT || t->kind == TYPE_ENUM || t->kind == TYPE_BOOL;
}
/* A value that fits a register, as opposed to one that is in memory. */
bool type_is_scalar(const struct type *t);
/* Member @name, searched through anonymous members too; offset is from @t's start. */
bool type_find_member(const struct type *t, const char *name, struct type_member *out);
/* The type as bpftrace writes it in messages and typeinfo(): "uint64", "struct foo *",
 * "(int64,string[16])". */
void type_print(struct buf *out, const struct type *t);
/* The kind alone: "int", "string", "c_type", "count_t". */
const char *type_kind_name(const struct type *t);
const char *type_name(struct arena *a, const struct type *t);
