#include "common.h"

struct key {
	__u32 pid;
	char comm[16];
};
struct buckets {
	__u64 count[65];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, struct buckets);
} hists SEC(".maps");
static const struct buckets none;

SEC("tp_btf/sys_enter")
int prog(__u64 *ctx)
{
	struct key key;
	struct buckets *value;
	__u64 x, bucket = 0;

	if (ctx[1] != NR_GETPPID)
		return 0;
	key.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(&key.comm, sizeof(key.comm));
	value = bpf_map_lookup_elem(&hists, &key);
	if (!value) {
		bpf_map_update_elem(&hists, &key, &none, BPF_NOEXIST);
		value = bpf_map_lookup_elem(&hists, &key);
		if (!value)
			return 0;
	}
	x = key.pid;
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
	if (bucket < 65)
		value->count[bucket]++;
	return 0;
}
