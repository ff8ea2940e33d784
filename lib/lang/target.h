/*
 * What the compiler asks about the machine that is traced.
 *
 * lang declares this interface; kern/ implements it on a live node, tests with a fake.  The
 * compiler itself needs no kernel and no root: a NULL target, or a NULL function in it, means "not
 * known", and gives the error a user would see on a machine without BTF.
 *
 * Everything returned lives in the arena given to the target, as long as the program.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lang/arch.h"
#include "lang/type.h"
#include "util/err.h"

enum type_tag { TAG_STRUCT, TAG_UNION, TAG_ENUM, TAG_TYPEDEF };

/* One traceable place, as probe expansion and listing see it.  Unused fields are NULL or 0. */
struct target_symbol {
	const char
		*module;  // kernel module ("vmlinux"), tracepoint category, usdt provider, or path
	const char *name; // function, event
	uint64_t address; // of a function: kernel address or ELF virtual address
	uint64_t offset;  // in the file
	uint64_t size;
	uint32_t btf_id;
};

/* Where an argument of a USDT probe is, at one of its sites: see kern/usdt.h. */
enum target_usdt_kind { TARGET_USDT_CONST, TARGET_USDT_REG, TARGET_USDT_MEM };

struct target_usdt_arg {
	enum target_usdt_kind kind;
	uint8_t size; // 1, 2, 4 or 8 bytes
	bool is_signed;
	uint8_t reg_shift;   // the value starts at this bit of the register
	uint8_t scale_shift; // of the index register
	int16_t reg;         // byte offset in struct pt_regs
	int16_t index;       // the same, -1: none
	int64_t value;       // constant or displacement
};

struct target_usdt_site {
	uint64_t address; // ELF virtual address of the breakpoint
	uint32_t arg_count;
	const struct target_usdt_arg *args;
};

/* Return false to stop the enumeration. */
typedef bool (*target_symbol_fn)(void *ctx, const struct target_symbol *symbol);

struct target {
	void *ctx;
	const struct arch *arch; // NULL: as this machine

	/* Types of the kernel (BTF).  NULL when there is none of that name. */
	const struct type *(*find_type)(void *ctx, enum type_tag tag, const char *name);
	/* Fill in the members of a struct type of find_type(). */
	void (*complete_type)(void *ctx, struct type *t);
	/* The value and type of the kernel's enumerator @name. */
	bool (*find_enumerator)(void *ctx, const char *name, int64_t *value,
				const struct type **type);

	/*
	 * Arguments, as TYPE_ARGS types.  For functions: one member an argument, offset = 8 * its
	 * index, and a last member named "$retval" when the function returns something.
	 */
	const struct type *(*function_args)(void *ctx, const char *module, const char *name);
	const struct type *(*raw_tracepoint_args)(void *ctx, const char *name);
	/* From the format file: members with their offsets in the record, "common_*" included. */
	const struct type *(*tracepoint_args)(void *ctx, const char *category, const char *name);
	/* The context struct of an iterator, "bpf_iter__task" for iter:task. */
	const struct type *(*iter_context)(void *ctx, const char *name);
	/* From DWARF; NULL without debugging information. */
	const struct type *(*uprobe_args)(void *ctx, const char *path, const char *function);
	/* A type that the DWARF of a binary knows by name; NULL: none. */
	const struct type *(*user_type)(void *ctx, const char *path, enum type_tag tag,
					const char *name);

	/* Enumerate what matches the globs (NULL: all), in the order that bpftrace lists them. */
	void (*tracepoints)(void *ctx, const char *category, const char *name, target_symbol_fn fn,
			    void *fn_ctx);
	void (*kernel_functions)(void *ctx, const char *module, const char *name, bool with_btf,
				 target_symbol_fn fn, void *fn_ctx);
	void (*raw_tracepoints)(void *ctx, const char *module, const char *name,
				target_symbol_fn fn, void *fn_ctx);
	void (*iterators)(void *ctx, const char *name, target_symbol_fn fn, void *fn_ctx);
	int (*user_functions)(void *ctx, const char *path, const char *name, bool demangle,
			      target_symbol_fn fn, void *fn_ctx, struct err *err);
	int (*usdt_probes)(void *ctx, const char *path, const char *provider, const char *name,
			   target_symbol_fn fn, void *fn_ctx, struct err *err);
	/* The code of a source line, as a virtual address; @column 0: any.  From DWARF. */
	int (*line_address)(void *ctx, const char *path, const char *file, uint32_t line,
			    uint32_t column, uint64_t *address, struct err *err);
	/* All sites of one USDT probe, into *sites; how many there are. */
	size_t (*usdt_sites)(void *ctx, const char *path, const char *provider, const char *name,
			     const struct target_usdt_site **sites);
	/* BPF programs that are loaded now, for fentry:bpf:; address is the program's id. */
	void (*bpf_programs)(void *ctx, const char *name, target_symbol_fn fn, void *fn_ctx);

	/*
	 * Full paths of the binaries that @path names: itself if absolute; searched in $PATH; as a
	 * library ("libc", "libc.so.6") through the loader's cache; globs expanded; in a
	 * container's root if the target was made for one.  *count paths.
	 */
	int (*resolve_binary)(void *ctx, const char *path, const char ***paths, size_t *count,
			      struct err *err);
	bool (*kernel_symbol)(void *ctx, const char *name, uint64_t *address);
	int (*user_symbol)(void *ctx, const char *path, const char *name,
			   struct target_symbol *out);
	bool (*percpu_symbol)(void *ctx, const char *name, uint64_t *address, uint32_t *btf_id);
	bool (*cgroup_id)(void *ctx, const char *path, uint64_t *id);
	/* The number of a system call by name ("openat"), -1 if there is none. */
	int (*syscall_number)(void *ctx, const char *name);
	const char *(*syscall_name)(void *ctx, int number);
	/* BTF id of a kfunc; 0 if the kernel has none. */
	uint32_t (*kfunc)(void *ctx, const char *name);
	/* May programs for probes of this kind (enum probe_kind) call it? */
	bool (*kfunc_allowed)(void *ctx, const char *name, uint32_t probe_kind);
	bool has_several_roots; // of containers: the name of a binary is that of a file in each of
				// them
	uint32_t cpu_count;     // possible CPUs
	uint32_t page_size;
};

/* What the kernel can do, found by trying (kern/features.c); the compiler chooses by it. */
struct features {
	bool ringbuf;                // 5.8
	bool loop;                   // bpf_loop, 5.17
	bool for_each_map_elem;      // 5.13
	bool ktime_get_boot_ns;      // 5.8
	bool ktime_get_tai_ns;       // 6.1
	bool get_current_task_btf;   // 5.11
	bool map_lookup_percpu_elem; // 5.19
	bool probe_read_kernel;      // 5.5
	bool atomics;                // BPF_ATOMIC with fetch, 5.12
	bool cpu_v4; // sign-extending loads and moves, signed division, 32-bit jumps: 6.6
	bool ns_current_pid_tgid; // bpf_get_ns_current_pid_tgid for this program kind
	bool get_func_ip;         // 5.15
	bool ancestor_cgroup_id;  // bpf_get_current_ancestor_cgroup_id in any probe, 5.12
	bool send_signal;
	bool override_return;
	bool btf_raw_tracepoint; // tp_btf programs load
	bool kprobe_multi;
	bool uprobe_multi;
	bool perf_link; // bpf_link for perf events, 5.15
	bool large_insn_limit;
	bool jiffies64;
	bool d_path;
	bool stack_kfuncs;
	bool cgroup_v2; // containers are told apart by cgroup id
};
