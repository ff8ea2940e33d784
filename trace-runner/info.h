/*
 * --info: this machine, this program, and what its kernel can do; laid out as bpftrace does.
 */
#pragma once

#include <stdio.h>

#include "lang/target.h"

void info_print(FILE *out, const struct features *features);
/* "trace-runner v0.1.0", or "bpftrace v0.27.1" when that is the name it is run by. */
void info_print_version(FILE *out, const char *argv0);
