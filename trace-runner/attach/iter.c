/*
 * Iterators: a link that runs the program for every object when its file is read (iterate.c).
 */
#include "attach/attach.h"
#include "sys.h"

int attach_iter(struct attacher *a, uint32_t program, const struct attach_point *ap,
		struct err *err)
{
	int fd = sys_link_iter(attach_program_fd(a, program), a->options->pid);

	if (fd < 0)
		return err_errno(err, fd, "Could not attach to %s", ap->name);
	a->attached->iter_link = fd;
	return attach_keep(a, fd);
}
