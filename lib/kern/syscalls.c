#include "kern/syscalls.h"

#include <stddef.h>
#include <string.h>

struct syscall_row {
	int number;
	const char *name;
	const char *entry;
};

static const struct syscall_row rows[] = {
#define SYSCALL(number, name, entry) { number, #name, #entry },
#if defined(__aarch64__)
#include "kern/syscalls_aarch64.def"
#else
#include "kern/syscalls_x86_64.def"
#endif
};

int syscalls_number(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!strcmp(rows[i].name, name) || !strcmp(rows[i].entry, name))
			return rows[i].number;
	}
	return -1;
}

const char *syscalls_name(int number)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].number == number)
			return rows[i].name;
	}
	return NULL;
}
