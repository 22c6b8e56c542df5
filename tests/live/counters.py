#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Drops and overflows: which packets the kernel counts, that each overflow is attributed to the listener that it met,
and that no counter ever goes back; compared with /proc/net/netstat."""
import random

from lb import *


@test("each SYN to a full queue is one drop and one overflow of its listener, over IPv4, IPv6 and a dual-stack socket")
def _():
    servers = [fill(Listener(port, backlog=4, addr=addr, v6only=v6only), 5) for port, addr, v6only in (
        (8080, "127.0.0.1", None), (8081, "::1", None), (8082, "::", 0))]
    daemon = Collectd()
    equal([counters(settled(daemon), server.port) for server in servers], [(0, 0)] * 3, "full, and nothing dropped")
    for server, n in zip(servers, (1, 103, 9)):
        overflow(server, n)
        equal(counters(settled(daemon), server.port), (n, n), server.port)
    for server in servers:
        overflow(server, 1)
    equal([counters(settled(daemon), server.port) for server in servers], [(2, 2), (104, 104), (10, 10)])


@test("a dropped final ACK is one overflow, although sk_drops moves by two")
def _():
    daemon = Collectd('LocalPort "8080"')
    daemon.read()
    server = overflow_by_ack(8080, 5)
    kernel = netstat()
    equal(counters(settled(daemon), 8080), (kernel["ListenDrops"], kernel["ListenOverflows"]))
    check(server.seen().drops >= 2 * kernel["ListenOverflows"], "sk_drops moves by two each")


@test("SYNs dropped by a full SYN queue are drops and not overflows; with SYN cookies they are cookies and overflows")
def _():
    server = Listener(8080, backlog=3, defer_accept=30)
    daemon = Collectd()
    daemon.read()
    sysctl("net.ipv4.tcp_syncookies", 0)
    dropped = drop_syns(server)
    table = settled(daemon)
    equal((counters(table, 8080), table[""]["syn_drops"]), ((dropped, 0), dropped))
    sysctl("net.ipv4.tcp_syncookies", 1)
    server.connect(10)
    until(lambda: netstat()["ListenOverflows"], "the queue overflows")
    server.hang_up()
    table = settled(daemon)
    check(table[""]["syncookies_sent"] > 0, "cookies were sent")
    equal(counters(table, 8080), (netstat()["ListenDrops"], netstat()["ListenOverflows"]))


@test("overflows before the first read are unattributed, those of a listener that is not selected are not attributed "
      "to another, and a listener that comes later has all of its own")
def _():
    early, other = fill(Listener(8080, backlog=4), 5), fill(Listener(8081, backlog=4), 5)
    overflow(early, 6)
    daemon = Collectd('LocalPort "8080" "8082"')
    daemon.read()
    overflow(other, 9)
    late = fill(Listener(8082, backlog=4), 5)
    overflow(late, 8)
    overflow(early, 3)
    table = daemon.read()
    equal((counters(table, 8080), counters(table, 8082), table[""]["overflows"], table[""]["overflows_unattributed"]),
          ((3, 3), (8, 8), 26, 6))


@test("scans, half-open health checks and accepts deferred by TCP_DEFER_ACCEPT are no drops and no overflows, alone "
      "and beside a listener that overflows")
def _():
    full, scanned, checked = (Listener(port, backlog=64) for port in (8080, 8081, 8082))
    defers = Listener(8083, backlog=64, defer_accept=30)
    full.listen(4)
    fill(full, 5)
    daemon = Collectd()
    daemon.read()
    for n in range(1, 5):  # at the same time, so that one sample sees all
        beside = n > 2
        if beside:
            overflow(full, 10)
        syn(8081, times=100)
        for balancer in "127.0.0.8", "127.0.0.9":
            syn(8082, source=balancer, sport=30000 + n)
        fill(defers, 20, data=b"x")
        if beside:
            overflow(full, 1)
        equal(defers.accept(), 20, "accepted")
        defers.hang_up()
        until(lambda: scanned.seen().drops >= 100 * n and checked.seen().drops >= 2 * n and
              defers.seen().drops >= 20 * n, "sk_drops moves")
        overflows = 11 * max(0, n - 2)
        table = settled(daemon)
        equal([counters(table, server.port) for server in (full, scanned, checked, defers)],
              [(overflows, overflows), (0, 0), (0, 0), (0, 0)])


def while_sampled(act):
    """The tables of a probe that takes samples without a pause while act repeats."""
    program = probe_process("--interval", "0.005", "--count", "200", "8080", "8081")
    until(lambda: len(intervals(program.text())) > 2, "the first samples")
    while program.running():
        act()
    return tables(program.text())


@test("at whatever moment a sample is taken, the only full listener has every overflow, and a scanned one beside it "
      "none")
def _():
    full, scanned = fill(Listener(8080, backlog=4), 5), Listener(8081, backlog=4)
    wrong = [table for table in while_sampled(lambda: syn(8080, times=20))
             if counters(table, 8080) != counters(table, "") or table[""]["overflows_unattributed"]]
    equal(wrong[:1], [], "the first sample with an overflow that nobody has")
    table = while_sampled(lambda: (syn(8081, times=20), syn(8080, times=20)))[-1]
    note(f"{scanned.seen()}, {full.seen()}")
    equal(counters(table, 8081), (0, 0), "drops and overflows of the scanned listener")


@test("what was attributed to a listener stays when members of its SO_REUSEPORT group close and when the server "
      "restarts")
def _():
    daemon = Collectd('LocalPort "8080"')
    daemon.read()
    for total in 10, 20, 30:
        group = [Listener(8080, backlog=4, reuseport=True) for _ in range(8)]
        group[0].steer()
        overflow(fill(group[0], 5), 6)
        daemon.read()
        group.pop(0).close()  # the kernel moves the last member to its place
        overflow(fill(group[-1], 5), 4)
        table = settled(daemon)
        equal((counters(table, 8080), table[""]["overflows_unattributed"]), ((total, total), 0))
        for member in group:
            member.close()
    until(lambda: daemon.read()["8080"] == {"sockets": 0, "drops": 30, "overflows": 30}, "only those are sent")


@test("while members of overloaded SO_REUSEPORT groups come and go, every overflow has one place in every read")
def _():
    random.seed(1)
    daemon = Collectd('LocalPort "8080" "8081"', interval=0.05)
    daemon.read()
    groups = {port: [Listener(port, backlog=2, reuseport=True) for _ in range(4)] for port in (8080, 8081)}
    crowd = Crowd(8080, 8081)

    def turn():
        group = groups[random.choice((8080, 8081))]
        if len(group) < 6 and random.random() < 0.5:
            group.append(Listener(group[0].port, backlog=2, reuseport=True))
        elif len(group) > 1:
            group.pop(random.randrange(len(group))).close()
        random.choice(group).accept()
        return netstat()["ListenOverflows"] > 300 and len(daemon.times()) > 50
    until(turn, "there are 300 overflows in 50 reads")
    crowd.stop()
    table = quiet(daemon)
    note(f"{never_back(daemon)} reads, {table}")
    check(counters(table, 8080)[1] + counters(table, 8081)[1] > table[""]["overflows_unattributed"],
          "most overflows have an owner")


if __name__ == "__main__":
    main()
