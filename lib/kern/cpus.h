/*
 * The CPUs of this machine, from /sys/devices/system/cpu.
 */
#pragma once

#include <stddef.h>

#include "util/vec.h"

typedef vec_of(int) cpu_list;

/*
 * Numbers of the CPUs that are "online" or "possible", ascending, into @out (empty before; free
 * with vec_finish()).  Without sysfs, as many as the C library counts.
 */
void cpus_read(cpu_list *out, const char *which);
/* Append those of a list as the kernel writes it, "0-3,8"; nothing behind what can't be read. */
void cpus_parse(cpu_list *out, const char *text);
