#include "bpf/compile.h"

#include "bpf/codegen.h"
#include "bpf/disasm.h"
#include "ir/ir.h"
#include "ir/lower.h"
#include "lang/lang.h"

struct compiler {
	struct arena *arena;
	struct config *config;
	const struct compile_options *o;
	struct diags *diags;
	struct image *image;
};

static bool wants(const struct compiler *c, enum compile_stage stage)
{
	return c->o->dump_out && (c->o->dump & (unsigned int)stage);
}

static void dump_ast(const struct compiler *c, enum compile_stage stage,
		     const struct ast_program *p)
{
	if (wants(c, stage))
		ast_print_program(c->o->dump_out, p);
}

static void dump_ir(const struct compiler *c, enum compile_stage stage, const struct lowered *l)
{
	if (!wants(c, stage))
		return;
	vec_foreach (&l->programs, p) {
		if (p != l->programs.data)
			fputc('\n', c->o->dump_out);
		ir_print_program(c->o->dump_out, (*p)->ir);
	}
}

static void dump_bpf(const struct compiler *c)
{
	if (!wants(c, STAGE_BPF))
		return;
	for (uint32_t i = 0; i < c->image->program_count; i++) {
		const struct image_program *p = &c->image->programs[i];

		fprintf(c->o->dump_out, "%sprogram %s\n", i ? "\n" : "", p->name);
		disasm_program(c->o->dump_out, c->image, p);
	}
}

static bool run_front_end(struct compiler *c, const struct source *source, struct ast_program **out)
{
	struct sema_options so = {
		.target = c->o->target,
		.features = c->o->features,
		.config = c->config,
		.params = c->o->params,
		.param_count = c->o->param_count,
		.is_unsafe = c->o->is_unsafe,
		.is_test_mode = c->o->is_test_mode,
		.is_bench_mode = c->o->is_bench_mode,
		.has_child = c->o->has_child,
		.pid = c->o->pid,
		.container_pids = c->o->container_pids,
		.container_pid = c->o->container_pid,
	};
	bool ok = parse_program(out, c->arena, source, c->diags);

	for (uint32_t i = 0; i < c->o->include_dir_count; i++)
		vec_push(c->arena, &(*out)->include_paths, c->o->include_dirs[i]);
	for (uint32_t i = 0; i < c->o->include_file_count; i++)
		vec_push(c->arena, &(*out)->include_files, c->o->include_files[i]);
	(*out)->files = c->o->files;
	dump_ast(c, STAGE_AST, *out);
	if (!ok || !config_apply(c->config, *out, c->diags) || !import_resolve(*out, c->diags) ||
	    !macro_expand(*out, c->diags) || !probe_expand(*out, &so, c->diags))
		return false;
	ok = sema_check(*out, &so, c->diags);
	dump_ast(c, STAGE_SEMA, *out);
	return ok;
}

static bool run_lowering(struct compiler *c, const struct ast_program *ast, struct lowered *out)
{
	const struct lower_options lo = {
		.target = c->o->target,
		.features = c->o->features,
		.config = c->config,
		.warn_helper_errors = c->o->warn_helper_errors,
		.filter = &c->o->filter,
		.container_pids = c->o->container_pids,
		.innermost_pids = c->o->innermost_pids,
		.no_typed_loads = c->o->no_typed_loads,
	};

	out->arena = c->arena;
	out->image = c->image;
	return lower_program(out, c->arena, ast, &lo, c->diags);
}

static void optimize(struct lowered *l)
{
	vec_foreach (&l->programs, p) {
		vec_foreach (&(*p)->ir->funcs, f)
			ir_optimize(*f);
		ir_drop_uncalled((*p)->ir);
	}
}

/* --- the back end --------------------------------------------------------------------------- */

/* Programs that don't fit on the stack keep what is left over in a map of this kind. */
static void add_scratch_map(struct compiler *c, uint32_t bytes)
{
	struct image *image = c->image;
	struct image_map *maps;

	if (!bytes)
		return;
	if (image->scratch_map < 0) {
		maps = arena_array(c->arena, struct image_map, image->map_count + 1);
		for (uint32_t i = 0; i < image->map_count; i++)
			maps[i] = image->maps[i];
		image->scratch_map = (int32_t)image->map_count++;
		image->maps = maps;
		maps[image->scratch_map].name = ".scratch";
	}
	maps = &image->maps[image->scratch_map];
	maps->type = BPF_MAP_TYPE_ARRAY;
	maps->key_size = 4;
	maps->max_entries = 1;
	maps->value_size = bytes;
}

static void describe_program(struct image_program *out, const struct lowered_program *p)
{
	out->name = p->ir->name;
	out->kind = p->kind;
	out->prog_type = p->prog_type;
	out->expected_attach_type = p->expected_attach_type;
	out->attach_btf_id = p->attach_btf_id;
	out->attach_name = p->attach_name;
	out->probe = p->probe;
	out->attach_points = p->attach_points.data;
	out->attach_point_count = (uint32_t)p->attach_points.len;
}

static struct span program_span(const struct lowered_program *p)
{
	struct span none = { 0 };

	return p->attach_points.len ? p->attach_points.data[0]->span : none;
}

static bool run_back_end(struct compiler *c, const struct lowered *l)
{
	struct image *image = c->image;
	struct codegen_options co = {
		.cpu_v4 = c->o->features && c->o->features->cpu_v4,
		.scratch_map =
			image->scratch_map >= 0 ? (uint32_t)image->scratch_map : image->map_count,
		.cpu_slots = image->cpu_slots ? image->cpu_slots : 1,
	};
	uint32_t scratch_bytes = 0;
	bool ok = true;

	image->programs = arena_array(c->arena, struct image_program, l->programs.len);
	for (size_t i = 0; i < l->programs.len; i++) {
		struct lowered_program *p = l->programs.data[i];
		struct image_program *out = &image->programs[image->program_count++];
		const char *error;

		describe_program(out, p);
		error = codegen_program(out, c->arena, p->ir, &co, &scratch_bytes);
		if (error) {
			diag_error(c->diags, program_span(p), "program '%s': %s", out->name, error);
			ok = false;
			continue;
		}
		btf_make(out, c->arena);
	}
	add_scratch_map(c, scratch_bytes);
	return ok;
}

bool compile(struct image *out, struct arena *a, const struct source *source, struct config *config,
	     const struct compile_options *options, struct diags *diags)
{
	struct compiler c = {
		.arena = a, .config = config, .o = options, .diags = diags, .image = out
	};
	struct ast_program *ast = NULL;
	struct lowered lowered = { 0 };

	if (!run_front_end(&c, source, &ast) || !run_lowering(&c, ast, &lowered))
		return false;
	dump_ir(&c, STAGE_IR, &lowered);
	optimize(&lowered);
	dump_ir(&c, STAGE_OPT, &lowered);
	if (!run_back_end(&c, &lowered))
		return false;
	dump_bpf(&c);
	return true;
}
