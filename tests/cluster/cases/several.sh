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

restarted() {
	kubectl get pod "$1" -n "$ns" -o jsonpath='{.status.containerStatuses[0]}' |
		jq -e '.restartCount >= 1 and .state.running' >/dev/null
}

# What was counted before and after is one line.
case_restart_is_followed() {
	local pod lines
	make_workers again "${nodes[0]}" 2 'for i in 1 2 3 4 5 6 7 8 9 10; do cat /etc/passwd; sleep 1; done >/dev/null'
	pod=$(pods_of again | head -n 1)
	trace_bg run "pod/$pod" -a -e 'tracepoint:syscalls:sys_enter_openat /comm == "cat"/ { @n++; @by[container] = count(); }
		interval:ms:500 { printf("n %d\n", @n); @n = 0; }'
	wait_for out '^n [1-9]'
	wait_until 'restarted' restarted "$pod"
	sleep 1.5
	lines=$(wc -l <out)
	sleep 3
	tail -n "+$lines" out | grep -q '^n [1-9]' || fail 'not followed'
	kill -INT "$trace_pid"
	wait_trace
	expect_status 0
	[[ $(grep -c '^@by\[app\]: ' out) == 1 ]] || fail 'not one line'
	expect_clean
}

case_pids_of_several_containers() {
	make_workers pids "${nodes[0]}" 2 'while :; do cat /etc/passwd; usleep 20000; done >/dev/null'
	trace run deploy/pids -a --container-pids -e 'tracepoint:syscalls:sys_enter_wait4 { @[pod, pid] = count(); if (++@n == 100) { exit(); } }'
	expect_status 0
	[[ $(grep -c '^@\[pids-[^,]*, 1\]: ' out) == 2 ]] || fail 'not both'
	expect_no_out ', [02-9]'
}

# The prefix says which pod, or which workload on which node.
case_several_targets() {
	local a=${nodes[0]} b=${nodes[1]} pair
	make_prog
	make_workers pair "$a" 2 'exec /prog/prog 5'
	make_prog_pod far "$b" 7
	make_prog_pod near "$a" 6
	trace run deploy/pair pod/far -a -e 'uretprobe:/prog/prog:answer { printf("%d\n", retval); @ = stats(retval);
		@by[pod] = count(); if (++@n == 40) { exit(); } }'
	expect_status 0
	expect_out "^\[deploy/pair on $a\] 5$"
	expect_out '^\[pod/far\] 7$'
	expect_no_out '\] 6$'
	expect_out '^@: \{ \.count = [0-9]+, \.average = [567], \.total = [0-9]+ \}$'
	[[ $(grep -c '^@by\[' out) == 3 ]] || fail 'not three pods'
	# A pod on a node that is traced as a whole is part of that.
	trace run "node/$a" pod/near pod/far -a -e "begin { printf(\"x\n\"); exit(); }"
	expect_status 0
	expect_out "^\[node/$a\] x$"
	expect_out '^\[pod/far\] x$'
	[[ $(grep -c 'x$' out) == 2 ]] || fail 'not one Job a node'
	expect_clean
}

case_statefulset_and_daemonset() {
	local kind word
	for kind in StatefulSet DaemonSet; do
		cat <<-YAML | kubectl apply -n "$ns" -f - >/dev/null || fail "$kind"
			apiVersion: apps/v1
			kind: $kind
			metadata: {name: a-${kind,,}}
			spec:
			  $([[ $kind == StatefulSet ]] && echo 'serviceName: x')
			  selector: {matchLabels: {app: a-${kind,,}}}
			  template:
			    metadata: {labels: {app: a-${kind,,}}}
			    spec:
			      terminationGracePeriodSeconds: 0
			      containers:
			      - {name: app, image: $TEST_IMAGE, imagePullPolicy: IfNotPresent, command: [sh, -c, "while :; do usleep 50000; done"]}
		YAML
	done
	kubectl rollout status -n "$ns" statefulset/a-statefulset --timeout=60s >/dev/null || fail 'sts'
	kubectl rollout status -n "$ns" daemonset/a-daemonset --timeout=60s >/dev/null || fail 'ds'
	for word in sts/a-statefulset statefulset/a-statefulset; do
		trace run "$word" -a -e 'tracepoint:syscalls:sys_enter_nanosleep,tracepoint:syscalls:sys_enter_clock_nanosleep {
			printf("%s\n", pod); exit(); }'
		expect_status 0
		expect_out '^a-statefulset-0$'
	done
	trace run ds/a-daemonset -a -e 'tracepoint:syscalls:sys_enter_nanosleep,tracepoint:syscalls:sys_enter_clock_nanosleep {
		@[pod] = count(); if (++@n == 10) { exit(); } }'
	expect_status 0
	[[ $(grep -c '^@\[a-daemonset-' out) == "${#nodes[@]}" ]] || fail 'not one a node'
	kubectl delete -n "$ns" sts/a-statefulset ds/a-daemonset --wait=false >/dev/null
}

case_process_selectors() {
	local pid inner selector script
	make_prog
	make_workers procs "${nodes[0]}" 1 '/prog/prog 5 & sleep 1; /prog/prog 6 & while :; do cat /etc/passwd; usleep 20000; done >/dev/null'
	script='uretprobe:/prog/prog:answer { printf("%d %d %d\n", retval, pid, pid == $container_pid); if (++@n == 40) { exit(); } }
		tracepoint:syscalls:sys_enter_openat { printf("%s\n", comm); } interval:s:1 { exit(); }'
	trace run deploy/procs -a -e "$script"
	expect_out '^5 '
	expect_out '^6 '
	expect_out '^cat$'
	pid=$(awk '/^6 / { print $2; exit }' out)
	trace run deploy/procs -a --container-pids -e "$script"
	inner=$(awk '/^6 / { print $2; exit }' out)
	for selector in "pid=$inner" 'pid=last,comm=prog' 'cmdline=/prog/prog 6,exe=prog'; do
		trace run deploy/procs -a --process-selector "$selector" -e "$script"
		expect_status 0
		expect_out "^6 $pid 1$"
		expect_no_out '^(5|cat)'
	done
	for selector in exe=prog; do
		trace run deploy/procs -a --process-selector "$selector" -e "$script"
		expect_status 0
		expect_out "^6 $pid "
		expect_out '^5 '
		expect_no_out '^cat'
	done
	trace run "${nodes[0]}" -a --process-selector "pid=$pid" -e 'uretprobe:/proc/$container_pid/exe:answer {
		printf("%d\n", retval); if (++@n == 40) { exit(); } }'
	expect_status 0
	expect_out '^6$'
	expect_no_out '^5$'
	trace run deploy/procs -a --process-selector color=red -e "$tick"
	expect_status 1
	expect_out "bad process selector 'color=red': pid=, exe=, comm= or cmdline= expected"
	expect_clean
}

case_merged_aggregations() {
	trace run "${nodes[0]}" "${nodes[1]}" -a -e "config = { unstable_tseries = enable }
		interval:ms:100 { \$v = 20; if (node == \"${nodes[0]}\") { \$v = 10; }
		@c = count(); @s = sum(\$v); @mn = min(\$v); @mx = max(\$v); @a = avg(\$v); @st = stats(\$v);
		@h = hist(\$v); @l = lhist(\$v, 0, 40, 10); @t = tseries(\$v, 10s, 2, \"max\"); @i = \$v;
		@k[\"x\"] = sum(\$v); @own[node] = count(); exit(); }"
	expect_status 0
	expect_out '^@c: 2$'
	expect_out '^@s: 30$'
	expect_out '^@mn: 10$'
	expect_out '^@mx: 20$'
	expect_out '^@a: 15$'
	expect_out '^@st: \{ \.count = 2, \.average = 15, \.total = 30 \}$'
	expect_out '^\[8, 16\) +1 '
	expect_out '^\[16, 32\) +1 '
	expect_out '^\[10, 20\) +1 '
	expect_out '^\[20, 30\) +1 '
	[[ $(grep -c '^@t:' out) == 1 ]] || fail 'not one time series'
	expect_out '\* 20$|20 *$'
	expect_out '^@i: 30$'
	expect_out '^@k\[x\]: 30$'
	for n in "${nodes[@]}"; do expect_out "^@own\[$n\]: 1$"; done
	trace run "${nodes[0]}" "${nodes[1]}" --per-node -a -e 'begin { @s = sum(5); @h = hist(5); exit(); }'
	expect_status 0
	for n in "${nodes[@]}"; do expect_out "^\[node/$n\] @s: 5$"; done
	expect_clean
}

# kubectl debug needs a newer API server than 1.20, or its feature gate.
# Servers before 1.22 (where the feature is an alpha one) take them in a form of their own, which
# newer kubectls don't know.
add_ephemeral_container() { # POD SCRIPT
	kubectl debug -n "$ns" "pod/$1" --image="$TEST_IMAGE" --image-pull-policy=IfNotPresent -c dbg -- sh -c "$2" >debug 2>&1 && return
	cat >old.json <<-EOF
		{"apiVersion": "v1", "kind": "EphemeralContainers", "metadata": {"name": "$1"}, "ephemeralContainers": [{
			"name": "dbg", "image": "$TEST_IMAGE", "imagePullPolicy": "IfNotPresent", "terminationMessagePolicy": "File",
			"command": ["sh", "-c", "$2"]}]}
	EOF
	kubectl replace --raw "/api/v1/namespaces/$ns/pods/$1/ephemeralcontainers" -f old.json >>debug 2>&1
}

case_ephemeral_container() {
	make_pod shop "${nodes[0]}"
	add_ephemeral_container shop 'while :; do cat /etc/hostname; sleep 0.1; done' ||
		skip "no ephemeral containers here: $(tail -n 1 debug)"
	until kubectl get pod shop -n "$ns" -o jsonpath='{.status.ephemeralContainerStatuses[0].state}' | grep -q running; do sleep 0.3; done
	trace run pod/shop -c dbg -a -e 'tracepoint:syscalls:sys_enter_openat /comm == "cat"/ { printf("in %s\n", container); exit(); }'
	expect_status 0
	expect_out '^in dbg$'
}
