/*
 * Inside lowering: what its files share.  Nobody else includes this.
 *
 *     lower.c            programs: which probes go together, how they begin and end
 *     lower_dispatch.c   many system calls in one program
 *     lower_build.c      appending instructions
 *     lower_ssa.c        scalar variables
 *     lower_vars.c       where each variable of the script lives
 *     lower_stmt.c       statements        lower_loop.c    loops, callbacks
 *     lower_expr.c       scalars           lower_value.c   values in memory, built in place
 *     lower_place.c      addresses, loads
 *     lower_map.c        maps              lower_agg.c     aggregations
 *     lower_event.c      records to the runner
 *     lower_string.c     comparing, searching, joining of strings
 *     lower_builtin.c    built-ins, one function a row of builtins.def: lower_var.c, lower_func.c …
 *     lower_stack.c      stack traces        lower_kube.c    names of pods as sets of cgroups
 *     lower_args.c       arguments of what is traced
 *     lower_target.c     more of the traced system        lower_names.c    names of numbers
 *     lower_data.c       .data, .rodata    lower_shape.c   types -> shapes
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bpf/image.h"
#include "ir/lower.h"
#include "lang/builtin.h"
#include "lang/format.h"
#include "lang/walk.h"
#include "util/strmap.h"
#include "util/vec.h"

struct lower;
struct lower_func;

/* Strings up to this size are kept padded with zeros, see type_is_kept_padded(). */
#define SMALL_STRING               64
/* From this size on, a helper copies memory faster than loads and stores do. */
#define LARGE_COPY                 128
/* Different stacks that can be told apart. */
#define STACK_ENTRIES              131072
#define STACK_ENTRIES_PREALLOCATED 8192

/* ---- places ---------------------------------------------------------------------------------- */

enum place_kind {
	PLACE_NONE,
	PLACE_PTR,  // base + offset, in address space `as`
	PLACE_SLOT, // local object number index, + offset
	PLACE_DATA, // offset in the one-entry array map number index (.data, .rodata)
};

/* Where a value in memory is, or shall be. */
struct place {
	enum place_kind kind;
	enum addr_space as;
	struct ir_insn *base;
	uint32_t index;
	int64_t offset;
	/*
	 * As a destination: the value will be compared bytewise (it is part of a key, or of
	 * something that may become one), so what is between members and after a string's end must
	 * be zero.
	 */
	bool is_padded;
	/*
	 * As a padded destination of a string, the last of a key: if it ends before this many
	 * bytes, nobody looks at what is behind them (lower_map.c).  0: all are looked at.
	 */
	uint32_t short_string;
	bool is_typed; // base is a kernel pointer whose type the verifier knows: follow it directly
};

static inline struct place place_ptr(struct ir_insn *base, int64_t offset, enum addr_space as)
{
	return (struct place){ .kind = PLACE_PTR, .as = as, .base = base, .offset = offset };
}

static inline struct place place_at(struct place p, int64_t offset)
{
	p.offset += offset;
	p.short_string = 0; // of the whole
	return p;
}

static inline struct place place_padded(struct place p)
{
	p.is_padded = true;
	return p;
}

/* Our own memory, that is read and written directly. */
static inline bool place_is_ours(const struct place *p)
{
	return p->as == AS_BPF;
}

/* ---- scalar variables: SSA construction (lower_ssa.c) ------------------------------------------
 */

struct ssa_def {
	uint64_t key; // block id << 32 | number + 1; 0: free
	struct ir_insn *value;
};

struct ssa_phi {
	uint32_t number;
	struct ir_insn *phi;
};

struct ssa_block {
	bool is_sealed; // all predecessors are known
	bool is_open;   // more come after it is entered (loop headers): sealed by ssa_seal() only
	/*
	 * The end of a construct that began in `dom`: a variable that was not written in the time
	 * between has the value that it had there.  Saves a phi for each variable and construct.
	 */
	struct ir_block *dom;
	uint32_t from, until;
	vec_of(struct ssa_phi) incomplete;
};

typedef vec_of(uint32_t) ssa_times;

struct ssa {
	struct ssa_def *defs; // hash table
	uint32_t def_count, def_cap;
	vec_of(struct ssa_block) blocks; // by block id
	vec_of(ssa_times) writes;        // by variable: when it was written, ascending
	vec_of(struct ssa_phi) unfilled;
	uint32_t now;
	bool is_filling;
};

uint32_t ssa_var_new(struct lower *lo); // a number, in the current function
void ssa_write(struct lower *lo, uint32_t number, struct ir_insn *value);
struct ir_insn *ssa_read(struct lower *lo, uint32_t number); // 0 if never written
void ssa_seal(struct lower *lo, struct ir_block *b);
/* See struct ssa_block; @from is what ssa_now() was when @dom ended. */
void ssa_set_dom(struct lower *lo, struct ir_block *b, struct ir_block *dom, uint32_t from);
uint32_t ssa_now(const struct lower *lo);

/* ---- functions ------------------------------------------------------------------------------- */

/* A loop in the current function: where break and continue go. */
struct loop_scope {
	struct loop_scope *outer;
	struct ir_block *break_to;
	struct ir_block *continue_to;
};

enum capture_kind {
	CAPTURE_VAR,    // a variable in memory
	CAPTURE_CTX,    // the program's context
	CAPTURE_RETURN, // struct { u64 is_set; u64 value }: a `return` inside
	CAPTURE_START,  // the first number of a range, itself and not a pointer
};

/* What a callback gets from outside: a pointer in its context object. */
struct capture {
	enum capture_kind kind;
	const struct variable *var;
	struct ir_insn *load; // of the pointer, in the callback's entry block
};

/* A function being made: a program's main one, or a callback. */
struct lower_func {
	struct lower_func *parent; // the function that the callback is written in; NULL: main
	struct ir_func *ir;
	struct ir_block *block; // where instructions are appended
	struct ssa ssa;
	struct loop_scope *loops;
	struct ir_block *return_to; // where `return` goes; its value is variable return_var
	uint32_t return_var;
	struct ir_insn *context; // callbacks: pointer to the context object
	vec_of(struct capture) captures;
	struct ir_insn *ctx;      // main: OP_CTX, once made
	struct place return_slot; // main: for CAPTURE_RETURN, once made
};

enum var_home { VAR_UNSEEN, VAR_SSA, VAR_MEMORY, VAR_PAIR };

/* Where a variable of the script lives. */
struct var_state {
	enum var_home home;
	bool is_shared; // used by callbacks, too
	struct lower_func *func;
	uint32_t number; // VAR_SSA: in func->ssa; VAR_MEMORY: slot
	/* VAR_PAIR: the variable of a loop over a map, never assembled */
	const struct map_decl *map;
	struct ir_insn *key, *value;  // pointers
	struct ir_insn *number_value; // an aggregation's value, instead of `value`
};

/* ---- tables of the image ----------------------------------------------------------------------
 */

/* Bytes of a section under construction. */
struct data_section {
	int32_t map; // index in the image's maps
	uint8_t *bytes;
	uint32_t len, cap;
	struct strmap strings; // content -> offset
};

/* A map of the script. */
struct map_info {
	const struct map_decl *decl;
	enum image_storage storage;
	uint32_t map;                  // index in the image's maps
	uint32_t short_map, short_key; // of keys that end in a short string; their size, 0: none
	uint32_t var;                  // index in the image's vars
	uint32_t offset;               // STORAGE_GLOBAL*
	uint32_t stride;               // STORAGE_GLOBAL_PERCPU
	uint32_t value_size;
	bool is_deleted_from; // delete(): a key is likely to be new when it is set
	bool is_walked;       // for, len(): by the program itself
	bool is_percpu;
};

/* A pointer in an iterator's context, and its value. */
struct iter_object {
	uint32_t offset;
	struct ir_insn *value;
};

struct stack_map {
	uint32_t map;
	uint32_t limit;
	bool is_build_id;
};

struct lower {
	struct arena *arena;
	const struct arch *arch; // that is traced
	const struct ast_program *program;
	const struct lower_options *o;
	struct features features;
	struct diags *diags;
	struct lowered *out;

	/* Image tables. */
	vec_of(struct image_map) maps;
	vec_of(struct image_event) events;
	vec_of(const char *) probe_names;
	vec_of(struct stack_map) stack_maps;
	vec_of(struct image_kube_filter) kube_filters;
	struct map_info *map_infos; // by map_decl.id
	struct image_var *vars;
	struct data_section data, rodata;
	int32_t ringbuf_map;
	int32_t packet_map; // for skboutput(), -1: none
	int32_t filter_map; // ids to trace, -1: at most one
	uint32_t lost_offset;
	uint32_t runtime_offset;
	uint32_t cpu_count;                // possible CPUs
	uint32_t cpu_slots;                // the same rounded up to a power of two
	uint32_t exit_offset;              // in .data: exit() was called; 0: the script never does
	uint32_t zeros_offset, zeros_size; // in .rodata: a missing map value
	struct strmap probe_ids;           // name -> index in probe_names
	struct strmap event_ids; // of a call in the source, so that unrolled copies share one

	/* The program being made. */
	struct lowered_program *current;
	struct ir_program *ir;
	struct lower_func *fn;
	const struct probe *probe;
	struct span span;
	struct var_state *variables; // by variable.id, of the probe
	uint32_t variable_count;
	vec_of(struct iter_object) iter_objects;
	struct ir_insn *syscall_number; // in a program for system calls
	bool is_syscall;                // arguments are those of a raw tracepoint
	uint32_t callback_count;
	vec_of(const struct type *) btf_types; // by insn id of the main function: the struct that
					       // the verifier knows it points to
	uint32_t depth;                        // of expressions

	/* A value that is read, changed and written back: @x[k] = @x[k] + 1. */
	const struct ast *rmw_access;
	struct ir_insn *rmw_value;
};

/* ---- appending instructions (lower_build.c) ----------------------------------------------------
 */

struct ir_insn *emit_const(struct lower *lo, int64_t value);
struct ir_insn *emit_op(struct lower *lo, enum ir_op op, struct ir_insn *a, struct ir_insn *b);
struct ir_insn *emit_op_imm(struct lower *lo, enum ir_op op, struct ir_insn *a, int64_t b);
struct ir_insn *emit_add_imm(struct lower *lo, struct ir_insn *a, int64_t b); // @a itself for 0
/* Low @size bytes, extended; 8: @a itself. */
struct ir_insn *emit_extend(struct lower *lo, struct ir_insn *a, uint32_t size, bool is_signed);
struct ir_insn *emit_cmp(struct lower *lo, enum ir_cond cond, struct ir_insn *a, struct ir_insn *b);
struct ir_insn *emit_select(struct lower *lo, struct ir_insn *cond, struct ir_insn *yes,
			    struct ir_insn *no);
struct ir_insn *emit_bswap(struct lower *lo, struct ir_insn *a, uint32_t size);
struct ir_insn *emit_load(struct lower *lo, struct ir_insn *base, int64_t offset, uint32_t size,
			  bool is_signed);
void emit_store(struct lower *lo, struct ir_insn *base, int64_t offset, uint32_t size,
		struct ir_insn *value);
struct ir_insn *emit_call(struct lower *lo, uint32_t helper, uint32_t count,
			  struct ir_insn *const *args);
#define EMIT_CALL(lo, helper, ...)                                                                 \
	emit_call((lo), BPF_FUNC_##helper,                                                         \
		  sizeof((struct ir_insn *[]){ __VA_ARGS__ }) / sizeof(struct ir_insn *),          \
		  (struct ir_insn *[]){ __VA_ARGS__ })
#define EMIT_CALL0(lo, helper) emit_call((lo), BPF_FUNC_##helper, 0, NULL)
struct ir_insn *emit_map(struct lower *lo, uint32_t map);
struct ir_insn *emit_slot(struct lower *lo, uint32_t slot, int64_t offset);
struct ir_insn *emit_data(struct lower *lo, int32_t map, int64_t offset);
struct ir_insn *emit_ctx(struct lower *lo);
struct ir_insn *emit_phi2(struct lower *lo, struct ir_block *b, struct ir_block *from_a,
			  struct ir_insn *a, struct ir_insn *z);

uint32_t slot_new(struct lower *lo, uint32_t size, uint32_t align, const char *name);
struct place place_slot(struct lower *lo, uint32_t size, uint32_t align, const char *name);
struct place place_data(struct lower *lo, int32_t map, int64_t offset);

/* The address of a place, as a value. */
struct ir_insn *place_address(struct lower *lo, const struct place *p);
struct ir_insn *place_load(struct lower *lo, const struct place *p, int64_t offset, uint32_t size,
			   bool is_signed); // direct
void place_store(struct lower *lo, const struct place *p, int64_t offset, uint32_t size,
		 struct ir_insn *value);
void place_zero(struct lower *lo, const struct place *p, int64_t offset, uint32_t size);
void place_copy(struct lower *lo, const struct place *dst, const struct place *src, uint32_t size);

/* A block whose predecessors are all there when it is entered; for others, ssa_seal(). */
struct ir_block *block_new(struct lower *lo);
struct ir_block *block_open(struct lower *lo);
/* Continue in @b. */
void block_enter(struct lower *lo, struct ir_block *b);
void emit_jump(struct lower *lo, struct ir_block *to);
void emit_branch(struct lower *lo, enum ir_cond cond, struct ir_insn *a, struct ir_insn *b,
		 struct ir_block *yes, struct ir_block *no);
void emit_branch_imm(struct lower *lo, enum ir_cond cond, struct ir_insn *a, int64_t b,
		     struct ir_block *yes, struct ir_block *no);
void emit_return(struct lower *lo, struct ir_insn *value);
/* What follows is never reached. */
void block_dead(struct lower *lo);

/*
 * A fork that comes together again:
 *
 *     struct fork f = fork_begin(lo);     the branch that follows ends the block it began in
 *     … emit_branch(…, f.yes, f.no) …
 *     block_enter(f.yes) … emit_jump(f.done) …
 *     fork_end(lo, &f);
 *
 * or, for a value that is 0 on the other side:
 *
 *     block_enter(f.yes) … value = …
 *     fork_else(lo, &f) …
 *     value = fork_or_zero(lo, &f, value);
 */
struct fork {
	struct ir_block *from, *yes, *no, *done;
	struct ir_block *yes_end; // fork_else()
	uint32_t time;
};
struct fork fork_begin(struct lower *lo);
void fork_else(struct lower *lo, struct fork *f);
void fork_end(struct lower *lo, struct fork *f);
struct ir_insn *fork_or_zero(struct lower *lo, struct fork *f, struct ir_insn *value);

/* ---- variables (lower_vars.c) ------------------------------------------------------------------
 */

void vars_begin(struct lower *lo, const struct probe *p);
/* Does the variable hold the address of a value that is elsewhere, not the value? */
bool var_is_reference(const struct variable *v);
/* Does it live in memory, for callbacks or whoever has its address? */
bool var_is_shared(struct lower *lo, const struct variable *v);
struct var_state *var_state(struct lower *lo, const struct variable *v);
struct var_state *var_state_slot(struct lower *lo,
				 const struct variable *v); // also before it has a home
struct ir_insn *var_read(struct lower *lo, const struct variable *v);
void var_write(struct lower *lo, const struct variable *v, struct ir_insn *value);
struct place var_place(struct lower *lo, const struct variable *v);
/* A pointer from the callback's context object. */
struct ir_insn *capture_load(struct lower *lo, enum capture_kind kind, const struct variable *v);
/* The pointer that goes there, in the function around. */
struct ir_insn *capture_source(struct lower *lo, const struct capture *c);

/* ---- expressions, statements -------------------------------------------------------------------
 */

void lower_stmts(struct lower *lo, const ast_list *list);
void lower_stmt(struct lower *lo, const struct ast *s);
void lower_return(struct lower *lo, struct ir_insn *value); // value NULL: the default
struct ir_insn *lower_default_return(struct lower *lo);

struct ir_insn *lower_scalar(struct lower *lo, const struct ast *e);
struct ir_insn *lower_stored(struct lower *lo, const struct ast *e); // to be assigned or printed
/* Branch on @e. */
void lower_condition(struct lower *lo, const struct ast *e, struct ir_block *yes,
		     struct ir_block *no);
/* Evaluate for what it does only. */
void lower_effects(struct lower *lo, const struct ast *e);
/* The tuple (key, value) of a loop over a map. */
void pair_store(struct lower *lo, const struct var_state *s, const struct type *t,
		const struct place *dst);
/* Any value, scalar or not, into our memory at @dst, in the representation of e->type. */
void lower_into(struct lower *lo, const struct ast *e, const struct place *dst);
/* Where a value in memory is; made in a temporary object if it isn't anywhere. */
struct place lower_place(struct lower *lo, const struct ast *e);
/* The same, brought into our memory. */
struct place lower_place_ours(struct lower *lo, const struct ast *e);
struct ir_insn *lower_binary(struct lower *lo, const struct ast *e);
struct ir_insn *convert_scalar(struct lower *lo, struct ir_insn *value, const struct type *from,
			       const struct type *to);
/* What @object is, for a member of it: `args`, a pointer's target, a value. */
struct place lower_object(struct lower *lo, const struct ast *object);
/* An AST that semantic analysis should not have let through: an error instead of a crash. */
struct ir_insn *lower_bug(struct lower *lo, const struct ast *e);
/*
 * Values of these types are padded wherever they are but in events: they may become keys, and are
 * small or rarely made.  Longer strings are cleaned up when they become part of a key.
 */
bool type_is_kept_padded(const struct type *t);
/* A temporary object for a value of type @t, padded as above. */
struct place place_for(struct lower *lo, const struct type *t, const char *name);

/* Copy a value of type @t.  The source may be anywhere. */
void copy_value(struct lower *lo, const struct place *dst, const struct place *src,
		const struct type *t);
/* A value of type @from at @src becomes one of type @to at @dst. */
void convert_copy(struct lower *lo, const struct place *dst, const struct type *to,
		  const struct place *src, const struct type *from);
/* A scalar of type @t at @p, wherever that is. */
struct ir_insn *load_scalar(struct lower *lo, const struct place *p, const struct type *t);
struct ir_insn *load_member(struct lower *lo, const struct place *object,
			    const struct type_member *m, const struct type *t);
/* Read memory at @p, of the kernel or a process, to @dst. */
void read_bytes(struct lower *lo, const struct place *dst, const struct place *p, uint32_t size);
/* A string that ends at a NUL; returns what the helper returns. */
struct ir_insn *read_string(struct lower *lo, const struct place *dst, struct ir_insn *size,
			    const struct place *src);
/* The same, with a string that does not fit cut where the room ends. */
/* The same, with zeros behind it where @dst asks for them. */
void read_padded(struct lower *lo, const struct place *dst, uint32_t size, const struct place *src);
void read_until_full(struct lower *lo, const struct place *dst, uint32_t size,
		     const struct place *src);
enum addr_space resolve_space(struct lower *lo, enum addr_space as);
/* The verifier will know @insn, of type @t, as a pointer to that kernel struct. */
void mark_btf_pointer(struct lower *lo, struct ir_insn *insn, const struct type *t);
struct place cast_place(struct lower *lo, const struct ast *e);
/* Can evaluating @e change or leave anything: writes, jumps, events? */
bool has_effects(const struct ast *e);
/* Do two expressions without effects have the same value when evaluated one after the other? */
bool same_value(const struct ast *a, const struct ast *b);
/* A name of Kubernetes and a literal, == or != (lower_kube.c). */
bool is_kube_comparison(const struct ast *e);
void branch_kube(struct lower *lo, const struct ast *e, struct ir_block *yes, struct ir_block *no);
/* A map that the runner fills with cgroup ids; the value's pointer, or NULL if @id isn't there. */
uint32_t kube_set_new(struct lower *lo, const char *name);
struct ir_insn *kube_set_lookup(struct lower *lo, uint32_t map, struct ir_insn *id);
void lower_for_map(struct lower *lo, const struct ast *s);
void lower_for_range(struct lower *lo, const struct ast *s);
bool is_inline_range(const struct lower *lo, const struct ast *s);
void lower_while(struct lower *lo, const struct ast *s);
void lower_unroll(struct lower *lo, const struct ast *s);

/* ---- strings -----------------------------------------------------------------------------------
 */

/* 1 if the first @n bytes of both are equal, up to the first NUL; else 0. */
struct ir_insn *strings_equal(struct lower *lo, const struct ast *a, const struct ast *b,
			      uint32_t n);
void branch_strings(struct lower *lo, const struct ast *a, const struct ast *b, uint32_t n,
		    struct ir_block *equal, struct ir_block *differ);
/* Are @size bytes at both the same? */
void branch_bytes(struct lower *lo, const struct place *a, const struct place *b, uint32_t size,
		  struct ir_block *equal, struct ir_block *differ);
void store_string(struct lower *lo, const struct place *dst, const char *data, uint32_t len,
		  uint32_t size);
/* Capacity of something string-like: string, char array or pointer to char. */
uint32_t string_capacity(const struct lower *lo, const struct type *t);

/* Names of numbers, see lower_names.c. */
struct name_table {
	const char *(*name)(struct lower *lo, uint32_t number); // NULL: it has none
	uint32_t count;
	const char *other; // of numbers without a name
	bool is_absolute;  // -2 means 2
};
struct name_table names_of_errors(void);
struct name_table names_of_signals(void);
struct name_table names_of_syscalls(const struct lower *lo);
struct place name_table_place(struct lower *lo, const struct name_table *t, uint32_t size);

/* ---- maps --------------------------------------------------------------------------------------
 */

void maps_plan(struct lower *lo);
struct map_info *map_info(struct lower *lo, const struct map_decl *m);
/* A key in our memory, as the map has it. */
struct place map_key(struct lower *lo, const struct map_info *m, const struct ast *key);
/* The BPF map where such a key is. */
struct ir_insn *map_of_key(struct lower *lo, const struct map_info *m, const struct place *key);
struct ir_insn *map_lookup(struct lower *lo, const struct map_info *m, const struct place *key);
/* Add what is not there, with a value that is all 0; goes to @full if that can't be done. */
struct ir_insn *map_lookup_or_add(struct lower *lo, const struct map_info *m,
				  const struct place *key, struct ir_block *full);
struct ir_insn *map_read_scalar(struct lower *lo, const struct ast *e);
/* The value's place; all zero if there is none. */
struct place map_read_place(struct lower *lo, const struct ast *e);
void map_assign(struct lower *lo, const struct ast *s);
struct ir_insn *map_inc_dec(struct lower *lo, const struct ast *e);
/* The same with a key that is made already (nothing for scalar maps). */
struct ir_insn *map_value_scalar(struct lower *lo, const struct map_info *m,
				 const struct place *key, const struct type *t);
struct place map_value_place(struct lower *lo, const struct map_info *m, const struct place *key);
/* Do both name the same element? */
bool same_access(const struct ast *a, const struct ast *b);
struct ir_insn *map_delete(struct lower *lo, const struct ast *map, const struct ast *key);
struct ir_insn *map_length(struct lower *lo, const struct map_info *m, struct span span);
struct ir_insn *map_has_key(struct lower *lo, const struct ast *map, const struct ast *key);
struct place global_slot(struct lower *lo, const struct map_info *m); // of the value, this CPU's

/* ---- aggregations ------------------------------------------------------------------------------
 */

uint32_t agg_value_size(const struct type *t);
void agg_assign(struct lower *lo, const struct map_info *m, const struct ast *key,
		const struct ast *call);
/* The value over all CPUs, of an aggregation that is a number. */
struct ir_insn *agg_read(struct lower *lo, const struct ast *e);
/* stats() as the record that it is as a value: count, average, total. */
void agg_record_into(struct lower *lo, const struct ast *e, const struct place *dst);
struct ir_insn *agg_read_key(struct lower *lo, const struct map_info *m, const struct place *key,
			     struct span span);

/* ---- events ------------------------------------------------------------------------------------
 */

/* An event under construction. */
struct event {
	uint32_t id; // in lo->events
	uint32_t size;
	vec_of(struct image_arg) args;
	struct place record; // after event_reserve()
	struct ir_block *from, *done;
	uint32_t time;
};
/* Begin one of @kind for the call at @site, which has one format however often it is lowered. */
void event_begin(struct lower *lo, struct event *e, enum event_kind kind, const struct ast *site);
struct image_event *event_format(struct lower *lo, const struct event *e);
/* Room for an argument; returns its offset. */
uint32_t event_add(struct lower *lo, struct event *e, const struct shape *shape, uint32_t align);
uint32_t event_add_type(struct lower *lo, struct event *e, const struct type *t);
void event_reserve(struct lower *lo, struct event *e);
void event_submit(struct lower *lo, struct event *e);
/* The error of a helper that returned @ret, in its own cold block. */
void emit_helper_error(struct lower *lo, uint32_t helper, struct ir_insn *ret, struct span span);
/* The same if @ret is negative; only helpers that bpftrace checks. */
void check_helper(struct lower *lo, uint32_t helper, struct ir_insn *ret, struct span span);
void emit_runtime_error(struct lower *lo, const char *message, struct span span);
void emit_lost(struct lower *lo);
/* A message of ours through the runner, followed by a number if there is one. */
void emit_message(struct lower *lo, enum image_level level, const char *text,
		  struct ir_insn *number, struct span span);

/* ---- built-ins ---------------------------------------------------------------------------------
 */

/*
 * Lower the built-in variable or call @e.  A scalar is returned.  A value in memory is written to
 * @dst, which is NULL only for scalars and what has no value.
 */
typedef struct ir_insn *(*lower_fn)(struct lower *lo, const struct ast *e, const struct place *dst);
struct ir_insn *lower_builtin(struct lower *lo, const struct ast *e, const struct place *dst);

#define VAR(name, ...)                                                                             \
	struct ir_insn *lower_##name(struct lower *lo, const struct ast *e,                        \
				     const struct place *dst);
#define FUNC(name, ...) VAR(name)
#define VAR_FOLDED(name, ...)
#define FUNC_FOLDED(name, ...)
#define AGG(name, ...)
#include "lang/builtins.def"

struct ir_insn *emit_pid_tgid(struct lower *lo);
struct ir_insn *emit_pid(struct lower *lo, bool is_initial); // process id
struct ir_insn *emit_tid(struct lower *lo, bool is_initial);
/* As the process's own pid namespace has it. */
struct ir_insn *emit_innermost_pid(struct lower *lo, bool is_thread);
struct ir_insn *emit_cpu(struct lower *lo);
struct ir_insn *emit_runtime(struct lower *lo, uint32_t which); // RUNTIME_*
struct ir_insn *emit_clock(struct lower *lo, enum nsecs_clock clock, struct span span);

/* ---- what is traced ----------------------------------------------------------------------------
 */

/* `args` as an object, or one of its members; false: it has no members that can be read. */
struct ir_insn *args_member(struct lower *lo, const struct type_member *m, const struct type *t);
/* An argument of a traced user function that is a struct: a copy. */
struct place args_struct(struct lower *lo, const struct type_member *m);
struct place args_place(struct lower *lo);
struct ir_insn *args_register(struct lower *lo, uint32_t number);
struct ir_insn *args_register_at(struct lower *lo, uint32_t offset);
struct ir_insn *args_pc(struct lower *lo);
/* Iterators: leave if an object that @p's body uses is not there; iter_object() is what was loaded.
 */
void iter_begin(struct lower *lo, const struct probe *p, struct ir_block *leave);
struct ir_insn *iter_object(const struct lower *lo, const struct place *p);
struct ir_insn *usdt_argument(struct lower *lo, uint32_t number);
/* The raw tracepoints of system calls: the number, and tasks that use other numbers. */
struct ir_insn *syscall_number(struct lower *lo, bool is_exit);
void syscall_skip_compat(struct lower *lo, struct ir_block *native, struct ir_block *compat);
struct ir_insn *syscall_register(struct lower *lo, uint32_t offset, uint32_t size);
/* Is @object `args` of a kind that is no object in memory? */
bool args_is_assembled(const struct lower *lo, const struct ast *object);

/* ---- the image ---------------------------------------------------------------------------------
 */

int32_t image_map_add(struct lower *lo, const struct image_map *map);
void data_begin(struct lower *lo);
void data_finish(struct lower *lo);
/* Room in a section; its bytes are zero. */
uint32_t data_reserve(struct lower *lo, struct data_section *s, uint32_t size, uint32_t align);
/* Constant bytes in .rodata, shared if they are there already. */
struct place rodata_bytes(struct lower *lo, const void *bytes, uint32_t size, uint32_t align);
struct place exit_flag(struct lower *lo);
/* Zeros in .rodata. */
struct place rodata_zeros(struct lower *lo, uint32_t size);
uint32_t probe_name_id(struct lower *lo, const char *name);
uint32_t stack_map(struct lower *lo, const struct type *t);
uint32_t stack_limit(const struct type *t); // frames
struct ir_insn *stack_length(struct lower *lo, const struct type *t);
const struct shape *shape_of(struct lower *lo, const struct type *t);

/* lower_dispatch.c: one program for probes on system calls. */
struct syscall_group {
	bool is_exit;
	vec_of(struct probe *) probes; // in script order
};
struct place probe_name_place(struct lower *lo, const struct type *t);
bool probe_is_syscall(const struct lower *lo, const struct probe *p);
void lower_syscalls(struct lower *lo, const struct syscall_group *g);
/* lower_filter.c: on for what is to be traced, else to @leave. */
void lower_filter(struct lower *lo, struct ir_block *leave);
/* lower.c: for lower_dispatch.c. */
struct lowered_program *program_begin(struct lower *lo, const struct probe *p, const char *name);
void program_end(struct lower *lo);
/* Predicate and body of @p; goes to @next at the end and on `return`. */
void lower_body(struct lower *lo, const struct probe *p, struct ir_block *next);
