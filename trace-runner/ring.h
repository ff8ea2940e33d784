/*
 * Reading the BPF ring buffer, in the order of reservation.
 *
 *     | consumer page | producer page | data |
 *
 * Each record has a header of 8 bytes, whose length is marked busy until the program has submitted
 * it: reading stops there.  The kernel would map the data twice in a row, so that a record that
 * wraps can be read in one piece; but mapped pages count as resident memory, so it is mapped once,
 * and the few records that wrap are copied.
 *
 * Reference: kernel/bpf/ringbuf.c, Documentation/bpf/ringbuf.rst.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct ring {
	int fd; // of the map, to wait on; not owned.  -1: not open
	size_t size;
	uint64_t *consumer; // a page of its own, ours to write
	const uint64_t *producer;
	const unsigned char *data;
	uint64_t position;      // next byte to read
	uint64_t published;     // what *consumer says
	unsigned char *wrapped; // a record put together
	size_t wrapped_size;
};

int ring_open(struct ring *r, int map_fd, size_t size, struct err *err)
	__attribute__((warn_unused_result));
void ring_close(struct ring *r);

/*
 * The next record: its bytes and *len, or NULL when none is complete.  They are valid until
 * ring_release(), which gives all that was read back to the programs; call it every now and then,
 * and always before waiting.
 */
const void *ring_next(struct ring *r, size_t *len);
void ring_release(struct ring *r);
/* How full it is, in bytes. */
size_t ring_pending(const struct ring *r);
