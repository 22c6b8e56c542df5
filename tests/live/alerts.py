#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Alerts that stay quiet: by the thresholds of collectd.conf.d in the real
collectd, and by the rules of alerts/ in a real Prometheus that scrapes it.
Silent through as many scans, health checks and deferred accepts as a day has,
there within two intervals of an overload, naming the listener, and gone after
it. Prometheus has the rules with seconds for minutes."""
import json
import os
import re
import subprocess
import time
import urllib.parse
import urllib.request

from lib import *

SOURCE = os.environ.get("LB_SRCDIR", ".")
INTERVAL = 2
TROUBLE = {"WARNING", "FAILURE"}
MINUTES = 24 * 60  # of a day, for each of which there is the following
MINUTE = 0.008  # seconds: the day takes several intervals
CHECKS = 12  # half-open health checks: two balancers, every 10 seconds
SCANS = 2  # SYNs of scanners at each port
VISITS = 15  # connections to the server with TCP_DEFER_ACCEPT


class Prometheus:
    """A Prometheus with our rules, a hurried one."""

    def __init__(self, port):
        self.dir = scratch()
        with open(f"{SOURCE}/alerts/listen_backlog.rules.yml") as file:
            rules = file.read()
        for old, new in (("[5m]", "[8s]"), ("for: 2m", "for: 4s"),
                         ("for: 1m", "for: 4s")):
            check(old in rules, f"the rules have {old}")
            rules = rules.replace(old, new)
        with open(f"{self.dir}/rules.yml", "w") as file:
            file.write(rules)
        with open(f"{self.dir}/prometheus.yml", "w") as file:
            file.write(f"""
global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
  evaluation_interval: 200ms
rule_files: [rules.yml]
scrape_configs:
  - job_name: collectd
    honor_labels: true
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
""")
        self.process = Process(
            ["prometheus", f"--config.file={self.dir}/prometheus.yml",
             f"--storage.tsdb.path={self.dir}/data",
             "--web.listen-address=127.0.0.1:9090"],
            output=f"{self.dir}/output", env={"HOME": self.dir})
        self.open = urllib.request.build_opener(
            urllib.request.ProxyHandler({})).open
        until(lambda: "ready to receive web requests" in self.process.text(),
              "Prometheus is ready")

    def query(self, text):
        """[(labels, value), ...]"""
        url = "http://127.0.0.1:9090/api/v1/query?" + urllib.parse.urlencode(
            {"query": text})
        with self.open(url, timeout=DEADLINE) as answer:
            return [(each["metric"], float(each["value"][1]))
                    for each in json.load(answer)["data"]["result"]]

    def firing(self):
        """(alert, listener) of what fires now."""
        return {(labels["alertname"], labels.get("listen_backlog", ""))
                for labels, _ in self.query('ALERTS{alertstate="firing"}')}

    def ever(self):
        """The same of all that fired, or was about to."""
        return {(labels["alertname"], labels.get("listen_backlog", ""))
                for labels, _ in self.query("max_over_time(ALERTS[10m])")}


def notified(daemon):
    """{(listener, type-type_instance): [severity, ...]} in order."""
    found = {}
    for line in daemon.log("Notification:"):
        fields = dict(re.findall(r"(\w+) = ([^,]*)", line))
        found.setdefault((fields.get("plugin_instance", ""),
                          f"{fields['type']}-{fields['type_instance']}"),
                         []).append(fields["severity"])
    return found


def in_trouble(daemon):
    """What notified and has not said okay since."""
    return {name for name, said in notified(daemon).items()
            if said[-1] in TROUBLE}


def were_in_trouble(daemon):
    return {name for name, said in notified(daemon).items()
            if TROUBLE & set(said)}


def a_day(shop, scanned, defers):
    """Its events, a minute after the other; returns how many there were."""
    events = {"checks": 0, "SYNs of scans": 0, "deferred accepts": 0}
    started = time.monotonic()
    for minute in range(MINUTES):
        until(lambda: time.monotonic() >= started + minute * MINUTE,
              "the minute begins")
        for balancer in "127.0.0.8", "127.0.0.9":
            syn(shop.port, source=balancer, times=CHECKS // 2,
                sport=20000 + 8 * minute)
            events["checks"] += CHECKS // 2
        for port in shop.port, scanned.port, defers.port, 1, 65535:
            syn(port, source="127.0.0.66", times=SCANS,
                sport=20000 + 8 * minute)
            events["SYNs of scans"] += SCANS
        defers.connect(VISITS, data=b"x")
        events["deferred accepts"] += defers.accept()
        defers.hang_up()
        # Customers, in bursts.
        shop.connect(minute % 6)
        shop.accept()
        shop.hang_up()
    return events


def drops_without_overflows(server):
    """A SYN queue runs full, where nobody answers with SYN cookies."""
    sysctl("net.ipv4.tcp_syncookies", 0)
    late = server.connect(10)
    until(lambda: netstat()["TCPReqQFullDrop"], "SYNs are dropped")
    for each in late:
        reset(each)
    server.clients.clear()
    sysctl("net.ipv4.tcp_syncookies", 1)


@test("silent through a day of scans, health checks and deferred accepts; "
      "there within two intervals of an overload; gone after it")
def _():
    # write_prometheus listens only where there is an address beside loopback's.
    subprocess.run(["ip", "addr", "add", "192.0.2.1/32", "dev", "lo"],
                   check=True, env={"PATH": PATH})
    shop = Listener(8080, backlog=15)
    scanned = Listener(8081, backlog=4)
    defers = Listener(8082, backlog=63, defer_accept=30)
    flooded = Listener(8083, backlog=3, defer_accept=30)
    servers = shop, scanned, defers, flooded
    daemon = Collectd(
        '<Listener "shop">\n  LocalPort 8080\n</Listener>\n'
        'LocalPort 8081 8082 8083',
        interval=INTERVAL, plugins=["threshold", "write_prometheus"],
        extra='<Plugin write_prometheus>\n  Host "127.0.0.1"\n  Port "9103"\n'
        '</Plugin>\n'
        f'Include "{SOURCE}/collectd.conf.d/listen_backlog-thresholds.conf"')
    until(lambda: ss(9103), "collectd listens for Prometheus")
    prometheus = Prometheus(9103)
    until(lambda: len(prometheus.query(
        'collectd_listen_backlog_percent{type="fill"}')) == len(servers),
          "Prometheus knows the listeners")

    started = time.time()
    note(a_day(shop, scanned, defers))
    drops_without_overflows(flooded)
    now = time.time()
    until(lambda: daemon.later(now, 2), "collectd has seen it all")
    seconds = time.time() - started
    until(lambda: prometheus.query(
        'timestamp(collectd_listen_backlog_queue_length'
        '{listen_backlog="somaxconn"}) > %f' % now), "Prometheus has, too")
    note(f"in {seconds:.0f} seconds; dropped segments by socket: "
         f"{[s.seen().drops for s in servers]}")
    check(shop.seen().drops >= MINUTES * (CHECKS + SCANS), "checks are seen")
    check(scanned.seen().drops >= MINUTES * SCANS, "scans are seen")
    check(defers.seen().drops >= MINUTES * (VISITS + SCANS), "visits are seen")
    equal(netstat()["ListenOverflows"], 0, "ListenOverflows")
    check(netstat()["ListenDrops"] > 0, "ListenDrops have moved")
    (_, drops), = prometheus.query(
        'collectd_listen_backlog_derive_total{listen_backlog="drops"}')
    equal(drops, netstat()["ListenDrops"], "ListenDrops in Prometheus")
    looks, = {value for _, value in prometheus.query(
        'count_over_time(collectd_listen_backlog_percent{type="fill"}[10m])')}
    check(looks >= seconds / INTERVAL - 2, f"only {looks} looks in Prometheus")
    equal(were_in_trouble(daemon), set(), "collectd has notified")
    equal(prometheus.ever(), set(), "Prometheus has alerted")

    want = {("shop", "percent-fill"), ("shop", "derive-overflows")}
    crowd = Crowd(shop.port)
    until(lambda: netstat()["ListenOverflows"], "the queue overflows")
    start = time.time()
    until(lambda: in_trouble(daemon) >= want, "collectd notifies")
    note(f"collectd notified after {time.time() - start:.1f} s")
    fire = {("ListenBacklogOverflow", "shop"), ("ListenBacklogFull", "shop")}
    until(lambda: prometheus.firing() >= fire, "Prometheus alerts")
    took = time.time() - start
    note(f"Prometheus alerted after {took:.1f} s")
    check(took <= 2 * INTERVAL, f"alerts took {took:.1f} s")
    (labels, _), = prometheus.query(
        'ALERTS{alertname="ListenBacklogOverflow",alertstate="firing"}')
    equal((labels["instance"], labels["listen_backlog"]), ("testhost", "shop"))

    crowd.stop()
    until(lambda: shop.accept() or shop.seen().queue == 0, "all are served")
    over = time.time()
    until(lambda: not in_trouble(daemon), "collectd says okay")
    note(f"collectd said okay after {time.time() - over:.1f} s")
    until(lambda: not prometheus.query("ALERTS"), "Prometheus is quiet")
    note(f"Prometheus was quiet after {time.time() - over:.1f} s")
    equal(were_in_trouble(daemon),
          want | {("", "derive-overflows")}, "what notified")
    equal(prometheus.ever() - {("ListenBacklogFilling", "shop"),
                               ("ListenBacklogBusy", "shop")}, fire,
          "what fired")
    equal(prometheus.query('max_over_time(ALERTS{alertstate="firing",'
                           'alertname="ListenBacklogOverflowElsewhere"}[10m])'),
          [], "another listener's fault")


if __name__ == "__main__":
    main()
