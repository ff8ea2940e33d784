#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/fd.h"

#define WRITE_BYTES (64u << 10)
#define BUFFER_MAX  ((size_t)1 << 32) // a map of millions of entries is one piece
#define KEEP_BYTES  (1u << 20)

int output_open(struct output *o, const char *path, enum options_buffering buffering,
		struct err *err)
{
	*o = (struct output){ .fd = STDOUT_FILENO, .buffering = buffering };
	if (path) {
		o->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (o->fd < 0)
			return err_errno(err, -errno, "Failed to open output file: \"%s\"", path);
		o->owns_fd = true;
	}
	buf_init(&o->out, BUFFER_MAX);
	buf_init(&o->err, BUFFER_MAX);
	return 0;
}

static void write_buffer(struct output *o, struct buf *b, int fd)
{
	if (b->len == 0)
		return;
	if (fd_write_all(fd, b->data, b->len) < 0 && fd == o->fd)
		o->is_broken = true;
	if (b->cap > KEEP_BYTES) {
		buf_finish(b);
		buf_init(b, BUFFER_MAX);
	}
	buf_clear(b);
}

void output_flush(struct output *o)
{
	write_buffer(o, &o->out, o->fd);
	write_buffer(o, &o->err, STDERR_FILENO);
}

void output_event(struct output *o)
{
	/* What was printed before a message comes before it. */
	if (o->err.len > 0 || o->out.len >= WRITE_BYTES || o->buffering == BUFFERING_NONE)
		output_flush(o);
}

void output_idle(struct output *o)
{
	if (o->buffering != BUFFERING_FULL)
		output_flush(o);
}

void output_close(struct output *o)
{
	if (o->fd < 0)
		return;
	output_flush(o);
	if (o->owns_fd)
		close(o->fd);
	buf_finish(&o->out);
	buf_finish(&o->err);
	o->fd = -1;
}
