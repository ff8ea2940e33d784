#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What a signal handler may touch. */
static volatile sig_atomic_t is_interrupted;
static volatile sig_atomic_t has_user;
static int event_fd = -1;

static void wake(void)
{
	const uint64_t one = 1;
	int saved = errno;

	(void)!write(event_fd, &one, sizeof(one)); // full means that it is readable already
	errno = saved;
}

static void on_interrupt(int number)
{
	(void)number;
	is_interrupted = 1;
	wake();
}

static void on_user(int number)
{
	(void)number;
	has_user = 1;
	wake();
}

int signals_catch(struct err *err)
{
	struct sigaction end = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
	struct sigaction user = { .sa_handler = on_user, .sa_flags = SA_RESTART };

	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event_fd < 0)
		return err_errno(err, -errno, "eventfd");
	if (sigaction(SIGINT, &end, NULL) < 0 || sigaction(SIGTERM, &end, NULL) < 0 ||
	    sigaction(SIGUSR1, &user, NULL) < 0)
		return err_errno(err, -errno, "sigaction");
	return 0;
}

int signals_fd(void)
{
	return event_fd;
}

void signals_clear(void)
{
	uint64_t count;

	(void)!read(event_fd, &count, sizeof(count)); // nothing to read: nothing to clear
}

bool signals_interrupted(void)
{
	return is_interrupted;
}

bool signals_take_user(void)
{
	bool had = has_user;

	has_user = 0;
	return had;
}

void signals_interrupt(void)
{
	is_interrupted = 1;
}
