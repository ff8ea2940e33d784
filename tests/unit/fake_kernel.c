#include "fake_kernel.h"

#include <linux/bpf.h>
#include <string.h>

static uint64_t mix(uint64_t h, uint64_t v)
{
	h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
	h *= 0xff51afd7ed558ccdu;
	return h ^ h >> 32;
}

static uint64_t mix_bytes(uint64_t h, const void *data, uint64_t len)
{
	const uint8_t *p = data;

	for (uint64_t i = 0; i < len; i++)
		h = mix(h, p[i]);
	return h;
}

static void note(struct fake_kernel *k, uint64_t what)
{
	k->log = mix(k->log, what);
	k->log_count++;
}

static void fill(void *to, uint64_t len, uint64_t seed)
{
	uint8_t *p = to;

	for (uint64_t i = 0; i < len; i++)
		p[i] = (uint8_t)mix(seed, i);
}

void fake_kernel_init(struct fake_kernel *k, uint64_t seed)
{
	memset(k, 0, sizeof(*k));
	for (uint32_t i = 0; i < 2; i++)
		fill(k->values[i], 1024, seed + i);
	fill(k->cells, sizeof(k->cells), seed + 10);
	fill(k->ctx, sizeof(k->ctx), seed + 11);
}

static void *at(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static uint64_t loop(struct fake_kernel *k, const uint64_t a[5])
{
	uint64_t i;

	for (i = 0; i < a[0] && i < 8; i++)
		if (k->call(k->runner, a[1], i, a[2]))
			return i + 1;
	return i;
}

static uint64_t read_string(const uint64_t a[5])
{
	uint64_t n = mix(a[2], 1) % (a[1] + 1);

	if (n)
		fill(at(a[0]), n, a[2]);
	return n;
}

static uint64_t lookup(struct fake_kernel *k, const uint64_t a[5])
{
	uint64_t h = mix_bytes(3, at(a[1]), 8);

	return h & 1 ? (uint64_t)(uintptr_t)&k->cells[h / 2 % FAKE_CELLS] : 0;
}

uint64_t fake_kernel_helper(struct fake_kernel *k, uint32_t helper, const uint64_t a[5])
{
	switch (helper) {
	case BPF_FUNC_get_current_pid_tgid: return 0x1234500006789;
	case BPF_FUNC_get_current_uid_gid: return 0x3e8000003e9;
	case BPF_FUNC_get_smp_processor_id: return 1;
	case BPF_FUNC_ktime_get_ns: return mix(k->log_count, 7);
	case BPF_FUNC_send_signal: note(k, a[0]); return mix(k->log_count, a[0]);
	case BPF_FUNC_get_current_comm: fill(at(a[0]), a[1], 5); return 0;
	case BPF_FUNC_probe_read_kernel:
		fill(at(a[0]), a[1], a[2]);
		return a[2] & 1 ? (uint64_t)-14 : 0;
	case BPF_FUNC_probe_read_kernel_str: return read_string(a);
	case BPF_FUNC_map_lookup_elem: return lookup(k, a);
	case BPF_FUNC_map_update_elem:
		note(k, mix_bytes(mix_bytes(a[3], at(a[1]), 8), at(a[2]), 8));
		return mix(k->log_count, 2);
	case BPF_FUNC_perf_event_output: note(k, mix_bytes(a[2], at(a[3]), a[4])); return 0;
	case BPF_FUNC_loop: return loop(k, a);
	default: return 0;
	}
}
