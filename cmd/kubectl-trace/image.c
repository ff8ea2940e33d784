/*
 * `kubectl trace image`: a container image with nothing in it but the runner, as an OCI layout in a
 * tar file, which containerd, CRI-O, Podman and Docker (25 and later) load.
 *
 *     oci-layout
 *     index.json                  names the manifest
 *     blobs/sha256/MANIFEST       names the configuration and the layer
 *     blobs/sha256/CONFIGURATION
 *     blobs/sha256/LAYER          a tar file with /trace-runner
 *     manifest.json               the same for Docker: a docker-archive
 *
 * Reference: github.com/opencontainers/image-spec.  The same runner gives the same bytes.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "runner.h"
#include "tar.h"
#include "util/fd.h"
#include "util/sha256.h"

#define MAX_RUNNER_BYTES (64 << 20)

static const char help_head[] =
	"Write a container image with the runner to a file.\n"
	"\n"
	"The file is an OCI image in a tar file, which can be loaded into nodes (ctr images "
	"import, podman\n"
	"load, docker load) or pushed to a registry (skopeo copy oci-archive:FILE docker://...).\n"
	"Use it with `kubectl trace run --image NAME`.\n"
	"\n"
	"Usage:\n"
	"  kubectl trace image -o FILE [--name NAME] [--arch ARCH]\n";

struct blob {
	struct buf data;
	char digest[SHA256_HEX_SIZE];
};

static void blob_init(struct blob *b)
{
	buf_init(&b->data, MAX_RUNNER_BYTES + (1 << 20));
}

/* To be called when the content is complete. */
static void blob_seal(struct blob *b)
{
	struct sha256 h;
	unsigned char digest[SHA256_SIZE];

	sha256_init(&h);
	sha256_update(&h, buf_cstr(&b->data), b->data.len);
	sha256_final(&h, digest);
	sha256_hex(b->digest, digest);
}

struct image {
	const char *name;
	const char *arch;
	struct buf runner;
	struct blob layer, config, manifest;
};

static void make_layer(struct image *im)
{
	tar_add_file(&im->layer.data, "trace-runner", 0755, buf_cstr(&im->runner), im->runner.len);
	tar_finish(&im->layer.data);
	blob_seal(&im->layer);
}

static void make_config(struct image *im)
{
	buf_printf(&im->config.data,
		   "{\"architecture\":\"%s\",\"os\":\"linux\","
		   "\"config\":{\"Entrypoint\":[\"/trace-runner\"],"
		   "\"Labels\":{\"org.opencontainers.image.title\":\"kubectl-trace runner\","
		   "\"org.opencontainers.image.version\":\"%s\"}},"
		   "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]},"
		   "\"history\":[{\"created_by\":\"kubectl-trace image\"}]}",
		   im->arch, VERSION, im->layer.digest);
	blob_seal(&im->config);
}

static void make_manifest(struct image *im)
{
	buf_printf(&im->manifest.data,
		   "{\"schemaVersion\":2,"
		   "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		   "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
		   "\"digest\":\"sha256:%s\",\"size\":%zu},"
		   "\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
		   "\"digest\":\"sha256:%s\",\"size\":%zu}]}",
		   im->config.digest, im->config.data.len, im->layer.digest, im->layer.data.len);
	blob_seal(&im->manifest);
}

static void add_text(struct buf *tar, const char *name, const struct buf *text)
{
	tar_add_file(tar, name, 0644, buf_cstr(text), text->len);
}

static void add_blob(struct buf *tar, const struct blob *b)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "blobs/sha256/%s", b->digest);
	add_text(tar, name, &b->data);
}

static void write_archive(struct buf *tar, const struct image *im)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	struct buf text;

	buf_init(&text, 1 << 16);
	tar_add_file(tar, "oci-layout", 0644, layout, sizeof(layout) - 1);
	buf_printf(&text,
		   "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
		   "\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		   "\"digest\":\"sha256:%s\",\"size\":%zu,"
		   "\"platform\":{\"architecture\":\"%s\",\"os\":\"linux\"},"
		   "\"annotations\":{\"io.containerd.image.name\":\"%s\","
		   "\"org.opencontainers.image.ref.name\":\"%s\"}}]}",
		   im->manifest.digest, im->manifest.data.len, im->arch, im->name,
		   strrchr(im->name, ':') + 1);
	add_text(tar, "index.json", &text);
	buf_clear(&text);
	buf_printf(&text,
		   "[{\"Config\":\"blobs/sha256/%s\",\"RepoTags\":[\"%s\"],"
		   "\"Layers\":[\"blobs/sha256/%s\"]}]",
		   im->config.digest, im->name, im->layer.digest);
	add_text(tar, "manifest.json", &text);
	buf_finish(&text);
	add_blob(tar, &im->manifest);
	add_blob(tar, &im->config);
	add_blob(tar, &im->layer);
	tar_finish(tar);
}

static int write_file(const char *path, const struct buf *data, struct err *err)
{
	_cleanup_close_ int fd = -1;
	int ret;

	if (strcmp(path, "-") == 0) {
		ret = fd_write_all(STDOUT_FILENO, buf_cstr(data), data->len);
		return ret < 0 ? err_errno(err, ret, "standard output") : 0;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_errno(err, -errno, "cannot create '%s'", path);
	ret = fd_write_all(fd, buf_cstr(data), data->len);
	if (ret == 0 && close(take_fd(&fd)) < 0)
		ret = -errno;
	return ret < 0 ? err_errno(err, ret, "cannot write '%s'", path) : 0;
}

static int make_image(struct arena *a, struct image *im, const char *output, struct err *err)
{
	struct buf tar;
	const char *path;
	int ret = runner_find(&path, a, im->arch, err);

	if (ret < 0)
		return ret;
	ret = buf_read_file(&im->runner, path);
	if (ret < 0)
		return err_errno(err, ret, "cannot read '%s'", path);
	buf_init(&tar, MAX_RUNNER_BYTES + (2 << 20));
	make_layer(im);
	make_config(im);
	make_manifest(im);
	write_archive(&tar, im);
	ret = tar.is_truncated ? err_set(err, -EFBIG, "'%s' is too large", path)
			       : write_file(output, &tar, err);
	if (ret == 0 && strcmp(output, "-") != 0)
		printf("%s: image %s with %s (%zu bytes)\n", output, im->name, path,
		       im->runner.len);
	buf_finish(&tar);
	return ret;
}

/* What goes into JSON as it is: the characters of image names. */
static bool is_image_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				"._-/:");
	const char *colon = strrchr(name, ':');

	return *name && name[n] == '\0' && colon && colon[1] && !strchr(colon, '/');
}

int cmd_image(int argc, char **argv)
{
	struct image im = { .name = IMAGE_DEFAULT_NAME, .arch = runner_native_arch() };
	const char *output = NULL;
	const struct flag flags[] = {
		{ "arch", 0, FLAG_STRING, &im.arch, 0, "ARCH",
		  "amd64 or arm64 (default: this machine's)" },
		{ "name", 0, FLAG_STRING, &im.name, 0, "NAME",
		  "name and tag (default " IMAGE_DEFAULT_NAME ")" },
		{ "output", 'o', FLAG_STRING, &output, 0, "FILE",
		  "where to write it; - is stdout" },
	};
	struct command_line line = { .name = "image",
				     .help = help_head,
				     .flags = flags,
				     .flag_count = sizeof(flags) / sizeof(flags[0]) };
	struct err err = { 0 };
	struct arena a;
	int status;

	arena_init(&a);
	buf_init(&im.runner, MAX_RUNNER_BYTES);
	blob_init(&im.layer);
	blob_init(&im.config);
	blob_init(&im.manifest);
	if (parse_command(&line, &a, argc, argv, &status)) {
		if (!output || line.args.count)
			status = usage_error("image", "-o FILE is needed, and nothing else");
		else if (!is_image_name(im.name))
			status = usage_error("image", "\"%s\" is not an image name with a tag",
					     im.name);
		else if (strcmp(im.arch, "amd64") != 0 && strcmp(im.arch, "arm64") != 0)
			status = usage_error("image", "unknown architecture \"%s\"", im.arch);
		else if (make_image(&a, &im, output, &err) < 0) {
			complain("%s", err.msg);
			status = EXIT_ERROR;
		}
	}
	buf_finish(&im.runner);
	buf_finish(&im.layer.data);
	buf_finish(&im.config.data);
	buf_finish(&im.manifest.data);
	arena_finish(&a);
	return status;
}
