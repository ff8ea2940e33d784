# Any target, several of them, their lines and maps.

make_deployment() { # NAME REPLICAS
	cat <<-YAML | kubectl apply -n "$ns" -f - >/dev/null || fail "deployment $1"
		apiVersion: apps/v1
		kind: Deployment
		metadata: {name: $1}
		spec:
		  replicas: $2
		  selector:
		    matchLabels: {app: $1}
		    matchExpressions: [{key: app, operator: NotIn, values: [other]}]
		  template:
		    metadata: {labels: {app: $1}}
		    spec:
		      terminationGracePeriodSeconds: 0
		      containers:
		      - {name: app, image: $TEST_IMAGE, imagePullPolicy: IfNotPresent, command: [sleep, "100000"]}
		---
		apiVersion: v1
		kind: Service
		metadata: {name: $1}
		spec: {selector: {app: $1}, ports: [{port: 80}]}
	YAML
	kubectl rollout status -n "$ns" "deployment/$1" --timeout=60s >/dev/null || fail "deployment $1"
}

case_all_nodes() {
	trace run --all-nodes -a -e 'begin { printf("hello\n"); @c = count(); @h = lhist(3, 0, 10, 2); exit(); }'
	expect_status 0
	for n in "${nodes[@]}"; do expect_out "^\[node/$n\] hello$"; done
	expect_out "^@c: ${#nodes[@]}$"
	expect_out "^\[2, 4\) +${#nodes[@]} "
	expect_clean
}

case_per_node() {
	trace run --all-nodes --per-node -a -e 'begin { @c = count(); exit(); }'
	expect_status 0
	for n in "${nodes[@]}"; do expect_out "^\[node/$n\] @c: 1$"; done
}

case_prefix() {
	trace run "${nodes[0]}" -a --prefix=always -e 'begin { printf("x\n"); exit(); }'
	expect_out "^\[node/${nodes[0]}\] x$"
	trace run "${nodes[@]}" -a --prefix=never -e 'begin { printf("x\n"); exit(); }'
	[[ $(grep -c '^x$' out) == "${#nodes[@]}" ]] || fail 'prefix'
	trace run "${nodes[0]}" -a --prefix=maybe -e "$tick"
	expect_status 2
}

case_node_selector() {
	trace run --nodes "kubernetes.io/hostname=${nodes[1]}" -a -e 'begin { printf("x\n"); exit(); }'
	expect_status 0
	expect_out '^x$'
	trace run --nodes no=such -a -e "$tick"
	expect_error 'no ready node matches "no=such"'
}

case_one_node_fails() {
	# An exit status that is not 0 is the whole command's, and the others go on.
	trace run "${nodes[@]}" -a -e "begin { printf(\"x\\n\"); if (node == \"${nodes[0]}\") { exit(3); } exit(); }"
	expect_status 3
	[[ $(grep -c '\] x$' out) == "${#nodes[@]}" ]] || fail 'not all'
	expect_clean
}

case_ctrl_c_all_nodes() {
	trace_bg run --all-nodes -a -e "$tick"
	for n in "${nodes[@]}"; do wait_for out "$n\] tick"; done
	kill -INT "$trace_pid"
	wait_trace
	expect_status 0
	expect_out '^@ticks: '
	expect_clean
}

case_workloads() {
	local word
	make_deployment web 2
	for word in deploy/web deployment/web svc/web "rs/$(kubectl get rs -l app=web -n "$ns" -o name | sed 's|.*/||')"; do
		trace run "$word" -a -e 'begin { printf("x\n"); exit(); }'
		expect_status 0
		expect_out 'x$'
	done
	trace run -l app=web -a -e 'begin { printf("x\n"); exit(); }'
	expect_status 0
	trace run deploy/nope -a -e "$tick"
	expect_error 'deployments.apps "nope" not found'
	kubectl scale -n "$ns" deployment/web --replicas=0 >/dev/null
	kubectl wait -n "$ns" --for=delete pod -l app=web --timeout=60s >/dev/null
	trace run deploy/web -a -e "$tick"
	expect_error 'no running pods for deploy/web'
}

case_jobs() {
	kubectl create job work -n "$ns" --image="$TEST_IMAGE" -- sleep 1000 >/dev/null
	kubectl wait -n "$ns" --for=condition=Ready pod -l job-name=work --timeout=60s >/dev/null || fail job
	trace run job/work -a -e 'begin { printf("x\n"); exit(); }'
	kubectl delete job work -n "$ns" --wait=false >/dev/null
	expect_status 0
}

case_multi_container_pod() {
	cat <<-YAML | kubectl apply -n "$ns" -f - >/dev/null
		apiVersion: v1
		kind: Pod
		metadata: {name: two}
		spec:
		  nodeName: ${nodes[0]}
		  terminationGracePeriodSeconds: 0
		  initContainers:
		  - {name: init, image: $TEST_IMAGE, imagePullPolicy: IfNotPresent, command: [sleep, "6"]}
		  containers:
		  - {name: one, image: $TEST_IMAGE, imagePullPolicy: IfNotPresent, command: [sleep, "100000"]}
		  - {name: other, image: $TEST_IMAGE, imagePullPolicy: IfNotPresent, command: [sleep, "100000"]}
	YAML
	until kubectl get pod two -n "$ns" -o jsonpath='{.status.initContainerStatuses[0].state}' | grep -q running; do
		sleep 0.2
	done
	trace run pod/two -c init -a -e 'begin { printf("x\n"); exit(); }'
	expect_status 0
	kubectl wait -n "$ns" --for=condition=Ready pod/two --timeout=60s >/dev/null || fail pod
	trace run pod/two -a -e 'begin { printf("x\n"); exit(); }'
	expect_status 0
	expect_err 'Defaulted container "one" out of: one, other'
	trace run pod/two other -a -e 'begin { printf("x\n"); exit(); }'
	expect_status 0
	[[ $(cat err) != *Defaulted* ]] || fail 'defaulted'
}

case_unready_pod_of_workload_is_skipped() {
	make_deployment web2 1
	kubectl run -n "$ns" web2-x --image=localhost/none:1 -l app=web2 --restart=Never >/dev/null
	trace run -l app=web2 -a -e 'begin { printf("x\n"); exit(); }'
	expect_status 0
}

case_cronjob() {
	local version=batch/v1 uid
	kubectl api-versions | grep -qx batch/v1beta1 && version=batch/v1beta1
	cat <<-YAML | kubectl apply -n "$ns" -f - >/dev/null || fail cronjob
		apiVersion: $version
		kind: CronJob
		metadata: {name: nightly}
		spec:
		  schedule: "0 0 1 1 *"
		  jobTemplate:
		    spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: "$TEST_IMAGE"}]}}}
	YAML
	trace run cronjob/nightly -a -e "$tick"
	expect_error 'no running pods for cronjob/nightly'
	uid=$(kubectl get --raw "/apis/$version/namespaces/$ns/cronjobs/nightly" | jq -r .metadata.uid)
	cat <<-YAML | kubectl apply -n "$ns" -f - >/dev/null || fail job
		apiVersion: batch/v1
		kind: Job
		metadata:
		  name: nightly-1
		  ownerReferences: [{apiVersion: $version, kind: CronJob, name: nightly, uid: $uid}]
		spec:
		  template:
		    spec:
		      restartPolicy: Never
		      terminationGracePeriodSeconds: 0
		      containers: [{name: c, image: "$TEST_IMAGE", imagePullPolicy: IfNotPresent, command: [sleep, "1000"]}]
	YAML
	kubectl wait -n "$ns" --for=condition=Ready pod -l job-name=nightly-1 --timeout=60s >/dev/null || fail pod
	trace run cj/nightly -a -e 'begin { printf("x\n"); exit(); }'
	kubectl delete job nightly-1 -n "$ns" --wait=false >/dev/null
	expect_status 0
	expect_out '^x$'
}

case_service_account() {
	kubectl create serviceaccount tracer -n "$ns" >/dev/null
	trace run "${nodes[0]}" --serviceaccount=tracer -e "$tick"
	expect_status 0
	kubectl get jobs -n "$ns" -l "kubectl-trace/id=$(trace_id)" \
		-o jsonpath='{.items[0].spec.template.spec.serviceAccountName}' | grep -qx tracer || fail 'not used'
	trace delete --all
	expect_clean
	trace run "${nodes[0]}" -a --serviceaccount=nobody -e "$tick"
	expect_error 'FailedCreate: .*serviceaccount "nobody" not found'
}
