#!/bin/bash
# builtins.sh [--update]: the table of built-ins in the language reference is that of builtins.def.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
def=lib/lang/builtins.def doc=lib/lang/language.md

table() {
	local kind
	for kind in "VAR:Variables" "FUNC:Functions" "AGG:Aggregations"; do
		printf '\n### %s\n\n| Name | |\n|---|---|\n' "${kind#*:}"
		sed -nE "s/^${kind%%:*}(_FOLDED)?\((\w+),.*\"([^\"]*)\"\)\$/| \`\2\` | \3 |/p" "$def" | LC_ALL=C sort
	done
	echo
}

fresh=$(awk -v table="$(table)" '
	/<!-- builtins: begin -->/ { print; print table; inside = 1; next }
	/<!-- builtins: end -->/ { inside = 0 }
	!inside { print }' "$doc")
if [[ ${1-} == --update ]]; then
	printf '%s\n' "$fresh" >"$doc"
elif [[ $fresh != "$(cat "$doc")" ]]; then
	echo "$doc: the table of built-ins is not that of $def; run tests/doc/builtins.sh --update"
	exit 1
fi
