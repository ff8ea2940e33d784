/*
 * Time as Kubernetes writes it: RFC 3339 stamps, and durations for people.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "util/buf.h"

/*
 * Parse an RFC 3339 stamp at the start of @s (at most @len bytes), any number of fraction digits,
 * "Z" or an offset.  Nanoseconds since 1970 in *ns; returns the stamp's length, 0 if there is none.
 */
size_t time_parse_rfc3339(int64_t *ns, const char *s, size_t len);
/* "2006-01-02T15:04:05Z" */
void time_format_rfc3339(char out[32], time_t t);
/* A duration flag: "90", "90s", "5m", "1h30m", "250ms"; 0 or -EINVAL. */
int time_parse_duration_ms(int64_t *ms, const char *s) __attribute__((warn_unused_result));
/* An age as kubectl prints it: 45s, 3m20s, 5h12m, 2d, ... */
void time_format_age(struct buf *out, int64_t seconds);
/* Milliseconds of a clock that never steps. */
int64_t time_monotonic_ms(void);
