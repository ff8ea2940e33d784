/*
 * Fuzz the reading of a kubeconfig, as somebody may have sent it: YAML, and what is made of it.
 *
 * Must hold: an error has words; what was read has what its header promises, and is freed whole.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kube/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void load(const char *path, const struct kube_overrides *overrides)
{
	struct kube_overrides o = *overrides;
	struct kube_config *config = NULL;
	struct err err = { 0 };

	o.kubeconfig = path;
	if (kube_config_load(&config, &o, &err)) {
		assert(!config && err.msg[0]);
		return;
	}
	assert(config && config->namespace && config->server);
	assert(strncmp(config->server, "http", 4) == 0);
	assert(config->server[strlen(config->server) - 1] != '/');
	kube_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct kube_overrides plain = { 0 };
	static const struct kube_overrides others = {
		.context = "a", .cluster = "b", .user = "c", .request_timeout = "1m", .as = "d"
	};
	char path[32];
	int fd = memfd_create("kubeconfig", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	load(path, &plain);
	load(path, &others);
	(void)close(fd);
	return 0;
}
