#include "runner.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stage1_image.h"

const char *runner_native_arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#else
#error "which architecture is this?"
#endif
}

/* The folder of this executable. */
static const char *own_folder(struct arena *a)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return arena_strdup(a, path);
}

static const char *find_on_path(struct arena *a, const char *name)
{
	const char *p = getenv("PATH");

	while (p && *p) {
		size_t n = strcspn(p, ":");
		const char *path = arena_printf(a, "%.*s/%s", (int)n, p, name);

		if (n && access(path, X_OK) == 0)
			return path;
		p += n + (p[n] == ':');
	}
	return NULL;
}

/* Beside this program, where it is installed, where it is built, or on the PATH; NULL: nowhere. */
static const char *find_file(struct arena *a, const char *name)
{
	static const char *const places[] = { "", "../libexec/kubectl-trace/",
					      "../../trace-runner/" };
	const char *folder = own_folder(a);

	for (size_t i = 0; folder && i < sizeof(places) / sizeof(places[0]); i++) {
		const char *path = arena_printf(a, "%s/%s%s", folder, places[i], name);

		if (access(path, R_OK) == 0)
			return path;
	}
	return find_on_path(a, name);
}

static bool is_native(const char *arch)
{
	return !arch || strcmp(arch, runner_native_arch()) == 0;
}

int runner_find(const char **path, struct arena *a, const char *arch, struct err *err)
{
	const char *given = getenv("KUBECTL_TRACE_RUNNER");
	const char *name =
		is_native(arch) ? "trace-runner" : arena_printf(a, "trace-runner-%s", arch);

	if (is_native(arch) && given && *given) {
		if (access(given, R_OK) < 0)
			return err_errno(err, -errno, "$KUBECTL_TRACE_RUNNER: '%s'", given);
		*path = given;
		return 0;
	}
	*path = find_file(a, name);
	if (*path)
		return 0;
	return err_set(err, -ENOENT, "'%s' is neither beside this program nor on the PATH%s", name,
		       is_native(arch) ? "; set KUBECTL_TRACE_RUNNER to its path" : "");
}

int runner_read_stage1(struct buf *out, struct arena *a, const char *arch, struct err *err)
{
	const char *name, *path;
	int ret;

	if (is_native(arch)) {
		buf_append(out, stage1_image, sizeof(stage1_image));
		return 0;
	}
	name = arena_printf(a, "trace-stage1-%s", arch);
	path = find_file(a, name);
	if (!path)
		return err_set(err, -ENOENT, "'%s' is not beside this program", name);
	ret = buf_read_file(out, path);
	return ret < 0 ? err_errno(err, ret, "cannot read '%s'", path) : 0;
}
