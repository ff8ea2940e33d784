# Several containers on one node, through one Job there.

case_two_pods_on_one_node() {
	local pod
	make_prog
	make_workers pair "${nodes[0]}" 2 'exec /prog/prog 5'
	make_prog_pod prog-c "${nodes[0]}" 6
	trace run deploy/pair -a -e 'uretprobe:/prog/prog:answer { @[pod, container, retval] = count(); if (++@n == 300) { exit(); } }'
	expect_status 0
	for pod in $(pods_of pair); do expect_out "^@\[$pod, app, 5\]: [0-9]+$"; done
	expect_no_out ', 6\]'
	# Both at once by name, and a node of its own beside them.
	trace run $(pods_of pair | sed 's|^|pod/|') -a -e 'uretprobe:/prog/prog:answer { @[pod] = count(); if (++@n == 300) { exit(); } }'
	expect_status 0
	[[ $(grep -c '^@\[pair-' out) == 2 ]] || fail 'not both'
	expect_clean
}

# Their image's files are one file below two overlays: a probe fires once for each call.
case_image_is_shared() {
	local entry
	make_workers shared "${nodes[0]}" 2 'while :; do cat /etc/passwd; usleep 20000; done >/dev/null'
	kubectl exec -n "$ns" deploy/shared -- cat /bin/busybox >busybox || fail 'exec'
	entry=$(readelf -h busybox | sed -n 's/.*Entry point address: *//p')
	trace run deploy/shared -a --unsafe -e "uprobe:/bin/busybox:$entry { @entries = count(); }
		tracepoint:sched:sched_process_exec { @execs = count(); } interval:s:2 { exit(); }"
	expect_status 0
	awk '/^@/ { n[$1] = $2 } END { e = n["@entries:"]; x = n["@execs:"]; exit !(e > 20 && e <= x + 4 && e >= x - 4) }' out ||
		fail 'not once an exec'
}

case_one_of_two_pods_ends() {
	local pods
	make_workers gone "${nodes[0]}" 2 'while :; do cat /etc/passwd; usleep 20000; done >/dev/null'
	mapfile -t pods < <(pods_of gone)
	trace_bg run "pod/${pods[0]}" "pod/${pods[1]}" -a -e 'tracepoint:syscalls:sys_enter_openat {
		@[pod] = count(); } interval:ms:300 { print(@); printf("tick\n"); clear(@); }'
	wait_for out tick
	kubectl delete pod "${pods[0]}" -n "$ns" --grace-period=0 --force >/dev/null 2>&1
	sleep 3
	tail -n 6 out | grep -q "^@\[${pods[1]}\]: " || fail 'the other one is lost'
	tail -n 6 out | grep -q "^@\[${pods[0]}\]: " && fail 'still there'
	kubectl delete deployment gone -n "$ns" >/dev/null
	kubectl delete pod -l app=gone -n "$ns" --grace-period=0 --force >/dev/null 2>&1
	wait_trace
	expect_status 0
	expect_clean
}

# What was counted before and after is one line.
case_restart_is_followed() {
	local pod lines
	make_workers again "${nodes[0]}" 2 'for i in 1 2 3 4 5 6 7 8; do cat /etc/passwd; sleep 1; done >/dev/null'
	pod=$(pods_of again | head -n 1)
	trace_bg run "pod/$pod" -a -e 'tracepoint:syscalls:sys_enter_openat /comm == "cat"/ { @n++; @by[container] = count(); }
		interval:ms:500 { printf("n %d\n", @n); @n = 0; }'
	wait_for out '^n [1-9]'
	until kubectl get pod "$pod" -n "$ns" -o jsonpath='{.status.containerStatuses[0]}' |
		jq -e '.restartCount == 1 and .state.running' >/dev/null; do sleep 0.3; done
	sleep 1.5
	lines=$(wc -l <out)
	sleep 3
	tail -n "+$lines" out | grep -q '^n [1-9]' || fail 'not followed'
	kill -INT "$trace_pid"
	wait_trace
	expect_status 0
	:
	expect_clean
}

case_pids_of_several_containers() {
	make_workers pids "${nodes[0]}" 2 'while :; do cat /etc/passwd; usleep 20000; done >/dev/null'
	trace run deploy/pids -a --container-pids -e 'tracepoint:syscalls:sys_enter_wait4 { @[pod, pid] = count(); if (++@n == 100) { exit(); } }'
	expect_status 0
	[[ $(grep -c '^@\[pids-[^,]*, 1\]: ' out) == 2 ]] || fail 'not both'
	expect_no_out ', [02-9]'
}
