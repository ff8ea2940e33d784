/*
 * Sinks: where and in which format messages, values and maps are written.
 *
 * A format is one file and one table of functions: text.c as bpftrace prints for people,
 * json_sink.c as its `-f json`.  Everything is appended to @out (standard output, or -o FILE) or
 * @err (standard error), which the owner writes out in big pieces; nothing here does I/O.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/image.h"
#include "record/resolver.h"
#include "util/buf.h"

struct record_table;
struct shape;
struct sink;
struct value_walker;

/* A value to print: bytes and their shape, or a serialised one (record/snapshot.h). */
struct record_value {
	const struct record_env *env;
	const struct shape *shape; // NULL: @data is serialised
	const void *data;
	size_t size;
};

/* A test of --test mode, and a benchmark of --bench mode. */
struct record_test {
	const char *const *names;
	const bool *passed; // of all up to and with @index
	size_t count;       // of all
	size_t index;       // of this one, in order from 0
	uint64_t duration_ns;
	const char *output; // what it printed
	size_t output_len;
};

struct record_bench {
	const char *const *names;
	size_t count;
	size_t index;
	uint64_t average_ns;
	uint64_t iterations;
};

/* A failed helper, or another error at run time. */
struct record_error {
	const char *helper;  // "map_update_elem", NULL if no helper is to blame
	const char *message; // NULL: by helper and retcode
	int64_t retcode;
	struct span span;
};

struct sink_ops {
	const char *name; // as given to -f
	void (*attached_probes)(struct sink *s, uint64_t count);
	void (*lost_events)(struct sink *s, uint64_t count);
	void (*printf)(struct sink *s, const char *text, size_t len);
	/* errorf, warnf. */
	void (*message)(struct sink *s, enum image_level level, struct span span, const char *text,
			size_t len);
	void (*value)(struct sink *s, struct value_walker *walker,
		      const struct record_value *value);
	void (*map)(struct sink *s, const struct record_table *table);
	/* The value of @table's only entry, as a value. */
	void (*table_value)(struct sink *s, const struct record_table *table);
	void (*time)(struct sink *s, const char *text, size_t len);
	void (*cat)(struct sink *s, const char *text, size_t len);
	void (*join)(struct sink *s, const char *text, size_t len);
	void (*syscall)(struct sink *s, const char *text, size_t len); // what a command printed
	void (*runtime_error)(struct sink *s, const struct record_error *error);
	void (*test_result)(struct sink *s, const struct record_test *test);
	void (*benchmark_result)(struct sink *s, const struct record_bench *bench);
	/* Probes are detached; the maps follow. */
	void (*end)(struct sink *s);
};

struct sink {
	const struct sink_ops *ops;
	struct buf *out;
	struct buf *err;
	bool has_colour; // warnings and errors on a terminal
};

extern const struct sink_ops sink_text;
extern const struct sink_ops sink_json;

/* The sink of -f NAME, or NULL. */
const struct sink_ops *sink_find(const char *name);
