/*
 * What this kernel can do, found by trying it, never by its version.
 *
 * One bpf() or perf_event_open() call a feature; everything that is made is closed again.
 */
#pragma once

#include "lang/target.h"

/* Fill in *out.  Never fails: what cannot be tried (no privilege) is false. */
void features_detect(struct features *out);

/* Can a program be attached to a function's entry?  No other feature, and slower to ask. */
bool features_has_fentry(void);

/*
 * May programs of @prog_type call the kernel function @name, whose BTF id is @btf_id?  Asks the
 * verifier; true if it complains of something else.
 */
bool features_allow_kfunc(uint32_t prog_type, const char *name, uint32_t btf_id);

/*
 * The capabilities that tracing needs and this process lacks, for the message: "CAP_BPF,
 * CAP_PERFMON" in @out (of @size bytes), "" if none.
 */
void features_missing_capabilities(char *out, size_t size);
