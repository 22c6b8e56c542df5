#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every call that may fail does, in the real daemon: it stays up, says so once
and clearly, and when the call works again so does the plugin, by itself, with
counters that are exact and no descriptor more."""
import resource

from lib import *

private_run()

OTHER = "uptime"  # another plugin: the daemon is at work


def ours(daemon, *words):
    """What the plugin has complained about."""
    return [line for line in daemon.log("listen_backlog plugin:", *words)
            if line.startswith(("[error]", "[warning]"))]


def reads(daemon):
    """How often the other plugin was read."""
    return sum(len(_lines(path)) for path in
               glob.glob(f"{daemon.dir}/csv/testhost/{OTHER}/{OTHER}-*"))


def _lines(path):
    with open(path) as file:
        return file.readlines()


def goes_on(daemon, count=4):
    """The daemon is at work, whatever the plugin is at."""
    before = reads(daemon)
    until(lambda: reads(daemon) > before + count, "others are read")
    check(daemon.running(), "collectd runs")


def never_went_back(daemon):
    """No counter in any look, also one in which much is missing."""
    last = {}
    for when, table in daemon.looks():
        for name, row in table.items():
            for reading in set(row) & {*COUNTERS, "overflows_unattributed"}:
                check(row[reading] >= last.get((name, reading), 0),
                      f"{name} {reading} at {when}")
                last[name, reading] = row[reading]


class Scene:
    """A daemon and what it looks at: full queues, and clients in them."""

    def __init__(self, kind="", *faults, **options):
        self.server = Listener(8080, backlog=4)
        fill(self.server, 5)
        self.queues = {"8080": 5}
        self.unix = self.place = None
        config = 'LocalPort "8080"\n'
        if kind == "paths":
            config += self.with_path()
        self.inspects = kind == "waiting"
        if self.inspects:
            config += "InspectQueue true\n"
        if kind == "namespace":
            config += self.with_place()
        self.faults = Faults(*faults)
        self.shares = dict.fromkeys(("8080", "9090") if self.place else
                                    ("8080",), 0)
        self.daemon = Collectd(config + options.pop("config", ""),
                               interval=0.05, plugins=[OTHER],
                               env=self.faults.env, **options)

    def with_path(self):
        path = os.path.join(scratch(), "sock")
        self.unix = UnixListener(path, backlog=3)
        self.unix.connect(4)
        self.queues[path.lstrip("/").replace("/", "-")] = 4
        return f'LocalPath "{path}"\n'

    def with_place(self):
        self.place = Namespace("blue")
        with self.place.inside():
            self.other = Listener(9090, backlog=2)
            fill(self.other, 3)
        self.queues["9090"] = 3
        return """NetNamespace "*"
            <Listener "9090">
              LocalPort "9090"
              NetNamespace "blue"
            </Listener>
            """

    def overflow(self, n):
        """Exactly so many clients are turned away, there one more."""
        overflow(self.server, n)
        self.shares["8080"] += n
        if self.place:
            with self.place.inside():
                overflow(self.other, n + 1)
            self.shares["9090"] += n + 1

    def found(self, table):
        return {name: table.get(name, {}).get("overflows")
                for name in self.shares}

    def is_right(self):
        """All values are there, and each is exact."""
        now = time.time()
        until(lambda: self.found(self.daemon.look()) == self.shares,
              f"the overflows are {self.shares}")
        until(lambda: not self.inspects or any(
            when > now for when, _ in self.daemon.series("8080", "wait")),
              "waiting connections are read, too")
        table = self.daemon.look()
        equal({name: table[name]["queue"] for name in self.queues},
              self.queues, "queue")
        self.agrees(table[""], self.shares["8080"])
        if self.place:
            with self.place.inside():
                self.agrees(table["blue"], self.shares["9090"])

    @staticmethod
    def agrees(row, share):
        """The namespace that we are in has the kernel's numbers."""
        kernel = netstat()
        equal((row["overflows"], row["drops"], row["overflows_unattributed"],
               row["somaxconn"]),
              (kernel["ListenOverflows"], kernel["ListenDrops"],
               kernel["ListenOverflows"] - share,
               sysctl("net.core.somaxconn")), "namespace")

    def end(self):
        never_went_back(self.daemon)
        equal(self.daemon.stop(), 0, "exit status")
        for each in self.server, self.unix, self.place and self.other:
            if each:
                each.close()
        if self.place:
            self.place.delete()


# ------------------------------------------------------------- one at a time

# After these the socket is opened anew.
REOPEN = "recvmsg ENOBUFS - 1 0"
LISTENING = "listening sockets failed, nothing is reported: "
ALLOWED = "; allow AF_NETLINK (RestrictAddressFamilies, seccomp)"
NO_TCP_DIAG = "the kernel has no tcp_diag, try: modprobe tcp_diag"
WAITING = "waiting connections failed, wait, abandoned and syn are missing: "
PATHS = "listening UNIX sockets failed, they are missing: "
NETSTAT = "/proc/net/netstat failed, drops and overflows are missing: "
SOMAXCONN = "/proc/sys/net/core/somaxconn failed, it is missing: "
BLUE = "network namespace blue failed: "
LISTING = "/run/netns and /run/docker/netns failed: "

ERRNO = {
    "EACCES": "Permission denied", "EADDRINUSE": "Address already in use",
    "EAGAIN": "Resource temporarily unavailable",
    "EBUSY": "Device or resource busy", "EINVAL": "Invalid argument",
    "EIO": "Input/output error", "EMFILE": "Too many open files",
    "ENFILE": "Too many open files in system",
    "ENOBUFS": "No buffer space available", "ENOMEM": "Cannot allocate memory",
    "EPERM": "Operation not permitted",
    "EAFNOSUPPORT": "Address family not supported by protocol",
    "EPROTONOSUPPORT": "Protocol not supported",
    "ENOENT": "No such file or directory",
    "EINTR": "Interrupted system call",
}


def case(says, *faults):
    """Faults, and what the one complaint about them says."""
    return faults, says


# The answer, in each way that it may be no answer.
ANSWERS = [
    ("EAGAIN", "no answer"), ("ENOBUFS", ERRNO["ENOBUFS"]),
    ("ENOMEM", ERRNO["ENOMEM"]),
    ("flagged", "the answer was cut off"), ("cut", "malformed data"),
    ("empty", "malformed data"), ("ack", "malformed data"),
    ("overrun", "malformed data"),
    ("foreign", "the answer belongs to another request"),
    ("stale", "the answer belongs to another request"),
    ("stray", "the answer belongs to another request"),
    ("interrupted", ERRNO["EINTR"]), ("error:EBUSY", ERRNO["EBUSY"]),
    ("error:EINVAL", ERRNO["EINVAL"]), ("error:ENOMEM", ERRNO["ENOMEM"]),
    ("error:EPERM", ERRNO["EPERM"] + ALLOWED),
    ("done:ENOBUFS", ERRNO["ENOBUFS"]),
]
NO_MODULE = [(name, NO_TCP_DIAG) for name in
             ("done:ENOENT", "error:ENOENT", "error:EOPNOTSUPP")]

LOOKS = [
    *(case(LISTENING + ERRNO[name] + ALLOWED, REOPEN, f"socket {name}")
      for name in ("EAFNOSUPPORT", "EPERM", "EACCES", "EPROTONOSUPPORT")),
    *(case(LISTENING + ERRNO[name], REOPEN, f"socket {name}")
      for name in ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS")),
    *(case(LISTENING + ERRNO[call.split()[1]], REOPEN, call)
      for call in ("bind EADDRINUSE", "getsockname ENOBUFS",
                   "setsockopt ENOMEM")),
    *(case(LISTENING + ERRNO[name], f"sendto {name}")
      for name in ("ENOBUFS", "ENOMEM")),
    case(LISTENING + ERRNO["EPERM"] + ALLOWED, "sendto EPERM"),
    case(LISTENING + "no answer", "sendto swallow"),
    *(case(LISTENING + says, f"recvmsg {effect}")
      for effect, says in ANSWERS + NO_MODULE),
]
FILES = [
    case(what + says, f"{call} {name}")
    for what, name in ((NETSTAT, "net/netstat"), (SOMAXCONN, "somaxconn"))
    for call, says in (
        *((f"open {error}", ERRNO[error]) for error in
          ("EACCES", "EMFILE", "ENFILE", "ENOMEM", "ENOENT")),
        ("read EIO", ERRNO["EIO"]), ("read nothing", "malformed data"))
]
PATH_ANSWERS = [
    *(case(PATHS + says, f"recvmsg {effect} paths")
      for effect, says in ANSWERS),
    case(PATHS + "the kernel has no unix_diag", "recvmsg error:ENOENT paths"),
]
# A walk takes its time, and is given little of it: fewer of them will do.
WAITING_ANSWERS = [case(WAITING + says, f"recvmsg {effect} waiting")
                   for effect, says in ANSWERS[:5] + NO_MODULE[:1]]
NAMESPACES = [
    *(case(BLUE + ERRNO[error], f"open {error} netns/blue")
      for error in ("EMFILE", "ENFILE", "EACCES", "ENOMEM")),
    case(BLUE + ERRNO["EIO"], "fstat EIO"),
    case(BLUE + "CAP_SYS_ADMIN is missing", "setns EPERM"),
    case(BLUE + "no network namespace is mounted there", "setns EINVAL"),
    case(BLUE + ERRNO["ENOMEM"], "setns ENOMEM"),
    case(BLUE + ERRNO["EAGAIN"], "pthread_create EAGAIN"),
    case(BLUE + ERRNO["EACCES"], "stat EACCES netns/blue"),
    *(case(LISTING + ERRNO[error], f"scandir {error}")
      for error in ("EMFILE", "ENFILE", "ENOMEM", "EACCES")),
]


def meet(scene, faults, says):
    """These faults, and the time after them."""
    before = len(ours(scene.daemon))
    scene.faults.set(*faults)
    until(lambda: len(ours(scene.daemon)) > before, f"{faults}: it is told of")
    scene.overflow(1)
    goes_on(scene.daemon)
    equal(ours(scene.daemon)[before + 1:], [], f"{faults}: more complaints")
    line = ours(scene.daemon)[before]
    note(f"{', '.join(faults)}: {line}")
    check(says in line, f"{says!r} in {line!r}")
    for fault in faults:
        check([*fault.split()[:2]] in scene.faults.hits(), f"{fault} was met")
    scene.faults.set()
    scene.is_right()


def each_of(kind, cases):
    """In one daemon after another: whoever complains often waits long."""
    for first in range(0, len(cases), 5):
        scene = Scene(kind)
        scene.is_right()
        descriptors = scene.daemon.descriptors()
        for faults, says in cases[first:first + 5]:
            meet(scene, faults, says)
            until(lambda: scene.daemon.descriptors() == descriptors,
                  "it has as many descriptors as before")
        scene.end()


@test("the socket, the question or the answer fails: one line, then recovery")
def _():
    each_of("", LOOKS)


@test("a file cannot be read: one line, then recovery")
def _():
    each_of("", FILES)


@test("UNIX sockets cannot be read: one line, the rest goes on, then recovery")
def _():
    each_of("paths", PATH_ANSWERS)


@test("waiting connections cannot be read: one line, the rest goes on")
def _():
    each_of("waiting", WAITING_ANSWERS)


@test("another namespace cannot be entered: one line, the rest goes on")
def _():
    each_of("namespace", NAMESPACES)


# ------------------------------------------------------ that cost nothing

@test("what is lost once is asked for again at once: nobody notices")
def _():
    scene = Scene("waiting")
    scene.is_right()
    for where, effects in (("listeners", (
            "ENOBUFS", "flagged", "cut", "empty", "ack", "foreign", "stale",
            "stray", "interrupted", "error:EBUSY", "done:EBUSY", "EINTR")),
            ("waiting", ("ENOBUFS", "stale", "EINTR"))):
        for effect in effects:
            scene.faults.set(f"recvmsg {effect} {where} 1 0")
            until(scene.faults.hits, f"{effect} was met")
            scene.overflow(1)
            scene.is_right()
    scene.faults.set("sendto EINTR - 2 3", "recvmsg EINTR - 2 3",
                     "read EINTR - 2 3")
    goes_on(scene.daemon)
    scene.overflow(1)
    scene.is_right()
    equal({call for call, _ in scene.faults.hits()},
          {"sendto", "recvmsg", "read"}, "calls that were interrupted")
    equal(ours(scene.daemon), [], "complaints")
    scene.end()
    equal([when for when, _ in scene.daemon.series("8080", "queue")],
          scene.daemon.times(), "reads that have a look")


# ------------------------------------------------------------ at the start

FAILED = "Starting failed, each read retries: "


@test("a thread that cannot start is tried again by each read")
def _():
    scene = Scene("", "pthread_create EAGAIN", config="SampleInterval 0.01")
    until(lambda: ours(scene.daemon), "it is told of")
    goes_on(scene.daemon, 10)
    equal(scene.daemon.instances(), set(), "reported")
    line, = ours(scene.daemon)
    note(line)
    check(line.endswith(FAILED + ERRNO["EAGAIN"]), line)
    equal(scene.daemon.sampler(), None, "thread")
    scene.faults.set()
    scene.is_right()
    check(scene.daemon.sampler(), "there is a thread")
    equal(len(ours(scene.daemon)), 1, "complaints")
    equal(len(scene.daemon.log("listen_backlog plugin: Started.")), 1)
    scene.overflow(2)
    scene.is_right()
    scene.end()


@test("a daemon that could not start the thread ends as any other")
def _():
    scene = Scene("", "pthread_create EAGAIN", config="SampleInterval 0.01")
    goes_on(scene.daemon)
    equal(scene.daemon.stop(), 0, "exit status")


@test("whatever memory is missing at the start, it is told of and made good")
def _():
    server = Listener(8080, backlog=4)
    fill(server, 5)
    told = set()
    for refused in range(1, 60, 3):
        # Those after them are not refused, so that the first read has some.
        faults_ = Faults(f"memory ENOMEM - {refused} 0")
        daemon = Collectd('LocalPort "8080"', interval=0.05, plugins=[OTHER],
                          env=faults_.env)
        goes_on(daemon)
        lines = ours(daemon)
        check(lines, "it is told of")
        told |= {re.sub(": .*", "", line.partition("plugin: ")[2])
                 for line in lines}
        if daemon.log("Reading the configuration failed"):
            equal((len(lines), daemon.instances()), (1, set()))
        else:
            until(lambda: daemon.instances(), "it is reported")
            equal(daemon.look()["8080"]["queue"], 5)
        faults_.set()
        daemon.stop()
    note("\n".join(sorted(told)))


# ---------------------------------------------------------------- resources

@test("without memory what is new is left out, and found later")
def _():
    servers = [Listener(8080, backlog=4)]
    fill(servers[0], 5)
    faults_ = Faults()
    daemon = Collectd("InspectQueue true", interval=0.05, plugins=[OTHER],
                      env=faults_.env)
    daemon.look()
    faults_.set("memory ENOMEM")
    goes_on(daemon)
    equal(ours(daemon), [], "complaints of one that needs none")
    servers += [Listener(port) for port in range(10000, 10200)]
    until(lambda: ours(daemon), "it is told of")
    overflow(servers[0], 3)
    goes_on(daemon)
    for line in ours(daemon):
        note(line)
        check(ERRNO["ENOMEM"] in line, line)
    equal(len(ours(daemon)), 1, "complaints")
    faults_.set()
    until(lambda: len(daemon.look()) == 202, "all are reported")
    table = settled(daemon)
    equal(table["8080"]["overflows"], 3)
    never_went_back(daemon)
    equal(daemon.stop(), 0, "exit status")


@test("without descriptors, for the whole daemon, it goes on afterwards")
def _():
    scene = Scene("waiting", config="SampleInterval 0.01")
    scene.is_right()
    before = scene.daemon.descriptors()
    pid = scene.daemon.process.popen.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    for limit in 0, len(before):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, hard))
        thread = scene.daemon.sampler()
        slept = thread.slept()
        scene.overflow(3)
        until(lambda: thread.slept() > slept + 20, "looks are made meanwhile")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        scene.is_right()
        until(lambda: scene.daemon.descriptors() == before,
              "it has as many descriptors as before")
    scene.end()


@test("a kernel that does not answer holds up neither reads nor the end")
def _():
    scene = Scene("waiting", config="SampleInterval 0.01")
    scene.is_right()
    scene.faults.set("sendto swallow")
    until(lambda: len(scene.faults.hits()) > 3, "nobody answers")
    scene.overflow(2)
    for line in scene.daemon.log("[error] listen_backlog plugin:"):
        check("no answer" in line, line)
    scene.faults.set()
    scene.is_right()
    scene.faults.set("sendto swallow")
    until(lambda: scene.faults.hits(), "nobody answers again")
    scene.end()


# ------------------------------------------------------------- all in a life

@test("after all of them, in one life under valgrind, nothing has leaked")
def _():
    scene = Scene("namespace", command=VALGRIND,
                  config="SampleInterval 0.02\nInspectQueue true\n"
                         "ListeningPaths true\nListeningPorts true\n")
    UnixListener(os.path.join(scratch(), "sock"))
    scene.is_right()
    for faults, _ in (LOOKS + FILES + PATH_ANSWERS + WAITING_ANSWERS +
                      NAMESPACES):
        if "swallow" in faults[0]:
            continue
        scene.faults.set(*faults)
        until(lambda: [*faults[-1].split()[:2]] in scene.faults.hits(),
              f"{faults} was met")
    scene.overflow(4)
    scene.faults.set()
    scene.is_right()
    scene.end()
    check_valgrind(scene.daemon)


# ---------------------------------------------------------------- the probe

def failing_probe(faults_, *args):
    spoiled = Faults(*faults_)
    run = probe_run(*args, env={**os.environ, **spoiled.env})
    check(spoiled.hits(), f"{faults_} was met")
    note(run.stderr)
    return run


@test("the probe says what it could not read, and exits with 1")
def _():
    place = Namespace("blue")
    path = os.path.join(scratch(), "sock")
    equal(probe_run("--record", path + ".r").returncode, 0)
    server, unix = Listener(8080), UnixListener(path)
    fill(server, 2)
    unix.connect(1)
    with place.inside():
        Listener(9090)
    for faults_, args, says in (
            ([REOPEN, "socket EMFILE"], (), ERRNO["EMFILE"]),
            (["recvmsg done:ENOENT"], (), NO_TCP_DIAG),
            (["recvmsg ENOBUFS"], (), ERRNO["ENOBUFS"]),
            (["recvmsg cut paths"], ("--unix", "--tcp"),
             PATHS + "malformed data"),
            (["recvmsg stale waiting"], ("--inspect",),
             WAITING + "the answer belongs to another request"),
            (["open EACCES net/netstat"], (),
             NETSTAT + ERRNO["EACCES"]),
            (["read nothing net/netstat"], (),
             NETSTAT + "malformed data"),
            (["open EIO somaxconn"], (),
             SOMAXCONN + ERRNO["EIO"]),
            (["read nothing somaxconn"], (),
             SOMAXCONN + "malformed data"),
            (["setns EPERM"], ("--netns", "blue"), "CAP_SYS_ADMIN"),
            (["pthread_create EAGAIN"], ("--netns", "blue"), ERRNO["EAGAIN"]),
            (["scandir EMFILE"], ("--netns", "*"), ERRNO["EMFILE"]),
            (["memory ENOMEM - 1 0"], (), ERRNO["ENOMEM"]),
            (["memory ENOMEM - 1 0"], ("8080",), ERRNO["ENOMEM"]),
            (["memory ENOMEM - 1 0"], (path,), ERRNO["ENOMEM"]),
            (["memory ENOMEM - 1 0"], ("--netns", "blue"), ERRNO["ENOMEM"]),
            (["memory ENOMEM - 1 0"], ("--record", path + ".r"),
             ERRNO["ENOMEM"]),
            (["memory ENOMEM - 1 0"], ("--replay", path + ".r"),
             ERRNO["ENOMEM"]),
            (["fopen EACCES"], ("--record", path + ".r"), ERRNO["EACCES"])):
        run = failing_probe(faults_, *args)
        equal(run.returncode, 1, f"exit status with {faults_}")
        check(says in run.stderr, f"{says!r} in {run.stderr!r}")


if __name__ == "__main__":
    main()
