#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Alerts, by the thresholds of collectd.conf.d in the real collectd and by the rules of alerts/ in a real Prometheus:
silent through as many scans, health checks and deferred accepts as a day has, and there when a listener is overloaded
or gone. Prometheus has the rules with seconds for minutes. Overflows stay an alert for 5 minutes, longer than a test."""
import re
import time

from lb import *
from lb.stores import Prometheus, snippet

TROUBLE = {"WARNING", "FAILURE"}
MINUTES = 24 * 60  # of a day, for each of which there is the following
CHECKS = 12  # half-open health checks: two balancers, every 10 seconds
SCANS = 2  # SYNs of scanners to each port
VISITS = 15  # connections to the server with TCP_DEFER_ACCEPT


def notified(daemon):
    """{(listener, type-type_instance): [severity, ...]}: the notifications in order."""
    found = {}
    for line in daemon.log("Notification:"):
        fields = dict(re.findall(r"(\w+) = ([^,]*)", line))
        found.setdefault((fields.get("plugin_instance", ""), f"{fields['type']}-{fields['type_instance']}"),
                         []).append(fields["severity"])
    return found


def in_trouble(daemon):
    """What has notified and has not said okay since."""
    return {name for name, said in notified(daemon).items() if said[-1] in TROUBLE}


def were_in_trouble(daemon):
    return {name for name, said in notified(daemon).items() if TROUBLE & set(said)}


def of(listener, *readings):
    return {(listener, READINGS[reading]) for reading in readings}


class HurriedPrometheus(Prometheus):
    def __init__(self):
        super().__init__("""
global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
  evaluation_interval: 500ms
rule_files: [rules.yml]
scrape_configs:
  - job_name: collectd
    honor_labels: true
    static_configs: [{targets: ['127.0.0.1:9103']}]
""", re.sub(r"\b1m\b", "8s", re.sub(r"\b[45]m\b", "20s", source("alerts", "listen_backlog.rules.yml"))))

    def query(self, text):
        """[(labels, value), ...]"""
        return [(each["metric"], float(each["value"][1])) for each in self.ask(query=text)["result"]]

    def alerts(self, text):
        """{(alert, listener)} of a query."""
        return {(labels["alertname"], labels.get("listen_backlog", "")) for labels, _ in self.query(text)}

    def ever(self):
        """The alerts that fired, or were about to."""
        return self.alerts("max_over_time(ALERTS[1h])")


def a_day(shop, scanned, defers):
    """The events of a day; returns how many there were."""
    events = {"checks": 0, "SYNs of scans": 0, "deferred accepts": 0}
    for minute in range(MINUTES):
        for balancer in "127.0.0.8", "127.0.0.9":
            syn(shop.port, source=balancer, times=CHECKS // 2, sport=20000 + 8 * minute)
            events["checks"] += CHECKS // 2
        for port in shop.port, scanned.port, defers.port, 1, 65535:
            syn(port, source="127.0.0.66", times=SCANS, sport=20000 + 8 * minute)
            events["SYNs of scans"] += SCANS
        defers.connect(VISITS, data=b"x")
        events["deferred accepts"] += defers.accept()
        defers.hang_up()
        shop.connect(minute % 6)  # customers, in bursts
        shop.accept()
        shop.hang_up()
    return events


@test("collectd and Prometheus are silent through a day of scans, health checks and deferred accepts, name an "
      "overloaded listener by the second read, and are quiet after the overload")
def _():
    shop, scanned = Listener(8080, backlog=15), Listener(8081, backlog=4)
    defers, flooded = Listener(8082, backlog=63, defer_accept=30), Listener(8083, backlog=3, defer_accept=30)
    servers = shop, scanned, defers, flooded
    prometheus = HurriedPrometheus()
    daemon = Collectd('<Listener "shop">\n  LocalPort 8080\n</Listener>\nLocalPort 8081 8082 8083', interval=2,
                      plugins=["threshold", "write_prometheus"], extra=snippet("thresholds") +
                      '<Plugin write_prometheus>\n  Host "127.0.0.1"\n  Port "9103"\n</Plugin>\n')
    until(lambda: len(prometheus.query('collectd_listen_backlog_percent{type="fill"}')) == len(servers),
          "Prometheus knows the listeners")
    note(a_day(shop, scanned, defers))
    now = time.time()
    daemon.await_reads(2)
    until(lambda: prometheus.query('timestamp(collectd_listen_backlog_queue_length{listen_backlog="somaxconn"})'
                                   f" > {now}"), "Prometheus has it all")
    note(f"dropped segments by socket: {[s.seen().drops for s in servers]}")
    check(shop.seen().drops >= MINUTES * (CHECKS + SCANS), "checks are seen")
    check(scanned.seen().drops >= MINUTES * SCANS, "scans are seen")
    check(defers.seen().drops >= MINUTES * (VISITS + SCANS), "visits are seen")
    equal(netstat()["ListenOverflows"], 0, "ListenOverflows")
    (_, drops), = prometheus.query('collectd_listen_backlog_derive_total{listen_backlog="drops"}')
    equal(drops, netstat()["ListenDrops"], "ListenDrops in Prometheus")
    (_, samples), *_ = prometheus.query('count_over_time(collectd_listen_backlog_percent{type="fill"}[1h])')
    check(samples > len(daemon.times()) / 2, f"Prometheus has {samples} of {len(daemon.times())} reads")
    equal((were_in_trouble(daemon), prometheus.ever()), (set(), set()), "alerts until now")

    sysctl("net.ipv4.tcp_syncookies", 0)
    drop_syns(flooded)
    until(lambda: were_in_trouble(daemon), "collectd notifies of the flood")
    until(prometheus.ever, "Prometheus alerts of the flood")
    sysctl("net.ipv4.tcp_syncookies", 1)
    flood = {("ListenBacklogSynQueueFull", "8083")}
    equal((were_in_trouble(daemon), prometheus.ever()), (of("", "syn_drops"), flood), "what the flood caused")

    crowd = Crowd(shop.port)
    until(lambda: netstat()["ListenOverflows"], "the queue overflows")
    daemon.await_reads(3)  # collectd checks the thresholds of a read before it writes the next one
    check(in_trouble(daemon) >= of("shop", "overflows_5m"), f"collectd notified of {in_trouble(daemon)}")
    fire = {("ListenBacklogOverload", "shop")}
    until(lambda: prometheus.alerts('ALERTS{alertstate="firing"}') >= fire, "Prometheus alerts")
    (labels, _), = prometheus.query('ALERTS{alertname="ListenBacklogOverload",alertstate="firing"}')
    equal((labels["instance"], labels["listen_backlog"]), ("testhost", "shop"))
    until(lambda: in_trouble(daemon) >= of("shop", "fill", "overflows_5m"), "the overload is seen twice")
    (labels, _), = prometheus.query("listen_backlog:cause and ignoring (cause) listen_backlog:overload")
    check(labels["cause"] in ("too few or too slow workers", "it accepts nobody", "it serves clients that have left"),
          labels)

    crowd.stop()
    until(lambda: shop.accept() or shop.seen().queue == 0, "all are served")
    until(lambda: in_trouble(daemon) == of("shop", "overflows_5m"), "collectd says okay of the rest")
    until(lambda: prometheus.alerts("ALERTS") == fire, "Prometheus is quiet about the rest")
    equal(were_in_trouble(daemon) - of("shop", "queue", "abandoned", "wait"),
          of("shop", "fill", "overflows_5m") | of("", "syn_drops"), "what notified")
    equal(notified(daemon)[of("shop", "overflows_5m").pop()], ["OKAY", "FAILURE"], "one alert that stays")
    equal(prometheus.ever(), fire | flood, "what fired")


@test("a server that ends makes collectd notify of it by name, whether it was selected or only found, overloaded or "
      "not, and all is okay when it is back")
def _():
    for config, overloaded in ('LocalPort "8080"', False), ('LocalPort "8080"', True), (None, False):
        server, other = Listener(8080, backlog=4), Listener(8081)
        daemon = Collectd(config, plugins=["threshold"], extra=snippet("thresholds"))
        daemon.read()
        equal(were_in_trouble(daemon), set(), "before")
        if overloaded:
            overflow(fill(server, 5), 5)
            until(lambda: were_in_trouble(daemon) >= of("8080", "fill", "overflows_5m"), "its queue overflows")
        server.close()
        until(lambda: in_trouble(daemon) >= of("8080", "sockets"), "it is gone")
        server = Listener(8080, backlog=4)
        rest = of("8080", "overflows_5m") if overloaded else set()
        until(lambda: in_trouble(daemon) == rest, "all is okay")
        equal(were_in_trouble(daemon) - of("8080", "wait"), of("8080", "sockets") | (
            of("8080", "fill") | rest if overloaded else set()), "what notified")
        equal(daemon.errors(), [])
        daemon.stop()
        server.close()
        other.close()


@test("collectd is silent about servers that restart gracefully, and after it has stalled for many intervals")
def _():
    servers = [Listener(port, reuseport=True) for port in range(8080, 8084)]
    daemon = Collectd(plugins=["threshold"], extra=snippet("thresholds"))
    daemon.read()
    for server in servers:
        Listener(server.port, reuseport=True)
        daemon.read()
        server.close()
        daemon.read()
    daemon.process.freeze()
    time.sleep(20 * daemon.interval)  # collectd forgets a value after two intervals
    daemon.process.thaw()
    daemon.await_reads(3)
    equal(were_in_trouble(daemon), set(), "what notified")


if __name__ == "__main__":
    main()
