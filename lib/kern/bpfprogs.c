#include "kern/bpfprogs.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kern/btf.h"
#include "util/fd.h"

#define BTF_MAX       (64u << 20)
#define FUNCTIONS_MAX 65536u

/* bpf(2) itself: libbpf's functions for it would bring all of libbpf into the executable. */
static int call_bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int get_info(int fd, void *info, uint32_t size)
{
	union bpf_attr attr = {
		.info = { .bpf_fd = (uint32_t)fd, .info_len = size, .info = (uintptr_t)info }
	};

	return call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) ? -errno : 0;
}

static int open_by_id(int command, uint32_t id)
{
	union bpf_attr attr = { .prog_id = id };

	return call_bpf(command, &attr);
}

/* The id after *id into *id; false when there is none. */
static bool next_id(int command, uint32_t *id)
{
	union bpf_attr attr = { .start_id = *id };

	if (call_bpf(command, &attr))
		return false;
	*id = attr.next_id;
	return true;
}

static struct kbtf *open_btf(uint32_t id)
{
	_cleanup_close_ int fd = open_by_id(BPF_BTF_GET_FD_BY_ID, id);
	_cleanup_free_ void *data = NULL;
	struct bpf_btf_info info = { 0 };
	struct kbtf *b;
	uint32_t size;

	if (fd < 0 || get_info(fd, &info, sizeof(info)) || info.btf_size > BTF_MAX)
		return NULL;
	size = info.btf_size;
	data = malloc(size ? size : 1);
	if (!data)
		return NULL;
	info = (struct bpf_btf_info){ .btf = (uintptr_t)data, .btf_size = size };
	if (get_info(fd, &info, sizeof(info)) || kbtf_open_memory(&b, data, size, NULL, NULL))
		return NULL;
	return b;
}

/* The main program is its first function; subprograms follow. */
static bool each_function(struct arena *a, int fd, uint32_t prog_id, bpfprogs_fn fn, void *ctx)
{
	_cleanup_free_ char *records = NULL;
	struct bpf_prog_info info = { 0 };
	uint32_t count, record_size, btf_id;
	struct kbtf *b;
	bool goes_on = true;

	if (get_info(fd, &info, sizeof(info)) || !info.btf_id)
		return true;
	count = info.nr_func_info;
	record_size = info.func_info_rec_size;
	btf_id = info.btf_id;
	if (!count)
		return fn(ctx, prog_id, arena_strdup(a, info.name), 0);
	if (count > FUNCTIONS_MAX || record_size < sizeof(struct bpf_func_info))
		return true;
	b = open_btf(btf_id);
	records = calloc(count, record_size);
	info = (struct bpf_prog_info){ .func_info = (uintptr_t)records,
				       .nr_func_info = count,
				       .func_info_rec_size = record_size };
	if (b && records && !get_info(fd, &info, sizeof(info))) {
		for (uint32_t i = 0; i < count && goes_on; i++) {
			const struct bpf_func_info *f = (void *)(records + (size_t)i * record_size);
			const struct btf_type *t = kbtf_type(b, f->type_id);

			if (t)
				goes_on = fn(ctx, prog_id, arena_strdup(a, kbtf_name(b, t)),
					     f->type_id);
		}
	}
	kbtf_close(b);
	return goes_on;
}

void bpfprogs_each(struct arena *a, bpfprogs_fn fn, void *ctx)
{
	uint32_t id = 0;
	bool goes_on = true;

	while (goes_on && next_id(BPF_PROG_GET_NEXT_ID, &id)) {
		_cleanup_close_ int fd = open_by_id(BPF_PROG_GET_FD_BY_ID, id);

		if (fd >= 0)
			goes_on = each_function(a, fd, id, fn, ctx);
	}
}

int bpfprogs_module_btf_fd(const char *module)
{
	uint32_t id = 0;

	while (next_id(BPF_BTF_GET_NEXT_ID, &id)) {
		_cleanup_close_ int fd = open_by_id(BPF_BTF_GET_FD_BY_ID, id);
		char name[64] = "";
		struct bpf_btf_info info = { .name = (uintptr_t)name, .name_len = sizeof(name) };

		if (fd >= 0 && !get_info(fd, &info, sizeof(info)) && info.kernel_btf &&
		    !strcmp(name, module))
			return take_fd(&fd);
	}
	return errno == ENOENT ? -ENOENT : -errno;
}
