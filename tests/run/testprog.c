/*
 * Something to trace: testprog [ROUNDS] calls each function below ROUNDS times (1 unless given).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct point {
	int x;
	int y;
};

struct shape {
	const char *name;
	struct point corners[3];
	struct {
		uint8_t kind : 3;
		uint8_t colour : 5;
		uint16_t weight;
	} look;
	union {
		uint32_t word;
		uint8_t bytes[4];
	};
	char label[16];
	const struct shape *next;
};

int add_numbers(int a, int b);
uint64_t many_arguments(int a, unsigned int b, long c, unsigned long d, short e, char f);
const char *greet(const char *name);
int walk(const struct shape *s);
int nested_outer(int depth);
int nested_inner(int depth);
int64_t negative(void);
long many_on_stack(long a, long b, long c, long d, long e, long f, short g, char h);
int with_double(double scale, int count);
int by_value(struct point at, int n, struct shape s);

struct range {
	long from;
	long to;
};

long behind_struct(long a, long b, long c, long d, long e, long f, long g, struct range r, long h,
		   short i);

volatile int sink;
volatile uint32_t global_counter = 7;

int add_numbers(int a, int b)
{
	return a + b;
}

uint64_t many_arguments(int a, unsigned int b, long c, unsigned long d, short e, char f)
{
	return (uint64_t)a + b + (uint64_t)c + d + (uint64_t)e + (uint64_t)f;
}

const char *greet(const char *name)
{
	sink = name[0];
	return "hello";
}

int walk(const struct shape *s)
{
	return s->corners[1].y;
}

int nested_inner(int depth)
{
	return depth * 2;
}

int nested_outer(int depth)
{
	return nested_inner(depth + 1) + 1;
}

int64_t negative(void)
{
	return -22;
}

long many_on_stack(long a, long b, long c, long d, long e, long f, short g, char h)
{
	return a + b + c + d + e + f + g + h;
}

int with_double(double scale, int count)
{
	return scale > 1 ? count : 0;
}

int by_value(struct point at, int n, struct shape s)
{
	return at.x + n + s.corners[0].x;
}

long behind_struct(long a, long b, long c, long d, long e, long f, long g, struct range r, long h,
		   short i)
{
	return a + b + c + d + e + f + g + r.from + r.to + h + i;
}

static void call_all(void)
{
	static const struct shape last = { .name = "dot", .label = "last" };
	static const struct shape first = {
		.name = "triangle",
		.corners = { { 1, 2 }, { 3, 4 }, { -5, 6 } },
		.look = { .kind = 5, .colour = 17, .weight = 500 },
		.word = 0x01020304,
		.label = "first",
		.next = &last,
	};

	sink = add_numbers(40, 2);
	sink = (int)many_arguments(-1, 2, -3, 4, -5, 'f');
	sink = greet("world")[0];
	sink = walk(&first);
	sink = nested_outer(20);
	sink = (int)negative();
	sink = (int)many_on_stack(1, 2, 3, 4, 5, 6, -7, 'h');
	sink = with_double(2.5, 11);
	sink = by_value(first.corners[1], 33, first);
	sink = (int)behind_struct(1, 2, 3, 4, 5, 6, 7, (struct range){ 8, 9 }, 10, -11);
	global_counter++;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 1;

	for (long i = 0; i < rounds; i++)
		call_all();
	return 0;
}
