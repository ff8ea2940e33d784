#include "ring.h"

#include <assert.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Give space back at the latest when this part of the buffer has been read. */
#define RELEASE_SHARE 8

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int ring_open(struct ring *r, int map_fd, size_t size, struct err *err)
{
	size_t page = page_size();
	void *consumer, *producer;

	*r = (struct ring){ .fd = -1 };
	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (consumer == MAP_FAILED)
		return err_errno(err, -errno, "mapping the ring buffer");
	producer = mmap(NULL, page + size, PROT_READ, MAP_SHARED, map_fd, (off_t)page);
	if (producer == MAP_FAILED) {
		int code = -errno;

		munmap(consumer, page);
		return err_errno(err, code, "mapping the ring buffer");
	}
	r->consumer = consumer;
	r->producer = producer;
	r->data = (const unsigned char *)producer + page;
	r->size = size;
	r->position = r->published = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
	r->fd = map_fd;
	return 0;
}

void ring_close(struct ring *r)
{
	if (r->fd < 0)
		return;
	free(r->wrapped);
	r->wrapped = NULL;
	munmap(r->consumer, page_size());
	munmap((void *)(uintptr_t)r->producer, page_size() + r->size);
	r->fd = -1;
}

void ring_release(struct ring *r)
{
	if (r->published == r->position)
		return;
	r->published = r->position;
	/*
	 * A program wakes us if it finds its record to be the next one to read.  So this store must
	 * be seen before we look for more and sleep.
	 */
	__atomic_store_n(r->consumer, r->position, __ATOMIC_SEQ_CST);
}

/* The record of @len bytes at @offset: in place, or put together. */
static const void *record_at(struct ring *r, size_t offset, size_t len)
{
	unsigned char *more;

	offset &= r->size - 1;
	if (offset + len <= r->size)
		return r->data + offset;
	if (!r->wrapped || len > r->wrapped_size) {
		more = realloc(r->wrapped, len);
		if (!more)
			return NULL;
		r->wrapped = more;
		r->wrapped_size = len;
	}
	assert(r->data);
	memcpy(r->wrapped, r->data + offset, r->size - offset);
	memcpy(r->wrapped + (r->size - offset), r->data, len - (r->size - offset));
	return r->wrapped;
}

const void *ring_next(struct ring *r, size_t *len)
{
	for (;;) {
		const unsigned char *header;
		const void *record;
		uint32_t length;

		if (r->position - r->published >= r->size / RELEASE_SHARE)
			ring_release(r);
		if (r->position >= __atomic_load_n(r->producer, __ATOMIC_ACQUIRE))
			return NULL;
		header = r->data + (r->position & (r->size - 1));
		length = __atomic_load_n((const uint32_t *)(const void *)header, __ATOMIC_ACQUIRE);
		if (length & BPF_RINGBUF_BUSY_BIT)
			return NULL;
		*len = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		record = length & BPF_RINGBUF_DISCARD_BIT
				 ? NULL
				 : record_at(r, r->position + BPF_RINGBUF_HDR_SZ, *len);
		r->position += (BPF_RINGBUF_HDR_SZ + *len + 7) & ~(uint64_t)7;
		if (record)
			return record;
	}
}

size_t ring_pending(const struct ring *r)
{
	return (size_t)(__atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - r->position);
}
