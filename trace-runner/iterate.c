/*
 * iter: probes.  Reading the link's file makes the kernel run the program for each object.
 *
 * A thread reads, so that events are taken out of the ring buffer meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "signals.h"
#include "sys.h"
#include "trace.h"
#include "util/fd.h"

#define BPF_FS "/sys/fs/bpf"

struct walk {
	int fd;
	int output;
	atomic_bool is_done;
	int result;
};

static void *read_objects(void *arg)
{
	struct walk *w = arg;
	char chunk[4096];
	ssize_t n;

	for (;;) {
		n = read(w->fd, chunk, sizeof(chunk));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		/* What the program wrote by itself, with bpf_seq_printf(). */
		if (fd_write_all(w->output, chunk, (size_t)n) < 0)
			break;
	}
	w->result = n < 0 ? -errno : 0;
	atomic_store(&w->is_done, true);
	return NULL;
}

static int walk(struct trace *t, int iter)
{
	struct walk w = { .fd = iter, .output = t->output.fd };
	const struct timespec pause = { .tv_nsec = 200000 };
	pthread_t thread;
	int r = -pthread_create(&thread, NULL, read_objects, &w);

	if (r < 0)
		return r;
	while (!atomic_load(&w.is_done)) {
		if (events_consume(&t->events, SIZE_MAX) == 0)
			(void)nanosleep(&pause, NULL);
		events_report_lost(&t->events);
		output_idle(&t->output);
	}
	pthread_join(thread, NULL);
	trace_drain(t);
	return w.result;
}

static const struct attach_point *iter_point(const struct trace *t)
{
	for (uint32_t i = 0; i < t->image->program_count; i++) {
		if (t->image->programs[i].kind == PROBE_iter)
			return t->image->programs[i].attach_points[0];
	}
	return NULL;
}

static int pin(struct trace *t, const char *name)
{
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s%s", name[0] == '/' ? "" : BPF_FS "/", name);
	r = sys_pin(t->attached.iter_link, path);
	/* The file system may not be mounted yet. */
	if (r == -EPERM && mount("bpf", BPF_FS, "bpf", 0, "mode=0700") == 0)
		r = sys_pin(t->attached.iter_link, path);
	if (r < 0) {
		message_error("Failed to pin iter probe link: %s", strerror(-r));
		return 0; // as bpftrace: said, but no failure
	}
	printf("Program pinned to %s\n", path);
	fflush(stdout);
	return 0;
}

int trace_iterate(struct trace *t)
{
	const struct attach_point *ap = iter_point(t);
	_cleanup_close_ int iter = -1;
	int r;

	if (ap && ap->mode && ap->mode[0])
		return pin(t, ap->mode);
	iter = sys_iter_create(t->attached.iter_link);
	if (iter < 0) {
		message_error("Failed to open iter probe link: %s", strerror(-iter));
		return iter;
	}
	r = walk(t, iter);
	if (r < 0)
		message_error("reading the iterator: %s", strerror(-r));
	return r;
}
