/*
 * Errors of the world (a syscall, the network, a server) as opposed to errors of the user's
 * script (lang/diag.h) and our own (assert).
 *
 * A function that can fail returns 0 or a negative errno and describes the failure in a struct
 * err that its caller owns.  Nothing is allocated and nothing is global.  @err may be NULL where
 * nobody wants the words.
 */
#pragma once

#include <stdarg.h>

struct err {
	int code; // negative errno, 0 while there is no error
	char msg[512];
};

/* Set the message; returns @code, so that a function can end in `return err_set(...)`. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Put "CONTEXT: " before the message; returns err->code. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* err_set() with ": strerror(-code)" at its end. */
int err_errno(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
