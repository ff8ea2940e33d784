#!/bin/bash
# run.sh BUILD-DIR VM-DIR [KERNEL...]: other kernels, in a virtual machine; 6.12-arm64 (or 6.1-arm64,
# 7.3-arm64) is one for arm64, with the runner of .ci/arm64.  The guest has the static runner, the
# static case runner, and
#   - the script cases of tests/run; skipped may be only what the kernel is too old for, or what no
#     guest has;
#   - the scripts of the language reference, of examples/ and of the golden cases: all that compile
#     must load.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
top=$(dirname "$(dirname "$here")")
build=$1 vm=$2
shift 2
kernels=("$@")
((${#kernels[@]})) || kernels=(5.10 6.1 6.12 7.3 6.12-arm64)
passed=0 failed=0 skipped=0
scripts=$(mktemp -d)
trap 'rm -rf "$scripts"' EXIT

awk -v dir="$scripts" '
	/^```bt$/ { file = sprintf("%s/language-%03d.bt", dir, ++n); next }
	/^```/ { if (file) close(file); file = ""; next }
	file { print > file }' "$top/lib/lang/language.md"
awk -v dir="$scripts" '
	FNR == 1 { name = FILENAME; gsub(/.*\/|\.test$/, "", name); n = 0 }
	/^--- / { if (file) close(file); file = "" }
	/^--- prog$/ { file = sprintf("%s/golden-%s-%d.bt", dir, name, ++n); next }
	file { print > file }' "$top"/tests/golden/cases/*.test
cp "$top"/examples/*.bt "$scripts"

kernel() { # KERNEL: 0 if it gave a result
	local log line code dir=$build vm=$vm/run lacks='kernel-[0-9.]+|hardware|python3|cgroup1'
	if [[ $1 == *-arm64 ]]; then
		dir=$build-arm64 vm=$here/arm64 lacks+='|x86_64'
		[[ $1 == 6.1-* ]] && lacks+='|fentry'
		if ! { [[ -e $dir/build.ninja ]] && "$top/.ci/build" "$dir" >/dev/null; }; then
			echo "skip kernel-$1 no runner for arm64: .ci/arm64 builds it"
			((skipped += 1))
			return
		fi
	fi
	log=$("$vm" -k "${1%-arm64}" -t 600 -m 1024 -e TIMEOUT_SCALE=6 -e TESTPROG=/root/testprog \
		-f "$dir/trace-runner/trace-runner" -f "$dir/tests/run/run_cases" \
		-f "$dir/tests/run/testprog" -f "$here/../run/cases:/root/cases" \
		-f "$here/guest.sh:/root/guest.sh" -f "$scripts:/root/scripts" -- 'sh guest.sh' 2>&1)
	code=$?
	if [[ $log != *"guest is up"* ]]; then
		echo "skip kernel-$1 no such guest here (status $code): $(tail -n 1 <<<"$log")"
		((skipped += 1))
		return
	fi
	grep -v -e '^ok ' -e '^guest is up$' -e '^[0-9]* passed, ' <<<"$log"
	while read -r line; do
		echo "not ok kernel-$1: ${line#skip }"
		((failed += 1))
	done < <(grep '^skip ' <<<"$log" | grep -v -E " no ($lacks) here\$")
	line=$(grep -E '^[0-9]+ passed, ' <<<"$log")
	if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped.([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		((passed += BASH_REMATCH[1] + BASH_REMATCH[4], failed += BASH_REMATCH[2] + BASH_REMATCH[5]))
		((skipped += BASH_REMATCH[3]))
	else
		echo "not ok kernel-$1: the guest gave no result (status $code)"
		((failed += 1))
	fi
}

for k in "${kernels[@]}"; do
	echo "--- kernel $k"
	kernel "$k"
done
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
