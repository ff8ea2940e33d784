/*
 * Semantic analysis: the list of its passes, and what is left to do when all types are known.
 */
#include "lang/sema.h"

#include <string.h>

#include "lang/cdecl.h"
#include "lang/walk.h"

void sema_each_probe(struct sema *s, void (*fn)(struct sema *s, struct ast *node))
{
	for (size_t i = 0; i < s->program->probes.len; i++) {
		s->probe = s->program->probes.data[i];
		if (s->probe->predicate)
			fn(s, s->probe->predicate);
		fn(s, s->probe->body);
	}
}

static const char *const map_kind_names[] = {
	[MAP_DEFAULT] = "hash",
	[MAP_HASH] = "hash",
	[MAP_LRU_HASH] = "lruhash",
	[MAP_PERCPU_HASH] = "percpuhash",
	[MAP_PERCPU_LRU_HASH] = "percpulruhash",
	[MAP_SCALAR] = "scalar",
};

static bool is_percpu(enum map_kind kind)
{
	return kind == MAP_PERCPU_HASH || kind == MAP_PERCPU_LRU_HASH;
}

static void check_kind(struct sema *s, const struct sema_map *m)
{
	const struct map_decl *d = m->decl;
	bool wants_percpu = d->value->kind == TYPE_AGG;

	if (!d->is_declared || d->kind == MAP_DEFAULT || d->kind == MAP_SCALAR ||
	    is_percpu(d->kind) == wants_percpu)
		return;
	diag_error(
		s->diags, m->first_use,
		"Incompatible map types. Type from declaration: %s. Type from value/key type: %s",
		map_kind_names[d->kind], wants_percpu ? "percpuhash" : "hash");
}

static void finish_map(struct sema *s, struct sema_map *m)
{
	struct map_decl *d = m->decl;

	if (!m->is_used) {
		if (d->is_declared)
			diag_warning(s->diags, d->span, "Unused map: @%s", d->name);
		d->value = type_none();
		return;
	}
	d->value = m->value;
	d->key = m->use == MAP_USE_KEYED ? m->key : NULL;
	if (!d->is_declared)
		d->max_entries = (uint32_t)s->config->max_map_keys;
	if (d->key && d->max_entries == 0)
		diag_error(s->diags, m->first_use, "Map @%s has no room for keys: %s is 0", d->name,
			   d->is_declared ? "its size" : "max_map_keys");
	check_kind(s, m);
}

bool sema_finish(struct sema *s)
{
	size_t errors = s->diags->error_count;

	s->is_final = true;
	sema_walk_probes(s);
	vec_foreach (&s->maps, it)
		finish_map(s, *it);
	if (s->diags->error_count != errors)
		return false;
	sema_each_probe(s, sema_drop_dead_code);
	return sema_check_params(s);
}

bool sema_check(struct ast_program *p, const struct sema_options *o, struct diags *diags)
{
	struct sema s = {
		.arena = p->arena,
		.program = p,
		.options = o,
		.config = o->config,
		.target = o->target,
		.diags = diags,
	};
	size_t errors = diags->error_count;

	strmap_init(&s.map_names, p->arena);
	sema_split_params(&s);
	return sema_flow(&s) && sema_names(&s) && sema_fold(&s) && sema_maps(&s) &&
	       sema_scopes(&s) && sema_infer(&s) && sema_finish(&s) && diags->error_count == errors;
}
