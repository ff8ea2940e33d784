/*
 * Where in a file the breakpoints of uprobe, uretprobe and usdt attach points go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kern/elf.h"
#include "kern/elfsyms.h"
#include "kern/usdt.h"
#include "lang/probe.h"
#include "util/err.h"
#include "util/vec.h"

/* A file that was looked into; kept while attaching, since many probes share one. */
struct uprobe_files {
	char *path;
	struct kelf *elf;
	struct elfsyms *symbols; // NULL: not read yet
	struct usdt_sites usdt;
	bool has_usdt;
	struct uprobe_files *next;
};

struct uprobe_place {
	uint64_t offset;    // in the file
	uint64_t semaphore; // in the file, 0: none
};

typedef vec_of(struct uprobe_place) uprobe_places;

/*
 * Append the places of @ap (several for a usdt probe that the compiler inlined) to @out.
 * @is_unsafe: also such that may break the program.  0 or a negative errno, in bpftrace's words.
 */
int uprobe_find_places(uprobe_places *out, struct uprobe_files **files,
		       const struct attach_point *ap, bool is_unsafe, struct err *err)
	__attribute__((warn_unused_result));
void uprobe_files_free(struct uprobe_files *files);
