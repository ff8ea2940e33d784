/*
 * Talking to an API server: a stand-in that speaks HTTP/1.1 on a thread of its own, and the
 * clients.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kube/bundle.h"
#include "kube/client.h"
#include "kube/follow.h"
#include "kube/job.h"
#include "kube/json.h"
#include "kube/kubeconfig.h"
#include "kube/launch.h"
#include "kube/logs.h"
#include "kube/target.h"
#include "kube/trace.h"
#include "kube/transport.h"
#include "kube/watch.h"
#include "util/buf.h"
#include "util/fd.h"

#define REQUEST_BYTES (4 << 20)

/* What the stand-in does with a request ("GET /path HTTP/1.1\r\n..."): writes to @fd. */
typedef void (*answer_fn)(int fd, const char *request);

struct standin {
	int listen_fd;
	answer_fn answer;
	pthread_t thread;
	pthread_mutex_t lock;
	struct buf seen; // the requests' first lines
	struct kube_config *config;
	struct kube_client *client;
};

static struct standin server;

static void answer(int fd, int status, const char *body)
{
	struct buf reply;

	buf_init(&reply, 1 << 20);
	buf_printf(&reply,
		   "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		   "Connection: close\r\n\r\n%s",
		   status, strlen(body), body);
	(void)!fd_write_all(fd, buf_cstr(&reply), reply.len);
	buf_finish(&reply);
}

/* A body of unknown length, to be sent in chunks; without end_chunks() it is cut. */
static void start_chunks(int fd)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

	(void)!fd_write_all(fd, head, sizeof(head) - 1);
}

static void send_chunk(int fd, const char *data)
{
	char size[32];

	(void)snprintf(size, sizeof(size), "%zx\r\n", strlen(data));
	(void)!fd_write_all(fd, size, strlen(size));
	(void)!fd_write_all(fd, data, strlen(data));
	(void)!fd_write_all(fd, "\r\n", 2);
}

static void end_chunks(int fd)
{
	(void)!fd_write_all(fd, "0\r\n\r\n", 5);
}

static bool is_complete(const struct buf *request)
{
	const char *text = buf_cstr(request);
	const char *end = strstr(text, "\r\n\r\n");
	const char *length = strcasestr(text, "content-length:");
	size_t body = length ? strtoul(length + 15, NULL, 10) : 0;

	return end && request->len >= (size_t)(end + 4 - text) + body;
}

static void serve(int fd)
{
	struct buf request;
	char piece[4096];

	buf_init(&request, REQUEST_BYTES);
	while (!is_complete(&request)) {
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n <= 0)
			break;
		buf_append(&request, piece, (size_t)n);
	}
	if (request.len) {
		(void)pthread_mutex_lock(&server.lock);
		buf_append(&server.seen, request.data, strcspn(request.data, "\r"));
		buf_putc(&server.seen, '\n');
		(void)pthread_mutex_unlock(&server.lock);
		server.answer(fd, request.data);
	}
	buf_finish(&request);
	(void)close(fd);
}

static void *serve_one(void *arg)
{
	serve((int)(intptr_t)arg);
	return NULL;
}

static void *accept_loop(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept(server.listen_fd, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			return NULL;
		if (pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)fd) == 0)
			(void)pthread_detach(thread);
	}
}

static void start_server(answer_fn fn)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	struct kube_overrides o = { .token = "t0ken", .as = "jane", .as_groups = { "dev" } };
	struct err err = { 0 };
	char url[64];

	server.answer = fn;
	(void)pthread_mutex_init(&server.lock, NULL);
	buf_init(&server.seen, 1 << 20);
	server.listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server.listen_fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(server.listen_fd, 64), 0);
	assert_int_equal(getsockname(server.listen_fd, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(pthread_create(&server.thread, NULL, accept_loop, NULL), 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	o.server = url;
	assert_int_equal(kube_config_load(&server.config, &o, &err), 0);
	assert_int_equal(kube_client_new(&server.client, server.config, &err), 0);
}

static int stop_server(void **state)
{
	(void)state;
	if (!server.client)
		return 0;
	kube_client_free(server.client);
	kube_config_free(server.config);
	(void)shutdown(server.listen_fd, SHUT_RDWR);
	(void)pthread_join(server.thread, NULL);
	(void)close(server.listen_fd);
	buf_finish(&server.seen);
	server = (struct standin){ 0 };
	return 0;
}

/* --- requests --- */

static void answer_requests(int fd, const char *request)
{
	if (strstr(request, "GET /api/v1/nodes/gone ")) {
		answer(fd, 404,
		       "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":\"nodes "
		       "\\\"gone\\\" "
		       "not found\"}");
	} else if (strstr(request, "GET /headers ")) {
		answer(fd,
		       strstr(request, "Authorization: Bearer t0ken\r\n") &&
				       strstr(request, "Impersonate-User: jane\r\n") &&
				       strstr(request, "Impersonate-Group: dev\r\n")
			       ? 200
			       : 500,
		       "{}");
	} else if (strstr(request, "continue=two")) {
		answer(fd, 200, "{\"metadata\":{},\"items\":[3]}");
	} else if (strstr(request, "GET /pages?limit=500 ")) {
		answer(fd, 200, "{\"metadata\":{\"continue\":\"two\"},\"items\":[1,2]}");
	} else if (strstr(request, "POST /made ")) {
		answer(fd, 409, "{\"reason\":\"AlreadyExists\",\"message\":\"is there\"}");
	} else if (strstr(request, "GET /html ")) {
		answer(fd, 200, "<html>");
	} else if (strstr(request, "GET /plain ")) {
		answer(fd, 503, "upstream gone\nmore");
	} else if (strstr(request, "GET /api/v1/nodes?limit=500 ")) {
		answer(fd, 200, "{\"items\":[{\"metadata\":{\"name\":\"gonf\"}}]}");
	}
}

static void assert_get(const char *path, int code, const char *words)
{
	struct err err = { 0 };

	assert_int_equal(kube_get(NULL, server.client, path, &err), code);
	if (words && !strstr(err.msg, words))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, words);
}

static void test_requests(void **state)
{
	_cleanup_json_ cJSON *list = NULL, *object = cJSON_CreateObject();
	struct kube_node node;
	struct err err = { 0 };
	struct arena a;

	(void)state;
	start_server(answer_requests);
	arena_init(&a);
	assert_get("/api/v1/nodes/gone", -ENOENT, "nodes \"gone\" not found");
	assert_get("/headers", 0, NULL);
	assert_get("/html", -EIO, "not JSON");
	assert_get("/plain", -EIO, "503: upstream gone");
	assert_get("/silence", -EIO, "talking to the server");
	assert_int_equal(kube_list(&list, server.client, "/pages", &err), 0);
	assert_int_equal(cJSON_GetArraySize(json_at(list, "items")), 3);
	assert_int_equal(kube_create(NULL, server.client, "/made", object, &err), -EEXIST);
	assert_int_equal(kube_node_get(&node, &a, server.client, "gone", &err), -ENOENT);
	assert_non_null(strstr(err.msg, "did you mean \"gonf\""));
	assert_string_equal(kube_path(&a, "api", "a/b?c", "d e", NULL), "/api/a%2Fb%3Fc/d%20e");
	assert_string_equal(kube_query(&a, "/x?y=1", "l", "a=b,c in (d)"),
			    "/x?y=1&l=a%3Db%2Cc%20in%20%28d%29");
	arena_finish(&a);
}

static void test_nobody_listens(void **state)
{
	struct kube_overrides o = { .server = "http://127.0.0.1:1" };
	struct kube_config *config;
	struct kube_client *client;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(kube_config_load(&config, &o, &err), 0);
	assert_int_equal(kube_client_new(&client, config, &err), 0);
	assert_int_equal(kube_get(NULL, client, "/", &err), -ECONNREFUSED);
	assert_non_null(strstr(err.msg, "was refused"));
	kube_client_free(client);
	kube_config_free(config);
}

/* --- watches --- */

static int watch_round; // of the stand-in

static void answer_watch(int fd, const char *request)
{
	if (!strstr(request, "watch=true")) {
		answer(fd, 200,
		       watch_round
			       ? "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[{\"n\":5}]}"
			       : "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"n\":1}]"
				 "}");
		return;
	}
	start_chunks(fd);
	if (strstr(request, "resourceVersion=1 ")) {
		/* An event in two pieces, then the connection is cut within the next one. */
		send_chunk(fd, "{\"type\":\"ADDED\",\"object\":{\"n\":2,");
		send_chunk(fd, "\"metadata\":{\"resourceVersion\":\"2\"}}}\n{\"type\":\"MODI");
	} else if (strstr(request, "resourceVersion=2 ")) {
		send_chunk(fd, "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":"
			       "{\"resourceVersion\":\"3\"}}}\n");
		end_chunks(fd);
	} else if (strstr(request, "resourceVersion=3 ")) {
		send_chunk(fd, "{\"type\":\"DELETED\",\"object\":{\"n\":4}}\n"
			       "{\"type\":\"ERROR\",\"object\":{\"code\":410}}\n");
		watch_round = 1;
		end_chunks(fd);
	}
}

static void on_watched(void *ctx, enum kube_watch_type type, const cJSON *object)
{
	buf_printf(ctx, "%c%d ", "AMD"[type], (int)json_num(object, "n"));
}

static void test_watch(void **state)
{
	struct kube_watch_options o = { .path = "/things", .fn = on_watched };
	struct kube_watch *watch;
	struct buf seen;
	struct err err = { 0 };

	(void)state;
	watch_round = 0;
	start_server(answer_watch);
	buf_init(&seen, 1024);
	o.ctx = &seen;
	assert_int_equal(kube_watch_start(&watch, server.client, &o, &err), 0);
	while (!strstr(buf_cstr(&seen), "A5"))
		assert_int_equal(
			transport_poll(kube_client_transport(server.client), 1000, -1, &err), 0);
	assert_string_equal(buf_cstr(&seen), "A1 A2 D4 A5 ");
	kube_watch_stop(watch);
	buf_finish(&seen);
}

/* --- logs --- */

/*
 * The stand-in's log: lines of one second each but for 3 and 4, which have the same stamp, and 6,
 * which is earlier than 5.  Line 9 has no newline.
 */
static const char *const log_lines[] = {
	"2026-01-01T00:00:01.000000001Z 1\n", "2026-01-01T00:00:02Z 2\n",
	"2026-01-01T00:00:03.5Z 3\n",         "2026-01-01T00:00:03.5Z 4\n",
	"2026-01-01T00:00:03.9Z 5\n",         "2026-01-01T00:00:03.899Z 6\n",
	"2026-01-01T00:00:04Z 7\n",           "2026-01-01T00:00:06Z 8\n",
	"2026-01-01T00:00:06.1Z 9",
};
#define LOG_COUNT (sizeof(log_lines) / sizeof(log_lines[0]))

static size_t log_cut_after; // lines, then half a line, then a cut; grows with each stream
static bool log_is_polite;   // end streams as if all was sent

static size_t log_first(const char *request)
{
	const char *since = strstr(request, "sinceTime=2026-01-01T00%3A00%3A0");
	size_t i = 0;

	if (!since)
		return 0;
	since += strlen("sinceTime=2026-01-01T00%3A00%3A0");
	while (i < LOG_COUNT && log_lines[i][strlen("2026-01-01T00:00:0")] < *since)
		i++;
	return i;
}

static void answer_log(int fd, const char *request)
{
	bool is_running = log_cut_after < LOG_COUNT;

	if (!strstr(request, "/log?")) {
		answer(fd, 200,
		       is_running ? "{\"status\":{\"phase\":\"Running\"}}"
				  : "{\"status\":{\"phase\":\"Succeeded\"}}");
		return;
	}
	start_chunks(fd);
	for (size_t i = log_first(request); i < LOG_COUNT && i < log_cut_after; i++)
		send_chunk(fd, log_lines[i]);
	if (is_running) {
		char half[16] = "";

		memcpy(half, log_lines[log_cut_after], sizeof(half) - 1);
		send_chunk(fd, half);
		log_cut_after++;
	}
	if (log_is_polite || !is_running)
		end_chunks(fd);
}

struct log_reader {
	struct buf text;
	unsigned long long lost;
	bool is_over;
	struct err err;
};

static void on_log_line(void *ctx, const char *data, size_t len)
{
	buf_append(&((struct log_reader *)ctx)->text, data, len);
}

static void on_log_lost(void *ctx, unsigned long long lines)
{
	((struct log_reader *)ctx)->lost += lines;
}

static void on_log_connection(void *ctx, const struct err *err)
{
	(void)ctx;
	(void)err;
}

static void on_log_end(void *ctx, const struct err *err)
{
	struct log_reader *r = ctx;

	r->is_over = true;
	if (err)
		r->err = *err;
}

static void read_log(struct log_reader *r)
{
	struct kube_log_options o = { .namespace = "n",
				      .pod = "p",
				      .container = "c",
				      .follows = true,
				      .line = on_log_line,
				      .lost = on_log_lost,
				      .connection = on_log_connection,
				      .end = on_log_end,
				      .ctx = r };
	struct kube_log *log;
	struct err err = { 0 };

	*r = (struct log_reader){ 0 };
	buf_init(&r->text, 1 << 22);
	assert_int_equal(kube_log_start(&log, server.client, &o, &err), 0);
	while (!r->is_over)
		assert_int_equal(
			transport_poll(kube_client_transport(server.client), 1000, -1, &err), 0);
	kube_log_free(log);
}

/* Cut after every line, in the middle of the next one: each line comes once. */
static void test_log_cuts(void **state)
{
	struct log_reader r;

	(void)state;
	start_server(answer_log);
	for (int polite = 0; polite < 2; polite++) {
		log_is_polite = polite;
		log_cut_after = 0;
		read_log(&r);
		assert_string_equal(buf_cstr(&r.text), "1\n2\n3\n4\n5\n6\n7\n8\n9");
		assert_int_equal(r.err.code, 0);
		buf_finish(&r.text);
	}
}

/* Packed lines, with a message and a gap between them, and a line that goes on in the next one. */
static void answer_packed(int fd, const char *request)
{
	if (!strstr(request, "/log?")) {
		answer(fd, 200, "{\"status\":{\"phase\":\"Succeeded\"}}");
		return;
	}
	start_chunks(fd);
	if (!strstr(request, "sinceTime")) {
		send_chunk(fd, "2026-01-01T00:00:01Z plain\n2026-01-01T00:00:02Z \x1e"
			       "1 a\vb\vc\n");
		send_chunk(fd, "2026-01-01T00:00:03Z message\n2026-01-01T00:00:04Z \x1e"
			       "3 d\v\n");
		send_chunk(fd, "2026-01-01T00:00:05Z \x1e"
			       "10 e\v\n2026-01-01T00:00:06Z \x1e"
			       "11 \n");
	}
	end_chunks(fd);
}

static void test_packed_log(void **state)
{
	struct log_reader r;

	(void)state;
	start_server(answer_packed);
	read_log(&r);
	assert_string_equal(buf_cstr(&r.text), "plain\na\nb\ncmessage\nd\ne\n");
	assert_int_equal(r.lost, 6);
	buf_finish(&r.text);
}

/* A kubelet that waits in a file that was rotated away: sends much, and then no more. */
static void answer_and_stand_still(int fd, const char *request)
{
	enum { LINE = 10000, COUNT = 110 };
	static char line[LINE];
	char rest;

	if (!strstr(request, "/log?")) {
		answer(fd, 200, "{\"status\":{\"phase\":\"Succeeded\"}}");
		return;
	}
	start_chunks(fd);
	if (strstr(request, "sinceTime")) {
		send_chunk(fd, "2026-01-01T00:00:59Z last\n");
		end_chunks(fd);
		return;
	}
	memset(line, 'x', sizeof(line) - 2);
	line[LINE - 2] = '\n';
	for (int i = 0; i < COUNT; i++) {
		send_chunk(fd, "2026-01-01T00:00:01Z ");
		send_chunk(fd, line);
	}
	while (read(fd, &rest, 1) > 0) // until the client gives it up
		;
}

static void test_silent_log(void **state)
{
	struct log_reader r;

	(void)state;
	start_server(answer_and_stand_still);
	read_log(&r);
	assert_int_equal(r.err.code, 0);
	assert_int_equal(r.text.len, 110 * 9999 + 5);
	assert_string_equal(r.text.data + r.text.len - 6, "\nlast\n");
	buf_finish(&r.text);
}

static void answer_no_log(int fd, const char *request)
{
	if (strstr(request, "/log?"))
		answer(fd, 403, "{\"message\":\"may not\"}");
}

static void test_log_refused(void **state)
{
	struct log_reader r;

	(void)state;
	start_server(answer_no_log);
	read_log(&r);
	assert_int_equal(r.err.code, -EACCES);
	assert_string_equal(r.err.msg, "may not");
	buf_finish(&r.text);
}

/* The parts of a long line, with a stamp before each, and without. */
static void test_long_lines(void **state)
{
	static const char stamp[] = "2026-01-01T00:00:01.5Z ";
	enum { PART = 16384 };
	struct buf with, whole;

	(void)state;
	buf_init(&with, 1 << 20);
	buf_init(&whole, 1 << 20);
	for (int part = 0; part < 3; part++) {
		if (part)
			buf_puts(&with, stamp);
		buf_fill(&with, (char)('a' + part), PART);
		buf_fill(&whole, (char)('a' + part), PART);
	}
	buf_puts(&with, stamp);
	buf_puts(&with, "end\n");
	buf_puts(&whole, "end\n");
	with.len = kube_log_join_parts(with.data, with.len);
	assert_int_equal(with.len, whole.len);
	assert_memory_equal(with.data, whole.data, whole.len);
	assert_int_equal(kube_log_join_parts(whole.data, whole.len), whole.len);
	for (size_t len = 0; len <= PART + 1; len += len < PART - 1 ? PART - 1 : 1)
		assert_int_equal(kube_log_join_parts(whole.data, len), len);
	buf_finish(&with);
	buf_finish(&whole);
}

/* --- launching --- */

static void answer_launch(int fd, const char *request)
{
	if (strstr(request, "POST ") && strstr(request, "/jobs ")) {
		if (strstr(request, "\"name\":\"j2\""))
			answer(fd, 403, "{\"message\":\"no more jobs\"}");
		else
			answer(fd, 201, "{\"metadata\":{\"uid\":\"u\"}}");
	} else if (strstr(request, "POST ") && strstr(request, "/configmaps ")) {
		if (strstr(request, "\"name\":\"j1\""))
			answer(fd, 413, "{\"message\":\"too large\"}");
		else
			answer(fd, 201, "{}");
	} else {
		answer(fd, 200, "{}");
	}
}

static void test_launch(void **state)
{
	static const char *const command[] = { "x", NULL };
	struct kube_job_spec specs[3];
	struct err errs[3];

	(void)state;
	start_server(answer_launch);
	for (int i = 0; i < 3; i++)
		specs[i] = (struct kube_job_spec){ .id = "i",
						   .name = (const char *[]){ "j0", "j1", "j2" }[i],
						   .namespace = "n",
						   .node = "node",
						   .target = "t",
						   .image = "i",
						   .command = command,
						   .script = "" };
	assert_int_equal(kube_launch(server.client, specs, 3, errs), 2);
	assert_int_equal(errs[0].code, 0);
	assert_int_equal(errs[1].code, -E2BIG);
	assert_non_null(strstr(errs[1].msg, "ConfigMap with the script: too large"));
	assert_int_equal(errs[2].code, -EACCES);
	assert_non_null(strstr(errs[2].msg, "trace's Job: no more jobs"));
	/* What was created for a trace that failed is taken back, and nothing else. */
	assert_non_null(
		strstr(buf_cstr(&server.seen), "DELETE /apis/batch/v1/namespaces/n/jobs/j1 "));
	assert_null(strstr(buf_cstr(&server.seen), "jobs/j0"));
	assert_null(strstr(buf_cstr(&server.seen), "jobs/j2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_requests, stop_server),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test_teardown(test_watch, stop_server),
		cmocka_unit_test_teardown(test_log_cuts, stop_server),
		cmocka_unit_test_teardown(test_packed_log, stop_server),
		cmocka_unit_test_teardown(test_silent_log, stop_server),
		cmocka_unit_test_teardown(test_log_refused, stop_server),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test_teardown(test_launch, stop_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
