#include "kern/btf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kern/elf.h"
#include "util/fd.h"

#define STRIDE       8 // types between two entries of the offset index
#define BTF_SIZE_MAX (256u << 20)
#define KIND_MAX     BTF_KIND_ENUM64
#define ID_BITS      24
#define ID_MASK      ((1u << ID_BITS) - 1)

/*
 * Open-addressing table of type ids; equal names follow each other in order of id.  A slot has 8
 * bits of the name's hash above the id, so that nearly no other name is compared.
 */
struct name_table {
	uint32_t *slots; // 0: free
	uint32_t mask;
	uint32_t entries;
};

enum { TABLE_TYPES, TABLE_FUNCTIONS, TABLE_COUNT };

#define FUNCTION_KINDS (1u << BTF_KIND_FUNC | 1u << BTF_KIND_VAR | 1u << BTF_KIND_DATASEC)
#define TYPE_KINDS                                                                                 \
	(1u << BTF_KIND_INT | 1u << BTF_KIND_STRUCT | 1u << BTF_KIND_UNION | 1u << BTF_KIND_ENUM | \
	 1u << BTF_KIND_FWD | 1u << BTF_KIND_TYPEDEF | 1u << BTF_KIND_FLOAT |                      \
	 1u << BTF_KIND_ENUM64)

struct kbtf {
	const struct kbtf *base;
	void *memory; // the mapping, or an anonymous one with a copy
	size_t memory_size;
	const char *types;
	uint32_t types_size;
	const char *strings;
	uint32_t strings_size;  // ends in NUL
	uint32_t strings_start; // offset of strings[0]: the base's size
	uint32_t first;
	uint32_t count;    // one more than the last id
	uint32_t *offsets; // of types first, first + STRIDE, ...
	struct name_table tables[TABLE_COUNT];
};

struct kind_layout {
	uint8_t fixed;       // bytes after struct btf_type
	uint8_t per_element; // times vlen
};

static const struct kind_layout layouts[KIND_MAX + 1] = {
	[BTF_KIND_INT] = { sizeof(uint32_t), 0 },
	[BTF_KIND_ARRAY] = { sizeof(struct btf_array), 0 },
	[BTF_KIND_STRUCT] = { 0, sizeof(struct btf_member) },
	[BTF_KIND_UNION] = { 0, sizeof(struct btf_member) },
	[BTF_KIND_ENUM] = { 0, sizeof(struct btf_enum) },
	[BTF_KIND_FUNC_PROTO] = { 0, sizeof(struct btf_param) },
	[BTF_KIND_VAR] = { sizeof(struct btf_var), 0 },
	[BTF_KIND_DATASEC] = { 0, sizeof(struct btf_var_secinfo) },
	[BTF_KIND_DECL_TAG] = { sizeof(struct btf_decl_tag), 0 },
	[BTF_KIND_ENUM64] = { 0, sizeof(struct btf_enum64) },
};

static uint32_t record_size(const struct btf_type *t)
{
	const struct kind_layout *layout = &layouts[kbtf_kind(t)];

	return sizeof(*t) + layout->fixed + (size_t)layout->per_element * kbtf_vlen(t);
}

static size_t table_of(uint32_t kinds)
{
	return kinds & FUNCTION_KINDS ? TABLE_FUNCTIONS : TABLE_TYPES;
}

static bool is_in_table(const struct btf_type *t, size_t table)
{
	uint32_t kinds = table == TABLE_TYPES ? TYPE_KINDS : FUNCTION_KINDS;

	return t->name_off && kinds & 1u << kbtf_kind(t);
}

/* The only place where records are checked: afterwards every walk from an index entry is safe. */
static int index_types(struct kbtf *b, struct err *err)
{
	uint32_t off = 0, n = 0;

	/* A record has 12 bytes at least; the pages that this overestimates are never touched. */
	b->offsets = malloc((b->types_size / sizeof(struct btf_type) / STRIDE + 1) *
			    sizeof(*b->offsets));
	if (!b->offsets)
		return err_set(err, -ENOMEM, "out of memory");
	while (off < b->types_size) {
		const struct btf_type *t = (const void *)(b->types + off);
		uint32_t left = b->types_size - off;

		if (left < sizeof(*t) || kbtf_kind(t) > KIND_MAX || !kbtf_kind(t) ||
		    left < record_size(t))
			return err_set(err, -EINVAL, "BTF type %u is malformed", b->first + n);
		if (n % STRIDE == 0)
			b->offsets[n / STRIDE] = off;
		b->tables[TABLE_TYPES].entries += is_in_table(t, TABLE_TYPES);
		b->tables[TABLE_FUNCTIONS].entries += is_in_table(t, TABLE_FUNCTIONS);
		off += record_size(t);
		n++;
	}
	if (n > ID_MASK - b->first)
		return err_set(err, -EINVAL, "BTF has too many types");
	b->count = b->first + n;
	return 0;
}

static int parse_header(struct kbtf *b, const char *data, size_t size, struct err *err)
{
	const struct btf_header *h = (const void *)data;
	uint64_t type_off, str_off;

	if (size < sizeof(*h) || h->magic != BTF_MAGIC || h->version != BTF_VERSION ||
	    h->hdr_len < sizeof(*h) || h->hdr_len > size)
		return err_set(err, -EINVAL, "no BTF header");
	type_off = (uint64_t)h->hdr_len + h->type_off;
	str_off = (uint64_t)h->hdr_len + h->str_off;
	if (type_off % 4 || type_off + h->type_len > size || str_off + h->str_len > size)
		return err_set(err, -EINVAL, "BTF sections reach outside the data");
	b->types = data + type_off;
	b->types_size = h->type_len;
	b->strings = data + str_off;
	b->strings_size = h->str_len;
	if (!h->str_len || b->strings[h->str_len - 1])
		return err_set(err, -EINVAL, "BTF strings do not end");
	return index_types(b, err);
}

static struct kbtf *kbtf_alloc(const struct kbtf *base)
{
	struct kbtf *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->base = base;
	b->memory = MAP_FAILED;
	b->first = base ? base->count : 1;
	b->strings_start = base ? base->strings_start + base->strings_size : 0;
	return b;
}

static int map_anonymous(struct kbtf *b, size_t size)
{
	b->memory_size = size;
	b->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return b->memory == MAP_FAILED ? -ENOMEM : 0;
}

/* sysfs can be mapped since Linux 6.16; before, it is read. */
static int map_file(struct kbtf *b, int fd, size_t size)
{
	size_t done = 0;
	int r;

	b->memory_size = size;
	b->memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (b->memory != MAP_FAILED)
		return 0;
	r = map_anonymous(b, size);
	if (r)
		return r;
	while (done < size) {
		ssize_t n = read(fd, (char *)b->memory + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return 0;
}

/* @data of @size bytes in b->memory is raw BTF, or an ELF file with a .BTF section. */
static int parse_memory(struct kbtf *b, const char *path, struct err *err)
{
	struct kelf_section section;
	struct kelf *elf;
	const void *data;
	size_t size;
	int r;

	if (b->memory_size < 4 || memcmp(b->memory, "\177ELF", 4) != 0)
		return parse_header(b, b->memory, b->memory_size, err);
	r = kelf_open(&elf, path, err);
	if (r)
		return r;
	data = kelf_find_section(elf, ".BTF", &section) ? kelf_section_data(elf, &section, &size)
							: NULL;
	if (!data) {
		r = err_set(err, -EINVAL, "'%s' has no .BTF section", path);
	} else {
		(void)munmap(b->memory, b->memory_size);
		r = map_anonymous(b, size);
		if (!r) {
			memcpy(b->memory, data, size);
			r = parse_header(b, b->memory, size, err);
		}
	}
	kelf_close(elf);
	return r;
}

int kbtf_open(struct kbtf **out, const char *path, const struct kbtf *base, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct kbtf *b;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, -errno, "reading BTF from '%s'", path);
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct btf_header) ||
	    st.st_size > BTF_SIZE_MAX)
		return err_set(err, -EINVAL, "'%s' is not BTF", path);
	b = kbtf_alloc(base);
	if (!b)
		return err_set(err, -ENOMEM, "out of memory");
	r = map_file(b, fd, (size_t)st.st_size);
	if (r)
		(void)err_errno(err, r, "reading BTF from '%s'", path);
	else
		r = parse_memory(b, path, err);
	if (r) {
		kbtf_close(b);
		return err_wrap(err, "'%s'", path);
	}
	*out = b;
	return 0;
}

int kbtf_open_memory(struct kbtf **out, const void *data, size_t size, const struct kbtf *base,
		     struct err *err)
{
	struct kbtf *b;
	int r;

	if (size < sizeof(struct btf_header) || size > BTF_SIZE_MAX)
		return err_set(err, -EINVAL, "no BTF header");
	b = kbtf_alloc(base);
	if (!b || map_anonymous(b, size)) {
		kbtf_close(b);
		return err_set(err, -ENOMEM, "out of memory");
	}
	memcpy(b->memory, data, size);
	r = parse_header(b, b->memory, size, err);
	if (r) {
		kbtf_close(b);
		return r;
	}
	*out = b;
	return 0;
}

void kbtf_close(struct kbtf *b)
{
	if (!b)
		return;
	if (b->memory != MAP_FAILED)
		(void)munmap(b->memory, b->memory_size);
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		struct name_table *table = &b->tables[i];

		if (table->slots)
			(void)munmap(table->slots, (table->mask + 1ul) * sizeof(*table->slots));
	}
	free(b->offsets);
	free(b);
}

uint32_t kbtf_count(const struct kbtf *b)
{
	return b->count;
}

uint32_t kbtf_first(const struct kbtf *b)
{
	return b->first;
}

const struct btf_type *kbtf_type(const struct kbtf *b, uint32_t id)
{
	const char *p;
	uint32_t n;

	while (b && id < b->first)
		b = b->base;
	if (!b || id >= b->count || !id)
		return NULL;
	n = id - b->first;
	p = b->types + b->offsets[n / STRIDE];
	for (n %= STRIDE; n; n--)
		p += record_size((const void *)p);
	return (const void *)p;
}

const char *kbtf_string(const struct kbtf *b, uint32_t offset)
{
	while (b && offset < b->strings_start)
		b = b->base;
	if (!b || offset - b->strings_start >= b->strings_size)
		return "";
	return b->strings + (offset - b->strings_start);
}

void kbtf_each(const struct kbtf *b, kbtf_fn fn, void *ctx)
{
	const char *p = b->types;

	for (uint32_t id = b->first; id < b->count; id++) {
		const struct btf_type *t = (const void *)p;

		if (!fn(ctx, id, t))
			return;
		p += record_size(t);
	}
}

/* A name's hash; byte by byte because names are short and end where they end. */
static uint32_t name_hash(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	h ^= h >> 15;
	h *= 0x9e3779b1u;
	return h ^ h >> 13;
}

/* Zeroed, and present at once: faulting it in page by page takes longer than filling it. */
static void *map_populated(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static bool build_table(struct kbtf *b, size_t which)
{
	struct name_table *table = &b->tables[which];
	const char *p = b->types;
	uint32_t size = 16, hash, i;

	/* Densely filled: a page that is touched costs more than some probes. */
	while (size / 8 * 7 < table->entries)
		size *= 2;
	table->slots = map_populated(size * sizeof(*table->slots));
	if (!table->slots)
		return false;
	table->mask = size - 1;
	for (uint32_t id = b->first; id < b->count; id++) {
		const struct btf_type *t = (const void *)p;

		p += record_size(t);
		if (!is_in_table(t, which))
			continue;
		hash = name_hash(kbtf_name(b, t));
		for (i = hash; table->slots[i & table->mask]; i++)
			;
		table->slots[i & table->mask] = (hash & ~ID_MASK) | id;
	}
	return true;
}

/* The first match after type @after (0: from the start) in the probe sequence of @name. */
static uint32_t find_after(struct kbtf *b, const char *name, uint32_t kinds, uint32_t after)
{
	struct name_table *table = &b->tables[table_of(kinds)];
	uint32_t hash = name_hash(name);

	if (!table->slots && !build_table(b, table_of(kinds)))
		return 0;
	for (uint32_t i = hash;; i++) {
		uint32_t slot = table->slots[i & table->mask], id = slot & ID_MASK;
		const struct btf_type *t;

		if (!slot)
			return 0;
		if (((slot ^ hash) & ~ID_MASK) || id <= after)
			continue;
		t = kbtf_type(b, id);
		if (kinds & 1u << kbtf_kind(t) && !strcmp(kbtf_name(b, t), name))
			return id;
	}
}

uint32_t kbtf_find(struct kbtf *b, const char *name, uint32_t kinds)
{
	return *name ? find_after(b, name, kinds, 0) : 0;
}

uint32_t kbtf_find_next(struct kbtf *b, uint32_t id, uint32_t kinds)
{
	const struct btf_type *t = kbtf_type(b, id);

	return t ? find_after(b, kbtf_name(b, t), kinds, id) : 0;
}

uint32_t kbtf_strip(const struct kbtf *b, uint32_t id)
{
	/* A cycle of modifiers is malformed, so the depth is bounded. */
	for (int depth = 0; depth < 64; depth++) {
		const struct btf_type *t = kbtf_type(b, id);

		if (!t)
			return 0;
		switch (kbtf_kind(t)) {
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_CONST:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG: id = t->type; break;
		default: return id;
		}
	}
	return 0;
}

uint64_t kbtf_size(const struct kbtf *b, uint32_t id)
{
	uint64_t count = 1;

	for (int depth = 0; depth < 64; depth++) {
		const struct btf_type *t = kbtf_type(b, kbtf_strip(b, id));
		const struct btf_array *array;

		if (!t)
			return 0;
		switch (kbtf_kind(t)) {
		case BTF_KIND_INT:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_FLOAT:
		case BTF_KIND_DATASEC:
			return __builtin_mul_overflow(count, t->size, &count) ? 0 : count;
		case BTF_KIND_PTR: return __builtin_mul_overflow(count, 8, &count) ? 0 : count;
		case BTF_KIND_VAR: id = t->type; break;
		case BTF_KIND_ARRAY:
			array = kbtf_tail(t);
			if (__builtin_mul_overflow(count, array->nelems, &count))
				return 0;
			id = array->type;
			break;
		default: return 0;
		}
	}
	return 0;
}

/* Where the string @name begins, as name_off counts; 0: nowhere.  Strings are there only once. */
static uint32_t find_string(const struct kbtf *b, const char *name)
{
	size_t len = strlen(name) + 1;
	const char *p = b->strings, *end = b->strings + b->strings_size;

	while ((p = memmem(p, (size_t)(end - p), name, len))) {
		if (p > b->strings && !p[-1])
			return b->strings_start + (uint32_t)(p - b->strings);
		p++;
	}
	return 0;
}

static bool enum_has(const struct btf_type *t, uint32_t name_off, uint32_t *index)
{
	uint32_t vlen = kbtf_vlen(t);

	if (kbtf_kind(t) == BTF_KIND_ENUM) {
		const struct btf_enum *e = kbtf_tail(t);

		for (uint32_t i = 0; i < vlen; i++) {
			if (e[i].name_off == name_off) {
				*index = i;
				return true;
			}
		}
	} else if (kbtf_kind(t) == BTF_KIND_ENUM64) {
		const struct btf_enum64 *e = kbtf_tail(t);

		for (uint32_t i = 0; i < vlen; i++) {
			if (e[i].name_off == name_off) {
				*index = i;
				return true;
			}
		}
	}
	return false;
}

uint32_t kbtf_find_enumerator(const struct kbtf *b, const char *name, uint32_t *index)
{
	const struct kbtf *owner = b;
	const char *p = b->types;
	uint32_t name_off;

	if (!*name)
		return 0;
	/* A module's enum may use a string of vmlinux. */
	do {
		name_off = find_string(owner, name);
		owner = owner->base;
	} while (!name_off && owner);
	if (!name_off)
		return 0;
	for (uint32_t id = b->first; id < b->count; id++) {
		const struct btf_type *t = (const void *)p;

		if (enum_has(t, name_off, index))
			return id;
		p += record_size(t);
	}
	return 0;
}
