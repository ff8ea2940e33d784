/*
 * The first stage: joins the parts of the runner, which came in ConfigMaps, checks that together
 * they are the runner that was sent, and becomes it.
 *
 *     stage1 SHA256 COUNT ARGV0 [ARGUMENT...]
 *
 * Reads DIRECTORY/runner.000 ... in order into memory, and executes that with ARGV0 and what
 * follows as its arguments.  If the hash is another one nothing is executed.
 *
 * It runs inside any image, so it uses nothing but the kernel: no C library, a few kilobytes.  Exit
 * status 126 if the runner can't be executed, as a shell has it.
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/syscall.h>

#include "stage1/syscall.h"
#include "util/sha256.h"

#define DIRECTORY   "/kubectl-trace"
#define MAX_PARTS   100
#define CHUNK_BYTES 65536
#define CANNOT_EXEC 126

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U // Linux 6.3
#endif

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memset(void *to, int byte, size_t len);
void start(long *stack);

/* GCC may turn a plain loop into a call of the very function it is in; volatile forbids that. */
void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	volatile char *t = to;
	const char *f = from;

	for (size_t i = 0; i < len; i++)
		t[i] = f[i];
	return to;
}

void *memset(void *to, int byte, size_t len)
{
	volatile char *t = to;

	for (size_t i = 0; i < len; i++)
		t[i] = (char)byte;
	return to;
}

static size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static void print(const char *s)
{
	(void)syscall3(SYS_write, 2, (long)s, (long)length(s));
}

static void print_number(unsigned long value)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	print(digits + at);
}

static _Noreturn void leave(int status)
{
	for (;;)
		(void)syscall3(SYS_exit_group, status, 0, 0);
}

/* "ERROR: WHAT NAME: error NUMBER" */
static _Noreturn void fail(const char *what, const char *name, long error)
{
	print("ERROR: ");
	print(what);
	print(name);
	if (error < 0) {
		print(": error ");
		print_number((unsigned long)-error);
	}
	print("\n");
	leave(CANNOT_EXEC);
}

/* An anonymous file to execute.  A kernel that wants that said may be set to forbid it otherwise.
 */
static int make_file(void)
{
	long fd = syscall3(SYS_memfd_create, (long)"trace-runner",
			   MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC, 0);

	if (fd < 0)
		fd = syscall3(SYS_memfd_create, (long)"trace-runner",
			      MFD_CLOEXEC | MFD_ALLOW_SEALING, 0);
	if (fd < 0)
		fail("cannot make a file in memory", "", fd);
	return (int)fd;
}

static void write_all(int fd, const char *data, long len)
{
	while (len > 0) {
		long n = syscall3(SYS_write, fd, (long)data, len);

		if (n <= 0)
			fail("cannot write the runner to memory", "", n);
		data += n;
		len -= n;
	}
}

static void append_part(int fd, struct sha256 *hash, unsigned int number)
{
	static char chunk[CHUNK_BYTES];
	char name[] = DIRECTORY "/runner.000";
	char *digit = name + sizeof(name) - 2;
	long part, n;

	for (int i = 0; i < 3; i++, number /= 10)
		*digit-- = (char)('0' + number % 10);
	part = syscall4(SYS_openat, AT_FDCWD, (long)name, O_RDONLY | O_CLOEXEC, 0);
	if (part < 0)
		fail("cannot open ", name, part);
	while ((n = syscall3(SYS_read, part, (long)chunk, sizeof(chunk))) > 0) {
		sha256_update(hash, chunk, (size_t)n);
		write_all(fd, chunk, n);
	}
	if (n < 0)
		fail("cannot read ", name, n);
	(void)syscall3(SYS_close, part, 0, 0);
}

static void check(struct sha256 *hash, const char *wanted)
{
	unsigned char digest[SHA256_SIZE];
	char found[SHA256_HEX_SIZE];

	sha256_final(hash, digest);
	sha256_hex(found, digest);
	for (int i = 0; i < SHA256_HEX_SIZE; i++) {
		if (found[i] == wanted[i])
			continue;
		print("ERROR: the runner in the namespace's ConfigMaps is not the one that was "
		      "sent, "
		      "nothing was run\nsha256 ");
		print(found);
		fail(", wanted ", wanted, 0);
	}
}

static unsigned int parse_count(const char *s)
{
	unsigned int n = 0;

	for (; *s >= '0' && *s <= '9' && n <= MAX_PARTS; s++)
		n = n * 10 + (unsigned int)(*s - '0');
	if (*s || n == 0 || n > MAX_PARTS)
		fail("bad number of parts", "", 0);
	return n;
}

/* What the kernel puts on a new process's stack: argc, argv, NULL, the environment, NULL. */
void start(long *stack)
{
	long argc = *stack;
	char **argv = (char **)(stack + 1);
	char **env = argv + argc + 1;
	struct sha256 hash;
	unsigned int count;
	int fd;

	if (argc < 4)
		fail("usage: stage1 SHA256 COUNT ARGV0 [ARGUMENT...]", "", 0);
	count = parse_count(argv[2]);
	fd = make_file();
	sha256_init(&hash);
	for (unsigned int i = 0; i < count; i++)
		append_part(fd, &hash, i);
	check(&hash, argv[1]);
	(void)syscall3(SYS_fcntl, fd, F_ADD_SEALS,
		       F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	fail("cannot execute the runner", "",
	     syscall5(SYS_execveat, fd, (long)"", (long)(argv + 3), (long)env, AT_EMPTY_PATH));
}
