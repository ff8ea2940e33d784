/*
 * Check functions: addresses, symbols, signals, times, and what is known at compile time.
 */
#include "lang/builtin_check.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "lang/walk.h"

static struct ast *arg(const struct ast *call, size_t i)
{
	return call->call.args.data[i];
}

const struct type *builtin_check_ptr(struct sema *s, struct ast *call)
{
	const struct type *t = arg(call, 0)->type;
	enum addr_space as = call->call.builtin == BI_kptr ? AS_KERNEL : AS_USER;
	struct ast cast = { .kind = AST_CAST };

	if (!sema_is_integer(t) && t->kind != TYPE_POINTER) {
		diag_error(s->diags, call->span,
			   "%s() only supports integer or pointer arguments (%s provided)",
			   call->call.name, type_kind_name(t));
		return type_error();
	}
	t = sema_in(s, t, as);
	if (s->is_final) {
		cast.cast.operand = arg(call, 0);
		sema_replace(call, &cast);
	}
	return t;
}

const struct type *builtin_check_kaddr(struct sema *s, struct ast *call)
{
	const struct type *t = sema_int(s, 8, false, AS_KERNEL);
	const char *name = arg(call, 0)->string.data;
	uint64_t address = 0;

	if (!s->is_final)
		return t;
	if (!s->target || !s->target->kernel_symbol ||
	    !s->target->kernel_symbol(s->target->ctx, name, &address) || !address) {
		diag_error(s->diags, call->span, "Failed to resolve kernel symbol: %s", name);
		return type_error();
	}
	sema_set_constant(call, address, t);
	return t;
}

const struct type *builtin_check_percpu_kaddr(struct sema *s, struct ast *call)
{
	const struct type *t = sema_int(s, 8, false, AS_KERNEL);
	struct target_symbol *symbol;

	if (!s->is_final)
		return t;
	symbol = arena_new(s->arena, struct target_symbol);
	symbol->name = arg(call, 0)->string.data;
	if (!s->target || !s->target->percpu_symbol ||
	    !s->target->percpu_symbol(s->target->ctx, symbol->name, &symbol->address,
				      &symbol->btf_id)) {
		diag_error(s->diags, call->span, "Could not resolve variable \"%s\" from BTF",
			   symbol->name);
		return type_error();
	}
	if (call->call.args.len == 2)
		sema_wrap_cast(s, &call->call.args.data[1], type_int(4, false));
	call->call.data = symbol;
	return t;
}

static bool is_symbol_name(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"./_-";

	return name[0] && name[strspn(name, allowed)] == '\0';
}

const struct type *builtin_check_uaddr(struct sema *s, struct ast *call)
{
	const struct ast *name = arg(call, 0);
	const struct target *target = s->target;
	const char *path =
		s->probe->attach_points.len ? s->probe->attach_points.data[0]->path : NULL;
	struct target_symbol *symbol;
	uint32_t size = 8;

	if (name->kind != AST_STRING) {
		diag_error(s->diags, call->span,
			   "uaddr() expects a string literal as the first argument");
		return type_error();
	}
	if (!is_symbol_name(name->string.data)) {
		diag_error(
			s->diags, call->span,
			"uaddr() expects a string that is a valid symbol (^[a-zA-Z0-9./_-]+$) as "
			"input (\"%s\" provided)",
			name->string.data);
		return type_error();
	}
	symbol = call->call.data;
	if (!symbol) {
		symbol = arena_new(s->arena, struct target_symbol);
		if (!target || !target->user_symbol || !path ||
		    target->user_symbol(target->ctx, path, name->string.data, symbol) < 0) {
			diag_error(s->diags, call->span, "Could not resolve symbol: %s:%s",
				   path ? path : "", name->string.data);
			return type_error();
		}
		call->call.data = symbol;
	}
	if (symbol->size == 1 || symbol->size == 2 || symbol->size == 4)
		size = (uint32_t)symbol->size;
	return type_pointer(s->arena, type_int(size, true), AS_USER);
}

const struct type *builtin_check_reg(struct sema *s, struct ast *call)
{
	const struct type *t = sema_int(s, 8, false, sema_probe_space(s->probe->kind));
	const char *name = arg(call, 0)->string.data;
	const struct arch *arch = arch_of(s->target);

	if (!s->is_final)
		return t;
	for (const struct arch_register *r = arch->registers; r->name; r++) {
		if (strcmp(r->name, name) == 0) {
			sema_set_constant(arg(call, 0), r->offset, type_int(8, false));
			return t;
		}
	}
	diag_error(s->diags, call->span, "'%s' is not a valid register on this architecture (%s)",
		   name, arch->name);
	return type_error();
}

const struct type *builtin_check_pton(struct sema *s, struct ast *call)
{
	const struct ast *a = arg(call, 0);
	unsigned char bytes[16];
	int family;
	uint32_t size;
	const struct type *t;

	if (a->kind != AST_STRING) {
		diag_error(s->diags, call->span,
			   "pton() expects an string literal at the first argument");
		return type_error();
	}
	family = strchr(a->string.data, '.') ? AF_INET : AF_INET6;
	size = family == AF_INET ? 4 : 16;
	if (family == AF_INET6 && !strchr(a->string.data, ':')) {
		diag_error(s->diags, call->span,
			   "pton() expects an string argument of an IPv4/IPv6 address, got %s",
			   a->string.data);
		return type_error();
	}
	if (inet_pton(family, a->string.data, bytes) != 1) {
		diag_error(s->diags, call->span, "pton() expects a valid IPv4/IPv6 address, got %s",
			   a->string.data);
		return type_error();
	}
	t = type_in(s->arena, type_array(s->arena, type_int(1, false), size), AS_BPF);
	if (s->is_final)
		sema_set_string(call, arena_memdup(s->arena, bytes, size), size);
	return t;
}

const struct type *builtin_check_cgroupid(struct sema *s, struct ast *call)
{
	const char *path = arg(call, 0)->string.data;
	uint64_t id;

	if (!s->target || !s->target->cgroup_id ||
	    !s->target->cgroup_id(s->target->ctx, path, &id)) {
		diag_error(s->diags, call->span, "cgroupid(): no cgroup at '%s'", path);
		return type_error();
	}
	sema_set_constant(call, id, type_int(8, false));
	return call->type;
}

const struct type *builtin_check_cgroup_path(struct sema *s, struct ast *call)
{
	struct type *t = arena_memdup(s->arena, type_fixed(TYPE_CGROUP_PATH), sizeof(*t));
	const struct ast *filter = call->call.args.len == 2 ? arg(call, 1) : NULL;

	if (filter && filter->kind != AST_STRING) {
		diag_error(s->diags, call->span,
			   "cgroup_path() expects a string literal (%s provided)",
			   type_kind_name(filter->type));
		return type_error();
	}
	t->format = filter ? filter->string.data : NULL;
	return t;
}

const struct type *builtin_check_strftime(struct sema *s, struct ast *call)
{
	const struct type *when = arg(call, 1)->type;
	struct type *t = arena_memdup(s->arena, type_fixed(TYPE_TIMESTAMP), sizeof(*t));

	t->mode = when->kind == TYPE_INT ? when->mode : NSECS_BOOT;
	t->format = arg(call, 0)->kind == AST_STRING ? arg(call, 0)->string.data : "";
	if (!s->is_final)
		return t;
	if (t->mode == NSECS_MONOTONIC)
		diag_error(s->diags, call->span, "strftime() can not take a monotonic timestamp");
	if (arg(call, 1)->kind == AST_INT && arg(call, 1)->integer.is_negative)
		diag_error(s->diags, call->span, "strftime() does not accept negative timestamps");
	return t;
}

const struct type *builtin_check_socket_cookie(struct sema *s, struct ast *call)
{
	const struct type *t = arg(call, 0)->type;
	const struct type *elem = t->elem;

	if (elem->kind == TYPE_STRUCT && elem->name && strcmp(elem->name, "sock") == 0)
		return type_int(8, false);
	diag_error(s->diags, call->span,
		   "socket_cookie() only supports 'struct sock *' as the argument ('%s' provided)",
		   type_name(s->arena, t));
	return type_error();
}

const struct type *builtin_check_override(struct sema *s, struct ast *call)
{
	(void)s;
	(void)call;
	return type_void();
}

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "SIGABRT", SIGABRT }, { "SIGALRM", SIGALRM },     { "SIGBUS", SIGBUS },
	{ "SIGCHLD", SIGCHLD }, { "SIGCONT", SIGCONT },     { "SIGFPE", SIGFPE },
	{ "SIGHUP", SIGHUP },   { "SIGILL", SIGILL },       { "SIGINT", SIGINT },
	{ "SIGKILL", SIGKILL }, { "SIGPIPE", SIGPIPE },     { "SIGPOLL", SIGPOLL },
	{ "SIGPWR", SIGPWR },   { "SIGQUIT", SIGQUIT },     { "SIGSEGV", SIGSEGV },
	{ "SIGSTOP", SIGSTOP }, { "SIGSYS", SIGSYS },       { "SIGTERM", SIGTERM },
	{ "SIGTRAP", SIGTRAP }, { "SIGTSTP", SIGTSTP },     { "SIGTTIN", SIGTTIN },
	{ "SIGTTOU", SIGTTOU }, { "SIGURG", SIGURG },       { "SIGUSR1", SIGUSR1 },
	{ "SIGUSR2", SIGUSR2 }, { "SIGVTALRM", SIGVTALRM }, { "SIGWINCH", SIGWINCH },
	{ "SIGXCPU", SIGXCPU }, { "SIGXFSZ", SIGXFSZ },
};

/* "SIGTERM", "sigterm", "TERM"; 0: none. */
static int signal_number(const char *name)
{
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (strcasecmp(signals[i].name + 3, name) == 0)
			return signals[i].number;
	}
	return 0;
}

const struct type *builtin_check_signal(struct sema *s, struct ast *call)
{
	struct ast *a = arg(call, 0);
	const char *name = call->call.name;
	int number;

	if (a->kind == AST_STRING) {
		number = signal_number(a->string.data);
		if (!number) {
			diag_error(s->diags, call->span, "Invalid string for signal: %s",
				   a->string.data);
			return type_error();
		}
		sema_set_constant(a, (uint64_t)number, type_int(4, false));
		return type_void();
	}
	if (!sema_is_integer(a->type)) {
		diag_error(s->diags, call->span, "%s() accepts a string literal or an integer",
			   name);
		return type_error();
	}
	if (a->kind == AST_INT &&
	    (a->integer.is_negative || a->integer.value < 1 || a->integer.value > 64)) {
		diag_error(
			s->diags, call->span,
			"%s() accepts a string literal or an integer between 1 and 64 (inclusive)",
			name);
		return type_error();
	}
	return type_void();
}

/* These are folded when their argument is a literal. */
const struct type *builtin_check_kfunc(struct sema *s, struct ast *call)
{
	diag_error(s->diags, call->span, "%s() accepts a string literal only", call->call.name);
	return type_error();
}

const struct type *builtin_check_is_literal(struct sema *s, struct ast *call)
{
	(void)s;
	(void)call;
	return type_bool();
}

const struct type *builtin_check_getopt(struct sema *s, struct ast *call)
{
	(void)s;
	(void)call;
	return type_error(); // sema_param.c reported why it could not be folded
}
