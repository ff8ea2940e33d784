/*
 * Detaching: closing the descriptors.
 *
 * The kernel waits for a grace period of RCU at each, 20 to 80 ms, one after the other if one
 * thread closes them: a thousand uprobes took 45 s.  Threads wait for the same ones together.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "attach/attach.h"

#define THREADS_MAX  128
#define THREADS_FROM 4 // descriptors
#define STACK_SIZE   (64u << 10)

struct closing {
	const int *fds;
	size_t count;
	atomic_size_t next;
};

static void *close_some(void *data)
{
	struct closing *c = data;

	for (;;) {
		size_t i = atomic_fetch_add(&c->next, 1);

		if (i >= c->count)
			return NULL;
		close(c->fds[i]);
	}
}

static void close_all(const int *fds, size_t count)
{
	struct closing c = { .fds = fds, .count = count };
	pthread_t threads[THREADS_MAX];
	pthread_attr_t attr;
	size_t started = 0;

	if (count >= THREADS_FROM && pthread_attr_init(&attr) == 0) {
		(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
		/* This thread is the last one; without any other it does all. */
		while (started + 1 < count && started < THREADS_MAX &&
		       pthread_create(&threads[started], &attr, close_some, &c) == 0)
			started++;
		(void)pthread_attr_destroy(&attr);
	}
	(void)close_some(&c);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
}

void attach_finish(struct attached *a)
{
	close_all(a->fds.data, a->fds.len);
	vec_finish(&a->fds);
	a->iter_link = -1;
}
