/* Source lines: the line number programs of DWARF 2 to 5 (version 5, section 6.2). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kern/dwarf_internal.h"

#define FILES_MAX   (1u << 20)
#define FORMATS_MAX 16
#define STEPS_MAX   (256u << 20) // of the state machine, in one program

struct line_file {
	const char *name;
	uint64_t dir;
};

struct line_program {
	struct dw_cursor code;
	uint16_t version;
	uint8_t min_length;
	uint8_t max_ops;
	bool default_is_stmt;
	int8_t line_base;
	uint8_t line_range;
	uint8_t opcode_base;
	uint8_t opcode_args[256];
	vec_of(const char *) dirs;
	vec_of(struct line_file) files; // by number; of versions before 5, 0 is unused
};

/* Version 5 describes the columns of its tables. */
struct table_format {
	uint64_t content[FORMATS_MAX];
	uint16_t form[FORMATS_MAX];
	unsigned count;
};

static void read_format(struct dw_cursor *c, struct table_format *out)
{
	out->count = dw_u8(c);
	if (out->count > FORMATS_MAX)
		c->is_bad = true;
	for (unsigned i = 0; i < out->count && !c->is_bad; i++) {
		out->content[i] = dw_uleb(c);
		out->form[i] = (uint16_t)dw_uleb(c);
	}
}

static struct line_file read_row(const struct dw_file *f, const struct dw_unit *u,
				 struct dw_cursor *c, const struct table_format *format)
{
	struct line_file row = { .name = "" };

	for (unsigned i = 0; i < format->count && !c->is_bad; i++) {
		struct dw_value v = dw_read_form(f, u, c, format->form[i], 0);

		if (format->content[i] == DW_LNCT_path && v.class == DW_CLASS_STRING)
			row.name = v.string;
		else if (format->content[i] == DW_LNCT_directory_index)
			row.dir = v.number;
	}
	return row;
}

static void read_tables_5(const struct dw_file *f, const struct dw_unit *u, struct dw_cursor *c,
			  struct line_program *p)
{
	struct table_format format = { 0 };
	uint64_t count;

	read_format(c, &format);
	count = dw_uleb(c);
	for (uint64_t i = 0; i < count && i < FILES_MAX && !c->is_bad; i++)
		vec_push(NULL, &p->dirs, read_row(f, u, c, &format).name);
	read_format(c, &format);
	count = dw_uleb(c);
	for (uint64_t i = 0; i < count && i < FILES_MAX && !c->is_bad; i++)
		vec_push(NULL, &p->files, read_row(f, u, c, &format));
}

static void read_tables_2(struct dw_cursor *c, struct line_program *p, const char *comp_dir)
{
	struct line_file file = { .name = "" };

	vec_push(NULL, &p->dirs, comp_dir);
	for (const char *dir = dw_string(c); *dir && !c->is_bad && p->dirs.len < FILES_MAX;
	     dir = dw_string(c))
		vec_push(NULL, &p->dirs, dir);
	vec_push(NULL, &p->files, file);
	for (file.name = dw_string(c); *file.name && !c->is_bad && p->files.len < FILES_MAX;
	     file.name = dw_string(c)) {
		file.dir = dw_uleb(c);
		(void)dw_uleb(c); // time
		(void)dw_uleb(c); // length
		vec_push(NULL, &p->files, file);
	}
}

static bool read_program(const struct dw_file *f, const struct dw_unit *unit, uint64_t offset,
			 const char *comp_dir, struct line_program *p)
{
	struct dw_unit u = *unit; // the program has an offset size of its own
	struct dw_cursor c = dw_at(f->line, offset);
	uint64_t length = dw_initial_length(&c, &u.offset_size), header;
	const uint8_t *program;

	*p = (struct line_program){ 0 };
	if (c.is_bad || length > (uint64_t)(c.end - c.p))
		return false;
	c.end = c.p + length;
	p->version = dw_u16(&c);
	if (p->version < 2 || p->version > 5)
		return false;
	if (p->version >= 5) {
		u.address_size = dw_u8(&c);
		(void)dw_u8(&c); // segment selector size
	}
	header = dw_fixed(&c, u.offset_size);
	if (c.is_bad || header > (uint64_t)(c.end - c.p))
		return false;
	program = c.p + header;
	p->min_length = dw_u8(&c);
	p->max_ops = p->version >= 4 ? dw_u8(&c) : 1;
	p->default_is_stmt = dw_u8(&c);
	p->line_base = (int8_t)dw_u8(&c);
	p->line_range = dw_u8(&c);
	p->opcode_base = dw_u8(&c);
	for (unsigned i = 1; i < p->opcode_base; i++)
		p->opcode_args[i] = dw_u8(&c);
	if (p->version >= 5)
		read_tables_5(f, &u, &c, p);
	else
		read_tables_2(&c, p, comp_dir);
	p->code = (struct dw_cursor){ .p = program, .end = c.end };
	return !c.is_bad && p->line_range && p->opcode_base;
}

static void finish_program(struct line_program *p)
{
	vec_finish(&p->dirs);
	vec_finish(&p->files);
}

/* Path elements compared from the end; "a.c" is the end of "/x/a.c", but not of "/x/ba.c". */
static bool path_ends_with(const char *path, const char *suffix)
{
	size_t len = strlen(path), suffix_len = strlen(suffix);

	if (!suffix_len || suffix_len > len || strcmp(path + len - suffix_len, suffix) != 0)
		return false;
	return suffix_len == len || suffix[0] == '/' || path[len - suffix_len - 1] == '/';
}

/* "./a/../b" to "b": the parts that change nothing are dropped, in place. */
static void normalize(char *path)
{
	char *out = path;

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 1 && p[0] == '.') {
			p += 1 + (p[1] == '/');
			continue;
		}
		if (len == 2 && p[0] == '.' && p[1] == '.' && out > path + 1) {
			out--;
			while (out > path && out[-1] != '/')
				out--;
			p += 2 + (p[2] == '/');
			continue;
		}
		if (p[len] == '/')
			len++;
		memmove(out, p, len);
		out += len;
		p += len;
	}
	*out = 0;
}

static char *file_path(struct arena *a, const struct line_program *p, const struct line_file *f,
		       const char *comp_dir)
{
	const char *dir = f->dir < p->dirs.len ? p->dirs.data[f->dir] : "";
	char *path;

	if (f->name[0] == '/')
		path = arena_strdup(a, f->name);
	else if (dir[0] == '/' || !*comp_dir)
		path = arena_printf(a, "%s%s%s", dir, *dir ? "/" : "", f->name);
	else
		path = arena_printf(a, "%s/%s%s%s", comp_dir, dir, *dir ? "/" : "", f->name);
	normalize(path);
	return path;
}

struct line_state {
	uint64_t address;
	uint64_t file;
	uint64_t line;
	uint64_t column;
	uint32_t op_index;
	bool is_end;
};

struct line_search {
	const bool *is_wanted_file; // by number
	size_t file_count;
	uint32_t line;
	uint32_t column; // 0: any
	bool is_found;
	uint64_t address; // the lowest
};

static void take_row(struct line_search *s, const struct line_state *row)
{
	if (row->is_end || row->line != s->line || row->file >= s->file_count ||
	    !s->is_wanted_file[row->file] || (s->column && row->column != s->column))
		return;
	/* Functions that the linker dropped stay behind at address 0. */
	if (!row->address)
		return;
	if (!s->is_found || row->address < s->address)
		s->address = row->address;
	s->is_found = true;
}

static void advance(const struct line_program *p, struct line_state *s, uint64_t operations)
{
	if (p->max_ops <= 1) {
		s->address += operations * p->min_length;
		return;
	}
	operations += s->op_index;
	s->address += operations / p->max_ops * p->min_length;
	s->op_index = (uint32_t)(operations % p->max_ops);
}

static void extended_opcode(const struct line_program *p, struct dw_cursor *c, struct line_state *s,
			    struct line_search *search)
{
	uint64_t len = dw_uleb(c);
	struct dw_cursor args = *c;
	uint8_t opcode;

	dw_skip(c, len);
	if (c->is_bad || !len)
		return;
	args.end = c->p;
	opcode = dw_u8(&args);
	if (opcode == DW_LNE_end_sequence) {
		s->is_end = true;
		take_row(search, s);
		*s = (struct line_state){ .file = 1, .line = 1 };
	} else if (opcode == DW_LNE_set_address) {
		s->address = dw_fixed(&args, len - 1 <= 8 ? (unsigned)len - 1 : 8);
		s->op_index = 0;
	}
	(void)p;
}

static void standard_opcode(const struct line_program *p, struct dw_cursor *c, uint8_t opcode,
			    struct line_state *s, struct line_search *search)
{
	switch (opcode) {
	case DW_LNS_copy: take_row(search, s); break;
	case DW_LNS_advance_pc: advance(p, s, dw_uleb(c)); break;
	case DW_LNS_advance_line: s->line += (uint64_t)dw_sleb(c); break;
	case DW_LNS_set_file: s->file = dw_uleb(c); break;
	case DW_LNS_set_column: s->column = dw_uleb(c); break;
	case DW_LNS_const_add_pc: advance(p, s, (255u - p->opcode_base) / p->line_range); break;
	case DW_LNS_fixed_advance_pc:
		s->address += dw_u16(c);
		s->op_index = 0;
		break;
	default: // those without an effect here, and those that are not known
		for (unsigned i = 0; i < p->opcode_args[opcode]; i++)
			(void)dw_uleb(c);
		break;
	}
}

static void run_program(const struct line_program *p, struct line_search *search)
{
	struct dw_cursor c = p->code;
	struct line_state s = { .file = 1, .line = 1 };

	for (unsigned steps = 0; c.p < c.end && !c.is_bad && steps < STEPS_MAX; steps++) {
		uint8_t opcode = dw_u8(&c);

		if (opcode >= p->opcode_base) {
			unsigned special = opcode - p->opcode_base;

			advance(p, &s, special / p->line_range);
			s.line +=
				(uint64_t)(int64_t)(p->line_base + (int)(special % p->line_range));
			take_row(search, &s);
		} else if (opcode) {
			standard_opcode(p, &c, opcode, &s, search);
		} else {
			extended_opcode(p, &c, &s, search);
		}
	}
}

/* What is looked for over all units, and what was found. */
struct unit_search {
	struct kdwarf *d;
	const char *file;
	uint32_t line;
	uint32_t column;
	char *source; // the one file that matches
	char *other;  // a second one
	bool is_found;
	uint64_t address;
};

static void search_unit(struct unit_search *s, const struct dw_unit *u)
{
	struct dw_entry e;
	struct dw_value offset, dir;
	struct line_program p;
	struct line_search search = { .line = s->line, .column = s->column };
	bool *wanted, any = false;

	if (!dw_unit_entry(&s->d->file, u, &e))
		return;
	offset = dw_attr(&s->d->file, &e, DW_AT_stmt_list);
	dir = dw_attr(&s->d->file, &e, DW_AT_comp_dir);
	if (dir.class != DW_CLASS_STRING)
		dir.string = "";
	if (offset.class != DW_CLASS_NUMBER ||
	    !read_program(&s->d->file, u, offset.number, dir.string, &p)) {
		if (offset.class == DW_CLASS_NUMBER)
			finish_program(&p);
		return;
	}
	wanted = calloc(p.files.len ? p.files.len : 1, sizeof(*wanted));
	for (size_t i = 0; wanted && i < p.files.len; i++) {
		char *path = file_path(s->d->arena, &p, &p.files.data[i], dir.string);

		if (!path_ends_with(path, s->file))
			continue;
		if (!s->source)
			s->source = path;
		if (strcmp(s->source, path) != 0)
			s->other = path;
		else
			wanted[i] = any = true;
	}
	search.is_wanted_file = wanted;
	search.file_count = wanted ? p.files.len : 0;
	if (any)
		run_program(&p, &search);
	if (search.is_found && (!s->is_found || search.address < s->address)) {
		s->address = search.address;
		s->is_found = true;
	}
	free(wanted);
	finish_program(&p);
}

int kdwarf_line_address(struct kdwarf *d, const char *file, uint32_t line, uint32_t column,
			uint64_t *address, struct err *err)
{
	struct unit_search s = { .d = d, .line = line, .column = column };
	char *plain = arena_strdup(d->arena, file);

	normalize(plain);
	s.file = plain;
	vec_foreach (&d->file.units, u)
		search_unit(&s, u);
	if (!s.source)
		return err_set(err, -ENOENT, "No compilation unit matches %s", file);
	if (s.other)
		return err_set(err, -ENOTUNIQ,
			       "Ambiguous source path, matches multiple files: %s, %s", s.source,
			       s.other);
	if (s.is_found) {
		*address = s.address;
		return 0;
	}
	if (column)
		return err_set(err, -ENOENT, "Unable to map '%s:%u:%u' to address", file, line,
			       column);
	return err_set(err, -ENOENT, "Unable to map '%s:%u' to address", file, line);
}
