#!/bin/bash
# smoke.sh [BUILD-DIR [SECONDS]]: build every fuzz_*.c with libFuzzer, ASan and UBSan, run each for
# some seconds (5) over its seeds.  A crash leaves its input in tests/fuzz/crashes.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
top=$(dirname "$(dirname "$here")")
seconds=${2:-5}
out=$(readlink -f "${1:-$top/build}")/fuzz
mkdir -p "$out" "$here/crashes"
cd "$top" || exit 1
sed -f lib/lang/stdlib.sed lib/lang/stdlib.bt >"$out/stdlib.inc"
flags=(-std=gnu17 -g -O1 -D_GNU_SOURCE '-DVERSION="fuzz"' -DFUZZER -Ilib "-I$out" -fsanitize=fuzzer-no-link,address,undefined
	-fno-sanitize-recover=undefined -Wno-everything)
passed=0 failed=0

# shellcheck disable=SC2012
header=$(ls -t lib/*/*.h lib/*/*.def | head -n 1)

objects() { # ROOM...: its objects, rebuilt where the source or any header is newer
	local room source object
	for room; do
		for source in lib/"$room"/*.c; do
			object=$out/${source//\//_}.o
			echo "$object"
			[[ $object -nt $source && $object -nt $header ]] || echo "$source $object" >&3
		done
	done
}

compiler_rooms=(util lang record ir bpf)
list=$out/list
exec 3>"$list"
compiler=$(objects "${compiler_rooms[@]}")
kube=$(objects kube)
exec 3>&-
xargs -r -P "$(nproc)" -L 1 sh -c 'clang '"$(printf '%q ' "${flags[@]}")"' -c "$0" -o "$1"' <"$list" || exit 1

for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	libs=() objs=$compiler
	[[ $name == fuzz_codegen ]] && objs+=" $(echo tests/unit/{fake_kernel,bpf_interp,ir_eval,ir_random}.c)"
	[[ $name == *kube* ]] && objs="$compiler $kube" libs=(-lcurl -lcjson -lyaml)
	# shellcheck disable=SC2086
	if ! clang "${flags[@]}" -fsanitize=fuzzer -Itests/golden -Itests/unit "$source" $objs "${libs[@]}" -o "$out/$name"; then
		echo "not ok $name: does not build"
		((failed += 1))
		continue
	fi
	corpus=$out/corpus_$name
	mkdir -p "$corpus"
	seeds=("$here/seeds/$name")
	[[ -d ${seeds[0]} ]] || seeds=()
	if "$out/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -verbosity=0 -close_fd_mask=3 \
		-artifact_prefix="$here/crashes/$name-" "$corpus" "${seeds[@]}" </dev/null >"$out/$name.log" 2>&1; then
		echo "ok $name"
		((passed += 1))
	else
		echo "not ok $name"
		tail -n 30 "$out/$name.log"
		((failed += 1))
	fi
done
echo "$passed passed, $failed failed"
((failed == 0))
