#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Samples within the interval: whatever a sample finds in a queue is in peak, fill, full and busy, to the last
connection, and each overflow between two reads is attributed to the listener that it met."""
import os
import random
import time

from lb import *


def in_one_interval(config, act):
    """act(sampled), where sampled() waits for a sample, between two reads of a new collectd: the values of the reads
    before and after it. If a read comes meanwhile: once more, with a longer interval."""
    for interval in 1, 2, 4, 8, 16, 32:
        faults = Faults()
        daemon = Collectd(config, interval=interval, env=faults.env)
        daemon.await_reads(1)
        began = daemon.times()[-1]
        act(faults.sampled)
        ended = time.time()
        daemon.await_reads(2, ended)
        reads = daemon.reads()
        at = [when for when, _ in reads].index(began)
        if reads[at + 1][0] > ended:
            return reads[at][1], reads[at + 1][1]
        note(f"a read came within {interval} s")
        daemon.stop()
    raise AssertionError("no interval is long enough")


@test("each of 240 bursts that a sample finds is in peak, fill and full to the last connection, and its drops are "
      "exact")
def _():
    chance = random.Random(seed := int(os.environ.get("LB_SEED", time.time_ns() % 1000000)))
    note(f"LB_SEED={seed}")
    servers = {str(port): Listener(port, backlog=chance.randint(2, 50)) for port in range(8000, 8020)}
    servers |= {f"@{name}": UnixListener(b"\0" + name.encode(), chance.randint(2, 50)) for name in "abcd"}
    faults = Faults()
    daemon = Collectd("ListeningPorts true\nListeningPaths true\nSampleInterval 0.02", interval=0.5, env=faults.env)
    drops = dict.fromkeys(servers, 0)
    for _ in range(10):
        daemon.await_reads(1)
        began = time.time()
        depths = {label: chance.choice((server.limit + 1, server.limit, chance.randint(1, server.limit)))
                  for label, server in servers.items()}
        for label, server in servers.items():
            server.connect(depths[label])
            until(lambda: server.waiting() == depths[label], "the clients wait")
        faults.sampled()
        for label, server in servers.items():
            if depths[label] > server.limit and isinstance(server, Listener):
                syn(server.port, times=(dropped := chance.randint(0, 5)))
                drops[label] += dropped
                faults.sampled()  # one sample cannot tell the drops of two full listeners apart
            server.hang_up()
            equal(server.accept(), depths[label], "connections that waited")
        ended = time.time()
        daemon.await_reads(3, ended)
        reads = []
        for when, table in daemon.reads():
            if when > began:
                reads.append(table)
            if when >= ended:
                break
        for label, server in servers.items():
            equal({name: max(table[label][name] for table in reads) for name in ("peak", "full", "fill")},
                  {"peak": depths[label], "full": int(depths[label] > server.limit),
                   "fill": round(100 * depths[label] / (server.limit + 1), 6)}, f"{label}, limit {server.limit}")
    table = settled(daemon)
    for label in servers:
        equal(part(table, label, "queue", "peak", "busy", "fill", "full"),
              dict.fromkeys(("queue", "peak", "busy", "fill", "full"), 0), f"{label} in an interval without a burst")
        if label[0] != "@":
            equal(counters(table, label), (drops[label], drops[label]), label)


@test("full counts the sockets that were full at any sample, fill is the fullest moment, and busy the share of the "
      "samples")
def _():
    *members, other = [Listener(8080, backlog=9, addr=f"127.0.0.{n}") for n in range(1, 5)]
    fill(Listener(8081, backlog=9), 2)
    Listener(8082)

    def full_in_turn(sampled):
        for member, depth in zip(members, (10, 7, 10)):
            fill(member, depth)
            sampled()
            fill(other, 1)
            sampled()
            for each in other, member:
                each.hang_up()
                each.accept()
            sampled()
    _, after = in_one_interval("SampleInterval 0.02", full_in_turn)
    check(0 < after["8080"].pop("busy") < 100, "connections waited in some samples")
    equal(told(after["8080"]), {"queue": 0, "limit": 36, "peak": 11, "fill": 100, "sockets": 4, "full": 2, "drops": 0,
                                "overflows": 0})
    equal([after[port]["busy"] for port in ("8081", "8082")], [100, 0], "busy of a queue never and always empty")


@test("three listeners that overflow one after the other in one interval, and are scanned, have each what is its own")
def _():
    first, second, third, other = ours = [Listener(port, backlog=4) for port in (8080, 8081, 8082, 8083)]

    def floods(server, n, sampled):
        """It is full, overflows, and is scanned when it has room again."""
        fill(server, 5)
        overflow(server, n)
        sampled()
        server.hang_up()
        server.accept()
        sampled()
        syn(server.port, times=n + 10)

    def one_by_one(sampled):
        syn(8082, times=40)
        floods(first, 7, sampled)
        syn(8083, times=200)
        sampled()
        floods(second, 11, sampled)
        syn(8080, times=50)
        sampled()
        floods(third, 3, sampled)
    before, after = in_one_interval("SampleInterval 0.02", one_by_one)
    for server, n in (first, 7), (second, 11), (third, 3), (other, 0):
        check(server.seen().drops > n, "all are scanned, too")
        equal((counters(before, server.port), counters(after, server.port)), ((0, 0), (n, n)), server.port)


@test("with SampleInterval 0, and by default from an interval of 0.1 s down, there is no thread, and peak is queue")
def _():
    server = Listener(8080, backlog=9)
    for config, interval, thread in ("SampleInterval 0", 1, False), (None, 0.1, False), (None, 0.2, True), (
            "SampleInterval 0.1", 0.1, True):
        daemon = Collectd(config, interval=interval)
        daemon.read()
        equal(bool(daemon.sampler()), thread, f"a thread with {config} at {interval} s")
        daemon.stop()

    def unseen(_):
        fill(server, 6)
        server.hang_up()
        server.accept()
    _, after = in_one_interval("SampleInterval 0", unseen)
    equal(part(after, 8080, "peak", "fill"), {"peak": 0, "fill": 0})
    fill(server, 3)
    equal(part(Collectd("SampleInterval 0").read(), 8080, "queue", "peak", "busy", "fill"),
          {"queue": 3, "peak": 3, "busy": 100, "fill": 30})


@test("collectd ends at once when it is told to, whether the next sample is due in an hour or in a millisecond")
def _():
    Listener(8080)
    for config in "SampleInterval 3600", "SampleInterval 0.001":
        daemon = Collectd(config, interval=3600)
        until(daemon.sampler, "the thread is there")
        daemon.await_reads(1, 0)
        equal((daemon.stop(), daemon.errors()), (0, []), "exit status and errors")


@test("samples that were due while collectd was stopped are counted as missed in the log, and never made up")
def _():
    server = Listener(8080, backlog=4)
    faults = Faults()
    daemon = Collectd("SampleInterval 0.01", interval=1, env=faults.env)
    sampler = until(daemon.sampler, "the thread is there")
    daemon.await_reads(1, 0)
    daemon.process.freeze()
    until(lambda: "State:\tT" in sampler.status(), "collectd is stopped")
    stopped, before = time.monotonic(), len(faults.requests())
    overflow(fill(server, 5), 6)
    until(lambda: time.monotonic() > stopped + 3, "300 samples are due")
    equal(len(faults.requests()), before, "samples until it goes on")
    thawed = time.monotonic()
    daemon.process.thaw()
    line = until(lambda: daemon.said("LB_MSG_SAMPLES_MISSED"), "missed samples are in the log")[0]
    note(line)
    check(int(matches(line, "LB_MSG_SAMPLES_MISSED").group(1)) >= 290, line)
    equal(part(settled(daemon), 8080, "peak", "overflows"), {"peak": 5, "overflows": 6})
    made, passed = len(faults.requests()) - before, time.monotonic() - thawed
    note(f"{made} requests in {passed:.3f} s")
    check(made < passed / 0.01 + 100, "no samples are made up")
    equal(daemon.stop(), 0, "exit status")


if __name__ == "__main__":
    main()
