/*
 * Check functions: formats, memory, strings.
 */
#include "lang/builtin_check.h"

#include <inttypes.h>
#include <string.h>

#include "lang/format.h"
#include "lang/walk.h"

static struct ast *arg(const struct ast *call, size_t i)
{
	return call->call.args.data[i];
}

static const struct type *arg_type(const struct ast *call, size_t i)
{
	return call->call.args.data[i]->type;
}

static bool is_literal_int(const struct ast *node)
{
	return node->kind == AST_INT && node->integer.is_literal;
}

/* Aggregations print as the numbers that they are; histograms can't be sent as a value. */
static bool convert_format_arg(struct sema *s, struct ast *call, size_t i)
{
	const struct type *t = arg_type(call, i);

	if (sema_is_agg_buckets(t)) {
		diag_error(s->diags, arg(call, i)->span,
			   "Map type %s cannot be passed to %s(). You must print the whole map.",
			   type_name(s->arena, t), call->call.name);
		return false;
	}
	return true;
}

const struct type *builtin_check_format(struct sema *s, struct ast *call)
{
	const struct ast *text = arg(call, 0);
	size_t count = call->call.args.len - 1;
	const struct type **types = arena_array(s->arena, const struct type *, count);
	struct format_plan *plan = format_parse(s->arena, text->string.data, text->string.len);
	const char *message;

	for (size_t i = 0; i < count; i++) {
		if (!convert_format_arg(s, call, i + 1))
			return type_error();
		types[i] = arg_type(call, i + 1);
	}
	message = format_check(s->arena, plan, types, (uint32_t)count);
	if (message) {
		diag_error(s->diags, call->span, "%s", message);
		return type_error();
	}
	for (size_t i = 0; i < count; i++) {
		if (types[i]->kind == TYPE_AGG)
			(void)sema_convert(s, &call->call.args.data[i + 1],
					   sema_agg_value(s, types[i]));
	}
	call->call.data = plan;
	return type_void();
}

/* bpf_trace_printk() takes three arguments, integers and strings. */
const struct type *builtin_check_debugf(struct sema *s, struct ast *call)
{
	struct format_plan *plan;

	if (call->call.args.len > 4)
		diag_error(s->diags, call->span, "cannot use more than 3 conversion specifiers");
	if (builtin_check_format(s, call)->kind == TYPE_ERROR)
		return type_error();
	diag_warning(
		s->diags, call->span,
		"The debugf() builtin is not recommended for production use. For more information "
		"see bpf_trace_printk in bpf-helpers(7).");
	plan = call->call.data;
	vec_foreach (&plan->parts, part) {
		const struct type *t;

		if (part->text)
			continue;
		t = arg_type(call, part->arg + 1);
		if (part->conversion[1] || !strchr("duxps", part->conversion[0]))
			diag_error(s->diags, arg(call, 0)->span,
				   "Invalid format specifier for `debugf`: %s", part->conversion);
		else if (part->conversion[0] == 's' ? t->kind != TYPE_STRING : !sema_is_integer(t))
			diag_error(s->diags, arg(call, part->arg + 1)->span,
				   "Type does not match format specifier: %s", part->conversion);
	}
	return type_void();
}

const struct type *builtin_check_fail(struct sema *s, struct ast *call)
{
	size_t count = call->call.args.len - 1;
	struct format_value *values = arena_array(s->arena, struct format_value, count);
	const struct ast *text = arg(call, 0);

	for (size_t i = 0; i < count; i++) {
		const struct ast *a = arg(call, i + 1);

		if (!ast_is_literal(a) || a->kind == AST_TUPLE || a->kind == AST_RECORD) {
			diag_error(s->diags, call->span, "fail() arguments need to be literals");
			return type_error();
		}
		if (a->kind == AST_STRING) {
			values[i].string = a->string.data;
			values[i].string_len = a->string.len;
		} else {
			values[i].number = a->integer.value;
			values[i].is_signed = a->integer.is_negative;
			values[i].is_bool = a->kind == AST_BOOL;
		}
	}
	diag_error(s->diags, call->span, "%s",
		   format_constant(s->arena,
				   format_parse(s->arena, text->string.data, text->string.len),
				   values, (uint32_t)count));
	return type_error();
}

const struct type *builtin_check_bswap(struct sema *s, struct ast *call)
{
	const struct type *t = arg_type(call, 0);

	if (sema_is_integer(t))
		return type_int(t->size, false);
	diag_error(s->diags, call->span, "bswap() only supports integer arguments (%s provided)",
		   type_kind_name(t));
	return type_error();
}

/* An integer at the end of the arguments. */
static void add_int_arg(struct sema *s, struct ast *call, uint64_t value)
{
	struct ast *node = ast_new(s->arena, AST_INT, call->span);

	sema_set_constant(node, value, type_int(8, false));
	vec_push(s->arena, &call->call.args, node);
}

/* What is behind a string or an array of the script is none of its business. */
static void check_room(struct sema *s, const struct ast *call, const struct type *t,
		       const struct ast *length)
{
	if ((t->kind == TYPE_STRING || t->kind == TYPE_ARRAY) && t->as == AS_BPF &&
	    is_literal_int(length) && length->integer.value > t->size)
		diag_error(s->diags, call->span,
			   "%s() would read %" PRIu64 " bytes where there are %" PRIu32,
			   call->call.name, length->integer.value, t->size);
}

static void check_buf(struct sema *s, struct ast *call)
{
	const struct type *t = arg_type(call, 0);
	const struct ast *length = call->call.args.len == 2 ? arg(call, 1) : NULL;

	if (!sema_is_integer(t) && t->kind != TYPE_STRING && t->kind != TYPE_POINTER &&
	    t->kind != TYPE_ARRAY)
		diag_error(s->diags, call->span,
			   "buf() expects an integer, string, or array argument but saw %s",
			   type_kind_name(t));
	if (!length && t->kind == TYPE_ARRAY)
		add_int_arg(s, call, t->size);
	else if (!length)
		diag_error(s->diags, call->span,
			   "buf() expects a length argument for non-array type %s",
			   type_kind_name(t));
	else if (is_literal_int(length) && length->integer.is_negative)
		diag_error(s->diags, call->span, "buf() cannot use negative length (%" PRId64 ")",
			   (int64_t)length->integer.value);
	else
		check_room(s, call, t, length);
}

const struct type *builtin_check_buf(struct sema *s, struct ast *call)
{
	const struct type *t = arg_type(call, 0);
	uint64_t max = s->config->max_strlen > 4 ? s->config->max_strlen - 4 : 1;
	uint64_t size = max;

	if (s->is_final)
		check_buf(s, call);
	if (call->call.args.len == 2 && arg(call, 1)->kind == AST_INT &&
	    !arg(call, 1)->integer.is_negative)
		size = arg(call, 1)->integer.value;
	else if (call->call.args.len == 1 && t->kind == TYPE_ARRAY)
		size = t->size;
	return type_buffer(s->arena, (uint32_t)(size < max ? size : max));
}

static bool check_str(struct sema *s, struct ast *call)
{
	const struct type *t = arg_type(call, 0);

	if (t->kind == TYPE_STRING || sema_is_integer(t) || t->kind == TYPE_POINTER)
		return true;
	diag_error(
		s->diags, call->span,
		"str() expects a string, integer or a pointer type as first argument (%s provided)",
		type_name(s->arena, t));
	return false;
}

const struct type *builtin_check_str(struct sema *s, struct ast *call)
{
	uint64_t size = s->config->max_strlen;
	const struct ast *length = call->call.args.len == 2 ? arg(call, 1) : NULL;

	if (s->is_final && !check_str(s, call))
		return type_error();
	if (length && is_literal_int(length) && length->integer.is_negative) {
		diag_error(s->diags, call->span, "str() cannot use negative length (%" PRId64 ")",
			   (int64_t)length->integer.value);
	} else if (length && is_literal_int(length)) {
		if (length->integer.value < size)
			size = length->integer.value + 1;
		else if (s->is_final)
			diag_warning(s->diags, call->span,
				     "length param (%" PRIu64
				     ") is too long and will be shortened to "
				     "%" PRIu64 " bytes (see BPFTRACE_MAX_STRLEN)",
				     length->integer.value, size);
	}
	return sema_string(s, (uint32_t)size);
}

/* Strings, arrays of char, pointers to char. */
static bool check_string_like(struct sema *s, const struct ast *call, size_t i)
{
	const struct type *t = arg_type(call, i);

	if (t->kind == TYPE_STRING)
		return true;
	if (t->kind != TYPE_ARRAY && t->kind != TYPE_POINTER) {
		diag_error(s->diags, call->span,
			   "string-like values must be either strings, arrays or pointers");
		return false;
	}
	if (sema_is_integer(t->elem) && t->elem->size == 1)
		return true;
	diag_error(s->diags, call->span, "string-like %s must %s a char-like type",
		   t->kind == TYPE_ARRAY ? "arrays" : "pointers",
		   t->kind == TYPE_ARRAY ? "contain" : "point to");
	return false;
}

const struct type *builtin_check_strlen(struct sema *s, struct ast *call)
{
	if (!check_string_like(s, call, 0))
		return type_error();
	return type_int(8, false);
}

const struct type *builtin_check_strstr(struct sema *s, struct ast *call)
{
	bool ok = check_string_like(s, call, 0);

	if (!check_string_like(s, call, 1) || !ok)
		return type_error();
	return type_void();
}

const struct type *builtin_check_str_concat(struct sema *s, struct ast *call)
{
	if (s->is_final) {
		bool ok = check_string_like(s, call, 0);

		if (!check_string_like(s, call, 1) || !ok)
			return type_error();
	}
	return sema_string(s, 1024);
}

const struct type *builtin_check_strncmp(struct sema *s, struct ast *call)
{
	const struct ast *n = arg(call, 2);

	if (is_literal_int(n) && !n->integer.is_negative)
		return type_int(8, false);
	diag_error(s->diags, call->span, "Builtin strncmp requires a non-negative literal");
	return type_error();
}

const struct type *builtin_check_name64(struct sema *s, struct ast *call)
{
	(void)call;
	return sema_string(s, 64);
}

const struct type *builtin_check_comm_of(struct sema *s, struct ast *call)
{
	(void)call;
	return sema_string(s, 64);
}

const struct type *builtin_check_memcmp(struct sema *s, struct ast *call)
{
	for (size_t i = 0; i < 2; i++) {
		const struct type *t = arg_type(call, i);

		if (t->kind == TYPE_VOID || t->kind == TYPE_AGG) {
			diag_error(s->diags, call->span,
				   "memcmp() can't compare values of type '%s'",
				   type_name(s->arena, t));
			return type_error();
		}
		if (s->is_final)
			check_room(s, call, t, arg(call, 2));
	}
	return type_int(4, true);
}

static bool is_bytes(const struct type *t)
{
	return t->kind == TYPE_ARRAY || t->kind == TYPE_STRING || t->kind == TYPE_BUFFER;
}

const struct type *builtin_check_macaddr(struct sema *s, struct ast *call)
{
	const struct type *t = arg_type(call, 0);

	if (!s->is_final)
		return type_fixed(TYPE_MACADDR);
	if (!sema_is_integer(t) && !is_bytes(t) && t->kind != TYPE_POINTER)
		diag_error(s->diags, call->span,
			   "macaddr() only supports array or pointer arguments (%s provided)",
			   type_kind_name(t));
	else if (arg(call, 0)->kind == AST_STRING)
		diag_error(s->diags, call->span,
			   "macaddr() does not support literal string arguments");
	else if (is_bytes(t) && t->size < 6)
		diag_error(s->diags, call->span,
			   "macaddr() argument must be at least 6 bytes in size");
	return type_fixed(TYPE_MACADDR);
}

const struct type *builtin_check_ntop(struct sema *s, struct ast *call)
{
	size_t last = call->call.args.len - 1;
	const struct type *t = arg_type(call, last);

	if (!s->is_final)
		return type_fixed(TYPE_INET);
	if (last == 1 && !sema_is_integer(arg_type(call, 0)))
		diag_error(s->diags, call->span, "ntop() only supports int arguments (%s provided)",
			   type_kind_name(arg_type(call, 0)));
	if (!sema_is_integer(t) && t->kind != TYPE_STRING && t->kind != TYPE_ARRAY)
		diag_error(s->diags, call->span,
			   "ntop() expects an integer or array argument, got %s",
			   type_kind_name(t));
	else if (!sema_is_integer(t) && t->size != 4 && t->size != 16)
		diag_error(s->diags, call->span, "ntop() argument must be 4 or 16 bytes in size");
	return type_fixed(TYPE_INET);
}

const struct type *builtin_check_ksym(struct sema *s, struct ast *call)
{
	bool is_kernel = call->call.builtin == BI_ksym;
	const struct type *t = arg_type(call, 0);

	if (s->is_final && !sema_is_integer(t) && t->kind != TYPE_POINTER)
		diag_error(s->diags, call->span, "%s() expects an integer or pointer argument",
			   call->call.name);
	else if (s->is_final && sema_is_integer(t) && t->size != 8)
		(void)sema_convert(s, &call->call.args.data[0], type_int(8, false));
	return type_fixed(is_kernel ? TYPE_KSYM : TYPE_USYM);
}

const struct type *builtin_check_join(struct sema *s, struct ast *call)
{
	const struct type *t = arg_type(call, 0);
	struct ast *separator;

	if (!sema_is_integer(t) && t->kind != TYPE_POINTER) {
		diag_error(s->diags, call->span,
			   "join() only supports int or pointer arguments (%s provided)",
			   type_kind_name(t));
		return type_error();
	}
	if (call->call.args.len == 1) {
		separator = ast_new(s->arena, AST_STRING, call->span);
		sema_set_string(separator, " ", 1);
		separator->type = sema_string(s, 2);
		vec_push(s->arena, &call->call.args, separator);
	}
	return type_void();
}

const struct type *builtin_check_path(struct sema *s, struct ast *call)
{
	const struct type *t = arg_type(call, 0);
	uint64_t size = s->config->max_strlen;
	const struct ast *limit = call->call.args.len == 2 ? arg(call, 1) : NULL;

	if (limit && (!is_literal_int(limit) || limit->integer.is_negative)) {
		diag_error(s->diags, call->span,
			   "path: invalid size value, need non-negative literal");
		return type_error();
	}
	if (limit && limit->integer.value < size)
		size = limit->integer.value;
	if (!s->is_final)
		return sema_string(s, (uint32_t)size);
	if (s->options->features && !s->options->features->d_path)
		diag_error(s->diags, call->span,
			   "BPF_FUNC_d_path not available for your kernel version");
	if (t->kind == TYPE_STRUCT)
		sema_wrap_cast(s, &call->call.args.data[0], type_pointer(s->arena, t, t->as));
	else if (t->kind != TYPE_POINTER)
		diag_error(s->diags, call->span,
			   "path() only supports pointer or C type argument (%s provided)",
			   type_kind_name(t));
	return sema_string(s, (uint32_t)size);
}

const struct type *builtin_check_write_user(struct sema *s, struct ast *call)
{
	const struct type *dst = arg_type(call, 0);

	if (dst->kind == TYPE_POINTER || sema_is_integer(dst))
		return type_bool();
	diag_error(s->diags, call->span, "write_user() expects an address (%s provided)",
		   type_kind_name(dst));
	return type_error();
}
