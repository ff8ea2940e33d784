#!/usr/bin/env python3
"""Random scripts, the same for the same seed, that any implementation of the language must agree on.

    generate.py SEED                       print the script
    generate.py compare RUNNER PEER FROM TO    run both, show where they differ
    generate.py record PEER FROM TO FILE   store the peer's output of each accepted script
    generate.py check RUNNER FILE          compare with what was recorded

A script has one `begin` probe: integers of all widths, strings, tuples, casts, conditionals, loops
and maps.  What the peer refuses (its types can forbid an expression) is left out of a recording, and so
are 275, 808 and 1407: bpftrace 0.27 stores a negated int8 in a map's 8 bytes and leaves what was
there in the other 7.  Seeds from 100,000 on make scripts with more of the language, from 200,000 on
such whose types depend on the order of inference.
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


class Wide(Script):
    """More of the language: functions of strings, aggregations, loops over maps, records, arrays."""

    def __init__(self, seed):
        super().__init__(seed)
        self.records, self.keyed, self.aggregations = [], [], []

    def integer(self, depth=0):
        r = self.r
        kind = r.random()
        if kind < 0.06:
            return f"strlen({self.string()})"
        if kind < 0.09 and self.records:
            return f"{r.choice(self.records)}.n"
        if kind < 0.12 and self.keyed:
            return f'{r.choice(self.keyed)}["{r.choice(WORDS[1:5])}", {r.randint(0, 2)}]'
        if kind < 0.14 and self.keyed:
            return f"(int64)len({r.choice(self.keyed)})"
        if kind < 0.17:
            width = r.choice([16, 32, 64])
            return f"bswap((uint{width}){self.integer(depth + 1)})"
        if kind < 0.20 and depth < 2:
            return f"((uint8[4])(uint32){self.integer(depth + 1)})[{r.randint(0, 3)}]"
        return super().integer(depth)

    def condition(self, depth=0):
        r = self.r
        kind = r.random()
        if kind < 0.06:
            return f"strcontains({self.string()}, \"{r.choice(WORDS[1:])}\")"
        if kind < 0.12:
            return f"(strncmp({self.string()}, \"{r.choice(WORDS[1:])}\", {r.randint(1, 4)}) == 0)"
        if kind < 0.16 and self.keyed:
            return f'has_key({r.choice(self.keyed)}, ("{r.choice(WORDS[1:5])}", {r.randint(0, 2)}))'
        if kind < 0.20 and len(self.strings) > 1:
            return f"({r.choice(self.strings)} == {r.choice(self.strings)})"
        return super().condition(depth)

    def string(self):
        r = self.r
        kind = r.random()
        if kind < 0.08:
            return f"str({super().string()}, {r.randint(1, 8)})"
        if kind < 0.14:
            return f'({self.condition(3)} ? "{r.choice(WORDS)}" : "{r.choice(WORDS)}")'
        return super().string()

    def block(self, head, size):
        saved = len(self.records)
        super().block(head, size)
        del self.records[saved:]

    def statement(self):
        r = self.r
        kind = r.random()
        if kind < 0.05:
            name = self.fresh("r")
            self.emit(f"{name} = (n={self.integer(1)}, s={self.string()});")
            self.records.append(name)
        elif kind < 0.12:
            if not self.keyed or r.random() < 0.3:
                self.keyed.append(f"@k{len(self.keyed)}")
            self.emit(f'{r.choice(self.keyed)}["{r.choice(WORDS[1:5])}", {r.randint(0, 2)}] = (int64){self.integer(1)};')
        elif kind < 0.22:
            name, call = r.choice(self.aggregations) if self.aggregations and r.random() < 0.6 else (
                f"@a{len(self.aggregations)}",
                r.choice(["count()", "sum({})", "min({})", "max({})", "avg({})", "stats({})", "hist({})",
                          "lhist({}, 0, 100, 10)", "hist({}, 2)", "sum((uint32){})", "max((uint64){})", "avg((uint64){})"]))
            if (name, call) not in self.aggregations:
                self.aggregations.append((name, call))
            self.emit(f"{name} = {call.format('(int64)' + self.integer(1) if 'uint' not in call else self.integer(1))};")
        elif kind < 0.26 and self.keyed and self.depth < 2:
            name = self.fresh("f")
            total = self.fresh("i")
            self.emit(f"{total} = (int64)0;")
            self.block(f"for ({name} : {r.choice(self.keyed)})",  0)
            self.lines[-1:] = ["  " * (self.depth + 2) + f"{total} += {name}.1 ^ {name}.0.1;", self.lines[-1]]
            self.ints.append(total)
        elif kind < 0.29 and self.keyed:
            self.emit(f'delete({r.choice(self.keyed)}, ("{r.choice(WORDS[1:5])}", {r.randint(0, 2)}));')
        elif kind < 0.32 and self.depth < 2:
            name = self.fresh("w")
            self.emit(f"{name} = 0;")
            self.block(f"while ({name} < {r.randint(1, 5)})", r.randint(0, 2))
            self.lines[-1:] = ["  " * (self.depth + 2) + f"{name}++;", self.lines[-1]]
        elif kind < 0.35 and self.records:
            self.emit(f"print({r.choice(self.records)});")
        elif kind < 0.38:
            key = r.randint(0, 9)
            self.emit(f'@s[{key}] = {self.string()}; print(@s[{key}]); clear(@s);')
        else:
            super().statement()

    def text(self):
        text = super().text()
        end = "".join(f"  print({name}); clear({name});\n" for name, _ in self.aggregations)
        # A whole map has no order where values are equal.
        end += "".join(f'  print({name}["{word}", 1]);' for name in self.keyed for word in WORDS[1:5])
        end += "".join(f"  clear({name});\n" for name in self.keyed)
        return text.replace("  exit();", end + "  exit();")


WIDE = 100000  # seeds from here on make wide scripts
ASSIGNMENTS = 200000  # from here on, assignments


class Assignments:
    """Variables and maps that are assigned again and again: the order of inference decides their types."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.vars = [f"$v{i}" for i in range(5)]

    def expression(self, depth=0):
        r = self.r
        kind = r.random()
        if kind < 0.25:
            return str(r.choice([1, 5, 200, 70000, 5000000000]))
        if kind < 0.40:
            return f"({r.choice(INTS)}){r.choice(['3'] + self.vars)}"
        if kind < 0.65 or depth > 2:
            return r.choice(self.vars)
        a = self.expression(depth + 1)
        if kind < 0.77:
            return r.choice([f"(1 ? {a} : {self.expression(depth + 1)})", f"(~{a})"])
        if kind < 0.90:
            return r.choice([f"{{ {a} }}", "@a", "@b[1]", f"({a}, 1).0"])
        return f"({a} {r.choice('+-*&|')} {self.expression(depth + 1)})"

    def statement(self):
        r = self.r
        kind = r.random()
        place = r.choice(self.vars + ["@a", "@b[1]"])
        if kind < 0.25:
            return f"{place}{r.choice(['++', '--'])};"
        if kind < 0.30:
            return f"if (1) {{ {place} = {self.expression()}; }}"
        if kind < 0.35:
            return f"for ($q : 0..{self.expression()}) {{ {place} = $q; break; }}"
        return f"{place} = {self.expression()};"

    def text(self):
        lines = [f"let {v};" for v in self.vars] + ["@a = 1; @b[1] = 1;"]
        lines += [self.statement() for _ in range(12)]
        lines += [f"{place} = 1;" for place in self.vars] + ["clear(@b);"]
        lines += [f"print(typeinfo({place}).full_type);" for place in self.vars + ["@a", "@b[1]"]]
        return "config = { unstable_typeinfo = enable }\nbegin {\n  " + "\n  ".join(lines) + "\n}\n"


def script(seed):
    kind = Assignments if seed >= ASSIGNMENTS else Wide if seed >= WIDE else Script
    return kind(seed).text()


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
