/*
 * The program image: all that the runner needs to load, attach and print, and nothing of the
 * compiler's insides.  Made by compile() (bpf/compile.h); lives in the arena given there.
 *
 * Maps come in the order of creation.  The global data sections are one-entry BPF_MAP_TYPE_ARRAY
 * maps that are also mapped into the runner (BPF_F_MMAPABLE), so that scalars and unkeyed
 * aggregations cost no helper call in the program and no syscall to read.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"
#include "lang/ast.h"
#include "record/shape.h"

enum image_storage {
	STORAGE_INTERNAL,      // not a map of the script: ring buffer, data sections, stacks
	STORAGE_HASH,          // a BPF map of its own: one value an entry
	STORAGE_PERCPU_HASH,   // one value a CPU, each rounded up to 8 bytes
	STORAGE_GLOBAL,        // a slot in the data section: u64 is_set, then the value
	STORAGE_GLOBAL_PERCPU, // such slots, `stride` bytes apart, one a CPU
};

/* A BPF map to create. */
struct image_map {
	const char *name; // at most 15 bytes, for bpftool
	uint32_t type;    // BPF_MAP_TYPE_*
	uint32_t key_size;
	uint32_t value_size;
	uint32_t max_entries; // ring buffer: bytes, 0: the runner's choice
	uint32_t flags;       // BPF_F_*
	const void *data;     // initial value of a data section, or NULL
	uint32_t data_size;
	bool is_frozen; // read-only for programs (.rodata): frozen before loading
};

/* A map of the script. */
struct image_var {
	const char *name; // "@x"
	enum image_storage storage;
	uint32_t map;            // index in image->maps: its own, or the data section
	int32_t short_map;       // -1, or a second map: keys that end in a short string, cut off
	uint32_t offset;         // STORAGE_GLOBAL*: of the slot in the data section
	uint32_t stride;         // STORAGE_GLOBAL_PERCPU
	const struct shape *key; // NULL: scalar
	const struct shape *value;
	uint32_t max_entries;
	struct span span;
};

struct image_reloc {
	uint32_t pc;  // of the LD_IMM64
	uint32_t map; // index in image->maps; the value offset is in the second half's imm already
};

struct image_line {
	uint32_t pc;
	struct span span;
};

/* A function of a program, for its BTF func_info. */
struct image_func {
	const char *name;
	uint32_t pc;
	uint32_t param_count;
};

struct image_program {
	const char *name; // at most 15 bytes
	enum probe_kind kind;
	/* How it is loaded: */
	uint32_t prog_type;            // BPF_PROG_TYPE_*
	uint32_t expected_attach_type; // BPF_*
	uint32_t attach_btf_id;
	const char *attach_name; // tp_btf: "sys_enter"; the kernel function of fentry/fexit; iter:
				 // "task"
	const struct probe *probe; // the first one served
	/* Where it is attached: */
	struct attach_point *const *attach_points;
	uint32_t attach_point_count;
	struct bpf_insn *insns;
	uint32_t insn_count;
	const struct image_reloc *relocs;
	uint32_t reloc_count;
	const struct image_line *lines;
	uint32_t line_count;
	const struct image_func *funcs; // [0] is main, at pc 0
	uint32_t func_count;
	/* BTF with a FUNC for each of funcs (type ids in order, see btf_func_ids), and line info.
	 */
	const void *btf;
	uint32_t btf_size;
	const uint32_t *btf_func_ids;
	const struct bpf_func_info *func_info; // func_count of them
	const struct bpf_line_info *line_info; // line_info_count of them
	uint32_t line_info_count;
};

/* A part of a format string: literal text, or one conversion. */
struct image_format_part {
	const char *text; // literal, or NULL
	uint32_t text_len;
	const char *spec;   // "%-5d" without length modifiers; 's', 'd', 'x', 'r' … is conversion
	char conversion[3]; // "d", "s", "r", "rx", "rh", "gr", "c", "p" …
	uint8_t int_size;   // by length modifier: hh 1, h 2, none 4, l/ll/j/z 8; 0 for others
	uint32_t arg;       // index in args
};

struct image_arg {
	uint32_t offset; // in the record
	const struct shape *shape;
};

enum image_level { LEVEL_PLAIN, LEVEL_WARNING, LEVEL_ERROR };

struct image_event {
	enum event_kind kind;
	enum image_level level; // EVENT_PRINTF
	struct span span;
	uint32_t size; // of the record
	const struct image_format_part *parts;
	uint32_t part_count;
	const struct image_arg *args;
	uint32_t arg_count;
	const char *text; // time format, join separator, path, helper name
	uint32_t var;     // map events: index in image->vars
};

/* Cgroups by a name that the script compares with, see ir/lower_kube.c; the runner fills them. */
struct image_kube_filter {
	enum kube_name which;
	const char *text; // "": the set has the cgroups whose name isn't empty
	uint32_t map;     // index in image->maps: a hash map, u64 cgroup id -> u8
	uint32_t offset;  // KUBE_NODE, instead: in .rodata, a u64: 1 if it is this node's name
};

/* By what probes are confined to containers or processes: which id is compared. */
enum image_filter_kind {
	FILTER_NONE,
	FILTER_CGROUP, // v2: the cgroup's id
	FILTER_MNTNS,  // the mount namespace's inode
	FILTER_PID,    // the process
};

#define FILTER_LEVELS_MAX 4

struct image_filter {
	enum image_filter_kind kind;
	bool is_set; // several ids, in image.filter_map; else one, in RUNTIME_FILTER
	/* FILTER_CGROUP: at which depths below the root the cgroups are, so that those in them
	 * count, too. None: exactly these cgroups. */
	uint32_t levels[FILTER_LEVELS_MAX];
	uint32_t level_count;
	bool has_own_pids; // FILTER_PID: as the runner's pid namespace has them
};

struct image {
	struct image_map *maps;
	uint32_t map_count;
	struct image_var *vars; // by name, as they are printed at the end
	uint32_t var_count;
	struct image_program *programs;
	uint32_t program_count;
	struct image_event *events;
	uint32_t event_count;
	const char *const *probe_names; // SHAPE_PROBE
	uint32_t probe_name_count;
	const struct image_kube_filter *kube_filters;
	uint32_t kube_filter_count;
	/* Internal maps, as indexes in maps; -1 where there is none. */
	int32_t ringbuf_map;
	int32_t data_map;     // .data: scalars, unkeyed aggregations, loss counters
	int32_t rodata_map;   // .rodata: strings, tables
	int32_t scratch_map;  // per-CPU scratch, `scratch_stride` bytes a CPU
	uint32_t lost_offset; // in .data: u64 a CPU (64 bytes apart): events lost, ring buffer full
	uint32_t cpu_slots; // per-CPU slots there are: possible CPUs, rounded up to a power of two
	int32_t filter_map; // what to trace, if that is several: a hash map, u64 as of the filter
			    // -> u8
	uint32_t runtime_offset; // in .rodata, u64s the runner fills in before loading, in this
				 // order: its pid, its pid namespace's inode and device, -c child's
				 // pid, start time (ktime boot ns), wall clock offset, what to
				 // trace (as the filter says), and the offset of TAI; offsets are
				 // from boot time
	const char *license;
};

enum {
	RUNTIME_PID,
	RUNTIME_PIDNS_INO,
	RUNTIME_PIDNS_DEV,
	RUNTIME_CHILD_PID,
	RUNTIME_START_NS,
	RUNTIME_WALL_OFFSET_NS,
	RUNTIME_FILTER,
	RUNTIME_TAI_OFFSET_NS,
	RUNTIME_COUNT
};
