#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message.h"
#include "sys.h"
#include "util/fd.h"

struct words {
	char *text; // the command, cut at its spaces
	char **argv;
};

static int split_words(struct words *out, const char *command)
{
	size_t count = 0;
	char *save = NULL;

	out->text = strdup(command);
	out->argv = calloc(strlen(command) / 2 + 2, sizeof(*out->argv));
	if (!out->text || !out->argv)
		return -ENOMEM;
	for (char *word = strtok_r(out->text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		out->argv[count++] = word;
	return count ? 0 : -ENOENT;
}

static void free_words(struct words *w)
{
	free(w->text);
	free(w->argv);
}

static bool is_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The file that @name means: itself if it has a slash, else the first one in $PATH. */
static bool find_program(char *out, size_t size, const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/') || !path) {
		snprintf(out, size, "%s", name);
		return is_executable(name);
	}
	while (*path) {
		size_t len = strcspn(path, ":");

		snprintf(out, size, "%.*s/%s", (int)len, len ? path : ".", name);
		if (is_executable(out))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

/* Without its own streams: what --test and --bench start must not mix into their tables. */
static void silence(void)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return;
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
}

static void report(int fd, const char *text)
{
	/* The parent may be gone; there is nobody else to tell. */
	(void)!write(fd, text, strlen(text));
}

/* In the child.  Ends with exec or with words for the parent. */
static void run_child(const char *file, char **argv, int go_fd, int result_fd, pid_t parent,
		      bool quiet)
{
	char go;

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
		report(result_fd, "child: prctl failed");
	/* The parent may have died before that. */
	if (getppid() != parent || read(go_fd, &go, 1) != 1)
		_exit(1);
	if (quiet)
		silence();
	execv(file, argv);
	report(result_fd, "child: failed to execve");
	_exit(errno & 0xff ? errno & 0xff : 1);
}

static int fork_words(struct child *out, const char *file, char **argv, bool quiet, struct err *err)
{
	pid_t parent = getpid();
	int go[2], result[2];

	if (pipe2(go, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "Unable to create command pipe");
	if (pipe2(result, O_CLOEXEC) < 0) {
		int code = -errno;

		close(go[0]);
		close(go[1]);
		return err_errno(err, code, "Unable to create result pipe");
	}
	fflush(NULL);
	out->pid = fork();
	if (out->pid == 0) {
		close(go[1]);
		run_child(file, argv, go[0], result[1], parent, quiet);
	}
	close(go[0]);
	close(result[1]);
	out->go_fd = go[1];
	out->result_fd = result[0];
	if (out->pid < 0) {
		out->pid = 0;
		return err_errno(err, -errno, "Unable to fork child process");
	}
	out->pid_fd = sys_pidfd_open(out->pid);
	if (out->pid_fd < 0)
		return err_errno(err, out->pid_fd, "Unable to open pidfd");
	return 0;
}

int child_fork(struct child *out, const char *command, bool quiet, struct err *err)
{
	struct child c = CHILD_NONE;
	struct words words = { NULL };
	char file[PATH_MAX];
	int r = split_words(&words, command);

	if (r == -ENOENT) {
		err_set(err, r, "Empty command (%s)", strerror(ENOENT));
	} else if (r < 0) {
		err_set(err, r, "no memory");
	} else if (!find_program(file, sizeof(file), words.argv[0])) {
		r = err_set(err, -ENOENT, "Path '%s' does not exist or is not executable (%s)",
			    words.argv[0], strerror(ENOENT));
	} else {
		r = fork_words(&c, file, words.argv, quiet, err);
	}
	free_words(&words);
	if (r < 0) {
		child_finish(&c);
		return err_wrap(err, "Failed to fork child");
	}
	*out = c;
	return 0;
}

int child_start(struct child *c, struct err *err)
{
	char text[256];
	ssize_t n;

	c->is_held = ptrace(PTRACE_SEIZE, c->pid, NULL, PTRACE_O_TRACEEXEC) == 0;
	if (write(c->go_fd, "", 1) != 1)
		return err_errno(err, -errno, "Failed to run child");
	c->is_started = true;
	do {
		n = read(c->result_fd, text, sizeof(text) - 1);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? err_errno(err, -errno, "Failed to run child") : 0;
	text[n] = '\0';
	return err_set(err, -ENOEXEC, "Failed to run child: %s", text);
}

void child_release(struct child *c)
{
	siginfo_t info = { 0 };
	long signal = 0;

	if (!c->is_held)
		return;
	c->is_held = false;
	/* Its end is left to child_finish(). */
	while (waitid(P_PID, (id_t)c->pid, &info, WSTOPPED | WEXITED | WNOWAIT) < 0 &&
	       errno == EINTR)
		continue;
	if (info.si_code != CLD_TRAPPED)
		return;
	/* Stopped by a signal, not by its exec: that is for the child. */
	if (info.si_status >> 8 != PTRACE_EVENT_EXEC)
		signal = info.si_status & 0x7f;
	(void)ptrace(PTRACE_DETACH, c->pid, NULL, signal);
}

bool child_is_alive(const struct child *c)
{
	struct pollfd p = { .fd = c->pid_fd, .events = POLLIN };

	return c->pid && poll(&p, 1, 0) == 0;
}

void child_finish(struct child *c)
{
	int status = 0;

	if (c->go_fd >= 0)
		close(c->go_fd); // a child that still waits there ends by itself
	if (c->pid > 0) {
		child_release(c);
		if (c->is_started && child_is_alive(c))
			(void)kill(c->pid, SIGTERM);
		while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
			continue;
		if (WIFSIGNALED(status))
			message_verbose("Child terminated by signal: %d", WTERMSIG(status));
		else
			message_verbose("Child exited with code: %d", WEXITSTATUS(status));
	}
	if (c->pid_fd >= 0)
		close(c->pid_fd);
	if (c->result_fd >= 0)
		close(c->result_fd);
	*c = CHILD_NONE;
}
