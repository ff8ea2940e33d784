#include "common.h"

struct key {
	__u32 pid, uid, cpu;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, __u64);
} counts SEC(".maps");

SEC("tp_btf/sys_enter")
int prog(__u64 *ctx)
{
	struct key key;
	__u64 one = 1, *value;

	if (ctx[1] != NR_GETPPID)
		return 0;
	key.pid = bpf_get_current_pid_tgid() >> 32;
	key.uid = bpf_get_current_uid_gid();
	key.cpu = bpf_get_smp_processor_id();
	value = bpf_map_lookup_elem(&counts, &key);
	if (value)
		*value += 1;
	else
		bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
	return 0;
}
