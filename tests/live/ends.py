#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Nothing is lost at either end: a listener that overflows in its first interval, in its last one, or while collectd
has no values has all its overflows in the rates of every writer."""
import math
import os
import re
import socketserver
import threading
import time
import urllib.request

from lb import *
from lb.stores import rrd_fetch, rrd_path

WRITERS = """
<Plugin csv>
  StoreRates true
</Plugin>
<Plugin rrdtool>
  DataDir "@DIR@/rrd"
  CacheTimeout 0
  RRARows 600
  RRATimespan 600
</Plugin>
<Plugin write_graphite>
  <Node "carbon">
    Host "127.0.0.1"
    Port "2003"
    Protocol "tcp"
    StoreRates true
  </Node>
</Plugin>
<Plugin write_prometheus>
  Port "9103"
</Plugin>"""


class Carbon(socketserver.StreamRequestHandler):
    """Keeps {name: {time: value}} of what write_graphite sends."""
    got = {}

    def handle(self):
        for line in self.rfile:
            name, value, when = line.decode().split()
            self.got.setdefault(name, {})[int(when)] = float(value)


class Written(Collectd):
    """Reads every second, with rates in all writers."""

    def __init__(self, config="ListeningPorts true"):
        command("ip", "address", "add", "192.0.2.1/32", "dev", "lo")  # else write_prometheus finds no address
        Carbon.got.clear()
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 2003), Carbon)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,)).start()
        at_end(self.server.shutdown)
        self.faults = Faults()
        super().__init__(f"{config}\nIgnoreSelected true\nLocalPort 2003 9103",
                         plugins=("rrdtool", "write_graphite", "write_prometheus"), extra=WRITERS, interval=1,
                         env=self.faults.env)
        self.await_reads(2)

    def sums(self, listener, reading):
        """{writer: the sum of the rates}, each of one second."""
        name = f"listen_backlog{listener and '-' + listener}.{READINGS[reading]}".replace(":", "_")
        graphite = Carbon.got.get(f"{self.hostname}.{name}", {})
        path = rrd_path(f"{self.dir}/rrd", listener, reading)
        rrd = rrd_fetch(path, "-600", "now") if os.path.exists(path) else []
        series = {"csv": self.series(listener, reading), "Graphite": list(graphite.items()), "RRD": rrd}
        return {writer: round(sum(rate for _, rate in rows if not math.isnan(rate)), 2)
                for writer, rows in series.items()}

    def has(self, listener, reading, total):
        """Waits until all writers have this sum."""
        wanted = dict.fromkeys(("csv", "Graphite", "RRD"), total)
        until(lambda: os.path.isdir(self._folder(listener)) and self.sums(listener, reading) == wanted,
              f"{total} {reading} of {listener!r} are in all writers")

    def exported(self, listener, name):
        """The value of write_prometheus; None if it has none."""
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://127.0.0.1:9103/metrics") as page:
            found = re.search(rf'^collectd_listen_backlog_{name.replace("LISTENER", re.escape(listener))}[^ ]* (\S+)',
                              page.read().decode(), re.M)
        return found and float(found.group(1))


def overflowing(port, n):
    """A new listener, which drops n attempts."""
    server = fill(Listener(port, backlog=3), 4)
    overflow(server, n)
    return server


@test("a found port that overflows at once, while collectd has no values, and just before its server ends has each "
      "overflow in the rates of every writer")
def _():
    daemon = Written()
    server = overflowing(8080, 94)
    daemon.has("8080", "overflows", 94)
    daemon.process.freeze()
    frozen = time.time()
    overflow(server, 10)
    until(lambda: time.time() > frozen + 4.5, "the pause is longer than the heartbeat of two intervals")
    daemon.process.thaw()
    daemon.has("8080", "overflows", 104)
    overflow(server, 7)
    daemon.faults.sampled()
    server.close()
    # write_prometheus forgets a series two intervals after its last value
    until(lambda: [daemon.exported("8080", rf'{name}{{listen_backlog="LISTENER",type="{kind}"')
                   for name, kind in (("derive_total", "overflows"), ("count", "sockets"))] == [111, 0],
          "write_prometheus has 111 overflows, and no socket")
    daemon.has("8080", "overflows", 111)
    daemon.has("", "overflows", 111)
    last = daemon.series("8080", "sockets")[-1]
    daemon.await_reads(3)
    equal(daemon.series("8080", "sockets")[-1], last, "the last report")
    equal((last[1], [value for _, value in daemon.series("8080", "sockets")].count(0)), (0, 1), "reports without socket")
    errors = [line for line in daemon.errors() if "MHD_OPTION_EXTERNAL_LOGGER" not in line]
    equal((errors, daemon.log("uc_update")), ([], []), "errors, and values that came in another order")


@test("a port that returns goes on from its counters, without the overflows of its first server a second time")
def _():
    daemon = Written()
    first = overflowing(8080, 5)
    daemon.faults.sampled()
    first.close()
    daemon.has("8080", "overflows", 5)
    daemon.await_reads(4)
    overflowing(8080, 8)
    daemon.has("8080", "overflows", 13)


@test("a namespace that appears with a listener that overflows at once has each overflow in the rates")
def _():
    private_run()
    daemon = Written('ListeningPorts true\nNetNamespace "*"')
    blue = Namespace("blue")
    with blue.inside():
        server = overflowing(8080, 21)
    daemon.has("blue", "overflows", 21)
    daemon.has("blue:8080", "overflows", 21)
    with blue.inside():
        overflow(server, 4)
    daemon.has("blue:8080", "overflows", 25)


if __name__ == "__main__":
    main()
