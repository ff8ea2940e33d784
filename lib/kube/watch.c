#include "kube/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kube/client.h"
#include "kube/json.h"
#include "kube/transport.h"
#include "util/buf.h"

#define MAX_EVENT_BYTES (64 << 20)
#define FIRST_PAUSE_MS  100
#define MAX_PAUSE_MS    5000

struct kube_watch {
	struct kube_client *client;
	struct kube_watch_options options;
	char *path;
	char *version; // the last resource version seen; NULL: list first
	struct kube_call list;
	struct transfer *stream;
	struct transport_timer pause;
	int64_t pause_ms;
	struct buf text; // received and not yet delivered
	/* Delivery is put off to the next round of timers, where calls may start transfers. */
	struct transport_timer deliver;
};

static void list_or_watch(void *ctx);

static void set_version(struct kube_watch *w, const char *version)
{
	if (!version)
		return;
	free(w->version);
	w->version = strdup(version);
}

static void forget_version(struct kube_watch *w)
{
	free(w->version);
	w->version = NULL;
}

static void retry_later(struct kube_watch *w)
{
	transport_timer_start(kube_client_transport(w->client), &w->pause, w->pause_ms);
	w->pause_ms = w->pause_ms * 2 < MAX_PAUSE_MS ? w->pause_ms * 2 : MAX_PAUSE_MS;
}

/* True if asking again makes no sense. */
static bool is_refusal(int code)
{
	return code == -EACCES || code == -ENOENT || code == -EINVAL;
}

static void fail_or_retry(struct kube_watch *w, const struct err *err)
{
	if (err->code == -ESTALE)
		forget_version(w);
	if (!is_refusal(err->code))
		retry_later(w);
	else if (w->options.failed)
		w->options.failed(w->options.ctx, err);
}

static void on_event(struct kube_watch *w, const char *line, size_t len)
{
	_cleanup_json_ cJSON *event = cJSON_ParseWithLength(line, len);
	const char *type = json_str(event, "type");
	const cJSON *object = json_at(event, "object");

	if (!type || !object)
		return;
	if (strcmp(type, "ERROR") == 0) {
		/* Most often "too old resource version".  The server ends the stream after it. */
		forget_version(w);
		return;
	}
	set_version(w, json_str(object, "metadata", "resourceVersion"));
	w->pause_ms = FIRST_PAUSE_MS;
	if (strcmp(type, "ADDED") == 0)
		w->options.fn(w->options.ctx, KUBE_WATCH_ADDED, object);
	else if (strcmp(type, "MODIFIED") == 0)
		w->options.fn(w->options.ctx, KUBE_WATCH_MODIFIED, object);
	else if (strcmp(type, "DELETED") == 0)
		w->options.fn(w->options.ctx, KUBE_WATCH_DELETED, object);
}

static void deliver(void *ctx)
{
	struct kube_watch *w = ctx;
	const char *start = buf_cstr(&w->text);
	const char *end = start + w->text.len;

	for (;;) {
		const char *newline = memchr(start, '\n', (size_t)(end - start));

		if (!newline)
			break;
		on_event(w, start, (size_t)(newline - start));
		start = newline + 1;
	}
	buf_consume(&w->text, (size_t)(start - buf_cstr(&w->text)));
}

static void on_data(void *ctx, const char *data, size_t len)
{
	struct kube_watch *w = ctx;

	buf_append(&w->text, data, len);
	if (memchr(data, '\n', len))
		transport_timer_start(kube_client_transport(w->client), &w->deliver, 0);
}

static void on_stream_end(void *ctx, const struct transport_result *result)
{
	struct kube_watch *w = ctx;
	struct err err = { 0 };

	w->stream = NULL;
	deliver(w);
	buf_clear(&w->text);
	if (kube_result_check(result, &err) < 0 && !result->may_renew)
		fail_or_retry(w, &err);
	else
		retry_later(w);
}

static void on_list(void *ctx, const cJSON *list, const struct err *err)
{
	struct kube_watch *w = ctx;
	const cJSON *item;

	if (err) {
		fail_or_retry(w, err);
		return;
	}
	set_version(w, json_str(list, "metadata", "resourceVersion"));
	if (!w->options.skips_existing)
		cJSON_ArrayForEach (item, json_at(list, "items"))
			w->options.fn(w->options.ctx, KUBE_WATCH_ADDED, item);
	list_or_watch(w);
}

static void list_or_watch(void *ctx)
{
	struct kube_watch *w = ctx;
	struct arena a;
	struct err err;
	const char *path;
	int ret;

	arena_init(&a);
	if (!w->version) {
		/* Without the objects a list of one is enough: it has the version as well. */
		path = kube_query(&a, w->path, "limit", w->options.skips_existing ? "1" : NULL);
		ret = kube_call_start(&w->list, w->client, "GET", path, NULL, &err);
	} else {
		struct transport_request request = {
			.method = "GET", .on_data = on_data, .on_done = on_stream_end, .ctx = w
		};

		path = kube_query(&a, w->path, "watch", "true");
		path = kube_query(&a, path, "allowWatchBookmarks", "true");
		request.path = kube_query(&a, path, "resourceVersion", w->version);
		ret = transport_start(&w->stream, kube_client_transport(w->client), &request, &err);
	}
	arena_finish(&a);
	if (ret < 0)
		retry_later(w);
}

int kube_watch_start(struct kube_watch **out, struct kube_client *client,
		     const struct kube_watch_options *options, struct err *err)
{
	struct kube_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(err, -ENOMEM, "out of memory");
	w->client = client;
	w->options = *options;
	w->path = strdup(options->path);
	w->list = (struct kube_call){ .fn = on_list, .ctx = w };
	w->pause = (struct transport_timer){ .fn = list_or_watch, .ctx = w };
	w->pause_ms = FIRST_PAUSE_MS;
	w->deliver = (struct transport_timer){ .fn = deliver, .ctx = w };
	buf_init(&w->text, MAX_EVENT_BYTES);
	if (!w->path) {
		kube_watch_stop(w);
		return err_set(err, -ENOMEM, "out of memory");
	}
	list_or_watch(w);
	*out = w;
	return 0;
}

void kube_watch_stop(struct kube_watch *w)
{
	if (!w)
		return;
	kube_call_cancel(&w->list);
	transport_cancel(w->stream);
	transport_timer_stop(kube_client_transport(w->client), &w->pause);
	transport_timer_stop(kube_client_transport(w->client), &w->deliver);
	buf_finish(&w->text);
	free(w->path);
	free(w->version);
	free(w);
}
