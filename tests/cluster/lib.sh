# What the cases share.  Sourced by run.sh.

fail() { # WORDS: the case has failed
	printf '%s\n' "$*"
	for f in out err; do [[ -e $f ]] && { echo "--- $f"; head -c 3000 "$f"; }; done
	[[ ${trace_pid-} ]] && kill "$trace_pid" 2>/dev/null
	kubectl-trace delete --all -n "$ns" >/dev/null 2>&1
	exit 1
}
skip() { echo "$*"; exit 77; }

# trace COMMAND...: the plugin, as kubectl runs it; output in the files out and err, status in $status.
trace() {
	status=0
	timeout "${limit:-90}" kubectl trace "$1" -n "$ns" "${@:2}" >out 2>err || status=$?
}
# trace_bg COMMAND...: the same in the background; its process is $trace_pid.
trace_bg() {
	rm -f out err # those of the last one, which wait_for would look at
	# Otherwise timeout passes a signal on twice, which is a second Ctrl-C.
	timeout --foreground 150 kubectl-trace "$1" -n "$ns" "${@:2}" >out 2>err &
	trace_pid=$!
}
wait_trace() { status=0; wait "$trace_pid" || status=$?; }

expect_status() { [[ $status == "$1" ]] || fail "status $status, not $1"; }
expect_out() { grep -qE -- "$1" out || fail "the output does not match: $1"; }
expect_no_out() { ! grep -qE -- "$1" out || fail "the output matches: $1"; }
expect_err() { grep -qE -- "$1" err || fail "standard error does not match: $1"; }
expect_error() { # REGEX: a clear message, status 1, nothing left
	expect_status 1
	expect_err "$1"
	expect_clean
}
wait_for() { # FILE REGEX [SECONDS]
	local end=$((SECONDS + ${3:-60}))
	until grep -qE -- "$2" "$1" 2>/dev/null; do
		((SECONDS < end)) || fail "$1 has no $2 in time"
		sleep 0.1
	done
}

wait_until() { # WHAT COMMAND...: up to a minute
	local end=$((SECONDS + 60))
	until "${@:2}"; do
		((SECONDS < end)) || fail "not $1 in time"
		sleep 0.2
	done
}

# Nothing of a trace is there: no Job, Pod or ConfigMap.  (The runner's own ConfigMaps stay.)
left() { kubectl get jobs,pods,configmaps -n "$ns" -l kubectl-trace/id -o name; }
expect_clean() { [[ ! $(left) ]] || fail "left behind: $(left)"; }
trace_id() { sed -n 's/^trace \(.*\) created$/\1/p' out err | head -n 1; }

# What runs a command goes when its case ends; others stay, and are there for the next case.
drop_load() {
	[[ -e $work/load ]] || return
	rm "$work/load"
	kubectl delete deployments,replicasets,pods -l load=yes -n "$ns" --force --grace-period=0 --wait=false >/dev/null 2>&1
}

# A pod that sleeps, or runs COMMAND; waits until it runs.
make_pod() { # NAME NODE [COMMAND]
	[[ ${3-} ]] && touch "$work/load"
	cat <<-YAML | kubectl apply -n "$ns" -f - >/dev/null || fail "pod $1"
		apiVersion: v1
		kind: Pod
		metadata: {name: $1, labels: {app: $1, group: test, load: "${3:+yes}"}}
		spec:
		  nodeName: $2
		  terminationGracePeriodSeconds: 0
		  containers:
		  - name: app
		    image: $TEST_IMAGE
		    imagePullPolicy: IfNotPresent
		    command: [sh, -c, "${3:-sleep 100000}"]
	YAML
	kubectl wait -n "$ns" --for=condition=Ready "pod/$1" --timeout=60s >/dev/null || fail "pod $1"
}

# A pod with tests/cluster/prog.c at /bin/prog: calls answer(), which returns VALUE, 100 times a second.
make_prog() {
	[[ -e ../prog ]] && return
	gcc -O1 -static -o ../prog "$here/prog.c" && strip --keep-symbol=answer ../prog || fail "prog.c"
	kubectl create configmap prog -n "$ns" --from-file=prog=../prog >/dev/null || fail "prog"
}
make_prog_pod() { # NAME NODE VALUE
	make_prog
	cat <<-YAML | kubectl apply -n "$ns" -f - >/dev/null || fail "pod $1"
		apiVersion: v1
		kind: Pod
		metadata: {name: $1, labels: {app: $1, group: prog}}
		spec:
		  nodeName: $2
		  terminationGracePeriodSeconds: 0
		  containers:
		  - name: app
		    image: $TEST_IMAGE
		    imagePullPolicy: IfNotPresent
		    command: [/prog/prog, "$3"]
		    volumeMounts: [{name: prog, mountPath: /prog}]
		  volumes: [{name: prog, configMap: {name: prog, defaultMode: 0555}}]
	YAML
	kubectl wait -n "$ns" --for=condition=Ready "pod/$1" --timeout=60s >/dev/null || fail "pod $1"
}

# A deployment of REPLICAS pods on NODE whose container runs COMMAND.
make_workers() { # NAME NODE REPLICAS COMMAND
	touch "$work/load"
	cat <<-YAML | kubectl apply -n "$ns" -f - >/dev/null || fail "deployment $1"
		apiVersion: apps/v1
		kind: Deployment
		metadata: {name: $1, labels: {load: "yes"}}
		spec:
		  replicas: $3
		  selector: {matchLabels: {app: $1}}
		  template:
		    metadata: {labels: {app: $1, load: "yes"}}
		    spec:
		      nodeName: $2
		      terminationGracePeriodSeconds: 0
		      containers:
		      - name: app
		        image: $TEST_IMAGE
		        imagePullPolicy: IfNotPresent
		        command: [sh, -c, "$4"]
		        volumeMounts: [{name: prog, mountPath: /prog}]
		      volumes: [{name: prog, configMap: {name: prog, defaultMode: 0555, optional: true}}]
	YAML
	kubectl rollout status -n "$ns" "deployment/$1" --timeout=60s >/dev/null || fail "deployment $1"
}
pods_of() { kubectl get pods -n "$ns" -l "app=$1" -o jsonpath='{range .items[*]}{.metadata.name}{"\n"}{end}'; }

# A user who may do RULES (verbs:resources, ...) in the namespace and no more.
make_user() { # NAME VERBS RESOURCES
	kubectl create role "$1" -n "$ns" --verb="$2" --resource="$3" >/dev/null &&
		kubectl create rolebinding "$1" -n "$ns" --role="$1" --user="$1" >/dev/null || fail "user $1"
}

count_lines="interval:ms:5 { printf(\"line %d\\n\", @n); @n++; if (@n == 1000) { exit(); } }"
tick="interval:ms:50 { printf(\"tick\\n\"); @ticks = count(); }"
