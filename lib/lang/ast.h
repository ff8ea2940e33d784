/*
 * Abstract syntax tree.
 *
 * One struct with a tagged union per node.  The parser builds it; macro expansion and semantic
 * analysis rewrite it in place and fill in what the comment marks "sema:".  Children in lists keep
 * source order, which is the order of evaluation.  Everything is in the program's arena.
 *
 * After semantic analysis, what lowering sees is smaller than the language: macros are expanded,
 * comptime conditions folded, identifiers resolved to constants or built-ins, assignments
 * "+=" rewritten as "= a + b" (but for ++ and --), implicit conversions made explicit as AST_CAST,
 * sizeof/offsetof/typeof folded to AST_INT, and every expression has a type.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lang/probe.h"
#include "lang/source.h"
#include "lang/type.h"
#include "util/vec.h"

enum ast_kind {
	/* Expressions. */
	AST_INT,
	AST_BOOL,
	AST_STRING,
	AST_IDENT,   // sema: becomes AST_INT, AST_BUILTIN or a macro's expansion
	AST_BUILTIN, // built-in variable: pid, comm, args, arg0 …   (sema makes it of AST_IDENT)
	AST_POSITIONAL,       // $1          (sema folds)
	AST_POSITIONAL_COUNT, // $#    (sema folds)
	AST_VAR,              // $x
	AST_VAR_ADDR,         // &$x
	AST_MAP,              // @x without a key: a scalar map's value, or a map as an argument
	AST_MAP_ADDR,         // &@x
	AST_MAP_ACCESS,       // @x[key]
	AST_CALL,             // f(args), f!(args)
	AST_UNARY,
	AST_BINARY,
	AST_TERNARY, // c ? a : b; also if/else used as an expression
	AST_FIELD,   // e.name, e->name, e.0
	AST_INDEX,   // e[i]
	AST_CAST,    // (type)e
	AST_TUPLE,
	AST_RECORD, // (a=1, b=2)
	AST_SIZEOF, // of a type or an expression
	AST_OFFSETOF,
	AST_TYPEOF, // a type where an expression is expected
	AST_TYPEINFO,
	AST_COMPTIME, // comptime e
	AST_BLOCK,    // { statements; value }: value may be NULL; a statement too
	/* Statements. */
	AST_EXPR_STMT,
	AST_ASSIGN, // lhs op= rhs; lhs is AST_VAR, AST_MAP, AST_MAP_ACCESS, or NULL for `_ = e`
	AST_LET,    // let $x; let $x: type; let $x = e
	AST_IF,
	AST_WHILE,
	AST_FOR_MAP,
	AST_FOR_RANGE,
	AST_UNROLL,
	AST_BREAK,
	AST_CONTINUE,
	AST_RETURN,
	AST_IMPORT, // import "x" inside a macro; no effect after resolution
	AST_KIND_COUNT,
};

enum ast_op {
	OPR_ADD,
	OPR_SUB,
	OPR_MUL,
	OPR_DIV,
	OPR_MOD,
	OPR_BAND,
	OPR_BOR,
	OPR_BXOR,
	OPR_SHL,
	OPR_SHR,
	OPR_EQ,
	OPR_NE,
	OPR_LT,
	OPR_LE,
	OPR_GT,
	OPR_GE,
	OPR_LAND,
	OPR_LOR,
	/* unary */
	OPR_NEG,
	OPR_LNOT,
	OPR_BNOT,
	OPR_DEREF,
	OPR_PRE_INC,
	OPR_PRE_DEC,
	OPR_POST_INC,
	OPR_POST_DEC,
	OPR_NONE, // plain assignment
	OPR_COUNT,
};

/* Passes may recurse: a script can't make a tree that is higher. */
#define AST_MAX_HEIGHT 1000

struct ast;
struct map_decl;
typedef vec_of(struct ast *) ast_list;

/*
 * A type as it is written, before it is looked up:  const? struct NAME * [N] …
 * Modifiers apply from left to right.
 */
struct type_modifier {
	bool is_pointer;
	bool has_count;    // [N] as opposed to []
	struct ast *count; // array length: a constant expression
};

struct type_expr {
	struct span span;
	const char *tag;                // "struct", "union", "enum" or NULL
	const char *name;               // "foo", "uint32", "string"; NULL for typeof
	struct ast *type_of;            // typeof(expression)
	struct type_expr *type_of_type; // typeof(type)
	vec_of(struct type_modifier) modifiers;
};

/* A scratch variable. */
struct variable {
	const char *name;           // without the $
	struct span span;           // of its declaration
	const struct type *type;    // sema
	struct type_expr *declared; // let $x: type
	uint32_t id;                // sema: unique within the probe
	uint32_t loop_depth;        // sema: callback loops (for) around the declaration
	bool is_captured;           // sema: used in a deeper for loop than its own: lives in memory
	bool is_addressed;          // sema: &$x is taken: lives in memory
	bool is_loop;               // the variable of a for loop: read-only
};

struct ast {
	enum ast_kind kind;
	uint32_t height; // of the tree below, when parsed; at most AST_MAX_HEIGHT
	bool is_last;    // AST_EXPR_STMT: followed by the end of its block
	struct span span;
	const struct type *type; // sema: expressions
	union {
		struct {
			uint64_t value;
			bool is_negative; // sema: a folded negative literal; value is its two's
					  // complement
			bool is_unsigned; // does not fit an int64
			bool is_literal;  // as opposed to a typed constant made by folding
			const char *text; // as written, for messages
		} integer;                // AST_INT, AST_BOOL
		struct {
			const char *data;
			uint32_t len; // without the NUL
		} string;
		struct {
			const char *name;
			uint32_t builtin; // sema: BI_* of builtins.def
			uint32_t number;  // argN, sargN: N;  $N: N
		} ident;                  // AST_IDENT, AST_BUILTIN, AST_POSITIONAL
		struct {
			const char *name;     // without the $
			struct variable *var; // sema
		} var;                        // AST_VAR, AST_VAR_ADDR
		struct {
			const char *name;     // without the @; "" for the anonymous map
			struct map_decl *map; // sema
			struct ast *key;      // AST_MAP_ACCESS; several keys are an AST_TUPLE
		} map;                        // AST_MAP, AST_MAP_ADDR, AST_MAP_ACCESS
		struct {
			const char *name;
			struct span name_span;
			ast_list args;
			uint32_t builtin; // sema: BI_*
			bool has_bang;    // name!(…)
			void *data;       // sema: what its check computed, see builtin_check.h
		} call;
		struct {
			enum ast_op op;
			struct ast *operand;
		} unary;
		struct {
			enum ast_op op;
			struct ast *left;
			struct ast *right;
		} binary;
		struct {
			struct ast *cond;
			struct ast *then;
			struct ast *other; // NULL: if without else
		} branch;                  // AST_TERNARY, AST_IF
		struct {
			struct ast *object;
			const char *name; // "0", "1" … for tuples
			struct span name_span;
			bool is_arrow;
			struct type_member member; // sema: where the field is
		} field;
		struct {
			struct ast *object;
			struct ast *index;
		} index;
		struct {
			struct type_expr *to; // NULL: made by sema, the type is in ast->type
			struct ast *operand;
		} cast;
		struct {
			ast_list items;
			const char **names; // AST_RECORD: one an item
		} tuple;
		struct {
			struct type_expr *of_type; // one of the two
			struct ast *of_expr;
			vec_of(const char *) path; // offsetof: a.b.c
		} type_query; // AST_SIZEOF, AST_OFFSETOF, AST_TYPEOF, AST_TYPEINFO
		struct {
			ast_list stmts;
			struct ast *value; // the block's value as an expression, or NULL
			bool is_macro_body;
		} block;
		struct ast *expr; // AST_EXPR_STMT, AST_COMPTIME, AST_RETURN (may be NULL)
		struct {
			struct ast *lhs; // NULL: discard
			enum ast_op op;
			struct ast *rhs;
			struct span op_span; // compound: the operator and rhs, as bpftrace shows it
		} assign;
		struct {
			const char *name;
			struct span name_span;      // let $x
			struct variable *var;       // sema
			struct type_expr *declared; // or NULL
			struct ast *init;           // or NULL
		} let;
		struct {
			const char *name; // of the loop variable
			struct span name_span;
			struct variable *var; // sema
			struct ast *map;      // AST_FOR_MAP: an AST_MAP
			struct ast *start;    // AST_FOR_RANGE
			struct ast *end;
			struct span range_span;
			struct ast *body;
			vec_of(struct variable *) captures; // sema: outer variables the body uses
		} loop;
		struct {
			struct ast *cond; // AST_WHILE; AST_UNROLL: the count
			struct ast *body;
		} repeat;
		const char *import_path;
	};
};

/* The storage kind of a map as declared: let @a = lruhash(100). */
enum map_kind {
	MAP_DEFAULT,
	MAP_HASH,
	MAP_LRU_HASH,
	MAP_PERCPU_HASH,
	MAP_PERCPU_LRU_HASH,
	MAP_SCALAR
};

struct map_decl {
	const char *name; // without the @
	struct span span; // of the declaration or first use
	uint32_t id;      // index in ast_program.maps
	enum map_kind kind;
	uint32_t max_entries;
	const struct type *key;   // sema: NULL for a scalar map
	const struct type *value; // sema: TYPE_AGG for count() and the like
	bool is_declared;
	bool is_value_read; // sema: used as a value, not only printed
	bool is_iterated;
	bool is_passed; // to functions that need a real BPF map (&@x, …)
};

struct macro_param {
	const char *name; // without sigil
	char sigil;       // '$', '@' or 0 for an expression
	struct span span;
};

struct macro {
	const char *name;
	struct span span;
	vec_of(struct macro_param) params;
	struct ast *body; // AST_BLOCK
	bool is_builtin;  // of the standard library
};

/* An action block as written; expansion makes struct probe of it. */
struct ast_action {
	struct span span;
	const char *label;                 // name=probe:…
	vec_of(struct attach_point) specs; // only raw and span are set by the parser
	struct ast *predicate;             // or NULL
	struct ast *body;                  // AST_BLOCK
};

/*
 * One body, typed, for the attach points that share it.  An action whose body depends on where it
 * is attached (args, retval, a comparison of `probe`) gives one probe per distinct context.
 */
struct probe {
	uint32_t id;
	enum probe_kind kind;
	struct span span;
	const struct ast_action *action;
	vec_of(struct attach_point *) attach_points;
	struct ast *predicate;
	struct ast *body;
	const struct type *args;   // TYPE_ARGS of this context, or NULL
	const struct type *retval; // or NULL
	uint32_t variable_count;
	bool uses_args_whole; // print(args), @ = args
	bool is_sleepable_ok;
};

struct config_setting {
	const char *name;  // as written
	const char *value; // text; a number as written
	struct span span;
	bool is_string;
	bool is_integer;
	uint64_t integer;
};

/* fn name($a : type, …) : type { … } */
struct subprog_param {
	const char *name; // without the $
	struct span span;
	struct type_expr *type;
};

struct subprog {
	const char *name;
	struct span span;
	vec_of(struct subprog_param) params;
	struct type_expr *result;
	struct ast *body;
};

struct import {
	const char *path; // as written
	struct span span;
};

/* A named parameter: getopt("name", default, "description"). */
struct named_param {
	const char *name;
	const char *description; // or NULL
	const char *default_text;
};

struct ast_program {
	struct arena *arena;
	const struct source *source; // the main one
	vec_of(struct config_setting) settings;
	vec_of(struct map_decl *) maps; // declared and (sema) used, in order of appearance
	vec_of(struct macro *) macros;
	vec_of(struct subprog *) subprogs;
	vec_of(struct import) imports;
	vec_of(struct span) c_chunks; // preprocessor lines and C declarations, as they are written
	vec_of(struct ast_action *) actions;
	vec_of(struct probe *) probes;           // sema, in script order
	vec_of(struct named_param) named_params; // sema, in the order of their first uses
	/* Set by the caller before import_resolve(): -I and --include, and where files are. */
	vec_of(const char *) include_paths;
	vec_of(const char *) include_files;
	struct files *files; // NULL: the file system
	void *c_scope; // types, enumerators and #defines of the script: struct c_scope (cdecl.h)
};

struct ast *ast_new(struct arena *a, enum ast_kind kind, struct span span);
/* "+", "struct ast *ast_new(struct arena *a, enum ast_kind kind, struct span span);&" … as scripts
 * write it. */
const char *ast_op_name(enum ast_op op);
/* A deep copy.  Variables and map declarations are shared only if already resolved. */
struct ast *ast_clone(struct arena *a, const struct ast *node);
/*
 * @node, an expression, as a statement: an if without its value, a block, or an AST_EXPR_STMT.
 * @span is where to say that a block's value is discarded, NULL: at the value.
 */
struct ast *ast_discard_value(struct arena *a, struct ast *node, const struct span *span);
/* For `-d ast`: an indented tree, one node a line, with types where known. */
void ast_print_program(FILE *out, const struct ast_program *p);
void ast_print(FILE *out, const struct ast *node, unsigned int indent);
