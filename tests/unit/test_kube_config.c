/*
 * Kubeconfig files and what they are made of: YAML, base64, times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kube/auth.h"
#include "kube/base64.h"
#include "kube/json.h"
#include "kube/kubeconfig.h"
#include "kube/kubeconfig_yaml.h"
#include "kube/time.h"
#include "util/buf.h"
#include "util/fd.h"
#include "util/sha256.h"

static char folder[] = "/tmp/test_kube_config.XXXXXX";

static int set_up(void **state)
{
	(void)state;
	unsetenv("KUBERNETES_SERVICE_HOST");
	return mkdtemp(folder) ? setenv("HOME", folder, 1) : -1;
}

/* Write a file in the test's folder; its path is good until the next call. */
static const char *write_file(const char *name, const char *text, mode_t mode)
{
	static char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	(void)close(fd);
	return path;
}

static const char two_contexts[] =
	"apiVersion: v1\n"
	"kind: Config\n"
	"current-context: first\n"
	"clusters:\n"
	"- name: c1\n"
	"  cluster:\n"
	"    server: https://one.example:6443/\n"
	"    certificate-authority-data: Q0EK\n"
	"- name: c2\n"
	"  cluster: {server: 'https://two.example', proxy-url: http://proxy:3128,\n"
	"            tls-server-name: kube, insecure-skip-tls-verify: true}\n"
	"users:\n"
	"- name: u1\n"
	"  user: {client-certificate: cert.pem, client-key-data: S0VZ}\n"
	"- name: u2\n"
	"  user: {token: secret, as: jane, as-groups: [dev, ops]}\n"
	"contexts:\n"
	"- name: first\n"
	"  context: {cluster: c1, user: u1, namespace: shop}\n"
	"- name: second\n"
	"  context: {cluster: c2, user: u2}\n";

static void test_contexts(void **state)
{
	struct kube_overrides o = { 0 };
	struct kube_config *c;
	struct err err = { 0 };

	(void)state;
	(void)write_file("cert.pem", "CERT\n", 0600);
	o.kubeconfig = write_file("config", two_contexts, 0600);
	assert_int_equal(kube_config_load(&c, &o, &err), 0);
	assert_string_equal(c->server, "https://one.example:6443");
	assert_string_equal(c->namespace, "shop");
	assert_string_equal(c->ca_pem, "CA\n");
	assert_string_equal(c->cert_pem, "CERT\n");
	assert_string_equal(c->key_pem, "KEY");
	assert_null(c->token);
	assert_false(c->insecure_skip_tls_verify);
	kube_config_free(c);

	o.context = "second";
	assert_int_equal(kube_config_load(&c, &o, &err), 0);
	assert_string_equal(c->server, "https://two.example");
	assert_string_equal(c->namespace, "default");
	assert_string_equal(c->proxy_url, "http://proxy:3128");
	assert_string_equal(c->tls_server_name, "kube");
	assert_true(c->insecure_skip_tls_verify);
	assert_string_equal(c->token, "secret");
	assert_string_equal(c->as, "jane");
	assert_string_equal(c->as_groups[1], "ops");
	assert_null(c->as_groups[2]);
	kube_config_free(c);
}

static void test_overrides(void **state)
{
	struct kube_overrides o = { .user = "u2",
				    .server = "three.example:8443",
				    .namespace = "lab",
				    .as = "joe",
				    .as_groups = { "qa" },
				    .request_timeout = "1m30s" };
	struct kube_config *c;
	struct err err = { 0 };

	(void)state;
	o.kubeconfig = write_file("config", two_contexts, 0600);
	assert_int_equal(kube_config_load(&c, &o, &err), 0);
	assert_string_equal(c->server, "https://three.example:8443");
	assert_string_equal(c->namespace, "lab");
	assert_string_equal(c->token, "secret");
	assert_string_equal(c->as, "joe");
	assert_string_equal(c->as_groups[0], "qa");
	assert_null(c->as_groups[1]);
	assert_int_equal(c->request_timeout_ms, 90000);
	kube_config_free(c);
}

static void test_merged_files(void **state)
{
	struct kube_overrides o = { 0 };
	struct kube_config *c;
	struct err err = { 0 };
	char list[512];

	(void)state;
	(void)write_file("a", "clusters: [{name: c, cluster: {server: 'https://a'}}]\n", 0600);
	(void)write_file("b",
			 "current-context: x\n"
			 "clusters: [{name: c, cluster: {server: 'https://b'}}]\n"
			 "contexts: [{name: x, context: {cluster: c}}]\n",
			 0600);
	(void)snprintf(list, sizeof(list), "%s/nothing:%s/a::%s/b", folder, folder, folder);
	assert_int_equal(setenv("KUBECONFIG", list, 1), 0);
	assert_int_equal(kube_config_load(&c, &o, &err), 0);
	assert_string_equal(c->server, "https://a");
	assert_string_equal(c->context, "x");
	kube_config_free(c);
	assert_int_equal(unsetenv("KUBECONFIG"), 0);
}

static void assert_refused(const char *text, const struct kube_overrides *given, int code,
			   const char *words)
{
	struct kube_overrides o = given ? *given : (struct kube_overrides){ 0 };
	struct kube_config *c = NULL;
	struct err err = { 0 };

	o.kubeconfig = write_file("bad", text, 0600);
	assert_int_equal(kube_config_load(&c, &o, &err), code);
	if (!strstr(err.msg, words))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, words);
	assert_null(c);
}

static void test_refusals(void **state)
{
	struct kube_overrides o = { .context = "firsst" };
	struct kube_config *c;
	struct err err = { 0 };

	(void)state;
	assert_refused(two_contexts, &o, -ENOENT, "did you mean \"first\"");
	o = (struct kube_overrides){ .cluster = "c9" };
	assert_refused(two_contexts, &o, -ENOENT, "cluster \"c9\" does not exist");
	o = (struct kube_overrides){ .user = "nobody" };
	assert_refused(two_contexts, &o, -ENOENT, "user \"nobody\" does not exist");
	o = (struct kube_overrides){ .request_timeout = "soon" };
	assert_refused(two_contexts, &o, -EINVAL, "--request-timeout");
	assert_refused("- a\n- b\n", NULL, -EINVAL, "is not a v1 Config");
	assert_refused("a: [\n", NULL, -EINVAL, "line 2");
	assert_refused("a: &a [*a]\n", NULL, -EINVAL, "too deep");
	assert_refused("", NULL, -ENOENT, "no cluster to talk to");
	assert_refused("current-context: x\n"
		       "clusters: [{name: c, cluster: {server: 'https://b', "
		       "certificate-authority-data: '%%'}}]\n"
		       "contexts: [{name: x, context: {cluster: c}}]\n",
		       NULL, -EINVAL, "not base64");
	assert_refused("current-context: x\n"
		       "users: [{name: u, user: {client-key-data: S0VZ}}]\n"
		       "contexts: [{name: x, context: {cluster: c, user: u}}]\n"
		       "clusters: [{name: c, cluster: {server: 'https://b'}}]\n",
		       NULL, -EINVAL, "key without its certificate");
	o = (struct kube_overrides){ .kubeconfig = "/nonexistent" };
	assert_int_equal(kube_config_load(&c, &o, &err), -ENOENT);
	o = (struct kube_overrides){ 0 };
	assert_int_equal(kube_config_load(&c, &o, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "$KUBECONFIG (not set)"));
}

static void test_exec_plugin(void **state)
{
	static const char plugin[] =
		"#!/bin/sh\n"
		"echo run >>\"$(dirname \"$0\")/runs\"\n"
		"case $KUBERNETES_EXEC_INFO in "
		"*'\"apiVersion\":\"client.authentication.k8s.io/v1\"'*) ;;\n"
		"*) exit 3 ;; esac\n"
		"printf '{\"status\":{\"token\":\"%s-%s\",\"expirationTimestamp\":\"%s\"}}' "
		"\"$1\" \"$KIND\" \"$2\"\n";
	char text[1024];
	struct kube_overrides o = { 0 };
	struct kube_config *c;
	struct kube_auth *auth;
	struct err err = { 0 };
	struct buf runs;

	(void)state;
	(void)write_file("plugin", plugin, 0700);
	(void)snprintf(
		text, sizeof(text),
		"current-context: x\n"
		"clusters: [{name: c, cluster: {server: 'https://b'}}]\n"
		"contexts: [{name: x, context: {cluster: c, user: u}}]\n"
		"users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1,\n"
		"  command: ./plugin, args: [tok, '2999-01-01T00:00:00Z'],\n"
		"  env: [{name: KIND, value: v}], interactiveMode: Never}}}]\n");
	o.kubeconfig = write_file("config", text, 0600);
	assert_int_equal(kube_config_load(&c, &o, &err), 0);
	assert_int_equal(kube_auth_new(&auth, c, &err), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(kube_auth_prepare(auth, &err), 0);
	assert_string_equal(kube_auth_token(auth), "tok-v");
	assert_true(kube_auth_refused(auth));
	assert_int_equal(kube_auth_prepare(auth, &err), 0);
	buf_init(&runs, 1024);
	(void)snprintf(text, sizeof(text), "%s/runs", folder);
	assert_int_equal(buf_read_file(&runs, text), 0);
	assert_string_equal(buf_cstr(&runs), "run\nrun\n"); // once, and again after the refusal
	buf_finish(&runs);
	kube_auth_free(auth);
	kube_config_free(c);
}

static void test_yaml(void **state)
{
	static const char text[] = "a: 1\nb: [true, null, ~, 'true', 1.5, 0x10, -3, 1.2.3]\n"
				   "c: &x {d: |\n    two\n    lines\n}\n";
	cJSON *json;
	char *printed;
	struct err err = { 0 };

	(void)state;
	/* A block scalar can't be in a flow mapping: an error with its place. */
	assert_int_equal(yaml_to_json(&json, text, strlen(text), &err), -EINVAL);
	assert_int_equal(yaml_to_json(&json, text, 54, &err), 0);
	printed = cJSON_PrintUnformatted(json);
	assert_string_equal(printed,
			    "{\"a\":1,\"b\":[true,null,null,\"true\",1.5,\"0x10\",-3,\"1.2.3\"]}");
	free(printed);
	cJSON_Delete(json);
}

static void test_base64(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },        { "f", "Zg==" },        { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xff\xfe\x01", "//4B" }
	};
	static const char *const bad[] = { "Z", "Zg=x", "Z*==", "Zh==" };
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		buf_clear(&b);
		base64_encode(&b, pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(buf_cstr(&b), pairs[i][1]);
		buf_clear(&b);
		assert_int_equal(base64_decode(&b, pairs[i][1]), 0);
		assert_string_equal(buf_cstr(&b), pairs[i][0]);
	}
	buf_clear(&b);
	assert_int_equal(base64_decode(&b, " Zm\n9v\n"), 0);
	assert_string_equal(buf_cstr(&b), "foo");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(base64_decode(&b, bad[i]), -EINVAL);
	buf_finish(&b);
}

static void assert_stamp(const char *text, size_t len, int64_t ns)
{
	int64_t found = -1;

	assert_int_equal(time_parse_rfc3339(&found, text, strlen(text)), len);
	if (len)
		assert_int_equal(found, ns);
}

static void test_times(void **state)
{
	static const struct {
		int64_t s;
		const char *text;
	} ages[] = { { 5, "5s" },
		     { 119, "119s" },
		     { 150, "2m30s" },
		     { 600, "10m" },
		     { 7200, "120m" },
		     { 3 * 3600, "3h" },
		     { 3 * 3600 + 60, "3h1m" },
		     { 86400, "24h" },
		     { 3 * 86400, "3d" },
		     { 30 * 86400, "30d" } };
	static const char *const bad[] = { "", "x", "-1s", "5 s", "5parsecs", "s" };
	struct buf b;
	int64_t ms;

	(void)state;
	assert_stamp("1970-01-01T00:00:01Z", 20, 1000000000);
	assert_stamp("1970-01-01T00:00:01.5Z x", 22, 1500000000);
	assert_stamp("1970-01-01T01:00:00.000000001+01:00", 35, 1);
	assert_stamp("2026-11-24T14:13:22.259789507Z", 30, 1795529602259789507);
	assert_stamp("1970-01-01 00:00:01Z", 0, 0);
	assert_stamp("1970-01-01T00:00:01", 0, 0);
	buf_init(&b, 64);
	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
		buf_clear(&b);
		time_format_age(&b, ages[i].s);
		assert_string_equal(buf_cstr(&b), ages[i].text);
	}
	buf_finish(&b);
	assert_int_equal(time_parse_duration_ms(&ms, "90"), 0);
	assert_int_equal(ms, 90000);
	assert_int_equal(time_parse_duration_ms(&ms, "1h2m3s4ms"), 0);
	assert_int_equal(ms, 3723004);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(time_parse_duration_ms(&ms, bad[i]), -EINVAL);
}

static void assert_sha256(const char *text, size_t times, const char *hex)
{
	unsigned char digest[SHA256_SIZE];
	char found[SHA256_HEX_SIZE];
	struct sha256 h;

	sha256_init(&h);
	for (size_t i = 0; i < times; i++)
		sha256_update(&h, text, strlen(text));
	sha256_final(&h, digest);
	sha256_hex(found, digest);
	assert_string_equal(found, hex);
}

/* The examples of FIPS 180-4's appendix. */
static void test_sha256(void **state)
{
	(void)state;
	assert_sha256("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_sha256("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	assert_sha256("aaaaaaaaaa", 100000,
		      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static int tear_down(void **state)
{
	char path[64];
	const char *files[] = { "cert.pem", "config", "a", "b", "bad", "plugin", "runs" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contexts),     cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_merged_files), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_exec_plugin),  cmocka_unit_test(test_yaml),
		cmocka_unit_test(test_base64),       cmocka_unit_test(test_times),
		cmocka_unit_test(test_sha256),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
