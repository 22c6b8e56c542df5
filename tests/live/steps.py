#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Time stamps: whatever the phase at which collectd starts, and however late its reads are, each interval has one stamp,
a multiple of the interval, and RRD files with the interval as step hold exactly the values that were sent."""
import random
import time

from lb import *
from lb.stores import rrd_fetch, rrd_path

RRDTOOL = """
<Plugin rrdtool>
  DataDir "@DIR@/rrd"
  CacheTimeout 0
  RRARows 600
  RRATimespan 600
</Plugin>"""
DRAWN = "queue", "peak", "fill", "busy"
# A plugin that keeps collectd's only read thread for as long as a file says.
SLEEPER = """
<Plugin python>
  ModulePath "@DIR@"
  Import "sleeper"
</Plugin>"""


class Stepped(Collectd):
    """Writes CSV and RRD files of port 8080."""

    def __init__(self, interval, plugins=(), extra="", **options):
        super().__init__('LocalPort "8080"', plugins=("rrdtool", *plugins), extra=RRDTOOL + extra, interval=interval, **options)

    def sent(self, reading):
        return dict(self.series("8080", reading)[:-1])

    def stored(self, reading):
        return dict(rrd_fetch(rrd_path(f"{self.dir}/rrd", "8080", reading), "-600", "now"))

    def check(self, gap=1):
        """Each stamp is a multiple, gap intervals after the one before at most, and has its own value in the file. RRD
        drops a value that comes later than its heartbeat, which is two intervals."""
        for reading in DRAWN:
            sent = self.sent(reading)
            times = sorted(sent)
            steps = {later - earlier for earlier, later in zip(times, times[1:])}
            equal({when % self.interval for when in times}, {0}, "offsets of the stamps from multiples")
            check(min(steps) >= self.interval and max(steps) <= gap * self.interval, f"steps {steps}")

            want = {later: sent[later] for earlier, later in zip(times, times[1:])
                    if later - earlier <= 2 * self.interval}

            def kept():
                stored = self.stored(reading)
                return {when: stored.get(when) for when in want}
            until(lambda: None not in kept().values(), "all values are in the file")
            equal(printed(kept()), printed(want), reading)
        check(any(len(set(self.sent(reading).values())) > 1 for reading in DRAWN), "values change")
        equal((self.errors(), [line for line in self.log("uc_update")]), ([], []), "errors")


def crowd(server, daemons, reads):
    """Bursts of random height until each daemon has taken this many reads more."""
    wanted = {daemon: len(daemon.times()) + reads + 1 for daemon in daemons}
    while any(len(daemon.times()) < wanted[daemon] for daemon in daemons):
        check(all(daemon.running() for daemon in daemons), "collectd runs")
        server.connect(n := random.randint(0, server.limit + 1))
        until(lambda: server.waiting() == n, "the clients wait")
        time.sleep(random.random() / 2)  # the height lasts for a while
        server.hang_up()
        server.accept()


def starts_at(phase, interval, **options):
    """A daemon that starts at this part of the interval."""
    until(lambda: abs(time.time() / interval % 1 - phase) < 0.05, "the phase has come")
    return Stepped(interval, **options)


@test("started at any phase, collectd has the values of each interval in the RRD files, at intervals of 1, 2 and 10 s")
def _():
    server = Listener(8080, backlog=4)
    daemons = [starts_at(phase, interval) for interval, phase in
               ((10, .5), (10, .9), (2, .25), (2, .5), (1, .1), (1, .3), (1, .5), (1, .7), (1, .95))]
    crowd(server, daemons, 4)
    for daemon in daemons:
        daemon.check()


def sleeper(daemon, seconds):
    write(f"{daemon.dir}/seconds", str(seconds))


def with_sleeper(interval):
    daemon = Stepped(interval, plugins=["python"], extra=SLEEPER, start=False)
    write(f"{daemon.dir}/sleeper.py", f"""
import collectd, time
collectd.register_read(lambda: time.sleep(float(open("{daemon.dir}/seconds").read())), {interval})
""")
    sleeper(daemon, 0)
    daemon.start()
    return daemon


@test("a plugin that keeps the only read thread for a part of the interval, or for several, delays no stamp")
def _():
    server = Listener(8080, backlog=4)
    daemons = [with_sleeper(1) for _ in range(5)]
    crowd(server, daemons, 2)
    for daemon, seconds in zip(daemons, (.2, .5, .7, 1.3, 2.4)):
        sleeper(daemon, seconds)
    crowd(server, daemons, 5)
    for daemon in daemons:
        sleeper(daemon, 0)
    crowd(server, daemons, 4)
    for daemon in daemons:
        daemon.check(gap=6)
        times = daemon.times()[-4:]
        equal(times, [times[0] + i for i in range(4)], "the last stamps")


@test("after SIGSTOP and SIGCONT the reads are at multiples again, and only intervals without a read have no value of "
      "their own")
def _():
    server = Listener(8080, backlog=4)
    daemons = [Stepped(1) for _ in range(3)]
    for pause in .7, 1.5, 1.95:
        crowd(server, daemons, 2)
        for daemon in daemons:
            daemon.process.freeze()
        stopped = time.time()
        until(lambda: time.time() > stopped + pause, "the pause is over")
        for daemon in daemons:
            daemon.process.thaw()
    crowd(server, daemons, 4)
    for daemon in daemons:
        daemon.check(gap=3)
        times = daemon.times()[-4:]
        equal(times, [times[0] + i for i in range(4)], "the last stamps")


@test("collectd that is started again within the interval sends no stamp twice")
def _():
    server = Listener(8080, backlog=4)
    daemon = Stepped(2)
    for _ in range(3):
        daemon.await_reads(1)
        daemon.stop()
        daemon.start()
    crowd(server, [daemon], 2)
    times = daemon.times()
    equal(len(times), len(set(times)), "stamps")
    equal(daemon.errors(), [])


if __name__ == "__main__":
    main()
