#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The least that collectd with this plugin has to be allowed: it runs as the
drop-ins of collectd.service.d say, confined by tests/support/confine.py as systemd
would confine it."""
import glob
import os
import re
import shutil
import socket
import subprocess

import lib
from lib import *

SOURCE = os.environ.get("LB_SRCDIR", ".")
DROP_INS = os.path.join(SOURCE, "collectd.service.d")
MS_SHARED = 1 << 20
LEAST = os.path.join(DROP_INS, "10-listen_backlog.conf")
NETNS = os.path.join(DROP_INS, "20-listen_backlog-netns.conf")


def confined(drop_ins, *writable):
    """What to put before a command."""
    words = ["python3", os.path.join(SOURCE, "tests", "support", "confine.py")]
    for path in writable:
        words += ["--writable", path]
    return [*words, *drop_ins, "--"]


class Service(Collectd):
    """A daemon as a service: it tells systemd that it is up."""

    def __init__(self, config, *drop_ins, **options):
        super().__init__(config, start=False, **options)
        self.command = confined(drop_ins, self.dir)
        path = f"{self.dir}/notify"
        self.options["env"] = {"NOTIFY_SOCKET": path}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            os.chmod(path, 0o777)
            notify.settimeout(DEADLINE)
            self.start("-B")  # no -f: it is systemd that keeps it from forking
            check(b"READY=1" in notify.recv(1000), "collectd is ready")

    def status(self):
        """{name: value} of /proc/PID/status."""
        with open(proc(self.process.popen.pid) + "/status") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file)


def without(drop_in, pattern):
    """A copy of a drop-in that lacks the lines that match."""
    with open(drop_in) as file:
        lines = file.readlines()
    kept = [line for line in lines if not re.match(pattern, line)]
    check(len(kept) < len(lines), f"{pattern} is in {drop_in}")
    path = os.path.join(scratch(), os.path.basename(drop_in))
    with open(path, "w") as file:
        file.writelines(kept)
    return path


def assignments(drop_in):
    """The lines that set something."""
    with open(drop_in) as file:
        return [line.strip() for line in file
                if "=" in line and line[0] not in "#["]


# ------------------------------------------------------ what is taken away

TRIES = '''
import ctypes, mmap, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def tell(name, attempt):
    try:
        print(name, attempt() or "works")
    except OSError as error:
        print(name, os.strerror(error.errno))
def call(name, *args):
    if getattr(libc, name)(*args) == -1:
        raise OSError(ctypes.get_errno(), "")
for family in 1, 2, 10, 16, 17, 40:
    tell(f"family {family}", lambda: socket.socket(
        family, socket.SOCK_RAW if family == 16 else socket.SOCK_STREAM,
        4 if family == 16 else 0).close())
tell("setns", lambda: call("setns", os.open("/proc/self/ns/net", 0), 1 << 30))
tell("unshare", lambda: call("unshare", 1 << 28))
tell("mount", lambda: call("mount", b"a", b"/tmp", b"tmpfs", 0, None))
tell("ptrace", lambda: call("ptrace", 0, 0, 0, 0))
tell("/etc", lambda: open("/etc/listen_backlog", "w"))
tell("somaxconn", lambda: open("/proc/sys/net/core/somaxconn", "w"))
tell("/home", lambda: os.listdir("/home"))
tell("written and run", lambda: mmap.mmap(-1, 4096, prot=7).close())
tell("own files", lambda: open(f"{os.environ['OWN']}/file", "w").close())
tell("processes", lambda: str([each for each in os.listdir("/proc")
                               if each == "1"]))
'''


def tries(*drop_ins):
    own = scratch()
    os.chmod(own, 0o777)
    return dict(line.rsplit(" ", 1) if line.endswith("works") else
                re.match(r"(family \d+|written and run|own files|\S+) (.*)",
                         line).groups()
                for line in subprocess.run(
                    [*confined(drop_ins, own), "python3", "-c", TRIES],
                    env={**os.environ, "OWN": own}, text=True, check=True,
                    capture_output=True).stdout.splitlines())


REFUSED = {
    "family 1": "works", "family 2": "works", "family 10": "works",
    "family 16": "works",
    "family 17": "Address family not supported by protocol",
    "family 40": "Address family not supported by protocol",
    "setns": "Operation not permitted", "unshare": "Operation not permitted",
    "mount": "Operation not permitted", "ptrace": "Operation not permitted",
    "/etc": "Read-only file system", "somaxconn": "Read-only file system",
    "/home": "Permission denied",
    "written and run": "Operation not permitted", "own files": "works",
    "processes": "[]"}


@test("what the drop-in takes away is gone")
def _():
    equal(tries(LEAST), REFUSED)


@test("the one for namespaces gives back setns(2) and nothing else")
def _():
    equal(tries(LEAST, NETNS), {**REFUSED, "setns": "works"})


# ------------------------------------------------------------- what works on

CONFIG = """
    ListeningPorts true
    ListeningPaths true
    InspectQueue true
    SampleInterval 0.02
    <Listener "api">
      LocalPort "8081"
      LocalPath "@api"
    </Listener>"""


def steady(table):
    """Without the walks, which are not made in each of such short intervals."""
    return {name: {reading: value for reading, value in row.items()
                   if reading not in INSPECTED}
            for name, row in table.items()}


def complaints(daemon):
    """What it has to say, save that walks take their time."""
    return [line for line in daemon.log("listen_backlog plugin:")
            if "waiting connections takes" not in line]


@test("without privileges everything is reported that root sees")
def _():
    server = Listener(8080, backlog=4)
    fill(server, 5)
    fill(Listener(8081, backlog=7), 2)
    fill(UnixListener(b"\0api", backlog=3), 3)
    fill(UnixListener(scratch() + "/sock", backlog=2), 1)
    overflow(server, 3)
    root = Collectd(CONFIG)
    daemon = Service(CONFIG, LEAST)
    root.look(), daemon.look()
    overflow(server, 6)
    table = daemon.look()
    equal(steady(table), steady(root.look()))
    equal((table["8080"]["overflows"], table["8080"]["fill"],
           table["api"]["queue"]), (6, 100, 5))
    for reading in "wait", "syn", "abandoned":
        until(lambda: daemon.series("api", reading), f"{reading} is there")
    check(daemon.series("8080", "wait")[-1][1] > 0, "somebody waits")
    check(any(name.endswith("-sock") for name in table), "of UNIX sockets")
    status = daemon.status()
    for name in "CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb":
        equal(int(status[name], 16), 0, name)
    equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
    check(daemon.sampler(), "it has its thread")
    equal((complaints(daemon), daemon.log("[error]")), ([], []))
    equal(daemon.stop(), 0, "exit status")


@test("without privileges writers work: files, RRD, UNIX and TCP sockets")
def _():
    fill(Listener(8080, backlog=4), 3)
    carbon = Listener(2003)
    daemon = Service('LocalPort "8080"', LEAST, interval=1,
                     plugins=["rrdtool", "unixsock", "write_graphite"],
                     extra=Unixsock.CONFIG + """
<Plugin rrdtool>
  DataDir "@DIR@/rrd"
</Plugin>
<Plugin write_graphite>
  <Node "here">
    Host "127.0.0.1"
    Port "2003"
    Protocol "tcp"
  </Node>
</Plugin>""")
    equal(daemon.look()["8080"]["queue"], 3)
    until(lambda: Unixsock(daemon).get("8080", "queue") == 3, "unixsock tells")
    until(lambda: os.path.exists(f"{daemon.dir}/rrd/testhost/listen_backlog-"
                                 "8080/queue_length-queue.rrd"), "RRD files")
    until(lambda: carbon.waiting() > 0, "write_graphite has connected")
    equal((complaints(daemon), daemon.errors()), ([], []))


@test("AF_NETLINK is what the plugin needs of the address families")
def _():
    Listener(8080)
    daemon = Service('LocalPort "8080"',
                     without(LEAST, "RestrictAddressFamilies=AF_NETLINK"))
    line = until(lambda: daemon.log("[error] listen_backlog plugin"),
                 "it is complained about")[0]
    check("listening sockets failed" in line, line)
    check(daemon.running(), "collectd runs")


# ---------------------------------------------------------- network namespaces

NAMESPACES = 'ListeningPorts true\nNetNamespace "*"'


def one_elsewhere():
    place = Namespace("blue")
    with place.inside():
        fill(Listener(8080, backlog=4), 5)
    fill(Listener(8080, backlog=4), 2)


@test("NetNamespace works with the drop-in for it")
def _():
    one_elsewhere()
    root = Collectd(NAMESPACES + "\nInspectQueue true")
    daemon = Service(NAMESPACES + "\nInspectQueue true", LEAST, NETNS)
    table = daemon.look()
    equal(steady(table), steady(root.look()))
    equal((table["8080"]["queue"], table["blue:8080"]["queue"]), (2, 5))
    later = Namespace("green")
    with later.inside():
        fill(Listener(8081, backlog=4), 1)
    until(lambda: "green:8081" in daemon.instances(),
          "a namespace that is mounted later is seen")
    for line in complaints(daemon):  # while the file was there and not it
        check("green" in line, line)
    equal(int(daemon.status()["CapEff"], 16), 1 << 21, "CAP_SYS_ADMIN alone")


def refused(name, *drop_ins):
    @test(name)
    def _():
        one_elsewhere()
        daemon = Service(NAMESPACES, *[each() if callable(each) else each
                                       for each in drop_ins])
        line = until(lambda: daemon.log("[error] listen_backlog plugin"),
                     "it is complained about")[0]
        for words in "network namespace blue failed", "CAP_SYS_ADMIN":
            check(words in line, f"{words!r} in {line!r}")
        equal({name: row.get("queue") for name, row in daemon.look().items()},
              {"": None, "8080": 2}, "all of the rest is reported")


refused("without it, NetNamespace costs one ERROR, and the rest is reported",
        LEAST)
for each in assignments(NETNS):
    refused(f"nor does it work without {each}", LEAST,
            lambda line=each: without(NETNS, re.escape(line)))


# -------------------------------------------------------- what systemd says

def unit(*drop_ins):
    """The daemon's own unit, with drop-ins, in a directory of its own."""
    theirs, = {os.path.realpath(path) for path in
               glob.glob("/*lib/systemd/system/collectd.service") +
               glob.glob("/usr/lib/systemd/system/collectd.service")}
    folder = scratch()
    shutil.copy(theirs, folder)
    os.mkdir(f"{folder}/collectd.service.d")
    for each in drop_ins:
        shutil.copy(each, f"{folder}/collectd.service.d")
    return folder


def analyze(folder, *args):
    return subprocess.run(
        ["systemd-analyze", *args, f"{folder}/collectd.service"], text=True,
        capture_output=True, env={"PATH": PATH, "LC_ALL": "C.UTF-8"})


@test("systemd finds no fault with the drop-ins")
def _():
    run = analyze(unit(LEAST, NETNS), "verify", "--man=no",
                  "--recursive-errors=no")
    note(run.stderr)
    lines = [line for line in run.stderr.splitlines()
             if "listen_backlog" in line]
    equal((run.returncode, lines), (0, []))


@test("systemd rates the exposure: 9 and more without, less than 2 with")
def _():
    rated = []
    for drop_ins in (), (LEAST,), (LEAST, NETNS):
        run = analyze(unit(*drop_ins), "security", "--offline=yes",
                      "--no-pager")
        rated.append(float(re.search(r"exposure level for \S+: ([\d.]+)",
                                     run.stdout).group(1)))
    note(f"exposure: {rated}")
    check(rated[0] >= 9 and rated[1] < 2 and rated[1] < rated[2] < rated[0],
          rated)


if __name__ == "__main__":
    private_run()
    lib._mount(None, "/run", flags=MS_SHARED)  # as it is on a host
    main()
