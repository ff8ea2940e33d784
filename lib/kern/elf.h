/*
 * ELF files, read part by part.
 *
 * Only what tracing needs: sections, loadable segments, notes, build id, separate debugging files.
 * 64-bit little-endian files, and 32-bit ones through the same view.  Nothing in the file is
 * trusted: every offset, size and string is checked before use; a malformed part reads as absent.
 * Parts are read with pread() and kept, not mapped: the file may belong to the traced container,
 * and truncating a mapped file would end this process with SIGBUS.
 *
 * Reference: System V ABI, chapters 4 and 5; gABI symbol versioning (LSB 10.7).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct kelf;

struct kelf_section {
	const char *name; // "" if unreadable
	uint32_t type;
	uint64_t flags;
	uint64_t address;
	uint64_t offset;
	uint64_t size; // in the file; 0 for SHT_NOBITS
	uint64_t entry_size;
	uint32_t link;
	uint32_t info;
};

struct kelf_segment {
	uint32_t type;
	uint32_t flags;
	uint64_t address;
	uint64_t offset;
	uint64_t file_size;
	uint64_t memory_size;
};

/*
 * Open @path.  Errors: -ENOENT, -EACCES; -ENOEXEC not an ELF file (or one that this reader cannot
 * use: big-endian).  *out is the caller's: kelf_close().
 */
int kelf_open(struct kelf **out, const char *path, struct err *err)
	__attribute__((warn_unused_result));
/* The same for bytes in memory, which are copied: mini debug information, tests, the vDSO. */
int kelf_open_memory(struct kelf **out, const void *data, size_t size, struct err *err)
	__attribute__((warn_unused_result));
void kelf_close(struct kelf *e);
/* Give the file descriptor back; from here on only what was read already can be had. */
void kelf_detach(struct kelf *e);

uint16_t kelf_machine(const struct kelf *e); // EM_*
uint16_t kelf_type(const struct kelf *e);    // ET_*
bool kelf_is_64(const struct kelf *e);

size_t kelf_section_count(const struct kelf *e);
/* False when @index is out of range or the header is malformed. */
bool kelf_section(const struct kelf *e, size_t index, struct kelf_section *out);
bool kelf_find_section(const struct kelf *e, const char *name, struct kelf_section *out);
/*
 * The bytes of a section, decompressed if it is SHF_COMPRESSED with zlib; NULL if it reaches
 * outside the file or has none; *size is their number.
 */
const void *kelf_section_data(struct kelf *e, const struct kelf_section *s, size_t *size);
/* @size bytes at @offset of the file, 8-byte aligned, or NULL; they stay until kelf_close(). */
const void *kelf_data(struct kelf *e, uint64_t offset, uint64_t size);
/* The same, but the caller's to free(). */
void *kelf_copy(struct kelf *e, uint64_t offset, uint64_t size);
uint64_t kelf_size(const struct kelf *e);
/* The string at @offset of a string table of @size bytes; "" if it is outside or does not end. */
const char *kelf_string(const char *table, size_t size, uint64_t offset);

size_t kelf_segment_count(const struct kelf *e);
bool kelf_segment(const struct kelf *e, size_t index, struct kelf_segment *out);
/* File offset of virtual address @address and back; false if no segment holds it. */
bool kelf_address_to_offset(const struct kelf *e, uint64_t address, uint64_t *offset);
bool kelf_offset_to_address(const struct kelf *e, uint64_t offset, uint64_t *address);

/* The GNU build id, NULL if there is none; *len bytes. */
const uint8_t *kelf_build_id(struct kelf *e, size_t *len);

/*
 * The separate debugging file of @e: by build id or .gnu_debuglink under /usr/lib/debug (below
 * @root, "" for none), or NAME.debug in @dirs, "DIR:DIR" (NULL for none; a relative one is beside
 * @path); checked by build id or CRC.  -ENOENT if there is none.
 */
int kelf_open_debug(struct kelf **out, struct kelf *e, const char *path, const char *root,
		    const char *dirs, struct err *err) __attribute__((warn_unused_result));
