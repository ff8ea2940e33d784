/*
 * Semantic analysis: the header of its own files.
 *
 * sema_check() (lang.h) runs these passes over p->probes, in this order:
 *
 *     sema_flow    break, continue, return where they may be; exit() returns
 *     sema_names   identifiers become constants and built-ins; compound assignment is rewritten
 *     sema_fold    literals are computed, positional parameters put in
 *     sema_maps    which maps have keys; every map has its map_decl
 *     sema_scope   every variable has its struct variable; captures of loops
 *     sema_infer   types of variables, maps and expressions to a fixed point; comptime
 *     sema_finish  conversions, checks, and what is left of declarations
 *
 * Inference and the final checks are the same walk: an expression's rule computes its type from
 * those of its operands; when types no longer change, it is called once more with s->is_final
 * set, and then also reports what the types forbid, and inserts conversions.  An operand that is
 * TYPE_NONE is not known yet; TYPE_ERROR was reported already.  Both make the result the same.
 */
#pragma once

#include "lang/ast.h"
#include "lang/builtin.h"
#include "lang/config.h"
#include "lang/diag.h"
#include "lang/lang.h"
#include "util/strmap.h"

/* Rules of inference, see sema_solve.c. */
struct rule;
typedef vec_of(struct rule *) rule_list;

/* What is known of a variable beyond struct variable, which is its first member. */
struct sema_var {
	struct variable v;
	bool is_sized;        // declared with a type that has a size: assignments don't change it
	bool is_assigned;     // scope: has a value
	bool is_introspected; // sizeof($x) and the like: its type is locked in the next round
	bool was_read;        // in this iteration
	const struct type *locked;
	rule_list readers;
	enum { ORIGIN_LET, ORIGIN_ASSIGN, ORIGIN_LOOP } origin;
};

enum sema_map_use { MAP_USE_UNKNOWN, MAP_USE_SCALAR, MAP_USE_KEYED };

struct sema_map {
	struct map_decl *decl;
	enum sema_map_use use;
	const struct type *key;     // TYPE_NONE: not known yet
	const struct type *value;   // the same
	const struct type *agg_arg; // of aggregations: the arguments' common type
	const struct type *locked_key;
	const struct type *locked_value;
	rule_list key_readers;
	rule_list value_readers;
	struct ast *agg_call; // the first aggregation assigned: others must have its parameters
	bool is_introspected;
	bool was_read; // in this iteration
	bool is_used;
	bool is_aggregated; // assigned count(), hist(x) …
	struct span first_use;
};

/* A declared variable of one scope. */
struct sema_scope {
	struct sema_scope *parent;
	vec_of(struct sema_var *) vars;
};

struct sema {
	struct arena *arena;
	struct ast_program *program;
	const struct sema_options *options;
	const struct config *config;
	const struct target *target; // may be NULL
	struct diags *diags;
	struct probe *probe;         // at hand
	vec_of(const char *) params; // positional
	/* Maps. */
	struct strmap map_names;        // -> struct sema_map
	vec_of(struct sema_map *) maps; // by decl->id
	/* Inference. */
	bool is_final;
	bool has_changed;
	bool has_comptime;                   // a condition that needs types is left
	bool is_solving;                     // a rule reads its operands' types: no walk
	vec_of(rule_list *) changed;         // solving: dependents of what got another type
	uint32_t introspection;              // depth of sizeof, typeof …
	uint32_t loop_depth;                 // for and while, for warnings
	uint32_t for_depth;                  // bodies of `for`: callbacks
	bool allow_long_string;              // a format, a path: not limited by max_strlen
	vec_of(struct sema_var *) vars;      // of all probes
	const struct type *ints[4][2][6][2]; // made so far: size, sign, address space, literal
	uint32_t warned;                     // bits: unstable features
};

bool sema_flow(struct sema *s);
bool sema_names(struct sema *s);
bool sema_fold(struct sema *s);
bool sema_maps(struct sema *s);
bool sema_scopes(struct sema *s);
bool sema_infer(struct sema *s);

/* sema_hoist.c: the variables that statement @index of @block assigns and later ones use. */
struct names {
	vec_of(const char *) list;
};
void sema_hoisted_names(struct arena *arena, const struct ast *block, size_t index,
			struct names *names);

bool sema_finish(struct sema *s);
/* One walk over all probes: every expression gets its type. */
void sema_walk_probes(struct sema *s);

/* sema_flow.c: remove the statements behind a jump; types no longer need them. */
void sema_drop_dead_code(struct sema *s, struct ast *node);

/* Run @fn over the predicate and the body of each probe; sets s->probe. */
void sema_each_probe(struct sema *s, void (*fn)(struct sema *s, struct ast *node));

/* sema_fold.c: fold the tree at @node in place. */
void sema_fold_tree(struct sema *s, struct ast *node);
/* The truth of a literal. */
bool sema_literal_bool(const struct ast *node);
/* Rewrite a node in place, keeping its span. */
void sema_set_int(struct ast *node, uint64_t value);
void sema_set_negative(struct ast *node, int64_t value);
void sema_set_bool(struct ast *node, bool value);
void sema_set_string(struct ast *node, const char *data, size_t len);
/* A typed constant: not a literal, does not adapt. */
void sema_set_constant(struct ast *node, uint64_t value, const struct type *t);
/* Put @with where @node was, with @node's span. */
void sema_replace(struct ast *node, const struct ast *with);

/* sema_param.c: parameters of the script, and getopt(). */
void sema_split_params(struct sema *s);
void sema_fold_getopt(struct sema *s, struct ast *call);
/* Are there parameters that nobody asked for? */
bool sema_check_params(struct sema *s);

/* sema_names.c */
/* Fold built-ins whose arguments are literals by now: is_literal(), kaddr() … */
void sema_fold_builtin(struct sema *s, struct ast *call);

/* builtin_check_map.c: has the map that @map names a key and a value somewhere? */
bool sema_check_defined(struct sema *s, const struct ast *map);

/* sema_map.c */
struct sema_map *sema_map_of(struct sema *s, const struct ast *node);
/* Report an AST_MAP or AST_MAP_ACCESS that disagrees with the first use of its map. */
void sema_check_use(struct sema *s, const struct ast *node);
static inline struct sema_map *sema_map_at(struct sema *s, const struct map_decl *d)
{
	return s->maps.data[d->id];
}

/* sema_types.c: the rules of bpftrace's type system. */
const struct type *sema_int(struct sema *s, uint32_t size, bool is_signed, enum addr_space as);
/* The type of a literal: the smallest that holds it, and adapts to its context. */
const struct type *sema_int_literal(struct sema *s, const struct ast *node);
const struct type *sema_string(struct sema *s, uint32_t size);
const struct type *sema_in(struct sema *s, const struct type *t, enum addr_space as);
/* As it is when its bytes are copied into our memory. */
const struct type *sema_stored(struct sema *s, const struct type *t);
/*
 * A pointer that may leave the object it was made for: the verifier knows neither its type nor how
 * far our memory goes, so what it points to is read by the helper.
 */
const struct type *sema_loose(struct sema *s, const struct type *pointer);
/* The common type of two, NULL if there is none.  @a may be TYPE_NONE. */
const struct type *sema_promote(struct sema *s, const struct type *a, const struct type *b);
bool sema_compatible(const struct type *a, const struct type *b);
bool sema_fits(const struct type *from, const struct type *to);
bool sema_is_integer(const struct type *t);    // int or enum: not bool
bool sema_is_agg_number(const struct type *t); // an aggregation with an integer's value
bool sema_is_agg_stats(const struct type *t);
bool sema_is_agg_buckets(const struct type *t); // hist, lhist, tseries
/* What an aggregation is as a value: an integer, or stats() as a record; others as they are. */
const struct type *sema_agg_value(struct sema *s, const struct type *t);
/* Of pointers without another clue. */
enum addr_space sema_probe_space(enum probe_kind kind);
/* Where the pointers in an object of type @t point to. */
enum addr_space sema_inner_space(struct sema *s, const struct type *t);
bool sema_is_known(const struct type *t); // neither TYPE_NONE nor TYPE_ERROR

/* sema_typeexpr.c */
/* What a type as it is written means; TYPE_ERROR after an error. */
const struct type *sema_resolve_type(struct sema *s, struct type_expr *t);
const struct type *sema_find_tag(struct sema *s, const char *tag, const char *name);
/* Members of a struct type are there afterwards. */
void sema_complete(struct sema *s, const struct type *t);
bool sema_find_member(struct sema *s, const struct type *t, const char *name,
		      struct type_member *out);

/*
 * sema_solve.c: the types of variables and maps.  False if something is wrong: which types were
 * found by then means nothing.
 */
bool sema_solve(struct sema *s);

/* sema_expr.c, sema_op.c, sema_access.c, sema_call.c: the rule of an expression. */
const struct type *sema_expr(struct sema *s, struct ast *node);
/* The same without a walk, from the types that its operands have. */
const struct type *sema_rule(struct sema *s, struct ast *node);
/* A type was @was and is @is: remember who depends on it, or that somebody read it before. */
void sema_note_change(struct sema *s, rule_list *dependents, const struct type *was,
		      const struct type *is, bool was_read);
/* The key of @x[key]. */
void sema_access_key(struct sema *s, struct ast *access);
/* What ++ and -- assign. */
void sema_step(struct sema *s, struct ast *node);
/* The type of an expression in sizeof() and the like: for a map with keys, that of its keys. */
const struct type *sema_type_of(struct sema *s, struct ast *node);
/* The type that sizeof, offsetof or typeinfo asks about. */
const struct type *sema_queried_type(struct sema *s, struct ast *query);
const struct type *sema_unary(struct sema *s, struct ast *node);
const struct type *sema_binary(struct sema *s, struct ast *node);
const struct type *sema_field(struct sema *s, struct ast *node);
const struct type *sema_index(struct sema *s, struct ast *node);
/* The record that `args` of type @args is as a value. */
const struct type *sema_args_record(struct sema *s, const struct type *args);
/* What a pointer points to, where it points to. */
const struct type *sema_target(struct sema *s, const struct type *pointer);
const struct type *sema_cast(struct sema *s, struct ast *node);
const struct type *sema_call(struct sema *s, struct ast *call);
const struct type *sema_builtin(struct sema *s, struct ast *node);
/* The number and the kinds of arguments that the table says. */
bool sema_check_arity(struct sema *s, const struct ast *call);
bool sema_check_args(struct sema *s, const struct ast *call);
/* Is `if`'s condition, or `while`'s, a value that may be one. */
void sema_condition(struct sema *s, struct ast *node, struct span span);
/* Join @t into the type of a variable or map; reports at @at. */
void sema_assign_var(struct sema *s, struct sema_var *var, const struct type *t, struct ast *at);
void sema_assign_map(struct sema *s, struct sema_map *m, const struct type *t, struct ast *at);
void sema_assign_key(struct sema *s, struct sema_map *m, const struct type *t, struct ast *at);
/* May @t be assigned to @m, or does it stay in its own map? */
bool sema_is_map_value(const struct sema_map *m, const struct type *t);
/* Convert the key of a map access, or of a function on a map, to the map's key type. */
void sema_convert_key(struct sema *s, struct sema_map *m, struct ast **key, struct ast *at);

/* sema_stmt.c */
void sema_stmt(struct sema *s, struct ast *node);
/* The same without a walk, as sema_rule(). */
void sema_stmt_rule(struct sema *s, struct ast *node);

/* sema_cast.c */
/*
 * Insert the conversion of *slot to @to.  False if there is none: nothing was changed.  Warns
 * where a value may change.
 */
bool sema_convert(struct sema *s, struct ast **slot, const struct type *to);
/* Is there a conversion of values of type @from? */
bool sema_can_convert(const struct type *from, const struct type *to);
/* Put a conversion around *slot, without any check. */
void sema_wrap_cast(struct sema *s, struct ast **slot, const struct type *to);
/* A copy of @node, for putting a new node where it was. */
struct ast *sema_move(struct sema *s, const struct ast *node);

/* A type's name in a message; `args` by the probe that it belongs to. */
const char *sema_object_name(struct sema *s, const struct type *t);
