#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The writers of collectd.conf.d whose values collectd itself keeps or sends: they give what the kernel says, under the
names of doc/writers.md. dashboards.py has the same for the writers to Graphite, InfluxDB and Prometheus."""
import http.server
import json
import os
import re
import socketserver
import threading

from lb import *
from lb.probe import listed_readings
from lb.scene import ANY, Scene, holds, names, page
from lb.stores import HOST, STORES, Store, Unixsock, rrd_fetch, snippet

COLLECTD = "collectd itself: RRD, CSV, unixsock, write_http"


def begin(name, plugin, changes=(), extra="", interval=1, inspect=False):
    """The scene, and collectd with a snippet after its first read."""
    scene = Scene(inspect)
    daemon = Collectd(scene.config, interval=interval, plugins=[plugin], extra=snippet(name, changes) + extra)
    daemon.await_reads(1, 0)
    return scene, daemon


def move_counters(scene, daemon):
    """Moves all counters between two reads."""
    scene.move_counters()
    daemon.read()


def end(daemon):
    equal((daemon.errors(), daemon.stop()), ([], 0), "errors in collectd's log, and its exit status")


@test("doc/writers.md has a name for every value in every store, and no other, and links to the snippets tested here")
def _():
    want = {(owner, name) for name, _, owner, _ in listed_readings()}
    equal(set(page()), {COLLECTD, *(store.SECTION for store in STORES)}, "sections with names")
    for section, listed in page().items():
        equal(set(listed), want, section)
        equal(len(set(listed.values())), len(listed), f"names in {section}")
    equal(set(re.findall(r"conf\.d/listen_backlog-(\w+)\.conf\)", source("doc", "writers.md"))),
          {"graphite", "influxdb", "prometheus",
           *re.findall(r'begin\("(\w+)"', source("tests", "live", "writers.py"))}, "snippets")


def files(root, suffix=""):
    """The names of the files of ours below a directory, without a suffix of theirs."""
    found = {os.path.relpath(f"{folder}/{file}", root) for folder, _, here in os.walk(root) for file in here}
    return {re.sub(suffix + "$", "", name) for name in found if "/listen_backlog" in name}


def rates(table):
    """The table in a store that has rates instead of counters: they are 0 by now."""
    return {listener: {reading: 0 if READINGS[reading].startswith("derive") and value is not ANY else value
                       for reading, value in row.items()} for listener, row in table.items()}


def rrd_agrees(scene, daemon, root, *options):
    """Moves the counters: the last values in the RRD files are the kernel's, and the rates add up to its counters."""
    def points(name):
        return rrd_fetch(f"{root}/{name}.rrd", "-900", "now", *options)
    until(lambda: len(files(root)) > 20 and points(f"{HOST}/listen_backlog-80/derive-overflows"), "a rate is known")
    move_counters(scene, daemon)
    holds(lambda: {name: (points(name) or [(0, -1)])[-1][1] for name in files(root, r"\.rrd")},
          names(COLLECTD, rates(scene.table())))
    dropped = netstat()["TCPReqQFullDrop"]
    for name, total in (("-80/derive-overflows", 7), ("-80/derive-drops", 7), ("-443/derive-overflows", 0),
                        ("/derive-overflows", 7), ("/derive-drops", 7 + dropped), ("/derive-syn_drops", dropped),
                        ("-api v1.2/derive-drops", dropped), ("/derive-overflows_unattributed", 0)):
        equal(round(sum(rate for _, rate in points(f"{HOST}/listen_backlog{name}")), 3), total, name)
    end(daemon)


@test("rrdtool writes what the kernel says")
def _():
    scene, daemon = begin("rrdtool", "rrdtool", {
        "/var/lib/collectd/rrd": "@DIR@/rrd", "#CacheTimeout 120": "CacheTimeout 0", "#CacheFlush 900": "CacheFlush 1"})
    rrd_agrees(scene, daemon, f"{daemon.dir}/rrd")


@test("rrdcached gets what the kernel says, and rrdtool reads it before it is on disk")
def _():
    store = Store()
    root = f"{store.dir}/db/collectd"
    os.makedirs(root)
    for folder in f"{store.dir}/db", root:
        os.chmod(folder, 0o777)
    store.run("rrdcached", "-g", "-B", "-b", f"{store.dir}/db", "-m", "0666", "-l", f"unix:{store.dir}/sock",
              "-p", f"{store.dir}/pid", "-w", "600", user=list)
    until(lambda: os.path.exists(f"{store.dir}/sock"), "rrdcached listens")
    scene, daemon = begin("rrdcached", "rrdcached", {
        'unix:/run/rrdcached.sock"': f'unix:{store.dir}/sock"', "/var/lib/rrdcached/db": f"{store.dir}/db"})
    rrd_agrees(scene, daemon, root, "--daemon", f"unix:{store.dir}/sock")


@test("csv writes what the kernel says")
def _():
    scene, daemon = begin("csv", "csv", {"/var/lib/collectd/csv": "@DIR@/csv"}, interval=0.1, inspect=True)
    move_counters(scene, daemon)
    holds(lambda: {re.sub(r"-\d{4}-\d\d-\d\d$", "", name): float(
        content(f"{daemon.dir}/csv/{name}").rpartition("\n")[0].splitlines()[-1].split(",")[1])
        for name in files(f"{daemon.dir}/csv")}, names(COLLECTD, scene.table()))
    end(daemon)


@test("unixsock answers what the kernel says, and only its owner and group may ask")
def _():
    scene, daemon = begin("unixsock", "unixsock", {"/run/collectd-unixsock": "@DIR@/sock"}, interval=0.1)
    move_counters(scene, daemon)
    sock = Unixsock(daemon)
    holds(lambda: {name: sock.value(name) for name in (line.split(" ", 1)[1] for line in sock.ask("LISTVAL"))
                   if "/listen_backlog" in name}, names(COLLECTD, rates(scene.table())))
    equal(os.stat(f"{daemon.dir}/sock").st_mode & 0o777, 0o660, "mode")
    sock.close()  # Debian 13's collectd does not end while a client is connected
    end(daemon)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what write_http posts."""
    got = {}

    def do_POST(self):
        for values in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
            name = "{host}/{plugin}-{plugin_instance}/{type}-{type_instance}"
            self.got[name.format(**values).replace("-/", "/")] = values
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@test("write_http posts what the kernel says")
def _():
    with socketserver.TCPServer(("127.0.0.1", 8000), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            scene, daemon = begin("http", "write_http", interval=0.1, inspect=True)
            move_counters(scene, daemon)
            holds(lambda: {name: values["values"][0] for name, values in dict(Receiver.got).items()},
                  names(COLLECTD, scene.table()))
            for name, values in dict(Receiver.got).items():
                equal((values["dsnames"], values["dstypes"]), (["seconds" if "/duration-" in name else "value"],
                                                               ["derive" if "/derive-" in name else "gauge"]), name)
            end(daemon)
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    main()
