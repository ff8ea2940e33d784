/*
 * Lowering: strings compared, searched, measured, joined.
 *
 * A comparison with a literal is a few loads of up to 8 bytes and comparisons with constants: the
 * literal's length is known, and with its NUL all of its bytes must be the same.  Two strings that
 * are both not constant are compared 8 bytes at a time up to the first NUL.
 */
#include "ir/lower_impl.h"

#include <string.h>

/* Up to this many words are compared without a loop. */
#define UNROLLED_WORDS 4

#define ONES  0x0101010101010101
#define HIGHS 0x8080808080808080

static const struct ast *literal(const struct ast *e)
{
	while (e->kind == AST_CAST && e->type->kind == TYPE_STRING)
		e = e->cast.operand;
	return e->kind == AST_STRING && e->type->kind == TYPE_STRING ? e : NULL;
}

uint32_t string_capacity(const struct lower *lo, const struct type *t)
{
	switch (t->kind) {
	case TYPE_STRING: return t->size;
	case TYPE_ARRAY: return t->count;
	default: return (uint32_t)lo->o->config->max_strlen;
	}
}

/* The bytes of a string, a char array, or what a char pointer points to, in our memory. */
static struct place string_place(struct lower *lo, const struct ast *e)
{
	uint32_t capacity = string_capacity(lo, e->type);
	struct place src, copy;

	if (e->type->kind != TYPE_POINTER)
		return lower_place_ours(lo, e);
	src = place_ptr(lower_scalar(lo, e), 0, resolve_space(lo, e->type->as));
	if (src.as == AS_BPF)
		return src;
	copy = place_slot(lo, capacity, 1, "string");
	read_string(lo, &copy, emit_const(lo, capacity), &src);
	return copy;
}

/* ---- against a literal ----------------------------------------------------------------------- */

static uint64_t literal_word(const struct ast *e, uint32_t at, uint32_t count)
{
	uint64_t word = 0;

	for (uint32_t i = 0; i < count && at + i < e->string.len; i++)
		word |= (uint64_t)(uint8_t)e->string.data[at + i] << 8 * i;
	return word;
}

struct chunk {
	uint32_t load;  // bytes loaded
	uint32_t count; // bytes that are compared, the lowest ones
};

/* The next bytes to compare: one load more is dearer than a mask. */
static struct chunk next_chunk(int64_t offset, uint32_t left, uint32_t capacity_left)
{
	struct chunk c = { .load = 8 };

	while (c.load > 1 && (offset % c.load || c.load > capacity_left || c.load / 2 >= left))
		c.load /= 2;
	c.count = c.load < left ? c.load : left;
	return c;
}

/* Go to @differ unless the first @n bytes at @p are those of @e and the zeros behind it. */
static void compare_literal(struct lower *lo, const struct place *p, uint32_t capacity,
			    const struct ast *e, uint32_t n, struct ir_block *differ)
{
	for (uint32_t at = 0; at < n;) {
		struct chunk c = next_chunk(p->offset + at, n - at, capacity - at);
		struct ir_insn *word = place_load(lo, p, at, c.load, false);
		struct ir_block *same = block_new(lo);

		if (c.count < c.load)
			word = emit_op_imm(lo, OP_AND, word,
					   (int64_t)(((uint64_t)1 << 8 * c.count) - 1));
		emit_branch_imm(lo, COND_EQ, word, (int64_t)literal_word(e, at, c.count), same,
				differ);
		block_enter(lo, same);
		at += c.count;
	}
}

/* `comm` has nothing but zeros behind its end: whole words may be compared. */
static bool is_filled(const struct ast *e)
{
	return e->kind == AST_BUILTIN && e->ident.builtin == BI_comm;
}

static void branch_literal(struct lower *lo, const struct ast *e, const struct ast *text,
			   uint32_t n, struct ir_block *equal, struct ir_block *differ)
{
	struct place p = string_place(lo, e);
	uint32_t capacity = string_capacity(lo, e->type);

	if (n > text->string.len + 1)
		n = text->string.len + 1;
	/* A literal that ends inside the word: the rest is zero in both. */
	if (is_filled(e) && n == text->string.len + 1 && ((n + 7) & ~7u) <= capacity)
		n = (n + 7) & ~7u;
	compare_literal(lo, &p, capacity, text, n, differ);
	emit_jump(lo, equal);
}

/* ---- two strings ----------------------------------------------------------------------------- */

/*
 * Words @x and @y, then the bytes from the first NUL of @x on do not matter.  With z = the high bit
 * of each zero byte of x (exact up to the lowest one), (lowest bit of z) * 2 - 1 masks all bytes
 * up to the NUL, and everything when there is none.
 */
static void branch_words(struct lower *lo, struct ir_insn *x, struct ir_insn *y,
			 struct ir_block *equal, struct ir_block *differ, struct ir_block *next)
{
	struct ir_insn *difference = emit_op(lo, OP_XOR, x, y), *z, *mask;
	struct ir_block *same = block_new(lo);

	z = emit_op(lo, OP_AND, emit_op_imm(lo, OP_SUB, x, ONES), emit_op_imm(lo, OP_XOR, x, -1));
	z = emit_op_imm(lo, OP_AND, z, (int64_t)HIGHS);
	mask = emit_op(lo, OP_AND, z, emit_op(lo, OP_NEG, z, NULL));
	mask = emit_add_imm(lo, emit_op_imm(lo, OP_SHL, mask, 1), -1);
	emit_branch(lo, COND_SET, difference, mask, differ, same);
	block_enter(lo, same);
	emit_branch_imm(lo, COND_NE, z, 0, equal, next);
	block_enter(lo, next);
}

static struct place at_offset(struct lower *lo, const struct place *p, struct ir_insn *offset)
{
	return place_ptr(emit_op(lo, OP_ADD, place_address(lo, p), offset), 0, AS_BPF);
}

/* A loop over @count pieces of @size bytes, entered; the caller ends each round in l->next. */
struct piece_loop {
	struct ir_block *head, *next, *end;
	struct ir_insn *offset;
	uint32_t variable;
	uint32_t size;
};

static struct piece_loop piece_loop_begin(struct lower *lo, uint32_t size, uint32_t bytes)
{
	struct piece_loop l = { .head = block_open(lo),
				.next = block_new(lo),
				.end = block_new(lo),
				.variable = ssa_var_new(lo),
				.size = size };
	struct ir_block *body = block_new(lo);

	ssa_write(lo, l.variable, emit_const(lo, 0));
	emit_jump(lo, l.head);
	block_enter(lo, l.head);
	l.offset = ssa_read(lo, l.variable);
	emit_branch_imm(lo, COND_ULT, l.offset, bytes, body, l.end);
	block_enter(lo, body);
	return l;
}

/* In block l->next. */
static void piece_loop_end(struct lower *lo, struct piece_loop *l)
{
	ssa_write(lo, l->variable, emit_add_imm(lo, l->offset, l->size));
	emit_jump(lo, l->head);
	ssa_seal(lo, l->head);
	block_enter(lo, l->end);
}

static void compare_words(struct lower *lo, const struct place *a, const struct place *b,
			  uint32_t bytes, struct ir_block *equal, struct ir_block *differ)
{
	struct piece_loop l;
	struct place pa, pb;

	if (bytes <= 8 * UNROLLED_WORDS) {
		for (uint32_t i = 0; i < bytes; i += 8)
			branch_words(lo, place_load(lo, a, i, 8, false),
				     place_load(lo, b, i, 8, false), equal, differ, block_new(lo));
		return;
	}
	l = piece_loop_begin(lo, 8, bytes);
	pa = at_offset(lo, a, l.offset);
	pb = at_offset(lo, b, l.offset);
	branch_words(lo, place_load(lo, &pa, 0, 8, false), place_load(lo, &pb, 0, 8, false), equal,
		     differ, l.next);
	piece_loop_end(lo, &l);
}

/* Bytes from @from to @to, one by one. */
static void compare_bytes(struct lower *lo, const struct place *a, const struct place *b,
			  uint32_t from, uint32_t to, struct ir_block *equal,
			  struct ir_block *differ)
{
	struct place pa = place_at(*a, from), pb = place_at(*b, from);
	struct ir_block *same;
	struct piece_loop l;
	struct ir_insn *x, *y;

	if (from >= to)
		return;
	l = piece_loop_begin(lo, 1, to - from);
	pa = at_offset(lo, &pa, l.offset);
	pb = at_offset(lo, &pb, l.offset);
	x = place_load(lo, &pa, 0, 1, false);
	y = place_load(lo, &pb, 0, 1, false);
	same = block_new(lo);
	emit_branch(lo, COND_EQ, x, y, same, differ);
	block_enter(lo, same);
	emit_branch_imm(lo, COND_EQ, x, 0, equal, l.next);
	block_enter(lo, l.next);
	piece_loop_end(lo, &l);
}

static bool is_aligned(const struct place *p)
{
	return p->offset % 8 == 0;
}

void branch_strings(struct lower *lo, const struct ast *a, const struct ast *b, uint32_t n,
		    struct ir_block *equal, struct ir_block *differ)
{
	const struct ast *text = literal(b);
	struct place pa, pb;
	uint32_t words;

	if (text) {
		branch_literal(lo, a, text, n, equal, differ);
		return;
	}
	text = literal(a);
	if (text) {
		branch_literal(lo, b, text, n, equal, differ);
		return;
	}
	pa = string_place(lo, a);
	pb = string_place(lo, b);
	words = is_aligned(&pa) && is_aligned(&pb) ? n & ~7u : 0;
	if (words)
		compare_words(lo, &pa, &pb, words, equal, differ);
	compare_bytes(lo, &pa, &pb, words, n, equal, differ);
	emit_jump(lo, equal);
}

void branch_bytes(struct lower *lo, const struct place *a, const struct place *b, uint32_t size,
		  struct ir_block *equal, struct ir_block *differ)
{
	uint32_t at = 0;
	struct piece_loop l;
	struct place pa, pb;

	if (size > LARGE_COPY && is_aligned(a) && is_aligned(b)) {
		l = piece_loop_begin(lo, 8, size & ~7u);
		pa = at_offset(lo, a, l.offset);
		pb = at_offset(lo, b, l.offset);
		emit_branch(lo, COND_EQ, place_load(lo, &pa, 0, 8, false),
			    place_load(lo, &pb, 0, 8, false), l.next, differ);
		block_enter(lo, l.next);
		piece_loop_end(lo, &l);
		at = size & ~7u;
	}
	while (at < size) {
		struct ir_block *same = block_new(lo);
		uint32_t n = 8;

		while (n > size - at || (a->offset + at) % n || (b->offset + at) % n)
			n /= 2;
		emit_branch(lo, COND_EQ, place_load(lo, a, at, n, false),
			    place_load(lo, b, at, n, false), same, differ);
		block_enter(lo, same);
		at += n;
	}
	emit_jump(lo, equal);
}

/* 0 or 1 by which of two blocks is reached. */
struct ir_insn *strings_equal(struct lower *lo, const struct ast *a, const struct ast *b,
			      uint32_t n)
{
	struct ir_block *equal = block_new(lo), *differ = block_new(lo), *done = block_new(lo);
	struct ir_insn *one, *zero;

	branch_strings(lo, a, b, n, equal, differ);
	block_enter(lo, equal);
	one = emit_const(lo, 1);
	emit_jump(lo, done);
	block_enter(lo, differ);
	zero = emit_const(lo, 0);
	emit_jump(lo, done);
	block_enter(lo, done);
	return emit_phi2(lo, done, equal, one, zero);
}

struct ir_insn *lower_strncmp(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct ast *a = e->call.args.data[0], *b = e->call.args.data[1];
	uint64_t n = e->call.args.data[2]->integer.value;

	(void)dst;
	if (n > string_capacity(lo, a->type))
		n = string_capacity(lo, a->type);
	if (n > string_capacity(lo, b->type))
		n = string_capacity(lo, b->type);
	return emit_cmp(lo, COND_EQ, strings_equal(lo, a, b, (uint32_t)n), emit_const(lo, 0));
}

/* ---- length, concatenation ------------------------------------------------------------------- */

/* What a read of a string returned, as its length: not counting the NUL, 0 if it failed. */
static struct ir_insn *length_of_read(struct lower *lo, struct ir_insn *ret)
{
	struct ir_insn *zero = emit_const(lo, 0), *is_read;

	ret = emit_extend(lo, ret, 4, true);
	is_read = emit_cmp(lo, COND_SGT, ret, zero);
	return emit_select(lo, is_read, emit_add_imm(lo, ret, -1), zero);
}

/* Something string-like wherever it is. */
static struct place string_source(struct lower *lo, const struct ast *e)
{
	if (e->type->kind != TYPE_POINTER)
		return lower_place(lo, e);
	return place_ptr(lower_scalar(lo, e), 0, resolve_space(lo, e->type->as));
}

struct ir_insn *lower_strlen(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct ast *arg = e->call.args.data[0];
	uint32_t size = string_capacity(lo, arg->type);
	struct place src, copy;

	(void)dst;
	if (literal(arg))
		return emit_const(lo, (int64_t)strlen(literal(arg)->string.data));
	/* An array may be full, without a NUL: the helper counts one for it. */
	if (arg->type->kind == TYPE_ARRAY)
		size++;
	src = string_source(lo, arg);
	copy = place_slot(lo, size, 1, "strlen");
	return length_of_read(lo, read_string(lo, &copy, emit_const(lo, size), &src));
}

struct ir_insn *lower_str_concat(struct lower *lo, const struct ast *e, const struct place *dst)
{
	uint32_t size = e->type->size;
	/* The verifier does not relate where the second string goes to the room that is left. */
	struct place both = place_slot(lo, 2 * size, 1, "str_concat"), second, src;
	struct ir_block *fits = block_new(lo), *done = block_new(lo);
	struct ir_insn *length;

	src = string_source(lo, e->call.args.data[0]);
	length = length_of_read(lo, read_string(lo, &both, emit_const(lo, size), &src));
	src = string_source(lo, e->call.args.data[1]);
	emit_branch_imm(lo, COND_ULT, length, size, fits, done);
	block_enter(lo, fits);
	second = at_offset(lo, &both, length);
	read_string(lo, &second, emit_const(lo, size), &src);
	emit_jump(lo, done);
	block_enter(lo, done);
	if (dst->is_padded)
		place_zero(lo, dst, 0, size);
	read_string(lo, dst, emit_const(lo, size), &both);
	return NULL;
}

/* ---- searching ------------------------------------------------------------------------------- */

struct search {
	struct place haystack, needle;
	uint32_t haystack_size, needle_size;
	const struct ast *text; // the needle, if it is a literal
	struct ir_block *found;
	uint32_t position; // variable
};

/* Is the rest of the needle at the haystack's @from?  Goes on in @miss. */
static void match_literal(struct lower *lo, const struct search *s, const struct place *from,
			  struct ir_block *miss)
{
	for (uint32_t i = 1; i < s->text->string.len; i++) {
		struct ir_block *same = block_new(lo);

		emit_branch_imm(lo, COND_EQ, place_load(lo, from, i, 1, false),
				(uint8_t)s->text->string.data[i], same, miss);
		block_enter(lo, same);
	}
	emit_jump(lo, s->found);
}

static void search_literal(struct lower *lo, struct search *s)
{
	uint32_t length = s->text->string.len;
	struct ir_block *first, *other;
	struct piece_loop l;
	struct ir_insn *c;
	struct place from;

	if (length > s->haystack_size)
		return;
	l = piece_loop_begin(lo, 1, s->haystack_size - length + 1);
	ssa_write(lo, s->position, l.offset);
	from = at_offset(lo, &s->haystack, l.offset);
	c = place_load(lo, &from, 0, 1, false);
	first = block_new(lo);
	other = block_new(lo);
	emit_branch_imm(lo, COND_EQ, c, (uint8_t)s->text->string.data[0], first, other);
	block_enter(lo, first);
	match_literal(lo, s, &from, l.next);
	block_enter(lo, other);
	emit_branch_imm(lo, COND_EQ, c, 0, l.end, l.next);
	block_enter(lo, l.next);
	piece_loop_end(lo, &l);
}

/* The needle's bytes one by one, up to its NUL or its capacity. */
static void match_string(struct lower *lo, const struct search *s, const struct place *from,
			 struct ir_insn *start, struct ir_block *miss)
{
	struct piece_loop l = piece_loop_begin(lo, 1, s->needle_size);
	struct ir_block *more = block_new(lo), *inside = block_new(lo);
	struct place n = at_offset(lo, &s->needle, l.offset), h;
	struct ir_insn *c = place_load(lo, &n, 0, 1, false);

	emit_branch_imm(lo, COND_EQ, c, 0, s->found, more);
	block_enter(lo, more);
	emit_branch_imm(lo, COND_ULT, emit_op(lo, OP_ADD, start, l.offset), s->haystack_size,
			inside, miss);
	block_enter(lo, inside);
	h = at_offset(lo, from, l.offset);
	emit_branch(lo, COND_EQ, place_load(lo, &h, 0, 1, false), c, l.next, miss);
	block_enter(lo, l.next);
	piece_loop_end(lo, &l);
	emit_jump(lo, s->found);
}

static void search_string(struct lower *lo, struct search *s)
{
	struct piece_loop l = piece_loop_begin(lo, 1, s->haystack_size);
	struct ir_block *here = block_new(lo);
	struct place from = at_offset(lo, &s->haystack, l.offset);

	ssa_write(lo, s->position, l.offset);
	match_string(lo, s, &from, l.offset, here);
	block_enter(lo, here);
	emit_branch_imm(lo, COND_EQ, place_load(lo, &from, 0, 1, false), 0, l.end, l.next);
	block_enter(lo, l.next);
	piece_loop_end(lo, &l);
}

/* The position of args[1] in args[0], or -1. */
static struct ir_insn *find_string(struct lower *lo, const struct ast *e)
{
	const struct ast *haystack = e->call.args.data[0], *needle = e->call.args.data[1];
	struct search s = { .text = literal(needle) };

	if (s.text && !s.text->string.len)
		return emit_const(lo, 0);
	s.found = block_new(lo);
	s.position = ssa_var_new(lo);
	s.haystack = string_place(lo, haystack);
	s.haystack_size = string_capacity(lo, haystack->type);
	if (s.text) {
		search_literal(lo, &s);
	} else {
		s.needle = string_place(lo, needle);
		s.needle_size = string_capacity(lo, needle->type);
		search_string(lo, &s);
	}
	ssa_write(lo, s.position, emit_const(lo, -1));
	emit_jump(lo, s.found);
	block_enter(lo, s.found);
	return ssa_read(lo, s.position);
}

struct ir_insn *lower_strstr(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return find_string(lo, e);
}

struct ir_insn *lower_strcontains(struct lower *lo, const struct ast *e, const struct place *dst)
{
	(void)dst;
	return emit_cmp(lo, COND_SGE, find_string(lo, e), emit_const(lo, 0));
}

struct ir_insn *lower_memcmp(struct lower *lo, const struct ast *e, const struct place *dst)
{
	const struct ast *left = e->call.args.data[0], *right = e->call.args.data[1];
	struct place a = string_place(lo, left), b = string_place(lo, right);
	uint32_t size = string_capacity(lo, left->type), result = ssa_var_new(lo);
	struct ir_block *differ = block_new(lo), *done = block_new(lo), *inside = block_new(lo);
	struct ir_insn *limit = lower_scalar(lo, e->call.args.data[2]), *x, *y;
	struct piece_loop l;

	(void)dst;
	if (left->type->kind != TYPE_POINTER)
		size = left->type->size;
	if (right->type->kind != TYPE_POINTER && right->type->size < size)
		size = right->type->size;
	ssa_write(lo, result, emit_const(lo, 0));
	l = piece_loop_begin(lo, 1, size);
	emit_branch(lo, COND_ULT, l.offset, limit, inside, l.end);
	block_enter(lo, inside);
	a = at_offset(lo, &a, l.offset);
	b = at_offset(lo, &b, l.offset);
	x = place_load(lo, &a, 0, 1, true);
	y = place_load(lo, &b, 0, 1, true);
	emit_branch(lo, COND_EQ, x, y, l.next, differ);
	block_enter(lo, differ);
	ssa_write(lo, result, emit_op(lo, OP_SUB, x, y));
	emit_jump(lo, done);
	block_enter(lo, l.next);
	piece_loop_end(lo, &l);
	emit_jump(lo, done);
	block_enter(lo, done);
	return ssa_read(lo, result);
}
