# SPDX-License-Identifier: MIT
"""Hosts on which samples or inspections would take more than 1 % of a CPU: what
they cost without and with the limit, and how often they are made with it.

usage: hosts.py [NAME], in a network namespace of its own: make bench-hosts"""
import atexit
import re
import sys
import time

from contenders import Held, cpu_us
from lb import Collectd, Namespace, check, private_run, unlimited, until
from lb.basics import clean_up, scratch

INTERVALS = 10  # over which the limit holds
LIMIT = 1       # percent
SLOWED = ("LB_MSG_SAMPLES_SLOWED", "LB_MSG_READS_SLOWED",
          "LB_MSG_NAMESPACES_SLOWED")


class HeldUnix(Held):
    SCRIPT = "hold_unix.py"


class HeldNetns(Held):
    SCRIPT = "hold_netns.py"


class Namespaces:
    """Network namespaces with one listener each."""

    def __init__(self, count):
        self.all = [Namespace(f"held-{i}") for i in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.all:
            each.delete()


# name: (the host, what it has, the configuration, samples of other sockets)
HOSTS = {
    "listeners": ("15,000 TCP listeners, one port selected",
                  lambda: Held(15000, 0), "LocalPort 80"),
    "ports": ("15,000 TCP listeners, ListeningPorts *",
              lambda: Held(15000, 0), "ListeningPorts true"),
    "unix": ("54,000 connected UNIX sockets, one LocalPath",
             lambda: HeldUnix(27000, 0, 0), 'LocalPath "/run/app.sock"'),
    "unix-waiting": ("1,000 UNIX listeners, 15 waiting at each, InspectQueue *",
                     lambda: HeldUnix(0, 1000, 15),
                     "ListeningPaths true\nInspectQueue true"),
    "namespaces": ("300 network namespaces", lambda: Namespaces(300),
                   'NetNamespace "*"'),
    "containers": ("200 containers without a file, of 10 processes each",
                   lambda: HeldNetns(200, 10), 'NetNamespace "*"'),
    "often": ("10 TCP listeners, SampleInterval 0.001", lambda: Held(10, 0),
              "SampleInterval 0.001"),
}


def percent(daemon):
    """The thread of samples, all of collectd, and how often the thread woke up
    in a second, over INTERVALS."""
    def used():
        thread = daemon.sampler()
        return (time.monotonic(), thread.cpu(), cpu_us(daemon.pid) / 1e6,
                thread.slept() / 100)
    start = used()
    time.sleep(INTERVALS)
    end = used()
    return tuple(100 * (b - a) / (end[0] - start[0])
                 for a, b in zip(start[1:], end[1:]))


def cost(config, limited):
    """(thread, collectd, samples per second, and what the log says)."""
    daemon = Collectd(config, interval=1, extra='PostCacheChain "drop"\n'
                      '<Chain "drop">\n  Target "stop"\n</Chain>',
                      env={} if limited else unlimited(scratch()))
    said = []
    until(lambda: "entering read-loop" in "".join(daemon.log()), "it reads")
    time.sleep(INTERVALS)  # what is known of the costs is that of these
    found = percent(daemon)
    for name in SLOWED:
        for line in daemon.said(name):
            said.append(re.sub(r".*(every [\d.]+ s).*", r"\1", line) +
                        (" (UNIX)" if "UNIX" in line else ""))
    for line in daemon.said("LB_MSG_INSPECTIONS_SLOWED"):
        said.append("some inspections")
    daemon.stop()
    return (*found, "; ".join(said))


def on_paper():
    """Linux 5.19 to 6.8 locks each bucket of the table of TCP listeners."""
    buckets, lock_ns, interval, wanted = 65536, 20, 1e9, 10
    sample_ns = buckets * lock_ns
    share = 0.0085 * interval
    samples = min(wanted, int(share / sample_ns))
    print(f"{'65,536 empty buckets of listeners, each locked: on paper':56} "
          f"{100 * wanted * sample_ns / interval:8.2f} {'':8} "
          f"{100 * samples * sample_ns / interval:8.2f} {'':8} "
          f"{wanted:6.1f} {samples:6.1f}")


def main():
    atexit.register(clean_up)
    sys.stdout.reconfigure(line_buffering=True)
    private_run()
    print("percent of a CPU at Interval 1, over ten intervals: the thread that "
          "takes samples, and collectd as a whole")
    print(f"{'':56} {'without a limit':>17} {'with it':>17} "
          f"{'samples a second':>13}")
    print(f"{'':56} {'thread':>8} {'collectd':>8} {'thread':>8} "
          f"{'collectd':>8} {'before':>6} {'after':>6} the log")
    exceeded = []
    for name in sys.argv[1:] or HOSTS:
        title, make, config = HOSTS[name]
        with make():
            before = cost(config, False)
            after = cost(config, True)
        print(f"{title:56} {before[0]:8.2f} {before[1]:8.2f} {after[0]:8.2f} "
              f"{after[1]:8.2f} {before[2]:6.1f} {after[2]:6.1f} {after[3]}")
        if after[0 if "*" in title else 1] > LIMIT:
            exceeded.append(title)
    on_paper()
    print("* collectd's own part, dispatching the values, is not limited")
    check(not exceeded, f"at most {LIMIT} %: {exceeded}")


main()
