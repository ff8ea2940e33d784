/*
 * BTF of a program: names of its functions, which the kernel demands where there are callbacks, and
 * the lines of the script, which the verifier quotes in its log.
 *
 * Reference: Documentation/bpf/btf.rst.
 */
#include <linux/btf.h>
#include <string.h>

#include "bpf/codegen.h"
#include "util/strmap.h"
#include "util/vec.h"

#define TYPE_ID_INT 1
#define TYPE_ID_PTR 2 // void *

/* Of a source line, for the verifier's log: a script may be one line of any length. */
#define LINE_MAX_LEN 256

struct writer {
	struct arena *arena;
	vec_of(uint32_t) types; // as words
	vec_of(char) strings;
	struct strmap known; // string -> offset + 1
	uint32_t type_count;
};

static uint32_t add_string(struct writer *w, const char *s, size_t len)
{
	uintptr_t known = (uintptr_t)strmap_get_n(&w->known, s, len);
	uint32_t offset = (uint32_t)w->strings.len;

	if (known)
		return (uint32_t)known - 1;
	for (size_t i = 0; i < len; i++)
		vec_push(w->arena, &w->strings, s[i]);
	vec_push(w->arena, &w->strings, '\0');
	strmap_put_n(&w->known, s, len, (void *)(uintptr_t)(offset + 1));
	return offset;
}

static void add_word(struct writer *w, uint32_t word)
{
	vec_push(w->arena, &w->types, word);
}

/* struct btf_type; returns its id. */
static uint32_t add_type(struct writer *w, const char *name, uint32_t kind, uint32_t vlen,
			 uint32_t size_or_type)
{
	add_word(w, name ? add_string(w, name, strlen(name)) : 0);
	add_word(w, kind << 24 | vlen);
	add_word(w, size_or_type);
	return ++w->type_count;
}

static uint32_t add_func(struct writer *w, const struct image_func *func, bool is_main)
{
	static const char *const param_names[5] = { "a", "b", "c", "d", "e" };
	uint32_t params = is_main ? 1 : func->param_count;
	uint32_t proto = add_type(w, NULL, BTF_KIND_FUNC_PROTO, params, TYPE_ID_INT);

	for (uint32_t i = 0; i < params; i++) {
		const char *name = is_main ? "ctx" : param_names[i];

		add_word(w, add_string(w, name, strlen(name)));
		add_word(w, TYPE_ID_PTR);
	}
	return add_type(w, func->name, BTF_KIND_FUNC, BTF_FUNC_STATIC, proto);
}

static struct bpf_line_info line_info_of(struct writer *w, uint32_t pc, struct span span)
{
	struct bpf_line_info info = { .insn_off = pc };
	struct position at = source_position(span.source, span.begin);
	const char *text;
	size_t len;

	text = source_line(span.source, at.line, &len);
	info.file_name_off = add_string(w, span.source->name, strlen(span.source->name));
	info.line_off = add_string(w, text, strnlen(text, len < LINE_MAX_LEN ? len : LINE_MAX_LEN));
	info.line_col = at.line << 10 | (at.column & 0x3ff);
	return info;
}

/* Every function must have a line at its first instruction, if there are lines at all. */
static void add_lines(struct writer *w, struct image_program *p)
{
	vec_of(struct bpf_line_info) infos = { 0 };
	uint32_t func = 0;

	for (uint32_t i = 0; i < p->line_count; i++) {
		const struct image_line *line = &p->lines[i];

		for (; func < p->func_count && p->funcs[func].pc <= line->pc; func++)
			if (p->funcs[func].pc < line->pc)
				vec_push(w->arena, &infos,
					 line_info_of(w, p->funcs[func].pc, line->span));
		vec_push(w->arena, &infos, line_info_of(w, line->pc, line->span));
	}
	for (; infos.len && func < p->func_count; func++)
		vec_push(w->arena, &infos,
			 line_info_of(w, p->funcs[func].pc, p->lines[p->line_count - 1].span));
	p->line_info = infos.data;
	p->line_info_count = (uint32_t)infos.len;
}

static void join(struct writer *w, struct image_program *out)
{
	uint32_t type_bytes = (uint32_t)(w->types.len * sizeof(*w->types.data));
	struct btf_header header = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(header),
		.type_len = type_bytes,
		.str_off = type_bytes,
		.str_len = (uint32_t)w->strings.len,
	};
	char *data = arena_alloc(w->arena, sizeof(header) + type_bytes + w->strings.len);

	memcpy(data, &header, sizeof(header));
	memcpy(data + sizeof(header), w->types.data, type_bytes);
	memcpy(data + sizeof(header) + type_bytes, w->strings.data, w->strings.len);
	out->btf = data;
	out->btf_size = (uint32_t)(sizeof(header) + type_bytes + w->strings.len);
}

void btf_make(struct image_program *out, struct arena *a)
{
	struct writer w = { .arena = a };
	uint32_t *ids = arena_array(a, uint32_t, out->func_count);
	struct bpf_func_info *infos = arena_array(a, struct bpf_func_info, out->func_count);

	strmap_init(&w.known, a);
	vec_push(a, &w.strings, '\0');
	add_type(&w, "int", BTF_KIND_INT, 0, 4);
	add_word(&w, BTF_INT_SIGNED << 24 | 32);
	add_type(&w, NULL, BTF_KIND_PTR, 0, 0);
	for (uint32_t i = 0; i < out->func_count; i++) {
		ids[i] = add_func(&w, &out->funcs[i], i == 0);
		infos[i].insn_off = out->funcs[i].pc;
		infos[i].type_id = ids[i];
	}
	add_lines(&w, out);
	join(&w, out);
	out->btf_func_ids = ids;
	out->func_info = infos;
}
