#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "attach/uprobe.h"
#include "kern/insn.h"
#include "lang/probe.h"
#include "message.h"
#include "util/str.h"

#define HINT_UNSAFE                                                                                \
	"\nUse --unsafe to force attachment. WARNING: This option could lead to data corruption "  \
	"in the target process."

static struct uprobe_files *find_file(struct uprobe_files **files, const char *path)
{
	struct uprobe_files *f;

	for (f = *files; f; f = f->next) {
		if (strcmp(f->path, path) == 0)
			return f;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->path = strdup(path);
	f->next = *files;
	*files = f;
	return f;
}

void uprobe_files_free(struct uprobe_files *files)
{
	while (files) {
		struct uprobe_files *next = files->next;

		if (files->has_usdt)
			usdt_sites_finish(&files->usdt);
		elfsyms_free(files->symbols);
		kelf_close(files->elf);
		free(files->path);
		free(files);
		files = next;
	}
}

static int open_file(struct uprobe_files *f, struct err *err)
{
	if (!f || !f->path)
		return err_set(err, -ENOMEM, "no memory");
	return f->elf ? 0 : kelf_open(&f->elf, f->path, err);
}

static int read_symbols(struct uprobe_files *f, struct err *err)
{
	if (f->symbols)
		return 0;
	return elfsyms_load(&f->symbols, f->path, "", ELFSYMS_FUNCTIONS | ELFSYMS_DEBUG_FILE, err);
}

/* A breakpoint in the middle of an instruction would change what the program does. */
static int check_boundary(struct kelf *e, const struct attach_point *ap,
			  const struct elfsym *symbol, uint64_t file_offset, uint64_t offset,
			  bool is_unsafe, struct err *err)
{
	const char *kind = probe_infos[ap->kind].name;
	const void *code = kelf_data(e, file_offset, symbol->size);

	if (code && insn_is_boundary(code, symbol->size, offset, kelf_machine(e)))
		return 0;
	if (is_unsafe) {
		if (code)
			message_warning(
				"Unsafe %s in the middle of the instruction: %s:%s+%" PRIu64, kind,
				ap->path, symbol->name, offset);
		else
			message_warning("Unchecked %s: %s:%s+%" PRIu64, kind, ap->path,
					symbol->name, offset);
		return 0;
	}
	if (code)
		return err_set(
			err, -EILSEQ,
			"Could not add %s into middle of instruction: %s:%s+%" PRIu64 HINT_UNSAFE,
			kind, ap->path, symbol->name, offset);
	return err_set(err, -EILSEQ,
		       "Failed to check if %s is in proper place: %s:%s+%" PRIu64 HINT_UNSAFE, kind,
		       ap->path, symbol->name, offset);
}

static int check_offset(const struct attach_point *ap, const struct elfsym *symbol, uint64_t offset,
			bool is_unsafe, struct err *err)
{
	if (ap->kind == PROBE_uretprobe && offset)
		return err_set(err, -EINVAL,
			       "uretprobes cannot be attached at function offset. (address "
			       "resolved to: %s+%" PRIu64 ")",
			       symbol->name, offset);
	/* A glob finds what it finds: the entries of assembler functions, too. */
	if (symbol->size == 0 && offset == 0 && !is_unsafe && !str_has_glob(ap->raw))
		return err_set(
			err, -EINVAL,
			"Could not determine boundary for %s (symbol has size 0)." HINT_UNSAFE,
			symbol->name);
	if (offset && offset >= symbol->size)
		return err_set(err, -EINVAL,
			       "Offset outside the function bounds ('%s' size is %" PRIu64 ")",
			       symbol->name, symbol->size);
	return 0;
}

static void warn_unchecked(const struct attach_point *ap)
{
	message_warning(
		"Could not determine instruction boundary for %s (binary appears stripped). "
		"Misaligned probes can lead to tracee crashes!",
		ap->name);
}

/* An attach point by address: the function there, or NULL. */
static const struct elfsym *symbol_at(const struct elfsyms *t, const struct attach_point *ap)
{
	const struct elfsym *symbol;

	if (ap->function)
		return elfsyms_by_name(t, ap->function);
	symbol = elfsyms_by_address(t, ap->address);
	/* What is before it has no end of its own. */
	if (symbol && symbol->size == 0 && ap->address != symbol->address)
		return NULL;
	return symbol;
}

static int place_of_function(struct uprobe_place *out, struct uprobe_files *f,
			     const struct attach_point *ap, bool is_unsafe, struct err *err)
{
	struct kelf *e = f->elf;
	const struct elfsym *symbol;
	uint64_t start, offset;
	int r = read_symbols(f, err);

	if (r < 0)
		return r;
	symbol = symbol_at(f->symbols, ap);
	if (!symbol && ap->function)
		return err_set(err, -ENOENT, "Could not resolve symbol: %s:%s", ap->path,
			       ap->function);
	if (!symbol && !is_unsafe)
		return err_set(err, -ENOENT, "Could not resolve address: %s:0x%" PRIx64 HINT_UNSAFE,
			       ap->path, ap->address);
	if (!symbol) {
		warn_unchecked(ap);
		if (!kelf_address_to_offset(e, ap->address, &out->offset))
			out->offset = ap->address;
		return 0;
	}
	offset = ap->function ? ap->offset : ap->address - symbol->address;
	r = check_offset(ap, symbol, offset, is_unsafe, err);
	if (r < 0)
		return r;
	if (!kelf_address_to_offset(e, symbol->address, &start))
		return err_set(err, -ENOENT, "Could not resolve symbol: %s:%s", ap->path,
			       symbol->name);
	if (offset)
		r = check_boundary(e, ap, symbol, start, offset, is_unsafe, err);
	out->offset = start + offset;
	return r;
}

static int places_of_usdt(uprobe_places *out, struct uprobe_files *f, const struct attach_point *ap,
			  struct err *err)
{
	size_t before = out->len;
	int r;

	if (!f->has_usdt) {
		r = usdt_read(&f->usdt, f->elf, err);
		if (r < 0)
			return r;
		f->has_usdt = true;
	}
	for (size_t i = 0; i < f->usdt.count; i++) {
		const struct usdt_site *site = &f->usdt.sites[i];
		struct uprobe_place place = { site->offset, site->semaphore_offset };

		if (strcmp(site->name, ap->function) != 0 ||
		    (ap->module && ap->module[0] && strcmp(site->provider, ap->module) != 0))
			continue;
		if (ap->file_offset && ap->file_offset != site->offset)
			continue;
		vec_push(NULL, out, place);
	}
	if (out->len == before)
		return err_set(err, -ENOENT, "Failed to attach usdt probe: %s", strerror(ENOENT));
	return 0;
}

int uprobe_find_places(uprobe_places *out, struct uprobe_files **files,
		       const struct attach_point *ap, bool is_unsafe, struct err *err)
{
	struct uprobe_place place = { .offset = ap->file_offset };
	struct uprobe_files *f;
	int r;

	if (ap->file_offset && ap->kind != PROBE_usdt) {
		vec_push(NULL, out, place);
		return 0;
	}
	f = find_file(files, ap->path);
	r = open_file(f, err);
	if (r == -ENOEXEC && is_unsafe && ap->has_address) {
		warn_unchecked(ap);
		place.offset = ap->address;
		vec_push(NULL, out, place);
		return 0;
	}
	if (r < 0)
		return r;
	if (ap->kind == PROBE_usdt)
		return places_of_usdt(out, f, ap, err);
	r = place_of_function(&place, f, ap, is_unsafe, err);
	if (r == 0)
		vec_push(NULL, out, place);
	return r;
}
