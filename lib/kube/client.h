/*
 * The API server's REST interface: objects as JSON trees, its refusals in its own words.
 *
 * The calls that wait drive the transport, so that streams which run beside go on meanwhile.
 * Codes of refusals: -ENOENT not found; -EEXIST already exists; -EAGAIN conflict or too many
 * requests; -EACCES unauthorized or forbidden; -ESTALE resource version too old (410); -EINVAL the
 * server finds the object invalid; -E2BIG too large; -EIO the server's own trouble.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"

struct cJSON;
struct kube_client;
struct kube_config;
struct kube_transport;
struct transfer;
struct transport_result;

/* @config must outlive the client. */
int kube_client_new(struct kube_client **out, const struct kube_config *config, struct err *err)
	__attribute__((warn_unused_result));
void kube_client_free(struct kube_client *client);
struct kube_transport *kube_client_transport(struct kube_client *client);
/* The namespace of the kubeconfig's context or of -n. */
const char *kube_client_namespace(const struct kube_client *client);
/* "MAJOR.MINOR.PATCH" of the server, e.g. "v1.20.2"; the string lives in @a. */
int kube_client_server_version(const char **out, struct kube_client *client, struct arena *a,
			       struct err *err) __attribute__((warn_unused_result));

/* Let streams and timers go on for a while. */
int kube_client_pause(struct kube_client *client, int ms, struct err *err)
	__attribute__((warn_unused_result));

/* "/api/v1/nodes/NAME" from its segments, each escaped; the last argument is NULL. */
char *kube_path(struct arena *a, const char *segment, ...) __attribute__((sentinel));
/* "/apis/batch/v1/namespaces/NS/jobs"; @ns NULL: of all namespaces.  @group "" is the core's. */
char *kube_collection(struct arena *a, const char *group, const char *version, const char *ns,
		      const char *resource);
/* Append "KEY=VALUE", with "?" or "&" before it, VALUE escaped; nothing if it is NULL. */
char *kube_query(struct arena *a, const char *path, const char *key, const char *value);

/* Trees that come out are the caller's (cJSON_Delete); @out may be NULL. */
int kube_get(struct cJSON **out, struct kube_client *client, const char *path, struct err *err)
	__attribute__((warn_unused_result));
/* All pages of a list, as one list. */
int kube_list(struct cJSON **out, struct kube_client *client, const char *path, struct err *err)
	__attribute__((warn_unused_result));
/* The same with nothing but the objects' metadata, where the server can do that. */
int kube_list_metadata(struct cJSON **out, struct kube_client *client, const char *path,
		       struct err *err) __attribute__((warn_unused_result));
int kube_create(struct cJSON **out, struct kube_client *client, const char *path,
		const struct cJSON *object, struct err *err) __attribute__((warn_unused_result));
/* @propagation: "Foreground", "Background" or "Orphan"; @grace_s -1: the object's own. */
int kube_delete(struct kube_client *client, const char *path, const char *propagation,
		int64_t grace_s, struct err *err) __attribute__((warn_unused_result));

/*
 * The same without waiting: @fn is called from within transport_poll(), with the reply or NULL and
 * an error.  @object NULL: no body; of a PATCH it is a merge patch (RFC 7386).
 */
typedef void (*kube_reply_fn)(void *ctx, const struct cJSON *reply, const struct err *err);
struct kube_call {
	struct transfer *transfer; // NULL: none under way
	struct kube_client *client;
	kube_reply_fn fn;
	void *ctx;
};
int kube_call_start(struct kube_call *call, struct kube_client *client, const char *method,
		    const char *path, const struct cJSON *object, struct err *err)
	__attribute__((warn_unused_result));
void kube_call_cancel(struct kube_call *call);
/* The body of a DELETE, the caller's. */
struct cJSON *kube_delete_options(const char *propagation, int64_t grace_s);

/* 0 if the transfer brought a 2xx reply, else the failure in words. */
int kube_result_check(const struct transport_result *result, struct err *err)
	__attribute__((warn_unused_result));
