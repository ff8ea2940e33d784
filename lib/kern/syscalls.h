/*
 * System call numbers and names of the architectures we run on, from the kernel's tables:
 * syscalls_x86_64.def, syscalls_aarch64.def.
 */
#pragma once

/*
 * By name ("umount2") or by the name of the entry point ("umount", as in sys_enter_umount); -1 if
 * there is none on the architecture this program was built for.
 */
int syscalls_number(const char *name);
/* NULL if the number is not known. */
const char *syscalls_name(int number);
