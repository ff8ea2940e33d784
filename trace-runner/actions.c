#include "actions.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/fd.h"

int action_cat(struct buf *out, const char *path, size_t max, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[4096];

	if (fd < 0)
		return err_set(err, -errno, "failed to open file '%s' (%s)", path, strerror(errno));
	while (out->len < max) {
		size_t wanted = max - out->len < sizeof(chunk) ? max - out->len : sizeof(chunk);
		ssize_t n = read(fd, chunk, wanted);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, -errno, "failed to read file '%s'", path);
		if (n == 0)
			break;
		buf_append(out, chunk, (size_t)n);
	}
	return 0;
}

static void run_shell(const char *command, int out, pid_t parent)
{
	/* It must not outlive us, also if we are gone already. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(127);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(127);
	execlp("sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void read_all(struct buf *out, int fd)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0)
			buf_append(out, chunk, (size_t)n);
	}
}

int action_system(struct buf *out, const char *command, struct err *err)
{
	pid_t parent = getpid(), pid;
	int pipe_fds[2], status;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "pipe() failed");
	pid = fork();
	if (pid == 0)
		run_shell(command, pipe_fds[1], parent);
	close(pipe_fds[1]);
	if (pid < 0) {
		close(pipe_fds[0]);
		return err_errno(err, -errno, "fork() failed");
	}
	read_all(out, pipe_fds[0]);
	close(pipe_fds[0]);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_errno(err, -errno, "waitpid() failed");
	}
	if (!WIFEXITED(status))
		return err_set(err, -EPIPE, "child process did not exit normally");
	if (WEXITSTATUS(status) != 0)
		return err_set(err, -EPIPE, "command exited with code %d", WEXITSTATUS(status));
	return 0;
}

/*
 * The classic format (pcap-savefile(5)) with timestamps in nanoseconds, in this machine's byte
 * order.
 */
#define PCAP_MAGIC_NS     0xa1b23c4du
#define PCAP_LINK_RAW     1
#define PCAP_SNAPSHOT_LEN 65535

struct pcap_file_header {
	uint32_t magic;
	uint16_t major;
	uint16_t minor;
	uint32_t zone;
	uint32_t accuracy;
	uint32_t snapshot_len;
	uint32_t link_type;
};

struct pcap_packet_header {
	uint32_t seconds;
	uint32_t nanoseconds;
	uint32_t captured_len;
	uint32_t len;
};

struct pcaps {
	struct pcaps *next;
	char *path;
	FILE *file;
};

static struct pcaps *open_pcap(const char *path)
{
	const struct pcap_file_header header = {
		.magic = PCAP_MAGIC_NS,
		.major = 2,
		.minor = 4,
		.snapshot_len = PCAP_SNAPSHOT_LEN,
		.link_type = PCAP_LINK_RAW,
	};
	struct pcaps *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->path = strdup(path);
	p->file = p->path ? fopen(path, "we") : NULL;
	if (!p->file || fwrite(&header, sizeof(header), 1, p->file) != 1) {
		pcaps_close(p);
		return NULL;
	}
	return p;
}

int pcaps_write(struct pcaps **pcaps, const char *path, uint64_t time_ns, const void *packet,
		size_t len, struct err *err)
{
	const struct pcap_packet_header header = {
		.seconds = (uint32_t)(time_ns / 1000000000),
		.nanoseconds = (uint32_t)(time_ns % 1000000000),
		.captured_len = (uint32_t)len,
		.len = (uint32_t)len,
	};
	struct pcaps *p = *pcaps;

	while (p && strcmp(p->path, path) != 0)
		p = p->next;
	if (!p) {
		p = open_pcap(path);
		if (!p)
			return err_errno(err, -EIO, "Failed to create pcap file '%s'", path);
		p->next = *pcaps;
		*pcaps = p;
	}
	if (fwrite(&header, sizeof(header), 1, p->file) != 1 ||
	    (len > 0 && fwrite(packet, len, 1, p->file) != 1))
		return err_errno(err, -errno, "writing '%s'", path);
	return 0;
}

void pcaps_close(struct pcaps *pcaps)
{
	while (pcaps) {
		struct pcaps *next = pcaps->next;

		if (pcaps->file)
			(void)fclose(pcaps->file);
		free(pcaps->path);
		free(pcaps);
		pcaps = next;
	}
}
