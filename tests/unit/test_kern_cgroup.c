/* Cgroup paths of every runtime and driver, and the names behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kern/cgroup.h"

#define UID    "2c48913c-b29f-11e7-9350-020968147796"
#define UID_S  "2c48913c_b29f_11e7_9350_020968147796"
#define STATIC "f4b1ef2cbb4ef8d3f5ac3b5ea0c8d1f2"
#define ID     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER  "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define SLICE  "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_S ".slice"

static const struct {
	const char *path;
	const char *uid; // NULL: not a pod's or container's cgroup
	const char *id;
	enum cgroup_runtime runtime;
} cases[] = {
	/* cgroupfs driver */
	{ "/kubepods/burstable/pod" UID "/" ID, UID, ID, RUNTIME_UNKNOWN },
	{ "/kubepods/pod" UID "/" ID, UID, ID, RUNTIME_UNKNOWN },
	{ "/kubepods/besteffort/pod" UID, UID, "", RUNTIME_UNKNOWN },
	{ "/kubepods/burstable/pod" STATIC "/" ID, STATIC, ID, RUNTIME_UNKNOWN },
	{ "/kubepods/burstable/pod" UID "/crio-" ID, UID, ID, RUNTIME_CRIO },
	{ "/kubepods/burstable/pod" UID "/crio-conmon-" ID, UID, "", RUNTIME_UNKNOWN },
	/* systemd driver */
	{ SLICE "/cri-containerd-" ID ".scope", UID, ID, RUNTIME_CONTAINERD },
	{ SLICE "/crio-" ID ".scope", UID, ID, RUNTIME_CRIO },
	{ SLICE "/crio-" ID ".scope/container", UID, ID, RUNTIME_CRIO },
	{ SLICE "/crio-conmon-" ID ".scope", UID, "", RUNTIME_UNKNOWN },
	{ SLICE "/docker-" ID ".scope", UID, ID, RUNTIME_DOCKER },
	{ SLICE, UID, "", RUNTIME_UNKNOWN },
	{ "/kubepods.slice/kubepods-pod" UID_S ".slice/cri-containerd-" ID ".scope", UID, ID,
	  RUNTIME_CONTAINERD },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" STATIC
	  ".slice/cri-containerd-" ID ".scope",
	  STATIC, ID, RUNTIME_CONTAINERD },
	/* containerd told to use systemd's names on a node whose driver is cgroupfs */
	{ "/system.slice/containerd.service/kubepods-burstable-pod" UID_S
	  ".slice:cri-containerd:" ID,
	  UID, ID, RUNTIME_CONTAINERD },
	/* nested kubelets */
	{ "/kubelet/kubepods/besteffort/pod" UID "/" ID, UID, ID, RUNTIME_UNKNOWN },
	{ "/docker/" OTHER "/kubelet/kubepods/burstable/pod" UID "/" ID, UID, ID, RUNTIME_UNKNOWN },
	{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
	  "kubelet-kubepods-besteffort-pod" UID_S ".slice/cri-containerd-" ID ".scope",
	  UID, ID, RUNTIME_CONTAINERD },
	{ "/../../kubepods/burstable/pod" UID "/" ID, UID, ID, RUNTIME_UNKNOWN },
	/* what runs inside a pod's container */
	{ "/kubepods/burstable/pod" UID "/" ID "/docker/" OTHER, UID, ID, RUNTIME_UNKNOWN },
	{ "/kubepods/burstable/pod" UID "/" ID "/init.scope", UID, ID, RUNTIME_UNKNOWN },
	/* outside Kubernetes */
	{ "/docker/" ID, "", ID, RUNTIME_DOCKER },
	{ "/system.slice/docker-" ID ".scope", "", ID, RUNTIME_DOCKER },
	{ "/machine.slice/libpod-" ID ".scope", "", ID, RUNTIME_CRIO },
	{ "/machine.slice/libpod-conmon-" ID ".scope", NULL, NULL, RUNTIME_UNKNOWN },
	/* no container at all */
	{ "/", NULL, NULL, RUNTIME_UNKNOWN },
	{ "", NULL, NULL, RUNTIME_UNKNOWN },
	{ "/user.slice/user-1000.slice/session-2.scope", NULL, NULL, RUNTIME_UNKNOWN },
	{ "/kubepods/burstable", NULL, NULL, RUNTIME_UNKNOWN },
	{ "/podcast/podium", NULL, NULL, RUNTIME_UNKNOWN },
	{ "/kubepods/pod" UID "x/" ID "0", NULL, NULL, RUNTIME_UNKNOWN },
	{ "/system.slice/foo-pod.slice", NULL, NULL, RUNTIME_UNKNOWN },
	{ "/a:b:c/:/::", NULL, NULL, RUNTIME_UNKNOWN },
};

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cgroup_identity id;
		bool found = cgroup_parse_path(cases[i].path, &id);

		if (found != (cases[i].uid != NULL))
			print_error("%s\n", cases[i].path);
		assert_int_equal(found, cases[i].uid != NULL);
		if (!found)
			continue;
		assert_string_equal(id.pod_uid, cases[i].uid);
		assert_string_equal(id.container_id, cases[i].id);
		assert_int_equal(id.runtime, cases[i].runtime);
	}
}

/* What a container has made below its own cgroup is not part of it. */
static void test_container_len(void **state)
{
	static const struct {
		const char *container;
		const char *below;
	} paths[] = {
		{ "/kubepods/burstable/pod" UID "/" ID, "/init.scope" },
		{ "/kubepods/burstable/pod" UID "/" ID, "" },
		{ "/kubepods/pod" UID "/" ID, "/docker/" OTHER },
		{ SLICE "/cri-containerd-" ID ".scope", "/a/b" },
		{ "/docker/" ID, "/x" },
		{ "/kubepods/besteffort/pod" UID, "" },
		{ "/", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s%s", paths[i].container, paths[i].below);
		assert_int_equal(cgroup_container_len(path), strlen(paths[i].container));
	}
}

static void test_live(void **state)
{
	struct cgroups *c;
	const char *paths;

	(void)state;
	assert_int_equal(cgroups_new(&c, "", NULL), 0);
	/* Whatever is mounted here: the root of each hierarchy has an id, and no others are
	 * invented. */
	assert_string_equal(cgroups_paths(c, UINT64_MAX, NULL), "");
	assert_string_equal(cgroups_path(c, UINT64_MAX), "");
	paths = cgroups_paths(c, 1, "unified");
	assert_true(!*paths || !strcmp(paths, "unified:/"));
	assert_string_equal(cgroups_paths(c, 1, "nothing"), "");
	(void)cgroups_scan(c);
	assert_int_equal(cgroups_scan(c), 0);
	cgroups_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_container_len),
		cmocka_unit_test(test_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
