/*
 * Histograms: the buckets, shared with the generated code.
 *
 * hist(v, k), 0 <= k <= 5: each power of two is split into 2^k buckets.
 *
 *     bucket 0                v < 0
 *     bucket v + 1            0 <= v < 2^(k+1): one value each
 *     bucket i + 1            i = ((s + 1) << k) + ((v >> s) & (2^k - 1)),  s = log2(v) - k
 *
 * lhist(v, min, max, step), n = (max - min) / step:
 *
 *     bucket 0                v < min
 *     bucket b in 1..n        min + (b-1)*step <= v < min + b*step
 *     bucket n + 1            the rest
 */
#pragma once

#include <stdint.h>

#define HIST_BITS_MAX 5

static inline uint32_t hist_bucket_count(unsigned int bits)
{
	return ((65 - bits) << bits) + 1;
}

static inline uint32_t lhist_bucket_count(int64_t min, int64_t max, int64_t step)
{
	return (uint32_t)(((uint64_t)max - (uint64_t)min) / (uint64_t)step) + 2;
}

static inline uint32_t hist_bucket(int64_t value, unsigned int bits)
{
	unsigned int shift;

	if (value < 0)
		return 0;
	if (value < (int64_t)2 << bits)
		return (uint32_t)value + 1;
	shift = 63 - (unsigned int)__builtin_clzll((uint64_t)value) - bits;
	return ((shift + 1) << bits) + (uint32_t)((value >> shift) & ((1 << bits) - 1)) + 1;
}
