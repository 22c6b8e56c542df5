# SPDX-License-Identifier: MIT
"""Counters: each read's values compared with /proc/net/netstat, and with the read before."""
from .basics import check, equal, until
from .kernel import netstat, sysctl
from .probe import COUNTERS, NAMESPACE


def counters(table, listener):
    """drops and overflows of a listener in a read."""
    return table[str(listener)]["drops"], table[str(listener)]["overflows"]


def agrees_with_kernel(table):
    """The values of the network namespace are those of the kernel, and every overflow has one place."""
    kernel = netstat()
    equal({name: table[""][name] for name in NAMESPACE - {"arrivals"}}, {
        "drops": kernel["ListenDrops"], "overflows": kernel["ListenOverflows"],
        "syn_drops": kernel["TCPReqQFullDrop"], "syncookies_sent": kernel["SyncookiesSent"],
        "overflows_unattributed": kernel["ListenOverflows"] - sum(
            row.get("overflows", 0) for name, row in table.items() if name),
        "somaxconn": sysctl("net.core.somaxconn")}, "the namespace")
    return table


def settled(daemon):
    """A read in which all that has happened is attributed."""
    return agrees_with_kernel(daemon.read())


def never_back(daemon, one_namespace=True, needed=()):
    """No counter ever decreases, and, in a single namespace, every overflow has one place in each read that has the
    overflows of all needed listeners. Returns how many reads."""
    last, complete = {}, 0
    for when, table in daemon.reads():
        for name, row in table.items():
            for reading in set(row) & {*COUNTERS, "overflows_unattributed", "syn_drops", "syncookies_sent", "arrivals"}:
                check(row[reading] >= last.get((name, reading), 0),
                      f"{name} {reading} at {when}: {row[reading]} after {last.get((name, reading))}")
                last[name, reading] = row[reading]
        if not one_namespace or "overflows_unattributed" not in table.get("", ()) or any(
                "overflows" not in table.get(name, ()) for name in needed):
            continue  # without tcp_diag it is not known which listener an overflow belongs to
        attributed = sum(row.get("overflows", 0) for name, row in table.items() if name)
        equal(attributed + table[""]["overflows_unattributed"], table[""]["overflows"], f"the sum at {when}")
        complete += 1
    return complete


def quiet(daemon):
    """A settled read, once the kernel drops nothing any more."""
    def nothing_happens():
        before = netstat()["ListenDrops"]
        return daemon.read() and netstat()["ListenDrops"] == before
    until(nothing_happens, "nothing is dropped any more")
    return settled(daemon)
