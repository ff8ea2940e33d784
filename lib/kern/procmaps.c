/* Symbols of processes: their mappings, and the files behind them. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "kern/proc.h"
#include "kern/symbolize_internal.h"
#include "util/buf.h"
#include "util/str.h"

#define MAPS_MAX        (64u << 20)
#define JIT_MAX         (256u << 20)
#define VDSO_MAX        (1u << 20)
#define CHECK_EVERY_MS  200  // whether a pid is still the same process and program
#define REREAD_EVERY_MS 1000 // for addresses in no mapping: a library was loaded meanwhile

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void free_process(struct procmap *p)
{
	vec_finish(&p->maps);
	vec_finish(&p->jit);
	free(p);
}

void procmaps_free_all(struct symbolizer *s)
{
	for (size_t i = 0; i < PROCESS_BUCKETS; i++) {
		for (struct procmap *p = s->processes[i], *next; p; p = next) {
			next = p->next;
			free_process(p);
		}
		s->processes[i] = NULL;
	}
}

static const char *read_exe(struct symbolizer *s, pid_t pid)
{
	char link[64], target[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, target, sizeof(target));
	return n > 0 ? strmap_intern(&s->strings, target, (size_t)n) : NULL;
}

static uint64_t read_hex(const char **p)
{
	uint64_t value = 0;

	for (; isxdigit((unsigned char)**p); ++*p) {
		char c = **p;

		value = value << 4 |
			(uint64_t)(isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10);
	}
	return value;
}

/* "start-end perms offset dev inode   path"; true for what can be executed. */
static bool parse_mapping(struct symbolizer *s, const char *line, size_t len, struct mapping *out)
{
	static const char deleted[] = " (deleted)";
	const char *p = line, *end = line + len, *perms;

	*out = (struct mapping){ 0 };
	out->start = read_hex(&p);
	if (*p++ != '-')
		return false;
	out->end = read_hex(&p);
	if (end - p < 6)
		return false;
	perms = ++p;
	p += 5;
	out->offset = read_hex(&p);
	for (int field = 0; field < 2; field++) { // device, inode
		p += strspn(p, " ");
		p += strcspn(p, " \n");
	}
	p += strspn(p, " ");
	if (p > end || perms[2] != 'x')
		return false;
	len = (size_t)(end - p);
	if (len > strlen(deleted) && !strncmp(end - strlen(deleted), deleted, strlen(deleted))) {
		out->is_deleted = true;
		len -= strlen(deleted);
	}
	out->path = strmap_intern(&s->strings, p, len);
	return true;
}

static void read_maps(struct symbolizer *s, struct procmap *p)
{
	struct buf text;
	char path[64];

	buf_init(&text, MAPS_MAX);
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", p->pid);
	/* A zombie's file is empty: what was known before is worth more. */
	if (!buf_read_file(&text, path) && text.len) {
		p->maps.len = 0;
		for (const char *line = text.data; *line;) {
			size_t len = strcspn(line, "\n");
			struct mapping m;

			if (parse_mapping(s, line, len, &m))
				vec_push(NULL, &p->maps, m);
			line += len + (line[len] == '\n');
		}
		p->exe = read_exe(s, p->pid);
		p->has_other_root = proc_has_other_root(p->pid);
		p->has_tried_jit = false;
	}
	p->read_at_ms = now_ms();
	buf_finish(&text);
}

/* A pid may have been given to another process, and a process may have called exec. */
static void check_process(struct symbolizer *s, struct procmap *p)
{
	uint64_t now = now_ms(), start_time;

	if (now - p->checked_at_ms < CHECK_EVERY_MS && !s->options.no_cache)
		return;
	p->checked_at_ms = now;
	start_time = proc_start_time(p->pid);
	if (!start_time)
		return;
	if (start_time != p->start_time || read_exe(s, p->pid) != p->exe || s->options.no_cache) {
		p->start_time = start_time;
		read_maps(s, p);
	}
}

static struct procmap *find_process(struct symbolizer *s, pid_t pid)
{
	struct procmap **bucket = &s->processes[(uint32_t)pid % PROCESS_BUCKETS], *p;

	for (p = *bucket; p; p = p->next) {
		if (p->pid == pid) {
			check_process(s, p);
			return p;
		}
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->pid = pid;
	p->start_time = proc_start_time(pid);
	p->checked_at_ms = now_ms();
	read_maps(s, p);
	p->next = *bucket;
	*bucket = p;
	return p;
}

/* Without address randomisation, what one process of a program has mapped all have. */
static struct procmap *find_program(struct symbolizer *s, const char *exe)
{
	const char *known = exe ? strmap_intern(&s->strings, exe, strlen(exe)) : NULL;

	for (size_t i = 0; known && i < PROCESS_BUCKETS; i++) {
		for (struct procmap *p = s->processes[i]; p; p = p->next) {
			if (p->exe == known && p->maps.len)
				return p;
		}
	}
	return NULL;
}

static struct mapping *find_mapping(struct procmap *p, uint64_t addr)
{
	size_t low = 0, high = p->maps.len;

	/* The kernel lists mappings in order. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->maps.data[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && addr < p->maps.data[low - 1].end ? &p->maps.data[low - 1] : NULL;
}

/* The vDSO is the same in all 64-bit processes: our own will do. */
static struct symbol_file *vdso(struct symbolizer *s, const struct mapping *m)
{
	const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);

	if (!s->has_tried_vdso && image && m->end - m->start <= VDSO_MAX) {
		s->has_tried_vdso = true;
		s->vdso = symbol_file_from_memory(s, image, m->end - m->start);
	}
	return s->vdso;
}

static void load_file(struct symbolizer *s, const struct procmap *p, struct mapping *m)
{
	char path[PATH_MAX + 64], root[64];

	m->has_tried_file = true;
	if (!strcmp(m->path, "[vdso]")) {
		m->file = vdso(s, m);
		return;
	}
	if (m->path[0] != '/')
		return;
	(void)snprintf(root, sizeof(root), "/proc/%d/root", p->pid);
	(void)snprintf(path, sizeof(path), "%s%s", root, m->path);
	if (!m->is_deleted)
		m->file = symbol_file_get(s, path, p->has_other_root ? root : "");
	/* The mapping itself leads to the file even if its name doesn't any more. */
	if (!m->file) {
		(void)snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", p->pid,
			       (unsigned long)m->start, (unsigned long)m->end);
		m->file = symbol_file_get(s, path, p->has_other_root ? root : "");
	}
	if (!m->file && !p->has_other_root && !m->is_deleted)
		m->file = symbol_file_get(s, m->path, "");
}

/* The pid that the process has in its own namespace: the last of "NSpid:	100	1". */
static pid_t inner_pid(pid_t pid)
{
	struct buf text;
	char path[64];
	const char *p;
	pid_t inner = pid;

	buf_init(&text, 64u << 10);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (!buf_read_file(&text, path) && (p = strstr(buf_cstr(&text), "\nNSpid:"))) {
		for (p += strlen("\nNSpid:"); *p && *p != '\n'; p++) {
			if (isdigit((unsigned char)*p) && !isdigit((unsigned char)p[-1]))
				inner = 0;
			if (isdigit((unsigned char)*p) && inner < INT_MAX / 10 - 1)
				inner = inner * 10 + (*p - '0');
		}
	}
	buf_finish(&text);
	return inner;
}

static int compare_jit(const void *a, const void *b)
{
	const struct jit_symbol *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Lines "START SIZE NAME" (tools/perf/Documentation/jit-interface.txt). */
static void read_jit(struct symbolizer *s, struct procmap *p)
{
	struct buf text;
	char path[96];

	p->has_tried_jit = true;
	p->jit.len = 0;
	buf_init(&text, JIT_MAX);
	(void)snprintf(path, sizeof(path), "/proc/%d/root/tmp/perf-%d.map", p->pid,
		       inner_pid(p->pid));
	if (!buf_read_file(&text, path) && text.len) {
		for (const char *line = text.data; *line;) {
			size_t len = strcspn(line, "\n");
			const char *at = line;
			struct jit_symbol j = { .start = read_hex(&at) };

			at += *at == ' ';
			j.size = read_hex(&at);
			if (*at == ' ' && at + 1 < line + len) {
				j.name = strmap_intern(&s->strings, at + 1,
						       (size_t)(line + len - at - 1));
				vec_push(NULL, &p->jit, j);
			}
			line += len + (line[len] == '\n');
		}
	}
	buf_finish(&text);
	if (p->jit.len)
		qsort(p->jit.data, p->jit.len, sizeof(struct jit_symbol), compare_jit);
}

static bool resolve_jit(struct symbolizer *s, struct procmap *p, uint64_t addr,
			struct symbol_info *out)
{
	size_t low = 0, high;

	if (!p->has_tried_jit)
		read_jit(s, p);
	high = p->jit.len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->jit.data[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || addr - p->jit.data[low - 1].start >= p->jit.data[low - 1].size)
		return false;
	out->name = p->jit.data[low - 1].name;
	out->offset = addr - p->jit.data[low - 1].start;
	return true;
}

/* Of a process that nobody saw alive: only a program that is not relocated can be told. */
static bool resolve_program(struct symbolizer *s, struct procmap *p, const char *exe, uint64_t addr,
			    struct symbol_info *out)
{
	struct symbol_file *f;
	struct kelf *elf;

	if (!p->has_tried_program && exe)
		p->program = symbol_file_get(s, exe, "");
	p->has_tried_program = true;
	f = p->program;
	elf = f && f->symbols ? elfsyms_file(f->symbols) : NULL;
	if (!elf || kelf_type(elf) != 2 || // ET_EXEC
	    !kelf_address_to_offset(elf, addr, &out->file_offset))
		return false;
	out->module = strmap_intern(&s->strings, exe, strlen(exe));
	return symbol_file_resolve(s, f, out->file_offset, out);
}

bool symbolizer_user(struct symbolizer *s, pid_t pid, uint64_t addr, const char *exe,
		     struct symbol_info *out)
{
	struct procmap *p = find_process(s, pid);
	struct mapping *m;

	*out = (struct symbol_info){ 0 };
	if (!p)
		return false;
	if (!p->maps.len && s->options.by_program && find_program(s, exe))
		p = find_program(s, exe);
	if (!p->maps.len)
		return resolve_program(s, p, exe, addr, out);
	m = find_mapping(p, addr);
	if (!m && now_ms() - p->read_at_ms >= REREAD_EVERY_MS) {
		read_maps(s, p);
		m = find_mapping(p, addr);
	}
	if (!m)
		return resolve_jit(s, p, addr, out);
	if (!*m->path || str_starts_with(m->path, "//anon") || str_starts_with(m->path, "[anon"))
		return resolve_jit(s, p, addr, out);
	if (!m->has_tried_file)
		load_file(s, p, m);
	out->module = m->path;
	out->file_offset = addr - m->start + m->offset;
	return symbol_file_resolve(s, m->file, out->file_offset, out);
}

void symbolizer_preload(struct symbolizer *s, pid_t pid)
{
	struct procmap *p = find_process(s, pid);

	if (!p)
		return;
	p->read_at_ms = 0; // its libraries may be yet to come
	/* Files of another root can't be reached any more when the process is gone. */
	for (size_t i = 0; p->has_other_root && i < p->maps.len; i++) {
		if (!p->maps.data[i].has_tried_file)
			load_file(s, p, &p->maps.data[i]);
	}
}
