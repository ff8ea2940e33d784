# A thousand nodes, which a stand-in for their API server plays.

case_thousand_nodes() {
	local rss cpu
	python3 "$here/standin.py" 1000 kubectl-trace run --all-nodes -a --server @URL@ -e "$tick" >out 2>err
	status=$(sed -n 's/^status \([0-9]*\) .*/\1/p' err)
	expect_status 0
	expect_out '^@c: 1000$'
	[[ $(grep -c '^@s\[key[0-9]*\]: 499500$' out) == 100 ]] || fail 'sums'
	expect_out '^\[[0-9]+, [0-9]+\) +2000 '
	[[ $(grep -c '^\[node/node-[0-9]*\] node-[0-9]* line [012]$' out) == 3000 ]] || fail 'not 3000 lines'
	rss=$(sed -n 's/.*maxrss \([0-9]*\).*/\1/p' err)
	((rss < 100 * 1024)) || fail "$rss KiB"
}
