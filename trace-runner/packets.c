#include "packets.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys.h"

#define PAGES      64 // of data for each CPU; a power of two
#define RECORD_MAX (1u << 16)

struct buffer {
	int fd;
	struct perf_event_mmap_page *page; // the data follows it
};

struct packets {
	int epoll_fd;
	struct buffer *buffers;
	size_t count;
	size_t page_size;
	unsigned char *record; // one that wraps, put together
};

static int open_buffer(struct packets *p, int map_fd, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.wakeup_events = 1,
	};
	struct epoll_event event = { .events = EPOLLIN };
	struct buffer b = { .fd = sys_perf_event_open(&attr, -1, cpu) };
	uint32_t key = (uint32_t)cpu;

	if (b.fd == -ENODEV)
		return 0; // this CPU is offline
	if (b.fd < 0)
		return b.fd;
	p->buffers[p->count++] = b;
	b.page =
		mmap(NULL, (PAGES + 1) * p->page_size, PROT_READ | PROT_WRITE, MAP_SHARED, b.fd, 0);
	if (b.page == MAP_FAILED)
		return -errno;
	p->buffers[p->count - 1].page = b.page;
	if (epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, b.fd, &event) < 0 ||
	    ioctl(b.fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		return -errno;
	return sys_map_update(map_fd, &key, &b.fd, 0);
}

int packets_open(struct packets **out, int map_fd, struct err *err)
{
	size_t cpus = (size_t)sysconf(_SC_NPROCESSORS_CONF);
	struct packets *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return err_set(err, -ENOMEM, "no memory");
	p->page_size = (size_t)sysconf(_SC_PAGESIZE);
	p->buffers = calloc(cpus, sizeof(*p->buffers));
	p->record = malloc(RECORD_MAX);
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll_fd < 0)
		r = -errno;
	else if (!p->buffers || !p->record)
		r = -ENOMEM;
	for (size_t cpu = 0; r == 0 && cpu < cpus; cpu++)
		r = open_buffer(p, map_fd, (int)cpu);
	if (r < 0) {
		packets_close(p);
		return err_errno(err, r, "Failed to open perf buffer");
	}
	*out = p;
	return 0;
}

void packets_close(struct packets *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		if (p->buffers[i].page)
			munmap(p->buffers[i].page, (PAGES + 1) * p->page_size);
		close(p->buffers[i].fd);
	}
	if (p->epoll_fd >= 0)
		close(p->epoll_fd);
	free(p->buffers);
	free(p->record);
	free(p);
}

int packets_fd(const struct packets *p)
{
	return p ? p->epoll_fd : -1;
}

/* @len bytes at position @at of the data, which may go around its end. */
static void copy_data(const struct packets *p, const struct buffer *b, uint64_t at, void *out,
		      size_t len)
{
	const unsigned char *data = (const unsigned char *)b->page + p->page_size;
	size_t size = PAGES * p->page_size, offset = at & (size - 1);
	size_t first = len < size - offset ? len : size - offset;

	memcpy(out, data + offset, first);
	memcpy((unsigned char *)out + first, data, len - first);
}

static void visit(struct packets *p, const struct perf_event_header *header, packets_fn fn,
		  void *ctx, unsigned long long *lost)
{
	const unsigned char *body = p->record + sizeof(*header);
	size_t room = header->size - sizeof(*header);
	uint32_t len;
	uint64_t count;

	if (header->type == PERF_RECORD_SAMPLE && room >= sizeof(len)) {
		memcpy(&len, body, sizeof(len));
		if (len <= room - sizeof(len))
			fn(ctx, body + sizeof(len), len);
	} else if (header->type == PERF_RECORD_LOST && room >= 2 * sizeof(count)) {
		memcpy(&count, body + sizeof(count), sizeof(count));
		*lost += count;
	}
}

static size_t consume_buffer(struct packets *p, struct buffer *b, packets_fn fn, void *ctx,
			     unsigned long long *lost)
{
	uint64_t head = __atomic_load_n(&b->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = b->page->data_tail;
	size_t count = 0;

	while (tail < head) {
		struct perf_event_header header;

		copy_data(p, b, tail, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > head - tail)
			break; // not the kernel's
		copy_data(p, b, tail, p->record, header.size);
		visit(p, &header, fn, ctx, lost);
		tail += header.size;
		count++;
	}
	__atomic_store_n(&b->page->data_tail, tail, __ATOMIC_RELEASE);
	return count;
}

size_t packets_consume(struct packets *p, packets_fn fn, void *ctx, unsigned long long *lost)
{
	size_t count = 0;

	for (size_t i = 0; p && i < p->count; i++)
		count += consume_buffer(p, &p->buffers[i], fn, ctx, lost);
	return count;
}
