/*
 * BTF as C text.
 *
 * The layout is libbpf's (btf_dump), since that is what bpftrace prints: a declaration without a
 * name ends in its stars ("struct sock *"), a definition is indented by tabs.
 */
#include <string.h>

#include "kern/btf.h"

#define DEPTH_MAX 32 // of nested declarators and definitions

/* The types from a declaration's outside to the base type in its middle. */
struct chain {
	uint32_t ids[DEPTH_MAX];
	size_t len;
};

static void print_declaration(struct buf *out, const struct kbtf *b, uint32_t id, const char *name,
			      int level, int depth);

static bool build_chain(struct chain *c, const struct kbtf *b, uint32_t id)
{
	c->len = 0;
	while (c->len < DEPTH_MAX) {
		const struct btf_type *t = kbtf_type(b, id);

		c->ids[c->len++] = id;
		if (!t)
			return true;
		switch (kbtf_kind(t)) {
		case BTF_KIND_PTR:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
		case BTF_KIND_FUNC_PROTO: id = t->type; break;
		case BTF_KIND_ARRAY: id = ((const struct btf_array *)kbtf_tail(t))->type; break;
		default: return true;
		}
	}
	return false;
}

static const char *modifier(uint32_t kind)
{
	switch (kind) {
	case BTF_KIND_CONST: return "const";
	case BTF_KIND_VOLATILE: return "volatile";
	case BTF_KIND_RESTRICT: return "restrict";
	default: return NULL;
	}
}

static uint32_t kind_of(const struct kbtf *b, uint32_t id)
{
	const struct btf_type *t = kbtf_type(b, id);

	return t ? kbtf_kind(t) : 0;
}

/* Modifiers right before the base type are written before it: "const struct file". */
static void print_modifiers(struct buf *out, const struct kbtf *b, struct chain *c)
{
	while (c->len && modifier(kind_of(b, c->ids[c->len - 1])))
		buf_printf(out, "%s ", modifier(kind_of(b, c->ids[--c->len])));
}

/* Of an array or a function they mean nothing. */
static void drop_modifiers(const struct kbtf *b, struct chain *c)
{
	while (c->len && modifier(kind_of(b, c->ids[c->len - 1])))
		c->len--;
}

static void print_body(struct buf *out, const struct kbtf *b, const struct btf_type *t, int level,
		       int depth);

static void print_base(struct buf *out, const struct kbtf *b, uint32_t id, int level, int depth)
{
	const struct btf_type *t = kbtf_type(b, id);
	const char *name;

	if (!t) {
		buf_puts(out, "void");
		return;
	}
	name = kbtf_name(b, t);
	switch (kbtf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		buf_puts(out, kbtf_kind(t) == BTF_KIND_UNION ? "union" : "struct");
		break;
	case BTF_KIND_FWD: buf_puts(out, BTF_INFO_KFLAG(t->info) ? "union" : "struct"); break;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: buf_puts(out, "enum"); break;
	default: buf_puts(out, name); return;
	}
	if (*name)
		buf_printf(out, " %s", name);
	else
		print_body(out, b, t, level, depth);
}

static void print_name(struct buf *out, const char *name, bool is_after_star)
{
	buf_printf(out, "%s%s", *name && !is_after_star ? " " : "", name);
}

static void print_params(struct buf *out, const struct kbtf *b, const struct btf_type *t, int level,
			 int depth)
{
	const struct btf_param *p = kbtf_tail(t);
	uint32_t vlen = kbtf_vlen(t);

	buf_putc(out, '(');
	for (uint32_t i = 0; i < vlen; i++) {
		if (i)
			buf_puts(out, ", ");
		if (i == vlen - 1 && !p[i].type) {
			buf_puts(out, "...");
			break;
		}
		print_declaration(out, b, p[i].type, kbtf_string(b, p[i].name_off), level,
				  depth + 1);
	}
	if (!vlen)
		buf_puts(out, "void");
	buf_putc(out, ')');
}

static void print_chain(struct buf *out, const struct kbtf *b, struct chain *c, const char *name,
			int level, int depth);

static void print_array(struct buf *out, const struct kbtf *b, struct chain *c,
			const struct btf_type *t, const char *name, bool is_after_star, int level,
			int depth)
{
	const struct btf_array *array = kbtf_tail(t);
	bool is_inner;

	drop_modifiers(b, c);
	if (!c->len) {
		print_name(out, name, is_after_star);
		buf_printf(out, "[%u]", array->nelems);
		return;
	}
	/* Between two dimensions no parentheses are needed; around a pointer to an array they are.
	 */
	is_inner = kind_of(b, c->ids[c->len - 1]) == BTF_KIND_ARRAY;
	if (*name && !is_after_star)
		buf_putc(out, ' ');
	if (!is_inner)
		buf_putc(out, '(');
	print_chain(out, b, c, name, level, depth);
	if (!is_inner)
		buf_putc(out, ')');
	buf_printf(out, "[%u]", array->nelems);
}

/* What is left of the chain, from the base type outwards. */
static void print_chain(struct buf *out, const struct kbtf *b, struct chain *c, const char *name,
			int level, int depth)
{
	/* Inside parentheses the first star is not separated. */
	bool is_after_star = true;

	while (c->len) {
		uint32_t id = c->ids[--c->len];
		const struct btf_type *t = kbtf_type(b, id);

		switch (kind_of(b, id)) {
		case BTF_KIND_PTR:
			buf_puts(out, is_after_star ? "*" : " *");
			is_after_star = true;
			continue;
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT:
			buf_printf(out, " %s", modifier(kbtf_kind(t)));
			is_after_star = false;
			continue;
		case BTF_KIND_TYPE_TAG:
			print_modifiers(out, b, c);
			buf_printf(out, " __attribute__((btf_type_tag(\"%s\")))", kbtf_name(b, t));
			break;
		case BTF_KIND_ARRAY:
			print_array(out, b, c, t, name, is_after_star, level, depth);
			return;
		case BTF_KIND_FUNC_PROTO:
			drop_modifiers(b, c);
			if (c->len) {
				buf_puts(out, " (");
				print_chain(out, b, c, name, level, depth);
				buf_putc(out, ')');
			} else {
				print_name(out, name, is_after_star);
			}
			print_params(out, b, t, level, depth);
			return;
		default:
			print_modifiers(out, b, c);
			print_base(out, b, id, level, depth);
			break;
		}
		is_after_star = false;
	}
	print_name(out, name, is_after_star);
}

static void print_declaration(struct buf *out, const struct kbtf *b, uint32_t id, const char *name,
			      int level, int depth)
{
	struct chain c;

	if (depth > DEPTH_MAX || !build_chain(&c, b, id))
		return;
	print_chain(out, b, &c, name, level, depth);
}

void kbtf_print_type(struct buf *out, const struct kbtf *b, uint32_t id)
{
	print_declaration(out, b, id, "", 0, 0);
}

static void print_enumerators(struct buf *out, const struct kbtf *b, const struct btf_type *t,
			      int level)
{
	const struct btf_enum64 *wide = kbtf_tail(t);
	const struct btf_enum *narrow = kbtf_tail(t);
	bool is_signed = BTF_INFO_KFLAG(t->info);

	for (uint32_t i = 0; i < kbtf_vlen(t); i++) {
		buf_putc(out, '\n');
		buf_fill(out, '\t', (size_t)level + 1);
		if (kbtf_kind(t) == BTF_KIND_ENUM64) {
			uint64_t value = (uint64_t)wide[i].val_hi32 << 32 | wide[i].val_lo32;

			buf_printf(out, is_signed ? "%s = %lldLL," : "%s = %lluULL,",
				   kbtf_string(b, wide[i].name_off), (unsigned long long)value);
		} else {
			buf_printf(out, is_signed ? "%s = %d," : "%s = %u,",
				   kbtf_string(b, narrow[i].name_off), narrow[i].val);
		}
	}
}

static void print_members(struct buf *out, const struct kbtf *b, const struct btf_type *t,
			  int level, int depth)
{
	const struct btf_member *m = kbtf_tail(t);

	for (uint32_t i = 0; i < kbtf_vlen(t); i++) {
		uint32_t bits = BTF_INFO_KFLAG(t->info) ? BTF_MEMBER_BITFIELD_SIZE(m[i].offset) : 0;

		buf_putc(out, '\n');
		buf_fill(out, '\t', (size_t)level + 1);
		print_declaration(out, b, m[i].type, kbtf_string(b, m[i].name_off), level + 1,
				  depth + 1);
		if (bits)
			buf_printf(out, ": %u", bits);
		buf_putc(out, ';');
	}
}

/* " {...}" of a struct, union or enum. */
static void print_body(struct buf *out, const struct kbtf *b, const struct btf_type *t, int level,
		       int depth)
{
	buf_puts(out, " {");
	if (depth <= DEPTH_MAX) {
		if (kbtf_kind(t) == BTF_KIND_STRUCT || kbtf_kind(t) == BTF_KIND_UNION)
			print_members(out, b, t, level, depth);
		else if (kbtf_kind(t) != BTF_KIND_FWD)
			print_enumerators(out, b, t, level);
	}
	if (kbtf_vlen(t)) {
		buf_putc(out, '\n');
		buf_fill(out, '\t', (size_t)level);
	}
	buf_putc(out, '}');
}

void kbtf_print_definition(struct buf *out, const struct kbtf *b, uint32_t id)
{
	const struct btf_type *t = kbtf_type(b, id);

	if (!t || !*kbtf_name(b, t))
		return;
	switch (kbtf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		print_base(out, b, id, 0, 0);
		print_body(out, b, t, 0, 0);
		buf_puts(out, ";\n");
		break;
	default: break;
	}
}
