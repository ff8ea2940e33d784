# The main job: run, get, logs, attach, delete.

case_help() {
	for c in '' run get logs attach delete image version; do
		trace $c --help
		expect_status 0
		expect_out '^Usage:'
	done
	trace rnu
	expect_status 2
	trace run node-x -e x --bogus
	expect_status 2
	expect_err 'unknown flag: --bogus'
}

case_version() {
	trace version
	expect_status 0
	expect_out '^kubectl-trace: v'
	expect_out '^server: v1\.'
}

case_local() {
	status=0
	timeout 30 kubectl trace run local -e 'begin { printf("%d\n", 6 * 7); exit(); }' >out 2>err || status=$?
	expect_status 0
	expect_out '^42$'
}

case_openat_on_node() {
	trace run "node/${nodes[1]}" -a -e 'tracepoint:syscalls:sys_enter_openat {
		printf("%s %s\n", comm, str(args.filename)); if (++@n >= 20) { exit(); } }'
	expect_status 0
	expect_out '^[^ ]+ /'
	expect_clean
}

case_exit_status() {
	trace run "${nodes[0]}" -a -e 'begin { printf("hello\n"); exit(7); }'
	expect_status 7
	expect_out '^hello$'
	expect_clean
}

case_file_and_arguments() {
	echo 'begin { printf("%d %s\n", $1, str($2)); exit(); }' >prog.bt
	trace run "${nodes[0]}" -a -f prog.bt -- 42 two
	expect_status 0
	expect_out '^42 two$'
	trace run "${nodes[0]}" -a -f - --args 43 --args three <prog.bt
	expect_status 0
	expect_out '^43 three$'
}

# An error that only the node finds names the file as the person does.
# What the script imports and includes travels with it, from wherever it is.
case_imports() {
	mkdir -p tool/lib
	echo 'macro twice(x) { 2 * x } begin { printf("imported\n"); }' >tool/lib/math.bt
	echo '#include "more.h"' >tool/types.h
	echo '#define ANSWER 21' >tool/more.h
	printf '#include "types.h"\nimport "lib"; begin { printf("%%d\\n", twice(ANSWER)); exit(); }' >tool/main.bt
	trace run "${nodes[0]}" -a -f tool/main.bt
	expect_status 0
	expect_out '^imported$'
	expect_out '^42$'
	echo 'import "none.bt"; begin { exit(); }' >tool/wrong.bt
	trace run "${nodes[0]}" -a -f tool/wrong.bt
	expect_error 'Unable to find suitable path for import'
	expect_clean
}

case_script_name() {
	mkdir -p tools
	printf '// a comment\ntracepoint:syscalls:sys_enter_opennat { }\n' >tools/open.bt
	trace run "${nodes[0]}" -a -f tools/open.bt
	expect_status 1
	expect_out '^tools/open.bt:2:1-.*sys_enter_opennat'
	expect_no_out /programs
	trace run "${nodes[0]}" -a -f - <tools/open.bt
	expect_out '^stdin:2:1-'
	trace run "${nodes[0]}" -a -e 'tracepoint:syscalls:sys_enter_opennat { }'
	expect_out '^stdin:1:1-'
	expect_clean
}

case_json() {
	trace run "${nodes[0]}" -a -o json -e 'begin { @x = 5; exit(); }'
	expect_status 0
	expect_out '"@x": 5'
}

# Faster than a kubelet can send lines one by one, for longer than it keeps a log file.
case_million_lines() {
	local n got lost_events lost_lines
	cp "$(command -v dd)" ./chatter
	trace_bg run "${nodes[0]}" -a -e 'rawtracepoint:sys_enter /comm == "chatter"/ { @n++; printf("line %d\n", @n); }'
	wait_for out Attached
	./chatter if=/dev/zero of=/dev/null bs=1 count=500000 2>/dev/null
	kill -INT "$trace_pid"
	wait_trace
	expect_status 0
	n=$(sed -n 's/^@n: //p' out)
	got=$(grep -c '^line ' out)
	lost_events=$(awk '/^Lost [0-9]+ events/ { n += $2 } END { print n + 0 }' out)
	lost_lines=$(awk '/ lines were lost/ { for (i = 2; i <= NF; i++) if ($i == "lines") n += $(i - 1) } END { print n + 0 }' err)
	((n >= 1000000)) || fail "the map says $n"
	((got + lost_events + lost_lines == n)) || fail "$got lines of $n, $lost_events events and $lost_lines lines said to be lost"
	((got >= 900000)) || fail "only $got of $n lines"
	expect_clean
}

case_every_line_once() {
	trace run "${nodes[0]}" -a -e "$count_lines"
	expect_status 0
	grep '^line ' out | diff - <(seq -f 'line %g' 0 999) || fail 'lines differ'
}

case_long_line() {
	# The kubelet stores it in parts of 16 KiB.
	trace run "${nodes[0]}" -a -e 'begin { $i = 0; while ($i < 1000) { printf("%050d", $i); $i++; }
		printf("\nend\n"); exit(); }'
	expect_status 0
	expect_out '^end$'
	[[ $(awk 'length > max { max = length } END { print max }' out) == 50000 ]] || fail 'not joined'
}

case_ctrl_c() {
	for i in 1 2 3; do
		trace_bg run "${nodes[0]}" -a -e 'interval:ms:50 { printf("tick\n"); @h = hist(5); }'
		wait_for out tick
		kill -INT "$trace_pid"
		wait_trace
		expect_status 0
		expect_out '^@h:'
		expect_out '^\[4, 8\) '
		expect_clean
	done
}

# The second doesn't wait for what the first asked for.
case_ctrl_c_twice() {
	trace_bg run "${nodes[0]}" -a -e "$tick"
	wait_for out tick
	kill -INT "$trace_pid"
	sleep 0.05
	kill -INT "$trace_pid"
	wait_trace
	expect_status 130
	expect_err 'not waiting for the end of the trace'
	expect_clean
}

# Before there is anything to print.
case_ctrl_c_at_once() {
	local delay
	for delay in 0 0.1 0.4; do
		trace_bg run "${nodes[0]}" -a -e "$tick"
		wait_for err created
		sleep "$delay"
		kill -INT "$trace_pid"
		wait_trace
		[[ $status == [01] ]] || fail "status $status"
		expect_clean
	done
}

case_reader_goes_away() {
	timeout 60 kubectl-trace run "${nodes[0]}" -a -e "$tick" -n "$ns" 2>err | head -n 3 >out
	[[ $(wc -l <out) == 3 ]] || fail 'not three lines'
	expect_clean
}

case_background() {
	local id
	trace run "${nodes[0]}" -e "$tick"
	expect_status 0
	expect_out '^trace [0-9a-f-]{36} created$'
	id=$(trace_id)
	until trace get && grep -q Running out; do sleep 0.3; done
	expect_out '^NAMESPACE +NODE +NAME +STATUS +AGE$'
	expect_out "^$ns +${nodes[0]} +kubectl-trace-$id +Running +[0-9]+s$"
	trace get "$id" -o wide
	expect_out "node/${nodes[0]} "
	trace get -o name
	expect_out "^kubectl-trace-$id$"
	trace get -o json
	jq -e '.items[0].kind == "Job" or .kind == "JobList"' out >/dev/null || fail 'not a list of Jobs'
	sleep 1
	trace logs "$id"
	expect_status 0
	expect_out '^tick$'
	trace logs "kubectl-trace-$id" --timestamps
	expect_out '^20[0-9-]+T[0-9:.]+Z tick$'
	trace delete "$id"
	expect_status 0
	expect_out "deleted"
	expect_clean
	trace logs "$id"
	expect_status 1
	trace delete "$id"
	expect_status 1
	expect_err 'not found'
}

case_attach() {
	local id
	trace run "${nodes[0]}" -e "$count_lines"
	id=$(trace_id)
	sleep 2
	trace attach "$id"
	expect_status 0
	grep '^line ' out | diff - <(seq -f 'line %g' 0 999) || fail 'lines differ'
	trace get
	expect_out Completed
	trace logs -f "$id"
	expect_out '^line 999$'
	trace delete --all
	expect_clean
}

case_attach_ctrl_c() {
	local id
	trace run "${nodes[0]}" -e "$tick"
	id=$(trace_id)
	trace_bg attach "$id"
	wait_for out tick
	kill -INT "$trace_pid"
	wait_trace
	expect_status 0
	expect_out '^@ticks: '
	expect_clean
}

case_delete_while_streaming() {
	trace_bg run "${nodes[1]}" -a -e "$tick"
	wait_for out tick
	timeout 60 kubectl trace delete "$(trace_id)" -n "$ns" || fail 'delete'
	expect_clean
	wait_trace
	expect_status 0
	expect_out '^@ticks: '
}

case_ten_at_once() {
	local pids=() i
	for i in {1..10}; do
		timeout 120 kubectl-trace run "${nodes[$((i % 2))]}" -a -n "$ns" \
			-e "interval:ms:20 { printf(\"line %d\\n\", @n); if (++@n == 50) { exit($i); } }" \
			>"out.$i" 2>"err.$i" &
		pids+=($!)
	done
	for i in {1..10}; do
		status=0
		wait "${pids[$((i - 1))]}" || status=$?
		cp "out.$i" out
		cp "err.$i" err
		expect_status "$i"
		grep '^line ' out | diff - <(seq -f 'line %g' 0 49) || fail "lines of $i differ"
	done
	expect_clean
}

case_deadline() {
	trace run "${nodes[0]}" -a --deadline=3s -e "$tick"
	expect_status 0
	expect_out '^@ticks: '
	expect_clean
}

case_pod_uretprobe() {
	make_prog_pod prog-a "${nodes[0]}" 41
	make_prog_pod prog-b "${nodes[0]}" 7
	trace run pod/prog-a -a -e 'uretprobe:/prog/prog:answer { printf("%d\n", retval); if (++@n == 50) { exit(); } }'
	expect_status 0
	[[ $(grep -c '^41$' out) == 50 ]] || fail 'not 50 times 41'
	expect_no_out '^7$'
	trace run pod/prog-b -c app -a -e 'uretprobe:/proc/$container_pid/exe:answer { printf("%d\n", retval); if (++@n == 5) { exit(); } }'
	expect_status 0
	[[ $(grep -c '^7$' out) == 5 ]] || fail 'not 5 times 7'
}
