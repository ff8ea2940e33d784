#include "stream.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "command.h"
#include "kube/follow.h"
#include "kube/transport.h"
#include "maps.h"
#include "util/fd.h"

#define POLL_MS      1000
#define OUTPUT_BYTES (1 << 16)

struct stream {
	const struct stream_options *options;
	struct maps maps;
	unsigned int *blanks; // for each source, empty lines held back: they may belong to its maps
	bool has_prefix;
	bool has_color;
	size_t open_line; // source + 1 of the line that has no newline yet; 0: none
	bool is_broken;   // standard output takes no more
	int status;
};

bool stream_parse_prefix(enum prefix_mode *out, const char *word)
{
	static const char *const words[] = { "auto", "always", "never" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], word) == 0) {
			*out = (enum prefix_mode)i;
			return true;
		}
	}
	return false;
}

static void signal_set(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGHUP);
}

int stream_hold_signals(struct err *err)
{
	sigset_t set;

	signal_set(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno(err, -errno, "sigprocmask");
	return 0;
}

static void print_prefix(const struct stream *s, size_t source)
{
	/* Bright colours that are legible on black and on white. */
	static const unsigned char colors[] = { 36, 33, 32, 35, 34, 31 };
	const char *label = s->options->sources[source].label;

	if (s->has_color)
		printf("\033[%dm[%s]\033[0m ", colors[source % sizeof(colors)], label);
	else
		printf("[%s] ", label);
}

static void print_line(struct stream *s, size_t source, const char *data, size_t len)
{
	if (s->has_prefix) {
		if (s->open_line && s->open_line != source + 1)
			putchar('\n');
		if (s->open_line != source + 1)
			print_prefix(s, source);
		s->open_line = len && data[len - 1] == '\n' ? 0 : source + 1;
	}
	if (fwrite(data, 1, len, stdout) != len)
		s->is_broken = true;
}

/* The empty lines before a runner's maps go with them when those are merged. */
static void on_line(void *ctx, size_t source, const char *data, size_t len)
{
	struct stream *s = ctx;
	struct err err = { 0 };

	if (maps_take(&s->maps, data, len, &err)) {
		s->blanks[source] = 0;
		if (err.code)
			complain("[%s] %s", s->options->sources[source].label, err.msg);
		return;
	}
	if (s->options->source_count > 1 && len == 1 && *data == '\n') {
		s->blanks[source]++;
		return;
	}
	for (; s->blanks[source] > 0; s->blanks[source]--)
		print_line(s, source, "\n", 1);
	print_line(s, source, data, len);
}

static void on_note(void *ctx, size_t source, const char *text)
{
	struct stream *s = ctx;

	if (s->options->source_count > 1)
		remark("[%s] %s", s->options->sources[source].label, text);
	else
		remark("%s", text);
}

static void on_end(void *ctx, size_t source, int status, const struct err *err)
{
	struct stream *s = ctx;

	if (err) {
		status = EXIT_ERROR;
		if (s->options->source_count > 1)
			complain("[%s] %s", s->options->sources[source].label, err->msg);
		else
			complain("%s", err->msg);
	}
	if (s->status == 0)
		s->status = status;
}

/* True if a signal came. */
static bool take_signal(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

static int follow(struct stream *s, struct kube_client *client, struct kube_follow *f, int fd,
		  struct err *err)
{
	int stops = 0;

	while (!kube_follow_is_finished(f)) {
		int ret = transport_poll(kube_client_transport(client), POLL_MS, fd, err);

		if (ret < 0)
			return ret;
		if (fflush(stdout) != 0)
			s->is_broken = true;
		if (!take_signal(fd) && !(s->is_broken && stops == 0))
			continue;
		if (stops > 0)
			s->status = 130;
		if (stops == 1)
			remark("not waiting for the end of the trace; deleting it");
		if (stops++ > 1)
			break;
		kube_follow_stop(f);
	}
	return 0;
}

static void print_maps(struct stream *s)
{
	struct buf out;

	buf_init(&out, 1 << 30);
	maps_print(&s->maps, s->options->format, &out);
	if (fwrite(buf_cstr(&out), 1, out.len, stdout) != out.len || fflush(stdout) != 0)
		s->is_broken = true;
	buf_finish(&out);
}

static int start(struct kube_follow **out, struct stream *s, struct kube_client *client,
		 struct kube_follow_job *jobs, struct err *err)
{
	const struct stream_options *options = s->options;
	struct kube_follow_options o = { .namespace = options->namespace,
					 .id = options->id,
					 .jobs = jobs,
					 .job_count = options->source_count,
					 .cleans_up = options->cleans_up,
					 .line = on_line,
					 .note = on_note,
					 .end = on_end,
					 .ctx = s };

	for (size_t i = 0; i < options->source_count; i++) {
		jobs[i].name = options->sources[i].job;
		jobs[i].node = options->sources[i].node;
	}
	return kube_follow_start(out, client, &o, err);
}

int stream_run(struct kube_client *client, const struct stream_options *options)
{
	struct stream s = { .options = options };
	_cleanup_close_ int fd = -1;
	struct kube_follow_job *jobs = calloc(options->source_count, sizeof(*jobs));
	struct kube_follow *f = NULL;
	struct err err = { 0 };
	sigset_t set;
	int ret = -ENOMEM;

	s.blanks = calloc(options->source_count, sizeof(*s.blanks));
	s.has_prefix = options->prefix == PREFIX_ALWAYS ||
		       (options->prefix == PREFIX_AUTO && options->source_count > 1);
	s.has_color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	(void)setvbuf(stdout, NULL, _IOFBF, OUTPUT_BYTES); // flushed after each round
	maps_init(&s.maps);
	signal_set(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (jobs && s.blanks)
		ret = start(&f, &s, client, jobs, &err);
	if (ret == 0)
		ret = follow(&s, client, f, fd, &err);
	kube_follow_free(f);
	if (ret == 0)
		print_maps(&s);
	maps_finish(&s.maps);
	free(s.blanks);
	free(jobs);
	if (ret < 0)
		complain("%s", err.code ? err.msg : "out of memory");
	return ret < 0 ? EXIT_ERROR : s.status;
}
