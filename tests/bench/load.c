/*
 * The traced load: load KIND COUNT prints the nanoseconds an operation took, for each of CHUNKS
 * parts of the loop: on a shared machine the slow ones tell of other work.
 *
 *     getppid   a cheap system call       openat    open and close /etc/hostname
 *     call      a cheap function          idle      nothing: how much the loop itself takes
 *     stacks    bench_leaf() COUNT times, each by another stack; prints one time, and ends with its
 * input
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

void bench_leaf(long number);
void bench_left(long number, int depth);
void bench_right(long number, int depth);

__attribute__((noinline)) void bench_leaf(long number)
{
	__asm__ volatile("" ::"r"(number) : "memory");
}

/* The bits of a number are the turns of the way to the leaf. */
static void turn(long number, int depth)
{
	if (depth == 0)
		bench_leaf(number);
	else if (number >> (depth - 1) & 1)
		bench_right(number, depth - 1);
	else
		bench_left(number, depth - 1);
}

__attribute__((noinline)) void bench_left(long number, int depth)
{
	turn(number, depth);
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void bench_right(long number, int depth)
{
	turn(number, depth);
	__asm__ volatile("" ::: "memory");
}

static void one(char kind, long i)
{
	switch (kind) {
	case 'g': (void)syscall(SYS_getppid); break;
	case 'o': (void)close(open("/etc/hostname", O_RDONLY)); break;
	case 'c': (void)bench_function((int)i, 2); break;
	case 's': bench_left(i, 20); break;
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
		fputs("usage: load getppid|openat|call|stacks|idle [COUNT]\n", stderr);
		return 2;
	}
	if (argv[1][0] == 's') {
		printf("%.2f\n", chunk('s', count));
		(void)fflush(stdout);
		return getchar() == EOF ? 0 : 1; // alive until its symbols were read
	}
	for (int i = 0; i < CHUNKS; i++)
		printf("%.2f\n", chunk(argv[1][0], count / CHUNKS));
	return 0;
}
