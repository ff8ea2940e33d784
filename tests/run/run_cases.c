/*
 * Runs script cases against the runner on the live kernel: ours, and those of virtual machines.
 *
 *     run_cases [-v] [-n NAME-GLOB] RUNNER FILE...
 *
 * A file holds cases; a line starts with a keyword, a line that starts with a tab continues the
 * one before it:
 *
 *     NAME      letters, digits, '-'; starts a case
 *     PROG      the script; runs as RUNNER -e SCRIPT
 *     RUN       instead: a shell command line; $RUNNER is the runner
 *     ARGS      more arguments for PROG, before -e (shell words)
 *     PARAMS    arguments after the script
 *     BEFORE    a shell command that runs, in the background, before the runner and until its end
 *     AFTER     a shell command that runs once the runner has attached
 *     EXPECT    a whole line of the output; several must come in this order
 *     CONTAINS  a part of a line, likewise in order with EXPECT
 *     REGEX     a POSIX extended regular expression for a part of a line, likewise
 *     NONE      a regular expression that no line may match
 *     OUTPUT    standard output must be just this, blank lines at its start and end aside
 *     EXIT      the exit status, 0 unless given
 *     REQUIRES  kprobe, fentry, kprobe_multi, user, cgroup1, cgroup2, kernel-X.Y …; else the case
 * is skipped TIMEOUT   seconds, 10 unless given; multiplied by $TIMEOUT_SCALE
 *
 * Prints "ok NAME", "not ok NAME" with what was missing, or "skip NAME reason", and ends with
 * "N passed, N failed, N skipped".  Exits 1 if any failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/fd.h"
#include "util/str.h"
#include "util/vec.h"

enum check_kind { CHECK_LINE, CHECK_PART, CHECK_REGEX, CHECK_NONE, CHECK_OUTPUT };

struct check {
	enum check_kind kind;
	char *text;
};

struct test_case {
	const char *file;
	char *name;
	char *prog;
	char *run;
	char *args;
	char *params;
	char *before;
	char *after;
	char *requires;
	vec_of(struct check) checks;
	int exit_status;
	int timeout_s;
};

struct options {
	const char *runner;
	const char *name_glob;
	bool is_verbose;
	double timeout_scale;
};

struct totals {
	unsigned int passed, failed, skipped;
};

static char *copy(const char *s, size_t len)
{
	char *p = calloc(1, len + 1);

	if (!p) {
		fputs("out of memory\n", stderr);
		exit(2);
	}
	memcpy(p, s, len);
	return p;
}

/* The value of a keyword line starting at *at, with its continuation lines; moves *at behind it. */
static char *take_value(const char **at)
{
	struct buf b;
	const char *p = *at;

	buf_init(&b, 1 << 20);
	if (*p == ' ')
		p++;
	for (;;) {
		size_t len = strcspn(p, "\n");

		buf_append(&b, p, len);
		p += len;
		if (*p == '\n')
			p++;
		if (*p != '\t')
			break;
		p++;
		if (b.len)
			buf_putc(&b, '\n');
	}
	*at = p;
	return buf_take(&b);
}

static int take_number(const char **at)
{
	char *text = take_value(at);
	int number = (int)strtol(text, NULL, 10);

	free(text);
	return number;
}

static bool is_keyword(const char *line, const char *word, const char **value)
{
	size_t len = strlen(word);

	if (strncmp(line, word, len) != 0 || !strchr(" \n", line[len]))
		return false;
	*value = line + len;
	return true;
}

static const struct {
	const char *word;
	enum check_kind kind;
} check_words[] = {
	{ "EXPECT", CHECK_LINE }, { "CONTAINS", CHECK_PART }, { "REGEX", CHECK_REGEX },
	{ "NONE", CHECK_NONE },   { "OUTPUT", CHECK_OUTPUT },
};

static bool parse_check(struct test_case *c, const char *line, const char **value)
{
	for (size_t i = 0; i < sizeof(check_words) / sizeof(check_words[0]); i++) {
		if (is_keyword(line, check_words[i].word, value)) {
			struct check check = { .kind = check_words[i].kind };

			check.text = take_value(value);
			vec_push(NULL, &c->checks, check);
			return true;
		}
	}
	return false;
}

static bool parse_text(struct test_case *c, const char *line, const char **value)
{
	const struct {
		const char *word;
		char **field;
	} words[] = {
		{ "PROG", &c->prog },         { "RUN", &c->run },     { "ARGS", &c->args },
		{ "PARAMS", &c->params },     { "AFTER", &c->after }, { "BEFORE", &c->before },
		{ "REQUIRES", &c->requires },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_keyword(line, words[i].word, value)) {
			*words[i].field = take_value(value);
			return true;
		}
	}
	return false;
}

typedef vec_of(struct test_case) case_list;

static void bad_line(const char *file, const char *line)
{
	fprintf(stderr, "%s: not a keyword line: %.*s\n", file, (int)strcspn(line, "\n"), line);
	exit(2);
}

static void parse_file(case_list *cases, const char *file, const char *text)
{
	const char *p = text, *value;

	while (*p) {
		struct test_case *c = cases->len ? &vec_last(cases) : NULL;

		if (*p == '#' || *p == '\n') {
			p += strcspn(p, "\n");
			p += *p == '\n';
			continue;
		}
		if (is_keyword(p, "NAME", &value)) {
			struct test_case fresh = { .file = file, .timeout_s = 10 };

			fresh.name = take_value(&value);
			vec_push(NULL, cases, fresh);
		} else if (c && is_keyword(p, "EXIT", &value)) {
			c->exit_status = take_number(&value);
		} else if (c && is_keyword(p, "TIMEOUT", &value)) {
			c->timeout_s = take_number(&value);
		} else if (!c || !(parse_text(c, p, &value) || parse_check(c, p, &value))) {
			bad_line(file, p);
		}
		p = value;
	}
}

static int shell_status(const char *command)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool kernel_at_least(const char *want)
{
	struct utsname uts;
	unsigned int major, minor, want_major, want_minor;

	if (uname(&uts) || sscanf(uts.release, "%u.%u", &major, &minor) != 2 ||
	    sscanf(want, "%u.%u", &want_major, &want_minor) != 2)
		return false;
	return major > want_major || (major == want_major && minor >= want_minor);
}

/* A feature is there when its command succeeds; asked once. */
static struct {
	const char *name;
	const char *command;
	int state; // 0 not asked, 1 there, -1 not
} features[] = {
	{ "kprobe", "$RUNNER -e 'kprobe:vfs_read { } begin { exit(); }'", 0 },
	{ "kprobe_multi", "$RUNNER -e 'kprobe:vfs_rea* { } begin { exit(); }'", 0 },
	{ "fentry", "$RUNNER -e 'fentry:vfs_read { } begin { exit(); }'", 0 },
	{ "iter", "$RUNNER -e 'iter:task { }'", 0 },
	{ "hardware", "$RUNNER -e 'hardware:cycles:1000000 { } begin { exit(); }'", 0 },
	{ "target", "command -v target", 0 },
	{ "testprog", "test -n \"$TESTPROG\"", 0 },
	{ "cgroup1", "grep -q ' cgroup .*name=systemd' /proc/mounts", 0 },
	{ "cgroup2", "grep -q ' cgroup2 ' /proc/mounts", 0 },
	{ "python3", "command -v python3", 0 },
	{ "x86_64", "test \"$(uname -m)\" = x86_64", 0 },
};

static bool has_feature(const char *name)
{
	if (str_starts_with(name, "kernel-"))
		return kernel_at_least(name + 7);
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		if (strcmp(features[i].name, name) != 0)
			continue;
		if (!features[i].state)
			features[i].state = shell_status(features[i].command) == 0 ? 1 : -1;
		return features[i].state > 0;
	}
	fprintf(stderr, "unknown feature '%s'\n", name);
	exit(2);
}

/* The first feature that is missing, copied (the caller's), or NULL. */
static char *missing_feature(const struct test_case *c)
{
	char *list, *missing = NULL, *save = NULL;

	if (!c->requires)
		return NULL;
	list = copy(c->requires, strlen(c->requires));
	for (char *word = strtok_r(list, " \n", &save); word && !missing;
	     word = strtok_r(NULL, " \n", &save)) {
		if (!has_feature(word))
			missing = copy(word, strlen(word));
	}
	free(list);
	return missing;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Starts a shell command in a process group of its own, so that all of it can be ended. */
static pid_t start_shell(const char *command, int out_fd, int err_fd)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	setpgid(0, 0);
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out_fd >= 0 ? out_fd : open("/dev/null", O_WRONLY), 1);
	dup2(err_fd >= 0 ? err_fd : 1, 2);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void end_group(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(-pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static char *command_of(const struct test_case *c)
{
	struct buf b;

	if (c->run)
		return copy(c->run, strlen(c->run));
	buf_init(&b, 1 << 20);
	buf_printf(&b, "exec $RUNNER %s -e \"$PROG\" %s", c->args ? c->args : "",
		   c->params ? c->params : "");
	return buf_take(&b);
}

struct outcome {
	struct buf output; // standard output
	struct buf errors; // standard error
	int status;
	bool is_timeout;
};

/* Appends what there is to read; false at the end of the file. */
static bool read_some(int fd, struct buf *b)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n <= 0)
		return false;
	buf_append(b, chunk, (size_t)n);
	return true;
}

/* The peer says so on standard error; in JSON and older versions it is on standard output. */
static bool is_attached(const struct outcome *out)
{
	return strstr(buf_cstr(&out->errors), "Attached ") ||
	       strstr(buf_cstr(&out->output), "attached");
}

static void read_until_end(const struct test_case *c, const struct options *o, int out_fd,
			   int err_fd, pid_t *after, struct outcome *out)
{
	double deadline = now_s() + c->timeout_s * o->timeout_scale;
	struct pollfd pfds[2] = { { .fd = out_fd, .events = POLLIN },
				  { .fd = err_fd, .events = POLLIN } };

	while (pfds[0].fd >= 0 || pfds[1].fd >= 0) {
		double left = deadline - now_s();

		if (left <= 0) {
			out->is_timeout = true;
			return;
		}
		if (poll(pfds, 2, (int)(left * 1000) + 1) <= 0)
			continue;
		if (pfds[0].revents && !read_some(out_fd, &out->output))
			pfds[0].fd = -1;
		if (pfds[1].revents && !read_some(err_fd, &out->errors))
			pfds[1].fd = -1;
		if (c->after && !*after && is_attached(out))
			*after = start_shell(c->after, -1, -1);
	}
}

static void run_case(const struct test_case *c, const struct options *o, struct outcome *out)
{
	int out_fds[2], err_fds[2], status = 0;
	pid_t pid, before = 0, after = 0;
	char *command = command_of(c);

	buf_init(&out->output, 16 << 20);
	buf_init(&out->errors, 16 << 20);
	setenv("PROG", c->prog ? c->prog : "", 1);
	if (pipe2(out_fds, O_CLOEXEC) || pipe2(err_fds, O_CLOEXEC)) {
		perror("pipe2");
		exit(2);
	}
	if (c->before)
		before = start_shell(c->before, -1, -1);
	pid = start_shell(command, out_fds[1], err_fds[1]);
	close(out_fds[1]);
	close(err_fds[1]);
	read_until_end(c, o, out_fds[0], err_fds[0], &after, out);
	close(out_fds[0]);
	close(err_fds[0]);
	if (out->is_timeout)
		(void)kill(-pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	(void)kill(-pid, SIGKILL);
	out->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	end_group(before);
	end_group(after);
	free(command);
}

static bool line_matches(const struct check *check, const regex_t *re, const char *line)
{
	switch (check->kind) {
	case CHECK_LINE: return strcmp(line, check->text) == 0;
	case CHECK_PART: return strstr(line, check->text) != NULL;
	default: return regexec(re, line, 0, NULL, 0) == 0;
	}
}

/* The line number behind the first one, from @from on, that matches; 0 if none does. */
static size_t find_line(const struct check *check, char *const *lines, size_t count, size_t from)
{
	regex_t re;
	bool is_regex = check->kind == CHECK_REGEX || check->kind == CHECK_NONE;
	size_t found = 0;

	if (is_regex && regcomp(&re, check->text, REG_EXTENDED | REG_NOSUB)) {
		fprintf(stderr, "bad regular expression: %s\n", check->text);
		exit(2);
	}
	for (size_t i = from; i < count && !found; i++) {
		if (line_matches(check, &re, lines[i]))
			found = i + 1;
	}
	if (is_regex)
		regfree(&re);
	return found;
}

typedef vec_of(char *) line_list;

/* Lines of the output, without "Attached N probes", which every run prints. */
static void split_lines(line_list *lines, const struct buf *output)
{
	const char *p = buf_cstr(output);

	while (*p) {
		size_t len = strcspn(p, "\n");

		if (strncmp(p, "Attached ", 9) != 0)
			vec_push(NULL, lines, copy(p, len));
		p += len;
		p += *p == '\n';
	}
}

static void free_lines(line_list *lines)
{
	for (size_t i = 0; i < lines->len; i++)
		free(lines->data[i]);
	vec_finish(lines);
}

/* Equal but for blank lines at the start and the end, of which the peer prints some. */
static bool output_equals(const line_list *lines, const char *want)
{
	size_t begin = 0, end = lines->len;
	struct buf b;
	bool same;

	while (begin < end && !*lines->data[begin])
		begin++;
	while (end > begin && !*lines->data[end - 1])
		end--;
	buf_init(&b, 16 << 20);
	for (size_t i = begin; i < end; i++)
		buf_printf(&b, "%s%s", i > begin ? "\n" : "", lines->data[i]);
	same = !strcmp(buf_cstr(&b), want);
	buf_finish(&b);
	return same;
}

/* The first check that fails, or NULL. */
static const struct check *failed_check(const struct test_case *c, const line_list *lines,
					const line_list *output)
{
	size_t at = 0;

	for (size_t i = 0; i < c->checks.len; i++) {
		const struct check *check = &c->checks.data[i];
		size_t found;

		if (check->kind == CHECK_OUTPUT) {
			if (!output_equals(output, check->text))
				return check;
			continue;
		}
		if (check->kind == CHECK_NONE) {
			if (find_line(check, lines->data, lines->len, 0))
				return check;
			continue;
		}
		found = find_line(check, lines->data, lines->len, at);
		if (!found)
			return check;
		at = found;
	}
	return NULL;
}

static bool report(const struct test_case *c, const struct options *o, struct outcome *out)
{
	static const char *const words[] = { "EXPECT", "CONTAINS", "REGEX", "NONE", "OUTPUT" };
	line_list lines = { 0 }, output = { 0 };
	const struct check *missing;
	bool is_ok;

	split_lines(&output, &out->output);
	split_lines(&lines, &out->output);
	split_lines(&lines, &out->errors);
	missing = failed_check(c, &lines, &output);
	is_ok = !out->is_timeout && !missing && out->status == c->exit_status;
	printf("%s %s\n", is_ok ? "ok" : "not ok", c->name);
	if (!is_ok) {
		printf("  %s\n", c->file);
		if (out->is_timeout)
			printf("  no end within %d s\n", c->timeout_s);
		else if (out->status != c->exit_status)
			printf("  exit status %d, expected %d\n", out->status, c->exit_status);
		if (missing)
			printf("  not met: %s %s\n", words[missing->kind], missing->text);
	}
	if (!is_ok || o->is_verbose)
		printf("  --- output\n%s\n  --- errors\n%s\n  ---\n", buf_cstr(&out->output),
		       buf_cstr(&out->errors));
	fflush(stdout);
	free_lines(&lines);
	free_lines(&output);
	return is_ok;
}

static void run_all(const case_list *cases, const struct options *o, struct totals *t)
{
	for (size_t i = 0; i < cases->len; i++) {
		const struct test_case *c = &cases->data[i];
		struct outcome out = { 0 };
		char *missing;

		if (o->name_glob && !str_glob(o->name_glob, c->name))
			continue;
		missing = missing_feature(c);
		if (missing) {
			printf("skip %s no %s here\n", c->name, missing);
			free(missing);
			t->skipped++;
			continue;
		}
		run_case(c, o, &out);
		if (report(c, o, &out))
			t->passed++;
		else
			t->failed++;
		buf_finish(&out.output);
		buf_finish(&out.errors);
	}
}

static void free_cases(case_list *cases)
{
	vec_foreach (cases, c) {
		char *texts[] = { c->name,   c->prog,   c->run,   c->args,
				  c->params, c->before, c->after, c->requires };

		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			free(texts[i]);
		vec_foreach (&c->checks, check)
			free(check->text);
		vec_finish(&c->checks);
	}
	vec_finish(cases);
}

int main(int argc, char **argv)
{
	struct options o = { .timeout_scale = 1 };
	case_list cases = { 0 };
	struct totals t = { 0 };
	int opt;

	while ((opt = getopt(argc, argv, "vn:")) != -1) {
		if (opt == 'v')
			o.is_verbose = true;
		else if (opt == 'n')
			o.name_glob = optarg;
		else
			return 2;
	}
	if (argc - optind < 2) {
		fputs("usage: run_cases [-v] [-n NAME-GLOB] RUNNER FILE...\n", stderr);
		return 2;
	}
	o.runner = argv[optind++];
	setenv("RUNNER", o.runner, 1);
	if (getenv("TIMEOUT_SCALE"))
		o.timeout_scale = strtod(getenv("TIMEOUT_SCALE"), NULL);
	for (int i = optind; i < argc; i++) {
		struct buf text;

		buf_init(&text, 16 << 20);
		if (buf_read_file(&text, argv[i])) {
			perror(argv[i]);
			return 2;
		}
		parse_file(&cases, argv[i], buf_cstr(&text));
		buf_finish(&text);
	}
	run_all(&cases, &o, &t);
	free_cases(&cases);
	printf("%u passed, %u failed, %u skipped\n", t.passed, t.failed, t.skipped);
	return t.failed != 0;
}
