#include "tar.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES 512

struct header {
	char name[100];
	char mode[8]; // numbers are octal text
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];
	char version[2];
	char unused[247];
};
_Static_assert(sizeof(struct header) == BLOCK_BYTES, "a tar header is one block");

static void pad(struct buf *tar)
{
	size_t over = tar->len % BLOCK_BYTES;

	if (over)
		buf_fill(tar, '\0', BLOCK_BYTES - over);
}

void tar_add_file(struct buf *tar, const char *name, unsigned int mode, const void *data,
		  size_t len)
{
	struct header h = { .type = '0', .magic = "ustar", .version = { '0', '0' } };
	unsigned int sum = 0;

	memcpy(h.name, name, strnlen(name, sizeof(h.name) - 1));
	(void)snprintf(h.mode, sizeof(h.mode), "%07o", mode);
	(void)snprintf(h.uid, sizeof(h.uid), "%07o", 0);
	(void)snprintf(h.gid, sizeof(h.gid), "%07o", 0);
	(void)snprintf(h.size, sizeof(h.size), "%011zo", len);
	(void)snprintf(h.mtime, sizeof(h.mtime), "%011o", 0);
	/* The sum is taken with blanks in its place. */
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	(void)snprintf(h.checksum, sizeof(h.checksum), "%06o", sum);
	buf_append(tar, &h, sizeof(h));
	buf_append(tar, data, len);
	pad(tar);
}

void tar_finish(struct buf *tar)
{
	buf_fill(tar, '\0', (size_t)2 * BLOCK_BYTES);
}
