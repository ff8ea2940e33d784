/*
 * Where in the script: "stdin:1:9-14", and the lines there.
 */
#pragma once

#include "bpf/image.h"
#include "util/buf.h"

/* Line and column of the span's begin; zeros if it has no position. */
struct position location_begin(struct span span);
/* "FILE:LINE:BEGIN-END", or "FILE:FIRST-LAST" of several lines; nothing without position. */
void location_put(struct buf *out, struct span span);
/* The line with "~~~" under the span; several lines as they are. */
void location_put_context(struct buf *out, struct span span);
