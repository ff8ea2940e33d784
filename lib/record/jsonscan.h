/*
 * A scanner of compact JSON in memory, for snapshots: no tree, nothing copied but strings.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

struct jsonscan {
	const char *begin;
	const char *p;
	const char *end;
};

/* Skip white space; if @c follows, go past it. */
bool jsonscan_accept(struct jsonscan *s, char c);
/* Whether @c follows. */
bool jsonscan_peek(struct jsonscan *s, char c);
/* Whether the very text @word follows; go past it. */
bool jsonscan_word(struct jsonscan *s, const char *word);
/* A string, unescaped, replacing what is in @out.  \u0000 to \u00ff and all UTF-8 is understood. */
bool jsonscan_string(struct jsonscan *s, struct buf *out);
/* An integer without fraction or exponent. */
bool jsonscan_u64(struct jsonscan *s, uint64_t *out);
bool jsonscan_s64(struct jsonscan *s, int64_t *out);
/* Go past any value, nested at most @depth deep. */
bool jsonscan_skip(struct jsonscan *s, unsigned int depth);
