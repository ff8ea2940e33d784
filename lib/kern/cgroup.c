#include "kern/cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/str.h"

#define CGROUP_FILE_MAX  (256u << 10)
#define CONTAINER_ID_LEN 64

static bool is_hex(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)s[i]) && !(s[i] >= 'a' && s[i] <= 'f'))
			return false;
	}
	return true;
}

/* A UUID (systemd's names have '_' for '-'), or the 32 digits of a static pod's hash. */
static bool read_pod_uid(const char *s, size_t len, char out[CGROUP_POD_UID_MAX])
{
	if (len != 32 && len != 36)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool is_dash = len == 36 && (i == 8 || i == 13 || i == 18 || i == 23);

		if (is_dash ? s[i] != '-' && s[i] != '_' : !is_hex(s + i, 1))
			return false;
		out[i] = is_dash ? '-' : s[i];
	}
	out[len] = 0;
	return true;
}

static const char *find_last(const char *s, size_t len, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = len < n ? 0 : len - n + 1; i-- > 0;) {
		if (!strncmp(s + i, what, n))
			return s + i;
	}
	return NULL;
}

/* "podUID" (cgroupfs driver), "kubepods-burstable-podU_I_D.slice" (systemd driver). */
static bool parse_pod(const char *s, size_t len, char out[CGROUP_POD_UID_MAX])
{
	const char *pod;
	size_t suffix = strlen(".slice");

	if (len > 3 && !strncmp(s, "pod", 3))
		return read_pod_uid(s + 3, len - 3, out);
	if (len <= suffix || strncmp(s + len - suffix, ".slice", suffix) != 0)
		return false;
	pod = find_last(s, len - suffix, "-pod");
	return pod && read_pod_uid(pod + 4, (size_t)(s + len - suffix - (pod + 4)), out);
}

static enum cgroup_runtime runtime_of(const char *prefix, size_t len)
{
	if (memmem(prefix, len, "crio", 4) || memmem(prefix, len, "libpod", 6))
		return RUNTIME_CRIO;
	if (memmem(prefix, len, "docker", 6))
		return RUNTIME_DOCKER;
	if (memmem(prefix, len, "containerd", 10))
		return RUNTIME_CONTAINERD;
	return RUNTIME_UNKNOWN;
}

/* "ID", "crio-ID", "cri-containerd-ID.scope", "docker-ID.scope", "cri-containerd:ID". */
static bool parse_container(const char *s, size_t len, struct cgroup_identity *out)
{
	size_t suffix = strlen(".scope");
	const char *id;

	if (len > suffix && !strncmp(s + len - suffix, ".scope", suffix))
		len -= suffix;
	if (len < CONTAINER_ID_LEN)
		return false;
	id = s + len - CONTAINER_ID_LEN;
	if (!is_hex(id, CONTAINER_ID_LEN) || (id > s && id[-1] != '-' && id[-1] != ':'))
		return false;
	/* The monitors of CRI-O and Podman have a cgroup beside the container's. */
	if (memmem(s, (size_t)(id - s), "conmon", 6))
		return false;
	memcpy(out->container_id, id, CONTAINER_ID_LEN);
	out->container_id[CONTAINER_ID_LEN] = 0;
	out->runtime = runtime_of(s, (size_t)(id - s));
	return true;
}

/*
 * The last pod counts (a kubelet may run in a container itself), and of what follows the first
 * container (a pod may run containers itself).  Outside pods the last container counts.
 */
static void read_element(const char *s, size_t len, bool is_docker, struct cgroup_identity *id)
{
	char uid[CGROUP_POD_UID_MAX];
	struct cgroup_identity container = { 0 };

	if (parse_pod(s, len, uid)) {
		*id = (struct cgroup_identity){ 0 };
		memcpy(id->pod_uid, uid, sizeof(uid));
	} else if ((!*id->pod_uid || !*id->container_id) && parse_container(s, len, &container)) {
		memcpy(id->container_id, container.container_id, sizeof(id->container_id));
		id->runtime = container.runtime;
		if (is_docker && id->runtime == RUNTIME_UNKNOWN)
			id->runtime = RUNTIME_DOCKER;
	}
}

bool cgroup_parse_path(const char *path, struct cgroup_identity *out)
{
	bool is_docker = false;

	*out = (struct cgroup_identity){ 0 };
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");
		const char *colon = memchr(p, ':', len);

		/* containerd with the systemd driver but without systemd:
		 * "SLICE:cri-containerd:ID". */
		if (colon) {
			read_element(p, (size_t)(colon - p), false, out);
			read_element(colon + 1, len - (size_t)(colon + 1 - p), false, out);
		} else if (len) {
			read_element(p, len, is_docker, out);
		}
		is_docker = len == 6 && !strncmp(p, "docker", 6);
		p += len + (p[len] == '/');
	}
	return *out->pod_uid || *out->container_id;
}

size_t cgroup_container_len(const char *path)
{
	struct cgroup_identity whole, part;
	char prefix[PATH_MAX];
	size_t len = 0;

	if (!cgroup_parse_path(path, &whole) || !whole.container_id[0])
		return strlen(path);
	for (;;) {
		len += path[len] == '/';
		len += strcspn(path + len, "/");
		if (!path[len] || len >= sizeof(prefix))
			return strlen(path);
		memcpy(prefix, path, len);
		prefix[len] = '\0';
		if (cgroup_parse_path(prefix, &part) &&
		    strcmp(part.container_id, whole.container_id) == 0)
			return len;
	}
}

struct cgroup_handle {
	struct file_handle header;
	uint64_t id;
};

int cgroup_id(uint64_t *out, const char *path, struct err *err)
{
	struct cgroup_handle handle = { .header.handle_bytes = sizeof(handle.id) };
	int mount_id;

	if (name_to_handle_at(AT_FDCWD, path, &handle.header, &mount_id, 0) < 0)
		return err_errno(err, -errno, "cgroup '%s'", path);
	memcpy(out, handle.header.f_handle, sizeof(*out));
	return 0;
}

static int read_cgroup_file(pid_t pid, struct buf *out)
{
	char path[64] = "/proc/self/cgroup";

	if (pid)
		(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	buf_init(out, CGROUP_FILE_MAX);
	return buf_read_file(out, path);
}

/* The path in line "ID:NAMES:PATH" of /proc/PID/cgroup; the v2 hierarchy's line begins "0::". */
static const char *find_line(const struct buf *text, const char *prefix, size_t *len)
{
	for (const char *line = buf_cstr(text); *line;) {
		size_t line_len = strcspn(line, "\n");

		if (str_starts_with(line, prefix)) {
			*len = line_len - strlen(prefix);
			return line + strlen(prefix);
		}
		line += line_len + (line[line_len] == '\n');
	}
	return NULL;
}

/* On v1 every hierarchy has the container's path; take the first that names one. */
static const char *find_v1_path(const struct buf *text, size_t *len)
{
	const char *longest = NULL;

	for (const char *line = buf_cstr(text); *line;) {
		size_t line_len = strcspn(line, "\n");
		const char *path = memchr(line, '/', line_len);
		size_t path_len = path ? line_len - (size_t)(path - line) : 0;

		if (path && (!longest || path_len > *len)) {
			longest = path;
			*len = path_len;
		}
		line += line_len + (line[line_len] == '\n');
	}
	return longest;
}

int cgroup_path_of_pid(pid_t pid, char *out, size_t size)
{
	struct buf text;
	const char *path;
	size_t len = 0;
	int r = read_cgroup_file(pid, &text);

	if (!r) {
		path = find_line(&text, "0::", &len);
		if (!path || len <= 1)
			path = find_v1_path(&text, &len);
		if (!path)
			r = -ENOENT;
		else if (len >= size)
			r = -ENAMETOOLONG;
		else
			(void)snprintf(out, size, "%.*s", (int)len, path);
	}
	buf_finish(&text);
	return r;
}

bool cgroup_is_v2(pid_t pid)
{
	struct buf text;
	size_t len = 0;
	bool is_own = !read_cgroup_file(pid, &text) && find_line(&text, "0::", &len) && len > 1;

	buf_finish(&text);
	return is_own;
}

bool cgroup_has_v2(void)
{
	struct buf text;
	size_t len;
	bool is_there = !read_cgroup_file(0, &text) && find_line(&text, "0::", &len);

	buf_finish(&text);
	return is_there;
}
