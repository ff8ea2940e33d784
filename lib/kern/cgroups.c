/* The cgroup hierarchies of this node: paths of ids. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kern/cgroups_internal.h"
#include "util/buf.h"
#include "util/fd.h"
#include "util/str.h"

#define MOUNTS_MAX        (16u << 20)
#define DEPTH_MAX         64
#define KERNFS_HANDLE     0xfe // FILEID_KERNFS, include/linux/exportfs.h
#define HIERARCHY_MAX     64
#define INITIAL_CGROUP_NS 0xeffffffb // PROC_CGROUP_INIT_INO, include/linux/proc_ns.h

struct cgroup_handle {
	struct file_handle header;
	uint64_t id;
};

/* Word number @n of a line of words, as a string in the arena; NULL if there are fewer. */
static const char *word_at(struct arena *a, const char *line, int n)
{
	for (; n && *line; n--) {
		line += strcspn(line, " ");
		line += *line == ' ';
	}
	return *line ? arena_strndup(a, line, strcspn(line, " ")) : NULL;
}

/* A mountinfo line: "36 35 98:0 /root /mount/point opts [tags] - type source opts". */
static void read_mount(struct cgroups *c, const char *line)
{
	const char *point, *dash = strstr(line, " - ");
	struct hierarchy h = { .is_v2 = dash && str_starts_with(dash, " - cgroup2 ") };
	struct stat st;

	if (!dash || (!h.is_v2 && !str_starts_with(dash, " - cgroup ")) ||
	    c->hierarchies.len >= HIERARCHY_MAX)
		return;
	point = word_at(&c->arena, line, 4);
	/* A container sees other containers' mounts if the host's /sys is below its root. */
	if (!point || !strchr(point, '/') || !str_starts_with(point, c->mount_prefix))
		return;
	h.mount = arena_printf(&c->arena, "%s%s", c->path_prefix, point);
	h.seen_as = point;
	h.name = h.is_v2 ? "unified" : strrchr(point, '/') + 1;
	if (stat(h.mount, &st) < 0 || !S_ISDIR(st.st_mode))
		return;
	h.root_id = st.st_ino;
	vec_foreach (&c->hierarchies, other) {
		if (other->is_v2 && h.is_v2)
			return;
	}
	vec_push(NULL, &c->hierarchies, h);
}

static int compare_hierarchies(const void *a, const void *b)
{
	const struct hierarchy *x = a, *y = b;

	if (x->is_v2 != y->is_v2)
		return x->is_v2 ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int read_mounts(struct cgroups *c, struct err *err)
{
	struct buf text;
	char path[64] = "/proc/self/mountinfo";
	const char *p = c->host_root;
	uint64_t pid;
	int r;

	if (str_take(&p, "/proc/") && str_take_u64(&p, 10, &pid) && str_take(&p, "/root")) {
		(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/mountinfo", pid);
		c->path_prefix = c->host_root;
		c->mount_prefix = "";
	} else {
		c->path_prefix = "";
		c->mount_prefix = c->host_root;
	}
	buf_init(&text, MOUNTS_MAX);
	r = buf_read_file(&text, path);
	if (r)
		(void)err_errno(err, r, "'%s'", path);
	for (char *line = text.data, *end; !r && line && *line; line = end) {
		end = strchrnul(line, '\n');
		if (*end)
			*end++ = 0;
		read_mount(c, line);
	}
	buf_finish(&text);
	if (c->hierarchies.len)
		qsort(c->hierarchies.data, c->hierarchies.len, sizeof(struct hierarchy),
		      compare_hierarchies);
	return r;
}

int cgroups_new(struct cgroups **out, const char *host_root, struct err *err)
{
	struct cgroups *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	arena_init(&c->arena);
	strmap_init(&c->pods, &c->arena);
	strmap_init(&c->containers, &c->arena);
	strmap_init(&c->strings, &c->arena);
	c->host_root = arena_strdup(&c->arena, host_root ? host_root : "");
	r = read_mounts(c, err);
	if (r) {
		cgroups_free(c);
		return r;
	}
	*out = c;
	return 0;
}

void cgroups_free(struct cgroups *c)
{
	if (!c)
		return;
	vec_foreach (&c->hierarchies, h)
		free(h->known.slots);
	vec_finish(&c->hierarchies);
	arena_finish(&c->arena);
	free(c);
}

/* The slot of @id, free (path NULL) if it is not in the table. */
static struct cgroup_path *find_slot(const struct cgroup_table *t, uint64_t id)
{
	uint64_t i = id * 0x9e3779b97f4a7c15u >> 20;

	while (t->slots[i & (t->size - 1)].path && t->slots[i & (t->size - 1)].id != id)
		i++;
	return &t->slots[i & (t->size - 1)];
}

static struct cgroup_path *known_path(const struct cgroup_table *t, uint64_t id)
{
	struct cgroup_path *slot = t->size ? find_slot(t, id) : NULL;

	return slot && slot->path ? slot : NULL;
}

static struct cgroup_path *add_path(struct cgroups *c, struct cgroup_table *t, uint64_t id,
				    const char *path)
{
	struct cgroup_path *slot = known_path(t, id);

	if (slot)
		return slot;
	if (2 * (t->len + 1) > t->size) {
		struct cgroup_table bigger = { .size = t->size ? 2 * t->size : 256, .len = t->len };

		bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
		if (!bigger.slots)
			return NULL;
		for (size_t i = 0; i < t->size; i++) {
			if (t->slots[i].path)
				*find_slot(&bigger, t->slots[i].id) = t->slots[i];
		}
		free(t->slots);
		*t = bigger;
	}
	slot = find_slot(t, id);
	*slot = (struct cgroup_path){ .id = id, .path = arena_strdup(&c->arena, path) };
	t->len++;
	return slot;
}

/* In kernfs a directory entry's inode number is the cgroup's id: no stat() is needed. */
static size_t walk(struct cgroups *c, struct hierarchy *h, int dir_fd, char *path, size_t len,
		   int depth)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;
	size_t added = 0;

	if (!dir) {
		(void)close(dir_fd);
		return 0;
	}
	while ((entry = readdir(dir))) {
		size_t name_len = strlen(entry->d_name);
		struct cgroup_path *slot;
		struct stat st;
		int fd;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    len + name_len + 2 > PATH_MAX)
			continue;
		path[len] = '/';
		memcpy(path + len + 1, entry->d_name, name_len + 1);
		slot = known_path(&h->known, entry->d_ino);
		if (!slot) {
			added++;
			slot = add_path(c, &h->known, entry->d_ino, path);
		}
		if (slot)
			slot->walk = h->walks;
		/* One without subdirectories has two links, and many files: not worth reading. */
		if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_nlink == 2)
			continue;
		fd = depth < DEPTH_MAX ? openat(dirfd(dir), entry->d_name,
						O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
				       : -1;
		if (fd >= 0)
			added += walk(c, h, fd, path, len + 1 + name_len, depth + 1);
	}
	(void)closedir(dir);
	return added;
}

size_t cgroups_walk(struct cgroups *c, struct hierarchy *h)
{
	char path[PATH_MAX] = "";
	int fd = open(h->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	h->walks++;
	if (!known_path(&h->known, h->root_id))
		(void)add_path(c, &h->known, h->root_id, "/");
	return walk(c, h, fd, path, 0, 0);
}

/* Ask the kernel for the directory of an id: no walk, but CAP_DAC_READ_SEARCH. */
static bool open_by_id(const struct hierarchy *h, uint64_t id, char *out, size_t size)
{
	_cleanup_close_ int mount_fd = open(h->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct cgroup_handle handle = { .header = { .handle_bytes = sizeof(id),
						    .handle_type = KERNFS_HANDLE } };
	_cleanup_close_ int fd = -1;
	char link[64], target[PATH_MAX];
	const char *below = target;
	ssize_t n;

	memcpy(handle.header.f_handle, &id, sizeof(id));
	fd = mount_fd < 0 ? -1 : open_by_handle_at(mount_fd, &handle.header, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	if (str_starts_with(target, h->mount))
		below += strlen(h->mount);
	else if (str_starts_with(target, h->seen_as))
		below += strlen(h->seen_as);
	else
		return false;
	(void)snprintf(out, size, "%s", *below ? below : "/");
	return true;
}

static const char *path_in(struct cgroups *c, struct hierarchy *h, uint64_t id)
{
	struct cgroup_path *slot = known_path(&h->known, id);
	char path[PATH_MAX];

	if (slot)
		return slot->path;
	if (h->is_v2 && open_by_id(h, id, path, sizeof(path))) {
		slot = add_path(c, &h->known, id, path);
	} else {
		/* An id that isn't found costs a walk, so it is remembered for a while. */
		if (h->missing_id == id && h->missing_until > cgroups_now_ms())
			return "";
		(void)cgroups_walk(c, h);
		slot = known_path(&h->known, id);
		h->missing_id = id;
		h->missing_until = cgroups_now_ms() + CGROUPS_RETRY_MS;
	}
	return slot ? slot->path : "";
}

struct hierarchy *cgroups_v2(struct cgroups *c)
{
	return c->hierarchies.len && c->hierarchies.data[0].is_v2 ? &c->hierarchies.data[0] : NULL;
}

const char *cgroups_path(struct cgroups *c, uint64_t id)
{
	struct hierarchy *h = cgroups_v2(c);

	return h ? path_in(c, h, id) : "";
}

struct cgroup_path *cgroups_known(const struct hierarchy *h, uint64_t id)
{
	return known_path(&h->known, id);
}

struct cgroup_path *cgroups_slot(struct cgroups *c, uint64_t id)
{
	struct hierarchy *h = cgroups_v2(c);

	return h && *path_in(c, h, id) ? known_path(&h->known, id) : NULL;
}

const char *cgroups_paths(struct cgroups *c, uint64_t id, const char *filter)
{
	struct buf text;
	const char *result;

	buf_init(&text, 1u << 20);
	vec_foreach (&c->hierarchies, h) {
		const char *path;

		if (filter && !str_glob(filter, h->name))
			continue;
		path = path_in(c, h, id);
		if (*path)
			buf_printf(&text, "%s%s:%s", text.len ? "," : "", h->name, path);
	}
	result = strmap_intern(&c->strings, buf_cstr(&text), text.len);
	buf_finish(&text);
	return result;
}

static uint32_t count_levels(const char *path)
{
	uint32_t count = 0;

	for (; *path; path++)
		count += *path == '/' && path[1] && path[1] != '/';
	return count;
}

/* Paths of cgroups are from the root of all. */
static bool sees_cgroup_root(void)
{
	struct stat st;

	return stat("/proc/self/ns/cgroup", &st) == 0 && st.st_ino == INITIAL_CGROUP_NS;
}

uint64_t cgroup_id_of_container(pid_t pid, uint32_t *level)
{
	char path[PATH_MAX], full[2 * PATH_MAX];
	struct cgroups *c = NULL;
	struct hierarchy *h;
	uint64_t id = 0;

	*level = 0;
	if (!cgroup_is_v2(pid) || cgroup_path_of_pid(pid, path, sizeof(path)))
		return 0;
	if (cgroups_new(&c, "", NULL) < 0 || !c)
		return 0;
	if (sees_cgroup_root()) {
		path[cgroup_container_len(path)] = '\0';
		*level = count_levels(path);
	}
	h = cgroups_v2(c);
	if (h) {
		(void)snprintf(full, sizeof(full), "%s%s", h->mount, path);
		if (cgroup_id(&id, full, NULL))
			id = 0;
	}
	cgroups_free(c);
	return id;
}
