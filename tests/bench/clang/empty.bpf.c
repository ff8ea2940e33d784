#include "common.h"

SEC("tp_btf/sys_enter")
int prog(__u64 *ctx)
{
	if (ctx[1] != NR_GETPPID)
		return 0;
	return 0;
}
