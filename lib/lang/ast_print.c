#include <string.h>

#include "lang/ast.h"
#include "lang/walk.h"

static const char *const kind_names[AST_KIND_COUNT] = {
	[AST_INT] = "int",
	[AST_BOOL] = "bool",
	[AST_STRING] = "string",
	[AST_IDENT] = "identifier",
	[AST_BUILTIN] = "builtin",
	[AST_POSITIONAL] = "param",
	[AST_POSITIONAL_COUNT] = "param count",
	[AST_VAR] = "variable",
	[AST_VAR_ADDR] = "&variable",
	[AST_MAP] = "map",
	[AST_MAP_ADDR] = "&map",
	[AST_MAP_ACCESS] = "map access",
	[AST_CALL] = "call",
	[AST_UNARY] = "unary",
	[AST_BINARY] = "binary",
	[AST_TERNARY] = "ternary",
	[AST_FIELD] = "field",
	[AST_INDEX] = "index",
	[AST_CAST] = "cast",
	[AST_TUPLE] = "tuple",
	[AST_RECORD] = "record",
	[AST_SIZEOF] = "sizeof",
	[AST_OFFSETOF] = "offsetof",
	[AST_TYPEOF] = "typeof",
	[AST_TYPEINFO] = "typeinfo",
	[AST_COMPTIME] = "comptime",
	[AST_BLOCK] = "block",
	[AST_EXPR_STMT] = "expression",
	[AST_ASSIGN] = "assign",
	[AST_LET] = "let",
	[AST_IF] = "if",
	[AST_WHILE] = "while",
	[AST_FOR_MAP] = "for",
	[AST_FOR_RANGE] = "for range",
	[AST_UNROLL] = "unroll",
	[AST_BREAK] = "break",
	[AST_CONTINUE] = "continue",
	[AST_RETURN] = "return",
	[AST_IMPORT] = "import",
};

static void indent_by(FILE *out, unsigned int indent)
{
	for (unsigned int i = 0; i < indent; i++)
		(void)fputs("  ", out);
}

static void print_quoted(FILE *out, const char *data, size_t len)
{
	(void)fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c == '\n')
			(void)fputs("\\n", out);
		else if (c == '"' || c == '\\')
			(void)fprintf(out, "\\%c", c);
		else if (c < ' ' || c == 127)
			(void)fprintf(out, "\\x%02x", c);
		else
			(void)fputc(c, out);
	}
	(void)fputc('"', out);
}

static void print_type_expr(FILE *out, const struct type_expr *type)
{
	if (!type)
		return;
	if (type->name) {
		(void)fprintf(out, "%s%s%s", type->tag ? type->tag : "", type->tag ? " " : "",
			      type->name);
	} else {
		(void)fputs("typeof(", out);
		if (type->type_of_type)
			print_type_expr(out, type->type_of_type);
		else
			(void)fputs("expression", out);
		(void)fputc(')', out);
	}
	vec_foreach (&type->modifiers, it) {
		if (it->is_pointer)
			(void)fputs(" *", out);
		else if (it->has_count && it->count->kind == AST_INT)
			(void)fprintf(out, "[%llu]", (unsigned long long)it->count->integer.value);
		else
			(void)fputs("[]", out);
	}
}

static void print_integer(FILE *out, const struct ast *n)
{
	if (n->kind == AST_BOOL)
		(void)fputs(n->integer.value ? " true" : " false", out);
	else if (n->integer.is_negative)
		(void)fprintf(out, " %lld", (long long)n->integer.value);
	else
		(void)fprintf(out, " %llu", (unsigned long long)n->integer.value);
}

static bool is_postfix(enum ast_op op)
{
	return op == OPR_POST_INC || op == OPR_POST_DEC;
}

static bool is_prefix(enum ast_op op)
{
	return op == OPR_PRE_INC || op == OPR_PRE_DEC;
}

/* What distinguishes the node from others of its kind. */
static void print_detail(FILE *out, const struct ast *n)
{
	switch (n->kind) {
	case AST_INT:
	case AST_BOOL: print_integer(out, n); break;
	case AST_STRING:
		(void)fputc(' ', out);
		print_quoted(out, n->string.data, n->string.len);
		break;
	case AST_IDENT:
	case AST_BUILTIN: (void)fprintf(out, " %s", n->ident.name); break;
	case AST_POSITIONAL: (void)fprintf(out, " $%u", n->ident.number); break;
	case AST_VAR:
	case AST_VAR_ADDR: (void)fprintf(out, " $%s", n->var.name); break;
	case AST_MAP:
	case AST_MAP_ADDR:
	case AST_MAP_ACCESS: (void)fprintf(out, " @%s", n->map.name); break;
	case AST_CALL: (void)fprintf(out, " %s", n->call.name); break;
	case AST_UNARY:
		(void)fprintf(out, " %s%s%s", is_postfix(n->unary.op) ? "x" : "",
			      ast_op_name(n->unary.op), is_prefix(n->unary.op) ? "x" : "");
		break;
	case AST_BINARY: (void)fprintf(out, " %s", ast_op_name(n->binary.op)); break;
	case AST_FIELD:
		(void)fprintf(out, " %s%s", n->field.is_arrow ? "->" : ".", n->field.name);
		break;
	case AST_CAST:
		(void)fputs(n->cast.to ? " " : "", out);
		print_type_expr(out, n->cast.to);
		break;
	case AST_ASSIGN:
		(void)fprintf(out, " %s%s",
			      n->assign.op == OPR_NONE ? "" : ast_op_name(n->assign.op), "=");
		break;
	case AST_LET:
		(void)fprintf(out, " $%s%s", n->let.name, n->let.declared ? " : " : "");
		print_type_expr(out, n->let.declared);
		break;
	case AST_FOR_MAP:
	case AST_FOR_RANGE: (void)fprintf(out, " $%s", n->loop.name); break;
	case AST_IMPORT: (void)fprintf(out, " \"%s\"", n->import_path); break;
	case AST_SIZEOF:
	case AST_OFFSETOF:
	case AST_TYPEOF:
	case AST_TYPEINFO:
		(void)fputs(n->type_query.of_type ? " " : "", out);
		print_type_expr(out, n->type_query.of_type);
		vec_foreach (&n->type_query.path, it)
			(void)fprintf(out, " .%s", *it);
		break;
	default: break;
	}
}

struct printer {
	FILE *out;
	unsigned int indent;
};

static void print_child(void *ctx, struct ast *child)
{
	struct printer *printer = ctx;

	ast_print(printer->out, child, printer->indent);
}

static void print_record(FILE *out, const struct ast *n, unsigned int indent)
{
	for (size_t i = 0; i < n->tuple.items.len; i++) {
		indent_by(out, indent);
		(void)fprintf(out, "%s =\n", n->tuple.names[i]);
		ast_print(out, n->tuple.items.data[i], indent + 1);
	}
}

void ast_print(FILE *out, const struct ast *node, unsigned int indent)
{
	struct printer printer = { .out = out, .indent = indent + 1 };

	indent_by(out, indent);
	(void)fputs(kind_names[node->kind], out);
	print_detail(out, node);
	if (node->type) {
		struct buf type;

		buf_init(&type, 4096);
		type_print(&type, node->type);
		(void)fprintf(out, " :: %s", buf_cstr(&type));
		buf_finish(&type);
	}
	(void)fputc('\n', out);
	if (node->kind == AST_RECORD) {
		print_record(out, node, indent + 1);
	} else if (node->kind == AST_ASSIGN) {
		/* As it is written, not as it is evaluated. */
		if (node->assign.lhs)
			ast_print(out, node->assign.lhs, indent + 1);
		ast_print(out, node->assign.rhs, indent + 1);
	} else {
		ast_each_child((struct ast *)node, print_child, &printer);
	}
}

static void print_body(FILE *out, const struct ast *predicate, const struct ast *body)
{
	if (predicate) {
		(void)fputs("  predicate\n", out);
		ast_print(out, predicate, 2);
	}
	ast_print(out, body, 1);
}

static void print_probe(FILE *out, const struct probe *probe)
{
	(void)fputs("probe", out);
	vec_foreach (&probe->attach_points, it)
		(void)fprintf(out, " %s", (*it)->name ? (*it)->name : (*it)->raw);
	(void)fputc('\n', out);
	print_body(out, probe->predicate, probe->body);
}

static void print_action(FILE *out, const struct ast_action *action)
{
	(void)fputs("action", out);
	vec_foreach (&action->specs, it)
		(void)fprintf(out, " %s", it->raw);
	(void)fputc('\n', out);
	print_body(out, action->predicate, action->body);
}

static void print_macro(FILE *out, const struct macro *macro)
{
	(void)fprintf(out, "macro %s", macro->name);
	vec_foreach (&macro->params, it) {
		(void)fputc(' ', out);
		if (it->sigil)
			(void)fputc(it->sigil, out);
		(void)fputs(it->name, out);
	}
	(void)fputc('\n', out);
	ast_print(out, macro->body, 1);
}

void ast_print_program(FILE *out, const struct ast_program *p)
{
	static const char *const kinds[] = {
		[MAP_DEFAULT] = "default",
		[MAP_HASH] = "hash",
		[MAP_LRU_HASH] = "lruhash",
		[MAP_PERCPU_HASH] = "percpuhash",
		[MAP_PERCPU_LRU_HASH] = "percpulruhash",
		[MAP_SCALAR] = "scalar",
	};

	vec_foreach (&p->settings, it)
		(void)fprintf(out, "config %s = %s\n", it->name, it->value);
	vec_foreach (&p->imports, it)
		(void)fprintf(out, "import \"%s\"\n", it->path);
	vec_foreach (&p->maps, it) {
		if ((*it)->is_declared)
			(void)fprintf(out, "map @%s %s %u\n", (*it)->name, kinds[(*it)->kind],
				      (*it)->max_entries);
	}
	vec_foreach (&p->macros, it) {
		if (!(*it)->is_builtin)
			print_macro(out, *it);
	}
	vec_foreach (&p->subprogs, it) {
		(void)fprintf(out, "function %s\n", (*it)->name);
		ast_print(out, (*it)->body, 1);
	}
	if (p->probes.len) {
		vec_foreach (&p->probes, it)
			print_probe(out, *it);
		return;
	}
	vec_foreach (&p->actions, it)
		print_action(out, *it);
}
