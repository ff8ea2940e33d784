/* The target's answer to where the arguments of a USDT probe are. */
#include <string.h>

#include "kern/target_internal.h"
#include "kern/usdt.h"

static struct target_usdt_arg convert_arg(const struct usdt_arg *a)
{
	static const enum target_usdt_kind kinds[] = {
		[USDT_ARG_CONST] = TARGET_USDT_CONST,
		[USDT_ARG_REG] = TARGET_USDT_REG,
		[USDT_ARG_MEM] = TARGET_USDT_MEM,
	};

	/* Programs have no floating point: 0, as if it were not there. */
	if (a->is_float)
		return (struct target_usdt_arg){ .kind = TARGET_USDT_CONST,
						 .size = 8,
						 .index = -1 };
	return (struct target_usdt_arg){ .kind = kinds[a->kind],
					 .size = a->size,
					 .is_signed = a->is_signed,
					 .reg_shift = a->reg_shift,
					 .scale_shift = a->scale_shift,
					 .reg = a->reg,
					 .index = a->index,
					 .value = a->value };
}

static struct target_usdt_site convert_site(struct kern *k, const struct usdt_site *s)
{
	struct target_usdt_site out = { .address = s->address, .arg_count = s->arg_count };
	struct target_usdt_arg *args =
		arena_array(k->arena, struct target_usdt_arg, s->arg_count + 1);

	for (uint32_t i = 0; i < s->arg_count; i++)
		args[i] = convert_arg(&s->args[i]);
	out.args = args;
	return out;
}

size_t kern_usdt_sites(void *ctx, const char *path, const char *provider, const char *name,
		       const struct target_usdt_site **sites)
{
	vec_of(struct target_usdt_site) found = { 0 };
	struct usdt_sites all = { 0 };
	struct err err = { 0 };
	struct kern *k = ctx;
	struct kelf *elf;

	*sites = NULL;
	if (kelf_open(&elf, path, &err) < 0)
		return 0;
	if (usdt_read(&all, elf, &err) == 0)
		for (size_t i = 0; i < all.count; i++) {
			const struct usdt_site *s = &all.sites[i];

			if ((!provider || strcmp(s->provider, provider) == 0) &&
			    (!name || strcmp(s->name, name) == 0))
				vec_push(k->arena, &found, convert_site(k, s));
		}
	usdt_sites_finish(&all);
	kelf_close(elf);
	*sites = found.data;
	return found.len;
}
