# SPDX-License-Identifier: MIT
"""The command line, and the run over the chosen hosts."""
import argparse
import concurrent.futures
import contextlib
import os
import re
import shutil
import sys
import tempfile
import threading

from . import VERSION
from .drawing import DAY, HOUR, MINUTE, VARIANTS, WIDE
from .hosts import Host, chosen_hosts
from .page import Page, index
from .pictures import listener_picture, overview_picture
from .rrd import Error, linked, rrdtool
from .stack import picture_size
from .subjects import PLUGIN, Listener, Span
from .words import file_name, printable


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


def write(path, data):
    """Replaces a file as a whole."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)


def draw(make, base, output, picture_format, scratch):
    """Draws all variants of a picture: {folder: (url, width, height)}."""
    found = {}
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        for variant in VARIANTS:
            picture = make(variant)
            if picture is None:
                return None
            data = picture.draw(picture_format, folder)
            url = "/".join(filter(None, (
                variant.folder, f"{base}.{picture_format}")))
            write(os.path.join(output, url), data)
            found[variant.folder] = (url, *picture_size(data, picture_format))
    return found


def draw_host(host, span, output, options, each, progress, scratch):
    """Draws all pictures of a host, and writes its page."""
    pictures = {}

    def one_picture(one):
        make = listener_picture if isinstance(one, Listener) \
            else overview_picture
        try:
            pictures[one.name] = draw(
                lambda variant: make(one, span, variant),
                file_name(f"{PLUGIN}-{one.name}") if one.name else "overview",
                output, options.format, scratch)
            if not pictures[one.name]:
                del pictures[one.name]
        except Error as error:
            host.errors.append(f"{one.title}: {error}")
        progress.step()

    each(one_picture, [*host.drawn, *host.listeners])
    write(os.path.join(output, "index.html"),
          Page(host, span, pictures, options.format).html().encode())


def run(options, complain):
    datadir = os.path.abspath(options.datadir)
    names, unknown = chosen_hosts(datadir, options.host, options.all_hosts)
    for error in unknown:
        complain(error)
    if not shutil.which("rrdtool"):
        raise Error("rrdtool is not installed")
    start = options.start or f"end-{options.span}s"
    span = Span(start, options.end)
    found = [Host(datadir, name) for name in names]
    workers = min(32, os.cpu_count() or 1)
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(
            concurrent.futures.ThreadPoolExecutor(workers))
        stack.callback(rrdtool.end)
        scratch = stack.enter_context(tempfile.TemporaryDirectory())
        linked.folder = scratch

        def each(function, items):
            for _ in pool.map(function, items):
                pass

        for host in found:
            host.read(options.listener, span, WIDE.width, each)
        progress = Progress(
            sum(len(host.listeners) + len(host.drawn) for host in found
                if host.listeners), options.progress)
        several = len(names) + len(unknown) > 1 or options.all_hosts
        drawn = [host for host in found if host.listeners]
        for host in drawn:
            output = os.path.join(options.output, file_name(host.name)) \
                if several else options.output
            draw_host(host, span, output, options, each, progress, scratch)
        progress.end()
    for host in found:
        for error in host.errors:
            complain(error)
    if drawn and several:
        write(os.path.join(options.output, "index.html"),
              index(drawn, span).encode())
    if drawn:
        print(os.path.join(options.output, "index.html"))


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
    try:
        run(options, complain)
    except Error as error:
        complain(str(error))
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        return 130
    return 1 if failed else 0
