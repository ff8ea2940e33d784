#include "common.h"

__u64 a, b;

SEC("tp_btf/sys_enter")
int prog(__u64 *ctx)
{
	if (ctx[1] != NR_GETPPID)
		return 0;
	a = bpf_ktime_get_boot_ns();
	b = bpf_get_current_pid_tgid() >> 32;
	return 0;
}
