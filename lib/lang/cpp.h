/*
 * The C preprocessor, as far as scripts and their headers need it: #define of both kinds, #undef,
 * #if and its family, #include, #error; # and ## in macros.
 *
 * The text of the script's C declarations becomes one list of tokens (cdecl.c parses it), and the
 * macros that are left at its end are what the script's expressions may use.
 */
#pragma once

#include <stdbool.h>

#include "lang/ast.h"
#include "lang/diag.h"
#include "util/strmap.h"

enum c_token_kind { C_END, C_IDENT, C_NUMBER, C_STRING, C_CHAR, C_PUNCT };

/* The macros whose expansion a token came from: they are not expanded in it again. */
struct cpp_hide {
	const char *name;
	const struct cpp_hide *next;
};

struct c_token {
	enum c_token_kind kind;
	bool is_first; // of its line
	bool after_space;
	const char *text; // spelling
	const struct cpp_hide *hide;
	struct span span;
};

typedef vec_of(struct c_token) c_token_list;

struct cpp_macro {
	const char *name;
	bool is_function;
	bool is_variadic;
	vec_of(const char *) params;
	c_token_list body;
	const char *text; // of the body
	struct span span;
};

/* One #if that is open. */
struct cpp_condition {
	struct span span;
	bool is_active;  // its lines count
	bool was_active; // one of its branches did
	bool is_outer_active;
	bool has_else;
};

struct cpp {
	struct arena *arena;
	struct diags *diags;
	struct strmap macros;               // name -> struct cpp_macro; NULL after #undef
	struct strmap once;                 // paths of headers with #pragma once
	vec_of(const char *) include_paths; // where headers are searched
	struct files *files;                // NULL: the file system
	vec_of(struct cpp_condition) conditions;
	c_token_list output;
	uint32_t depth;     // of #include
	size_t token_count; // made by expansion
	/* Set while declarations are parsed: the value of a name in a constant expression. */
	bool (*constant)(void *ctx, const char *name, int64_t *value);
	void *constant_ctx;
};

void cpp_init(struct cpp *c, struct arena *a, struct diags *diags);
/* Define an object-like macro, as -D does. */
void cpp_define(struct cpp *c, const char *name, const char *text);
/* Process bytes [@begin, @end) of @source; @dir is where its headers are, or NULL. */
void cpp_process(struct cpp *c, const struct source *source, uint32_t begin, uint32_t end,
		 const char *dir);
/* End the declaration at hand: a script may leave its semicolon out. */
void cpp_end_declaration(struct cpp *c);
/* Report what is still open. */
void cpp_finish(struct cpp *c);
const struct cpp_macro *cpp_find(const struct cpp *c, const char *name);
/* The number of parameter @name, or -1. */
long cpp_find_param(const struct cpp_macro *macro, const char *name);

/* cpp_token.c: the tokens of a text, without comments and line continuations. */
void c_tokenize(struct arena *a, c_token_list *out, const struct source *source, uint32_t begin,
		uint32_t end);
/* The value of an integer or character constant. */
bool c_constant(struct arena *a, const struct c_token *token, int64_t *value);
/* The tokens as text again, with the space that was between them. */
const char *c_token_text(struct arena *a, const struct c_token *tokens, size_t count);
bool c_token_is(const struct c_token *token, const char *text);

/* cpp_expand.c: @tokens with their macros expanded, appended to @out. */
void cpp_expand(struct cpp *c, const struct c_token *tokens, size_t count, c_token_list *out);
/* cpp_if.c: the value of a constant expression. */
int64_t cpp_evaluate(struct cpp *c, const struct c_token *tokens, size_t count, struct span span);
