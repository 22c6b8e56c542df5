#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Looks within the interval: what stands in a queue between two reads is seen,
to the last connection, and every overflow is laid on the server it met."""
import heapq
import random
import time

from lib import *


def seeded():
    """Chance, which can be had again with LB_SEED."""
    seed = int(os.environ.get("LB_SEED", time.time_ns() % 1000000))
    note(f"LB_SEED={seed}")
    return random.Random(seed)


def play(scripts):
    """Runs generators at the same time; each yields when it is to go on."""
    order = [(0, n, script) for n, script in enumerate(scripts)]
    end = time.monotonic() + 2 * DEADLINE
    while order:
        due, n, script = heapq.heappop(order)
        check(due < end, "the scripts end")
        time.sleep(max(0, due - time.monotonic()))
        with contextlib.suppress(StopIteration):
            heapq.heappush(order, (next(script), n, script))


def soon():
    return time.monotonic() + 0.02


def starved(sampler):
    return sampler.times()[1]


def looked(sampler):
    """Waits until a look has been made, from begin to end."""
    before = sampler.slept()
    until(lambda: sampler.slept() >= before + 2, "the sampler has looked")


# ------------------------------------------------------------------------ peak

class Burst:
    """So many clients in a queue for a while, and drops of others meanwhile."""

    def __init__(self, server, depth):
        self.server, self.depth, self.drops = server, depth, 0
        self.begun = time.time()
        server.connect(depth)

    def stands(self):
        return self.server.waiting() == self.depth

    def overflow(self, n):
        syn(self.server.port, times=n)
        self.drops += n

    def end(self):
        equal(self.server.waiting(), self.depth, "the queue all the while")
        self.server.hang_up()
        equal(self.server.accept(), self.depth, "clients that waited")
        self.ended = time.time()

    def rows(self, daemon, reading):
        """The readings of the intervals that it was in."""
        found = []
        for when, value in daemon.series(str(self.server.port), reading):
            if when > self.begun:
                found.append(value)
            if when >= self.ended:
                return found
        raise AssertionError("the interval in which a burst ended is written")

    def is_seen(self, daemon):
        limit = self.server.limit
        fill = max(self.rows(daemon, "fill"))
        equal({"peak": max(self.rows(daemon, "peak")),
               "full": max(self.rows(daemon, "full")), "fill": fill},
              {"peak": self.depth, "full": int(self.depth > limit),
               "fill": round(100 * self.depth / (limit + 1), 6)},
              f"{self.depth} of {limit}")


def servers(chance, count, most):
    found = []
    for port in range(8000, 8000 + count):
        limit = chance.randint(2, most)
        found.append(Listener(port, backlog=limit))
        found[-1].limit = limit
    return found


def some_depth(chance, server):
    """A queue that is full to overflowing every third time."""
    limit = server.limit
    return chance.choice((limit + 1, limit, chance.randint(1, limit)))


def long_bursts(server, daemon, chance, found, count):
    """Script: bursts apart from each other by a read at least."""
    sampler = daemon.sampler()
    while count:
        yield time.monotonic() + chance.uniform(0, 1)
        burst = Burst(server, some_depth(chance, server))
        while not burst.stands():
            yield soon()
        begun, hungry = time.monotonic(), starved(sampler)
        if burst.depth > server.limit:
            burst.overflow(chance.randint(0, 5))
        yield begun + chance.uniform(0.15, 1)
        burst.length = time.monotonic() - begun
        burst.end()
        burst.looked_at = starved(sampler) - hungry < 0.04
        found.append(burst)
        count -= burst.looked_at
        while not daemon.times()[-1] > burst.ended:
            yield soon()


@test("200 bursts of 150 ms to 1 s are in peak, to the last connection")
def _():
    chance = seeded()
    ours = servers(chance, 40, 50)
    daemon = Collectd(interval=1)
    until(daemon.times, "the first look")
    bursts = []
    play([long_bursts(server, daemon, chance, bursts, 5) for server in ours])
    table = settled(daemon)
    good = [burst for burst in bursts if burst.looked_at]
    lengths = sorted(burst.length for burst in good)
    note(f"{lengths[0]:.3f} s to {lengths[-1]:.3f} s, and "
         f"{len(bursts) - len(good)} more while the CPUs were taken")
    equal(len(good), 200)
    check(lengths[0] >= 0.15, "no burst is shorter")
    for burst in good:
        burst.is_seen(daemon)
    for server in ours:
        drops = sum(b.drops for b in bursts if b.server is server)
        equal(counters(table, server.port), (drops, drops), server.port)
        row = table[str(server.port)]
        equal({name: row[name] for name in ("queue", "peak", "busy", "fill",
                                            "full")},
              dict.fromkeys(("queue", "peak", "busy", "fill", "full"), 0),
              "an interval without a burst")


def short_burst(server, chance, sampler):
    """A burst of 5 ms; None where we or the sampler were kept from it."""
    burst = Burst(server, some_depth(chance, server))
    until(burst.stands, "the clients wait")
    slept = sampler.slept()
    hungry, begun = starved(sampler), time.monotonic()
    time.sleep(0.005)
    length = time.monotonic() - begun
    burst.looked_at = sampler.slept() - slept >= 2
    burst.end()
    check(length >= 0.005, "no burst is shorter")
    on_time = length < 0.006 and starved(sampler) - hungry < 0.001
    return burst if on_time else None


@test("with SampleInterval 0.002 bursts of 5 ms are in peak, all of them")
def _():
    chance = seeded()
    ours = servers(chance, 20, 12)
    daemon = Collectd("SampleInterval 0.002", interval=0.5)
    sampler = until(daemon.sampler, "the thread is there")
    bursts, tries = [], 0

    def round_of_bursts():
        nonlocal tries
        for server in ours:  # each is in an interval once at most
            bursts.append(short_burst(server, chance, sampler))
            tries += 1
        until(lambda: daemon.times()[-1] > time.time() - 0.05, "a read")
        return sum(map(bool, bursts)) >= 100

    until(daemon.times, "the first look")
    # On a loaded machine few of them can be kept to the time.
    until(round_of_bursts, "there were 100 bursts of 5 ms", 8 * DEADLINE)
    daemon.look()
    bursts = [burst for burst in bursts if burst]
    good = [burst for burst in bursts if burst.looked_at]
    note(f"{len(bursts)} of {tries} bursts were 5 ms long, and {len(good)} of "
         "them had a look in them from begin to end")
    # The others: it had to wait for a lock, ours or the kernel's.
    check(len(good) >= 0.9 * len(bursts), "looks come every 2 ms")
    for burst in good:
        burst.is_seen(daemon)


# --------------------------------------------------- what there is of it beside

def in_one_interval(daemon, act):
    """Acts between two reads, anew where one comes between: the looks before
    and after."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        before = daemon.times()[-1]
        until(lambda: daemon.times()[-1] > before, "a read")
        began = daemon.times()[-1]
        act()
        ended = time.time()
        until(lambda: daemon.later(ended, 2), "the row is written")
        looks = daemon.looks()
        times = [when for when, _ in looks]
        at = times.index(began)
        if times[at + 1] > ended:
            return looks[at][1], looks[at + 1][1]
        note("a read came between")
    raise AssertionError("there is no time between two reads")


@test("full counts the sockets that were full, fill is the fullest moment")
def _():
    group = [Listener(8080, backlog=9, addr=f"127.0.0.{n}")
             for n in range(1, 5)]
    daemon = Collectd('LocalPort "8080"\nSampleInterval 0.02', interval=1)
    sampler = until(daemon.sampler, "the thread is there")
    until(daemon.times, "the first look")

    *members, other = group

    def empty(member, n):
        member.hang_up()
        equal(member.accept(), n, "accepted")

    def full_in_turn():  # no two of them at once
        for member, depth in zip(members, (10, 7, 10)):
            fill(member, depth)
            looked(sampler)
            fill(other, 1)
            looked(sampler)
            empty(other, 1)
            looked(sampler)
            empty(member, depth)

    _, after = in_one_interval(daemon, full_in_turn)
    row = after["8080"]
    check(0 < row.pop("busy") < 100, "somebody waited at times")
    equal(row, {"queue": 0, "limit": 36, "peak": 11, "fill": 100,
                "sockets": 4, "full": 2, "drops": 0, "overflows": 0})


class Visits:
    """Clients that stay for a while, and stay away for a while."""

    def __init__(self, port, depth):
        self.server, self.depth = Listener(port, backlog=9), depth
        self.visits = []  # (from, not before and not after; to, the same)

    def script(self, chance, end):
        while time.time() < end:
            yield time.monotonic() + chance.uniform(0.1, 0.6)
            came = time.time()
            self.server.connect(self.depth)
            while self.server.waiting() != self.depth:
                yield soon()
            here = time.time()
            yield time.monotonic() + chance.uniform(0.1, 0.6)
            leaving = time.time()
            self.server.hang_up()
            self.server.accept()
            self.visits.append((came, here, leaving, time.time()))

    def changes(self, start, end):
        return sum(start < leaving and came < end
                   for came, _, leaving, _ in self.visits) * 2

    def seconds(self, start, end):
        """For how long somebody waited then: (at least, at most)."""
        def overlap(since, to):
            return max(0, min(to, end) - max(since, start))
        return (sum(overlap(v[1], v[2]) for v in self.visits),
                sum(overlap(v[0], v[3]) for v in self.visits))


@test("busy is the share of the looks in which somebody waited")
def _():
    chance, sample = seeded(), 0.01
    ours = [Visits(8000 + depth, depth) for depth in range(1, 7)]
    always, never = Listener(8080), Listener(8081)
    fill(always, 2)
    daemon = Collectd(f"SampleInterval {sample}", interval=1)
    sampler = until(daemon.sampler, "the thread is there")
    until(daemon.times, "the first look")
    start, hungry = time.time(), starved(sampler)
    play([each.script(chance, start + 5) for each in ours])
    end, lost = time.time(), starved(sampler) - hungry
    daemon.look()
    rows = [when for when in daemon.times() if start < when < end]
    check(len(rows) >= 4, "several intervals")
    note(f"the sampler waited {lost:.3f} s for a CPU")
    for each in ours:
        busy, shares = dict(daemon.series(str(each.server.port), "busy")), []
        for before, now in zip(rows, rows[1:]):
            percent = 100 / (now - before)
            slack = sample * (each.changes(before, now) + 2) + lost
            least, most = each.seconds(before, now)
            shares.append(f"{busy[now]:.1f} ({least * percent:.1f} to "
                          f"{most * percent:.1f}, +-{slack * percent:.1f})")
            check((least - slack) * percent <= busy[now] <=
                  (most + slack) * percent, f"{each.server.port}: {shares[-1]}")
        note(f"{each.server.port}: " + ", ".join(shares))
    for server, share, queue in (always, 100, 2), (never, 0, 0):
        for reading, want in ("busy", share), ("queue", queue), ("peak", queue):
            equal({value for _, value in
                   daemon.series(str(server.port), reading)}, {want}, reading)


# ------------------------------------------------------------------- overflows

@test("three servers that overflow in one interval have what is their own")
def _():
    first, second, third, other = ours = [
        Listener(port, backlog=4) for port in (8080, 8081, 8082, 8083)]
    daemon = Collectd("SampleInterval 0.02", interval=1)
    sampler = until(daemon.sampler, "the thread is there")
    until(daemon.times, "the first look")
    done = 0

    def floods(server, n):
        """It is full, overflows, and is scanned when it has room again."""
        fill(server, 5)
        overflow(server, n)
        looked(sampler)
        server.hang_up()
        equal(server.accept(), 5, "accepted")
        looked(sampler)
        syn(server.port, times=n + 10)

    def one_by_one():
        nonlocal done
        done += 1
        syn(8082, times=40)
        floods(first, 7)
        syn(8083, times=200)
        looked(sampler)
        floods(second, 11)
        syn(8080, times=50)
        looked(sampler)
        floods(third, 3)

    before, after = in_one_interval(daemon, one_by_one)
    for server, n in (first, 7), (second, 11), (third, 3), (other, 0):
        check(server.seen().drops > n * done, "all are scanned, too")
        equal(counters(after, server.port),
              tuple(n + count for count in counters(before, server.port)),
              f"{server.port} in the interval")
    table = settled(daemon)
    equal([counters(table, server.port) for server in ours],
          [(n * done, n * done) for n in (7, 11, 3, 0)], "in the end")
    equal(table[""]["overflows_unattributed"], 0)


# ------------------------------------------------------------------ the thread

@test("without looks within the interval there is no thread, peak is queue")
def _():
    server = Listener(8080, backlog=9)
    daemon = Collectd("SampleInterval 0", interval=1)
    until(daemon.times, "the first look")

    def unseen():
        fill(server, 6)
        server.hang_up()
        server.accept()
    _, after = in_one_interval(daemon, unseen)
    equal((after["8080"]["peak"], after["8080"]["fill"]), (0, 0))
    fill(server, 3)
    row = daemon.look()["8080"]
    equal((row["queue"], row["peak"], row["busy"], row["fill"]),
          (3, 3, 100, 30))
    equal(daemon.sampler(), None, "the thread")
    for config, interval in (None, 0.1), ("SampleInterval 0", 0.1):
        daemon = Collectd(config, interval=interval)
        daemon.look()
        equal(daemon.sampler(), None, f"the thread at {interval}")
    for config, interval in (None, 0.2), ("SampleInterval 0.1", 0.1):
        daemon = Collectd(config, interval=interval)
        daemon.look()
        check(daemon.sampler(), f"there is a thread at {interval}")


@test("collectd ends when told to, however long until the next look")
def _():
    Listener(8080)
    for config in "SampleInterval 3600", "SampleInterval 0.001":
        daemon = Collectd(config, interval=3600)
        until(daemon.sampler, "the thread is there")
        until(daemon.times, "the first look")
        equal(daemon.stop(), 0, "exit status")
        equal(daemon.errors(), [])


@test("looks that were missed while collectd stood still are never made up")
def _():
    server = Listener(8080, backlog=4)
    requests = Requests()
    daemon = Collectd("SampleInterval 0.01", interval=1, env=requests.env)
    sampler = until(daemon.sampler, "the thread is there")
    until(daemon.times, "the first look")
    daemon.process.freeze()
    until(lambda: "State:\tT" in sampler.status(), "it stands still")
    stopped, before = time.monotonic(), len(requests.states())
    fill(server, 5)
    overflow(server, 6)
    until(lambda: time.monotonic() > stopped + 3, "300 looks are due")
    equal(len(requests.states()), before, "looks until it goes on")
    thawed = time.monotonic()
    daemon.process.thaw()
    line = until(lambda: daemon.log("looks within the last interval"),
                 "it is said that looks were left out")[0]
    note(line)
    check(int(re.search(r"(\d+) of \d+ looks", line).group(1)) >= 290, line)
    table = settled(daemon)
    equal((table["8080"]["peak"], table["8080"]["overflows"]), (5, 6))
    made, passed = len(requests.states()) - before, time.monotonic() - thawed
    note(f"{made} requests in {passed:.3f} s")
    check(made < passed / 0.01 + 100, "there is no heap of them")
    equal(daemon.stop(), 0, "exit status")


if __name__ == "__main__":
    main()
