#!/bin/bash
# run.sh [CASE...]: the plugin against a real API server, scheduler and kubelets.
#
#   KUBECONFIG      the cluster: two nodes or more, with an image $TEST_IMAGE that has a shell
#   BUILD_DIR       where kubectl-trace and trace-runner were built (default: build)
#   TRACE_CLUSTER   folder with load-image of a test cluster: without it some cases are skipped
#
# A case is a function case_NAME in cases/*.sh.  It runs in a subshell and a folder of its own, with
# the namespace $ns for its objects; it fails if it ends with another status than 0, and is skipped
# with 77.  One that fails is tried once more, and the first try is shown either way: a kubelet or a
# scheduler that is late is not a failure of ours, but what happens twice is.  Ends with "N passed, N failed, N skipped".
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${BUILD_DIR:-$here/../../build}")
export TEST_IMAGE=${TEST_IMAGE:-localhost/busybox:1}
[[ ${KUBECONFIG-} ]] || { echo "run.sh: KUBECONFIG is not set" >&2; exit 2; }
work=$(mktemp -d)
passed=0 failed=0 skipped=0

# As a user has it: kubectl finds the plugin on the PATH, and the plugin the runner beside it.
mkdir "$work/bin"
install "$build/cmd/kubectl-trace/kubectl-trace" "$work/bin/" || exit 1
runner=${KUBECTL_TRACE_RUNNER:-$build/trace-runner/trace-runner.stripped}
[[ -e $runner ]] || runner=$build/trace-runner/trace-runner
install "$runner" "$work/bin/trace-runner" || exit 1
unset KUBECTL_TRACE_RUNNER
export PATH=$work/bin:$PATH

ns=kt-test-$$
kubectl create namespace "$ns" >/dev/null || exit 1
clean_up() {
	kubectl delete namespace "$ns" --wait=false >/dev/null 2>&1
	kubectl delete pods --all -n "$ns" --grace-period=0 --force >/dev/null 2>&1
	rm -rf "$work"
}
trap clean_up EXIT
until kubectl get serviceaccount default -n "$ns" >/dev/null 2>&1; do sleep 0.2; done

. "$here/lib.sh"
for file in "$here"/cases/*.sh; do . "$file"; done
mapfile -t nodes < <(kubectl get nodes -o name | sed 's|node/||')
cases=("$@")
((${#cases[@]})) || mapfile -t cases < <(grep -ho '^case_[a-z0-9_]*' "$here"/cases/*.sh | sed 's/^case_//')

try() { # NAME: the case in a folder of its own; its log is $work/NAME.log
	rm -rf "${work:?}/$1"
	mkdir -p "$work/$1"
	(cd "$work/$1" && "case_$1") >"$work/$1.log" 2>&1
}

for name in "${cases[@]}"; do
	start=$SECONDS
	try "$name"
	status=$?
	if ((status != 0 && status != 77)); then
		echo "again $name ($((SECONDS - start)) s)"
		sed 's/^/    /' "$work/$name.log"
		drop_load
		kubectl delete jobs,pods,configmaps -n "$ns" -l app.kubernetes.io/name=kubectl-trace >/dev/null 2>&1
		start=$SECONDS
		try "$name"
		status=$?
	fi
	case $status in
	0) echo "ok $name ($((SECONDS - start)) s)"; ((passed += 1)) ;;
	77) echo "skip $name $(tail -n 1 "$work/$name.log")"; ((skipped += 1)) ;;
	*) echo "not ok $name ($((SECONDS - start)) s)"; sed 's/^/    /' "$work/$name.log"; ((failed += 1)) ;;
	esac
	drop_load
done
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
