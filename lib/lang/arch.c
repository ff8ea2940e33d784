#include "lang/arch.h"

#include <string.h>

#include "lang/target.h"

const struct arch *arch_native(void)
{
#if defined(__x86_64__)
	return &arch_x86_64;
#elif defined(__aarch64__)
	return &arch_arm64;
#else
#error "which architecture is this?"
#endif
}

const struct arch *arch_of(const struct target *t)
{
	return t && t->arch ? t->arch : arch_native();
}

const struct arch *arch_find(const char *name)
{
	static const struct arch *const all[] = { &arch_arm64, &arch_x86_64 };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
}
