#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Drops and overflows: honest shares of what the kernel counts, that never go
back and lose nothing, held against /proc/net/netstat."""
import os
import random
import time

from lib import *


@test("SYNs that meet a full queue are its drops and overflows, exactly")
def _():
    server = Listener(8080, backlog=4)
    daemon = Collectd()
    fill(server, 5)
    equal(counters(settled(daemon), 8080), (0, 0), "full, nobody dropped")
    for total in 1, 4, 104:
        overflow(server, total - netstat()["ListenOverflows"])
        equal(counters(settled(daemon), 8080), (total, total))


@test("the same over IPv6 and on a dual-stack socket")
def _():
    servers = (Listener(8080, backlog=4, addr="::1"),
               Listener(8081, backlog=4, addr="::", v6only=0))
    daemon = Collectd()
    daemon.look()
    for server, n in zip(servers, (7, 9)):
        fill(server, 5)
        overflow(server, n)
        table = settled(daemon)
    equal(counters(table, 8080), (7, 7))
    equal(counters(table, 8081), (9, 9))


@test("a dropped final ACK is one overflow, although sk_drops moves by two")
def _():
    daemon = Collectd('LocalPort "8080"')
    daemon.look()
    server = overflow_by_ack(8080, 5)
    table = settled(daemon)
    kernel = netstat()
    equal(counters(table, 8080),
          (kernel["ListenDrops"], kernel["ListenOverflows"]))
    equal(table[""]["overflows_unattributed"], 0)
    check(server.seen().drops >= 2 * kernel["ListenOverflows"],
          "sk_drops moved by two each")


@test("SYNs that meet a full SYN queue are drops and no overflows")
def _():
    sysctl("net.ipv4.tcp_syncookies", 0)
    server = Listener(8080, backlog=3, defer_accept=30)
    daemon = Collectd()
    daemon.look()
    late = server.connect(10)
    dropped = until(lambda: netstat()["TCPReqQFullDrop"], "SYNs are dropped")
    for each in late:
        reset(each)
    server.clients.clear()
    table = settled(daemon)
    equal(counters(table, 8080), (dropped, 0))
    equal(table[""]["syn_drops"], dropped)


@test("SYN cookies are counted, and the overflows behind them")
def _():
    server = Listener(8080, backlog=3, defer_accept=30)
    daemon = Collectd()
    daemon.look()
    server.connect(10)
    until(lambda: netstat()["ListenOverflows"], "the queue overflows")
    server.hang_up()
    table = settled(daemon)
    check(table[""]["syncookies_sent"] > 0, "cookies were sent")
    equal(counters(table, 8080),
          (netstat()["ListenDrops"], netstat()["ListenOverflows"]))


@test("what happened before the first look is unattributed")
def _():
    server = Listener(8080, backlog=4)
    fill(server, 5)
    overflow(server, 6)
    daemon = Collectd()
    table = settled(daemon)
    equal(counters(table, 8080), (0, 0))
    equal(table[""]["overflows_unattributed"], 6)
    overflow(server, 3)
    table = settled(daemon)
    equal(counters(table, 8080), (3, 3))
    equal(table[""]["overflows_unattributed"], 6)


@test("a server that came after the first look has all its overflows")
def _():
    daemon = Collectd('LocalPort "8080"')
    daemon.look()
    server = Listener(8080, backlog=4)
    fill(server, 5)
    overflow(server, 8)
    table = settled(daemon)
    equal(counters(table, 8080), (8, 8))
    equal(table[""]["overflows_unattributed"], 0)


@test("overflows of a server nobody asked about are not laid on another")
def _():
    mine, other = Listener(8080, backlog=4), Listener(8081, backlog=4)
    fill(mine, 5)
    fill(other, 5)
    daemon = Collectd('LocalPort "8080"')
    daemon.look()
    overflow(other, 9)
    table = daemon.look()
    equal(counters(table, 8080), (0, 0))
    equal((table[""]["overflows"], table[""]["overflows_unattributed"]),
          (9, 0), "the namespace")


@test("a SYN scan is 0 drops and 0 overflows")
def _():
    servers = [Listener(port, backlog=4) for port in (8080, 8081, 8082)]
    fill(servers[2], 5)
    daemon = Collectd()
    daemon.look()
    for server in servers[:2]:
        syn(server.port, times=200)
    until(lambda: all(s.seen().drops >= 200 for s in servers[:2]),
          "sk_drops move")
    table = settled(daemon)
    for server in servers:
        equal(counters(table, server.port), (0, 0), server.port)


@test("half-open health checks are 0 drops and 0 overflows")
def _():
    server = Listener(8080, backlog=4)
    daemon = Collectd()
    daemon.look()
    for n in range(1, 6):
        for balancer in "127.0.0.8", "127.0.0.9":
            syn(8080, source=balancer, sport=30000 + n)
        until(lambda: server.seen().drops == 2 * n, "sk_drops moves")
        equal(counters(settled(daemon), 8080), (0, 0))


@test("a TCP_DEFER_ACCEPT server under load is 0 drops and 0 overflows")
def _():
    server = Listener(8080, backlog=64, defer_accept=30)
    daemon = Collectd()
    daemon.look()
    for n in range(1, 6):
        fill(server, 20, data=b"x")
        equal(server.accept(), 20, "accepted")
        server.hang_up()
        check(server.seen().drops >= 20 * n, "sk_drops moves")
        equal(counters(settled(daemon), 8080), (0, 0))


@test("a full server overflows, a scanned and a deferring one do not")
def _():
    full, scanned = Listener(8080, backlog=4), Listener(8081, backlog=64)
    defers = Listener(8082, backlog=64, defer_accept=30)
    fill(full, 5)
    daemon = Collectd()
    daemon.look()
    for n in range(1, 4):  # all at once, so that looks see them together
        overflow(full, 10)
        syn(8081, times=100)
        fill(defers, 20, data=b"x")
        overflow(full, 1)
        defers.accept()
        table = settled(daemon)
        equal(counters(table, 8080), (11 * n, 11 * n))
        equal(counters(table, 8081), (0, 0))
        equal(counters(table, 8082), (0, 0))


def while_probed(act):
    """The looks of a probe that looks all the time while act repeats."""
    program = Process([os.environ["LB_PROBE"], "--interval", "0.005",
                       "--count", "200", "8080", "8081"])
    until(lambda: "# look 2" in program.text(), "the first looks")
    while program.popen.poll() is None:
        act()
    return tables(program.text())


@test("however looks fall, the one culprit has every overflow")
def _():
    server = Listener(8080, backlog=4)
    fill(server, 5)
    shares = [(counters(table, 8080), counters(table, ""),
               table[""]["overflows_unattributed"])
              for table in while_probed(lambda: syn(8080, times=20))]
    note(f"{len(shares)} looks, {shares[-1]}")
    wrong = [share for share in shares if (share[0], 0) != share[1:]]
    equal(len(wrong), 0, f"looks that blame nobody, first {wrong[:1]}")


@test("however looks fall, a scan gets nothing of an overload beside it")
def _():
    full, scanned = Listener(8080, backlog=4), Listener(8081, backlog=64)
    fill(full, 5)
    shares = [counters(table, 8081) for table in while_probed(
        lambda: (syn(8081, times=20), syn(8080, times=20)))]
    wrong = sum(a != b for a, b in zip(shares, shares[1:]))
    note(f"{wrong} looks of {len(shares)}, {scanned.seen()}, {full.seen()}")
    equal(shares[-1], (0, 0), "drops and overflows of the scanned server")


@test("one full member of 8 has the overflows of the group")
def _():
    group = [Listener(8080, backlog=4, reuseport=True) for _ in range(8)]
    group[0].steer()
    fill(group[0], 5)
    daemon = Collectd()
    daemon.look()
    overflow(group[0], 12)
    equal(counters(settled(daemon), 8080), (12, 12))


@test("restarts, and members that go, take nothing along that was seen")
def _():
    daemon = Collectd('LocalPort "8080"')
    daemon.look()
    for total in 10, 20, 30:
        group = [Listener(8080, backlog=4, reuseport=True) for _ in range(3)]
        group[0].steer()
        fill(group[0], 5)
        overflow(group[0], 6)
        daemon.look()
        group.pop(0).close()  # the last member takes its place
        busy = group[-1]
        fill(busy, 5)
        overflow(busy, 4)
        table = settled(daemon)
        equal(counters(table, 8080), (total, total))
        equal(table[""]["overflows_unattributed"], 0)
        for member in group:
            member.close()
    until(lambda: daemon.look()["8080"] ==
          {"sockets": 0, "drops": 30, "overflows": 30}, "only those are sent")


@test("the sum is the kernel's through three restarts of a busy server")
def _():
    daemon = Collectd('LocalPort "8080"', interval=0.05)
    daemon.look()
    crowd = Crowd(8080)
    for _ in range(3):
        server = Listener(8080, backlog=4)
        goal = netstat()["ListenOverflows"] + 40
        until(lambda: netstat()["ListenOverflows"] > goal, "it overflows")
        server.close()
        until(lambda: daemon.look()["8080"]["sockets"] == 0, "it is gone")
    server = Listener(8080, backlog=4)
    goal = netstat()["ListenOverflows"] + 40
    until(lambda: netstat()["ListenOverflows"] > goal, "it overflows")
    crowd.stop()
    table = quiet(daemon)
    looks = never_back(daemon)
    note(f"{looks} looks, {table['']}, {table['8080']}")
    check(looks > 20, "enough looks")
    check(table["8080"]["overflows"] > table[""]["overflows_unattributed"],
          "most overflows have an owner")


@test("the sum is the kernel's while members of busy groups come and go")
def _():
    random.seed(1)
    daemon = Collectd('LocalPort "8080" "8081"', interval=0.05)
    daemon.look()
    groups = {port: [Listener(port, backlog=2, reuseport=True)
                     for _ in range(4)] for port in (8080, 8081)}
    crowd = Crowd(8080, 8081)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        group = groups[random.choice((8080, 8081))]
        if random.random() < 0.5:
            group.append(Listener(group[0].port, backlog=2, reuseport=True))
        elif len(group) > 1:
            group.pop(random.randrange(len(group))).close()
        random.choice(group).accept()
        time.sleep(0.02)
    crowd.stop()
    table = quiet(daemon)
    looks = never_back(daemon)
    note(f"{looks} looks, {table['']}, {table['8080']}, {table['8081']}")
    check(table[""]["overflows"] > 100, "there were overflows")
    check(looks > 20, "enough looks")


@test("the probe counts from its first look on")
def _():
    server = Listener(8080, backlog=4)
    fill(server, 5)
    overflow(server, 6)
    program = Process([os.environ["LB_PROBE"], "--interval", "0.05",
                       "--count", "1000", "8080"])

    def looks():
        return tables(program.text())[:-1]
    until(looks, "the first look")
    overflow(server, 5)
    table = until(lambda: looks()[-1] if looks()[-1]["8080"]["overflows"]
                  else None, "the probe shows overflows")
    equal(counters(table, 8080), (5, 5))
    equal(program.stop(), 0, "exit status when told to end")


if __name__ == "__main__":
    main()
