#include "symbolize.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sys.h"

#define PASSWD_MAX (1u << 20)

#define STACK_HASH_BYTES 8
#define STACK_SLACK      8 // frames, for the hash and rounding

static struct symbolizer *get_symbolizer(struct symbolize *s)
{
	struct symbolizer_options options = {
		.demangle = s->options.config->cpp_demangle,
		.no_cache = s->options.config->cache_user_symbols == SYMBOLS_NONE,
		.by_program = s->options.config->cache_user_symbols == SYMBOLS_PER_PROGRAM,
	};

	if (!s->symbolizer && symbolizer_new(&s->symbolizer, &options) < 0)
		s->symbolizer = NULL;
	return s->symbolizer;
}

struct cgroups *symbolize_cgroups(struct symbolize *s)
{
	if (!s->cgroups && cgroups_new(&s->cgroups, s->options.host_root, NULL) < 0)
		s->cgroups = NULL;
	return s->cgroups;
}

static void copy_symbol(struct record_symbol *out, const struct symbol_info *info)
{
	*out = (struct record_symbol){
		.name = info->name,
		.offset = info->offset,
		.module = info->module,
	};
}

static size_t resolve_ksym(void *ctx, uint64_t addr, struct record_symbol *out, size_t max)
{
	struct symbolizer *symbolizer = get_symbolizer(ctx);
	struct symbol_info info;

	if (!symbolizer || max == 0 || !symbolizer_kernel(symbolizer, addr, &info))
		return 0;
	copy_symbol(out, &info);
	return 1;
}

static size_t resolve_usym(void *ctx, uint64_t addr, uint32_t pid, struct record_symbol *out,
			   size_t max)
{
	struct symbolize *s = ctx;
	struct symbolizer *symbolizer = get_symbolizer(s);
	struct symbol_info info;

	if (!symbolizer || max == 0)
		return 0;
	memset(&info, 0, sizeof(info));
	if (!symbolizer_user(symbolizer, (pid_t)pid, addr, s->exe, &info) && !info.module)
		return 0;
	copy_symbol(out, &info);
	return 1;
}

/* A value of a stack map: frames, zeros, and their hash (8 bytes), see ir/lower_stack.c. */
static size_t read_stack(struct symbolize *s, uint32_t map, int32_t id, void *value, size_t size)
{
	uint32_t key = (uint32_t)id;
	size_t value_size;

	if (map >= s->loaded->image->map_count || id < 0)
		return 0;
	value_size = s->loaded->image->maps[map].value_size;
	if (value_size > size || value_size < STACK_HASH_BYTES)
		return 0;
	if (sys_map_lookup(s->loaded->map_fds[map], &key, value) < 0)
		return 0;
	return value_size - STACK_HASH_BYTES;
}

static size_t resolve_stack(void *ctx, uint32_t map, int32_t id, uint64_t *out, size_t max)
{
	uint64_t frames[RECORD_STACK_MAX + STACK_SLACK];
	size_t there = read_stack(ctx, map, id, frames, sizeof(frames)) / sizeof(*frames);
	size_t count = 0;

	while (count < there && count < max && frames[count]) {
		out[count] = frames[count];
		count++;
	}
	return count;
}

static size_t resolve_build_ids(void *ctx, uint32_t map, int32_t id, struct record_build_id *out,
				size_t max)
{
	struct bpf_stack_build_id frames[RECORD_STACK_MAX + STACK_SLACK];
	size_t there = read_stack(ctx, map, id, frames, sizeof(frames)) / sizeof(*frames);
	size_t count = 0;

	for (; count < there && count < max; count++) {
		const struct bpf_stack_build_id *frame = &frames[count];

		if (frame->status == BPF_STACK_BUILD_ID_EMPTY)
			break;
		out[count] = (struct record_build_id){
			.is_valid = frame->status == BPF_STACK_BUILD_ID_VALID,
		};
		if (out[count].is_valid) {
			memcpy(out[count].id, frame->build_id, sizeof(out[count].id));
			out[count].offset = frame->offset;
		} else {
			out[count].ip = frame->ip;
		}
	}
	return count;
}

static const char *resolve_cgroup(void *ctx, uint64_t id, const char *filter)
{
	struct cgroups *cgroups = symbolize_cgroups(ctx);

	return cgroups ? cgroups_paths(cgroups, id, filter) : NULL;
}

/* Static programs can't ask the name service; bpftrace reads this file too. */
static const char *resolve_username(void *ctx, uint64_t uid)
{
	struct symbolize *s = ctx;
	char wanted[32];

	if (!s->has_passwd) {
		s->has_passwd = true;
		if (buf_read_file(&s->passwd, "/etc/passwd") < 0)
			buf_clear(&s->passwd);
	}
	snprintf(wanted, sizeof(wanted), ":%llu:", (unsigned long long)uid);
	for (const char *line = buf_cstr(&s->passwd); *line;) {
		size_t len = strcspn(line, "\n");
		size_t name = strcspn(line, ":\n");
		const char *password = line + name; // ":x:"
		const char *id = strchr(password + (name < len), ':');

		if (name < len && id && id < line + len &&
		    strncmp(id, wanted, strlen(wanted)) == 0) {
			snprintf(s->username, sizeof(s->username), "%.*s", (int)name, line);
			return s->username;
		}
		line += len + (line[len] == '\n');
	}
	return NULL;
}

static const char *resolve_kube(void *ctx, uint64_t cgroup_id, enum kube_name which)
{
	struct symbolize *s = ctx;
	struct cgroups *cgroups;
	struct kube_identity identity;

	if (which == KUBE_NODE)
		return s->options.node_name;
	cgroups = symbolize_cgroups(s);
	if (!cgroups || !cgroups_identify(cgroups, cgroup_id, &identity))
		return NULL;
	switch (which) {
	case KUBE_POD: return identity.pod;
	case KUBE_NAMESPACE: return identity.namespace_name;
	case KUBE_CONTAINER: return identity.container;
	case KUBE_POD_UID: return identity.pod_uid;
	default: return NULL;
	}
}

static bool uses(const struct shape *shape, uint64_t kinds)
{
	if (!shape)
		return false;
	if (kinds & 1ull << shape->kind || uses(shape->elem, kinds))
		return true;
	for (uint32_t i = 0; shape->members && i < shape->count; i++) {
		if (uses(shape->members[i].shape, kinds))
			return true;
	}
	return false;
}

/* Whether the script keeps or prints a value of one of @kinds (bits of enum shape_kind). */
static bool image_uses(const struct image *im, uint64_t kinds)
{
	for (uint32_t i = 0; i < im->var_count; i++) {
		if (uses(im->vars[i].key, kinds) || uses(im->vars[i].value, kinds))
			return true;
	}
	for (uint32_t i = 0; i < im->event_count; i++) {
		for (uint32_t k = 0; k < im->events[i].arg_count; k++) {
			if (uses(im->events[i].args[k].shape, kinds))
				return true;
		}
	}
	return false;
}

static const char *only_binary(const struct image *im)
{
	const char *found = NULL;

	for (uint32_t i = 0; i < im->program_count; i++) {
		const struct image_program *p = &im->programs[i];

		for (uint32_t k = 0; k < p->attach_point_count; k++) {
			const struct attach_point *ap = p->attach_points[k];

			if (ap->kind != PROBE_uprobe && ap->kind != PROBE_uretprobe &&
			    ap->kind != PROBE_usdt)
				continue;
			if (found && strcmp(found, ap->path) != 0)
				return NULL;
			found = ap->path;
		}
	}
	return found;
}

void symbolize_init(struct symbolize *s, const struct loaded *l,
		    const struct symbolize_options *options)
{
	*s = (struct symbolize){ .loaded = l, .options = *options };
	buf_init(&s->passwd, PASSWD_MAX);
	s->resolver = (struct record_resolver){
		.ctx = s,
		.ksym = resolve_ksym,
		.usym = resolve_usym,
		.stack = resolve_stack,
		.stack_build_ids = resolve_build_ids,
		.cgroup_path = resolve_cgroup,
		.username = resolve_username,
		.kube = resolve_kube,
	};
	s->uses_pods = image_uses(l->image, 1ull << SHAPE_KUBE);
	s->uses_processes = image_uses(l->image, 1ull << SHAPE_USTACK | 1ull << SHAPE_USYM);
	s->exe = only_binary(l->image);
}

void symbolize_finish(struct symbolize *s)
{
	symbolizer_free(s->symbolizer);
	cgroups_free(s->cgroups);
	buf_finish(&s->passwd);
	s->symbolizer = NULL;
	s->cgroups = NULL;
}

void symbolize_scan_pods(struct symbolize *s)
{
	struct cgroups *cgroups = symbolize_cgroups(s);

	if (cgroups)
		(void)cgroups_scan(cgroups);
}

void symbolize_preload(struct symbolize *s, pid_t pid)
{
	struct symbolizer *symbolizer = get_symbolizer(s);

	if (symbolizer)
		symbolizer_preload(symbolizer, pid);
}
