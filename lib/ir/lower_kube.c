/*
 * Lowering: names of Kubernetes that are compared with a literal: `/namespace == "shop"/`.
 *
 * The kernel knows cgroup ids and no names.  The runner keeps, for each name that the script asks
 * for, the set of cgroups that have it; a comparison is one lookup.  For "", which is what the
 * host's processes have, it is the set of cgroups that have any name: most processes are in none,
 * and only the containers' are known.  The node's name is the same for all, a constant of the run.
 */
#include "ir/lower_impl.h"

#define SET_ENTRIES 4096

static bool is_name(const struct ast *e)
{
	return e->type && e->type->kind == TYPE_KUBE;
}

bool is_kube_comparison(const struct ast *e)
{
	const struct ast *left = e->binary.left, *right = e->binary.right;

	return (is_name(left) && right->kind == AST_STRING) ||
	       (is_name(right) && left->kind == AST_STRING);
}

uint32_t kube_set_new(struct lower *lo, const char *name)
{
	struct image_map map = { .name = name,
				 .type = BPF_MAP_TYPE_HASH,
				 .key_size = 8,
				 .value_size = 1,
				 .max_entries = SET_ENTRIES };

	return (uint32_t)image_map_add(lo, &map);
}

/* The same name is looked up in the same place. */
static const struct image_kube_filter *find_filter(struct lower *lo, enum kube_name which,
						   const struct ast *text)
{
	struct image_kube_filter f = {
		.which = which,
		.text = arena_strndup(lo->arena, text->string.data, text->string.len),
	};

	vec_foreach (&lo->kube_filters, known)
		if (known->which == which && strcmp(known->text, f.text) == 0)
			return known;
	if (which == KUBE_NODE)
		f.offset = data_reserve(lo, &lo->rodata, 8, 8);
	else
		f.map = kube_set_new(lo,
				     arena_printf(lo->arena, "names_%zu", lo->kube_filters.len));
	vec_push(lo->arena, &lo->kube_filters, f);
	return &lo->kube_filters.data[lo->kube_filters.len - 1];
}

struct ir_insn *kube_set_lookup(struct lower *lo, uint32_t map, struct ir_insn *id)
{
	struct place key = place_slot(lo, 8, 8, "cgroup");
	struct ir_insn *set;

	place_store(lo, &key, 0, 8, id);
	set = emit_map(lo, map);
	return EMIT_CALL(lo, map_lookup_elem, set, place_address(lo, &key));
}

void branch_kube(struct lower *lo, const struct ast *e, struct ir_block *yes, struct ir_block *no)
{
	bool is_left = is_name(e->binary.left);
	const struct ast *name = is_left ? e->binary.left : e->binary.right;
	const struct ast *text = is_left ? e->binary.right : e->binary.left;
	enum kube_name which = (enum kube_name)name->type->mode;
	const struct image_kube_filter *f = find_filter(lo, which, text);
	struct place p = place_data(lo, lo->rodata.map, f->offset);
	bool is_found_yes = (e->binary.op == OPR_EQ) == (which == KUBE_NODE || f->text[0] != '\0');
	struct ir_insn *found;

	if (which == KUBE_NODE) {
		lower_effects(lo, name);
		found = place_load(lo, &p, 0, 8, false);
	} else {
		found = kube_set_lookup(lo, f->map, lower_scalar(lo, name));
	}
	emit_branch_imm(lo, COND_NE, found, 0, is_found_yes ? yes : no, is_found_yes ? no : yes);
}
