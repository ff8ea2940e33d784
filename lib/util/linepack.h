/*
 * Many short lines as one long one, for logs whose readers pay by the line.
 *
 * A kubelet spends about 40 us on each line that it sends, so a trace that prints more than some
 * 20,000 lines a second is behind the log's rotation soon, and what is rotated away is lost.  Lines
 * of 15 KiB go through at disk speed.  A packed line is
 *
 *     RS NUMBER SP TEXT NL
 *
 * where NUMBER (decimal) is how many lines were written before, and TEXT the lines, with VT for
 * each newline; a VT or DLE of their own is DLE and the byte XOR 0x40.  TEXT without a last VT is
 * the beginning of a line that the next packed line goes on with.  A line that isn't packed never
 * begins with RS.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

#define LINEPACK_START '\x1e' // RS
/* Of a packed line: below the 16 KiB after which container runtimes cut lines. */
#define LINEPACK_MAX   (15u << 10)

/*
 * Append @text as packed lines; @before: lines written before.  One packed line even when @text is
 * empty: its number tells the reader what it should have seen.
 */
void linepack_write(struct buf *out, uint64_t before, const char *text, size_t len);

/*
 * Take a packed line of @len bytes (with its NL, or followed by a NUL) apart, in place: @text is
 * what was written, within @line.  False: @line is not a packed line, and unchanged.
 */
bool linepack_read(char **text, size_t *text_len, uint64_t *before, char *line, size_t len);
