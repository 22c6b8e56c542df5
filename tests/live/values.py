#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Gauges: what the kernel makes of a backlog, what is sent when a listener is absent, and that collectd and the
probe have the same values."""
import os

from lb import *
from lb.stores import rrd_fetch, rrd_path


def both(daemon, port, *readings):
    """These readings of a port, on which collectd and the probe agree."""
    got = part(daemon.read(), port, *readings)
    equal(part(probe(port), port, *readings), printed(got), "probe")
    return got


@test("the kernel admits limit + 1 connections, and only the last one makes fill 100 and full 1")
def _():
    daemon = Collectd('LocalPort "8080-8083"')
    for port, limit in (8080, 0), (8081, 1), (8082, 7), (8083, 127):
        server = Listener(port, backlog=limit)
        for waiting in {0, limit // 2, limit, limit + 1}:
            fill(server, waiting)
            got = both(daemon, port, "queue", "limit", "fill", "full")
            equal(printed(got), printed({"queue": waiting, "limit": limit, "fill": 100 * waiting / (limit + 1),
                                         "full": waiting > limit}), f"{waiting} of {limit}")
            server.hang_up()
            server.accept()


@test("a queue far above a lowered backlog, one full member of a group of 8, two full addresses of three: fill is 100, "
      "and full counts the sockets")
def _():
    lowered = fill(Listener(8080, backlog=40), 30)
    lowered.listen(3)
    group = [Listener(8081, backlog=9, reuseport=True) for _ in range(8)]
    group[0].steer()
    fill(group[0], 10)
    for addr, waiting in ("127.0.0.1", 4), ("127.0.0.2", 2), ("::1", 4):
        fill(Listener(8082, backlog=3, addr=addr), waiting)
    daemon = Collectd()
    for port, *want in (8080, 30, 3, 100, 1, 1), (8081, 10, 72, 100, 1, 8), (8082, 10, 9, 100, 2, 3):
        equal(list(both(daemon, port, "queue", "limit", "fill", "full", "sockets").values()), want, port)


@test("a selected listener without a socket sends sockets 0 and its counters, before it comes and after it has gone")
def _():
    daemon = Collectd('LocalPort "8080"')
    gone = {"sockets": 0, "drops": 0, "overflows": 0}
    equal((daemon.read()["8080"], probe(8080)["8080"]), (gone, gone))
    server = fill(Listener(8080, backlog=3), 4)
    daemon.read()
    overflow(server, 6)
    equal(daemon.read()["8080"]["overflows"], 6)
    server.close()
    until(lambda: daemon.read()["8080"] == {"sockets": 0, "drops": 6, "overflows": 6}, "only those are sent")
    fill(Listener(8080, backlog=3), 1)
    row = daemon.read()["8080"]
    equal(set(row), GAUGES | COUNTERS)
    equal(told(row), {"queue": 1, "limit": 3, "peak": 1, "busy": 100, "fill": 25, "sockets": 1, "full": 0, "drops": 6,
                      "overflows": 6})


@test("without a listener only the namespace's values are sent, and their types are those that the probe lists")
def _():
    daemon = Collectd()
    idle = {**dict.fromkeys(NAMESPACE, 0), "somaxconn": 4096}
    equal(daemon.read(), {"": idle})
    equal(probe(), daemon.read(), "probe")
    fill(Listener(8080), 3)
    equal((daemon.read()[""], arrivals()), ({**idle, "arrivals": 3}, 3), "connections that have arrived")
    equal(daemon.names("8080"), {READINGS[name] for name in GAUGES | COUNTERS})
    equal(daemon.names(""), {READINGS[name] for name in NAMESPACE})
    equal(daemon.errors(), [])


@test("collectd -T, which reads once, exits with 0 and logs no error")
def _():
    Listener(8080)
    daemon = Collectd('LocalPort "8080"', start=False)
    daemon.start("-T")
    equal((daemon.process.wait(), daemon.errors()), (0, []))


@test("a limit that the kernel has cut to net.core.somaxconn is in one INFO line, and in another after the sysctl is "
      "raised, until the server calls listen()")
def _():
    Listener(8084, backlog=128)
    sysctl("net.core.somaxconn", 16)
    group = [Listener(port, backlog=1000, reuseport=True) for port in (8080, 8081, 8081)]
    equal([server.seen().limit for server in group], [16] * 3, "limits")
    Listener(8082, backlog=15)
    daemon = Collectd()

    def one_hint(name, somaxconn):
        daemon.await_reads(5)
        line, = daemon.said(name)
        mentions(line, "8080", "8081 (2 sockets)", somaxconn)
        for port in "8082", "8084":
            check(port not in line, f"the limit of {port} is another")
    one_hint("LB_MSG_AT_SOMAXCONN", 16)
    sysctl("net.core.somaxconn", 64)
    one_hint("LB_MSG_SOMAXCONN_RAISED", 64)
    equal(daemon.read()[""]["somaxconn"], 64)
    for server in group:
        server.listen(1000)  # the same socket with a new limit
        equal(server.seen().limit, 64)
        server.listen(32)
    one_hint("LB_MSG_AT_SOMAXCONN", 16)
    one_hint("LB_MSG_SOMAXCONN_RAISED", 64)


@test("a listener whose limit equals net.core.somaxconn is named once, whatever its server restarts, and once more when it "
      "first overflows")
def _():
    sysctl("net.core.somaxconn", 3)
    daemon = Collectd("ListeningPorts true\nListeningPaths true")
    for _ in range(4):
        servers = [Listener(8080, backlog=1000), UnixListener(b"\0app", 1000)]
        until(lambda: daemon.read().keys() >= {"8080", "@app"}, "they listen")
        for each in servers:
            each.close()
        until(lambda: "@app" not in daemon.read(), "they have gone")
    mentions(" ".join(daemon.said("LB_MSG_AT_SOMAXCONN")), "8080")
    for _ in range(2):
        server = fill(Listener(8080, backlog=1000), 4)
        overflow(server, 5)
        daemon.await_reads(3)
        server.close()
        daemon.await_reads(3)
    line, = daemon.said("LB_MSG_OVERFLOWED")
    mentions(line, "Listener 8080 ")
    equal((len(daemon.said("LB_MSG_AT_SOMAXCONN")), daemon.errors()), (1, []), "lines in a minute")


RRDTOOL = """
<Plugin rrdtool>
  DataDir "@DIR@/rrd"
  CreateFilesAsync false
  CacheTimeout 0
  StepSize 1
  HeartBeat 600
  RRARows 600
  RRATimespan 600
</Plugin>"""


@test("the RRD files of a full queue have no unknown values after the first")
def _():
    fill(Listener(8080, backlog=4), 5)
    daemon = Collectd('LocalPort "8080"', interval=1, plugins=["rrdtool"], extra=RRDTOOL)

    path = rrd_path(f"{daemon.dir}/rrd", "8080", "queue")
    until(lambda: os.path.exists(path), "there is an RRD file")

    def known():
        return [when for when, _ in rrd_fetch(path, "-600", "now")]
    first = until(known, "a value is known")[0]
    until(lambda: known()[-1] >= first + 6, "6 seconds more are known")
    for listener, reading in [("8080", name) for name in GAUGES | COUNTERS] + [("", name) for name in NAMESPACE]:
        rows = rrd_fetch(rrd_path(f"{daemon.dir}/rrd", listener, reading), first + 1, first + 5)
        check({when for when, _ in rows} >= set(range(first + 2, first + 6)), f"{listener} {reading} is known: {rows}")
        want = {"queue": 5, "limit": 4, "peak": 5, "busy": 100, "fill": 100, "sockets": 1, "full": 1,
                "somaxconn": 4096}.get(reading, 0)
        equal({value for _, value in rows}, {want}, reading)


@test("collectd and a probe that has run as long agree on every value, and the probe leaves out columns that one "
      "sample makes equal to others")
def _():
    busy, idle = Listener(8080, backlog=4), Listener(8081, backlog=6)
    Listener(8082, backlog=9, addr="::1")
    overflow_by_ack(8084, 2).close()
    sysctl("net.ipv4.tcp_syncookies", 2)  # always
    fill(idle, 2)
    ports = "8080", "8081", "8082", "8083"
    daemon = Collectd("LocalPort " + " ".join(ports))
    program = probe_process("--interval", 0.1, "--count", 100000, *ports)
    daemon.await_reads(1, 0)
    until(lambda: len(intervals(program.text())) > 2, "the probe's first samples")
    overflow(fill(busy, 5), 7)
    fill(idle, 3)
    csv, seen = daemon.read(), len(intervals(program.text()))
    until(lambda: len(intervals(program.text())) > seen + 3, "samples of the probe")
    table = tables(program.text().rpartition("# ")[0])[seen + 1]
    equal((set(table), counters(table, 8080)), ({"", *ports}, (7, 7)), "the probe's listeners and counters")
    check(table[""]["overflows_unattributed"] > 0 and table[""]["syncookies_sent"] > 0, "both are counted")
    for name in table:
        for reading in INSPECTED & set(table[name]):
            del table[name][reading]
        equal(set(csv[name]), {*table[name], *({"peak", "busy"} if csv[name].get("sockets") else ())}, f"of {name!r}")
        equal(table[name], printed({k: csv[name][k] for k in table[name]}), f"probe and CSV of {name!r}")


if __name__ == "__main__":
    main()
