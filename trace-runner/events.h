/*
 * Events from the ring buffer to their effects: printing is lib/record's, the rest is done here.
 */
#pragma once

#include <stdbool.h>

#include "lang/config.h"
#include "load.h"
#include "mapread.h"
#include "output.h"
#include "packets.h"
#include "record/record.h"
#include "ring.h"
#include "symbolize.h"

struct events_options {
	const struct config *config;
	bool no_warnings;
	bool is_stream;
};

struct events {
	struct loaded *loaded;
	struct ring *ring;
	struct output *output;
	struct events_options options;
	struct mapread maps;
	struct symbolize *symbols;
	struct record_env env;
	struct sink sink;
	struct record record;
	struct packets *packets; // of skboutput(), or NULL
	unsigned long long packets_lost;
	struct pcaps *pcaps;
	uint64_t lost; // events lost so far, as reported
	int64_t exit_code;
	bool has_exited; // exit() was called: what follows is not printed
};

int events_init(struct events *e, struct loaded *l, struct ring *ring, struct output *output,
		const struct sink_ops *format, struct symbolize *symbols,
		const struct events_options *o, struct err *err)
	__attribute__((warn_unused_result));
void events_finish(struct events *e);

/* Handle all that is there, at most @max records; how many there were. */
size_t events_consume(struct events *e, size_t max);
/* Say how many events were lost since the last call. */
void events_report_lost(struct events *e);
uint64_t events_lost(const struct events *e);

/* At the end of a trace: all maps. */
void events_print_maps(struct events *e);
