#include "kube/transport.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/auth.h"
#include "kube/kubeconfig.h"
#include "kube/time.h"
#include "util/buf.h"
#include "util/fd.h"

#define CONNECT_TIMEOUT_MS  15000
#define MAX_BODY_BYTES      (256 << 20) // a list of all pods of a large cluster
#define STREAM_BUFFER_BYTES 16384

struct transfer {
	struct kube_transport *transport;
	CURL *easy;
	struct curl_slist *headers;
	struct curl_slist *connect_to;
	struct buf body; // what on_data does not take
	char *request_body;
	transport_data_fn on_data;
	transport_done_fn on_done;
	void *ctx;
	char curl_error[CURL_ERROR_SIZE];
	struct transfer *prev, *next;
};

struct kube_transport {
	const struct kube_config *config;
	struct kube_auth *auth;
	CURLM *multi;
	struct transfer *running;
	struct transport_timer *timers; // by time
};

int kube_transport_new(struct kube_transport **out, const struct kube_config *config,
		       struct err *err)
{
	struct kube_transport *t = calloc(1, sizeof(*t));
	int ret;

	if (!t)
		return err_set(err, -ENOMEM, "out of memory");
	t->config = config;
	ret = kube_auth_new(&t->auth, config, err);
	if (ret == 0 && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		t->multi = curl_multi_init();
	if (!t->multi) {
		kube_transport_free(t);
		return ret < 0 ? ret : err_set(err, -ENOMEM, "cannot initialise libcurl");
	}
	(void)curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	*out = t;
	return 0;
}

static void transfer_free(struct transfer *x)
{
	struct kube_transport *t = x->transport;

	if (x->prev)
		x->prev->next = x->next;
	else if (t->running == x)
		t->running = x->next;
	if (x->next)
		x->next->prev = x->prev;
	if (x->easy) {
		(void)curl_multi_remove_handle(t->multi, x->easy);
		curl_easy_cleanup(x->easy);
	}
	for (struct curl_slist *h = x->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data)); // one of them has the token
	curl_slist_free_all(x->headers);
	curl_slist_free_all(x->connect_to);
	buf_finish(&x->body);
	free(x->request_body);
	free(x);
}

void kube_transport_free(struct kube_transport *t)
{
	if (!t)
		return;
	while (t->running)
		transfer_free(t->running);
	if (t->multi)
		(void)curl_multi_cleanup(t->multi);
	kube_auth_free(t->auth);
	free(t);
}

void transport_cancel(struct transfer *x)
{
	if (x)
		transfer_free(x);
}

static size_t on_write(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *x = ctx;
	size_t len = size * count;
	long status = 0;

	if (x->on_data) {
		(void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
		if (status >= 200 && status < 300) {
			x->on_data(x->ctx, data, len);
			return len;
		}
	}
	buf_append(&x->body, data, len);
	return x->body.is_truncated ? 0 : len;
}

static int add_header(struct transfer *x, const char *name, const char *value, struct err *err)
{
	struct curl_slist *grown = NULL;
	struct buf line;

	if (!value)
		return 0;
	if (strpbrk(value, "\r\n"))
		return err_set(err, -EINVAL, "%s contains a line break", name);
	buf_init(&line, 1 << 20);
	buf_printf(&line, "%s: %s", name, value);
	if (!line.is_truncated)
		grown = curl_slist_append(x->headers, buf_cstr(&line));
	if (line.data)
		explicit_bzero(line.data, line.len);
	buf_finish(&line);
	if (!grown)
		return err_set(err, -ENOMEM, "out of memory");
	x->headers = grown;
	return 0;
}

static int set_headers(struct transfer *x, const struct transport_request *r, struct err *err)
{
	const struct kube_config *c = x->transport->config;
	const char *token = kube_auth_token(x->transport->auth);
	int ret = add_header(x, "Accept", r->accept ? r->accept : "application/json", err);

	if (ret == 0 && r->body)
		ret = add_header(x, "Content-Type",
				 r->content_type ? r->content_type : "application/json", err);
	/* curl would wait a second for a server's "100 Continue" before a large body. */
	if (ret == 0 && r->body)
		ret = add_header(x, "Expect", "", err);
	if (ret == 0 && token) {
		struct buf bearer;

		buf_init(&bearer, 1 << 20);
		buf_printf(&bearer, "Bearer %s", token);
		ret = add_header(x, "Authorization", buf_cstr(&bearer), err);
		explicit_bzero(bearer.data ? bearer.data : "", bearer.len);
		buf_finish(&bearer);
	}
	if (ret == 0)
		ret = add_header(x, "Impersonate-User", c->as, err);
	if (ret == 0)
		ret = add_header(x, "Impersonate-Uid", c->as_uid, err);
	for (size_t i = 0; ret == 0 && c->as_groups && c->as_groups[i]; i++)
		ret = add_header(x, "Impersonate-Group", c->as_groups[i], err);
	return ret;
}

static void set_blob(CURL *easy, CURLoption option, const char *pem)
{
	struct curl_blob blob = { .data = (void *)pem,
				  .len = pem ? strlen(pem) : 0,
				  .flags = CURL_BLOB_COPY };

	if (pem)
		(void)curl_easy_setopt(easy, option, &blob);
}

static void set_tls(struct transfer *x)
{
	const struct kube_config *c = x->transport->config;

	if (c->insecure_skip_tls_verify) {
		(void)curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	set_blob(x->easy, CURLOPT_CAINFO_BLOB, c->ca_pem);
	set_blob(x->easy, CURLOPT_SSLCERT_BLOB, kube_auth_cert_pem(x->transport->auth));
	set_blob(x->easy, CURLOPT_SSLKEY_BLOB, kube_auth_key_pem(x->transport->auth));
}

/*
 * The URL.  With tls-server-name the certificate is checked for another name than the one that is
 * connected to: put that name into the URL and have curl connect to the real host instead.
 */
static int set_url(struct transfer *x, const char *path)
{
	const struct kube_config *c = x->transport->config;
	const char *host = strstr(c->server, "://") + 3;
	size_t host_len = strcspn(host, "/");
	struct buf url;

	buf_init(&url, 1 << 16);
	if (c->tls_server_name) {
		struct buf to;

		buf_init(&to, 4096);
		buf_printf(&to, "::%.*s", (int)host_len, host);
		if (!memchr(host, ':', host_len))
			buf_puts(&to, ":443");
		x->connect_to = curl_slist_append(NULL, buf_cstr(&to));
		(void)curl_easy_setopt(x->easy, CURLOPT_CONNECT_TO, x->connect_to);
		buf_finish(&to);
		buf_printf(&url, "https://%s%s%s", c->tls_server_name, host + host_len, path);
	} else {
		buf_printf(&url, "%s%s", c->server, path);
	}
	if (!url.is_truncated)
		(void)curl_easy_setopt(x->easy, CURLOPT_URL, buf_cstr(&url));
	buf_finish(&url);
	return url.is_truncated ? -E2BIG : 0;
}

static void set_options(struct transfer *x, const struct transport_request *r)
{
	const struct kube_config *c = x->transport->config;
	CURL *easy = x->easy;

	(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x->headers);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "kubectl-trace/" VERSION);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/* Wait for the first connection to tell whether it multiplexes, instead of opening more. */
	(void)curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)STREAM_BUFFER_BYTES);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	/* A stream may be silent for hours; a peer that is gone must show all the same. */
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 15L);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->curl_error);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
	(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, x);
	if (c->proxy_url)
		(void)curl_easy_setopt(easy, CURLOPT_PROXY, c->proxy_url);
	if (c->username && c->password && !kube_auth_token(x->transport->auth)) {
		(void)curl_easy_setopt(easy, CURLOPT_USERNAME, c->username);
		(void)curl_easy_setopt(easy, CURLOPT_PASSWORD, c->password);
	}
	if (x->request_body) {
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, x->request_body);
	}
	set_tls(x);
}

static int set_up(struct transfer *x, const struct transport_request *r, struct err *err)
{
	int ret = kube_auth_prepare(x->transport->auth, err);

	if (ret < 0)
		return ret;
	x->easy = curl_easy_init();
	if (r->body) {
		x->request_body = malloc(r->body_len + 1);
		if (x->request_body)
			memcpy(x->request_body, r->body, r->body_len);
	}
	if (!x->easy || (r->body && !x->request_body))
		return err_set(err, -ENOMEM, "out of memory");
	if (set_url(x, r->path) < 0)
		return err_set(err, -E2BIG, "the request's address is too long");
	ret = set_headers(x, r, err);
	if (ret < 0)
		return ret;
	set_options(x, r);
	if (curl_multi_add_handle(x->transport->multi, x->easy) != CURLM_OK)
		return err_set(err, -ENOMEM, "libcurl: cannot start a transfer");
	return 0;
}

int transport_start(struct transfer **out, struct kube_transport *t,
		    const struct transport_request *request, struct err *err)
{
	struct transfer *x = calloc(1, sizeof(*x));
	int ret;

	if (!x)
		return err_set(err, -ENOMEM, "out of memory");
	x->transport = t;
	x->on_data = request->on_data;
	x->on_done = request->on_done;
	x->ctx = request->ctx;
	x->next = t->running;
	if (t->running)
		t->running->prev = x;
	t->running = x;
	buf_init(&x->body, MAX_BODY_BYTES);
	ret = set_up(x, request, err);
	if (ret < 0)
		transfer_free(x);
	else if (out)
		*out = x;
	return ret;
}

/* What libcurl ran into, in words that say what to look at. */
static int describe(struct err *err, const struct transfer *x, CURLcode code)
{
	const char *server = x->transport->config->server;
	const char *detail = *x->curl_error ? x->curl_error : curl_easy_strerror(code);
	long os_errno = 0;

	switch (code) {
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &os_errno);
		if (os_errno == ECONNREFUSED)
			return err_set(err, -ECONNREFUSED,
				       "the connection to the server %s was "
				       "refused - is the API server running, and is this the right "
				       "host and port?",
				       server);
		return err_set(err, -EHOSTUNREACH, "cannot connect to the server %s: %s", server,
			       detail);
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(err, -EHOSTUNREACH, "cannot connect to the server %s: %s", server,
			       detail);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return err_set(err, -EHOSTUNREACH, "cannot connect to the proxy: %s", detail);
	case CURLE_PEER_FAILED_VERIFICATION:
		return err_set(err, -EPERM,
			       "cannot trust the server %s: %s (see certificate-authority "
			       "in the kubeconfig, or --certificate-authority)",
			       server, detail);
	case CURLE_SSL_CERTPROBLEM:
		return err_set(err, -EPERM, "the client certificate or its key can't be used: %s",
			       detail);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(err, -EPERM, "certificate-authority can't be used: %s", detail);
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(err, -ETIMEDOUT, "the server %s did not answer in time: %s", server,
			       detail);
	default: return err_set(err, -EIO, "talking to the server %s: %s", server, detail);
	}
}

static void finish(struct transfer *x, CURLcode code)
{
	struct err err = { 0 };
	struct transport_result result = { .err = &err };
	transport_done_fn on_done = x->on_done;

	(void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &result.http_status);
	if (code != CURLE_OK && x->body.is_truncated)
		result.code = err_set(&err, -EFBIG, "the server's answer is larger than %d MB",
				      MAX_BODY_BYTES >> 20);
	else if (code != CURLE_OK)
		result.code = describe(&err, x, code);
	if (result.http_status == 401)
		result.may_renew = kube_auth_refused(x->transport->auth);
	result.body = buf_cstr(&x->body);
	result.body_len = x->body.len;
	/* The call may start a transfer or cancel others, but this one is out of the list. */
	(void)curl_multi_remove_handle(x->transport->multi, x->easy);
	if (on_done)
		on_done(x->ctx, &result);
	transfer_free(x);
}

void transport_timer_start(struct kube_transport *t, struct transport_timer *timer,
			   int64_t delay_ms)
{
	struct transport_timer **at = &t->timers;

	transport_timer_stop(t, timer);
	timer->at_ms = time_monotonic_ms() + delay_ms;
	while (*at && (*at)->at_ms <= timer->at_ms)
		at = &(*at)->next;
	timer->next = *at;
	timer->is_running = true;
	*at = timer;
}

void transport_timer_stop(struct kube_transport *t, struct transport_timer *timer)
{
	if (!timer->is_running)
		return;
	for (struct transport_timer **at = &t->timers; *at; at = &(*at)->next) {
		if (*at == timer) {
			*at = timer->next;
			break;
		}
	}
	timer->is_running = false;
}

static void run_timers(struct kube_transport *t)
{
	int64_t now = time_monotonic_ms();

	while (t->timers && t->timers->at_ms <= now) {
		struct transport_timer *timer = t->timers;

		t->timers = timer->next;
		timer->is_running = false;
		timer->fn(timer->ctx);
	}
}

int transport_poll(struct kube_transport *t, int timeout_ms, int wake_fd, struct err *err)
{
	struct curl_waitfd wake = { .fd = wake_fd, .events = CURL_WAIT_POLLIN };
	CURLMcode code;
	CURLMsg *msg;
	int running, left;

	if (t->timers) {
		int64_t due_ms = t->timers->at_ms - time_monotonic_ms();

		if (due_ms < timeout_ms)
			timeout_ms = due_ms > 0 ? (int)due_ms : 0;
	}
	code = curl_multi_poll(t->multi, &wake, wake_fd >= 0, timeout_ms, NULL);
	if (code == CURLM_OK)
		code = curl_multi_perform(t->multi, &running);
	if (code != CURLM_OK)
		return err_set(err, -EIO, "libcurl: %s", curl_multi_strerror(code));
	while ((msg = curl_multi_info_read(t->multi, &left))) {
		CURLcode result = msg->data.result;
		struct transfer *x = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &x);
		finish(x, result);
	}
	run_timers(t);
	return 0;
}
