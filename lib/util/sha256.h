/*
 * SHA-256 (FIPS 180-4), for naming content by its hash and checking it.
 *
 * Needs nothing from the C library but memcpy, so that it also builds without one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE     32
#define SHA256_HEX_SIZE 65 // with the NUL

struct sha256 {
	uint32_t state[8];
	uint64_t len; // bytes so far
	unsigned char block[64];
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t len);
void sha256_final(struct sha256 *h, unsigned char digest[SHA256_SIZE]);
/* Lower-case hexadecimal. */
void sha256_hex(char out[SHA256_HEX_SIZE], const unsigned char digest[SHA256_SIZE]);
