#include "kern/features.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kern/btf.h"
#include "kern/cgroup.h"

/* Values that the headers we build with may be too old to have (include/uapi/linux/bpf.h). */
enum {
	ATTACH_PERF_EVENT = 41,
	ATTACH_KPROBE_MULTI = 42,
	ATTACH_UPROBE_MULTI = 48,
	HELPER_OVERRIDE_RETURN = 58,
	HELPER_SEND_SIGNAL = 109,
	HELPER_PROBE_READ_KERNEL = 113,
	HELPER_JIFFIES64 = 118,
	HELPER_NS_CURRENT_PID_TGID = 120,
	HELPER_GET_CURRENT_ANCESTOR_CGROUP_ID = 123,
	HELPER_KTIME_GET_BOOT_NS = 125,
	HELPER_GET_CURRENT_TASK_BTF = 158,
	HELPER_FOR_EACH_MAP_ELEM = 164,
	HELPER_GET_FUNC_IP = 173,
	HELPER_LOOP = 181,
	HELPER_MAP_LOOKUP_PERCPU_ELEM = 195,
	HELPER_KTIME_GET_TAI_NS = 208,
	PSEUDO_KFUNC_CALL = 2,
	SIGN_EXTEND_8 = 8, // in the off field of a move: BPF ISA v4
};

/*
 * struct bpf_link_create as the kernel has it today; only what is needed to provoke the error
 * that tells "known, but these arguments are bad" from "not known".
 */
struct link_create_multi {
	uint32_t prog_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t words[6];
};

static int sys_bpf(int command, void *attr, unsigned size)
{
	return (int)syscall(SYS_bpf, command, attr, size);
}

static int load(uint32_t type, uint32_t attach_type, uint32_t btf_id, const struct bpf_insn *insns,
		uint32_t count)
{
	union bpf_attr attr = { .prog_type = type,
				.expected_attach_type = attach_type,
				.attach_btf_id = btf_id,
				.insns = (uintptr_t)insns,
				.insn_cnt = count,
				.license = (uintptr_t) "GPL" };

	return sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

static bool close_if_open(int fd)
{
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

#define INSN_EXIT                                                                                  \
	{                                                                                          \
		.code = BPF_JMP | BPF_EXIT                                                         \
	}
#define INSN_ZERO(r)                                                                               \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (r)                                \
	}

/*
 * A call with no arguments set up: the verifier accepts it (helpers without arguments), or says
 * EACCES because r1 can't be read.  EINVAL means that the program type has no such helper.
 */
static bool has_helper(int32_t id)
{
	const struct bpf_insn insns[] = { { .code = BPF_JMP | BPF_CALL, .imm = id },
					  INSN_ZERO(BPF_REG_0),
					  INSN_EXIT };
	int fd = load(BPF_PROG_TYPE_KPROBE, 0, 0, insns, 3);

	return close_if_open(fd) || errno == EACCES;
}

static bool has_ringbuf(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_RINGBUF,
				.max_entries = (uint32_t)sysconf(_SC_PAGESIZE) };

	return close_if_open(sys_bpf(BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static bool has_atomics(void)
{
	const struct bpf_insn insns[] = {
		INSN_ZERO(BPF_REG_1),
		{ .code = BPF_STX | BPF_MEM | BPF_DW,
		  .dst_reg = BPF_REG_10,
		  .src_reg = BPF_REG_1,
		  .off = -8 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW,
		  .dst_reg = BPF_REG_10,
		  .src_reg = BPF_REG_1,
		  .off = -8,
		  .imm = BPF_ADD | BPF_FETCH },
		INSN_ZERO(BPF_REG_0),
		INSN_EXIT,
	};

	return close_if_open(load(BPF_PROG_TYPE_KPROBE, 0, 0, insns, 5));
}

static bool has_cpu_v4(void)
{
	const struct bpf_insn insns[] = {
		INSN_ZERO(BPF_REG_0),
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X,
		  .dst_reg = BPF_REG_0,
		  .src_reg = BPF_REG_0,
		  .off = SIGN_EXTEND_8 },
		INSN_EXIT,
	};

	return close_if_open(load(BPF_PROG_TYPE_KPROBE, 0, 0, insns, 3));
}

/*
 * Type 1 of any BTF is an int: the verifier refuses it, with EINVAL, after everything else was
 * found good.  A kernel or a security module that forbids such programs says EPERM or ENOTSUPP
 * before.
 */
static bool has_tracing(uint32_t attach_type)
{
	const struct bpf_insn insns[] = { INSN_ZERO(BPF_REG_0), INSN_EXIT };
	int fd = load(BPF_PROG_TYPE_TRACING, attach_type, 1, insns, 2);

	return close_if_open(fd) || (errno == EINVAL && !access("/sys/kernel/btf/vmlinux", R_OK));
}

/*
 * On arm64 such programs load from Linux 6.0 on and can be attached from 6.4 on.  So one is
 * attached, for a moment, to a function that the kernel has for its own tests of this.
 */
bool features_has_fentry(void)
{
	const struct bpf_insn insns[] = { INSN_ZERO(BPF_REG_0), INSN_EXIT };
	union bpf_attr attr = { 0 };
	struct kbtf *btf = NULL;
	bool is_attached = false;
	int fd = -1;

	if (!kbtf_open(&btf, "/sys/kernel/btf/vmlinux", NULL, NULL))
		fd = load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY,
			  kbtf_find(btf, "bpf_fentry_test1", 1u << BTF_KIND_FUNC), insns, 2);
	if (fd >= 0) {
		attr.raw_tracepoint.prog_fd = (uint32_t)fd;
		is_attached = close_if_open(sys_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr)));
	}
	(void)close_if_open(fd);
	kbtf_close(btf);
	return is_attached;
}

static bool link_fails_with(int prog, uint32_t attach_type, const struct link_create_multi *rest,
			    int expected)
{
	struct link_create_multi attr = *rest;

	attr.prog_fd = (uint32_t)prog;
	attr.attach_type = attach_type;
	return !close_if_open(sys_bpf(BPF_LINK_CREATE, &attr, sizeof(attr))) && errno == expected;
}

static int load_empty(uint32_t attach_type)
{
	const struct bpf_insn insns[] = { INSN_ZERO(BPF_REG_0), INSN_EXIT };

	return load(BPF_PROG_TYPE_KPROBE, attach_type, 0, insns, 2);
}

/* Links with arguments that only a kernel which knows them gets as far as to read. */
static void detect_links(struct features *f)
{
	/* kprobe_multi: flags, cnt, syms, addrs, cookies (no address to read there: EFAULT). */
	static const struct link_create_multi kprobe = { .words = { 1ull << 32, 0, 1, 0 } };
	/* uprobe_multi: path, offsets, ref_ctr_offsets, cookies, cnt (no path there: EFAULT). */
	static const struct link_create_multi uprobe = { .words = { 1, 1, 0, 0, 1 } };
	static const struct link_create_multi perf = { .target_fd = UINT32_MAX };
	int prog = load_empty(ATTACH_KPROBE_MULTI);

	f->kprobe_multi = link_fails_with(prog, ATTACH_KPROBE_MULTI, &kprobe, EFAULT);
	(void)close_if_open(prog);
	prog = load_empty(ATTACH_UPROBE_MULTI);
	f->uprobe_multi = link_fails_with(prog, ATTACH_UPROBE_MULTI, &uprobe, EFAULT);
	(void)close_if_open(prog);
	prog = load_empty(0);
	f->perf_link = prog >= 0 && link_fails_with(prog, ATTACH_PERF_EVENT, &perf, EBADF);
	(void)close_if_open(prog);
}

/*
 * Helper numbers are only ever appended (also by distributions that backport), and none of those
 * below depends on a configuration option that the newest does not: if it is there, all are.
 */
static void detect_helpers(struct features *out)
{
	bool all;

	out->ktime_get_tai_ns = has_helper(HELPER_KTIME_GET_TAI_NS);
	all = out->ktime_get_tai_ns;
	out->probe_read_kernel = all || has_helper(HELPER_PROBE_READ_KERNEL);
	out->send_signal = all || has_helper(HELPER_SEND_SIGNAL);
	out->jiffies64 = all || has_helper(HELPER_JIFFIES64);
	out->ns_current_pid_tgid = all || has_helper(HELPER_NS_CURRENT_PID_TGID);
	out->ktime_get_boot_ns = all || has_helper(HELPER_KTIME_GET_BOOT_NS);
	out->get_current_task_btf = all || has_helper(HELPER_GET_CURRENT_TASK_BTF);
	out->for_each_map_elem = all || has_helper(HELPER_FOR_EACH_MAP_ELEM);
	out->ancestor_cgroup_id = all || has_helper(HELPER_GET_CURRENT_ANCESTOR_CGROUP_ID);
	out->get_func_ip = all || has_helper(HELPER_GET_FUNC_IP);
	out->loop = all || has_helper(HELPER_LOOP);
	out->map_lookup_percpu_elem = all || has_helper(HELPER_MAP_LOOKUP_PERCPU_ELEM);
	/* This one needs CONFIG_BPF_KPROBE_OVERRIDE. */
	out->override_return = has_helper(HELPER_OVERRIDE_RETURN);
}

void features_detect(struct features *out)
{
	*out = (struct features){ 0 };
	out->ringbuf = has_ringbuf();
	detect_helpers(out);
	out->atomics = has_atomics();
	out->cpu_v4 = has_cpu_v4();
	out->btf_raw_tracepoint = has_tracing(BPF_TRACE_RAW_TP);
	/* Only for functions of an allow-list in tracing programs; older than the ring buffer's
	 * user. */
	out->d_path = out->btf_raw_tracepoint && out->get_current_task_btf;
	/* Since 5.2 for whoever has CAP_BPF; without it nothing above works either. */
	out->large_insn_limit = out->ringbuf;
	out->cgroup_v2 = cgroup_has_v2();
	detect_links(out);
}

bool features_allow_kfunc(uint32_t prog_type, const char *name, uint32_t btf_id)
{
	const struct bpf_insn insns[] = { { .code = BPF_JMP | BPF_CALL,
					    .src_reg = PSEUDO_KFUNC_CALL,
					    .imm = (int32_t)btf_id },
					  INSN_EXIT };
	char log[4096] = "", refusal[256];
	union bpf_attr attr = { .prog_type = prog_type,
				.insns = (uintptr_t)insns,
				.insn_cnt = 2,
				.license = (uintptr_t) "GPL",
				.log_level = 1,
				.log_buf = (uintptr_t)log,
				.log_size = sizeof(log) };

	(void)snprintf(refusal, sizeof(refusal), "calling kernel function %s is not allowed", name);
	return close_if_open(sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr))) || !strstr(log, refusal);
}

void features_missing_capabilities(char *out, size_t size)
{
	static const struct {
		unsigned bit;
		const char *name;
	} needed[] = { { 38, "CAP_PERFMON" }, { 39, "CAP_BPF" } };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	size_t len = 0;

	*out = 0;
	if (syscall(SYS_capget, &header, data) < 0 ||
	    data[0].effective & 1u << 21) // CAP_SYS_ADMIN includes both
		return;
	for (size_t i = 0; i < 2; i++) {
		int n;

		if (data[1].effective & 1u << (needed[i].bit - 32) || len >= size)
			continue;
		n = snprintf(out + len, size - len, "%s%s", len ? ", " : "", needed[i].name);
		len += n > 0 ? (size_t)n : 0;
	}
}
