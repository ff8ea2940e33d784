/*
 * Lowering: typed AST -> IR, and the tables that go with it (maps, events, read-only data).
 *
 * Probes that are served by one kernel hook (all of tracepoint:syscalls:sys_enter_*) become one
 * program that dispatches; others one program each.
 */
#pragma once

#include "ir/ir.h"
#include "lang/ast.h"
#include "lang/config.h"
#include "lang/diag.h"
#include "lang/target.h"
#include "record/shape.h"

struct image_filter;
struct image_map;

struct lower_options {
	const struct target *target;
	const struct features *features;
	const struct config *config;
	bool warn_helper_errors;
	const struct image_filter *filter; // NULL: none
	bool container_pids;
	bool innermost_pids; // container_pids are those of each process's own namespace
	bool no_typed_loads; // read through helpers where the verifier would take direct loads, too
};

/* One program before code generation: the IR and how it is loaded and attached. */
struct lowered_program {
	struct ir_program *ir;
	enum probe_kind kind;
	uint32_t prog_type;
	uint32_t expected_attach_type;
	uint32_t attach_btf_id;
	const char *attach_name;
	const struct probe *probe;
	vec_of(struct attach_point *) attach_points;
};

struct image_var;
struct image_event;

/* The result; see bpf/image.h for the meaning of the tables. */
struct lowered {
	struct arena *arena;
	vec_of(struct lowered_program *) programs;
	struct image *image; // maps, vars, events, probe names are filled in; programs not yet
};

bool lower_program(struct lowered *out, struct arena *a, const struct ast_program *p,
		   const struct lower_options *o, struct diags *diags);
/* The shape of values of a type, as they are stored in maps and events. */
const struct shape *lower_shape(struct arena *a, const struct type *t);
