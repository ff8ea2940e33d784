#include "common.h"

#define MAX_PATH 1024

struct key {
	char path[MAX_PATH];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, __u64);
} counts SEC(".maps");
struct key scratch[MAX_CPUS];

SEC("tp_btf/sys_enter")
int prog(__u64 *ctx)
{
	struct regs *regs = (struct regs *)ctx[0];
	struct key *key;
	__u64 one = 1, *value;

	if (ctx[1] != NR_OPENAT)
		return 0;
	key = &scratch[bpf_get_smp_processor_id() & (MAX_CPUS - 1)];
	__builtin_memset(key, 0, sizeof(*key));
	bpf_probe_read_user_str(key->path, sizeof(key->path), (void *)regs->si);
	value = bpf_map_lookup_elem(&counts, key);
	if (value)
		*value += 1;
	else
		bpf_map_update_elem(&counts, key, &one, BPF_ANY);
	return 0;
}
