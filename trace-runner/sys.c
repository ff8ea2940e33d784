#include "sys.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROGRAM_LOAD_RETRIES 5

static uint64_t address_of(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static int call_bpf(int command, void *attr, size_t size)
{
	long r = syscall(SYS_bpf, command, attr, size);

	return r < 0 ? -errno : (int)r;
}

/* The kernel wants a name of letters, digits, '_' and '.', NUL-terminated in 16 bytes. */
static void set_name(char out[BPF_OBJ_NAME_LEN], const char *name)
{
	size_t n = 0;

	for (; name && *name && n < BPF_OBJ_NAME_LEN - 1; name++) {
		bool is_valid = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
				(*name >= '0' && *name <= '9') || *name == '_' || *name == '.';

		out[n++] = is_valid ? *name : '_';
	}
}

static int create_map(union bpf_attr *attr)
{
	static const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	int fd = call_bpf(BPF_MAP_CREATE, attr, sizeof(*attr));

	/* Before 5.11 BPF memory counts against RLIMIT_MEMLOCK. */
	if (fd == -EPERM && setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0)
		fd = call_bpf(BPF_MAP_CREATE, attr, sizeof(*attr));
	return fd;
}

int sys_map_create(uint32_t type, const char *name, uint32_t key_size, uint32_t value_size,
		   uint32_t max_entries, uint32_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = key_size;
	attr.value_size = value_size;
	attr.max_entries = max_entries;
	attr.map_flags = flags;
	set_name(attr.map_name, name);
	return create_map(&attr);
}

static int map_element(int command, int fd, const void *key, const void *value, uint64_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = address_of(key);
	attr.value = address_of(value);
	attr.flags = flags;
	return call_bpf(command, &attr, sizeof(attr));
}

int sys_map_lookup(int fd, const void *key, void *value)
{
	return map_element(BPF_MAP_LOOKUP_ELEM, fd, key, value, 0);
}

int sys_map_update(int fd, const void *key, const void *value, uint64_t flags)
{
	return map_element(BPF_MAP_UPDATE_ELEM, fd, key, value, flags);
}

int sys_map_delete(int fd, const void *key)
{
	return map_element(BPF_MAP_DELETE_ELEM, fd, key, NULL, 0);
}

int sys_map_next_key(int fd, const void *key, void *next)
{
	return map_element(BPF_MAP_GET_NEXT_KEY, fd, key, next, 0);
}

int sys_map_freeze(int fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	return call_bpf(BPF_MAP_FREEZE, &attr, sizeof(attr));
}

int sys_map_lookup_batch(int fd, const void *in, void *out, void *keys, void *values,
			 uint32_t *count)
{
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.batch.map_fd = (uint32_t)fd;
	attr.batch.in_batch = address_of(in);
	attr.batch.out_batch = address_of(out);
	attr.batch.keys = address_of(keys);
	attr.batch.values = address_of(values);
	attr.batch.count = *count;
	r = call_bpf(BPF_MAP_LOOKUP_BATCH, &attr, sizeof(attr));
	*count = r == 0 || r == -ENOENT ? attr.batch.count : 0;
	return r;
}

int sys_program_load(const struct sys_program *p)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = p->type;
	attr.expected_attach_type = p->attach_type;
	attr.attach_btf_id = p->attach_btf_id;
	attr.attach_prog_fd = (uint32_t)p->attach_fd; // shares its place with attach_btf_obj_fd
	attr.insns = address_of(p->insns);
	attr.insn_cnt = p->insn_count;
	attr.license = address_of(p->license);
	set_name(attr.prog_name, p->name);
	if (p->btf_fd > 0) {
		attr.prog_btf_fd = (uint32_t)p->btf_fd;
		attr.func_info = address_of(p->func_info);
		attr.func_info_rec_size = sizeof(*p->func_info);
		attr.func_info_cnt = p->func_info_count;
		attr.line_info = address_of(p->line_info);
		attr.line_info_rec_size = sizeof(*p->line_info);
		attr.line_info_cnt = p->line_info_count;
	}
	if (p->log) {
		attr.log_buf = address_of(p->log);
		attr.log_size = p->log_size;
		attr.log_level = p->log_level;
	}
	/* The verifier gives up with EAGAIN when a signal is pending. */
	for (int i = 0; (fd = call_bpf(BPF_PROG_LOAD, &attr, sizeof(attr))) == -EAGAIN; i++) {
		if (i == PROGRAM_LOAD_RETRIES)
			break;
	}
	return fd;
}

int sys_btf_load(const void *data, uint32_t size)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.btf = address_of(data);
	attr.btf_size = size;
	return call_bpf(BPF_BTF_LOAD, &attr, sizeof(attr));
}

int sys_program_run(int fd, struct sys_test_run *run)
{
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)fd;
	attr.test.data_in = address_of(run->data);
	attr.test.data_size_in = run->data_size;
	attr.test.repeat = run->repeat;
	r = call_bpf(BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	run->result = attr.test.retval;
	run->duration_ns = attr.test.duration;
	return r;
}

int sys_program_by_id(uint32_t id)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	return call_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
}

int sys_raw_tracepoint_open(const char *name, int program)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.name = address_of(name);
	attr.raw_tracepoint.prog_fd = (uint32_t)program;
	return call_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr));
}

int sys_link_kprobe_multi(int program, const struct sys_kprobe_multi *k)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.attach_type =
		k->is_session ? SYS_ATTACH_KPROBE_SESSION : BPF_TRACE_KPROBE_MULTI;
	attr.link_create.kprobe_multi.flags = k->is_return ? SYS_F_MULTI_RETURN : 0;
	attr.link_create.kprobe_multi.cnt = k->count;
	attr.link_create.kprobe_multi.syms = address_of(k->symbols);
	return call_bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
}

/* link_create.uprobe_multi of union bpf_attr, Linux 6.6. */
struct uprobe_multi_attr {
	uint32_t program;
	uint32_t target;
	uint32_t attach_type;
	uint32_t link_flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t semaphores;
	uint64_t cookies;
	uint32_t count;
	uint32_t flags;
	uint32_t pid;
	uint32_t padding;
};

int sys_link_uprobe_multi(int program, const struct sys_uprobe_multi *u)
{
	struct uprobe_multi_attr attr = {
		.program = (uint32_t)program,
		.attach_type = SYS_ATTACH_UPROBE_MULTI,
		.path = address_of(u->path),
		.offsets = address_of(u->offsets),
		.semaphores = address_of(u->semaphores),
		.count = u->count,
		.flags = u->is_return ? SYS_F_MULTI_RETURN : 0,
		.pid = (uint32_t)u->pid,
	};

	return call_bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
}

int sys_link_iter(int program, pid_t pid)
{
	/* union bpf_iter_link_info; its task member came with 6.1. */
	struct {
		uint32_t tid;
		uint32_t pid;
		uint32_t pid_fd;
		uint32_t padding;
	} info = { .pid = (uint32_t)pid };
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.attach_type = BPF_TRACE_ITER;
	if (pid) {
		attr.link_create.iter_info = address_of(&info);
		attr.link_create.iter_info_len = sizeof(info);
	}
	return call_bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
}

int sys_iter_create(int link)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.iter_create.link_fd = (uint32_t)link;
	return call_bpf(BPF_ITER_CREATE, &attr, sizeof(attr));
}

int sys_pin(int fd, const char *path)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = address_of(path);
	attr.bpf_fd = (uint32_t)fd;
	return call_bpf(BPF_OBJ_PIN, &attr, sizeof(attr));
}

int sys_perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	long fd;

	attr->size = sizeof(*attr);
	fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

int sys_perf_set_program(int event, int program)
{
	return ioctl(event, PERF_EVENT_IOC_SET_BPF, program) < 0 ? -errno : 0;
}

int sys_pidfd_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}
