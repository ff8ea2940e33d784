#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} start SEC(".maps");

struct buckets {
	__u64 count[72];
} hist[MAX_CPUS];

SEC("tp_btf/sys_enter")
int enter(__u64 *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 now;

	if (ctx[1] != NR_GETPPID)
		return 0;
	now = bpf_ktime_get_boot_ns();
	bpf_map_update_elem(&start, &tid, &now, BPF_ANY);
	return 0;
}

SEC("tp_btf/sys_exit")
int leave(__u64 *ctx)
{
	struct regs *regs = (struct regs *)ctx[0];
	__u32 tid;
	__u64 *then, x, bucket = 0;

	if (regs->orig_ax != NR_GETPPID)
		return 0;
	tid = bpf_get_current_pid_tgid();
	then = bpf_map_lookup_elem(&start, &tid);
	if (!then || !*then)
		return 0;
	x = bpf_ktime_get_boot_ns() - *then;
	if (x) {
		bucket = 1;
		if (x >> 32) {
			bucket += 32;
			x >>= 32;
		}
		if (x >> 16) {
			bucket += 16;
			x >>= 16;
		}
		if (x >> 8) {
			bucket += 8;
			x >>= 8;
		}
		if (x >> 4) {
			bucket += 4;
			x >>= 4;
		}
		if (x >> 2) {
			bucket += 2;
			x >>= 2;
		}
		if (x >> 1)
			bucket += 1;
	}
	if (bucket < 72)
		hist[bpf_get_smp_processor_id() & (MAX_CPUS - 1)].count[bucket]++;
	bpf_map_delete_elem(&start, &tid);
	return 0;
}
