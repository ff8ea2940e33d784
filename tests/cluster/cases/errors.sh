# What goes wrong: a clear message, exit status 1, nothing left behind.

case_no_such_node() {
	trace run "${nodes[0]}x" -a -e "$tick"
	expect_error "nodes \"${nodes[0]}x\" not found \(did you mean \"${nodes[0]}\"\?\)"
}

case_no_such_pod() {
	make_pod shop "${nodes[0]}"
	trace run pod/shopp -a -e "$tick"
	expect_error 'pods "shopp" not found.*did you mean "shop"'
}

case_no_such_namespace() {
	local ns=$ns-none
	trace run "${nodes[0]}" -a -e "$tick"
	expect_error "namespaces? \"$ns\" not found"
	trace run pod/x -a -e "$tick"
	expect_error "pods \"x\" not found in namespace \"$ns\""
}

case_no_such_container() {
	make_pod shop "${nodes[0]}"
	trace run pod/shop -c web -a -e "$tick"
	expect_error 'container "web" is not in pod "shop"; it has: app'
}

case_pod_not_running() {
	kubectl run stuck -n "$ns" --image=localhost/none:1 --restart=Never >/dev/null
	until kubectl get pod stuck -n "$ns" | grep -q Pull; do sleep 0.3; done
	trace run pod/stuck -a -e "$tick"
	expect_error 'pod "stuck" is not running.*(ErrImagePull|ImagePullBackOff)'
	kubectl run done -n "$ns" --image="$TEST_IMAGE" --restart=Never -- true >/dev/null
	until kubectl get pod done -n "$ns" | grep -q Completed; do sleep 0.3; done
	trace run pod/done -a -e "$tick"
	expect_error 'pod "done" is not running: it has ended'
}

case_unknown_kind() {
	trace run secret/x -a -e "$tick"
	expect_error 'can.t trace a "secret"'
}

case_no_kubeconfig() {
	KUBECONFIG='' HOME=/nonexistent trace run "${nodes[0]}" -a -e "$tick"
	expect_error 'no cluster to talk to: found none in .KUBECONFIG \(not set\)'
	trace run "${nodes[0]}" -a -e "$tick" --kubeconfig /nonexistent
	expect_error "cannot read '/nonexistent'"
	trace run "${nodes[0]}" -a -e "$tick" --context nope
	expect_error 'context "nope" does not exist'
}

case_server_down() {
	trace run "${nodes[0]}" -a -e "$tick" --server https://127.0.0.1:1
	expect_error 'connection to the server https://127.0.0.1:1 was refused'
}

case_certificate_not_trusted() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -out other.crt -subj /CN=other \
		2>/dev/null || skip 'no openssl'
	trace run "${nodes[0]}" -a -e "$tick" --certificate-authority other.crt
	expect_error 'cannot trust the server .*certificate'
}

case_forbidden() {
	trace run "${nodes[0]}" -a -e 'begin { exit(); }' # the runner's ConfigMaps are there
	make_user looker get,list configmaps,pods
	trace run "${nodes[0]}" -a -e "$tick" --as looker
	expect_error 'you may not look at node .* use --image'
	trace run "${nodes[0]}" -a -e "$tick" --as looker --image "$TEST_IMAGE"
	expect_error 'Job: jobs.batch is forbidden: User "looker" cannot create resource "jobs"'
}

case_no_image() {
	trace run "${nodes[0]}" -a -e "$tick" --image localhost/nope:1 --image-pull-policy Never
	expect_error 'ErrImageNeverPull: .*not present'
	trace run "${nodes[0]}" -a -e "$tick" --image localhost/nope:1
	expect_error 'ErrImagePull: '
	trace run "${nodes[0]}" -a -e "$tick" --image 'not an image'
	expect_error 'InvalidImageName'
}

case_image_without_runner() {
	trace run "${nodes[0]}" -a -e "$tick" --image "$TEST_IMAGE"
	expect_error '(StartError|RunContainerError|ContainerCannotRun).*trace-runner'
}

case_quota() {
	kubectl create quota none -n "$ns" --hard=pods=0 >/dev/null
	sleep 1
	trace run "${nodes[0]}" -a -e "$tick"
	kubectl delete quota none -n "$ns" >/dev/null
	expect_error 'FailedCreate: .*exceeded quota: none'
}

case_unschedulable() {
	trace run "${nodes[0]}" -a -e "$tick" --patch-type json --patch <(echo \
		'[{"op":"add","path":"/spec/template/spec/nodeSelector","value":{"no":"such"}}]')
	expect_error 'Unschedulable: 0/[0-9]+ nodes are available'
}

case_syntax_error() {
	trace run "${nodes[0]}" -a -e 'begin { printf("x" }'
	expect_error 'stdin:1:.* ERROR: syntax'
	grep -q created err && fail 'something was created'
	trace run "${nodes[0]}" -a -e ''
	expect_status 2
}

case_attaches_nothing() {
	trace run "${nodes[0]}" -a -e 'tracepoint:syscalls:nothing_like_* { }'
	expect_status 1
	expect_out 'ERROR: .*no valid attach points'
	expect_clean
}

case_unknown_tracepoint() {
	trace run "${nodes[0]}" -a -e 'tracepoint:syscalls:sys_enter_opennat { }'
	expect_status 1
	expect_out 'ERROR.*sys_enter_opennat'
	expect_out 'sys_enter_openat'
	expect_clean
}

case_unknown_symbol() {
	make_prog_pod prog-a "${nodes[0]}" 41
	trace run pod/prog-a -a -e 'uprobe:/prog/prog:answr { }'
	expect_status 1
	expect_out 'ERROR.*answr'
	expect_out '[^r]answer'
	expect_clean
}

case_unknown_field() {
	trace run "${nodes[0]}" -a -e 'tracepoint:syscalls:sys_enter_openat { print(args.filenam); }'
	expect_status 1
	expect_out 'ERROR.*filenam'
	expect_out 'filename'
	expect_clean
}

case_script_too_large() {
	{ echo 'begin { exit(); }'; head -c 1100000 /dev/zero | tr '\0' '\n'; } >big.bt
	trace run "${nodes[0]}" -a -f big.bt
	expect_error "'big.bt' is too large: at most [0-9]+ bytes fit into a ConfigMap"
}

case_stream_cut() {
	local port proxy server=127.0.0.1 i
	server=$(kubectl config view --raw -o jsonpath='{.clusters[0].cluster.server}')
	[[ $server =~ ^https://127.0.0.1:([0-9]+)$ ]] || skip 'the API server is not on this machine'
	python3 "$here/proxy.py" "${BASH_REMATCH[1]}" >proxy.log &
	proxy=$!
	trap "kill $proxy" EXIT
	wait_for proxy.log ready 10
	port=$(sed 's/ready //' proxy.log)
	trace_bg run "${nodes[0]}" -a --server "https://127.0.0.1:$port" -e "$count_lines"
	wait_for out 'line 50$'
	for i in 1 2 3 4; do
		kill -USR1 "$proxy"
		sleep 0.7
	done
	kill -USR2 "$proxy"
	sleep 2
	kill -USR2 "$proxy"
	wait_trace
	expect_status 0
	expect_err 'the log stream was cut, reconnecting'
	grep '^line ' out | diff - <(seq -f 'line %g' 0 999) || fail 'lines differ'
	expect_clean
}

# kubelet_pid NODE: of the test cluster.
kubelet_pid() {
	local pid
	read -r pid _ <"${CLUSTER_DIR:-/run/trace-cluster}/pid/$1-kubelet" 2>/dev/null || return 1
	echo "$pid"
}

case_node_not_ready() {
	local pid
	pid=$(kubelet_pid "${nodes[1]}") || skip 'no kubelet to stop'
	trace_bg run "${nodes[1]}" -a -e "$tick"
	wait_for out tick
	kill -STOP "$pid"
	trap "kill -CONT $pid" EXIT
	wait_trace
	expect_error "node \"${nodes[1]}\" became NotReady while it was traced: "
	trace run "${nodes[1]}" -a -e "$tick"
	expect_error "node \"${nodes[1]}\" is not ready: "
	kill -CONT "$pid"
	kubectl wait --for=condition=Ready "node/${nodes[1]}" --timeout=60s >/dev/null || fail 'not back'
}
