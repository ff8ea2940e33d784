/*
 * The compiler's types from the kernel's BTF.
 *
 * Types are made when they are asked for and kept, so that one struct of the kernel is one struct
 * type; its members are made by ktypes_complete().  Everything lives in the arena.
 *
 * How C becomes the language's types: int kinds by size and sign, _Bool is bool, enums keep their
 * names, a pointer is AS_KERNEL, or AS_USER if it is tagged "user", a pointer to a function is a
 * pointer to void.  Elements of arrays of 1-byte integers carry the name "char": bpftrace reads
 * such arrays as strings, and semantic analysis decides by that name.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kern/btf.h"
#include "lang/arch.h"
#include "lang/target.h"
#include "lang/type.h"
#include "util/arena.h"

struct ktypes;

/* @path NULL: $BPFTRACE_BTF, else /sys/kernel/btf/vmlinux.  Opens nothing yet. */
struct ktypes *ktypes_new(struct arena *a, const char *path);
/* Closes the files; the types stay, as the arena does. */
void ktypes_finish(struct ktypes *k);

struct arena *ktypes_arena(const struct ktypes *k);

/* BTF of "vmlinux" (also NULL) or a module; NULL if there is none.  *obj: its number, 0 vmlinux. */
struct kbtf *ktypes_btf(struct ktypes *k, const char *module, uint32_t *obj);
/* Names of all modules with BTF, sorted, ends in NULL; in the arena. */
const char *const *ktypes_modules(struct ktypes *k);
const char *ktypes_module_name(const struct ktypes *k, uint32_t obj);

const struct type *ktypes_find(struct ktypes *k, enum type_tag tag, const char *name);
void ktypes_complete(struct ktypes *k, struct type *t);
bool ktypes_find_enumerator(struct ktypes *k, const char *name, int64_t *value,
			    const struct type **type);
/* The type @id of BTF object @obj. */
const struct type *ktypes_get(struct ktypes *k, uint32_t obj, uint32_t id);

/*
 * A type by its C spelling without a declarator: "const struct sock *", "unsigned long", "u32",
 * "char __attribute__((btf_type_tag("user"))) *".  Plain integers are known without BTF.  Pointers
 * that are not marked as the user's get @as.  NULL: not known.
 */
const struct type *ktypes_by_c_name(struct ktypes *k, const char *c_name, enum addr_space as);

const struct type *ktypes_function_args(struct ktypes *k, const char *module, const char *name);
const struct type *ktypes_raw_tracepoint_args(struct ktypes *k, const char *name);
const struct type *ktypes_iter_context(struct ktypes *k, const char *name);

/* The FUNC called @name: in @module, or (NULL) vmlinux, then the modules.  0: none. */
uint32_t ktypes_find_function(struct ktypes *k, const char *module, const char *name,
			      uint32_t *obj);
/* The FUNC that has a raw tracepoint's arguments after a first one, and its object; 0: none. */
uint32_t ktypes_find_tracepoint_stub(struct ktypes *k, const char *name, uint32_t *obj);
/* The variable of a per-CPU section; 0: none. */
uint32_t ktypes_find_percpu(struct ktypes *k, const char *name, uint32_t *obj);

/* The most arguments a function may have to be traced with their types, as bpftrace limits it. */
static inline uint32_t ktypes_args_max(void)
{
	return arch_native()->argument_count;
}
