#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GLOBAL_FLAG_COUNT 16

void complain(const char *fmt, ...)
{
	va_list ap;

	(void)fflush(stdout);
	fputs("error: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void remark(const char *fmt, ...)
{
	va_list ap;

	(void)fflush(stdout);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int usage_error(const char *command, const char *fmt, ...)
{
	va_list ap;

	fputs("error: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nSee 'kubectl trace %s%s--help' for usage.\n", command,
		*command ? " " : "");
	return EXIT_USAGE;
}

static void global_flags(struct flag flags[GLOBAL_FLAG_COUNT], struct kube_overrides *o)
{
	const struct flag list[GLOBAL_FLAG_COUNT] = {
		{ "as", 0, FLAG_STRING, &o->as, 0, "USER", "act as this user" },
		{ "as-group", 0, FLAG_LIST, o->as_groups, KUBE_MAX_GROUPS, "GROUP",
		  "act as a member of this group; may be repeated" },
		{ "as-uid", 0, FLAG_STRING, &o->as_uid, 0, "UID", "act as the user with this uid" },
		{ "certificate-authority", 0, FLAG_STRING, &o->certificate_authority, 0, "FILE",
		  "authority to check the server's certificate with" },
		{ "client-certificate", 0, FLAG_STRING, &o->client_certificate, 0, "FILE",
		  "client certificate" },
		{ "client-key", 0, FLAG_STRING, &o->client_key, 0, "FILE",
		  "key of the client certificate" },
		{ "cluster", 0, FLAG_STRING, &o->cluster, 0, "NAME",
		  "cluster of the kubeconfig to use" },
		{ "context", 0, FLAG_STRING, &o->context, 0, "NAME",
		  "context of the kubeconfig to use" },
		{ "insecure-skip-tls-verify", 0, FLAG_BOOL, &o->insecure_skip_tls_verify, 0, NULL,
		  "do not check the server's certificate" },
		{ "kubeconfig", 0, FLAG_STRING, &o->kubeconfig, 0, "FILE", "kubeconfig to use" },
		{ "namespace", 'n', FLAG_STRING, &o->namespace, 0, "NAME", "namespace to work in" },
		{ "request-timeout", 0, FLAG_STRING, &o->request_timeout, 0, "TIME",
		  "how long to wait for an answer of the server (10s, 1m)" },
		{ "server", 's', FLAG_STRING, &o->server, 0, "URL", "address of the API server" },
		{ "tls-server-name", 0, FLAG_STRING, &o->tls_server_name, 0, "NAME",
		  "name that the server's certificate must have" },
		{ "token", 0, FLAG_STRING, &o->token, 0, "TOKEN", "bearer token" },
		{ "user", 0, FLAG_STRING, &o->user, 0, "NAME", "user of the kubeconfig to use" },
	};

	memcpy(flags, list, sizeof(list));
}

int session_open(struct session *s, const struct kube_overrides *overrides, struct err *err)
{
	int ret = kube_config_load(&s->config, overrides, err);

	if (ret == 0)
		ret = kube_client_new(&s->client, s->config, err);
	return ret;
}

void session_close(struct session *s)
{
	kube_client_free(s->client);
	kube_config_free(s->config);
}

static void print_help(const struct command_line *line, const struct flag_set sets[2])
{
	fputs(line->help, stdout);
	if (sets[0].count) {
		printf("\nFlags:\n");
		flags_print(stdout, &sets[0]);
	}
	printf("\nFlags of all commands:\n");
	flags_print(stdout, &sets[1]);
}

bool parse_command(struct command_line *line, struct arena *a, int argc, char **argv, int *status)
{
	struct flag global[GLOBAL_FLAG_COUNT];
	struct flag_set sets[] = { { line->flags, line->flag_count },
				   { global, GLOBAL_FLAG_COUNT } };
	bool wants_help;
	char error[256];

	global_flags(global, &line->overrides);
	line->args.words = arena_array(a, const char *, (size_t)argc);
	*status = EXIT_OK;
	if (!flags_parse(&line->args, sets, 2, argc, argv, &wants_help, error)) {
		*status = usage_error(line->name, "%s", error);
		return false;
	}
	if (wants_help)
		print_help(line, sets);
	return !wants_help;
}
