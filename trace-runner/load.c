#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kern/bpfprogs.h"
#include "rejection.h"
#include "sys.h"
#include "util/fd.h"
#include "util/str.h"

#define RING_BYTES_MAX (4u << 20)
#define RING_BYTES_MIN (256u << 10)
#define OLD_KEY_MAX    512 // MAX_BPF_STACK: the limit of hash maps before Linux 5.16

static size_t round_up_to_power_of_two(size_t n)
{
	size_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

size_t load_ring_bytes(const struct config *config, uint64_t available_kb, size_t page_size)
{
	size_t bytes = RING_BYTES_MAX;

	if (config->perf_rb_pages > 0 && config->perf_rb_pages < 1u << 20)
		return round_up_to_power_of_two(config->perf_rb_pages) * page_size;
	/* A node short of memory keeps most of what it has. */
	while (bytes > RING_BYTES_MIN && bytes / 1024 > available_kb / 64)
		bytes /= 2;
	return bytes;
}

static uint64_t available_memory_kb(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	uint64_t kb;

	while (f && fgets(line, sizeof(line), f)) {
		const char *p = line;

		if (!str_take(&p, "MemAvailable:"))
			continue;
		p += strspn(p, " ");
		if (str_take_u64(&p, 10, &kb))
			return kb;
	}
	return UINT64_MAX;
}

/* Descriptors for every map and program and a few for each place of attachment. */
static void raise_descriptor_limit(const struct image *im)
{
	rlim_t wanted = 128 + im->map_count;
	struct rlimit limit;

	for (uint32_t i = 0; i < im->program_count; i++)
		wanted += 1 + 2 * (rlim_t)im->programs[i].attach_point_count;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit); // if that fails, the open that is too many says so
}

static int map_section(struct loaded *l, uint32_t index, struct err *err)
{
	const struct image_map *m = &l->image->maps[index];
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (m->value_size + page - 1) / page * page;
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, l->map_fds[index], 0);

	if (memory == MAP_FAILED)
		return err_errno(err, -errno, "mapping the section '%s'", m->name);
	l->map_memory[index] = memory;
	l->map_bytes[index] = bytes;
	if (m->data)
		memcpy(memory, m->data, m->data_size);
	return 0;
}

/* Is this the node that the script asks for? */
static void fill_node_names(const struct image *im, const struct load_options *o, char *rodata)
{
	const char *name = o->node_name ? o->node_name : "";

	for (uint32_t i = 0; i < im->kube_filter_count; i++) {
		const struct image_kube_filter *f = &im->kube_filters[i];
		uint64_t is_equal = strcmp(f->text, name) == 0;

		if (f->which == KUBE_NODE)
			memcpy(rodata + f->offset, &is_equal, sizeof(is_equal));
	}
}

/* A section that programs only read: written once, with what is known only now, then frozen. */
static int fill_section(struct loaded *l, uint32_t index, const struct load_options *o,
			struct err *err)
{
	const struct image_map *m = &l->image->maps[index];
	_cleanup_free_ char *bytes = calloc(1, m->value_size);
	uint32_t key = 0;
	int r;

	if (!bytes)
		return err_set(err, -ENOMEM, "no memory for the section '%s'", m->name);
	if (m->data)
		memcpy(bytes, m->data, m->data_size);
	if ((int32_t)index == l->image->rodata_map)
		fill_node_names(l->image, o, bytes);
	if ((int32_t)index == l->image->rodata_map &&
	    l->image->runtime_offset + sizeof(o->runtime) <= m->value_size)
		memcpy(bytes + l->image->runtime_offset, o->runtime, sizeof(o->runtime));
	r = sys_map_update(l->map_fds[index], &key, bytes, 0);
	/* Frozen, the verifier may take its content for constants. */
	if (r == 0 && !((int32_t)index == l->image->rodata_map && o->keeps_runtime_open))
		r = sys_map_freeze(l->map_fds[index]);
	return r < 0 ? err_errno(err, r, "writing the section '%s'", m->name) : 0;
}

/* The script's name of a map, or that of one of ours. */
static const char *map_title(const struct image *image, uint32_t index)
{
	for (uint32_t i = 0; i < image->var_count; i++)
		if (image->vars[i].map == index)
			return image->vars[i].name;
	return image->maps[index].name;
}

static int load_map(struct loaded *l, uint32_t index, const struct load_options *o, struct err *err)
{
	const struct image_map *m = &l->image->maps[index];
	uint32_t max_entries = m->max_entries;
	int fd;

	if ((int32_t)index == l->image->ringbuf_map) {
		if (max_entries == 0)
			max_entries = (uint32_t)load_ring_bytes(o->config, available_memory_kb(),
								(size_t)sysconf(_SC_PAGESIZE));
		l->ring_bytes = max_entries;
	}
	fd = sys_map_create(m->type, m->name, m->key_size, m->value_size, max_entries, m->flags);
	if (fd == -E2BIG && m->key_size > OLD_KEY_MAX)
		return err_set(err, fd,
			       "The key of map '%s' has %u bytes: this kernel takes %d at most",
			       map_title(l->image, index), m->key_size, OLD_KEY_MAX);
	if (fd < 0)
		return err_errno(err, fd, "Failed to create map: '%s'", m->name);
	l->map_fds[index] = fd;
	if (m->is_frozen)
		return fill_section(l, index, o, err);
	if (m->flags & BPF_F_MMAPABLE)
		return map_section(l, index, err);
	return 0;
}

static void relocate(const struct loaded *l, struct image_program *p)
{
	for (uint32_t i = 0; i < p->reloc_count; i++)
		p->insns[p->relocs[i].pc].imm = l->map_fds[p->relocs[i].map];
}

/* What an fentry, fexit or tp_btf program attaches to, when that isn't vmlinux: 0 or a descriptor.
 */
static int open_attach_target(const struct image_program *p)
{
	const struct attach_point *ap = p->attach_point_count ? p->attach_points[0] : NULL;
	int fd;

	if (p->prog_type != BPF_PROG_TYPE_TRACING || !ap)
		return 0;
	if (ap->kind != PROBE_fentry && ap->kind != PROBE_fexit && ap->kind != PROBE_rawtracepoint)
		return 0;
	if (ap->prog_id) {
		fd = sys_program_by_id(ap->prog_id);
		return fd < 0 ? 0 : fd;
	}
	if (!ap->module || !ap->module[0] || strcmp(ap->module, "vmlinux") == 0)
		return 0;
	fd = bpfprogs_module_btf_fd(ap->module);
	return fd < 0 ? 0 : fd;
}

static int try_program(const struct image_program *p, struct sys_program *s, bool with_btf)
{
	int fd;

	s->btf_fd = 0;
	/* Line information is for people; functions called back need their BTF. */
	if ((with_btf || p->func_count > 1) && p->btf_size) {
		s->btf_fd = sys_btf_load(p->btf, p->btf_size);
		s->func_info = p->func_info;
		s->func_info_count = p->func_count;
		s->line_info = p->line_info;
		s->line_info_count = p->line_info_count;
	}
	fd = sys_program_load(s);
	if (s->btf_fd > 0)
		close(s->btf_fd);
	return fd;
}

static int reject_program(const struct loaded *l, const struct image_program *p,
			  struct sys_program *s, int code)
{
	size_t size = l->config->log_size < 4096 ? 4096 : l->config->log_size;
	_cleanup_free_ char *log = calloc(1, size);
	int fd;

	if (!log)
		return code;
	s->log = log;
	s->log_size = (uint32_t)size;
	s->log_level = 1;
	fd = try_program(p, s, true);
	/* It may be that the log is all the kernel had no memory for, or the failure is a passing
	 * one. */
	if (fd >= 0)
		return fd;
	if (fd == -ENOSPC && code != -ENOSPC)
		fd = code;
	if (!l->is_quiet)
		rejection_report(p, fd, log);
	return fd;
}

/*
 * -v: with the log at hand, as bpftrace does, so that a rejection needs no second try.  A buffer
 * that is too small for the log makes the kernel fail.
 */
static int load_with_log(const struct loaded *l, const struct image_program *p,
			 struct sys_program *s)
{
	_cleanup_free_ char *log = calloc(1, l->config->log_size + 1);
	int fd;

	if (!log)
		return -ENOMEM;
	s->log = log;
	s->log_size = (uint32_t)l->config->log_size;
	s->log_level = 1;
	fd = try_program(p, s, false);
	s->log = NULL;
	if (fd == -ENOSPC && !l->is_quiet)
		rejection_report_trimmed(p, (uint32_t)(p - l->image->programs), fd,
					 l->config->log_size);
	return fd;
}

static void print_log(const struct loaded *l, const struct image_program *p, struct sys_program s)
{
	_cleanup_free_ char *log = calloc(1, l->config->log_size + 1);
	int fd;

	if (!log)
		return;
	s.log = log;
	s.log_size = (uint32_t)l->config->log_size;
	s.log_level = 15; // instructions, states, statistics
	fd = try_program(p, &s, true);
	if (fd >= 0)
		close(fd);
	printf("BPF verifier log for %s:\n--------------------------------------\n%s\n", p->name,
	       log);
}

static int load_program(const struct loaded *l, const struct image_program *p, uint32_t attach_type)
{
	struct sys_program s = {
		.type = p->prog_type,
		.attach_type = attach_type,
		.attach_btf_id = p->attach_btf_id,
		.name = p->name,
		.license = l->image->license ? l->image->license : "GPL",
		.insns = p->insns,
		.insn_count = p->insn_count,
		.attach_fd = open_attach_target(p),
	};
	int fd = l->is_verbose ? load_with_log(l, p, &s) : try_program(p, &s, false);

	if (fd < 0 && !(l->is_verbose && fd == -ENOSPC))
		fd = reject_program(l, p, &s, fd);
	if (l->prints_logs)
		print_log(l, p, s);
	if (s.attach_fd > 0)
		close(s.attach_fd);
	return fd;
}

/* All -1; NULL without memory. */
static int *alloc_descriptors(uint32_t count)
{
	int *fds = malloc(((size_t)count + 1) * sizeof(*fds));

	for (uint32_t i = 0; fds && i < count; i++)
		fds[i] = -1;
	return fds;
}

static int alloc_tables(struct loaded *l)
{
	const struct image *im = l->image;

	l->map_fds = alloc_descriptors(im->map_count);
	l->map_memory = calloc(im->map_count + 1, sizeof(*l->map_memory));
	l->map_bytes = calloc(im->map_count + 1, sizeof(*l->map_bytes));
	l->program_fds = alloc_descriptors(im->program_count);
	return l->map_fds && l->map_memory && l->map_bytes && l->program_fds ? 0 : -ENOMEM;
}

static bool take_btf_id(void *ctx, const struct target_symbol *symbol)
{
	*(uint32_t *)ctx = symbol->btf_id;
	return symbol->btf_id == 0;
}

/* A BTF-typed raw tracepoint that is known by its name so far. */
static void find_attach_id(const struct target *t, struct image_program *p)
{
	if (p->prog_type != BPF_PROG_TYPE_TRACING || p->attach_btf_id || !p->attach_name)
		return;
	if (p->expected_attach_type == BPF_TRACE_RAW_TP && t && t->raw_tracepoints)
		t->raw_tracepoints(t->ctx, NULL, p->attach_name, take_btf_id, &p->attach_btf_id);
}

static int load_all(struct loaded *l, const struct load_options *o, struct err *err)
{
	struct image *im = l->image;

	if (alloc_tables(l) < 0)
		return err_set(err, -ENOMEM, "no memory to load the program");
	raise_descriptor_limit(im);
	for (uint32_t i = 0; i < im->map_count; i++) {
		int r = load_map(l, i, o, err);

		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < im->program_count; i++) {
		struct image_program *p = &im->programs[i];

		relocate(l, p);
		find_attach_id(o->target, p);
		l->program_fds[i] = load_program(l, p, p->expected_attach_type);
		if (l->program_fds[i] < 0) {
			err->msg[0] = '\0';
			return l->program_fds[i];
		}
	}
	return 0;
}

int load_image(struct loaded *out, struct image *image, const struct load_options *o,
	       struct err *err)
{
	struct loaded l = { .image = image,
			    .config = o->config,
			    .prints_logs = o->print_logs,
			    .is_quiet = o->is_quiet,
			    .is_verbose = o->is_verbose };
	int r = load_all(&l, o, err);

	if (r < 0) {
		load_finish(&l);
		return r;
	}
	*out = l;
	return 0;
}

int load_again(struct loaded *l, uint32_t index, uint32_t attach_type)
{
	int fd = load_program(l, &l->image->programs[index], attach_type);

	if (fd < 0)
		return fd;
	close(l->program_fds[index]);
	l->program_fds[index] = fd;
	return 0;
}

int load_set_runtime(struct loaded *l, const uint64_t runtime[RUNTIME_COUNT])
{
	const struct image_map *m = &l->image->maps[l->image->rodata_map];
	_cleanup_free_ char *bytes = calloc(1, m->value_size);
	uint32_t key = 0;
	int r;

	if (!bytes)
		return -ENOMEM;
	r = sys_map_lookup(l->map_fds[l->image->rodata_map], &key, bytes);
	if (r < 0)
		return r;
	memcpy(bytes + l->image->runtime_offset, runtime, RUNTIME_COUNT * sizeof(*runtime));
	return sys_map_update(l->map_fds[l->image->rodata_map], &key, bytes, 0);
}

static void close_all(int *fds, uint32_t count)
{
	for (uint32_t i = 0; fds && i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	free(fds);
}

void load_finish(struct loaded *l)
{
	if (!l->image)
		return;
	for (uint32_t i = 0; l->map_memory && i < l->image->map_count; i++) {
		if (l->map_memory[i])
			munmap(l->map_memory[i], l->map_bytes[i]);
	}
	close_all(l->program_fds, l->image->program_count);
	close_all(l->map_fds, l->image->map_count);
	free(l->map_memory);
	free(l->map_bytes);
	*l = (struct loaded){ .image = NULL };
}
