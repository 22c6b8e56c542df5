# SPDX-License-Identifier: MIT
"""The command line, and the run over the chosen hosts."""
import argparse
import concurrent.futures
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import threading

from . import VERSION
from .drawing import VARIANTS, WIDE
from .hosts import Host, chosen_hosts
from .page import Page, index
from .pictures import listener_picture, overview_picture
from .rrd import Error, copies, naming, rrdtool
from .stack import picture_size
from .subjects import PLUGIN, Listener, Span
from .times import DAY, HOUR, MINUTE
from .words import file_name, folder_name, printable


class Progress:
    """Prints "12 of 200" to a terminal, or if it is wanted."""

    def __init__(self, total, wanted):
        self.total, self.done = total, 0
        self.terminal = sys.stderr.isatty()
        self.wanted = wanted or self.terminal
        self.lock = threading.Lock()

    def step(self):
        with self.lock:
            self.done += 1
            if self.wanted:
                text = f"{self.done} of {self.total}"
                print(f"\r{text} " if self.terminal else text,
                      end="" if self.terminal else "\n", file=sys.stderr,
                      flush=True)

    def end(self):
        if self.wanted and self.terminal and self.done:
            print("\r" + " " * 30 + "\r", end="", file=sys.stderr, flush=True)


# ------------------------------------------------------------ the end of a run

SIGNALS = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}


class Stopped(BaseException):
    """A signal asked the program to end."""


def stop_on_signals():
    def stop(number, _):
        ignore_signals()
        raise Stopped(number)
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def ignore_signals():
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def unstopped():
    """A part of the program that signals do not interrupt."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Workers:
    """Threads, each with an rrdtool."""

    def __enter__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(
            min(32, os.cpu_count() or 1))
        return self

    def each(self, function, items):
        for _ in self.pool.map(function, items):
            pass

    def __exit__(self, kind, *_):
        if kind:
            rrdtool.stop()
        self.pool.shutdown(cancel_futures=True)
        rrdtool.end()


# ------------------------------------------------------------------ the output

class Output:
    """The output directory. What is written waits in a folder of its own until
    all of it is there. A run that is stopped changes nothing."""

    def __init__(self, path):
        self.path, self.made, self.stage = path, [], None

    def __enter__(self):
        return self

    def open(self):
        with naming(self.path), unstopped():
            self._make(os.path.abspath(self.path))
            self.stage = tempfile.mkdtemp(prefix=".new-", dir=self.path)

    def _make(self, path):
        if not os.path.isdir(path):
            self._make(os.path.dirname(path))
            os.mkdir(path)
            self.made.append(path)

    def __exit__(self, *_):
        if self.stage:
            shutil.rmtree(self.stage, ignore_errors=True)
        for path in reversed(self.made):
            with contextlib.suppress(OSError):  # it is not empty
                os.rmdir(path)

    def write(self, path, data):
        path = os.path.join(self.stage, path)
        with naming(self.path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)

    def finish(self):
        """Replaces the files: first the pictures, then the pages."""
        with unstopped():
            self._replace()

    def _replace(self):
        found = [os.path.relpath(os.path.join(folder, file), self.stage)
                 for folder, _, files in os.walk(self.stage) for file in files]
        for path in sorted(found, key=lambda path: (
                os.path.basename(path) == "index.html", -path.count("/"))):
            target = os.path.join(self.path, path)
            with naming(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.replace(os.path.join(self.stage, path), target)


def draw(make, base, output, picture_format):
    """Draws all variants of a picture: {folder: (url, width, height)}."""
    found = {}
    with tempfile.TemporaryDirectory(dir=copies.folder) as folder:
        for variant in VARIANTS:
            picture = make(variant)
            if picture is None:
                return None
            data = picture.draw(picture_format, folder)
            url = "/".join(filter(None, (
                variant.folder, f"{base}.{picture_format}")))
            output(url, data)
            found[variant.folder] = (url, *picture_size(data, picture_format))
    return found


def draw_host(host, span, output, options, each, progress):
    """Draws all pictures of a host, and writes its page."""
    pictures = {}

    def one_picture(one):
        make = listener_picture if isinstance(one, Listener) \
            else overview_picture
        try:
            with copies.kept():
                pictures[one.name] = draw(
                    lambda variant: make(one, span, variant), file_name(
                        f"{PLUGIN}-{one.name}") if one.name else "overview",
                    output, options.format)
            if not pictures[one.name]:
                del pictures[one.name]
        except Error as error:
            host.errors.append(f"{one.title}: {error}")
        progress.step()

    each(one_picture, [*host.drawn,
                       *filter(host.pictured, host.listeners)])
    output("index.html",
           Page(host, span, pictures, options.format).html().encode())


def run(options, complain):
    datadir = os.path.abspath(options.datadir)
    names, unknown = chosen_hosts(datadir, options.host, options.all_hosts)
    for error in unknown:
        complain(error)
    if not shutil.which("rrdtool"):
        raise Error("rrdtool is not installed")
    with contextlib.ExitStack() as stack:
        with unstopped():
            copies.folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="listen_backlog-graph-"))
            output = stack.enter_context(Output(options.output))
            each = stack.enter_context(Workers()).each
            stack.callback(ignore_signals)
        start = options.start or f"end-{options.span}s"
        span = Span(start, options.end)
        found = [Host(datadir, name) for name in names]
        for host in found:
            host.read(options.listener, span, WIDE.width, each)
        drawn = [host for host in found if host.listeners]
        several = len(names) + len(unknown) > 1 or options.all_hosts
        if drawn:
            draw_all(drawn, span, output, options, several, each)
    for host in found:
        for error in host.errors:
            complain(error)
    if drawn:
        print(os.path.join(options.output, "index.html"))


def draw_all(drawn, span, output, options, several, each):
    """Draws these hosts, in a folder for each if there are several."""
    output.open()
    progress = Progress(sum(
        len(host.drawn) + sum(map(host.pictured, host.listeners))
        for host in drawn), options.progress)
    for host in drawn:
        folder = folder_name(host.name) if several else ""
        draw_host(host, span, lambda path, data: output.write(
            os.path.join(folder, path), data), options, each, progress)
    progress.end()
    if several:
        output.write("index.html", index(drawn, span).encode())
    output.finish()


def seconds(text):
    """1h -> 3600"""
    found = re.fullmatch(r"(\d+)(s|min|m|h|d|w|y)", text)
    if not found or not int(found.group(1)):
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected a number and a unit (s, min, h, d, w, y), "
            "such as 6h")
    return int(found.group(1)) * {
        "s": 1, "min": MINUTE, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY,
        "y": 365 * DAY}[found.group(2)]


def arguments():
    parser = argparse.ArgumentParser(
        prog="listen_backlog-graph", allow_abbrev=False,
        description="Draw the accept queues of listening sockets from "
        "collectd's RRD files: pictures, and a page, index.html.")
    add = parser.add_argument
    add("listener", nargs="*", help="port or label, as in the plugin instance; "
        "default: all")
    add("--datadir", default="/var/lib/collectd/rrd", metavar="DIR",
        help="directory of collectd's RRD files (default: %(default)s)")
    add("--host", action="append", metavar="NAME",
        help="host to draw, may be repeated; not needed if there is only one")
    add("--all-hosts", action="store_true", help="draw every host")
    add("--span", type=seconds, default="1h", metavar="TIME",
        help="length of time to draw, such as 6h, 1d, 1w (default: "
        "%(default)s)")
    add("--start", metavar="TIME", help="start, in the syntax of rrdtool, "
        "instead of --span")
    add("--end", default="now", metavar="TIME", help="end, in the syntax of "
        "rrdtool (default: %(default)s)")
    add("--format", choices=("png", "svg"), default="png",
        help="format of the pictures (default: %(default)s)")
    add("--output", default="listen_backlog-graph", metavar="DIR",
        help="directory to write to (default: %(default)s)")
    add("--progress", action="store_true", help="report progress even if "
        "standard error is not a terminal")
    add("--version", action="version", version=f"%(prog)s {VERSION}")
    return parser.parse_args()


def main():
    options = arguments()
    failed = []

    def complain(what):
        failed.append(what)
        print(f"listen_backlog-graph: {printable(what)}", file=sys.stderr)

    sys.stderr.reconfigure(errors="replace")
    sys.stdout.reconfigure(errors="surrogateescape")
    stop_on_signals()
    try:
        run(options, complain)
    except Error as error:
        complain(str(error))
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename
                 else error.strerror or str(error))
    except Stopped as stopped:
        return 128 + stopped.args[0]
    return 1 if failed else 0
