#include "kern/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/str.h"
#include "util/vec.h"

#define RECORD_MAX (1u << 20) // bytes; the kernel's own limit is a page or two

int mount_detached(const char *fs_type)
{
	_cleanup_close_ int fs = fsopen(fs_type, FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

/* A mount point without a mount is an empty folder. */
static int open_mounted(const char *path)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || faccessat(fd, "events", F_OK, 0) < 0)
		return -1;
	return take_fd(&fd);
}

int tracefs_open(struct tracefs *out, struct err *err)
{
	int fd = open_mounted("/sys/kernel/tracing");

	if (fd < 0)
		fd = open_mounted("/sys/kernel/debug/tracing");
	if (fd < 0)
		fd = mount_detached("tracefs");
	if (fd < 0)
		return err_errno(err, fd == -ENODEV ? -ENOENT : fd,
				 "tracefs is not mounted at /sys/kernel/tracing, mounting it");
	out->dir_fd = fd;
	return 0;
}

void tracefs_close(struct tracefs *t)
{
	if (t->dir_fd >= 0)
		(void)close(t->dir_fd);
	t->dir_fd = -1;
}

int tracefs_read(const struct tracefs *t, const char *path, struct buf *out)
{
	_cleanup_close_ int fd = openat(t->dir_fd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return buf_read_fd(out, fd);
}

int tracefs_event_id(const struct tracefs *t, const char *category, const char *name,
		     struct err *err)
{
	struct buf path, text;
	uint64_t id;
	int r;

	if (strchr(category, '/') || strchr(name, '/'))
		return err_set(err, -ENOENT, "no tracepoint '%s:%s'", category, name);
	buf_init(&path, 4096);
	buf_init(&text, 64);
	buf_printf(&path, "events/%s/%s/id", category, name);
	r = tracefs_read(t, buf_cstr(&path), &text);
	if (!r && text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = 0;
	if (r)
		r = err_errno(err, r, "tracepoint '%s:%s'", category, name);
	else if (parse_u64(&id, buf_cstr(&text), 10) || id > INT32_MAX)
		r = err_set(err, -EINVAL, "tracepoint '%s:%s' has no id", category, name);
	else
		r = (int)id;
	buf_finish(&path);
	buf_finish(&text);
	return r;
}

/* A line "field:T name[N];	offset:O;	size:S;	signed:B;" taken apart. */
struct field_line {
	const char *type; // in the arena
	const char *name;
	bool is_array;
	uint64_t offset;
	uint64_t size;
	bool is_signed;
};

static bool line_number(const char *line, const char *end, const char *key, uint64_t *out)
{
	const char *p = memmem(line, (size_t)(end - line), key, strlen(key));
	uint64_t value = 0;

	if (!p)
		return false;
	p += strlen(key);
	if (p == end || *p < '0' || *p > '9')
		return false;
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*out = value;
	return true;
}

/* Split "const char *name[4]" at its name; stars that stick to the name belong to the type. */
static bool split_declaration(struct arena *a, const char *s, size_t len, struct field_line *out)
{
	size_t name_end = len, name;

	out->is_array = len && s[len - 1] == ']';
	if (out->is_array) {
		while (name_end && s[name_end - 1] != '[')
			name_end--;
		if (!name_end)
			return false;
		name_end--;
	}
	name = name_end;
	while (name && s[name - 1] != ' ' && s[name - 1] != '\t' && s[name - 1] != '*')
		name--;
	if (!name || name == name_end)
		return false;
	out->name = arena_strndup(a, s + name, name_end - name);
	while (name && (s[name - 1] == ' ' || s[name - 1] == '\t'))
		name--;
	out->type = arena_strndup(a, s, name);
	return true;
}

static bool parse_field(struct arena *a, const char *line, const char *end, struct field_line *out)
{
	const char *decl = line + strlen("field:");
	const char *semicolon = memchr(decl, ';', (size_t)(end - decl));
	uint64_t is_signed = 0;

	if (!semicolon || !split_declaration(a, decl, (size_t)(semicolon - decl), out))
		return false;
	if (!line_number(semicolon, end, "offset:", &out->offset) ||
	    !line_number(semicolon, end, "size:", &out->size))
		return false;
	if (out->offset > RECORD_MAX || out->size > RECORD_MAX)
		return false;
	(void)line_number(semicolon, end, "signed:", &is_signed);
	out->is_signed = is_signed;
	return true;
}

static bool is_register_size(uint64_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static const struct type *field_array(struct arena *a, const struct field_line *f,
				      const struct type *elem)
{
	struct type *named;

	if (!elem || !elem->size || f->size % elem->size)
		elem = type_int(1, false);
	if (!strcmp(f->type, "char") || !strcmp(f->type, "const char")) {
		named = arena_memdup(a, elem, sizeof(*elem));
		named->name = "char";
		elem = named;
	}
	return type_array(a, elem, (uint32_t)f->size / elem->size);
}

static const struct type *field_type(struct arena *a, const struct field_line *f,
				     tracefs_type_fn find, void *find_ctx)
{
	const struct type *type = find ? find(find_ctx, f->type) : NULL;

	if (f->is_array)
		return field_array(a, f, type);
	if (type && type->size == f->size && type->kind != TYPE_INT)
		return type;
	if (is_register_size(f->size))
		return type_int((uint32_t)f->size, f->is_signed);
	return type_array(a, type_int(1, false), (uint32_t)f->size);
}

static bool parse_member(struct arena *a, const char *line, const char *end, tracefs_type_fn find,
			 void *find_ctx, struct type_member *out, uint32_t *size)
{
	struct field_line f;

	if (!parse_field(a, line, end, &f))
		return false;
	*out = (struct type_member){ .name = f.name, .offset = (uint32_t)f.offset };
	out->is_data_loc = str_starts_with(f.type, "__data_loc ");
	out->is_rel_loc = str_starts_with(f.type, "__rel_loc ");
	if (out->is_data_loc || out->is_rel_loc)
		out->type = type_int(4, false);
	else
		out->type = field_type(a, &f, find, find_ctx);
	if (f.offset + f.size > *size)
		*size = (uint32_t)(f.offset + f.size);
	return true;
}

const struct type *tracefs_parse_format(struct arena *a, const char *text, tracefs_type_fn find,
					void *find_ctx)
{
	vec_of(struct type_member) members = { 0 };
	struct type *args;
	uint32_t size = 0;

	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		struct type_member m;

		end = strchrnul(line, '\n');
		while (*line == '\t' || *line == ' ')
			line++;
		if (!str_starts_with(line, "field:"))
			continue;
		if (!parse_member(a, line, end, find, find_ctx, &m, &size))
			return NULL;
		vec_push(a, &members, m);
	}
	if (!members.len)
		return NULL;
	args = arena_new(a, struct type);
	*args = (struct type){ .kind = TYPE_ARGS,
			       .size = size,
			       .is_complete = true,
			       .count = (uint32_t)members.len,
			       .members = members.data,
			       .alignment = 8 };
	return args;
}

void tracefs_each_field(const char *format_text, tracefs_field_fn fn, void *ctx)
{
	/* The fields that all tracepoints have come first, up to an empty line. */
	const char *line = strstr(format_text, "\n\n"), *end;

	for (line = line ? line + 2 : ""; *line; line = *end ? end + 1 : end) {
		const char *semicolon;

		end = strchrnul(line, '\n');
		if (!str_starts_with(line, "\tfield:"))
			continue;
		line += strlen("\tfield:");
		semicolon = memchr(line, ';', (size_t)(end - line));
		if (semicolon && !fn(ctx, line, (size_t)(semicolon - line)))
			return;
	}
}
