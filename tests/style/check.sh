#!/bin/bash
# check.sh BUILD-DIR: what no compiler checks: the direction of dependencies, banned calls, sizes,
# and (slow, so only when TIDY is set) clang-format and clang-tidy.  Prints "ok"/"not ok" lines.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
build=$1
passed=0 failed=0
sources=$(git ls-files -co --exclude-standard '*.c' '*.h')

result() { # NAME OUTPUT: ok when there is no output
	if [[ $2 ]]; then
		printf 'not ok %s\n%s\n' "$1" "$2"
		((failed += 1))
	else
		echo "ok $1"
		((passed += 1))
	fi
}

# room -> rooms whose headers it may include (besides its own); * marks pure layouts anyone may use.
declare -A allowed=(
	[lib/util]="" [lib/lang]="util" [lib/record]="util" [lib/ir]="lang record util"
	[lib/bpf]="ir lang record util" [lib/kern]="lang util" [lib/kube]="util"
	[trace-runner]="bpf kern record lang util ir" [cmd]="kube record lang util"
)
layouts=" bpf/event.h bpf/image.h record/shape.h lang/type.h lang/probe.h "
includes() {
	local room file header dir
	for room in "${!allowed[@]}"; do
		for file in $(grep -E "^$room/.*\.(c|h)$" <<<"$sources"); do
			while read -r header; do
				dir=${header%%/*}
				# Tables (*.def) are tokens, not a dependency.
				[[ $layouts == *" $header "* || $header != */* || lib/$dir == "$room" ]] && continue
				[[ $header == *.def ]] && continue
				[[ -d lib/$dir ]] || continue
				[[ " ${allowed[$room]} " == *" $dir "* ]] ||
					echo "$file includes $header"
			done < <(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$file")
		done
	done
	fenced 'bpf/(bpf|libbpf|btf)\.h|libelf\.h|gelf\.h' '^(lib/kern|trace-runner|tests)/'
	fenced 'curl/curl\.h' '^lib/kube/transport\.c'
	fenced 'yaml\.h' '^lib/kube/kubeconfig'
	fenced 'cjson/cJSON\.h|cJSON\.h' '^(lib/kube|cmd)/'
}
fenced() { # HEADER-REGEX FILE-REGEX: only these files may include these
	grep -lE "^#include <($1)>" $sources | grep -vE "$2" | sed "s#\$# includes a header fenced to $2#"
}

banned() {
	grep -nE '(^|[^_[:alnum:]])(sprintf|strcpy|strcat|strncpy|strtok|gets|atoi|system|popen|alloca)\(' \
		$sources | grep -vE '^[^:]*:[0-9]*:[[:space:]]*(/?\*|//)|"[^"]*(system|printf)[^"]*\(.*"' || :
}

sizes() {
	wc -l $sources | awk '$2 != "total" && $1 > 1000 { print $2 ": " $1 " lines" }'
}

words() { # what does not belong in the project's texts
	git grep -nIE '\bTODO\b|\bFIXME\b|\bXXX\b' -- '*.c' '*.h' '*.sh' '*.md' ':!tests/style' || :
}

format() {
	clang-format --dry-run --Werror $sources 2>&1 | grep -E 'error|warning' | head -n 20
}

# The options are gcc's: clang needn't know them all.  What is asserted may be relied on.
tidy() {
	local files
	files=$(grep -E '^(lib|cmd|trace-runner)/.*\.c$' <<<"$sources")
	xargs -P "$(nproc)" -n 8 clang-tidy --quiet -p "$build" \
		--extra-arg=-Wno-unknown-warning-option --extra-arg=-UNDEBUG <<<"$files" 2>/dev/null |
		head -n 60 || echo 'clang-tidy failed'
}

result dependencies "$(includes)"
result banned-calls "$(banned)"
result file-sizes "$(sizes)"
result unfinished "$(words)"
result clang-format "$(format)"
if [[ ${TIDY-} ]]; then
	result clang-tidy "$(tidy)"
fi
echo "$passed passed, $failed failed"
((failed == 0))
