#include "common.h"

struct slot counts[MAX_CPUS];

SEC("tp_btf/sys_enter")
int prog(__u64 *ctx)
{
	if (ctx[1] != NR_GETPPID)
		return 0;
	if (bpf_get_current_pid_tgid() >> 32 != 1)
		return 0;
	counts[bpf_get_smp_processor_id() & (MAX_CPUS - 1)].value++;
	return 0;
}
