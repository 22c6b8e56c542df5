#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What share of small faults in src/ the unit tests notice.

    make mutation MUTANTS=200 SEED=1 MUTATE=src/core/monitor.c

makes random changes of one token in the C files below src/ (MUTATE names files or folders): another operator, a
constant off by one, a statement deleted. It compiles each changed file, links it into the unit tests that use it,
and runs these until one fails; a crash and an endless loop count as failures. The same SEED makes the same changes.
Each change that no test notices is printed in the format of tests/tools/mutation.equivalent: that file lists the
changes that make no difference, with the reasons ("+ *" means every change of the line). MUTANTS_FROM=FILE tries
the changes of such a list again. The tests run under the address and undefined behaviour sanitizers, so that leaks
count. The soak test is left out, because it takes longer than all others. The exit status is 1 if the tests notice
less than 95 %."""
import bisect
import collections
import concurrent.futures
import filecmp
import os
import queue
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

SOURCE = os.path.abspath(os.environ["LB_SRCDIR"])
BUILD = os.path.abspath(os.environ["LB_BUILDDIR"])
FOLDER = os.path.join(BUILD, "mutation")
TREE, WORK = os.path.join(FOLDER, "tree"), os.path.join(FOLDER, "build")
CORES = len(os.sched_getaffinity(0))
LEAST = 95

# --- the changes -----------------------------------------------------------------------------------------------------

TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:\\\n|[^\n])*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'
    |[A-Za-z_]\w*|[0-9][\w.]*|->|\+\+|--|<<=|>>=|[-+*/%&|^=!<>]=|&&|\|\||<<|>>|\S""", re.X | re.S | re.M)
SWAPS = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "&&": "||", "||": "&&", "!": "",
         "+=": "-=", "-=": "+=", "|=": "=", "&=": "|=", "<<": ">>", ">>": "<<", "++": "--", "--": "++",
         "/": "*", "%": "/", "true": "false", "false": "true", "break": "", "continue": ""}
BINARY = {"+": "-", "-": "+", "&": "|", "|": "&"}
KEYWORDS = {"if", "else", "for", "while", "do", "switch", "case", "default", "return", "break", "continue", "goto",
            "sizeof", "struct", "enum", "union", "const", "static", "unsigned", "typedef", "extern"}
AFTER_NAME = {"=", "+=", "-=", "*=", "|=", "&=", "<<=", ">>=", "->", ".", "[", "(", "++", "--"}

Mutant = collections.namedtuple("Mutant", "path function line text old new")  # text: the whole changed file


class File:
    """The tokens of a C file, and the changes that can be made to it."""

    def __init__(self, path):
        self.path = os.path.relpath(path, TREE)
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        found = [t for t in TOKEN.finditer(self.text) if not re.match(r"//|/\*|\s*#", t.group())]
        self.tokens = [t.group() for t in found]
        self.starts = [t.start() for t in found]
        self.lines = [0] + [m.end() for m in re.finditer("\n", self.text)]

    def mutants(self):
        braces = parentheses = 0
        function = ""
        for i, token in enumerate(self.tokens):
            braces += (token == "{") - (token == "}")
            parentheses += (token == "(") - (token == ")")
            before, after = self.tokens[i - 1] if i else "", self.tokens[i + 1] if i + 1 < len(self.tokens) else ""
            if braces == parentheses == 0 and after in ("(", "=", "[", "{") and re.match(r"\w", token):
                function = token
            if braces > 0:
                for last, new in self.changes(i, token, before, after, parentheses):
                    yield self.mutant(i, last, new, function)

    def changes(self, i, token, before, after, parentheses):
        """Pairs: the last token to replace, what with."""
        operand = re.match(r"\w|[)\]]", before) and before not in KEYWORDS
        if token in SWAPS:
            yield i, SWAPS[token]
        elif token in BINARY and operand:
            yield i, BINARY[token]
        elif token == "*" and re.match(r"[0-9)\]]", before) and re.match(r"[\w(]", after):
            yield i, "+"
        elif token == "-" and re.match(r"E[A-Z]", after):
            yield i + 1, "0"
        elif re.match("[0-9]", token) and not (before == "[" and self.tokens[i - 3] not in ("(", ",", "=", ";", "{")) \
                and self.tokens[i - 2] != "calloc":  # larger memory makes no difference
            number, suffix = re.match(r"(0[xX][0-9a-fA-F]+|[0-9.]+)(.*)", token).groups()
            value = float(number) if "." in number else int(number, 0)
            if before == "return" and value == 0:
                yield i, "-EIO"
            yield i, f"{value + 1}{suffix}"
            if value > 0:
                yield i, f"{value - 1}{suffix}"
        if token in ("if", "while") and self.is_plain_condition(i + 1):
            yield i + 1, f"{token} (!"
        if parentheses == 0 and before in (";", "{", "}", ")", "else") and (
                re.match("[A-Za-z_]", token) and token not in KEYWORDS and after in AFTER_NAME
                or token in ("*", "++", "--") and before != ")"):
            yield self.tokens.index(";", i), ";"

    def is_plain_condition(self, i):
        """Whether one "!" negates the whole condition that starts at token i."""
        depth = 0
        for token in self.tokens[i:]:
            depth += (token == "(") - (token == ")")
            if depth == 0 or re.fullmatch(r"[-!=<>&|+]+", token.replace("->", "")):
                return depth == 0

    def mutant(self, first, last, new, function):
        start, end = self.starts[first], self.starts[last] + len(self.tokens[last])
        line = bisect.bisect(self.lines, start)
        head, tail = self.text[self.lines[line - 1]:start], self.text[end:self.text.find("\n", end)]
        text = self.text[:start] + new + "\n" * self.text.count("\n", start, end) + self.text[end:]
        old, new = (" ".join((head + middle + tail).split()) for middle in (self.text[start:end], new))
        return Mutant(self.path, function, line, text, old, new)


def is_in(mutant, changes):
    place = os.path.basename(mutant.path), mutant.function, mutant.old
    return (*place, mutant.new) in changes or (*place, "*") in changes


def read_list(path):
    """The changes in a file like mutation.equivalent. Files may move to other folders."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"^#.*\n", "", file.read(), flags=re.M)
    found = set()
    for block in re.split(r"\n\s*\n", text.strip()):
        match = re.match(r"(\S+?)(?::\d+)? (\w+)\n-(.*)\n\+(.*)", block)
        if match:
            path, function, old, new = match.groups()
            found.add((os.path.basename(path), function, " ".join(old.split()), " ".join(new.split())))
        elif block:
            sys.exit(f"mutation: {path}: expected FILE FUNCTION, -OLD, +NEW and a reason, not:\n{block}")
    return found


# --- building and running --------------------------------------------------------------------------------------------

def run(command, text="", folder=FOLDER):
    return subprocess.run(command, input=text, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


def build():
    """Builds a copy of the tree. Returns what the build said: it has each command."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(WORK)
    tests = os.environ["LB_UNIT_TESTS"]
    script = f"""make -C {BUILD} distdir distdir={TREE} && eval "set -- $({BUILD}/config.status --config)" &&
        ../tree/configure "$@" --enable-sanitizers && make -j{CORES} V=1 CFLAGS='-O1 -w' check TESTS= check_DATA= \
        check_PROGRAMS='{tests}'"""
    done = run(["sh", "-c", script], folder=WORK)
    if done.returncode != 0:
        sys.exit(f"{done.stdout[-3000:]}\nmutation: the build failed")
    return re.sub(r"\\\n", " ", done.stdout)


class Program:
    """A unit test: how to link it, which objects of the archives are in it, how long it runs."""

    def __init__(self, command):
        self.words = shlex.split(command)
        self.out = self.words.index("-o") + 1
        self.name = os.path.basename(self.words[self.out])
        self.archive = next(i for i, word in enumerate(self.words) if word.endswith(".a"))
        self.members = set(re.findall(r"([\w.-]+\.o)\)?$", self.link([], "a.out", "-Wl,-t,-t").stdout, re.M))
        self.limits = 60, 600
        started = time.monotonic()
        if not self.passes([], FOLDER):
            sys.exit(f"mutation: {self.name} fails without any change")
        self.seconds = time.monotonic() - started
        self.limits = 2 + int(5 * self.seconds), 30 + 20 * self.seconds

    def link(self, objects, out, *options):
        words = self.words[:self.archive] + objects + self.words[self.archive:]
        words[self.out] = out
        return run(words + list(options), folder=WORK)

    def passes(self, objects, folder):
        """Whether the program passes with the objects in place of those of the same functions."""
        program = os.path.join(folder, self.name)
        if self.link(objects, program).returncode != 0:
            return False
        environment = dict(os.environ, TMPDIR=folder, LB_SRCDIR=TREE,
                           ASAN_OPTIONS="hard_rss_limit_mb=2000:allocator_may_return_null=1")
        process = subprocess.Popen(["sh", "-c", f'ulimit -t {self.limits[0]} -c 0; exec "$0"', program],
                                   cwd=folder, env=environment, start_new_session=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return process.wait(self.limits[1]) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


class Judge:
    """Tells of each mutant what became of it."""

    def __init__(self):
        said = build()
        self.compilers = {}
        for command, source, out in re.findall(r"^libtool: compile:\s+(.* -c (\S+\.c)\b.* -o (\S+\.o))", said, re.M):
            path = os.path.relpath(os.path.join(WORK, source), TREE)
            words = re.sub(r"-MT \S+|-M[DP]|-MF \S+|-c \S+|-o \S+", "", command)
            self.compilers[path] = shlex.split(words), os.path.basename(out)
        tests = set(os.environ["LB_UNIT_TESTS"].split())
        self.programs = [Program(command) for command, out in
                         re.findall(r"^libtool: link: (.* -o (\S+) .*)", said, re.M)
                         if out in tests and os.path.basename(out).startswith("test_")]
        self.scratch = queue.Queue()
        for i in range(CORES):
            os.mkdir(os.path.join(FOLDER, str(i)))
            self.scratch.put(os.path.join(FOLDER, str(i)))

    def programs_with(self, path):
        """The unit tests that have the file, first the one named after it, then the fast ones."""
        member = self.compilers.get(path, ("", ""))[1]
        stem = os.path.splitext(os.path.basename(path))[0]
        return sorted((p for p in self.programs if member in p.members), key=lambda p: (stem not in p.name, p.seconds))

    def compile(self, path, text, out, *options):
        words = self.compilers[path][0] + [*options, "-iquote", os.path.join(TREE, os.path.dirname(path)),
                                           "-x", "c", "-c", "-", "-o", out]
        return run(words, text, WORK).returncode == 0

    def verdict(self, mutant):
        folder = self.scratch.get()
        try:
            changed = os.path.join(folder, "changed.o")
            if not self.compile(mutant.path, mutant.text, changed):
                return "does not compile"
            if not all(program.passes([changed], folder) for program in self.programs_with(mutant.path)):
                return "noticed"
            return "equivalent" if self.is_same_code(mutant, folder) else "survived"
        finally:
            self.scratch.put(folder)

    def is_same_code(self, mutant, folder):
        """Whether the optimizer makes the same machine code of both."""
        one, other = os.path.join(folder, "one.o"), os.path.join(folder, "other.o")
        with open(os.path.join(TREE, mutant.path), encoding="utf-8") as file:
            self.compile(mutant.path, file.read(), one, "-O2", "-g0")
        self.compile(mutant.path, mutant.text, other, "-O2", "-g0")
        return filecmp.cmp(one, other, shallow=False)


def choose(judge):
    """The mutants to try, and the list of those that make no difference."""
    wanted = (os.environ.get("MUTATE") or "src").split()
    files = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(TREE, "src"))
             for name in names if name.endswith(".c")]
    mutants, everything = [], []
    for file in sorted(map(File, files), key=lambda file: file.path):
        found = list(file.mutants())
        everything += found
        if not any((file.path + "/").startswith(w.rstrip("/") + "/") for w in wanted):
            continue
        if judge.programs_with(file.path):
            mutants += found
        else:
            print(f"{file.path}: no unit test uses it, left out")
    equivalent = read_list(os.path.join(SOURCE, "tests/tools/mutation.equivalent"))
    for change in sorted(equivalent):
        if not any(is_in(mutant, {change}) for mutant in everything):
            print("mutation.equivalent: no longer possible:", *change)
    if os.environ.get("MUTANTS_FROM"):
        again = read_list(os.environ["MUTANTS_FROM"])
        return [mutant for mutant in mutants if is_in(mutant, again)], equivalent
    generator = random.Random(int(os.environ.get("SEED") or 1))
    return generator.sample(mutants, min(int(os.environ.get("MUTANTS") or 100), len(mutants))), equivalent


def main():
    judge = Judge()
    mutants, equivalent = choose(judge)
    counts = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
        verdicts = pool.map(lambda m: "equivalent" if is_in(m, equivalent) else judge.verdict(m), mutants)
        for mutant, verdict in zip(mutants, verdicts):
            counts[verdict] += 1
            if verdict == "survived":
                print(f"{mutant.path}:{mutant.line} {mutant.function}\n- {mutant.old}\n+ {mutant.new}\n", flush=True)
    judged = counts["noticed"] + counts["survived"]
    share = 100 * counts["noticed"] / judged if judged else 100
    print(f"{len(mutants)} mutants, {counts['noticed']} noticed, {counts['does not compile']} do not compile and "
          f"{counts['equivalent']} make no difference (not counted), {counts['survived']} survived, {share:.1f} %")
    sys.exit(share < LEAST)


main()
