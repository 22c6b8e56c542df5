#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A fleet, with the configuration of collectd.conf.d and of doc/fleet.md: five overloaded hosts, each in a network
namespace of its own, send signed values over their own link to a central collectd, which writes RRD files and passes
everything on to InfluxDB."""
import glob
import math
import os
import re
import signal
import time

from lb import *
from lb.stores import InfluxDB, rrd_fetch, rrd_last, snippet

HOSTS = ["host1", "host2", "host3", "host4", "host5"]
INTERVAL = 1  # seconds; an RRD file has no fraction of one
HEARTBEAT = 2 * INTERVAL  # after this time without a value an RRD file has a gap
OUTAGE = 8  # seconds
IDLE = "443", "8443"  # ports where nothing happens
LOADED = "8080"
PASSWORD = "of one mind"
FAST = {"FlushInterval 10": "FlushInterval 0.25"}


def documented(pattern):
    """A part of doc/fleet.md."""
    return re.search(pattern, source("doc", "fleet.md"), re.S).group(1)


class Host:
    """A network namespace with one link, to the center, and servers in it. It also writes CSV files, which have all the
    values that it sends."""

    def __init__(self, name, number, password):
        self.name = name
        there, here = f"192.0.2.{4 * number + 1}", f"192.0.2.{4 * number + 2}"
        home = open_network()
        with network():
            new_network()
            self.file = open_network()
            at_end(os.close, self.file)
            command("ip", "link", "add", "up0", "type", "veth", "peer", "name", name, "netns", f"/proc/self/fd/{home}",
                    pass_fds=[home])
            command("ip", "addr", "add", f"{here}/30", "dev", "up0")
            command("ip", "link", "set", "up0", "up")
        os.close(home)
        command("ip", "addr", "add", f"{there}/30", "dev", name)
        self.link("up")
        with network(self.file):
            for port in LOADED, *IDLE:
                Listener(int(port), backlog=4)
            self.daemon = Collectd(plugins=["network"], interval=INTERVAL, hostname=name, extra=snippet(
                "fleet-host", {"collectd.example.net": there, "change me": password, **FAST}))

    def link(self, state):
        command("ip", "link", "set", self.name, state)

    def load(self):
        with network(self.file):
            self.crowd = Crowd(int(LOADED), patience=0.1)

    def kernel(self):
        with network(self.file):
            return netstat()

    def stamps(self):
        """When this host had values."""
        return [when for when, _ in self.daemon.series(LOADED, "overflows")]


class Center(Daemon):
    def __init__(self):
        self.root = scratch(0o777)
        password = write(f"{self.root}/passwd", f"fleet: {PASSWORD}\n")
        super().__init__(["network", "rrdtool"], snippet("fleet-center", {
            "/etc/collectd/passwd": password,
            # a second for each row of an RRD file, and few rows
            '"/var/lib/collectd/rrd"': f'"{self.root}/rrd"\n  RRATimespan 900\n  RRARows 900', **FAST}),
            interval=INTERVAL, hostname="center")
        self.await_start(1)

    def await_start(self, times):
        until(lambda: len(self.log("Initialization complete")) == times, "the center is up")

    def files(self, host):
        """The RRD files of the values that come in each interval: those of an inspection need not."""
        rare = {READINGS[name] + ".rrd" for name in INSPECTED}
        return [path for path in glob.glob(f"{self.root}/rrd/{host.name}/*/*.rrd") if os.path.basename(path) not in rare]


class Influx(InfluxDB):
    def series(self, what):
        """{(host, listener, type-type_instance): [(time, value), ...]}, without the values of inspections."""
        found = {}
        for each in self.ask(f"SELECT {what} FROM listen_backlog_value GROUP BY host, instance, type, type_instance"):
            tag = each["tags"]
            found[tag["host"], tag["instance"], f"{tag['type']}-{tag['type_instance']}"] = [
                (when / 1000, value) for when, value in each["values"]]
        rare = {READINGS[name] for name in INSPECTED}
        return {name: values for name, values in found.items() if name[2] not in rare}

    def last(self):
        """{(host, listener, type-type_instance): (time, value)}"""
        return {name: values[-1] for name, values in self.series("last(value)").items()}


def second(stamp):
    """The second of an RRD file to which collectd rounds a time."""
    return math.floor(stamp + 0.5)


def fed(stamps):
    """The seconds of an RRD file that are known from values at these times."""
    seconds = sorted(set(map(second, stamps)))
    return {s for a, b in zip(seconds, seconds[1:]) if b - a <= HEARTBEAT for s in range(a + 1, b + 1)}


def await_written(center, influx, hosts, since):
    """Waits until each RRD file and each series of these hosts has a value from after this time."""
    until(lambda: min(rrd_last(path) for host in hosts for path in center.files(host)) > since, "RRD files are written")
    names = {host.name for host in hosts}
    until(lambda: all(when > since for (name, *_), (when, _) in influx.last().items() if name in names),
          "InfluxDB has values")


class Outage:
    """A time in which no value arrives. Those before .safe have arrived, and those after .over do."""

    def __init__(self, center, influx, hosts, begin, end):
        self.safe = time.time()
        await_written(center, influx, hosts, self.safe)
        begin()
        self.begun = time.time()
        until(lambda: time.time() > self.begun + OUTAGE, "the outage has lasted long enough")
        self.ended = time.time()
        end()
        await_written(center, influx, hosts, time.time())
        self.over = time.time()


@test("a link is cut and the center is killed: every counter ends at the kernel's value, and the graphs have gaps only "
      "where no value could arrive")
def _():
    influx = Influx(documented(r"```toml\n(.*?)```"))
    center = Center()
    hosts = [Host(name, number, PASSWORD) for number, name in enumerate(HOSTS)]
    stranger = Host("stranger", len(HOSTS), "a guess")
    names = {(host, port, READINGS[reading]) for host in HOSTS for port in (LOADED, *IDLE, "")
             for reading in (GAUGES | COUNTERS if port else NAMESPACE)}
    until(lambda: set(influx.last()) >= names, "InfluxDB has all series")
    for host in hosts:
        host.load()
    cut = hosts[1]
    link_outage = Outage(center, influx, [cut], lambda: cut.link("down"), lambda: cut.link("up"))

    def start():
        center.start()
        center.await_start(2)
    center_outage = Outage(center, influx, hosts, lambda: equal(
        center.process.stop(signal.SIGKILL), -signal.SIGKILL, "its end"), start)
    for host in hosts:
        until(lambda: host.kernel()["ListenOverflows"] > 100, f"{host.name} is overloaded")
        host.crowd.stop()

    kernels = {host.name: host.kernel() for host in hosts}
    want = {}
    for name, kernel in kernels.items():
        for reading, counter in (("drops", "ListenDrops"), ("overflows", "ListenOverflows")):
            # One listener has them all, because it overflowed after the first read only.
            want |= {(name, port, READINGS[reading]): kernel[counter] for port in ("", LOADED)}
            want |= {(name, port, READINGS[reading]): 0 for port in IDLE}
        want |= {(name, "", READINGS["syn_drops"]): kernel["TCPReqQFullDrop"],
                 (name, "", READINGS["syncookies_sent"]): kernel["SyncookiesSent"],
                 (name, "", READINGS["overflows_unattributed"]): 0}

    def differing():
        last = {name: value for name, (_, value) in influx.last().items()}
        return {name: (last.get(name), value) for name, value in want.items() if last.get(name) != value}
    try:
        until(lambda: not differing(), "InfluxDB has the kernels' values")
    except AssertionError:
        equal(differing(), {}, "values in InfluxDB and of the kernel")
    equal([host.kernel()["ListenDrops"] for host in hosts], [k["ListenDrops"] for k in kernels.values()],
          "ListenDrops meanwhile")

    end = math.ceil(time.time())
    await_written(center, influx, hosts, end + 1)
    series = influx.series("value")
    equal(set(series), names, "series in InfluxDB")
    equal(sorted(os.listdir(f"{center.root}/rrd")), HOSTS, "hosts with RRD files")
    check(stranger.stamps() and center.log("signature failed"), "the center has refused the stranger's values")
    for name, values in series.items():
        if name[2].startswith("derive-"):
            equal([value for _, value in values], sorted(value for _, value in values), f"{name} never goes back")

    for host in hosts:
        outages = [center_outage, link_outage] if host is cut else [center_outage]
        arrived = [s for s in host.stamps() if all(s < each.safe or s > each.over for each in outages)]
        start_ = second(arrived[0])
        must = {s for s in fed(arrived) if s <= end}
        # No value can be known long after the last one before an outage, until packets are sent that still arrive.
        cannot = {s for each in outages
                  for s in range(second(each.begun) + HEARTBEAT, second((each.begun + each.ended) / 2) + 1)}
        check(len(cannot) > 1, "the outage is longer than the heartbeat")
        equal(len(center.files(host)), len(names) // len(HOSTS), "RRD files")
        for path in center.files(host):
            known = {when for when, _ in rrd_fetch(path, start_, end)}
            equal((must - known, cannot & known, known - fed(host.stamps())), (set(), set(), set()),
                  f"{path}: seconds that are unknown and need not be, known in an outage, known without a value")
        reached = {second(when) for when, _ in series[host.name, LOADED, READINGS["overflows"]]}
        equal(sorted({second(s) for s in arrived if s < end} - reached), [], f"{host.name}: not in InfluxDB")
        note(f"{host.name}: {kernels[host.name]['ListenOverflows']} overflows, {len(must)} of {end - start_} s known")


@test("the filter chain of doc/fleet.md leaves the readings that the alerts need")
def _():
    Listener(8080)
    daemon = Collectd('LocalPort "8080"', plugins=["match_regex"],
                      extra=documented(r"\n( *LoadPlugin match_regex\n.*?</Chain>\n)"))
    until(lambda: "8080" in daemon.instances() and len(daemon.series("8080", "overflows")) >= 3, "3 reads")
    equal(daemon.names("8080"), {READINGS[name] for name in (
        "queue", "limit", "fill", "sockets", "full", "overflows", "overflows_5m")})
    equal(daemon.names(""), {READINGS[name] for name in ("overflows", "syn_drops")})
    equal(daemon.errors(), [])


if __name__ == "__main__":
    main()
