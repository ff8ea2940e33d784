# The commands in iovisor/kubectl-trace's README and help, one after the other.

case_iovisor_node() {
	local id id2
	trace run "${nodes[0]}" -e "tracepoint:syscalls:sys_enter_* { @[probe] = count(); }"
	expect_status 0
	id=$(trace_id)
	printf '%s\n' 'tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; }' \
		'tracepoint:syscalls:sys_exit_read / @start[tid] / { @times = hist(nsecs - @start[tid]); delete(@start[tid]); }' >read.bt
	kubectl create serviceaccount kubectltrace -n "$ns" >/dev/null
	printf '%s\n' '- op: replace' '  path: /spec/template/spec/containers/0/resources' '  value:' \
		'    limits: {cpu: 2, memory: 500Mi}' '    requests: {cpu: 10m, memory: 100Mi}' >mypatch.yaml
	trace run "node/${nodes[1]}" -f read.bt --serviceaccount=kubectltrace --patch mypatch.yaml --patch-type json \
		--tracer bpftrace --fetch-headers --init-imagename=quay.io/x --deadline 60 --deadline-grace-period 5 --output stdout
	expect_status 0
	id2=$(trace_id)
	[[ $(kubectl get job "kubectl-trace-$id2" -n "$ns" -o jsonpath='{.spec.template.spec.serviceAccountName} {.spec.template.spec.containers[0].resources.limits.memory}') == 'kubectltrace 500Mi' ]] ||
		fail 'service account or patch'
	running() { trace get; [[ $(grep -c Running out) == 2 ]]; }
	wait_until 'running' running
	trace get "$id"
	expect_out "kubectl-trace-$id +Running"
	trace get --all-namespaces
	expect_out "$id2"
	sleep 2
	trace_bg attach "kubectl-trace-$id2"
	wait_for out Attached
	kill -INT "$trace_pid"
	wait_trace
	expect_status 0
	expect_out '^@times:'
	trace log "$id"
	expect_out 'Attached [0-9]+ probe'
	trace logs "kubectl-trace-$id" --timestamp
	expect_out '^20[0-9-]+T.*Attached'
	trace delete "kubectl-trace-$id"
	expect_status 0
	trace delete --all
	expect_clean
}

case_iovisor_pod() {
	local words
	make_prog_pod caturday "${nodes[0]}" 42
	trace run -e 'uretprobe:/proc/$container_pid/exe:"answer" { printf("%d\n", retval); if (++@n == 5) { exit(); } }' pod/caturday -a
	expect_status 0
	expect_out '^42$'
	for words in 'pod/caturday -c app' 'pod/caturday app'; do
		trace run $words -a -e "tracepoint:syscalls:sys_enter_* { @[probe] = count(); } interval:s:1 { exit(); }"
		expect_status 0
		expect_out '^@\[tracepoint:syscalls:sys_enter_(clock_)?nanosleep\]: '
	done
	trace run pod/caturday -a --tracer=bpftrace --process-selector='pid=last,exe=prog' --target-namespace="$ns" \
		--program 'uretprobe:/proc/$container_pid/exe:answer { printf("%d\n", retval); exit(); }'
	expect_status 0
	expect_out '^42$'
	trace run pod/caturday -a --process-selector=pid=1 -e 'uretprobe:/prog/prog:answer { printf("%d\n", retval); exit(); }'
	expect_status 0
	expect_out '^42$'
}

# What has another form says so.
case_iovisor_other_forms() {
	trace run "${nodes[0]}" -e "$tick" --tracer bcc
	expect_status 2
	expect_err 'unknown tracer "bcc"'
	trace run "${nodes[0]}" -e "$tick" --output gs://bucket/x
	expect_status 2
	expect_err 'redirect standard output'
	trace run "${nodes[0]}" -e "$tick" --google-application-secret x
	expect_status 2
	expect_err 'redirect standard output'
	trace run pod/x y -c y -e "$tick"
	expect_status 2
	expect_err 'either as a word or with -c'
	trace run -e "$tick"
	expect_status 2
	expect_err 'a target is needed'
	trace run "${nodes[0]}"
	expect_status 2
	trace run "${nodes[0]}" -e "$tick" --patch x
	expect_status 2
	expect_clean
}
