/*
 * Growable byte buffer with a maximum given at birth.
 *
 * The content is always followed by a NUL that does not count, so buf->data of a non-empty
 * buffer is a C string.  A write that would exceed the maximum, or for which there is no memory,
 * is dropped whole and sets buf->is_truncated; the caller looks once, at the end.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; // NULL while nothing was written
	size_t len;
	size_t cap;
	size_t max;
	bool is_truncated;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_finish(struct buf *b);
/* Forget the content, keep the memory. */
void buf_clear(struct buf *b);
void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
/* @count times @c. */
void buf_fill(struct buf *b, char c, size_t count);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
/* The content as a C string, never NULL; valid until the next write. */
const char *buf_cstr(const struct buf *b);
/* The content, now the caller's (free with free()), never NULL unless out of memory. */
char *buf_take(struct buf *b);
/* Drop the first @count bytes. */
void buf_consume(struct buf *b, size_t count);
/* Read all of a file; 0 or -errno (-EFBIG when it exceeds the maximum). */
int buf_read_file(struct buf *b, const char *path) __attribute__((warn_unused_result));
int buf_read_fd(struct buf *b, int fd) __attribute__((warn_unused_result));
