/*
 * What events ask for beyond printing: cat(), system(), packets for skboutput().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

#define ACTION_OUTPUT_MAX (64u << 20) // of a command

/* The first @max bytes of the file at @path. */
int action_cat(struct buf *out, const char *path, size_t max, struct err *err)
	__attribute__((warn_unused_result));
/* Run @command in a shell; both of its outputs.  An exit status other than 0 is an error. */
int action_system(struct buf *out, const char *command, struct err *err)
	__attribute__((warn_unused_result));

/* Packet capture files, opened when the first packet is written to them. */
struct pcaps;
int pcaps_write(struct pcaps **pcaps, const char *path, uint64_t time_ns, const void *packet,
		size_t len, struct err *err) __attribute__((warn_unused_result));
void pcaps_close(struct pcaps *pcaps);
