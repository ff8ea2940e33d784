#include "kube/base64.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)p[i] << 16;
		char quad[4];

		if (have > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (have > 2)
			v |= p[i + 2];
		quad[0] = alphabet[v >> 18];
		quad[1] = alphabet[v >> 12 & 63];
		quad[2] = have > 1 ? alphabet[v >> 6 & 63] : '=';
		quad[3] = have > 2 ? alphabet[v & 63] : '=';
		buf_append(out, quad, sizeof(quad));
	}
}

int base64_decode(struct buf *out, const char *text)
{
	uint32_t bits = 0;
	int count = 0; // bits held
	const char *p = text;

	for (; *p && *p != '='; p++) {
		const char *at;

		if (strchr(" \t\r\n", *p))
			continue;
		at = strchr(alphabet, *p);
		if (!at)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		count += 6;
		if (count >= 8) {
			count -= 8;
			buf_putc(out, (char)(bits >> count & 0xff));
		}
	}
	/* What is left over must be zero, and only padding may follow. */
	if (count >= 6 || (bits & ((1u << count) - 1)))
		return -EINVAL;
	return p[strspn(p, "= \t\r\n")] == '\0' ? 0 : -EINVAL;
}
