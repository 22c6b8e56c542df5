#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the plugin costs in the real collectd, in percent of one CPU: the
plugin's own thread, and the whole daemon, which does nothing else.

usage: bench_daemon.py, in a network namespace of its own; see bench.sh"""
import atexit
import subprocess
import sys

import lib
from lib import *

HOLD = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "hold_sockets.py")


class Held:
    """Sockets of other processes, for as long as it is open."""

    def __init__(self, *numbers):
        self.process = subprocess.Popen(
            [sys.executable, HOLD, *map(str, numbers)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        equal(self.process.stdout.readline(), "ready\n", "hold_sockets.py")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()


def cpu_s(found):
    return sum(thread.times()[0] for thread in found)


def percent(daemon, intervals, port):
    """CPU time from one read to another: (the thread, the daemon). With
    InspectQueue only reads with a walk count, so that none is half paid."""
    def read():
        def count():
            return len(daemon.series(port, "syn") if port else daemon.times())
        seen = count()
        until(lambda: count() > seen, "a read", 3600)
        sampler = daemon.sampler()
        return (time.monotonic(), cpu_s([sampler] if sampler else []),
                cpu_s(threads(daemon.process.popen.pid)))
    read()
    start = read()
    for _ in range(intervals):
        end = read()
    return tuple(100 * (b - a) / (end[0] - start[0])
                 for a, b in zip(start[1:], end[1:]))


def measure(what, goal, config, interval, intervals, port=None):
    daemon = Collectd(config, interval=interval)
    thread, whole = percent(daemon, intervals, port)
    equal(daemon.errors(), [])
    print(f"{what:44} {thread:10.3f} {whole:10.3f} {goal:8g}", flush=True)
    for line in daemon.log("Looking at the waiting connections"):
        note(line)
    daemon.stop()


def main():
    atexit.register(lib._clean_up)
    print("collectd, percent of a CPU")
    print(f"{'':44} {'the thread':>10} {'collectd':>10} {'goal':>8}")
    with Held(10, 0):
        measure("10 listeners, 10 looks a second", 0.1, None, 10, 1)
        measure("10 listeners, 1000 looks a second", 10,
                "SampleInterval 0.001", 5, 1)
    inspect = "InspectQueue true\nSampleInterval 0"
    with Held(10, 100000, 80):
        Listener(8080)
        measure("InspectQueue, 100000 connections of others", 1,
                inspect + '\nLocalPort "8080"', 10, 2, "8080")
        Service(80, "127.2.1.1").connect()
        measure("the same, of the port where a client waits", 1, inspect, 10,
                5, "80")


main()
