/* Loads and attaches one of the hand-written programs, says "Attached", and waits for a signal. */
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void on_signal(int sig)
{
	(void)sig;
}

static int on_event(void *ctx, void *data, size_t size)
{
	(void)ctx;
	(void)data;
	(void)size;
	return 0;
}

int main(int argc, char **argv)
{
	struct bpf_object *obj;
	struct bpf_program *prog;
	struct ring_buffer *ring = NULL;
	int fd;

	if (argc < 2 || !(obj = bpf_object__open_file(argv[1], NULL)) || bpf_object__load(obj)) {
		fputs("usage: clang_run FILE.o (loadable)\n", stderr);
		return 1;
	}
	bpf_object__for_each_program(prog, obj)
	{
		if (!bpf_program__attach(prog))
			return 1;
	}
	fd = bpf_object__find_map_fd_by_name(obj, "ring");
	if (fd >= 0)
		ring = ring_buffer__new(fd, on_event, NULL, NULL);
	signal(SIGINT, on_signal);
	fputs("Attached\n", stderr);
	if (!ring)
		return pause() * 0;
	while (ring_buffer__poll(ring, -1) >= 0)
		;
	return 0;
}
