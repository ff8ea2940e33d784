#include "kern/kallsyms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/vec.h"

#define KALLSYMS_PATH     "/proc/kallsyms"
#define BLOCK_SIZE        65536
#define NAMES_MAX         (64u << 20)
#define SYMBOLS_MAX       (2u << 20)
#define POPULATE_STEP     (512u << 10)
/* No function is larger; what is farther from a symbol is in none (data, with text symbols only).
 */
#define FUNCTION_SIZE_MAX (1u << 20)

struct record {
	uint64_t address;
	uint32_t name; // in names
	uint16_t module;
	char type;
};

/*
 * Memory that grows in place: reserved whole, made present in large steps.  Page by page it would
 * take longer to fault in (most of all in virtual machines) than to fill.
 */
struct region {
	char *data;
	size_t len;
	size_t populated;
	size_t max;
};

struct kallsyms {
	struct region records; // of struct record
	struct region names;
	vec_of(char *) modules; // number 0 is vmlinux
	bool has_addresses;
};

static bool region_init(struct region *r, size_t max)
{
	r->max = max;
	r->data = mmap(NULL, max, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return r->data != MAP_FAILED;
}

static void region_finish(struct region *r)
{
	if (r->data && r->data != MAP_FAILED)
		(void)munmap(r->data, r->max);
}

/* Room for @size more bytes, or NULL. */
static void *region_add(struct region *r, size_t size)
{
	void *p = r->data + r->len;

	if (size > r->max - r->len)
		return NULL;
	while (r->populated < r->len + size) {
		/* Linux 5.14; before, pages come one by one. */
		(void)madvise(r->data + r->populated, POPULATE_STEP, MADV_POPULATE_WRITE);
		r->populated += POPULATE_STEP;
	}
	r->len += size;
	return p;
}

static const struct record *record_at(const struct kallsyms *k, size_t i)
{
	return (const struct record *)k->records.data + i;
}

static bool hex_digit(char c, uint64_t *value)
{
	if (c >= '0' && c <= '9')
		*value = *value << 4 | (uint64_t)(c - '0');
	else if (c >= 'a' && c <= 'f')
		*value = *value << 4 | (uint64_t)(c - 'a' + 10);
	else
		return false;
	return true;
}

/* "ffffffff81000000 T name	[module]", NUL-terminated in place; false if it is not that. */
static bool parse_line(char *line, char *end, struct kallsym *out)
{
	char *p = line, *tab;

	out->address = 0;
	while (p < end && hex_digit(*p, &out->address))
		p++;
	if (p == line || end - p < 4 || p[0] != ' ' || p[2] != ' ')
		return false;
	out->type = p[1];
	out->name = p + 3;
	out->module = "vmlinux";
	*end = 0;
	tab = memchr(p + 3, '\t', (size_t)(end - p - 3));
	if (tab) {
		*tab = 0;
		if (tab[1] == '[' && end[-1] == ']') {
			end[-1] = 0;
			out->module = tab + 2;
		}
	}
	return true;
}

int kallsyms_each(const char *path, kallsyms_fn fn, void *ctx, struct err *err)
{
	_cleanup_close_ int fd = open(path ? path : KALLSYMS_PATH, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *block = malloc(BLOCK_SIZE);
	size_t have = 0;

	if (fd < 0)
		return err_errno(err, -errno, "'%s'", path ? path : KALLSYMS_PATH);
	if (!block)
		return err_set(err, -ENOMEM, "out of memory");
	for (;;) {
		ssize_t n = read(fd, block + have, BLOCK_SIZE - have);
		char *line = block, *end;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, -errno, "'%s'", path ? path : KALLSYMS_PATH);
		if (n == 0)
			return 0;
		have += (size_t)n;
		while ((end = memchr(line, '\n', (size_t)(block + have - line)))) {
			struct kallsym symbol;

			if (parse_line(line, end, &symbol) && !fn(ctx, &symbol))
				return 0;
			line = end + 1;
		}
		/* A line longer than the block is none of ours: drop it. */
		have = line == block && have == BLOCK_SIZE ? 0 : (size_t)(block + have - line);
		memmove(block, line, have);
	}
}

/* Symbols of a module follow each other, so the last one is nearly always right. */
static uint16_t module_number(struct kallsyms *k, const char *name)
{
	char *copy;

	for (size_t i = k->modules.len; i-- > 0;) {
		if (!strcmp(k->modules.data[i], name))
			return (uint16_t)i;
	}
	copy = k->modules.len < UINT16_MAX ? strdup(name) : NULL;
	if (!copy)
		return 0;
	vec_push(NULL, &k->modules, copy);
	return (uint16_t)(k->modules.len - 1);
}

static bool add_symbol(void *ctx, const struct kallsym *symbol)
{
	struct kallsyms *k = ctx;
	size_t len = strlen(symbol->name) + 1;
	char *name = region_add(&k->names, len);
	struct record *r = region_add(&k->records, sizeof(*r));

	if (!name || !r)
		return false;
	memcpy(name, symbol->name, len);
	*r = (struct record){ .address = symbol->address,
			      .name = (uint32_t)(name - k->names.data),
			      .module = module_number(k, symbol->module),
			      .type = symbol->type };
	k->has_addresses |= symbol->address != 0;
	return true;
}

/* Equal addresses stay in the file's order, which is the order of names in the buffer. */
static int compare_records(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

/* vmlinux is in order, the modules behind it are not: sort as little as possible. */
static void sort_records(struct kallsyms *k)
{
	struct record *r = (struct record *)k->records.data;
	size_t n = kallsyms_count(k), sorted = 1;

	while (sorted < n && r[sorted - 1].address <= r[sorted].address)
		sorted++;
	if (sorted >= n)
		return;
	qsort(r + sorted, n - sorted, sizeof(*r), compare_records);
	if (r[sorted].address < r[sorted - 1].address)
		qsort(r, n, sizeof(*r), compare_records);
}

int kallsyms_load(struct kallsyms **out, const char *path, struct err *err)
{
	struct kallsyms *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return err_set(err, -ENOMEM, "out of memory");
	(void)module_number(k, "vmlinux");
	if (region_init(&k->names, NAMES_MAX) &&
	    region_init(&k->records, SYMBOLS_MAX * sizeof(struct record)))
		r = kallsyms_each(path, add_symbol, k, err);
	else
		r = err_set(err, -ENOMEM, "out of memory");
	if (!r && !k->has_addresses)
		r = err_set(err, -EPERM,
			    "kernel addresses are hidden: CAP_SYSLOG or kptr_restrict=0 is needed");
	if (r) {
		kallsyms_free(k);
		return r;
	}
	sort_records(k);
	*out = k;
	return 0;
}

void kallsyms_free(struct kallsyms *k)
{
	if (!k)
		return;
	vec_foreach (&k->modules, m)
		free(*m);
	vec_finish(&k->modules);
	region_finish(&k->records);
	region_finish(&k->names);
	free(k);
}

size_t kallsyms_count(const struct kallsyms *k)
{
	return k->records.len / sizeof(struct record);
}

struct kallsym kallsyms_at(const struct kallsyms *k, size_t i)
{
	const struct record *r = record_at(k, i);

	return (struct kallsym){ .address = r->address,
				 .name = k->names.data + r->name,
				 .module = k->modules.data[r->module],
				 .type = r->type };
}

/* Markers of the linker script: nothing begins there. */
static bool is_end_marker(const char *name)
{
	return !strcmp(name, "_etext") || !strcmp(name, "_einittext") || !strcmp(name, "_end");
}

bool kallsyms_by_address(const struct kallsyms *k, uint64_t address, struct kallsym *out)
{
	size_t low = 0, high = kallsyms_count(k);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (record_at(k, middle)->address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	low--;
	while (low && record_at(k, low - 1)->address == record_at(k, low)->address)
		low--;
	*out = kallsyms_at(k, low);
	return address - out->address < FUNCTION_SIZE_MAX && !is_end_marker(out->name);
}

bool kallsyms_by_name(const struct kallsyms *k, const char *name, struct kallsym *out)
{
	size_t len = strlen(name) + 1, n = kallsyms_count(k);
	const char *start = k->names.data, *end = start + k->names.len, *p = start;

	if (len == 1)
		return false;
	for (; (p = memmem(p, (size_t)(end - p), name, len)); p++) {
		if (p == start || !p[-1])
			break;
	}
	for (size_t i = 0; p && i < n; i++) {
		if (record_at(k, i)->name == (uint32_t)(p - start)) {
			*out = kallsyms_at(k, i);
			return true;
		}
	}
	return false;
}
