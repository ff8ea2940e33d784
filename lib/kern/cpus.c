#include "kern/cpus.h"

#include <stdio.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/str.h"

#define LIST_MAX (64u << 10)
#define CPUS_MAX (1u << 20)

void cpus_parse(cpu_list *out, const char *text)
{
	uint64_t first, last;

	while (str_take_u64(&text, 10, &first)) {
		last = first;
		if (str_take(&text, "-") && !str_take_u64(&text, 10, &last))
			return;
		for (uint64_t cpu = first; cpu <= last && cpu < CPUS_MAX; cpu++)
			vec_push(NULL, out, (int)cpu);
		if (!str_take(&text, ","))
			return;
	}
}

void cpus_read(cpu_list *out, const char *which)
{
	struct buf text;
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/%s", which);
	buf_init(&text, LIST_MAX);
	if (buf_read_file(&text, path) == 0)
		cpus_parse(out, buf_cstr(&text));
	buf_finish(&text);
	if (out->len > 0)
		return;
	for (int i = 0; i < (int)sysconf(_SC_NPROCESSORS_CONF); i++)
		vec_push(NULL, out, i);
}
