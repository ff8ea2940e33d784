#include "lang/probe.h"

#include <ctype.h>
#include <string.h>

#include "lang/probe_parse.h"

const struct probe_info probe_infos[PROBE_KIND_COUNT] = {
#define PROBE(name, short_name, aliases, flags)                                                    \
	[PROBE_##name] = { #name, short_name, aliases, flags },
#include "lang/probes.def"
};

static bool has_alias(const struct probe_info *info, const char *name, bool any_case)
{
	const char *rest = info->aliases;
	size_t len = strlen(name);

	while (*rest) {
		size_t word = strcspn(rest, " ");

		if (word == len &&
		    !(any_case ? strncasecmp(rest, name, len) : strncmp(rest, name, len)))
			return true;
		rest += word + (rest[word] == ' ');
	}
	return false;
}

static int find(const char *name, bool any_case)
{
	for (int i = 0; i < PROBE_KIND_COUNT; i++) {
		const struct probe_info *info = &probe_infos[i];

		if (!(any_case ? strcasecmp(info->name, name) : strcmp(info->name, name)))
			return i;
		if (info->short_name && !strcmp(info->short_name, name))
			return i;
		if (has_alias(info, name, any_case))
			return i;
	}
	return -1;
}

int probe_kind_find(const char *name)
{
	int kind = find(name, false);

	return kind >= 0 ? kind : find(name, true);
}

const char *probe_full_name(struct arena *a, const struct attach_point *ap)
{
	const char *name = probe_infos[ap->kind].name;

	if (ap->path && *ap->path)
		name = arena_printf(a, "%s:%s", name, ap->path);
	if (ap->kind == PROBE_self)
		name = arena_printf(a, "%s:signal", name);
	if (ap->lang)
		name = arena_printf(a, "%s:%s", name, ap->lang);
	if (ap->module && *ap->module)
		name = arena_printf(a, "%s:%s", name, ap->module);
	if (ap->prog_id)
		name = arena_printf(a, "%s:%u", name, ap->prog_id);
	if (ap->function && *ap->function)
		name = arena_printf(a, "%s:%s", name, ap->function);
	if (ap->function && ap->offset)
		name = arena_printf(a, "%s+%llu", name, (unsigned long long)ap->offset);
	if (ap->address)
		name = arena_printf(a, "%s:%llu", name, (unsigned long long)ap->address);
	if (ap->rate)
		name = arena_printf(a, "%s:%llu", name, (unsigned long long)ap->rate);
	if (ap->kind == PROBE_watchpoint)
		name = arena_printf(a, "%s:%u:%s", name, ap->length, ap->mode);
	return name;
}
