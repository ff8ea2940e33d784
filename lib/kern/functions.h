/*
 * Kernel functions, raw tracepoints and iterators that can be traced: the lists behind globs.
 *
 * A function that is named exactly costs no list.  Lists come from tracefs's
 * available_filter_functions; where that can't be read, from kallsyms and BTF: a function in both
 * is most likely traceable.  Functions of the kprobe blacklist, and some that are known to bring
 * machines down (the kernel's selftests skip them: prog_tests/kprobe_multi_test.c), are left out.
 */
#pragma once

#include "kern/ktypes.h"
#include "kern/tracefs.h"
#include "lang/target.h"

struct functions;

/* @path: a file like available_filter_functions, or NULL.  @tracefs NULL: there is none. */
struct functions *functions_new(struct arena *a, struct ktypes *types,
				const struct tracefs *tracefs, const char *path);
void functions_finish(struct functions *f);

/*
 * What matches, in order of module and name; NULL globs match all.  With @with_btf only functions
 * whose arguments BTF describes (and not too many: ktypes_args_max()), with their btf_id.
 */
void functions_each(struct functions *f, const char *module, const char *name, bool with_btf,
		    target_symbol_fn fn, void *fn_ctx);
void functions_each_raw_tracepoint(struct functions *f, const char *module, const char *name,
				   target_symbol_fn fn, void *fn_ctx);
void functions_each_iterator(struct functions *f, const char *name, target_symbol_fn fn,
			     void *fn_ctx);
