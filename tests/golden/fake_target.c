#include "fake_target.h"

#include <string.h>

#include "util/str.h"

struct fake_field {
	const char *name;
	uint32_t offset, size;
	bool is_signed, is_pointer, is_user, is_char_array;
};

struct fake_tracepoint {
	const char *category, *name;
	int syscall;
	struct fake_field fields[8];
};

#define COMMON                                                                                     \
	{ "common_type", 0, 2, false, false, false, false },                                       \
	{                                                                                          \
		"common_pid", 4, 4, true, false, false, false                                      \
	}

static const struct fake_tracepoint tracepoints[] = {
	{ "sched",
	  "sched_switch",
	  -1,
	  { COMMON,
	    { "prev_comm", 8, 16, true, false, false, true },
	    { "prev_pid", 24, 4, true, false, false, false },
	    { "next_comm", 48, 16, true, false, false, true },
	    { "next_pid", 64, 4, true, false, false, false } } },
	{ "syscalls",
	  "sys_enter_openat",
	  257,
	  { COMMON,
	    { "__syscall_nr", 8, 4, true, false, false, false },
	    { "dfd", 16, 8, true, false, false, false },
	    { "filename", 24, 8, false, true, true, false },
	    { "flags", 32, 8, true, false, false, false },
	    { "mode", 40, 8, false, false, false, false } } },
	{ "syscalls",
	  "sys_enter_read",
	  0,
	  { COMMON,
	    { "__syscall_nr", 8, 4, true, false, false, false },
	    { "fd", 16, 8, false, false, false, false },
	    { "buf", 24, 8, false, true, true, false },
	    { "count", 32, 8, false, false, false, false } } },
	{ "syscalls",
	  "sys_exit_openat",
	  257,
	  { COMMON,
	    { "__syscall_nr", 8, 4, true, false, false, false },
	    { "ret", 16, 8, true, false, false, false } } },
	{ "syscalls",
	  "sys_exit_read",
	  0,
	  { COMMON,
	    { "__syscall_nr", 8, 4, true, false, false, false },
	    { "ret", 16, 8, true, false, false, false } } },
};

#define TRACEPOINT_COUNT (sizeof(tracepoints) / sizeof(tracepoints[0]))

static const struct type *char_type(struct arena *a)
{
	struct type *t = arena_memdup(a, type_int(1, true), sizeof(*t));

	t->name = "char";
	return t;
}

static const struct type *field_type(struct arena *a, const struct fake_field *f)
{
	if (f->is_pointer)
		return type_pointer(a, char_type(a), f->is_user ? AS_USER : AS_KERNEL);
	if (f->is_char_array)
		return type_in(a, type_array(a, char_type(a), f->size), AS_CTX);
	return type_int(f->size, f->is_signed);
}

static const struct type *tracepoint_args(void *ctx, const char *category, const char *name)
{
	struct arena *a = ctx;

	for (size_t i = 0; i < TRACEPOINT_COUNT; i++) {
		const struct fake_tracepoint *tp = &tracepoints[i];
		struct type *t;

		if (strcmp(tp->category, category) != 0 || strcmp(tp->name, name) != 0)
			continue;
		t = arena_new(a, struct type);
		*t = (struct type){
			.kind = TYPE_ARGS, .is_complete = true, .as = AS_CTX, .size = 72
		};
		t->name = arena_printf(a, "struct tracepoint:%s:%s_args", category, name);
		t->members = arena_array(a, struct type_member, 8);
		while (t->count < 8 && tp->fields[t->count].name) {
			const struct fake_field *f = &tp->fields[t->count];

			t->members[t->count++] = (struct type_member){ .name = f->name,
								       .type = field_type(a, f),
								       .offset = f->offset };
		}
		return t;
	}
	return NULL;
}

static void list_tracepoints(void *ctx, const char *category, const char *name, target_symbol_fn fn,
			     void *fn_ctx)
{
	(void)ctx;
	for (size_t i = 0; i < TRACEPOINT_COUNT; i++) {
		struct target_symbol s = { .module = tracepoints[i].category,
					   .name = tracepoints[i].name };

		if ((category && !str_glob(category, s.module)) ||
		    (name && !str_glob(name, s.name)))
			continue;
		if (!fn(fn_ctx, &s))
			return;
	}
}

static const char *const functions[] = { "do_nanosleep", "vfs_open", "vfs_read", "vfs_write" };

static void list_functions(void *ctx, const char *module, const char *name, bool with_btf,
			   target_symbol_fn fn, void *fn_ctx)
{
	(void)ctx;
	(void)with_btf;
	if (module && !str_glob(module, "vmlinux"))
		return;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		struct target_symbol s = { .module = "vmlinux",
					   .name = functions[i],
					   .address = 0xffffffff81000000u + i * 0x100,
					   .btf_id = 100 + (uint32_t)i };

		if ((!name || str_glob(name, s.name)) && !fn(fn_ctx, &s))
			return;
	}
}

static const struct type *task_struct(struct arena *a)
{
	struct type *t = arena_new(a, struct type);

	*t = (struct type){ .kind = TYPE_STRUCT,
			    .name = "task_struct",
			    .size = 64,
			    .is_complete = true,
			    .as = AS_KERNEL,
			    .alignment = 8,
			    .count = 4,
			    .btf_id = 10 };
	t->members = arena_array(a, struct type_member, 4);
	t->members[0] =
		(struct type_member){ .name = "pid", .type = type_int(4, true), .offset = 8 };
	t->members[1] =
		(struct type_member){ .name = "tgid", .type = type_int(4, true), .offset = 12 };
	t->members[2] = (struct type_member){ .name = "comm",
					      .type = type_array(a, char_type(a), 16),
					      .offset = 16 };
	t->members[3] = (struct type_member){ .name = "real_parent",
					      .type = type_pointer(a, t, AS_KERNEL),
					      .offset = 32 };
	return t;
}

static const struct type *find_type(void *ctx, enum type_tag tag, const char *name)
{
	if (tag == TAG_STRUCT && !strcmp(name, "task_struct"))
		return task_struct(ctx);
	return NULL;
}

static int syscall_number(void *ctx, const char *name)
{
	(void)ctx;
	if (!strcmp(name, "openat"))
		return 257;
	return !strcmp(name, "read") ? 0 : -1;
}

void fake_target_init(struct target *t, struct arena *a)
{
	*t = (struct target){
		.ctx = a,
		.find_type = find_type,
		.tracepoint_args = tracepoint_args,
		.tracepoints = list_tracepoints,
		.kernel_functions = list_functions,
		.syscall_number = syscall_number,
		.arch = &arch_x86_64,
		.cpu_count = 4,
		.page_size = 4096,
	};
}

struct features fake_features(void)
{
	struct features f;

	memset(&f, 1, sizeof(f));
	return f;
}
