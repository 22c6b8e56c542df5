#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures what a sample of the listening sockets costs: the plugin's, the
floor (the bare dump), and those of other tools, in turns on the same sockets.
Then measures what the plugin costs collectd, and compares it with the goals.

usage: bench.py [TURNS], in a network namespace of its own: make bench
bench.py quick: on few sockets, and otherwise only what is counted, not timed;
fails if a sample or a read allocates."""
import atexit
import os
import sys
import time

from contenders import Held, NodeExporter, contenders
from lb.basics import clean_up
from whole import allocations, daemon_percent, instructions, memory, profile

LISTENERS = 1, 10, 1000, 10000
CONNECTIONS = 0, 10000, 100000
ROUNDS = 3  # through the whole table
QUICK = (1, 10), (0, 100)
verdicts = []


def goal(met, what, why=""):
    """met: None if it could not be judged; why: some lines of a profile."""
    verdicts.append(({True: "met", False: "MISSED", None: "open"}[met], what,
                     why))


class Table:
    """The cost of a sample: {(contender, listeners, connections): [us]}."""

    def __init__(self, listeners, connections):
        self.listeners, self.connections = listeners, connections
        everybody = contenders()
        self.names = [each.name for each in everybody]
        self.present = [each for each in everybody if each.there()]
        self.missing = [each for each in everybody if each not in self.present]
        self.costs = {}

    def measure(self, listeners, connections, turns):
        """Turns of everybody on sockets that are held."""
        if sys.stderr.isatty():
            print(f"{listeners:9} {connections:11} ...", end="\r",
                  file=sys.stderr)
        for each in self.present:
            each.begin()
        for _ in range(turns):
            for each in self.present:
                self.costs.setdefault((each.name, listeners, connections),
                                      []).append(each.turn())
        for each in self.present:
            each.end()

    def round(self, turns):
        own = any(isinstance(each, NodeExporter) for each in self.present)
        held = []
        for before, connections in zip((0, *self.connections),
                                       self.connections):
            held.append(Held(0, connections - before))
            for listeners in self.listeners:
                with Held(listeners - own, 0):
                    self.measure(listeners, connections, turns)
        for each in held:
            each.__exit__()

    def cost(self, name, *cell):
        """The least: whatever else a machine does, also others on the same
        hardware, only adds to it. None where there is none."""
        return min(self.costs.get((name, *cell), ()), default=None)

    def times(self, name, than, *cell):
        """How many times as dear as another; None where one is missing."""
        dear, cheap = self.cost(name, *cell), self.cost(than, *cell)
        return dear and cheap and dear / cheap

    def show(self):
        print(f"{'listeners':>9} {'connections':>11}" +
              "".join(f" {name:>10}" for name in self.names) +
              f" {'sample/floor':>12}")
        for cell in [(a, b) for b in self.connections
                     for a in self.listeners]:
            row = [self.cost(name, *cell) for name in self.names]
            print(f"{cell[0]:9} {cell[1]:11}" +
                  "".join(f" {us:10.1f}" if us else f" {'missing':>10}"
                          for us in row) +
                  f" {self.times('sample', 'floor', *cell):12.2f}")
        print("read, tcpconns: a collectd with this plugin alone, per "
              "interval\ntcpstat: node_exporter with this collector alone, "
              "per scrape")
        for each in self.missing:
            print(f"{each.name} is missing: apt-get install {each.package}")


def judge_floor(table):
    for listeners in 1, 10, 10000:
        worst = max(table.times("sample", "floor", listeners, connections)
                    for connections in CONNECTIONS)
        goal(worst <= 1.15,
             f"sample, {listeners} listeners: <= 1.15 x floor: {worst:.2f}",
             "" if worst <= 1.15 else profile(listeners))


def change(table, name, listeners):
    """The greatest one from no connections to some."""
    without = table.cost(name, listeners, 0)
    return max((table.cost(name, listeners, connections) / without - 1
                for connections in CONNECTIONS), key=abs)


def judge_flat(table):
    for listeners in LISTENERS:
        ours = change(table, "sample", listeners)
        goal(abs(ours) <= 0.05,
             f"sample, {listeners} listeners: the same within 5 % up to "
             f"{CONNECTIONS[-1]} connections: {100 * ours:+.1f} %, the floor "
             f"{100 * change(table, 'floor', listeners):+.1f} %")


def judge_peers(table):
    for name, least in ("tcpconns", 1000), ("raindrops", 500):
        for listeners in 1, 10:
            times = table.times(name, "sample", listeners, CONNECTIONS[-1])
            goal(times and times >= least,  # None: it is missing
                 f"sample, {listeners} listeners, {CONNECTIONS[-1]} "
                 f"connections: "
                 f">= {least} x cheaper than {name}: " +
                 (f"{times:.0f}" if times else "missing"))


def show_verdicts():
    print("\ngoals")
    for verdict, what, why in verdicts:
        print(f"{verdict:6} {what}")
        if why:
            print(why)


def load():
    with open("/proc/loadavg") as file:
        return " ".join(file.read().split()[:3])


def compare(table, turns):
    rounds = min(ROUNDS, turns)
    print(f"CPU microseconds (user + system) of a sample, minimum of "
          f"{turns // rounds * rounds} turns")
    for _ in range(rounds):
        table.round(turns // rounds)
    table.show()


def judge_all(turns):
    table = Table(LISTENERS, CONNECTIONS)
    compare(table, turns)
    judge_floor(table)
    judge_flat(table)
    judge_peers(table)
    for judge in allocations, memory, daemon_percent, instructions:
        print()
        judge(goal)
    show_verdicts()


def main():
    atexit.register(clean_up)
    sys.stdout.reconfigure(line_buffering=True)
    print(f"{time.strftime('%F')}, Linux {os.uname().release}, "
          f"{os.cpu_count()} processors, load average before: {load()}")
    if sys.argv[1:] == ["quick"]:
        compare(Table(*QUICK), 1)
        print()
        allocated = allocations(goal)
        print()
        instructions(goal)
        show_verdicts()
        sys.exit(allocated > 0)
    judge_all(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
    print(f"load average after: {load()}")


main()
