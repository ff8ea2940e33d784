# The runner in ConfigMaps, and as an image.

runner_maps() { kubectl get configmaps -n "$ns" -l kubectl-trace/runner -o name; }

case_runner_maps_are_reused() {
	trace delete --runner
	expect_status 0
	[[ ! $(runner_maps) ]] || fail 'not deleted'
	trace run "${nodes[0]}" -a -e 'begin { exit(); }'
	expect_status 0
	runner_maps >first
	[[ -s first ]] || fail 'no ConfigMaps'
	kubectl get -n "$ns" $(cat first) -o jsonpath='{range .items[*]}{.metadata.uid}{"\n"}{end}' >uids
	trace run "${nodes[1]}" -a -e 'begin { exit(); }'
	expect_status 0
	kubectl get -n "$ns" $(runner_maps) -o jsonpath='{range .items[*]}{.metadata.uid}{"\n"}{end}' |
		diff uids - || fail 'not the same'
	kubectl get -n "$ns" $(head -n 1 first) -o jsonpath='{.immutable}' | grep -q true || fail 'not immutable'
}

case_tampered_runner() {
	local map
	trace run "${nodes[0]}" -a -e 'begin { exit(); }'
	map=$(runner_maps | head -n 1)
	kubectl get -n "$ns" "$map" -o json >good.json
	jq '.binaryData["runner.000"] |= ("g" + .[1:])' good.json >bad.json
	kubectl replace --force -n "$ns" -f bad.json >/dev/null || fail replace
	trace run "${nodes[0]}" -a -e 'begin { printf("ran\n"); exit(); }'
	kubectl replace --force -n "$ns" -f good.json >/dev/null
	expect_status 126
	expect_out 'not the one that was sent, nothing was run'
	expect_no_out '^ran$'
	expect_clean
}

case_image() {
	[[ -x ${TRACE_CLUSTER-}/load-image ]] || skip 'no load-image'
	trace image -o image.tar
	expect_status 0
	sha256sum image.tar >sum
	trace image -o image.tar
	sha256sum -c sum >/dev/null || fail 'not reproducible'
	"$TRACE_CLUSTER/load-image" image.tar >/dev/null || fail 'load-image'
	trace run "${nodes[0]}" -a --image "$(tar -xOf image.tar manifest.json | jq -r '.[0].RepoTags[0]')" \
		--image-pull-policy=Never -e 'begin { printf("hello\n"); exit(); }'
	expect_status 0
	expect_out '^hello$'
	trace image
	expect_status 2
}

case_patch() {
	trace run "${nodes[0]}" -e "$tick" --patch-type strategic --patch <(printf '%s\n' \
		'metadata: {labels: {team: core}}' \
		'spec: {template: {spec: {containers: [{name: trace, resources: {limits: {memory: 300Mi}}}]}}}')
	expect_status 0
	kubectl get jobs -n "$ns" -l team=core -o jsonpath='{.items[0].spec.template.spec.containers[0].resources.limits.memory}' |
		grep -qx 300Mi || fail 'not patched'
	trace delete --all
	expect_clean
	trace run "${nodes[0]}" -e "$tick" --patch-type json --patch <(echo '[{"op":"remove","path":"/nope"}]')
	expect_error 'does not apply at "/nope"'
}

case_capabilities() {
	trace run "${nodes[0]}" -a --capabilities -e 'tracepoint:syscalls:sys_enter_* { @ = count(); }
		interval:ms:300 { exit(); }'
	expect_status 0
	expect_out '^@: [0-9]+'
}

# The rules of manifests/rbac.yaml are enough; without the one for nodes, a pod's own image serves.
case_rbac() {
	make_pod shop "${nodes[0]}"
	awk 'BEGIN { RS = ORS = "---\n" } !/kind: Namespace/' "$here/../../manifests/rbac.yaml" |
		sed "s/tracing/$ns/; s/name: kubectl-trace-targets/name: $ns-targets/" >rbac.yaml
	kubectl apply -f rbac.yaml >/dev/null || fail 'manifest'
	kubectl create rolebinding tracer -n "$ns" --role=kubectl-trace --user=tracer >/dev/null
	trace run pod/shop -a --as tracer -e 'begin { printf("x\n"); exit(); }'
	expect_status 0
	kubectl create clusterrolebinding "$ns" --clusterrole="$ns-targets" --user=tracer >/dev/null
	trace run "${nodes[0]}" -a --as tracer -e 'begin { printf("x\n"); exit(); }'
	kubectl delete clusterrole "$ns-targets" >/dev/null
	kubectl delete clusterrolebinding "$ns" >/dev/null
	expect_status 0
	expect_clean
}
