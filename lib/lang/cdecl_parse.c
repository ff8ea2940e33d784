/* C declarations: recursive descent over the preprocessor's tokens. */
#include <string.h>

#include "lang/cscope.h"

#define DEPTH_MAX      40
#define DECLARATOR_MAX 6 // parentheses in a declarator are parsed twice
#define ARRAY_MAX      (1u << 24)

struct decl_parser {
	struct c_scope *scope;
	const struct c_token *tokens;
	size_t count;
	size_t pos;
	unsigned int depth;
	unsigned int declarator_depth;
	bool panic;
};

struct declarator {
	const char *name; // NULL: none
	const struct type *type;
	struct span span;
};

static const struct type *parse_specifiers(struct decl_parser *p, bool *is_typedef,
					   struct c_attributes *attributes);
static void parse_declarator(struct decl_parser *p, const struct type *base,
			     struct declarator *out);

static const struct c_token *peek(const struct decl_parser *p)
{
	static const struct c_token end = { .kind = C_END, .text = "" };

	return p->pos < p->count ? &p->tokens[p->pos] : &end;
}

static bool is_next(const struct decl_parser *p, const char *text)
{
	return peek(p)->kind != C_END && c_token_is(peek(p), text);
}

static bool accept(struct decl_parser *p, const char *text)
{
	if (!is_next(p, text))
		return false;
	p->pos++;
	return true;
}

__attribute__((format(printf, 2, 3))) static void fail(struct decl_parser *p, const char *fmt, ...)
{
	struct span span = { 0 };
	va_list ap;

	if (p->panic)
		return;
	p->panic = true;
	if (p->pos < p->count)
		span = p->tokens[p->pos].span;
	else if (p->count)
		span = p->tokens[p->count - 1].span;
	va_start(ap, fmt);
	(void)diag_error(p->scope->diags, span, "%s", arena_vprintf(p->scope->arena, fmt, ap));
	va_end(ap);
}

static void expect(struct decl_parser *p, const char *text)
{
	if (!accept(p, text))
		fail(p, "expected '%s'", text);
}

static bool is_bracket(const struct c_token *t, const char *brackets)
{
	return t->kind == C_PUNCT && t->text[0] && !t->text[1] && strchr(brackets, t->text[0]);
}

/* Skip from a bracket to the one behind its counterpart. */
static void skip_balanced(struct decl_parser *p)
{
	unsigned int depth = 0;

	do {
		if (is_bracket(peek(p), "([{"))
			depth++;
		else if (is_bracket(peek(p), ")]}"))
			depth--;
		p->pos++;
	} while (depth && p->pos < p->count);
}

/* sizeof(type) as a number, in place; @i is the index of sizeof in the range. */
static size_t replace_sizeof(struct decl_parser *p, size_t i, c_token_list *out)
{
	struct decl_parser inner = *p;
	struct c_attributes attributes = { 0 };
	struct declarator d = { 0 };
	struct c_token t = p->tokens[i];
	bool is_typedef = false;

	inner.pos = i + 1;
	if (accept(&inner, "(")) {
		d.type = parse_specifiers(&inner, &is_typedef, &attributes);
		if (!inner.panic)
			parse_declarator(&inner, d.type, &d);
		expect(&inner, ")");
	}
	p->panic |= inner.panic;
	t.kind = C_NUMBER;
	t.text = arena_printf(p->scope->arena, "%u", d.type ? d.type->size : 0);
	vec_push(p->scope->arena, out, t);
	return inner.pos;
}

/* A constant expression, up to one of @ends outside of brackets. */
static int64_t parse_constant(struct decl_parser *p, const char *ends)
{
	c_token_list tokens = { 0 };
	struct span span = peek(p)->span;
	unsigned int depth = 0;

	while (p->pos < p->count && !p->panic) {
		const struct c_token *t = peek(p);

		if (depth == 0 && is_bracket(t, ends))
			break;
		if (is_bracket(t, "([{"))
			depth++;
		else if (is_bracket(t, ")]}"))
			depth--;
		span = span_join(span, t->span);
		if (c_token_is(t, "sizeof")) {
			p->pos = replace_sizeof(p, p->pos, &tokens);
			continue;
		}
		vec_push(p->scope->arena, &tokens, *t);
		p->pos++;
	}
	if (p->panic)
		return 0;
	return cpp_evaluate(&p->scope->cpp, tokens.data, tokens.len, span);
}

/* __attribute__((packed, aligned(8))) */
static void parse_attributes(struct decl_parser *p, struct c_attributes *attributes)
{
	while (accept(p, "__attribute__") || accept(p, "__attribute")) {
		size_t begin = p->pos;

		if (!is_next(p, "(")) {
			fail(p, "expected '(' after __attribute__");
			return;
		}
		skip_balanced(p);
		for (size_t i = p->pos; i-- > begin;) {
			const char *name = p->tokens[i].text;
			struct decl_parser inner = *p;
			int64_t value = 16;

			if (!strcmp(name, "packed") || !strcmp(name, "__packed__"))
				attributes->is_packed = true;
			if (strcmp(name, "aligned") != 0 && strcmp(name, "__aligned__") != 0)
				continue;
			inner.pos = i + 1;
			inner.count = p->pos;
			if (accept(&inner, "("))
				value = parse_constant(&inner, ")");
			if (value > 0 && value <= 4096 && !(value & (value - 1)))
				attributes->aligned = (uint32_t)value;
		}
	}
}

const struct type *cdecl_lookup(struct c_scope *s, enum type_tag tag, const char *name)
{
	const struct type *t = strmap_get(&s->types[tag], name);
	const struct type *found = NULL;

	/* Incomplete: the text defines it, or the target has been asked. */
	if (t)
		return t;
	if (s->target && s->target->find_type)
		found = s->target->find_type(s->target->ctx, tag, name);
	if (found && found->kind == TYPE_BOOL)
		return type_int(1, false); // a number, as bpftrace has it
	if (found)
		return found;
	return tag == TAG_TYPEDEF ? cdecl_basic(name) : NULL;
}

/* The struct type to declare: a forward reference may have made it. */
static struct type *declare_struct(struct c_scope *s, enum type_tag tag, const char *name)
{
	struct type *t = name ? strmap_get(&s->types[tag], name) : NULL;

	if (t && !t->is_complete)
		return t;
	t = arena_new(s->arena, struct type);
	t->kind = TYPE_STRUCT;
	t->is_union = tag == TAG_UNION;
	t->name = name;
	t->alignment = 1;
	if (name)
		(void)strmap_put(&s->types[tag], name, t);
	return t;
}

typedef vec_of(struct c_member) member_list;

/* A member's type must have a size. */
static bool check_member(struct decl_parser *p, const struct declarator *d)
{
	const struct type *t = d->type;

	while (t->kind == TYPE_ARRAY)
		t = t->elem;
	if (t->kind == TYPE_VOID || (t->kind == TYPE_STRUCT && !t->is_complete && !t->btf_id)) {
		fail(p, "field has incomplete type '%s%s'",
		     t->kind == TYPE_VOID ? "void"
		     : t->is_union        ? "union "
					  : "struct ",
		     t->kind == TYPE_VOID || !t->name ? "" : t->name);
		return false;
	}
	return true;
}

static void parse_member(struct decl_parser *p, member_list *members)
{
	struct c_attributes base_attributes = { 0 };
	bool is_typedef = false;
	const struct type *base = parse_specifiers(p, &is_typedef, &base_attributes);

	if (p->panic)
		return;
	do {
		struct declarator d = { .type = base };
		struct c_member member = { .bits = -1 };

		if (!is_next(p, ";") && !is_next(p, ":"))
			parse_declarator(p, base, &d);
		if (accept(p, ":"))
			member.bits = parse_constant(p, ",;}");
		member.attributes = base_attributes;
		parse_attributes(p, &member.attributes);
		if (p->panic || !check_member(p, &d))
			return;
		/* A declaration without a name is an anonymous struct, or declares nothing. */
		if (!d.name && member.bits < 0 && (d.type->kind != TYPE_STRUCT || d.type->name))
			continue;
		if (member.bits >= 0 && d.type->kind != TYPE_INT && d.type->kind != TYPE_BOOL &&
		    d.type->kind != TYPE_ENUM) {
			fail(p, "bit-field '%s' has non-integral type", d.name ? d.name : "");
			return;
		}
		member.name = d.name ? d.name : "";
		member.type = d.type;
		vec_push(p->scope->arena, members, member);
	} while (accept(p, ","));
	/* The last one's may be missing, as clang has it. */
	if (!is_next(p, "}"))
		expect(p, ";");
}

static const struct type *parse_struct(struct decl_parser *p, enum type_tag tag)
{
	struct c_attributes attributes = { 0 };
	member_list members = { 0 };
	const struct type *known;
	const char *name = NULL;
	struct type *t;

	parse_attributes(p, &attributes);
	if (peek(p)->kind == C_IDENT)
		name = p->tokens[p->pos++].text;
	parse_attributes(p, &attributes);
	if (!accept(p, "{")) {
		if (!name) {
			fail(p, "expected a name or '{' after '%s'",
			     tag == TAG_UNION ? "union" : "struct");
			return type_error();
		}
		known = cdecl_lookup(p->scope, tag, name);
		return known ? known : declare_struct(p->scope, tag, name);
	}
	known = name ? strmap_get(&p->scope->types[tag], name) : NULL;
	if (known && known->is_complete) {
		fail(p, "redefinition of '%s'", name);
		return type_error();
	}
	t = declare_struct(p->scope, tag, name);
	while (!p->panic && !is_next(p, "}") && p->pos < p->count) {
		if (!accept(p, ";"))
			parse_member(p, &members);
	}
	expect(p, "}");
	parse_attributes(p, &attributes);
	if (!p->panic)
		cdecl_layout(p->scope->arena, t, members.data, members.len, attributes);
	return t;
}

static void parse_enumerators(struct decl_parser *p, struct type *t)
{
	struct c_scope *s = p->scope;
	vec_of(struct type_enumerator) list = { 0 };
	int64_t value = 0;
	int64_t most = 0;

	while (!p->panic && !is_next(p, "}")) {
		struct type_enumerator e = { .name = peek(p)->text };
		struct c_enumerator *constant = arena_new(s->arena, struct c_enumerator);

		if (peek(p)->kind != C_IDENT) {
			fail(p, "expected the name of an enumerator");
			return;
		}
		p->pos++;
		if (accept(p, "="))
			value = parse_constant(p, ",}");
		e.value = (uint64_t)value;
		t->is_signed |= value < 0;
		if (value > most)
			most = value;
		constant->value = value;
		constant->type = t;
		(void)strmap_put(&s->constants, e.name, constant);
		vec_push(s->arena, &list, e);
		value = (int64_t)((uint64_t)value + 1);
		if (!accept(p, ","))
			break;
	}
	t->enumerators = list.data;
	t->count = (uint32_t)list.len;
	t->size = most > (t->is_signed ? INT32_MAX : (int64_t)UINT32_MAX) ? 8 : 4;
}

static const struct type *parse_enum(struct decl_parser *p)
{
	struct c_attributes attributes = { 0 };
	const char *name = NULL;
	const struct type *known;
	struct type *t;

	parse_attributes(p, &attributes);
	if (peek(p)->kind == C_IDENT)
		name = p->tokens[p->pos++].text;
	if (!accept(p, "{")) {
		known = name ? cdecl_lookup(p->scope, TAG_ENUM, name) : NULL;
		return known ? known : type_int(4, false);
	}
	t = arena_new(p->scope->arena, struct type);
	t->kind = TYPE_ENUM;
	t->size = 4;
	t->name = name;
	if (name)
		(void)strmap_put(&p->scope->types[TAG_ENUM], name, t);
	parse_enumerators(p, t);
	expect(p, "}");
	parse_attributes(p, &attributes);
	return t;
}

/* The words that make an arithmetic type, counted. */
struct words {
	bool any;
	bool is_void, is_bool, is_char, is_float, is_double, is_int128;
	bool is_signed, is_unsigned;
	unsigned int shorts, longs;
};

static bool take_word(struct words *w, const char *text)
{
	if (!strcmp(text, "void"))
		w->is_void = true;
	else if (!strcmp(text, "_Bool"))
		w->is_bool = true;
	else if (!strcmp(text, "char"))
		w->is_char = true;
	else if (!strcmp(text, "short"))
		w->shorts++;
	else if (!strcmp(text, "int"))
		w->any = true;
	else if (!strcmp(text, "long"))
		w->longs++;
	else if (!strcmp(text, "float"))
		w->is_float = true;
	else if (!strcmp(text, "double"))
		w->is_double = true;
	else if (!strcmp(text, "__int128"))
		w->is_int128 = true;
	else if (!strcmp(text, "signed") || !strcmp(text, "__signed__"))
		w->is_signed = true;
	else if (!strcmp(text, "unsigned"))
		w->is_unsigned = true;
	else
		return false;
	w->any = true;
	return true;
}

/* The language has no floating point: such a member takes its place, and has no value. */
static const struct type *float_type(struct arena *a, uint32_t size)
{
	struct type *t = arena_memdup(a, type_none(), sizeof(*t));

	t->size = size;
	return t;
}

static const struct type *word_type(const struct c_scope *s, const struct words *w)
{
	bool has_signed_char = !arch_of(s->target)->has_unsigned_char;
	struct arena *a = s->arena;
	struct type *named;

	if (w->is_void)
		return type_void();
	if (w->is_bool)
		return type_int(1, false);
	if (w->is_int128)
		return type_array(a, type_int(8, false), 2);
	if (w->is_double || w->is_float)
		return float_type(a, w->is_float ? 4 : w->longs ? 16 : 8);
	if (w->is_char) {
		/* Arrays of plain char are strings: type.h knows them by this name. */
		bool is_plain = !w->is_unsigned && !w->is_signed;
		bool is_signed = is_plain ? has_signed_char : w->is_signed;

		named = arena_memdup(a, type_int(1, is_signed), sizeof(*named));
		if (is_plain)
			named->name = "char";
		return named;
	}
	if (w->shorts)
		return type_int(2, !w->is_unsigned);
	return type_int(w->longs ? 8 : 4, !w->is_unsigned);
}

static bool skip_qualifier(struct decl_parser *p, bool *is_typedef)
{
	static const char *const words[] = {
		"const",        "volatile",        "restrict",   "extern",
		"static",       "inline",          "register",   "auto",
		"_Atomic",      "__extension__",   "__restrict", "__const",
		"__volatile__", "__inline",        "__inline__", "__restrict__",
		"_Noreturn",    "__always_inline", "__user",     "__rcu",
		"__percpu",     "__iomem",         "__force",    "__kernel",
		"__bitwise",    "__maybe_unused",
	};

	if (accept(p, "typedef")) {
		*is_typedef = true;
		return true;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (accept(p, words[i]))
			return true;
	}
	return false;
}

static const struct type *parse_specifiers(struct decl_parser *p, bool *is_typedef,
					   struct c_attributes *attributes)
{
	struct words words = { 0 };
	const struct type *type = NULL;

	if (p->depth == DEPTH_MAX) {
		fail(p, "declarations nested too deeply");
		return type_error();
	}
	p->depth++;
	while (!p->panic) {
		const struct c_token *t = peek(p);

		if (is_next(p, "__attribute__") || is_next(p, "__attribute")) {
			parse_attributes(p, attributes);
		} else if (skip_qualifier(p, is_typedef)) {
			continue;
		} else if (t->kind == C_IDENT && !type && take_word(&words, t->text)) {
			p->pos++;
		} else if (type || words.any) {
			break;
		} else if (accept(p, "struct")) {
			type = parse_struct(p, TAG_STRUCT);
		} else if (accept(p, "union")) {
			type = parse_struct(p, TAG_UNION);
		} else if (accept(p, "enum")) {
			type = parse_enum(p);
		} else if (t->kind == C_IDENT) {
			type = cdecl_lookup(p->scope, TAG_TYPEDEF, t->text);
			if (!type)
				fail(p, "unknown type name '%s'", t->text);
			p->pos++;
		} else {
			fail(p, "expected a type");
		}
	}
	p->depth--;
	if (words.any)
		return word_type(p->scope, &words);
	return type ? type : type_error();
}

/* [N][M]… and parameter lists behind a declarator. */
static const struct type *parse_suffix(struct decl_parser *p, const struct type *base)
{
	struct arena *a = p->scope->arena;
	int64_t count = 0;

	if (is_next(p, "(")) {
		skip_balanced(p);
		return type_void(); // a function: only pointers to it are of interest
	}
	if (p->panic || !accept(p, "["))
		return base;
	if (!is_next(p, "]"))
		count = parse_constant(p, "]");
	expect(p, "]");
	if (++p->depth > DEPTH_MAX)
		fail(p, "declarations nested too deeply");
	base = parse_suffix(p, base);
	p->depth--;
	if (count < 0 || count > ARRAY_MAX || base->size > ARRAY_MAX) {
		fail(p, "array is too large");
		return base;
	}
	return type_array(a, base, (uint32_t)count);
}

/* Is the parenthesis at hand around a declarator, as opposed to parameters? */
static bool is_nested_declarator(const struct decl_parser *p)
{
	const struct c_token *next = p->pos + 1 < p->count ? &p->tokens[p->pos + 1] : NULL;

	return is_next(p, "(") && next &&
	       (c_token_is(next, "*") || c_token_is(next, "(") || c_token_is(next, "^") ||
		(next->kind == C_IDENT && !cdecl_lookup(p->scope, TAG_TYPEDEF, next->text) &&
		 strcmp(next->text, "void") != 0 && !cdecl_basic(next->text)));
}

static void parse_declarator(struct decl_parser *p, const struct type *base, struct declarator *out)
{
	struct c_attributes ignored = { 0 };
	bool is_typedef = false;

	while (!p->panic) {
		if (accept(p, "*"))
			base = type_pointer(p->scope->arena, base, AS_NONE);
		else if (is_next(p, "__attribute__"))
			parse_attributes(p, &ignored);
		else if (!skip_qualifier(p, &is_typedef))
			break;
	}
	out->type = base;
	if (!p->panic && is_nested_declarator(p)) {
		struct declarator inner = { 0 };
		size_t start = ++p->pos;
		size_t end;

		if (++p->declarator_depth > DECLARATOR_MAX) {
			fail(p, "declarator nested too deeply");
			return;
		}
		/* Once to find its end, and again with the type that stands behind it. */
		parse_declarator(p, type_int(4, true), &inner);
		expect(p, ")");
		base = parse_suffix(p, base);
		end = p->pos;
		p->pos = start;
		parse_declarator(p, base, out);
		p->pos = end;
		p->declarator_depth--;
		return;
	}
	if (peek(p)->kind == C_IDENT) {
		out->name = peek(p)->text;
		out->span = peek(p)->span;
		p->pos++;
	}
	out->type = parse_suffix(p, base);
}

/* Up to the comma or semicolon behind an initializer. */
static void skip_initializer(struct decl_parser *p)
{
	while (p->pos < p->count && !is_next(p, ";") && !is_next(p, ",")) {
		if (is_bracket(peek(p), "([{"))
			skip_balanced(p);
		else
			p->pos++;
	}
}

/* A declaration of the root: only types and enumerators are kept. */
static void parse_declaration(struct decl_parser *p)
{
	struct c_attributes attributes = { 0 };
	bool is_typedef = false;
	const struct type *base;

	if (accept(p, ";"))
		return;
	if (accept(p, "_Static_assert") || accept(p, "static_assert")) {
		if (is_next(p, "("))
			skip_balanced(p);
		return;
	}
	base = parse_specifiers(p, &is_typedef, &attributes);
	while (!p->panic && !is_next(p, ";")) {
		struct declarator d = { .type = base };

		if (p->pos == p->count)
			return;
		parse_declarator(p, base, &d);
		parse_attributes(p, &attributes);
		if (is_typedef && d.name)
			(void)strmap_put(&p->scope->types[TAG_TYPEDEF], d.name, (void *)d.type);
		if (is_next(p, "{")) {
			skip_balanced(p); // of a function
			return;
		}
		if (accept(p, "="))
			skip_initializer(p);
		if (!accept(p, ","))
			break;
	}
	if (!p->panic)
		(void)accept(p, ";");
}

static bool find_constant(void *ctx, const char *name, int64_t *value)
{
	const struct type *type = NULL;
	struct c_scope *s = ctx;

	if (c_scope_find_constant(s, name, value, &type))
		return true;
	return s->target && s->target->find_enumerator &&
	       s->target->find_enumerator(s->target->ctx, name, value, &type);
}

static void skip_attributes(struct decl_parser *p)
{
	while (accept(p, "__attribute__") || accept(p, "__attribute"))
		skip_balanced(p);
}

/* The structs the text defines, so that none of the kernel's with such a name is taken for them. */
static void declare_structs(const struct decl_parser *whole)
{
	struct decl_parser p = *whole;

	while (p.pos < p.count) {
		enum type_tag tag = is_next(&p, "union") ? TAG_UNION : TAG_STRUCT;
		const char *name;

		if (!accept(&p, "struct") && !accept(&p, "union")) {
			p.pos++;
			continue;
		}
		skip_attributes(&p);
		if (peek(&p)->kind != C_IDENT)
			continue;
		name = p.tokens[p.pos++].text;
		skip_attributes(&p);
		if (is_next(&p, "{"))
			(void)declare_struct(p.scope, tag, name);
	}
}

void cdecl_parse(struct c_scope *s)
{
	struct decl_parser p = {
		.scope = s,
		.tokens = s->cpp.output.data,
		.count = s->cpp.output.len,
	};

	s->cpp.constant = find_constant;
	s->cpp.constant_ctx = s;
	declare_structs(&p);
	/* What follows a mistake in C is seldom worth a message. */
	while (p.pos < p.count && !p.panic) {
		size_t before = p.pos;

		parse_declaration(&p);
		if (p.pos == before)
			p.pos++;
	}
}
