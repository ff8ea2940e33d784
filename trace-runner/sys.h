/*
 * The kernel interfaces of tracing, one thin function each: bpf(2) and perf_event_open(2).
 *
 * Every function returns a descriptor or 0, or a negative errno.  Descriptors are close-on-exec.
 * Structures that the build machine's kernel headers may be too old for are declared here.
 *
 * Reference: include/uapi/linux/bpf.h, include/uapi/linux/perf_event.h.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Attach types newer than Linux 6.1's headers. */
#define SYS_ATTACH_UPROBE_MULTI   48
#define SYS_ATTACH_KPROBE_SESSION 56
/* Of uprobe_multi links; the kprobe_multi one has the same value. */
#define SYS_F_MULTI_RETURN        (1u << 0)

int sys_map_create(uint32_t type, const char *name, uint32_t key_size, uint32_t value_size,
		   uint32_t max_entries, uint32_t flags) __attribute__((warn_unused_result));
int sys_map_lookup(int fd, const void *key, void *value) __attribute__((warn_unused_result));
int sys_map_update(int fd, const void *key, const void *value, uint64_t flags)
	__attribute__((warn_unused_result));
int sys_map_delete(int fd, const void *key) __attribute__((warn_unused_result));
/* The key after @key (NULL: the first); -ENOENT at the end. */
int sys_map_next_key(int fd, const void *key, void *next) __attribute__((warn_unused_result));
int sys_map_freeze(int fd) __attribute__((warn_unused_result));

/*
 * Up to *count entries from position @in (NULL: the start); the position after them goes to @out.
 * *count becomes their number.  -ENOENT: these were the last ones; -ENOSPC: a hash bucket has more
 * than *count entries.  (Linux 5.6; -EINVAL before, and for maps without batch operations.)
 */
int sys_map_lookup_batch(int fd, const void *in, void *out, void *keys, void *values,
			 uint32_t *count) __attribute__((warn_unused_result));

struct sys_program {
	uint32_t type;
	uint32_t attach_type;
	uint32_t attach_btf_id;
	int attach_fd; // module BTF, or a BPF program for fentry:bpf; 0: vmlinux
	const char *name;
	const char *license;
	const struct bpf_insn *insns;
	uint32_t insn_count;
	int btf_fd; // 0: none
	const struct bpf_func_info *func_info;
	uint32_t func_info_count;
	const struct bpf_line_info *line_info;
	uint32_t line_info_count;
	char *log; // NULL: no log is wanted
	uint32_t log_size;
	uint32_t log_level;
};

int sys_program_load(const struct sys_program *p) __attribute__((warn_unused_result));
int sys_btf_load(const void *data, uint32_t size) __attribute__((warn_unused_result));

struct sys_test_run {
	const void *data; // packet, for XDP
	uint32_t data_size;
	uint32_t repeat;
	uint32_t result;      // out: what the program returned
	uint32_t duration_ns; // out: of one run
};
int sys_program_run(int fd, struct sys_test_run *run) __attribute__((warn_unused_result));

int sys_program_by_id(uint32_t id) __attribute__((warn_unused_result));

/* @name NULL: where the program says (tp_btf, fentry, fexit). */
int sys_raw_tracepoint_open(const char *name, int program) __attribute__((warn_unused_result));

struct sys_kprobe_multi {
	const char *const *symbols;
	uint32_t count;
	bool is_return;
	bool is_session;
};
int sys_link_kprobe_multi(int program, const struct sys_kprobe_multi *k)
	__attribute__((warn_unused_result));

struct sys_uprobe_multi {
	const char *path;
	const uint64_t *offsets;
	const uint64_t *semaphores; // file offsets of reference counters, or NULL
	uint32_t count;
	pid_t pid; // 0: all
	bool is_return;
};
int sys_link_uprobe_multi(int program, const struct sys_uprobe_multi *u)
	__attribute__((warn_unused_result));

/* @pid 0: all. */
int sys_link_iter(int program, pid_t pid) __attribute__((warn_unused_result));
int sys_iter_create(int link) __attribute__((warn_unused_result));
int sys_pin(int fd, const char *path) __attribute__((warn_unused_result));

int sys_perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu)
	__attribute__((warn_unused_result));
/* Run @program when the event fires; it goes with the event's descriptor. */
int sys_perf_set_program(int event, int program) __attribute__((warn_unused_result));

int sys_pidfd_open(pid_t pid) __attribute__((warn_unused_result));
