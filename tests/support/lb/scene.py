# SPDX-License-Identifier: MIT
"""Servers whose values all differ, what the kernel says of them, and the names that these values have in each store
according to doc/writers.md: for the tests of writers and dashboards."""
import collections
import re
import time

from .basics import DEADLINE, equal, source, until
from .kernel import netstat, ss, states, sysctl, totals
from .namespaces import Namespace, private_run
from .packets import syn
from .probe import GAUGES, INSPECTED, READINGS, TOLD
from .sockets import Listener, UnixListener, drop_syns, fill, overflow, overflow_by_ack
from .stores import HOST


def page():
    """{section: {("listener" or "namespace", type-type_instance): name}} of doc/writers.md."""
    found = {}
    for part in re.split(r"^## ", source("doc", "writers.md"), flags=re.M)[1:]:
        rows = re.findall(r"^\| (listener|namespace) \| `([^`]+)` \| `([^`]+)` \|$", part, re.M)
        if rows:
            found[part.splitlines()[0]] = {(owner, reading): name for owner, reading, name in rows}
    return found


def names(section, table, written=str):
    """{name in the store: value} of {listener: {reading: value}}; written() is what becomes of a label in names."""
    listed = page()[section]
    return {_name(listed, listener, "sockets" in row, reading).replace("HOST", HOST).replace(
        "LISTENER", written(listener)): value for listener, row in table.items() for reading, value in row.items()}


def _name(listed, listener, is_listener, reading):
    """The name of a reading on the page. Another network namespace has names like a listener."""
    if is_listener:
        return listed["listener", READINGS[reading]]
    if not listener:
        return listed["namespace", READINGS[reading]]
    alike = "drops" if READINGS[reading].startswith("derive") else "limit"
    return listed["listener", READINGS[alike]].replace(alike, reading)


class Any:
    """The value of a reading that is newer than the scene, or that the query of a test changes."""

    def __sub__(self, other):
        return self


ANY = Any()


class Since:
    """A value that grows by 1 a second."""

    def __init__(self):
        self.start = time.monotonic()

    def __float__(self):
        return time.monotonic() - self.start

    def __repr__(self):
        return f"{float(self):.3f}, growing"


class Scene:
    """80 is full; 443 has a client that has left; "api v1.2" has two sockets and half-open connections; 8083 has no
    socket; "@shop" is a UNIX socket. The network namespace "blue" has a port 80 as well."""
    SELECTED = """
LocalPort "80" "443" "8083"
LocalPath "@shop"
<Listener "api v1.2">
  LocalPort "8443" "9443"
</Listener>
NetNamespace "blue"
"""
    PORTS = {"80": [80], "443": [443], "8083": [8083], "api v1.2": [8443, 9443]}

    def __init__(self, inspect=False):
        """inspect: with the readings of InspectQueue, which a loaded host may report less often than the others."""
        self.inspect = inspect
        self.config = f"{self.SELECTED}InspectQueue {str(inspect).lower()}\n"
        sysctl("net.core.somaxconn", 1000)
        overflow_by_ack(81, 2).close()  # before the first read: attributed to no listener
        self.servers = [Listener(80, backlog=4), Listener(443, backlog=9), Listener(8443, backlog=2000),
                        Listener(9443, backlog=7, defer_accept=60)]
        self.oldest = {}
        for server, waiting in zip(self.servers, (5, 3, 1, 2)):
            self.oldest[server.port] = Since()
            fill(server, waiting, b"x")
        self.servers[1].clients.pop().close()
        self.servers[3].connect(3)  # they send nothing, so TCP_DEFER_ACCEPT keeps them half open
        self.shop = UnixListener(b"\0shop", backlog=7)
        self.shop.connect(3).pop().close()
        private_run()
        self.blue = Namespace("blue")
        self.oldest["blue"] = Since()
        with self.blue.inside():
            fill(Listener(80, backlog=1), 2)

    def move_counters(self):
        """80 drops 7 clients, the kernel drops SYNs to 9443, a client of 443 gets a SYN cookie, and 80 in "blue"
        drops 3 clients."""
        full, other, _, deferring = self.servers
        overflow(full, 7)
        with self.blue.inside():
            syn(80, times=3)
            until(lambda: netstat()["ListenOverflows"] == 3, "all are counted")
        sysctl("net.ipv4.tcp_syncookies", 0)
        drop_syns(deferring, 20)
        sysctl("net.ipv4.tcp_syncookies", 2)  # always
        fill(other, 4)
        sysctl("net.ipv4.tcp_syncookies", 1)  # otherwise each query of a test adds a cookie

    def table(self):
        """What the kernel says: {listener: {reading: value}}."""
        found = self._namespace("")
        found["api v1.2"]["drops"] = found[""]["syn_drops"]  # sk_drops also counts each deferred accept
        with self.blue.inside():
            found.update(self._namespace("blue"))
        newer = dict.fromkeys(GAUGES - TOLD, ANY)
        return {name: {reading: value for reading, value in {**(newer if "queue" in row else {}), **row}.items()
                       if self.inspect or reading not in INSPECTED} for name, row in found.items()}

    def _namespace(self, label):
        """The same for the network namespace of this thread."""
        prefix, kernel = label and label + ":", netstat()
        found = {prefix + name: self._row(label, ports) for name, ports in self.PORTS.items()}
        found[prefix + "80"].update(dict.fromkeys(("drops", "overflows", "overflows_5m"), ss(80)[0].drops))
        found[label] = {
            "drops": kernel["ListenDrops"], "overflows": kernel["ListenOverflows"],
            "syn_drops": kernel["TCPReqQFullDrop"], "syncookies_sent": kernel["SyncookiesSent"],
            "arrivals": ANY,
            "overflows_unattributed": kernel["ListenOverflows"] - sum(row["overflows"] for row in found.values()),
            "somaxconn": sysctl("net.core.somaxconn")}
        found[prefix + "@shop"] = {"sockets": 0} if label else self._shop()
        return found

    def _row(self, label, ports):
        sockets = [s for port in ports for s in ss(port)]
        if not sockets:
            return {"sockets": 0, "drops": 0, "overflows": 0}
        seen = sum(map(states, ports), collections.Counter())
        return {**totals(sockets), **_at_rest(sockets), "active": 0, "drops": 0, "overflows": 0, "overflows_5m": 0,
                "abandoned": seen["CLOSE-WAIT"],
                "syn": seen["SYN-RECV"], "wait": max((self.oldest[label or port] for port in ports), key=float)}

    def _shop(self):
        """The kernel counts no drops of a UNIX socket and does not know how long a connection waits."""
        return {**totals([self.shop.seen()]), **_at_rest([self.shop.seen()]), "abandoned": 1, "active": 0}


def _at_rest(sockets):
    """The readings of an interval in which nothing changes."""
    waiting = sum(s.queue for s in sockets)
    return {"peak": waiting, "busy": 100 * (waiting > 0), "full": sum(s.queue > s.limit for s in sockets),
            "fill": max(100 * s.queue / (s.limit + 1) for s in sockets)}


def same(got, want):
    """Whether a store's value is the one it should be. A growing value may be a while old."""
    if want is ANY:
        return True
    if None in (got, want):
        return got == want
    if isinstance(want, Since):
        return float(want) / 100 <= got <= float(want) + 0.02
    return round(got, 6) == round(want, 6)


def holds(values, want, what="the store"):
    """Waits until values() are these, and no others."""
    def wrong():
        got = values()
        return {name: (got.get(name), want.get(name)) for name in {*got, *want}
                if not same(got.get(name), want.get(name))}
    end = time.monotonic() + DEADLINE
    while wrong() and time.monotonic() < end:
        time.sleep(0.05)
    equal(wrong(), {}, f"{what}, and what it should be")
