#include "kern/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "util/fd.h"
#include "util/vec.h"

#define SECTIONS_MAX 65536u
#define SEGMENTS_MAX 4096u
#define CHUNK_MAX    (2ull << 30) // of one part of a file in memory
#define INFLATED_MAX (1ull << 30)
#define NOTES_MAX    (1u << 20)

/* A part of the file that was read, or a section that was decompressed. */
struct chunk {
	uint64_t offset;
	uint64_t size;
	bool is_inflated; // offset is the section's, the bytes are not the file's
	void *data;
};

struct kelf {
	int fd; // -1: detached or in memory
	uint64_t size;
	bool is_64;
	uint16_t machine;
	uint16_t type;
	struct kelf_section *sections;
	size_t section_count;
	struct kelf_segment *segments;
	size_t segment_count;
	vec_of(struct chunk) chunks;
	const uint8_t *build_id;
	size_t build_id_len;
	bool has_looked_for_build_id;
};

static bool read_exactly(int fd, void *data, uint64_t size, uint64_t offset)
{
	char *p = data;

	while (size) {
		ssize_t n = pread(fd, p, size < 1u << 30 ? size : 1u << 30, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		size -= (uint64_t)n;
		offset += (uint64_t)n;
	}
	return true;
}

/* The bytes at @offset in a part that was read already; NULL if there is none. */
static const char *find_chunk(struct kelf *e, uint64_t offset, uint64_t size)
{
	vec_foreach (&e->chunks, chunk) {
		if (!chunk->is_inflated && offset >= chunk->offset &&
		    offset - chunk->offset < chunk->size &&
		    size <= chunk->size - (offset - chunk->offset))
			return (char *)chunk->data + (offset - chunk->offset);
	}
	return NULL;
}

void *kelf_copy(struct kelf *e, uint64_t offset, uint64_t size)
{
	const char *known;
	void *data;

	if (!size || size > CHUNK_MAX || offset > e->size || size > e->size - offset)
		return NULL;
	known = find_chunk(e, offset, size);
	if (!known && e->fd < 0)
		return NULL;
	data = malloc(size);
	if (!data)
		return NULL;
	if (known) {
		memcpy(data, known, size);
	} else if (!read_exactly(e->fd, data, size, offset)) {
		free(data);
		return NULL;
	}
	return data;
}

const void *kelf_data(struct kelf *e, uint64_t offset, uint64_t size)
{
	struct chunk c = { .offset = offset, .size = size };
	const char *known = NULL;

	if (size && offset <= e->size && size <= e->size - offset)
		known = find_chunk(e, offset, size);
	if (known && (uintptr_t)known % 8 == 0)
		return known;
	c.data = kelf_copy(e, offset, size);
	if (c.data)
		vec_push(NULL, &e->chunks, c);
	return c.data;
}

const char *kelf_string(const char *table, size_t size, uint64_t offset)
{
	if (!table || offset >= size || !memchr(table + offset, 0, size - offset))
		return "";
	return table + offset;
}

static void read_section_64(struct kelf_section *out, const Elf64_Shdr *s)
{
	*out = (struct kelf_section){ .type = s->sh_type,
				      .flags = s->sh_flags,
				      .address = s->sh_addr,
				      .offset = s->sh_offset,
				      .size = s->sh_size,
				      .entry_size = s->sh_entsize,
				      .link = s->sh_link,
				      .info = s->sh_info };
}

static void read_section_32(struct kelf_section *out, const Elf32_Shdr *s)
{
	*out = (struct kelf_section){ .type = s->sh_type,
				      .flags = s->sh_flags,
				      .address = s->sh_addr,
				      .offset = s->sh_offset,
				      .size = s->sh_size,
				      .entry_size = s->sh_entsize,
				      .link = s->sh_link,
				      .info = s->sh_info };
}

/* @e_shnum and @e_shstrndx as in the header; both overflow into section 0. */
static void read_sections(struct kelf *e, uint64_t offset, uint64_t count, uint32_t entry,
			  uint64_t name_index)
{
	uint32_t expected = e->is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	const char *raw, *names = NULL;
	size_t names_size = 0;

	if (!offset || entry != expected)
		return;
	raw = kelf_data(e, offset, entry);
	if (raw && !count)
		count = e->is_64 ? ((const Elf64_Shdr *)raw)->sh_size
				 : ((const Elf32_Shdr *)raw)->sh_size;
	if (raw && name_index == SHN_XINDEX)
		name_index = e->is_64 ? ((const Elf64_Shdr *)raw)->sh_link
				      : ((const Elf32_Shdr *)raw)->sh_link;
	if (!count || count > SECTIONS_MAX)
		return;
	raw = kelf_data(e, offset, count * entry);
	e->sections = raw ? calloc(count, sizeof(*e->sections)) : NULL;
	if (!e->sections)
		return;
	e->section_count = count;
	for (size_t i = 0; i < count; i++) {
		if (e->is_64)
			read_section_64(&e->sections[i], (const Elf64_Shdr *)raw + i);
		else
			read_section_32(&e->sections[i], (const Elf32_Shdr *)raw + i);
	}
	if (name_index < count) {
		names_size = e->sections[name_index].size;
		names = kelf_data(e, e->sections[name_index].offset, names_size);
	}
	for (size_t i = 0; i < count; i++) {
		uint32_t name = e->is_64 ? ((const Elf64_Shdr *)raw)[i].sh_name
					 : ((const Elf32_Shdr *)raw)[i].sh_name;

		e->sections[i].name = kelf_string(names, names_size, name);
		if (e->sections[i].type == SHT_NOBITS)
			e->sections[i].size = 0;
	}
}

static void read_segments(struct kelf *e, uint64_t offset, uint64_t count, uint32_t entry)
{
	uint32_t expected = e->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	const char *raw;

	if (!offset || !count || count > SEGMENTS_MAX || entry != expected)
		return;
	raw = kelf_data(e, offset, count * entry);
	e->segments = raw ? calloc(count, sizeof(*e->segments)) : NULL;
	if (!e->segments)
		return;
	e->segment_count = count;
	for (size_t i = 0; i < count; i++) {
		const Elf64_Phdr *p64 = (const Elf64_Phdr *)raw + i;
		const Elf32_Phdr *p32 = (const Elf32_Phdr *)raw + i;
		struct kelf_segment *s = &e->segments[i];

		if (e->is_64)
			*s = (struct kelf_segment){ p64->p_type,   p64->p_flags,  p64->p_vaddr,
						    p64->p_offset, p64->p_filesz, p64->p_memsz };
		else
			*s = (struct kelf_segment){ p32->p_type,   p32->p_flags,  p32->p_vaddr,
						    p32->p_offset, p32->p_filesz, p32->p_memsz };
	}
}

static int parse(struct kelf *e, struct err *err)
{
	const unsigned char *ident = kelf_data(e, 0, EI_NIDENT);
	const Elf64_Ehdr *h64;
	const Elf32_Ehdr *h32;

	if (!ident || memcmp(ident, ELFMAG, SELFMAG) != 0)
		return err_set(err, -ENOEXEC, "not an ELF file");
	if (ident[EI_DATA] != ELFDATA2LSB)
		return err_set(err, -ENOEXEC, "not a little-endian ELF file");
	e->is_64 = ident[EI_CLASS] == ELFCLASS64;
	if (e->is_64) {
		h64 = kelf_data(e, 0, sizeof(*h64));
		if (!h64)
			return err_set(err, -ENOEXEC, "ELF header cut off");
		e->machine = h64->e_machine;
		e->type = h64->e_type;
		read_segments(e, h64->e_phoff, h64->e_phnum, h64->e_phentsize);
		read_sections(e, h64->e_shoff, h64->e_shnum, h64->e_shentsize, h64->e_shstrndx);
	} else {
		h32 = kelf_data(e, 0, sizeof(*h32));
		if (!h32)
			return err_set(err, -ENOEXEC, "ELF header cut off");
		e->machine = h32->e_machine;
		e->type = h32->e_type;
		read_segments(e, h32->e_phoff, h32->e_phnum, h32->e_phentsize);
		read_sections(e, h32->e_shoff, h32->e_shnum, h32->e_shentsize, h32->e_shstrndx);
	}
	return 0;
}

int kelf_open(struct kelf **out, const char *path, struct err *err)
{
	struct kelf *e = calloc(1, sizeof(*e));
	struct stat st;
	int r;

	if (!e)
		return err_set(err, -ENOMEM, "out of memory");
	e->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (e->fd < 0 || fstat(e->fd, &st) < 0) {
		r = err_errno(err, -errno, "opening '%s'", path);
	} else if (!S_ISREG(st.st_mode)) {
		r = err_set(err, -ENOEXEC, "'%s' is not a file", path);
	} else {
		e->size = (uint64_t)st.st_size;
		r = parse(e, err);
		if (r)
			(void)err_wrap(err, "'%s'", path);
	}
	if (r) {
		kelf_close(e);
		return r;
	}
	*out = e;
	return 0;
}

int kelf_open_memory(struct kelf **out, const void *data, size_t size, struct err *err)
{
	struct kelf *e = calloc(1, sizeof(*e));
	struct chunk c = { .size = size, .data = malloc(size ? size : 1) };
	int r;

	if (!e || !c.data) {
		free(e);
		free(c.data);
		return err_set(err, -ENOMEM, "out of memory");
	}
	memcpy(c.data, data, size);
	e->fd = -1;
	e->size = size;
	vec_push(NULL, &e->chunks, c);
	r = parse(e, err);
	if (r) {
		kelf_close(e);
		return r;
	}
	*out = e;
	return 0;
}

void kelf_detach(struct kelf *e)
{
	if (e->fd >= 0)
		(void)close(e->fd);
	e->fd = -1;
}

void kelf_close(struct kelf *e)
{
	if (!e)
		return;
	kelf_detach(e);
	vec_foreach (&e->chunks, c)
		free(c->data);
	vec_finish(&e->chunks);
	free(e->sections);
	free(e->segments);
	free(e);
}

uint16_t kelf_machine(const struct kelf *e)
{
	return e->machine;
}

uint16_t kelf_type(const struct kelf *e)
{
	return e->type;
}

bool kelf_is_64(const struct kelf *e)
{
	return e->is_64;
}

uint64_t kelf_size(const struct kelf *e)
{
	return e->size;
}

size_t kelf_section_count(const struct kelf *e)
{
	return e->section_count;
}

bool kelf_section(const struct kelf *e, size_t index, struct kelf_section *out)
{
	if (index >= e->section_count)
		return false;
	*out = e->sections[index];
	return true;
}

bool kelf_find_section(const struct kelf *e, const char *name, struct kelf_section *out)
{
	for (size_t i = 0; i < e->section_count; i++) {
		if (!strcmp(e->sections[i].name, name)) {
			*out = e->sections[i];
			return true;
		}
	}
	return false;
}

/* @raw begins with a compression header (gABI, chapter 4, "Section Compression"). */
static void *inflate_section(const struct kelf *e, const void *raw, uint64_t raw_size,
			     uint64_t *size)
{
	size_t header = e->is_64 ? sizeof(Elf64_Chdr) : sizeof(Elf32_Chdr);
	const Elf64_Chdr *h64 = raw;
	const Elf32_Chdr *h32 = raw;
	unsigned long inflated_size;
	void *data;

	if (raw_size < header)
		return NULL;
	if ((e->is_64 ? h64->ch_type : h32->ch_type) != ELFCOMPRESS_ZLIB)
		return NULL;
	inflated_size = e->is_64 ? h64->ch_size : h32->ch_size;
	/* Deflate's best is 1032 to 1; whatever claims more lies. */
	if (!inflated_size || inflated_size > INFLATED_MAX || inflated_size / 1100 > raw_size)
		return NULL;
	data = malloc(inflated_size);
	if (!data || uncompress(data, &inflated_size, (const Bytef *)raw + header,
				raw_size - header) != Z_OK) {
		free(data);
		return NULL;
	}
	*size = inflated_size;
	return data;
}

const void *kelf_section_data(struct kelf *e, const struct kelf_section *s, size_t *size)
{
	struct chunk c = { .offset = s->offset, .is_inflated = true };
	const void *raw;

	*size = s->size;
	if (!(s->flags & SHF_COMPRESSED))
		return kelf_data(e, s->offset, s->size);
	vec_foreach (&e->chunks, chunk) {
		if (chunk->is_inflated && chunk->offset == s->offset) {
			*size = chunk->size;
			return chunk->data;
		}
	}
	raw = kelf_data(e, s->offset, s->size);
	c.data = raw ? inflate_section(e, raw, s->size, &c.size) : NULL;
	if (!c.data)
		return NULL;
	*size = c.size;
	vec_push(NULL, &e->chunks, c);
	return c.data;
}

size_t kelf_segment_count(const struct kelf *e)
{
	return e->segment_count;
}

bool kelf_segment(const struct kelf *e, size_t index, struct kelf_segment *out)
{
	if (index >= e->segment_count)
		return false;
	*out = e->segments[index];
	return true;
}

bool kelf_address_to_offset(const struct kelf *e, uint64_t address, uint64_t *offset)
{
	for (size_t i = 0; i < e->segment_count; i++) {
		const struct kelf_segment *s = &e->segments[i];

		if (s->type == PT_LOAD && address >= s->address &&
		    address - s->address < s->file_size) {
			*offset = address - s->address + s->offset;
			return true;
		}
	}
	return false;
}

bool kelf_offset_to_address(const struct kelf *e, uint64_t offset, uint64_t *address)
{
	const struct kelf_segment *best = NULL;

	/* A page at a segment's edge is mapped twice; code is what is asked for. */
	for (size_t i = 0; i < e->segment_count; i++) {
		const struct kelf_segment *s = &e->segments[i];

		if (s->type == PT_LOAD && offset >= s->offset &&
		    offset - s->offset < s->file_size && (!best || s->flags & PF_X))
			best = s;
	}
	if (!best)
		return false;
	*address = offset - best->offset + best->address;
	return true;
}

/* Elf32_Nhdr and Elf64_Nhdr are the same. */
static bool find_build_id(struct kelf *e, uint64_t offset, uint64_t size)
{
	const char *data = size <= NOTES_MAX ? kelf_data(e, offset, size) : NULL;
	uint64_t at = 0;

	if (!data)
		return false;
	while (size - at >= sizeof(Elf64_Nhdr)) {
		const Elf64_Nhdr *n = (const void *)(data + at);
		uint64_t name = at + sizeof(*n);
		uint64_t desc = name + ((uint64_t)n->n_namesz + 3) / 4 * 4;
		uint64_t next = desc + ((uint64_t)n->n_descsz + 3) / 4 * 4;

		if (desc + n->n_descsz > size)
			return false;
		if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 &&
		    !memcmp(data + name, "GNU", 4) && n->n_descsz) {
			e->build_id = (const uint8_t *)data + desc;
			e->build_id_len = n->n_descsz;
			return true;
		}
		if (next > size)
			return false;
		at = next;
	}
	return false;
}

const uint8_t *kelf_build_id(struct kelf *e, size_t *len)
{
	if (!e->has_looked_for_build_id) {
		bool found = false;

		e->has_looked_for_build_id = true;
		for (size_t i = 0; i < e->segment_count && !found; i++) {
			if (e->segments[i].type == PT_NOTE)
				found = find_build_id(e, e->segments[i].offset,
						      e->segments[i].file_size);
		}
		for (size_t i = 0; i < e->section_count && !found; i++) {
			if (e->sections[i].type == SHT_NOTE)
				found = find_build_id(e, e->sections[i].offset,
						      e->sections[i].size);
		}
	}
	*len = e->build_id_len;
	return e->build_id;
}
