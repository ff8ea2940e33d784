/*
 * FNV-1a with a final mix, for hash tables in memory.  Not for anything an attacker may choose to
 * collide on purpose across processes: the tables here are small and short-lived.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_bytes(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	h ^= h >> 32;
	return h * 0x9e3779b97f4a7c15u >> 7;
}
