# SPDX-License-Identifier: MIT
"""The hosts that have RRD files of the plugin, and what these hold."""
import os

from .findings import IDLE, rank
from .readings import ONLY_NAMESPACE
from .rrd import Error
from .subjects import PLUGIN, Listener, Namespace
from .words import count, listed, moment, natural, printable


class Host:
    """A host: its listeners, its network namespaces, and what went wrong."""

    def __init__(self, datadir, name):
        self.name, self.label = name, printable(name)
        self.path = os.path.join(datadir, name)
        self.listeners, self.errors = [], []
        self.stale = []  # nothing in the span, and not an error
        self.namespace, self.others = Namespace(self, ""), []
        self.drawn = []  # namespaces that get a picture
        self.span, self.updated, self.late = None, 0, False
        self.wanted = []

    def names(self):
        """The names of the listeners and of the other namespaces."""
        listeners, namespaces = [], []
        for entry in _entries(self.path):
            folder = os.path.join(self.path, entry)
            if entry.startswith(PLUGIN + "-") and os.path.isdir(folder):
                is_namespace = any(os.path.exists(f"{folder}/{file}.rrd")
                                   for file in ONLY_NAMESPACE)
                (namespaces if is_namespace else listeners).append(
                    entry[len(PLUGIN) + 1:])
        return sorted(listeners, key=natural), sorted(namespaces, key=natural)

    def read(self, wanted, span, width, each):
        """Reads the numbers of the wanted listeners, or of all."""
        self.span = span
        try:
            names, namespaces = self.names()
        except Error as error:
            self.errors.append(str(error))
            return
        self.others = [Namespace(self, name) for name in namespaces]
        for name in wanted:
            if name not in names and not any(
                    one.name == name for one in self.others
                    if any(map(one.holds, names))):
                self.errors.append(
                    f"no listener {printable(name)!r} on {self.label}; "
                    f"listeners in {self.path}: {listed(names)}")
        if not names:
            self.errors.append(f"no listeners on {self.label}: no "
                                 f"{PLUGIN}-* in {self.path}")
        subjects = [one for one in map(self._listener, names) if not wanted or
                    one.name in wanted or one.namespace.name in wanted]
        spaces = [one for one in self.others if not wanted or
                  one.name in wanted or
                  any(each.namespace is one for each in subjects)]
        each(lambda one: one.read(span, width),
             [*subjects, self.namespace, *spaces])
        self._judge_end([*subjects, self.namespace, *spaces])
        for one in subjects:
            self.errors += one.errors
        self.wanted = wanted
        self.listeners = sorted((one for one in subjects if one.known()),
                                key=Listener.rank)
        self._unknown([one for one in subjects if one.files and
                       not one.known()], bool(wanted), span)
        if self.late and not self.listeners:
            self.listeners = [one for one in subjects if one.files]
        self._group(spaces, wanted, span)

    def pictured(self, one):
        """Whether a listener has a picture: if it was chosen or is alone, or
        had a queue, a drop or another trouble."""
        return bool(self.wanted) or len(self.listeners) == 1 or \
            rank(one) < IDLE

    def _listener(self, name):
        """A listener in its namespace: "blue:deep:80" is in "blue:deep"."""
        found = [one for one in self.others if one.holds(name)]
        return Listener(self, name, max(
            found, key=lambda one: len(one.name), default=self.namespace))

    def _judge_end(self, subjects):
        newest = max(subjects, key=lambda one: one.updated)
        self.updated = newest.updated
        self.late = bool(self.updated) and \
            self.updated + 2 * newest.heartbeat < self.span.expected
        for one in subjects:
            one.judge_end(self.span)

    def _group(self, spaces, wanted, span):
        """Puts the listeners into their namespaces, and chooses those to draw."""
        for one in self.namespace, *spaces:
            self.errors += one.errors
            one.listeners = [each for each in self.listeners
                             if each.namespace is one]
            if not self.listeners or not one.files or one.known() or \
                    self.late:
                continue
            if one.name and one.updated <= span.start and \
                    one.name not in wanted:
                self.stale.append(one)
            else:
                self._no_values(one, span)
        self.drawn = sorted(
            (one for one in (self.namespace, *spaces) if one.listeners or
             one.known() and (not wanted or one.name in wanted)),
            key=Namespace.rank)

    def _unknown(self, subjects, wanted, span):
        """Listeners without values in the span. If one stopped before the span
        and was not asked for by name, that is no error."""
        if len(subjects) > 1 and not wanted and not self.listeners:
            self.errors.append(
                f"no values of any listener on {self.label} from {span} in "
                f"{printable(self.path)}" + _newest(subjects, span))
            return
        for one in subjects:
            if one.updated <= span.start and not wanted and self.listeners:
                self.stale.append(one)
            else:
                self._no_values(one, span)

    def _no_values(self, one, span):
        self.errors.append(
            f"{one.title}: no values from {span} in {printable(one.path)}" +
            _newest([one], span))

    @property
    def overflows(self):
        """The sum over its namespaces; None if unknown."""
        known = [one.get("overflows", "total") for one in self.drawn
                 if one.get("overflows") is not None]
        return sum(known) if known else None

    @property
    def where(self):
        """Where these overflows were counted."""
        return self.drawn[0].where if len(self.drawn) == 1 \
            else f"in {count(len(self.drawn), 'network namespace')}"


def _newest(subjects, span):
    updated = max(one.updated for one in subjects)
    return f"; newest value: {moment(updated)}" + (
        " (all are unknown, or there are too few yet)"
        if updated > span.start else "")


def _entries(path):
    try:
        return os.listdir(path)
    except OSError as error:
        raise Error(f"{printable(path)}: {error.strerror}") from None


def hosts(datadir):
    """The hosts with files of the plugin, and {host: error} of those that
    cannot be read."""
    try:
        entries = _entries(datadir)
    except Error as error:
        raise Error(f"{error}; set --datadir to the directory of collectd's "
                    "RRD files") from None
    found, broken = [], {}
    for host in sorted(entries, key=natural):
        path = os.path.join(datadir, host)
        if host == "lost+found" or not os.path.isdir(path):
            continue
        try:
            if any((entry == PLUGIN or entry.startswith(PLUGIN + "-")) and
                   os.path.isdir(os.path.join(path, entry))
                   for entry in _entries(path)):
                found.append(host)
        except Error as error:
            broken[host] = str(error)
    return found, broken


def chosen_hosts(datadir, wanted, everyone):
    """The hosts to draw, and an error for each that does not exist."""
    there, broken = hosts(datadir)
    known = f"hosts in {printable(datadir)}: {listed(there)}"
    if not there and not broken:
        raise Error(f"no {PLUGIN} RRD files of any host in "
                    f"{printable(datadir)}")
    if everyone or not wanted and not there:
        return there, list(broken.values())
    if wanted:
        wanted = list(dict.fromkeys(wanted))
        return ([host for host in wanted if host in there],
                [broken.get(host, f"no host {printable(host)!r}; {known}")
                 for host in wanted if host not in there])
    if len(there) > 1:
        raise Error(f"several {known}; choose one with --host, or draw all "
                    "with --all-hosts")
    return there, []
