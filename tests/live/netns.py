#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Other network namespaces: found by name, path and "*", each with the values that the kernel shows inside, and let
go of when they are deleted."""
import collections
import contextlib
import os
import random
import re
import time

from lb import *


def view(table, name):
    """The values of a namespace as they would be in its own collectd."""
    prefix = name + ":"
    return {"": table[name], **{each[len(prefix):]: row for each, row in table.items() if each.startswith(prefix)}}


def own(table):
    return {name: row for name, row in table.items() if name in ("", "80")}


def served(port, backlog, waiting, place=None):
    """A listener in a namespace, or in this one, with clients in its queue."""
    with place.inside() if place else contextlib.nullcontext():
        return fill(Listener(port, backlog=backlog), waiting)


def errors(daemon):
    """The errors except those of a namespace whose file was not mounted for two reads: a loaded machine takes so
    long."""
    return [line for line in daemon.errors() if message("LB_WHY_NETNS_UNMOUNTED") not in line]


class Watched(Collectd):
    """A daemon that ends with the subtest, with status 0, and without a thread that has ever entered a namespace."""

    def __init__(self, *args, **options):
        self.faults = Faults()
        super().__init__(*args, env=self.faults.env, **options)
        at_end(lambda: self.running() and self.stop())

    def stop(self):
        def entered():
            alive = [re.search(r"^NSpid:.*?(\d+)$", thread.status(), re.M) for thread in threads(self.pid)]
            return self.faults.entered() & {int(found.group(1)) for found in alive if found}
        until(lambda: not entered(), "threads that have entered a namespace have ended")
        equal(super().stop(), 0, "exit status")


# ------------------------------------------------------- how they are selected

@test("namespaces by name, by path and of a process have their labels, and each the values that the kernel shows "
      "inside")
def _():
    blue, red = Namespace("blue"), Namespace("/run/elsewhere/red")
    with Namespace("holder").inside() as hidden:
        holder = Process(["sleep", "1000"])
        held = served(80, 30, 3)
    hidden.delete()
    theirs = until(lambda: processes(holder.pid), "it runs")[holder.pid] + "/ns/net"
    served(80, 10, 1)
    with blue.inside():
        sysctl("net.core.somaxconn", 77)
        full = fill(Listener(80, backlog=200), 78)
        overflow(full, 4)
    served(80, 20, 2, red)
    daemon = Watched(f'NetNamespace "blue" "{red.path}"\nNetNamespace "{theirs}"')
    last = theirs[1:].replace("/", "-")
    names = {"": "80", "blue": "blue:80", "run-elsewhere-red": "run-elsewhere-red:80", last: f"{last}:80"}
    table = daemon.read()
    equal(set(table), {*names, *names.values()}, "labels")
    equal([[table[name][reading] for reading in ("queue", "limit", "sockets", "full")] for name in names.values()],
          [[1, 10, 1, 0], [78, 77, 1, 1], [2, 20, 1, 0], [3, 30, 1, 0]])
    equal([table[name]["somaxconn"] for name in names], [4096, 77, 4096, 4096])
    equal((set(table["blue:80"]), set(table["blue"])), (GAUGES | COUNTERS, NAMESPACE), "readings")
    with blue.inside():
        agrees_with_kernel(view(table, "blue"))
        overflow(full, 6)
        agrees_with_kernel(view(daemon.read(), "blue"))
    with red.inside():
        agrees_with_kernel(view(daemon.read(), "run-elsewhere-red"))
    agrees_with_kernel(own(daemon.read()))
    table = daemon.read()
    equal([counters(table, name) for name in ("blue:80", "blue", "80", "")], [(6, 6), (10, 10), (0, 0), (0, 0)])
    held.close()
    until(lambda: last + ":80" not in daemon.read(), "it has no listener any more")
    row = probe("-N", "blue", "-N", red.path, "-N", theirs)
    equal(set(row), {*names, *names.values()} - {last + ":80"}, "the probe's labels")
    equal((row["blue:80"]["queue"], row["blue"]["overflows"], daemon.errors()), (78, 10, []))


SERVER = """
import socket, time
server = socket.create_server(("127.0.0.1", 8080), backlog=3)
clients = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(4)]
late = socket.socket()
late.setblocking(False)
late.connect_ex(("127.0.0.1", 8080))
print("ready", flush=True)
time.sleep(1000)
"""


@test("a namespace that ip(8) makes while collectd runs is reported with the numbers that ss and nsenter show in it")
def _():
    daemon = Watched('NetNamespace "*"')
    equal(set(daemon.read()), {""}, "there is none")
    command("ip", "netns", "add", "green")
    try:
        command("ip", "netns", "exec", "green", "ip", "link", "set", "lo", "up")
        server = Process(["ip", "netns", "exec", "green", "python3", "-c", SERVER])
        until(lambda: "ready" in server.text(), "the server is full, and a client sends SYNs again and again")

        def agree():
            table = daemon.read()
            seen = command("ip", "netns", "exec", "green", "ss", "-ltnHO").split()
            lines = command("nsenter", "--net=/run/netns/green", "cat", "/proc/thread-self/net/netstat").splitlines()
            kernel = dict(zip(lines[0].split(), lines[1].split()))
            got = *part(table, "green:8080", "queue", "limit").values(), *counters(table, "green")
            return got == (*map(int, (*seen[1:3], kernel["ListenDrops"], kernel["ListenOverflows"])),) and got[3] > 0
        until(agree, "queue and limit are those of ss, drops and overflows those of netstat")
        server.stop()
    finally:
        command("ip", "netns", "del", "green")
    until(lambda: set(daemon.read()) == {""}, "it is gone")
    equal(errors(daemon), [])


@test('"*" is all namespaces of ip-netns and Docker, each once under its first name, and not the own one; a file among '
      "them that is none is one ERROR")
def _():
    blue, twin = Namespace("blue"), Namespace("/run/docker/netns/1-twin")
    for place, same in (("zzz", blue.path), ("/run/docker/netns/0123", blue.path), ("ourselves", "/proc/self/ns/net"),
                        ("/run/docker/netns/default", "/proc/self/ns/net"), (".hidden", twin.path)):
        other = Namespace(place)
        other.delete()
        other.bind(same)
    at_end(os.unlink, write("/run/netns/rest", ""))
    served(80, 10, 1)
    served(80, 20, 2, blue)
    served(80, 30, 3, twin)
    daemon = Watched('NetNamespace "*"\nLocalPort "80"')
    want = {"": None, "80": 1, "blue": None, "blue:80": 2, "1-twin": None, "1-twin:80": 3}
    equal(queues(daemon.read()), want)
    equal(queues(probe("-N", "*", 80)), want, "the probe's")
    with blue.inside():
        agrees_with_kernel(view(daemon.read(), "blue"))
    agrees_with_kernel(own(daemon.read()))
    twin.delete()
    until(lambda: "1-twin" not in daemon.read(), "it is gone")
    equal(queues(daemon.read()), {name: n for name, n in want.items() if "twin" not in name})
    blue.delete()
    until(lambda: "zzz:80" in daemon.read(), "its other name is used")
    daemon.one_error("rest", message("LB_WHY_NETNS_UNMOUNTED"))
    equal(len(daemon.errors()), 1, "errors")


@test("a <Listener> with namespaces of its own reports those, under its plain name if it is one, and not the own "
      "namespace")
def _():
    blue, red = Namespace("blue"), Namespace("red")
    for port, waiting, place in (80, 1, None), (81, 4, None), (80, 2, blue), (81, 5, blue), (80, 3, red):
        served(port, 10, waiting, place)

    def block(name, ports, places=""):
        return f'<Listener "{name}">\n  LocalPort {ports}\n  {places and "NetNamespace " + places}\n</Listener>\n'
    for config, want in (
            (block("api", "80 81", '"blue"') + block("pair", "80", '"blue" "/run/netns/red"') + block("here", "81") +
             block("all", "80", '"*"'),
             {"here": 4, "api": 7, "blue:pair": 2, "blue:all": 2, "run-netns-red": None, "run-netns-red:pair": 3,
              "run-netns-red:all": 3}),
            ('NetNamespace "blue"\n' + block("api", "80", '"blue"') + block("everywhere", "81"),
             {"everywhere": 4, "api": 2, "blue:everywhere": 5})):
        daemon = Watched("ListeningPorts true\n" + config)
        equal(queues(daemon.read()), {"": None, "80": 1, "blue": None, **want}, config)
        equal(daemon.errors(), [], config)
        daemon.stop()


# ------------------------------------------------------------ coming and going

@test("the counters of a namespace that vanishes and is made anew under its name go on and never go back")
def _():
    daemon = Watched('NetNamespace "blue"\nLocalPort "80"')
    served(80, 10, 1)
    equal(queues(daemon.read()), {"": None, "80": 1}, "there is none yet")
    daemon.one_error("blue", message("LB_WHY_NETNS_GONE"))
    blue, overflows, drops = None, 0, 0
    for life in 1, 2, 3:
        if blue:
            blue.make()
        else:
            blue = Namespace("blue")
        set_nsid(blue, life)
        with blue.inside():
            sysctl("net.core.somaxconn", 100 * life)
            server = fill(Listener(80, backlog=life), life + 1)
            # Overflows before the first sample would be unattributed.
            until(lambda: daemon.read().get("blue:80", {}).get("queue") == life + 1, "it is seen")
            overflow(server, 10 * life)
            overflows += 10 * life
            drops += netstat()["ListenDrops"]
        table = daemon.read()
        equal((table["blue:80"]["queue"], table["blue:80"]["limit"], table["blue"]["somaxconn"], table["80"]["queue"]),
              (life + 1, life, 100 * life, 1))
        equal((counters(table, "blue:80"), counters(table, "blue")), ((overflows, overflows), (overflows, drops)),
              f"in life {life}")
        server.close()
        blue.delete()
        until(lambda: set(daemon.read()) == {"", "80"}, "it has vanished")
        until(lambda: life not in nsids(), "it is gone")
    for name in "blue", "blue:80":
        for reading in "drops", "overflows":
            values = [value for _, value in daemon.series(name, reading)]
            equal(values, sorted(values), f"{reading} of {name}")
    # An error that comes and goes is logged less and less often.
    check(1 <= len(errors(daemon)) <= 4, daemon.errors())
    equal(errors(daemon), daemon.said("LB_MSG_NETNS", "blue", message("LB_WHY_NETNS_GONE")))


@test("of a namespace that is replaced between two reads the new one is reported at once, and no mixture of both")
def _():
    blue = Namespace("blue")
    served(80, 10, 2, blue)
    daemon = Watched('NetNamespace "*"', interval=0.5)
    equal(queues(daemon.read())["blue:80"], 2)
    blue.delete()
    blue.make()
    served(80, 20, 3, blue)
    until(lambda: daemon.read()["blue:80"]["queue"] == 3, "it is the new one")
    equal({tuple(part(table, "blue:80", "queue", "limit").values()) for _, table in daemon.reads()
           if {"queue", "limit"} <= set(table.get("blue:80", ()))}, {(2, 10), (3, 20)})
    equal(errors(daemon), [])


for config in "SampleInterval 0.01", "SampleInterval 0.01\nInspectQueue true", "SampleInterval 0":
    @test(f"between two reads a deleted namespace is let go of, with {config.replace(chr(10), ' and ')}")
    def _(config=config):
        blue = Namespace("blue")
        set_nsid(blue, 5)
        with blue.inside():
            server = Listener(80)
        daemon = Watched(f'NetNamespace "blue"\n{config}', interval=600)  # no second read in this test
        until(lambda: daemon.series("blue", "somaxconn"), "it is read")
        server.close()
        equal(nsids(), {5}, "it is there")
        blue.delete()
        until(lambda: not nsids(), "it is gone")
        equal(len(daemon.times()), 1, "reads")
        equal([each for each in daemon.descriptors() if "net:[" in each], [], "descriptors of namespaces")


@test("waiting connections and UNIX sockets of another namespace are reported as its own")
def _():
    blue = Namespace("blue")
    UnixListener(b"\0app", 10).connect(1)
    with blue.inside():
        local, server = fill(UnixListener(b"\0app", 20), 3), Listener(80, backlog=9)
        began = time.monotonic()
        fill(server, 4)
    local.clients[0].close()
    reset(server.clients.pop(0))
    server.clients.pop(0).close()
    daemon = Watched('NetNamespace "blue"\nInspectQueue true\nListeningPorts true\nLocalPath "@app"')
    for name, readings, *want in (("@app", UNIX_GAUGES | {"abandoned", "active"}, 1, 10, 0),
                                  ("blue:@app", UNIX_GAUGES | {"abandoned", "active"}, 3, 20, 1),
                                  ("blue:80", GAUGES | COUNTERS | INSPECTED, 4, 9, 2)):
        row = daemon.inspected(name)
        equal(([row[reading] for reading in ("queue", "limit", "abandoned")], set(row)), (want, readings), name)
    check(0 <= row["wait"] <= time.monotonic() - began + 0.02, f"wait is {row['wait']}")
    check("80" not in daemon.read(), "the own namespace has no port 80")
    row = probe("--inspect", "-N", "blue", "-x", "-t")
    equal([row[name]["abandoned"] for name in ("blue:@app", "blue:80", "@app")], [1, 2, 0], "the probe's")


# --------------------------------------------------------------------- errors

@test("paths that are no namespace are one ERROR for each reason, which names them all, and the rest is reported")
def _():
    served(80, 10, 1)
    served(80, 20, 2, Namespace("blue"))
    write("/run/file", "")
    daemon = Watched('NetNamespace "/run/file" "/proc/self/ns/uts"\nNetNamespace "nobody" "blue" "/run"')
    equal(queues(daemon.read()), {"": None, "80": 1, "blue": None, "blue:80": 2})
    daemon.await_reads(20)
    daemon.one_error("nobody", message("LB_WHY_NETNS_GONE"))
    daemon.one_error("run-file", "proc-self-ns-uts", message("LB_WHY_NETNS_UNMOUNTED"))
    equal(len(daemon.errors()), 2, "errors")


@test("without CAP_SYS_ADMIN one ERROR names it and the namespaces, a path that may not be read is another, and the "
      "own namespace is reported")
def _():
    served(80, 10, 1)
    for place in "blue", "red", "/run/closed/red", "/run/docker/netns/abc":
        Namespace(place)
    for closed in "/run/closed", "/run/docker":
        os.chmod(closed, 0)
    os.chmod("/run", 0o755)
    daemon = Watched('NetNamespace "*" "/run/closed/red"', command=unprivileged())
    equal(queues(daemon.read()), {"": None, "80": 1})
    daemon.await_reads(20)
    daemon.one_error(message("LB_WHY_NETNS_PRIVILEGE"), "blue", "red")
    daemon.one_error("run-closed-red", "Permission denied")
    daemon.one_error("/run/docker/netns", "Permission denied")
    equal(len(daemon.errors()), 3, "errors")


# -------------------------------------------------------------------- many turns

class Pods:
    """Namespaces with one listener each, whose limit no other has and which says how many connections wait."""

    def __init__(self, names):
        self.names, self.places, self.alive = names, {}, {}
        self.limits = collections.defaultdict(set)
        self.last = 0

    def begin(self, name):
        self.last += 1
        if name in self.places:
            self.places[name].make()
        else:
            self.places[name] = Namespace(name)
        set_nsid(self.places[name], self.last)
        with self.places[name].inside():
            server = Listener(80, backlog=self.last)
            server.connect(self.last % 4)
        self.limits[name].add(self.last)
        self.alive[name] = server, self.last

    def finish(self, name):
        server, _ = self.alive.pop(name)
        self.places[name].delete()
        server.close()

    def turn(self, name):
        (self.finish if name in self.alive else self.begin)(name)

    def check(self, name, limits, queue_of):
        """What was reported of a name, in order, is what it was."""
        check(limits, f"{name} was never seen")
        seen = collections.defaultdict(list)
        for when, limit in limits:
            seen[limit].append(queue_of.get(when))
        check(set(seen) <= self.limits[name], f"{name} has the limits {set(seen)}, not {self.limits[name]}")
        for limit, found in seen.items():
            queues_ = [queue for queue in found if queue is not None]  # at first the clients have not connected yet
            check(queues_ == sorted(queues_) and queues_[-1:] <= [limit % 4], f"{name} at limit {limit}: {found}")


FEW_WRITTEN = """
PostCacheChain "few"
<Chain "few">
  <Rule>
    <Match "regex">
      TypeInstance "^(limit|queue|somaxconn)$"
    </Match>
    <Target "write">
      Plugin "csv"
    </Target>
  </Rule>
  Target "stop"
</Chain>"""


@test("50 namespaces that come and go through 100 reads have their own numbers, and leave no memory and no descriptor")
def _():
    random.seed(4)
    served(80, 10, 1)
    # collectd needs more time to write all values than the interval has.
    daemon = Watched('NetNamespace "*"\nSampleInterval 0.025', plugins=["match_regex"], extra=FEW_WRITTEN)
    daemon.await_reads(2)
    before = daemon.lasting_descriptors()
    pods = Pods([f"pod{n}" for n in range(50)])
    for name in pods.names:
        pods.begin(name)
    until(lambda: {f"{name}:80" for name in pods.names} <= set(daemon.read()), "all are seen")
    heap = []

    def is_settled():
        return len(heap) > 1 and heap[-1].blocks < heap[-2].blocks + 100 and heap[-1].bytes < heap[-2].bytes + 1024 * 1024
    while not is_settled():  # it remembers a namespace that is gone for a minute
        check(len(heap) < 8, f"500 turns leave nothing in use: {heap}")
        for _ in range(50):
            for _ in range(10):
                pods.turn(random.choice(pods.names))
            daemon.await_reads()
        heap.append(daemon.faults.heap())
    for name in list(pods.alive)[1:]:
        pods.finish(name)
    last, = pods.alive
    until(lambda: set(daemon.read()) == {"", "80", last, last + ":80"}, "one is left")
    until(lambda: nsids() == {nsid for _, nsid in pods.alive.values()}, "the kernel has no other")
    pods.finish(last)
    until(lambda: set(daemon.read()) == {"", "80"}, "none is left")
    until(lambda: not nsids(), "the kernel has none")
    equal(daemon.lasting_descriptors(), before, "descriptors")
    note(f"in use after each 500 turns: {heap}")
    for name in pods.names:
        pods.check(name, daemon.series(f"{name}:80", "limit"), dict(daemon.series(f"{name}:80", "queue")))
    equal({value for _, value in daemon.series("80", "limit")}, {10})
    equal(errors(daemon), [])


if __name__ == "__main__":
    private_run()
    main()
