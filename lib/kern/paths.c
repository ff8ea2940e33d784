#include "kern/paths.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kern/elf.h"
#include "kern/proc.h"
#include "lang/arch.h"
#include "util/buf.h"
#include "util/str.h"
#include "util/vec.h"

#define CACHE_MAGIC "glibc-ld.so.cache1.1"
#define CACHE_MAX   (16u << 20)
#define ENVIRON_MAX (1u << 20)
#define FOLDERS_MAX 64 // of a path with globs in it

struct found {
	struct arena *arena;
	const struct paths_scope *scope;
	pid_t root; // the process whose root paths are in, 0: this one's own
	vec_of(const char *) paths;
};

const char *paths_in_root(struct arena *a, pid_t pid, const char *path)
{
	char prefix[32];

	(void)snprintf(prefix, sizeof(prefix), "/proc/%d/root", pid);
	if (!pid || str_starts_with(path, prefix))
		return arena_strdup(a, path);
	return arena_printf(a, "%s%s%s", prefix, *path == '/' ? "" : "/", path);
}

static bool is_elf(const char *path)
{
	struct kelf *e;
	uint16_t type;
	struct stat st;

	if (kelf_open(&e, path, NULL))
		return false;
	type = kelf_type(e);
	kelf_close(e);
	if (type == ET_DYN)
		return true;
	return type == ET_EXEC && !stat(path, &st) && st.st_mode & S_IXUSR;
}

/* Note @path, which is as the scope's processes see it, if it is an ELF file. */
static bool try_path(struct found *f, const char *path)
{
	const char *full =
		f->root ? paths_in_root(f->arena, f->root, path) : arena_strdup(f->arena, path);

	vec_foreach (&f->paths, p) {
		if (!strcmp(*p, full))
			return true;
	}
	if (!is_elf(full))
		return false;
	vec_push(f->arena, &f->paths, full);
	return true;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void expand(struct found *f, const char *base, const char *pattern, int depth);

/* The entries of folder @base that match @name, in order, each followed by @rest. */
static void expand_folder(struct found *f, const char *base, const char *name, const char *rest,
			  int depth)
{
	vec_of(char *) names = { 0 };
	DIR *dir = opendir(*base ? base : ".");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if ((entry->d_name[0] != '.' || name[0] == '.') && str_glob(name, entry->d_name))
			vec_push(f->arena, &names, arena_strdup(f->arena, entry->d_name));
	}
	if (dir)
		(void)closedir(dir);
	if (names.len)
		qsort(names.data, names.len, sizeof(*names.data), compare_strings);
	vec_foreach (&names, n)
		expand(f, arena_printf(f->arena, "%s%s", base, *n), rest, depth);
}

/*
 * What "@base@pattern" means on disk.  @base has no glob, and ends with a slash if a name follows.
 * The C library's glob() also looks users up, with all of its name services.
 */
static void expand(struct found *f, const char *base, const char *pattern, int depth)
{
	size_t len = strcspn(pattern, "/");
	const char *name = arena_strndup(f->arena, pattern, len);

	if (!*pattern) {
		(void)try_path(f, base);
	} else if (depth >= FOLDERS_MAX) {
		return;
	} else if (!len) {
		expand(f, arena_printf(f->arena, "%s/", base), pattern + 1, depth + 1);
	} else if (str_has_glob(name)) {
		expand_folder(f, base, name, pattern + len, depth + 1);
	} else {
		expand(f, arena_printf(f->arena, "%s%s", base, name), pattern + len, depth + 1);
	}
}

static void try_glob(struct found *f, const char *pattern)
{
	expand(f, "", f->root ? paths_in_root(f->arena, f->root, pattern) : pattern, 0);
}

/* $PATH of the scope: the process's own if it lives in another root. */
static const char *search_path(const struct found *f)
{
	const char *path = NULL;
	struct buf environ_text;
	char file[32];

	if (!f->root)
		return getenv("PATH");
	buf_init(&environ_text, ENVIRON_MAX);
	(void)snprintf(file, sizeof(file), "/proc/%d/environ", f->root);
	if (!buf_read_file(&environ_text, file)) {
		for (size_t at = 0; at < environ_text.len;
		     at += strlen(environ_text.data + at) + 1) {
			if (str_starts_with(environ_text.data + at, "PATH=")) {
				path = arena_strdup(f->arena, environ_text.data + at + 5);
				break;
			}
		}
	}
	buf_finish(&environ_text);
	return path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

static void search_folders(struct found *f, const char *folders, const char *name, bool first_only)
{
	for (const char *p = folders; p && *p;) {
		const char *end = strchrnul(p, ':');
		const char *path = arena_printf(f->arena, "%.*s/%s", (int)(end - p), p, name);

		if (str_has_glob(name))
			try_glob(f, path);
		else if (end > p)
			(void)try_path(f, path);
		if (first_only && f->paths.len) {
			f->paths.len = 1; // the others are links to it, or other versions
			return;
		}
		p = *end ? end + 1 : end;
	}
}

/* "libc" means the library's first version: "libc.so.6"; "libc.so.6" means itself. */
static bool is_library(const char *soname, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(soname, name, len) != 0)
		return false;
	return !soname[len] || str_starts_with(soname + len, ".so");
}

/* The new format of glibc's cache, alone or behind the old one (dl-cache.h). */
struct cache_file {
	char magic[20];
	uint32_t count;
	uint32_t strings_len;
	uint32_t unused[5];
};

struct cache_entry {
	int32_t flags;
	uint32_t key;
	uint32_t value;
	uint32_t os_version;
	uint64_t hwcap;
};

static bool search_cache(struct found *f, const char *text, size_t len, const char *name)
{
	const char *start = memmem(text, len, CACHE_MAGIC, strlen(CACHE_MAGIC));
	size_t left = start ? len - (size_t)(start - text) : 0;
	struct cache_file head;
	bool found = false;

	if (left < sizeof(head))
		return false;
	memcpy(&head, start, sizeof(head));
	if (head.count > (left - sizeof(head)) / sizeof(struct cache_entry))
		return false;
	for (uint32_t i = 0; i < head.count && !found; i++) {
		struct cache_entry entry;

		memcpy(&entry, start + sizeof(head) + i * sizeof(entry), sizeof(entry));
		if (entry.flags != arch_native()->library_flags)
			continue;
		if (is_library(kelf_string(start, left, entry.key), name))
			found = try_path(f, kelf_string(start, left, entry.value));
	}
	return found;
}

static void search_libraries(struct found *f, const char *name)
{
	const char *own = arch_native()->library_folder;
	const char *folders = arena_printf(
		f->arena, "/lib:/usr/lib:/lib64:/usr/lib64:/usr/local/lib:/lib/%s:/usr/lib/%s", own,
		own);
	const char *cache = "/etc/ld.so.cache";
	struct buf text;
	bool found = false;

	buf_init(&text, CACHE_MAX);
	if (f->root)
		cache = paths_in_root(f->arena, f->root, cache);
	if (!buf_read_file(&text, cache))
		found = search_cache(f, text.data, text.len, name);
	buf_finish(&text);
	/* musl has no cache, and a distroless image may have none. */
	if (!found)
		search_folders(f, folders, name, true);
	if (!f->paths.len)
		search_folders(f, folders, arena_printf(f->arena, "%s.so", name), true);
	if (!f->paths.len)
		search_folders(f, folders, arena_printf(f->arena, "%s.so.*", name), true);
}

static bool try_mapped(void *ctx, const char *path)
{
	(void)try_path(ctx, path);
	return true;
}

static void resolve_in(struct found *f, const char *name)
{
	const struct paths_scope *scope = f->scope;

	if (scope && scope->pid && strcmp(name, "*") == 0) {
		(void)!proc_mapped_files(scope->pid, try_mapped, f);
	} else if (str_has_glob(name)) {
		try_glob(f, name);
		if (!strchr(name, '/'))
			search_folders(f, search_path(f), name, false);
	} else if (!*name || !try_path(f, name)) {
		if (*name && !strchr(name, '/')) {
			search_folders(f, search_path(f), name, true);
			if (!f->paths.len)
				search_libraries(f, name);
		}
	}
}

/*
 * Whether two paths are one file below: a probe on both would fire twice.  Containers see the file
 * of an image through overlays of their own, each with a device number of its own, but with the
 * inode number and the times of the file below.
 */
static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (stat(a, &x) < 0 || stat(b, &y) < 0)
		return false;
	return x.st_ino == y.st_ino && x.st_size == y.st_size &&
	       x.st_ctim.tv_sec == y.st_ctim.tv_sec && x.st_ctim.tv_nsec == y.st_ctim.tv_nsec;
}

/* What the containers have in common counts once. */
static void add_found(struct found *all, const struct found *more)
{
	vec_foreach (&more->paths, path) {
		bool is_known = false;

		vec_foreach (&all->paths, have)
			is_known = is_known || is_same_file(*have, *path);
		if (!is_known)
			vec_push(all->arena, &all->paths, *path);
	}
}

int paths_resolve(struct arena *a, const struct paths_scope *scope, const char *name,
		  const char ***paths, size_t *count, struct err *err)
{
	struct found f = { .arena = a, .scope = scope };
	bool is_absolute = str_starts_with(name, "/proc/"); // in the root of this process
	size_t root_count = scope && !is_absolute ? scope->root_count : 0;

	if (root_count == 0 && scope && scope->pid && !is_absolute &&
	    proc_has_other_root(scope->pid))
		f.root = scope->pid;
	if (root_count <= 1) {
		if (root_count)
			f.root = scope->roots[0];
		resolve_in(&f, name);
	}
	for (size_t i = 0; root_count > 1 && i < root_count; i++) {
		struct found in = { .arena = a, .scope = scope, .root = scope->roots[i] };

		resolve_in(&in, name);
		if (in.paths.len > 1 && !str_has_glob(name))
			in.paths.len = 1;
		add_found(&f, &in);
	}
	if (!f.paths.len)
		return err_set(err, -ENOENT, "no binary file '%s'", name);
	*paths = f.paths.data;
	*count = f.paths.len;
	return 0;
}
