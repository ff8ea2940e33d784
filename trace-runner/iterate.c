/*
 * iter: probes.  Reading the link's file makes the kernel run the program for each object.
 *
 * A child reads, so that events are taken out of the ring buffer meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "sys.h"
#include "trace.h"
#include "util/fd.h"

#define BPF_FS "/sys/fs/bpf"

/* In the child; its exit status is an errno. */
static void read_objects(int iter, int output)
{
	char chunk[4096];
	ssize_t n;

	for (;;) {
		n = read(iter, chunk, sizeof(chunk));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		/* What the program wrote by itself, with bpf_seq_printf(). */
		if (fd_write_all(output, chunk, (size_t)n) < 0)
			break;
	}
	_exit(n < 0 ? errno : 0);
}

static int walk(struct trace *t, int iter)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	int status = 0;
	pid_t pid;

	output_flush(&t->output);
	pid = fork();
	if (pid == 0)
		read_objects(iter, t->output.fd);
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (events_consume(&t->events, SIZE_MAX) == 0)
			(void)nanosleep(&pause, NULL);
		events_report_lost(&t->events);
		output_idle(&t->output);
	}
	trace_drain(t);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
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
