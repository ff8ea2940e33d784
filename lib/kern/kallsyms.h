/*
 * Kernel symbols from /proc/kallsyms.
 *
 * The kernel needs 28 ms to print its 122,000 symbols, so the file is read only when an address is
 * to be named, and once: names go into one buffer (2.6 MB), the rest into a 16-byte record each,
 * in order of address.
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
	char type;          // nm(1) letter
};

/* 0; -errno of reading @path (NULL: /proc/kallsyms); -EPERM: addresses are hidden. */
int kallsyms_load(struct kallsyms **out, const char *path, struct err *err)
	__attribute__((warn_unused_result));
void kallsyms_free(struct kallsyms *k);

size_t kallsyms_count(const struct kallsyms *k);
/* Symbol number @i in order of address. */
struct kallsym kallsyms_at(const struct kallsyms *k, size_t i);
/* The symbol @address is in: of equal ones the first, as the kernel itself prints it. */
bool kallsyms_by_address(const struct kallsyms *k, uint64_t address, struct kallsym *out);
/* The first symbol called @name (vmlinux before modules). */
bool kallsyms_by_name(const struct kallsyms *k, const char *name, struct kallsym *out);

/* Visit the symbols in the file's order without keeping them; @fn false stops.  0 or -errno. */
typedef bool (*kallsyms_fn)(void *ctx, const struct kallsym *symbol);
int kallsyms_each(const char *path, kallsyms_fn fn, void *ctx, struct err *err)
	__attribute__((warn_unused_result));

static inline bool kallsym_is_function(const struct kallsym *s)
{
	return s->type == 't' || s->type == 'T' || s->type == 'w' || s->type == 'W';
}
