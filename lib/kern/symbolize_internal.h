/* What symbolize.c (kernel, files) and procmaps.c (processes) share. */
#pragma once

#include <sys/stat.h>
#include <time.h>

#include "kern/elfsyms.h"
#include "kern/kallsyms.h"
#include "kern/symbolize.h"
#include "util/arena.h"
#include "util/strmap.h"
#include "util/vec.h"

struct symbol_file {
	dev_t dev;
	ino_t ino;
	struct timespec mtime;
	struct elfsyms *symbols; // NULL: not readable, or not ELF
};

/* One executable mapping. */
struct mapping {
	uint64_t start;
	uint64_t end;
	uint64_t offset;  // in the file
	const char *path; // as the process sees it; "[vdso]"; interned
	bool is_deleted;
	bool has_tried_file;
	struct symbol_file *file; // NULL: not loaded yet, or none
};

/* Names that a just-in-time compiler writes to /tmp/perf-PID.map. */
struct jit_symbol {
	uint64_t start;
	uint64_t size;
	const char *name;
};

struct procmap {
	pid_t pid;
	uint64_t start_time;
	const char *exe;               // interned path of its executable, or NULL
	vec_of(struct mapping) maps;   // sorted
	vec_of(struct jit_symbol) jit; // sorted
	bool has_tried_jit;
	bool has_tried_program;      // of a process that nobody saw alive:
	struct symbol_file *program; // what it ran, if that is known
	bool has_other_root;         // its paths are not ours
	uint64_t checked_at_ms;      // when it was last seen to be the same process
	uint64_t read_at_ms;         // when the mappings were read
	struct procmap *next;        // in its bucket
};

#define PROCESS_BUCKETS 1024

struct symbolizer {
	struct symbolizer_options options;
	struct arena arena;
	struct strmap strings;
	struct strmap demangled;
	struct kallsyms *kallsyms;
	bool has_tried_kallsyms;
	vec_of(struct symbol_file *) files;
	struct procmap *processes[PROCESS_BUCKETS]; // by pid
	struct symbol_file *vdso;
	bool has_tried_vdso;
};

/* The symbols of a file, loaded once; NULL if there is no such file.  @root: see elfsyms_load(). */
struct symbol_file *symbol_file_get(struct symbolizer *s, const char *path, const char *root);
struct symbol_file *symbol_file_from_memory(struct symbolizer *s, const void *data, size_t size);
/* Fill in name, offset and build id; false if there is no symbol. */
bool symbol_file_resolve(struct symbolizer *s, struct symbol_file *f, uint64_t file_offset,
			 struct symbol_info *out);
void procmaps_free_all(struct symbolizer *s);
