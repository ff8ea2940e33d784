/*
 * Events: the records that a program writes into the ring buffer.
 *
 *     +--------+--------+------------------------------------------+
 *     | u32 id | u32 -- | payload, by image->events[id]            |
 *     +--------+--------+------------------------------------------+
 *
 * id is an index into the image's event formats, which say what is to be done (print, exit, clear a
 * map …), and where in the payload each argument is.  The payload starts at offset 8; its offsets
 * are from the start of the record.  Records are reserved in the ring buffer and filled in place.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

struct event_header {
	uint32_t id;       // index into image->events
	uint32_t reserved; // 0
};
static_assert(sizeof(struct event_header) == 8, "the payload starts at 8");

/* A stack trace as a value: kstack, ustack. */
struct event_stack {
	int32_t id;   // key in the shape's stack map, whose value starts with the frames; < 0: none
	uint32_t pid; // tgid; 0 for kernel stacks
};
static_assert(sizeof(struct event_stack) == 8, "shared with the generated code");

enum event_kind {
	EVENT_PRINTF,        // also errorf, warnf by format->level
	EVENT_PRINT,         // print(value): one argument
	EVENT_PRINT_MAP,     // print(@x, top, div): args[0] = top (u64), args[1] = div (u64) if any
	EVENT_PRINT_MAP_KEY, // print(@x[k]): args[0] = key, args[1] = value
	EVENT_CLEAR,
	EVENT_ZERO,
	EVENT_EXIT,   // args[0]: exit code (s64) if any
	EVENT_TIME,   // time("fmt")
	EVENT_JOIN,   // args: separator in text; see shape: ARRAY of STRING, count first (u64)
	EVENT_CAT,    // printf-like; the result is a path
	EVENT_SYSTEM, // printf-like; the result is a command
	EVENT_HELPER_ERROR, // span says where.  One argument: s64 return value; text = helper's
			    // name. No argument: another error at run time; text is the message
	EVENT_SKBOUTPUT,    // args[0] = u64 nsecs; packet bytes follow; text = path
	EVENT_UNWATCH,      // args[0] = u64 address
	EVENT_KIND_COUNT,
};
