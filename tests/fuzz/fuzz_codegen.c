/*
 * Random IR through the passes and the code generator: the bytecode, interpreted, must do what the
 * IR, evaluated, does.
 *
 * Built with libFuzzer it takes its input; else fuzz_codegen [FIRST [COUNT]] tries programs made
 * from the numbers FIRST, FIRST + 1 …
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/codegen.h"
#include "bpf/disasm.h"
#include "bpf_interp.h"
#include "ir_eval.h"
#include "ir_random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct outcome {
	const char *error;
	uint64_t result;
	uint64_t log;
	uint64_t cells[FAKE_CELLS];
	uint8_t values[2][1024];
};

static struct fake_kernel kernel;

static void take_outcome(struct outcome *o)
{
	o->log = kernel.log;
	memcpy(o->cells, kernel.cells, sizeof(o->cells));
	for (uint32_t i = 0; i < 2; i++)
		memcpy(o->values[i], kernel.values[i], sizeof(o->values[i]));
}

static void evaluate(struct outcome *o, const struct ir_program *p)
{
	memset(o, 0, sizeof(*o));
	fake_kernel_init(&kernel, 42);
	o->result = ir_eval(p, &kernel, &o->error);
	take_outcome(o);
}

static void interpret(struct outcome *o, const struct image_program *p)
{
	memset(o, 0, sizeof(*o));
	fake_kernel_init(&kernel, 42);
	o->result = interp_run(p, &kernel, &o->error, NULL);
	take_outcome(o);
}

static bool is_same(const struct outcome *a, const struct outcome *b)
{
	return !a->error && !b->error && a->result == b->result && a->log == b->log &&
	       memcmp(a->cells, b->cells, sizeof(a->cells)) == 0 &&
	       memcmp(a->values, b->values, sizeof(a->values)) == 0;
}

static _Noreturn void report(const struct ir_program *p, const struct image_program *image,
			     const char *what, const struct outcome *want,
			     const struct outcome *got)
{
	static const struct image no_maps;

	ir_print_program(stderr, p);
	if (image)
		disasm_program(stderr, &no_maps, image);
	fprintf(stderr, "%s: %s\n", what, got->error ? got->error : "a different outcome");
	fprintf(stderr, "want %llx log %llx, got %llx log %llx\n", (unsigned long long)want->result,
		(unsigned long long)want->log, (unsigned long long)got->result,
		(unsigned long long)got->log);
	abort();
}

static void verify(struct ir_program *p, const char *when)
{
	vec_foreach (&p->funcs, f) {
		const char *error = ir_verify(*f);

		if (error) {
			ir_print_program(stderr, p);
			fprintf(stderr, "%s: %s\n", when, error);
			abort();
		}
	}
}

static void try_codegen(struct arena *a, struct ir_program *p, const struct outcome *want,
			bool cpu_v4, const char *what)
{
	const struct codegen_options o = { .cpu_v4 = cpu_v4, .scratch_map = 3, .cpu_slots = 2 };
	struct image_program image = { 0 };
	uint32_t scratch = 0;
	struct outcome got;

	if (codegen_program(&image, a, p, &o, &scratch))
		return; // does not fit the stack: a legitimate refusal
	interpret(&got, &image);
	if (!is_same(want, &got))
		report(p, &image, what, want, &got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena arena;
	struct outcome want, got;
	struct ir_program *p;

	arena_init(&arena);
	p = ir_random(&arena, data, len);
	verify(p, "generated");
	evaluate(&want, p);
	if (want.error)
		goto out;
	try_codegen(&arena, p, &want, len & 1, "codegen");
	p = ir_random(&arena, data, len);
	vec_foreach (&p->funcs, f) {
		ir_optimize(*f);
		verify(p, "optimized");
	}
	evaluate(&got, p);
	if (!is_same(&want, &got))
		report(p, NULL, "passes", &want, &got);
	try_codegen(&arena, p, &want, len & 2, "codegen of optimized");
out:
	arena_finish(&arena);
	return 0;
}

#ifndef FUZZER
/* xorshift64* */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1du;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : 1000;
	uint8_t data[2048];

	for (uint64_t seed = first; seed < first + count; seed++) {
		uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
		static const size_t lens[4] = { 64, 256, 512, sizeof(data) };
		size_t len = 16 + next_random(&state) % (lens[seed % 4] - 16);

		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)(next_random(&state) >> 32);
		if (count == 1)
			fprintf(stderr, "seed %llu, %zu bytes\n", (unsigned long long)seed, len);
		(void)LLVMFuzzerTestOneInput(data, len);
	}
	printf("%llu programs\n", (unsigned long long)count);
	return 0;
}
#endif
