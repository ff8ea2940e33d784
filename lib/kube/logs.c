#include "kube/logs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kube/client.h"
#include "kube/json.h"
#include "kube/pod.h"
#include "kube/time.h"
#include "kube/transport.h"
#include "util/buf.h"
#include "util/linepack.h"
#include "util/vec.h"

#define MAX_LINE_BYTES (64 << 20)
#define PART_BYTES     16384 // containerd's max_container_log_line_size, CRI-O's log_size default
#define NS_PER_S       1000000000LL
#define FIRST_PAUSE_MS 100
#define MAX_PAUSE_MS   2000
#define PRUNE_LEN      4096
#define ROTATION_BYTES (1 << 20) // no kubelet rotates a smaller log
#define SILENCE_MS     1000

struct kube_log {
	struct kube_client *client;
	struct kube_log_options options;
	char *namespace, *pod, *container;
	struct transfer *stream;
	struct kube_call ask; // for the pod, when a stream has ended
	struct transport_timer pause;
	int64_t pause_ms;
	struct transport_timer silence;
	size_t stream_bytes;    // come on this stream
	struct buf line;        // while it isn't complete
	struct buf whole;       // of packed lines: a line that the next one goes on with
	uint64_t seen;          // lines, delivered or known to be lost
	vec_of(int64_t) recent; // stamps of the lines since resume_s(), in order of arrival
	int64_t newest_ns;      // the largest stamp so far; 0: no line yet
	size_t expect;          // index in recent of the next line that is a repetition
	size_t expect_end;      // repetitions end here
	bool is_final;          // the container has ended: this stream is the last
	bool is_new_stream;     // nothing has come on it yet
	bool is_cut;            // options.connection() was told
	struct err cut; // why the last stream ended, or what the kubelet said instead of a log
};

static void open_stream(void *ctx);

/* The second from which a new stream must start.  One before the newest line's: standard output and
 * standard error are stamped by two threads, so stamps may step back a little. */
static int64_t resume_s(const struct kube_log *log)
{
	return log->newest_ns / NS_PER_S - 1;
}

/* Forget stamps too old to be repeated. */
static void prune(struct kube_log *log)
{
	int64_t since_ns = resume_s(log) * NS_PER_S;
	size_t kept = 0;

	for (size_t i = 0; i < log->recent.len; i++)
		if (log->recent.data[i] >= since_ns)
			log->recent.data[kept++] = log->recent.data[i];
	log->recent.len = kept;
}

/* Is this line one that was delivered before the cut? */
static bool is_repetition(struct kube_log *log, int64_t stamp_ns)
{
	/* In the middle of a file that was rotated meanwhile, the first of them are missing. */
	for (size_t i = log->expect; i < log->expect_end; i++) {
		if (log->recent.data[i] == stamp_ns) {
			log->expect = i + 1;
			return true;
		}
	}
	/* In a log everything new comes after everything old. */
	log->expect = log->expect_end;
	return false;
}

static void remember(struct kube_log *log, int64_t stamp_ns)
{
	if (stamp_ns > log->newest_ns)
		log->newest_ns = stamp_ns;
	vec_push(NULL, &log->recent, stamp_ns);
	if (log->recent.len % PRUNE_LEN == 0)
		prune(log);
}

size_t kube_log_join_parts(char *text, size_t len)
{
	size_t from = PART_BYTES, to = PART_BYTES;

	while (from < len) {
		int64_t ns;
		size_t stamp = time_parse_rfc3339(&ns, text + from, len - from);
		size_t n;

		if (stamp && from + stamp < len && text[from + stamp] == ' ')
			from += stamp + 1;
		else if (to == PART_BYTES)
			return len; // this kubelet joins them itself
		n = len - from < PART_BYTES ? len - from : PART_BYTES;
		memmove(text + to, text + from, n);
		from += n;
		to += n;
	}
	return len < PART_BYTES ? len : to;
}

/* A line, or a piece of one without newline: the next call brings the rest. */
static void deliver(struct kube_log *log, const char *stamp, size_t stamp_len, const char *text,
		    size_t len)
{
	bool is_whole = len > 0 && text[len - 1] == '\n';

	log->seen += is_whole;
	if (is_whole && log->whole.len == 0 && !log->options.keeps_stamps) {
		log->options.line(log->options.ctx, text, len);
		return;
	}
	if (log->whole.len == 0 && log->options.keeps_stamps)
		buf_append(&log->whole, stamp, stamp_len);
	buf_append(&log->whole, text, len);
	if (!is_whole)
		return;
	log->options.line(log->options.ctx, log->whole.data, log->whole.len);
	buf_clear(&log->whole);
}

static void unpack(struct kube_log *log, const char *stamp, size_t stamp_len, char *line,
		   size_t len)
{
	uint64_t before;
	char *text;

	if (!linepack_read(&text, &len, &before, line, len)) {
		deliver(log, stamp, stamp_len, line, len);
		return;
	}
	if (before > log->seen && log->options.lost)
		log->options.lost(log->options.ctx, before - log->seen);
	log->seen = before; // without the messages among them, which have no number
	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline - text) + 1 : len;

		deliver(log, stamp, stamp_len, text, n);
		text += n;
		len -= n;
	}
}

static void on_line(struct kube_log *log, char *line, size_t len)
{
	int64_t stamp_ns;
	size_t stamp = time_parse_rfc3339(&stamp_ns, line, len);
	size_t skip = stamp + 1;

	if (stamp == 0 || stamp == len) {
		/* Not a log line: the kubelet's own words in place of it, such as "unable to
		 * retrieve container logs for ..." when the container was removed. */
		err_set(&log->cut, -EIO, "%.*s", (int)strcspn(line, "\r\n"), line);
		return;
	}
	if (is_repetition(log, stamp_ns))
		return;
	remember(log, stamp_ns);
	log->pause_ms = FIRST_PAUSE_MS;
	len = kube_log_join_parts(line + skip, len - skip);
	unpack(log, line, skip, line + skip, len);
}

static void tell_back(struct kube_log *log)
{
	if (!log->is_cut)
		return;
	log->is_cut = false;
	log->options.connection(log->options.ctx, NULL);
}

/*
 * A kubelet that was behind when the log was rotated can miss that, and wait for more in the old
 * file for ever: a new stream begins with the new file.
 */
static void on_silence(void *ctx)
{
	struct kube_log *log = ctx;

	if (!log->stream)
		return;
	transport_cancel(log->stream);
	open_stream(log);
}

static void on_data(void *ctx, const char *data, size_t len)
{
	struct kube_log *log = ctx;
	char *start, *end, *newline;
	size_t searched;

	tell_back(log);
	log->stream_bytes += len;
	if (log->stream_bytes >= ROTATION_BYTES)
		transport_timer_start(kube_client_transport(log->client), &log->silence,
				      SILENCE_MS);
	/* An incomplete line from before a cut comes again, whole. */
	if (log->is_new_stream)
		buf_clear(&log->line);
	log->is_new_stream = false;
	searched = log->line.len;
	buf_append(&log->line, data, len);
	if (!log->line.data)
		return;
	start = log->line.data;
	end = start + log->line.len;
	while ((newline = memchr(start + searched, '\n', (size_t)(end - start) - searched))) {
		on_line(log, start, (size_t)(newline + 1 - start));
		start = newline + 1;
		searched = 0;
	}
	buf_consume(&log->line, (size_t)(start - log->line.data));
}

static void finish(struct kube_log *log, const struct err *err)
{
	void (*end)(void *, const struct err *) = log->options.end;

	/* What follows the last newline, when it's certain that no more comes. */
	if (log->line.len > 0)
		on_line(log, log->line.data, log->line.len);
	if (log->whole.len > 0)
		log->options.line(log->options.ctx, log->whole.data, log->whole.len);
	buf_clear(&log->line);
	buf_clear(&log->whole);
	if (!err && log->newest_ns == 0 && log->cut.code)
		err = &log->cut;
	end(log->options.ctx, err);
}

static void retry_later(struct kube_log *log, const struct err *err)
{
	/* Nobody needs to know of a cut that is mended at once. */
	if (err && !log->is_cut && log->pause_ms > FIRST_PAUSE_MS) {
		log->is_cut = true;
		log->options.connection(log->options.ctx, err);
	}
	transport_timer_start(kube_client_transport(log->client), &log->pause, log->pause_ms);
	log->pause_ms = log->pause_ms * 2 < MAX_PAUSE_MS ? log->pause_ms * 2 : MAX_PAUSE_MS;
}

/*
 * Will nothing more be written?  A kubelet may have removed the container of a pod that is being
 * deleted before it reported how it ended; then the container seems to wait for its start again.
 */
static bool is_over(const struct kube_log *log, const struct kube_pod *pod)
{
	const struct kube_container *c = NULL;

	if (log->container)
		c = kube_pod_container(pod, log->container);
	else if (pod->container_count)
		c = &pod->containers[0];
	/* Of a pod that failed, kubelets before 1.22 may leave a container running for ever. */
	if (strcmp(pod->phase, "Failed") == 0 || strcmp(pod->phase, "Succeeded") == 0)
		return true;
	return c && (c->state == KUBE_STATE_TERMINATED ||
		     (pod->is_deleting && c->state != KUBE_STATE_RUNNING));
}

/* A stream has ended, and this is the pod now. */
static void on_pod(void *ctx, const cJSON *reply, const struct err *err)
{
	struct kube_log *log = ctx;
	bool was_final = log->is_final;
	struct kube_pod pod;
	struct arena a;

	if (err && err->code == -ENOENT) {
		/* Deleted.  Its log went with it: what has come is all there is. */
		finish(log, NULL);
		return;
	}
	if (err) {
		retry_later(log, err);
		return;
	}
	arena_init(&a);
	kube_pod_parse(&pod, &a, reply);
	log->is_final = is_over(log, &pod);
	arena_finish(&a);
	/* The stream may have been cut just before the end: read the rest once more. */
	if (log->is_final && !was_final)
		open_stream(log);
	else
		retry_later(log, log->cut.code ? &log->cut : NULL);
}

static void ask_for_pod(struct kube_log *log)
{
	struct arena a;
	struct err err = { 0 };
	int ret;

	arena_init(&a);
	ret = kube_call_start(
		&log->ask, log->client, "GET",
		kube_path(&a, "api", "v1", "namespaces", log->namespace, "pods", log->pod, NULL),
		NULL, &err);
	arena_finish(&a);
	if (ret < 0)
		retry_later(log, &err);
}

static void on_stream_end(void *ctx, const struct transport_result *result)
{
	struct kube_log *log = ctx;
	int code = kube_result_check(result, &log->cut);

	log->stream = NULL;
	transport_timer_stop(kube_client_transport(log->client), &log->silence);
	if (result->may_renew && log->newest_ns) // a token has expired meanwhile
		retry_later(log, &log->cut);
	else if (code == -ENOENT || code == -EACCES)
		finish(log, log->is_final || log->newest_ns ? NULL : &log->cut);
	else if (log->is_final && code == -EINVAL) // the container was removed meanwhile
		finish(log, NULL);
	else if (!log->options.follows || (code == 0 && log->is_final))
		finish(log, code < 0 ? &log->cut : NULL);
	else // even 400 "waiting to start" and 500 from a kubelet that can't be reached may pass
		ask_for_pod(log);
}

static void open_stream(void *ctx)
{
	struct kube_log *log = ctx;
	struct transport_request request = {
		.method = "GET", .on_data = on_data, .on_done = on_stream_end, .ctx = log
	};
	struct arena a;
	struct err err = { 0 };
	const char *path;
	int ret;

	arena_init(&a);
	path = kube_path(&a, "api", "v1", "namespaces", log->namespace, "pods", log->pod, "log",
			 NULL);
	path = kube_query(&a, path, "container", log->container);
	path = kube_query(&a, path, "timestamps", "true");
	if (log->options.follows && !log->is_final)
		path = kube_query(&a, path, "follow", "true");
	if (log->newest_ns) {
		char since[32];

		prune(log);
		time_format_rfc3339(since, (time_t)resume_s(log));
		path = kube_query(&a, path, "sinceTime", since);
	}
	log->expect = 0;
	log->expect_end = log->recent.len;
	log->is_new_stream = true;
	log->stream_bytes = 0;
	log->cut = (struct err){ 0 };
	request.path = path;
	ret = transport_start(&log->stream, kube_client_transport(log->client), &request, &err);
	arena_finish(&a);
	if (ret < 0)
		retry_later(log, &err);
}

int kube_log_start(struct kube_log **out, struct kube_client *client,
		   const struct kube_log_options *options, struct err *err)
{
	struct kube_log *log = calloc(1, sizeof(*log));

	if (!log)
		return err_set(err, -ENOMEM, "out of memory");
	log->client = client;
	log->options = *options;
	log->namespace = strdup(options->namespace);
	log->pod = strdup(options->pod);
	log->container = options->container ? strdup(options->container) : NULL;
	log->ask = (struct kube_call){ .fn = on_pod, .ctx = log };
	log->pause = (struct transport_timer){ .fn = open_stream, .ctx = log };
	log->silence = (struct transport_timer){ .fn = on_silence, .ctx = log };
	log->pause_ms = FIRST_PAUSE_MS;
	buf_init(&log->line, MAX_LINE_BYTES);
	buf_init(&log->whole, MAX_LINE_BYTES);
	if (!log->namespace || !log->pod || (options->container && !log->container)) {
		kube_log_free(log);
		return err_set(err, -ENOMEM, "out of memory");
	}
	open_stream(log);
	*out = log;
	return 0;
}

void kube_log_free(struct kube_log *log)
{
	if (!log)
		return;
	transport_cancel(log->stream);
	kube_call_cancel(&log->ask);
	transport_timer_stop(kube_client_transport(log->client), &log->pause);
	transport_timer_stop(kube_client_transport(log->client), &log->silence);
	buf_finish(&log->line);
	buf_finish(&log->whole);
	vec_finish(&log->recent);
	free(log->namespace);
	free(log->pod);
	free(log->container);
	free(log);
}
