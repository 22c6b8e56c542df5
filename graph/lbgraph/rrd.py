# SPDX-License-Identifier: MIT
"""Runs rrdtool."""
import contextlib
import hashlib
import os
import subprocess
import threading

from .words import printable

# The data source of a type in types.db, if it is not "value".
DATA_SOURCES = {"duration": "seconds"}


class Error(Exception):
    """What could not be drawn, and why."""


class Rrdtool:
    """One rrdtool process that takes commands from a pipe."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["rrdtool", "-"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C.UTF-8"})

    def run(self, *args):
        """The lines that a command prints."""
        line = " ".join(map(_quoted, args)) + "\n"
        if line.count("\n") > 1 or "\0" in line:
            raise Error(f"rrdtool takes no line break: {line.strip()!r}")
        lines = []
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(os.fsencode(line))
            self.process.stdin.flush()
        for answer in self.process.stdout:
            answer = os.fsdecode(answer).rstrip("\n")
            if answer.startswith("OK u:"):
                return lines
            if answer.startswith("ERROR: "):
                raise Error(printable(answer[len("ERROR: "):]))
            lines.append(answer)
        raise Error(f"rrdtool exited with status {self.end()}")

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        return self.process.wait()


class Rrdtools:
    """One rrdtool process for each thread."""

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
    """An argument in the quotes of rrdtool, which knows no escapes."""
    return "'" + str(arg).replace("'", "'\"'\"'") + "'"


def literal(text):
    """Text for a legend, in which rrdtool takes a backslash for a command."""
    return text.replace("\\", "\u2216").replace(":", "\\:")


class Links:
    """Symbolic links to the files that rrdtool cannot name: it has no way to
    write a backslash before a colon."""

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


linked = Links()


def source(name, path, function):
    """rrdtool's DEF of an RRD file's values."""
    kind = os.path.basename(path).partition("-")[0]
    path = linked(path).replace(":", "\\:")
    return f"DEF:{name}={path}:{DATA_SOURCES.get(kind, 'value')}:{function}"
