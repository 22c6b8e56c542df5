#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The least that collectd with this plugin has to be allowed: it runs as the drop-ins of collectd.service.d say,
confined by tests/support/confine.py as systemd would confine it."""
import glob
import os
import re
import shutil
import socket
import subprocess

from lb import *
from lb.stores import HOST, Unixsock, rrd_path

DROP_INS = os.path.join(SRCDIR, "collectd.service.d")
LEAST = os.path.join(DROP_INS, "10-listen_backlog.conf")
NETNS = os.path.join(DROP_INS, "20-listen_backlog-netns.conf")


def confined(drop_ins, writable):
    """The words to put before a command."""
    return ["python3", os.path.join(SRCDIR, "tests", "support", "confine.py"), "--writable", writable, *drop_ins, "--"]


class SystemdService(Collectd):
    """A daemon that tells systemd when it is up."""

    def __init__(self, config, *drop_ins, **options):
        super().__init__(config, start=False, **options)
        self.command = confined(drop_ins, self.dir)
        path = f"{self.dir}/notify"
        self.options["env"] = {**self.options.get("env", {}), "NOTIFY_SOCKET": path}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            os.chmod(path, 0o777)
            notify.settimeout(DEADLINE)
            self.start("-B")  # without -f: it is systemd that keeps it from forking
            mentions(notify.recv(1000).decode(), "READY=1")

    def status(self):
        """{name: value} of /proc/PID/status."""
        return dict(line.split(":\t", 1) for line in content(proc(self.pid) + "/status").splitlines())

    def unexpected(self):
        """What the log has, except that inspections take their time and a namespace was not yet mounted."""
        return [line for line in self.log(PLUGIN) if not matches(line, "LB_MSG_INSPECTIONS_SLOWED")
                and not matches(line, "LB_MSG_NETNS", "green") and not matches(line, "LB_MSG_NETNS_RECOVERED", "green")]


def without(drop_in, pattern):
    """A copy of a drop-in without the lines that match."""
    text = content(drop_in)
    kept = "".join(line + "\n" for line in text.splitlines() if not re.match(pattern, line))
    check(len(kept) < len(text), f"{pattern} is in {drop_in}")
    return write(os.path.join(scratch(), os.path.basename(drop_in)), kept)


# ------------------------------------------------------ what is taken away

TRIES = '''
import ctypes, mmap, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def tell(name, attempt):
    try:
        print(name, attempt() or "works", sep=": ")
    except OSError as error:
        print(name, os.strerror(error.errno), sep=": ")
def call(name, *args):
    if getattr(libc, name)(*args) == -1:
        raise OSError(ctypes.get_errno(), "")
for family in 1, 2, 10, 16, 17, 40:
    tell(f"family {family}", lambda: socket.socket(
        family, socket.SOCK_RAW if family == 16 else socket.SOCK_STREAM, 4 if family == 16 else 0).close())
tell("setns", lambda: call("setns", os.open("/proc/self/ns/net", 0), 1 << 30))
tell("unshare", lambda: call("unshare", 1 << 28))
tell("mount", lambda: call("mount", b"a", b"/tmp", b"tmpfs", 0, None))
tell("ptrace", lambda: call("ptrace", 0, 0, 0, 0))
tell("/etc", lambda: open("/etc/listen_backlog", "w"))
tell("somaxconn", lambda: open("/proc/sys/net/core/somaxconn", "w"))
tell("/home", lambda: os.listdir("/home"))
tell("written and run", lambda: mmap.mmap(-1, 4096, prot=7).close())
tell("own files", lambda: open(f"{os.environ['OWN']}/file", "w").close())
tell("processes", lambda: str([each for each in os.listdir("/proc") if each == "1"]))
'''

REFUSED = {
    "family 1": "works", "family 2": "works", "family 10": "works", "family 16": "works",
    "family 17": "Address family not supported by protocol", "family 40": "Address family not supported by protocol",
    "setns": "Operation not permitted", "unshare": "Operation not permitted", "mount": "Operation not permitted",
    "ptrace": "Operation not permitted", "/etc": "Read-only file system", "somaxconn": "Read-only file system",
    "/home": "Permission denied", "written and run": "Operation not permitted", "own files": "works", "processes": "[]"}


@test("the drop-in takes away every privilege that collectd does not need, and the one for namespaces gives back "
      "setns(2), the sight of all processes and of files alone")
def _():
    for drop_ins, want in ((LEAST,), REFUSED), ((LEAST, NETNS), {
            **REFUSED, "setns": "works", "processes": "['1']", "/home": "works"}):  # systemd has an empty one there
        own = scratch(0o777)
        run = subprocess.run([*confined(drop_ins, own), "python3", "-c", TRIES], env={**os.environ, "OWN": own},
                             text=True, check=True, capture_output=True)
        equal(dict(line.split(": ", 1) for line in run.stdout.splitlines()), want, drop_ins)


# ----------------------------------------------------- what works nevertheless

CONFIG = """
ListeningPorts true
ListeningPaths true
InspectQueue true
SampleInterval 0.02
<Listener "api">
  LocalPort "8081"
  LocalPath "@api"
</Listener>"""


def not_inspected(table):
    """The table without the readings that not every read has."""
    return {name: {reading: value for reading, value in row.items() if reading not in INSPECTED}
            for name, row in table.items()}


@test("without privileges everything is reported that root sees, by a process without capabilities")
def _():
    server = fill(Listener(8080, backlog=4), 5)
    fill(Listener(8081, backlog=7), 2)
    fill(UnixListener(b"\0api", backlog=3), 3)
    fill(UnixListener(scratch() + "/sock", backlog=2), 1)
    overflow(server, 3)
    root, daemon = Collectd(CONFIG), SystemdService(CONFIG, LEAST)
    root.read(), daemon.read()
    overflow(server, 6)
    table = daemon.read()
    equal(not_inspected(table), not_inspected(root.read()))
    equal((table["8080"]["overflows"], table["8080"]["fill"], table["api"]["queue"]), (6, 100, 5))
    equal(set(daemon.inspected("api")), GAUGES | COUNTERS | INSPECTED)
    check(daemon.inspected("8080")["wait"] > 0, "connections wait")
    check(any(name.endswith("-sock") for name in table), "UNIX sockets are reported")
    status = daemon.status()
    equal([int(status[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb")], [0] * 5)
    equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
    check(daemon.sampler(), "it has its thread")
    equal((daemon.unexpected(), daemon.log("[error]"), daemon.stop()), ([], [], 0), "log and exit status")


@test("without privileges writers work: files, RRD, UNIX and TCP sockets")
def _():
    fill(Listener(8080, backlog=4), 3)
    carbon = Listener(2003)
    daemon = SystemdService('LocalPort "8080"', LEAST, interval=1, plugins=["rrdtool", "unixsock", "write_graphite"],
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
    equal(daemon.read()["8080"]["queue"], 3)
    sock = Unixsock(daemon)
    until(lambda: sock.value(f"{HOST}/listen_backlog-8080/{READINGS['queue']}") == 3, "unixsock answers")
    until(lambda: os.path.exists(rrd_path(f"{daemon.dir}/rrd", "8080", "queue")), "there are RRD files")
    until(lambda: carbon.waiting() > 0, "write_graphite has connected")
    equal((daemon.unexpected(), daemon.errors()), ([], []))


@test("without AF_NETLINK in the drop-in one ERROR says that reading the sockets failed, and collectd goes on")
def _():
    Listener(8080)
    daemon = SystemdService('LocalPort "8080"', without(LEAST, "RestrictAddressFamilies=AF_NETLINK"),
                            plugins=["uptime"])
    mentions(until(daemon.complaints, "it is logged")[0], "AF_NETLINK")
    daemon.goes_on(10)
    equal((len(daemon.complaints()), daemon.instances() - {""}), (1, set()), "complaints, and listeners reported")


# ---------------------------------------------------------- network namespaces

NAMESPACES = 'ListeningPorts true\nNetNamespace "*"'


def one_elsewhere():
    place = Namespace("blue")
    with place.inside():
        fill(Listener(8080, backlog=4), 5)
    fill(Listener(8080, backlog=4), 2)


@test("with the drop-in for it NetNamespace works, also for a namespace that is mounted later or that only another "
      "user's process shows, and CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are all it has")
def _():
    one_elsewhere()
    root = Collectd(NAMESPACES + "\nInspectQueue true")
    daemon = SystemdService(NAMESPACES + "\nInspectQueue true", LEAST, NETNS)
    table = daemon.read()
    equal(not_inspected(table), not_inspected(root.read()))
    equal((table["8080"]["queue"], table["blue:8080"]["queue"]), (2, 5))
    with Namespace("green").inside():
        fill(Listener(8081, backlog=4), 1)
    until(lambda: "green:8081" in daemon.instances(), "a namespace that is mounted later is seen")
    hidden = Hidden()
    with hidden.inside():
        fill(Listener(8082, backlog=4), 1)
    until(lambda: hidden.label() + ":8082" in daemon.instances(), "a namespace without a file is seen")
    equal(daemon.unexpected(), [])
    equal(int(daemon.status()["CapEff"], 16), 1 << 21 | 1 << 19 | 1 << 2,
          "CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH alone")


ASSIGNMENTS = [line for line in content(NETNS).splitlines() if "=" in line and line[0] not in "#["]

SIGHT = [line for line in ASSIGNMENTS if "CAP_SYS_PTRACE" in line]

NAMES = [line for line in ASSIGNMENTS if "CAP_DAC_READ_SEARCH" in line]  # see containers.py

for left_out in None, *(line for line in ASSIGNMENTS if line not in SIGHT + NAMES):
    @test(f"without {left_out or 'the drop-in for it'} NetNamespace costs one ERROR that names CAP_SYS_ADMIN, and the "
          "rest is reported")
    def _(left_out=left_out):
        one_elsewhere()
        daemon = SystemdService(NAMESPACES, LEAST, *([without(NETNS, re.escape(left_out))] if left_out else []))
        mentions(until(daemon.complaints, "it is logged")[0], "blue", message("LB_WHY_NETNS_PRIVILEGE"))
        equal(queues(daemon.read()), {"": None, "8080": 2}, "all of the rest is reported")

for left_out in SIGHT:
    @test(f"without {left_out} one INFO line names the capability, and all but the namespaces without a file is reported")
    def _(left_out=left_out):
        one_elsewhere()
        with Hidden().inside():
            Listener(8082)
        daemon = SystemdService(NAMESPACES, LEAST, without(NETNS, re.escape(left_out)))
        equal(queues(daemon.read()), {"": None, "8080": 2, "blue": None, "blue:8080": 5})
        daemon.await_reads(10)
        equal(daemon.unexpected(), daemon.said("LB_MSG_NETNS_UNSEEN"))
        equal(len(daemon.said("LB_MSG_NETNS_UNSEEN")), 1, "it is said once")


# -------------------------------------------------------- what systemd says

def analyze(drop_ins, *args):
    """systemd-analyze of collectd's own unit with these drop-ins."""
    theirs, = {os.path.realpath(path) for path in glob.glob("/*lib/systemd/system/collectd.service") +
               glob.glob("/usr/lib/systemd/system/collectd.service")}
    folder = scratch()
    shutil.copy(theirs, folder)
    os.mkdir(f"{folder}/collectd.service.d")
    for each in drop_ins:
        shutil.copy(each, f"{folder}/collectd.service.d")
    return subprocess.run(["systemd-analyze", *args, f"{folder}/collectd.service"], text=True, capture_output=True,
                          env={"PATH": PATH, "LC_ALL": "C.UTF-8"})


@test("systemd finds no fault with the drop-ins, and rates the exposure 9 and more without them, less than 2 with them")
def _():
    run = analyze((LEAST, NETNS), "verify", "--man=no", "--recursive-errors=no")
    note(run.stderr)
    equal((run.returncode, [line for line in run.stderr.splitlines() if "listen_backlog" in line]), (0, []))
    rated = [float(re.search(r"exposure level for \S+: ([\d.]+)", analyze(
        drop_ins, "security", "--offline=yes", "--no-pager").stdout).group(1))
        for drop_ins in ((), (LEAST,), (LEAST, NETNS))]
    note(f"exposure: {rated}")
    check(rated[0] >= 9 and rated[1] < 2 and rated[1] < rated[2] < rated[0], rated)


if __name__ == "__main__":
    private_run()
    mount(None, "/run", flags=MS_SHARED)  # as it is on a host
    main()
