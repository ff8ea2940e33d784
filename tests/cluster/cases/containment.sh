# A pod's trace sees the pod; Kubernetes names in scripts.

# While a neighbour makes 100,000 system calls, not one of them is seen.
case_neighbour() {
	make_pod quiet "${nodes[0]}" 'while :; do usleep 50000; done'
	make_pod busy "${nodes[0]}" 'while :; do dd if=/dev/zero of=/dev/null bs=1 count=100000; done 2>/dev/null'
	trace_bg run pod/quiet -a -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'
	wait_for out Attached
	mkdir neighbour
	(cd neighbour && trace run pod/busy -a -e 'tracepoint:syscalls:sys_enter_read /comm == "dd"/ {
		@reads = count(); if (++@n >= 100000) { exit(); } }' && expect_out '^@reads: [0-9]{6,}$') || exit 1
	kill -INT "$trace_pid"
	wait_trace
	expect_status 0
	expect_out '^@\[(sh|usleep)\]: [0-9]+$'
	expect_no_out '^@\[dd\]'
	trace run pod/quiet -a --whole-node -e 'tracepoint:syscalls:sys_enter_read /comm == "dd"/ {
		@good = count(); if (++@n >= 1000) { exit(); } }'
	expect_status 0
	expect_out '^@good: '
}

case_names() {
	make_pod busy "${nodes[0]}" 'while :; do cat /etc/passwd; done >/dev/null'
	trace run "${nodes[0]}" -a -e "tracepoint:syscalls:sys_enter_openat /namespace == \"$ns\" && comm == \"cat\"/ {
		printf(\"%s/%s/%s on %s\\n\", namespace, pod, container, node); if (++@n == 20) { exit(); } }"
	expect_status 0
	expect_out "^$ns/busy/app on ${nodes[0]}$"
}

# A pod with several containers: each has its own name, the sandbox none.
case_names_of_containers() {
	cat <<-YAML | kubectl apply -n "$ns" -f - >/dev/null || fail pod
		apiVersion: v1
		kind: Pod
		metadata: {name: three}
		spec:
		  nodeName: ${nodes[0]}
		  terminationGracePeriodSeconds: 0
		  containers:
		  - {name: one, image: $TEST_IMAGE, imagePullPolicy: IfNotPresent, command: [sh, -c, "while :; do usleep 50000; done"]}
		  - {name: two, image: $TEST_IMAGE, imagePullPolicy: IfNotPresent, command: [sh, -c, "while :; do usleep 50000; done"]}
		  - {name: three, image: $TEST_IMAGE, imagePullPolicy: IfNotPresent, command: [sleep, "100000"]}
	YAML
	kubectl wait -n "$ns" --for=condition=Ready pod/three --timeout=60s >/dev/null || fail pod
	trace run "${nodes[0]}" -a -e "tracepoint:raw_syscalls:sys_enter /pod == \"three\" && namespace == \"$ns\"/ {
		@[container] = count(); @pod[pod] = count(); } tracepoint:raw_syscalls:sys_enter /pod == \"three\" && container == \"two\"/ {
		@two[container, pod] = count(); } interval:s:3 { exit(); }"
	expect_status 0
	expect_out '^@\[one\]: [0-9]+$'
	expect_out '^@\[two\]: [0-9]+$'
	expect_out '^@two\[two, three\]: [0-9]+$'
	[[ $(grep -c '^@two' out) == 1 && $(grep -c '^@pod' out) == 1 ]] || fail 'not one line'
	expect_no_out '^@\[\]'
}

case_container_pids() {
	make_pod busy "${nodes[0]}" 'while :; do cat /etc/passwd; done >/dev/null'
	trace run pod/busy -a --container-pids -e 'tracepoint:syscalls:sys_enter_wait4 { printf("pid %d\n", pid); exit(); }'
	expect_status 0
	expect_out '^pid 1$'
}

case_pod_is_deleted() {
	make_pod short "${nodes[0]}" 'while :; do cat /etc/passwd; done >/dev/null'
	trace_bg run pod/short -a -e 'tracepoint:syscalls:sys_enter_openat { @ = count(); } interval:s:1 { printf("tick\n"); }'
	wait_for out tick
	kubectl delete pod short -n "$ns" --grace-period=0 --force >/dev/null 2>&1
	wait_trace
	expect_status 0
	expect_out '^@: [0-9]+'
	expect_clean
}

case_process_selector() {
	make_pod picked "${nodes[0]}" 'sleep 7777 & while :; do cat /etc/passwd; done >/dev/null'
	trace run pod/picked -a --process-selector comm=sleep -e 'begin { printf("%s\n", str($1)); exit(); }' -- x
	expect_status 0
	trace run pod/picked -a --process-selector comm=nothing -e 'begin { exit(); }'
	expect_status 1
}
