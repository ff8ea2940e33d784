/* What the hand-written programs share; built by clang -O2 -target bpf. */
#pragma once

#include <linux/bpf.h>

/* After the types that they use. */
#include <bpf/bpf_helpers.h>

#define NR_GETPPID 110
#define NR_OPENAT  257
#define MAX_CPUS   64

/* The part of struct pt_regs (x86-64) that system call arguments are in. */
struct regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
};

struct slot {
	__u64 value;
	__u64 pad[7];
};

struct event_header {
	__u64 id;
};

char LICENSE[] SEC("license") = "GPL";
