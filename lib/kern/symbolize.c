#include "kern/symbolize.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/elfsyms.h"
#include "kern/kallsyms.h"
#include "kern/symbolize_internal.h"

int symbolizer_new(struct symbolizer **out, const struct symbolizer_options *options)
{
	struct symbolizer *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	arena_init(&s->arena);
	strmap_init(&s->demangled, &s->arena);
	strmap_init(&s->strings, &s->arena);
	if (options)
		s->options = *options;
	*out = s;
	return 0;
}

void symbolizer_free(struct symbolizer *s)
{
	if (!s)
		return;
	procmaps_free_all(s);
	vec_foreach (&s->files, f) {
		elfsyms_free((*f)->symbols);
		free(*f);
	}
	vec_finish(&s->files);
	kallsyms_free(s->kallsyms);
	arena_finish(&s->arena);
	free(s);
}

bool symbolizer_kernel(struct symbolizer *s, uint64_t addr, struct symbol_info *out)
{
	struct kallsym symbol;

	*out = (struct symbol_info){ 0 };
	if (!s->has_tried_kallsyms) {
		s->has_tried_kallsyms = true;
		if (kallsyms_load(&s->kallsyms, s->options.kallsyms, NULL))
			s->kallsyms = NULL;
	}
	if (!s->kallsyms || !kallsyms_by_address(s->kallsyms, addr, &symbol))
		return false;
	out->name = symbol.name;
	out->offset = addr - symbol.address;
	out->module = symbol.module;
	return true;
}

/* The same file by different paths, or in different containers, is loaded once. */
static struct symbol_file *find_file(struct symbolizer *s, const struct stat *st)
{
	vec_foreach (&s->files, f) {
		if ((*f)->dev == st->st_dev && (*f)->ino == st->st_ino &&
		    (*f)->mtime.tv_sec == st->st_mtim.tv_sec &&
		    (*f)->mtime.tv_nsec == st->st_mtim.tv_nsec)
			return *f;
	}
	return NULL;
}

struct symbol_file *symbol_file_get(struct symbolizer *s, const char *path, const char *root)
{
	struct symbol_file *f;
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	f = find_file(s, &st);
	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->mtime = st.st_mtim;
	/* A file that can't be read is remembered too, so that it is not tried again and again. */
	if (elfsyms_load(&f->symbols, path, root, ELFSYMS_FUNCTIONS | ELFSYMS_DEBUG_FILE, NULL))
		f->symbols = NULL;
	vec_push(NULL, &s->files, f);
	return f;
}

struct symbol_file *symbol_file_from_memory(struct symbolizer *s, const void *data, size_t size)
{
	struct symbol_file *f = calloc(1, sizeof(*f));
	struct kelf *elf;

	if (!f)
		return NULL;
	if (!kelf_open_memory(&elf, data, size, NULL) &&
	    elfsyms_take(&f->symbols, elf, NULL, "", ELFSYMS_FUNCTIONS, NULL))
		f->symbols = NULL;
	vec_push(NULL, &s->files, f);
	return f;
}

static const char *display_name(struct symbolizer *s, const char *name)
{
	const char *known;
	char *plain;

	if (!s->options.demangle || name[0] != '_' || name[1] != 'Z')
		return name;
	known = strmap_get(&s->demangled, name);
	if (known)
		return known;
	plain = elfsyms_demangle(name);
	known = plain ? arena_strdup(&s->arena, plain) : name;
	free(plain);
	(void)strmap_put(&s->demangled, name, (void *)known);
	return known;
}

bool symbol_file_resolve(struct symbolizer *s, struct symbol_file *f, uint64_t file_offset,
			 struct symbol_info *out)
{
	const struct elfsym *symbol;
	const uint8_t *id;
	uint64_t address;
	size_t len;

	if (!f || !f->symbols)
		return false;
	id = kelf_build_id(elfsyms_file(f->symbols), &len);
	if (id) {
		out->build_id_len = len < SYMBOL_BUILD_ID_MAX ? (uint32_t)len : SYMBOL_BUILD_ID_MAX;
		memcpy(out->build_id, id, out->build_id_len);
	}
	if (!kelf_offset_to_address(elfsyms_file(f->symbols), file_offset, &address))
		return false;
	symbol = elfsyms_by_address(f->symbols, address);
	if (!symbol)
		return false;
	out->name = display_name(s, symbol->name);
	out->offset = address - symbol->address;
	return true;
}

bool symbolizer_file(struct symbolizer *s, const char *path, uint64_t file_offset,
		     struct symbol_info *out)
{
	*out = (struct symbol_info){ .file_offset = file_offset };
	out->module = strmap_intern(&s->strings, path, strlen(path));
	return symbol_file_resolve(s, symbol_file_get(s, path, ""), file_offset, out);
}
