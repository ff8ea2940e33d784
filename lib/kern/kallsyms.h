/*
 * Kernel symbols from /proc/kallsyms.
 *
 * The file is read once into one buffer (7 MB of text for 122,000 symbols becomes a 16-byte record
 * each) and sorted; both searches are binary.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct kallsyms;

struct kallsym {
	uint64_t address;
	const char *name;
	const char *module; // "vmlinux", a module's name, "bpf" for jited programs
	char type;	    // nm(1) letter
};

/* 0; -errno of reading @path (NULL: /proc/kallsyms); -EPERM: addresses are hidden (kptr_restrict). */
int kallsyms_load(struct kallsyms **out, const char *path, struct err *err)
	__attribute__((warn_unused_result));
void kallsyms_free(struct kallsyms *k);

size_t kallsyms_count(const struct kallsyms *k);
/* Symbol number @i in order of address. */
struct kallsym kallsyms_at(const struct kallsyms *k, size_t i);
/* The last symbol at or before @address; false when it is before the first or beyond the text. */
bool kallsyms_by_address(const struct kallsyms *k, uint64_t address, struct kallsym *out);
/* The first symbol called @name (vmlinux before modules). */
bool kallsyms_by_name(const struct kallsyms *k, const char *name, struct kallsym *out);
/* The same for functions of one module only; @module NULL: any. */
bool kallsyms_function(const struct kallsyms *k, const char *module, const char *name,
		       struct kallsym *out);
