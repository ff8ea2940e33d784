/*
 * Credentials: what a kubeconfig says about the user, as headers and a client certificate.
 *
 * A token file is read again every minute (in-cluster tokens rotate); an exec credential plugin is
 * run when a credential is first needed, when it has expired, and after the server refused it.
 * Reference: kubernetes.io, "client-go credential plugins".
 */
#pragma once

#include <stdbool.h>

#include "util/err.h"

struct kube_auth;
struct kube_config;

/* @config must outlive it. */
int kube_auth_new(struct kube_auth **out, const struct kube_config *config, struct err *err)
	__attribute__((warn_unused_result));
void kube_auth_free(struct kube_auth *auth);

/* Make the credentials good for a request now.  May run the plugin, and wait for it. */
int kube_auth_prepare(struct kube_auth *auth, struct err *err) __attribute__((warn_unused_result));
/* The server did not accept them (401); true if asking again may give others. */
bool kube_auth_refused(struct kube_auth *auth);

/* After kube_auth_prepare(), until the next one; NULL if there is none. */
const char *kube_auth_token(const struct kube_auth *auth);
const char *kube_auth_cert_pem(const struct kube_auth *auth);
const char *kube_auth_key_pem(const struct kube_auth *auth);
