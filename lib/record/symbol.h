/*
 * Symbols and stacks as text.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "record/resolver.h"
#include "record/shape.h"
#include "util/buf.h"

/* "vfs_read", or "0xffffffff81234567" if that is all there is. */
void symbol_put_kernel(struct buf *out, const struct record_env *env, uint64_t addr);
void symbol_put_user(struct buf *out, const struct record_env *env, uint64_t addr, uint32_t pid);
/* A whole stack: a newline, then a line a frame. */
void symbol_put_stack(struct buf *out, const struct record_env *env, const struct shape *shape,
		      int32_t id, uint32_t pid);
