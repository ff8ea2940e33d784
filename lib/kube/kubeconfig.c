#include "kube/kubeconfig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kube/base64.h"
#include "kube/json.h"
#include "kube/kubeconfig_yaml.h"
#include "kube/time.h"
#include "util/buf.h"
#include "util/fd.h"
#include "util/str.h"
#include "util/strmap.h"
#include "util/vec.h"

#define MAX_FILE_BYTES      (16 << 20)
#define SERVICE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

/* One named entry of a kubeconfig, with the directory its relative paths are relative to. */
struct entry {
	const cJSON *value; // the "cluster", "user" or "context" object
	const char *dir;
};

struct loader {
	struct kube_config *config;
	const struct kube_overrides *overrides;
	struct arena *arena;
	vec_of(cJSON *) files;
	struct strmap clusters, users, contexts; // name -> struct entry
	const char *current_context;
	const char *looked_at; // the files that were tried, for messages
};

static int read_file(char **out, struct arena *a, const char *path, struct err *err)
{
	struct buf text;
	int ret;

	buf_init(&text, MAX_FILE_BYTES);
	ret = buf_read_file(&text, path);
	if (ret == 0)
		*out = arena_strndup(a, buf_cstr(&text), text.len);
	else
		err_errno(err, ret, "cannot read '%s'", path);
	buf_finish(&text);
	return ret;
}

static const char *dir_name(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return ".";
	return slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
}

static const char *absolute(struct loader *l, const char *dir, const char *path)
{
	return *path == '/' ? path : arena_printf(l->arena, "%s/%s", dir, path);
}

/* Add the entries of one list ("clusters") to @names, those already there win. */
static void add_entries(struct loader *l, struct strmap *names, const cJSON *list, const char *key,
			const char *dir)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		const char *name = json_str(item, "name");
		struct entry *entry;

		if (!name || strmap_has(names, name))
			continue;
		entry = arena_new(l->arena, struct entry);
		*entry = (struct entry){ .value = json_at(item, key), .dir = dir };
		strmap_put(names, name, entry);
	}
}

static int add_file(struct loader *l, const char *path, struct err *err)
{
	const char *dir = dir_name(l->arena, path);
	const char *current;
	cJSON *json;
	char *text = NULL;
	int ret;

	ret = read_file(&text, l->arena, path, err);
	if (ret < 0 || !text)
		return ret;
	ret = yaml_to_json(&json, text, strlen(text), err);
	if (ret < 0) {
		err_wrap(err, "kubeconfig '%s'", path);
		return ret;
	}
	vec_push(NULL, &l->files, json);
	if (cJSON_IsNull(json))
		return 0;
	if (!cJSON_IsObject(json))
		return err_set(err, -EINVAL, "kubeconfig '%s' is not a v1 Config", path);
	add_entries(l, &l->clusters, json_at(json, "clusters"), "cluster", dir);
	add_entries(l, &l->users, json_at(json, "users"), "user", dir);
	add_entries(l, &l->contexts, json_at(json, "contexts"), "context", dir);
	current = json_str(json, "current-context");
	if (!l->current_context && current && *current)
		l->current_context = arena_strdup(l->arena, current);
	return 0;
}

/* Every file of a $KUBECONFIG list; files that don't exist are passed over, as kubectl does. */
static int add_list(struct loader *l, const char *list, struct err *err)
{
	const char *p = list;

	while (*p) {
		size_t n = strcspn(p, ":");
		int ret = n ? add_file(l, arena_strndup(l->arena, p, n), err) : 0;

		if (ret < 0 && ret != -ENOENT)
			return ret;
		p += n + (p[n] == ':');
	}
	return 0;
}

static int add_files(struct loader *l, struct err *err)
{
	const char *list = getenv("KUBECONFIG");
	const char *home = getenv("HOME");
	const char *path;
	int ret;

	if (l->overrides->kubeconfig) {
		l->looked_at = l->overrides->kubeconfig;
		return add_file(l, l->overrides->kubeconfig, err);
	}
	if (list && *list) {
		l->looked_at = arena_printf(l->arena, "$KUBECONFIG (%s)", list);
		return add_list(l, list, err);
	}
	path = arena_printf(l->arena, "%s/.kube/config", home ? home : "");
	l->looked_at = arena_printf(l->arena, "$KUBECONFIG (not set) and %s", path);
	ret = add_file(l, path, err);
	return ret == -ENOENT ? 0 : ret;
}

static const struct entry *find(const struct strmap *names, const char *kind, const char *name,
				struct err *err)
{
	const struct entry *entry = strmap_get(names, name);
	struct str_nearest nearest;

	if (entry)
		return entry;
	str_nearest_init(&nearest, name);
	for (size_t i = 0; i < names->len; i++)
		str_nearest_try(&nearest, strmap_at(names, i)->key);
	if (nearest.best)
		err_set(err, -ENOENT,
			"%s \"%s\" does not exist in the kubeconfig (did you mean "
			"\"%s\"?)",
			kind, name, nearest.best);
	else
		err_set(err, -ENOENT, "%s \"%s\" does not exist in the kubeconfig", kind, name);
	return NULL;
}

/* A PEM text from KEY-data (base64) or, without that, from the file that KEY names. */
static int load_pem(struct loader *l, char **out, const struct entry *entry, const char *key,
		    struct err *err)
{
	const char *data = json_str(entry->value, arena_printf(l->arena, "%s-data", key));
	const char *path = json_str(entry->value, key);
	struct buf pem;
	int ret;

	if (!data || !*data) {
		if (!path || !*path)
			return 0;
		return read_file(out, l->arena, absolute(l, entry->dir, path), err);
	}
	buf_init(&pem, MAX_FILE_BYTES);
	ret = base64_decode(&pem, data);
	if (ret == 0)
		*out = arena_strndup(l->arena, buf_cstr(&pem), pem.len);
	else
		err_set(err, ret, "%s-data in the kubeconfig is not base64", key);
	if (pem.data)
		explicit_bzero(pem.data, pem.len);
	buf_finish(&pem);
	return ret;
}

static int apply_cluster(struct loader *l, const struct entry *entry, struct err *err)
{
	struct kube_config *c = l->config;
	char *ca = NULL;
	int ret;

	c->server = json_dup(l->arena, json_at(entry->value, "server"));
	c->proxy_url = json_dup(l->arena, json_at(entry->value, "proxy-url"));
	c->tls_server_name = json_dup(l->arena, json_at(entry->value, "tls-server-name"));
	c->insecure_skip_tls_verify =
		cJSON_IsTrue(json_at(entry->value, "insecure-skip-tls-verify"));
	if (l->overrides->certificate_authority)
		return 0;
	ret = load_pem(l, &ca, entry, "certificate-authority", err);
	c->ca_pem = ca;
	return ret;
}

static const char *const *string_list(struct loader *l, const cJSON *list)
{
	const char **strings =
		arena_array(l->arena, const char *, (size_t)cJSON_GetArraySize(list) + 1);
	size_t n = 0;
	const cJSON *item;

	cJSON_ArrayForEach (item, list)
		if (cJSON_IsString(item))
			strings[n++] = json_dup(l->arena, item);
	return strings;
}

static const char *const *env_list(struct loader *l, const cJSON *list)
{
	const char **strings =
		arena_array(l->arena, const char *, (size_t)cJSON_GetArraySize(list) + 1);
	size_t n = 0;
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		const char *name = json_str(item, "name"), *value = json_str(item, "value");

		if (name && value)
			strings[n++] = arena_printf(l->arena, "%s=%s", name, value);
	}
	return strings;
}

static int apply_exec(struct loader *l, const cJSON *json, const char *dir, struct err *err)
{
	struct kube_exec *exec = arena_new(l->arena, struct kube_exec);
	const char *command = json_str(json, "command");
	const char *mode = json_str(json, "interactiveMode");

	if (!command || !*command)
		return err_set(err, -EINVAL, "exec plugin in the kubeconfig has no command");
	/* As with paths of certificates: relative to the file if it isn't a bare name. */
	exec->command = strchr(command, '/') ? absolute(l, dir, arena_strdup(l->arena, command))
					     : arena_strdup(l->arena, command);
	exec->api_version = json_dup(l->arena, json_at(json, "apiVersion"));
	if (!exec->api_version)
		exec->api_version = "client.authentication.k8s.io/v1";
	exec->install_hint = json_dup(l->arena, json_at(json, "installHint"));
	exec->args = string_list(l, json_at(json, "args"));
	exec->env = env_list(l, json_at(json, "env"));
	exec->provides_cluster_info = cJSON_IsTrue(json_at(json, "provideClusterInfo"));
	exec->is_interactive = !mode || strcmp(mode, "Never") != 0;
	l->config->exec = exec;
	return 0;
}

static int apply_user(struct loader *l, const struct entry *entry, struct err *err)
{
	struct kube_config *c = l->config;
	const cJSON *user = entry->value;
	const char *file = json_str(user, "tokenFile");
	const char *provider = json_str(user, "auth-provider", "name");
	const cJSON *groups = json_at(user, "as-groups");
	int ret;

	c->token = json_dup(l->arena, json_at(user, "token"));
	if (file && *file)
		c->token_file = absolute(l, entry->dir, arena_strdup(l->arena, file));
	c->username = json_dup(l->arena, json_at(user, "username"));
	c->password = json_dup(l->arena, json_at(user, "password"));
	c->as = json_dup(l->arena, json_at(user, "as"));
	c->as_uid = json_dup(l->arena, json_at(user, "as-uid"));
	c->as_groups = groups ? string_list(l, groups) : NULL;
	ret = l->overrides->client_certificate
		      ? 0
		      : load_pem(l, &c->cert_pem, entry, "client-certificate", err);
	if (ret == 0 && !l->overrides->client_key)
		ret = load_pem(l, &c->key_pem, entry, "client-key", err);
	if (ret == 0 && json_at(user, "exec"))
		ret = apply_exec(l, json_at(user, "exec"), entry->dir, err);
	if (ret == 0 && provider)
		ret = err_set(err, -EINVAL,
			      "auth-provider \"%s\" in the kubeconfig was removed "
			      "from Kubernetes 1.26; use an exec credential plugin",
			      provider);
	return ret;
}

static int apply_context(struct loader *l, struct err *err)
{
	const struct kube_overrides *o = l->overrides;
	const char *name = o->context ? o->context : l->current_context;
	const char *cluster = o->cluster, *user = o->user;
	const struct entry *entry;
	int ret = 0;

	if (name) {
		entry = find(&l->contexts, "context", name, err);
		if (!entry)
			return -ENOENT;
		l->config->context = arena_strdup(l->arena, name);
		l->config->namespace = json_dup(l->arena, json_at(entry->value, "namespace"));
		if (!cluster)
			cluster = json_str(entry->value, "cluster");
		if (!user)
			user = json_str(entry->value, "user");
	}
	if (cluster && *cluster) {
		entry = find(&l->clusters, "cluster", cluster, err);
		ret = entry ? apply_cluster(l, entry, err) : -ENOENT;
	}
	if (ret == 0 && user && *user) {
		entry = find(&l->users, "user", user, err);
		ret = entry ? apply_user(l, entry, err) : -ENOENT;
	}
	return ret;
}

/* In a pod: the environment names the server, the service account's files do the rest. */
static int apply_in_cluster(struct loader *l, struct err *err)
{
	struct kube_config *c = l->config;
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	char *ca = NULL, *namespace = NULL;
	int ret;

	if (!host || !port || access(SERVICE_ACCOUNT_DIR "/token", F_OK) != 0)
		return 0;
	c->server = arena_printf(l->arena, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s",
				 host, port);
	c->token_file = SERVICE_ACCOUNT_DIR "/token";
	ret = read_file(&ca, l->arena, SERVICE_ACCOUNT_DIR "/ca.crt", err);
	c->ca_pem = ca;
	if (ret == 0 &&
	    read_file(&namespace, l->arena, SERVICE_ACCOUNT_DIR "/namespace", NULL) == 0)
		c->namespace = namespace;
	return ret;
}

static int apply_override_files(struct loader *l, struct err *err)
{
	const struct kube_overrides *o = l->overrides;
	char *ca = NULL;
	int ret = 0;

	if (o->certificate_authority) {
		ret = read_file(&ca, l->arena, o->certificate_authority, err);
		l->config->ca_pem = ca;
	}
	if (ret == 0 && o->client_certificate)
		ret = read_file(&l->config->cert_pem, l->arena, o->client_certificate, err);
	if (ret == 0 && o->client_key)
		ret = read_file(&l->config->key_pem, l->arena, o->client_key, err);
	return ret;
}

static int apply_overrides(struct loader *l, struct err *err)
{
	const struct kube_overrides *o = l->overrides;
	struct kube_config *c = l->config;
	size_t groups = 0;

	if (o->server)
		c->server = arena_strdup(l->arena, o->server);
	if (o->namespace)
		c->namespace = arena_strdup(l->arena, o->namespace);
	if (o->tls_server_name)
		c->tls_server_name = arena_strdup(l->arena, o->tls_server_name);
	if (o->insecure_skip_tls_verify)
		c->insecure_skip_tls_verify = true;
	if (o->token) {
		c->token = arena_strdup(l->arena, o->token);
		c->token_file = NULL;
		c->exec = NULL;
	}
	if (o->as)
		c->as = arena_strdup(l->arena, o->as);
	if (o->as_uid)
		c->as_uid = arena_strdup(l->arena, o->as_uid);
	while (o->as_groups[groups])
		groups++;
	if (groups) {
		const char **copy = arena_array(l->arena, const char *, groups + 1);

		for (size_t i = 0; i < groups; i++)
			copy[i] = arena_strdup(l->arena, o->as_groups[i]);
		c->as_groups = copy;
	}
	if (o->request_timeout &&
	    time_parse_duration_ms(&c->request_timeout_ms, o->request_timeout))
		return err_set(err, -EINVAL,
			       "invalid --request-timeout \"%s\": not a duration like "
			       "30s or 1m",
			       o->request_timeout);
	return apply_override_files(l, err);
}

static int check(struct loader *l, struct err *err)
{
	struct kube_config *c = l->config;
	size_t n;

	if (!c->server || !*c->server)
		return err_set(err, -ENOENT,
			       "no cluster to talk to: found none in %s; set KUBECONFIG or "
			       "use --kubeconfig or --server",
			       l->looked_at);
	n = strlen(c->server);
	while (n && c->server[n - 1] == '/')
		n--;
	c->server = arena_printf(l->arena, strstr(c->server, "://") ? "%.*s" : "https://%.*s",
				 (int)n, c->server);
	if (!str_starts_with(c->server, "https://") && !str_starts_with(c->server, "http://"))
		return err_set(err, -EINVAL, "server \"%s\" is not an http(s) address", c->server);
	if (!c->cert_pem != !c->key_pem)
		return err_set(err, -EINVAL, "the kubeconfig has a client %s without its %s",
			       c->cert_pem ? "certificate" : "key",
			       c->cert_pem ? "key" : "certificate");
	if (!c->namespace || !*c->namespace)
		c->namespace = "default";
	return 0;
}

static int load(struct loader *l, struct err *err)
{
	int ret = add_files(l, err);

	if (ret < 0)
		return ret;
	if (l->contexts.len == 0 && l->clusters.len == 0 && !l->overrides->server &&
	    !l->overrides->kubeconfig && !l->overrides->context)
		ret = apply_in_cluster(l, err);
	else
		ret = apply_context(l, err);
	if (ret == 0)
		ret = apply_overrides(l, err);
	return ret < 0 ? ret : check(l, err);
}

int kube_config_load(struct kube_config **out, const struct kube_overrides *overrides,
		     struct err *err)
{
	struct kube_config *config = calloc(1, sizeof(*config));
	struct loader l = { .config = config, .overrides = overrides };
	int ret;

	if (!config)
		return err_set(err, -ENOMEM, "out of memory");
	arena_init(&config->arena);
	l.arena = &config->arena;
	strmap_init(&l.clusters, l.arena);
	strmap_init(&l.users, l.arena);
	strmap_init(&l.contexts, l.arena);
	ret = load(&l, err);
	vec_foreach (&l.files, file)
		cJSON_Delete(*file);
	vec_finish(&l.files);
	if (ret < 0)
		kube_config_free(config);
	else
		*out = config;
	return ret;
}

static void wipe(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
}

void kube_config_free(struct kube_config *config)
{
	if (!config)
		return;
	wipe(config->key_pem);
	wipe(config->token);
	wipe(config->password);
	arena_finish(&config->arena);
	free(config);
}
