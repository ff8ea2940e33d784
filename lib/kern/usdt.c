#include "kern/usdt.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/vec.h"

#define NOTE_TYPE_STAPSDT 3
#define SITES_MAX         (1u << 20)

/* What a note's description begins with; in 32-bit files the words are half as wide. */
struct location {
	uint64_t pc;
	uint64_t base; // where the linker saw .stapsdt.base
	uint64_t semaphore;
};

static uint64_t read_word(const char *p, bool is_64)
{
	uint64_t wide;
	uint32_t narrow;

	if (is_64) {
		memcpy(&wide, p, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, p, sizeof(narrow));
	return narrow;
}

/* The NUL-terminated string at *@p, which moves behind it; NULL if it does not end before @end. */
static const char *next_string(const char **p, const char *end)
{
	const char *s = *p, *nul = s < end ? memchr(s, 0, (size_t)(end - s)) : NULL;

	if (!nul)
		return NULL;
	*p = nul + 1;
	return s;
}

static bool parse_note(const struct kelf *e, const char *desc, size_t size, uint64_t base,
		       struct usdt_site *out)
{
	bool is_64 = kelf_is_64(e);
	size_t word = is_64 ? 8 : 4;
	struct location at;
	const char *p = desc + 3 * word, *end = desc + size;
	int count;

	if (size < 3 * word)
		return false;
	at.pc = read_word(desc, is_64);
	at.base = read_word(desc + word, is_64);
	at.semaphore = read_word(desc + 2 * word, is_64);
	*out = (struct usdt_site){ 0 };
	out->provider = next_string(&p, end);
	out->name = next_string(&p, end);
	out->spec = next_string(&p, end);
	if (!out->spec || !*out->provider || !*out->name)
		return false;
	/* prelink moves the code and .stapsdt.base alike, but not the note. */
	out->address = base ? at.pc + base - at.base : at.pc;
	if (!kelf_address_to_offset(e, out->address, &out->offset))
		return false;
	if (at.semaphore) {
		out->semaphore_address = base ? at.semaphore + base - at.base : at.semaphore;
		if (!kelf_address_to_offset(e, out->semaphore_address, &out->semaphore_offset))
			return false;
	}
	count = usdt_parse_args(out->args, out->spec, kelf_machine(e));
	out->is_spec_valid = count >= 0;
	out->arg_count = count < 0 ? 0 : (uint32_t)count;
	return true;
}

typedef vec_of(struct usdt_site) site_list;

static int read_notes(struct kelf *e, const struct kelf_section *section, uint64_t base,
		      site_list *sites, struct err *err)
{
	size_t size, at = 0;
	const char *data = kelf_section_data(e, section, &size);

	if (!data)
		return size ? err_set(err, -EINVAL, "USDT notes reach outside the file") : 0;
	while (size - at >= sizeof(Elf64_Nhdr) && sites->len < SITES_MAX) {
		const Elf64_Nhdr *n = (const void *)(data + at);
		uint64_t name = at + sizeof(*n);
		uint64_t desc = name + ((uint64_t)n->n_namesz + 3) / 4 * 4;
		uint64_t next = desc + ((uint64_t)n->n_descsz + 3) / 4 * 4;
		struct usdt_site site;

		if (desc + n->n_descsz > size)
			return err_set(err, -EINVAL, "USDT note cut off");
		if (n->n_type == NOTE_TYPE_STAPSDT && n->n_namesz == sizeof("stapsdt") &&
		    !memcmp(data + name, "stapsdt", sizeof("stapsdt")) &&
		    parse_note(e, data + desc, n->n_descsz, base, &site))
			vec_push(NULL, sites, site);
		if (next > size)
			break;
		at = next;
	}
	return 0;
}

int usdt_read(struct usdt_sites *out, struct kelf *e, struct err *err)
{
	site_list sites = { 0 };
	struct kelf_section section;
	uint64_t base = 0;
	int r = 0;

	if (kelf_find_section(e, ".stapsdt.base", &section))
		base = section.address;
	/* A linker script may leave several sections of that name. */
	for (size_t i = 0; i < kelf_section_count(e) && !r; i++) {
		if (kelf_section(e, i, &section) && section.type == SHT_NOTE &&
		    !strcmp(section.name, ".note.stapsdt"))
			r = read_notes(e, &section, base, &sites, err);
	}
	if (r) {
		vec_finish(&sites);
		return r;
	}
	out->sites = sites.data;
	out->count = sites.len;
	return 0;
}

void usdt_sites_finish(struct usdt_sites *s)
{
	vec_free_data(s->sites);
	*s = (struct usdt_sites){ 0 };
}
