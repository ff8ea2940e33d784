/*
 * BPF programs that are loaded now, with the names of their functions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/arena.h"

/* @name is in the arena; @btf_id is the function's in the program's own BTF.  False stops. */
typedef bool (*bpfprogs_fn)(void *ctx, uint32_t prog_id, const char *name, uint32_t btf_id);

/* Programs without BTF are left out: they can't be attached to. */
void bpfprogs_each(struct arena *a, bpfprogs_fn fn, void *ctx);

/* A descriptor of the BTF object of kernel module @module ("vmlinux" too); -ENOENT, -errno. */
int bpfprogs_module_btf_fd(const char *module) __attribute__((warn_unused_result));
