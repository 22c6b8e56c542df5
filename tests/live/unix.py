#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Listening UNIX sockets: queue, limit and the clients that have left are those of ss, of connect() and of the test,
under the label that the name makes; also those of real servers."""
import os
import random
import resource
import socket
import string

from lb import *
from lb.servers import PhpFpm, UnixGunicorn, Uwsgi

KINDS = {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET}
LIMIT = 5


def label(name):
    """The label of a name in bytes, in which "@" may be in place of the NUL of an abstract one."""
    if name[:1] == b"/":
        name = name[1:] or name
    elif name[:1] not in (b"\0", b"@"):
        name = b"./" + name.removeprefix(b"./")
    text = "".join(chr(byte) if ord(" ") < byte < 0x7f and byte != ord(";") else "_" for byte in name).replace("/", "-")
    return "@" + text[1:] if name.startswith(b"\0") else text


def path(name="app.sock"):
    return f"{scratch()}/{name}"


def readings(queue, limit, sockets=1, full=0, fill=None):
    """All readings of a listener of UNIX sockets while nothing changes."""
    return printed({"queue": queue, "limit": limit, "peak": queue, "busy": 100 if queue else 0, "sockets": sockets,
                    "full": full, "fill": 100 * queue / (limit + 1) if fill is None else fill})


def listeners(table):
    return {name: printed(told(row)) for name, row in table.items() if name}


def found(table):
    return {name: queue for name, queue in queues(table).items() if name}


# ---------------------------------------------------------------- the numbers

for kind in KINDS:
    @test(f"{kind}: all readings are right at every length of the queue, and fill is 100 when connect() says EAGAIN")
    def _(kind=kind):
        for limit in 0, 1, LIMIT:
            name = path()
            servers = {name: UnixListener(name, limit, KINDS[kind]), "@app": UnixListener(b"\0app", limit, KINDS[kind])}
            daemon = Collectd("\n".join(f'LocalPath "{name}"' for name in servers))
            for n in range(limit + 2):
                want = readings(n, limit, full=int(n > limit))
                equal({server.seen()[1:3] for server in servers.values()}, {(n, limit)}, "ss itself")
                equal(listeners(daemon.read()), {label(os.fsencode(name)): want for name in servers}, f"{n} of {limit}")
                for name, server in servers.items():
                    equal(told(probe(name)[label(os.fsencode(name))]),
                          {name: want[name] for name in want.keys() - {"peak", "busy"}}, f"the probe, {n} of {limit}")
                    equal(server.knock(), n <= limit, f"there is room beside {n} of {limit}")
            equal(daemon.names("@app"), {READINGS[name] for name in UNIX_GAUGES}, "and nothing else was ever sent")
            daemon.stop()
            for server in servers.values():
                server.close()


@test("limit is what the kernel made of the backlog, after listen() was called again as well, and the somaxconn hint "
      "names it")
def _():
    sysctl("net.core.somaxconn", 100)
    server = UnixListener(path(), 1000)
    mine = label(server.path.encode())
    daemon = Collectd(f'LocalPath "{server.path}"')
    for backlog in 1000, 7, 0:
        server.listen(backlog)
        equal(server.seen().limit, min(backlog, 100), "ss itself")
        equal(daemon.read()[mine]["limit"], min(backlog, 100))
    check(daemon.said("LB_MSG_AT_SOMAXCONN", "", mine), "the hint names it")


@test("accepted connections, datagram sockets, and sockets that do not listen are not reported")
def _():
    fill(UnixListener(b"\0app", LIMIT), 5).take(3)
    bystanders = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX), *socket.socketpair()]
    bystanders[0].bind(b"\0datagrams")
    bystanders[1].bind(b"\0bound")
    equal(listeners(Collectd("ListeningPaths true").read()), {"@app": readings(2, LIMIT)})


@test("a selected name without a socket sends sockets 0 and nothing else, before it comes and after it has gone")
def _():
    server = fill(UnixListener(path(), LIMIT), 2)
    mine = label(server.path.encode())
    daemon = Collectd(f'LocalPath "{server.path}" "@nobody"\nLocalPath "/nobody.sock"')
    none = {"sockets": 0}
    equal(listeners(daemon.read()), {mine: readings(2, LIMIT), "@nobody": none, "nobody.sock": none})
    server.close()
    until(lambda: listeners(daemon.read())[mine] == none, "it is gone")
    equal(daemon.errors(), [])


for kind in KINDS:
    @test(f"{kind}: abandoned counts the waiting connections whose client has closed, and there is no wait and no syn")
    def _(kind=kind):
        server = UnixListener(path(), 50, KINDS[kind])
        mine = label(server.path.encode())
        daemon = Collectd(f'LocalPath "{server.path}"\nInspectQueue true')

        def agree(queue, abandoned, what):
            row = daemon.inspected(mine)
            equal((row["queue"], row["abandoned"], set(row)),
                  (queue, abandoned, UNIX_GAUGES | {"abandoned", "active"}), what)
        agree(0, 0, "the queue is empty")
        server.connect(20)
        agree(20, 0, "no client has left")
        for each in server.clients[5:12]:
            each.close()
        server.clients[19].shutdown(socket.SHUT_WR)
        agree(20, 7, "7 have left, and one has half-closed its side")
        server.take(8)
        agree(12, 4, "three of them are accepted")
        equal(probe("--inspect", server.path)[mine]["abandoned"], 4)


@test("abandoned is exact for a queue of 900, and absent for one of 3000, of which the kernel's answer is too long")
def _():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    few, many = UnixListener(b"\0few", 900), UnixListener(b"\0many", 4000)
    few.connect(900)
    many.connect(3000)
    for each in few.clients[::2]:
        each.close()
    daemon = Collectd("ListeningPaths true\nInspectQueue true")
    equal(printed(told(daemon.inspected("@few"))), {**readings(900, 900), "abandoned": 450})
    equal({name for _, table in daemon.reads() for name in table.get("@many", ())},
          UNIX_GAUGES | {"active"}, "of the other")
    equal((daemon.read()["@many"]["queue"], daemon.errors()), (3000, []))


# --------------------------------------------------------- names and selection

LONG = 107
NAMES = [  # (the name, how it is written in the configuration if it can be, its label); DIR is a directory
    (b"\0plain", "@plain", "@plain"),
    (b"\0a/b/c", "@a/b/c", "@a-b-c"),
    (b"\0/slash/first", "@/slash/first", "@-slash-first"),
    (b"\0with space", "@with space", "@with_space"),
    (b"\0new\nline", r"@new\\x0aline", "@new_line"),
    ("\0grüße".encode(), "@grüße", "@gr____e"),
    (b"\0nul\0inside", r"@nul\\x00inside", "@nul_inside"),
    (b"\0\xff\x01bytes", r"@\\xff\\x01bytes", "@__bytes"),
    (b"\0padded".ljust(108, b"\0"), "@padded", "@padded"),
    (b"\0" + b"a" * LONG, "@" + "a" * LONG, "@" + "a" * LONG),
    (b"\0tag;host=prod", "@tag;host=prod", "@tag_host=prod"),
    (b"relative.sock", "relative.sock", ".-relative.sock"),
    (b"8443", "8443", ".-8443"),
    (b"DIR/dotted.name", "DIR/dotted.name", "DIR-dotted.name"),
    (b"DIR/with space", "DIR/with space", "DIR-with_space"),
    (b"DIR/new\nline", None, "DIR-new_line"),
    ("DIR/grüße".encode(), "DIR/grüße", "DIR-gr____e"),
    (b"DIR/back\\slash", r"DIR/back\\slash", "DIR-back\\slash"),
    (b"DIR/long", "DIR/long", "DIR-long"),
]


@test("names of all bytes and lengths have their labels, are found, and can be selected in the configuration and in "
      "the probe")
def _():
    directory = scratch()
    os.chdir(directory)
    want, given = {}, []
    for n, (name, text, mine) in enumerate(NAMES, 1):
        name, text = name.replace(b"DIR", directory.encode()), text and text.replace("DIR", directory)
        mine = mine.replace("DIR", label(directory.encode()))
        if name.endswith(b"/long"):
            name, text, mine = name.ljust(LONG, b"g"), text.ljust(LONG, "g"), mine.ljust(LONG - 1, "g")
        fill(UnixListener(name, 30), n)
        want[mine] = n
        if text:
            given.append((mine, n, text))
    os.chdir("/")
    equal(found(Collectd("ListeningPaths true").read()), want, "ListeningPaths")
    equal(found(probe("-x")), want, "probe -x")
    daemon = Collectd("\n".join(f'LocalPath "{text}"' for *_, text in given))
    equal(found(daemon.read()), {name: n for name, n, _ in given}, "LocalPath")
    equal(daemon.errors(), [])
    arguments = {name: (n, text.replace("\\\\", "\\")) for name, n, text in given if text[0] in "/@"}
    equal(found(probe(*[text for _, text in arguments.values()])), {name: n for name, (n, _) in arguments.items()},
          "the probe's arguments")


SELECTIONS = [  # {listener: queue} with a configuration
    ("ListeningPaths true", {"@one": 1, "@two": 2, "@three": 3}),
    ("ListeningPaths true\nListeningPorts true", {"@one": 1, "@two": 2, "@three": 3, "8080": 4, "8081": 5}),
    ("ListeningPaths false", {"8080": 4, "8081": 5}),
    ('ListeningPaths true\nLocalPort "8080"', {"@one": 1, "@two": 2, "@three": 3, "8080": 4}),
    ('ListeningPaths true\nLocalPath "@two"', {"@one": 1, "@two": 2, "@three": 3}),
    ('LocalPath "@two"', {"@two": 2}),
    ('LocalPath "@two"\nListeningPorts true', {"@two": 2, "8080": 4, "8081": 5}),
    ('LocalPath "@two"\nListeningPaths true\nIgnoreSelected true', {"@one": 1, "@three": 3}),
    ('LocalPath "@two"\nLocalPort "8080"\nListeningPaths true\nIgnoreSelected true', {
        "@one": 1, "@three": 3, "8081": 5}),
    ('LocalPath "@two" "@three"\nListeningPaths true\nIgnoreSelected true\n'
     '<Listener "api">\n  LocalPath "@two" "@one"\n</Listener>', {"api": 3}),
]


@test("each way to select UNIX sockets and ports reports these and no others, and IgnoreSelected ignores no <Listener>")
def _():
    for n, name in enumerate((b"\0one", b"\0two", b"\0three"), 1):
        fill(UnixListener(name, LIMIT), n)
    for n, port in enumerate((8080, 8081), 4):
        fill(Listener(port), n)
    for config, want in SELECTIONS:
        daemon = Collectd(config)
        equal((found(daemon.read()), daemon.errors()), (want, []), config)
        daemon.stop()


@test("a pattern reports each socket that it matches as long as it is there, also one that comes later, and in a "
      "<Listener> their sum; the probe and --explain know patterns, too")
def _():
    directory = scratch()
    os.mkdir(f"{directory}/php")
    one, two = (UnixListener(f"{directory}/php/{pool}.sock", 9) for pool in ("www", "shop"))
    UnixListener(f"{directory}/php/.hidden.sock")
    UnixListener(f"{directory}/php/api.sock.tmp")
    UnixListener(f"{directory}/other.sock")
    UnixListener(b"\0app-1", 3)
    mine = label(f"{directory}/php/".encode())
    fill(one, 1)
    fill(two, 2)
    daemon = Collectd(f"""
        LocalPath "{directory}/php/*.sock" "@app-[0-9]" "/nobody/*"
        <Listener "php">
          LocalPath "{directory}/php/*.sock"
        </Listener>""")
    pools = {mine + "www.sock": 1, mine + "shop.sock": 2}
    equal(found(daemon.read()), {"php": 3, "@app-1": 0, **pools})
    equal(found(probe(f"{directory}/php/*.sock", "@app*")), {"@app-1": 0, **pools}, "the probe")
    later = fill(UnixListener(f"{directory}/php/new.sock"), 3)
    until(lambda: found(daemon.read()) == {"php": 6, "@app-1": 0, mine + "new.sock": 3, **pools}, "a pool comes")
    later.close()
    until(lambda: found(daemon.read()) == {"php": 3, "@app-1": 0, **pools}, "it goes")
    equal(daemon.errors(), [])
    text = probe_run("--explain", "-i", "0.3", f"{directory}/php/*.sock", "/nobody/*").stdout
    for name in (*pools, "/nobody/*: nobody listens"):
        mentions(text, name)
    check("other.sock" not in text and "hidden" not in text and "@app" not in text, "nothing else is explained")


@test("a LocalPath that is hardly a socket is one line with the expected form, and the others are used")
def _():
    server = fill(UnixListener(path(), LIMIT), 2)
    values = [f"unix:{server.path}", f"{server.path};", f"{server.path} ", os.path.dirname(server.path) + "/", "*"]
    daemon = Collectd("\n".join(f'LocalPath "{value}"' for value in (*values, server.path)))
    equal(found(daemon.read()), {label(server.path.encode()): 2})
    lines = daemon.errors()
    equal(len(lines), len(values), "lines")
    for value, line in zip(values, lines):
        mentions(line, f'LocalPath "{value}": not the name of a UNIX socket, expected a path like "/run/app.sock"')
    for arguments in ((), ("--explain",)):
        text = probe_run(*arguments, "@app\\x00*").stderr
        mentions(text, 'path "@app\\x00*": expected "?" in place of \\xHH in a pattern')


class Renamed(UnixListener):
    """A socket that is bound and renamed before it listens, as HAProxy does."""

    def begin(self, address, backlog):
        self.bound = f"{address}.{os.urandom(4).hex()}.tmp"
        super().begin(self.bound, backlog)

    def listen(self, backlog):
        os.rename(self.bound, self.path)
        super().listen(backlog)


def renamed(name, n):
    return fill(Renamed(name, 30), n)


@test("a LocalPath has the socket that is its file, whatever name the server bound: through links, a relative name, "
      "or renamed as HAProxy does, with one label over restarts, and it is not found by its name again")
def _():
    private_run()
    here = scratch()
    os.mkdir("/run/one")
    os.symlink("/run/one", f"{here}/var-run")
    os.symlink("app.sock", "/run/one/now.sock")
    os.chdir("/run/one")
    servers = [fill(UnixListener(b"/run/one/app.sock", 30), 1), fill(UnixListener(b"rel.sock", 30), 2)]
    os.chdir("/")
    old = renamed("/run/one/admin.sock", 3)
    mine = label(here.encode())
    daemon = Collectd(f"""
        LocalPath "/run/one/admin.sock" "/run/one/rel.sock" "/run/one/now.sock" "/run/one/none.sock"
        LocalPath "{here}/var-run/app.sock"
        ListeningPaths true
        <Listener "all">
          LocalPath "/run/one/admin.sock" "{here}/var-run/admin.sock" "/run/one/rel.sock"
          LocalPath "/run/one/app.sock" "/run/one/now.sock"
        </Listener>""")
    want = {"run-one-admin.sock": 3, "run-one-rel.sock": 2, "run-one-now.sock": 1, "run-one-none.sock": None,
            f"{mine}-var-run-app.sock": 1, "all": 6}
    equal(found(daemon.read()), want)
    equal(found(probe("/run/one/admin.sock", f"{here}/var-run/rel.sock")),
          {"run-one-admin.sock": 3, f"{mine}-var-run-rel.sock": 2}, "the probe")
    mentions(probe_run("--explain", "-i", "0.3", "/run/one/admin.sock").stdout, "run-one-admin.sock: healthy")
    for n in 4, 5:
        new = renamed("/run/one/admin.sock", n)
        old.close()
        old = new
        want.update({"run-one-admin.sock": n, "all": 3 + n})
        until(lambda: found(daemon.read()) == want, f"restart {n}")
        check(all(table["run-one-admin.sock"]["sockets"] for _, table in daemon.reads()), "it always has a socket")
    for server in (*servers, old):
        server.close()
    until(lambda: found(daemon.read()) == {name: None for name in want}, "all have gone")
    equal((daemon.instances(), daemon.errors()), ({"", *want}, []), "all labels there ever were, and errors")


def fuse():
    """A descriptor of /dev/fuse; None if this machine has no FUSE."""
    try:
        return os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None


FUSE = fuse()
if FUSE is not None:
    @test("a path into a file system that never answers is unknown, and makes nothing wait")
    def _():
        private_run()
        os.makedirs("/run/hangs")
        at_end(os.close, FUSE)
        mount("none", "/run/hangs", "fuse", data=f"fd={FUSE},rootmode=40000,user_id=0,group_id=0,allow_other")
        os.symlink("/run/hangs", "/run/leads")
        server = fill(UnixListener(path()), 1)
        daemon = Collectd("\n".join(f'LocalPath "{name}"' for name in (
            "/run/hangs/a.sock", "/run/hangs/a/b.sock", "/run/leads/c.sock", "/run/hangs", server.path)))
        equal(found(daemon.read()), {label(server.path.encode()): 1, "run-hangs-a.sock": None, "run-hangs": None,
                                     "run-hangs-a-b.sock": None, "run-leads-c.sock": None})


@test("IgnoreSelected leaves a socket out by its file, and a name of another file system is no service's")
def _():
    private_run()
    here = scratch()
    os.mkdir("/run/two")
    os.symlink("/run/two", f"{here}/run")
    fill(UnixListener("/run/two/noise.sock"), 1)
    fill(UnixListener("/run/two/app.sock"), 2)
    renamed("/run/two/admin.sock", 3)
    intruders = [intruder("/run/two/admin.sock", "/run/two/app.sock", root=root) for root in (None, "/")]
    daemon = Collectd(f"""
        LocalPath "{here}/run/noise.sock"
        IgnoreSelected true
        ListeningPaths true
        <Listener "admin">
          LocalPath "/run/two/admin.sock"
        </Listener>
        <Listener "all">
          LocalPath "/run/two/*.sock"
        </Listener>""")
    equal(found(daemon.read()), {"admin": 3, "all": 3})
    equal(daemon.errors(), [])
    mentions(daemon.said("LB_MSG_OTHER_FILE")[0], "/run/two/app.sock", "/run/two/admin.sock")
    del intruders


@test("a <Listener> of UNIX sockets adds them up, and with a port has its counters and its wait as well")
def _():
    first, second, tcp = UnixListener(path(), 10), UnixListener(b"\0second", 20), Listener(8080, backlog=4)
    UnixListener(b"\0other")
    for server, n in (first, 11), (second, 3), (tcp, 5):
        fill(server, n)
    daemon = Collectd(f"""
        InspectQueue true
        ListeningPaths true
        <Listener "unix">
          LocalPath "{first.path}"
          LocalPath "@second" "@nobody"
        </Listener>
        <Listener "api">
          LocalPath "@second"
          LocalPort "8080"
          LocalAddress "127.0.0.1"
        </Listener>""")
    equal({name: {reading: row[reading] for reading in row if reading not in INSPECTED | COUNTERS}
           for name, row in listeners(daemon.read()).items()}, {
        "unix": readings(14, 30, sockets=2, full=1, fill=100), "api": readings(8, 24, sockets=2, full=1, fill=100),
        "@other": readings(0, LIMIT)})
    overflow(tcp, 7)
    second.clients[0].close()
    reset(tcp.clients.pop(0))
    row = daemon.inspected("api")
    equal(set(row), GAUGES | COUNTERS | INSPECTED)
    equal([row[name] for name in ("queue", "drops", "overflows", "abandoned", "syn")], [8, 7, 7, 2, 0])
    check(row["wait"] > 0, "the oldest of the port's connections has waited")
    tcp.close()
    until(lambda: daemon.read()["api"]["sockets"] == 1, "the port is closed")
    equal(printed(told(daemon.inspected("api"))), {**readings(3, 20), "abandoned": 1, "drops": 7, "overflows": 7},
          "the UNIX socket is left")


INTRUDER = """
import os, socket, sys, time
os.chroot(sys.argv[1])
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
os.makedirs("/run/here")
os.chdir("/run/here")
kept = []
for name in sys.argv[2:]:
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    for _ in range(2):
        server, client = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        if os.path.exists(name):
            os.unlink(name)
        server.bind(name)
        server.listen(5)
        client.connect(name)
        kept += [server, client]
print("ready", flush=True)
time.sleep(1000)
"""


def intruder(*names, root=None):
    """A process of the user nobody that listens at any names, twice at each: below a directory of its own, or with
    root="/" below an empty /run. Users can have both in a user namespace of their own, but not if this test runs in a
    chroot, so root gives it to them."""
    shell = 'exec "$@"' if root is None else 'mount -t tmpfs -o mode=1777 none /run && exec "$@"'
    process = Process(["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", shell, "sh",
                       "python3", "-Ic", INTRUDER, root or scratch(0o777), *names])
    until(lambda: "ready" in process.text(), "the intruder listens")
    return process


@test("an unprivileged user takes no label of a port, of the configuration or of another network namespace, neither "
      "before nor after it is there, and the log names what has no label")
def _():
    private_run()
    blue = Namespace("blue")
    with blue.inside():
        Listener(80)
    first = {"8443", "9000", "8000-8010", "web.sock", "blue:81", ".-8443", ".-blue:80", ".-run-web.sock"}
    intruder("/8443", "/9000", "/8000-8010", "/api", "/web.sock", "/blue", "/blue:80", "/blue:81", "8443", "blue:80",
             "run-web.sock")
    daemon = Collectd("""
        ListeningPorts true
        ListeningPaths true
        LocalPath "/run/web.sock"
        LocalPort "8000-8001"
        NetNamespace "blue"
        <Listener "api">
          LocalPort "8002"
        </Listener>""")
    mine = {f"{netns}{name}" for netns in ("", "blue:") for name in ("8000", "8001", "api", "run-web.sock")}

    def labels():
        return set(daemon.read()) - {"", "blue"}
    equal(labels(), first | mine | {"blue:80"})
    line, = daemon.said("LB_MSG_LABEL_TAKEN")
    for name in "/api", "/blue", "/blue:80":
        mentions(line, f'the UNIX socket "{name}" ("{name[1:]}")')
    fill(Listener(8443), 1)
    fill(Listener(9000), 2)
    fill(UnixListener("/run/web.sock"), 4)
    with blue.inside():
        fill(Listener(81), 3)
    taken = {"8443": 1, "9000": 2, "blue:81": 3, "run-web.sock": 4}
    until(lambda: queues(daemon.read()).items() >= taken.items(), "ports have their labels")
    intruder("/run-web.sock", "/8001", "/blue:api")
    until(lambda: queues(daemon.read()).items() >= taken.items(), "they keep them")
    equal(labels(), first | mine | {"blue:80"}, "labels")
    check("drops" in daemon.read()["8443"], "the port has its counters")
    equal(daemon.said("LB_MSG_LABEL_TAKEN"), [line], "a line a minute")


@test("a socket of another mount namespace or directory tree is not the service that has its path, whoever came first, "
      "and the log names the path once")
def _():
    private_run()
    for early in True, False:
        name, other = "/run/app.sock", "/run/other.sock"
        server = None if early else fill(UnixListener(name, 9), 3)
        daemon = Collectd(f'LocalPath "{name}"\nListeningPaths true')
        intruders = [intruder(name, other), intruder(name, other, root="/")]
        if early:
            until(lambda: found(daemon.read()) == {"run-app.sock": 4, "run-other.sock": 4}, "nothing tells them apart")
            server = fill(UnixListener(name, 9), 3)
        until(lambda: found(daemon.read()) == {"run-app.sock": 3, "run-other.sock": 4}, "only the service counts")
        equal(listeners(daemon.read())["run-app.sock"], readings(3, 9))
        line = until(lambda: daemon.said("LB_MSG_OTHER_FILE"), "the log names the path")
        mentions(line[0], 'the UNIX socket "/run/app.sock" ("run-app.sock")')
        check(other not in line[0], "there is no other file at the other path")
        equal((len(line), daemon.errors()), (1, []), "lines")
        server.close()
        until(lambda: found(daemon.read())["run-app.sock"] is None, "the service has gone")
        os.unlink(name)
        for process in intruders:
            process.stop()
        daemon.stop()


@test("of two UNIX sockets with the same label the first one keeps it, and the other one gets it when it is free")
def _():
    directory = scratch()
    os.mkdir(f"{directory}/a")
    mine = label(f"{directory}/a/b".encode())
    daemon = Collectd("ListeningPaths true")
    one = fill(UnixListener(f"{directory}/a/b"), 1)
    until(lambda: found(daemon.read()) == {mine: 1}, "the first one is there")
    fill(UnixListener(f"{directory}/a-b"), 2)
    fill(UnixListener(b"\0later"), 3)
    until(lambda: found(daemon.read()) == {mine: 1, "@later": 3}, "the first one keeps it")
    mentions(daemon.one_error("UNIX socket", "<Listener>"), f'"{directory}/a-b" ("{mine}")')
    one.close()
    until(lambda: found(daemon.read()) == {mine: 2, "@later": 3}, "the other one has it")
    equal(len(daemon.errors()), 1)


# -------------------------------------------------------------- a name's life

@test("a restarted server keeps its label, while the old socket is there as well and after that")
def _():
    for config in 'LocalPath "%s"', "ListeningPaths true":
        name = path()
        old = fill(UnixListener(name, 7), 3)
        mine = label(name.encode())
        daemon = Collectd(config.replace("%s", name))
        equal(listeners(daemon.read()), {mine: readings(3, 7)})
        os.unlink(name)
        new = fill(UnixListener(name, 9), 5)
        equal(listeners(daemon.read()), {mine: readings(8, 16, sockets=2, fill=50)}, "both are there")
        old.close()
        until(lambda: daemon.read()[mine]["sockets"] == 1, "the old one goes")
        equal(listeners(daemon.read()), {mine: readings(5, 9)})
        equal((daemon.instances(), daemon.errors()), ({"", mine}, []), "all labels there ever were, and errors")
        new.close()


WORKER = """
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


@test("the sockets of processes that share a name, or have one each in a <Listener>, are added up")
def _():
    directory = scratch()
    each = " ".join(f'"{directory}/{number}"' for number in (10, 20, 40))
    daemon = Collectd(f"""
        LocalPath "{directory}/shared"
        <Listener "workers">
          LocalPath {each}
        </Listener>
        <Listener "all">
          LocalPath "{directory}/shared" {each}
        </Listener>""")
    for sockets, number in enumerate((10, 20, 40), 1):
        Process(["python3", "-c", WORKER, str(number), f"{directory}/shared", f"{directory}/{number}"])
        until(lambda: queues(daemon.read())["workers"] == sockets, "the process listens")  # it is the file for a while
    three = readings(3, 70, sockets=3, fill=100 / 11)
    equal(listeners(daemon.read()), {label(f"{directory}/shared".encode()): three, "workers": three,
                                     "all": readings(6, 140, sockets=6, fill=100 / 11)})


NOT_WRITTEN = """
PostCacheChain "some"
<Chain "some">
  <Rule>
    <Match "regex">
      PluginInstance "^@[a-zA-Z]{60}$"
    </Match>
    Target "stop"
  </Rule>
  <Target "write">
    Plugin "csv"
  </Target>
</Chain>"""


@test("5,000 random names that come and go leave no memory allocated and no listener behind")
def _():
    faults = Faults()
    # collectd needs more time to write the values of these names than the interval has.
    daemon = Collectd("ListeningPaths true\nSampleInterval 0.025\nInspectQueue true", plugins=["match_regex"],
                      extra=NOT_WRITTEN, env=faults.env)

    def come_and_go(rounds):
        for _ in range(rounds):
            servers = [UnixListener(b"\0" + "".join(random.choices(string.ascii_letters, k=60)).encode(), 3)
                       for _ in range(100)]
            for each in servers[::10]:
                each.connect(1)
            daemon.await_reads()
            for each in servers:
                each.close()
        daemon.await_reads(5)
        return faults.heap()
    before, after = come_and_go(15), come_and_go(50)
    note(f"in use: {before}, then {after}")
    # An interval with more names makes it keep more room, but not some for each name.
    check(after.blocks < before.blocks + 500 and after.bytes < before.bytes + 256 * 1024, "nothing is left of a name")
    UnixListener(b"\0last")
    equal((found(daemon.read()), daemon.errors()), ({"@last": 0}, []), "what is left")


# ---------------------------------------------------------------- real servers

for server_kind in UnixGunicorn, PhpFpm, Uwsgi:
    @test(f"{server_kind.__name__}: queue and limit are those of ss at every length of the queue, of which the server "
          "itself says nothing, or 0")
    def _(kind=server_kind):
        server = kind(path())
        server.start()
        daemon = Collectd(f'LocalPath "{server.path}"\nInspectQueue true')
        mine = label(server.path.encode())
        server.freeze()
        for n in 0, 1, server.limit, server.limit + 1:
            fill(server, n)
            row = daemon.inspected(mine)
            equal((row["queue"], row["limit"], row["fill"] == 100), (*server.seen()[1:3], n > server.limit), n)
        equal(server.knock(), False, "there is room for one more")
        server.clients[0].close()
        equal(daemon.inspected(mine)["abandoned"], 1)
        if server.own_metric:
            equal(server.own_metric(), 0, f"what the server says of {n} waiting connections")
        server.hang_up()
        server.thaw()
        until(lambda: daemon.read()[mine]["queue"] == 0, "they are accepted")


if __name__ == "__main__":
    main()
