#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Listening UNIX sockets: queue, limit and clients that have gone are those of
ss and of what the test itself did, under the label that the name makes."""
import glob
import json
import os
import random
import re
import resource
import signal
import socket
import string
import struct
import time

from lib import *

KINDS = {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET}
LIMIT = 5


def content(file):
    with open(file) as opened:
        return opened.read()


def label(name):
    """What a name in bytes is called."""
    name = name.removeprefix(b"/") if name != b"/" else name
    text = "".join(chr(byte) if ord(" ") < byte < 0x7f else "_"
                   for byte in name).replace("/", "-")
    return "@" + text[1:] if name.startswith(b"\0") else text


def path(name="app.sock"):
    return f"{scratch()}/{name}"


def readings(queue, limit, sockets=1, full=0, fill=None):
    """All that a listener of UNIX sockets has, where one look is all."""
    fill = 100 * queue / (limit + 1) if fill is None else fill
    return {"queue": queue, "limit": limit, "peak": queue,
            "busy": 100 if queue else 0, "fill": round(fill, 3),
            "sockets": sockets, "full": full}


def rounded(row):
    return {**row, **({"fill": round(row["fill"], 3)} if "fill" in row
                      else {})}


def listeners(table):
    return {name: rounded(row) for name, row in table.items() if name}


def queues(table):
    return {name: row.get("queue") for name, row in table.items() if name}


# ---------------------------------------------------------------- the numbers

def at_every_fill(kind, name, given):
    """given is how it is written in the configuration."""
    server = UnixListener(name, LIMIT, KINDS[kind])
    daemon = Collectd(f'LocalPath "{given}"')
    mine = label(os.fsencode(name))
    for n in 0, 1, 3, LIMIT, LIMIT + 1:
        fill(server, n)
        equal(server.seen()[1:3], (n, LIMIT), "ss itself")
        want = readings(n, LIMIT, full=int(n > LIMIT))
        equal(listeners(daemon.look()), {mine: want}, f"collectd at {n}")
        equal(rounded(probe(given)[mine]),
              {name: want[name] for name in GAUGES - {"peak", "busy"}},
              f"the probe at {n}")
    equal(daemon.names(mine), {READINGS[name] for name in GAUGES},
          "and nothing else was ever sent")


for kind in KINDS:
    @test(f"{kind}, a pathname: all readings are right at every fill")
    def _(kind=kind):
        name = path()
        at_every_fill(kind, name, name)

    @test(f"{kind}, an abstract name: all readings are right at every fill")
    def _(kind=kind):
        at_every_fill(kind, b"\0app", "@app")

    @test(f"{kind}: fill is 100 exactly when connect() says EAGAIN")
    def _(kind=kind):
        for limit in 0, 1, 4:
            server = UnixListener(path(), limit, KINDS[kind])
            for n in range(limit + 3):
                row = probe(server.path)[label(server.path.encode())]
                equal((row["fill"] == 100, row["full"]), (n > limit, n > limit),
                      f"fill 100 and full with {n} at limit {limit}")
                equal(server.knock(), n <= limit, f"room for one beside {n}")


@test("limit is what the kernel made of it, of listen() called again, too")
def _():
    sysctl("net.core.somaxconn", 100)
    server = UnixListener(path(), 1000)
    mine = label(server.path.encode())
    daemon = Collectd(f'LocalPath "{server.path}"')
    for backlog in 1000, 7, 0:
        server.socket.listen(backlog)
        want = server.seen().limit
        equal(want, min(backlog, 100), "ss itself")
        equal(daemon.look()[mine]["limit"], want)
    check(daemon.log("somaxconn", mine), "the hint names it")


@test("peak, busy, fill and full are of all looks within the interval")
def _():
    server = UnixListener(path(), LIMIT)
    mine = label(server.path.encode())
    daemon = Collectd(f'LocalPath "{server.path}"\nSampleInterval 0.01',
                      interval=1)

    def told():
        """Whether an interval that ended empty tells of its peak."""
        looks = [table[mine] for _, table in daemon.looks()
                 if {*table.get(mine, ())} >= GAUGES]
        return any(row["queue"] == 0 and row["peak"] == LIMIT + 1 and
                   row["full"] == 1 and 0 < row["busy"] < 100
                   for row in looks)

    def come_and_go():
        daemon.look()
        seen = daemon.series(mine, "fill")
        fill(server, LIMIT + 1)
        until(lambda: 100 in [v for _, v in
                              daemon.series(mine, "fill")[len(seen):]],
              "an interval is full")
        slept = daemon.sampler().slept()
        until(lambda: daemon.sampler().slept() > slept + 2,
              "looks are made in the next one")
        server.accept(LIMIT + 1)
        row = until(lambda: next((row for row in [daemon.look()[mine]]
                                  if row["peak"] == 0), None), "it is over")
        equal((row["queue"], row["busy"], row["fill"], row["full"]),
              (0, 0, 0, 0))

    # Where the interval ends in between, the next one has no look of them:
    # then once more.
    for _ in range(10):
        come_and_go()
        if told():
            return
    raise AssertionError("no interval that ended empty tells of its peak")


@test("who was accepted, and what does not listen, is not counted")
def _():
    server = UnixListener(b"\0app", LIMIT)
    fill(server, 5)
    server.accept(3)
    bystanders = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
                  socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)]
    bystanders[0].bind(b"\0datagrams")
    bystanders[1].bind(b"\0bound")
    bystanders += socket.socketpair()
    equal(listeners(Collectd("ListeningPaths true").look()),
          {"@app": readings(2, LIMIT)})
    for each in bystanders:
        each.close()


@test("a selected path that is not there has 0 sockets, and nothing else")
def _():
    server = UnixListener(path(), LIMIT)
    mine = label(server.path.encode())
    daemon = Collectd(f'LocalPath "{server.path}" "@nobody"\n'
                      'LocalPath "/nobody.sock"')
    fill(server, 2)
    none = {"sockets": 0}
    equal(listeners(daemon.look()), {mine: readings(2, LIMIT), "@nobody": none,
                                     "nobody.sock": none})
    server.close()
    until(lambda: listeners(daemon.look())[mine] == none, "it is gone")
    equal(daemon.errors(), [])


# ----------------------------------------------------------------- the clients

def inspected(daemon, name, reading="abandoned"):
    """The first look from now on that walked."""
    return until(lambda: next((row for row in [daemon.look()[name]]
                               if reading in row), None), "there was a walk")


for kind in KINDS:
    @test(f"{kind}: abandoned are those whose client has closed")
    def _(kind=kind):
        server = UnixListener(path(), 50, KINDS[kind])
        mine = label(server.path.encode())
        daemon = Collectd(f'LocalPath "{server.path}"\nInspectQueue true')
        equal(inspected(daemon, mine)["abandoned"], 0, "nobody waits")
        server.connect(20)
        equal(inspected(daemon, mine)["abandoned"], 0, "all are there")
        for each in server.clients[5:12]:
            each.close()
        row = inspected(daemon, mine)
        equal((row["queue"], row["abandoned"]), (20, 7))
        server.clients[19].shutdown(socket.SHUT_WR)
        equal(inspected(daemon, mine)["abandoned"], 7, "one is only silent")
        server.accept(8)
        row = inspected(daemon, mine)
        equal((row["queue"], row["abandoned"]), (12, 4), "three were taken")
        equal(set(row), GAUGES | {"abandoned"}, "no wait and no syn")
        equal(probe("--inspect", server.path)[mine]["abandoned"], 4)


@test("abandoned is exact for 900; where the kernel cannot tell, it is absent")
def _():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    few, many = UnixListener(b"\0few", 900), UnixListener(b"\0many", 4000)
    few.connect(900)
    many.connect(3000)
    for each in few.clients[::2]:
        each.close()
    daemon = Collectd("ListeningPaths true\nInspectQueue true")
    equal(rounded(inspected(daemon, "@few")),
          {**readings(900, 900), "abandoned": 450})
    equal({name for _, table in daemon.looks()[:-1]
           for name in table.get("@many", ())}, GAUGES, "of the other")
    equal(daemon.look()["@many"]["queue"], 3000)
    equal(daemon.errors(), [])


# --------------------------------------------------------- names and selection

LONG = 107
NAMES = [  # and, where it can be selected, how
    (b"\0plain", "@plain"),
    (b"\0a/b/c", "@a/b/c"),
    (b"\0/slash/first", "@/slash/first"),
    (b"\0with space", "@with space"),
    (b"\0new\nline", r"@new\\x0aline"),
    ("\0grüße".encode(), "@grüße"),
    (b"\0nul\0inside", r"@nul\\x00inside"),
    (b"\0\xff\x01bytes", r"@\\xff\\x01bytes"),
    (b"\0padded".ljust(108, b"\0"), "@padded"),
    (b"\0" + b"a" * LONG, "@" + "a" * LONG),
    (b"relative.sock", "relative.sock"),
    (b"DIR/dotted.name", "DIR/dotted.name"),
    (b"DIR/with space", "DIR/with space"),
    (b"DIR/new\nline", None),
    ("DIR/grüße".encode(), "DIR/grüße"),
    (b"DIR/back\\slash", r"DIR/back\\slash"),
    (b"DIR/long", "DIR/long"),
]


@test("names of all bytes and lengths: label, queue and selection are right")
def _():
    directory = scratch()
    os.chdir(directory)
    servers, want, given = [], {}, []
    for n, (name, text) in enumerate(NAMES, 1):
        name = name.replace(b"DIR", directory.encode())
        text = text and text.replace("DIR", directory)
        if name.endswith(b"/long"):
            name, text = name.ljust(LONG, b"g"), text.ljust(LONG, "g")
        servers.append(UnixListener(name, 30))
        fill(servers[-1], n)
        bare = name.rstrip(b"\0") if name.startswith(b"\0") else name
        want[label(bare)] = n
        if text:
            given.append((label(bare), n, text))
    os.chdir("/")
    equal(len(want), len(NAMES), "all labels differ")
    check({"@plain", "@a-b-c", "@-slash-first", "@with_space", "@new_line",
           "@gr____e", "@nul_inside", "@__bytes", "@padded", "relative.sock",
           label(directory.encode()) + "-dotted.name"} <= set(want),
          "the labels are those one expects")
    daemon = Collectd("ListeningPaths true")
    equal(queues(daemon.look()), want, "ListeningPaths")
    equal(queues(probe("-x")), want, "probe -x")
    daemon.stop()

    daemon = Collectd("\n".join(f'LocalPath "{text}"' for *_, text in given))
    equal(queues(daemon.look()), {name: n for name, n, _ in given},
          "LocalPath")
    equal(daemon.errors(), [])
    equal(queues(probe(*[text.replace("\\\\", "\\") for *_, text in given
                         if text[0] in "/@"])),
          {name: n for name, n, text in given if text[0] in "/@"},
          "the probe's arguments")


@test("--sockets shows each UNIX socket as ss does")
def _():
    for n, (name, kind) in enumerate((("/stream", "stream"),
                                      ("/packets", "seqpacket"),
                                      (b"\0abstract", "stream"))):
        name = scratch() + name if isinstance(name, str) else name
        fill(UnixListener(name, LIMIT + n, KINDS[kind]), n)
    run = probe_run("--unix", "--sockets")
    equal((run.returncode, run.stderr), (0, ""), "the probe's end")
    _, *lines = [line.split() for line in run.stdout.splitlines()]
    equal(sorted(line[:-1] for line in lines),
          sorted([s.name.decode(), str(s.queue), str(s.limit), "-",
                  str(s.ino)] for s in ss_unix()), "lines")


@test("ListeningPaths reports UNIX sockets alone, or ports as well")
def _():
    fill(UnixListener(b"\0app", LIMIT), 1)
    fill(Listener(8080), 2)
    for config, want in (
            ("ListeningPaths true", {"@app": 1}),
            ("ListeningPaths true\nListeningPorts true",
             {"@app": 1, "8080": 2}),
            ("ListeningPaths false", {"8080": 2}),
            ('ListeningPaths true\nLocalPort "8080"', {"@app": 1, "8080": 2}),
            ('ListeningPaths true\nLocalPath "@app"', {"@app": 1}),
            ('LocalPath "@app"', {"@app": 1}),
            ('LocalPath "@app"\nListeningPorts true',
             {"@app": 1, "8080": 2})):
        daemon = Collectd(config)
        equal(queues(daemon.look()), want, config)
        daemon.stop()


@test("IgnoreSelected leaves paths out of ListeningPaths, but no <Listener>")
def _():
    for n, name in enumerate(("one", "two", "three"), 1):
        fill(UnixListener(b"\0" + name.encode(), LIMIT), n)
    fill(Listener(8080), 4)
    fill(Listener(8081), 5)
    for config, want in (
            ("", {"@one": 1, "@three": 3}),
            ("ListeningPorts true", {"@one": 1, "@three": 3, "8080": 4,
                                     "8081": 5}),
            ('LocalPort "8080"', {"@one": 1, "@three": 3, "8081": 5}),
            ('LocalPath "@three"\n<Listener "api">\n  LocalPath "@two" "@one"\n'
             "</Listener>", {"api": 3})):
        daemon = Collectd(f'LocalPath "@two"\nListeningPaths true\n'
                          f'IgnoreSelected true\n{config}')
        equal(queues(daemon.look()), want, config)
        equal(daemon.errors(), [])
        daemon.stop()


@test("a <Listener> of UNIX sockets adds them up, and has no counters")
def _():
    first, second = UnixListener(path(), 10), UnixListener(b"\0second", 20)
    UnixListener(b"\0other")
    fill(first, 11)
    fill(second, 3)
    daemon = Collectd(f"""
        ListeningPaths true
        <Listener "api">
          LocalPath "{first.path}"
          LocalPath "@second" "@nobody"
        </Listener>""")
    equal(listeners(daemon.look()),
          {"api": readings(14, 30, sockets=2, full=1, fill=100),
           "@other": readings(0, LIMIT)})


@test("a <Listener> of ports and UNIX sockets: sums, and what is TCP's")
def _():
    tcp, local = Listener(8080, backlog=4), UnixListener(b"\0api", 9)
    fill(tcp, 5)
    fill(local, 3)
    daemon = Collectd("""
        InspectQueue true
        <Listener "api">
          LocalPath "@api"
          LocalPort "8080"
          LocalAddress "127.0.0.1"
        </Listener>""")
    daemon.look()
    overflow(tcp, 7)
    local.clients[0].close()
    reset(tcp.clients.pop(0))
    row = inspected(daemon, "api", "wait")
    equal(set(row), GAUGES | COUNTERS | INSPECTED)
    equal({name: row[name] for name in row if name not in ("wait", "busy")},
          {"queue": 8, "limit": 13, "peak": 8, "fill": 100, "sockets": 2,
           "full": 1, "drops": 7, "overflows": 7, "abandoned": 2, "syn": 0})
    check(0 < row["wait"] < DEADLINE, f"wait is {row['wait']}")

    tcp.close()
    until(lambda: daemon.look()["api"]["sockets"] == 1, "the port is closed")
    row = inspected(daemon, "api")
    equal(rounded(row), {**readings(3, 9), "abandoned": 1, "drops": 7,
                         "overflows": 7}, "the UNIX socket is left")


# --------------------------------------------------------------------- labels

def one_error(daemon, *words):
    line, = daemon.errors()
    note(line)
    for word in words:
        check(word in line, f"{word!r} in {line!r}")


@test("selected paths that would share a label: one ERROR, the first keeps it")
def _():
    directory = scratch()
    os.mkdir(directory + "/a")
    fill(UnixListener(directory + "/a/b"), 1)
    fill(UnixListener(directory + "/a-b"), 2)
    mine = label(directory.encode()) + "-a-b"
    daemon = Collectd(f'LocalPath "{directory}/a/b" "{directory}/a-b"')
    equal(queues(daemon.look()), {mine: 1})
    one_error(daemon, "LocalPath", f"{directory}/a-b", mine, "<Listener>")
    daemon.stop()
    daemon = Collectd(f'LocalPath "{directory}/a/b"\n<Listener "other">\n'
                      f'  LocalPath "{directory}/a-b"\n</Listener>')
    equal(queues(daemon.look()), {mine: 1, "other": 2}, "what it proposes")
    equal(daemon.errors(), [])


@test("a path called 80 beside port 80: one ERROR, the first keeps the label")
def _():
    os.chdir(scratch())
    for config in 'LocalPort "80"\nLocalPath "80"', \
                  'LocalPath "80"\nLocalPort "80"':
        tcp, local = Listener(80), UnixListener("80")
        fill(tcp, 1)
        fill(local, 2)
        os.unlink("80")
        daemon = Collectd(config)
        equal(queues(daemon.look()), {"80": 1 if "Port" in config[:9] else 2},
              config)
        one_error(daemon, '"80"', "<Listener>")
        daemon.stop()
        tcp.close()
        local.close()
    os.chdir("/")


@test("found sockets that would share a label: one ERROR, the first keeps it")
def _():
    os.chdir(scratch())
    daemon = Collectd("ListeningPorts true\nListeningPaths true")
    tcp = Listener(80)
    fill(tcp, 1)
    equal(queues(daemon.look()), {"80": 1})
    local = UnixListener("80")
    fill(local, 2)
    later = UnixListener(b"\0later")
    equal(queues(daemon.look()), {"80": 1, "@later": 0}, "the port keeps it")
    one_error(daemon, '"80"', "UNIX socket", "<Listener>")
    check("drops" in daemon.look()["80"], "the port still has its counters")
    local.close()
    later.close()
    until(lambda: queues(daemon.look()) == {"80": 1}, "it is gone")
    one_error(daemon, '"80"')
    daemon.stop()

    daemon = Collectd("ListeningPorts true\nListeningPaths true")
    tcp.close()
    os.unlink("80")
    local = UnixListener("80")
    fill(local, 3)
    until(lambda: queues(daemon.look()) == {"80": 3} or daemon.errors(),
          "the path takes it")
    equal(daemon.errors()[1:], [])
    os.chdir("/")


@test("two found paths of one label: one ERROR, and each other has its own")
def _():
    one, other = UnixListener(b"\0a/b"), None
    fill(one, 1)
    daemon = Collectd("ListeningPaths true")
    equal(queues(daemon.look()), {"@a-b": 1})
    other = UnixListener(b"\0a-b")
    fill(other, 2)
    fill(UnixListener(b"\0c"), 3)
    equal(queues(daemon.look()), {"@a-b": 1, "@c": 3})
    one_error(daemon, "@a-b", "<Listener>")
    for _ in range(3):
        daemon.look()
    equal(len(daemon.errors()), 1, "errors")


# -------------------------------------------------------------- a name's life

@test("a server that is restarted keeps its label, with its old self or not")
def _():
    name = path()
    old = UnixListener(name, 7)
    fill(old, 3)
    mine = label(name.encode())
    for config in f'LocalPath "{name}"', "ListeningPaths true":
        daemon = Collectd(config)
        equal(listeners(daemon.look()), {mine: readings(3, 7)})
        os.unlink(name)
        new = UnixListener(name, 9)
        fill(new, 5)
        row = readings(8, 16, sockets=2, fill=50)
        equal(listeners(daemon.look()), {mine: row}, "both are there")
        old.close()
        until(lambda: daemon.look()[mine]["sockets"] == 1, "the old one goes")
        equal(listeners(daemon.look()), {mine: readings(5, 9)})
        equal(daemon.instances(), {"", mine}, "all labels there ever were")
        equal(daemon.errors(), [])
        daemon.stop()
        new.close()
        os.unlink(name)
        old = UnixListener(name, 7)
        fill(old, 3)


@test("processes that share a name, or have one each, are added up")
def _():
    directory = scratch()
    code = """
import os, socket, sys, time
kept = []
for name in sys.argv[2:]:
    if os.path.exists(name):
        os.unlink(name)
    server, client = (socket.socket(socket.AF_UNIX) for _ in range(2))
    server.bind(name)
    server.listen(int(sys.argv[1]))
    client.connect(name)
    kept += [server, client]
print("ready", flush=True)
time.sleep(1000)
"""
    for number in 10, 20, 40:
        worker = Process(["python3", "-c", code, str(number),
                          f"{directory}/shared", f"{directory}/{number}"])
        until(lambda: "ready" in worker.text(), "the process listens")
    daemon = Collectd(f"""
        LocalPath "{directory}/shared"
        <Listener "workers">
          LocalPath "{directory}/10" "{directory}/20" "{directory}/40"
        </Listener>
        <Listener "all">
          LocalPath "{directory}/shared"
          LocalPath "{directory}/10" "{directory}/20" "{directory}/40"
        </Listener>""")
    highest = 100 / 11
    equal(listeners(daemon.look()), {
        label(f"{directory}/shared".encode()):
            readings(3, 70, sockets=3, fill=highest),
        "workers": readings(3, 70, sockets=3, fill=highest),
        "all": readings(6, 140, sockets=6, fill=highest)})


def memory(daemon):
    """What the daemon has of it, in KiB."""
    name = processes(daemon.process.popen.pid)[daemon.process.popen.pid]
    return int(re.search(r"VmRSS:\s+(\d+)",
                         content(f"/proc/{name}/status")).group(1))


@test("5,000 random names that come and go leave no trace")
def _():
    daemon = Collectd("ListeningPaths true\nSampleInterval 0.025\n"
                      "InspectQueue true", interval=0.05)

    def come_and_go(rounds):
        for _ in range(rounds):
            servers = [UnixListener(b"\0" + "".join(
                random.choices(string.ascii_letters, k=60)).encode(), 3)
                for _ in range(100)]
            for each in servers[::10]:
                each.connect(1)
            last = label(b"\0" + servers[-1].path[1:])
            until(lambda: last in daemon.instances(), "they are reported")
            for each in servers:
                each.close()
    come_and_go(15)
    before = memory(daemon)
    come_and_go(50)
    UnixListener(b"\0last")
    equal(queues(daemon.look()), {"@last": 0}, "what is left")
    grown = memory(daemon) - before
    note(f"{len(daemon.instances())} names, {before} KiB, {grown} more")
    check(len(daemon.instances()) > 6000, "all were there")
    check(grown < 1024, f"memory grew by {grown} KiB")
    equal(daemon.errors(), [])


# ---------------------------------------------------------------- real servers

class Server(UnixService):
    """A server whose workers can be frozen."""

    def start(self):
        os.chmod(os.path.dirname(self.path), 0o777)
        self.process = Process([*unprivileged(), *self.command()])
        until(lambda: [s for s in ss_unix()
                       if s.name.decode() == self.path], "it listens")
        until(lambda: len(self.workers()) == 2, "it has two workers")

    def workers(self):
        """The processes beside its first one, as in processes()."""
        found = processes(self.process.popen.pid)
        found.pop(self.process.popen.pid)
        return found

    def freeze(self):
        for pid, name in self.workers().items():
            os.kill(pid, signal.SIGSTOP)
            until(lambda: "State:\tT" in content(f"/proc/{name}/status"),
                  "the worker stands still")

    def thaw(self):
        for pid in self.workers():
            os.kill(pid, signal.SIGCONT)


class Gunicorn(Server):
    """Has no metric of its own for the queue."""
    limit, itself = 8, None

    def command(self):
        directory = os.path.dirname(self.path)
        with open(f"{directory}/app.py", "w") as file:
            file.write("def app(environ, start):\n"
                       "    start('200 OK', [])\n    return [b'']\n")
        return ["gunicorn", "--chdir", directory, "--bind",
                f"unix:{self.path}", "--workers", "2", "--backlog",
                str(self.limit), "--worker-tmp-dir", "/dev/shm",
                "--timeout", "1000", "--log-level", "warning", "app:app"]


class PhpFpm(Server):
    limit = 8

    def command(self):
        directory = os.path.dirname(self.path)
        with open(f"{directory}/fpm.conf", "w") as file:
            file.write(f"""
[global]
error_log = {directory}/error.log
[www]
listen = {self.path}
listen.backlog = {self.limit}
pm = static
pm.max_children = 2
pm.status_path = /status
pm.status_listen = {directory}/status.sock
""")
        program, = glob.glob("/usr/sbin/php-fpm[0-9]*")
        return [program, "--nodaemonize", "--fpm-config",
                f"{directory}/fpm.conf"]

    def workers(self):
        return {pid: name for pid, name in super().workers().items()
                if "pool www" == content(f"/proc/{name}/cmdline").strip(
                    "\0 ").partition(": ")[2]}

    def itself(self):
        """Its status page, by FastCGI."""
        return json.loads(fastcgi(
            os.path.dirname(self.path) + "/status.sock",
            SCRIPT_NAME="/status", SCRIPT_FILENAME="/status",
            QUERY_STRING="json", REQUEST_METHOD="GET"))["listen queue"]


def fastcgi(path, **params):
    def record(kind, content):
        return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content
    pairs = b"".join(struct.pack("!BB", len(name), len(value)) +
                     f"{name}{value}".encode()
                     for name, value in params.items())
    with socket.socket(socket.AF_UNIX) as each:
        each.settimeout(DEADLINE)
        each.connect(path)
        each.sendall(record(1, struct.pack("!HB5x", 1, 0)) +
                     record(4, pairs) + record(4, b"") + record(5, b""))
        answer = each.makefile("rb").read()
    body = b""
    while answer:
        _, kind, _, length, padding = struct.unpack("!BBHHBx", answer[:8])
        body += answer[8:8 + length] if kind == 6 else b""
        answer = answer[8 + length + padding:]
    return body.partition(b"\r\n\r\n")[2]


class Uwsgi(Server):
    limit = 8

    def command(self):
        directory = os.path.dirname(self.path)
        return ["uwsgi-core", "--master", "--processes", "2", "--socket",
                self.path, "--listen", str(self.limit), "--stats",
                f"{directory}/stats.sock", "--chmod-socket=666"]

    def itself(self):
        with socket.socket(socket.AF_UNIX) as each:
            each.settimeout(DEADLINE)
            each.connect(os.path.dirname(self.path) + "/stats.sock")
            stats = json.loads(each.makefile().read())
        mine, = [s for s in stats["sockets"] if s["name"] == self.path]
        equal(stats["listen_queue"], mine["queue"], "its two numbers")
        return mine["queue"]


def served(kind, theirs):
    @test(f"{kind.__name__}: queue and limit are those of ss at every fill; "
          f"its own number is {theirs}")
    def _():
        server = kind(path())
        server.start()
        daemon = Collectd(f'LocalPath "{server.path}"\nInspectQueue true')
        mine = label(server.path.encode())
        server.freeze()
        for n in 0, 1, server.limit, server.limit + 1:
            fill(server, n)
            row = inspected(daemon, mine)
            equal((row["queue"], row["limit"], row["fill"] == 100),
                  (*server.seen()[1:3], n > server.limit), f"with {n} clients")
        equal(server.knock(), False, "there is room for one more")
        server.clients[0].close()
        equal(inspected(daemon, mine)["abandoned"], 1)
        if server.itself:
            # Its master looks at the queue once a second, if at all.
            answers = set()
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                answers.add(server.itself())
                time.sleep(0.1)
            note(f"{kind.__name__} says {answers}, we say {n}")
            equal(answers, {theirs}, "what the server itself says")
        server.hang_up()
        server.thaw()
        until(lambda: daemon.look()[mine]["queue"] == 0, "they are taken")


served(Gunicorn, None)
served(PhpFpm, 0)
served(Uwsgi, 0)

if __name__ == "__main__":
    main()
