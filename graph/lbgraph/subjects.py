# SPDX-License-Identifier: MIT
"""The numbers of a listener or a network namespace, from its RRD files."""
import collections
import math
import os
import time

from .readings import LISTENER, NAMESPACE, TOGETHER
from .rrd import Error, copies, rrdtool, source
from .words import count, moment, natural, number, printable

PLUGIN = "listen_backlog"


class Span:
    """The time to draw, in seconds since the epoch."""

    def __init__(self, start, end):
        try:
            lines = rrdtool("graphv", os.devnull, "--start", start,
                            "--end", end, "LINE:0")
        except Error as error:
            raise Error(f"--start {start} --end {end}: {error}") from None
        found = dict(line.split(" = ", 1) for line in lines if " = " in line)
        self.start = int(found["graph_start"])
        self.end = int(found["graph_end"])
        self.seconds = self.end - self.start

    def __str__(self):
        sameday = moment(self.start)[:10] == moment(self.end)[:10]
        return (moment(self.start) + " to " +
                (moment(self.end)[11:] if sameday else moment(self.end)) +
                time.strftime(" %Z", time.localtime(self.end)))


Numbers = collections.namedtuple("Numbers", "last average maximum total gap")


def numbers(path, span, width, until):
    """The numbers of one file within the span; None if all are unknown."""
    lines = rrdtool(
        "graph", os.devnull, "--start", span.start, "--end", span.end,
        "--width", width, source("a", path, "AVERAGE"),
        source("m", path, "MAX"), f"CDEF:g=m,UN,TIME,{until},LE,*",
        "VDEF:last=m,LAST", "VDEF:average=a,AVERAGE",
        "VDEF:maximum=m,MAXIMUM", "VDEF:total=a,TOTAL", "VDEF:gap=g,MAXIMUM",
        *(f"PRINT:{name}:%.9lf" for name in Numbers._fields))
    values = [float(line) for line in lines[1:]]
    return None if math.isnan(values[0]) else Numbers(*values)


class Subject:
    """A listener or a network namespace of a host."""
    readings, together = {}, ()

    def __init__(self, host, name):
        self.host, self.name = host, name
        self.path = os.path.join(
            host.path, PLUGIN + ("-" + name if name else ""))
        self.files, self.numbers, self.errors = {}, {}, []
        self.updated = 0  # the time of the newest value in any file

    def file(self, reading):
        return os.path.join(self.path, self.readings[reading].file + ".rrd")

    def read(self, span, width):
        """Reads the numbers of the files that exist."""
        try:
            there = set(os.listdir(self.path))
        except FileNotFoundError:
            there = set()
        except OSError as error:
            self.error(f"cannot read {printable(self.path)}: "
                       f"{error.strerror}")
            return
        for reading, its in self.readings.items():
            if its.file + ".rrd" in there:
                self._read_file(reading, self.file(reading), span, width)
        if not self.errors:
            self._missing()

    def _read_file(self, reading, path, span, width):
        try:
            with copies.kept():
                updated = int(rrdtool("last", copies(path))[0])
                self.numbers[reading] = numbers(path, span, width, updated)
        except Error as error:
            why = str(error) if printable(path) in str(error) \
                else f"{path}: {error}"
            self.error(f"cannot read an RRD file: {why}")
            return
        self.files[reading] = path
        self.updated = max(self.updated, updated)

    def _missing(self):
        for group in self.together:
            if group & set(self.files):
                for reading in sorted(group - set(self.files)):
                    self.error(f"{printable(self.file(reading))} does not "
                               "exist")
        if not self.files:
            self.error(f"no RRD files in {printable(self.path)}")

    def error(self, what):
        self.errors.append(f"{self.title}: {what}")

    def known(self):
        return any(self.numbers.values())

    def get(self, reading, field="maximum", default=None):
        found = self.numbers.get(reading)
        return default if found is None else getattr(found, field)

    @property
    def gaps(self):
        return any(found.gap for found in self.numbers.values() if found)

    @property
    def title(self):
        return f"{self.label} on {self.host.label}"


class Listener(Subject):
    """A port, a UNIX socket or a <Listener>."""
    readings, together = LISTENER, TOGETHER

    def __init__(self, host, name, namespace):
        super().__init__(host, name)
        self.namespace = namespace
        self.own_name = name[len(namespace.name) + 1:] if namespace.name \
            else name

    @property
    def highest(self):
        """The maximum of queue and peak."""
        return max(self.get("queue", default=0), self.get("peak", default=0))

    @property
    def short_label(self):
        """Its label within its namespace."""
        name = printable(self.own_name)
        return ("Port " if name.isdecimal() else "Listener ") + name

    @property
    def label(self):
        return self.short_label + (
            f" {self.namespace.where}" if self.namespace.name else "")

    def rank(self):
        """A sort key: the fullest first, then the one with most overflows."""
        return (-self.get("fill", default=-1),
                -self.get("overflows", "total", default=0), -self.highest,
                natural(self.name))

    def sentence(self, brief=False):
        """What its picture shows, in words."""
        if "queue" in self.files and self.numbers["queue"]:
            parts = [f"queue at most {number(self.highest)}"]
            if self.get("limit", "last") is not None:
                parts[0] += f" of {number(self.get('limit', 'last'))}"
        elif self.get("sockets") == 0:
            parts = ["no listening socket"]
        else:
            parts = ["queue unknown"]
        if not brief:
            parts += self._waiting()
        if self.get("overflows") is not None:
            overflows = self.get("overflows", "total")
            parts.append(count(overflows, "overflow"))
            others = round(self.get("drops", "total", 0)) - round(overflows)
            if others > 0 and not brief:
                parts.append(count(others, "other drop"))
        return ", ".join(parts)

    def _waiting(self):
        """Non-zero numbers about the waiting connections."""
        if self.get("busy"):
            yield (f"clients waited in {number(self.get('busy', 'average'))}"
                   "\u00a0% of the samples")
        for reading, before, after in (("wait", "waits of ", "\u00a0s"),
                                       ("abandoned", "", " abandoned"),
                                       ("syn", "", " half-open")):
            if self.get(reading):
                yield f"{before}up to {number(self.get(reading))}{after}"


class Namespace(Subject):
    """A network namespace and the listeners in it. The one that collectd runs in
    has no name."""
    readings, together = NAMESPACE, TOGETHER[1:]

    def __init__(self, host, name):
        super().__init__(host, name)
        self.listeners = []

    def _missing(self):
        if self.files or not self.name:
            super()._missing()

    @property
    def where(self):
        if self.name:
            return f"in {printable(self.name)}"
        return "in collectd's namespace" if self.host.others \
            else "on the whole host"

    @property
    def label(self):
        if self.name:
            return f"Network namespace {printable(self.name)}"
        return "The network namespace of collectd" if self.host.others \
            else "The whole host"

    def holds(self, name):
        """Whether a listener of that name is in it, as "blue:80" is in "blue"."""
        return name.startswith(self.name + ":")

    def rank(self):
        """A sort key: collectd's own first, then as for listeners."""
        fullest = with_fill(self.listeners)
        return (self.name != "",
                -fullest[0].get("fill") if fullest else 1,
                -self.get("overflows", "total", 0), natural(self.name))


def with_fill(listeners):
    """The listeners that have a fill, in their order."""
    return [one for one in listeners if one.get("fill") is not None]
