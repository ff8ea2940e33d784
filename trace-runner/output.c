#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/linepack.h"

#define WRITE_BYTES (64u << 10)
#define BUFFER_MAX  ((size_t)1 << 32) // a map of millions of entries is one piece
#define KEEP_BYTES  (1u << 20)
#define PACK_RATE   1000 // lines a second: far below what a kubelet can send one by one

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

static uint64_t count_lines(const char *text, size_t len)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

/* Do lines come so fast, with @lines more, that they should be packed? */
static bool is_fast(struct output *o, uint64_t lines)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((uint64_t)now.tv_sec != o->window) {
		o->last_rate = (uint64_t)now.tv_sec == o->window + 1 ? o->rate : 0;
		o->rate = 0;
		o->window = (uint64_t)now.tv_sec;
	}
	o->rate += lines;
	return o->rate > PACK_RATE || o->last_rate > PACK_RATE;
}

/* How much at the beginning of @b goes as it is: all of it, or the rest of a line. */
static size_t plain_part(struct output *o, const struct buf *b, uint64_t lines)
{
	const char *newline;

	if (!is_fast(o, lines) && !memchr(b->data, LINEPACK_START, b->len))
		return b->len;
	if (!o->is_mid_line)
		return 0;
	newline = memchr(b->data, '\n', b->len);
	return newline ? (size_t)(newline - b->data) + 1 : b->len;
}

static int write_lines(struct output *o, struct buf *b)
{
	uint64_t before = o->lines;
	size_t plain;
	struct buf packed;
	int r;

	o->lines += count_lines(b->data, b->len);
	plain = plain_part(o, b, o->lines - before);
	if (plain > 0) {
		o->is_mid_line = b->data[plain - 1] != '\n';
		r = fd_write_all(o->fd, b->data, plain);
		if (r < 0 || plain == b->len)
			return r;
	}
	o->has_packed = true;
	buf_init(&packed, BUFFER_MAX);
	linepack_write(&packed, before + count_lines(b->data, plain), b->data + plain,
		       b->len - plain);
	r = fd_write_all(o->fd, packed.data, packed.len);
	buf_finish(&packed);
	return r;
}

static void write_buffer(struct output *o, struct buf *b, int fd)
{
	int r;

	if (b->len == 0)
		return;
	if (o->packs_lines && fd == o->fd)
		r = write_lines(o, b);
	else
		r = fd_write_all(fd, b->data, b->len);
	if (r < 0 && fd == o->fd)
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

/* The number of all lines, so that what was lost before the last ones is noticed. */
static void write_total(struct output *o)
{
	struct buf total;

	buf_init(&total, LINEPACK_MAX);
	linepack_write(&total, o->lines, "", 0);
	(void)!fd_write_all(o->fd, total.data, total.len);
	buf_finish(&total);
}

void output_close(struct output *o)
{
	if (o->fd < 0)
		return;
	output_flush(o);
	if (o->has_packed && !o->is_mid_line)
		write_total(o);
	if (o->owns_fd)
		close(o->fd);
	buf_finish(&o->out);
	buf_finish(&o->err);
	o->fd = -1;
}
