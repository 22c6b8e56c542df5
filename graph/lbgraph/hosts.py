# SPDX-License-Identifier: MIT
"""What the RRD files of a host say."""
import contextlib
import os

from .rrd import Trouble
from .subjects import ONLY_NAMESPACE, PLUGIN, Listener, Namespace
from .words import count, listed, moment, natural, printable


class Host:
    """What a host's RRD files say."""

    def __init__(self, datadir, name):
        self.name, self.label = name, printable(name)
        self.path = os.path.join(datadir, name)
        self.listeners, self.stale, self.troubles = [], [], []
        self.namespace, self.others = Namespace(self, ""), []
        self.drawn = []  # namespaces

    def names(self):
        """The listeners and the other namespaces that have a folder."""
        listeners, namespaces = [], []
        for entry in os.listdir(self.path):
            folder = os.path.join(self.path, entry)
            if entry.startswith(PLUGIN + "-") and os.path.isdir(folder):
                is_namespace = any(os.path.exists(f"{folder}/{file}.rrd")
                                   for file in ONLY_NAMESPACE)
                (namespaces if is_namespace else listeners).append(
                    entry[len(PLUGIN) + 1:])
        return sorted(listeners, key=natural), sorted(namespaces, key=natural)

    def read(self, wanted, span, width, each):
        """Numbers of the listeners wanted, or of all, fullest first."""
        names, namespaces = self.names()
        self.others = [Namespace(self, name) for name in namespaces]
        for name in wanted:
            if name not in names and not any(
                    one.name == name for one in self.others
                    if any(map(one.holds, names))):
                self.troubles.append(
                    f"no listener {printable(name)!r} on {self.label}: "
                    f"{self.path} has {listed(names)}")
        if not names:
            self.troubles.append(f"no listeners on {self.label}: no "
                                 f"{PLUGIN}-* in {self.path}")
        subjects = [one for one in map(self._listener, names) if not wanted or
                    one.name in wanted or one.namespace.name in wanted]
        spaces = [one for one in self.others if not wanted or
                  one.name in wanted or
                  any(each.namespace is one for each in subjects)]
        each(lambda one: one.read(span, width),
             [*subjects, self.namespace, *spaces])
        for one in subjects:
            self.troubles += one.troubles
        self.listeners = sorted((one for one in subjects if one.known()),
                                key=Listener.rank)
        self._unknown([one for one in subjects if one.files and
                       not one.known()], bool(wanted), span)
        self._group(spaces, wanted, span)

    def _listener(self, name):
        found = [one for one in self.others if one.holds(name)]
        return Listener(self, name, max(
            found, key=lambda one: len(one.name), default=self.namespace))

    def _group(self, spaces, wanted, span):
        """The listeners to their namespaces, and what to say of these."""
        for one in self.namespace, *spaces:
            self.troubles += one.troubles
            one.listeners = [each for each in self.listeners
                             if each.namespace is one]
            if not self.listeners or not one.files or one.known():
                continue
            if one.name and one.updated <= span.start and \
                    one.name not in wanted:
                self.stale.append(one)
            else:
                self._nothing(one, span)
        self.drawn = sorted(
            (one for one in (self.namespace, *spaces) if one.listeners or
             one.known() and (not wanted or one.name in wanted)),
            key=Namespace.rank)

    def _unknown(self, subjects, wanted, span):
        """A port that was closed long ago is no error, unless asked for."""
        if len(subjects) > 1 and not wanted and not self.listeners:
            self.troubles.append(
                f"no values of any listener on {self.label} from {span} in "
                f"{printable(self.path)}" + _late(subjects, span))
            return
        for one in subjects:
            if one.updated <= span.start and not wanted and self.listeners:
                self.stale.append(one)
            else:
                self._nothing(one, span)

    def _nothing(self, one, span):
        self.troubles.append(
            f"{one.title}: no values from {span} in {printable(one.path)}" +
            _late([one], span))

    @property
    def overflows(self):
        """Of all its namespaces; None where none is known."""
        known = [one.get("overflows", "total") for one in self.drawn
                 if one.get("overflows") is not None]
        return sum(known) if known else None

    @property
    def where(self):
        """Where these were counted."""
        return self.drawn[0].where if len(self.drawn) == 1 \
            else f"in {count(len(self.drawn), 'network namespace')}"


def _late(subjects, span):
    updated = max(one.updated for one in subjects)
    return f", which was written last at {moment(updated)}" + (
        "; all were unknown, or are too few yet" if updated > span.start
        else "")


def hosts(datadir):
    """The hosts that have files of the plugin's."""
    try:
        entries = os.listdir(datadir)
    except OSError as error:
        raise Trouble(f"{printable(datadir)}: {error.strerror}; --datadir "
                      "says where collectd's RRD files are") from None
    found = []
    for host in entries:
        with contextlib.suppress(OSError):
            if any(entry == PLUGIN or entry.startswith(PLUGIN + "-")
                   for entry in os.listdir(os.path.join(datadir, host))):
                found.append(host)
    return sorted(found, key=natural)


def chosen_hosts(datadir, wanted, everyone):
    """Those to draw, and errors about those that are not there."""
    there = hosts(datadir)
    where = f"{printable(datadir)} has {listed(there)}"
    if not there:
        raise Trouble(f"no {PLUGIN} RRD files of any host in "
                      f"{printable(datadir)}")
    if everyone:
        return there, []
    if wanted:
        wanted = list(dict.fromkeys(wanted))
        return ([host for host in wanted if host in there],
                [f"no host {printable(host)!r}: {where}"
                 for host in wanted if host not in there])
    if len(there) > 1:
        raise Trouble(f"which host? {where}; --host takes one, --all-hosts "
                      "draws all")
    return there, []
