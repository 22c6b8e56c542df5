# SPDX-License-Identifier: MIT
"""rrdtool, and how it is asked."""
import contextlib
import hashlib
import os
import subprocess
import threading

from .words import printable

# What the values of a type are called in a file, where not "value" (types.db).
INSIDE = {"duration": "seconds"}


class Trouble(Exception):
    """What could not be drawn, and why."""


class Rrdtool:
    """One rrdtool that takes commands from a pipe."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["rrdtool", "-"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C.UTF-8"})

    def run(self, *args):
        """The lines that a command prints."""
        line = " ".join(map(_quoted, args)) + "\n"
        if line.count("\n") > 1 or "\0" in line:
            raise Trouble(f"a line break in {line.strip()!r}")
        lines = []
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(os.fsencode(line))
            self.process.stdin.flush()
        for answer in self.process.stdout:
            answer = os.fsdecode(answer).rstrip("\n")
            if answer.startswith("OK u:"):
                return lines
            if answer.startswith("ERROR: "):
                raise Trouble(printable(answer[len("ERROR: "):]))
            lines.append(answer)
        raise Trouble(f"rrdtool ended by itself, status {self.end()}")

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        return self.process.wait()


class Rrdtools:
    """One rrdtool for each thread that asks."""

    def __init__(self):
        self.mine = threading.local()
        self.all = []

    def __call__(self, *args):
        one = getattr(self.mine, "one", None)
        if one is None or one.process.poll() is not None:
            self.mine.one = one = Rrdtool()
            self.all.append(one)
        return one.run(*args)

    def end(self):
        for one in self.all:
            one.end()


rrdtool = Rrdtools()


def _quoted(arg):
    """An argument as rrdtool splits its input: no escapes, two quotes."""
    return "'" + str(arg).replace("'", "'\"'\"'") + "'"


def literal(text):
    """Text as it stands in a legend, where a backslash is a command."""
    return text.replace("\\", "\u2216").replace(":", "\\:")


class Links:
    """For paths with a backslash before a colon: rrdtool has no word for it."""

    def __init__(self):
        self.folder, self.lock = None, threading.Lock()

    def __call__(self, path):
        if "\\:" not in path:
            return path
        link = os.path.join(
            self.folder, hashlib.sha1(os.fsencode(path)).hexdigest())
        with self.lock:
            if not os.path.lexists(link):
                os.symlink(path, link)
        return link


without = Links()


def source(name, path, function):
    kind = os.path.basename(path).partition("-")[0]
    path = without(path).replace(":", "\\:")
    return f"DEF:{name}={path}:{INSIDE.get(kind, 'value')}:{function}"
