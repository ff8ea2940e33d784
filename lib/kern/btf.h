/*
 * BTF, read lazily.
 *
 * libbpf copies the whole of the kernel's BTF and indexes every type; this reader maps the file
 * (or reads it where the kernel can't map it) and, in one pass over the type records, notes where
 * every 8th type begins.  Names are hashed when the first one is looked up, types and functions
 * apart.  Everything is checked against the bounds of the data: hostile input gives "not found".
 *
 * Type 0 is void.  A module's BTF continues the numbering of vmlinux, its base.
 *
 * Reference: Documentation/bpf/btf.rst.
 */
#pragma once

#include <linux/btf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

struct kbtf;

/*
 * Open raw BTF at @path, or the .BTF section of an ELF file there.  @base NULL: a whole one; else
 * a module's, on top of it (@base must outlive it).  -EINVAL: not BTF.
 */
int kbtf_open(struct kbtf **out, const char *path, const struct kbtf *base, struct err *err)
	__attribute__((warn_unused_result));
/* The same for bytes in memory, which are copied. */
int kbtf_open_memory(struct kbtf **out, const void *data, size_t size, const struct kbtf *base,
		     struct err *err) __attribute__((warn_unused_result));
void kbtf_close(struct kbtf *b);

/* One more than the last type id; the first one of its own (1, or the base's count). */
uint32_t kbtf_count(const struct kbtf *b);
uint32_t kbtf_first(const struct kbtf *b);

/* The record of type @id with all its trailing data in bounds; NULL for 0 and unknown ids. */
const struct btf_type *kbtf_type(const struct kbtf *b, uint32_t id);
/* The string at @offset, "" if out of bounds. */
const char *kbtf_string(const struct kbtf *b, uint32_t offset);
static inline const char *kbtf_name(const struct kbtf *b, const struct btf_type *t)
{
	return kbtf_string(b, t->name_off);
}

static inline uint32_t kbtf_kind(const struct btf_type *t)
{
	return BTF_INFO_KIND(t->info);
}

static inline uint32_t kbtf_vlen(const struct btf_type *t)
{
	return BTF_INFO_VLEN(t->info);
}

/* What follows a record, as its kind says. */
static inline const void *kbtf_tail(const struct btf_type *t)
{
	return t + 1;
}

/*
 * The id of the type called @name whose kind is in @kinds (bits 1 << BTF_KIND_*), 0: none.  Looks
 * at the types of @b's own, not at its base's.
 */
uint32_t kbtf_find(struct kbtf *b, const char *name, uint32_t kinds);
/* The next one after @id of the same name, 0: none. */
uint32_t kbtf_find_next(struct kbtf *b, uint32_t id, uint32_t kinds);

/* The enum that has an enumerator @name among @b's own types, and its index in it; 0: none. */
uint32_t kbtf_find_enumerator(const struct kbtf *b, const char *name, uint32_t *index);

/* Follow typedefs, const, volatile, restrict, type tags; the id that remains (0: void). */
uint32_t kbtf_strip(const struct kbtf *b, uint32_t id);
/* Size in bytes as sizeof would say; 0: unknown or without a size. */
uint64_t kbtf_size(const struct kbtf *b, uint32_t id);

/* Visit all own types in order of id; @fn false stops. */
typedef bool (*kbtf_fn)(void *ctx, uint32_t id, const struct btf_type *t);
void kbtf_each(const struct kbtf *b, kbtf_fn fn, void *ctx);

/* A C declaration of type @id without a name, as bpftrace -lv prints it: "struct sock *". */
void kbtf_print_type(struct buf *out, const struct kbtf *b, uint32_t id);
/* The C definition of a struct, union or enum over several lines, ending in "};\n". */
void kbtf_print_definition(struct buf *out, const struct kbtf *b, uint32_t id);
