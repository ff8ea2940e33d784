#!/bin/bash
# run.sh BUILD-DIR: the examples of the language reference compile, and print what it says; the
# scripts of examples/ compile; the table of built-ins is complete.
set -uo pipefail
top=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
runner=$1/trace-runner/trace-runner
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

result() { # NAME STATUS [FILE]
	if (($2 == 0)); then
		echo "ok $1"
		((passed += 1))
	else
		echo "not ok $1"
		[[ ${3-} ]] && cat "$3"
		((failed += 1))
	fi
}

# Example N becomes N.bt, and N.out where its output is given.
awk -v dir="$tmp" '
	/^```bt$/ { n++; file = sprintf("%s/%03d.bt", dir, n); next }
	/^```output$/ { file = sprintf("%s/%03d.out", dir, n); printf "" > file; next }
	/^```/ { if (file) close(file); file = ""; next }
	file { print > file }' "$top/lib/lang/language.md"

# Without blank lines at the ends, and single ones between maps: those are not the point here.
trim() { sed -e '/^$/d' "$1"; }

for script in "$tmp"/*.bt; do
	name=language-$(basename "$script" .bt)
	if [[ -e ${script%.bt}.out ]]; then
		"$runner" -q "$script" >"$tmp/got" 2>"$tmp/err"
		diff <(trim "${script%.bt}.out") <(trim "$tmp/got") >"$tmp/diff" 2>&1
		status=$?
		cat "$tmp/err" >>"$tmp/diff"
		result "$name" $status "$tmp/diff"
	else
		"$runner" --dry-run "$script" >"$tmp/diff" 2>&1
		result "$name" $? "$tmp/diff"
	fi
done
for script in "$top"/examples/*.bt; do
	grep -q '^ \* Needs: kprobes' "$script" && ! [[ -e /sys/kernel/tracing/kprobe_events ]] && continue
	"$runner" --dry-run "$script" >"$tmp/diff" 2>&1
	result "example-$(basename "$script" .bt)" $? "$tmp/diff"
done
"$top/tests/doc/builtins.sh" >"$tmp/diff" 2>&1
result table-of-built-ins $? "$tmp/diff"
echo "$passed passed, $failed failed"
((failed == 0))
