/* What the files that implement kern/target.h share. */
#pragma once

#include "kern/functions.h"
#include "kern/ktypes.h"
#include "kern/paths.h"
#include "kern/tracefs.h"
#include "lang/target.h"
#include "util/buf.h"
#include "util/strmap.h"
#include "util/vec.h"

#define EVENTS_MAX (16u << 20)

struct kern {
	struct arena *arena;
	struct ktypes *types;
	const char *functions_path;
	const char *debug_dirs;
	struct functions *functions; // NULL until needed
	struct tracefs tracefs;
	bool has_tracefs;
	bool has_tried_tracefs;
	vec_of(char *) events; // "category:name", sorted
	bool is_events_listed;
	struct paths_scope scope;
	struct strmap symbol_tables; // path -> struct elfsyms *
	struct strmap dwarfs;        // path -> struct kdwarf *
};

/* NULL where there is none. */
const struct tracefs *kern_tracefs(struct kern *k);
/* The format file of a tracepoint; @out is to be finished in any case. */
bool kern_read_format(struct kern *k, const char *category, const char *name, struct buf *out);

/* target_user.c: binaries. */
const struct type *kern_uprobe_args(void *ctx, const char *path, const char *function);
const struct type *kern_user_type(void *ctx, const char *path, enum type_tag tag, const char *name);
int kern_line_address(void *ctx, const char *path, const char *file, uint32_t line, uint32_t column,
		      uint64_t *address, struct err *err);
int kern_user_functions(void *ctx, const char *path, const char *name, bool demangle,
			target_symbol_fn fn, void *fn_ctx, struct err *err);
size_t kern_usdt_sites(void *ctx, const char *path, const char *provider, const char *name,
		       const struct target_usdt_site **sites);
int kern_usdt_probes(void *ctx, const char *path, const char *provider, const char *name,
		     target_symbol_fn fn, void *fn_ctx, struct err *err);
int kern_user_symbol(void *ctx, const char *path, const char *name, struct target_symbol *out);
/* Lines "int* name" of a function with debugging information. */
void kern_uprobe_params(struct kern *k, const char *path, const char *function,
			void (*fn)(void *ctx, const char *line), void *ctx);
void kern_user_finish(struct kern *k);
