# SPDX-License-Identifier: MIT
"""The numbers of a listener or a network namespace, from its RRD files."""
import collections
import math
import os
import time

from .facts import facts
from .findings import IDLE, rank
from .readings import LISTENER, NAMESPACE, TOGETHER
from .rrd import Error, copies, rrdtool, source
from .words import (count, duration, moment, natural, number, printable,
                    short)

PLUGIN = "listen_backlog"
LATE = 300  # seconds for which rrdcached keeps values by default


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
        self.now = min(self.end, int(time.time()))
        self.expected = min(self.end, int(time.time()) - LATE)

    def __str__(self):
        sameday = moment(self.start)[:10] == moment(self.end)[:10]
        return (moment(self.start) + " to " +
                (moment(self.end)[11:] if sameday else moment(self.end)) +
                time.strftime(" %Z", time.localtime(self.end)))


Numbers = collections.namedtuple(
    "Numbers", "last average maximum total gap minimum")


def numbers(path, span, width, until):
    """The numbers of one file within the span; None if all are unknown."""
    lines = rrdtool(
        "graph", os.devnull, "--start", span.start, "--end", span.end,
        "--width", width, source("a", path, "AVERAGE"),
        source("m", path, "MAX"), source("n", path, "MIN"),
        f"CDEF:g=m,UN,TIME,{until},LE,*",
        "VDEF:last=m,LAST", "VDEF:average=a,AVERAGE",
        "VDEF:maximum=m,MAXIMUM", "VDEF:total=a,TOTAL", "VDEF:gap=g,TOTAL",
        "VDEF:minimum=n,MINIMUM",
        *(f"PRINT:{name}:%.9lf" for name in Numbers._fields))
    values = [float(line) for line in lines[1:]]
    return None if math.isnan(values[0]) else Numbers(*values)


class Subject:
    """A listener or a network namespace of a host."""
    readings, together = {}, ()
    nobody = False

    def __init__(self, host, name):
        self.host, self.name = host, name
        self.path = os.path.join(
            host.path, PLUGIN + ("-" + name if name else ""))
        self.files, self.numbers, self.errors = {}, {}, []
        self.facts = {}
        self.updated = 0  # the time of the newest value in any file
        self.step = self.heartbeat = 0
        self.late = False  # no more values came since then

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
                info = dict(line.split(" = ", 1) for line in rrdtool(
                    "info", copies(path)) if " = " in line)
                updated = int(info["last_update"])
                self.numbers[reading] = numbers(path, span, width, updated)
        except Error as error:
            why = str(error) if printable(path) in str(error) \
                else f"{path}: {error}"
            self.error(f"cannot read an RRD file: {why}")
            return
        self.files[reading] = path
        self.updated = max(self.updated, updated)
        self.step = int(info["step"])
        self.heartbeat = max(int(value) for key, value in info.items()
                             if key.endswith(".minimal_heartbeat"))

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

    def judge_end(self, span):
        """Whether its values go on to the end. What left with its last socket
        is not late, but nobody listens."""
        newest = self.host.updated if self.nobody else self.updated
        self.late = newest + 2 * self.heartbeat < span.expected

    def fact(self, name, default=0):
        found = self.facts.get(name)
        return default if found is None else found

    @property
    def span(self):
        return self.host.span

    @property
    def until(self):
        """The end of what is known of it."""
        return self.host.updated if self.nobody else self.updated

    @property
    def known_until(self):
        """From its last value to here nothing is known."""
        return self.span.now if self.late else self.until

    @property
    def gaps(self):
        known = self.fact("down") + 1.5 * self.step
        return any(found.gap > known for found in self.numbers.values()
                   if found)

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

    def read(self, span, width):
        super().read(span, width)
        if self.highest or self.get("drops", "total") or \
                self.get("sockets", "minimum", 1) < 1:
            try:
                self.facts = facts(self.files, span, width)
            except Error as error:
                self.error(f"cannot read its RRD files together: {error}")

    @property
    def nobody(self):
        """Whether nobody listens at the end, as far as the host knows. What is
        selected in all namespaces never was in most of them."""
        return self.get("sockets", "last", 1) < 1 and (
            "queue" in self.files or not self.namespace.name)

    @property
    def overflows(self):
        return self.get("overflows", "total", 0)

    @property
    def others(self):
        """What was dropped though the accept queue was not full."""
        return round(self.get("drops", "total", 0)) - round(self.overflows)

    @property
    def clamped(self):
        """Whether its limit is net.core.somaxconn."""
        limit = self.get("limit", "last")
        return limit is not None and \
            limit == self.namespace.get("somaxconn", "last")

    @property
    def spoken(self):
        """Its label within a sentence."""
        name = printable(self.own_name)
        return (f"port {name}" if name.isdecimal() else short(name, 40)) + (
            f" {self.namespace.where}" if self.namespace.name else "")

    def rank(self):
        """A sort key: what is worst first, then the fullest, then the one with
        most overflows."""
        return (rank(self), -self.get("fill", default=-1), -self.overflows,
                -self.highest, natural(self.name))

    def sentence(self, brief=False):
        """What its picture shows, in words."""
        if self.get("queue") is not None:
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
            parts.append(count(self.overflows, "overflow"))
            if self.others > 0 and not brief:
                parts.append(count(self.others, "other drop"))
        return ", ".join(parts)

    def _waiting(self):
        """Non-zero numbers about the waiting connections."""
        if self.fact("full") >= self.step > 0:
            yield f"full for {duration(self.fact('full'))}"
        if self.get("busy"):
            yield (f"clients waited in {number(self.get('busy', 'average'))}"
                   "\u00a0% of the samples")
        for reading, before, after in (("wait", "waits of ", "\u00a0s"),
                                       ("abandoned", "", " abandoned"),
                                       ("syn", "", " half-open"),
                                       ("active", "", " active")):
            if self.get(reading):
                yield f"{before}up to {number(self.get(reading))}{after}"
        if self.get("full") and self.get("sockets", default=1) > 1:
            yield (f"{number(self.get('full'))} of "
                   f"{number(self.get('sockets'))} sockets full")
        if self.clamped and self.fact("full"):
            yield "the limit is net.core.somaxconn"


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
        first = self.listeners[0].rank()[:2] if self.listeners else (IDLE, 1)
        return (self.name != "", *first, -self.get("overflows", "total", 0),
                natural(self.name))


def with_fill(listeners):
    """The listeners that have a fill, in their order."""
    return [one for one in listeners if one.get("fill") is not None]
