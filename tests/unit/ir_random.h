/*
 * Random IR programs, for tests: valid, ending, and the same whenever the bytes are the same.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ir/ir.h"

struct ir_program *ir_random(struct arena *a, const uint8_t *data, size_t len);
