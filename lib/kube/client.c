#include "kube/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "kube/json.h"
#include "kube/kubeconfig.h"
#include "kube/transport.h"
#include "util/fd.h"

#define PAGE_SIZE          "500"
#define DEFAULT_TIMEOUT_MS 60000
#define MAX_TRIES          5
#define RETRY_DELAY_MS     500

struct kube_client {
	const struct kube_config *config;
	struct kube_transport *transport;
};

int kube_client_new(struct kube_client **out, const struct kube_config *config, struct err *err)
{
	struct kube_client *client = calloc(1, sizeof(*client));
	int ret;

	if (!client)
		return err_set(err, -ENOMEM, "out of memory");
	client->config = config;
	ret = kube_transport_new(&client->transport, config, err);
	if (ret < 0)
		free(client);
	else
		*out = client;
	return ret;
}

void kube_client_free(struct kube_client *client)
{
	if (!client)
		return;
	kube_transport_free(client->transport);
	free(client);
}

struct kube_transport *kube_client_transport(struct kube_client *client)
{
	return client->transport;
}

const char *kube_client_namespace(const struct kube_client *client)
{
	return client->config->namespace;
}

static void escape(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
		    strchr("-._~", c))
			buf_putc(out, *s);
		else
			buf_printf(out, "%%%02X", c);
	}
}

char *kube_path(struct arena *a, const char *segment, ...)
{
	struct buf path;
	va_list ap;
	char *result;

	buf_init(&path, 1 << 16);
	va_start(ap, segment);
	for (const char *s = segment; s; s = va_arg(ap, const char *)) {
		buf_putc(&path, '/');
		escape(&path, s);
	}
	va_end(ap);
	result = arena_strdup(a, buf_cstr(&path));
	buf_finish(&path);
	return result;
}

char *kube_collection(struct arena *a, const char *group, const char *version, const char *ns,
		      const char *resource)
{
	const char *root = *group ? kube_path(a, "apis", group, version, NULL)
				  : kube_path(a, "api", version, NULL);
	const char *within = ns ? kube_path(a, "namespaces", ns, NULL) : "";

	return arena_printf(a, "%s%s%s", root, within, kube_path(a, resource, NULL));
}

char *kube_query(struct arena *a, const char *path, const char *key, const char *value)
{
	struct buf query;
	char *result;

	if (!value)
		return arena_strdup(a, path);
	buf_init(&query, 1 << 16);
	buf_printf(&query, "%s%c%s=", path, strchr(path, '?') ? '&' : '?', key);
	escape(&query, value);
	result = arena_strdup(a, buf_cstr(&query));
	buf_finish(&query);
	return result;
}

static int code_of(long http_status, const char *reason)
{
	switch (http_status) {
	case 400:
	case 422: return -EINVAL;
	case 401:
	case 403: return -EACCES;
	case 404: return -ENOENT;
	case 409: return reason && strcmp(reason, "AlreadyExists") == 0 ? -EEXIST : -EAGAIN;
	case 410: return -ESTALE;
	case 413: return -E2BIG;
	case 429: return -EAGAIN;
	default: return -EIO;
	}
}

int kube_result_check(const struct transport_result *result, struct err *err)
{
	_cleanup_json_ cJSON *status = NULL;
	const char *message, *reason;
	int code;

	if (result->code < 0)
		return err_set(err, result->code, "%s", result->err->msg);
	if (result->http_status >= 200 && result->http_status < 300)
		return 0;
	status = cJSON_ParseWithLength(result->body, result->body_len);
	message = json_str(status, "message");
	reason = json_str(status, "reason");
	code = code_of(result->http_status, reason);
	if (result->http_status == 401)
		return err_set(err, code,
			       "the server did not accept the credentials of the kubeconfig: %s",
			       message ? message : "Unauthorized");
	if (message && *message)
		return err_set(err, code, "%s", message);
	if (result->http_status == 404)
		return err_set(err, code,
			       "the server has no such resource: is it a Kubernetes API server?");
	return err_set(err, code, "the server answered with HTTP status %ld: %.*s",
		       result->http_status, (int)strcspn(result->body, "\r\n"), result->body);
}

/* One request that is waited for. */
struct waiter {
	cJSON *json;
	struct err err;
	long http_status;
	int code;
	bool may_renew;
	bool is_done;
};

static void on_waited(void *ctx, const struct transport_result *result)
{
	struct waiter *w = ctx;

	w->is_done = true;
	w->http_status = result->http_status;
	w->may_renew = result->may_renew;
	w->code = kube_result_check(result, &w->err);
	if (w->code < 0)
		return;
	w->json = cJSON_ParseWithLength(result->body, result->body_len);
	if (!w->json)
		w->code = err_set(&w->err, -EIO,
				  "the server's answer is not JSON: is it a Kubernetes "
				  "API server?");
}

static int64_t timeout_of(const struct kube_client *client)
{
	int64_t ms = client->config->request_timeout_ms;

	return ms ? ms : DEFAULT_TIMEOUT_MS;
}

static int try_once(struct waiter *w, struct kube_client *client,
		    const struct transport_request *request)
{
	struct transport_request r = *request;
	struct transfer *transfer;

	*w = (struct waiter){ 0 };
	r.on_done = on_waited;
	r.ctx = w;
	w->code = transport_start(&transfer, client->transport, &r, &w->err);
	if (w->code < 0)
		return w->code;
	while (!w->is_done) {
		int ret = transport_poll(client->transport, 1000, -1, &w->err);

		if (ret < 0) {
			transport_cancel(transfer);
			return w->code = ret;
		}
	}
	return w->code;
}

static void wake_up(void *ctx)
{
	*(bool *)ctx = true;
}

int kube_client_pause(struct kube_client *client, int ms, struct err *err)
{
	bool is_over = false;
	struct transport_timer timer = { .fn = wake_up, .ctx = &is_over };
	int ret = 0;

	transport_timer_start(client->transport, &timer, ms);
	while (!is_over && ret == 0)
		ret = transport_poll(client->transport, ms, -1, err);
	transport_timer_stop(client->transport, &timer);
	return ret;
}

/* Send it; again after a 401 if the credentials can be renewed, and while told to come later. */
static int request(cJSON **out, struct kube_client *client, const char *method, const char *path,
		   const cJSON *body, const char *accept, struct err *err)
{
	_cleanup_free_ char *text = body ? cJSON_PrintUnformatted(body) : NULL;
	struct transport_request r = { .method = method,
				       .path = path,
				       .body = text,
				       .body_len = text ? strlen(text) : 0,
				       .accept = accept,
				       .timeout_ms = timeout_of(client) };
	struct waiter w;

	if (body && !text)
		return err_set(err, -ENOMEM, "out of memory");
	for (int tries = 1;; tries++) {
		if (try_once(&w, client, &r) == 0)
			break;
		if (tries < MAX_TRIES && w.http_status == 429) {
			if (kube_client_pause(client, RETRY_DELAY_MS * tries, err) < 0)
				break;
		} else if (tries > 1 || !w.may_renew) {
			break;
		}
	}
	if (w.code < 0)
		return err_set(err, w.code, "%s", w.err.msg);
	if (out)
		*out = w.json;
	else
		cJSON_Delete(w.json);
	return 0;
}

int kube_get(cJSON **out, struct kube_client *client, const char *path, struct err *err)
{
	return request(out, client, "GET", path, NULL, NULL, err);
}

/* Move the items of @page behind those of @list. */
static void move_items(cJSON *list, cJSON *page)
{
	cJSON *items = json_at(list, "items"), *more = json_at(page, "items");

	while (more && more->child)
		cJSON_AddItemToArray(items, cJSON_DetachItemViaPointer(more, more->child));
}

static int list_pages(cJSON **out, struct kube_client *client, const char *path, const char *accept,
		      struct err *err)
{
	cJSON *list = NULL;
	struct arena a;
	const char *first, *next;
	int ret;

	arena_init(&a);
	first = kube_query(&a, path, "limit", PAGE_SIZE);
	next = first;
	do {
		cJSON *page;
		const char *token;

		ret = request(&page, client, "GET", next, NULL, accept, err);
		if (ret < 0)
			break;
		token = json_str(page, "metadata", "continue");
		next = token && *token ? kube_query(&a, first, "continue", token) : NULL;
		if (list) {
			move_items(list, page);
			cJSON_Delete(page);
		} else {
			list = page;
		}
	} while (next);
	arena_finish(&a);
	if (ret < 0)
		cJSON_Delete(list);
	else
		*out = list;
	return ret;
}

int kube_list(cJSON **out, struct kube_client *client, const char *path, struct err *err)
{
	return list_pages(out, client, path, NULL, err);
}

int kube_list_metadata(cJSON **out, struct kube_client *client, const char *path, struct err *err)
{
	return list_pages(out, client, path,
			  "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
			  "application/json",
			  err);
}

int kube_create(cJSON **out, struct kube_client *client, const char *path, const cJSON *object,
		struct err *err)
{
	return request(out, client, "POST", path, object, NULL, err);
}

cJSON *kube_delete_options(const char *propagation, int64_t grace_s)
{
	cJSON *options = cJSON_CreateObject();

	json_add_str(options, "kind", "DeleteOptions");
	json_add_str(options, "apiVersion", "v1");
	json_add_str(options, "propagationPolicy", propagation);
	if (grace_s >= 0)
		json_add_num(options, "gracePeriodSeconds", grace_s);
	return options;
}

int kube_delete(struct kube_client *client, const char *path, const char *propagation,
		int64_t grace_s, struct err *err)
{
	_cleanup_json_ cJSON *options = kube_delete_options(propagation, grace_s);

	return request(NULL, client, "DELETE", path, options, NULL, err);
}

int kube_client_server_version(const char **out, struct kube_client *client, struct arena *a,
			       struct err *err)
{
	_cleanup_json_ cJSON *json = NULL;
	int ret = kube_get(&json, client, "/version", err);

	if (ret < 0)
		return ret;
	*out = json_dup(a, json_at(json, "gitVersion"));
	return *out ? 0 : err_set(err, -EIO, "the server does not tell its version");
}

static void on_call_done(void *ctx, const struct transport_result *result)
{
	struct kube_call *call = ctx;
	_cleanup_json_ cJSON *json = NULL;
	struct err err = { 0 };

	call->transfer = NULL;
	if (kube_result_check(result, &err) == 0) {
		json = cJSON_ParseWithLength(result->body, result->body_len);
		if (!json)
			err_set(&err, -EIO, "the server's answer is not JSON");
	}
	call->fn(call->ctx, json, err.code ? &err : NULL);
}

int kube_call_start(struct kube_call *call, struct kube_client *client, const char *method,
		    const char *path, const cJSON *object, struct err *err)
{
	_cleanup_free_ char *text = object ? cJSON_PrintUnformatted(object) : NULL;
	struct transport_request r = { .method = method,
				       .path = path,
				       .body = text,
				       .body_len = text ? strlen(text) : 0,
				       .content_type = strcmp(method, "PATCH") == 0
							       ? "application/merge-patch+json"
							       : NULL,
				       .timeout_ms = timeout_of(client),
				       .on_done = on_call_done,
				       .ctx = call };

	if (object && !text)
		return err_set(err, -ENOMEM, "out of memory");
	call->client = client;
	return transport_start(&call->transfer, client->transport, &r, err);
}

void kube_call_cancel(struct kube_call *call)
{
	transport_cancel(call->transfer);
	call->transfer = NULL;
}
