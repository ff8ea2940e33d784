#include "compiler_bench.h"

#include <stdio.h>
#include <time.h>

#include "message.h"

#define BENCH_NS       100000000 // of processor time
#define BENCH_RUNS_MIN 4
#define BENCH_RUNS_MAX 10000

static uint64_t processor_ns(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool compile_once(const struct source *source, struct config config,
			 const struct compile_options *options, uint64_t *ns)
{
	struct image image = { 0 };
	struct diags diags;
	struct arena arena;
	uint64_t start;
	bool ok;

	arena_init(&arena);
	diag_init(&diags, &arena);
	start = processor_ns();
	ok = compile(&image, &arena, source, &config, options, &diags);
	*ns = processor_ns() - start;
	if (!ok)
		diags_print(stderr, &diags, false, message_settings()->has_colour);
	arena_finish(&arena);
	return ok;
}

int compiler_bench(const struct source *source, const struct config *config,
		   const struct compile_options *options)
{
	uint64_t total = 0, least = UINT64_MAX;
	uint64_t runs = 0;

	while (runs < BENCH_RUNS_MIN || (total < BENCH_NS && runs < BENCH_RUNS_MAX)) {
		uint64_t ns;

		if (!compile_once(source, *config, options, &ns)) {
			puts("FAIL");
			return 1;
		}
		total += ns;
		least = ns < least ? ns : least;
		runs++;
	}
	printf("%-30s%-8s%-14s%-14s%s\n", "stage", "runs", "total(ns)", "mean(us)", "least(us)");
	printf("%-30s%-8llu%-14llu%-14.1f%.1f\n", "compile", (unsigned long long)runs,
	       (unsigned long long)total, (double)total / (double)runs / 1000,
	       (double)least / 1000);
	puts("PASS");
	return 0;
}
