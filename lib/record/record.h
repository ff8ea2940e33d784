/*
 * Records: what is done with the events that a program wrote into the ring buffer.
 *
 *     struct record r;
 *     record_init(&r, image, &env, &sink);
 *     for each record: record_event(&r, data, size, &todo), then do what todo says
 *     record_finish(&r);
 *
 * Printing is done here; what needs the kernel or the world (reading a map, clearing it, running a
 * command) is left to the caller.  A record may be short or hostile: nothing outside of it is
 * read.  No memory is allocated per event once the buffers have grown.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/image.h"
#include "record/resolver.h"
#include "record/sink.h"
#include "record/value.h"
#include "util/buf.h"

struct printf_plan;

struct record {
	const struct image *image;
	const struct record_env *env;
	struct sink *sink;
	struct printf_plan *plans; // by event
	struct buf scratch;
	struct value_walker walker;
	bool no_warnings; // drop warnf() and warnings about helpers
};

/* What is left for the caller to do after record_event(). */
struct record_todo {
	enum event_kind kind; // EVENT_KIND_COUNT: nothing
	uint32_t var;         // EVENT_PRINT_MAP, CLEAR, ZERO: index in image->vars
	uint32_t top;         // EVENT_PRINT_MAP: record_map_print()
	uint32_t div;
	int64_t exit_code; // EVENT_EXIT
	const char *text;  // EVENT_CAT: path, EVENT_SYSTEM: command, SKBOUTPUT: path (C string)
	size_t text_len;
	uint64_t number;  // EVENT_UNWATCH: address; EVENT_SKBOUTPUT: ns since boot
	const void *data; // EVENT_SKBOUTPUT: the packet
	size_t data_len;
};

/* 0 or -ENOMEM. */
int record_init(struct record *r, const struct image *image, const struct record_env *env,
		struct sink *sink) __attribute__((warn_unused_result));
void record_finish(struct record *r);

/*
 * One record.  *todo says what is left to do; its text is valid until the next call.
 * 0, or -EBADMSG if the record is not one of the image's.
 */
int record_event(struct record *r, const void *data, size_t size, struct record_todo *todo)
	__attribute__((warn_unused_result));
