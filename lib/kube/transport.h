/*
 * HTTP to one API server: many transfers at once over few connections, driven by one loop in one
 * thread.  The one place that sees libcurl.
 *
 * HTTP/2 is used where the server has it, so that a thousand log streams share a few connections.
 * TLS is verified unless the kubeconfig says otherwise.
 *
 * A transfer is started, and ends in exactly one call of its on_done, from within
 * transport_poll(), unless it is cancelled.  on_data may not start or cancel transfers; on_done and
 * timers may.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct kube_config;
struct kube_transport;
struct transfer;

/* How a transfer ended. */
struct transport_result {
	int code;         // 0: a reply came, whatever its status; else -errno, see err
	long http_status; // 0 if no reply came
	bool may_renew; // it was 401, and other credentials may be had: the next transfer asks for
			// them
	const char *body; // the body, unless on_data took it; never NULL
	size_t body_len;
	const struct err *err;
};

typedef void (*transport_data_fn)(void *ctx, const char *data, size_t len);
typedef void (*transport_done_fn)(void *ctx, const struct transport_result *result);

struct transport_request {
	const char *method; // "GET"
	const char *path;   // "/api/v1/nodes?limit=1"
	const char *body;   // NULL: none; copied
	size_t body_len;
	const char *content_type;  // NULL: application/json
	const char *accept;        // NULL: application/json
	int64_t timeout_ms;        // for the whole transfer; 0: none
	transport_data_fn on_data; // takes the body of a 2xx reply piece by piece; NULL: collect it
	transport_done_fn on_done;
	void *ctx;
};

/* @config must outlive the transport. */
int kube_transport_new(struct kube_transport **out, const struct kube_config *config,
		       struct err *err) __attribute__((warn_unused_result));
/* Transfers that still run end without on_done. */
void kube_transport_free(struct kube_transport *t);

int transport_start(struct transfer **out, struct kube_transport *t,
		    const struct transport_request *request, struct err *err)
	__attribute__((warn_unused_result));
/* End it without on_done.  NULL is ignored. */
void transport_cancel(struct transfer *x);

/* Wait for something to happen, @timeout_ms at most, and make all calls that are due.  Readable
 * @wake_fd (-1: none) also ends the wait. */
int transport_poll(struct kube_transport *t, int timeout_ms, int wake_fd, struct err *err)
	__attribute__((warn_unused_result));

/*
 * A call after some time, from within transport_poll().  The struct is the caller's and must stay
 * until the call or transport_timer_stop(); starting a running timer moves it.
 */
struct transport_timer {
	int64_t at_ms;
	void (*fn)(void *ctx);
	void *ctx;
	struct transport_timer *next;
	bool is_running;
};
void transport_timer_start(struct kube_transport *t, struct transport_timer *timer,
			   int64_t delay_ms);
void transport_timer_stop(struct kube_transport *t, struct transport_timer *timer);
