/*
 * Lowering: the names behind strerror(), signal_name() and syscall_name(), as tables in .rodata
 * that are made when a script asks for them.
 *
 *     | name of 0 | name of 1 | ... | name of what is out of range |    each of the type's size
 *
 * Source: the comments of include/uapi/asm-generic/errno-base.h and errno.h; strsignal(3).
 */
#include "ir/lower_impl.h"

#include <string.h>

#define SIGNALS         65
#define SYSCALLS        1023
#define FIRST_REAL_TIME 34 // below are two that the C library keeps for itself

/* clang-format off */
static const char *const error_names[] = {
	[0] = "Success",
	[1] = "Operation not permitted",
	[2] = "No such file or directory",
	[3] = "No such process",
	[4] = "Interrupted system call",
	[5] = "I/O error",
	[6] = "No such device or address",
	[7] = "Argument list too long",
	[8] = "Exec format error",
	[9] = "Bad file number",
	[10] = "No child processes",
	[11] = "Try again (operation would block)",
	[12] = "Out of memory",
	[13] = "Permission denied",
	[14] = "Bad address",
	[15] = "Block device required",
	[16] = "Device or resource busy",
	[17] = "File exists",
	[18] = "Cross-device link",
	[19] = "No such device",
	[20] = "Not a directory",
	[21] = "Is a directory",
	[22] = "Invalid argument",
	[23] = "File table overflow",
	[24] = "Too many open files",
	[25] = "Not a typewriter",
	[26] = "Text file busy",
	[27] = "File too large",
	[28] = "No space left on device",
	[29] = "Illegal seek",
	[30] = "Read-only file system",
	[31] = "Too many links",
	[32] = "Broken pipe",
	[33] = "Math argument out of domain of func",
	[34] = "Math result not representable",
	[35] = "Resource deadlock would occur",
	[36] = "File name too long",
	[37] = "No record locks available",
	[38] = "Invalid system call number",
	[39] = "Directory not empty",
	[40] = "Too many symbolic links encountered",
	[42] = "No message of desired type",
	[43] = "Identifier removed",
	[44] = "Channel number out of range",
	[45] = "Level 2 not synchronized",
	[46] = "Level 3 halted",
	[47] = "Level 3 reset",
	[48] = "Link number out of range",
	[49] = "Protocol driver not attached",
	[50] = "No CSI structure available",
	[51] = "Level 2 halted",
	[52] = "Invalid exchange",
	[53] = "Invalid request descriptor",
	[54] = "Exchange full",
	[55] = "No anode",
	[56] = "Invalid request code",
	[57] = "Invalid slot",
	[59] = "Bad font file format",
	[60] = "Device not a stream",
	[61] = "No data available",
	[62] = "Timer expired",
	[63] = "Out of streams resources",
	[64] = "Machine is not on the network",
	[65] = "Package not installed",
	[66] = "Object is remote",
	[67] = "Link has been severed",
	[68] = "Advertise error",
	[69] = "Srmount error",
	[70] = "Communication error on send",
	[71] = "Protocol error",
	[72] = "Multihop attempted",
	[73] = "RFS specific error",
	[74] = "Not a data message",
	[75] = "Value too large for defined data type",
	[76] = "Name not unique on network",
	[77] = "File descriptor in bad state",
	[78] = "Remote address changed",
	[79] = "Can not access a needed shared library",
	[80] = "Accessing a corrupted shared library",
	[81] = ".lib section in a.out corrupted",
	[82] = "Attempting to link in too many shared libraries",
	[83] = "Cannot exec a shared library directly",
	[84] = "Illegal byte sequence",
	[85] = "Interrupted system call should be restarted",
	[86] = "Streams pipe error",
	[87] = "Too many users",
	[88] = "Socket operation on non-socket",
	[89] = "Destination address required",
	[90] = "Message too long",
	[91] = "Protocol wrong type for socket",
	[92] = "Protocol not available",
	[93] = "Protocol not supported",
	[94] = "Socket type not supported",
	[95] = "Operation not supported on transport endpoint",
	[96] = "Protocol family not supported",
	[97] = "Address family not supported by protocol",
	[98] = "Address already in use",
	[99] = "Cannot assign requested address",
	[100] = "Network is down",
	[101] = "Network is unreachable",
	[102] = "Network dropped connection because of reset",
	[103] = "Software caused connection abort",
	[104] = "Connection reset by peer",
	[105] = "No buffer space available",
	[106] = "Transport endpoint is already connected",
	[107] = "Transport endpoint is not connected",
	[108] = "Cannot send after transport endpoint shutdown",
	[109] = "Too many references: cannot splice",
	[110] = "Connection timed out",
	[111] = "Connection refused",
	[112] = "Host is down",
	[113] = "No route to host",
	[114] = "Operation already in progress",
	[115] = "Operation now in progress",
	[116] = "Stale file handle",
	[117] = "Structure needs cleaning",
	[118] = "Not a XENIX named type file",
	[119] = "No XENIX semaphores available",
	[120] = "Is a named type file",
	[121] = "Remote I/O error",
	[122] = "Quota exceeded",
	[123] = "No medium found",
	[124] = "Wrong medium type",
	[125] = "Operation Canceled",
	[126] = "Required key not available",
	[127] = "Key has expired",
	[128] = "Key has been revoked",
	[129] = "Key was rejected by service",
	[130] = "Owner died",
	[131] = "State not recoverable",
	[132] = "Operation not possible due to RF-kill",
	[133] = "Memory page has hardware error",
};

static const char *const signal_names[] = {
	[0] = "Unknown signal 0",
	[1] = "Hangup",
	[2] = "Interrupt",
	[3] = "Quit",
	[4] = "Illegal instruction",
	[5] = "Trace/breakpoint trap",
	[6] = "Aborted",
	[7] = "Bus error",
	[8] = "Floating point exception",
	[9] = "Killed",
	[10] = "User defined signal 1",
	[11] = "Segmentation fault",
	[12] = "User defined signal 2",
	[13] = "Broken pipe",
	[14] = "Alarm clock",
	[15] = "Terminated",
	[16] = "Stack fault",
	[17] = "Child exited",
	[18] = "Continued",
	[19] = "Stopped (signal)",
	[20] = "Stopped",
	[21] = "Stopped (tty input)",
	[22] = "Stopped (tty output)",
	[23] = "Urgent I/O condition",
	[24] = "CPU time limit exceeded",
	[25] = "File size limit exceeded",
	[26] = "Virtual timer expired",
	[27] = "Profiling timer expired",
	[28] = "Window changed",
	[29] = "I/O possible",
	[30] = "Power failure",
	[31] = "Bad system call",
};
/* clang-format on */

static const char *error_name(struct lower *lo, uint32_t number)
{
	(void)lo;
	return error_names[number];
}

struct name_table names_of_errors(void)
{
	return (struct name_table){ .name = error_name,
				    .count = sizeof(error_names) / sizeof(error_names[0]),
				    .other = "Unknown error",
				    .is_absolute = true };
}

static const char *signal_name(struct lower *lo, uint32_t number)
{
	if (number >= FIRST_REAL_TIME)
		return arena_printf(lo->arena, "Real-time signal %u", number - FIRST_REAL_TIME);
	if (number >= sizeof(signal_names) / sizeof(signal_names[0]))
		return arena_printf(lo->arena, "Unknown signal %u", number);
	return signal_names[number];
}

struct name_table names_of_signals(void)
{
	return (struct name_table){ .name = signal_name, .count = SIGNALS, .other = "N/A" };
}

static const char *syscall_name_of(struct lower *lo, uint32_t number)
{
	const struct target *t = lo->o->target;

	return t && t->syscall_name ? t->syscall_name(t->ctx, (int)number) : NULL;
}

struct name_table names_of_syscalls(const struct lower *lo)
{
	uint32_t count = SYSCALLS;

	/* No gap after the last one that has a name. */
	while (count && !syscall_name_of((struct lower *)lo, count - 1))
		count--;
	return (struct name_table){ .name = syscall_name_of,
				    .count = count,
				    .other = "Unknown syscall" };
}

struct place name_table_place(struct lower *lo, const struct name_table *t, uint32_t size)
{
	uint32_t total = (t->count + 1) * size;
	char *bytes = arena_alloc(lo->arena, total);

	for (uint32_t i = 0; i <= t->count; i++) {
		const char *name = i < t->count ? t->name(lo, i) : NULL;
		size_t len;

		name = name ? name : t->other;
		len = strlen(name);
		memcpy(bytes + (size_t)i * size, name, len < size ? len : size - 1);
	}
	return rodata_bytes(lo, bytes, total, 8);
}
