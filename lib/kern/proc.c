#include "kern/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/fd.h"
#include "util/str.h"
#include "util/vec.h"

#define MAPS_MAX          (64u << 20)
#define SMALL_MAX         (256u << 10)
/* include/linux/proc_ns.h: the inode of the initial pid namespace. */
#define PROC_PID_INIT_INO 0xeffffffcu

int proc_namespace(struct proc_namespace *out, pid_t pid, const char *name, struct err *err)
{
	char path[64];
	struct stat st;

	if (pid)
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	else
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (stat(path, &st) < 0)
		return err_errno(err, -errno, "'%s'", path);
	/* The kernel compares with its own encoding of the device (new_encode_dev()). */
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	return 0;
}

bool proc_in_initial_pid_namespace(void)
{
	struct proc_namespace ns = { 0 };

	return proc_namespace(&ns, 0, "pid", NULL) || ns.ino == PROC_PID_INIT_INO;
}

bool proc_has_other_root(pid_t pid)
{
	struct proc_namespace ours = { 0 }, theirs = { 0 };
	char path[64];
	struct stat a, b;

	if (proc_namespace(&theirs, pid, "mnt", NULL) || proc_namespace(&ours, 0, "mnt", NULL))
		return false;
	if (ours.ino != theirs.ino)
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%d/root", pid);
	return !stat(path, &a) && !stat("/", &b) && (a.st_dev != b.st_dev || a.st_ino != b.st_ino);
}

static int read_small(pid_t pid, const char *name, struct buf *out)
{
	char path[64];

	buf_init(out, SMALL_MAX);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return buf_read_file(out, path);
}

uint64_t proc_start_time(pid_t pid)
{
	struct buf text;
	uint64_t value = 0;
	const char *p;

	/* The command name may hold anything, so count fields from its closing parenthesis. */
	if (!read_small(pid, "stat", &text) && (p = strrchr(buf_cstr(&text), ')'))) {
		for (int field = 2; field < 22 && p; field++) {
			p = strchr(p, ' ');
			p = p ? p + 1 : NULL;
		}
		for (; p && isdigit((unsigned char)*p); p++)
			value = value * 10 + (uint64_t)(*p - '0');
	}
	buf_finish(&text);
	return value;
}

void proc_pids_finish(struct proc_pids *p)
{
	free(p->data);
	*p = (struct proc_pids){ 0 };
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

int proc_pids_all(struct proc_pids *out, struct err *err)
{
	vec_of(pid_t) pids = { 0 };
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	uint64_t pid;

	if (!dir)
		return err_errno(err, -errno, "'/proc'");
	while ((entry = readdir(dir))) {
		if (!parse_u64(&pid, entry->d_name, 10) && pid <= INT32_MAX)
			vec_push(NULL, &pids, (pid_t)pid);
	}
	(void)closedir(dir);
	if (pids.len)
		qsort(pids.data, pids.len, sizeof(pid_t), compare_pids);
	out->data = pids.data;
	out->len = pids.len;
	return 0;
}

/* Keep the processes that @accept takes. */
static void filter_pids(struct proc_pids *p, bool (*accept)(pid_t pid, const void *ctx),
			const void *ctx)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->len; i++) {
		if (accept(p->data[i], ctx))
			p->data[kept++] = p->data[i];
	}
	p->len = kept;
}

struct file_id {
	dev_t dev;
	ino_t ino;
};

/* One line of /proc/PID/maps: "start-end perms offset major:minor inode   path". */
struct map_line {
	const char *perms;
	unsigned major, minor;
	uint64_t ino;
	const char *path; // "" for anonymous memory
};

static bool parse_map_line(const char *line, struct map_line *out)
{
	uint64_t start, end, offset, major, minor;
	const char *p = line;

	if (!str_take_u64(&p, 16, &start) || !str_take(&p, "-") || !str_take_u64(&p, 16, &end) ||
	    !str_take(&p, " "))
		return false;
	out->perms = p;
	p += strcspn(p, " ");
	if (!str_take(&p, " ") || !str_take_u64(&p, 16, &offset) || !str_take(&p, " ") ||
	    !str_take_u64(&p, 16, &major) || !str_take(&p, ":") || !str_take_u64(&p, 16, &minor) ||
	    !str_take(&p, " ") || !str_take_u64(&p, 10, &out->ino))
		return false;
	out->major = (unsigned int)major;
	out->minor = (unsigned int)minor;
	out->path = p + strspn(p, " ");
	return true;
}

/* Call @fn for each line of the process's mappings, cut at its newline, until it returns false. */
static int each_map(pid_t pid, bool (*fn)(void *ctx, const struct map_line *m), void *ctx)
{
	struct buf text;
	char path[64];
	int r;

	buf_init(&text, MAPS_MAX);
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	r = buf_read_file(&text, path);
	for (char *line = text.data, *end; !r && line && *line; line = end) {
		struct map_line m;

		end = strchrnul(line, '\n');
		if (*end)
			*end++ = 0;
		if (parse_map_line(line, &m) && !fn(ctx, &m))
			break;
	}
	buf_finish(&text);
	return r;
}

struct map_search {
	struct file_id id;
	bool is_found;
};

static bool search_map(void *ctx, const struct map_line *m)
{
	struct map_search *s = ctx;

	s->is_found = m->perms[2] == 'x' && m->ino == s->id.ino &&
		      makedev(m->major, m->minor) == s->id.dev;
	return !s->is_found;
}

static bool maps_file(pid_t pid, const void *ctx)
{
	struct map_search s = { .id = *(const struct file_id *)ctx };

	return !each_map(pid, search_map, &s) && s.is_found;
}

int proc_pids_by_file(struct proc_pids *out, const char *path, struct err *err)
{
	struct file_id id;
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return err_errno(err, -errno, "'%s'", path);
	id = (struct file_id){ st.st_dev, st.st_ino };
	r = proc_pids_all(out, err);
	if (!r)
		filter_pids(out, maps_file, &id);
	return r;
}

/* CRI-O's and Podman's monitor of a container is not in it: "crio-conmon-ID.scope". */
static bool is_monitor(const char *text, const char *id)
{
	size_t len = strlen("conmon-");

	return (size_t)(id - text) >= len && !strncmp(id - len, "conmon-", len);
}

/* It runs no more, but nobody has waited for it. */
static bool is_zombie(pid_t pid)
{
	struct buf text;
	const char *p;
	bool is_over = !read_small(pid, "stat", &text) && (p = strrchr(buf_cstr(&text), ')')) &&
		       str_starts_with(p, ") Z");

	buf_finish(&text);
	return is_over;
}

static bool is_in_container(pid_t pid, const void *ctx)
{
	const char *id = ctx, *p;
	size_t len = strlen(id);
	struct buf text;
	bool found = false;

	if (!read_small(pid, "cgroup", &text)) {
		for (p = buf_cstr(&text); (p = strstr(p, id)); p++) {
			/* A whole path element, or the start of an abbreviated id in one. */
			if (p > text.data && !isxdigit((unsigned char)p[-1]) &&
			    (len < 64 || !isxdigit((unsigned char)p[len])) &&
			    !is_monitor(text.data, p)) {
				found = true;
				break;
			}
		}
	}
	buf_finish(&text);
	return found && !is_zombie(pid);
}

static int compare_starts(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	if (x[0] != y[0])
		return x[0] < y[0] ? -1 : 1;
	return (x[1] > y[1]) - (x[1] < y[1]);
}

/* Oldest first; in one clock tick the lower pid is the elder.  Those that have ended are left out.
 */
static int sort_by_start(struct proc_pids *p)
{
	uint64_t(*keys)[2] = calloc(p->len + 1, sizeof(*keys));
	size_t kept = 0;

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < p->len; i++) {
		keys[kept][0] = proc_start_time(p->data[i]);
		keys[kept][1] = (uint64_t)p->data[i];
		kept += keys[kept][0] != 0;
	}
	qsort(keys, kept, sizeof(*keys), compare_starts);
	p->len = kept;
	for (size_t i = 0; i < kept; i++)
		p->data[i] = (pid_t)keys[i][1];
	free(keys);
	return 0;
}

int proc_pids_by_container(struct proc_pids *out, const char *container_id, struct err *err)
{
	const char *scheme = strstr(container_id, "://");
	const char *id = scheme ? scheme + 3 : container_id;
	int r;

	if (strlen(id) < 12 || strspn(id, "0123456789abcdef") != strlen(id))
		return err_set(err, -EINVAL, "'%s' is not a container id", container_id);
	r = proc_pids_all(out, err);
	if (r)
		return r;
	filter_pids(out, is_in_container, id);
	r = sort_by_start(out);
	if (!r && !out->len)
		r = err_set(err, -ESRCH, "no process of container '%s'", container_id);
	if (r)
		proc_pids_finish(out);
	return r;
}

struct path_visit {
	proc_path_fn fn;
	void *ctx;
	vec_of(char *) seen;
};

static bool visit_path(void *ctx, const struct map_line *m)
{
	struct path_visit *v = ctx;
	char *copy;

	if (m->path[0] != '/' || m->perms[2] != 'x')
		return true;
	vec_foreach (&v->seen, s) {
		if (!strcmp(*s, m->path))
			return true;
	}
	copy = strdup(m->path);
	if (copy)
		vec_push(NULL, &v->seen, copy);
	return v->fn(v->ctx, m->path);
}

int proc_mapped_files(pid_t pid, proc_path_fn fn, void *ctx)
{
	struct path_visit v = { .fn = fn, .ctx = ctx };
	int r = each_map(pid, visit_path, &v);

	vec_foreach (&v.seen, s)
		free(*s);
	vec_finish(&v.seen);
	return r;
}
