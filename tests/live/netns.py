#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Other network namespaces: found where they are, each with its own numbers,
as it says itself from inside, and left alone once they are gone.

Every daemon here is watched: none of its threads may stay in a foreign
namespace."""
import collections
import contextlib
import os
import random
import re
import subprocess
import threading
import time

import lib
from lib import *


def queues(table):
    """{listener: queue}, {namespace: None}."""
    return {name: row.get("queue") for name, row in table.items()}


def view(table, name):
    """A namespace's part of a look, as it would be in its own."""
    prefix = name + ":"
    return {"": table[name], **{each[len(prefix):]: row for each, row
                                in table.items() if each.startswith(prefix)}}


def served(port, backlog, waiting, place=None):
    """A listener there, or here, with clients in its queue."""
    with place.inside() if place else contextlib.nullcontext():
        server = Listener(port, backlog=backlog)
        fill(server, waiting)
    return server


class Watched(Collectd):
    """A daemon, and where its threads are at all times."""

    def start(self, mode="-f"):
        super().start(mode)
        self.pid = self.process.popen.pid
        self.proc = f"/proc/{until(self._find, 'it is in /proc')}"
        self.threads = collections.defaultdict(list)
        self.over = threading.Event()
        self.watcher = threading.Thread(target=self._watch)
        self.watcher.start()

    def _find(self):
        return processes(self.pid).get(self.pid)

    def _watch(self):
        while not self.over.wait(0.0005):
            now = time.monotonic()
            with contextlib.suppress(OSError):
                for thread in os.listdir(f"{self.proc}/task"):
                    with contextlib.suppress(OSError):
                        self.threads[self._birth(thread)].append(
                            (now, os.readlink(
                                f"{self.proc}/task/{thread}/ns/net")))

    def _birth(self, thread):
        """A thread's number may be another one's later."""
        with open(f"{self.proc}/task/{thread}/stat") as file:
            return thread, file.read().rpartition(")")[2].split()[19]

    def stop(self):
        """Only who was made to enter a foreign namespace was ever in one, and
        is not there any more."""
        self.over.set()
        self.watcher.join()
        for thread in os.listdir(f"{self.proc}/task"):
            until(lambda: not os.path.exists(f"{self.proc}/task/{thread}") or
                  self._is_home(thread), "each thread is at home")
        foreign = [seen for seen in self.threads.values()
                   if any(where != HOME for _, where in seen)]
        note(f"{len(foreign)} of {len(self.threads)} threads that were seen "
             "were in other namespaces")
        for seen in foreign:
            check(seen[-1][0] - seen[0][0] < 1, f"a thread is abroad: {seen}")
        return super().stop()

    def _is_home(self, thread):
        with contextlib.suppress(OSError):
            return os.readlink(f"{self.proc}/task/{thread}/ns/net") == HOME

    def descriptors(self):
        """What its descriptors are."""
        found = []
        for fd in os.listdir(f"{self.proc}/fd"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"{self.proc}/fd/{fd}"))
        return found

    def memory(self):
        """What it has of it, in KiB."""
        with open(f"{self.proc}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def watched(name):
    """A subtest with the daemons that it makes by daemon()."""
    def register(function):
        @test(name)
        def _():
            global HOME
            HOME = os.readlink("/proc/self/ns/net")
            daemons = []

            def daemon(*args, **options):
                daemons.append(Watched(*args, **options))
                return daemons[-1]
            try:
                function(daemon)
                for each in daemons:
                    if not each.over.is_set():
                        equal(each.stop(), 0, "its exit status")
            finally:
                for each in daemons:
                    each.over.set()
        return function
    return register


def one_error(daemon, *words):
    line, = [line for line in daemon.errors()
             if all(word in line for word in words)]
    note(line)


# --------------------------------------------------------- where and how called

@watched("by name, by path and as a process's: labels, and own numbers each")
def _(daemon):
    blue, red = Namespace("blue"), Namespace("/run/elsewhere/red")
    with Namespace("holder").inside() as hidden:
        holder = Process(["sleep", "1000"])
        held = served(80, 30, 3)
    hidden.delete()
    process = until(lambda: processes(holder.popen.pid), "it runs")
    theirs = f"/proc/{process[holder.popen.pid]}/ns/net"
    served(80, 10, 1)
    with blue.inside():
        sysctl("net.core.somaxconn", 77)
        full = Listener(80, backlog=200)
        fill(full, 78)
        overflow(full, 4)
    served(80, 20, 2, red)
    running = daemon(f'NetNamespace "blue" "{red.path}"\n'
                     f'NetNamespace "{theirs}"')
    last = theirs[1:].replace("/", "-")
    names = {"": "80", "blue": "blue:80",
             "run-elsewhere-red": "run-elsewhere-red:80",
             last: f"{last}:80"}
    table = running.look()
    equal(set(table), {*names, *names.values()}, "labels")
    equal([(table[name]["queue"], table[name]["limit"], table[name]["sockets"],
            table[name]["full"]) for name in names.values()],
          [(1, 10, 1, 0), (78, 77, 1, 1), (2, 20, 1, 0), (3, 30, 1, 0)])
    equal([table[name]["somaxconn"] for name in names],
          [4096, 77, 4096, 4096])
    equal(set(table["blue:80"]), GAUGES | COUNTERS, "readings of a listener")
    equal(set(table["blue"]), NAMESPACE, "readings of a namespace")
    with blue.inside():
        agrees_with_kernel(view(table, "blue"))
        overflow(full, 6)
        agrees_with_kernel(view(running.look(), "blue"))
    with red.inside():
        agrees_with_kernel(view(running.look(), "run-elsewhere-red"))
    agrees_with_kernel({name: row for name, row in running.look().items()
                        if name in ("", "80")})
    table = running.look()
    equal((counters(table, "blue:80"), counters(table, "blue"),
           counters(table, "80"), counters(table, "")),
          ((6, 6), (10, 10), (0, 0), (0, 0)))
    held.close()
    until(lambda: last + ":80" not in running.look(), "nobody listens there")

    row = probe("-N", "blue", "-N", red.path, "-N", theirs)
    equal(set(row), {*names, *names.values()} - {last + ":80"}, "the probe's")
    equal((row["blue:80"]["queue"], row["blue"]["overflows"]), (78, 10))
    equal(running.errors(), [])


@watched("what ip and nsenter do and show is what is reported")
def _(daemon):
    def run(*command):
        return subprocess.run(command, check=True, text=True,
                              capture_output=True, env={"PATH": PATH}).stdout
    running = daemon('NetNamespace "*"')
    equal(set(running.look()), {""}, "there is none")
    run("ip", "netns", "add", "green")
    try:
        run("ip", "netns", "exec", "green", "ip", "link", "set", "lo", "up")
        server = Process(["ip", "netns", "exec", "green", "python3", "-c", """
import socket, time
server = socket.create_server(("127.0.0.1", 8080), backlog=3)
clients = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(4)]
late = socket.socket()
late.setblocking(False)
late.connect_ex(("127.0.0.1", 8080))
time.sleep(0.5)
late.close()
print("ready", flush=True)
time.sleep(1000)
"""])
        until(lambda: "ready" in server.text(), "the server is there")
        seen = run("ip", "netns", "exec", "green", "ss", "-ltnHO").split()
        names, values = [line.split()[1:] for line in run(
            "nsenter", "--net=/run/netns/green", "cat",
            "/proc/thread-self/net/netstat").splitlines()[:2]]
        kernel = dict(zip(names, map(int, values)))
        check(kernel["ListenOverflows"] >= 1, "somebody was turned away")
        table = running.look()
        equal((table["green:8080"]["queue"], table["green:8080"]["limit"]),
              (int(seen[1]), int(seen[2])), "of ss")
        equal(counters(table, "green"), (kernel["ListenDrops"],
                                         kernel["ListenOverflows"]))
        server.stop()
    finally:
        run("ip", "netns", "del", "green")
    until(lambda: set(running.look()) == {""}, "it is gone")
    equal(running.errors(), [])


@watched('"*" is all of ip-netns and Docker, each once, and not our own')
def _(daemon):
    blue = Namespace("blue")
    twin = Namespace("/run/docker/netns/1-twin")
    both = [Namespace(place) for place in
            ("zzz", "/run/docker/netns/0123", "/run/docker/netns/default",
             "ourselves", ".hidden")]
    for place, source in zip(both, (blue.path, blue.path,
                                    "/proc/self/ns/net", "/proc/self/ns/net",
                                    twin.path)):
        place.delete()
        place.bind(source)
    served(80, 10, 1)
    served(80, 20, 2, blue)
    served(80, 30, 3, twin)
    running = daemon('NetNamespace "*"\nLocalPort "80"')
    want = {"": None, "80": 1, "blue": None, "blue:80": 2, "1-twin": None,
            "1-twin:80": 3}
    equal(queues(running.look()), want)
    equal(queues(probe("-N", "*", 80)), want, "the probe's")
    with blue.inside():
        agrees_with_kernel(view(running.look(), "blue"))
    agrees_with_kernel({name: row for name, row in running.look().items()
                        if name in ("", "80")})
    twin.delete()
    until(lambda: "1-twin" not in running.look(), "it is gone")
    equal(queues(running.look()), {name: n for name, n in want.items()
                                   if "twin" not in name})
    blue.delete()
    until(lambda: "zzz:80" in running.look(), "its other name serves")
    equal(running.errors(), [])


@watched('what is no namespace among those of "*" is one ERROR')
def _(daemon):
    blue = Namespace("blue")
    served(80, 20, 2, blue)
    with open("/run/netns/rest", "w") as rest:
        lib._cleanup.callback(os.unlink, rest.name)
    running = daemon('NetNamespace "*"')
    equal(queues(running.look()), {"": None, "blue": None, "blue:80": 2})
    one_error(running, "rest", "no network namespace")
    equal(len(running.errors()), 1, "errors")


@watched("a <Listener>'s own namespace: its plain name, and nothing from here")
def _(daemon):
    blue, red = Namespace("blue"), Namespace("red")
    served(80, 10, 1)
    served(81, 10, 4)
    served(80, 20, 2, blue)
    served(81, 20, 5, blue)
    served(80, 30, 3, red)
    running = daemon("""
        ListeningPorts true
        <Listener "api">
          LocalPort "80" "81"
          NetNamespace "blue"
        </Listener>
        <Listener "pair">
          LocalPort "80"
          NetNamespace "blue" "/run/netns/red"
        </Listener>
        <Listener "here">
          LocalPort "81"
        </Listener>
        <Listener "all">
          LocalPort "80"
          NetNamespace "*"
        </Listener>""")
    equal(queues(running.look()), {
        "": None, "80": 1, "here": 4, "blue": None, "api": 7, "blue:pair": 2,
        "blue:all": 2, "run-netns-red": None, "run-netns-red:pair": 3,
        "run-netns-red:all": 3})
    equal(running.errors(), [])
    running.stop()

    running = daemon("""
        NetNamespace "blue"
        ListeningPorts true
        <Listener "api">
          LocalPort "80"
          NetNamespace "blue"
        </Listener>
        <Listener "everywhere">
          LocalPort "81"
        </Listener>""")
    equal(queues(running.look()), {
        "": None, "80": 1, "everywhere": 4, "blue": None, "api": 2,
        "blue:everywhere": 5}, "with the same one globally")
    equal(running.errors(), [])


@watched("labels that would be shared: one ERROR, the first keeps it")
def _(daemon):
    blue = Namespace("blue")
    served(80, 10, 1)
    served(80, 20, 2, blue)
    running = daemon("""
        NetNamespace "blue"
        ListeningPorts true
        <Listener "blue:80">
          LocalPort "80"
          NetNamespace "blue" "/run/netns/none"
        </Listener>
        <Listener "blue">
          LocalPort "80"
        </Listener>""")
    equal(queues(running.look()), {"": None, "80": 1, "blue": None,
                                   "blue:blue:80": 2})
    one_error(running, '"blue"', "<Listener")
    running.stop()

    running = daemon("""
        NetNamespace "blue"
        ListeningPorts true
        <Listener "blue:80">
          LocalPort "8080"
        </Listener>""")
    got = queues(running.look())
    one_error(running, '"blue:80"', "port 80", "<Listener>")
    equal(got, {"": None, "80": 1, "blue": None, "blue:80": None,
                "blue:blue:80": None})


# ------------------------------------------------------------ coming and going

@watched("one appears, vanishes, and is made anew: counters never go back")
def _(daemon):
    running = daemon('NetNamespace "blue"\nLocalPort "80"')
    served(80, 10, 1)
    equal(queues(running.look()), {"": None, "80": 1}, "there is none yet")
    one_error(running, "blue", "does not exist")

    blue, overflows, drops = None, 0, 0
    for life in 1, 2, 3:
        if blue:
            blue.make()
        else:
            blue = Namespace("blue")
        set_nsid(blue, life)
        with blue.inside():
            sysctl("net.core.somaxconn", 100 * life)
            server = Listener(80, backlog=life)
            fill(server, life + 1)
            # What was counted before the first look is nobody's.
            until(lambda: running.look().get("blue:80", {}).get("queue") ==
                  life + 1, "it is seen")
            overflow(server, 10 * life)
            overflows += 10 * life
            drops += netstat()["ListenDrops"]
        table = running.look()
        equal((table["blue:80"]["queue"], table["blue:80"]["limit"],
               table["blue"]["somaxconn"]), (life + 1, life, 100 * life))
        equal((counters(table, "blue:80"), counters(table, "blue")),
              ((overflows, overflows), (overflows, drops)), f"in life {life}")
        equal(table["80"]["queue"], 1)
        server.close()
        blue.delete()
        until(lambda: set(running.look()) == {"", "80"}, "it has vanished")
        until(lambda: life not in nsids(), "it is gone")
    for name in "blue", "blue:80":
        for reading in "drops", "overflows":
            values = [value for _, value in running.series(name, reading)]
            equal(values, sorted(values), f"{reading} of {name}")
    # Trouble that comes and goes is said less and less often.
    errors = running.errors()
    check(1 <= len(errors) <= 4 and all("not exist" in each for each in errors),
          errors)


@watched("it is replaced between two looks: the new one's numbers at once")
def _(daemon):
    blue = Namespace("blue")
    old = served(80, 10, 2, blue)
    running = daemon('NetNamespace "*"', interval=0.5)
    equal(queues(running.look())["blue:80"], 2)
    blue.delete()
    blue.make()
    new = served(80, 20, 3, blue)
    until(lambda: running.look()["blue:80"]["queue"] == 3, "it is the new one")
    equal({(table["blue:80"]["queue"], table["blue:80"]["limit"])
           for _, table in running.looks()
           if {"queue", "limit"} <= set(table.get("blue:80", ()))},
          {(2, 10), (3, 20)}, "there is no mixture")
    old.close()
    new.close()
    equal(running.errors(), [])


def let_go(name, config, interval):
    @watched(name)
    def _(daemon):
        blue = Namespace("blue")
        set_nsid(blue, 5)
        served(80, 10, 1, blue).close()
        # Between two ends of an interval, so long that none comes by itself.
        running = daemon(f'NetNamespace "blue"\n{config}', interval=interval)
        until(lambda: running.series("blue", "somaxconn"), "it was looked at")
        with blue.inside():
            server = Listener(80)
        ends = len(running.times())
        server.close()
        equal(nsids(), {5}, "it is there")
        blue.delete()
        until(lambda: not nsids(), "it is gone", deadline=interval)
        equal(len(running.times()), ends, "intervals that ended meanwhile")
        equal([each for each in running.descriptors() if "net:[" in each], [],
              "descriptors of namespaces")


let_go("a look within the interval lets go of a namespace that is deleted",
       "SampleInterval 0.01", 20)
let_go("so does InspectQueue", "SampleInterval 0.01\nInspectQueue true", 20)
let_go("without looks within the interval nothing is held between two",
       "SampleInterval 0", 20)


@watched("what waits, and UNIX sockets, of another namespace are its own")
def _(daemon):
    blue = Namespace("blue")
    UnixListener(b"\0app", 10).connect(1)
    with blue.inside():
        local = UnixListener(b"\0app", 20)
        fill(local, 3)
        server = Listener(80, backlog=9)
        began = time.monotonic()
        fill(server, 4)
    local.clients[0].close()
    reset(server.clients.pop(0))
    server.clients.pop(0).close()
    running = daemon("""
        NetNamespace "blue"
        InspectQueue true
        ListeningPorts true
        LocalPath "@app"
        """)

    def inspected():
        rows = [table for _, table in running.looks()[:-1]
                if all("abandoned" in table.get(name, ()) for name in
                       ("@app", "blue:@app", "blue:80"))]
        return rows and rows[-1]
    until(lambda: len(running.times()) > 3, "there were looks")
    table = until(inspected, "there was a walk")
    equal([(table[name]["queue"], table[name]["limit"],
            table[name]["abandoned"]) for name in
           ("@app", "blue:@app", "blue:80")],
          [(1, 10, 0), (3, 20, 1), (4, 9, 2)])
    equal(set(table["blue:80"]), GAUGES | COUNTERS | INSPECTED)
    equal(set(table["blue:@app"]), GAUGES | {"abandoned"})
    check(0 <= table["blue:80"]["wait"] <= time.monotonic() - began + 0.02,
          f"wait is {table['blue:80']['wait']}")
    check("80" not in table, "it is not ours")
    row = probe("--inspect", "-N", "blue", "-x", "-t")
    equal((row["blue:@app"]["abandoned"], row["blue:80"]["abandoned"],
           row["@app"]["abandoned"]), (1, 2, 0), "the probe's")


# -------------------------------------------------------------------- troubles

@watched("a path that is no namespace: one ERROR each, the rest goes on")
def _(daemon):
    served(80, 10, 1)
    served(80, 20, 2, Namespace("blue"))
    with open("/run/file", "w"):
        pass
    running = daemon('NetNamespace "/run/file" "/proc/self/ns/uts"\n'
                     'NetNamespace "nobody" "blue" "/run"')
    equal(queues(running.look()), {"": None, "80": 1, "blue": None,
                                   "blue:80": 2})
    until(lambda: len(running.errors()) >= 2, "it is complained about")
    seen = len(running.times())
    until(lambda: len(running.times()) > seen + 20, "20 intervals more")
    one_error(running, "nobody", "does not exist")
    one_error(running, "run-file", "proc-self-ns-uts", "no network namespace")
    equal(len(running.errors()), 2, "errors, which name all of one kind")


@watched("without CAP_SYS_ADMIN one ERROR names it, our own one goes on")
def _(daemon):
    served(80, 10, 1)
    served(80, 20, 2, Namespace("blue"))
    Namespace("red")
    running = daemon('NetNamespace "*"', command=[
        "setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin",
        "--"])
    equal(queues(running.look()), {"": None, "80": 1})
    seen = len(running.times())
    until(lambda: len(running.times()) > seen + 20, "20 intervals more")
    one_error(running, "CAP_SYS_ADMIN", "blue", "red",
              "CapabilityBoundingSet")
    equal(len(running.errors()), 1, "errors")
    run = probe_run("-N", "blue", preexec_fn=lambda: libc.prctl(
        24, 21, 0, 0, 0))  # PR_CAPBSET_DROP, CAP_SYS_ADMIN
    note(run.stderr)
    equal(run.returncode, 1, "the probe's exit status")
    equal(queues(tables(run.stdout)[0]), {"": None, "80": 1}, "the probe's")
    check("blue" in run.stderr, "it says where")


@watched("as nobody: what it must not see is one ERROR each, the rest goes on")
def _(daemon):
    served(80, 10, 1)
    Namespace("blue")
    Namespace("/run/closed/red")
    Namespace("/run/docker/netns/abc")
    for closed in "/run/closed", "/run/docker":
        os.chmod(closed, 0)
    os.chmod("/run", 0o755)
    running = daemon('NetNamespace "*" "/run/closed/red"',
                     command=unprivileged())
    equal(queues(running.look()), {"": None, "80": 1})
    seen = len(running.times())
    until(lambda: len(running.times()) > seen + 20, "20 intervals more")
    one_error(running, "CAP_SYS_ADMIN", "blue")
    one_error(running, "run-closed-red", "Permission denied")
    one_error(running, "/run/docker/netns", "Permission denied")
    equal(len(running.errors()), 3, "errors")


# ------------------------------------------------------------------ in the long

class Pods:
    """Namespaces with one listener each, whose limit is nobody else's and says
    how many wait."""

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
            server.connect(self.waiting(self.last))
        self.limits[name].add(self.last)
        self.alive[name] = server, self.last

    def finish(self, name):
        server, _ = self.alive.pop(name)
        self.places[name].delete()
        server.close()

    def turn(self, name):
        (self.finish if name in self.alive else self.begin)(name)

    def nsids(self):
        return {nsid for _, nsid in self.alive.values()}

    @staticmethod
    def waiting(limit):
        return limit % 4

    def check(self, name, limits, queues):
        """What was reported of one, in order, is what it was."""
        check(limits, f"{name} was never seen")
        queue_of = dict(queues)
        seen = collections.defaultdict(list)
        for when, limit in limits:
            seen[limit].append(queue_of.get(when))
        check(set(seen) <= self.limits[name],
              f"{name} has the limits {set(seen)}, not {self.limits[name]}")
        for limit, found in seen.items():
            # The first look may have come before its clients.
            check(set(found[1:]) <= {self.waiting(limit), None},
                  f"{name} at limit {limit} has the queues {found}")


@watched("50 that come and go for 500 intervals: own numbers, and no leak")
def _(daemon):
    random.seed(4)
    served(80, 10, 1)
    running = daemon('NetNamespace "*"\nSampleInterval 0.025', interval=0.05)
    running.look()
    before = running.descriptors()

    pods = Pods([f"pod{n}" for n in range(50)])
    for name in pods.names:
        pods.begin(name)
    until(lambda: {f"{name}:80" for name in pods.names} <=
          set(running.looks()[-2][1]), "all are seen")
    first, memory, turns = len(running.times()), None, 0
    while len(running.times()) < first + 500:
        if memory is None and len(running.times()) > first + 150:
            memory = running.memory()
        for _ in range(10):
            pods.turn(random.choice(pods.names))
            turns += 1
        now = len(running.times())
        until(lambda: len(running.times()) > now, "an interval ends")
    grown = running.memory() - memory
    note(f"{turns} turns; {memory} KiB, and {grown} more at the end")
    check(turns > 500, "namespaces came and went")

    for name in list(pods.alive)[1:]:
        pods.finish(name)
    last, = pods.alive
    until(lambda: set(running.look()) == {"", "80", last, last + ":80"},
          "one is left")
    until(lambda: nsids() == pods.nsids(), "the kernel has no other")
    pods.finish(last)
    until(lambda: set(running.look()) == {"", "80"}, "none is left")
    until(lambda: not nsids(), "the kernel has none")
    equal(len(running.descriptors()), len(before),
          f"descriptors: {running.descriptors()} after {before}")
    check(grown < 2048, f"memory grew by {grown} KiB")
    for name in pods.names:
        pods.check(name, running.series(f"{name}:80", "limit"),
                   running.series(f"{name}:80", "queue"))
    equal({value for _, value in running.series("80", "limit")}, {10})
    equal(running.errors(), [])


if __name__ == "__main__":
    private_run()
    main()
