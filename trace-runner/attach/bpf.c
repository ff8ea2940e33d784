/*
 * Programs that know their own place: fentry, fexit, BTF-typed raw tracepoints
 * (BPF_PROG_TYPE_TRACING: the place is in the program), and raw tracepoints by name.
 */
#include <errno.h>

#include "attach/attach.h"
#include "sys.h"

#define KERNEL_ENOTSUPP 524 // include/linux/errno.h: meant for the kernel itself

int attach_bpf(struct attacher *a, uint32_t program, const struct attach_point *ap, struct err *err)
{
	const struct image_program *p = attach_program(a, program);
	bool is_raw = p->prog_type == BPF_PROG_TYPE_RAW_TRACEPOINT;
	const char *name = p->attach_name ? p->attach_name : ap->function;
	int fd = sys_raw_tracepoint_open(is_raw ? name : NULL, attach_program_fd(a, program));

	if (fd == -ENOENT)
		return err_set(err, fd, "Probe does not exist: %s", ap->name);
	if (fd == -EINVAL && ap->kind == PROBE_rawtracepoint)
		return err_set(err, fd,
			       "Maybe trying to access arguments beyond what's available in this "
			       "tracepoint");
	if (fd == -KERNEL_ENOTSUPP)
		return err_set(err, fd,
			       "Could not attach to %s: this kernel has no trampoline for it "
			       "(on arm64 that takes Linux 6.4)",
			       ap->name);
	if (fd < 0)
		return err_errno(err, fd, "Could not attach to %s", ap->name);
	return attach_keep(a, fd);
}
