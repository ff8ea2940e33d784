#include "common.h"

struct event {
	struct event_header header;
	__u64 pid, nsecs;
	char comm[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} ring SEC(".maps");

SEC("tp_btf/sys_enter")
int prog(__u64 *ctx)
{
	struct event *e;

	if (ctx[1] != NR_GETPPID)
		return 0;
	e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
	if (!e)
		return 0;
	e->header.id = 1;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->nsecs = bpf_ktime_get_boot_ns();
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, 0);
	return 0;
}
