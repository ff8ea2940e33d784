#!/usr/bin/env python3
"""Random scripts, the same for the same seed, that any implementation of the language must agree on.

    generate.py SEED                       print the script
    generate.py compare RUNNER PEER FROM TO    run both, show where they differ
    generate.py record PEER FROM TO FILE   store the peer's output of each accepted script
    generate.py check RUNNER FILE          compare with what was recorded

A script has one `begin` probe: integers of all widths, strings, tuples, casts, conditionals, loops
and maps.  What the peer refuses (its types can forbid an expression) is left out of a recording.
"""
import json
import random
import subprocess
import sys

INTS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
WORDS = ["", "a", "ab", "abc", "abd", "hello", "hello world", "Z", "zebra", "0"]


class Script:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.ints, self.strings, self.tuples, self.maps = [], [], [], []
        self.count = 0
        self.lines = []
        self.depth = 0

    def fresh(self, prefix):
        self.count += 1
        return f"${prefix}{self.count}"

    def literal(self):
        r = self.r
        return r.choice([
            str(r.randint(0, 10)), str(r.randint(0, 300)), str(r.randint(0, 70000)), str(r.randint(0, 2**33)),
            f"(-{r.randint(1, 200)})", f"0x{r.randint(0, 2**31):x}", str(r.randint(0, 2**62)),
        ])

    def integer(self, depth=0):
        """An integer expression."""
        r = self.r
        if depth > 3 or r.random() < 0.25:
            if self.ints and r.random() < 0.7:
                return r.choice(self.ints)
            return self.literal()
        kind = r.random()
        a = self.integer(depth + 1)
        if kind < 0.15:
            return f"(({r.choice(INTS)}){a})"
        if kind < 0.25:
            return f"({self.condition(depth + 1)} ? {a} : {self.integer(depth + 1)})"
        if kind < 0.30:
            return f"(~{a})"
        if kind < 0.34:
            return f"(-({r.choice(INTS)}){a})"
        if kind < 0.42:
            return f"({a} {r.choice(['<<', '>>'])} {r.randint(0, 7)})"
        if kind < 0.52:
            return f"({a} {r.choice(['/', '%'])} {r.randint(1, 1000)})"
        if kind < 0.57 and self.tuples:
            return f"{r.choice(self.tuples)}.0"
        if kind < 0.63 and self.maps:
            return f"{r.choice(self.maps)}[{r.randint(0, 3)}]"
        op = r.choice(["+", "-", "*", "&", "|", "^", "+", "-"])
        return f"({a} {op} {self.integer(depth + 1)})"

    def condition(self, depth=0):
        r = self.r
        kind = r.random()
        if kind < 0.2 and self.strings:
            return f"({r.choice(self.strings)} {r.choice(['==', '!='])} \"{r.choice(WORDS)}\")"
        if kind < 0.35 and depth < 3:
            return f"({self.condition(depth + 1)} {r.choice(['&&', '||'])} {self.condition(depth + 1)})"
        if kind < 0.42 and depth < 3:
            return f"(!{self.condition(depth + 1)})"
        return f"({self.integer(depth + 2)} {r.choice(['<', '<=', '>', '>=', '==', '!='])} {self.integer(depth + 2)})"

    def string(self):
        r = self.r
        if self.strings and r.random() < 0.4:
            return r.choice(self.strings)
        return f'"{r.choice(WORDS)}"'

    def emit(self, text):
        self.lines.append("  " * (self.depth + 1) + text)

    def block(self, head, size):
        saved = len(self.ints), len(self.strings), len(self.tuples)
        self.emit(head + " {")
        self.depth += 1
        for _ in range(size):
            self.statement()
        self.depth -= 1
        self.emit("}")
        del self.ints[saved[0]:], self.strings[saved[1]:], self.tuples[saved[2]:]

    def statement(self):
        r = self.r
        kind = r.random()
        if kind < 0.22:
            name = self.fresh("i")
            self.emit(f"{name} = {self.integer()};")
            self.ints.append(name)
        elif kind < 0.30:
            name = self.fresh("s")
            self.emit(f"{name} = {self.string()};")
            self.strings.append(name)
        elif kind < 0.37:
            name = self.fresh("t")
            self.emit(f"{name} = ({self.integer(1)}, {self.string()}, {self.integer(2)});")
            self.tuples.append(name)
        elif kind < 0.45 and self.ints:
            self.emit(f"{r.choice(self.ints)}{r.choice(['++', '--'])};")
        elif kind < 0.52 and self.ints:
            self.emit(f"{r.choice(self.ints)} {r.choice(['+=', '-=', '^=', '|=', '&=', '*='])} {self.integer(2)};")
        elif kind < 0.60:
            if not self.maps or r.random() < 0.3:
                self.maps.append(f"@m{len(self.maps)}")
                self.emit(f"{self.maps[-1]}[0] = (int64)0;")
            self.emit(f"{r.choice(self.maps)}[{r.randint(0, 3)}] = {self.integer(1)};")
        elif kind < 0.70 and self.depth < 3:
            self.block(f"if {self.condition()}", r.randint(1, 3))
        elif kind < 0.75 and self.depth < 2:
            self.block(f"for ($l{self.count} : 0..{r.randint(1, 4)})", r.randint(1, 2))
        elif kind < 0.78 and self.depth < 2:
            self.block(f"unroll({r.randint(1, 3)})", r.randint(1, 2))
        else:
            self.show()

    def show(self):
        r = self.r
        kind = r.random()
        if kind < 0.5:
            spec = r.choice(["%d", "%u", "%x", "%ld", "%lu", "%llx", "%hhd", "%hu", "%5d", "%-6d|", "%08x"])
            self.emit(f'printf("{spec}\\n", {self.integer()});')
        elif kind < 0.6:
            self.emit(f'printf("[%s]\\n", {self.string()});')
        elif kind < 0.7 and self.tuples:
            self.emit(f"print({r.choice(self.tuples)});")
        elif kind < 0.8:
            self.emit(f"print({self.condition()});")
        elif kind < 0.9:
            self.emit(f"print(({self.integer(2)}, {self.string()}, {self.condition(2)}));")
        else:
            self.emit(f"print({self.integer()});")

    def text(self):
        for _ in range(self.r.randint(4, 14)):
            self.statement()
        for name in self.ints + self.strings + self.tuples:
            self.emit(f"print({name});")
        for name in self.maps:
            self.emit(f"print({name}[0]);")
            self.emit(f"clear({name});")
        self.emit("exit();")
        return "begin {\n" + "\n".join(self.lines) + "\n}\n"


def script(seed):
    return Script(seed).text()


def run(program, text):
    """Exit status and standard output."""
    try:
        done = subprocess.run([program, "-q", "-e", text], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              check=False)
    except subprocess.TimeoutExpired:
        return -1, "timeout", ""
    return done.returncode, done.stdout.decode(errors="replace").strip(), done.stderr.decode(errors="replace")


def compare(runner, peer, first, last):
    same = differ = refused = 0
    for seed in range(first, last):
        text = script(seed)
        status, want, _ = run(peer, text)
        if status:
            refused += 1
            continue
        got_status, got, errors = run(runner, text)
        if got_status == 0 and got == want:
            same += 1
            continue
        differ += 1
        print(f"=== seed {seed}: status {got_status}\n{text}--- peer\n{want}\n--- ours\n{got}\n{errors[-600:]}", flush=True)
    print(f"{same} passed, {differ} failed, {refused} skipped")
    return differ != 0


def record(peer, first, last, path):
    with open(path, "a") as f:
        for seed in range(first, last):
            status, want, _ = run(peer, script(seed))
            if status == 0:
                f.write(json.dumps([seed, want]) + "\n")


def check(runner, path):
    same = differ = 0
    for line in open(path):
        seed, want = json.loads(line)
        status, got, errors = run(runner, script(seed))
        if status == 0 and got == want:
            same += 1
            continue
        differ += 1
        print(f"not ok seed-{seed} (generate.py {seed} prints the script)\n  status {status}\n{errors[-300:]}")
    print(f"{same} passed, {differ} failed")
    return differ != 0


def main(argv):
    if len(argv) == 2 and argv[1].isdigit():
        sys.stdout.write(script(int(argv[1])))
    elif len(argv) == 6 and argv[1] == "compare":
        return compare(argv[2], argv[3], int(argv[4]), int(argv[5]))
    elif len(argv) == 6 and argv[1] == "record":
        record(argv[2], int(argv[3]), int(argv[4]), argv[5])
    elif len(argv) == 4 and argv[1] == "check":
        return check(argv[2], argv[3])
    else:
        sys.stderr.write(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
