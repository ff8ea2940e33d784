#include "kern/elfsyms.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"
#include "util/vec.h"

#define SYMBOLS_MAX     (16u << 20)
#define ENCLOSING_STEPS 64   // symbols to look back at for one that encloses an address
#define SIZELESS_MAX    4096 // bytes that a symbol without a size may reach

struct elfsyms {
	struct kelf *elf;
	struct kelf *debug; // or NULL
	vec_of(struct elfsym) symbols;
	vec_of(char *) copies; // names that had to be cut
	uint32_t *by_name;     // hash table of symbol number + 1; NULL until needed
	uint32_t mask;
};

/* One symbol table section and what belongs to it. */
struct table {
	char *data; // a copy: it is needed once, and is large
	size_t count;
	size_t entry;
	const char *strings;
	size_t strings_size;
	const uint16_t *versions; // one a symbol, or NULL
};

/* Names of version definitions, by index; only those of the file itself matter. */
struct versions {
	vec_of(const char *) names;
};

static void read_versions(struct kelf *elf, struct versions *out)
{
	struct kelf_section s, strings;
	size_t size, strings_size, at = 0;
	const char *data, *names;

	if (!kelf_find_section(elf, ".gnu.version_d", &s) || !kelf_section(elf, s.link, &strings))
		return;
	data = kelf_section_data(elf, &s, &size);
	names = kelf_section_data(elf, &strings, &strings_size);
	/* Elf32_Verdef and Elf64_Verdef are the same. */
	while (data && names && at % 4 == 0 && at < size && size - at >= sizeof(Elf64_Verdef)) {
		const Elf64_Verdef *def = (const void *)(data + at);
		const Elf64_Verdaux *aux;
		size_t aux_at = at + def->vd_aux;

		if (aux_at % 4 || aux_at > size || size - aux_at < sizeof(*aux))
			return;
		aux = (const void *)(data + aux_at);
		while (out->names.len <= (def->vd_ndx & 0x7fff))
			vec_push(NULL, &out->names, NULL);
		out->names.data[def->vd_ndx & 0x7fff] =
			kelf_string(names, strings_size, aux->vda_name);
		if (!def->vd_next)
			return;
		at += def->vd_next;
	}
}

static bool is_wanted(uint8_t type, uint32_t flags)
{
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return flags & ELFSYMS_FUNCTIONS;
	return type == STT_OBJECT && flags & ELFSYMS_OBJECTS;
}

/* Names in .symtab carry their version: "memcpy@@GLIBC_2.14". */
static void cut_version(struct elfsyms *t, struct elfsym *symbol)
{
	const char *at = strchr(symbol->name, '@');
	char *copy;

	if (!at || at == symbol->name)
		return;
	copy = strdup(symbol->name);
	if (!copy)
		return;
	vec_push(NULL, &t->copies, copy);
	copy[at - symbol->name] = 0;
	symbol->is_default_version = at[1] == '@';
	symbol->version = copy + (at - symbol->name) + (symbol->is_default_version ? 2 : 1);
	symbol->name = copy;
}

static void set_version(const struct table *table, const struct versions *versions, size_t i,
			struct elfsym *symbol)
{
	uint16_t index = table->versions[i] & 0x7fff;

	if (index < 2 || index >= versions->names.len)
		return;
	symbol->version = versions->names.data[index];
	symbol->is_default_version = !(table->versions[i] & 0x8000);
}

static void add_symbols(struct elfsyms *t, const struct table *table, bool is_64,
			const struct versions *versions, uint32_t flags)
{
	for (size_t i = 0; i < table->count && t->symbols.len < SYMBOLS_MAX; i++) {
		const Elf64_Sym *s64 = (const void *)(table->data + i * table->entry);
		const Elf32_Sym *s32 = (const void *)s64;
		uint8_t info = is_64 ? s64->st_info : s32->st_info;
		uint16_t section = is_64 ? s64->st_shndx : s32->st_shndx;
		struct elfsym symbol = { .type = ELF64_ST_TYPE(info),
					 .binding = ELF64_ST_BIND(info),
					 .address = is_64 ? s64->st_value : s32->st_value,
					 .size = is_64 ? s64->st_size : s32->st_size };

		if (section == SHN_UNDEF || !symbol.address || !is_wanted(symbol.type, flags))
			continue;
		symbol.name = kelf_string(table->strings, table->strings_size,
					  is_64 ? s64->st_name : s32->st_name);
		if (!*symbol.name)
			continue;
		if (table->versions)
			set_version(table, versions, i, &symbol);
		else
			cut_version(t, &symbol);
		vec_push(NULL, &t->symbols, symbol);
	}
}

static void read_table(struct elfsyms *t, struct kelf *elf, uint32_t section_type, uint32_t flags)
{
	struct versions versions = { 0 };
	struct kelf_section s, strings, versym;
	struct table table = { 0 };
	size_t size;

	for (size_t i = 0; i < kelf_section_count(elf); i++) {
		if (!kelf_section(elf, i, &s) || s.type != section_type ||
		    !kelf_section(elf, s.link, &strings))
			continue;
		table.entry = kelf_is_64(elf) ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
		table.data = kelf_copy(elf, s.offset, s.size);
		table.count = table.data ? s.size / table.entry : 0;
		table.strings = kelf_section_data(elf, &strings, &table.strings_size);
		if (section_type == SHT_DYNSYM && kelf_find_section(elf, ".gnu.version", &versym)) {
			read_versions(elf, &versions);
			table.versions = kelf_section_data(elf, &versym, &size);
			if (!table.versions || size / 2 < table.count)
				table.versions = NULL;
		}
		add_symbols(t, &table, kelf_is_64(elf), &versions, flags);
		free(table.data);
		break;
	}
	vec_finish(&versions.names);
}

static size_t leading_underscores(const char *name)
{
	return strspn(name, "_");
}

static int compare_bool(bool a, bool b)
{
	return (a > b) - (a < b);
}

/* By address, and of aliases the best first: the rules of perf (choose_best_symbol()). */
static int compare_symbols(const void *a, const void *b)
{
	const struct elfsym *x = a, *y = b;
	size_t ux, uy, lx, ly;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (!x->size != !y->size)
		return compare_bool(!x->size, !y->size);
	if ((x->binding == STB_WEAK) != (y->binding == STB_WEAK))
		return compare_bool(x->binding == STB_WEAK, y->binding == STB_WEAK);
	if ((x->binding == STB_LOCAL) != (y->binding == STB_LOCAL))
		return compare_bool(x->binding == STB_LOCAL, y->binding == STB_LOCAL);
	ux = leading_underscores(x->name);
	uy = leading_underscores(y->name);
	if (ux != uy)
		return ux < uy ? -1 : 1;
	lx = strlen(x->name);
	ly = strlen(y->name);
	if (lx != ly)
		return lx > ly ? -1 : 1;
	if (x->name != y->name && strcmp(x->name, y->name) != 0)
		return strcmp(x->name, y->name);
	return compare_bool(!x->version, !y->version);
}

/* The same symbol from .symtab and .dynsym: keep one, with the version if either has it. */
static void remove_duplicates(struct elfsyms *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->symbols.len; i++) {
		const struct elfsym *s = &t->symbols.data[i];
		bool is_duplicate = false;

		for (size_t j = kept; j-- > 0 && t->symbols.data[j].address == s->address;) {
			const struct elfsym *other = &t->symbols.data[j];

			if (strcmp(other->name, s->name) != 0)
				continue;
			if (!s->version || (other->version && !strcmp(other->version, s->version)))
				is_duplicate = true;
			break;
		}
		if (!is_duplicate)
			t->symbols.data[kept++] = *s;
	}
	t->symbols.len = kept;
}

int elfsyms_take(struct elfsyms **out, struct kelf *elf, const char *path, const char *root,
		 uint32_t flags, struct err *err)
{
	struct elfsyms *t = calloc(1, sizeof(*t));
	size_t build_id_len;

	if (!t) {
		kelf_close(elf);
		return err_set(err, -ENOMEM, "out of memory");
	}
	t->elf = elf;
	read_table(t, elf, SHT_SYMTAB, flags);
	if (!t->symbols.len && flags & ELFSYMS_DEBUG_FILE && path &&
	    !kelf_open_debug(&t->debug, elf, path, root, NULL, NULL)) {
		read_table(t, t->debug, SHT_SYMTAB, flags);
		kelf_detach(t->debug);
	}
	read_table(t, elf, SHT_DYNSYM, flags);
	(void)kelf_build_id(elf, &build_id_len); // kept for when the file is closed
	kelf_detach(elf);
	if (t->symbols.len) {
		qsort(t->symbols.data, t->symbols.len, sizeof(struct elfsym), compare_symbols);
		remove_duplicates(t);
	}
	*out = t;
	return 0;
}

int elfsyms_load(struct elfsyms **out, const char *path, const char *root, uint32_t flags,
		 struct err *err)
{
	struct kelf *elf;
	int r = kelf_open(&elf, path, err);

	return r ? r : elfsyms_take(out, elf, path, root, flags, err);
}

void elfsyms_free(struct elfsyms *t)
{
	if (!t)
		return;
	kelf_close(t->elf);
	kelf_close(t->debug);
	vec_foreach (&t->copies, copy)
		free(*copy);
	vec_finish(&t->copies);
	vec_finish(&t->symbols);
	free(t->by_name);
	free(t);
}

struct kelf *elfsyms_file(const struct elfsyms *t)
{
	return t->elf;
}

size_t elfsyms_count(const struct elfsyms *t)
{
	return t->symbols.len;
}

const struct elfsym *elfsyms_at(const struct elfsyms *t, size_t index)
{
	return &t->symbols.data[index];
}

static bool covers(const struct elfsyms *t, size_t i, uint64_t address)
{
	const struct elfsym *s = &t->symbols.data[i];

	/* Without a size it reaches to the next symbol; this one is the last before the address. */
	if (!s->size)
		return address - s->address < SIZELESS_MAX;
	return address - s->address < s->size;
}

const struct elfsym *elfsyms_by_address(const struct elfsyms *t, uint64_t address)
{
	size_t low = 0, high = t->symbols.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->symbols.data[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i-- > 0 && low - i <= ENCLOSING_STEPS;) {
		uint64_t start = t->symbols.data[i].address;

		while (i && t->symbols.data[i - 1].address == start)
			i--;
		if (covers(t, i, address))
			return &t->symbols.data[i];
	}
	return NULL;
}

static bool build_name_table(struct elfsyms *t)
{
	uint32_t size = 16;

	while (size / 2 < t->symbols.len)
		size *= 2;
	t->by_name = calloc(size, sizeof(*t->by_name));
	if (!t->by_name)
		return false;
	t->mask = size - 1;
	for (uint32_t n = 0; n < t->symbols.len; n++) {
		const char *name = t->symbols.data[n].name;
		uint64_t i = hash_bytes(name, strlen(name));

		while (t->by_name[i & t->mask])
			i++;
		t->by_name[i & t->mask] = n + 1;
	}
	return true;
}

/* Which of two symbols of one name is meant when no version is given. */
static bool is_better(const struct elfsym *a, const struct elfsym *b)
{
	bool a_old = a->version && !a->is_default_version;
	bool b_old = b->version && !b->is_default_version;

	if (a_old != b_old)
		return b_old;
	return (a->binding != STB_LOCAL) > (b->binding != STB_LOCAL);
}

const struct elfsym *elfsyms_by_name(const struct elfsyms *t, const char *name)
{
	struct elfsyms *lazy = (struct elfsyms *)t;
	const char *version = strchr(name, '@');
	size_t len = version && version != name ? (size_t)(version - name) : strlen(name);
	const struct elfsym *best = NULL;

	if (!t->by_name && !build_name_table(lazy))
		return NULL;
	if (len == strlen(name))
		version = NULL;
	else
		version += version[1] == '@' ? 2 : 1;
	for (uint64_t i = hash_bytes(name, len); t->by_name[i & t->mask]; i++) {
		const struct elfsym *s = &t->symbols.data[t->by_name[i & t->mask] - 1];

		if (strncmp(s->name, name, len) != 0 || s->name[len])
			continue;
		if (version && (!s->version || strcmp(s->version, version) != 0))
			continue;
		if (!best || is_better(s, best))
			best = s;
	}
	return best;
}
