#include "lang/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/fd.h"
#include "util/str.h"

struct carried_file {
	enum file_kind kind;
	const char *real;
	const char *text;
	size_t len;
};

void files_init(struct files *f, struct arena *a)
{
	*f = (struct files){ .arena = a };
	strmap_init(&f->carried, a);
}

static const struct carried_file *find(const struct files *f, const char *path)
{
	return f ? strmap_get(&f->carried, path) : NULL;
}

static const struct carried_file *find_text(const struct files *f, const char *path)
{
	const struct carried_file *file = find(f, path);

	return file && file->text ? file : NULL;
}

static bool is_world_writable(const char *path)
{
	struct stat st;

	return !stat(path, &st) && (st.st_mode & S_IWOTH);
}

const char *files_folder_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return ".";
	return slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
}

bool files_is_safe(const struct files *f, struct arena *a, const char *path)
{
	return (f && !f->records && find(f, path)) ||
	       (!is_world_writable(path) && !is_world_writable(files_folder_of(a, path)));
}

const char *files_real_path(const struct files *f, struct arena *a, const char *path)
{
	const struct carried_file *file = find(f, path);
	_cleanup_free_ char *real = file ? NULL : realpath(path, NULL);

	if (file)
		return file->real;
	return arena_strdup(a, real ? real : path);
}

static void record(struct files *f, enum file_kind kind, const char *path, const char *text,
		   size_t len)
{
	struct carried_file *file;

	if (!f || !f->records)
		return;
	file = arena_new(f->arena, struct carried_file);
	file->kind = kind;
	file->real = files_real_path(f, f->arena, path);
	file->text = text ? arena_strndup(f->arena, text, len) : NULL;
	file->len = len;
	strmap_put(&f->carried, path, file);
}

/* What was only looked at is recorded without its text: it may be another name of a file. */
enum file_kind files_kind(struct files *f, const char *path)
{
	const struct carried_file *file = find(f, path);
	enum file_kind kind;
	struct stat st;

	if (file)
		return file->kind;
	if (stat(path, &st) < 0)
		return FILE_MISSING;
	kind = S_ISREG(st.st_mode) ? FILE_REGULAR : S_ISDIR(st.st_mode) ? FILE_FOLDER : FILE_OTHER;
	if (kind != FILE_OTHER)
		record(f, kind, path, NULL, 0);
	return kind;
}

int files_read(struct files *f, struct buf *out, const char *path)
{
	const struct carried_file *file = find_text(f, path);
	int ret;

	if (file && file->kind != FILE_REGULAR)
		return -EISDIR;
	if (file) {
		buf_append(out, file->text, file->len);
		return out->is_truncated ? -EFBIG : 0;
	}
	ret = buf_read_file(out, path);
	if (ret == 0)
		record(f, FILE_REGULAR, path, buf_cstr(out), out->len);
	return ret;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names as they are packed. */
static int read_folder(struct buf *out, const char *path)
{
	const struct dirent *entry;
	DIR *dir = opendir(path);

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			buf_append(out, entry->d_name, strlen(entry->d_name) + 1);
	(void)closedir(dir);
	return 0;
}

int files_list(struct files *f, struct arena *a, const char *const **names, size_t *count,
	       const char *path)
{
	const struct carried_file *file = find_text(f, path);
	vec_of(const char *) list = { 0 };
	struct buf text;
	int ret = 0;

	buf_init(&text, 1 << 24);
	if (file)
		buf_append(&text, file->text, file->len);
	else
		ret = read_folder(&text, path);
	if (!file && ret == 0)
		record(f, FILE_FOLDER, path, buf_cstr(&text), text.len);
	for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1)
		vec_push(a, &list, arena_strdup(a, text.data + at));
	buf_finish(&text);
	if (list.len)
		qsort(list.data, list.len, sizeof(*list.data), compare_names);
	*names = list.data;
	*count = list.len;
	return ret;
}

void files_pack(const struct files *f, struct buf *out)
{
	for (size_t i = 0; i < f->carried.len; i++) {
		const struct strmap_entry *e = strmap_at(&f->carried, i);
		const struct carried_file *file = e->value;

		buf_printf(out, "%s %zu %zu %zu\n", file->kind == FILE_FOLDER ? "folder" : "file",
			   file->len, e->key_len, strlen(file->real));
		buf_append(out, e->key, e->key_len);
		buf_puts(out, file->real);
		if (file->len > 0)
			buf_append(out, file->text, file->len);
		buf_putc(out, '\n');
	}
}

/* The next of @len bytes at *@p, or NULL when there are not as many. */
static const char *take_bytes(const char **p, const char *end, uint64_t len)
{
	const char *bytes = *p;

	if (len > (uint64_t)(end - *p))
		return NULL;
	*p += len;
	return bytes;
}

static bool unpack_one(struct files *f, const char **p, const char *end)
{
	struct carried_file *file = arena_new(f->arena, struct carried_file);
	uint64_t len, path_len, real_len;
	const char *path, *real;

	file->kind = str_take(p, "folder ") ? FILE_FOLDER : FILE_REGULAR;
	if (file->kind == FILE_REGULAR && !str_take(p, "file "))
		return false;
	if (!str_take_u64(p, 10, &len) || !str_take(p, " ") || !str_take_u64(p, 10, &path_len) ||
	    !str_take(p, " ") || !str_take_u64(p, 10, &real_len) || !str_take(p, "\n"))
		return false;
	path = take_bytes(p, end, path_len);
	real = path ? take_bytes(p, end, real_len) : NULL;
	file->text = real ? take_bytes(p, end, len) : NULL;
	if (!file->text || *p == end || !str_take(p, "\n"))
		return false;
	if (file->kind == FILE_FOLDER && len > 0 && file->text[len - 1] != '\0')
		return false;
	file->len = (size_t)len;
	file->real = arena_strndup(f->arena, real, (size_t)real_len);
	strmap_put_n(&f->carried, path, (size_t)path_len, file);
	return true;
}

int files_unpack(struct files *f, const char *text, size_t len, struct err *err)
{
	const char *p = text, *end = text + len;

	while (p < end)
		if (!unpack_one(f, &p, end))
			return err_set(err, -EINVAL, "damaged at byte %zu", (size_t)(p - text));
	return 0;
}
