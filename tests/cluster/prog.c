/* A program to trace in a pod: calls answer() a hundred times a second. */
#include <stdlib.h>
#include <time.h>

long answer(long value);

__attribute__((noinline, noclone)) long answer(long value)
{
	__asm__ volatile("" : "+r"(value));
	return value;
}

int main(int argc, char **argv)
{
	long value = argc > 1 ? strtol(argv[1], NULL, 10) : 42, sum = 0;
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (;;) {
		sum += answer(value);
		(void)nanosleep(&pause, NULL);
		if (sum < 0)
			return 1;
	}
}
