/*
 * The order of keys: bytes that memcmp() sorts as the keys shall be sorted.
 */
#pragma once

#include "record/shape.h"
#include "record/writer.h"
#include "util/buf.h"

/* Of the raw key at @data (shape->size bytes): integers as signed ones, as bpftrace has them. */
void order_put(struct buf *out, const struct shape *shape, const void *data);

/* The same of what a walk tells; ctx: the writer's out. */
extern const struct writer_ops order_writer;
