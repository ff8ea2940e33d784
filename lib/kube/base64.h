/*
 * Base64 (RFC 4648, section 4), as in Secrets, ConfigMaps' binaryData and kubeconfig's *-data.
 */
#pragma once

#include <stddef.h>

#include "util/buf.h"

/* Append the encoding of @data to @out. */
void base64_encode(struct buf *out, const void *data, size_t len);
/* Append what @text encodes to @out; white space is skipped.  0 or -EINVAL. */
int base64_decode(struct buf *out, const char *text) __attribute__((warn_unused_result));
