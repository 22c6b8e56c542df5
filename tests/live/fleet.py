#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A fleet: five overloaded hosts, each in a network namespace of its own with
the plugin in a collectd of its own, send signed values over their own link to
a central collectd, which writes RRD files and hands everything on to InfluxDB.
One link is cut and mended, the center is killed and started again.

The configuration is that of collectd.conf.d and of doc/fleet.md."""
import contextlib
import ctypes
import glob
import json
import math
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request

import lib
from lib import *

SOURCE = os.environ.get("LB_SRCDIR", ".")
HOSTS = ["host1", "host2", "host3", "host4", "host5"]
INTERVAL = 1  # seconds; RRD files know no fraction of one
HEARTBEAT = 2 * INTERVAL  # after so long without a value an RRD file has a gap
FLUSH = 0.25  # seconds that a value may wait until its packet leaves
LAG = 1  # seconds for everything else on the way
OUTAGE = 6  # seconds
IDLE = "443", "8443"  # ports where nothing happens
LOADED = "8080"


def ip(*words, **options):
    subprocess.run(["ip", *words], check=True, env={"PATH": PATH}, **options)


def snippet(name, *changes):
    """What stands in collectd.conf.d, with (what, instead of what) changed."""
    with open(f"{SOURCE}/collectd.conf.d/"
              f"listen_backlog-fleet-{name}.conf") as file:
        text = file.read()
    for new, old in changes:
        equal(text.count(old), 1, f"times that {name}'s snippet has {old!r}")
        text = text.replace(old, new)
    return text


def documented(pattern):
    """What doc/fleet.md says."""
    with open(f"{SOURCE}/doc/fleet.md") as file:
        return re.search(pattern, file.read(), re.S).group(1)


class Network:
    """A network namespace. This process is in one of them at a time."""

    def __init__(self):
        # /proc/PID would be another one's here: PIDs are of our namespace.
        self.file = os.open("/proc/self/ns/net", os.O_RDONLY)
        lib._cleanup.callback(os.close, self.file)

    @contextlib.contextmanager
    def __call__(self):
        before = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            self.enter(self.file)
            yield
        finally:
            self.enter(before)
            os.close(before)

    @staticmethod
    def enter(file):
        if libc.setns(file, 0x40000000):  # CLONE_NEWNET
            raise OSError(ctypes.get_errno(), "setns")


class Daemon:
    """A collectd: its name, and what is to stand in its configuration."""

    def __init__(self, name, plugins, text):
        self.name, self.dir = name, scratch()
        lib._outputs.append(f"{self.dir}/log")
        os.mkdir(f"{self.dir}/plugins")
        for plugin in "logfile", *plugins:
            path = f"{lib._plugin_dir()}/{plugin}.so"
            if plugin == "listen_backlog":
                path = os.environ["LB_PLUGIN"]
            shutil.copy(path, f"{self.dir}/plugins/{plugin}.so")
        with open(f"{self.dir}/collectd.conf", "w") as file:
            file.write(f"""
Hostname "{name}"
FQDNLookup false
BaseDir "{self.dir}"
PluginDir "{self.dir}/plugins"
TypesDB "/usr/share/collectd/types.db"
Interval {INTERVAL}
LoadPlugin logfile
<Plugin logfile>
  LogLevel info
  File "{self.dir}/log"
</Plugin>
{text.replace("@DIR@", self.dir)}
""")
        self.start()

    def start(self):
        self.process = Process(
            ["collectd", "-f", "-C", f"{self.dir}/collectd.conf",
             "-P", f"{self.dir}/pid"], output=f"{self.dir}/output")

    def log(self, word):
        return [line for line in lib._read(f"{self.dir}/log").splitlines()
                if word in line]


class Host:
    """A network namespace with one link, to the center, and servers in it."""

    def __init__(self, name, number, password):
        self.name, self.number = name, number
        self.there = f"192.0.2.{4 * number + 1}"
        self.here = f"192.0.2.{4 * number + 2}"
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        lib._new_network()
        self.network = Network()
        ip("link", "add", "up0", "type", "veth", "peer", "name", name,
           "netns", f"/proc/self/fd/{home}", pass_fds=[home])
        ip("addr", "add", f"{self.here}/30", "dev", "up0")
        ip("link", "set", "up0", "up")
        Network.enter(home)
        os.close(home)
        ip("addr", "add", f"{self.there}/30", "dev", name)
        self.link("up")

        with self.network():
            self.servers = [Listener(int(port), backlog=4)
                            for port in (LOADED, *IDLE)]
            # The values that this host had, to compare: CSV files.
            self.daemon = Daemon(
                name, ["listen_backlog", "network", "csv"],
                snippet("host", (self.there, "collectd.example.net"),
                        (f"FlushInterval {FLUSH}", "FlushInterval 10"),
                        (password, "change me")) +
                'LoadPlugin csv\n'
                '<Plugin csv>\n  DataDir "@DIR@/csv"\n</Plugin>')

    def link(self, state):
        ip("link", "set", self.name, state)

    def load(self):
        with self.network():
            self.crowd = Crowd(int(LOADED), patience=0.1)

    def kernel(self):
        with self.network():
            return netstat()

    def stamps(self):
        """When this host had values: each is sent to the center."""
        folder = f"{self.daemon.dir}/csv/{self.name}/listen_backlog-{LOADED}"
        found = []
        for name in sorted(os.listdir(folder)):
            if name.startswith("derive-overflows-"):
                with open(f"{folder}/{name}") as file:
                    found += [float(line.split(",")[0])
                              for line in file.read().splitlines()[1:]]
        return sorted(found)


class Influx:
    """InfluxDB, with what doc/fleet.md adds to its configuration."""
    def __init__(self):
        self.dir = scratch()
        listener = documented(r"```toml\n(.*?)```")
        with open(f"{self.dir}/influxdb.conf", "w") as file:
            file.write(f"""
reporting-disabled = true
bind-address = "127.0.0.1:8088"
[meta]
  dir = "{self.dir}/meta"
[data]
  dir = "{self.dir}/data"
  wal-dir = "{self.dir}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:8086"
  log-enabled = false
{listener}""")
        self.process = Process(
            ["influxd", "run", "-config", f"{self.dir}/influxdb.conf"],
            output=f"{self.dir}/output", env={"HOME": self.dir})
        self.open = urllib.request.build_opener(
            urllib.request.ProxyHandler({})).open
        until(lambda: ss(8086) and "Listening on UDP" in self.process.text(),
              "InfluxDB listens")

    def query(self, text):
        """{(host, listener, type-type_instance): [(time, value), ...]}"""
        url = "http://127.0.0.1:8086/query?" + urllib.parse.urlencode(
            {"db": "collectd", "epoch": "ms", "q": text})
        with self.open(url, timeout=DEADLINE) as answer:
            result, = json.load(answer)["results"]
        if "database not found" in result.get("error", ""):
            return {}  # it is made with the first value
        check("error" not in result, result)
        found = {}
        for each in result.get("series", []):
            tag = each["tags"]
            found[tag["host"], tag["instance"],
                  f"{tag['type']}-{tag['type_instance']}"] = [
                (when / 1000, value) for when, value in each["values"]]
        return found

    def last(self):
        return {name: values[-1][1] for name, values in self.query(
            "SELECT last(value) FROM listen_backlog_value"
            " GROUP BY host, instance, type, type_instance").items()}

    def all(self):
        return self.query("SELECT value FROM listen_backlog_value"
                          " GROUP BY host, instance, type, type_instance")


def rrd_known(path, start, end):
    """The seconds of an RRD file that are not unknown."""
    text = subprocess.run(
        ["rrdtool", "fetch", path, "AVERAGE", "-r", "1", "-s", str(start),
         "-e", str(end)], check=True, capture_output=True, text=True,
        env={"PATH": PATH}).stdout
    known = set()
    for line in text.splitlines():
        when, colon, value = line.partition(":")
        if colon and not math.isnan(float(value)):
            known.add(int(when))
    return known


def rrd_end(path):
    return int(subprocess.run(["rrdtool", "last", path], check=True, text=True,
                              capture_output=True, env={"PATH": PATH}).stdout)


def second(stamp):
    """As collectd rounds it for an RRD file."""
    return math.floor(stamp + 0.5)


def fed(stamps):
    """The seconds that an RRD file must know, with these values in it."""
    seconds = sorted(set(map(second, stamps)))
    return {s for a, b in zip(seconds, seconds[1:]) if b - a <= HEARTBEAT
            for s in range(a + 1, b + 1)}


def look_later(hosts, count):
    """Waits until each host has had this many values more."""
    now = time.time()
    for host in hosts:
        until(lambda: len([s for s in host.stamps() if s > now]) >= count,
              f"{host.name} has read {count} times more")


@test("a host is cut off, the center is killed: counters end at the kernels', "
      "graphs have gaps only where nothing could arrive")
def _():
    influx = Influx()
    directory = scratch()
    with open(f"{directory}/passwd", "w") as file:
        file.write("fleet: of one mind\n")

    center = Daemon("center", ["network", "rrdtool"], snippet(
        "center", (f"FlushInterval {FLUSH}", "FlushInterval 10"),
        (f"{directory}/passwd", "/etc/collectd/passwd"),
        # A second for each row of an RRD file, and few rows.
        (f'"{directory}/rrd"\n  RRATimespan 900\n  RRARows 900',
         '"/var/lib/collectd/rrd"')))
    until(lambda: center.log("Initialization complete"), "the center is up")

    hosts = [Host(name, number, "of one mind")
             for number, name in enumerate(HOSTS)]
    # Somebody who does not know the password.
    stranger = Host("stranger", len(HOSTS), "a guess")

    # In InfluxDB as in the man page, for every host.
    names = {(host, port, READINGS[reading]) for host in HOSTS
             for port in (LOADED, *IDLE) for reading in GAUGES | COUNTERS} | {
        (host, "", READINGS[reading])
        for host in HOSTS for reading in NAMESPACE}
    until(lambda: set(influx.last()) >= names, "all series are in InfluxDB")
    for host in hosts:
        host.load()
    look_later(hosts, 5)

    note("a link is cut")
    cut = hosts[1]
    cut_from = time.time()
    cut.link("down")
    until(lambda: time.time() > cut_from + OUTAGE, "the outage is over")
    cut.link("up")
    cut_to = time.time()
    look_later(hosts, 6)

    note("the center is killed")
    killed_from = time.time()
    equal(center.process.stop(signal.SIGKILL), -signal.SIGKILL, "its end")
    until(lambda: time.time() > killed_from + OUTAGE, "the outage is over")
    center.start()
    until(lambda: len(center.log("Initialization complete")) == 2,
          "the center is up again")
    killed_to = time.time()
    look_later(hosts, 6)

    for host in hosts:
        host.crowd.stop()
    kernels = {host.name: host.kernel() for host in hosts}
    want = {}
    for name, kernel in kernels.items():
        for reading, counter in (("drops", "ListenDrops"),
                                 ("overflows", "ListenOverflows"),
                                 ("syn_drops", "TCPReqQFullDrop"),
                                 ("syncookies_sent", "SyncookiesSent")):
            want[name, "", READINGS[reading]] = kernel[counter]
        # One culprit, which overflowed after the first look only.
        for port in (LOADED, *IDLE):
            for reading, counter in (("drops", "ListenDrops"),
                                     ("overflows", "ListenOverflows")):
                want[name, port, READINGS[reading]] = \
                    kernel[counter] if port == LOADED else 0
        want[name, "", READINGS["overflows_unattributed"]] = 0
        check(kernel["ListenOverflows"] > 100, f"{name} was overloaded")

    def ends():
        last = influx.last()
        return {name: last.get(name) for name in want}
    with contextlib.suppress(AssertionError):
        until(lambda: ends() == want, "counters end at the kernels'")
    equal(ends(), want, "where counters end in InfluxDB")
    for host in hosts:
        equal(host.kernel(), {**host.kernel(), **{
            name: kernels[host.name][name] for name in
            ("ListenDrops", "ListenOverflows")}}, "the kernel meanwhile")

    end = math.ceil(time.time())
    paths = {host.name: glob.glob(f"{directory}/rrd/{host.name}/*/*.rrd")
             for host in hosts}
    until(lambda: all(values[-1][0] > end + 1
                      for values in influx.all().values())
          and all(rrd_end(path) > end for host in hosts
                  for path in paths[host.name]), "everything is written")
    series = influx.all()
    equal(set(series), names, "series in InfluxDB")
    equal(sorted(os.listdir(f"{directory}/rrd")), HOSTS, "hosts with RRD files")
    check(stranger.stamps(), "the stranger has sent values")
    check(center.log("signature failed"), "the center has refused them")
    for name, values in series.items():
        if name[2].startswith("derive-"):
            numbers = [value for _, value in values]
            equal(numbers, sorted(numbers), f"{name} never goes back")

    for host in hosts:
        outages = [(killed_from, killed_to)]
        if host is cut:
            outages.append((cut_from, cut_to))
        # What was in a packet, or on its way through the center, is lost too.
        arrived = [s for s in host.stamps() if all(
            s < a - FLUSH - LAG or s > b + LAG for a, b in outages)]
        start = second(arrived[0])
        must = {s for s in fed(arrived) if s <= end}
        # Nothing can be there long after the last and before the first value.
        cannot = {s for a, b in outages
                  for s in range(second(a) + HEARTBEAT,
                                 second(b) - HEARTBEAT + 1)}
        equal(len(paths[host.name]), len(names) // len(HOSTS), "RRD files")
        for path in paths[host.name]:
            known = rrd_known(path, start, end)
            equal(sorted(must - known), [], f"{path}: gaps that need not be")
            equal(sorted(cannot & known), [], f"{path}: made up")
        reached = {second(when) for when, _ in
                   series[host.name, LOADED, READINGS["overflows"]]}
        equal(sorted({second(s) for s in arrived if s < end} - reached), [],
              f"{host.name}: not in InfluxDB")
        note(f"{host.name}: {kernels[host.name]['ListenOverflows']} overflows, "
             f"{len(must)} seconds known, of {end - start}")


@test("the filter chain of doc/fleet.md leaves what the alerts need")
def _():
    Listener(8080)
    daemon = Collectd(
        'LocalPort "8080"', plugins=["match_regex"],
        extra=documented(r"\n( *LoadPlugin match_regex\n.*?</Chain>\n)"))
    until(lambda: "8080" in daemon.instances() and
          len(daemon.series("8080", "overflows")) >= 3, "3 looks")
    equal(daemon.names("8080"), {READINGS[name] for name in (
        "queue", "limit", "fill", "sockets", "full", "overflows")})
    equal(daemon.names(""), {READINGS[name] for name in (
        "overflows", "overflows_unattributed")})
    equal(daemon.errors(), [])


if __name__ == "__main__":
    main()
