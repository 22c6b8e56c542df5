# SPDX-License-Identifier: MIT
"""Runs rrdtool, on private copies of RRD files."""
import contextlib
import fcntl
import itertools
import os
import stat
import struct
import subprocess
import threading
import time

from .words import printable

# The data source of a type in types.db, if it is not "value".
DATA_SOURCES = {"duration": "seconds"}
DAEMON = "RRDCACHED_ADDRESS"
MOST = 64 << 20  # bytes of an RRD file; of collectd's, 144 KB are usual
PATIENCE = 5  # seconds for collectd to finish an update


class Error(Exception):
    """What could not be drawn, and why."""


@contextlib.contextmanager
def naming(path):
    """An error of the operating system in it names this path."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


class Rrdtool:
    """One rrdtool process that takes commands from a pipe. A relative path in
    them is one in the folder."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            ["rrdtool", "-"], stdin=subprocess.PIPE, cwd=folder,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={
                name: value for name, value in os.environ.items()
                if name != DAEMON} | {"LC_ALL": "C.UTF-8"})

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
        self.all, self.lock, self.stopped = [], threading.Lock(), False

    def __call__(self, *args):
        one = getattr(self.mine, "one", None)
        if one is None or one.process.poll() is not None:
            self.mine.one = one = self._start()
        try:
            return one.run(*args)
        except Error as error:
            raise Error(copies.named(str(error))) from None

    def _start(self):
        with self.lock:
            if self.stopped:
                raise Error("stopped")
            self.all.append(Rrdtool(copies.folder))
            return self.all[-1]

    def stop(self):
        """Kills them. From now on there are none."""
        with self.lock:
            self.stopped = True
        for one in self.all:
            one.process.kill()

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


class Copies:
    """Private copies of RRD files: while rrdtool reads a file it locks it, and
    an update by collectd meanwhile fails and is lost."""

    def __init__(self):
        self.folder = None  # where they are, and where rrdtool runs
        self.mine, self.numbers = threading.local(), itertools.count()

    @contextlib.contextmanager
    def kept(self):
        """Within it there is one copy of each file for this thread."""
        self.mine.names = {}
        try:
            yield
        finally:
            for name in self.mine.names.values():
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(self.folder, name))
            self.mine.names = {}

    def __call__(self, path):
        """The name of the copy in the folder."""
        names = self.mine.names
        if path not in names:
            data = _content(path)
            names[path] = f"copy-{next(self.numbers)}.rrd"
            with naming(self.folder), \
                    open(os.path.join(self.folder, names[path]), "wb") as file:
                file.write(data)
        return names[path]

    def named(self, text):
        """An error with the names of the files in place of the copies'."""
        for path, name in getattr(self.mine, "names", {}).items():
            text = text.replace(name, printable(path))
        return text


copies = Copies()


def _content(path):
    """The bytes of an RRD file as they are between two updates."""
    if os.environ.get(DAEMON):
        rrdtool("flushcached", "--daemon", os.environ[DAEMON],
                os.path.abspath(path))
    try:  # without waiting for the writer of a FIFO
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY |
                         os.O_CLOEXEC)
        with open(number, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise Error("not a regular file")
            if os.pread(number, 4, 0) != b"RRD\0":
                raise Error("not an RRD file" if os.fstat(number).st_size
                            else "it is empty")
            return _undisturbed(file)
    except OSError as error:
        raise Error(error.strerror) from None


def _undisturbed(file):
    """A writer locks the file, and each update changes it. So if no lock is
    there between two equal readings, no update was under way in the first."""
    end = time.monotonic() + PATIENCE
    while True:
        first = _read(file)
        if not _is_locked(file) and _read(file) == first:
            return first
        if time.monotonic() > end:
            raise Error("it is being written all the time")
        time.sleep(0.01)


def _read(file):
    size = os.fstat(file.fileno()).st_size
    if size > MOST:
        raise Error(f"it has more than {MOST >> 20} MB")
    return os.pread(file.fileno(), size, 0)


def _is_locked(file):
    """Whether a program has locked the file to write. Takes no lock."""
    form = "hhqqi"  # struct flock
    asked = struct.pack(form, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    try:
        found = fcntl.fcntl(file, fcntl.F_GETLK, asked)
    except OSError:  # a file system without locks
        return False
    return struct.unpack(form, found)[0] != fcntl.F_UNLCK


def source(name, path, function):
    """rrdtool's DEF of an RRD file's values."""
    kind = os.path.basename(path).partition("-")[0]
    return f"DEF:{name}={copies(path)}:{DATA_SOURCES.get(kind, 'value')}" \
        f":{function}"
