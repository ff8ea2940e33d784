#!/bin/bash
# run.sh BUILD-DIR VM-DIR [KERNEL...]: the script cases of tests/run on other kernels, in a virtual
# machine.  The guest has the static runner, the static case runner, and the cases.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$1 vm=$2
shift 2
kernels=("$@")
((${#kernels[@]})) || kernels=(5.10 6.1 6.12 7.3)
passed=0 failed=0 skipped=0
for k in "${kernels[@]}"; do
	echo "--- kernel $k"
	log=$("$vm/run" -k "$k" -t 600 -m 1024 -e TIMEOUT_SCALE=6 -e TESTPROG=/root/testprog \
		-f "$build/trace-runner/trace-runner" -f "$build/tests/run/run_cases" \
		-f "$build/tests/run/testprog" -f "$here/../run/cases:/root/cases" -- \
		'./run_cases /root/trace-runner cases/*.test' 2>&1)
	grep -v '^ok ' <<<"$log"
	line=$(grep -E '^[0-9]+ passed, ' <<<"$log" | tail -n 1)
	if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
		((passed += BASH_REMATCH[1], failed += BASH_REMATCH[2], skipped += BASH_REMATCH[3]))
	else
		echo "not ok kernel-$k: the guest gave no result"
		((failed += 1))
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
