/* Processes chosen by what they are: the --process-selector of iovisor/kubectl-trace. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kern/proc.h"
#include "util/buf.h"
#include "util/str.h"

#define CMDLINE_MAX (1u << 20)
#define STATUS_MAX  (1u << 16)
#define TERMS_MAX   16

enum term_kind { TERM_PID, TERM_EXE, TERM_COMM, TERM_CMDLINE };

struct term {
	enum term_kind kind;
	char value[256];
	uint64_t pid;
};

struct selector {
	struct term terms[TERMS_MAX];
	size_t count;
	bool wants_last; // pid=last: the youngest of those that match
	bool is_inside;  // pids are the containers'
};

static int parse_term(struct selector *s, const char *text, size_t len, struct err *err)
{
	static const char *const keys[] = { "pid=", "exe=", "comm=", "cmdline=" };
	struct term *t = &s->terms[s->count];

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		size_t key_len = strlen(keys[i]);

		if (len <= key_len || strncmp(text, keys[i], key_len) != 0)
			continue;
		if (s->count == TERMS_MAX || len - key_len >= sizeof(t->value))
			return err_set(err, -EINVAL, "process selector too long");
		t->kind = (enum term_kind)i;
		memcpy(t->value, text + key_len, len - key_len);
		t->value[len - key_len] = 0;
		if (t->kind == TERM_PID && !strcmp(t->value, "last")) {
			s->wants_last = true;
			return 0;
		}
		if (t->kind == TERM_PID && parse_u64(&t->pid, t->value, 10))
			return err_set(err, -EINVAL, "'%s' is not a process id", t->value);
		s->count++;
		return 0;
	}
	return err_set(err, -EINVAL,
		       "bad process selector '%.*s': pid=, exe=, comm= or cmdline= expected",
		       (int)len, text);
}

static int parse_selector(struct selector *s, const char *text, struct err *err)
{
	*s = (struct selector){ 0 };
	for (;;) {
		const char *end = strchrnul(text, ',');
		int r = parse_term(s, text, (size_t)(end - text), err);

		if (r)
			return r;
		if (!*end)
			return 0;
		text = end + 1;
	}
}

static bool has_exe(pid_t pid, const char *wanted)
{
	char path[64], target[PATH_MAX];
	const char *name;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	name = strrchr(target, '/');
	return !strcmp(target, wanted) || (name && !strcmp(name + 1, wanted));
}

static bool has_comm(pid_t pid, const char *wanted)
{
	struct buf text;
	char path[64];
	bool is_equal;

	buf_init(&text, 256);
	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	is_equal = !buf_read_file(&text, path) && text.len && text.len - 1 == strlen(wanted) &&
		   !strncmp(text.data, wanted, text.len - 1);
	buf_finish(&text);
	return is_equal;
}

static bool has_cmdline(pid_t pid, const char *wanted)
{
	struct buf text;
	char path[64];
	bool is_found = false;

	buf_init(&text, CMDLINE_MAX);
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	if (!buf_read_file(&text, path)) {
		for (size_t i = 0; i + 1 < text.len; i++) {
			if (!text.data[i])
				text.data[i] = ' ';
		}
		is_found = strstr(buf_cstr(&text), wanted) != NULL;
	}
	buf_finish(&text);
	return is_found;
}

/* The pid that the process has in its own namespace, the last one in "NSpid:\t4711\t12"; 0: gone.
 */
static uint64_t innermost_pid(pid_t pid)
{
	struct buf text;
	char path[64];
	const char *p;
	uint64_t value = 0;

	buf_init(&text, STATUS_MAX);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (!buf_read_file(&text, path) && (p = strstr(buf_cstr(&text), "\nNSpid:"))) {
		p += strlen("\nNSpid:");
		while (str_take(&p, "\t") && str_take_u64(&p, 10, &value))
			continue;
	}
	buf_finish(&text);
	return value;
}

static bool is_match(pid_t pid, const struct selector *s)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct term *t = &s->terms[i];
		bool holds = false;

		switch (t->kind) {
		case TERM_PID:
			holds = (s->is_inside ? innermost_pid(pid) : (uint64_t)pid) == t->pid;
			break;
		case TERM_EXE: holds = has_exe(pid, t->value); break;
		case TERM_COMM: holds = has_comm(pid, t->value); break;
		case TERM_CMDLINE: holds = has_cmdline(pid, t->value); break;
		}
		if (!holds)
			return false;
	}
	return true;
}

static bool is_within(pid_t pid, const struct proc_pids *within)
{
	for (size_t i = 0; i < within->len; i++) {
		if (within->data[i] == pid)
			return true;
	}
	return false;
}

static void keep_youngest(struct proc_pids *p)
{
	size_t best = 0;
	uint64_t best_start = 0;

	for (size_t i = 0; i < p->len; i++) {
		uint64_t start = proc_start_time(p->data[i]);

		if (start >= best_start) {
			best = i;
			best_start = start;
		}
	}
	p->data[0] = p->data[best];
	p->len = 1;
}

int proc_pids_by_selector(struct proc_pids *out, const char *selector,
			  const struct proc_pids *within, struct err *err)
{
	struct selector s;
	struct proc_pids pids;
	size_t kept = 0;
	int r = parse_selector(&s, selector, err);

	s.is_inside = within != NULL;
	if (!r)
		r = proc_pids_all(&pids, err);
	if (r)
		return r;
	for (size_t i = 0; i < pids.len; i++) {
		pid_t pid = pids.data[i];

		if (pid != getpid() && (!within || is_within(pid, within)) && is_match(pid, &s))
			pids.data[kept++] = pid;
	}
	pids.len = kept;
	if (!kept) {
		proc_pids_finish(&pids);
		return err_set(err, -ESRCH, "no process matches '%s'", selector);
	}
	if (s.wants_last)
		keep_youngest(&pids);
	*out = pids;
	return 0;
}
