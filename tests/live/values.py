#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the values say: full and not quite full, there and gone, and the same
in every writer."""
import contextlib
import math
import os
import subprocess
import time

from lib import *


def both(daemon, port, *readings):
    """These readings of the port, on which daemon and probe agree."""
    table = daemon.look()[str(port)]
    got = {name: table[name] for name in readings}
    other = probe(port)[str(port)]
    equal({name: other[name] for name in readings}, got, "probe")
    return got


@test("a queue of N+1 reads fill 100 and full 1, one less does not")
def _():
    daemon = Collectd('LocalPort "8080-8083"')
    for port, backlog in (8080, 1), (8081, 4), (8082, 127):
        server = Listener(port, backlog=backlog)
        fill(server, backlog)
        got = both(daemon, port, "queue", "full")
        equal(got, {"queue": backlog, "full": 0}, f"{backlog} of {backlog}")
        check(daemon.look()[str(port)]["fill"] < 100, "fill below 100")
        fill(server, backlog + 1)
        equal(both(daemon, port, "queue", "fill", "full", "limit"),
              {"queue": backlog + 1, "fill": 100, "full": 1,
               "limit": backlog}, f"{backlog + 1} of {backlog}")


@test("fill is the share of limit + 1")
def _():
    server = Listener(8080, backlog=7)
    daemon = Collectd('LocalPort "8080"')
    equal(both(daemon, 8080, "fill", "full"), {"fill": 0, "full": 0})
    fill(server, 2)
    equal(both(daemon, 8080, "fill", "full"), {"fill": 25, "full": 0})
    fill(server, 6)
    equal(both(daemon, 8080, "fill", "full"), {"fill": 75, "full": 0})


@test("listen(0) holds one client")
def _():
    server = Listener(8080, backlog=0)
    daemon = Collectd('LocalPort "8080"')
    readings = "queue", "limit", "fill", "full"
    equal(both(daemon, 8080, *readings),
          {"queue": 0, "limit": 0, "fill": 0, "full": 0})
    fill(server, 1)
    equal(both(daemon, 8080, *readings),
          {"queue": 1, "limit": 0, "fill": 100, "full": 1})


@test("a queue far above a lowered backlog still reads fill 100")
def _():
    server = Listener(8080, backlog=40)
    fill(server, 30)
    server.listen(3)
    equal(both(Collectd('LocalPort "8080"'), 8080,
               "queue", "limit", "fill", "full"),
          {"queue": 30, "limit": 3, "fill": 100, "full": 1})


@test("one full member of 8 reads fill 100 and full 1, far from the sum")
def _():
    group = [Listener(8080, backlog=9, reuseport=True) for _ in range(8)]
    group[0].steer()
    fill(group[0], 10)
    equal(both(Collectd('LocalPort "8080"'), 8080,
               "queue", "limit", "fill", "full", "sockets"),
          {"queue": 10, "limit": 72, "fill": 100, "full": 1, "sockets": 8})


@test("every full member counts")
def _():
    for addr in "127.0.0.1", "127.0.0.2", "::1":
        server = Listener(8080, backlog=3, addr=addr)
        fill(server, 2 if addr == "127.0.0.2" else 4)
    equal(both(Collectd('LocalPort "8080"'), 8080, "fill", "full", "sockets"),
          {"fill": 100, "full": 2, "sockets": 3})


@test("a selected listener that is not there sends sockets 0 and counters")
def _():
    gone = {"sockets": 0, "drops": 0, "overflows": 0}
    equal(Collectd('LocalPort "8080"').look()["8080"], gone)
    equal(probe(8080)["8080"], gone)


@test("a listener that goes sends sockets 0 and counters, and no gauges")
def _():
    server = Listener(8080, backlog=3)
    daemon = Collectd('LocalPort "8080"')
    daemon.look()
    fill(server, 4)
    overflow(server, 6)
    equal(daemon.look()["8080"]["overflows"], 6)
    server.close()
    until(lambda: daemon.look()["8080"] ==
          {"sockets": 0, "drops": 6, "overflows": 6}, "only those are sent")
    server = Listener(8080, backlog=3)
    fill(server, 1)
    equal(daemon.look()["8080"], {
        "queue": 1, "limit": 3, "peak": 1, "busy": 100, "fill": 25,
        "sockets": 1, "full": 0, "drops": 6, "overflows": 6})


@test("where nobody listens, the namespace's values stand alone")
def _():
    daemon = Collectd()
    equal(set(daemon.look()), {""})
    equal(set(daemon.look()[""]), NAMESPACE)
    equal(probe(), {"": {**dict.fromkeys(NAMESPACE, 0), "somaxconn": 4096}})


@test("collectd -T, which looks once, ends well")
def _():
    Listener(8080)
    daemon = Collectd('LocalPort "8080"', start=False)
    daemon.start("-T")
    equal(daemon.process.popen.wait(DEADLINE), 0, "exit status")
    equal(daemon.errors(), [])


@test("the types written are the documented ones")
def _():
    Listener(8080)
    daemon = Collectd()
    daemon.look()
    equal(daemon.names("8080"),
          {READINGS[name] for name in GAUGES | COUNTERS})
    equal(daemon.names(""), {READINGS[name] for name in NAMESPACE})
    equal(daemon.errors(), [])


RRDTOOL = """
<Plugin rrdtool>
  DataDir "@DIR@/rrd"
  CreateFilesAsync false
  CacheTimeout 0
  StepSize 1
  HeartBeat 2
  RRARows 120
  RRATimespan 120
</Plugin>"""


def rrd_time(daemon):
    """When the RRD of the queue was last updated; 0: not yet."""
    with contextlib.suppress(subprocess.CalledProcessError):
        when, value = rrd_last(daemon, "8080", "queue")
        return 0 if math.isnan(value) else when
    return 0


@test("an RRD of a full queue has no unknowns once primed")
def _():
    server = Listener(8080, backlog=4)
    fill(server, 5)
    daemon = Collectd('LocalPort "8080"', interval=1, plugins=["rrdtool"],
                      extra=RRDTOOL)
    first = until(lambda: rrd_time(daemon), "the first update") + 1
    until(lambda: rrd_time(daemon) >= first + 6, "6 updates more")
    for name in sorted(GAUGES | COUNTERS):
        rows = rrd_fetch(daemon, "8080", name, first + 1, first + 5)
        check(len(rows) >= 4, f"{name} has rows: {rows}")
        check(not any(map(math.isnan, rows)), f"{name} is known: {rows}")
        want = {"queue": 5, "limit": 4, "peak": 5, "busy": 100, "fill": 100,
                "sockets": 1, "full": 1}.get(name, 0)
        equal(set(rows), {want}, name)
    for name in sorted(NAMESPACE):
        rows = rrd_fetch(daemon, "", name, first + 1, first + 5)
        check(not any(map(math.isnan, rows)), f"{name} is known: {rows}")


@test("RRD, CSV and probe agree on every value")
def _():
    busy = Listener(8080, backlog=4)
    idle = Listener(8081, backlog=6)
    Listener(8082, backlog=9, addr="::1")
    overflow_by_ack(8084, 2).close()
    sysctl("net.ipv4.tcp_syncookies", 2)  # always
    fill(idle, 2)
    ports = "8080", "8081", "8082", "8083"
    daemon = Collectd("LocalPort " + " ".join(f'"{p}"' for p in ports),
                      interval=1, plugins=["rrdtool"], extra=RRDTOOL)
    program = Process([os.environ["LB_PROBE"], "--interval", "0.1",
                       "--count", "1000", *ports])

    def looks():
        return tables(program.text())
    until(lambda: daemon.later(0, 1), "the daemon's first look")
    until(lambda: len(looks()) > 2, "the probe's first looks")

    fill(busy, 5)
    overflow(busy, 7)
    fill(idle, 3)
    csv, now = daemon.look(), int(time.time())
    seen = len(looks())
    table = until(lambda: looks()[seen + 1:-1], "two looks of the probe")[0]

    equal(set(table), {"", *ports}, "the probe's listeners")
    equal(counters(table, 8080), (7, 7))
    for name in "overflows_unattributed", "syncookies_sent":
        check(table[""][name] > 0, name)
    for name in table:
        # Of one look a probe does not say what says the same.
        same = {"peak", "busy"} if csv[name].get("sockets") else set()
        equal(set(csv[name]), {*table[name], *same}, f"readings of {name!r}")
        equal({k: float(v) for k, v in table[name].items()},
              {k: round(float(csv[name][k]), printed(v))
               for k, v in table[name].items()},
              f"probe and CSV of {name!r}")
        for reading in csv[name]:
            until(lambda: rrd_last(daemon, name, reading)[0] >= now,
                  "collectd has written to the RRD")
        rrd = {reading: rrd_last(daemon, name, reading)[1]
               for reading in csv[name]}
        equal({k: round(v, 6) for k, v in rrd.items()},
              {k: float(v) for k, v in csv[name].items()},
              f"RRD and CSV of {name!r}")


def printed(value):
    """How many digits the probe prints behind the point."""
    return len(str(value).partition(".")[2]) if isinstance(value, float) else 6


if __name__ == "__main__":
    main()
