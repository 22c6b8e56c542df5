#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The same scene under several collectds: the installed one, and each that was built in a source tree of LB_COLLECTDS.
Builds the plugin for each tree, and compares all that write_prometheus shows with ss(8) and /proc/net, value by value:
make check-collectds COLLECTDS='TREE ...'."""
import http.client
import os
import re

from lb import *

BLOCK = """<Plugin write_prometheus>
  Host "127.0.0.1"
  Port 9103
</Plugin>
<Plugin listen_backlog>
  LocalPort "8080"
  LocalPath "@lb"
  <Listener "api">
    LocalPort "8081"
    NetNamespace "blue"
  </Listener>
  NetNamespace "blue"
  InspectQueue true
</Plugin>"""
shown = {}  # {column: {(label, reading): value}}


class Installed(Daemon):
    """collectd with our plugin and write_prometheus."""
    name = "installed"

    def __init__(self):
        command("ip", "address", "add", "192.0.2.1/32", "dev", "lo")  # write_prometheus needs more than a loopback
        self.connection = http.client.HTTPConnection("127.0.0.1", 9103)  # a single one: each is an arrival
        super().__init__(("write_prometheus", "listen_backlog"), BLOCK, interval=1, threads_=2)

    def version(self):
        return re.search(r"^collectd (\S+),", command(self.program, "-h"), re.M).group(1)

    def values(self):
        """{(label, reading): value} of any collectd, with the labels and in the units of collectd 5."""
        check(self.running(), "collectd runs")
        try:
            self.connection.request("GET", "/metrics")
            text = self.connection.getresponse().read().decode()
        except ConnectionRefusedError:
            self.connection.close()
            return {}
        found = [re.fullmatch(r"(\w*listen_backlog\w+)\{(.*)\} (\S+)(?: \d+)?", line) for line in text.splitlines()]
        return dict(self._value(match.group(1), dict(re.findall(r'(\w+)="(.*?)"', match.group(2))),
                                float(match.group(3))) for match in found if match)

    @staticmethod
    def _value(name, labels, value):
        if name.startswith("collectd_"):
            own = "type" not in labels
            return ("" if own else labels["listen_backlog"], labels["listen_backlog" if own else "type"]), value
        reading = re.sub("^listen_backlog_(netns_)?|_(ratio|seconds|total)$", "", name)
        label = [labels[key] for key in ("netns", "listener") if key in labels]
        return (":".join(label[1:] if "api" in label else label), reading), value * (100 if "_ratio" in name else 1)


class Built(Installed):
    """The same, built in its source tree."""

    def __init__(self, tree):
        self.tree, self.program, self.name = tree, f"{tree}/collectd", name_of(tree)
        super().__init__()

    def file_of(self, plugin):
        return plugin_for(self.tree) if plugin == "listen_backlog" else f"{self.tree}/.libs/{plugin}.so"


def name_of(tree):
    return os.path.basename(os.path.abspath(tree))


def plugin_for(tree):
    """Builds the plugin with the headers of a tree."""
    folder = f"{os.environ['LB_BUILDDIR']}/collectds/{name_of(tree)}"
    os.makedirs(folder, exist_ok=True)
    for step in (f"{os.path.abspath(SRCDIR)}/configure", f"--with-collectd-headers={tree}"), (
            "make", "-j2", "CFLAGS=-g -O2 -Werror", "listen_backlog.la"):
        command(*step, cwd=folder, timeout=900)
    return f"{folder}/.libs/listen_backlog.so"


def tcp(server, label):
    """What the kernel shows of a port that alone has all drops of its namespace."""
    seen, kernel = server.seen(), netstat()
    return {(label, reading): value for reading, value in {
        **totals([seen]), "peak": seen.queue, "fill": 100 * seen.queue / (seen.limit + 1), "busy": 100 * bool(seen.queue),
        "full": seen.queue > seen.limit, "drops": kernel["ListenDrops"], "overflows": kernel["ListenOverflows"],
        "overflows_5m": kernel["ListenOverflows"], "abandoned": 0, "syn": 0, "active": 0}.items()}


def unix(server, label):
    seen = server.seen()
    return {(label, reading): value for reading, value in {
        **totals([seen]), "peak": seen.queue, "fill": 100 * seen.queue / (seen.limit + 1), "busy": 100 * bool(seen.queue),
        "full": 0, "abandoned": 0, "active": 0}.items()}


def namespace(label):
    kernel = netstat()
    return {(label, reading): value for reading, value in {
        "drops": kernel["ListenDrops"], "overflows": kernel["ListenOverflows"], "syn_drops": kernel["TCPReqQFullDrop"],
        "syncookies_sent": kernel["SyncookiesSent"], "overflows_unattributed": 0,
        "somaxconn": sysctl("net.core.somaxconn"), "arrivals": arrivals()}.items()}


def differences(got, want):
    """Those of all values but the waits, which move."""
    return {key: (got.get(key), want.get(key)) for key in {*got, *want} if key[1] != "wait" and
            not (key in got and key in want and abs(got[key] - want[key]) < 1e-9)}


def agrees(start):
    """Plays the scene with this collectd; keeps what it shows."""
    blue = Namespace("blue")
    own = Listener(8080, backlog=4), UnixListener(b"\0lb", backlog=5)
    with blue.inside():
        other, api = Listener(8080, backlog=3), Listener(8081, backlog=2)
    daemon = start()
    until(lambda: ("8080", "sockets") in daemon.values(), "the first read")
    fill(own[0], 5)
    overflow(own[0], 7)
    fill(own[1], 2)
    want = {**tcp(own[0], "8080"), **unix(own[1], "@lb"), **namespace("")}
    with blue.inside():
        fill(api, 3)
        overflow(api, 2)
        want |= {**tcp(api, "api"), **tcp(other, "blue:8080"), **namespace("blue")}
    want |= {("blue:8080", reading): 0 for reading in ("drops", "overflows", "overflows_5m")}
    want[("blue:@lb", "sockets")] = 0
    read = {}

    def settled():
        read.clear()
        read.update(daemon.values())
        return read.get(("8080", "wait")) and not differences(read, want)
    try:
        until(settled, "collectd shows what the kernel shows")
    except AssertionError:
        note(f"collectd's value, the kernel's: {differences(read, want)}")
        raise
    equal(shown.setdefault("kernel", want), want, "the same scene")
    shown[daemon.name] = dict(read)
    note(f"{daemon.name}: collectd {daemon.version()}")


@test("the installed collectd")
def _():
    agrees(Installed)


for _tree in os.environ.get("LB_COLLECTDS", "").split():
    test(f"the collectd built in {_tree}")(lambda tree=_tree: agrees(lambda: Built(tree)))


@test("the table")
def _():
    note(f"{'listener or namespace':24}{'reading':24}" + "".join(f"{name:>14}" for name in shown))
    for key in sorted(shown.get("kernel", ())):
        note(f"{key[0] or '(own namespace)':24}{key[1]:24}" + "".join(f"{got[key]:14.10g}" for got in shown.values()))


private_run()
main()
