/*
 * The traced load: load KIND COUNT prints the nanoseconds an operation took, for each of CHUNKS
 * parts of the loop: on a shared machine the slow ones tell of other work.
 *
 *     getppid   a cheap system call       openat    open and close /etc/hostname
 *     call      a cheap function          idle      nothing: how much the loop itself takes
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHUNKS 200

int bench_function(int a, int b);

__attribute__((noinline)) int bench_function(int a, int b)
{
	__asm__ volatile("" ::: "memory");
	return a + b;
}

static void one(char kind, long i)
{
	switch (kind) {
	case 'g': (void)syscall(SYS_getppid); break;
	case 'o': (void)close(open("/etc/hostname", O_RDONLY)); break;
	case 'c': (void)bench_function((int)i, 2); break;
	default: __asm__ volatile(""); break;
	}
}

static double chunk(char kind, long count)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (long i = 0; i < count; i++)
		one(kind, i);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
	       (double)count;
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? strtol(argv[2], NULL, 10) : 1000000;

	if (argc < 2) {
		fputs("usage: load getppid|openat|call|idle [COUNT]\n", stderr);
		return 2;
	}
	for (int i = 0; i < CHUNKS; i++)
		printf("%.2f\n", chunk(argv[1][0], count / CHUNKS));
	return 0;
}
