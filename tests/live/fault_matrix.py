#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every system call that can fail does, in the real daemon: it goes on, logs one line with the reason, and when the
call works again so does the plugin, with exact counters and no descriptor more."""
import errno
import os
import resource

from lb import *

private_run()


class Scene:
    """A daemon with full queues to read: of a port, of a UNIX socket, and in another namespace, as the kind says."""

    def __init__(self, kind="", *faults, config="", **options):
        self.server = fill(Listener(8080, backlog=4), 5)
        self.others, self.place = [], None
        self.queues, self.shares = {"8080": 5}, {"8080": 0}
        config += '\nLocalPort "8080"\n'
        if kind == "paths":
            path = os.path.join(scratch(), "sock")
            self.others.append(fill(UnixListener(path, backlog=3), 4))
            self.queues[path.lstrip("/").replace("/", "-")] = 4
            config += f'LocalPath "{path}"\n'
        self.inspects = kind == "waiting"
        if "InspectQueue" not in config:
            config += f"InspectQueue {str(self.inspects).lower()}\n"
        if kind == "namespace":
            self.place = Namespace("blue")
            with self.place.inside():
                self.others.append(fill(Listener(9090, backlog=2), 3))
            self.queues["9090"], self.shares["9090"] = 3, 0
            config += 'NetNamespace "*"\n<Listener "9090">\n  LocalPort "9090"\n  NetNamespace "blue"\n</Listener>\n'
        self.faults = Faults(*faults)
        self.daemon = Collectd(config, interval=0.05, plugins=["uptime"], env=self.faults.env, **options)

    def overflow(self, n):
        """n dropped clients, and one more in the other namespace."""
        overflow(self.server, n)
        self.shares["8080"] += n
        if self.place:
            with self.place.inside():
                overflow(self.others[0], n + 1)
            self.shares["9090"] += n + 1

    def is_right(self):
        """Waits until all values are there, and fails unless each is exact."""
        until(lambda: {name: self.daemon.read().get(name, {}).get("overflows") for name in self.shares} == self.shares,
              f"the overflows are {self.shares}")
        table = self.daemon.read()
        if self.inspects:
            self.daemon.inspected("8080")
        equal({name: table[name]["queue"] for name in self.queues}, self.queues, "queue")
        agrees_with_kernel({name: table[name] for name in ("", "8080")})
        if self.place:
            with self.place.inside():
                agrees_with_kernel({"": table["blue"], "9090": table["9090"]})

    def end(self, needed=()):
        never_back(self.daemon, one_namespace=not self.place, needed=needed)
        equal(self.daemon.stop(), 0, "exit status")
        for each in self.server, *self.others:
            each.close()
        if self.place:
            self.place.delete()


# ------------------------------------------------------------- one at a time

REOPEN = "recvmsg ENOBUFS - 1 0"  # after it the socket is opened anew
TCP, TCP_SOCKETS, UNIX, INSPECT, NETSTAT, SOMAXCONN, NETNS, LIST = (f"LB_MSG_{name}" for name in (
    "TCP", "TCP_SOCKETS", "UNIX", "INSPECT", "NETSTAT", "SOMAXCONN", "NETNS", "LIST"))
MALFORMED, FOREIGN = message("LB_WHY_MALFORMED"), message("LB_WHY_FOREIGN_ANSWER")


def why(name):
    return os.strerror(getattr(errno, name))


def no_netlink(name):
    return message("LB_WHY_NO_NETLINK", why(name))


def no_module(name):
    return message("LB_WHY_NO_MODULE", name, name)


ANSWERS = [  # each way in which an answer is none, and the reason that is logged
    ("EAGAIN", message("LB_WHY_NO_ANSWER")), ("ENOBUFS", why("ENOBUFS")), ("ENOMEM", why("ENOMEM")),
    ("flagged", message("LB_WHY_CUT_ANSWER")), ("cut", MALFORMED), ("empty", MALFORMED), ("ack", MALFORMED),
    ("overrun", MALFORMED), ("foreign", FOREIGN), ("stale", FOREIGN), ("stray", FOREIGN),
    ("interrupted", why("EINTR")), ("error:EBUSY", why("EBUSY")), ("error:EINVAL", why("EINVAL")),
    ("error:ENOMEM", why("ENOMEM")), ("error:EPERM", no_netlink("EPERM")), ("done:ENOBUFS", why("ENOBUFS"))]
NO_TCP_DIAG = [(name, no_module("tcp_diag")) for name in ("done:ENOENT", "error:ENOENT", "error:EOPNOTSUPP")]

# For each kind of scene: (the message, its reason, faults)
CASES = {
    "": [
        *((TCP, no_netlink(name), REOPEN, f"socket {name}") for name in (
            "EAFNOSUPPORT", "EPERM", "EACCES", "EPROTONOSUPPORT")),
        *((TCP, why(call.split()[1]), REOPEN, call) for call in (
            "socket EMFILE", "socket ENFILE", "socket ENOMEM", "socket ENOBUFS", "bind EADDRINUSE",
            "getsockname ENOBUFS", "setsockopt ENOMEM")),
        (TCP, why("ENOBUFS"), "sendto ENOBUFS"), (TCP, why("ENOMEM"), "sendto ENOMEM"),
        (TCP, no_netlink("EPERM"), "sendto EPERM"), (TCP, message("LB_WHY_NO_ANSWER"), "sendto swallow"),
        *((TCP, reason, f"recvmsg {effect}") for effect, reason in ANSWERS),
        *((TCP_SOCKETS, reason, f"recvmsg {effect}") for effect, reason in NO_TCP_DIAG),
        *((what, reason, f"{call} {file}") for what, file in ((NETSTAT, "net/netstat"), (SOMAXCONN, "somaxconn"))
          for call, reason in (*((f"open {name}", why(name)) for name in (
              "EACCES", "EMFILE", "ENFILE", "ENOMEM", "ENOENT")),
                               ("read EIO", why("EIO")), ("read nothing", MALFORMED)))],
    "paths": [
        *((UNIX, reason, f"recvmsg {effect} paths") for effect, reason in ANSWERS),
        (UNIX, no_module("unix_diag"), "recvmsg error:ENOENT paths")],
    # Inspections are made less often than samples, so a few of the ways will do.
    "waiting": [(INSPECT, reason, f"recvmsg {effect} waiting") for effect, reason in ANSWERS[:5] + NO_TCP_DIAG[:1]],
    "namespace": [
        *((NETNS, why(call.split()[1]), call) for call in (
            *(f"open {name} netns/blue" for name in ("EMFILE", "ENFILE", "EACCES", "ENOMEM")), "fstat EIO",
            "setns ENOMEM", "pthread_create EAGAIN", "stat EACCES netns/blue")),
        (NETNS, message("LB_WHY_NETNS_PRIVILEGE"), "setns EPERM"),
        (NETNS, message("LB_WHY_NETNS_UNMOUNTED"), "setns EINVAL"),
        *((LIST, why(name), f"scandir {name}") for name in ("EMFILE", "ENFILE", "ENOMEM", "EACCES"))],
}


def meet(scene, what, reason, *faults):
    """Makes the calls fail for a while: one line says so, and afterwards all is right."""
    daemon = scene.daemon
    before = len(daemon.complaints())
    scene.faults.set(*faults)
    until(lambda: any(matches(line, what) for line in daemon.complaints()[before:]), f"{faults}: it is logged")
    scene.overflow(1)
    daemon.goes_on()
    # A failure that begins while a sample is in another namespace is also one of what it reads there.
    lines = [line for line in daemon.complaints()[before:] if message("LB_IN_NETNS", "blue") not in line]
    note(f"{', '.join(faults)}: {lines}")
    check(len(lines) == 1 and matches(lines[0], what) and lines[0].endswith(reason), f"{what} with {reason!r}: {lines}")
    for fault in faults:
        check(" ".join(fault.split()[:2]) in scene.faults.hits(), f"{fault} was met")
    scene.faults.set()
    scene.is_right()


for kind, what in (("", "the socket, the request, the answer, or a file"), ("paths", "the answer for UNIX sockets"),
                   ("waiting", "the answer for waiting connections"), ("namespace", "entering or listing namespaces")):
    @test(f"in whatever way {what} fails: one line with the reason, the rest is reported, then all is right again")
    def _(kind=kind):
        for first in range(0, len(CASES[kind]), 5):  # a daemon that has logged often logs the next failure later
            scene = Scene(kind)
            scene.is_right()
            descriptors = scene.daemon.lasting_descriptors()
            for case in CASES[kind][first:first + 5]:
                meet(scene, *case)
                until(lambda: scene.daemon.descriptors() == descriptors, "it has as many descriptors as before")
            scene.end()


@test("what fails once or is interrupted is asked for again at once: nothing is logged, and no read is missing")
def _():
    scene = Scene("waiting")
    scene.is_right()
    for asked, effects in (("listeners", ("ENOBUFS", "flagged", "cut", "empty", "ack", "foreign", "stale", "stray",
                                          "interrupted", "error:EBUSY", "done:EBUSY", "EINTR")),
                           ("waiting", ("ENOBUFS", "stale", "EINTR"))):
        for effect in effects:
            scene.faults.set(f"recvmsg {effect} {asked} 1 0")
            until(scene.faults.hits, f"{effect} was met")
            scene.overflow(1)
            scene.is_right()
    scene.faults.set("sendto EINTR - 2 3", "recvmsg EINTR - 2 3", "read EINTR - 2 3")
    scene.daemon.goes_on()
    scene.overflow(1)
    scene.is_right()
    equal(set(scene.faults.hits()), {"sendto EINTR", "recvmsg EINTR", "read EINTR"}, "calls that were interrupted")
    equal(scene.daemon.complaints(), [])
    scene.end()
    equal([when for when, _ in scene.daemon.series("8080", "queue")], scene.daemon.times(), "reads with a queue")


@test("without tcp_diag or unix_diag: one question an interval and one ERROR, the rest and the counters of the "
      "namespaces are reported, and no sample counts as missed")
def _():
    for kind, what, fault in (("paths", TCP_SOCKETS, "recvmsg done:ENOENT listeners"),
                              ("namespace", TCP_SOCKETS, "recvmsg error:ENOENT listeners"),
                              ("paths", UNIX, "recvmsg error:ENOENT paths")):
        scene = Scene(kind, config="SampleInterval 0.02")
        scene.is_right()
        daemon, lost = scene.daemon, "9090" if kind == "namespace" else "8080"
        unix = next((name for name in scene.queues if name not in ("8080", "9090")), None)
        scene.faults.set(fault)
        until(lambda: daemon.said(what), f"{fault}: it is logged")
        scene.overflow(3)
        daemon.await_reads()
        asked, first = len(scene.faults.hits()), len(daemon.times())
        daemon.await_reads(20)
        asked, reads = len(scene.faults.hits()) - asked, len(daemon.times()) - first
        note(f"{fault}: {asked} questions in {reads} intervals")
        check(reads - 2 <= asked <= reads + 2, "one question an interval")
        table = daemon.read()
        if what == TCP_SOCKETS:
            equal({name for name in table if name not in ("", "blue", unix)}, set(), "TCP listeners")
            equal((table[""]["overflows"], table[""].get("overflows_unattributed")),
                  (netstat()["ListenOverflows"], None), "overflows")
            check(kind != "namespace" or table["blue"]["overflows"] == 4, f"those of blue: {table}")
            check(not unix or table[unix]["queue"] == 4, f"the UNIX listener: {table}")
        else:
            check(unix not in table and table[lost]["overflows"] == 3, f"the TCP listener: {table}")
        scene.faults.set()
        scene.is_right()
        equal(len(daemon.complaints()), 1, "complaints")
        scene.end()


# ------------------------------------------------------------ at the start

@test("without a socket from the start: one line, then recovery, and overflows before it are unattributed")
def _():
    scene = Scene("", "socket EAFNOSUPPORT")
    overflow(scene.server, 4)
    until(scene.daemon.complaints, "it is logged")
    scene.daemon.goes_on()
    equal((len(scene.daemon.complaints()), scene.daemon.instances()), (1, set()), "complaints, and what is reported")
    scene.faults.set()
    scene.is_right()
    equal(scene.daemon.read()[""]["overflows_unattributed"], 4)
    scene.overflow(3)
    scene.is_right()
    scene.end()


@test("a thread that cannot start is tried again by each read, and a daemon without it ends like any other")
def _():
    scene = Scene("", "pthread_create EAGAIN", config="SampleInterval 0.01")
    until(scene.daemon.complaints, "it is logged")
    scene.daemon.goes_on(10)
    equal((scene.daemon.instances(), scene.daemon.sampler()), (set(), None), "what is reported, and the thread")
    line, = scene.daemon.complaints()
    mentions(line, message("LB_MSG_START_RETRIED", why("EAGAIN")))
    scene.faults.set()
    scene.is_right()
    check(scene.daemon.sampler(), "there is a thread")
    equal((len(scene.daemon.complaints()), len(scene.daemon.said("LB_MSG_STARTED"))), (1, 1))
    scene.overflow(2)
    scene.is_right()
    scene.end()
    scene = Scene("", "pthread_create EAGAIN", config="SampleInterval 0.01")
    scene.daemon.goes_on()
    equal(scene.daemon.stop(), 0, "exit status")


@test("whichever allocation fails at the start, it is logged, and the plugin reports unless its configuration was not "
      "read")
def _():
    fill(Listener(8080, backlog=4), 5)
    for refused in range(1, 60, 3):
        faults = Faults(f"memory ENOMEM - {refused} 0")  # those after them work, so that the first read has memory
        daemon = Collectd('LocalPort "8080"', interval=0.05, plugins=["uptime"], env=faults.env)
        daemon.goes_on()
        check(daemon.complaints(), "it is logged")
        if daemon.said("LB_MSG_CONFIG_UNREAD"):
            equal((len(daemon.complaints()), daemon.instances()), (1, set()))
        else:
            until(daemon.instances, "it is reported")
            equal(daemon.read()["8080"]["queue"], 5)
        faults.set()
        daemon.stop()


# ---------------------------------------------------------------- resources

@test("without memory known listeners go on, new ones are left out with one line, and found when there is memory")
def _():
    server = fill(Listener(8080, backlog=4), 5)
    faults = Faults()
    daemon = Collectd("InspectQueue true", interval=0.05, plugins=["uptime"], env=faults.env)
    for _ in range(3):
        daemon.inspected("8080")  # after which it needs no more memory
    faults.set("memory ENOMEM")
    daemon.goes_on()
    equal(daemon.complaints(), [])
    more = [Listener(port) for port in range(10000, 10040)]
    until(daemon.complaints, "it is logged")
    overflow(server, 3)
    daemon.goes_on()
    line, = daemon.complaints()
    mentions(line, why("ENOMEM"))
    faults.set()
    until(lambda: len(daemon.read()) == len(more) + 2, "all are reported")
    equal(settled(daemon)["8080"]["overflows"], 3)
    never_back(daemon)
    equal(daemon.stop(), 0, "exit status")


@test("a daemon without free descriptors goes on afterwards, with exact counters")
def _():
    scene = Scene("waiting", config="SampleInterval 0.01")
    scene.is_right()
    before = scene.daemon.lasting_descriptors()
    soft, hard = resource.prlimit(scene.daemon.pid, resource.RLIMIT_NOFILE)
    for limit in 0, len(before):
        resource.prlimit(scene.daemon.pid, resource.RLIMIT_NOFILE, (limit, hard))
        thread = scene.daemon.sampler()
        slept = thread.slept()
        scene.overflow(3)
        until(lambda: thread.slept() > slept + 20, "the thread tries to take samples")
        resource.prlimit(scene.daemon.pid, resource.RLIMIT_NOFILE, (soft, hard))
        scene.is_right()
        until(lambda: scene.daemon.descriptors() == before, "it has as many descriptors as before")
    # Without descriptors the csv plugin can write a part of a read and lose the rest.
    scene.end(needed=scene.shares)


@test("a kernel that does not answer delays neither reads nor the end of collectd")
def _():
    scene = Scene("waiting", config="SampleInterval 0.01")
    scene.is_right()
    scene.faults.set("sendto swallow")
    until(lambda: len(scene.faults.hits()) > 3, "requests are not answered")
    scene.overflow(2)
    equal([line for line in scene.daemon.errors() if not line.endswith(message("LB_WHY_NO_ANSWER"))], [])
    scene.faults.set()
    scene.is_right()
    scene.faults.set("sendto swallow")
    until(scene.faults.hits, "a request is not answered again")
    scene.end()


@test("after all of these failures in one daemon valgrind finds no error and no leak of ours")
def _():
    scene = Scene("namespace", command=VALGRIND, config="SampleInterval 0.02\nInspectQueue true\nListeningPaths true\n"
                                                        "ListeningPorts true\n")
    UnixListener(os.path.join(scratch(), "sock"))
    scene.is_right()
    for _, _, *faults in sum(CASES.values(), []):
        if faults == ["sendto swallow"]:
            continue
        scene.faults.set(*faults)
        until(lambda: " ".join(faults[-1].split()[:2]) in scene.faults.hits(), f"{faults} was met")
    scene.overflow(4)
    scene.faults.set()
    scene.is_right()
    scene.end()
    scene.daemon.check_valgrind()


# ---------------------------------------------------------------- the probe

@test("the probe says what it could not read and why, and exits with 1")
def _():
    place = Namespace("blue")
    path = os.path.join(scratch(), "sock")
    probe_output("--record", path + ".r")
    fill(Listener(8080), 2)
    fill(UnixListener(path), 1)
    with place.inside():
        Listener(9090)
    for what, reason, args, *faults in (
            ("TCP", why("EMFILE"), (), REOPEN, "socket EMFILE"),
            ("TCP_SOCKETS", no_module("tcp_diag"), (), "recvmsg done:ENOENT"),
            ("TCP", why("ENOBUFS"), (), "recvmsg ENOBUFS"),
            ("UNIX", MALFORMED, ("--unix", "--tcp"), "recvmsg cut paths"),
            ("INSPECT", FOREIGN, ("--inspect",), "recvmsg stale waiting"),
            ("NETSTAT", why("EACCES"), (), "open EACCES net/netstat"),
            ("NETSTAT", MALFORMED, (), "read nothing net/netstat"),
            ("SOMAXCONN", why("EIO"), (), "open EIO somaxconn"),
            ("SOMAXCONN", MALFORMED, (), "read nothing somaxconn"),
            ("NETNS", message("LB_WHY_NETNS_PRIVILEGE"), ("--netns", "blue"), "setns EPERM"),
            ("NETNS", why("EAGAIN"), ("--netns", "blue"), "pthread_create EAGAIN"),
            ("LIST", why("EMFILE"), ("--netns", "*"), "scandir EMFILE"),
            *((None, why("ENOMEM"), args, "memory ENOMEM - 1 0") for args in (
                (), ("8080",), (path,), ("--netns", "blue"), ("--record", path + ".r"), ("--replay", path + ".r"))),
            (None, why("EACCES"), ("--record", path + ".r"), "fopen EACCES")):
        spoiled = Faults(*faults)
        run = probe_run(*args, env={**os.environ, **spoiled.env})
        check(spoiled.hits(), f"{faults} was met")
        note(run.stderr)
        equal(run.returncode, 1, f"exit status with {faults}")
        mentions(run.stderr, reason)
        check(not what or matches(run.stderr, f"LB_MSG_{what}"), f"{what} in {run.stderr}")


if __name__ == "__main__":
    main()
