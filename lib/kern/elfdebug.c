/* Separate debugging files: where distributions put them, and whether they are the right ones. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "kern/elf.h"

#define CRC_BLOCK (64u << 20)

/* A build id that can name a file, or NULL. */
static const uint8_t *build_id(struct kelf *e, size_t *len)
{
	const uint8_t *id = kelf_build_id(e, len);

	return id && *len >= 2 && *len <= 64 ? id : NULL;
}

/* The file at @path if its build id is that of @e. */
static int open_same(struct kelf **out, struct kelf *e, const char *path, struct err *err)
{
	size_t len, other_len;
	const uint8_t *id = build_id(e, &len), *other;
	int r;

	if (!id)
		return err_set(err, -ENOENT, "no build id");
	r = kelf_open(out, path, err);
	if (r)
		return r;
	other = kelf_build_id(*out, &other_len);
	if (!other || other_len != len || memcmp(other, id, len) != 0) {
		kelf_close(*out);
		*out = NULL;
		return err_set(err, -ENOENT, "'%s' has another build id", path);
	}
	return 0;
}

static int open_by_build_id(struct kelf **out, struct kelf *e, const char *root, struct err *err)
{
	size_t len;
	const uint8_t *id = build_id(e, &len);
	char path[PATH_MAX];
	int n;

	if (!id)
		return err_set(err, -ENOENT, "no build id");
	n = snprintf(path, sizeof(path), "%s/usr/lib/debug/.build-id/%02x/", root, id[0]);
	for (size_t i = 1; i < len && n < (int)sizeof(path); i++)
		n += snprintf(path + n, sizeof(path) - (size_t)n, "%02x", id[i]);
	if (n + sizeof(".debug") > sizeof(path))
		return err_set(err, -ENOENT, "path too long");
	memcpy(path + n, ".debug", sizeof(".debug"));
	return open_same(out, e, path, err);
}

/*
 * NAME.debug, for the file at @path called NAME, in one of @dirs, "DIR:DIR"; a relative DIR is
 * beside that file.
 */
static int open_in_dirs(struct kelf **out, struct kelf *e, const char *path, const char *dirs,
			struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char candidate[PATH_MAX];

	while (dirs && *dirs) {
		size_t len = strcspn(dirs, ":");
		int beside = *dirs == '/' ? 0 : (int)(name - path);

		(void)snprintf(candidate, sizeof(candidate), "%.*s%.*s/%s.debug", beside, path,
			       (int)len, dirs, name);
		if (len && !open_same(out, e, candidate, err))
			return 0;
		dirs += len + (dirs[len] == ':');
	}
	return err_set(err, -ENOENT, "no debugging file '%s.debug'", name);
}

/* Reads through a handle of its own, so that the blocks don't stay with the caller's. */
static bool has_crc(const char *path, uint32_t expected)
{
	struct kelf *e;
	unsigned long crc = crc32(0, NULL, 0);
	uint64_t at = 0, size = 1;

	while (at < size) {
		uint64_t len;
		const void *data;

		if (kelf_open(&e, path, NULL))
			return false;
		size = kelf_size(e);
		len = size - at < CRC_BLOCK ? size - at : CRC_BLOCK;
		data = kelf_data(e, at, len);
		if (data)
			crc = crc32(crc, data, (unsigned)len);
		kelf_close(e);
		if (!data)
			return false;
		at += len;
	}
	return crc == expected;
}

static bool try_link(struct kelf **out, const char *path, const char *self, uint32_t crc)
{
	/* A debuglink that leads back to the file itself would add nothing. */
	return strcmp(path, self) != 0 && has_crc(path, crc) && !kelf_open(out, path, NULL);
}

static int open_by_link(struct kelf **out, struct kelf *e, const char *path, const char *root,
			struct err *err)
{
	struct kelf_section section;
	size_t size, name_len, root_len = strlen(root);
	const char *link, *slash = strrchr(path, '/'), *below;
	int dir_len = slash ? (int)(slash - path) : 0;
	char candidate[PATH_MAX];
	uint32_t crc;

	if (!kelf_find_section(e, ".gnu_debuglink", &section))
		return err_set(err, -ENOENT, "no debug link");
	link = kelf_section_data(e, &section, &size);
	name_len = link ? strnlen(link, size) : 0;
	if (!name_len || (name_len + 4) / 4 * 4 + 4 > size || memchr(link, '/', name_len))
		return err_set(err, -ENOENT, "malformed debug link");
	memcpy(&crc, link + (name_len + 4) / 4 * 4, sizeof(crc));
	below = !strncmp(path, root, root_len) ? path + root_len : path;
	if (slash && slash < below)
		below = path;

	(void)snprintf(candidate, sizeof(candidate), "%.*s/%s", dir_len, path, link);
	if (try_link(out, candidate, path, crc))
		return 0;
	(void)snprintf(candidate, sizeof(candidate), "%.*s/.debug/%s", dir_len, path, link);
	if (try_link(out, candidate, path, crc))
		return 0;
	(void)snprintf(candidate, sizeof(candidate), "%s/usr/lib/debug%.*s/%s", root,
		       slash ? (int)(slash - below) : 0, below, link);
	if (try_link(out, candidate, path, crc))
		return 0;
	return err_set(err, -ENOENT, "no debugging file '%s'", link);
}

int kelf_open_debug(struct kelf **out, struct kelf *e, const char *path, const char *root,
		    const char *dirs, struct err *err)
{
	if (!open_by_build_id(out, e, root, err))
		return 0;
	if (!open_in_dirs(out, e, path, dirs, err))
		return 0;
	return open_by_link(out, e, path, root, err) ? -ENOENT : 0;
}
