#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Network namespaces without a file, which "*" finds by the processes that are in them."""
import os

from lb import *

EVERYWHERE = 'ListeningPorts true\nNetNamespace "*"'


def served(place, port, backlog, waiting):
    with place.inside():
        return fill(Listener(port, backlog=backlog), waiting)


def is_open(place_ino, daemon):
    """Whether the daemon has a descriptor of the namespace."""
    return f"net:[{place_ino}]" in daemon.descriptors()


@test("a namespace that only processes show is reported from its first listener on, with the numbers of its kernel, from "
      "one process to the next, and ends with the last one")
def _():
    hidden, silent = Hidden(), Hidden()
    label, silent_label = hidden.label(), silent.label()
    daemon = Collectd(EVERYWHERE)
    daemon.await_reads(3)
    equal(daemon.instances(), {""}, "without a listener there is nothing to report")
    server = served(hidden, 80, 3, 4)
    until(lambda: f"{label}:80" in daemon.read(), "it is found")
    with hidden.inside():
        overflow(server, 5)
        table = daemon.read()
        equal([table[f"{label}:80"][name] for name in ("queue", "limit", "sockets", "full")], [4, 3, 1, 1])
        agrees_with_kernel({"": table[label], "80": table[f"{label}:80"]})
    hidden.enter()
    daemon.await_reads(2)
    hidden.leave()
    with hidden.inside():
        overflow(server, 2)
    until(lambda: counters(daemon.read(), f"{label}:80") == (7, 7), "it goes on")
    with silent.inside():
        overflow(fill(Listener(90, backlog=5), 6), 3)
    until(lambda: counters(daemon.read(), f"{silent_label}:90") == (3, 3), "no overflow is lost")
    equal({name: queue for name, queue in queues(probe("-N", "*", 80, 90)).items() if queue},
          {f"{label}:80": 4, f"{silent_label}:90": 6}, "the probe's")
    ino = os.stat(hidden.path).st_ino
    server.close()
    hidden.leave()
    until(lambda: not [name for name in daemon.read() if name.startswith(label)], "it is gone")
    check(not is_open(ino, daemon), "nothing keeps it alive")
    never_back(daemon, one_namespace=False)
    equal((daemon.complaints(), daemon.stop()), ([], 0), "log and exit status")


@test("a container that has joined another's namespace stays when that one restarts")
def _():
    web = Namespace("/run/docker/netns/0123")
    with web.inside():
        owner, joined = [Process(["sleep", "infinity"]) for _ in range(2)]
        at_80, at_90 = Listener(80), fill(Listener(90), 2)
    daemon = Collectd(EVERYWHERE)
    first, = until(lambda: [name[:-3] for name in daemon.read() if name.endswith(":90")], "it is found")
    with web.inside():
        overflow(fill(at_90, 6), 3)
    until(lambda: counters(daemon.read(), f"{first}:90") == (3, 3), "its overflows are seen")
    at_80.close()
    owner.stop()
    web.delete()
    again = Namespace("/run/docker/netns/4567")
    with again.inside():
        Process(["sleep", "infinity"])
        fill(Listener(80), 1)
    table = until(lambda: (lambda table: table if len([name for name in table if name.endswith((":80", ":90"))]) == 2
                           and sum(table[name]["sockets"] for name in table if ":" in name) == 2 else None)(daemon.read()),
                  "both are there")
    equal({name.rpartition(":")[2]: table[name]["queue"] for name in table if ":" in name}, {"80": 1, "90": 6})
    joined.stop()
    at_90.close()
    until(lambda: not [name for name in daemon.read() if name.endswith(":90")], "the old one is gone")
    equal((daemon.complaints(), daemon.stop()), ([], 0), "log and exit status")


@test("without the right to see the processes of others one INFO line names it, and the namespaces with a file are "
      "reported if they may be entered")
def _():
    with Hidden().inside():
        Listener(80)
    Listener(90)
    daemon = Collectd(EVERYWHERE, command=unprivileged())
    daemon.await_reads(10)
    equal((set(daemon.read()), daemon.complaints()), ({"", "90"}, []))
    equal(len(daemon.said("LB_MSG_NETNS_UNSEEN")), 1, "lines")


if __name__ == "__main__":
    private_run()
    main()
