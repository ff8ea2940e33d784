/*
 * What only this node knows, for printing: lib/record's resolver made of lib/kern.
 */
#pragma once

#include <stdbool.h>

#include "kern/cgroup.h"
#include "kern/symbolize.h"
#include "lang/config.h"
#include "load.h"
#include "record/resolver.h"
#include "util/buf.h"

struct symbolize_options {
	const struct config *config;
	const char *host_root; // "" or where the node's file system is mounted
	const char *node_name;
};

struct symbolize {
	const struct loaded *loaded;
	struct symbolize_options options;
	struct symbolizer *symbolizer; // made when first asked
	struct cgroups *cgroups;       // the same
	struct buf passwd;             // /etc/passwd, read once
	bool has_passwd;
	char username[64];
	struct record_resolver resolver;
	bool uses_pods;      // the script prints names of pods
	bool uses_processes; // the script prints user symbols or stacks
	const char *exe;     // the only binary with uprobes, for processes that were never seen
};

void symbolize_init(struct symbolize *s, const struct loaded *l,
		    const struct symbolize_options *options);
void symbolize_finish(struct symbolize *s);

/* The node's cgroups, made when first asked; NULL: not available. */
struct cgroups *symbolize_cgroups(struct symbolize *s);
/* Note the pods that exist now, so that they can be named after their end. */
void symbolize_scan_pods(struct symbolize *s);
/* Note the mappings of @pid now. */
void symbolize_preload(struct symbolize *s, pid_t pid);
