/*
 * Kubeconfig: from files, flags and the environment to all that one needs to talk to one API
 * server as one user.
 *
 * Files: --kubeconfig, else the list in $KUBECONFIG (merged: the first file that sets a value or
 * defines a name wins), else ~/.kube/config; with none of them and inside a pod, the pod's
 * service account.
 * Reference: kubernetes.io, "Organizing Cluster Access Using kubeconfig Files".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/err.h"

#define KUBE_MAX_GROUPS 32

/* What flags override; NULL = not given. */
struct kube_overrides {
	const char *kubeconfig;
	const char *context;
	const char *cluster;
	const char *user;
	const char *server;
	const char *namespace;
	const char *token;
	const char *certificate_authority; // files
	const char *client_certificate;
	const char *client_key;
	const char *tls_server_name;
	const char *as;
	const char *as_uid;
	const char *as_groups[KUBE_MAX_GROUPS + 1]; // NULL-terminated
	const char *request_timeout;                // "0", "30", "1m"
	bool insecure_skip_tls_verify;
};

/* A program that prints credentials (client.authentication.k8s.io). */
struct kube_exec {
	const char *api_version;
	const char *command;
	const char *const *args; // NULL-terminated, without the command
	const char *const *env;  // NULL-terminated, "NAME=value"
	const char *install_hint;
	bool provides_cluster_info;
	bool is_interactive; // may read the terminal
};

/* All strings live in the config's arena; NULL = not set.  PEM texts are NUL-terminated. */
struct kube_config {
	struct arena arena;
	const char *context;
	const char *namespace; // never NULL
	const char *server;    // never NULL, "https://host:port[/prefix]", no slash at the end
	const char *proxy_url;
	const char *tls_server_name;
	bool insecure_skip_tls_verify;
	const char *ca_pem; // NULL: the system's authorities
	char *cert_pem;
	char *key_pem;          // cleared before it is freed
	char *token;            // cleared before it is freed
	const char *token_file; // takes precedence over token
	const char *username;
	char *password; // cleared before it is freed
	const char *as;
	const char *as_uid;
	const char *const *as_groups; // NULL-terminated, may be NULL
	const struct kube_exec *exec;
	int64_t request_timeout_ms; // 0: none given
};

/*
 * On success *out is the caller's, free with kube_config_free().  Untouched on failure.
 * Errors: -ENOENT no configuration, or a file, context, cluster or user that isn't there;
 * -EINVAL not a v1 Config, bad base64, contradiction; -EACCES and others from reading files.
 */
int kube_config_load(struct kube_config **out, const struct kube_overrides *overrides,
		     struct err *err) __attribute__((warn_unused_result));
void kube_config_free(struct kube_config *config);
