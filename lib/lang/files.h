/*
 * The files that a script imports and includes.
 *
 * They are read where they are; for a script that is compiled elsewhere they are read here, packed
 * into one text, and found there under the paths they had.
 *
 *     PACK   = ENTRY...
 *     ENTRY  = KIND SP LENGTH SP PATH-LENGTH SP REAL-PATH-LENGTH NL PATH REAL-PATH CONTENT NL
 *     KIND   = "file" | "folder"         the content of a folder is its entries' names, NUL after
 * each
 *
 * A NULL struct files is the file system.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/strmap.h"
#include "util/vec.h"

enum file_kind { FILE_MISSING, FILE_REGULAR, FILE_FOLDER, FILE_OTHER };

struct files {
	struct arena *arena;
	struct strmap carried; // path -> struct carried_file
	bool records;          // what is looked at in the file system is added to carried
};

void files_init(struct files *f, struct arena *a);
enum file_kind files_kind(struct files *f, const char *path);
/* May somebody else have put it there?  Who carried it has checked that already. */
bool files_is_safe(const struct files *f, struct arena *a, const char *path);
/* The path without links and dots, in @a; @path itself if there is no such file. */
const char *files_real_path(const struct files *f, struct arena *a, const char *path);
/* The folder that the file @path is in, in @a. */
const char *files_folder_of(struct arena *a, const char *path);
/* 0 or -errno. */
int files_read(struct files *f, struct buf *out, const char *path)
	__attribute__((warn_unused_result));
/* The names in a folder, sorted, in @a; 0 or -errno. */
int files_list(struct files *f, struct arena *a, const char *const **names, size_t *count,
	       const char *path) __attribute__((warn_unused_result));

/* Append what was recorded; nothing if there is nothing. */
void files_pack(const struct files *f, struct buf *out);
/* Fill @f; @text, which a NUL follows, must outlive it.  -EINVAL: not a pack. */
int files_unpack(struct files *f, const char *text, size_t len, struct err *err)
	__attribute__((warn_unused_result));
