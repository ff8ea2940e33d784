#!/usr/bin/env python3
"""The budgets of the project, measured side by side with bpftrace and with hand-written C.

    bench.py --runner BUILD/trace-runner/trace-runner [--peer bpftrace] [--pairs 5]
             [--only REGEX] [--json FILE]

Runs alternate in one process, so that a noisy machine is noisy for all; what is printed are
medians, the spread (half the distance between the quartiles), and ratios.  The cost of an event is
small beside the system call's: it is the difference between the fast chunks (the 5th percentile) of
all loops with the tracer and without it; its spread is that of the pairs.  Needs root, clang, gcc
and libbpf.  Parts: start, compile, event, code, throughput, memory, growth; and cluster, which needs
$KUBECONFIG and is run when it is named (cluster_bench.py).

    bench.py --runner ... --check code    a test: no run takes longer than 1.2 times clang's, in one run
"""
import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import bpfinfo

HERE = os.path.dirname(os.path.abspath(__file__))

SYSCALL = "tracepoint:syscalls:sys_enter_getppid"
# name, script ({LOAD} is the load program), clang program or None, load, operations, budget against the peer
EVENTS = [
    ("empty body", SYSCALL + " { }", "empty", "getppid", 1000000, 0.5),
    ("count()", SYSCALL + " { @ = count(); }", "count", "getppid", 1000000, 0.5),
    ("count() by comm", SYSCALL + " { @[comm] = count(); }", "count_comm", "getppid", 1000000, 0.5),
    ("hist by pid, comm", SYSCALL + " { @[pid, comm] = hist(pid); }", "hist_keyed", "getppid", 1000000, 0.5),
    ("latency histogram", "tracepoint:syscalls:sys_enter_getppid { @start[tid] = nsecs; } "
     "tracepoint:syscalls:sys_exit_getppid /@start[tid]/ { @ns = hist(nsecs - @start[tid]); delete(@start, tid); }",
     "latency", "getppid", 1000000, 0.5),
    ("false predicate", SYSCALL + " /pid == 1/ { @ = count(); }", "false_predicate", "getppid", 1000000, 0.5),
    ("comm filter", SYSCALL + ' /comm == "stger"/ { @ = count(); }', "comm_filter", "getppid", 1000000, 0.5),
    ("two scalars", SYSCALL + " { @a = nsecs; @b = pid; }", "scalars", "getppid", 1000000, 0.5),
    ("tuple key", SYSCALL + " { @[pid, uid, cpu] = count(); }", "tuple_key", "getppid", 1000000, 0.5),
    ("str() key", "tracepoint:syscalls:sys_enter_openat { @[str(args.filename)] = count(); }", "path_key",
     "openat", 500000, 0.7),
    ("printf of 3 fields", SYSCALL + ' { printf("%d %d %s\\n", pid, nsecs, comm); }', "printf3", "getppid", 500000, 0.5),
    ("other tracepoint", "tracepoint:raw_syscalls:sys_enter { @ = count(); }", None, "getppid", 1000000, 0.5),
    ("count() by kstack", SYSCALL + " { @[kstack] = count(); }", "kstack_key", "getppid", 500000, 1.0),
    ("count() by ustack", SYSCALL + " { @[ustack] = count(); }", None, "getppid", 500000, 1.0),
    ("uprobe count()", "uprobe:{LOAD}:bench_function { @ = count(); }", None, "call", 200000, 1.0),
    ("uretprobe hist", "uretprobe:{LOAD}:bench_function { @ = hist(retval); }", None, "call", 200000, 1.0),
]

TOOL = open(os.path.join(HERE, "large_tool.bt")).read()
STARTS = [
    ("one tracepoint", SYSCALL + " { @ = count(); }"),
    ("all sys_enter_*", "tracepoint:syscalls:sys_enter_* { @[probe] = count(); }"),
    ("a large tool", TOOL),
    ("1,000 assignments", "begin { " + " ".join(f"$v{i} = {i};" for i in range(1000)) + " }"),
    ("500 uprobes", ",".join(f"uprobe:/lib/x86_64-linux-gnu/libc.so.6:{first}*" for first in "seku")
     + " { @[func] = count(); }"),
]
# The time of a run to clang's, in one run of the benchmark: what the check allows.
CODE_LIMIT = 1.2


def median(values):
    return statistics.median(values)


def fast(chunks):
    return statistics.quantiles(chunks, n=20)[0]


def spread(values):
    if len(values) < 3:
        return 0.0
    q = statistics.quantiles(values, n=4)
    return (q[2] - q[0]) / 2


class Tracer:
    """A tracer that is started, waited for until attached, and stopped by SIGINT."""

    def __init__(self, argv, out=subprocess.DEVNULL, env=None):
        self.begin = time.monotonic()
        self.process = subprocess.Popen(argv, stdout=out, stderr=subprocess.PIPE, env=env)
        self.messages = b""
        self.attached = None
        while True:
            line = self.process.stderr.readline()
            if not line:
                raise RuntimeError(f"{argv[0]} did not attach: {self.messages.decode()[-500:]}")
            self.messages += line
            if b"Attached" in line:
                self.attached = time.monotonic() - self.begin
                return

    def memory_kb(self):
        status = open(f"/proc/{self.process.pid}/status").read()
        return {k: int(re.search(k + r":\s+(\d+)", status).group(1)) for k in ("VmRSS", "VmHWM")}

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            _, rest = self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, rest = self.process.communicate()
        self.messages += rest or b""


class Bench:
    def __init__(self, args, tmp):
        self.args, self.tmp = args, tmp
        self.load = os.path.join(tmp, "load")
        self.clang_run = os.path.join(tmp, "clang_run")
        subprocess.check_call(["gcc", "-O1", "-fno-omit-frame-pointer", "-o", self.load, f"{HERE}/load.c"])
        subprocess.check_call(["gcc", "-O2", "-o", self.clang_run, f"{HERE}/clang_run.c", "-lbpf"])
        self.results = []

    def clang_object(self, name):
        path = os.path.join(self.tmp, name + ".o")
        if not os.path.exists(path):
            subprocess.check_call(["clang", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu",
                                   "-c", f"{HERE}/clang/{name}.bpf.c", "-o", path])
        return path

    def ns(self, kind, count):
        """The nanoseconds of an operation in each chunk of the loop."""
        cpu = str((os.cpu_count() or 1) - 1)
        out = subprocess.check_output(["taskset", "-c", cpu, self.load, kind, str(count)])
        return [float(line) for line in out.split()]

    def tracers(self, script, clang=None):
        script = script.replace("{LOAD}", self.load)
        rows = [("ours", [self.args.runner, "-e", script])]
        if self.args.peer:
            rows.append(("peer", [self.args.peer, "-e", script]))
        if clang:
            rows.append(("clang", [self.clang_run, self.clang_object(clang)]))
        return rows

    def record(self, part, name, unit, values, budget=None, best=None):
        """values: of each pair, by tracer; best: a better estimate than their median."""
        row = {"part": part, "name": name, "unit": unit, "budget": budget}
        for who, v in values.items():
            row[who] = round(best[who] if best else median(v), 2)
            row[who + "_spread"] = round(spread(v), 2)
        for other in ("peer", "clang"):
            if row.get(other) and row.get("ours") is not None and row[other] > 0:
                row["of_" + other] = round(row["ours"] / row[other], 3)
        self.results.append(row)
        show = "  ".join(f"{w} {row[w]:>10} ±{row[w + '_spread']:<8}" for w in values)
        ratios = "  ".join(f"{k[3:]}: {row[k]}" for k in ("of_peer", "of_clang") if k in row)
        print(f"{part:<10} {name:<22} {show} {unit:<4} ratio to {ratios}", flush=True)

    def wanted(self, part, name):
        return not self.args.only or re.search(self.args.only, f"{part} {name}")

    def start(self):
        for name, script in STARTS:
            if not self.wanted("start", name):
                continue
            values = {}
            slow = name == "all sys_enter_*"
            for _ in range(1 if slow and self.args.quick else self.args.pairs):
                for who, argv in self.tracers(script):
                    tracer = Tracer(argv)
                    values.setdefault(who, []).append(tracer.attached * 1000)
                    tracer.stop()
            self.record("start", name, "ms", values, 0.1)

    def compile(self):
        """From exec to exit of a --dry-run, which attaches and detaches, with bpftrace as well."""
        for name, script in STARTS:
            if not self.wanted("compile", name):
                continue
            values = {}
            for _ in range(self.args.pairs):
                for who, argv in self.tracers(script):
                    begin = time.monotonic()
                    subprocess.run(argv[:1] + ["--dry-run"] + argv[1:], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, check=False)
                    values.setdefault(who, []).append((time.monotonic() - begin) * 1000)
            self.record("compile", name, "ms", values, 0.1)

    def run_cost(self, argv, kind, count):
        """(instructions, nanoseconds of a run) of what runs for each event, as the kernel has it."""
        there = bpfinfo.program_ids()
        with bpfinfo.Stats():
            tracer = Tracer(argv)
            self.ns(kind, count)
            programs = [bpfinfo.program(i) for i in bpfinfo.program_ids() - there]
            tracer.stop()
        programs = [p for p in programs if p["runs"] >= count]  # begin and the like ran once
        return sum(p["instructions"] for p in programs), sum(p["ns"] / p["runs"] for p in programs)

    def code(self):
        for name, script, clang, kind, count, _ in EVENTS:
            if not self.wanted("code", name) or (self.args.check and not clang):
                continue
            instructions, ns = {}, {}
            for _ in range(self.args.pairs):
                for who, argv in self.tracers(script, clang):
                    number, cost = self.run_cost(argv, kind, count // 10)
                    instructions[who] = [number]
                    ns.setdefault(who, []).append(cost)
                if self.args.check and "clang" in ns and min(ns["ours"]) < CODE_LIMIT * min(ns["clang"]):
                    break
            self.record("code", name, "insn", instructions)
            self.record("code", name + ", a run", "ns", ns, CODE_LIMIT, {who: min(v) for who, v in ns.items()})

    def event(self):
        for name, script, clang, kind, count, budget in EVENTS:
            if not self.wanted("event", name):
                continue
            values, base, traced = {}, [], {}
            for _ in range(self.args.pairs):
                for who, argv in self.tracers(script, clang):
                    before = self.ns(kind, count)
                    tracer = Tracer(argv)
                    with_it = self.ns(kind, count)
                    tracer.stop()
                    base += before
                    traced.setdefault(who, []).extend(with_it)
                    values.setdefault(who, []).append(fast(with_it) - fast(before))
            best = {who: fast(v) - fast(base) for who, v in traced.items()}
            self.record("event", name, "ns", values, budget, best)

    def throughput(self):
        script = SYSCALL + ' { printf("%d %d %s\\n", pid, nsecs, comm); }'
        for name, extra, sink, producers in (
                ("to a file", [], "file", 1), ("to a pipe", [], "pipe", 1),
                ("as JSON", ["-f", "json"], "file", 1), ("2 producers", [], "file", 2)):
            if not self.wanted("throughput", name):
                continue
            values, lost = {}, {}
            for _ in range(self.args.pairs):
                for who, argv in self.tracers(script):
                    rate, missing = self.burst(argv[:1] + extra + argv[1:], sink, producers)
                    values.setdefault(who, []).append(rate / 1000)
                    lost.setdefault(who, []).append(missing)
            self.record("throughput", name, "k/s", values, 3)
            print(" " * 12 + "lost of a burst: " + ", ".join(f"{w} {median(v):.1%}" for w, v in lost.items()))

    def burst(self, argv, sink, producers):
        """Events printed a second while CPUs make them as fast as they can, and the part lost."""
        count = 1000000
        path = os.path.join(self.tmp, "out")
        if sink == "pipe":
            reader = subprocess.Popen(["sh", "-c", f"cat > {path}"], stdin=subprocess.PIPE)
            out = reader.stdin
        else:
            reader, out = None, open(path, "wb")
        tracer = subprocess.Popen(argv, stdout=out, stderr=subprocess.PIPE)
        if "json" in argv:
            while b"attached" not in open(path, "rb").read():
                time.sleep(0.01)
        else:
            while b"Attached" not in tracer.stderr.readline():
                pass
        begin = time.monotonic()
        cpus = os.cpu_count() or 1
        loads = [subprocess.Popen(["taskset", "-c", str(cpus - 1 - i % cpus), self.load, "getppid", str(count)],
                                  stdout=subprocess.DEVNULL) for i in range(producers)]
        for load in loads:
            load.wait()
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
        took = time.monotonic() - begin
        out.close()
        if reader:
            reader.wait()
        printed = sum(1 for line in open(path, "rb") if b"load" in line)
        return printed / took, 1 - printed / (count * producers)

    def memory(self):
        for name, script in STARTS[:3]:
            if not self.wanted("memory", name):
                continue
            resident, peak, maps = {}, {}, {}
            for who, argv in self.tracers(script):
                tracer = Tracer(argv)
                kb = tracer.memory_kb()
                maps[who] = [bpfinfo.map_bytes(tracer.process.pid) / 2**20]
                resident[who], peak[who] = [kb["VmRSS"] / 1024], [kb["VmHWM"] / 1024]
                tracer.stop()
            self.record("memory", name + ", resident", "MB", resident)
            self.record("memory", name + ", peak", "MB", peak)
            self.record("memory", name + ", kernel's maps", "MB", maps)
        if self.wanted("memory", "size on disk"):
            self.record("memory", "size on disk", "MB", {"ours": [os.path.getsize(self.args.runner) / 1e6]})

    def grow(self, name, sizes, argv_of):
        """Seconds of a run of argv_of(n), by n: who takes more than n log n is found by eye."""
        for n in sizes:
            if not self.wanted("growth", name):
                return
            argv = argv_of(n)
            begin = time.monotonic()
            subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            self.record("growth", f"{n} {name}", "ms", {"ours": [(time.monotonic() - begin) * 1000]})

    def script_file(self, text):
        path = os.path.join(self.tmp, "script.bt")
        with open(path, "w") as f:
            f.write(text)
        return path

    def growth(self):
        runner = self.args.runner
        self.grow("assignments", (100, 1000, 10000), lambda n: [
            runner, "--dry-run",
            self.script_file("begin { " + " ".join(f"$v{i} = {i} + $1;" for i in range(n)) + " exit(); }"), "1"])
        self.grow("probes", (10, 100, 1000), lambda n: [
            runner, "--dry-run",
            self.script_file(" ".join(f"uprobe:{self.load}:bench_function {{ @[{i}, comm] = count(); }}"
                                      for i in range(n)))])
        self.grow("map entries", (10000, 100000, 1000000), lambda n: [
            runner, "-e", f"config = {{ max_map_keys={n} }} begin {{ for ($i : 0..{n}) {{ @[$i] = $i; }} exit(); }}"])
        kernel = sum(1 for line in open("/proc/kallsyms") if line.split()[1] in "tT")
        self.grow("kernel symbols", [n for n in (1000, 10000, 100000) if n < 4 * kernel], lambda n: [
            runner, "-e", f"config = {{ max_map_keys={n} }} begin {{ $a = kaddr(\"_stext\"); "
            f"for ($i : 0..{n}) {{ @[ksym($a + $i * 64)] = $i; }} exit(); }}"])
        self.stacks()

    def stacks(self):
        """Distinct user stacks: a recursion of random turns makes each a new one."""
        for n in (1000, 10000, 100000):
            if not self.wanted("growth", "stacks"):
                return
            tracer = Tracer([self.args.runner, "-e", f"config = {{ max_map_keys={n} }} "
                             f"uprobe:{self.load}:bench_leaf {{ @[ustack] = count(); }}"])
            load = subprocess.Popen([self.load, "stacks", str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            load.stdout.readline()
            begin = time.monotonic()
            tracer.stop()
            load.communicate()
            self.record("growth", f"{n} stacks", "ms", {"ours": [(time.monotonic() - begin) * 1000]})

    def cluster(self):
        import cluster_bench
        cluster_bench.run(self)

def check(results):
    """Whether no run takes more than CODE_LIMIT times clang's, said as the test suites say it."""
    rows = [r for r in results if r["part"] == "code" and r["unit"] == "ns" and "of_clang" in r]
    bad = [r for r in rows if r["of_clang"] > CODE_LIMIT]
    for r in rows:
        print(f"{'not ok' if r in bad else 'ok'} code of {r['name']} takes {r['of_clang']} of clang's time")
    print(f"{len(rows) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad or not rows else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", required=True)
    parser.add_argument("--peer", default="")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", default="")
    parser.add_argument("--quick", action="store_true", help="attach sys_enter_* once only")
    parser.add_argument("--plugin", default="", help="cluster: the kubectl-trace executable")
    parser.add_argument("--check", action="store_true", help="code: fail where it is slower than clang's")
    parser.add_argument("parts", nargs="*", default=[])
    args = parser.parse_args()
    parts = args.parts or ["start", "compile", "event", "code", "throughput", "memory", "growth"]
    with tempfile.TemporaryDirectory() as tmp:
        os.chmod(tmp, 0o755)
        bench = Bench(args, tmp)
        for part in parts:
            getattr(bench, part)()
        if args.json:
            with open(args.json, "w") as f:
                json.dump(bench.results, f, indent=1)
        return check(bench.results) if args.check else 0


if __name__ == "__main__":
    sys.exit(main())
