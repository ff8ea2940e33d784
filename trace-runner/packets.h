/*
 * Packets that bpf_skb_output() writes: a perf buffer for each CPU, since that helper knows no
 * other.
 *
 * Only traces that call skboutput() have one.
 */
#pragma once

#include <stddef.h>

#include "util/err.h"

struct packets;

/* For the BPF_MAP_TYPE_PERF_EVENT_ARRAY at @map_fd.  *out is the caller's: packets_close(). */
int packets_open(struct packets **out, int map_fd, struct err *err)
	__attribute__((warn_unused_result));
void packets_close(struct packets *p);

/* Readable when there is something; -1 for NULL. */
int packets_fd(const struct packets *p);

/* A record as the program wrote it, header and packet. */
typedef void (*packets_fn)(void *ctx, const void *data, size_t len);
/* Visit all that is there; returns how many.  *lost grows by those that found no room. */
size_t packets_consume(struct packets *p, packets_fn fn, void *ctx, unsigned long long *lost);
