#include "kube/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kube/base64.h"
#include "kube/json.h"
#include "kube/kubeconfig.h"
#include "kube/time.h"
#include "util/buf.h"
#include "util/fd.h"
#include "util/vec.h"

#define TOKEN_FILE_PERIOD_MS 60000
#define EXPIRY_MARGIN_S      10
#define MAX_CREDENTIAL_BYTES (1 << 20)

extern char **environ;

struct kube_auth {
	const struct kube_config *config;
	char *token; // from the token file or the plugin
	char *cert_pem;
	char *key_pem;
	int64_t read_at_ms; // of the token file; 0: never
	int64_t expires_at; // of the plugin's credential, seconds since 1970; 0: never
	bool is_ready;      // the plugin's credential is usable
};

int kube_auth_new(struct kube_auth **out, const struct kube_config *config, struct err *err)
{
	struct kube_auth *auth = calloc(1, sizeof(*auth));

	if (!auth)
		return err_set(err, -ENOMEM, "out of memory");
	auth->config = config;
	*out = auth;
	return 0;
}

static void forget(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

void kube_auth_free(struct kube_auth *auth)
{
	if (!auth)
		return;
	forget(&auth->token);
	forget(&auth->cert_pem);
	forget(&auth->key_pem);
	free(auth);
}

static int read_token_file(struct kube_auth *auth, struct err *err)
{
	int64_t now = time_monotonic_ms();
	struct buf text;
	int ret;

	if (auth->token && now - auth->read_at_ms < TOKEN_FILE_PERIOD_MS)
		return 0;
	buf_init(&text, MAX_CREDENTIAL_BYTES);
	ret = buf_read_file(&text, auth->config->token_file);
	if (ret == 0) {
		forget(&auth->token);
		auth->token = strndup(buf_cstr(&text), strcspn(buf_cstr(&text), "\r\n"));
		auth->read_at_ms = now;
		explicit_bzero(text.data ? text.data : "", text.len);
	}
	buf_finish(&text);
	/* A file that is being replaced may be missing for a moment: the old token still serves. */
	if (ret < 0 && auth->token)
		return 0;
	return ret < 0 ? err_errno(err, ret, "cannot read token file '%s'",
				   auth->config->token_file)
		       : 0;
}

/* The value of $KUBERNETES_EXEC_INFO, the caller's. */
static char *exec_info(const struct kube_config *config)
{
	_cleanup_json_ cJSON *info = cJSON_CreateObject();
	const struct kube_exec *exec = config->exec;
	cJSON *spec;

	json_add_str(info, "kind", "ExecCredential");
	json_add_str(info, "apiVersion", exec->api_version);
	spec = json_add_object(info, "spec");
	json_add_bool(spec, "interactive", exec->is_interactive && isatty(STDIN_FILENO));
	if (exec->provides_cluster_info) {
		cJSON *cluster = json_add_object(spec, "cluster");

		json_add_str(cluster, "server", config->server);
		json_add_str(cluster, "tls-server-name", config->tls_server_name);
		json_add_str(cluster, "proxy-url", config->proxy_url);
		if (config->insecure_skip_tls_verify)
			json_add_bool(cluster, "insecure-skip-tls-verify", true);
		if (config->ca_pem) {
			struct buf ca;

			buf_init(&ca, MAX_CREDENTIAL_BYTES);
			base64_encode(&ca, config->ca_pem, strlen(config->ca_pem));
			json_add_str(cluster, "certificate-authority-data", buf_cstr(&ca));
			buf_finish(&ca);
		}
	}
	return cJSON_PrintUnformatted(info);
}

/* Start the plugin with its standard output in *out_fd. */
static int spawn_plugin(pid_t *pid, int *out_fd, const struct kube_exec *exec, const char *info)
{
	struct arena a;
	vec_of(char *) argv = { 0 }, env = { 0 };
	posix_spawn_file_actions_t actions;
	int fds[2], ret;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	arena_init(&a);
	vec_push(&a, &argv, (char *)exec->command);
	for (size_t i = 0; exec->args[i]; i++)
		vec_push(&a, &argv, (char *)exec->args[i]);
	vec_push(&a, &argv, NULL);
	vec_push(&a, &env, arena_printf(&a, "KUBERNETES_EXEC_INFO=%s", info));
	for (size_t i = 0; exec->env[i]; i++)
		vec_push(&a, &env, (char *)exec->env[i]);
	for (char **p = environ; *p; p++)
		vec_push(&a, &env, *p);
	vec_push(&a, &env, NULL);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	if (!exec->is_interactive)
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	ret = -posix_spawnp(pid, exec->command, &actions, NULL, argv.data, env.data);
	posix_spawn_file_actions_destroy(&actions);
	arena_finish(&a);
	(void)close(fds[1]);
	if (ret < 0)
		(void)close(fds[0]);
	else
		*out_fd = fds[0];
	return ret;
}

static int run_plugin(struct buf *output, const struct kube_config *config, struct err *err)
{
	const struct kube_exec *exec = config->exec;
	_cleanup_free_ char *info = exec_info(config);
	_cleanup_close_ int fd = -1;
	int status, ret;
	pid_t pid = 0;

	if (!info)
		return err_set(err, -ENOMEM, "out of memory");
	ret = spawn_plugin(&pid, &fd, exec, info);
	if (ret < 0 && exec->install_hint)
		return err_set(err, ret, "cannot run credential plugin '%s': %s\n%s", exec->command,
			       strerror(-ret), exec->install_hint);
	if (ret < 0)
		return err_errno(err, ret, "cannot run credential plugin '%s'", exec->command);
	ret = buf_read_fd(output, fd);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, -errno, "waiting for '%s'", exec->command);
	if (ret < 0)
		return err_errno(err, ret, "reading from credential plugin '%s'", exec->command);
	if (WIFSIGNALED(status))
		return err_set(err, -EACCES, "credential plugin '%s' was killed by signal %d",
			       exec->command, WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, -EACCES, "credential plugin '%s' failed with exit status %d",
			       exec->command, WEXITSTATUS(status));
	return 0;
}

static int take_credential(struct kube_auth *auth, const char *output, struct err *err)
{
	const char *plugin = auth->config->exec->command;
	_cleanup_json_ cJSON *json = cJSON_Parse(output);
	const char *token = json_str(json, "status", "token");
	const char *cert = json_str(json, "status", "clientCertificateData");
	const char *key = json_str(json, "status", "clientKeyData");
	const char *expiry = json_str(json, "status", "expirationTimestamp");
	int64_t ns;

	if (!json)
		return err_set(err, -EINVAL, "credential plugin '%s' did not print JSON", plugin);
	if (!token && !(cert && key))
		return err_set(
			err, -EINVAL,
			"credential plugin '%s' gave neither a token nor a client certificate "
			"with its key",
			plugin);
	forget(&auth->token);
	forget(&auth->cert_pem);
	forget(&auth->key_pem);
	auth->token = token ? strdup(token) : NULL;
	auth->cert_pem = cert && key ? strdup(cert) : NULL;
	auth->key_pem = cert && key ? strdup(key) : NULL;
	auth->expires_at = 0;
	if (expiry && time_parse_rfc3339(&ns, expiry, strlen(expiry)))
		auth->expires_at = ns / 1000000000;
	auth->is_ready = true;
	return 0;
}

int kube_auth_prepare(struct kube_auth *auth, struct err *err)
{
	struct buf output;
	int ret;

	if (auth->config->token_file)
		return read_token_file(auth, err);
	if (!auth->config->exec)
		return 0;
	if (auth->is_ready &&
	    (!auth->expires_at || time(NULL) + EXPIRY_MARGIN_S < auth->expires_at))
		return 0;
	buf_init(&output, MAX_CREDENTIAL_BYTES);
	ret = run_plugin(&output, auth->config, err);
	if (ret == 0)
		ret = take_credential(auth, buf_cstr(&output), err);
	if (output.data)
		explicit_bzero(output.data, output.len);
	buf_finish(&output);
	return ret;
}

bool kube_auth_refused(struct kube_auth *auth)
{
	bool was_ready = auth->is_ready || auth->read_at_ms;

	auth->is_ready = false;
	auth->read_at_ms = 0;
	return was_ready;
}

const char *kube_auth_token(const struct kube_auth *auth)
{
	return auth->token ? auth->token : auth->config->token;
}

const char *kube_auth_cert_pem(const struct kube_auth *auth)
{
	return auth->cert_pem ? auth->cert_pem : auth->config->cert_pem;
}

const char *kube_auth_key_pem(const struct kube_auth *auth)
{
	return auth->key_pem ? auth->key_pem : auth->config->key_pem;
}
