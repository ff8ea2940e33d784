/*
 * Integers to text, without stdio: most of what is printed is numbers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util/buf.h"

#define NUM_MAX 24 // of any 64-bit integer in any base here, with sign or prefix

/* The digits of @v into at most NUM_MAX bytes; return how many were written.  No NUL. */
size_t num_format_u64(char *out, uint64_t v);
size_t num_format_s64(char *out, int64_t v);
size_t num_format_hex(char *out, uint64_t v);
size_t num_format_octal(char *out, uint64_t v);

void num_put_u64(struct buf *out, uint64_t v);
void num_put_s64(struct buf *out, int64_t v);
void num_put_hex(struct buf *out, uint64_t v);

/* A little-endian integer of @size bytes (1, 2, 4 or 8; others give 0), extended to 64 bits. */
static inline uint64_t num_load(const void *data, uint32_t size, int is_signed)
{
	uint64_t v8;
	uint32_t v4;
	uint16_t v2;

	switch (size) {
	case 1: v2 = *(const uint8_t *)data; return is_signed ? (uint64_t)(int64_t)(int8_t)v2 : v2;
	case 2: memcpy(&v2, data, 2); return is_signed ? (uint64_t)(int64_t)(int16_t)v2 : v2;
	case 4: memcpy(&v4, data, 4); return is_signed ? (uint64_t)(int64_t)(int32_t)v4 : v4;
	case 8: memcpy(&v8, data, 8); return v8;
	default: return 0;
	}
}
