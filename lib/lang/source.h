/*
 * Source texts and positions in them.
 *
 * A span is a half-open byte range of one source.  Every token, AST node and IR instruction keeps
 * its span, so that any stage, the verifier's rejection included, can point at the script.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"

struct span;

struct source {
	const char *name; // "stdin" for -e, else the path as given
	const char *text; // NUL-terminated, may contain NULs before len
	size_t len;
	const uint32_t *line_start; // byte offset of each line
	uint32_t line_count;
	bool is_builtin; // our standard library: diagnostics point at the caller instead
	/*
	 * For the text of a macro's body: where the macro was called.  Each expansion has a source
	 * of its own that shares text and lines with the original.
	 */
	const struct span *expanded_from;
	const struct source *base; // the original of such a source; NULL: it is one itself
};

struct span {
	const struct source *source; // NULL: no position (made by the compiler)
	uint32_t begin;
	uint32_t end;
};

struct position {
	uint32_t line;   // 1-based
	uint32_t column; // 1-based, in bytes
};

/* A source whose text is copied into @a. */
struct source *source_new(struct arena *a, const char *name, const char *text, size_t len);
struct position source_position(const struct source *s, uint32_t offset);
/* The text of line @line (1-based) without its newline; *len is its length. */
const char *source_line(const struct source *s, uint32_t line, size_t *len);
/* From the first byte of either to the last; @a if they are of different sources. */
struct span span_join(struct span a, struct span b);
/* Where the user sees @span: the outermost call when it is inside the standard library. */
struct span span_visible(struct span span);
